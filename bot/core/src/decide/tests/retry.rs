//! `/retry` and `/cancel`.

use crate::facts::Permission;
use crate::run::RunState;
use crate::testing::{
    Situation, apply, apply_again, deploy, deployed, plan, planned, rollback, situation, toml,
};

fn change() -> Situation {
    situation().files(&["infra/network/main.tf", "app/main.rs"])
}

#[test]
fn without_a_failure_there_is_nothing_to_retry() {
    insta::assert_snapshot!(change().says("/retry"), @"
    reply
      | ### Nothing to retry
      |
      | No run of this pull request has failed.
    react 👎
    = nothing to retry
    ");
    let fine = change()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "eks", "dev").state(RunState::Superseded))
        .run(plan(3, "eks", "dev").running());
    assert!(fine.says("/retry").contains("Nothing to retry"));
}

#[test]
fn a_plan_that_failed_is_made_again() {
    let failed = change()
        .run(plan(1, "network", "dev").failed_early())
        .run(planned(2, "network", "prod", 1));
    insta::assert_snapshot!(failed.says("/retry"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs asked for
    ");
}

#[test]
fn all_of_the_last_cause_that_did_not_succeed_is_made_again() {
    let family = change()
        .run(planned(1, "database", "dev", 1))
        .run(plan(2, "network", "dev").failed_early())
        .run(
            plan(3, "eks", "dev")
                .after(&[2])
                .never_began(RunState::Skipped),
        );
    let told = family.says("/retry");
    insta::assert_snapshot!(told, @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (comment), after [0]
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
}

#[test]
fn an_apply_that_failed_is_planned_again_with_what_it_kept_back() {
    let spent = change()
        .run(planned(1, "network", "dev", 1))
        .run(planned(2, "eks", "dev", 1))
        .run(apply(3, "network", "dev", 1).failed().cause("apply"))
        .run(
            apply(4, "eks", "dev", 2)
                .after(&[3])
                .never_began(RunState::Skipped)
                .cause("apply"),
        );
    insta::assert_snapshot!(spent.says("/retry"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (comment), after [0]
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
}

#[test]
fn an_apply_after_the_merge_is_tried_again() {
    let failed = change()
        .run(planned(1, "network", "dev", 1))
        .merged('c')
        .run(apply_again(2, "network", "dev", Some(1)).failed());
    insta::assert_snapshot!(failed.says("/retry"), @"
    start apply network in dev at ccccccc planned again, reviewed 00000001, by ana (comment)
    = 1 runs
    ");
}

#[test]
fn a_deploy_that_failed_is_tried_again_with_its_own_commit() {
    let failed = change().run(deploy(1, "dev").commit('d').failed());
    insta::assert_snapshot!(failed.says("/retry"), @"
    start deploy shop in dev at ddddddd tag sha-ddddddd, by ana (comment)
    = 1 deploy runs
    ");
    let promoted = change().run(rollback(1, "prod", 'd', None).failed_early().but(|run| {
        if let crate::run::Work::Deploy(work) = &mut run.order.work {
            work.rollback = None;
        }
    }));
    insta::assert_snapshot!(promoted.says("/retry"), @"
    start deploy shop in prod at ddddddd digest sha256:dddddddd, by ana (comment)
    = 1 deploy runs
    ");
}

#[test]
fn what_succeeded_since_is_not_tried_again() {
    let mended = change()
        .run(deploy(1, "dev").commit('d').failed())
        .run(deployed(2, "dev", 'a'));
    let told = mended.says("/retry");
    assert!(told.contains("Nothing to retry"), "{told}");
}

#[test]
fn a_rollback_that_failed_goes_back_to_the_same_release() {
    // The failed rollback was to ddddddd; trying again must not go further back.
    let failed = change()
        .release("dev", 'e', 900)
        .release("dev", 'd', 600)
        .run(deploy(1, "dev").failed())
        .run(rollback(2, "dev", 'd', Some(1)).failed());
    insta::assert_snapshot!(failed.says("/retry"), @"
    start rollback shop in dev at ddddddd digest sha256:dddddddd, by ana (comment)
    hold dev by ana: rolled back
    = 1 rollbacks
    ");
    // By hand, the live release was marked before the rollback failed.
    let by_hand = change()
        .release("dev", 'e', 900)
        .release("dev", 'd', 600)
        .bad_release("dev", 'a', 60)
        .run(rollback(2, "dev", 'e', None).failed());
    let told = by_hand.says("/retry");
    assert!(
        told.contains("start rollback shop in dev at eeeeeee"),
        "{told}"
    );
}

#[test]
fn a_retry_passes_every_gate_anew() {
    let failed = change()
        .config(&toml("", "approvals = 1"))
        .run(deploy(1, "prod").failed());
    let told = failed.says("/retry");
    assert!(told.contains("| approval |"), "{told}");
    assert!(!told.contains("start"), "{told}");
}

// --- cancel

#[test]
fn all_of_the_pull_request_is_cancelled_unless_a_run_is_named() {
    let busy = change()
        .run(plan(1, "network", "dev"))
        .run(apply(2, "network", "prod", 9).running())
        .run(deploy(3, "dev").pr(41));
    insta::assert_snapshot!(busy.says("/cancel"), @"
    end 00000001 Cancel: cancelled by ana / `/retry` runs it again
    end 00000002 Cancel: cancelled by ana / `/retry` runs it again
    reply
      | ### ✋ Cancelled
      |
      | - plan of `network` in dev (`00000001`)
      | - apply of `network` in prod (`00000002`): stops after the step in hand
    react 🚀
    = 2 runs cancelled
    ");
    insta::assert_snapshot!(busy.says("/cancel 00000003"), @"
    end 00000003 Cancel: cancelled by ana / `/retry` runs it again
    reply
      | ### ✋ Cancelled
      |
      | - deploy of `shop` in dev (`00000003`)
    react 🚀
    = 1 runs cancelled
    ");
    insta::assert_snapshot!(busy.says("/cancel 00000009"), @"
    reply
      | ### Nothing to cancel
      |
      | No run `00000009` is queued or under way.
    react 👎
    = nothing to cancel
    ");
    insta::assert_snapshot!(change().says("/cancel"), @"
    reply
      | ### Nothing to cancel
      |
      | No run of this pull request is queued or under way.
    react 👎
    = nothing to cancel
    ");
}

#[test]
fn a_run_is_cancelled_by_who_may_start_it() {
    let busy = change()
        .run(plan(1, "network", "dev"))
        .run(deploy(2, "prod").pr(41));
    insta::assert_snapshot!(busy.clone().actor("mallory", Permission::Read).says("/cancel"), @"
    reply
      | ### ⛔ Not cancelled in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not plan in dev | somebody with `write` |
    react 👎
    = 0 runs cancelled
    ");
    // An environment that deploy.toml no longer has leaves it to admins.
    let gone = toml("", "").replace("environments.prod", "environments.live");
    let orphan = busy.config(&gone);
    let write = orphan.says("/cancel 00000002");
    assert!(!write.contains("end"), "{write}");
    insta::assert_snapshot!(write, @"
    reply
      | ### ⛔ Not cancelled in prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | deploy.toml no longer has prod | an admin of the repository |
    react 👎
    = 0 runs cancelled
    ");
    let admin = orphan
        .actor("cleo", Permission::Admin)
        .says("/cancel 00000002");
    assert!(admin.contains("end 00000002 Cancel"), "{admin}");
}
