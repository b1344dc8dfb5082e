//! `/apply`.

use crate::facts::{Permission, Verdict};
use crate::run::RunState;
use crate::testing::{
    RunKit, Situation, applied, apply, apply_again, plan, planned, situation, toml,
};

fn with(runs: impl IntoIterator<Item = RunKit>) -> Situation {
    runs.into_iter().fold(
        situation().files(&["infra/network/main.tf"]),
        Situation::run,
    )
}

#[test]
fn fresh_plans_are_applied_dependencies_first() {
    let all = with([
        planned(1, "database", "dev", 2),
        planned(2, "eks", "dev", 1),
        planned(3, "network", "dev", 1),
        planned(4, "network", "prod", 1),
    ]);
    insta::assert_snapshot!(all.says("/apply dev"), @"
    start apply network in dev at aaaaaaa from plan 00000003, by ana (comment)
    start apply eks in dev at aaaaaaa from plan 00000002, by ana (comment), after [0]
    start apply database in dev at aaaaaaa from plan 00000001, by ana (comment), after [0]
    = 3 runs
    ");
    insta::assert_snapshot!(all.says("/apply"), @"
    start apply network in dev at aaaaaaa from plan 00000003, by ana (comment)
    start apply eks in dev at aaaaaaa from plan 00000002, by ana (comment), after [0]
    start apply database in dev at aaaaaaa from plan 00000001, by ana (comment), after [0]
    start apply network in prod at aaaaaaa from plan 00000004, by ana (comment)
    = 4 runs
    ");
}

#[test]
fn what_comes_before_a_stack_is_applied_before_it() {
    let all = with([planned(1, "eks", "dev", 1), planned(2, "network", "dev", 1)]);
    insta::assert_snapshot!(all.says("/apply dev eks"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | dependency of eks | `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order |
    react 👎
    = 0 runs
    ");
    let under_way = all.clone().run(apply(3, "network", "dev", 2).running());
    insta::assert_snapshot!(under_way.says("/apply dev eks"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | dependency of eks | `network` is being applied | wait for it to end |
    react 👎
    = 0 runs
    ");
    let failed = all.clone().run(apply(3, "network", "dev", 2).failed());
    insta::assert_snapshot!(failed.says("/apply dev eks"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | dependency of eks | the plan of `network`: its apply failed | a new plan, then `/apply dev network` |
    react 👎
    = 0 runs
    ");
    let done = all.clone().run(applied(3, "network", "dev", 2));
    insta::assert_snapshot!(done.says("/apply dev eks"), @"
    start apply eks in dev at aaaaaaa from plan 00000001, by ana (comment)
    = 1 runs
    ");
    // What was applied stays so when the base moves by the merge.
    let eks_only = "start apply eks in dev";
    assert!(done.merged('c').says("/apply dev eks").contains(eks_only));
    assert!(
        !all.clone()
            .merged('c')
            .says("/apply dev eks")
            .contains(eks_only)
    );
    // What changes nothing, is not of this pull request or of another environment is not asked for.
    for nothing in [
        with([planned(1, "eks", "dev", 1), planned(2, "network", "dev", 0)]),
        with([planned(1, "eks", "dev", 1)]),
        with([
            planned(1, "eks", "dev", 1),
            planned(2, "network", "prod", 1),
        ]),
    ] {
        let told = nothing.says("/apply dev eks");
        assert!(told.contains(eks_only), "{told}");
    }
    insta::assert_snapshot!(all.says("/explain dev"), @"
    reply
      | ### dev: every gate is open
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (apply) | ana may apply |  |
      | | ✅ | pull request (apply, deploy shop) | open |  |
      | | ✅ | lock (apply, deploy shop) | free |  |
      | | ✅ | dependency of eks (apply) | `network` comes first |  |
      | | ✅ | plan of eks (apply) | fresh |  |
      | | ✅ | plan of network (apply) | fresh |  |
      | | ✅ | right (deploy shop) | ana may deploy |  |
    react 🚀
    = an explanation was asked for
    ");
}

#[test]
fn what_comes_long_before_a_stack_counts_too() {
    let rules = toml("", "");
    let (rest, database) = rules.split_at(rules.find("[stacks.database]").unwrap());
    let database = database.replacen("depends_on = [\"network\"]", "depends_on = [\"eks\"]", 1);
    let far = with([
        planned(1, "database", "dev", 1),
        planned(2, "network", "dev", 1),
    ])
    .config(&format!("{rest}{database}"));
    insta::assert_snapshot!(far.says("/apply dev database"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | dependency of database | `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order |
    react 👎
    = 0 runs
    ");
}

#[test]
fn nothing_planned_is_never_applied_zero() {
    insta::assert_snapshot!(situation().says("/apply"), @"
    reply
      | ### Nothing to apply
      |
      | No stack of this pull request was planned. `/plan` first.
    react 👎
    = 0 runs
    ");
    insta::assert_snapshot!(situation().says("/apply dev"), @"
    reply
      | ### Nothing to apply in dev
      |
      | No stack was planned there for this pull request. `/plan dev` first.
    react 👎
    = nothing to apply there
    ");
    insta::assert_snapshot!(situation().says("/apply prod database"), @"
    reply
      | ### 😕 Not understood
      | The stack `database` does not exist in `prod`, only in `dev`.
      |
      | It is written `/apply [ENV] [STACK…]`, for example `/apply dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
}

#[test]
fn a_stack_that_was_named_but_not_planned_is_planned() {
    insta::assert_snapshot!(situation().says("/apply dev eks"), @"
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of eks | not planned | `/plan` |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn plans_with_nothing_to_do_are_not_applied() {
    let noop = with([
        planned(1, "network", "dev", 0),
        planned(2, "eks", "dev", 1),
        applied(3, "eks", "dev", 2),
        planned(4, "database", "dev", 1),
        apply(5, "database", "dev", 4).running(),
    ]);
    insta::assert_snapshot!(noop.says("/apply dev"), @"
    reply
      | ### Nothing to apply in dev
      |
      | - `network`: its plan has no changes
      | - `eks`: applied already
      | - `database`: being applied right now
    react 👎
    = 0 runs
    ");
}

#[test]
fn only_what_is_left_is_applied() {
    let one_left = with([
        planned(1, "network", "dev", 1),
        applied(2, "network", "dev", 1),
        planned(3, "eks", "dev", 1),
    ]);
    insta::assert_snapshot!(one_left.says("/apply dev"), @"
    start apply eks in dev at aaaaaaa from plan 00000003, by ana (comment)
    = 1 runs
    ");
}

#[test]
fn a_plan_of_an_older_head_is_planned_again() {
    let moved = with([planned(1, "network", "dev", 1)]).head('e');
    insta::assert_snapshot!(moved.says("/apply dev"), @"
    start plan network in dev at eeeeeee onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | of `aaaaaaa`, the head is `eeeeeee` now | a new plan |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn a_plan_onto_an_older_base_is_planned_again() {
    let moved = with([planned(1, "network", "dev", 1)]).base("main", 'e');
    insta::assert_snapshot!(moved.says("/apply dev"), @"
    start plan network in dev at aaaaaaa onto main@eeeeeee, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | onto `bbbbbbb`, `main` is at `eeeeeee` now | a new plan |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn a_plan_onto_another_branch_is_planned_again() {
    let retargeted = with([planned(1, "network", "dev", 1)]).base("release", 'b');
    insta::assert_snapshot!(retargeted.says("/apply dev"), @"
    start plan network in dev at aaaaaaa onto release@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | onto `main`, the base is `release` now | a new plan |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn a_plan_under_way_is_waited_for() {
    let running = with([
        plan(1, "network", "dev").running(),
        planned(2, "eks", "dev", 1),
    ]);
    insta::assert_snapshot!(running.says("/apply dev"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | under way | wait for it to end |
    react 👎
    = 0 runs
    ");
}

#[test]
fn a_plan_that_failed_is_told() {
    for (state, word) in [
        (RunState::Failed, "failed"),
        (RunState::Cancelled, "cancelled"),
        (RunState::Skipped, "skipped"),
        (RunState::Superseded, "superseded"),
        (RunState::Interrupted, "interrupted"),
    ] {
        let told = with([plan(1, "network", "dev").state(state)]).says("/apply dev");
        assert!(
            told.contains(&format!("| plan of network | {word} |")),
            "{told}"
        );
        assert!(!told.contains("start"), "{told}");
    }
    let failed = with([plan(1, "network", "dev").failed_early()]);
    insta::assert_snapshot!(failed.says("/apply dev"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | failed | `/plan` once the cause is mended |
    react 👎
    = 0 runs
    ");
}

#[test]
fn a_plan_whose_apply_was_begun_is_spent() {
    let spent = with([
        planned(1, "network", "dev", 1),
        apply(2, "network", "dev", 1).failed(),
    ]);
    insta::assert_snapshot!(spent.says("/apply dev"), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | its apply failed | a new plan |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn a_plan_whose_apply_never_began_is_still_good() {
    for state in [RunState::Cancelled, RunState::Skipped, RunState::Superseded] {
        let good = with([
            planned(1, "network", "dev", 1),
            apply(2, "network", "dev", 1).never_began(state),
        ]);
        let told = good.says("/apply dev");
        assert!(
            told.contains("start apply network in dev"),
            "{state:?} {told}"
        );
    }
    let refused = with([
        planned(1, "network", "dev", 1),
        apply(2, "network", "dev", 1).state(RunState::Refused),
    ]);
    assert!(refused.says("/apply dev").contains("start apply"));
}

#[test]
fn every_closed_gate_is_named_at_once() {
    let closed = with([planned(1, "network", "prod", 1)])
        .config(&toml("", "approvals = 1\nchecks = [\"ci\"]"))
        .actor("mallory", Permission::Read)
        .head('e');
    insta::assert_snapshot!(closed.says("/apply prod"), @"
    reply
      | ### ⛔ Not applied in prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not apply in prod | somebody with `write` |
      | | approval | 0 of 1 | a review of `eeeeeee` by someone other than ana |
      | | checks | `ci` has not reported | success of each on `eeeeeee` |
      | | plan of network | of `aaaaaaa`, the head is `eeeeeee` now | a new plan |
    react 👎
    = 0 runs
    ");
}

#[test]
fn one_environment_may_pass_and_another_not() {
    let half = with([
        planned(1, "network", "dev", 1),
        planned(2, "network", "prod", 1),
    ])
    .config(&toml("", "approvals = 1"));
    insta::assert_snapshot!(half.says("/apply"), @"
    start apply network in dev at aaaaaaa from plan 00000001, by ana (comment)
    reply
      | ### ⛔ Not applied in prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | approval | 0 of 1 | a review of `aaaaaaa` by someone other than ana |
    react 👎
    = 1 runs
    ");
    let approved = half.review("ben", Verdict::Approved, Some('a'));
    assert_eq!(approved.says("/apply").matches("start apply").count(), 2);
}

#[test]
fn an_apply_waits_for_a_lock_and_a_window() {
    let late = with([planned(1, "network", "prod", 1)])
        .config(&toml("", "windows = [\"Sun 01:00-02:00 UTC\"]"))
        .lock("prod", "cleo", 41);
    insta::assert_snapshot!(late.says("/apply prod"), @"
    start apply network in prod at aaaaaaa from plan 00000001, by ana (comment), not before 2026-03-08T01:00:00Z
    = 1 runs
    ");
}

#[test]
fn an_environment_without_a_role_to_apply_with_says_so() {
    let rules = toml("", "").replace(
        "apply_role = \"arn:aws:iam::222222222222:role/slipway-apply\"\n",
        "",
    );
    let planned = with([planned(1, "network", "prod", 1)]).config(&rules);
    insta::assert_snapshot!(planned.says("/apply prod"), @"
    reply
      | ### ⛔ Not applied in prod
      |
      | `environments.prod.aws` in deploy.toml names no `apply_role`: stacks are planned there and never applied.
    react 👎
    = 0 runs
    ");
}

#[test]
fn a_draft_and_a_closed_pull_request_apply_nothing() {
    let planned = with([planned(1, "network", "dev", 1)]);
    assert!(!planned.clone().draft().says("/apply dev").contains("start"));
    assert!(!planned.closed().says("/apply dev").contains("start"));
}

#[test]
fn after_the_merge_a_stack_is_planned_again_and_compared_with_what_was_reviewed() {
    let merged = with([planned(1, "network", "dev", 1)]).merged('c');
    insta::assert_snapshot!(merged.says("/apply dev"), @"
    start apply network in dev at ccccccc planned again, reviewed 00000001, by ana (comment)
    = 1 runs
    ");
    // Nobody looked at a plan of it.
    insta::assert_snapshot!(
        situation().files(&["infra/network/main.tf"]).merged('c').says("/apply dev network"), @"
    start apply network in dev at ccccccc planned again, reviewed none, by ana (comment)
    = 1 runs
    ");
}

#[test]
fn after_the_merge_a_stack_that_was_applied_again_is_done() {
    let done = with([planned(1, "network", "dev", 1)])
        .merged('c')
        .run(apply_again(2, "network", "dev", Some(1)).state(RunState::Running));
    let told = done.says("/apply dev");
    insta::assert_snapshot!(told, @"
    reply
      | ### Nothing to apply in dev
      |
      | - `network`: being applied right now
    react 👎
    = 0 runs
    ");
}

#[test]
fn runs_of_other_stacks_and_environments_are_no_matter() {
    let mixed = with([
        planned(1, "network", "dev", 1),
        plan(2, "network", "prod").failed_early(),
        plan(3, "eks", "prod").running(),
    ]);
    let told = mixed.says("/apply dev");
    assert_eq!(told.matches("start apply").count(), 1, "{told}");
    assert!(!told.contains("reply"), "{told}");
}
