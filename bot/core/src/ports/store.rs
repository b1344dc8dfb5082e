//! The store: what the bot knows and has promised. Memory is only a cache of it.
//!
//! Every method is one transaction. Work is handed out under a *lease*: a worker that dies leaves
//! one that runs out, and somebody else takes the work. A worker whose lease was lost gets
//! [`PortErrorKind::Conflict`](super::PortErrorKind::Conflict) at its next write and must drop
//! the work in hand.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;
use crate::event::{Event, RepoRef};
use crate::facts::{DriftTurn, Hold, Lock, Release};
use crate::ids::{CommitSha, DeliveryId, EnvName, IssueNumber, PrNumber, RunId, ServiceName};
use crate::intent::{Content, Intent, ReportKey};
use crate::outcome::{Outcome, Progress};
use crate::policy::Override;
use crate::run::{Move, Run, Step, StepName, StepResult};

/// One process that works; ids are never used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId(pub String);

/// A delivery that was taken to be worked off.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// What happened.
    pub event: Event,
    /// When it was stored.
    pub received_at: Timestamp,
    /// How often it was tried before.
    pub attempts: u32,
}

/// What a transaction touched in ways that somebody in this process may wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Runs under way that were asked to stop.
    pub stopped: Vec<RunId>,
    /// Whether awaited images are to be looked for now.
    pub look_for_images: bool,
}

/// How a taken run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEnd {
    /// `Succeed`, `Fail`, `Refuse`, `Cancel`, `Supersede` or `Interrupt`.
    pub mv: Move,
    /// What came of it.
    pub outcome: Outcome,
    /// The release that it made live, or left there broken.
    pub release: Option<Release>,
}

/// A run that a worker took.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenRun {
    /// The run.
    pub run: Run,
    /// The steps recorded by an earlier worker that died.
    pub steps: Vec<Step>,
}

/// What a stopping run was asked to become.
#[derive(Clone, Debug, PartialEq)]
pub struct StopRequest {
    /// Which run.
    pub run: RunId,
    /// `Cancel` or `Supersede`.
    pub mv: Move,
    /// What is told about it.
    pub outcome: Option<Outcome>,
}

/// A report that is to be written to GitHub.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenReport {
    /// Where.
    pub repo: RepoRef,
    /// Which.
    pub key: ReportKey,
    /// Its content, if it is said once; a projection otherwise.
    pub content: Option<Content>,
    /// The version that is to be written: it grows with every change.
    pub version: i64,
    /// The id that GitHub gave it, once it did.
    pub remote_id: Option<u64>,
    /// Whether somebody may have created it on GitHub without recording the id: look first.
    pub maybe_created: bool,
    /// SHA-256 of what was written last; equal content is not written again.
    pub sent_hash: Option<String>,
    /// For a deployment: how many statuses were appended.
    pub sent_count: u32,
    /// How often writing this version failed.
    pub attempts: u32,
}

/// What was written to GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentReport {
    /// The id that GitHub gave it, where there is one.
    pub remote_id: Option<u64>,
    /// SHA-256 of what was written.
    pub hash: String,
    /// For a deployment: how many statuses are there now.
    pub count: u32,
}

/// Which runs a projection shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunsOf {
    /// All of a pull request, newest first.
    Pr(PrNumber),
    /// All that one delivery caused, in the order in which they were made.
    Cause(DeliveryId),
    /// All of the repository that are not over, oldest first.
    Active,
    /// Those that looked for drift in an environment, and all that may have changed what they saw:
    /// the newest few hundred, newest first.
    Drift(EnvName),
}

/// A piece of a run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogChunk {
    /// Its place; grows.
    pub seq: i64,
    /// Whole lines.
    pub text: String,
}

