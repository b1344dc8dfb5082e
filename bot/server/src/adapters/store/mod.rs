//! The store over SQL: [`SqlStore`] is the only thing that outlives a process.
//!
//! SQLite in WAL mode for now; the statements keep to what PostgreSQL has too. Each method of the
//! port is one transaction in one of the modules below; here they are only named. Nothing in here
//! decides: what may happen is said by `slipway-core`, and what a row means by the types in it.
//!
//! # Leases
//! Work in hand has an owner and an end. The owner is the fence: a write by a worker names itself
//! in its `WHERE`, changes no row if somebody else has the work now, and is told `Conflict`. The
//! end only says from when on somebody else may take it.

mod drift;
mod error;
mod inbox;
mod intents;
mod locks;
mod log;
mod notes;
mod open;
mod overrides;
mod plans;
mod releases;
mod reports;
mod rows;
mod runs;
mod steps;
mod taking;

#[cfg(test)]
mod suite;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use slipway_core::event::{Event, RepoRef};
use slipway_core::facts::{DriftTurn, Hold, Lock, Release};
use slipway_core::ids::{
    CommitSha, DeliveryId, EnvName, IssueNumber, PrNumber, RunId, ServiceName,
};
use slipway_core::intent::{Content, Intent, ReportKey};
use slipway_core::outcome::{Outcome, Progress};
use slipway_core::policy::Override;
use slipway_core::ports::{
    Delivery, LogChunk, PortResult, RunEnd, RunsOf, SentReport, StopRequest, Store, TakenReport,
    TakenRun, Touched, WorkerId,
};
use slipway_core::run::{Run, Step, StepName, StepResult};

pub use open::SqlStore;

/// Tells what was being done along with a fault.
trait While<T> {
    fn doing(self, what: impl FnOnce() -> String) -> PortResult<T>;
}

impl<T> While<T> for error::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> PortResult<T> {
        self.map_err(|fault| fault.while_doing(what()))
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> PortResult<()> {
        notes::ping(self).await.doing(|| "answering".into())
    }

    async fn receive(&self, id: &DeliveryId, event: &Event, now: Timestamp) -> PortResult<bool> {
        inbox::receive(self, id, event, now)
            .await
            .doing(|| format!("storing delivery {id}"))
    }

