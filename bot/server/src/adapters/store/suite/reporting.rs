//! Reports: what is due, and what was sent.

use slipway_core::ids::{CommentId, PrNumber};
use slipway_core::intent::{Content, Intent, ReportKey};
use slipway_core::outcome::Progress;
use slipway_core::ports::{Reaction, RunEnd};
use slipway_core::run::Move;

use super::world::{
    LEASE, World, apply, assert_conflict, at, deploy, ending, env, id, lock, plan, release, repo,
    sent, start, target, worker,
};

fn plan_reports(pr: u64) -> Vec<ReportKey> {
    let pr = PrNumber(pr);
    vec![
        ReportKey::PlanComment(pr),
        ReportKey::PlanCheck(pr, super::world::commit('a'), env("dev")),
        ReportKey::SummaryCheck(pr, super::world::commit('a')),
    ]
}

pub(super) async fn a_report_is_written_once_for_many_changes(world: World) {
    let intents = [start(plan(1, "eks")), start(plan(1, "db"))];
    world.decide(at(0), &intents, &[1, 2]).await;
    world.take_all(at(1)).await;
    assert_eq!(world.store.pending_reports().await.unwrap(), 3);
    assert_eq!(world.write_reports(at(2)).await, plan_reports(1));
    assert_eq!(world.write_reports(at(3)).await, []);
    world.end(1, Move::Succeed, at(4)).await;
    world.end(2, Move::Succeed, at(4)).await;
    assert_eq!(world.write_reports(at(5)).await, plan_reports(1));
    assert_eq!(world.store.pending_reports().await.unwrap(), 0);

    let refresh = Intent::Refresh(ReportKey::PlanComment(PrNumber(1)));
    world.decide(at(6), &[refresh], &[]).await;
    assert_eq!(
        world.write_reports(at(6)).await,
        [ReportKey::PlanComment(PrNumber(1))]
    );
}

pub(super) async fn changes_during_a_write_stay_due(world: World) {
    let store = &world.store;
    world.decide(at(0), &[start(plan(1, "eks"))], &[1]).await;
    world.take(at(1)).await.unwrap();
    let first = world.take_report(at(2)).await.unwrap();
    assert_eq!(first.repo, repo("shop"));
    assert_eq!(first.content, None);
    let second = world.take_report(at(2)).await.unwrap();
    assert_ne!(first.key, second.key);
    let third = world.take_report(at(2)).await.unwrap();
    assert_eq!(world.take_report(at(2)).await, None, "all are in hand");

    world.end(1, Move::Succeed, at(3)).await;
    for report in [&first, &second, &third] {
        store
            .finish_report(&world.worker, report, &sent("h"), at(5))
            .await
            .unwrap();
    }
    assert_eq!(store.pending_reports().await.unwrap(), 3);
    assert_eq!(world.take_report(at(4)).await, None, "not that often");
    assert_eq!(world.write_reports(at(5)).await, plan_reports(1));

    // A change soon after a write waits for its moment too.
    world.decide(at(6), &[start(plan(2, "eks"))], &[2]).await;
    let report = world.take_report(at(6)).await.unwrap();
    store
        .finish_report(&world.worker, &report, &sent("h"), at(9))
        .await
        .unwrap();
    world.write_reports(at(6)).await;
    world.decide(at(7), &[start(plan(2, "db"))], &[3]).await;
    let soon = world.write_reports(at(8)).await;
    assert!(!soon.contains(&report.key), "{soon:?}");
    assert_eq!(world.write_reports(at(9)).await, [report.key]);
}

pub(super) async fn many_plans_are_told_twice(world: World) {
    let pending = async || world.store.pending_reports().await.unwrap();
    let intents = [start(plan(1, "eks")), start(plan(1, "db"))];
    world.decide(at(0), &intents, &[1, 2]).await;
    assert_eq!(
        world.write_reports(at(1)).await,
        plan_reports(1),
        "as asked"
    );
    world.take_all(at(2)).await;
    let progress = Progress::default();
    let store = &world.store;
    store
        .progress(&world.worker, &id(1), &progress)
        .await
        .unwrap();
    world.end(1, Move::Succeed, at(3)).await;
    assert_eq!(pending().await, 0, "one is left");
    world.end(2, Move::Fail, at(4)).await;
    assert_eq!(
        world.write_reports(at(4)).await,
        plan_reports(1),
        "as planned"
    );

    // What is no plan is told on its way.
    world.decide(at(5), &[start(apply(1, "eks"))], &[3]).await;
    let reports = world.write_reports(at(9)).await;
    world.take_all(at(9)).await;
    assert_eq!(world.write_reports(at(20)).await, reports);
}

