//! Deliveries and decisions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use slipway_core::ids::PrNumber;
use slipway_core::intent::{Intent, ReportKey};
use slipway_core::ports::{PortErrorKind, RunsOf};
use slipway_core::run::{Move, RunState};

use super::world::{
    LEASE, World, apply, assert_conflict, at, comment, delivery, id, lock, plan, repo, start,
    target, worker,
};

pub(super) async fn a_delivery_is_kept_once(world: World) {
    let store = &world.store;
    let (first, event) = (delivery("d1"), comment(&repo("shop")));
    assert!(store.receive(&first, &event, at(0)).await.unwrap());
    assert!(!store.receive(&first, &event, at(1)).await.unwrap());
    assert_eq!(store.pending_deliveries().await.unwrap(), 1);

    let taken = store
        .take_delivery(&world.worker, at(2), LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(taken.id, first);
    assert_eq!(taken.event, event);
    assert_eq!(taken.received_at, at(0));
    assert_eq!(taken.attempts, 0);
    store
        .complete_delivery(&world.worker, &taken, &[], &[], "ignored", at(3))
        .await
        .unwrap();

    // GitHub hands it over again after it was worked off.
    assert!(!store.receive(&first, &event, at(4)).await.unwrap());
    assert_eq!(store.pending_deliveries().await.unwrap(), 0);
    let known = store
        .known_deliveries(&[delivery("d0"), first.clone()])
        .await
        .unwrap();
    assert_eq!(known, [first]);
    assert_eq!(store.known_deliveries(&[]).await.unwrap(), []);
}

pub(super) async fn one_delivery_of_a_repository_is_in_hand_at_a_time(world: World) {
    let store = &world.store;
    for (name, of) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        store
            .receive(&delivery(name), &comment(&repo(of)), at(0))
            .await
            .unwrap();
    }
    let take = async |name: &str, seconds| {
        store
            .take_delivery(&worker(name), at(seconds), LEASE)
            .await
            .unwrap()
    };
    let first = take("w1", 1).await.unwrap();
    assert_eq!(first.id, delivery("a1"));
    assert_eq!(take("w2", 1).await.unwrap().id, delivery("b1"));
    assert_eq!(take("w3", 1).await, None);
    store
        .complete_delivery(&worker("w1"), &first, &[], &[], "", at(2))
        .await
        .unwrap();
    assert_eq!(take("w3", 2).await.unwrap().id, delivery("a2"));
    // A dead worker's delivery comes again once its lease has run out, and knows that it did.
    assert_eq!(take("w4", 60).await, None);
    let again = take("w4", 61).await.unwrap();
    assert_eq!((again.id, again.attempts), (delivery("b1"), 1));
}

pub(super) async fn many_workers_take_each_delivery_once(world: World) {
    for number in 0..40 {
        let of = repo(&format!("r{}", number % 5));
        world
            .store
            .receive(&delivery(&format!("d{number}")), &comment(&of), at(0))
            .await
            .unwrap();
    }
    let workers: Vec<_> = (0..8)
        .map(|number| {
            let store = Arc::clone(&world.store);
            tokio::spawn(async move {
                let me = worker(&format!("w{number}"));
                let mut done = Vec::new();
                // None may only mean that every repository is in somebody's hand.
                while store.pending_deliveries().await.unwrap() > 0 {
                    if let Some(taken) = store.take_delivery(&me, at(1), LEASE).await.unwrap() {
                        store
                            .complete_delivery(&me, &taken, &[], &[], "", at(1))
                            .await
                            .unwrap();
                        done.push(taken.id);
                    }
                }
                done
            })
        })
        .collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.unwrap());
    }
    let distinct: BTreeSet<_> = done.iter().collect();
    assert_eq!((done.len(), distinct.len()), (40, 40));
}

pub(super) async fn a_postponed_delivery_comes_again_and_an_abandoned_one_never(world: World) {
    let store = &world.store;
    let held = world.hold_delivery(&repo("shop"), at(0)).await;
    store
        .postpone_delivery(&world.worker, &held.id, "GitHub is away", at(30))
        .await
        .unwrap();
    let take = async |seconds| {
        store
            .take_delivery(&world.worker, at(seconds), LEASE)
            .await
            .unwrap()
    };
    assert_eq!(take(29).await, None);
    let again = take(30).await.unwrap();
    assert_eq!((&again.id, again.attempts), (&held.id, 1));
    store
        .abandon_delivery(&world.worker, &held.id, "hopeless", at(31))
        .await
        .unwrap();
    assert_eq!(take(1000).await, None);
    assert_eq!(store.pending_deliveries().await.unwrap(), 0);
    assert_eq!(
        store
            .known_deliveries(std::slice::from_ref(&held.id))
            .await
            .unwrap(),
        [held.id]
    );
}

