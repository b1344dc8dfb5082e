//! A run came to its end.

use crate::facts::PullState;
use crate::gates::PLAN;
use crate::outcome::Outcome;
use crate::report::refusal::GateRow;
use crate::run::{RunState, Trigger};
use crate::testing::{
    Situation, applied, apply, deploy, deployed, plan, planned, rollback, sha, situation, stopped,
};

#[test]
fn a_run_that_is_gone_leads_to_nothing() {
    let told = crate::testing::told(&situation().decide(crate::event::EventKind::RunEnded {
        run: crate::testing::run(1),
    }));
    insta::assert_snapshot!(told, @"= the run is gone");
}

#[test]
fn the_comment_is_signed_when_all_that_it_asked_for_is_over() {
    let one = situation().run(planned(1, "network", "dev", 1));
    insta::assert_snapshot!(one.clone().ended(1), @"
    react 🚀
    = plan run ended: succeeded
    ");
    let waiting = one.clone().run(plan(2, "eks", "dev"));
    insta::assert_snapshot!(waiting.ended(1), @"= plan run ended: succeeded");
    let other_cause = one.clone().run(plan(2, "eks", "dev").cause("other"));
    assert!(other_cause.ended(1).contains("react 🚀"));
    let half = one.run(plan(2, "eks", "dev").failed_early());
    assert!(half.ended(2).contains("react 👎"));
}

#[test]
fn what_nobody_commented_on_is_not_signed() {
    for trigger in [
        Trigger::Button,
        Trigger::Merge,
        Trigger::PullRequest,
        Trigger::Run,
    ] {
        let told = situation()
            .run(planned(1, "network", "dev", 1).trigger(trigger))
            .ended(1);
        assert!(!told.contains("react"), "{trigger:?} {told}");
    }
}

#[test]
fn runs_that_needed_one_that_failed_are_skipped() {
    let failed = situation()
        .run(apply(1, "network", "dev", 9).failed())
        .run(apply(2, "eks", "dev", 9).after(&[1]))
        .run(apply(3, "database", "dev", 9).after(&[2, 1]))
        .run(apply(4, "network", "prod", 9));
    insta::assert_snapshot!(failed.ended(1), @"
    end 00000002 Skip: apply of network failed / `/retry` once the cause is mended
    end 00000003 Skip: apply of network failed / `/retry` once the cause is mended
    = apply run ended: failed
    ");
}

#[test]
fn every_end_but_success_skips_what_needed_it() {
    for state in RunState::ALL.into_iter().filter(|state| state.is_final()) {
        let told = situation()
            .run(apply(1, "network", "dev", 9).state(state))
            .run(apply(2, "eks", "dev", 9).after(&[1]))
            .ended(1);
        assert_eq!(
            told.contains("end 00000002 Skip"),
            state != RunState::Succeeded,
            "{state:?} {told}"
        );
    }
}

fn rollout_failed() -> Situation {
    situation()
        .release("dev", 'd', 600)
        .run(deploy(7, "dev").failed())
}

#[test]
fn a_rollout_that_failed_is_undone_and_automation_held() {
    insta::assert_snapshot!(rollout_failed().ended(7), @"
    start rollback shop in dev at ddddddd digest sha256:dddddddd, by ana (run)
    hold dev by Slipway: rollout of aaaaaaa failed
    react 👎
    = deploy run ended: failed
    ");
}

#[test]
fn a_rollout_is_not_undone_without_need() {
    let quiet = |situation: Situation, number| {
        let told = situation.ended(number);
        assert!(!told.contains("rollback"), "{told}");
        assert!(!told.contains("hold"), "{told}");
    };
    let base = || situation().release("dev", 'd', 600);
    quiet(base().run(deploy(7, "dev").failed_early()), 7);
    quiet(base().run(deployed(7, "dev", 'a')), 7);
    for state in [
        RunState::Cancelled,
        RunState::Interrupted,
        RunState::Refused,
    ] {
        let run = deploy(7, "dev")
            .outcome(stopped("x", "", true))
            .state(state);
        quiet(base().run(run), 7);
    }
    quiet(situation().run(deploy(7, "dev").failed()), 7);
    quiet(
        situation()
            .bad_release("dev", 'd', 600)
            .run(deploy(7, "dev").failed()),
        7,
    );
    let stop = deploy(7, "dev").failed().but(|run| {
        if let crate::run::Work::Deploy(work) = &mut run.order.work {
            work.roll_back_on_failure = false;
        }
    });
    quiet(base().run(stop), 7);
    quiet(base().without_config().run(deploy(7, "dev").failed()), 7);
}

#[test]
fn a_rollback_that_failed_is_not_rolled_back() {
    let told = situation()
        .release("dev", 'd', 600)
        .run(rollback(8, "dev", 'd', Some(7)).failed())
        .ended(8);
    assert!(!told.contains("start"), "{told}");
}

#[test]
fn a_rollback_does_not_run_over_a_newer_rollout() {
    // One under way replaces the failed one, and goes back by itself if it fails too.
    let rolling = rollout_failed().run(deploy(8, "dev").digest_found('e'));
    let told = rolling.ended(7);
    assert!(!told.contains("start rollback"), "{told}");
    // One that went live since did so already.
    let live = rollout_failed().release("dev", 'e', 1).ended(7);
    assert!(!live.contains("start rollback"), "{live}");
    // What the failed one left is no release that went live.
    let broken = rollout_failed().bad_release("dev", '7', 1).ended(7);
    assert!(broken.contains("start rollback"), "{broken}");
    // One that has not begun gives way.
    let queued = rollout_failed().run(deploy(8, "dev").commit('e'));
    insta::assert_snapshot!(queued.ended(7), @"
    end 00000008 Supersede: overtaken by a rollback / 
    start rollback shop in dev at ddddddd digest sha256:dddddddd, by ana (run)
    hold dev by Slipway: rollout of aaaaaaa failed
    = deploy run ended: failed
    ");
}

#[test]
fn locks_are_freed_when_the_last_run_of_a_closed_pull_request_ends() {
    let base = situation().stack_lock("network", "dev", "ana", 42);
    let done = base.clone().run(applied(1, "network", "dev", 9));
    assert!(!done.clone().ended(1).contains("unlock"));
    for state in [PullState::Closed, PullState::Merged(sha('c'))] {
        let over = done
            .clone()
            .but(|facts| facts.pr.as_mut().unwrap().pull.state = state);
        assert!(over.clone().ended(1).contains("unlock network in dev"));
        let more = over.run(apply(2, "eks", "dev", 9));
        assert!(!more.ended(1).contains("unlock"));
    }
}

/// The gate of a plan that no longer fits.
fn out_of_date() -> Outcome {
    Outcome::Refused {
        gates: vec![GateRow {
            gate: PLAN.to_owned(),
            open: false,
            state: "the state has changed since it was made".to_owned(),
            opens: "a new plan".to_owned(),
        }],
    }
}

#[test]
fn a_plan_found_out_of_date_is_made_anew_and_its_stack_freed() {
    let refused = apply(2, "network", "dev", 1)
        .state(RunState::Refused)
        .outcome(out_of_date());
    let queued = situation()
        .run(planned(1, "network", "dev", 1))
        .run(refused)
        .stack_lock("network", "dev", "ana", 42);
    insta::assert_snapshot!(queued.clone().ended(2), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (run)
    refresh plan-comment/42
    unlock network in dev
    react 👎
    = apply run ended: refused
    ");
    // A push plans by itself, under its own rules.
    let pushed = queued.clone().head('9').ended(2);
    assert!(!pushed.contains("start"), "{pushed}");
    let planned_since = queued.clone().run(plan(3, "network", "dev")).ended(2);
    assert!(!planned_since.contains("start"), "{planned_since}");
    let closed = queued.closed().ended(2);
    assert!(!closed.contains("start"), "{closed}");
}

#[test]
fn a_stack_that_may_have_changed_stays_locked() {
    let locked = situation()
        .run(planned(1, "network", "dev", 1))
        .stack_lock("network", "dev", "ana", 42);
    let halfway = locked.clone().run(apply(2, "network", "dev", 1).failed());
    assert!(!halfway.ended(2).contains("unlock"));
    let untouched = locked
        .clone()
        .run(apply(2, "network", "dev", 1).failed_early());
    assert!(untouched.ended(2).contains("unlock"));
    let applied_before = locked
        .run(applied(2, "network", "dev", 1))
        .run(apply(3, "network", "dev", 1).failed_early());
    assert!(!applied_before.ended(3).contains("unlock"));
}

/// An apply that began so many minutes after it was asked for.
fn after_a_wait(kit: crate::testing::RunKit, minutes: i64) -> crate::testing::RunKit {
    kit.but(|run| {
        run.created_at = crate::testing::ago(minutes + 10);
        run.started_at = run.started_at.and(Some(crate::testing::ago(10)));
    })
}

#[test]
fn who_waited_long_for_an_apply_is_told_once_all_of_it_is_over() {
    let refused = apply(2, "network", "prod", 1)
        .state(RunState::Refused)
        .outcome(out_of_date());
    let closed = apply(3, "eks", "prod", 1)
        .state(RunState::Refused)
        .outcome(Outcome::Refused { gates: Vec::new() });
    let all = situation()
        .run(after_a_wait(applied(1, "network", "dev", 9), 130))
        .run(after_a_wait(refused, 130))
        .run(after_a_wait(closed, 200))
        .run(after_a_wait(apply(4, "database", "dev", 9).failed(), 130));
    insta::assert_snapshot!(all.clone().ended(4), @"
    react 👎
    reply
      | ### 🔔 @ana: your turn came after 2 h 10 min
      |
      | - dev · network: ✅ applied
      | - prod · network: ⛔ not applied: its plan was out of date and is made again; look at the new plan, then `/apply prod`
      | - prod · eks: ⛔ not applied: `/explain prod` names what is closed
      | - dev · database: ⛔ failed
    = apply run ended: failed
    ");
    let waiting = all.run(apply(5, "eks", "dev", 9));
    assert!(!waiting.ended(4).contains("reply"));
    // A plan is looked at when it is there, and who waited for a moment is still looking.
    let soon = situation().run(after_a_wait(applied(1, "network", "dev", 9), 4));
    assert!(!soon.ended(1).contains("reply"));
    let plan = situation().run(after_a_wait(planned(1, "network", "dev", 1), 130));
    assert!(!plan.ended(1).contains("reply"));
    let by_merge = applied(1, "network", "dev", 9).trigger(Trigger::Merge);
    let by_merge = situation().run(after_a_wait(by_merge, 130));
    assert!(!by_merge.ended(1).contains("reply"));
    let gave_up = apply(1, "network", "dev", 9).never_began(RunState::Cancelled);
    let gave_up = situation().run(after_a_wait(gave_up, 130));
    assert!(!gave_up.ended(1).contains("reply"));
    // One that came after another of the same comment stood in no line.
    let second = situation()
        .run(applied(1, "network", "dev", 9))
        .run(after_a_wait(applied(2, "eks", "dev", 9), 130));
    assert!(!second.ended(2).contains("reply"));
}
