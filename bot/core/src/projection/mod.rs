//! From what the store holds to what a report shows.
//!
//! Everything that GitHub shows is made here, anew each time, from runs, locks and releases alone.
//! So an old run can't report over a newer one, and a lost report is only written again.

mod lock;

use crate::ids::{EnvName, ServiceName};

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