/// The store.
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether the store answers; for `/readyz`.
    async fn ping(&self) -> PortResult<()>;

    // --- inbox

    /// Keeps a delivery. `false` if one with this id is there already (then nothing changes).
    async fn receive(&self, id: &DeliveryId, event: &Event, now: Timestamp) -> PortResult<bool>;
    /// Takes the oldest delivery that is due, of a repository none of whose deliveries is taken.
    async fn take_delivery(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<Delivery>>;
    /// Marks a delivery done and carries out its intents, all or nothing. New runs get the ids
    /// given, in the order of the [`Intent::Start`]s; every report that shows a touched run or
    /// lock is due again. `Conflict` if the lease is lost or a move is not legal any more:
    /// then the decision is made again.
    async fn complete_delivery(
        &self,
        worker: &WorkerId,
        delivery: &Delivery,
        intents: &[Intent],
        run_ids: &[RunId],
        note: &str,
        now: Timestamp,
    ) -> PortResult<Touched>;
    /// Gives a delivery back, to be tried again at a moment.
    async fn postpone_delivery(
        &self,
        worker: &WorkerId,
        id: &DeliveryId,
        error: &str,
        again_at: Timestamp,
    ) -> PortResult<()>;
    /// Gives a delivery up for good; it is kept, with the error.
    async fn abandon_delivery(
        &self,
        worker: &WorkerId,
        id: &DeliveryId,
        error: &str,
        now: Timestamp,
    ) -> PortResult<()>;
    /// Which of these deliveries are stored (done or not).
    async fn known_deliveries(&self, ids: &[DeliveryId]) -> PortResult<Vec<DeliveryId>>;
    /// How many deliveries are waiting or taken.
    async fn pending_deliveries(&self) -> PortResult<u64>;
    /// Says something on GitHub before the delivery that it answers is worked off (👀).
    async fn say(
        &self,
        repo: &RepoRef,
        key: &ReportKey,
        content: &Content,
        now: Timestamp,
    ) -> PortResult<()>;

    // --- runs

    /// One run.
    async fn run(&self, id: &RunId) -> PortResult<Option<Run>>;
    /// Its steps, in order.
    async fn steps(&self, id: &RunId) -> PortResult<Vec<Step>>;
    /// Several runs.
    async fn runs(&self, repo: &RepoRef, which: &RunsOf) -> PortResult<Vec<Run>>;
    /// Takes the oldest queued run that may start: its time has come, the runs before it have
    /// succeeded, no lock of somebody else is on its environment or stack, and no other run is
    /// under way on the same stack or service in the environment (plans of several pull requests
    /// may be). An apply takes the lock on its stack×environment for its pull request.
    async fn take_run(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<TakenRun>>;
    /// Keeps the leases of runs in hand.
    async fn keep_runs(&self, worker: &WorkerId, until: Timestamp) -> PortResult<()>;
    /// Runs under way by this worker that were asked to stop.
    async fn stop_requests(&self, worker: &WorkerId) -> PortResult<Vec<StopRequest>>;
    /// Records that a step is begun. The step may have been begun before.
    async fn begin_step(
        &self,
        worker: &WorkerId,
        run: &RunId,
        step: StepName,
        now: Timestamp,
    ) -> PortResult<()>;
    /// Records how a step ended.
    async fn finish_step(
        &self,
        worker: &WorkerId,
        run: &RunId,
        step: StepName,
        result: &StepResult,
        now: Timestamp,
    ) -> PortResult<()>;
    /// Records how far a run is; its reports are due again.
    async fn progress(&self, worker: &WorkerId, run: &RunId, progress: &Progress)
    -> PortResult<()>;
    /// Ends a run: state, outcome, release, the event [`RunEnded`](crate::event::EventKind) in the
    /// inbox and its reports, in one transaction.
    async fn end_run(
        &self,
        worker: &WorkerId,
        run: &RunId,
        end: &RunEnd,
        now: Timestamp,
    ) -> PortResult<()>;
    /// Cancels the runs that wait for their second step since before a moment; gives how many.
    async fn cancel_unconfirmed(
        &self,
        before: Timestamp,
        outcome: &Outcome,
        now: Timestamp,
    ) -> PortResult<u64>;
    /// Puts a run back into the queue: its worker shuts down before an effect, or is gone.
    async fn requeue_run(&self, run: &RunId, now: Timestamp) -> PortResult<()>;
    /// Runs under way whose lease has run out, with their steps. They are taken over by this
    /// worker, so that it can requeue or end them.
    async fn take_lost_runs(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Vec<TakenRun>>;
    /// Lets all leases run out: for a start at which no other process can share the store.
    async fn break_leases(&self, now: Timestamp) -> PortResult<()>;
    /// Appends whole lines to a run's log. Past 8 MiB nothing more is kept, and the log says so.
    async fn append_log(&self, run: &RunId, text: &str) -> PortResult<()>;
    /// The log of a run past a place.
    async fn log(&self, run: &RunId, past: i64) -> PortResult<Vec<LogChunk>>;

    // --- locks, holds, releases

    /// All locks of a repository that have not run out.
    async fn locks(&self, repo: &RepoRef, now: Timestamp) -> PortResult<Vec<Lock>>;
    /// All holds of a repository.
    async fn holds(&self, repo: &RepoRef) -> PortResult<Vec<Hold>>;
    /// The latest releases of each service in each environment (20 of each), newest first.
    async fn releases(&self, repo: &RepoRef) -> PortResult<Vec<Release>>;
    /// The latest good release of one service in one environment other than that of a run.
    async fn release_before(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        service: &ServiceName,
        run: &RunId,
    ) -> PortResult<Option<Release>>;
    /// What was said over policies on a pull request, newest first.
    async fn overrides(&self, repo: &RepoRef, pr: PrNumber) -> PortResult<Vec<Override>>;
    /// Whether somebody with the right to plan has said `/plan` about this head commit.
    async fn is_blessed(&self, repo: &RepoRef, head: &CommitSha) -> PortResult<bool>;
    /// Whether it was worked off that this commit became the head of the pull request.
    async fn is_known_head(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        head: &CommitSha,
    ) -> PortResult<bool>;

    // --- drift

    /// When the environments of a repository are looked at for drift next.
    async fn drift_turns(&self, repo: &RepoRef) -> PortResult<Vec<DriftTurn>>;
    /// Puts [`DriftDue`](crate::event::EventKind) into the inbox for every environment whose turn
    /// has come, and gives each its next turn: turns that were missed are taken once together, and
    /// by one process. Gives how many.
    async fn begin_drift_turns(&self, now: Timestamp) -> PortResult<u64>;
    /// The environment whose issue about drift this is, if it is one that was written here.
    async fn drift_issue(&self, repo: &RepoRef, issue: IssueNumber) -> PortResult<Option<EnvName>>;

    // --- reports

    /// Takes a report that is due. A lease on it keeps others off.
    async fn take_report(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<TakenReport>>;
    /// Records, before a report is created on GitHub, that it may be there from now on.
    async fn about_to_create(&self, worker: &WorkerId, report: &TakenReport) -> PortResult<()>;
    /// Records the id of a report as soon as GitHub gave one (deployments: before their statuses).
    async fn report_created(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        remote_id: Option<u64>,
    ) -> PortResult<()>;
    /// Records what was written. The report is due again if it changed meanwhile, not before
    /// `not_before` (so that GitHub is written to every few seconds at the most).
    async fn finish_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        sent: &SentReport,
        not_before: Timestamp,
    ) -> PortResult<()>;
    /// Gives a report back, to be tried again at a moment.
    async fn postpone_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        error: &str,
        again_at: Timestamp,
    ) -> PortResult<()>;
    /// Gives a report up until it changes again; it is kept, with the error.
    async fn abandon_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        error: &str,
    ) -> PortResult<()>;
    /// How many reports are due or taken.
    async fn pending_reports(&self) -> PortResult<u64>;

    // --- housekeeping

    /// Of these plan runs, those whose files are still needed: under way, or wanted by an apply that
    /// is not over; or made after a moment, the newest of their stack, environment and pull request,
    /// not applied, and of a pull request that was not closed since.
    async fn needed_plans(&self, runs: &[RunId], made_after: Timestamp) -> PortResult<Vec<RunId>>;
    /// Deletes the logs of some runs that ended before a moment, leaving a line that says so; gives
    /// of how many.
    async fn forget_logs(&self, before: Timestamp, at_most: u32) -> PortResult<u64>;

    /// A value that the bot remembers for itself (since when deliveries were polled, …).
    async fn note(&self, name: &str) -> PortResult<Option<String>>;
    /// Remembers a value.
    async fn set_note(&self, name: &str, value: &str) -> PortResult<()>;
}
