//! The shop over a real socket: what it answers, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::json;
use shop::{Drained, Readiness, Settings, Shutdown};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A shop of the test's own, and the hands on its shutdown.
struct Shop {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    route_away: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<Drained>>,
}

impl Shop {
    async fn open(more: Router, limit: Duration) -> Self {
        let settings = Settings::read(|name| match name {
            "SHOP_COMMIT" => Some("abc1234".to_owned()),
            "SHOP_BUILT_AT" => Some("2026-11-02T09:00:00Z".to_owned()),
            "SHOP_ENVIRONMENT" => Some("dev".to_owned()),
            _ => None,
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let readiness = Readiness::default();
        let routes = shop::routes(settings.version, readiness.clone()).merge(more);
        let (end, ended) = oneshot::channel();
        let (route_away, routed_away) = oneshot::channel();
        let shutdown = Shutdown {
            requested: async { ended.await.unwrap() },
            routed_away: async || routed_away.await.unwrap(),
            limit,
        };
        let served = tokio::spawn(shop::serve(listener, routes, readiness, shutdown));
        Self {
            address,
            end,
            route_away,
            served,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        request(self.address, path).await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

async fn request(address: SocketAddr, path: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn pages_name_the_version() {
    let shop = Shop::open(Router::new(), Duration::MAX).await;

    let home = shop.get("/").await;
    assert_eq!(home.status, 200);
    assert!(
        home.head.contains("content-type: text/html; charset=utf-8"),
        "{home:?}"
    );
    assert!(
        home.body
            .contains("<code>abc1234</code> in <strong>dev</strong>"),
        "{home:?}"
    );

    let version = shop.get("/version").await;
    assert_eq!(version.status, 200);
    assert!(
        version.head.contains("content-type: application/json"),
        "{version:?}"
    );
    let said: serde_json::Value = serde_json::from_str(&version.body).unwrap();
    assert_eq!(
        said,
        json!({"commit": "abc1234", "built_at": "2026-11-02T09:00:00Z", "environment": "dev"})
    );

    assert_eq!(shop.get("/nowhere").await.status, 404);
}

#[tokio::test]
async fn shutdown_is_unready_first_and_answers_until_traffic_is_gone() {
    let shop = Shop::open(Router::new(), Duration::MAX).await;
    assert_eq!(shop.get("/healthz").await.status, 200);
    assert_eq!(shop.get("/readyz").await.status, 200);

    shop.end.send(()).unwrap();
    while request(shop.address, "/readyz").await.status != 503 {}
    assert_eq!(request(shop.address, "/healthz").await.status, 200);
    assert_eq!(request(shop.address, "/version").await.status, 200);

    shop.route_away.send(()).unwrap();
    assert_eq!(shop.served.await.unwrap().unwrap(), Drained::Complete);
    assert!(TcpStream::connect(shop.address).await.is_err());
}

#[tokio::test]
async fn a_request_in_flight_is_answered() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (arrived, go_on) = (arrived.clone(), go_on.clone());
        async move || {
            arrived.notify_one();
            go_on.notified().await;
            "sold\n"
        }
    };
    let shop = Shop::open(Router::new().route("/buy", get(slow)), Duration::MAX).await;
    let sale = tokio::spawn(request(shop.address, "/buy"));
    arrived.notified().await;

    shop.end.send(()).unwrap();
    shop.route_away.send(()).unwrap();
    // Once the door is closed, the shop is draining.
    while TcpStream::connect(shop.address).await.is_ok() {}
    assert!(!shop.served.is_finished());

    go_on.notify_one();
    assert_eq!(sale.await.unwrap().body, "sold\n");
    assert_eq!(shop.served.await.unwrap().unwrap(), Drained::Complete);
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_hold_the_shop() {
    let arrived = Arc::new(Notify::new());
    let endless = {
        let arrived = arrived.clone();
        async move || {
            arrived.notify_one();
            pending::<()>().await;
        }
    };
    let shop = Shop::open(Router::new().route("/buy", get(endless)), Duration::ZERO).await;
    let sale = tokio::spawn(request(shop.address, "/buy"));
    arrived.notified().await;

    shop.end.send(()).unwrap();
    shop.route_away.send(()).unwrap();
    assert_eq!(shop.served.await.unwrap().unwrap(), Drained::Abandoned);
    sale.abort();
}
