//! What a database in a file must survive.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use slipway_core::event::EventKind;
use slipway_core::ids::PrNumber;
use slipway_core::intent::{Intent, ReportKey};
use slipway_core::ports::{PortErrorKind, Store};
use slipway_core::run::{Move, RunState, StepName};
use sqlx::SqlitePool;

use super::super::SqlStore;
use super::url;
use super::world::{
    LEASE, World, apply, at, comment, delivery, ending, id, plan, repo, start, worker,
};

#[tokio::test]
async fn a_dead_process_leaves_its_work_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&url(&directory)).await.unwrap();
    let world = World::new(Arc::new(store.clone()));
    let intents = [start(apply(1, "eks")), start(plan(1, "db"))];
    world.decide(at(0), &intents, &[1, 2]).await;
    world.take_all(at(1)).await;
    store
        .begin_step(&world.worker, &id(1), StepName::Apply, at(2))
        .await
        .unwrap();
    let held = world.hold_delivery(&repo("shop"), at(3)).await;
    let report = world.take_report(at(4)).await.unwrap();
    // Nothing is finished or given back.
    drop(world);
    store.close().await;

    let store = SqlStore::open(&url(&directory)).await.unwrap();
    let next = worker("w2");
    assert_eq!(
        store.take_lost_runs(&next, at(5), LEASE).await.unwrap(),
        [],
        "the leases have not run out"
    );
    store.break_leases(at(5)).await.unwrap();
    let lost = store.take_lost_runs(&next, at(5), LEASE).await.unwrap();
    let seen: Vec<_> = lost
        .iter()
        .map(|taken| {
            (
                taken.run.id.clone(),
                slipway_core::run::recover(&taken.steps),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                id(1),
                slipway_core::run::Recovery::Interrupt(StepName::Apply)
            ),
            (id(2), slipway_core::run::Recovery::Requeue)
        ]
    );
    store
        .end_run(&next, &id(1), &ending(Move::Interrupt), at(6))
        .await
        .unwrap();
    store.requeue_run(&id(2), at(6)).await.unwrap();
    let taken = store
        .take_delivery(&next, at(6), LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((taken.id, taken.attempts), (held.id, 1));
    let mut again = Vec::new();
    while let Some(taken) = store.take_report(&next, at(6), LEASE).await.unwrap() {
        again.push(taken.key);
    }
    assert!(again.contains(&report.key), "{again:?}");
    let run = store.take_run(&next, at(6), LEASE).await.unwrap().unwrap();
    assert_eq!(run.run.id, id(2));
}

