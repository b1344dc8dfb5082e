//! Why not: every closed gate at once, each with what opens it.

use serde::{Deserialize, Serialize};

use super::markdown::{table, text};
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

/// "Not deployed to prod", with a table of the closed gates. `done` is the participle of what was
/// asked for and its preposition: `deployed to`, `applied in`, `merged into`.
#[must_use]
pub fn refusal(done: &str, env: &EnvName, gates: &[GateRow]) -> String {
    format!("### ⛔ Not {} {env}\n\n{}", text(done), gate_table(gates))
}

/// The table of the closed gates.
#[must_use]
pub fn gate_table(gates: &[GateRow]) -> String {
    let closed = gates.iter().filter(|gate| !gate.open);
    let rows: Vec<Vec<String>> = closed
        .map(|g| vec![text(&g.gate), g.state.clone(), g.opens.clone()])
        .collect();
    table(&["gate", "state", "what opens it"], &rows)
}

/// The answer to `/explain`: all gates.
#[must_use]
pub fn explain(env: &EnvName, gates: &[GateRow]) -> String {
    let rows: Vec<Vec<String>> = gates
        .iter()
        .map(|g| {
            let sign = if g.open { "✅" } else { "⛔" };
            vec![
                sign.to_owned(),
                text(&g.gate),
                g.state.clone(),
                g.opens.clone(),
            ]
        })
        .collect();
    let closed = gates.iter().filter(|gate| !gate.open).count();
    let verdict = match closed {
        0 => "every gate is open".to_owned(),
        1 => format!("1 of {} gates is closed", gates.len()),
        n => format!("{n} of {} gates are closed", gates.len()),
    };
    format!(
        "### {env}: {verdict}\n\n{}",
        table(&["", "gate", "state", "what opens it"], &rows)
    )
}
