//! Runs under way, and what they leave behind.

use slipway_core::event::EventKind;
use slipway_core::facts::Hold;
use slipway_core::ids::{PrNumber, ServiceName, StackName};
use slipway_core::intent::{Content, Intent, ReportKey};
use slipway_core::outcome::{Outcome, Progress};
use slipway_core::policy::Override;
use slipway_core::ports::{RunEnd, RunsOf, StopRequest};
use slipway_core::run::{Move, RunState, StepName, StepResult};
use slipway_core::summary::Ground;

use super::world::{
    LEASE, World, after, apply, assert_conflict, at, commit, delivery, deploy, ending, env, id,
    lock, login, plan, release, repo, start, stopped, target, worker,
};

pub(super) async fn a_run_is_read_back_as_it_was_ordered(world: World) {
    let store = &world.store;
    let shop = repo("shop");
    let new = after(deploy(2, "shop"), &[0]);
    let intents = [start(plan(1, "eks")), start(new.clone())];
    world.decide(at(0), &intents, &[2, 1]).await;
    let run = store.run(&id(1)).await.unwrap().unwrap();
    assert_eq!(run.order, new.order);
    assert_eq!(run.after, [id(2)]);
    assert_eq!((run.created_at, run.started_at), (at(0), None));
    assert_eq!(store.run(&id(3)).await.unwrap(), None);

    world.decide(at(1), &[start(plan(1, "db"))], &[3]).await;
    let list = async |which| {
        let runs = store.runs(&shop, &which).await.unwrap();
        runs.into_iter()
            .map(|run| (run.id, run.after))
            .collect::<Vec<_>>()
    };
    let none = Vec::new;
    assert_eq!(
        list(RunsOf::Pr(PrNumber(1))).await,
        [(id(3), none()), (id(2), none())]
    );
    let all = [(id(2), none()), (id(1), vec![id(2)]), (id(3), none())];
    assert_eq!(list(RunsOf::Cause(delivery("cause"))).await, all);
    assert_eq!(list(RunsOf::Active).await, all);
    let cancel = Intent::End {
        run: id(2),
        mv: Move::Cancel,
        outcome: Some(stopped("by @ana")),
    };
    world.decide(at(2), &[cancel], &[]).await;
    assert_eq!(list(RunsOf::Active).await, all[1..]);
    let run = store.run(&id(2)).await.unwrap().unwrap();
    assert_eq!(run.outcome, Some(stopped("by @ana")));
    assert_eq!(run.ended_at, Some(at(2)));
    assert_eq!(
        store.runs(&repo("other"), &RunsOf::Active).await.unwrap(),
        []
    );
}

pub(super) async fn steps_are_kept_in_order_and_may_be_begun_again(world: World) {
    let store = &world.store;
    let (me, run) = (&world.worker, id(1));
    world.decide(at(0), &[start(apply(1, "eks"))], &[1]).await;
    assert_conflict(store.begin_step(me, &run, StepName::Gates, at(1)).await);
    world.take(at(1)).await.unwrap();
    let done = StepResult::Done("open".into());
    store
        .begin_step(me, &run, StepName::Gates, at(1))
        .await
        .unwrap();
    store
        .finish_step(me, &run, StepName::Gates, &done, at(2))
        .await
        .unwrap();
    store
        .begin_step(me, &run, StepName::Checkout, at(3))
        .await
        .unwrap();
    store
        .begin_step(me, &run, StepName::Gates, at(4))
        .await
        .unwrap();
    assert!(
        store
            .finish_step(me, &run, StepName::Apply, &done, at(5))
            .await
            .is_err()
    );
    let steps = store.steps(&run).await.unwrap();
    let seen: Vec<_> = steps
        .iter()
        .map(|step| (step.name, step.claimed_at, step.result.is_some()))
        .collect();
    assert_eq!(
        seen,
        [
            (StepName::Gates, at(4), false),
            (StepName::Checkout, at(3), false)
        ]
    );
    let other = worker("w2");
    assert_conflict(store.begin_step(&other, &run, StepName::Init, at(5)).await);
    assert_conflict(
        store
            .finish_step(&other, &run, StepName::Gates, &done, at(5))
            .await,
    );
    assert_conflict(store.progress(&other, &run, &Progress::default()).await);
    assert_conflict(
        store
            .end_run(&other, &run, &ending(Move::Succeed), at(5))
            .await,
    );
}

