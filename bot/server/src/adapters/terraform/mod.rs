//! The Terraform program, as the port [`Terraform`].
//!
//! It runs in an environment that holds one role's short-lived credentials and nothing of the
//! bot's own, with everything that it writes beside the configuration kept in the run's scratch
//! directory. What a plan means is the core's business; here it is made, shown and applied.
//!
//! Nothing is tried a second time here: an apply that failed half-way is for people to look at.

mod failure;
mod places;
mod settings;
mod state_lock;
mod text;
mod ui;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use slipway_core::plan::Diagnostic;
use slipway_core::ports::{
    AppliedPlan, PlanFile, PortError, PortErrorKind, PortResult, Session, Terraform,
    TerraformError, TerraformJob,
};
use tokio::sync::Mutex;

use crate::process::{
    Ended, Invocation, LINE_LIMIT, Limits, OnLine, Redactor, Stdout, Stream, Unstoppable, find,
};

pub use places::ERRORED_STATE;
pub use settings::{TerraformSettings, Timeouts};

use failure::{SYSTEM, Step, invalid, not_run, unmet};
use places::Places;
use ui::Ui;

/// Lines of the machine-readable UI are read whole up to this length: outputs come in one line.
const UI_LINE_LIMIT: usize = 4 * 1024 * 1024;
/// How large `show -json` may be.
const SHOW_LIMIT: usize = 512 * 1024 * 1024;
/// How large the answer of a short question may be.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Runs the Terraform (or OpenTofu) program.
#[derive(Debug)]
pub struct TerraformCli {
    settings: TerraformSettings,
    /// The plugin cache is not safe for several inits at a time
    /// (Terraform documentation, "Provider Plugin Cache").
    one_init: Mutex<()>,
}

/// One job with what all of its invocations share.
struct Work<'a> {
    settings: &'a TerraformSettings,
    job: &'a TerraformJob<'a>,
    places: Places,
    redactor: Redactor,
}

impl TerraformCli {
    /// Takes its settings; nothing is run yet.
    #[must_use]
    pub fn new(settings: TerraformSettings) -> Self {
        Self {
            settings,
            one_init: Mutex::new(()),
        }
    }

    /// The version of the program, `1.11.4`, for a check at start.
    ///
    /// # Errors
    /// When there is no such program, or it does not answer like Terraform.
    pub async fn version(&self) -> PortResult<String> {
        let doing = "asking for its version";
        let home = tempfile::tempdir().map_err(|error| unmet(doing, &error))?;
        let mut env = self.settings.base_environment(home.path(), home.path());
        env.insert("TF_DATA_DIR".into(), home.path().join("data").into());
        let invocation = Invocation {
            program: self.program(doing)?,
            args: vec!["version".into(), "-json".into()],
            dir: home.path().to_owned(),
            env: env.into_iter().collect(),
            limits: Limits {
                timeout: Duration::from_secs(30),
                grace: Duration::from_secs(5),
                line: LINE_LIMIT,
            },
            stdout: Stdout::Bytes {
                limit: ANSWER_LIMIT,
            },
            redactor: Redactor::default(),
        };
        let ended = invocation
            .run(&Unstoppable, &mut |_, _| {})
            .await
            .map_err(|error| not_run(doing, &error))?;
        serde_json::from_slice::<serde_json::Value>(&ended.stdout)
            .ok()
            .and_then(|answer| Some(answer.get("terraform_version")?.as_str()?.to_owned()))
            .ok_or_else(|| {
                invalid(
                    doing,
                    format!(
                        "this is no Terraform: {} ({})",
                        ended.how,
                        ended.tail.join(" ")
                    ),
                )
            })
    }

    fn program(&self, doing: &str) -> PortResult<PathBuf> {
        find(&self.settings.program).map_err(|missing| PortError {
            system: SYSTEM,
            doing: doing.to_owned(),
            said: format!("{missing}; install it there, or set the path of the Terraform program in the bot's settings"),
            kind: PortErrorKind::NotFound,
        })
    }

    fn work<'a>(&'a self, job: &'a TerraformJob<'a>, doing: &str) -> PortResult<Work<'a>> {
        Ok(Work {
            settings: &self.settings,
            places: Places::of(job, doing)?,
            redactor: redactor(job.session),
            job,
        })
    }
}

fn redactor(session: &Session) -> Redactor {
    Redactor::new([
        session.secret_access_key.expose_secret(),
        session.session_token.expose_secret(),
    ])
}

