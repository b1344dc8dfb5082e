//! Which run may start.

use std::collections::BTreeSet;
use std::sync::Arc;

use slipway_core::event::EventKind;
use slipway_core::ids::PrNumber;
use slipway_core::intent::Intent;
use slipway_core::run::{Move, RunState};

use super::world::{
    LEASE, World, after, apply, at, by, deploy, force_unlock, id, lock, plan, repo, start, target,
    worker,
};

pub(super) async fn the_oldest_run_starts_first_and_each_once(world: World) {
    let intents: Vec<_> = (0..30).map(|_| start(plan(1, "eks"))).collect();
    let ids: Vec<u128> = (100..130).rev().collect();
    world.decide(at(0), &intents, &ids).await;

    let first = world.take(at(1)).await.unwrap();
    assert_eq!(first.run.id, id(129));
    assert_eq!(first.run.state, RunState::Running);
    assert_eq!(first.run.started_at, Some(at(1)));
    assert_eq!(first.steps, []);

    let takers: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move {
                let me = worker(&format!("w{number}"));
                let mut taken = Vec::new();
                while let Some(run) = store.take_run(&me, at(2), LEASE).await.unwrap() {
                    taken.push(run.run.id);
                }
                taken
            })
        })
        .collect();
    let mut taken = vec![first.run.id];
    for taker in takers {
        let of_one = taker.await.unwrap();
        assert!(of_one.windows(2).all(|pair| pair[0] > pair[1]), "in order");
        taken.extend(of_one);
    }
    let distinct: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), distinct.len()), (30, 30));
}

pub(super) async fn a_state_lock_is_forced_open_beside_no_other_run_of_the_stack(world: World) {
    // Its own plans and applies hold the lock by right.
    for (run, other) in [(1, plan(1, "eks")), (2, apply(1, "eks"))] {
        world.decide(at(0), &[start(other)], &[run]).await;
        world.take_all(at(1)).await;
        let both = [start(force_unlock(2, "eks")), start(force_unlock(2, "db"))];
        world.decide(at(2), &both, &[10 * run, 10 * run + 1]).await;
        assert_eq!(world.take_all(at(3)).await, [id(10 * run + 1)]);
        world.end(run, Move::Succeed, at(4)).await;
        // That the stack is another pull request's does not matter.
        assert_eq!(world.take_all(at(5)).await, [id(10 * run)]);
        // Nor does anything begin beside it.
        let late = [start(plan(1, "eks")), start(apply(1, "eks"))];
        world
            .decide(at(6), &late, &[100 * run, 100 * run + 1])
            .await;
        assert_eq!(world.take_all(at(7)).await, []);
        world.end(10 * run, Move::Succeed, at(8)).await;
        world.end(10 * run + 1, Move::Succeed, at(8)).await;
        let late = [id(100 * run), id(100 * run + 1)];
        assert_eq!(world.take_all(at(9)).await, late);
        world.end(100 * run, Move::Succeed, at(10)).await;
        world.end(100 * run + 1, Move::Succeed, at(10)).await;
    }
    // Who has claimed the environment may be the one at work.
    let claim = Intent::Lock(lock(target("dev", None), "ben", Some(9)));
    let intents = [claim, start(force_unlock(2, "eks"))];
    world.decide(at(13), &intents, &[7]).await;
    assert_eq!(world.take_all(at(14)).await, []);
}

pub(super) async fn racing_applies_have_one_winner_and_then_wait_in_line(world: World) {
    let intents: Vec<_> = (1..=5).map(|pr| start(apply(pr, "eks"))).collect();
    world.decide(at(0), &intents, &[1, 2, 3, 4, 5]).await;

    let takers: Vec<_> = (0..10)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { world.take(at(1)).await })
        })
        .collect();
    let mut winners = Vec::new();
    for taker in takers {
        winners.extend(taker.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(winners[0].run.id, id(1));
    let shop = repo("shop");
    let held = world.store.locks(&shop, at(1)).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].target, target("dev", Some("eks")));
    assert_eq!(held[0].pr, Some(PrNumber(1)));

    // The lock outlives the run: it is the pull request's.
    world.end(1, Move::Succeed, at(2)).await;
    assert_eq!(world.take(at(3)).await, None);
    world.decide(at(4), &[start(apply(1, "eks"))], &[6]).await;
    assert_eq!(world.take_all(at(4)).await, [id(6)]);
    world.end(6, Move::Fail, at(5)).await;

    // Freed, it goes to the next in line.
    let free = Intent::Unlock(target("dev", Some("eks")));
    world.decide(at(6), std::slice::from_ref(&free), &[]).await;
    assert_eq!(world.take_all(at(6)).await, [id(2)]);
    let held = world.store.locks(&shop, at(6)).await.unwrap();
    assert_eq!(held[0].pr, Some(PrNumber(2)));
    // Freed while its run is under way, it still does not let another in beside it.
    world.decide(at(7), &[free], &[]).await;
    assert_eq!(world.take(at(7)).await, None);
    world.end(2, Move::Succeed, at(8)).await;
    assert_eq!(world.take_all(at(8)).await, [id(3)]);
}

