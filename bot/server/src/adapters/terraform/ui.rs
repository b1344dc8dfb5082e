//! Turns Terraform's machine-readable UI into lines for people, progress and what is to be kept.

use std::fmt::Write as _;

use serde_json::Value;
use slipway_core::plan::diagnostics::{OutputValue, Severity, UiEvent, parse_line};
use slipway_core::plan::{Counts, Diagnostic};
use slipway_core::ports::{AppliedPlan, RunLog};

use crate::process::{LINE_LIMIT, Redactor};

/// More diagnostics than anybody reads; a provider could print without end.
const MOST_DIAGNOSTICS: usize = 200;
/// How much of an output's value is kept.
const OUTPUT_BYTES: usize = 2048;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Planning,
    Applying,
}

/// Reads the UI of one plan or apply.
pub(super) struct Ui<'a> {
    log: &'a dyn RunLog,
    redactor: &'a Redactor,
    doing: Doing,
    changes: u32,
    seen: Seen,
}

/// What the UI told.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Errors and warnings.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What an apply did.
    pub(super) applied: AppliedPlan,
    /// How many steps the plan has; a replacement takes two.
    pub(super) steps: u32,
    /// How many of them are done.
    pub(super) done: u32,
}

impl<'a> Ui<'a> {
    pub(super) fn of_plan(log: &'a dyn RunLog, redactor: &'a Redactor) -> Self {
        Self {
            log,
            redactor,
            doing: Doing::Planning,
            changes: 0,
            seen: Seen::default(),
        }
    }

    pub(super) fn of_apply(log: &'a dyn RunLog, redactor: &'a Redactor) -> Self {
        Self {
            doing: Doing::Applying,
            ..Self::of_plan(log, redactor)
        }
    }

    pub(super) fn finish(self) -> Seen {
        self.seen
    }

    /// Takes one line of either stream.
    pub(super) fn line(&mut self, line: &str) {
        match parse_line(line) {
            Some(event) => self.event(event),
            None if line.trim().is_empty() => {}
            // A provider that prints, or Terraform before its UI is up.
            None => self.say(line),
        }
    }

    fn event(&mut self, event: UiEvent) {
        match event {
            UiEvent::Diagnostic(diagnostic) => self.diagnostic(diagnostic),
            UiEvent::PlannedChange {
                address,
                action,
                reason,
            } => {
                self.planned(&address, &action, reason.as_deref());
            }
            UiEvent::Drift { address, action } => {
                self.say(&format!(
                    "{address}: changed outside of Terraform ({action})"
                ));
            }
            UiEvent::ApplyStart { address, action } => self.step(&format!("{address}: {action}")),
            UiEvent::ApplyProgress {
                address,
                action,
                elapsed_seconds,
            } => {
                self.step(&format!("{address}: {action}, {elapsed_seconds} s so far"));
            }
            UiEvent::ApplyComplete {
                address,
                action,
                elapsed_seconds,
            } => {
                self.seen.done = (self.seen.done + 1).min(self.seen.steps);
                self.step(&format!(
                    "{address}: {action} done after {elapsed_seconds} s"
                ));
            }
            UiEvent::ApplyErrored {
                address,
                action,
                elapsed_seconds,
            } => {
                self.step(&format!(
                    "{address}: {action} failed after {elapsed_seconds} s"
                ));
            }
            UiEvent::ChangeSummary {
                operation,
                add,
                change,
                remove,
                import,
            } => {
                self.summary(&operation, [add, change, remove, import]);
            }
            UiEvent::Outputs(outputs) if self.doing == Doing::Applying => self.outputs(outputs),
            UiEvent::Outputs(_) => {}
            UiEvent::Message { text, .. } => self.say(&text),
        }
    }

    fn planned(&mut self, address: &str, action: &str, reason: Option<&str>) {
        self.changes += 1;
        match self.doing {
            Doing::Planning => {
                let reason = reason
                    .map(|reason| format!(" (because {reason})"))
                    .unwrap_or_default();
                self.say(&format!("{address}: {action}{reason}"));
                let line = format!("planning: {} changes so far", self.changes);
                self.log.progress(&line, None);
            }
            // An apply first lists what it will do. What only moves or is forgotten is no step.
            Doing::Applying => {
                self.seen.steps += match action {
                    "replace" => 2,
                    "create" | "update" | "delete" | "read" => 1,
                    _ => 0,
                };
            }
        }
    }

    fn step(&self, line: &str) {
        self.say(line);
        let counted = (self.seen.steps > 0).then_some((self.seen.done, self.seen.steps));
        self.log.progress(&self.redactor.clean(line), counted);
    }

    fn summary(&mut self, operation: &str, [add, change, remove, import]: [u64; 4]) {
        let verb = if operation == "plan" { "to be " } else { "" };
        let mut line = format!("{verb}added {add}, changed {change}, destroyed {remove}");
        if import > 0 {
            // Writing to a string can't fail.
            let _ = write!(line, ", imported {import}");
        }
        self.say(&line);
        if self.doing == Doing::Applying {
            let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            self.seen.applied.counts = Counts {
                add: size(add),
                change: size(change),
                destroy: size(remove),
                import: size(import),
                ..Counts::default()
            };
        }
    }

    fn outputs(&mut self, outputs: Vec<OutputValue>) {
        for output in outputs {
            let (false, Some(value)) = (output.sensitive, output.value) else {
                continue;
            };
            let text = match value {
                Value::String(text) => self.redactor.clean_block(&text),
                value => self.redactor.clean(&value.to_string()),
            };
            self.seen
                .applied
                .outputs
                .push((output.name, shortened(text, OUTPUT_BYTES)));
        }
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let redactor = self.redactor;
        let diagnostic = Diagnostic {
            summary: redactor.clean(&diagnostic.summary),
            detail: redactor.clean_block(&diagnostic.detail),
            code: diagnostic.code.map(|code| redactor.clean_block(&code)),
            ..diagnostic
        };
        self.say(&headline(&diagnostic));
        for line in diagnostic.detail.lines() {
            self.say(&format!("  {line}"));
        }
        let is_known = self.seen.diagnostics.contains(&diagnostic);
        if !is_known && self.seen.diagnostics.len() < MOST_DIAGNOSTICS {
            self.seen.diagnostics.push(diagnostic);
        }
    }

    /// JSON can hide escapes that only its parsing brings out, so text is cleaned once more.
    fn say(&self, line: &str) {
        for line in line.lines() {
            self.log
                .line(&shortened(self.redactor.clean(line), LINE_LIMIT));
        }
    }
}

fn shortened(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
    text
}

/// `error: SUMMARY (FILE:LINE)`
pub(super) fn headline(diagnostic: &Diagnostic) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = match (&diagnostic.range, &diagnostic.address) {
        (Some(range), _) => format!(" ({}:{})", range.filename, range.start_line),
        (None, Some(address)) => format!(" ({address})"),
        (None, None) => String::new(),
    };
    format!("{severity}: {}{place}", diagnostic.summary)
}