pub(super) async fn the_end_of_a_run_is_told_once(world: World) {
    let store = &world.store;
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    world.take(at(1)).await.unwrap();
    let progress = Progress {
        line: "planning".into(),
        ..Progress::default()
    };
    store
        .progress(&world.worker, &id(1), &progress)
        .await
        .unwrap();
    let run = store.run(&id(1)).await.unwrap().unwrap();
    assert_eq!(run.outcome, Some(Outcome::Progress(progress)));

    world.end(1, Move::Fail, at(2)).await;
    assert_conflict(
        store
            .end_run(&world.worker, &id(1), &ending(Move::Fail), at(3))
            .await,
    );
    let run = store.run(&id(1)).await.unwrap().unwrap();
    assert_eq!(run.state, RunState::Failed);
    assert_eq!(run.outcome, Some(stopped("over")));
    assert_eq!(run.ended_at, Some(at(2)));
    assert_eq!(
        world.drain(at(4)).await,
        [EventKind::RunEnded { run: id(1) }]
    );
    assert_eq!(world.drain(at(5)).await, []);
}

pub(super) async fn a_run_under_way_is_asked_to_stop(world: World) {
    let store = &world.store;
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    world.take(at(1)).await.unwrap();
    let stop = |mv| Intent::End {
        run: id(1),
        mv,
        outcome: Some(stopped("newer")),
    };
    assert_conflict(world.try_decide(at(2), &[stop(Move::Skip)], &[]).await);
    let intents = [stop(Move::Supersede), Intent::LookForImages];
    let touched = world.decide(at(100), &intents, &[]).await;
    assert_eq!(touched.stopped, [id(1)]);
    assert!(touched.look_for_images);
    assert_eq!(world.state(1).await, RunState::Running);
    assert_eq!(
        store.stop_requests(&world.worker).await.unwrap(),
        [StopRequest {
            run: id(1),
            mv: Move::Supersede,
            outcome: Some(stopped("newer")),
        }]
    );
    assert_eq!(store.stop_requests(&worker("w2")).await.unwrap(), []);
    world.end(1, Move::Supersede, at(101)).await;
    assert_eq!(store.stop_requests(&world.worker).await.unwrap(), []);
    assert_eq!(world.state(1).await, RunState::Superseded);
}

pub(super) async fn a_run_asked_to_stop_is_not_queued_again(world: World) {
    let store = &world.store;
    let intents = [start(plan(1, "eks")), start(plan(1, "db"))];
    world.decide(at(0), &intents, &[1, 2]).await;
    world.take_all(at(1)).await;
    let cancel = Intent::End {
        run: id(1),
        mv: Move::Cancel,
        outcome: Some(stopped("by @ana")),
    };
    world.decide(at(2), &[cancel], &[]).await;
    store.requeue_run(&id(1), at(3)).await.unwrap();
    store.requeue_run(&id(2), at(3)).await.unwrap();
    assert_conflict(store.requeue_run(&id(2), at(3)).await);
    assert!(store.requeue_run(&id(9), at(3)).await.is_err());
    assert_eq!(world.state(1).await, RunState::Cancelled);
    assert_eq!(world.take_all(at(4)).await, [id(2)]);
    let run = store.run(&id(2)).await.unwrap().unwrap();
    assert_eq!(run.started_at, Some(at(1)), "when it was first taken");
    assert_eq!(
        world.drain(at(5)).await,
        [EventKind::RunEnded { run: id(1) }]
    );
}

