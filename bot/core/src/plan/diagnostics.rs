//! Terraform's machine-readable UI: one JSON object per line (`plan -json`, `apply -json`).
//!
//! Reference: HashiCorp, "Machine-Readable UI". Lines that are no such object (a provider that
//! prints, a cut-off line) give nothing and never an error: progress is shown, not relied on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that Terraform says while it works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UiEvent {
    /// An error or warning.
    Diagnostic(Diagnostic),
    /// Terraform decided what to do with a resource.
    PlannedChange {
        /// The resource's address.
        address: String,
        /// Terraform's word for the action, `create` or `replace`.
        action: String,
        /// Terraform's word for the reason.
        reason: Option<String>,
    },
    /// A resource was changed outside of Terraform.
    Drift {
        /// The resource's address.
        address: String,
        /// `update` or `delete`.
        action: String,
    },
    /// Work on a resource began.
    ApplyStart {
        /// The resource's address.
        address: String,
        /// Terraform's word for the action.
        action: String,
    },
    /// Work on a resource goes on.
    ApplyProgress {
        /// The resource's address.
        address: String,
        /// Terraform's word for the action.
        action: String,
        /// Since its start, in seconds.
        elapsed_seconds: u64,
    },
    /// Work on a resource is done.
    ApplyComplete {
        /// The resource's address.
        address: String,
        /// Terraform's word for the action.
        action: String,
        /// Since its start, in seconds.
        elapsed_seconds: u64,
    },
    /// Work on a resource failed; a diagnostic tells why.
    ApplyErrored {
        /// The resource's address.
        address: String,
        /// Terraform's word for the action.
        action: String,
        /// Since its start, in seconds.
        elapsed_seconds: u64,
    },
    /// What was planned, applied or destroyed in all.
    ChangeSummary {
        /// `plan`, `apply` or `destroy`.
        operation: String,
        /// Resources made.
        add: u64,
        /// Resources changed.
        change: u64,
        /// Resources destroyed.
        remove: u64,
        /// Resources imported.
        import: u64,
    },
    /// The outputs; those marked sensitive have no value.
    Outputs(Vec<OutputValue>),
    /// Anything else that carries a message: version, refresh, provisioners.
    Message {
        /// Terraform's word for the type of line.
        kind: String,
        /// The message for people.
        text: String,
    },
}

/// One output as Terraform tells it at the end of an apply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputValue {
    /// The output's name.
    pub name: String,
    /// True when Terraform marks it sensitive.
    pub sensitive: bool,
    /// The value; `None` when sensitive or not told.
    pub value: Option<Value>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The operation failed.
    Error,
    /// It went on.
    Warning,
}

/// An error or warning with the place in the configuration that it speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// More, or empty.
    pub detail: String,
    /// The address of the resource or module that it speaks of.
    pub address: Option<String>,
    /// Where in the configuration.
    pub range: Option<SourceRange>,
    /// The line of code there.
    pub code: Option<String>,
}

/// A place in a file, lines and columns counted from one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRange {
    /// The file, relative to the directory that Terraform ran in.
    pub filename: String,
    /// First line.
    pub start_line: u64,
    /// First column.
    pub start_column: u64,
    /// Last line.
    pub end_line: u64,
    /// Column after the last.
    pub end_column: u64,
}

/// Reads one line; `None` when it is not a line of Terraform's machine-readable UI.
#[must_use]
pub fn parse_line(line: &str) -> Option<UiEvent> {
    let raw: RawLine = serde_json::from_str(line.trim()).ok()?;
    raw.read()
}

#[derive(Deserialize)]
struct RawLine {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "@message", default)]
    message: String,
    #[serde(default)]
    diagnostic: Option<RawDiagnostic>,
    #[serde(default)]
    change: Option<RawChange>,
    #[serde(default)]
    hook: Option<RawHook>,
    #[serde(default)]
    changes: Option<RawSummary>,
    #[serde(default)]
    outputs: Option<serde_json::Map<String, Value>>,
}

#[derive(Deserialize)]
struct RawDiagnostic {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    range: Option<RawRange>,
    #[serde(default)]
    snippet: Option<RawSnippet>,
}

#[derive(Deserialize)]
struct RawRange {
    filename: String,
    start: RawPosition,
    end: RawPosition,
}

