//! One piece of work with a durable record, and the moves that its state may make.
//!
//! [`transition`] is total: every pair of state and move has an answer, and an illegal move is an
//! error rather than a surprise. The store applies moves by compare-and-set, so that two workers
//! can never both make one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::RepoRef;
use crate::ids::{
    CommentId, CommitSha, DeliveryId, Digest, EnvName, IssueNumber, Login, PrNumber, RunId,
    ServiceName, StackName,
};
use crate::outcome::{Outcome, Planned};
use crate::plan_flags::PlanFlags;
use crate::ports::StateLock;
use crate::spec::{AwsAccess, ServiceSpec, StackSpec};

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id; whoever knows it may read its page.
    pub id: RunId,
    /// What is to be done, decided when the run was made.
    #[serde(flatten)]
    pub order: RunOrder,
    /// Where it stands.
    pub state: RunState,
    /// The runs that must succeed first.
    pub after: Vec<RunId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it came to its end.
    pub ended_at: Option<Timestamp>,
    /// What came of it; or, while it is under way, what can be told so far.
    pub outcome: Option<Outcome>,
}

/// What a run is to do, for whom and why: all that a decision fixes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunOrder {
    /// Where.
    pub repo: RepoRef,
    /// In which environment.
    pub env: EnvName,
    /// The pull request that it belongs to; none where it is about drift.
    pub pr: Option<PrNumber>,
    /// The issue about drift that it was asked for on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<IssueNumber>,
    /// The commit that it is about: a pull request's head, or the merge commit; for drift the tip of
    /// the default branch.
    pub commit: CommitSha,
    /// Who asked, or whose merge led to it.
    pub actor: Login,
    /// How it was asked for.
    pub trigger: Trigger,
    /// The delivery that caused it; runs of one cause are reported together.
    pub cause: DeliveryId,
    /// Not to be started before this moment (a window that opens later, the end of a freeze).
    pub not_before: Option<Timestamp>,
    /// The freeze that kept it from starting at once, in a line of Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// The work itself.
    pub work: Work,
}

/// How a run was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// By a comment.
    Comment(CommentId),
    /// By a button of a check run.
    Button,
    /// By a pull request's event: opened, pushed to, … .
    PullRequest,
    /// By a merge to the default branch.
    Merge,
    /// By another run (a rollback after a failed rollout).
    Run,
    /// By the clock (a look for drift).
    Schedule,
}

/// The work of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Plan one stack in one environment.
    Plan(PlanWork),
    /// Apply one stack in one environment.
    Apply(ApplyWork),
    /// Roll one service out in one environment.
    Deploy(DeployWork),
    /// Force the state lock of one stack in one environment open.
    ForceUnlock(ForceUnlockWork),
    /// See what one environment runs of one service.
    Look(LookWork),
}

/// What a look at a service is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookWork {
    /// The service, as deploy.toml had it. The run's commit is that of its last release, whose
    /// manifests name its workloads.
    pub service: ServiceSpec,
    /// Roles and account.
    pub aws: AwsAccess,
}

/// What a plan run is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanWork {
    /// The stack, as deploy.toml had it.
    pub stack: StackSpec,
    /// Roles and account.
    pub aws: AwsAccess,
    /// The base branch.
    pub base_ref: String,
    /// The tip of the base branch that the head is merged into.
    pub base: CommitSha,
    /// The pull request that holds the stack while it is looked at for drift: what was applied of it
    /// and is not merged is expected to differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<PrNumber>,
    /// What is handed on to Terraform besides; a plan with flags is made on a person's word alone.
    #[serde(default, skip_serializing_if = "PlanFlags::is_none")]
    pub flags: PlanFlags,
}

/// What an apply run is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyWork {
    /// The stack, as deploy.toml had it.
    pub stack: StackSpec,
    /// Roles and account.
    pub aws: AwsAccess,
    /// Which plan.
    pub plan: PlanToApply,
    /// The flags that the saved plan was made with, as whoever had it applied saw them.
    #[serde(default, skip_serializing_if = "PlanFlags::is_none")]
    pub flags: PlanFlags,
}

/// Which plan an apply run applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanToApply {
    /// The very plan file that this run saved.
    Saved(RunId),
    /// A new plan on the merge commit, applied only if its changes are the ones reviewed.
    Again {
        /// The plan that was reviewed on the pull request; none if there was none.
        reviewed: Option<RunId>,
    },
}

