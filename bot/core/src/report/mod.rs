//! Outcomes to Markdown and check-run output, within the limits of GitHub.
//!
//! Everything here is a plain function of plain data: times and durations are passed in, links are
//! passed in, and nothing is looked up. Text that comes from people, Terraform, Kubernetes or the
//! network goes through [`markdown`] before it becomes part of a document.

pub mod apply_comment;
pub mod board;
pub mod check;
pub mod config_check;
pub mod deploy_comment;
pub mod drift_issue;
pub mod evidence;
pub mod fit;
mod flag_notes;
pub mod lock_table;
pub mod locks;
pub mod markdown;
pub mod plan_check;
pub mod plan_comment;
mod plan_remarks;
mod plan_sum;
pub mod refusal;
pub mod rollout_failure;
pub mod summary_check;
mod terraform_text;
pub mod unlock_comment;

pub use terraform_text::{counts_markdown, diagnostics_text};

/// Bytes that a comment may take. GitHub refuses more than 65,536 characters; bytes are never fewer
/// than characters, so a limit in bytes holds for both.
pub const COMMENT_LIMIT: usize = 65_000;

/// Bytes that a check run's summary and text may take each (GitHub's limit is 65,535 characters).
pub const CHECK_LIMIT: usize = 65_000;

#[cfg(test)]
mod tests;