pub(super) async fn lost_runs_are_taken_over_with_their_steps(world: World) {
    let store = &world.store;
    let (me, other) = (&world.worker, worker("w2"));
    world.decide(at(0), &[start(apply(1, "eks"))], &[1]).await;
    world.take(at(0)).await.unwrap();
    store
        .begin_step(me, &id(1), StepName::Apply, at(1))
        .await
        .unwrap();
    store.keep_runs(me, at(100)).await.unwrap();
    assert_eq!(
        store.take_lost_runs(&other, at(99), LEASE).await.unwrap(),
        []
    );
    // A process that overslept its own lease still has the run in hand.
    assert_eq!(store.take_lost_runs(me, at(100), LEASE).await.unwrap(), []);
    let lost = store.take_lost_runs(&other, at(100), LEASE).await.unwrap();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].run.id, id(1));
    assert_eq!(lost[0].steps[0].name, StepName::Apply);
    assert_eq!(lost[0].steps[0].result, None);
    assert_conflict(
        store
            .end_run(me, &id(1), &ending(Move::Succeed), at(101))
            .await,
    );
    store.keep_runs(me, at(1000)).await.unwrap();
    store
        .end_run(&other, &id(1), &ending(Move::Interrupt), at(102))
        .await
        .unwrap();
    assert_eq!(world.state(1).await, RunState::Interrupted);
}

pub(super) async fn a_log_ends_where_it_is_full(world: World) {
    let store = &world.store;
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    assert!(store.append_log(&id(9), "nobody's\n").await.is_err());
    store.append_log(&id(1), "first\n").await.unwrap();
    store.append_log(&id(1), "").await.unwrap();
    store.append_log(&id(1), "second\n").await.unwrap();
    let chunks = store.log(&id(1), 0).await.unwrap();
    let texts: Vec<_> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
    assert_eq!(texts, ["first\n", "second\n"]);
    let tail = store.log(&id(1), chunks[0].seq).await.unwrap();
    assert_eq!(tail, chunks[1..]);

    let line = format!("{}\n", "x".repeat(1023));
    let mebibyte = line.repeat(1024);
    for _ in 0..9 {
        store.append_log(&id(1), &mebibyte).await.unwrap();
    }
    store.append_log(&id(1), "too late\n").await.unwrap();
    let text: String = store
        .log(&id(1), 0)
        .await
        .unwrap()
        .into_iter()
        .map(|chunk| chunk.text)
        .collect();
    let last = text.lines().last().unwrap();
    assert!(last.contains("longer than 8 MiB"), "{last}");
    assert_eq!(text.lines().count(), 2 + 8191 + 1);
    assert_eq!(text.matches("8 MiB").count(), 1);
}

pub(super) async fn releases_are_told_by_their_order(world: World) {
    let store = &world.store;
    let (shop, service) = (repo("shop"), ServiceName::parse("shop").unwrap());
    for number in 1..=22 {
        world
            .decide(at(0), &[start(deploy(1, "shop"))], &[number])
            .await;
        world.take(at(1)).await.unwrap();
        let end = RunEnd {
            release: Some(release(&id(number), 'a', 1)),
            ..ending(Move::Succeed)
        };
        store
            .end_run(&world.worker, &id(number), &end, at(1))
            .await
            .unwrap();
    }
    let releases = store.releases(&shop).await.unwrap();
    let newest: Vec<_> = releases.iter().map(|release| release.run.clone()).collect();
    assert_eq!(newest, (3..=22).rev().map(id).collect::<Vec<_>>());
    assert_eq!(releases[0], release(&id(22), 'a', 1));

    world.decide(at(2), &[Intent::Disgrace(id(21))], &[]).await;
    let releases = store.releases(&shop).await.unwrap();
    assert!(!releases[1].good);
    let before = async |run| {
        store
            .release_before(&shop, &env("dev"), &service, &id(run))
            .await
            .unwrap()
            .map(|release| release.run)
    };
    assert_eq!(before(22).await, Some(id(20)));
    assert_eq!(before(20).await, Some(id(22)));
    let elsewhere = store
        .release_before(&shop, &env("prod"), &service, &id(22))
        .await
        .unwrap();
    assert_eq!(elsewhere, None);
}

