//! Answers that a registry gives on a bad day, on demand.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use super::errors::Refusal;

/// A failure for the next `times` requests whose path contains `path` (an empty one: all).
#[derive(Clone, Debug)]
pub struct Fault {
    /// Part of the request's path, such as `/manifests/`.
    pub path: String,
    /// How many requests fail.
    pub times: u32,
    /// What they are told.
    pub answer: Answer,
}

/// What a request that runs into a [`Fault`] is told.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// 401 with a fresh challenge, though the token is good.
    Unauthorized,
    /// 429 with `Retry-After`, in seconds.
    TooManyRequests {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// 503 without a body that the specification knows.
    Unavailable,
}

impl Answer {
    /// The response, given the challenge that a 401 has to carry.
    pub(super) fn response(self, challenge: &str) -> Response {
        match self {
            Self::Unauthorized => {
                let refusal = Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "UNAUTHORIZED",
                    "authentication required",
                );
                with_header(refusal.into_response(), header::WWW_AUTHENTICATE, challenge)
            }
            Self::TooManyRequests { retry_after } => {
                let refusal = Refusal::new(
                    StatusCode::TOO_MANY_REQUESTS,
                    "TOOMANYREQUESTS",
                    "retry-after: too many requests",
                );
                with_header(
                    refusal.into_response(),
                    header::RETRY_AFTER,
                    &retry_after.to_string(),
                )
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "upstream unavailable\n").into_response()
            }
        }
    }
}

/// Takes the first fault that matches, counting it down.
pub(super) fn take(faults: &mut Vec<Fault>, path: &str) -> Option<Answer> {
    let at = faults
        .iter()
        .position(|fault| fault.times > 0 && path.contains(&fault.path))?;
    let fault = faults.get_mut(at)?;
    fault.times -= 1;
    let answer = fault.answer;
    faults.retain(|fault| fault.times > 0);
    Some(answer)
}

/// The response with one more header; a value that no header can carry is left out.
pub(super) fn with_header(
    mut response: Response,
    name: header::HeaderName,
    value: &str,
) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
