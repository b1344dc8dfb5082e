//! Says what went wrong with git, and what to do about it.

use std::io;

use slipway_core::ports::{PortError, PortErrorKind};

use crate::process::{CutShort, Ended, RunError};

/// How people call this system.
pub(super) const SYSTEM: &str = "git";

fn error(doing: &str, said: String, kind: PortErrorKind) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said,
        kind,
    }
}

/// What no repetition helps.
pub(super) fn invalid(doing: &str, said: String) -> PortError {
    error(doing, said, PortErrorKind::Invalid)
}

/// Something is not there.
pub(super) fn not_found(doing: &str, said: String) -> PortError {
    error(doing, said, PortErrorKind::NotFound)
}

/// Two things don't go together.
pub(super) fn conflict(doing: &str, said: String) -> PortError {
    error(doing, said, PortErrorKind::Conflict)
}

/// Somebody asked to stop.
pub(super) fn stopped(doing: &str) -> PortError {
    error(
        doing,
        "it was stopped as asked".to_owned(),
        PortErrorKind::Stopped,
    )
}

/// The machine did not give what was needed.
pub(super) fn unmet(doing: &str, cause: &io::Error) -> PortError {
    error(
        doing,
        format!("the bot's own directories can't be used: {cause}"),
        PortErrorKind::Unavailable { retry_after: None },
    )
}

/// It could not be run at all.
pub(super) fn not_run(doing: &str, cause: &RunError) -> PortError {
    let kind = match cause {
        RunError::TooMuch { .. } | RunError::NoDirectory(_) => PortErrorKind::Invalid,
        RunError::Start { .. } | RunError::Io(_) => {
            PortErrorKind::Unavailable { retry_after: None }
        }
    };
    error(doing, cause.to_string(), kind)
}

/// It ran and failed. git has no codes: which kind of failure it is can only be read from its
/// text, which is English since it runs with `LC_ALL=C`.
pub(super) fn of(doing: &str, ended: &Ended) -> PortError {
    const DENIED: &[&str] = &[
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "returned error: 401",
        "returned error: 403",
    ];
    const ABSENT: &[&str] = &[
        "returned error: 404",
        "' not found",
        "couldn't find remote ref",
        "not our ref",
    ];
    const PASSING: &[&str] = &[
        "unable to access",
        "Could not resolve host",
        "early EOF",
        "unexpected disconnect",
        "the remote end hung up",
        "RPC failed",
        "Operation too slow",
        "cannot lock ref",
        "No space left on device",
    ];
    match ended.cut_short {
        Some(CutShort::Stopped) => return stopped(doing),
        Some(CutShort::TimedOut(after)) => {
            let said = format!(
                "it was not done after {} s and was stopped",
                after.as_secs()
            );
            return error(
                doing,
                said,
                PortErrorKind::Unavailable { retry_after: None },
            );
        }
        None => {}
    }
    let says = |needles: &[&str]| {
        ended
            .tail
            .iter()
            .any(|line| needles.iter().any(|needle| line.contains(needle)))
    };
    let said = in_short(ended);
    if says(DENIED) {
        let advice = "check that the App is installed on the repository and may read its contents";
        error(doing, format!("{said}; {advice}"), PortErrorKind::Denied)
    } else if says(ABSENT) {
        not_found(doing, said)
    } else if says(PASSING) {
        error(
            doing,
            said,
            PortErrorKind::Unavailable { retry_after: None },
        )
    } else {
        invalid(doing, said)
    }
}

/// The line that tells most, or how it ended.
fn in_short(ended: &Ended) -> String {
    let telling = ["fatal: ", "error: ", "remote: "]
        .iter()
        .find_map(|prefix| ended.tail.iter().find_map(|line| line.strip_prefix(prefix)));
    match telling.or(ended.tail.last().map(String::as_str)) {
        Some(line) => line.trim().to_owned(),
        None => format!("{} and said nothing", ended.how),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::How;

    fn kind(line: &str) -> PortErrorKind {
        of(
            "fetching",
            &Ended {
                how: How::Exit(128),
                cut_short: None,
                stdout: vec![],
                tail: vec!["warning: x".to_owned(), line.to_owned()],
            },
        )
        .kind
    }

    #[test]
    fn gits_sentences_are_understood() {
        let passing = PortErrorKind::Unavailable { retry_after: None };
        for (line, expected) in [
            (
                "fatal: Authentication failed for 'https://x/'",
                PortErrorKind::Denied,
            ),
            (
                "fatal: unable to access 'https://x/': The requested URL returned error: 403",
                PortErrorKind::Denied,
            ),
            (
                "fatal: repository 'https://x/' not found",
                PortErrorKind::NotFound,
            ),
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x",
                passing,
            ),
            (
                "fatal: unable to access 'https://x/': The requested URL returned error: 503",
                passing,
            ),
            ("fatal: fsck error in packed object", PortErrorKind::Invalid),
        ] {
            assert_eq!(kind(line), expected, "{line}");
        }
    }
}