/// What a run is to do that forces a state lock open. The commit that it is about is the tip of the
/// default branch: what it says about the backend was reviewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceUnlockWork {
    /// The stack, as deploy.toml had it.
    pub stack: StackSpec,
    /// Roles and account.
    pub aws: AwsAccess,
    /// The id of the lock.
    pub id: String,
    /// The lock with this id, if a run ended at it.
    pub seen: Option<StateLock>,
}

/// What a deploy run is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeployWork {
    /// The service, as deploy.toml had it.
    pub service: ServiceSpec,
    /// Roles and account.
    pub aws: AwsAccess,
    /// The URL shown on GitHub's deployment.
    pub url: Option<String>,
    /// Whether GitHub should call it a production environment.
    pub production: bool,
    /// Which image.
    pub image: ImageToDeploy,
    /// The pull request that brought the commit, where it is known: not the one that somebody
    /// happens to promote or roll back from.
    pub brought_by: Option<PrNumber>,
    /// Whether this run undoes another.
    pub rollback: Option<Rollback>,
    /// Whether a failed rollout is undone by itself.
    pub roll_back_on_failure: bool,
}

/// Which image a deploy run rolls out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageToDeploy {
    /// The one that CI publishes for the run's commit under this tag.
    Tag(String),
    /// The very digest of an earlier release, with the manifests of its commit.
    Digest(Digest),
}

/// Why a deploy run goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// The release that is left.
    pub from: Option<CommitSha>,
    /// The failed run that led to it by itself; none if a person asked.
    pub failed: Option<RunId>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a person's second step.
    Unconfirmed,
    /// Waits for other runs, a lock, a window or a free worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Done.
    Succeeded,
    /// Tried and failed.
    Failed,
    /// A gate was closed right before the effect.
    Refused,
    /// Stopped by a person.
    Cancelled,
    /// Overtaken by a newer run.
    Superseded,
    /// Not tried, because a run that it needs did not succeed.
    Skipped,
    /// The bot died inside an effect: a person must look.
    Interrupted,
}

impl RunState {
    /// All states, for tests and tables.
    pub const ALL: [Self; 10] = [
        Self::Unconfirmed,
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Refused,
        Self::Cancelled,
        Self::Superseded,
        Self::Skipped,
        Self::Interrupted,
    ];

    /// No move leads on from here.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Unconfirmed | Self::Queued | Self::Running)
    }

    /// The word in the store and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconfirmed => "unconfirmed",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }

    /// The state that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// The second step was taken.
    Confirm,
    /// A worker takes it.
    Take,
    /// The worker died outside an effect: back into the queue.
    Requeue,
    /// All steps are done.
    Succeed,
    /// A step failed.
    Fail,
    /// A gate was closed right before the effect.
    Refuse,
    /// A person stops it.
    Cancel,
    /// A newer run takes its place.
    Supersede,
    /// A run that it needs did not succeed.
    Skip,
    /// The worker died inside an effect.
    Interrupt,
}

impl Move {
    /// All moves, for tests.
    pub const ALL: [Self; 10] = [
        Self::Confirm,
        Self::Take,
        Self::Requeue,
        Self::Succeed,
        Self::Fail,
        Self::Refuse,
        Self::Cancel,
        Self::Supersede,
        Self::Skip,
        Self::Interrupt,
    ];
}

/// A move that a state does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {} can't {mv:?}", from.as_str())]
pub struct IllegalMove {
    /// The state.
    pub from: RunState,
    /// The move.
    pub mv: Move,
}

/// Where a move leads.
///
/// # Errors
/// [`IllegalMove`] where the state does not allow it; final states allow none.
pub fn transition(from: RunState, mv: Move) -> Result<RunState, IllegalMove> {
    use RunState as S;
    match (from, mv) {
        (S::Unconfirmed, Move::Confirm) | (S::Running, Move::Requeue) => Ok(S::Queued),
        (S::Queued, Move::Take) => Ok(S::Running),
        (S::Running, Move::Succeed) => Ok(S::Succeeded),
        (S::Running, Move::Fail) => Ok(S::Failed),
        (S::Running | S::Queued, Move::Refuse) => Ok(S::Refused),
        (S::Unconfirmed | S::Queued | S::Running, Move::Cancel) => Ok(S::Cancelled),
        (S::Unconfirmed | S::Queued | S::Running, Move::Supersede) => Ok(S::Superseded),
        (S::Unconfirmed | S::Queued, Move::Skip) => Ok(S::Skipped),
        (S::Running, Move::Interrupt) => Ok(S::Interrupted),
        (from, mv) => Err(IllegalMove { from, mv }),
    }
}