pub(super) async fn what_is_said_twice_is_written_once(world: World) {
    let store = &world.store;
    let shop = repo("shop");
    let eyes = ReportKey::Reaction(CommentId(5), Reaction::Eyes);
    store
        .say(&shop, &eyes, &Content::Reaction, at(0))
        .await
        .unwrap();
    let report = world.take_report(at(0)).await.unwrap();
    assert_eq!(report.content, Some(Content::Reaction));
    store
        .say(&shop, &eyes, &Content::Reaction, at(1))
        .await
        .unwrap();
    store
        .finish_report(&world.worker, &report, &sent("h"), at(1))
        .await
        .unwrap();
    store
        .say(&shop, &eyes, &Content::Reaction, at(2))
        .await
        .unwrap();
    assert_eq!(world.write_reports(at(3)).await, []);

    let reply = ReportKey::Reply(PrNumber(1), super::world::delivery("d1"));
    for (body, due) in [("one", true), ("one", false), ("two", true)] {
        let content = Content::Comment { body: body.into() };
        let say = Intent::Say(reply.clone(), content);
        world.decide(at(4), &[say], &[]).await;
        let written = world.write_reports(at(4)).await;
        assert_eq!(!written.is_empty(), due, "{body}");
    }
}

pub(super) async fn failures_are_counted_and_given_up(world: World) {
    let store = &world.store;
    let key = ReportKey::PlanComment(PrNumber(1));
    let refresh = [Intent::Refresh(key)];
    world.decide(at(0), &refresh, &[]).await;
    let report = world.take_report(at(0)).await.unwrap();
    assert_eq!(report.attempts, 0);
    store
        .postpone_report(&world.worker, &report, "502", at(10))
        .await
        .unwrap();
    assert_eq!(world.take_report(at(9)).await, None);
    let report = world.take_report(at(10)).await.unwrap();
    assert_eq!(report.attempts, 1);
    store
        .abandon_report(&world.worker, &report, "422")
        .await
        .unwrap();
    assert_eq!(world.take_report(at(1000)).await, None);
    assert_eq!(store.pending_reports().await.unwrap(), 0);
    world.decide(at(1001), &refresh, &[]).await;
    let report = world.take_report(at(1001)).await.unwrap();
    assert_eq!(report.attempts, 0);
    // Asked for by a person, it does not wait for the next try.
    store
        .postpone_report(&world.worker, &report, "502", at(5000))
        .await
        .unwrap();
    world.decide(at(1002), &refresh, &[]).await;
    assert!(world.take_report(at(1002)).await.is_some());
}

pub(super) async fn what_github_has_is_remembered(world: World) {
    let store = &world.store;
    let me = &world.worker;
    let refresh = [Intent::Refresh(ReportKey::PlanComment(PrNumber(1)))];
    world.decide(at(0), &refresh, &[]).await;
    let report = world.take_report(at(0)).await.unwrap();
    assert_eq!((report.remote_id, report.maybe_created), (None, false));
    store.about_to_create(me, &report).await.unwrap();

    // The process dies right after.
    let report = world.take_report(at(60)).await.unwrap();
    assert!(report.maybe_created);
    store.report_created(me, &report, Some(12)).await.unwrap();
    let report = world.take_report(at(120)).await.unwrap();
    assert_eq!((report.remote_id, report.maybe_created), (Some(12), false));
    assert_eq!((report.sent_hash.as_deref(), report.sent_count), (None, 0));
    store
        .finish_report(me, &report, &sent("abc"), at(121))
        .await
        .unwrap();

    world.decide(at(130), &refresh, &[]).await;
    let report = world.take_report(at(130)).await.unwrap();
    assert_eq!(report.remote_id, Some(12));
    assert_eq!(
        (report.sent_hash.as_deref(), report.sent_count),
        (Some("abc"), 1)
    );
    store.report_created(me, &report, None).await.unwrap();
    let report = world.take_report(at(200)).await.unwrap();
    assert_eq!(report.remote_id, None, "somebody deleted it");
}

