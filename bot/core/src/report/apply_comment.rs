//! What came of an apply, stack by stack.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link};
use crate::ids::{CommitSha, EnvName, Login, StackName};
use crate::plan::Counts;
use crate::plan::diagnostics::{Diagnostic, OutputValue};

/// An apply of one or more stacks in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyComment {
    /// The key of the hidden marker.
    pub key: String,
    /// The environment.
    pub env: EnvName,
    /// The commit whose plans were applied.
    pub commit: CommitSha,
    /// Who asked; `None` for an automatic apply.
    pub by: Option<Login>,
    /// One for each stack, in the order of the apply.
    pub stacks: Vec<StackApply>,
    /// As whom.
    pub identity: Option<Identity>,
    /// The run's page.
    pub page: Option<Link>,
    /// Commands that make sense next.
    pub next: Vec<String>,
}

/// What came of one stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackApply {
    /// The stack.
    pub stack: StackName,
    /// What came of it.
    pub state: ApplyState,
}

/// How far an apply is, or how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyState {
    /// Waits for the stacks before it.
    Pending,
    /// Under way.
    Running {
        /// Resources done.
        done: usize,
        /// Resources to do.
        total: usize,
        /// Since its start.
        elapsed: Duration,
    },
    /// All of it happened.
    Applied {
        /// What Terraform says it did.
        counts: Counts,
        /// How long it took.
        took: Duration,
        /// The stack's outputs.
        outputs: Vec<OutputValue>,
    },
    /// The plan held nothing to do.
    NothingToDo,
    /// It ended half way.
    Failed {
        /// What happened before it failed: addresses.
        done: Vec<String>,
        /// What failed: addresses.
        failed: Vec<String>,
        /// What did not begin: addresses.
        not_begun: Vec<String>,
        /// What Terraform says.
        diagnostics: Vec<Diagnostic>,
        /// More, as plain text.
        message: Option<String>,
        /// How long it took.
        took: Duration,
    },
    /// Not begun, because of another stack.
    Skipped {
        /// Which failed or was skipped.
        because_of: StackName,
    },
    /// Refused or stopped; why, as plain text.
    NotApplied(String),
    /// The bot died in it: nobody knows yet.
    Interrupted {
        /// What was found, as plain text (a state lock with its id).
        found: String,
    },
}

impl ApplyComment {
    /// The comment's body, with its marker.
    #[must_use]
    pub fn markdown(&self) -> String {
        super::markdown::marker(&self.key)
    }
}
