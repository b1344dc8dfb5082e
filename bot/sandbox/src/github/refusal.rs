//! What GitHub says when it does not do something.

use http::StatusCode;
use serde_json::{Value, json};

use super::git::GitError;

/// An error answer: a status, GitHub's message, and where it applies the field errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status}: {message} {}", fields(.errors))]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The `message` of the answer.
    pub message: String,
    /// The `errors` of the answer; empty for most.
    pub errors: Vec<Value>,
    /// Seconds for a `Retry-After` header.
    pub retry_after: Option<u64>,
}

fn fields(errors: &[Value]) -> String {
    errors
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// A 422 that names the field at fault.
    pub(super) fn invalid(resource: &str, field: &str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: "Validation Failed".to_owned(),
            errors: vec![json!({
                "resource": resource, "field": field, "code": "custom", "message": why,
            })],
            retry_after: None,
        }
    }

    /// A 422 with nothing but a message.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_str(),
        });
        if !self.errors.is_empty() {
            body["errors"] = Value::Array(self.errors.clone());
        }
        body
    }
}

impl From<GitError> for Refusal {
    fn from(error: GitError) -> Self {
        tracing::error!(%error, "the sandbox's git failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// What an operation on the model gives.
pub(super) type Outcome<T> = Result<T, Refusal>;
