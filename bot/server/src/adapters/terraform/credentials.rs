//! How Terraform comes by the credentials of its role: it asks for them at a door on this machine,
//! or finds them in its environment.
//!
//! The door speaks the protocol of container credentials
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>), which
//! every current SDK of AWS knows. Each Terraform process has a door and a token of its own; the
//! door is shut when the process ends. So a process that outlives a session gets the next one.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use slipway_core::ports::{PortError, RoleSessions, Session};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::process::Redactor;

/// Where the credentials are.
const PATH: &str = "/credentials";

/// How Terraform comes by its credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialsBy {
    /// It asks for them, and asks again before they end.
    #[default]
    Endpoint,
    /// They stand in its environment when it is started and end when they end: for providers
    /// whose SDK does not know the endpoint.
    Environment,
}

/// Variables by which a process would be somebody else in AWS, or look elsewhere for who it is.
/// SDKs look at most of them before they ask at the door.
pub(super) const OTHER_IDENTITIES: [&str; 15] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// A door at which one process may ask; shut when dropped.
pub(super) struct Door {
    url: String,
    token: SecretString,
    _open: DropGuard,
}

/// What is behind a door.
struct Room {
    sessions: Arc<dyn RoleSessions>,
    token: SecretString,
    /// Learns each secret before it is handed out.
    redactor: Redactor,
    shut: CancellationToken,
}

/// The answer of the protocol.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    account_id: &'a str,
    expiration: String,
}

/// What SDKs print when they are refused.
#[derive(Serialize)]
struct Refusal {
    code: &'static str,
    message: String,
}

impl Door {
    /// Opens a door on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be opened.
    pub(super) async fn open(
        sessions: Arc<dyn RoleSessions>,
        redactor: Redactor,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}{PATH}", listener.local_addr()?);
        let token = SecretString::from(hex::encode(rand::random::<[u8; 32]>()));
        redactor.learn([token.expose_secret()]);
        let shut = CancellationToken::new();
        let room = Arc::new(Room {
            sessions,
            token: token.clone(),
            redactor,
            shut: shut.clone(),
        });
        let routes = Router::new().route(PATH, get(answer)).with_state(room);
        let closing = shut.clone();
        tokio::spawn(async move {
            // Connections that are idle are ended with it.
            let served = axum::serve(listener, routes)
                .with_graceful_shutdown(closing.cancelled_owned())
                .await;
            if let Err(error) = served {
                tracing::error!(%error, "the credential endpoint of a Terraform process failed");
            }
        });
        Ok(Self {
            url,
            token,
            _open: shut.drop_guard(),
        })
    }

    /// The variables by which SDKs find it.
    pub(super) fn variables(&self) -> [(&'static str, &str); 2] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &self.url),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                self.token.expose_secret(),
            ),
        ]
    }
}

/// The variables that hold a session itself.
pub(super) fn variables(session: &Session) -> [(&'static str, &str); 3] {
    [
        ("AWS_ACCESS_KEY_ID", &session.access_key_id),
        (
            "AWS_SECRET_ACCESS_KEY",
            session.secret_access_key.expose_secret(),
        ),
        ("AWS_SESSION_TOKEN", session.session_token.expose_secret()),
    ]
}

/// What must not be seen of a session.
pub(super) fn secrets(session: &Session) -> [&str; 2] {
    [
        session.secret_access_key.expose_secret(),
        session.session_token.expose_secret(),
    ]
}

async fn answer(State(room): State<Arc<Room>>, headers: HeaderMap) -> Response {
    let shown = headers
        .get(header::AUTHORIZATION)
        .map_or(&[][..], |shown| shown.as_bytes());
    let is_known = bool::from(shown.ct_eq(room.token.expose_secret().as_bytes()));
    if !is_known || room.shut.is_cancelled() {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthorizationToken",
            "this door is for one Terraform process of Slipway".to_owned(),
        );
    }
    let session = match room.sessions.current().await {
        Ok(session) => session,
        Err(error) => return unavailable(&error),
    };
    room.redactor.learn(secrets(&session));
    let answer = Answer {
        access_key_id: &session.access_key_id,
        secret_access_key: session.secret_access_key.expose_secret(),
        token: session.session_token.expose_secret(),
        account_id: &session.evidence.account,
        expiration: session.expires_at.to_string(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

/// SDKs try again on 5xx only.
fn unavailable(error: &PortError) -> Response {
    tracing::warn!(%error, "a Terraform process asked in vain for credentials");
    let (status, code) = if error.is_passing() {
        (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable")
    } else {
        (StatusCode::FORBIDDEN, "AccessDenied")
    };
    refuse(status, code, error.to_string())
}

fn refuse(status: StatusCode, code: &'static str, message: String) -> Response {
    (status, Json(Refusal { code, message })).into_response()
}

#[cfg(test)]
mod tests;
