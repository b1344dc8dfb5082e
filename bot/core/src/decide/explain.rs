//! `/explain` and its sibling in the API: every gate of everything that could be done with a pull
//! request in an environment, changing nothing.

use std::collections::BTreeSet;

use super::{Ask, apply, runs};
use crate::config::{Config, Environment};
use crate::facts::{Facts, PullFacts, PullState};
use crate::gates::{self, Asked, Candidate};
use crate::ids::EnvName;
use crate::intent::Decision;
use crate::ports::Reaction;
use crate::report::markdown::code;
use crate::report::refusal::{GateRow, explain};

/// What could be done, each with its gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// In which environment.
    pub env: EnvName,
    /// What could be done there.
    pub operations: Vec<Operation>,
}

/// One thing that could be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// As people call it: `apply`, `deploy shop`, `deploy on merge`.
    pub name: String,
    /// All its gates, open and closed.
    pub gates: Vec<GateRow>,
}

/// Every gate of everything that could be done with a pull request in an environment. Whose rights
/// are looked at is the actor of the facts.
#[must_use]
pub fn explanation(
    facts: &Facts,
    config: &Config,
    pr: &PullFacts,
    env: &Environment,
) -> Explanation {
    let mut operations = Vec::new();
    let planned: BTreeSet<_> = config
        .stacks_in(&env.name)
        .filter(|stack| runs::latest_plan(facts, &env.name, &stack.name).is_some())
        .map(|stack| stack.name.clone())
        .collect();
    if !planned.is_empty() {
        operations.push(Operation {
            name: "apply".to_owned(),
            gates: apply::explain(facts, config, pr, env, &planned),
        });
    }
    let commit = match &pr.pull.state {
        PullState::Merged(merge) => merge,
        PullState::Open | PullState::Closed => &pr.pull.head,
    };
    for service in config.services_in(&env.name) {
        let what = Candidate {
            commit: commit.clone(),
            digest: None,
        };
        let gates = gates::for_deploy(env, &service.name, &what, facts, Asked::ByPerson);
        operations.push(Operation {
            name: format!("deploy {}", service.name),
            gates: gates::rows(&gates),
        });
    }
    if env.auto_deploy {
        operations.push(Operation {
            name: "deploy on merge".to_owned(),
            gates: vec![gates::hold(&env.name, facts).row],
        });
    }
    Explanation {
        env: env.name.clone(),
        operations,
    }
}

impl Explanation {
    /// The gates as one list, each with the names of the operations that it is a gate of.
    fn rows(self) -> Vec<GateRow> {
        let mut rows = Vec::new();
        for operation in self.operations {
            for row in operation.gates {
                push_row(&mut rows, row, &operation.name);
            }
        }
        rows
    }
}

/// Adds a row for one operation; a row that says the same for several names them all.
fn push_row(rows: &mut Vec<GateRow>, row: GateRow, operation: &str) {
    let same = |other: &&mut GateRow| {
        other.state == row.state
            && other.open == row.open
            && other.gate.split(" (").next() == Some(row.gate.as_str())
    };
    match rows.iter_mut().find(same) {
        Some(other) => {
            let names = other.gate.trim_end_matches(')').to_owned();
            other.gate = format!("{names}, {operation})");
        }
        None => rows.push(GateRow {
            gate: format!("{} ({operation})", row.gate),
            ..row
        }),
    }
}

/// `/explain`.
pub(super) fn on_command(ask: Ask<'_>, name: &EnvName) -> Decision {
    let Some(env) = ask.config.environment(name) else {
        return Decision::ignore("the environment is gone");
    };
    let rows = explanation(ask.facts, ask.config, ask.pr, env).rows();
    let body = if rows.is_empty() {
        format!(
            "### {name}: nothing to do\n\nNo stack of this pull request is planned there, and no \
             service is deployed there. {} plans its stacks.",
            code(&format!("/plan {name}"))
        )
    } else {
        explain(name, &rows)
    };
    ask.answer(body, Reaction::Rocket, "an explanation was asked for")
}
