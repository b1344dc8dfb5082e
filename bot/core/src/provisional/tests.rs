use super::*;
use crate::outcome::Outcome;
use crate::plan::{Action, OutputChange};
use crate::testing::{self, RunKit};

fn config() -> Config {
    testing::config(&testing::toml("", ""))
}

fn changes_plan(kit: RunKit, change: impl FnOnce(&mut crate::plan::Plan)) -> RunKit {
    kit.but(|run| {
        if let Some(Outcome::Planned(planned)) = &mut run.outcome {
            change(&mut planned.plan);
        }
    })
}

/// A plan that changes this output.
fn changes(kit: RunKit, output: &str) -> RunKit {
    changes_plan(kit, |plan| {
        plan.outputs.push(OutputChange {
            name: output.to_owned(),
            action: Action::Update,
            attributes: Vec::new(),
        });
    })
}

/// A plan made with outputs of others.
fn reads(kit: RunKit) -> RunKit {
    changes_plan(kit, |plan| plan.reads_outputs = true)
}

trait At {
    fn took_place(self, minutes: i64) -> Self;
}

impl At for RunKit {
    /// Begun so many minutes ago, and over a minute later.
    fn took_place(self, minutes: i64) -> Self {
        self.but(|run| {
            run.started_at = Some(testing::ago(minutes));
            run.ended_at = Some(testing::ago(minutes - 1));
        })
    }
}

fn of(runs: Vec<RunKit>, plan: u32) -> String {
    of_config(&config(), runs, plan)
}

fn of_config(config: &Config, runs: Vec<RunKit>, plan: u32) -> String {
    let runs: Vec<Run> = runs.into_iter().map(|kit| kit.0).collect();
    let plan = runs.iter().find(|run| run.id == testing::run(plan));
    match footing(config, &runs, plan.unwrap()) {
        Footing::Firm => "firm".to_owned(),
        Footing::Provisional(waits_for) => changed_outputs(&waits_for),
        Footing::Overtaken(by) => format!("overtaken by {by}"),
    }
}

#[test]
fn only_a_plan_that_reads_outputs_waits_for_those_that_change() {
    let network = || testing::planned(1, "network", "dev", 1);
    let database = || testing::planned(2, "database", "dev", 1);
    assert_eq!(of(vec![database(), changes(network(), "vpc")], 2), "firm");
    assert_eq!(of(vec![reads(database()), network()], 2), "firm");
    assert_eq!(
        of(vec![reads(database()), changes(network(), "vpc")], 2),
        "it reads outputs that are to change: `vpc` of network"
    );
    // Of another head or environment, nothing is to be expected.
    let older = changes(network(), "vpc").commit('d');
    assert_eq!(of(vec![reads(database()), older], 2), "firm");
    let elsewhere = changes(testing::planned(1, "network", "prod", 1), "vpc");
    assert_eq!(of(vec![reads(database()), elsewhere], 2), "firm");
}

#[test]
fn what_lies_further_behind_counts_as_well() {
    // `database` after `eks`, and that after `network`.
    let text = testing::toml("", "").replace(
        "environments = [\"dev\"]\n        depends_on = [\"network\"]",
        "environments = [\"dev\"]\n        depends_on = [\"eks\"]",
    );
    let network = changes(testing::planned(1, "network", "dev", 1), "vpc");
    let eks = changes(testing::planned(2, "eks", "dev", 1), "endpoint");
    let database = reads(testing::planned(3, "database", "dev", 1));
    assert_eq!(
        of_config(&testing::config(&text), vec![database, eks, network], 3),
        "it reads outputs that are to change: `endpoint` of eks; `vpc` of network"
    );
}

#[test]
fn a_plan_from_before_an_apply_that_it_reads_is_overtaken() {
    let network = || {
        changes(
            testing::planned(1, "network", "dev", 1).took_place(30),
            "vpc",
        )
    };
    let applied = || testing::applied(4, "network", "dev", 1).took_place(20);
    let before = reads(testing::planned(2, "database", "dev", 1).took_place(25));
    assert_eq!(
        of(vec![applied(), before, network()], 2),
        "overtaken by network"
    );
    // Planned anew, network has nothing left to do; the plan from before is overtaken all the same.
    let again = testing::planned(5, "network", "dev", 0).took_place(5);
    let before = reads(testing::planned(2, "database", "dev", 1).took_place(25));
    assert_eq!(
        of(vec![again, applied(), before, network()], 2),
        "overtaken by network"
    );
    let after = reads(testing::planned(2, "database", "dev", 1).took_place(10));
    assert_eq!(of(vec![after, applied(), network()], 2), "firm");
}
