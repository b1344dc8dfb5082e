//! What the shop answers. Knows neither sockets nor the environment.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use tower_http::trace::{DefaultMakeSpan, DefaultOnResponse, TraceLayer};
use tracing::Level;

use crate::serve::Readiness;
use crate::settings::Version;

/// The shop's pages (`/`, `/version`), logged, and its probes (`/healthz`, `/readyz`), not logged:
/// they come every few seconds.
pub fn routes(version: Version, readiness: Readiness) -> Router {
    let log = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    let pages = Router::new()
        .route("/", get(home))
        .route("/version", get(say_version))
        .with_state(version)
        .layer(log);
    let probes = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(say_ready))
        .with_state(readiness);
    pages.merge(probes)
}

async fn home(State(version): State<Version>) -> Html<String> {
    let Version {
        commit,
        environment,
        ..
    } = version;
    Html(format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>shop · {environment}</title>\n\
         <h1>shop</h1>\n\
         <p>Version <code>{commit}</code> in <strong>{environment}</strong>.</p>\n\
         </html>\n"
    ))
}

async fn say_version(State(version): State<Version>) -> Json<Version> {
    Json(version)
}

async fn say_ready(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    }
}