pub(super) async fn only_the_holder_of_a_report_may_record(world: World) {
    let store = &world.store;
    let (me, other) = (&world.worker, worker("w2"));
    let refresh = [Intent::Refresh(ReportKey::PlanComment(PrNumber(1)))];
    world.decide(at(0), &refresh, &[]).await;
    let report = world.take_report(at(0)).await.unwrap();
    let theirs = store
        .take_report(&other, at(60), LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(theirs.key, report.key);
    assert_conflict(store.about_to_create(me, &report).await);
    assert_conflict(store.report_created(me, &report, Some(1)).await);
    assert_conflict(store.finish_report(me, &report, &sent("h"), at(61)).await);
    assert_conflict(store.postpone_report(me, &report, "", at(61)).await);
    assert_conflict(store.abandon_report(me, &report, "").await);
    store
        .finish_report(&other, &theirs, &sent("h"), at(61))
        .await
        .unwrap();
}

pub(super) async fn whoever_waits_for_a_lock_is_shown_anew(world: World) {
    let mut elsewhere = plan(4, "eks");
    elsewhere.order.env = env("prod");
    let mut short = lock(target("dev", None), "bob", None);
    short.until = Some(at(100));
    let intents = [
        start(apply(1, "eks")),
        start(apply(2, "eks")),
        start(elsewhere),
        Intent::Lock(short),
    ];
    world.decide(at(0), &intents, &[1, 2, 4]).await;
    assert_eq!(world.take_all(at(1)).await, [id(4)]);
    world.write_reports(at(1)).await;
    let comments = |keys: Vec<ReportKey>| -> Vec<u64> {
        keys.into_iter()
            .filter_map(|key| match key {
                ReportKey::PlanComment(pr) => Some(pr.0),
                _ => None,
            })
            .collect()
    };
    // The lock runs out: both waited, one begins.
    assert_eq!(world.take_all(at(100)).await, [id(1)]);
    assert_eq!(comments(world.write_reports(at(100)).await), [1, 2]);
    world.end(1, Move::Succeed, at(101)).await;
    assert_eq!(comments(world.write_reports(at(101)).await), [1]);
    let free = Intent::Unlock(target("dev", Some("eks")));
    world.decide(at(102), &[free], &[]).await;
    assert_eq!(comments(world.write_reports(at(102)).await), [2]);
}

pub(super) async fn those_behind_one_who_leaves_the_line_are_shown_anew(world: World) {
    let mut elsewhere = apply(4, "eks");
    elsewhere.order.env = env("prod");
    let intents = [
        start(apply(1, "eks")),
        start(apply(2, "eks")),
        start(apply(3, "eks")),
        start(elsewhere),
        start(apply(5, "db")),
        Intent::Lock(lock(target("dev", None), "bob", None)),
        Intent::Lock(lock(target("prod", None), "bob", None)),
    ];
    world.decide(at(0), &intents, &[1, 2, 3, 4, 5]).await;
    world.write_reports(at(1)).await;
    let applies = |keys: Vec<ReportKey>| -> Vec<u64> {
        let summary = |key| match key {
            ReportKey::SummaryCheck(pr, _) => Some(pr.0),
            _ => None,
        };
        keys.into_iter().filter_map(summary).collect()
    };
    let cancel = Intent::End {
        run: id(1),
        mv: Move::Cancel,
        outcome: None,
    };
    world.decide(at(2), &[cancel], &[]).await;
    assert_eq!(applies(world.write_reports(at(2)).await), [1, 2, 3]);
    // Whoever begins leaves the line, too.
    let free = Intent::Unlock(target("dev", None));
    world.decide(at(3), &[free], &[]).await;
    world.write_reports(at(3)).await;
    assert_eq!(world.take_all(at(4)).await, [id(2), id(5)]);
    assert_eq!(applies(world.write_reports(at(4)).await), [2, 3, 5]);
}

pub(super) async fn the_deployment_before_turns_inactive(world: World) {
    for (number, digit) in [(1, 'a'), (2, 'b')] {
        let intents = [start(deploy(1, "shop"))];
        world.decide(at(0), &intents, &[number]).await;
        world.take(at(1)).await.unwrap();
        world.write_reports(at(1)).await;
        let end = RunEnd {
            release: Some(release(&id(number), digit, 2)),
            ..ending(Move::Succeed)
        };
        world
            .store
            .end_run(&world.worker, &id(number), &end, at(2))
            .await
            .unwrap();
        let written = world.write_reports(at(2)).await;
        assert!(written.contains(&ReportKey::Deployment(id(number))));
        if number == 2 {
            assert!(written.contains(&ReportKey::Deployment(id(1))));
        }
    }
}
