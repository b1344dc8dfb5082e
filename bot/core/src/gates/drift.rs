//! The conditions for putting an environment back as the default branch has it.
//!
//! No pull request stands behind it: what is applied was approved and checked when it was merged.

use crate::config::Environment;
use crate::facts::{Facts, Lock};
use crate::ids::{EnvName, StackName};
use crate::report::refusal::GateRow;

use super::{Asked, Gate, Operation, freeze, hold, lock, right, window};

/// The gates of an apply of drift in an environment, the freshness of plans and the locks of stacks
/// left out.
#[must_use]
pub fn for_drift(env: &Environment, facts: &Facts, asked: Asked) -> Vec<Gate> {
    let mut gates = Vec::new();
    if asked == Asked::ByPerson {
        gates.push(right(Operation::Apply, env, facts.actor.as_ref()));
    }
    gates.extend(window(env, facts.now));
    gates.extend(freeze::freeze(env, facts.now));
    let actor = facts.actor.as_ref().map(|actor| &actor.login);
    // Both are freed by a command that an issue does not take.
    for mut gate in [lock(&env.name, actor, facts), hold(&env.name, facts)] {
        if !gate.is_open() {
            gate.row.opens.push_str(", said on a pull request");
        }
        gates.push(gate);
    }
    gates
}

/// The lock of a pull request on a stack, whose applied and unmerged change is no drift.
#[must_use]
pub fn held<'l>(locks: &'l [Lock], env: &EnvName, stack: &StackName) -> Option<&'l Lock> {
    locks
        .iter()
        .find(|lock| lock.target.env == *env && lock.target.stack.as_ref() == Some(stack))
}

/// The gate of a stack that a pull request holds, if one does.
#[must_use]
pub fn held_row(facts: &Facts, env: &EnvName, stack: &StackName) -> Option<GateRow> {
    let lock = held(&facts.store.locks, env, stack)?;
    let (state, opens) = match lock.pr {
        Some(pr) => (
            format!("held by #{pr}, which was applied and is not merged"),
            format!("by itself, when #{pr} is merged or closed"),
        ),
        None => ("held".to_owned(), "when it is freed".to_owned()),
    };
    Some(GateRow {
        gate: format!("lock of {stack}"),
        open: false,
        state,
        opens,
    })
}