#[async_trait]
impl Terraform for TerraformCli {
    async fn init(&self, job: &TerraformJob<'_>) -> Result<(), TerraformError> {
        let step = Step::Init;
        let doing = step.doing(job.stack);
        let program = self.program(&doing).map_err(bare)?;
        let work = self.work(job, &doing).map_err(bare)?;

        let _turn = match self.settings.plugin_cache {
            Some(_) => tokio::select! {
                turn = self.one_init.lock() => Some(turn),
                () = job.stop.asked() => return Err(bare(failure::not_begun(&doing))),
            },
            None => None,
        };
        work.told(
            &program,
            work.init_args(),
            self.settings.timeouts.init,
            step,
        )
        .await?;
        work.select_workspace(&program).await
    }

    async fn plan(&self, job: &TerraformJob<'_>) -> Result<PlanFile, TerraformError> {
        let doing = Step::Plan.doing(job.stack);
        let program = self.program(&doing).map_err(bare)?;
        let work = self.work(job, &doing).map_err(bare)?;
        work.check_workspace(&program, Step::Plan).await?;

        let path = work.places.plan.clone();
        let mut ui = Ui::of_plan(job.log, &work.redactor);
        let ended = work
            .shown(&program, work.plan_args()?, Step::Plan, &mut ui)
            .await?;
        work.expect(Step::Plan, &ended, &[0, 2], ui.finish().diagnostics)?;
        let json = work.show(&program, &path).await?;
        Ok(PlanFile { path, json })
    }

    async fn apply(
        &self,
        job: &TerraformJob<'_>,
        plan: &Path,
    ) -> Result<AppliedPlan, TerraformError> {
        let doing = Step::Apply.doing(job.stack);
        let program = self.program(&doing).map_err(bare)?;
        let work = self.work(job, &doing).map_err(bare)?;
        let plan = std::path::absolute(plan)
            .ok()
            .filter(|plan| plan.is_file())
            .ok_or_else(|| {
                bare(invalid(
                    &doing,
                    "the saved plan is not there; plan again".to_owned(),
                ))
            })?;
        work.check_workspace(&program, Step::Apply).await?;
        // An interrupt that comes before Terraform listens would kill it, and leave everybody
        // wondering what was done.
        if job.stop.is_asked() {
            return Err(bare(failure::not_begun(&doing)));
        }

        let mut ui = Ui::of_apply(job.log, &work.redactor);
        let mut args = words(&["apply", "-input=false", "-no-color", "-json"]);
        args.push(self.settings.lock_timeout_flag());
        args.push(plan.into());
        let ended = work.shown(&program, args, Step::Apply, &mut ui).await?;
        let seen = ui.finish();
        let kept = work.places.rescue_state();
        work.expect(Step::Apply, &ended, &[0], seen.diagnostics).map_err(|mut failed| {
            if seen.steps > 0 {
                failed.error.said.push_str(&format!(
                    "; {} of {} steps were done",
                    seen.done, seen.steps
                ));
            }
            if kept {
                failed.error.said.push_str(&format!(
                    "; the new state could not be written to the backend and is kept as {ERRORED_STATE} \
                     in the run's scratch directory: push it with `terraform state push`"
                ));
            }
            failed
        })?;
        Ok(seen.applied)
    }
}

/// An error that Terraform itself said nothing about.
fn bare(error: PortError) -> TerraformError {
    TerraformError {
        error,
        diagnostics: Vec::new(),
        state_lock: None,
    }
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(Into::into).collect()
}

