//! Errors as the API tells them: RFC 9457 problem details. The page shows the same ones as HTML.

use std::any::Any;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::database::{DatabaseFault, Refused};
use crate::shopping::InvalidBasket;

/// A problem of no registered type (`about:blank`, so that the title is the status's own), told apart
/// by `code`. <https://www.rfc-editor.org/rfc/rfc9457>
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
        }
    }

    pub(super) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Details<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            code: &'static str,
            detail: &'a str,
        }
        let details = Json(Details {
            r#type: "about:blank",
            title: self.title(),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
        });
        let mut response = (self.status, details).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        response
    }
}

/// Logged here, once, with what lies behind it; whoever asked is told no more than that it failed.
impl From<DatabaseFault> for Problem {
    fn from(fault: DatabaseFault) -> Self {
        let error = anyhow::Error::new(fault);
        tracing::error!(error = format!("{error:#}"), "a request fails");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_unavailable",
            "the shop can't reach its database right now; try again in a moment",
        )
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::UnknownProduct(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_product", detail)
            }
            Refused::SoldOut { .. } => Self::new(StatusCode::CONFLICT, "sold_out", detail),
            Refused::KeyUsedOtherwise => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                detail,
            ),
            Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<InvalidBasket> for Problem {
    fn from(invalid: InvalidBasket) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_order",
            invalid.to_string(),
        )
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "invalid_json", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "invalid_query", rejection.body_text())
    }
}

pub(super) async fn no_such_path(uri: Uri) -> Problem {
    let path = uri.path();
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_path",
        format!("there is nothing at {path}"),
    )
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let path = uri.path();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{path} can't be asked with {method}"),
    )
}

pub(super) fn panicked(_what: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request panics");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "fault",
        "the shop has a fault; it is logged",
    )
    .into_response()
}
