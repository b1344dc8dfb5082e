//! What a decision asks for, as values. The store carries all intents of one decision out in the
//! same transaction that marks its delivery done; the runner and the reporter take it from there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::facts::{DriftTurn, Hold, Lock, LockTarget};
use crate::ids::{CommentId, CommitSha, DeliveryId, EnvName, PrNumber, RunId};
use crate::outcome::Outcome;
use crate::policy::Override;
use crate::ports::Reaction;
use crate::report::check::CheckOutput;
use crate::run::{Move, RunOrder, RunState};
use crate::summary::Ground;

/// What a decision came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What is to happen, in this order.
    pub intents: Vec<Intent>,
    /// Why, in a sentence for the log; above all when nothing is to happen.
    pub because: String,
}

impl Decision {
    /// Another decision carried out with this one, its runs after all of this one's. Nothing of it
    /// happens if this one starts none.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        let is_start = |intent: &&Intent| matches!(intent, Intent::Start(_));
        let first = self.intents.iter().filter(is_start).count();
        if first == 0 {
            return self;
        }
        for mut intent in next.intents {
            if let Intent::Start(new) = &mut intent {
                let own = new.after.iter().map(|place| place + first);
                new.after = (0..first).chain(own).collect();
            }
            self.intents.push(intent);
        }
        self.because = format!("{}; then {}", self.because, next.because);
        self
    }

    /// Nothing is to happen, for this reason.
    #[must_use]
    pub fn ignore(because: impl Into<String>) -> Self {
        Self {
            intents: Vec::new(),
            because: because.into(),
        }
    }
}

/// One thing that is to happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Make a run.
    Start(Box<NewRun>),
    /// End a run that is not over. One under way is asked to stop and ends by itself.
    End {
        /// Which.
        run: RunId,
        /// `Cancel`, `Supersede`, `Skip` or `Refuse`.
        mv: Move,
        /// What is told about it.
        outcome: Option<Outcome>,
    },
    /// Take the second step of a run.
    Confirm(RunId),
    /// Set a lock, in place of any on the same target.
    Lock(Lock),
    /// Free a lock.
    Unlock(LockTarget),
    /// Set a hold, in place of any on the same environment.
    Hold(Hold),
    /// Lift the hold of an environment.
    Resume(EnvName),
    /// Mark the release that this run made as no longer good.
    Disgrace(RunId),
    /// Let the plans of this head commit run although its author may not plan.
    Bless(CommitSha),
    /// Let a plan be applied although policies deny it; its reports are due again.
    Override(Override),
    /// Let the files of all plans made for a pull request so far go: it is closed.
    DropPlans(PrNumber),
    /// Look for drift in an environment from a moment on, by a schedule.
    TakeTurns(DriftTurn),
    /// No longer look for drift in an environment.
    EndTurns(EnvName),
    /// Say something on GitHub once.
    Say(ReportKey, Content),
    /// Project the store onto GitHub anew.
    Refresh(ReportKey),
    /// Look for awaited images now rather than at the next poll.
    LookForImages,
}

/// A run to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// What it is to do.
    pub order: RunOrder,
    /// `Queued`, or `Unconfirmed` where a second step is asked for.
    pub state: RunState,
    /// The places, among the [`Intent::Start`]s of this decision, of runs that must succeed first.
    pub after: Vec<usize>,
}

/// Something that GitHub shows on behalf of the bot, and by which it is found again.
///
/// Its text form is the key in the store, the marker in a comment and the `external_id` of a check.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ReportKey {
    /// The one comment with the plans of a pull request.
    PlanComment(PrNumber),
    /// The check run with the plans of a head commit in an environment.
    PlanCheck(PrNumber, CommitSha, EnvName),
    /// The comment with what became of the applies of one cause in an environment.
    ApplyComment(PrNumber, DeliveryId, EnvName),
    /// The check run of the same.
    ApplyCheck(DeliveryId, EnvName),
    /// The comment of a deploy run.
    DeployComment(RunId),
    /// The check run of a deploy run.
    DeployCheck(RunId),
    /// The GitHub deployment of a deploy run.
    Deployment(RunId),
    /// The comment of a run that forces a state lock open.
    UnlockComment(RunId),
    /// The check run of a head commit that changes deploy.toml.
    ConfigCheck(PrNumber, CommitSha),
    /// The check run that sums a head commit up.
    SummaryCheck(PrNumber, CommitSha),
    /// The same of a merge queue's commit, by the pull request whose place it is.
    GroupCheck(PrNumber, CommitSha),
    /// The issue with what differs in an environment from the default branch.
    DriftIssue(EnvName),
    /// The answer to a delivery.
    Reply(PrNumber, DeliveryId),
    /// A sign on a comment.
    Reaction(CommentId, Reaction),
}

