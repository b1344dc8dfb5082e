//! Plans that were made with outputs of other stacks.
//!
//! A stack that reads the outputs of another one by `terraform_remote_state` is planned with what
//! they are now. If the plan of that other stack is going to change them, the plan shows something
//! else than what an apply would do: it is provisional until the other one is applied, and is made
//! again after that. Stacks that merely come after others, and read nothing of them, are not.

use std::collections::{BTreeMap, BTreeSet};

use crate::applies::applied_by;
use crate::config::Config;
use crate::ids::StackName;
use crate::in_part;
use crate::report::markdown::code;
use crate::run::{Run, Work};
use crate::stacks;

/// Whether the outputs that a plan was made with are the ones that it would be applied with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Footing {
    /// It reads none, or none that change.
    Firm,
    /// The plans of these stacks change outputs, by name, and are not applied yet.
    Provisional(BTreeMap<StackName, BTreeSet<String>>),
    /// This stack was applied since, and its outputs changed by that.
    Overtaken(StackName),
}

/// On what a plan of a pull request stands, from the runs of that pull request, newest first.
#[must_use]
pub fn footing(config: &Config, runs: &[Run], plan: &Run) -> Footing {
    let reads_outputs = plan
        .planned()
        .is_some_and(|planned| planned.plan.reads_outputs);
    let Some(stack) = plan.order.stack().filter(|_| reads_outputs) else {
        return Footing::Firm;
    };
    let mut waits_for = BTreeMap::new();
    for needed in stacks::before(config, stack) {
        let plans = runs.iter().filter(|run| {
            matches!(run.order.work, Work::Plan(_))
                && run.order.stack() == Some(needed)
                && run.order.env == plan.order.env
                && run.order.commit == plan.order.commit
        });
        let overtaken = plans.clone().any(|run| {
            !outputs_changed_by(run).is_empty()
                && applied_by(runs, &run.id).is_some_and(|apply| apply.ended_at > plan.started_at)
        });
        if overtaken {
            return Footing::Overtaken(needed.clone());
        }
        // What a plan leaves out with flags may change outputs all the same.
        let mut whole = plans.filter(|run| in_part::covers_all(run));
        if let Some(latest) = whole.next()
            && applied_by(runs, &latest.id).is_none()
        {
            let changed = outputs_changed_by(latest);
            if !changed.is_empty() {
                waits_for.insert(needed.clone(), changed);
            }
        }
    }
    if waits_for.is_empty() {
        Footing::Firm
    } else {
        Footing::Provisional(waits_for)
    }
}

/// "it reads outputs that are to change: `vpc` of network", for people.
#[must_use]
pub fn changed_outputs(of: &BTreeMap<StackName, BTreeSet<String>>) -> String {
    /// Of one stack, as many as anybody reads.
    const NAMED: usize = 5;
    let told: Vec<String> = of
        .iter()
        .map(|(stack, outputs)| {
            let mut names: Vec<String> = outputs.iter().take(NAMED).map(|o| code(o)).collect();
            let more = outputs.len().saturating_sub(NAMED);
            if more > 0 {
                names.push(format!("{more} more"));
            }
            format!("{} of {stack}", names.join(", "))
        })
        .collect();
    format!("it reads outputs that are to change: {}", told.join("; "))
}

fn outputs_changed_by(plan: &Run) -> BTreeSet<String> {
    plan.planned()
        .into_iter()
        .flat_map(|planned| planned.plan.changed_outputs())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
