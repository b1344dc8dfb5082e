//! The gate of an apply: what comes before a stack is applied, or is applied along with it.

use std::collections::BTreeSet;

use super::apply::{PlanState, plan_state};
use super::runs::latest_plan;
use crate::applies::applied_by;
use crate::config::{Config, Stack};
use crate::facts::{Facts, PullFacts};
use crate::ids::{EnvName, StackName};
use crate::in_part;
use crate::report::markdown::code;
use crate::report::refusal::GateRow;
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
        .filter_map(|needed| {
            let (open, state, opens) =
                look(facts, config, pr, env, needed, together.contains(needed))?;
            Some(GateRow {
                gate: format!("dependency of {}", stack.name),
                open,
                state,
                opens,
            })
        })
        .collect()
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
    let was_applied = standing.is_some_and(|plan| {
        plan.order.commit == pr.pull.head
            && in_part::covers_all(plan)
            && applied_by(&facts.store.runs, &plan.id).is_some()
    });
    if was_applied {
        return Some(open("is applied"));
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
        PlanState::Not(row, _) => (
            false,
            format!("the plan of {name}: {}", row.state),
            format!("{}, then {first}", row.opens),
        ),
    })
}
