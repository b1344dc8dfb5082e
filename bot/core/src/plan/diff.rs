//! A plan as text in GitHub's `diff` syntax, where a line's first character gives its colour.

use super::model::Plan;

/// How long the text of a plan may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffLimits {
    /// Resources shown in full; those past it are counted by module and type.
    pub resources: usize,
    /// Characters of one value on one line.
    pub value_chars: usize,
    /// Lines of one multi-line value or its difference.
    pub value_lines: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            resources: 200,
            value_chars: 300,
            value_lines: 60,
        }
    }
}

/// The changes of a plan as text for a block fenced as `diff`; empty when nothing changes.
#[must_use]
pub fn plan_text(plan: &Plan, limits: &DiffLimits) -> String {
    let _ = (plan, limits);
    String::new()
}
