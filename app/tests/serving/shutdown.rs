//! How a shop ends.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use shop::Drained;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::database::Place;
use crate::http;
use crate::shop::{Open, open, open_with};

on_each_database!(shutdown_is_unready_first_and_answers_until_traffic_is_gone);

async fn open_more(more: Router, limit: Duration) -> Open {
    let place = Place::memory();
    let database = place.open().await;
    open_with(&place, database, more, limit).await
}

async fn shutdown_is_unready_first_and_answers_until_traffic_is_gone(place: Place) {
    let shop = open(&place).await;
    assert_eq!(shop.get("/healthz").await.status, 200);
    assert_eq!(shop.get("/readyz").await.status, 200);

    shop.end.send(()).unwrap();
    while http::get(shop.address, "/readyz").await.status != 503 {}
    assert_eq!(
        http::get(shop.address, "/readyz").await.body,
        "shutting down\n"
    );
    assert_eq!(http::get(shop.address, "/healthz").await.status, 200);
    assert_eq!(http::get(shop.address, "/api/products").await.status, 200);

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
    let shop = open_more(Router::new().route("/buy", get(slow)), Duration::MAX).await;
    let sale = tokio::spawn(http::get(shop.address, "/buy"));
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
    let shop = open_more(Router::new().route("/buy", get(endless)), Duration::ZERO).await;
    let sale = tokio::spawn(http::get(shop.address, "/buy"));
    arrived.notified().await;

    shop.end.send(()).unwrap();
    shop.route_away.send(()).unwrap();
    assert_eq!(shop.served.await.unwrap().unwrap(), Drained::Abandoned);
    sale.abort();
}