#[derive(Deserialize)]
struct RawPosition {
    line: u64,
    #[serde(default)]
    column: u64,
}

#[derive(Deserialize)]
struct RawSnippet {
    #[serde(default)]
    code: String,
}

#[derive(Deserialize)]
struct RawResource {
    #[serde(default)]
    addr: String,
}

#[derive(Deserialize)]
struct RawChange {
    resource: RawResource,
    #[serde(default)]
    action: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RawHook {
    #[serde(default)]
    resource: Option<RawResource>,
    #[serde(default)]
    action: String,
    #[serde(default)]
    elapsed_seconds: f64,
}

#[derive(Deserialize)]
struct RawSummary {
    #[serde(default)]
    add: u64,
    #[serde(default)]
    change: u64,
    #[serde(default)]
    remove: u64,
    #[serde(default)]
    import: u64,
    #[serde(default)]
    operation: String,
}

impl RawLine {
    fn read(self) -> Option<UiEvent> {
        let event = match self.kind.as_str() {
            "diagnostic" => UiEvent::Diagnostic(self.diagnostic?.read()),
            "planned_change" => {
                let change = self.change?;
                let (address, action) = (change.resource.addr, change.action);
                UiEvent::PlannedChange {
                    address,
                    action,
                    reason: change.reason,
                }
            }
            "resource_drift" => {
                let change = self.change?;
                UiEvent::Drift {
                    address: change.resource.addr,
                    action: change.action,
                }
            }
            "change_summary" => self.changes?.read(),
            "outputs" => UiEvent::Outputs(outputs(self.outputs?)),
            "apply_start" | "apply_progress" | "apply_complete" | "apply_errored" => {
                self.hook?.read(&self.kind)?
            }
            _ => UiEvent::Message {
                kind: self.kind,
                text: self.message,
            },
        };
        Some(event)
    }
}

impl RawHook {
    fn read(self, kind: &str) -> Option<UiEvent> {
        let address = self.resource?.addr;
        let action = self.action;
        let elapsed_seconds = whole_seconds(self.elapsed_seconds);
        match kind {
            "apply_start" => Some(UiEvent::ApplyStart { address, action }),
            "apply_progress" => Some(UiEvent::ApplyProgress {
                address,
                action,
                elapsed_seconds,
            }),
            "apply_complete" => Some(UiEvent::ApplyComplete {
                address,
                action,
                elapsed_seconds,
            }),
            "apply_errored" => Some(UiEvent::ApplyErrored {
                address,
                action,
                elapsed_seconds,
            }),
            _ => None,
        }
    }
}

/// A cast from float to integer saturates, and not-a-number gives zero.
fn whole_seconds(seconds: f64) -> u64 {
    seconds.round() as u64
}

impl RawSummary {
    fn read(self) -> UiEvent {
        UiEvent::ChangeSummary {
            operation: self.operation,
            add: self.add,
            change: self.change,
            remove: self.remove,
            import: self.import,
        }
    }
}

impl RawDiagnostic {
    fn read(self) -> Diagnostic {
        Diagnostic {
            // An unknown severity is taken for the worse one: it is shown, not lost.
            severity: if self.severity == "warning" {
                Severity::Warning
            } else {
                Severity::Error
            },
            summary: self.summary,
            detail: self.detail,
            address: self.address.filter(|a| !a.is_empty()),
            range: self.range.map(RawRange::read),
            code: self.snippet.map(|s| s.code).filter(|code| !code.is_empty()),
        }
    }
}

impl RawRange {
    fn read(self) -> SourceRange {
        SourceRange {
            filename: self.filename,
            start_line: self.start.line,
            start_column: self.start.column,
            end_line: self.end.line,
            end_column: self.end.column,
        }
    }
}

fn outputs(raw: serde_json::Map<String, Value>) -> Vec<OutputValue> {
    raw.into_iter()
        .map(|(name, output)| {
            let sensitive = output
                .get("sensitive")
                .and_then(Value::as_bool)
                .unwrap_or(true);
            let value = if sensitive {
                None
            } else {
                output.get("value").cloned()
            };
            OutputValue {
                name,
                sensitive,
                value,
            }
        })
        .collect()
}