pub(super) async fn locks_holds_and_blessings_are_kept(world: World) {
    let store = &world.store;
    let shop = repo("shop");
    let whole = lock(target("dev", None), "ana", None);
    let eks = lock(target("dev", Some("eks")), "bob", Some(2));
    let hold = |reason: &str| Hold {
        env: env("prod"),
        by: Some(login("ana")),
        reason: reason.into(),
        since: at(0),
    };
    let intents = [
        Intent::Lock(lock(target("dev", None), "eve", Some(9))),
        Intent::Lock(whole.clone()),
        Intent::Lock(eks.clone()),
        Intent::Hold(hold("a failed rollout")),
        Intent::Hold(hold("a rollback")),
        Intent::Bless(commit('a')),
        Intent::Bless(commit('a')),
    ];
    world.decide(at(0), &intents, &[]).await;
    assert_eq!(
        store.locks(&shop, at(1)).await.unwrap(),
        [whole, eks.clone()]
    );
    assert_eq!(store.locks(&repo("other"), at(1)).await.unwrap(), []);
    assert_eq!(store.holds(&shop).await.unwrap(), [hold("a rollback")]);
    assert!(store.is_blessed(&shop, &commit('a')).await.unwrap());
    assert!(!store.is_blessed(&shop, &commit('b')).await.unwrap());
    let (pr, a) = (PrNumber(42), commit('a'));
    assert!(!store.is_known_head(&shop, pr, &a).await.unwrap());
    let ground = Ground::NoRules;
    let arrived = Intent::Say(
        ReportKey::SummaryCheck(pr, a.clone()),
        Content::Summary { ground },
    );
    world.decide(at(0), &[arrived], &[]).await;
    assert!(store.is_known_head(&shop, pr, &a).await.unwrap());
    let others = [(PrNumber(43), &a), (pr, &commit('b'))];
    for (pr, head) in others {
        assert!(!store.is_known_head(&shop, pr, head).await.unwrap());
    }
    let other = repo("other");
    assert!(!store.is_blessed(&other, &commit('a')).await.unwrap());
    let intents = [
        Intent::Unlock(target("dev", None)),
        Intent::Unlock(target("prod", None)),
        Intent::Resume(env("prod")),
    ];
    world.decide(at(2), &intents, &[]).await;
    assert_eq!(store.locks(&shop, at(3)).await.unwrap(), [eks]);
    assert_eq!(store.holds(&shop).await.unwrap(), []);
}

pub(super) async fn overrides_are_kept_for_good(world: World) {
    let store = &world.store;
    let word = |pr: u64, stack: &str, second: i64| Override {
        pr: PrNumber(pr),
        env: env("prod"),
        stack: StackName::parse(stack).unwrap(),
        head: commit('a'),
        digest: "d".repeat(64),
        by: login("ana"),
        reason: "it's \"gone\"; DROP TABLE".into(),
        at: at(second),
    };
    let said = [word(1, "eks", 1), word(2, "eks", 1), word(1, "database", 2)];
    let intents = said.clone().map(Intent::Override);
    world.decide(at(2), &intents, &[]).await;
    world
        .decide(at(3), &[Intent::Override(word(1, "eks", 3))], &[])
        .await;
    let [eks, other, database] = said;
    let shop = repo("shop");
    let of = |pr: u64| store.overrides(&shop, PrNumber(pr));
    assert_eq!(of(1).await.unwrap(), [word(1, "eks", 3), database, eks]);
    assert_eq!(of(2).await.unwrap(), [other]);
    let elsewhere = store.overrides(&repo("other"), PrNumber(1)).await;
    assert_eq!(elsewhere.unwrap(), []);
}

pub(super) async fn notes_are_remembered(world: World) {
    let store = &world.store;
    store.ping().await.unwrap();
    assert_eq!(store.note("polled").await.unwrap(), None);
    store.set_note("polled", "1").await.unwrap();
    store.set_note("polled", "2").await.unwrap();
    assert_eq!(store.note("polled").await.unwrap(), Some("2".into()));
}
