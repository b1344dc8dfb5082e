//! Why not: every closed gate at once, each with what opens it.

use serde::{Deserialize, Serialize};

use crate::ids::EnvName;

/// One gate as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRow {
    /// The gate's name: `approval`.
    pub gate: String,
    /// True when it lets the run through.
    pub open: bool,
    /// Its state, in Markdown from [`super::markdown`].
    pub state: String,
    /// What would open it, in Markdown; empty when open.
    pub opens: String,
}

/// "Not deployed to prod", with a table of the closed gates.
#[must_use]
pub fn refusal(verb: &str, env: &EnvName, gates: &[GateRow]) -> String {
    let _ = (verb, env, gates);
    String::new()
}

/// The answer to `/explain`: all gates.
#[must_use]
pub fn explain(env: &EnvName, gates: &[GateRow]) -> String {
    let _ = (env, gates);
    String::new()
}
