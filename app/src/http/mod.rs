//! What the shop answers, and to what. Knows neither sockets nor the environment, and no SQL.

mod api;
mod observe;
mod page;
mod probes;
mod problem;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;

use crate::clock::Clock;
use crate::database::Database;
use crate::limits::Limits;
use crate::serve::Readiness;
use crate::version::Version;

pub use observe::recorder;

/// More than the largest order takes.
const BODY_LIMIT: usize = 16 * 1024;

/// All that answers are made from.
#[derive(Debug, Clone)]
pub struct Shop {
    /// What runs here.
    pub version: Version,
    /// Whether new requests should come here.
    pub readiness: Readiness,
    /// Products and orders.
    pub database: Database,
    /// When an order is placed.
    pub clock: Arc<dyn Clock>,
    /// How long it waits.
    pub limits: Limits,
    /// Where the numbers of `/metrics` are kept.
    pub metrics: PrometheusHandle,
}

/// The pages and the API, logged and counted, and what only machines ask for every few seconds (`/healthz`,
/// `/readyz`, `/metrics`), neither logged nor counted.
pub fn routes(shop: Shop) -> Router {
    let pages = Router::new()
        .route("/", get(page::home))
        .route("/orders", post(page::place_order))
        .route("/orders/{id}", get(page::order))
        .route("/style.css", get(page::style))
        .layer(middleware::map_response(page::protect));
    let api = Router::new()
        .route("/api/products", get(api::products))
        .route("/api/products/{id}", get(api::product))
        .route("/api/orders", get(api::orders).post(api::place_order))
        .route("/api/orders/{id}", get(api::order))
        .route("/version", get(probes::version));
    let seen = pages
        .merge(api)
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn_with_state(
            shop.clone(),
            observe::observe,
        ));
    let probes = Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(probes::ready))
        .route("/metrics", get(probes::metrics));
    seen.merge(probes).with_state(shop)
}
