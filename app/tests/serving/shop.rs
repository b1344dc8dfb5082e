//! A shop of a test's own, and the hands on its shutdown.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use shop::{Database, Drained, Readiness, Shop, Shutdown, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::database::{PATIENT, Place};
use crate::http::{self, Answer};

pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    pub(crate) end: oneshot::Sender<()>,
    pub(crate) route_away: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<std::io::Result<Drained>>,
}

/// A shop on `place`, its tables brought up to date.
pub(crate) async fn open(place: &Place) -> Open {
    let database = place.open().await;
    database.migrate().await.unwrap();
    open_with(place, database, Router::new(), Duration::MAX).await
}

/// A shop that answers `more` as well, and gives requests in flight `limit` when it ends.
pub(crate) async fn open_with(
    place: &Place,
    database: Database,
    more: Router,
    limit: Duration,
) -> Open {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let readiness = Readiness::default();
    let routes = shop::routes(Shop {
        version: place.settings().version,
        readiness: readiness.clone(),
        database,
        clock: Arc::new(SystemClock),
        limits: PATIENT,
        metrics: metrics(),
    })
    .merge(more);
    let (end, ended) = oneshot::channel();
    let (route_away, routed_away) = oneshot::channel();
    let shutdown = Shutdown {
        requested: async { ended.await.unwrap() },
        routed_away: async || routed_away.await.unwrap(),
        limit,
    };
    let served = tokio::spawn(shop::serve(listener, routes, readiness, shutdown));
    Open {
        address,
        end,
        route_away,
        served,
    }
}

/// One recorder for the process, as there can be no other.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let recorder = shop::recorder().unwrap();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).unwrap();
        handle
    });
    handle.clone()
}

impl Open {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).await
    }

    /// Asks for an order of these products.
    pub(crate) async fn order(&self, lines: &[(&str, i64)], key: Option<&str>) -> Answer {
        order(self.address, lines, key).await
    }

    pub(crate) async fn stock(&self, product: &str) -> i64 {
        let answer = self.get(&format!("/api/products/{product}")).await;
        answer.json()["stock"].as_i64().unwrap()
    }
}

pub(crate) async fn order(address: SocketAddr, lines: &[(&str, i64)], key: Option<&str>) -> Answer {
    let lines: Vec<Value> = lines
        .iter()
        .map(|(product, quantity)| json!({"product": product, "quantity": quantity}))
        .collect();
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let body = json!({ "lines": lines }).to_string();
    http::request(address, "POST", "/api/orders", &headers, &body).await
}
