//! The Terraform program, as the port [`Terraform`].
//!
//! It runs in an environment that leads to one role's short-lived credentials and holds nothing of
//! the bot's own, with everything that it writes beside the configuration kept in the run's scratch
//! directory. What a plan means is the core's business; here it is made, shown and applied.
//!
//! Nothing is tried a second time here: an apply that failed half-way is for people to look at.

mod credentials;
mod download;
mod failure;
mod force_unlock;
mod places;
mod providers;
mod settings;
mod state_lock;
mod text;
mod tool;
mod ui;
mod work;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use slipway_core::config::ToolVersion;
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{
    AppliedPlan, ChosenTool, Initialised, PlanFile, PortResult, Shelf, Terraform, TerraformError,
    TerraformJob, ToolError, ToolRequest,
};

pub use credentials::CredentialsBy;
pub use download::DownloadSettings;
pub use settings::{TerraformSettings, Timeouts};

use download::Downloads;
use failure::{Step, bare, invalid, not_begun, unmet};
use providers::ProviderCache;
use tool::Toolbox;
use work::Work;

/// How large the answer of a short question may be.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Runs the Terraform (or OpenTofu) program.
#[derive(Debug)]
pub struct TerraformCli {
    settings: TerraformSettings,
    toolbox: Toolbox,
    downloads: Option<Arc<Downloads>>,
    providers: Option<Arc<ProviderCache>>,
}

impl TerraformCli {
    /// Takes its settings; nothing is run yet.
    ///
    /// # Errors
    /// When the directories for downloads and providers can't be made.
    pub fn new(settings: TerraformSettings) -> PortResult<Self> {
        let downloads = settings.download.clone().map(Downloads::open).transpose()?;
        let downloads = downloads.map(Arc::new);
        let shelf = downloads.clone();

        let providers = match &settings.provider_cache {
            Some(dir) => ProviderCache::open(&settings, dir)
                .map_err(|error| unmet("preparing to cache providers", &error))?,
            None => None,
        };
        Ok(Self {
            settings,
            toolbox: Toolbox::new(downloads),
            downloads: shelf,
            providers: providers.map(Arc::new),
        })
    }

    /// What it keeps and could fetch again: downloaded versions, and providers.
    #[must_use]
    pub fn shelves(&self) -> Vec<Arc<dyn Shelf>> {
        let downloads = self.downloads.clone().map(|shelf| shelf as Arc<dyn Shelf>);
        let providers = self.providers.clone().map(|shelf| shelf as Arc<dyn Shelf>);
        downloads.into_iter().chain(providers).collect()
    }

    /// What the program of the settings is, for a check at start.
    ///
    /// # Errors
    /// When there is no such program, or it does not answer like Terraform or OpenTofu.
    pub async fn version(&self) -> PortResult<ToolVersion> {
        self.toolbox.own(&self.settings).await
    }
}

#[async_trait]
impl Terraform for TerraformCli {
    async fn tool(&self, request: &ToolRequest<'_>) -> Result<ChosenTool, ToolError> {
        self.toolbox.choose(&self.settings, request).await
    }

    async fn init(&self, job: &TerraformJob<'_>) -> Result<Initialised, TerraformError> {
        let work = Work::begin(&self.settings, job, Step::Init).map_err(bare)?;
        work.init(self.providers.as_ref()).await?;
        let made_workspace = work.select_workspace().await?;
        Ok(Initialised { made_workspace })
    }

    async fn plan(
        &self,
        job: &TerraformJob<'_>,
        flags: &PlanFlags,
    ) -> Result<PlanFile, TerraformError> {
        let work = Work::begin(&self.settings, job, Step::Plan).map_err(bare)?;
        work.check_workspace(Step::Plan).await?;
        let path = work.plan(flags).await?;
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

    async fn force_unlock(&self, job: &TerraformJob<'_>, id: &str) -> Result<(), TerraformError> {
        let work = Work::begin(&self.settings, job, Step::ForceUnlock).map_err(bare)?;
        work.check_workspace(Step::ForceUnlock).await?;
        if job.stop.is_asked() {
            return Err(bare(not_begun(Step::ForceUnlock, job)));
        }
        work.force_unlock(id).await
    }
}

#[cfg(test)]
mod tests;
