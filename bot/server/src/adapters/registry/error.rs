//! What registries say, in the words of the ports.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use slipway_core::ports::{PortError, PortErrorKind};

/// The name of registries in errors.
pub(super) const REGISTRY: &str = "the image registry";

/// The longest wait that is taken from a registry.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What is being done, for errors.
#[derive(Debug)]
pub(super) struct Call {
    doing: String,
}

/// The error body of the distribution specification, "Error Codes".
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    code: String,
    #[serde(default)]
    message: String,
}

impl Call {
    pub(super) fn new(doing: String) -> Self {
        Self { doing }
    }

    pub(super) fn error(&self, said: impl Into<String>, kind: PortErrorKind) -> PortError {
        PortError {
            system: REGISTRY,
            doing: self.doing.clone(),
            said: said.into(),
            kind,
        }
    }

    /// No answer at all.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> PortError {
        let cause =
            std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
                error.source()
            });
        let why = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            cause.last().map(ToString::to_string).unwrap_or_default()
        };
        self.error(why, PortErrorKind::Unavailable { retry_after: None })
    }

    /// An answer that is neither the thing nor "not found".
    pub(super) fn refused(
        &self,
        host: &str,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> PortError {
        let said = words(status, body);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.error(
                format!("{said} ({})", how_to_be_let_in(host)),
                PortErrorKind::Denied,
            ),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => self.error(
                said,
                PortErrorKind::Unavailable {
                    retry_after: retry_after(headers),
                },
            ),
            status if status.is_server_error() => self.error(
                said,
                PortErrorKind::Unavailable {
                    retry_after: retry_after(headers),
                },
            ),
            _ => self.error(said, PortErrorKind::Invalid),
        }
    }
}

fn how_to_be_let_in(host: &str) -> String {
    if host == "ghcr.io" {
        "ghcr.io takes no token of a GitHub App: give the bot a user and a personal access token \
         (classic) with `read:packages` for it, or make the package public; a package that was \
         never pushed answers the same"
            .to_owned()
    } else {
        format!("give the bot a user of {host} that may pull this image")
    }
}

fn words(status: StatusCode, body: &[u8]) -> String {
    let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
    let first = envelope.and_then(|envelope| envelope.errors.into_iter().next());
    match first {
        Some(Entry { code, message }) if message.is_empty() => format!("{status}: {code}"),
        Some(Entry { code, message }) => {
            let message: String = message
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            format!("{status}: {code}: {message}")
        }
        None => status.to_string(),
    }
}

/// `Retry-After` in seconds (RFC 9110, §10.2.3); the form with a date is not read, since no clock
/// is at hand that the registry would agree with.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