/// What the keys of issues about drift begin with, and a `/`.
pub const DRIFT_ISSUE: &str = "drift-issue";

impl fmt::Display for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlanComment(pr) => write!(f, "plan-comment/{pr}"),
            Self::PlanCheck(pr, sha, env) => write!(f, "plan-check/{pr}/{sha}/{env}"),
            Self::ApplyComment(pr, cause, env) => write!(f, "apply-comment/{pr}/{cause}/{env}"),
            Self::ApplyCheck(cause, env) => write!(f, "apply-check/{cause}/{env}"),
            Self::DeployComment(run) => write!(f, "deploy-comment/{run}"),
            Self::DeployCheck(run) => write!(f, "deploy-check/{run}"),
            Self::Deployment(run) => write!(f, "deployment/{run}"),
            Self::UnlockComment(run) => write!(f, "unlock-comment/{run}"),
            Self::ConfigCheck(pr, sha) => write!(f, "config-check/{pr}/{sha}"),
            Self::SummaryCheck(pr, sha) => write!(f, "summary-check/{pr}/{sha}"),
            Self::GroupCheck(pr, sha) => write!(f, "group-check/{pr}/{sha}"),
            Self::DriftIssue(env) => write!(f, "{DRIFT_ISSUE}/{env}"),
            Self::Reply(pr, cause) => write!(f, "reply/{pr}/{cause}"),
            Self::Reaction(comment, reaction) => write!(f, "reaction/{comment}/{reaction:?}"),
        }
    }
}

/// A text that is not the key of a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the key of a report")]
pub struct InvalidReportKey(String);

impl ReportKey {
    /// Whether what was said of the report is kept when runs change what it shows.
    #[must_use]
    pub fn keeps_content(&self) -> bool {
        matches!(self, Self::SummaryCheck(..))
    }

    /// The key that a text stands for.
    ///
    /// # Errors
    /// [`InvalidReportKey`] if it stands for none.
    pub fn parse(text: &str) -> Result<Self, InvalidReportKey> {
        Self::read(text).ok_or_else(|| InvalidReportKey(text.chars().take(200).collect()))
    }

    fn read(text: &str) -> Option<Self> {
        let pr = |text: &str| text.parse().ok().map(PrNumber);
        let parts: Vec<&str> = text.split('/').collect();
        Some(match *parts.as_slice() {
            ["plan-comment", number] => Self::PlanComment(pr(number)?),
            ["plan-check", number, sha, env] => Self::PlanCheck(
                pr(number)?,
                CommitSha::parse(sha).ok()?,
                EnvName::parse(env).ok()?,
            ),
            ["apply-comment", number, cause, env] => Self::ApplyComment(
                pr(number)?,
                DeliveryId::parse(cause).ok()?,
                EnvName::parse(env).ok()?,
            ),
            ["apply-check", cause, env] => {
                Self::ApplyCheck(DeliveryId::parse(cause).ok()?, EnvName::parse(env).ok()?)
            }
            ["deploy-comment", run] => Self::DeployComment(RunId::parse(run).ok()?),
            ["deploy-check", run] => Self::DeployCheck(RunId::parse(run).ok()?),
            ["deployment", run] => Self::Deployment(RunId::parse(run).ok()?),
            ["unlock-comment", run] => Self::UnlockComment(RunId::parse(run).ok()?),
            ["config-check", number, sha] => {
                Self::ConfigCheck(pr(number)?, CommitSha::parse(sha).ok()?)
            }
            ["summary-check", number, sha] => {
                Self::SummaryCheck(pr(number)?, CommitSha::parse(sha).ok()?)
            }
            ["group-check", number, sha] => {
                Self::GroupCheck(pr(number)?, CommitSha::parse(sha).ok()?)
            }
            [DRIFT_ISSUE, env] => Self::DriftIssue(EnvName::parse(env).ok()?),
            ["reply", number, cause] => Self::Reply(pr(number)?, DeliveryId::parse(cause).ok()?),
            ["reaction", comment, word] => {
                let reaction = [
                    Reaction::Eyes,
                    Reaction::Rocket,
                    Reaction::ThumbsDown,
                    Reaction::Confused,
                ]
                .into_iter()
                .find(|reaction| format!("{reaction:?}") == word)?;
                Self::Reaction(CommentId(comment.parse().ok()?), reaction)
            }
            _ => return None,
        })
    }
}

impl TryFrom<String> for ReportKey {
    type Error = InvalidReportKey;
    fn try_from(text: String) -> Result<Self, InvalidReportKey> {
        Self::parse(&text)
    }
}

impl From<ReportKey> for String {
    fn from(key: ReportKey) -> Self {
        key.to_string()
    }
}

