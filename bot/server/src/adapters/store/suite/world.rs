//! Things to keep in a store, made short.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use slipway_core::config::{AccountId, Provenance, RoleArn};
use slipway_core::event::{Actor, Event, EventKind, RepoRef};
use slipway_core::facts::{Lock, LockTarget, Release};
use slipway_core::ids::{
    CommentId, CommitSha, DeliveryId, Digest, EnvName, InstallationId, Login, PrNumber, RepoName,
    RunId, ServiceName, StackName,
};
use slipway_core::intent::{Intent, NewRun, ReportKey};
use slipway_core::outcome::{Outcome, Stopped};
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{
    Delivery, PortError, PortErrorKind, PortResult, RunEnd, SentReport, Store, TakenReport,
    TakenRun, Touched, WorkerId,
};
use slipway_core::run::{
    ApplyWork, DeployWork, ForceUnlockWork, ImageToDeploy, Move, PlanToApply, PlanWork, RunOrder,
    RunState, Trigger, Work,
};
use slipway_core::spec::{AwsAccess, ServiceSpec, StackSpec};

pub(super) const LEASE: Duration = Duration::from_secs(60);

/// A moment, in seconds since the checks began.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(super) fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

pub(super) fn repo(name: &str) -> RepoRef {
    RepoRef {
        installation: InstallationId(7),
        name: RepoName::parse(format!("acme/{name}")).unwrap(),
    }
}

pub(super) fn env(name: &str) -> EnvName {
    EnvName::parse(name).unwrap()
}

pub(super) fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

pub(super) fn delivery(name: &str) -> DeliveryId {
    DeliveryId::parse(name).unwrap()
}

pub(super) fn commit(digit: char) -> CommitSha {
    CommitSha::parse(digit.to_string().repeat(40)).unwrap()
}

pub(super) fn id(bits: u128) -> RunId {
    RunId::from_bits(bits)
}

pub(super) fn comment(repo: &RepoRef) -> Event {
    Event {
        repo: repo.clone(),
        actor: Some(Actor {
            login: login("ana"),
            is_bot: false,
        }),
        kind: EventKind::Comment {
            pr: PrNumber(1),
            comment: CommentId(5),
            body: "/apply dev — Grüße".into(),
        },
    }
}

fn access() -> AwsAccess {
    AwsAccess {
        region: "eu-central-1".into(),
        account: AccountId::parse("111111111111").unwrap(),
        role: RoleArn::parse("arn:aws:iam::111111111111:role/slipway").unwrap(),
        external_id: None,
        session: Duration::from_secs(3600),
    }
}

fn stack(name: &str) -> StackSpec {
    StackSpec {
        name: StackName::parse(name).unwrap(),
        dir: format!("infra/{name}"),
        workspace: "dev".into(),
        var_files: vec!["dev.tfvars".into()],
        backend_config: Vec::new(),
        policies: Vec::new(),
        tool: None,
    }
}

fn order(pr: u64, work: Work) -> RunOrder {
    RunOrder {
        issue: None,
        repo: repo("shop"),
        env: env("dev"),
        pr: Some(PrNumber(pr)),
        commit: commit('a'),
        actor: login("ana"),
        trigger: Trigger::Comment(CommentId(5)),
        cause: delivery("cause"),
        not_before: None,
            frozen: None,
        work,
    }
}

fn queued(order: RunOrder) -> NewRun {
    NewRun {
        order,
        state: RunState::Queued,
        after: Vec::new(),
    }
}

pub(super) fn plan(pr: u64, name: &str) -> NewRun {
    queued(order(
        pr,
        Work::Plan(PlanWork {
            stack: stack(name),
            aws: access(),
            base_ref: "main".into(),
            held_by: None,
            flags: PlanFlags::default(),
            base: commit('b'),
        }),
    ))
}

pub(super) fn apply(pr: u64, name: &str) -> NewRun {
    queued(order(
        pr,
        Work::Apply(ApplyWork {
            stack: stack(name),
            aws: access(),
            plan: PlanToApply::Saved(id(99)),
            flags: PlanFlags::default(),
        }),
    ))
}

pub(super) fn force_unlock(pr: u64, name: &str) -> NewRun {
    queued(order(
        pr,
        Work::ForceUnlock(ForceUnlockWork {
            stack: stack(name),
            aws: access(),
            id: "4d4d2c61-1".into(),
            seen: None,
        }),
    ))
}

pub(super) fn deploy(pr: u64, name: &str) -> NewRun {
    queued(order(
        pr,
        Work::Deploy(DeployWork {
            service: ServiceSpec {
                name: ServiceName::parse(name).unwrap(),
                image: "ghcr.io/acme/shop".into(),
                manifests: "app/k8s/dev".into(),
                cluster: "shop-dev".into(),
                namespace: "shop".into(),
                image_wait: Duration::from_secs(1200),
                rollout: Duration::from_secs(600),
                provenance: Provenance::Label,
            },
            aws: access(),
            url: None,
            production: false,
            image: ImageToDeploy::Tag("sha-a".into()),
            brought_by: Some(PrNumber(pr)),
            rollback: None,
            roll_back_on_failure: true,
        }),
    ))
}

pub(super) fn start(new: NewRun) -> Intent {
    Intent::Start(Box::new(new))
}

pub(super) fn after(mut new: NewRun, places: &[usize]) -> NewRun {
    new.after = places.to_vec();
    new
}

pub(super) fn by(mut new: NewRun, actor: &str) -> NewRun {
    new.order.actor = login(actor);
    new
}

