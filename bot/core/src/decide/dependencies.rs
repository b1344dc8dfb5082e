//! The gate of an apply: what comes before a stack is applied, or is applied along with it. Right
//! before the effect nothing comes along any more.

use std::collections::BTreeSet;

use super::apply::{PlanState, applied_after_merge, plan_state};
use super::runs::latest_plan;
use crate::applies::applied_by;
use crate::config::{Config, Stack};
use crate::facts::{Facts, PullFacts, PullState};
use crate::ids::{EnvName, StackName};
use crate::in_part;
use crate::report::markdown::code;
use crate::report::refusal::GateRow;
use crate::run::{Run, RunOrder};
use crate::stacks;

/// The gates of a stack: one for each stack before it, however many lie between, that this pull
/// request changes as well. `together` are the stacks that the same command applies, in their order.
pub(super) fn rows(
    facts: &Facts,
    config: &Config,
    pr: &PullFacts,
    env: &EnvName,
    stack: &Stack,
    together: &BTreeSet<StackName>,
) -> Vec<GateRow> {
    stacks::before(config, &stack.name)
        .into_iter()
        .filter_map(|needed| row(facts, config, pr, env, stack, needed, together))
        .collect()
}

/// The gate of a stack that needs another one.
fn row(
    facts: &Facts,
    config: &Config,
    pr: &PullFacts,
    env: &EnvName,
    stack: &Stack,
    needed: &StackName,
    together: &BTreeSet<StackName>,
) -> Option<GateRow> {
    let (open, state, opens) = look(facts, config, pr, env, needed, together.contains(needed))?;
    Some(GateRow {
        gate: format!("dependency of {}", stack.name),
        open,
        state,
        opens,
    })
}

/// The closed gates of an apply right before its effect: what comes before its stack has to be
/// applied by now. A run about drift has none, since no pull request changes anything there.
#[must_use]
pub fn closed(facts: &Facts, config: &Config, apply: &RunOrder) -> Vec<GateRow> {
    let stack = apply.stack().and_then(|stack| config.stack(stack));
    let (Some(pr), Some(stack)) = (&facts.pr, stack) else {
        return Vec::new();
    };
    let (env, alone) = (&apply.env, BTreeSet::new());
    let mut rows = Vec::new();
    for needed in stacks::before(config, &stack.name) {
        // A merge applies what was merged: what only an older head planned there is no part of it.
        let is_merged = matches!(pr.pull.state, PullState::Merged(_));
        let is_of_older_head = |plan: &Run| plan.order.commit != pr.pull.head;
        if is_merged
            && applied_after_merge(facts, pr, env, needed).is_none()
            && latest_plan(facts, env, needed).is_some_and(is_of_older_head)
        {
            continue;
        }
        rows.extend(row(facts, config, pr, env, stack, needed, &alone));
    }
    rows.retain(|row| !row.open);
    rows
}

/// Whether it is done with, how it stands and what is to be done; nothing for a stack that was not
/// planned for this pull request, since it changes nothing there.
fn look(
    facts: &Facts,
    config: &Config,
    pr: &PullFacts,
    env: &EnvName,
    needed: &StackName,
    comes_along: bool,
) -> Option<(bool, String, String)> {
    latest_plan(facts, env, needed)?;
    let name = code(needed.as_str());
    let open = |state: &str| (true, format!("{name} {state}"), String::new());
    // Its plan is void once the base has moved, by the merge for one; what was applied stays so.
    let standing = in_part::standing_plan(&facts.store.runs, |run| {
        run.order.env == *env && run.order.stack() == Some(needed)
    });
    let standing =
        standing.filter(|plan| plan.order.commit == pr.pull.head && in_part::covers_all(plan));
    if let Some(plan) = standing {
        if applied_by(&facts.store.runs, &plan.id).is_some() {
            return Some(open("is applied"));
        }
        // Nor does it begin to change anything when the base moves.
        if plan.planned().is_some_and(|planned| planned.plan.is_noop()) {
            return Some(open("has no changes"));
        }
    }
    let first = code(&format!("/apply {env} {needed}"));
    let all = code(&format!("/apply {env}"));
    Some(match plan_state(facts, config, pr, env, needed) {
        PlanState::Applied => open("is applied"),
        PlanState::Nothing => open("has no changes"),
        PlanState::Applying => (
            false,
            format!("{name} is being applied"),
            "wait for it to end".to_owned(),
        ),
        PlanState::Fresh(_) | PlanState::Provisional(_) | PlanState::Not(..) if comes_along => {
            open("comes first")
        }
        PlanState::Fresh(_) | PlanState::Provisional(_) => (
            false,
            format!("{name} has changes that are not applied"),
            format!("{first} first, or {all} for all in their order"),
        ),
        PlanState::Not(row, _) => match applied_after_merge(facts, pr, env, needed) {
            Some(apply) => (
                false,
                format!("the apply of {name} {}", apply.state.as_str()),
                format!("{first} once the cause is mended"),
            ),
            None => (
                false,
                format!("the plan of {name}: {}", row.state),
                format!("{}, then {first}", row.opens),
            ),
        },
    })
}