/// The content of a report that is said once, as it was when it was decided. Reports without one
/// are projections: their content is made from the store at the moment of writing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Content {
    /// A comment on a pull request.
    Comment {
        /// Markdown.
        body: String,
    },
    /// A reaction; the key says which.
    Reaction,
    /// A check run.
    Check {
        /// The commit.
        sha: CommitSha,
        /// What it shows.
        output: Box<CheckOutput>,
        /// The delivery in which somebody asked for it again, if any did: then it is a new check
        /// run, even if it shows the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<DeliveryId>,
    },
    /// What a head touches; the rest of its summary is made from the store like that of a
    /// projection.
    Summary {
        /// That.
        ground: Ground,
    },
}

/// The reports that show a run, to be projected anew whenever it moves.
#[must_use]
pub fn reports_of(id: &RunId, order: &RunOrder) -> Vec<ReportKey> {
    use crate::run::{PlanToApply, Work};
    let mut keys = Vec::new();
    match &order.work {
        Work::Plan(_) => {
            if let Some(pr) = order.pr {
                keys.push(ReportKey::PlanComment(pr));
                keys.push(ReportKey::PlanCheck(
                    pr,
                    order.commit.clone(),
                    order.env.clone(),
                ));
                keys.push(ReportKey::SummaryCheck(pr, order.commit.clone()));
            } else {
                keys.push(ReportKey::DriftIssue(order.env.clone()));
            }
        }
        Work::Look(_) => keys.push(ReportKey::DriftIssue(order.env.clone())),
        Work::Apply(_) if order.is_about_drift() => {
            // A check run on the default branch's tip would say that its commit is to blame.
            if let Some(issue) = order.issue {
                keys.push(ReportKey::ApplyComment(
                    issue.thread(),
                    order.cause.clone(),
                    order.env.clone(),
                ));
            }
            keys.push(ReportKey::DriftIssue(order.env.clone()));
        }
        Work::Apply(work) => {
            if let Some(pr) = order.pr {
                keys.push(ReportKey::PlanComment(pr));
                // A merge commit has no summary: it is over with the merge.
                if matches!(work.plan, PlanToApply::Saved(_)) {
                    keys.push(ReportKey::SummaryCheck(pr, order.commit.clone()));
                }
                keys.push(ReportKey::ApplyComment(
                    pr,
                    order.cause.clone(),
                    order.env.clone(),
                ));
            }
            keys.push(ReportKey::ApplyCheck(
                order.cause.clone(),
                order.env.clone(),
            ));
        }
        Work::Deploy(work) => {
            let failed = work.rollback.as_ref().and_then(|back| back.failed.as_ref());
            if let Some(failed) = failed {
                // What became of a rollback by itself is told where the failure is told.
                keys.push(ReportKey::DeployComment(failed.clone()));
                keys.push(ReportKey::DeployCheck(failed.clone()));
            } else if order.pr.is_some() {
                keys.push(ReportKey::DeployComment(id.clone()));
            }
            keys.push(ReportKey::DeployCheck(id.clone()));
            keys.push(ReportKey::Deployment(id.clone()));
        }
        Work::ForceUnlock(_) => {
            if order.pr.is_some() {
                keys.push(ReportKey::UnlockComment(id.clone()));
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_report() {
        let sha = CommitSha::parse("a".repeat(40)).unwrap();
        let env = EnvName::parse("dev").unwrap();
        let cause = DeliveryId::parse("72d3162e-cc78-11e3-81ab-4c9367dc0958").unwrap();
        let run = RunId::from_bits(7);
        let pr = PrNumber(42);
        for key in [
            ReportKey::PlanComment(pr),
            ReportKey::PlanCheck(pr, sha.clone(), env.clone()),
            ReportKey::ApplyComment(pr, cause.clone(), env.clone()),
            ReportKey::ApplyCheck(cause.clone(), env),
            ReportKey::DeployComment(run.clone()),
            ReportKey::DeployCheck(run.clone()),
            ReportKey::Deployment(run.clone()),
            ReportKey::UnlockComment(run),
            ReportKey::ConfigCheck(pr, sha.clone()),
            ReportKey::SummaryCheck(pr, sha.clone()),
            ReportKey::GroupCheck(pr, sha),
            ReportKey::DriftIssue(EnvName::parse("prod").unwrap()),
            ReportKey::Reply(pr, cause),
            ReportKey::Reaction(CommentId(9), Reaction::ThumbsDown),
        ] {
            assert_eq!(ReportKey::parse(&key.to_string()), Ok(key));
        }
        for wrong in [
            "",
            "plan-comment",
            "plan-comment/x",
            "reaction/1/Heart",
            "a/b/c/d/e",
        ] {
            assert!(ReportKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
