//! Outcomes to Markdown and check-run output, within the limits of GitHub.
use serde::{Deserialize, Serialize};
/// Row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRow {
    /// g
    pub gate: String,
    /// s
    pub state: String,
    /// o
    pub opens: String,
}
/// C.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutput {
    /// n
    pub name: String,
}