impl Work<'_> {
    fn init_args(&self) -> Vec<OsString> {
        let mut args = words(&["init", "-input=false", "-no-color"]);
        // A committed lock file says which providers were reviewed; without one there is nothing
        // to hold Terraform to.
        if self.places.dir.join(".terraform.lock.hcl").is_file() {
            args.push("-lockfile=readonly".into());
        }
        for config in &self.job.stack.backend_config {
            args.push(format!("-backend-config={config}").into());
        }
        args
    }

    fn plan_args(&self) -> Result<Vec<OsString>, TerraformError> {
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
        let mut out = OsString::from("-out=");
        out.push(&self.places.plan);
        args.push(out);
        // A plan of an earlier try must not be taken for this one's.
        match std::fs::remove_file(&self.places.plan) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(bare(unmet(&Step::Plan.doing(self.job.stack), &error)))
            }
            _ => Ok(args),
        }
    }

    async fn select_workspace(&self, program: &Path) -> Result<(), TerraformError> {
        let step = Step::Workspace;
        let name = self.job.stack.workspace.as_str();
        if name == "default" {
            return Ok(());
        }
        let args = words(&["workspace", "select", "-no-color", "-or-create", "--", name]);
        self.told(program, args, self.settings.timeouts.show, step)
            .await
    }

    /// A saved plan is applied in whatever workspace is current, so this is asked every time.
    async fn check_workspace(&self, program: &Path, step: Step) -> Result<(), TerraformError> {
        let args = words(&["workspace", "show", "-no-color"]);
        let stdout = Stdout::Bytes {
            limit: ANSWER_LIMIT,
        };
        let ended = self
            .run(
                program,
                args,
                self.settings.timeouts.show,
                stdout,
                Step::Workspace,
                &mut |_, _| {},
            )
            .await?;
        self.expect(Step::Workspace, &ended, &[0], Vec::new())?;
        let current = String::from_utf8_lossy(&ended.stdout);
        let wanted = &self.job.stack.workspace;
        if current.trim() == wanted {
            return Ok(());
        }
        Err(bare(invalid(
            &step.doing(self.job.stack),
            format!(
                "the workspace is {:?} instead of {wanted:?}; it must be initialised first",
                current.trim()
            ),
        )))
    }

    async fn show(&self, program: &Path, plan: &Path) -> Result<Vec<u8>, TerraformError> {
        let mut args = words(&["show", "-no-color", "-json"]);
        args.push(plan.into());
        let stdout = Stdout::Bytes { limit: SHOW_LIMIT };
        let ended = self
            .run(
                program,
                args,
                self.settings.timeouts.show,
                stdout,
                Step::Show,
                &mut |_, _| {},
            )
            .await?;
        self.expect(Step::Show, &ended, &[0], Vec::new())?;
        Ok(ended.stdout)
    }

    /// Runs it with its lines going to the log as they are, and reads its diagnostics from them.
    async fn told(
        &self,
        program: &Path,
        args: Vec<OsString>,
        timeout: Duration,
        step: Step,
    ) -> Result<(), TerraformError> {
        let mut errors = text::ErrorText::default();
        let ended = self
            .run(
                program,
                args,
                timeout,
                Stdout::Lines,
                step,
                &mut |stream, line| {
                    if !line.trim().is_empty() {
                        self.job.log.line(line);
                    }
                    if stream == Stream::Err {
                        errors.push(line);
                    }
                },
            )
            .await?;
        self.expect(step, &ended, &[0], errors.diagnostics())
    }

    /// Runs it with its machine-readable UI going to `ui`.
    async fn shown(
        &self,
        program: &Path,
        args: Vec<OsString>,
        step: Step,
        ui: &mut Ui<'_>,
    ) -> Result<Ended, TerraformError> {
        let timeout = match step {
            Step::Apply => self.settings.timeouts.apply,
            _ => self.settings.timeouts.plan,
        };
        self.run(
            program,
            args,
            timeout,
            Stdout::Lines,
            step,
            &mut |_, line| ui.line(line),
        )
        .await
    }

    async fn run(
        &self,
        program: &Path,
        args: Vec<OsString>,
        timeout: Duration,
        stdout: Stdout,
        step: Step,
        on_line: OnLine<'_>,
    ) -> Result<Ended, TerraformError> {
        let line = match step {
            Step::Plan | Step::Apply => UI_LINE_LIMIT,
            Step::Init | Step::Workspace | Step::Show => LINE_LIMIT,
        };
        let invocation = Invocation {
            program: program.to_owned(),
            args,
            dir: self.places.dir.clone(),
            env: self.settings.environment(&self.places, self.job.session),
            limits: Limits {
                timeout,
                grace: self.settings.grace,
                line,
            },
            stdout,
            redactor: self.redactor.clone(),
        };
        tracing::debug!(?invocation, "running Terraform");
        invocation
            .run(self.job.stop, on_line)
            .await
            .map_err(|error| bare(not_run(&step.doing(self.job.stack), &error)))
    }

    /// Makes an error of any end but the ones expected.
    fn expect(
        &self,
        step: Step,
        ended: &Ended,
        codes: &[i32],
        diagnostics: Vec<Diagnostic>,
    ) -> Result<(), TerraformError> {
        if codes.iter().any(|code| ended.how.is_exit(*code)) {
            return Ok(());
        }
        let diagnostics = if diagnostics.is_empty() {
            text::diagnostics(&ended.tail)
        } else {
            diagnostics
        };
        Err(failure::of(step, self.job.stack, ended, diagnostics))
    }
}

#[cfg(test)]
mod tests;
