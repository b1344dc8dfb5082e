//! Takes a run and drives its steps through the ports.
//!
//! A step is recorded as begun before it is tried and as done after. Steps before the effect may be
//! repeated after a crash; the effect never is: a run that died inside one is looked at ([`look`])
//! and left to people.

mod apply;
mod deploy;
mod force_unlock;
mod gates;
mod log;
mod look;
mod plan;
mod policy;
mod seen;
mod sessions;
mod state_role;
mod terraform;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use slipway_core::facts::Release;
use slipway_core::ids::{CommitSha, EnvName, RunId, ServiceName};
use slipway_core::outcome::{ApplyTally, Evidence, Outcome, PodTrouble, Progress, Stopped};
use slipway_core::plan::Diagnostic;
use slipway_core::ports::{
    AssumeRole, PortError, PortErrorKind, Revision, RunEnd, RunLog, Session, StateLock, Stop,
    TakenRun, WorkerId, Worktree,
};
use slipway_core::report::markdown::duration;
use slipway_core::report::refusal::GateRow;
use slipway_core::run::{Move, Run, RunOrder, StepName, StepResult, Work};
use tokio::sync::Semaphore;

use crate::bells::{Bells, StopFlag};
use crate::gather::Gather;
use crate::ports::Ports;
use log::StoreLog;
use sessions::RunSessions;

pub use terraform::{STATE, state_key};

/// The first pause before another try; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long a step tries again what fails in passing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Executes runs.
pub struct Runner {
    ports: Ports,
    gather: Gather,
    bells: Arc<Bells>,
    /// As many Terraform processes at once as this has permits; waiting for an image takes none.
    terraform_slots: Arc<Semaphore>,
    data_dir: std::path::PathBuf,
    /// How long the file of a plan is kept.
    keep_plans: Duration,
    closing: tokio_util::sync::CancellationToken,
}

/// What became of a taken run.
pub enum Ending {
    /// It is over.
    Over(Box<RunEnd>),
    /// The process ends, and nothing was changed: somebody else may begin it anew.
    HandBack,
    /// The lease was lost: somebody else has it.
    Lost(PortError),
}

/// Why a run does not go on.
enum Halt {
    /// A step failed.
    Failed(Box<Failure>),
    /// A gate is closed.
    Refused(Vec<GateRow>),
    /// Somebody asked to stop, or the process ends.
    Stopped,
    /// The store says that the run is somebody else's.
    Lost(PortError),
}

/// A failed step, for people.
#[derive(Default)]
struct Failure {
    what: String,
    fix: String,
    step: Option<StepName>,
    diagnostics: Vec<Diagnostic>,
    tally: ApplyTally,
    pods: Vec<PodTrouble>,
    state_lock: Option<StateLock>,
}

impl Failure {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            fix: fix.into(),
            ..Self::default()
        }
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

impl From<PortError> for Halt {
    fn from(error: PortError) -> Self {
        if error.kind == PortErrorKind::Stopped {
            return Self::Stopped;
        }
        let fix = match error.kind {
            PortErrorKind::Unavailable { .. } => "it may pass: `/retry`",
            PortErrorKind::Denied => "grant the right, then `/retry`",
            PortErrorKind::Conflict | PortErrorKind::NotFound | PortErrorKind::Invalid => {
                "mend the cause, then `/retry`"
            }
            PortErrorKind::Stopped => "",
        };
        Failure::new(error.to_string(), fix).into()
    }
}

/// A run in hand.
struct Hand<'a> {
    runner: &'a Runner,
    worker: &'a WorkerId,
    run: &'a Run,
    stop: Arc<StopFlag>,
    /// For work that changes nothing: it is cut short when the process ends, too.
    harmless: UntilTheEnd,
    log: Arc<StoreLog>,
    /// What can be told so far, kept for the end.
    so_far: std::sync::Mutex<SoFar>,
    /// Effects that an earlier worker recorded as done: never done again.
    done_before: Vec<StepName>,
}

/// Stops when somebody asks for it, and when the process ends: the run is handed back then.
struct UntilTheEnd {
    stop: Arc<StopFlag>,
    closing: tokio_util::sync::CancellationToken,
}

#[async_trait::async_trait]
impl Stop for UntilTheEnd {
    fn is_asked(&self) -> bool {
        self.stop.is_asked() || self.closing.is_cancelled()
    }

