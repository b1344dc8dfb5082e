//! The one plan comment of a pull request, edited in place.

use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link};
use crate::ids::{CommitSha, EnvName, Login, StackName};
use crate::plan::diagnostics::Diagnostic;
use crate::plan::{Counts, Hazard};

/// All that the comment shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanComment {
    /// The key of the hidden marker, see [`super::markdown::marker`].
    pub key: String,
    /// The pull request's head that was planned.
    pub head: CommitSha,
    /// The base branch.
    pub base_ref: String,
    /// The base branch's tip that head was merged into for the plan.
    pub base: CommitSha,
    /// One row for each environment × stack, in the order to show.
    pub rows: Vec<PlanRow>,
    /// As whom each environment was planned.
    pub identities: Vec<EnvIdentity>,
    /// The page with the whole of it.
    pub page: Option<Link>,
    /// Commands that make sense next, without backticks: `/apply dev`.
    pub next: Vec<String>,
    /// Environments where something is closed: `/explain ENV` is offered.
    pub blocked: Vec<EnvName>,
    /// Remarks as plain text ("more than 3,000 files changed: all stacks are planned").
    pub notes: Vec<String>,
}

/// As whom an environment was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvIdentity {
    /// The environment.
    pub env: EnvName,
    /// The role and account.
    pub identity: Identity,
}

/// One environment × stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// How far it is.
    pub state: RowState,
    /// The run's page.
    pub page: Option<Link>,
}

/// How far a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Waits; the reason as plain text (`behind database`).
    Pending(Option<String>),
    /// Is being planned.
    Running,
    /// There is a plan.
    Planned(PlanSummary),
    /// There is none, and why.
    Failed(Failure),
    /// Not planned, and why, as plain text.
    Skipped(String),
    /// Stopped by a person.
    Cancelled {
        /// Who, if known.
        by: Option<Login>,
    },
    /// A newer commit took its place.
    Superseded,
    /// Head or base moved: the plan no longer counts.
    Stale(PlanSummary),
    /// The plan was applied.
    Applied {
        /// What was applied.
        counts: Counts,
        /// By whom; `None` for an automatic apply.
        by: Option<Login>,
    },
}

/// A plan as far as the comment shows it. Make it with [`PlanSummary::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// How much changes.
    pub counts: Counts,
    /// What is destroyed or replaced.
    pub hazards: Vec<Hazard>,
    /// The readable diff, see [`crate::plan::diff::plan_text`].
    pub diff: String,
    /// What the policies say.
    pub policy: PolicyState,
    /// How many resources changed outside of Terraform.
    pub drifted: usize,
    /// Conditions of the configuration that don't hold, as plain text.
    pub failed_checks: Vec<String>,
}

/// What the policies say about a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// How many rules were asked; zero shows as "–".
    pub rules: usize,
    /// What is denied.
    pub denials: Vec<String>,
    /// What is warned of.
    pub warnings: Vec<String>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step that failed: `terraform init`.
    pub step: String,
    /// What Terraform says.
    pub diagnostics: Vec<Diagnostic>,
    /// More, as plain text, when there is no diagnostic ("timed out after 20 min").
    pub message: Option<String>,
}

impl PlanComment {
    /// The comment's body, with its marker, in at most [`super::COMMENT_LIMIT`] bytes.
    #[must_use]
    pub fn markdown(&self) -> String {
        super::markdown::marker(&self.key)
    }
}
