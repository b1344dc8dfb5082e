//! What is shown of each state of the store.

mod apply;
mod config;
mod deploy;
mod plan;
mod queue;
mod summary;

use super::Scene;
use crate::config::Config;
use crate::facts::Facts;
use crate::ids::RunId;
use crate::report::check::{Button, Buttons};
use crate::testing::{Situation, config, toml};

fn page(run: &RunId) -> String {
    format!("https://slipway.example.com/runs/{}", run.short())
}

fn rules() -> Config {
    config(&toml("", "after = [\"dev\"]"))
}

/// What the reporter reads for reports of pull request #42.
fn scene<'a>(facts: &'a Facts, config: Option<&'a Config>) -> Scene<'a> {
    Scene {
        runs: &facts.store.runs,
        active: &facts.store.active,
        locks: &facts.store.locks,
        releases: &facts.store.releases,
        overrides: &facts.store.overrides,
        config,
        now: facts.now,
        page: &page,
    }
}

/// The same for reports of one cause: in the order in which the runs were made.
fn in_order(situation: Situation) -> Facts {
    let mut facts = situation.facts;
    facts.store.runs.reverse();
    facts
}

fn labels(buttons: &Buttons) -> String {
    let labels: Vec<&str> = buttons.as_slice().iter().map(Button::label).collect();
    labels.join(", ")
}