impl Run {
    /// What a plan came to, if it succeeded.
    #[must_use]
    pub fn planned(&self) -> Option<&Planned> {
        match (self.state, &self.outcome) {
            (RunState::Succeeded, Some(Outcome::Planned(planned))) => Some(planned),
            _ => None,
        }
    }
}

impl RunOrder {
    /// The stack that the run is about.
    #[must_use]
    pub fn stack(&self) -> Option<&StackName> {
        match &self.work {
            Work::Plan(work) => Some(&work.stack.name),
            Work::Apply(work) => Some(&work.stack.name),
            Work::ForceUnlock(work) => Some(&work.stack.name),
            Work::Deploy(_) | Work::Look(_) => None,
        }
    }

    /// The service that the run rolls out.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.work {
            Work::Deploy(work) => Some(&work.service.name),
            Work::Plan(_) | Work::Apply(_) | Work::Look(_) | Work::ForceUnlock(_) => None,
        }
    }

    /// The name of the stack or service.
    #[must_use]
    pub fn subject(&self) -> &str {
        match &self.work {
            Work::Plan(work) => work.stack.name.as_str(),
            Work::Apply(work) => work.stack.name.as_str(),
            Work::Deploy(work) => work.service.name.as_str(),
            Work::ForceUnlock(work) => work.stack.name.as_str(),
            Work::Look(work) => work.service.name.as_str(),
        }
    }

    /// The word for the kind of work, as people read it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.work {
            Work::Look(_) => "drift",
            Work::Plan(_) if self.is_about_drift() => "drift",
            Work::Plan(_) => "plan",
            Work::Apply(_) => "apply",
            Work::Deploy(work) if work.rollback.is_some() => "rollback",
            Work::Deploy(_) => "deploy",
            Work::ForceUnlock(_) => "force-unlock",
        }
    }

    /// Whether it looks for drift, or mends it: no pull request stands behind it.
    #[must_use]
    pub fn is_about_drift(&self) -> bool {
        self.pr.is_none()
            && match self.work {
                Work::Plan(_) | Work::Apply(_) | Work::Look(_) => true,
                Work::Deploy(_) | Work::ForceUnlock(_) => false,
            }
    }

    /// Roles and account of the run.
    #[must_use]
    pub fn aws(&self) -> &AwsAccess {
        match &self.work {
            Work::Plan(work) => &work.aws,
            Work::Apply(work) => &work.aws,
            Work::Deploy(work) => &work.aws,
            Work::ForceUnlock(work) => &work.aws,
            Work::Look(work) => &work.aws,
        }
    }
}

/// One step of a run: claimed before it is tried, with an outcome once it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// When a worker began it.
    pub claimed_at: Timestamp,
    /// When it was over.
    pub done_at: Option<Timestamp>,
    /// How it ended: `None` while it is under way, or if the bot died inside it.
    pub result: Option<StepResult>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepResult {
    /// Well; with a line for people.
    Done(String),
    /// Badly; with a line for people.
    Failed(String),
}

/// The steps that runs are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// Ask every gate again with live data.
    Gates,
    /// Make a worktree of the commit.
    Checkout,
    /// Find the Terraform or OpenTofu that the stack asks for.
    Tool,
    /// Assume the role and check the account.
    Credentials,
    /// `terraform init` and workspace.
    Init,
    /// `terraform plan` and `show`.
    Plan,
    /// Hold the plan against the stack's policies.
    Policy,
    /// `terraform apply`: an effect.
    Apply,
    /// `terraform force-unlock`: an effect.
    ForceUnlock,
    /// Find the image and take its digest.
    Image,
    /// Read the manifests and pin the image.
    Render,
    /// Describe the cluster and get a token.
    Cluster,
    /// Server-side apply of the manifests: an effect.
    Manifests,
    /// Watch the rollout.
    Rollout,
    /// See which images run.
    Images,
}

