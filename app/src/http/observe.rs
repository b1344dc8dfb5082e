//! Logs and counts requests, and ends those that take too long.
//!
//! A request's log names its method and path, never its query, headers or body: what people send may be
//! private. Numbers are kept by matched route, so that made-up paths make no new series.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use tracing::Instrument as _;

use super::Shop;
use super::problem::Problem;
use crate::database::Placed;
use crate::shopping::IdempotencyKey;

const REQUESTS: &str = "shop_http_requests_total";
const DURATION: &str = "shop_http_request_duration_seconds";
const ORDERS: &str = "shop_orders_total";
const CONNECTIONS: &str = "shop_database_connections";
const BUILD: &str = "shop_build_info";

const BUCKETS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

const REQUEST_ID: &str = "x-request-id";
/// Set by an Application Load Balancer, and in its access log.
const TRACE_ID: &str = "x-amzn-trace-id";

/// A recorder for all that the shop counts. The caller makes it the process's own.
///
/// # Errors
/// When the histogram's buckets are not ones.
pub fn recorder() -> Result<PrometheusRecorder, BuildError> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS)?
        .build_recorder();
    metrics::with_local_recorder(&recorder, || {
        describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
        describe_histogram!(
            DURATION,
            Unit::Seconds,
            "Time until the answer, by method and route."
        );
        describe_counter!(
            ORDERS,
            "Orders placed, and orders asked for again under the same key."
        );
        describe_counter!(
            "shop_database_login_renewals_total",
            "IAM tokens made for new connections, by outcome."
        );
        describe_gauge!(CONNECTIONS, "Connections to the database, idle and busy.");
        describe_gauge!(BUILD, "1, with what runs here as labels.");
    });
    Ok(recorder)
}

/// Puts down what is only looked at when somebody asks.
pub(super) fn measure_now(shop: &Shop) {
    let connections = shop.database.connections();
    for (state, count) in [("idle", connections.idle), ("busy", connections.busy)] {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        gauge!(CONNECTIONS, "state" => state).set(count);
    }
    gauge!(
        BUILD,
        "commit" => shop.version.commit.to_string(),
        "environment" => shop.version.environment.to_string()
    )
    .set(1);
}

pub(super) fn count_order(placed: &Placed) {
    let outcome = match placed {
        Placed::Now(_) => "placed",
        Placed::Before(_) => "replayed",
    };
    counter!(ORDERS, "outcome" => outcome).increment(1);
}

pub(super) async fn observe(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("unmatched", MatchedPath::as_str)
        .to_owned();
    let id = request_id(request.headers());
    let span = tracing::info_span!(
        "request",
        request_id = id,
        %method,
        route,
        path = request.uri().path(),
    );
    let mut response = async {
        let answered = tokio::time::timeout(shop.limits.request, next.run(request)).await;
        let response = answered.unwrap_or_else(|_| too_slow().into_response());
        tracing::info!(
            status = response.status().as_u16(),
            latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response
    }
    .instrument(span)
    .await;

    let method = method_label(&method);
    let status = response.status().as_u16().to_string();
    counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    histogram!(DURATION, "method" => method, "route" => route).record(started.elapsed());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// The client's or the load balancer's, if it is fit for a log; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    [REQUEST_ID, TRACE_ID]
        .into_iter()
        .filter_map(|name| headers.get(name)?.to_str().ok())
        .find(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
        .map_or_else(
            || IdempotencyKey::random().as_str().to_owned(),
            str::to_owned,
        )
}

/// Clients may make methods up; those are one series.
fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too_slow",
        "the shop took too long; try again in a moment",
    )
}
