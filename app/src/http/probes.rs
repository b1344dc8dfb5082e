//! What machines ask: is it ready, which version is it, how is it doing.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::{Shop, observe};
use crate::version::Version;

/// Not ready is also a shop whose database is gone: it would answer every request with an error.
pub(super) async fn ready(State(shop): State<Shop>) -> (StatusCode, &'static str) {
    if !shop.readiness.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    } else if shop.database.answers(shop.limits.ready).await {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        )
    }
}

pub(super) async fn version(State(shop): State<Shop>) -> Json<Version> {
    Json(shop.version)
}

/// In the text format of Prometheus.
pub(super) async fn metrics(State(shop): State<Shop>) -> impl IntoResponse {
    observe::measure_now(&shop);
    let text = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (text, shop.metrics.render())
}
