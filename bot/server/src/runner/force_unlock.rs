//! A run that forces a state lock open: the role of applies, `init`, and nothing of a plan.
//!
//! The backend is read from the default branch: what a pull request says about it may not be run with
//! that role before it was reviewed.

use slipway_core::outcome::{Outcome, Unlocked};
use slipway_core::ports::{Revision, RunEnd};
use slipway_core::run::ForceUnlockWork;

use super::terraform::Workplace;
use super::{Halt, Hand, state_role, succeeded};

pub(super) async fn run(hand: &Hand<'_>, work: &ForceUnlockWork) -> Result<RunEnd, Halt> {
    let _slot = hand.slot().await?;
    hand.gates_of_force_unlock().await?;
    let worktree = hand
        .checkout(Revision::Commit(hand.run.order.commit.clone()))
        .await?;
    let tool = hand.tool(&work.stack, &*worktree, None).await?;
    let sessions = hand.sessions().await?;
    let place = Workplace {
        hand,
        stack: &work.stack,
        worktree,
        tool,
        state: state_role::request(&hand.run.order),
        sessions,
        scratch: hand.scratch().await?,
    };
    place.init().await?;
    // Asked again right before the effect: init may have taken minutes.
    hand.gates_of_force_unlock().await?;
    place.force_unlock(&work.id).await?;
    Ok(succeeded(
        Outcome::Unlocked(Box::new(Unlocked {
            evidence: place.sessions.evidence().clone(),
        })),
        None,
    ))
}