pub(super) async fn a_lost_lease_changes_nothing(world: World) {
    let store = &world.store;
    let held = world.hold_delivery(&repo("shop"), at(0)).await;
    let other = worker("w2");
    let retaken = store.take_delivery(&other, at(61), LEASE).await.unwrap();
    let intents = [start(plan(1, "eks"))];
    assert_conflict(
        store
            .complete_delivery(&world.worker, &held, &intents, &[id(1)], "", at(62))
            .await,
    );
    assert_conflict(
        store
            .postpone_delivery(&world.worker, &held.id, "", at(62))
            .await,
    );
    assert_conflict(
        store
            .abandon_delivery(&world.worker, &held.id, "", at(62))
            .await,
    );
    assert_eq!(store.run(&id(1)).await.unwrap(), None);
    store
        .complete_delivery(&other, &retaken.unwrap(), &intents, &[id(1)], "", at(63))
        .await
        .unwrap();
    assert!(store.run(&id(1)).await.unwrap().is_some());
}

pub(super) async fn a_lease_lost_to_oneself_is_lost_too(world: World) {
    let store = &world.store;
    let held = world.hold_delivery(&repo("shop"), at(0)).await;
    let again = store
        .take_delivery(&world.worker, at(61), LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.id, held.id);
    assert_conflict(
        store
            .complete_delivery(&world.worker, &held, &[], &[], "", at(62))
            .await,
    );
    store
        .complete_delivery(&world.worker, &again, &[], &[], "", at(62))
        .await
        .unwrap();
}

pub(super) async fn a_decision_is_carried_out_as_a_whole_or_not_at_all(world: World) {
    let store = &world.store;
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    world.take(at(1)).await.unwrap();
    world.end(1, Move::Succeed, at(2)).await;
    world.write_reports(at(3)).await;

    let held = world.hold_delivery(&repo("shop"), at(4)).await;
    let locked = lock(target("dev", None), "ana", Some(1));
    let cancel = |run| Intent::End {
        run,
        mv: Move::Cancel,
        outcome: None,
    };
    let over = [
        start(plan(1, "eks")),
        Intent::Lock(locked.clone()),
        Intent::Refresh(ReportKey::PlanComment(PrNumber(1))),
        cancel(id(1)),
    ];
    assert_conflict(
        store
            .complete_delivery(&world.worker, &held, &over, &[id(2)], "", at(5))
            .await,
    );
    for intents in [vec![cancel(id(77))], vec![Intent::Confirm(id(1))]] {
        assert_conflict(
            store
                .complete_delivery(&world.worker, &held, &intents, &[], "", at(5))
                .await,
        );
    }
    // Nor does a decision get through that makes no sense.
    let mut begun = plan(1, "eks");
    begun.state = RunState::Running;
    let mut needy = plan(1, "eks");
    needy.after = vec![3];
    for (intents, ids) in [
        (vec![start(begun)], vec![id(2)]),
        (vec![start(needy)], vec![id(2)]),
        (vec![start(plan(1, "eks"))], vec![]),
        (vec![], vec![id(2)]),
    ] {
        let error = store
            .complete_delivery(&world.worker, &held, &intents, &ids, "", at(5))
            .await
            .unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Invalid, "{error}");
    }
    assert_eq!(store.run(&id(2)).await.unwrap(), None);
    assert_eq!(store.locks(&repo("shop"), at(5)).await.unwrap(), []);
    assert_eq!(world.write_reports(at(5)).await, []);

    // The delivery is still in hand: decided anew, it goes through.
    let good = [start(plan(1, "eks")), Intent::Lock(locked)];
    store
        .complete_delivery(&world.worker, &held, &good, &[id(2)], "", at(6))
        .await
        .unwrap();
    assert_eq!(world.state(2).await, RunState::Queued);
}

pub(super) async fn a_thousand_deliveries_are_no_burden(world: World) {
    let store = &world.store;
    let begun = std::time::Instant::now();
    for number in 0..1000 {
        store
            .receive(
                &delivery(&format!("d{number}")),
                &comment(&repo("shop")),
                at(number),
            )
            .await
            .unwrap();
    }
    for number in 0..1000_u128 {
        let taken = store
            .take_delivery(&world.worker, at(2000), LEASE)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(taken.id, delivery(&format!("d{number}")));
        let apply = start(apply(1, "eks"));
        store
            .complete_delivery(&world.worker, &taken, &[apply], &[id(number)], "", at(2000))
            .await
            .unwrap();
    }
    let active = store.runs(&repo("shop"), &RunsOf::Active).await.unwrap();
    assert_eq!(active.len(), 1000);
    // Generous, since each of the 3,000 commits waits for the disk; a scan of the whole table for
    // each would take minutes.
    assert!(begun.elapsed() < Duration::from_secs(60));
}