    async fn take_delivery(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<Delivery>> {
        inbox::take(self, worker, now, lease)
            .await
            .doing(|| "taking a delivery".into())
    }

    async fn complete_delivery(
        &self,
        worker: &WorkerId,
        delivery: &Delivery,
        intents: &[Intent],
        run_ids: &[RunId],
        note: &str,
        now: Timestamp,
    ) -> PortResult<Touched> {
        intents::complete(self, worker, delivery, intents, run_ids, note, now)
            .await
            .doing(|| format!("completing delivery {}", delivery.id))
    }

    async fn postpone_delivery(
        &self,
        worker: &WorkerId,
        id: &DeliveryId,
        error: &str,
        again_at: Timestamp,
    ) -> PortResult<()> {
        inbox::postpone(self, worker, id, error, again_at)
            .await
            .doing(|| format!("postponing delivery {id}"))
    }

    async fn abandon_delivery(
        &self,
        worker: &WorkerId,
        id: &DeliveryId,
        error: &str,
        now: Timestamp,
    ) -> PortResult<()> {
        inbox::abandon(self, worker, id, error, now)
            .await
            .doing(|| format!("giving delivery {id} up"))
    }

    async fn known_deliveries(&self, ids: &[DeliveryId]) -> PortResult<Vec<DeliveryId>> {
        inbox::known(self, ids)
            .await
            .doing(|| "looking deliveries up".into())
    }

    async fn pending_deliveries(&self) -> PortResult<u64> {
        inbox::pending(self)
            .await
            .doing(|| "counting deliveries".into())
    }

    async fn say(
        &self,
        repo: &RepoRef,
        key: &ReportKey,
        content: &Content,
        now: Timestamp,
    ) -> PortResult<()> {
        reports::say_now(self, repo, key, content, now)
            .await
            .doing(|| format!("saying {key}"))
    }

    async fn run(&self, id: &RunId) -> PortResult<Option<Run>> {
        runs::read(self, id)
            .await
            .doing(|| format!("reading run {id}"))
    }

    async fn steps(&self, id: &RunId) -> PortResult<Vec<Step>> {
        steps::read(self, id)
            .await
            .doing(|| format!("reading the steps of run {id}"))
    }

    async fn runs(&self, repo: &RepoRef, which: &RunsOf) -> PortResult<Vec<Run>> {
        runs::list(self, repo, which)
            .await
            .doing(|| format!("reading runs of {}", repo.name))
    }

    async fn take_run(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<TakenRun>> {
        taking::take(self, worker, now, lease)
            .await
            .doing(|| "taking a run".into())
    }

    async fn keep_runs(&self, worker: &WorkerId, until: Timestamp) -> PortResult<()> {
        taking::keep(self, worker, until)
            .await
            .doing(|| "keeping the leases of runs".into())
    }

    async fn stop_requests(&self, worker: &WorkerId) -> PortResult<Vec<StopRequest>> {
        runs::stop_requests(self, worker)
            .await
            .doing(|| "reading stop requests".into())
    }

    async fn begin_step(
        &self,
        worker: &WorkerId,
        run: &RunId,
        step: StepName,
        now: Timestamp,
    ) -> PortResult<()> {
        steps::begin(self, worker, run, step, now)
            .await
            .doing(|| format!("beginning step {} of run {run}", step.as_str()))
    }

    async fn finish_step(
        &self,
        worker: &WorkerId,
        run: &RunId,
        step: StepName,
        result: &StepResult,
        now: Timestamp,
    ) -> PortResult<()> {
        steps::finish(self, worker, run, step, result, now)
            .await
            .doing(|| format!("ending step {} of run {run}", step.as_str()))
    }

    async fn progress(
        &self,
        worker: &WorkerId,
        run: &RunId,
        progress: &Progress,
    ) -> PortResult<()> {
        runs::record_progress(self, worker, run, progress)
            .await
            .doing(|| format!("recording the progress of run {run}"))
    }

    async fn end_run(
        &self,
        worker: &WorkerId,
        run: &RunId,
        end: &RunEnd,
        now: Timestamp,
    ) -> PortResult<()> {
        runs::end_by_worker(self, worker, run, end, now)
            .await
            .doing(|| format!("ending run {run}"))
    }

    async fn cancel_unconfirmed(
        &self,
        before: Timestamp,
        outcome: &Outcome,
        now: Timestamp,
    ) -> PortResult<u64> {
        runs::cancel_unconfirmed(self, before, outcome, now)
            .await
            .doing(|| "cancelling runs that nobody confirmed".into())
    }

    async fn requeue_run(&self, run: &RunId, now: Timestamp) -> PortResult<()> {
        runs::requeue(self, run, now)
            .await
            .doing(|| format!("requeueing run {run}"))
    }

    async fn take_lost_runs(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Vec<TakenRun>> {
        taking::take_lost(self, worker, now, lease)
            .await
            .doing(|| "taking lost runs over".into())
    }

    async fn break_leases(&self, now: Timestamp) -> PortResult<()> {
        taking::break_leases(self, now)
            .await
            .doing(|| "breaking leases".into())
    }

    async fn append_log(&self, run: &RunId, text: &str) -> PortResult<()> {
        log::append(self, run, text)
            .await
            .doing(|| format!("writing the log of run {run}"))
    }

    async fn log(&self, run: &RunId, past: i64) -> PortResult<Vec<LogChunk>> {
        log::past(self, run, past)
            .await
            .doing(|| format!("reading the log of run {run}"))
    }

    async fn locks(&self, repo: &RepoRef, now: Timestamp) -> PortResult<Vec<Lock>> {
        locks::of_repo(self, repo, now)
            .await
            .doing(|| format!("reading the locks of {}", repo.name))
    }

    async fn holds(&self, repo: &RepoRef) -> PortResult<Vec<Hold>> {
        locks::holds(self, repo)
            .await
            .doing(|| format!("reading the holds of {}", repo.name))
    }

    async fn drift_turns(&self, repo: &RepoRef) -> PortResult<Vec<DriftTurn>> {
        drift::turns(self, repo)
            .await
            .doing(|| format!("reading the turns of {}", repo.name))
    }

    async fn begin_drift_turns(&self, now: Timestamp) -> PortResult<u64> {
        drift::begin(self, now)
            .await
            .doing(|| "beginning the looks for drift".to_owned())
    }

    async fn drift_issue(&self, repo: &RepoRef, issue: IssueNumber) -> PortResult<Option<EnvName>> {
        drift::issue(self, repo, issue)
            .await
            .doing(|| format!("looking up the issue {}#{issue}", repo.name))
    }

    async fn releases(&self, repo: &RepoRef) -> PortResult<Vec<Release>> {
        releases::of_repo(self, repo)
            .await
            .doing(|| format!("reading the releases of {}", repo.name))
    }

    async fn release_before(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        service: &ServiceName,
        run: &RunId,
    ) -> PortResult<Option<Release>> {
        releases::before(self, repo, env, service, run)
            .await
            .doing(|| format!("reading the release before run {run}"))
    }

    async fn overrides(&self, repo: &RepoRef, pr: PrNumber) -> PortResult<Vec<Override>> {
        overrides::of_pr(self, repo, pr)
            .await
            .doing(|| format!("reading the overrides of {}#{pr}", repo.name))
    }

    async fn is_blessed(&self, repo: &RepoRef, head: &CommitSha) -> PortResult<bool> {
        releases::is_blessed(self, repo, head)
            .await
            .doing(|| format!("reading whether {head} may be planned"))
    }

    async fn is_known_head(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        head: &CommitSha,
    ) -> PortResult<bool> {
        reports::is_known_head(self, repo, pr, head)
            .await
            .doing(|| format!("reading whether {head} is known as the head of #{pr}"))
    }

    async fn take_report(
        &self,
        worker: &WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> PortResult<Option<TakenReport>> {
        reports::take(self, worker, now, lease)
            .await
            .doing(|| "taking a report".into())
    }

    async fn about_to_create(&self, worker: &WorkerId, report: &TakenReport) -> PortResult<()> {
        reports::about_to_create(self, worker, report)
            .await
            .doing(|| format!("announcing report {}", report.key))
    }

    async fn report_created(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        remote_id: Option<u64>,
    ) -> PortResult<()> {
        reports::created(self, worker, report, remote_id)
            .await
            .doing(|| format!("recording the id of report {}", report.key))
    }

    async fn finish_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        sent: &SentReport,
        not_before: Timestamp,
    ) -> PortResult<()> {
        reports::finish(self, worker, report, sent, not_before)
            .await
            .doing(|| format!("recording report {}", report.key))
    }

    async fn postpone_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        error: &str,
        again_at: Timestamp,
    ) -> PortResult<()> {
        reports::postpone(self, worker, report, error, again_at)
            .await
            .doing(|| format!("postponing report {}", report.key))
    }

    async fn abandon_report(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        error: &str,
    ) -> PortResult<()> {
        reports::abandon(self, worker, report, error)
            .await
            .doing(|| format!("giving report {} up", report.key))
    }

    async fn pending_reports(&self) -> PortResult<u64> {
        reports::pending(self)
            .await
            .doing(|| "counting reports".into())
    }

    async fn needed_plans(&self, runs: &[RunId], made_after: Timestamp) -> PortResult<Vec<RunId>> {
        plans::needed(self, runs, made_after)
            .await
            .doing(|| "looking for plans that are needed".into())
    }

    async fn forget_logs(&self, before: Timestamp, at_most: u32) -> PortResult<u64> {
        log::forget(self, before, at_most)
            .await
            .doing(|| "deleting old logs".into())
    }

    async fn note(&self, name: &str) -> PortResult<Option<String>> {
        notes::get(self, name)
            .await
            .doing(|| format!("reading note {name}"))
    }

    async fn set_note(&self, name: &str, value: &str) -> PortResult<()> {
        notes::set(self, name, value)
            .await
            .doing(|| format!("writing note {name}"))
    }
}