pub(super) fn target(name: &str, stack: Option<&str>) -> LockTarget {
    LockTarget {
        env: env(name),
        stack: stack.map(|stack| StackName::parse(stack).unwrap()),
    }
}

pub(super) fn lock(target: LockTarget, holder: &str, pr: Option<u64>) -> Lock {
    Lock {
        target,
        holder: login(holder),
        pr: pr.map(PrNumber),
        reason: Some("DB migration".into()),
        since: at(0),
        until: None,
    }
}

pub(super) fn stopped(what: &str) -> Outcome {
    Outcome::Stopped(Box::new(Stopped {
        what: what.into(),
        ..Stopped::default()
    }))
}

pub(super) fn ending(mv: Move) -> RunEnd {
    RunEnd {
        mv,
        outcome: stopped("over"),
        release: None,
    }
}

pub(super) fn release(run: &RunId, digit: char, seconds: i64) -> Release {
    Release {
        env: env("dev"),
        service: ServiceName::parse("shop").unwrap(),
        commit: commit(digit),
        digest: Digest::parse(format!("sha256:{}", digit.to_string().repeat(64))).unwrap(),
        pr: Some(PrNumber(1)),
        actor: login("ana"),
        run: run.clone(),
        live_at: at(seconds),
        good: true,
    }
}

pub(super) fn sent(hash: &str) -> SentReport {
    SentReport {
        remote_id: Some(12),
        hash: hash.into(),
        count: 1,
    }
}

pub(super) fn assert_conflict<T: std::fmt::Debug>(result: PortResult<T>) {
    match result {
        Err(PortError {
            kind: PortErrorKind::Conflict,
            ..
        }) => {}
        other => panic!("a conflict was expected: {other:?}"),
    }
}

/// A store with somebody who works with it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) store: Arc<dyn Store>,
    pub(super) worker: WorkerId,
    counter: Arc<AtomicU64>,
}

impl World {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            worker: worker("w1"),
            counter: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Stores a delivery of a repository and takes it, working off whatever came before.
    pub(super) async fn hold_delivery(&self, repo: &RepoRef, now: Timestamp) -> Delivery {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        let id = delivery(&format!("made-{number}"));
        self.store.receive(&id, &comment(repo), now).await.unwrap();
        loop {
            let taken = self
                .store
                .take_delivery(&self.worker, now, LEASE)
                .await
                .unwrap()
                .expect("the delivery just stored is due");
            if taken.id == id {
                return taken;
            }
            self.store
                .complete_delivery(&self.worker, &taken, &[], &[], "", now)
                .await
                .unwrap();
        }
    }

    /// Has a decision carried out in `acme/shop`; one that can't be is given up.
    pub(super) async fn try_decide(
        &self,
        now: Timestamp,
        intents: &[Intent],
        ids: &[u128],
    ) -> PortResult<Touched> {
        let held = self.hold_delivery(&repo("shop"), now).await;
        let ids: Vec<_> = ids.iter().copied().map(id).collect();
        let done = self
            .store
            .complete_delivery(&self.worker, &held, intents, &ids, "decided", now)
            .await;
        if done.is_err() {
            // Nothing was changed, so it is still in hand and keeps the repository's others off.
            self.store
                .abandon_delivery(&self.worker, &held.id, "not to be", now)
                .await
                .unwrap();
        }
        done
    }

    pub(super) async fn decide(&self, now: Timestamp, intents: &[Intent], ids: &[u128]) -> Touched {
        self.try_decide(now, intents, ids).await.unwrap()
    }

    pub(super) async fn take(&self, now: Timestamp) -> Option<TakenRun> {
        self.store.take_run(&self.worker, now, LEASE).await.unwrap()
    }

    /// Takes whatever may start, and says which.
    pub(super) async fn take_all(&self, now: Timestamp) -> Vec<RunId> {
        let mut taken = Vec::new();
        while let Some(run) = self.take(now).await {
            taken.push(run.run.id);
        }
        taken
    }

    pub(super) async fn end(&self, run: u128, mv: Move, now: Timestamp) {
        self.store
            .end_run(&self.worker, &id(run), &ending(mv), now)
            .await
            .unwrap();
    }

    pub(super) async fn state(&self, run: u128) -> RunState {
        self.store.run(&id(run)).await.unwrap().unwrap().state
    }

    pub(super) async fn take_report(&self, now: Timestamp) -> Option<TakenReport> {
        self.store
            .take_report(&self.worker, now, LEASE)
            .await
            .unwrap()
    }

    /// Writes all reports that are due, and says which.
    pub(super) async fn write_reports(&self, now: Timestamp) -> Vec<ReportKey> {
        let mut keys = Vec::new();
        while let Some(report) = self.take_report(now).await {
            self.store
                .finish_report(&self.worker, &report, &sent("h"), now)
                .await
                .unwrap();
            keys.push(report.key);
        }
        keys.sort();
        keys
    }

    /// Takes all deliveries that are due and completes them; says what they were.
    pub(super) async fn drain(&self, now: Timestamp) -> Vec<EventKind> {
        let mut kinds = Vec::new();
        while let Some(taken) = self
            .store
            .take_delivery(&self.worker, now, LEASE)
            .await
            .unwrap()
        {
            self.store
                .complete_delivery(&self.worker, &taken, &[], &[], "", now)
                .await
                .unwrap();
            kinds.push(taken.event.kind);
        }
        kinds
    }
}
