//! From what the store holds to what a report shows.
//!
//! Everything that GitHub shows is made here, anew each time, from runs, locks and releases alone.
//! So an old run can't report over a newer one, and a lost report is only written again.

mod apply;
mod config;
mod deploy;
pub mod drift;
mod lock;
mod plan;
mod queue;
mod summary;
mod unlock;

use jiff::{SignedDuration, Timestamp};

pub use apply::{apply_check, apply_comment};
pub use config::config_check;
pub use deploy::{deploy_check, deploy_comment, deployment};
pub use plan::{plan_check, plan_comment};
pub(crate) use queue::lock_rows;
pub use summary::{summary_check, summary_of};
pub use unlock::unlock_comment;

use crate::config::Config;
use crate::facts::{Lock, Release};
use crate::ids::{EnvName, RunId, ServiceName};
use crate::outcome::Evidence;
use crate::policy::Override;
use crate::report::config_check::CONFIG_CHECK_NAME;
use crate::report::evidence::{Identity, Link};
use crate::run::Run;
use crate::summary::SUMMARY_CHECK_NAME;

/// What a report is made from.
pub struct Scene<'a> {
    /// The runs that it shows: of the pull request newest first, of one cause in their order.
    pub runs: &'a [Run],
    /// Runs of the repository that are not over, oldest first.
    pub active: &'a [Run],
    /// The locks of the repository.
    pub locks: &'a [Lock],
    /// The latest releases, newest first.
    pub releases: &'a [Release],
    /// What was said over policies on the pull request, newest first.
    pub overrides: &'a [Override],
    /// deploy.toml of the default branch, as far as it is valid: buttons depend on it.
    pub config: Option<&'a Config>,
    /// The time.
    pub now: Timestamp,
    /// The address of a run's page.
    pub page: &'a dyn Fn(&RunId) -> String,
}

impl Scene<'_> {
    fn link(&self, run: &RunId) -> Option<Link> {
        Some(Link::new("run", (self.page)(run)))
    }

    /// How long ago a moment was; zero for one to come.
    fn since(&self, moment: Timestamp) -> std::time::Duration {
        self.now
            .duration_since(moment)
            .max(SignedDuration::ZERO)
            .unsigned_abs()
    }
}

fn identity(evidence: &Evidence) -> Identity {
    Identity {
        role: evidence.role.clone(),
        account: evidence.account.clone(),
        session: Some(evidence.session.clone()),
    }
}

/// The buttons that check runs carry, as the identifiers that come back with a press.
pub mod identifier {
    /// On plan checks: plan again.
    pub const PLAN: &str = "plan";
    /// On plan checks: apply the plans shown.
    pub const APPLY: &str = "apply";
    /// On all others: do again what the run did.
    pub const RETRY: &str = "retry";
    /// On deploy checks: back to the release before.
    pub const ROLLBACK: &str = "rollback";
    /// On deploy checks: the same digest into the next environment.
    pub const PROMOTE: &str = "promote";
    /// On deploy checks that wait for it: the second step.
    pub const CONFIRM: &str = "confirm";
    /// On checks of runs under way: stop.
    pub const CANCEL: &str = "cancel";
}

/// The name of the check run with the plans of an environment, as branch protection knows it.
#[must_use]
pub fn plan_check_name(env: &EnvName) -> String {
    format!("plan {env}")
}

/// The names of all check runs that the bot may write under a deploy.toml.
pub fn own_check_names(config: &Config) -> impl Iterator<Item = String> {
    let deploys = config.services.iter().flat_map(|service| {
        config
            .environments
            .iter()
            .map(|env| deploy_check_name(&service.name, &env.name))
    });
    config
        .environments
        .iter()
        .flat_map(|env| [plan_check_name(&env.name), apply_check_name(&env.name)])
        .chain(deploys)
        .chain([CONFIG_CHECK_NAME.to_owned(), SUMMARY_CHECK_NAME.to_owned()])
}

/// The name of the check run with the applies of an environment.
#[must_use]
pub fn apply_check_name(env: &EnvName) -> String {
    format!("apply {env}")
}

/// The name of the check run with the deploys of a service to an environment.
#[must_use]
pub fn deploy_check_name(service: &ServiceName, env: &EnvName) -> String {
    format!("deploy {service} to {env}")
}

#[cfg(test)]
mod tests;
