//! What came of a run, kept with it: reports and later decisions are made from this alone.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{CommitSha, Digest, PrNumber};
use crate::plan::{Counts, Diagnostic, Plan};
use crate::policy::Ruling;
use crate::ports::StateLock;
use crate::report::markdown::time;
use crate::report::refusal::GateRow;
use crate::run::StepName;
use crate::tool::ToolReason;

/// What came of a run, or what can be told of it so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is under way; a line for people ("3 of 6 ready").
    Progress(Progress),
    /// A plan was made and saved.
    Planned(Box<Planned>),
    /// A plan was applied.
    Applied(Box<Applied>),
    /// A service runs.
    Deployed(Box<Deployed>),
    /// A state lock was forced open.
    Unlocked(Box<Unlocked>),
    /// What runs of a service was seen.
    Seen(Box<Seen>),
    /// Gates were closed right before the effect.
    Refused {
        /// The closed gates.
        gates: Vec<GateRow>,
    },
    /// It ended without having done its work: failed, interrupted, skipped, cancelled.
    Stopped(Box<Stopped>),
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// A line for people.
    pub line: String,
    /// Done and all, where things are counted.
    pub counted: Option<(u32, u32)>,
    /// The role in use, once there is one.
    pub evidence: Option<Evidence>,
    /// The digest, once the image was found.
    pub digest: Option<Digest>,
}

/// Which role was used, proven by `GetCallerIdentity`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The name of the role.
    pub role: String,
    /// The account.
    pub account: String,
    /// The name of the session, as CloudTrail shows it.
    pub session: String,
}

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Its changes, sensitive values masked.
    pub plan: Plan,
    /// Equal for plans that change the same things in the same way.
    pub fingerprint: String,
    /// Where the plan file is kept.
    pub artifact: String,
    /// SHA-256 of the plan file, hexadecimal.
    pub sha256: String,
    /// From when on the plan file is gone; plans of an older Slipway do not say.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// What the stack's policies say of it; none where the stack has no policies.
    #[serde(default)]
    pub policy: Option<Ruling>,
    /// The base that the head was merged into.
    pub base: CommitSha,
    /// Whether the workspace was not there and was made for this plan.
    #[serde(default)]
    pub made_workspace: bool,
    /// What made it, `terraform 1.11.4`: only the same may apply it. Empty for a plan of a bot that
    /// did not note it.
    #[serde(default)]
    pub tool_version: String,
    /// Why it was made by that.
    #[serde(default)]
    pub tool_reason: ToolReason,
    /// The role used.
    pub evidence: Evidence,
}

impl Planned {
    /// Whether the plan file is too old to be kept.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| now >= at)
    }

    /// What is told of an expired one.
    #[must_use]
    pub fn expiry(&self) -> String {
        match self.expires_at {
            Some(at) => format!("too old: its file was kept until {}", time(at)),
            None => "too old".to_owned(),
        }
    }
}

/// An apply that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// What Terraform says it did.
    pub counts: Counts,
    /// Outputs that are not sensitive.
    pub outputs: Vec<(String, String)>,
    /// How long the apply took.
    pub took: Duration,
    /// The role used.
    pub evidence: Evidence,
}

/// A state lock that was forced open; which one, the run says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlocked {
    /// The role used.
    pub evidence: Evidence,
}

/// A rollout that succeeded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployed {
    /// The digest that runs.
    pub digest: Digest,
    /// Whether the image was proven to come from the commit.
    pub proven: bool,
    /// Ready pods.
    pub ready: u32,
    /// From the start of the run to the last pod ready.
    pub took: Duration,
    /// What ran before.
    pub previous: Option<PreviousRelease>,
    /// The role used.
    pub evidence: Evidence,
    /// When all was ready.
    pub at: Timestamp,
}

/// What runs of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Workloads, each with an image that it runs.
    pub images: Vec<(String, String)>,
    /// The role used.
    pub evidence: Evidence,
}

/// The release that was live before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousRelease {
    /// Its commit.
    pub commit: CommitSha,
    /// Its pull request.
    pub pr: Option<PrNumber>,
}

/// Why and where a run stopped short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// What happened, in a sentence.
    pub what: String,
    /// What to do next, in a sentence.
    pub fix: String,
    /// Terraform's own diagnostics.
    pub diagnostics: Vec<Diagnostic>,
    /// The state of failing pods, their events and last log lines.
    pub pods: Vec<PodTrouble>,
    /// The role in use at that time.
    pub evidence: Option<Evidence>,
    /// The digest that was being rolled out.
    pub digest: Option<Digest>,
    /// The step that it stopped in.
    pub step: Option<StepName>,
    /// What Terraform got done of an apply.
    pub tally: ApplyTally,
    /// Whether the effect was begun, so that the world may have changed.
    pub reached_the_world: bool,
    /// The state lock that stood in the way, if it was that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_lock: Option<StateLock>,
}

/// Resources of an apply that ended half way, by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyTally {
    /// Done before it ended.
    pub done: Vec<String>,
    /// Those that failed.
    pub failed: Vec<String>,
    /// Those that did not begin.
    pub not_begun: Vec<String>,
}

/// What is wrong with one pod (or with the workload itself).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTrouble {
    /// The pod, or `Deployment/name` if no pod came to be.
    pub pod: String,
    /// The container.
    pub container: Option<String>,
    /// `ImagePullBackOff`, `CrashLoopBackOff`, `Unschedulable`, … .
    pub reason: String,
    /// What Kubernetes says about it.
    pub message: String,
    /// The exit code of the last termination.
    pub exit_code: Option<i32>,
    /// How often its container was restarted.
    pub restarts: u32,
    /// Its last log lines.
    pub log: Vec<String>,
    /// Its latest events, newest last.
    pub events: Vec<String>,
}
