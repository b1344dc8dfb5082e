//! The door for webhooks: verify, store, answer. Nothing slow ever happens here.
//!
//! GitHub wants an answer within ten seconds and never tries again by itself, so a delivery is
//! acknowledged as soon as it is stored, and worked off later by another lane.

pub mod payload;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use serde::Serialize;
use slipway_core::ids::DeliveryId;
use slipway_core::ports::{Clock, Store};

use crate::bells::Bells;
use crate::settings::RepoPattern;
use payload::Translated;

/// The largest payload that GitHub sends (GitHub Docs, "Webhook events and payloads").
pub const MAX_PAYLOAD: usize = 25 * 1024 * 1024;

/// How long a sender may take to hand a delivery over.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What the door needs.
pub struct Intake {
    /// Keeps deliveries.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Wakes the lane that works them off.
    pub bells: Arc<Bells>,
    /// What deliveries are signed with.
    pub secret: SecretString,
    /// The id of the App, to tell its own check runs from others'.
    pub app_id: u64,
    /// The repositories that are served.
    pub allow: Vec<RepoPattern>,
}

/// The answer to a delivery, for people who read GitHub's delivery log.
#[derive(Serialize)]
struct Answer {
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// The routes: webhooks and health.
pub fn routes(intake: Arc<Intake>) -> Router {
    Router::new()
        .route("/webhooks/github", post(receive))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD))
        .layer(tower_http::timeout::TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            READ_TIMEOUT,
        ))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(intake)
}

async fn ready(State(intake): State<Arc<Intake>>) -> Response {
    if intake.bells.is_closing() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match intake.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready: the store does not answer");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
                .into_response()
        }
    }
}

async fn receive(
    State(intake): State<Arc<Intake>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Answer>) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(error) = signature::verify(&intake.secret, text("x-hub-signature-256"), &body) {
        tracing::warn!(%error, "a delivery was turned away");
        return answer(StatusCode::UNAUTHORIZED, "refused", error.to_string());
    }
    let Some(event_name) = text("x-github-event") else {
        return answer(
            StatusCode::BAD_REQUEST,
            "refused",
            "the header X-GitHub-Event is missing",
        );
    };
    let Some(id) = text("x-github-delivery").and_then(|id| DeliveryId::parse(id).ok()) else {
        let because = "the header X-GitHub-Delivery is missing or malformed";
        return answer(StatusCode::BAD_REQUEST, "refused", because);
    };
    let event = match payload::translate(event_name, &body, intake.app_id) {
        Ok(Translated::Event(event)) => event,
        Ok(Translated::Ping) => return answer(StatusCode::OK, "pong", "the webhook works"),
        Ok(Translated::Ignored(because)) => {
            tracing::info!(%id, event_name, because, "a delivery is ignored");
            return answer(StatusCode::ACCEPTED, "ignored", because);
        }
        Err(error) => {
            tracing::warn!(%id, event_name, %error, "a delivery can't be read");
            return answer(StatusCode::BAD_REQUEST, "refused", error.to_string());
        }
    };
    if !intake
        .allow
        .iter()
        .any(|pattern| pattern.matches(&event.repo.name))
    {
        let because = format!(
            "{} is not in the allow-list of this Slipway",
            event.repo.name
        );
        tracing::info!(%id, event_name, because, "a delivery is ignored");
        return answer(StatusCode::ACCEPTED, "ignored", because);
    }
    match intake.store.receive(&id, &event, intake.clock.now()).await {
        Ok(true) => {
            intake.bells.deliveries.notify_one();
            tracing::info!(%id, event_name, repo = %event.repo.name, "a delivery is stored");
            answer_plain(StatusCode::ACCEPTED, "stored")
        }
        Ok(false) => answer(
            StatusCode::ACCEPTED,
            "known",
            "this delivery was stored before",
        ),
        Err(error) => {
            tracing::error!(%id, %error, "a delivery could not be stored");
            let because = "it could not be stored; redeliver it later";
            answer(StatusCode::SERVICE_UNAVAILABLE, "failed", because)
        }
    }
}

fn answer(
    status: StatusCode,
    result: &'static str,
    because: impl Into<String>,
) -> (StatusCode, Json<Answer>) {
    let because = Some(because.into());
    (status, Json(Answer { result, because }))
}

fn answer_plain(status: StatusCode, result: &'static str) -> (StatusCode, Json<Answer>) {
    let because = None;
    (status, Json(Answer { result, because }))
}
