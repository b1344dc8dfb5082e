//! What plans with flags leave open: which plan says where a stack stands, and whether its apply was
//! all of it.

use crate::applies::applies_of;
use crate::plan_flags::PlanFlags;
use crate::run::{Run, RunState, Work};

/// The flags that a plan run was ordered with; none for a full plan, and for every other run.
#[must_use]
pub fn flags(run: &Run) -> Option<&PlanFlags> {
    match &run.order.work {
        Work::Plan(work) if !work.flags.is_none() => Some(&work.flags),
        _ => None,
    }
}

/// Whether all of the stack is applied once the plan of this run is.
#[must_use]
pub fn covers_all(run: &Run) -> bool {
    flags(run).is_none_or(PlanFlags::cover_all)
}

/// Whether an apply of the plan of this run would do nothing.
#[must_use]
pub fn has_nothing(run: &Run) -> bool {
    run.planned().is_some_and(|planned| match flags(run) {
        Some(flags) => flags.nothing_in(&planned.plan),
        None => planned.plan.is_noop(),
    })
}

/// The plan that says where a stack stands: the latest full one, unless one with flags was applied
/// since. One with flags that nobody applied has changed nothing, and shows less than all. `runs`
/// are newest first.
#[must_use]
pub fn standing_plan(runs: &[Run], is_of_stack: impl Fn(&Run) -> bool) -> Option<&Run> {
    let plans = || {
        let is_plan = |run: &&Run| matches!(run.order.work, Work::Plan(_)) && is_of_stack(run);
        runs.iter().filter(is_plan)
    };
    let full = plans().find(|run| flags(run).is_none());
    let with_flags = plans()
        .filter(|run| flags(run).is_some())
        .find(|plan| begun_apply(runs, plan).is_some_and(|apply| is_unseen(apply, full)));
    with_flags.or(full)
}

/// The apply of this plan that is under way, or was begun.
fn begun_apply<'r>(runs: &'r [Run], plan: &Run) -> Option<&'r Run> {
    applies_of(runs, &plan.id).find(|apply| {
        let is_begun = apply.started_at.is_some() && apply.state != RunState::Refused;
        !apply.state.is_final() || is_begun
    })
}

/// Whether a full plan was made without what this apply did.
fn is_unseen(apply: &Run, full: Option<&Run>) -> bool {
    let Some(full) = full else { return true };
    match (apply.ended_at, full.started_at) {
        // It has not looked yet.
        (Some(_), None) => false,
        (Some(ended), Some(looked)) => ended > looked,
        (None, _) => true,
    }
}
