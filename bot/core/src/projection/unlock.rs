//! What became of forcing a state lock open.

use super::{Scene, identity, queue};
use crate::intent::ReportKey;
use crate::outcome::Outcome;
use crate::report::unlock_comment::{UnlockComment, UnlockState, holder};
use crate::run::{Run, RunState, Work};

/// The comment; `None` if the run does something else.
#[must_use]
pub fn unlock_comment(run: &Run, scene: &Scene<'_>) -> Option<UnlockComment> {
    let Work::ForceUnlock(work) = &run.order.work else {
        return None;
    };
    let evidence = match &run.outcome {
        Some(Outcome::Progress(progress)) => progress.evidence.as_ref(),
        Some(Outcome::Unlocked(unlocked)) => Some(&unlocked.evidence),
        Some(Outcome::Stopped(stopped)) => stopped.evidence.as_ref(),
        _ => None,
    };
    let state = match (&run.state, &run.outcome) {
        (RunState::Unconfirmed | RunState::Queued, _) => {
            UnlockState::Pending(queue::why(scene, run))
        }
        (RunState::Running, _) => UnlockState::Running,
        (RunState::Succeeded, _) => UnlockState::Freed {
            held: work
                .seen
                .as_ref()
                .map(|seen| holder(seen, run.ended_at.unwrap_or(scene.now))),
        },
        (_, Some(Outcome::Refused { gates })) => UnlockState::Refused {
            gates: gates.clone(),
        },
        (_, Some(Outcome::Stopped(stopped))) => {
            let parts = [stopped.what.as_str(), stopped.fix.as_str()];
            let said: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            UnlockState::Not(said.join(" — "))
        }
        (state, _) => UnlockState::Not(format!("the run ended as {}", state.as_str())),
    };
    Some(UnlockComment {
        key: ReportKey::UnlockComment(run.id.clone()).to_string(),
        env: run.order.env.clone(),
        stack: work.stack.name.clone(),
        id: work.id.clone(),
        by: run.order.actor.clone(),
        state,
        identity: evidence.map(identity),
        page: scene.link(&run.id),
    })
}
