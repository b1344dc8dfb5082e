//! One job at Terraform: its command lines, and how each of them is run and judged.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::ExposeSecret;
use slipway_core::plan::{Diagnostic, sensitive_texts};
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{
    AppliedPlan, ERRORED_STATE, PortErrorKind, PortResult, TerraformError, TerraformJob,
};

use super::credentials::{self, CredentialsBy, Door};
use super::failure::{self, Step, bare, invalid, no_door, not_run, unmet};
use super::places::Places;
use super::providers::ProviderCache;
use super::settings::TerraformSettings;
use super::state_role;
use super::ui::Ui;
use super::{ANSWER_LIMIT, text};
use crate::process::{
    Ended, Invocation, LINE_LIMIT, Limits, OnLine, Redactor, Stdout, Stream, View,
};

/// Lines of the machine-readable UI are read whole up to this length: outputs come in one line.
const UI_LINE_LIMIT: usize = 4 * 1024 * 1024;
/// How large `show -json` may be.
const SHOW_LIMIT: usize = 512 * 1024 * 1024;

/// One job with what all of its invocations share.
pub(super) struct Work<'a> {
    settings: &'a TerraformSettings,
    program: PathBuf,
    job: &'a TerraformJob<'a>,
    places: Places,
    redactor: Redactor,
}

impl<'a> Work<'a> {
    /// Finds the root module, and makes the directories in scratch.
    pub(super) fn begin(
        settings: &'a TerraformSettings,
        job: &'a TerraformJob<'a>,
        step: Step,
    ) -> PortResult<Self> {
        let doing = step.doing(job.stack);
        Ok(Self {
            settings,
            program: job.program.to_owned(),
            places: Places::of(job, &doing)?,
            redactor: Redactor::default(),
            job,
        })
    }

    /// `init`, with what is cached of the providers that the stack's lock file names.
    pub(super) async fn init(
        &self,
        cache: Option<&Arc<ProviderCache>>,
    ) -> Result<(), TerraformError> {
        // Before: Terraform may write a lock file of its own, which nobody has reviewed.
        let locked = self.places.locked_providers();
        let Some(cache) = cache.filter(|_| !locked.is_empty()) else {
            return self.init_from(None).await;
        };
        let offer = cache.offer(&locked, self.places.scratch());
        let config = (!offer.is_empty()).then(|| cache.config(&offer));
        if let Some(config) = &config {
            self.job.log.line(&format!(
                "providers from the bot's cache: {}",
                offer.names()
            ));
            self.places
                .write_config(config)
                .map_err(|error| bare(unmet(&Step::Init.doing(self.job.stack), &error)))?;
        }
        match self
            .init_from(config.as_ref().map(|_| &*self.places.config))
            .await
        {
            Err(error) if config.is_some() && is_about_providers(&error) => {
                let again = "once more without the bot's cache of providers";
                self.job.log.line(again);
                cache.prove(offer).await;
                self.init_from(None).await?;
            }
            done => done?,
        }
        cache.keep(self.places.data.join("providers"), locked).await;
        Ok(())
    }

    async fn init_from(&self, config: Option<&Path>) -> Result<(), TerraformError> {
        let mut args = words(&["init", "-input=false", "-no-color"]);
        // A committed lock file says which providers were reviewed; without one there is nothing
        // to hold Terraform to.
        if self.places.lock_file().is_file() {
            args.push("-lockfile=readonly".into());
        }
        for config in &self.job.stack.backend_config {
            args.push(format!("-backend-config={config}").into());
        }
        // Last, so that no file of the repository names another.
        if self.job.state.is_some() {
            args.push(format!("-backend-config=profile={}", state_role::PROFILE).into());
        }
        self.tell(args, Step::Init, config, &mut |_| {}).await
    }

    /// Selects the workspace, and makes it if there is none; true if it was made.
    pub(super) async fn select_workspace(&self) -> Result<bool, TerraformError> {
        let name = self.job.stack.workspace.as_str();
        // It always exists, and not every backend has others.
        if name == "default" {
            return Ok(false);
        }
        let select = ["workspace", "select", "-no-color", "-or-create", "--", name];
        let mut is_made = false;
        // Both Terraform and OpenTofu say so (`command/workspace_select.go`, `envCreated`).
        let mut look =
            |line: &str| is_made |= line.starts_with("Created and switched to workspace");
        self.tell(words(&select), Step::Workspace, None, &mut look)
            .await?;
        Ok(is_made)
    }

