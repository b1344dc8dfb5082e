//! Who waited long for their apply is told once it is over: GitHub notifies of a new comment, and of
//! no edit of the one that says "2nd in line".

use std::time::Duration;

use super::Draft;
use crate::facts::PullFacts;
use crate::gates::PLAN;
use crate::outcome::Outcome;
use crate::report::markdown::{code, duration};
use crate::run::{Run, RunState, Trigger, Work};

/// Whoever waited less is still looking.
const LONG: Duration = Duration::from_secs(5 * 60);

/// Tells whoever asked for an apply by a comment how it went, if it stood in line for long and was
/// the last of those that the comment asked for.
pub(super) fn tell(draft: &mut Draft<'_>, pr: &PullFacts, run: &Run) {
    let (Work::Apply(_), Trigger::Comment(_) | Trigger::Button) =
        (&run.order.work, run.order.trigger)
    else {
        return;
    };
    let mut family: Vec<&Run> = draft
        .facts
        .store
        .runs
        .iter()
        .filter(|other| other.order.cause == run.order.cause)
        .collect();
    family.reverse();
    if family.iter().any(|other| !other.state.is_final()) {
        return;
    }
    // The first to start stood in line; the others waited for it.
    let Some(waited) = family.iter().filter_map(|run| waited(run)).min() else {
        return;
    };
    if waited < LONG {
        return;
    }
    let lines: Vec<String> = family.iter().map(|run| line(run)).collect();
    let body = format!(
        "### 🔔 @{}: your turn came after {}\n\n{}",
        run.order.actor,
        duration(waited),
        lines.join("\n")
    );
    draft.reply(pr, body);
}

fn waited(run: &Run) -> Option<Duration> {
    let waited = run.started_at?.duration_since(run.created_at);
    waited.try_into().ok()
}

fn line(run: &Run) -> String {
    let env = &run.order.env;
    let how = match (&run.state, &run.outcome) {
        (RunState::Succeeded, _) => "✅ applied".to_owned(),
        (_, Some(Outcome::Refused { gates })) if gates.iter().any(|gate| gate.gate == PLAN) => {
            format!(
                "⛔ not applied: its plan was out of date and is made again; look at the new plan, \
                 then {}",
                code(&format!("/apply {env}"))
            )
        }
        (RunState::Refused, _) => format!(
            "⛔ not applied: {} names what is closed",
            code(&format!("/explain {env}"))
        ),
        (state, _) => format!("⛔ {}", state.as_str()),
    };
    format!("- {env} · {}: {how}", run.order.subject())
}