    async fn asked(&self) {
        tokio::select! {
            () = self.stop.asked() => {}
            () = self.closing.cancelled() => {}
        }
    }
}

#[derive(Clone, Default)]
struct SoFar {
    evidence: Option<Evidence>,
    digest: Option<slipway_core::ids::Digest>,
    step: Option<StepName>,
    effect_begun: bool,
    /// What Terraform left behind when it was stopped.
    left: Option<String>,
}

impl Runner {
    /// A runner that works through these ports, with its scratch space under `data_dir`; the plan
    /// files that it saves expire after `keep_plans`.
    #[must_use]
    pub fn new(
        ports: Ports,
        gather: Gather,
        bells: Arc<Bells>,
        terraform_slots: usize,
        data_dir: std::path::PathBuf,
        keep_plans: Duration,
    ) -> Self {
        Self {
            ports,
            gather,
            bells,
            terraform_slots: Arc::new(Semaphore::new(terraform_slots)),
            data_dir,
            keep_plans,
            closing: tokio_util::sync::CancellationToken::new(),
        }
    }

    /// Asks all runs that have not begun their effect to stop and be handed back.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Executes a run to its end.
    pub async fn execute(
        &self,
        worker: &WorkerId,
        taken: &TakenRun,
        stop: Arc<StopFlag>,
    ) -> Ending {
        let log = StoreLog::start(
            self.ports.store.clone(),
            worker.clone(),
            taken.run.id.clone(),
        );
        let hand = Hand {
            runner: self,
            worker,
            run: &taken.run,
            harmless: UntilTheEnd {
                stop: Arc::clone(&stop),
                closing: self.closing.clone(),
            },
            stop,
            log: Arc::clone(&log),
            so_far: std::sync::Mutex::default(),
            done_before: taken
                .steps
                .iter()
                .filter(|step| matches!(step.result, Some(StepResult::Done(_))))
                .map(|step| step.name)
                .collect(),
        };
        let result = match &taken.run.order.work {
            Work::Plan(work) => plan::run(&hand, work).await,
            Work::Apply(work) => apply::run(&hand, work).await,
            Work::Deploy(work) => deploy::run(&hand, work).await,
            Work::ForceUnlock(work) => force_unlock::run(&hand, work).await,
            Work::Look(work) => seen::run(&hand, work).await,
        };
        let ending = hand.ending(result).await;
        log.finish().await;
        ending
    }
}