impl StepName {
    /// All steps.
    pub const ALL: [Self; 15] = [
        Self::Gates,
        Self::Checkout,
        Self::Tool,
        Self::Credentials,
        Self::Init,
        Self::Plan,
        Self::Policy,
        Self::Apply,
        Self::ForceUnlock,
        Self::Image,
        Self::Render,
        Self::Cluster,
        Self::Manifests,
        Self::Rollout,
        Self::Images,
    ];

    /// Whether the step changes the world, so that it is never repeated without a person's word.
    #[must_use]
    pub fn is_effect(self) -> bool {
        matches!(self, Self::Apply | Self::ForceUnlock | Self::Manifests)
    }

    /// The word in the store and on pages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gates => "gates",
            Self::Checkout => "checkout",
            Self::Tool => "tool",
            Self::Credentials => "credentials",
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Policy => "policy",
            Self::Apply => "apply",
            Self::ForceUnlock => "force-unlock",
            Self::Image => "image",
            Self::Render => "render",
            Self::Cluster => "cluster",
            Self::Manifests => "manifests",
            Self::Rollout => "rollout",
            Self::Images => "images",
        }
    }

    /// The step that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == word)
    }
}

/// What to do with a run whose worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing in the world was changed, or all that was is recorded: go on.
    Requeue,
    /// It died inside this effect: look at the world, tell, and ask.
    Interrupt(StepName),
}

/// Decides what becomes of a run whose worker is gone, from the steps that it recorded. An apply is
/// the last step of its run: even one that is recorded as done must not be begun again.
#[must_use]
pub fn recover(steps: &[Step]) -> Recovery {
    steps
        .iter()
        .find(|step| {
            step.name == StepName::Apply || (step.name.is_effect() && step.result.is_none())
        })
        .map_or(Recovery::Requeue, |step| Recovery::Interrupt(step.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_move_has_an_answer() {
        let mut legal = Vec::new();
        for state in RunState::ALL {
            for mv in Move::ALL {
                match transition(state, mv) {
                    Ok(to) => {
                        assert!(!state.is_final(), "{state:?} is final but allows {mv:?}");
                        assert_ne!(state, to);
                        legal.push(format!("{} {mv:?} -> {}", state.as_str(), to.as_str()));
                    }
                    Err(error) => assert_eq!(error, IllegalMove { from: state, mv }),
                }
            }
        }
        insta::assert_snapshot!(legal.join("\n"), @r"
        unconfirmed Confirm -> queued
        unconfirmed Cancel -> cancelled
        unconfirmed Supersede -> superseded
        unconfirmed Skip -> skipped
        queued Take -> running
        queued Refuse -> refused
        queued Cancel -> cancelled
        queued Supersede -> superseded
        queued Skip -> skipped
        running Requeue -> queued
        running Succeed -> succeeded
        running Fail -> failed
        running Refuse -> refused
        running Cancel -> cancelled
        running Supersede -> superseded
        running Interrupt -> interrupted
        ");
    }

    #[test]
    fn words_lead_back_to_states_and_steps() {
        for state in RunState::ALL {
            assert_eq!(RunState::from_word(state.as_str()), Some(state));
        }
        for step in StepName::ALL {
            assert_eq!(StepName::from_word(step.as_str()), Some(step));
        }
    }

    fn step(name: StepName, done: bool) -> Step {
        Step {
            name,
            claimed_at: Timestamp::UNIX_EPOCH,
            done_at: done.then_some(Timestamp::UNIX_EPOCH),
            result: done.then(|| StepResult::Done(String::new())),
        }
    }

    #[test]
    fn a_run_that_died_inside_an_effect_is_not_begun_again() {
        let before = [step(StepName::Init, true), step(StepName::Plan, false)];
        assert_eq!(recover(&before), Recovery::Requeue);
        let inside = [step(StepName::Init, true), step(StepName::Apply, false)];
        assert_eq!(recover(&inside), Recovery::Interrupt(StepName::Apply));
        let applied = [step(StepName::Init, true), step(StepName::Apply, true)];
        assert_eq!(recover(&applied), Recovery::Interrupt(StepName::Apply));
        let after = [
            step(StepName::Manifests, true),
            step(StepName::Rollout, false),
        ];
        assert_eq!(recover(&after), Recovery::Requeue);
    }
}
