//! `/force-unlock`: takes a state lock away that nobody is at work under any more.
//!
//! It changes nothing that anybody reviewed, so it asks for no approval; it may break the work of
//! somebody who is at it after all, so it asks for a right of its own and for the lock's id.

use super::{Ask, Draft};
use crate::command::LockId;
use crate::gates::{self, Gate, Verdicts};
use crate::ids::{EnvName, StackName};
use crate::intent::Decision;
use crate::outcome::Outcome;
use crate::ports::{Reaction, StateLock};
use crate::report::markdown::{code, prose};
use crate::report::refusal::{GateRow, refusal};
use crate::report::unlock_comment::holder;
use crate::run::RunState;

/// `/force-unlock`.
pub(super) fn on_command(ask: Ask<'_>, env: &EnvName, stack: &StackName, id: &LockId) -> Decision {
    let (Some(env), Some(stack)) = (ask.config.environment(env), ask.config.stack(stack)) else {
        return Decision::ignore("the environment or the stack is gone");
    };
    let mut gates = gates::for_force_unlock(env, ask.facts);
    let seen = last_seen(ask, &env.name, &stack.name);
    if let Some(seen) = seen.filter(|seen| seen.id != id.as_str()) {
        gates.push(other(ask, &env.name, &stack.name, seen));
    }
    if let Verdicts::Refuse(rows) = gates::verdict(&gates) {
        let body = refusal("unlocked in", &env.name, &rows);
        return ask.answer(body, Reaction::ThumbsDown, "the lock is not to be forced");
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    let order = draft.force_unlock_order(env, stack, ask.pr, id, seen.cloned(), ask.into());
    let Some(order) = order else {
        let body = format!(
            "### ⛔ Not unlocked in {0}\n\n`environments.{0}.aws` in deploy.toml names no \
             `apply_role`, which is what may write to its states.",
            env.name
        );
        return ask.answer(body, Reaction::ThumbsDown, "no role to do it");
    };
    draft.start(order, RunState::Queued, Vec::new());
    draft.done("a state lock is to be forced")
}

/// The lock that a run of this pull request ended at, on this state, unless a later one found it open.
fn last_seen<'a>(ask: Ask<'a>, env: &EnvName, stack: &StackName) -> Option<&'a StateLock> {
    let mut runs = ask.facts.store.runs.iter().filter(|run| {
        run.order.env == *env && run.order.stack() == Some(stack) && run.state.is_final()
    });
    runs.find_map(|run| match run.outcome.as_ref()? {
        Outcome::Planned(_) | Outcome::Applied(_) | Outcome::Unlocked(_) => Some(None),
        Outcome::Stopped(stopped) => stopped.state_lock.as_ref().map(Some),
        Outcome::Progress(_)
        | Outcome::Deployed(_)
        | Outcome::Seen(_)
        | Outcome::Refused { .. } => None,
    })
    .flatten()
}

/// The gate of an id that is not the one that was seen.
fn other(ask: Ask<'_>, env: &EnvName, stack: &StackName, seen: &StateLock) -> Gate {
    Gate {
        row: GateRow {
            gate: "lock id".to_owned(),
            open: false,
            state: format!(
                "the lock that was seen is {}, {}",
                code(&seen.id),
                prose(&holder(seen, ask.facts.now))
            ),
            opens: format!(
                "its id; {} shows whether there is another lock now",
                code(&format!("/plan {env} {stack}"))
            ),
        },
        waits: None,
    }
}
