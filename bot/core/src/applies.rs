//! Which run applied what a plan showed.

use crate::ids::RunId;
use crate::outcome::Outcome;
use crate::run::{PlanToApply, Run, RunState, Work};

/// The applies of the very file that a plan saved, whatever became of them. `runs` are newest first,
/// here and below.
pub fn applies_of<'r>(runs: &'r [Run], plan: &RunId) -> impl Iterator<Item = &'r Run> {
    runs.iter().filter(move |run| {
        let of_it = |work: &PlanToApply| matches!(work, PlanToApply::Saved(saved) if saved == plan);
        matches!(&run.order.work, Work::Apply(work) if of_it(&work.plan))
    })
}

/// The latest of them.
#[must_use]
pub fn apply_of<'r>(runs: &'r [Run], plan: &RunId) -> Option<&'r Run> {
    applies_of(runs, plan).next()
}

/// The apply that did what a plan showed: from its file, or after the merge, where the same changes
/// are planned again. What was applied before the merge leaves nothing to do then: of several that
/// succeeded it is the one that changed something.
#[must_use]
pub fn applied_by<'r>(runs: &'r [Run], plan: &RunId) -> Option<&'r Run> {
    let mut succeeded = runs.iter().filter(|run| {
        let Work::Apply(work) = &run.order.work else {
            return false;
        };
        let shown = match &work.plan {
            PlanToApply::Saved(saved) => Some(saved),
            PlanToApply::Again { reviewed } => reviewed.as_ref(),
        };
        shown == Some(plan) && run.state == RunState::Succeeded
    });
    let latest = succeeded.clone().next();
    let changed_something = |run: &&Run| matches!(&run.outcome, Some(Outcome::Applied(applied)) if !applied.counts.is_zero());
    succeeded.find(changed_something).or(latest)
}