impl Hand<'_> {
    /// Does one step: recorded as begun before, as ended after.
    async fn step<T>(
        &self,
        name: StepName,
        work: impl Future<Output = Result<(T, String), Halt>>,
    ) -> Result<T, Halt> {
        if !name.is_effect() {
            self.pause()?;
        }
        let store = &self.runner.ports.store;
        let now = self.runner.ports.clock.now();
        store
            .begin_step(self.worker, &self.run.id, name, now)
            .await
            .map_err(Halt::Lost)?;
        self.remember(|so_far| {
            so_far.step = Some(name);
            so_far.effect_begun |= name.is_effect();
        });
        self.log.say(&format!("── {}", name.as_str()));
        let outcome = work.await;
        let result = match &outcome {
            Ok((_, line)) => StepResult::Done(line.clone()),
            Err(Halt::Failed(failure)) => StepResult::Failed(failure.what.clone()),
            Err(Halt::Refused(_)) => StepResult::Failed("a gate is closed".to_owned()),
            Err(Halt::Stopped) => StepResult::Failed("stopped".to_owned()),
            Err(Halt::Lost(error)) => StepResult::Failed(error.to_string()),
        };
        let (StepResult::Done(line) | StepResult::Failed(line)) = &result;
        self.log.say(line);
        let now = self.runner.ports.clock.now();
        store
            .finish_step(self.worker, &self.run.id, name, &result, now)
            .await
            .map_err(Halt::Lost)?;
        outcome.map(|(value, _)| value)
    }

    /// Ends the run here if somebody asked for it.
    fn pause(&self) -> Result<(), Halt> {
        if self.stop.is_asked() || self.runner.closing.is_cancelled() {
            return Err(Halt::Stopped);
        }
        Ok(())
    }

    fn remember(&self, change: impl FnOnce(&mut SoFar)) {
        let mut so_far = self
            .so_far
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut so_far);
    }

    fn so_far(&self) -> SoFar {
        self.so_far
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Tells how far the run is, with what is known so far.
    async fn progress(&self, line: &str) -> Result<(), Halt> {
        let so_far = self.so_far();
        let progress = Progress {
            line: line.to_owned(),
            counted: None,
            evidence: so_far.evidence,
            digest: so_far.digest,
        };
        self.log.base(&progress);
        self.runner
            .ports
            .store
            .progress(self.worker, &self.run.id, &progress)
            .await
            .map_err(Halt::Lost)?;
        self.runner.bells.reports.notify_one();
        Ok(())
    }

    /// The run's end, from what its work came to.
    async fn ending(&self, result: Result<RunEnd, Halt>) -> Ending {
        let end = match result {
            Ok(end) => end,
            Err(Halt::Lost(error)) => return Ending::Lost(error),
            Err(Halt::Refused(gates)) => RunEnd {
                mv: Move::Refuse,
                outcome: Outcome::Refused { gates },
                release: None,
            },
            Err(Halt::Failed(failure)) => self.failed(*failure),
            Err(Halt::Stopped) => {
                if self.runner.closing.is_cancelled() && !self.stop.is_asked() {
                    return Ending::HandBack;
                }
                self.stopped().await
            }
        };
        Ending::Over(Box::new(end))
    }

    fn failed(&self, failure: Failure) -> RunEnd {
        let so_far = self.so_far();
        RunEnd {
            release: self.broken_release(&so_far),
            mv: Move::Fail,
            outcome: Outcome::Stopped(Box::new(Stopped {
                what: failure.what,
                fix: failure.fix,
                diagnostics: failure.diagnostics,
                pods: failure.pods,
                evidence: so_far.evidence,
                digest: so_far.digest,
                step: failure.step.or(so_far.step),
                tally: failure.tally,
                reached_the_world: so_far.effect_begun,
                state_lock: failure.state_lock,
            })),
        }
    }

    /// What a deploy leaves in the cluster that ended in the middle of its effect: a release that
    /// is no good, so that nobody takes the one before it for what runs now.
    fn broken_release(&self, so_far: &SoFar) -> Option<Release> {
        let order = &self.run.order;
        let (Work::Deploy(work), true) = (&order.work, so_far.effect_begun) else {
            return None;
        };
        Some(Release {
            env: order.env.clone(),
            service: work.service.name.clone(),
            commit: order.commit.clone(),
            digest: so_far.digest.clone()?,
            pr: order.pr,
            actor: order.actor.clone(),
            run: self.run.id.clone(),
            live_at: self.runner.ports.clock.now(),
            good: false,
        })
    }

    /// What the run becomes that somebody asked to stop: cancelled or superseded, as they said.
    async fn stopped(&self) -> RunEnd {
        let requests = self.runner.ports.store.stop_requests(self.worker).await;
        let request = requests
            .ok()
            .and_then(|all| all.into_iter().find(|request| request.run == self.run.id));
        let (mv, told) = match request {
            Some(request) => (request.mv, request.outcome),
            None => (Move::Cancel, None),
        };
        let so_far = self.so_far();
        let mut stopped = match told {
            Some(Outcome::Stopped(stopped)) => *stopped,
            _ => Stopped {
                what: "stopped".to_owned(),
                ..Stopped::default()
            },
        };
        if so_far.effect_begun {
            let left = so_far.left.as_ref().map(|left| format!(": {left}"));
            let left = left.unwrap_or_default();
            stopped.what = format!("{} in the middle of its effect{left}", stopped.what);
            stopped.fix = "look at what was done before you go on: see the run's log".to_owned();
        }
        let release = self.broken_release(&so_far);
        stopped.evidence = so_far.evidence;
        stopped.digest = so_far.digest;
        stopped.step = so_far.step;
        stopped.reached_the_world = so_far.effect_begun;
        RunEnd {
            mv,
            outcome: Outcome::Stopped(Box::new(stopped)),
            release,
        }
    }

    // --- trying again

    /// Tries again, for about a minute, what failed in passing: GitHub, AWS and Kubernetes have
    /// such minutes. Only for what does no harm when it is repeated.
    async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, PortError>>,
    {
        let clock = &self.runner.ports.clock;
        let began = clock.now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt().await {
                Err(error) if error.is_passing() => error,
                result => return result.map_err(Halt::from),
            };
            let asked = match error.kind {
                PortErrorKind::Unavailable { retry_after } => retry_after,
                _ => None,
            };
            let wait = asked.unwrap_or(pause);
            let waited = clock.now().duration_since(began).max(SignedDuration::ZERO);
            if waited.unsigned_abs() + wait > PATIENCE {
                return Err(error.into());
            }
            self.log
                .say(&format!("{error}; trying again in {}", duration(wait)));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.asked() => return Err(Halt::Stopped),
                () = self.runner.closing.cancelled() => return Err(Halt::Stopped),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    // --- steps that several kinds of runs have

    /// Makes the worktree.
    async fn checkout(&self, revision: Revision) -> Result<Box<dyn Worktree>, Halt> {
        self.step(StepName::Checkout, async {
            let repo = &self.run.order.repo;
            let ports = &self.runner.ports;
            let worktree = self
                .patiently(|| async {
                    let access = ports.forge.clone_access(repo).await?;
                    let checkout = ports
                        .source
                        .checkout(repo, &access, &revision, &self.harmless);
                    match (checkout.await, &revision) {
                        // What git says about a conflict says what to do as well.
                        (Err(error), Revision::Merged { .. })
                            if error.kind == PortErrorKind::Conflict =>
                        {
                            Ok(Err(Halt::from(Failure::new(error.said, ""))))
                        }
                        (checkout, _) => checkout.map(Ok),
                    }
                })
                .await??;
            let line = match &revision {
                Revision::Commit(sha) => format!("{} is checked out", sha.short()),
                Revision::Merged { head, base, .. } => {
                    format!(
                        "{} merged into {} is checked out",
                        head.short(),
                        base.short()
                    )
                }
            };
            Ok((worktree, line))
        })
        .await
    }

    /// Assumes the run's role and proves which account it is.
    async fn credentials(&self) -> Result<Session, Halt> {
        self.step(StepName::Credentials, async {
            let cloud = &self.runner.ports.cloud;
            let role = assume(&self.run.order);
            let session = self.patiently(|| cloud.assume(&role)).await?;
            self.remember(|so_far| so_far.evidence = Some(session.evidence.clone()));
            let line = format!(
                "{} in {} as {}",
                session.evidence.role, session.evidence.account, session.evidence.session
            );
            Ok((session, line))
        })
        .await
    }

    /// The credentials of the run's Terraform, for as long as it takes.
    async fn sessions(&self) -> Result<Arc<RunSessions>, Halt> {
        let first = self.credentials().await?;
        let ports = &self.runner.ports;
        Ok(RunSessions::begin(
            Arc::clone(&ports.cloud),
            Arc::clone(&ports.clock),
            assume(&self.run.order),
            first,
            Arc::clone(&self.log) as Arc<dyn RunLog>,
        ))
    }

    /// The latest good release before this run's.
    async fn release_before(
        &self,
        env: &EnvName,
        service: &ServiceName,
    ) -> Result<Option<Release>, Halt> {
        self.runner
            .ports
            .store
            .release_before(&self.run.order.repo, env, service, &self.run.id)
            .await
            .map_err(Halt::from)
    }
}

/// What the keys of all plan files begin with, and a `/`.
pub const PLANS: &str = "plans";

/// The key of the file of the plan that a run makes.
#[must_use]
pub fn plan_key(run: &RunId) -> String {
    format!("{PLANS}/{run}")
}

/// The role of a run, and as whom.
fn assume(order: &RunOrder) -> AssumeRole {
    let aws = order.aws();
    let names = crate::session::names(order);
    AssumeRole {
        role: aws.role.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        session_name: names.session_name,
        source_identity: names.source_identity,
        external_id: aws.external_id.clone(),
        duration: aws.session,
    }
}

/// The end of a run that did its work.
fn succeeded(outcome: Outcome, release: Option<Release>) -> RunEnd {
    RunEnd {
        mv: Move::Succeed,
        outcome,
        release,
    }
}

/// What a plan is made of: a pull request's head merged into its base, or the tip of the default
/// branch as it is.
fn planned_revision(run: &Run, base: &CommitSha) -> Result<Revision, Halt> {
    if run.order.is_about_drift() {
        return Ok(Revision::Commit(run.order.commit.clone()));
    }
    let pr = run
        .order
        .pr
        .ok_or_else(|| Failure::new("the run belongs to no pull request", ""))?;
    Ok(Revision::Merged {
        pr,
        head: run.order.commit.clone(),
        base: base.clone(),
    })
}
