//! What GitHub's refusals mean, as [`PortError`]s.
//!
//! GitHub REST, "Troubleshooting" and "Rate limits"
//! (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>).

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use slipway_core::ports::{PortError, PortErrorKind};

/// What GitHub asks to wait after a secondary limit that names no time.
const UNNAMED_WAIT: Duration = Duration::from_secs(60);

/// How much of an answer is quoted, in characters.
const LONGEST_QUOTE: usize = 500;

/// A call that failed, before it is said what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The status of the answer to the very thing that was asked; nothing if there was no answer,
    /// or if it was about something on the way, such as the token.
    pub(super) status: Option<StatusCode>,
    /// What GitHub said, or what went wrong on the way.
    pub(super) said: String,
    /// What kind of failure it is.
    pub(super) kind: PortErrorKind,
}

/// The result of a call.
pub(super) type Outcome<T> = Result<T, Failure>;

#[derive(Deserialize)]
struct ErrorBody {
    message: Option<String>,
    #[serde(default)]
    errors: Option<Value>,
}

impl Failure {
    /// A failure that is no answer of GitHub's.
    pub(super) fn new(kind: PortErrorKind, said: impl Into<String>) -> Self {
        Self {
            status: None,
            said: said.into(),
            kind,
        }
    }

    /// GitHub could not be reached, or not in time.
    pub(super) fn unreachable(said: impl Into<String>) -> Self {
        Self::new(PortErrorKind::Unavailable { retry_after: None }, said)
    }

    /// GitHub answered with something that it does not describe.
    pub(super) fn unexpected(said: impl Into<String>) -> Self {
        Self::new(PortErrorKind::Invalid, said)
    }

    /// Reads an answer that is no success.
    pub(super) fn from_answer(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Self {
        let said = quote(status, headers, body);
        let kind = kind(status, headers, &said, now);
        Self {
            status: Some(status),
            said,
            kind,
        }
    }

    /// Whether GitHub answered with this status.
    pub(super) fn is(&self, status: StatusCode) -> bool {
        self.status == Some(status)
    }

    /// Whether GitHub says that the thing is not there.
    pub(super) fn is_not_found(&self) -> bool {
        self.status.is_some() && self.kind == PortErrorKind::NotFound
    }

    /// Whether GitHub's words contain these, whatever their case.
    pub(super) fn says(&self, words: &str) -> bool {
        self.said
            .to_ascii_lowercase()
            .contains(&words.to_ascii_lowercase())
    }

    /// The same on the way to something else: its status says nothing about that.
    pub(super) fn on_the_way(self) -> Self {
        Self {
            status: None,
            ..self
        }
    }

    /// Says what was being done.
    pub(super) fn while_doing(self, doing: impl Into<String>) -> PortError {
        PortError {
            system: "GitHub",
            doing: doing.into(),
            said: self.said,
            kind: self.kind,
        }
    }
}

fn kind(status: StatusCode, headers: &HeaderMap, said: &str, now: Timestamp) -> PortErrorKind {
    let limited = status == StatusCode::TOO_MANY_REQUESTS
        || (status == StatusCode::FORBIDDEN && is_rate_limit(headers, said));
    if limited {
        return PortErrorKind::Unavailable {
            retry_after: Some(wait(headers, now).unwrap_or(UNNAMED_WAIT)),
        };
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PortErrorKind::Denied,
        StatusCode::NOT_FOUND | StatusCode::GONE => PortErrorKind::NotFound,
        StatusCode::CONFLICT => PortErrorKind::Conflict,
        StatusCode::REQUEST_TIMEOUT => PortErrorKind::Unavailable {
            retry_after: wait(headers, now),
        },
        // A redirect that could not be followed: the repository was renamed or moved.
        status if status.is_redirection() => PortErrorKind::Conflict,
        status if status.is_server_error() => PortErrorKind::Unavailable {
            retry_after: wait(headers, now),
        },
        _ => PortErrorKind::Invalid,
    }
}

fn is_rate_limit(headers: &HeaderMap, said: &str) -> bool {
    headers.contains_key(header::RETRY_AFTER)
        || number(headers, "x-ratelimit-remaining") == Some(0)
        || said.to_ascii_lowercase().contains("rate limit")
}

/// How long GitHub asks to wait: `Retry-After` in seconds, or the time at which the hour is over.
fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    if let Some(seconds) = number(headers, header::RETRY_AFTER.as_str()) {
        return Some(Duration::from_secs(seconds));
    }
    if number(headers, "x-ratelimit-remaining") != Some(0) {
        return None;
    }
    let reset = i64::try_from(number(headers, "x-ratelimit-reset")?).ok()?;
    let seconds = reset.saturating_sub(now.as_second()).max(1);
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// GitHub's message with its `errors`, or what else is known.
fn quote(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let mut said = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(body) => {
            let mut said = body.message.unwrap_or_default();
            for error in listed(body.errors) {
                said.push_str(if said.is_empty() { "" } else { "; " });
                said.push_str(&error);
            }
            said
        }
        // A page of a proxy, say, which is nothing to quote.
        Err(_) => String::new(),
    };
    if said.trim().is_empty() {
        said = status.to_string();
    }
    if status.is_redirection() {
        let to = headers
            .get(header::LOCATION)
            .and_then(|to| to.to_str().ok());
        said = format!("moved to {}", to.unwrap_or("an unnamed place"));
    }
    match said.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => {
            said.truncate(end);
            said.push('…');
            said
        }
        None => said,
    }
}

