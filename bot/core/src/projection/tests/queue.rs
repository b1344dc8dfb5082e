//! Why a queued run has not begun.

use super::{rules, scene};
use crate::projection::queue::why;
use crate::run::RunState;
use crate::testing::{Situation, ago, apply, deploy, plan, rollback, run, situation};

fn waits(situation: &Situation, number: u32) -> String {
    let rules = rules();
    let id = run(number);
    let of = situation.facts.store.active.iter().find(|run| run.id == id);
    why(&scene(&situation.facts, Some(&rules)), of.unwrap())
}

#[test]
fn a_run_that_nothing_holds_up_begins() {
    let free = situation().run(deploy(1, "dev"));
    assert_eq!(waits(&free, 1), "begins in a moment");
}

#[test]
fn it_waits_for_the_runs_that_it_needs() {
    let behind = situation()
        .run(apply(1, "network", "dev", 9).running())
        .run(apply(2, "eks", "dev", 9).after(&[1]))
        .run(deploy(3, "dev").after(&[1, 2]));
    insta::assert_snapshot!(waits(&behind, 2), @"waits for apply of network");
    insta::assert_snapshot!(waits(&behind, 3), @"waits for apply of network, apply of eks");
}

#[test]
fn it_waits_for_a_lock_in_line() {
    let locked = situation()
        .lock("dev", "cleo", 41)
        .run(deploy(1, "dev").pr(40))
        .run(deploy(2, "dev"))
        .run(deploy(3, "prod"))
        .run(plan(4, "network", "dev"));
    insta::assert_snapshot!(waits(&locked, 1), @"1st in line: dev is held by cleo (#41) for 2 h 10 min: “DB migration” · `/unlock dev` by cleo or an admin frees it");
    insta::assert_snapshot!(waits(&locked, 2), @"2nd in line: dev is held by cleo (#41) for 2 h 10 min: “DB migration” · `/unlock dev` by cleo or an admin frees it");
    // Neither another environment nor a plan waits for it.
    assert_eq!(waits(&locked, 3), "begins in a moment");
    assert_eq!(waits(&locked, 4), "begins in a moment");
}

#[test]
fn its_own_lock_is_not_waited_for() {
    for (holder, pr) in [("ana", 41), ("ANA", 41), ("cleo", 42)] {
        let own = situation().lock("dev", holder, pr).run(deploy(1, "dev"));
        assert_eq!(waits(&own, 1), "begins in a moment", "{holder} {pr}");
    }
}

#[test]
fn an_apply_waits_for_the_lock_of_its_stack() {
    let locked = situation()
        .stack_lock("network", "dev", "cleo", 41)
        .run(apply(1, "network", "dev", 9))
        .run(apply(2, "eks", "dev", 9))
        .run(apply(3, "network", "prod", 9))
        .run(deploy(4, "dev"));
    insta::assert_snapshot!(waits(&locked, 1), @"1st in line: network in dev is held by cleo (#41) for 2 h 10 min: “DB migration” · free when #41 is merged or closed");
    for free in [2, 3, 4] {
        assert_eq!(waits(&locked, free), "begins in a moment", "{free}");
    }
    // A stack is claimed for a pull request: the same person in another one waits too.
    let same_person = situation()
        .stack_lock("network", "dev", "ana", 41)
        .run(apply(1, "network", "dev", 9));
    assert!(waits(&same_person, 1).starts_with("1st in line"));
    let own = situation()
        .stack_lock("network", "dev", "ana", 42)
        .run(apply(1, "network", "dev", 9));
    assert_eq!(waits(&own, 1), "begins in a moment");
}

#[test]
fn it_waits_for_its_window() {
    let late = deploy(1, "dev").but(|run| run.order.not_before = Some(ago(-90)));
    insta::assert_snapshot!(waits(&situation().run(late), 1), @"waits for the window that opens at 2026-03-04 11:30 UTC");
    let open = deploy(1, "dev").but(|run| run.order.not_before = Some(ago(1)));
    assert_eq!(waits(&situation().run(open), 1), "begins in a moment");
}

#[test]
fn it_waits_for_one_under_way_that_excludes_it() {
    let deploys = situation()
        .run(deploy(1, "dev").pr(40).running())
        .run(deploy(2, "dev"))
        .run(deploy(3, "prod"));
    insta::assert_snapshot!(waits(&deploys, 2), @"waits for the deploy of shop that is under way");
    assert_eq!(waits(&deploys, 3), "begins in a moment");
    let applying = situation()
        .run(apply(1, "network", "dev", 9).running())
        .run(plan(2, "network", "dev"))
        .run(plan(3, "eks", "dev"));
    insta::assert_snapshot!(waits(&applying, 2), @"waits for the apply of network that is under way");
    assert_eq!(waits(&applying, 3), "begins in a moment");
    let planning = situation()
        .run(plan(1, "network", "dev").running())
        .run(plan(2, "network", "dev"));
    assert_eq!(waits(&planning, 2), "begins in a moment");
}

#[test]
fn a_rollback_and_a_deploy_stand_in_one_line() {
    let both = situation()
        .run(rollback(1, "dev", 'd', None))
        .run(deploy(2, "dev"));
    insta::assert_snapshot!(waits(&both, 2), @"waits for 1 before it");
}

#[test]
fn those_that_wait_for_a_second_step_are_not_in_line() {
    let unconfirmed = situation()
        .run(deploy(1, "dev").state(RunState::Unconfirmed))
        .run(deploy(2, "dev"));
    assert_eq!(waits(&unconfirmed, 2), "begins in a moment");
}
