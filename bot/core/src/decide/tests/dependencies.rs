//! What comes before a stack, as it is asked right before the effect.

use crate::decide::dependencies;
use crate::facts::ConfigFacts;
use crate::run::RunState;
use crate::testing::{
    RunKit, Situation, applied, apply, apply_again, plan, planned, situation, toml,
};

/// The closed gates of an apply among these runs.
fn closed(situation: &Situation, apply: &RunKit) -> Vec<String> {
    let ConfigFacts::Valid(config) = &situation.facts.config else {
        panic!("no config");
    };
    dependencies::closed(&situation.facts, config, &apply.0.order)
        .into_iter()
        .map(|row| format!("{}: {} | {}", row.gate, row.state, row.opens))
        .collect()
}

/// `eks` is about to be applied, of whose pull request `network` has these runs as well.
fn with(runs: impl IntoIterator<Item = RunKit>) -> Situation {
    let eks = situation().run(planned(1, "eks", "dev", 1));
    runs.into_iter().fold(eks, Situation::run)
}

fn eks() -> RunKit {
    apply(9, "eks", "dev", 1).running()
}

#[test]
fn what_comes_before_has_to_be_applied_by_now() {
    let changed = || planned(2, "network", "dev", 1);
    insta::assert_snapshot!(closed(&with([changed()]), &eks()).join("\n"), @"dependency of eks: `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order");
    let under_way = apply(3, "network", "dev", 2);
    insta::assert_snapshot!(closed(&with([changed(), under_way.running()]), &eks()).join("\n"), @"dependency of eks: `network` is being applied | wait for it to end");
    let failed = apply(3, "network", "dev", 2).failed();
    insta::assert_snapshot!(closed(&with([changed(), failed]), &eks()).join("\n"), @"dependency of eks: the plan of `network`: its apply failed | a new plan, then `/apply dev network`");
    insta::assert_snapshot!(closed(&with([plan(2, "network", "dev").running()]), &eks()).join("\n"), @"dependency of eks: the plan of `network`: under way | wait for it to end, then `/apply dev network`");
    let done = || [changed(), applied(3, "network", "dev", 2)];
    assert_eq!(closed(&with(done()), &eks()), [""; 0]);
    // Planned anew since, with something left to do.
    let anew = done().into_iter().chain([planned(4, "network", "dev", 1)]);
    insta::assert_snapshot!(closed(&with(anew), &eks()).join("\n"), @"dependency of eks: `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order");
}

#[test]
fn what_changes_nothing_is_not_waited_for() {
    assert_eq!(closed(&with([]), &eks()), [""; 0]);
    let nothing = || with([planned(2, "network", "dev", 0)]);
    assert_eq!(closed(&nothing(), &eks()), [""; 0]);
    assert_eq!(closed(&nothing().base("main", 'e'), &eks()), [""; 0]);
    let elsewhere = planned(2, "network", "prod", 1);
    assert_eq!(closed(&with([elsewhere]), &eks()), [""; 0]);
    let mut about_drift = eks();
    about_drift.0.order.pr = None;
    let situation = situation().but(|facts| facts.pr = None);
    assert_eq!(closed(&situation, &about_drift), [""; 0]);
}

#[test]
fn after_the_merge_the_applies_of_the_merge_count() {
    let changed = || planned(2, "network", "dev", 1);
    let eks = || apply_again(9, "eks", "dev", Some(1)).running();
    let merged = |runs: Vec<RunKit>| with(runs).merged('c');
    insta::assert_snapshot!(closed(&merged(vec![changed()]), &eks()).join("\n"), @"dependency of eks: the plan of `network`: onto `bbbbbbb`, `main` is at `ccccccc` now | a new plan, then `/apply dev network`");
    let again = |state| apply_again(3, "network", "dev", Some(2)).state(state);
    let done = merged(vec![changed(), again(RunState::Succeeded)]);
    assert_eq!(closed(&done, &eks()), [""; 0]);
    let failed = merged(vec![changed(), again(RunState::Failed)]);
    insta::assert_snapshot!(closed(&failed, &eks()).join("\n"), @"dependency of eks: the apply of `network` failed | `/apply dev network` once the cause is mended");
    // Applied before the merge, and what an older head planned and is not part of the merge.
    let before = merged(vec![changed(), applied(3, "network", "dev", 2)]);
    assert_eq!(closed(&before, &eks()), [""; 0]);
    let older = || changed().commit('f');
    assert_eq!(closed(&merged(vec![older()]), &eks()), [""; 0]);
    let failed = merged(vec![older(), again(RunState::Failed)]);
    assert_eq!(closed(&failed, &eks()).len(), 1);
}

#[test]
fn applies_follow_each_other_over_a_stack_in_between_that_changes_nothing() {
    let rules = toml("", "");
    let (rest, database) = rules.split_at(rules.find("[stacks.database]").unwrap());
    let database = database.replacen("depends_on = [\"network\"]", "depends_on = [\"eks\"]", 1);
    let far = situation()
        .config(&format!("{rest}{database}"))
        .run(planned(1, "database", "dev", 1))
        .run(planned(2, "network", "dev", 1));
    insta::assert_snapshot!(far.says("/apply dev"), @"
    start apply network in dev at aaaaaaa from plan 00000002, by ana (comment)
    start apply database in dev at aaaaaaa from plan 00000001, by ana (comment), after [0]
    = 2 runs
    ");
}
