//! Says what went wrong with Terraform, and what to do about it.

use std::fmt;
use std::io;

use slipway_core::plan::Diagnostic;
use slipway_core::plan::diagnostics::Severity;
use slipway_core::ports::{PortError, PortErrorKind, StateLock, TerraformError, TerraformJob};
use slipway_core::spec::StackSpec;

use super::{state_lock, ui};
use crate::process::{CutShort, Ended, How, RunError};

/// How people call this system.
pub(super) const SYSTEM: &str = "Terraform";

/// What Terraform was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `init`.
    Init,
    /// `workspace select`, `workspace show`.
    Workspace,
    /// `plan`.
    Plan,
    /// `show`.
    Show,
    /// `apply`.
    Apply,
    /// `force-unlock`.
    ForceUnlock,
}

impl Step {
    /// "planning eks in workspace dev".
    pub(super) fn doing(self, stack: &StackSpec) -> String {
        let verb = match self {
            Self::Init => "initialising",
            Self::Workspace => "choosing the workspace of",
            Self::Plan => "planning",
            Self::Show => "reading the plan of",
            Self::Apply => "applying",
            Self::ForceUnlock => "forcing the state lock open of",
        };
        format!("{verb} {} in workspace {}", stack.name, stack.workspace)
    }
}

/// What no repetition helps.
pub(super) fn invalid(doing: &str, said: String) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said,
        kind: PortErrorKind::Invalid,
    }
}

/// The machine did not give what was needed.
pub(super) fn unmet(doing: &str, error: &io::Error) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said: format!("the bot's own directories can't be used: {error}"),
        kind: PortErrorKind::Unavailable { retry_after: None },
    }
}

/// The work on the bot's own files did not come to its end.
pub(super) fn ended_early(doing: &str, error: &tokio::task::JoinError) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said: format!("the work did not come to its end: {error}"),
        kind: PortErrorKind::Unavailable { retry_after: None },
    }
}

/// The machine has no port for the credentials.
pub(super) fn no_door(doing: &str, error: &io::Error) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said: format!("no port of 127.0.0.1 can be opened for its credentials: {error}"),
        kind: PortErrorKind::Unavailable { retry_after: None },
    }
}

/// An error that Terraform itself said nothing about.
pub(super) fn bare(error: PortError) -> TerraformError {
    TerraformError {
        error,
        diagnostics: Vec::new(),
        state_lock: None,
    }
}

/// Somebody asked to stop before it began.
pub(super) fn not_begun(step: Step, job: &TerraformJob<'_>) -> PortError {
    PortError {
        system: SYSTEM,
        doing: step.doing(job.stack),
        said: "it was stopped as asked, before it began".to_owned(),
        kind: PortErrorKind::Stopped,
    }
}

/// It could not be run at all.
pub(super) fn not_run(doing: &str, error: &RunError) -> PortError {
    let kind = match error {
        RunError::TooMuch { .. } | RunError::NoDirectory(_) => PortErrorKind::Invalid,
        RunError::Start { .. } | RunError::Io(_) => {
            PortErrorKind::Unavailable { retry_after: None }
        }
    };
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said: error.to_string(),
        kind,
    }
}

/// It ran and failed.
pub(super) fn of(
    step: Step,
    stack: &StackSpec,
    ended: &Ended,
    diagnostics: Vec<Diagnostic>,
) -> TerraformError {
    let state_lock = state_lock::find(&diagnostics);
    let (said, kind) = match (ended.cut_short, &state_lock) {
        (Some(cut_short), _) => cut(step, cut_short, ended.how),
        (None, Some(lock)) => (Held(lock).to_string(), PortErrorKind::Conflict),
        (None, None) => {
            let said = in_short(ended, &diagnostics);
            let kind = kind_of(step, &diagnostics, &ended.tail);
            let advice = advice(step, stack, kind, &diagnostics);
            (format!("{said}{advice}"), kind)
        }
    };
    let error = PortError {
        system: SYSTEM,
        doing: step.doing(stack),
        said,
        kind,
    };
    TerraformError {
        error,
        diagnostics,
        state_lock,
    }
}