    /// A saved plan is applied in whatever workspace is current, so this is asked every time.
    pub(super) async fn check_workspace(&self, step: Step) -> Result<(), TerraformError> {
        let args = words(&["workspace", "show", "-no-color"]);
        let answer = self.ask(args, ANSWER_LIMIT, Step::Workspace).await?;
        let current = String::from_utf8_lossy(&answer);
        let (current, wanted) = (current.trim(), self.job.stack.workspace.as_str());
        if current == wanted {
            return Ok(());
        }
        let said = format!(
            "the workspace is {current:?} instead of {wanted:?}; it must be initialised first"
        );
        Err(bare(invalid(&step.doing(self.job.stack), said)))
    }

    /// `plan`; gives the plan file.
    pub(super) async fn plan(&self, flags: &PlanFlags) -> Result<PathBuf, TerraformError> {
        let file = &self.places.plan;
        // A plan of an earlier try must not be taken for this one's.
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(bare(unmet(&Step::Plan.doing(self.job.stack), &error)));
            }
            _ => {}
        }
        let mut args = words(&[
            "plan",
            "-input=false",
            "-no-color",
            "-json",
            "-detailed-exitcode",
        ]);
        args.push(self.settings.lock_timeout_flag());
        for file in &self.job.stack.var_files {
            args.push(format!("-var-file={file}").into());
        }
        args.extend(flags.arguments().into_iter().map(OsString::from));
        let mut out = OsString::from("-out=");
        out.push(file);
        args.push(out);

        let mut ui = Ui::of_plan(self.job.log, &self.redactor);
        let ended = self
            .run(args, Stdout::Lines, Step::Plan, &mut |_, line| {
                ui.line(line);
            })
            .await?;
        match self.failure(Step::Plan, &ended, ui.finish().diagnostics) {
            Some(failure) => Err(failure),
            None => Ok(file.clone()),
        }
    }

    /// `show -json`.
    pub(super) async fn show(&self, plan: &Path) -> Result<Vec<u8>, TerraformError> {
        let mut args = words(&["show", "-no-color", "-json"]);
        args.push(plan.into());
        self.ask(args, SHOW_LIMIT, Step::Show).await
    }

    /// `apply` of a saved plan. What the plan calls sensitive is taken out of all that Terraform says
    /// meanwhile: it quotes the command of a provisioner that failed, whatever is in it.
    pub(super) async fn apply(&self, plan: &Path) -> Result<AppliedPlan, TerraformError> {
        let json = self.show(plan).await?;
        let secrets = sensitive_texts(&json).map_err(|error| {
            let doing = Step::Show.doing(self.job.stack);
            bare(invalid(&doing, error.to_string()))
        })?;
        self.redactor
            .learn(secrets.iter().map(ExposeSecret::expose_secret));
        let mut args = words(&["apply", "-input=false", "-no-color", "-json"]);
        args.push(self.settings.lock_timeout_flag());
        args.push(plan.into());

        let mut ui = Ui::of_apply(self.job.log, &self.redactor);
        let ended = self
            .run(args, Stdout::Lines, Step::Apply, &mut |_, line| {
                ui.line(line);
            })
            .await?;
        let seen = ui.finish();
        let is_state_kept = self.places.rescue_state();
        let Some(mut failure) = self.failure(Step::Apply, &ended, seen.diagnostics) else {
            return Ok(seen.applied);
        };
        let said = &mut failure.error.said;
        if seen.steps > 0 {
            said.push_str(&format!(
                "; {} of {} steps were done",
                seen.done, seen.steps
            ));
        }
        if is_state_kept {
            said.push_str(&format!(
                "; the new state could not be written to the backend and is kept as {ERRORED_STATE} \
                 in the run's scratch directory: push it with `terraform state push`"
            ));
        }
        Err(failure)
    }

    /// Runs it with its lines going to the log as they are, and reads its diagnostics from them;
    /// whoever has something else to find in them gets a look.
    async fn tell(
        &self,
        args: Vec<OsString>,
        step: Step,
        config: Option<&Path>,
        look: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), TerraformError> {
        let mut errors = text::ErrorText::default();
        let mut on_line = |stream, line: &str| {
            look(line);
            if !line.trim().is_empty() {
                self.job.log.line(line);
            }
            if stream == Stream::Err {
                errors.push(line);
            }
        };
        let ended = self
            .run_with(config, args, Stdout::Lines, step, &mut on_line)
            .await?;
        self.failure(step, &ended, errors.diagnostics())
            .map_or(Ok(()), Err)
    }

    /// Runs it for what it answers.
    async fn ask(
        &self,
        args: Vec<OsString>,
        limit: usize,
        step: Step,
    ) -> Result<Vec<u8>, TerraformError> {
        let ended = self
            .run(args, Stdout::Bytes { limit }, step, &mut |_, _| {})
            .await?;
        match self.failure(step, &ended, text::diagnostics(&ended.tail)) {
            Some(failure) => Err(failure),
            None => Ok(ended.stdout),
        }
    }

    pub(super) async fn run(
        &self,
        args: Vec<OsString>,
        stdout: Stdout,
        step: Step,
        on_line: OnLine<'_>,
    ) -> Result<Ended, TerraformError> {
        self.run_with(None, args, stdout, step, on_line).await
    }

    /// With another CLI configuration than the operator's, if there is one.
    async fn run_with(
        &self,
        config: Option<&Path>,
        args: Vec<OsString>,
        stdout: Stdout,
        step: Step,
        on_line: OnLine<'_>,
    ) -> Result<Ended, TerraformError> {
        let timeouts = &self.settings.timeouts;
        let (timeout, line) = match step {
            Step::Init => (timeouts.init, LINE_LIMIT),
            Step::Workspace | Step::Show | Step::ForceUnlock => (timeouts.show, LINE_LIMIT),
            Step::Plan => (timeouts.plan, UI_LINE_LIMIT),
            Step::Apply => (timeouts.apply, UI_LINE_LIMIT),
        };
        let session = self.job.sessions.current().await.map_err(bare)?;
        for given in self.job.sessions.given() {
            self.redactor.learn(credentials::secrets(&given));
        }
        let door = self.door(step).await?;
        let mut env = self
            .settings
            .environment(&self.places, &session, door.as_ref());
        if let Some(config) = config {
            env.push(("TF_CLI_CONFIG_FILE".into(), config.into()));
        }
        if let Some(state) = self.job.state {
            let text = state_role::config(state.role);
            let unwritten = |error: &_| bare(unmet(&step.doing(self.job.stack), error));
            let path = self
                .places
                .write_profiles(&text)
                .map_err(|error| unwritten(&error))?;
            env.retain(|(name, _)| !state_role::OTHER_PROFILES.iter().any(|other| name == other));
            env.push(("AWS_CONFIG_FILE".into(), path.into()));
        }
        let invocation = Invocation {
            program: self.program.clone(),
            args,
            dir: self.places.dir.clone(),
            env,
            limits: Limits {
                timeout,
                grace: self.settings.grace,
                line,
            },
            stdout,
            redactor: self.redactor.clone(),
            view: self.view(),
        };
        tracing::debug!(?invocation, "running Terraform");
        invocation
            .run(self.job.stop, on_line)
            .await
            .map_err(|error| bare(not_run(&step.doing(self.job.stack), &error)))
    }

    /// What it may see of the machine, where not all: the worktree and the scratch directory of this
    /// run, and to read its program, providers that are kept, and what the operator names.
    fn view(&self) -> Option<View> {
        let settings = self.settings;
        let isolation = settings.isolation.as_ref()?;
        let view = [&settings.provider_cache, &settings.cli_config]
            .into_iter()
            .flatten()
            .fold(View::of(isolation), |view, path| view.read(path));
        let (root, scratch) = (&self.places.root, self.places.scratch());
        Some(view.read(&self.program).write(root).write(scratch))
    }

    /// Where the process asks for its credentials, if it does; open as long as it is kept.
    async fn door(&self, step: Step) -> Result<Option<Door>, TerraformError> {
        match self.settings.credentials {
            CredentialsBy::Environment => Ok(None),
            CredentialsBy::Endpoint => {
                let sessions = self.job.sessions.clone();
                let door = Door::open(sessions, self.redactor.clone()).await;
                door.map(Some)
                    .map_err(|error| bare(no_door(&step.doing(self.job.stack), &error)))
            }
        }
    }

    pub(super) fn log(&self, line: &str) {
        self.job.log.line(line);
    }

    /// What went wrong, unless it ended as it should.
    pub(super) fn failure(
        &self,
        step: Step,
        ended: &Ended,
        diagnostics: Vec<Diagnostic>,
    ) -> Option<TerraformError> {
        // With -detailed-exitcode, 2 says that there is something to change.
        let is_good = ended.how.is_exit(0) || (step == Step::Plan && ended.how.is_exit(2));
        (!is_good).then(|| failure::of(step, self.job.stack, ended, diagnostics))
    }
}

/// Whether Terraform could not have the providers that it wanted. It has no codes: "Failed to install
/// provider", "Failed to query available provider packages".
fn is_about_providers(error: &TerraformError) -> bool {
    error.error.kind != PortErrorKind::Stopped
        && error
            .diagnostics
            .iter()
            .any(|d| d.summary.contains("provider"))
}

pub(super) fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(Into::into).collect()
}
