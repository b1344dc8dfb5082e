//! The Terraform program, as the port [`Terraform`].
//!
//! It runs in an environment that leads to one role's short-lived credentials and holds nothing of
//! the bot's own, with everything that it writes beside the configuration kept in the run's scratch
//! directory. What a plan means is the core's business; here it is made, shown and applied.
//!
//! Nothing is tried a second time here: an apply that failed half-way is for people to look at.

mod credentials;
mod failure;
mod places;
mod settings;
mod state_lock;
mod text;
mod ui;
mod work;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use slipway_core::ports::{
    AppliedPlan, PlanFile, PortResult, Terraform, TerraformError, TerraformJob,
};
use tokio::sync::Mutex;

use crate::process::{Invocation, LINE_LIMIT, Limits, Redactor, Stdout, Unstoppable};

pub use credentials::CredentialsBy;
pub use settings::{TerraformSettings, Timeouts};

use failure::{Step, bare, invalid, not_begun, not_run, unmet};
use work::Work;

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
            program: self.settings.find_program(doing)?,
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
}

#[async_trait]
impl Terraform for TerraformCli {
    async fn version_for(&self, _job: &TerraformJob<'_>) -> Result<String, TerraformError> {
        // One program does every job.
        self.version().await.map_err(bare)
    }

    async fn init(&self, job: &TerraformJob<'_>) -> Result<(), TerraformError> {
        let work = Work::begin(&self.settings, job, Step::Init).map_err(bare)?;
        let _turn = match self.settings.plugin_cache {
            Some(_) => tokio::select! {
                turn = self.one_init.lock() => Some(turn),
                () = job.stop.asked() => return Err(bare(not_begun(Step::Init, job))),
            },
            None => None,
        };
        work.init().await?;
        work.select_workspace().await
    }

    async fn plan(&self, job: &TerraformJob<'_>) -> Result<PlanFile, TerraformError> {
        let work = Work::begin(&self.settings, job, Step::Plan).map_err(bare)?;
        work.check_workspace(Step::Plan).await?;
        let path = work.plan().await?;
        let json = work.show(&path).await?;
        Ok(PlanFile { path, json })
    }

    async fn apply(
        &self,
        job: &TerraformJob<'_>,
        plan: &Path,
    ) -> Result<AppliedPlan, TerraformError> {
        let work = Work::begin(&self.settings, job, Step::Apply).map_err(bare)?;
        // Terraform runs in another directory.
        let plan = match std::path::absolute(plan) {
            Ok(plan) if plan.is_file() => plan,
            _ => {
                let said = "the saved plan is not there; plan again".to_owned();
                return Err(bare(invalid(&Step::Apply.doing(job.stack), said)));
            }
        };
        work.check_workspace(Step::Apply).await?;
        // An interrupt that comes before Terraform listens would kill it, and leave everybody
        // wondering what was done.
        if job.stop.is_asked() {
            return Err(bare(not_begun(Step::Apply, job)));
        }
        work.apply(&plan).await
    }
}

#[cfg(test)]
mod tests;
