//! What goes wrong, in each service's own words and shapes.
//!
//! The services share SigV4 but not their error codes: STS answers the Query protocol's
//! `ErrorResponse`, EKS and Secrets Manager JSON with `x-amzn-ErrorType`, S3 a bare `Error`
//! document.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;

use super::document::{Field, fields, json, text, xml};
use super::journal::{Fault, Service};
use super::sigv4::AuthError;

/// STS's XML namespace.
pub(super) const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A refused or failed request.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What S3 adds to its document.
    pub(super) details: Vec<Field>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// What AWS has and the sandbox hasn't: refused aloud rather than ignored.
    pub(super) fn not_implemented(what: &str) -> Self {
        let message = format!(
            "A header or parameter you provided implies functionality that is not implemented: {what}"
        );
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
    }

    pub(super) fn with(mut self, detail: Field) -> Self {
        self.details.push(detail);
        self
    }

    /// A fault that was switched on.
    pub(super) fn of_fault(service: Service, fault: Fault) -> Self {
        let server_error = "We encountered an internal error. Please try again.";
        match (service, fault) {
            (Service::Sts | Service::S3, Fault::AccessDenied) => {
                Self::forbidden("AccessDenied", "Access Denied")
            }
            (Service::Eks | Service::PodIdentity, Fault::AccessDenied) => {
                Self::forbidden("AccessDeniedException", "Access denied")
            }
            (Service::SecretsManager, Fault::AccessDenied) => {
                Self::bad("AccessDeniedException", "Access denied")
            }
            (Service::Sts, Fault::ServerError) => Self::internal("InternalFailure", server_error),
            (Service::Eks, Fault::ServerError) => Self::internal("ServerException", server_error),
            (Service::PodIdentity, Fault::ServerError) => {
                Self::internal("InternalServerException", server_error)
            }
            (Service::SecretsManager, Fault::ServerError) => Self::internal(
                "InternalServiceError",
                "An error occurred on the server side.",
            ),
            (Service::S3, Fault::ServerError) => Self::internal("InternalError", server_error),
            (Service::Sts, Fault::Throttling) => Self::bad("Throttling", "Rate exceeded"),
            (Service::SecretsManager, Fault::Throttling) => {
                Self::bad("ThrottlingException", "Rate exceeded")
            }
            (Service::Eks | Service::PodIdentity, Fault::Throttling) => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "ThrottlingException",
                "Rate exceeded",
            ),
            (Service::S3, Fault::Throttling) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "SlowDown",
                "Please reduce your request rate.",
            ),
        }
    }

    fn internal(code: &'static str, message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, message)
    }

    /// A request that isn't believed.
    pub(super) fn of_auth(service: Service, error: AuthError) -> Self {
        match service {
            Service::Sts => sts_auth(error),
            Service::Eks | Service::PodIdentity => eks_auth(error),
            // The same words, but the JSON protocol has one status for all of them.
            Service::SecretsManager => Self {
                status: StatusCode::BAD_REQUEST,
                ..eks_auth(error)
            },
            Service::S3 => s3_auth(error),
        }
    }

    /// The answer, with a body unless the request was a `HEAD`.
    pub(super) fn render(&self, service: Service, form: &AnswerForm<'_>) -> Response<Body> {
        match service {
            Service::Sts => self.sts(form),
            Service::Eks | Service::SecretsManager => self.json(),
            Service::PodIdentity => self.agent(),
            Service::S3 => self.s3(form),
        }
    }

    fn sts(&self, form: &AnswerForm<'_>) -> Response<Body> {
        let kind = if self.status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let inner = vec![
            fields(
                "Error",
                vec![
                    text("Type", kind),
                    text("Code", self.code),
                    text("Message", self.message.as_str()),
                ],
            ),
            text("RequestId", form.request_id),
        ];
        if form.json {
            let body: serde_json::Map<_, _> = inner
                .iter()
                .filter_map(|field| json(field).as_object().cloned())
                .flatten()
                .collect();
            return (self.status, axum::Json(body)).into_response();
        }
        let body = xml(&fields("ErrorResponse", inner), Some(STS_NAMESPACE));
        (self.status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
    }

    fn json(&self) -> Response<Body> {
        let body = serde_json::json!({"__type": self.code, "message": self.message});
        let kind = HeaderValue::from_static(self.code);
        (self.status, [("x-amzn-errortype", kind)], axum::Json(body)).into_response()
    }

    /// The agent passes on in prose what EKS Auth told it.
    fn agent(&self) -> Response<Body> {
        let body = format!(
            "unable to fetch credentials from EKS Auth: {}: {}\n",
            self.code, self.message
        );
        (self.status, [(header::CONTENT_TYPE, "text/plain")], body).into_response()
    }

    fn s3(&self, form: &AnswerForm<'_>) -> Response<Body> {
        if form.head || self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response();
        }
        let mut inner = vec![
            text("Code", self.code),
            text("Message", self.message.as_str()),
        ];
        inner.extend(self.details.iter().cloned());
        inner.push(text("RequestId", form.request_id));
        inner.push(text("HostId", "sandbox"));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}",
            xml(&fields("Error", inner), None)
        );
        (
            self.status,
            [(header::CONTENT_TYPE, "application/xml")],
            body,
        )
            .into_response()
    }
}