pub(super) async fn a_run_waits_for_the_success_of_those_it_needs(world: World) {
    let intents = [
        start(apply(1, "state")),
        start(apply(1, "eks")),
        start(after(deploy(1, "shop"), &[0, 1])),
    ];
    world.decide(at(0), &intents, &[1, 2, 3]).await;
    let waiting = world.store.run(&id(3)).await.unwrap().unwrap();
    assert_eq!(waiting.after, [id(1), id(2)]);
    assert_eq!(world.take_all(at(1)).await, [id(1), id(2)]);
    world.end(1, Move::Succeed, at(2)).await;
    assert_eq!(world.take(at(2)).await, None);
    world.end(2, Move::Fail, at(3)).await;
    assert_eq!(world.take(at(3)).await, None);
    // A decision about the failed run skips the one that needs it.
    let skip = Intent::End {
        run: id(3),
        mv: Move::Skip,
        outcome: None,
    };
    world.decide(at(4), &[skip], &[]).await;
    assert_eq!(world.state(3).await, RunState::Skipped);
    let told = world.drain(at(5)).await;
    assert_eq!(told, [EventKind::RunEnded { run: id(3) }]);

    let intents = [start(plan(1, "eks")), start(after(plan(1, "db"), &[0]))];
    world.decide(at(6), &intents, &[4, 5]).await;
    assert_eq!(world.take_all(at(6)).await, [id(4)]);
    world.end(4, Move::Succeed, at(7)).await;
    assert_eq!(world.take_all(at(7)).await, [id(5)]);
}

pub(super) async fn a_run_waits_for_its_moment_and_its_second_step(world: World) {
    let mut later = deploy(1, "shop");
    later.order.not_before = Some(at(100));
    later.state = RunState::Unconfirmed;
    world.decide(at(0), &[start(later)], &[1]).await;
    assert_eq!(world.take(at(200)).await, None);
    world.decide(at(201), &[Intent::Confirm(id(1))], &[]).await;
    assert_eq!(world.state(1).await, RunState::Queued);
    assert_eq!(world.take(at(99)).await, None);
    assert_eq!(world.take_all(at(100)).await, [id(1)]);
    super::world::assert_conflict(
        world
            .try_decide(at(202), &[Intent::Confirm(id(1))], &[])
            .await,
    );
}

pub(super) async fn a_locked_environment_lets_plans_and_its_holder_through(world: World) {
    let mut elsewhere = deploy(1, "shop");
    elsewhere.order.env = super::world::env("prod");
    let intents = [
        Intent::Lock(lock(target("dev", None), "Bob", Some(3))),
        start(plan(1, "eks")),
        start(apply(1, "eks")),
        start(deploy(1, "shop")),
        start(elsewhere),
        // The holder, whatever the pull request; and the lock's pull request, whoever asks.
        start(by(deploy(2, "api"), "bob")),
        start(apply(3, "db")),
    ];
    world.decide(at(0), &intents, &[1, 2, 3, 4, 5, 6]).await;
    assert_eq!(world.take_all(at(1)).await, [1, 4, 5, 6].map(id));
    world
        .decide(at(2), &[Intent::Unlock(target("dev", None))], &[])
        .await;
    // The plan under way does not keep the apply of its stack off.
    assert_eq!(world.take_all(at(2)).await, [2, 3].map(id));
    // But nothing is planned in the middle of an apply.
    world.decide(at(3), &[start(plan(2, "eks"))], &[7]).await;
    assert_eq!(world.take(at(3)).await, None);
    world.end(2, Move::Succeed, at(4)).await;
    assert_eq!(world.take_all(at(4)).await, [id(7)]);
}

pub(super) async fn a_lock_that_ran_out_is_gone(world: World) {
    let mut short = lock(target("dev", None), "bob", None);
    short.until = Some(at(100));
    let intents = [Intent::Lock(short.clone()), start(deploy(1, "shop"))];
    world.decide(at(0), &intents, &[1]).await;
    assert_eq!(world.take(at(99)).await, None);
    let shop = repo("shop");
    assert_eq!(world.store.locks(&shop, at(99)).await.unwrap(), [short]);
    assert_eq!(world.store.locks(&shop, at(100)).await.unwrap(), []);
    assert_eq!(world.take_all(at(100)).await, [id(1)]);
    assert_eq!(world.store.locks(&shop, at(0)).await.unwrap(), []);
}

pub(super) async fn a_deploy_waits_for_another_of_its_service(world: World) {
    let intents = [
        start(deploy(1, "shop")),
        start(deploy(2, "shop")),
        start(deploy(2, "api")),
        start(apply(1, "shop")),
    ];
    world.decide(at(0), &intents, &[1, 2, 3, 4]).await;
    // A stack of the same name is another thing.
    assert_eq!(world.take_all(at(1)).await, [1, 3, 4].map(id));
    world.end(1, Move::Fail, at(2)).await;
    assert_eq!(world.take_all(at(2)).await, [id(2)]);
}

pub(super) async fn repositories_do_not_keep_each_other_off(world: World) {
    let mut other = apply(2, "eks");
    other.order.repo = repo("other");
    let intents = [start(apply(1, "eks")), start(other)];
    world.decide(at(0), &intents, &[1, 2]).await;
    assert_eq!(world.take_all(at(1)).await, [1, 2].map(id));
}