fn cut(step: Step, cut_short: CutShort, how: How) -> (String, PortErrorKind) {
    let (why, kind) = match cut_short {
        CutShort::Stopped => ("it was stopped as asked".to_owned(), PortErrorKind::Stopped),
        CutShort::TimedOut(after) => {
            let why = format!(
                "it was not done after {} s and was stopped",
                after.as_secs()
            );
            // An apply that was cut off is for people to look at.
            let kind = match step {
                Step::Apply => PortErrorKind::Invalid,
                _ => PortErrorKind::Unavailable { retry_after: None },
            };
            (why, kind)
        }
    };
    let what_now = match (step, how) {
        (Step::Apply, How::Exit(_)) => {
            "; it ended in order and wrote down what was done: plan again to see the rest"
        }
        (Step::Apply, How::Signal(_)) => {
            "; it had to be killed, so the state may be locked and lack what was made last: look at \
             both before anything else is applied"
        }
        (_, How::Signal(9)) => "; it had to be killed, so the state may still be locked",
        _ => "",
    };
    (format!("{why}{what_now}"), kind)
}

/// Tells who holds a lock.
struct Held<'a>(&'a StateLock);

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateLock {
            id,
            who,
            created,
            operation,
        } = self.0;
        write!(
            f,
            "the state is locked by {who} since {created} ({operation}); wait until that ends, or, \
             if nothing is at work there any more, `terraform force-unlock {id}`"
        )
    }
}

/// A text in one line, up to where it tells of a lock.
pub(super) fn in_words(text: &str) -> String {
    let words: Vec<&str> = text
        .lines()
        .take_while(|line| !line.contains("Lock Info:"))
        .flat_map(str::split_whitespace)
        .collect();
    words.join(" ")
}

/// The first error, and how many more there are.
fn in_short(ended: &Ended, diagnostics: &[Diagnostic]) -> String {
    let mut errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let Some(first) = errors.next() else {
        let last = ended.tail.iter().rev().find(|line| !line.trim().is_empty());
        return match last {
            Some(line) => format!("{}: {}", ended.how, line.trim()),
            None => format!("{} and said nothing", ended.how),
        };
    };
    let headline = ui::headline(first);
    let mut said = headline
        .strip_prefix("error: ")
        .unwrap_or(&headline)
        .to_owned();
    let paragraph = first.detail.split("\n\n").next().unwrap_or_default();
    if !paragraph.is_empty() {
        said.push_str(": ");
        said.push_str(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    match errors.count() {
        0 => {}
        1 => said.push_str(" (and 1 more error)"),
        more => said.push_str(&format!(" (and {more} more errors)")),
    }
    said
}

/// Terraform has no codes: what kind of failure it is can only be read from its text. A wrong guess
/// costs a useless or a missing repetition of an init or a plan; an apply is never repeated.
fn kind_of(step: Step, diagnostics: &[Diagnostic], tail: &[String]) -> PortErrorKind {
    const DENIED: &[&str] = &[
        "AccessDenied",
        "ExpiredToken",
        "InvalidClientTokenId",
        "UnauthorizedOperation",
        "No valid credential sources found",
        "StatusCode: 403",
    ];
    const PASSING: &[&str] = &[
        "no such host",
        "connection refused",
        "connection reset",
        "i/o timeout",
        "TLS handshake timeout",
        "Client.Timeout",
        "503 Service Unavailable",
        "502 Bad Gateway",
        "RequestLimitExceeded",
        "Throttling",
        "could not connect to",
    ];
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let text: Vec<&str> = if diagnostics.is_empty() {
        tail.iter().map(String::as_str).collect()
    } else {
        errors
            .flat_map(|d| [d.summary.as_str(), d.detail.as_str()])
            .collect()
    };
    let says = |needles: &[&str]| text.iter().any(|t| needles.iter().any(|n| t.contains(n)));
    if says(DENIED) {
        PortErrorKind::Denied
    } else if step != Step::Apply && says(PASSING) {
        PortErrorKind::Unavailable { retry_after: None }
    } else {
        PortErrorKind::Invalid
    }
}

fn advice(
    step: Step,
    stack: &StackSpec,
    kind: PortErrorKind,
    diagnostics: &[Diagnostic],
) -> String {
    let says = |needle: &str| {
        diagnostics
            .iter()
            .any(|d| d.summary.contains(needle) || d.detail.contains(needle))
    };
    if kind == PortErrorKind::Denied && step == Step::Workspace {
        // A role that only reads can't lay the empty state that a new workspace is.
        format!(
            "; if the workspace is not there yet, a person makes it once, in {}: \
             `terraform workspace new {}`",
            stack.dir, stack.workspace
        )
    } else if kind == PortErrorKind::Denied {
        "; check what the environment's role may do".to_owned()
    } else if says("dependency lock file") {
        "; run `terraform init` (and `terraform providers lock -platform=linux_amd64`) and commit \
         .terraform.lock.hcl"
            .to_owned()
    } else {
        String::new()
    }
}