/// How a request wants to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerForm<'a> {
    pub(super) request_id: &'a str,
    /// STS answers JSON to those who accept it.
    pub(super) json: bool,
    /// No body, whatever the status.
    pub(super) head: bool,
}

const NO_MATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const BAD_TOKEN: &str = "The security token included in the request is invalid.";
const OLD_TOKEN: &str = "The security token included in the request is expired";

fn sts_auth(error: AuthError) -> Failure {
    match error {
        AuthError::Missing => Failure::forbidden(
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        ),
        AuthError::Malformed(why) => Failure::bad("IncompleteSignature", why),
        AuthError::UnknownKey | AuthError::WrongToken => {
            Failure::forbidden("InvalidClientTokenId", BAD_TOKEN)
        }
        AuthError::ExpiredToken => Failure::forbidden("ExpiredToken", OLD_TOKEN),
        // STS names a stale request like this, not `RequestExpired`.
        AuthError::Skewed(why) => Failure::forbidden("SignatureDoesNotMatch", why),
        AuthError::PresignExpired => Failure::bad("RequestExpired", "Request has expired."),
        AuthError::UnsignedHeader(_)
        | AuthError::NoPayloadHash
        | AuthError::WrongPayload
        | AuthError::Mismatch => Failure::forbidden("SignatureDoesNotMatch", NO_MATCH),
    }
}

fn eks_auth(error: AuthError) -> Failure {
    match error {
        AuthError::Missing => Failure::forbidden(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        AuthError::Malformed(why) => Failure::forbidden("IncompleteSignatureException", why),
        AuthError::UnknownKey | AuthError::WrongToken => {
            Failure::forbidden("UnrecognizedClientException", BAD_TOKEN)
        }
        AuthError::ExpiredToken => Failure::forbidden("ExpiredTokenException", OLD_TOKEN),
        AuthError::Skewed(why) => Failure::forbidden("InvalidSignatureException", why),
        AuthError::PresignExpired => {
            Failure::forbidden("InvalidSignatureException", "Signature expired")
        }
        AuthError::UnsignedHeader(_)
        | AuthError::NoPayloadHash
        | AuthError::WrongPayload
        | AuthError::Mismatch => Failure::forbidden("InvalidSignatureException", NO_MATCH),
    }
}

fn s3_auth(error: AuthError) -> Failure {
    match error {
        AuthError::Missing => Failure::forbidden("AccessDenied", "Access Denied"),
        AuthError::Malformed(why) => Failure::bad("AuthorizationHeaderMalformed", why),
        AuthError::UnknownKey => Failure::forbidden(
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        AuthError::WrongToken => Failure::bad(
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        ),
        AuthError::ExpiredToken => Failure::bad("ExpiredToken", "The provided token has expired."),
        AuthError::Skewed(_) => Failure::forbidden(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        AuthError::PresignExpired => Failure::forbidden("AccessDenied", "Request has expired"),
        AuthError::Mismatch => Failure::forbidden(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ),
        AuthError::UnsignedHeader(name) => Failure::forbidden(
            "AccessDenied",
            "There were headers present in the request which were not signed",
        )
        .with(text("HeadersNotSigned", name)),
        AuthError::NoPayloadHash => Failure::bad(
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        ),
        AuthError::WrongPayload => Failure::bad(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
    }
}