#[tokio::test]
async fn a_transaction_that_is_dropped_midway_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&url(&directory)).await.unwrap();
    let mut tx = store.write().await.unwrap();
    sqlx::query("INSERT INTO notes (name, value) VALUES ('half', 'done')")
        .execute(&mut *tx)
        .await
        .unwrap();
    drop(tx);
    assert_eq!(store.note("half").await.unwrap(), None);
    store.set_note("whole", "done").await.unwrap();
    assert_eq!(store.note("half").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_file_without_busy_errors() {
    let directory = tempfile::tempdir().unwrap();
    let first = SqlStore::open(&url(&directory)).await.unwrap();
    let second = SqlStore::open(&url(&directory)).await.unwrap();
    let writers: Vec<_> = [first.clone(), second]
        .into_iter()
        .enumerate()
        .map(|(process, store)| {
            tokio::spawn(async move {
                let me = worker(&format!("w{process}"));
                let mut done = 0;
                for number in 0..50 {
                    let name = delivery(&format!("d{process}-{number}"));
                    let event = comment(&repo(&format!("r{process}")));
                    store.receive(&name, &event, at(0)).await.unwrap();
                    if let Some(taken) = store.take_delivery(&me, at(1), LEASE).await.unwrap() {
                        store
                            .complete_delivery(&me, &taken, &[], &[], "", at(1))
                            .await
                            .unwrap();
                        done += 1;
                    }
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for writer in writers {
        done += writer.await.unwrap();
    }
    let left = first.pending_deliveries().await.unwrap();
    assert_eq!(done + left, 100);
}

#[tokio::test]
async fn only_its_owner_may_look_into_a_new_directory() {
    let directory = tempfile::tempdir().unwrap();
    SqlStore::open(&url(&directory)).await.unwrap();
    let made = directory.path().join("data").metadata().unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_place_that_can_t_be_written_is_told() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let below = format!("sqlite://{}/file/x.db", directory.path().display());
    let error = SqlStore::open(&below).await.unwrap_err();
    assert!(
        matches!(error.kind, PortErrorKind::Unavailable { .. }),
        "{error:?}"
    );
    let elsewhere = "postgres://slipway:hunter2@localhost/x";
    let error = SqlStore::open(elsewhere).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_damaged_row_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&url(&directory)).await.unwrap();
    let world = World::new(Arc::new(store.clone()));
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    assert_eq!(world.state(1).await, RunState::Queued);
    let mut tx = store.write().await.unwrap();
    sqlx::query("UPDATE runs SET work_order = '{'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let error = store.run(&id(1)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    assert!(error.said.contains(id(1).as_str()), "{error}");
    assert_eq!(world.drain(at(1)).await, Vec::<EventKind>::new());
}

#[tokio::test]
async fn a_report_that_cannot_be_read_keeps_no_other_from_being_written() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open(&url(&directory)).await.unwrap();
    let world = World::new(Arc::new(store.clone()));
    let keys = [1, 2].map(|pr| ReportKey::PlanComment(PrNumber(pr)));
    for (key, second) in keys.iter().zip([0, 1]) {
        let refresh = [Intent::Refresh(key.clone())];
        world.decide(at(second), &refresh, &[]).await;
    }
    let raw = SqlitePool::connect(&url(&directory)).await.unwrap();
    sqlx::query("UPDATE reports SET report_key = 'of another time' WHERE report_key = $1")
        .bind(keys[0].to_string())
        .execute(&raw)
        .await
        .unwrap();
    let report = world.take_report(at(2)).await.unwrap();
    assert_eq!(report.key, keys[1]);
    assert_eq!(world.take_report(at(2)).await, None);
    let said: String =
        sqlx::query_scalar("SELECT last_error FROM reports WHERE report_key = 'of another time'")
            .fetch_one(&raw)
            .await
            .unwrap();
    assert!(said.contains("of another time"), "{said}");
    raw.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_race_for_a_stack_one_wins() {
    for round in 0..10 {
        let directory = tempfile::tempdir().unwrap();
        let one = World::new(Arc::new(SqlStore::open(&url(&directory)).await.unwrap()));
        let mut other = World::new(Arc::new(SqlStore::open(&url(&directory)).await.unwrap()));
        other.worker = worker("w2");
        let intents: Vec<_> = (1..=4).map(|pr| start(apply(pr, "eks"))).collect();
        one.decide(at(0), &intents, &[1, 2, 3, 4]).await;
        let takers: Vec<_> = [&one, &other, &one, &other]
            .into_iter()
            .cloned()
            .map(|world| tokio::spawn(async move { world.take(at(1)).await }))
            .collect();
        let mut taken = Vec::new();
        for taker in takers {
            taken.extend(taker.await.unwrap());
        }
        let winners: Vec<_> = taken.iter().map(|taken| taken.run.id.clone()).collect();
        assert_eq!(winners, [id(1)], "round {round}");
        for world in [&one, &other] {
            let held = world.store.locks(&repo("shop"), at(1)).await.unwrap();
            let holders: Vec<_> = held.iter().map(|lock| lock.pr).collect();
            assert_eq!(holders, [Some(PrNumber(1))], "round {round}");
        }
    }
}
