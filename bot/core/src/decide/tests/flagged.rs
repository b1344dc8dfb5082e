//! Plans with flags, their applies, and what they never count as.

use crate::event::PullRequestAction;
use crate::facts::Permission;
use crate::testing::{Situation, applied, apply, plan, planned, situation, toml};

const TARGET: &str = "-target=aws_vpc.main";

fn change() -> Situation {
    situation().files(&["infra/network/main.tf"])
}

/// deploy.toml in which ana may destroy.
fn with_right() -> String {
    toml("[environments.dev.allow]\ndestroy = [\"user:ana\"]", "")
}

#[test]
fn a_plan_with_flags_is_of_the_stack_named() {
    insta::assert_snapshot!(change().says("/plan dev network -- -target=aws_vpc.main"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -target=aws_vpc.main, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
    // A full plan under way goes on; one with other flags is overtaken.
    let full = change().run(plan(1, "network", "dev").running());
    insta::assert_snapshot!(full.says("/plan dev network -- -target=aws_vpc.main"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -target=aws_vpc.main, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
    let other = change().run(plan(1, "network", "dev").flags("-refresh-only").running());
    insta::assert_snapshot!(other.says("/plan dev network -- -target=aws_vpc.main"), @"
    bless aaaaaaa
    end 00000001 Supersede: planned anew / 
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -target=aws_vpc.main, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
}

#[test]
fn destroying_takes_a_right_of_its_own() {
    let ask = "/plan dev network -- -destroy";
    insta::assert_snapshot!(change().says(ask), @"
    reply
      | ### ⛔ Not planned in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not destroy stacks in dev | nothing: nobody may |
    react 👎
    = may not plan that
    ");
    insta::assert_snapshot!(change().config(&with_right()).says(ask), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -destroy, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
    // Whoever may destroy may not plan by that.
    let reader = change()
        .config(&with_right())
        .actor("ana", Permission::Read)
        .says(ask);
    assert!(reader.contains("may not plan"), "{reader}");

    let destroy = |text: &str| {
        change()
            .config(text)
            .run(planned(1, "network", "dev", 1).flags("-destroy"))
            .run(plan(2, "network", "prod"))
    };
    insta::assert_snapshot!(destroy(&toml("", "")).says("/apply dev network"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not destroy stacks in dev | nothing: nobody may |
    react 👎
    = 0 runs
    ");
    insta::assert_snapshot!(destroy(&with_right()).says("/apply dev network"), @"
    start apply network in dev at aaaaaaa from plan 00000001 with -destroy, by ana (comment)
    = 1 runs
    ");
    let explained = destroy(&toml("", "")).says("/explain dev");
    assert!(
        explained.contains("ana may not destroy stacks in dev"),
        "{explained}"
    );
}

#[test]
fn it_is_applied_only_where_its_stack_is_named() {
    let there = change().run(planned(1, "network", "dev", 1).flags(TARGET));
    insta::assert_snapshot!(there.says("/apply dev"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | made with `-target=aws_vpc.main` | `/apply dev network` applies exactly that; `/plan dev network` plans all of it |
    react 👎
    = 0 runs
    ");
    insta::assert_snapshot!(there.says("/apply dev network"), @"
    start apply network in dev at aaaaaaa from plan 00000001 with -target=aws_vpc.main, by ana (comment)
    = 1 runs
    ");
    insta::assert_snapshot!(there.says("/explain dev"), @"
    reply
      | ### dev: 1 of 5 gates is closed
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (apply) | ana may apply |  |
      | | ✅ | pull request (apply, deploy shop) | open |  |
      | | ✅ | lock (apply, deploy shop) | free |  |
      | | ⛔ | plan of network (apply) | made with `-target=aws_vpc.main` | `/apply dev network` applies exactly that; `/plan dev network` plans all of it |
      | | ✅ | right (deploy shop) | ana may deploy |  |
    react 🚀
    = an explanation was asked for
    ");
}

#[test]
fn after_a_partial_apply_the_rest_is_planned_in_full() {
    let partly = change()
        .run(planned(1, "network", "dev", 1).flags(TARGET))
        .run(applied(2, "network", "dev", 1).flags(TARGET));
    insta::assert_snapshot!(partly.says("/apply dev network"), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | plan of network | applied, made with `-target=aws_vpc.main` | `/plan dev network` for the rest |
      |
      | Planning now: look at the new plan, then `/apply dev` once more.
    react 👎
    = 1 runs
    ");
}

#[test]
fn retrying_keeps_the_flags() {
    let failed = change().run(plan(1, "network", "dev").flags(TARGET).failed_early());
    insta::assert_snapshot!(failed.says("/retry"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -target=aws_vpc.main, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
    let apply_failed = change()
        .run(planned(1, "network", "dev", 1).flags(TARGET))
        .run(apply(2, "network", "dev", 1).flags(TARGET).failed());
    insta::assert_snapshot!(apply_failed.says("/retry"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb with -target=aws_vpc.main, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs with flags asked for
    ");
    let destroy = change().run(plan(1, "network", "dev").flags("-destroy").failed_early());
    let told = destroy.says("/retry");
    assert!(told.contains("may not destroy stacks in dev"), "{told}");
}

#[test]
fn what_comes_before_counts_as_applied_only_in_full() {
    let eks = situation().files(&["infra/network/main.tf", "infra/eks/main.tf"]);
    let partly = eks
        .run(planned(1, "network", "dev", 2))
        .run(planned(2, "eks", "dev", 1))
        .run(planned(3, "network", "dev", 1).flags(TARGET))
        .run(applied(4, "network", "dev", 3).flags(TARGET));
    insta::assert_snapshot!(partly.says("/apply dev eks"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | dependency of eks | the plan of `network`: applied, made with `-target=aws_vpc.main` | `/plan dev network` for the rest, then `/apply dev network` |
    react 👎
    = 0 runs
    ");
}

#[test]
fn a_plan_with_flags_that_nobody_applied_takes_nothing_away() {
    let eks = situation().files(&["infra/network/main.tf", "infra/eks/main.tf"]);
    let looked = eks
        .run(planned(1, "network", "dev", 2))
        .run(applied(2, "network", "dev", 1))
        .run(planned(3, "eks", "dev", 1))
        .run(planned(4, "network", "dev", 0).flags("-refresh-only"));
    let told = looked.says("/apply dev eks");
    assert!(told.contains("start apply eks in dev"), "{told}");
}

#[test]
fn what_is_planned_by_itself_is_planned_in_full() {
    let partial = change()
        .run(planned(1, "network", "dev", 1).flags(TARGET))
        .run(planned(2, "network", "prod", 1));
    let told = partial.happens(PullRequestAction::Reopened);
    assert!(told.contains("start plan network in dev"), "{told}");
    assert!(!told.contains("network in prod"), "{told}");
}
