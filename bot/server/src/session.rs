//! How a run is named in AWS.

use slipway_core::run::{RunOrder, Trigger};
use slipway_core::session::{session_name, source_identity};

/// The names of a session.
pub struct Names {
    /// `RoleSessionName`.
    pub session_name: String,
    /// `SourceIdentity`.
    pub source_identity: String,
}

/// The names under which CloudTrail shows what a run does. What the bot does by itself is not put
/// down to the person whose pull request led to it.
#[must_use]
pub fn names(order: &RunOrder) -> Names {
    let person = match order.trigger {
        Trigger::Comment(_) | Trigger::Button | Trigger::PullRequest | Trigger::Merge => {
            Some(&order.actor)
        }
        Trigger::Run | Trigger::Schedule => None,
    };
    let repo = &order.repo.name;
    Names {
        session_name: session_name(repo, order.pr, person),
        source_identity: source_identity(repo, person),
    }
}