/// `errors` of a 422: texts, or objects with `message` or with `resource`, `field` and `code`.
fn listed(errors: Option<Value>) -> Vec<String> {
    let errors = match errors {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(errors)) => errors,
        Some(other) => vec![other],
    };
    errors
        .into_iter()
        .map(|error| {
            let text = |name: &str| error.get(name).and_then(Value::as_str);
            if let Some(plain) = error.as_str() {
                return plain.to_owned();
            }
            match (text("message"), text("field"), text("code")) {
                (Some(message), Some(field), _) => format!("{field}: {message}"),
                (Some(message), None, _) => message.to_owned(),
                (None, Some(field), Some(code)) => format!("{field}: {code}"),
                _ => error.to_string(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Failure {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        Failure::from_answer(status, &map, body.as_bytes(), at(1000))
    }

    fn after(seconds: u64) -> PortErrorKind {
        PortErrorKind::Unavailable {
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn each_status_is_one_kind() {
        let later = PortErrorKind::Unavailable { retry_after: None };
        for (status, kind) in [
            (401, PortErrorKind::Denied),
            (403, PortErrorKind::Denied),
            (404, PortErrorKind::NotFound),
            (410, PortErrorKind::NotFound),
            (409, PortErrorKind::Conflict),
            (307, PortErrorKind::Conflict),
            (422, PortErrorKind::Invalid),
            (400, PortErrorKind::Invalid),
            (408, later),
            (500, later),
            (502, later),
        ] {
            assert_eq!(answer(status, &[], "{}").kind, kind, "{status}");
        }
    }

    #[test]
    fn a_rate_limit_is_no_denial_and_says_when() {
        assert_eq!(answer(403, &[("retry-after", "7")], "{}").kind, after(7));
        assert_eq!(answer(429, &[("retry-after", "7")], "{}").kind, after(7));
        assert_eq!(answer(429, &[], "{}").kind, after(60));
        let spent = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1090"),
        ];
        assert_eq!(answer(403, &spent, "{}").kind, after(90));
        let over = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "900")];
        assert_eq!(answer(403, &over, "{}").kind, after(1));
        let left = [
            ("x-ratelimit-remaining", "9"),
            ("x-ratelimit-reset", "1090"),
        ];
        assert_eq!(answer(403, &left, "{}").kind, PortErrorKind::Denied);
        let body = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(answer(403, &[], body).kind, after(60));
        assert_eq!(answer(503, &[("retry-after", "5")], "").kind, after(5));
    }

    #[test]
    fn github_is_quoted_with_its_errors() {
        let body = r#"{"message":"Validation Failed","errors":[
            {"resource":"IssueComment","code":"unprocessable","field":"data","message":"Body is too long"},
            {"resource":"Issue","code":"missing","field":"title"}, "plain"]}"#;
        assert_eq!(
            answer(422, &[], body).said,
            "Validation Failed; data: Body is too long; title: missing; plain"
        );
        assert_eq!(
            answer(422, &[], r#"{"message":"No","errors":"since"}"#).said,
            "No; since"
        );
        assert_eq!(answer(502, &[], "<html>").said, "502 Bad Gateway");
        let long = format!(r#"{{"message":"{}"}}"#, "ä".repeat(600));
        assert_eq!(answer(422, &[], &long).said.chars().count(), 501);
    }
}
