//! When environments are looked at, and where it is told.

use slipway_core::event::EventKind;
use slipway_core::facts::DriftTurn;
use slipway_core::ids::IssueNumber;
use slipway_core::intent::{Intent, ReportKey};
use slipway_core::ports::SentReport;

use super::world::{World, at, env, repo};

const HOUR: i64 = 3600;

fn turn(name: &str, schedule: &str, due: i64) -> DriftTurn {
    DriftTurn {
        env: env(name),
        schedule: schedule.to_owned(),
        due_at: at(due),
    }
}

fn due(name: &str) -> EventKind {
    EventKind::DriftDue { env: env(name) }
}

pub(super) async fn a_turn_is_taken_once_and_by_one_process(world: World) {
    let turns = [
        turn("dev", "hourly", HOUR),
        turn("prod", "hourly", 2 * HOUR),
    ];
    let turns = turns.map(Intent::TakeTurns);
    world.decide(at(0), &turns, &[]).await;
    let store = &world.store;
    assert_eq!(store.begin_drift_turns(at(HOUR - 1)).await, Ok(0));
    // Several at once, and one of them has it.
    let all = (0..5).map(|_| store.begin_drift_turns(at(HOUR)));
    let begun: Vec<u64> = futures::future::try_join_all(all).await.unwrap();
    assert_eq!(begun.iter().sum::<u64>(), 1);
    assert_eq!(world.drain(at(HOUR)).await, [due("dev")]);
    // Of all that were missed one is made up.
    assert_eq!(store.begin_drift_turns(at(9 * HOUR + 5)).await, Ok(2));
    let mut drained = world.drain(at(9 * HOUR + 5)).await;
    drained.sort_by_key(|kind| format!("{kind:?}"));
    assert_eq!(drained, [due("dev"), due("prod")]);
    assert_eq!(store.begin_drift_turns(at(9 * HOUR + 6)).await, Ok(0));
    let next = [
        turn("dev", "hourly", 10 * HOUR),
        turn("prod", "hourly", 10 * HOUR),
    ];
    assert_eq!(store.drift_turns(&repo("shop")).await.unwrap(), next);
}

pub(super) async fn turns_change_and_end(world: World) {
    let store = &world.store;
    let here = repo("shop");
    let first = turn("dev", "hourly", HOUR);
    let first = Intent::TakeTurns(first);
    world.decide(at(0), &[first], &[]).await;
    let other = turn("dev", "daily 06:00 UTC", 6 * HOUR);
    let changed = Intent::TakeTurns(other.clone());
    world.decide(at(0), &[changed], &[]).await;
    assert_eq!(store.drift_turns(&here).await.unwrap(), [other]);
    assert!(store.drift_turns(&repo("other")).await.unwrap().is_empty());
    assert_eq!(store.begin_drift_turns(at(HOUR)).await, Ok(0));
    world
        .decide(at(0), &[Intent::EndTurns(env("dev"))], &[])
        .await;
    assert!(store.drift_turns(&here).await.unwrap().is_empty());
    assert_eq!(store.begin_drift_turns(at(9 * HOUR)).await, Ok(0));
}

pub(super) async fn an_issue_leads_back_to_its_environment(world: World) {
    let store = &world.store;
    let key = ReportKey::DriftIssue(env("dev"));
    world.decide(at(0), &[Intent::Refresh(key)], &[]).await;
    let taken = world.take_report(at(0)).await.unwrap();
    let written = SentReport {
        remote_id: Some(7),
        hash: "h".to_owned(),
        count: 1,
    };
    store
        .finish_report(&world.worker, &taken, &written, at(0))
        .await
        .unwrap();
    let find = |name: &'static str, number| async move {
        let found = store.drift_issue(&repo(name), IssueNumber(number)).await;
        found.unwrap()
    };
    assert_eq!(find("shop", 7).await, Some(env("dev")));
    assert_eq!(find("shop", 8).await, None);
    assert_eq!(find("other", 7).await, None);
}
