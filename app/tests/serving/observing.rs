//! What a shop tells about itself: readiness and numbers.

use crate::database::Place;
use crate::{http, shop};

on_each_database!(
    numbers_are_kept_by_route,
    a_shop_without_its_database_is_not_ready
);

async fn numbers_are_kept_by_route(place: Place) {
    let shop = shop::open(&place).await;
    shop.get("/api/products/mug").await;
    shop.get("/api/products/unicorn").await;
    shop.get("/api/made-up/path").await;
    shop.order(&[("mug", 1)], None).await;

    let metrics = shop.get("/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "# TYPE shop_http_requests_total counter",
        r#"shop_http_requests_total{method="GET",route="/api/products/{id}",status="200"}"#,
        r#"shop_http_requests_total{method="GET",route="/api/products/{id}",status="404"}"#,
        r#"shop_http_requests_total{method="GET",route="unmatched",status="404"}"#,
        r#"shop_http_requests_total{method="POST",route="/api/orders",status="201"}"#,
        r#"shop_http_request_duration_seconds_bucket{method="POST",route="/api/orders",le="+Inf"}"#,
        r#"shop_orders_total{outcome="placed"}"#,
        r#"shop_database_connections{state="idle"}"#,
        r#"shop_build_info{commit="abc1234",environment="dev"} 1"#,
    ] {
        assert!(
            metrics.body.contains(line),
            "{line} is not in {}",
            metrics.body
        );
    }
    for never in ["made-up", "mug", "/metrics", "/readyz"] {
        assert!(
            !metrics.body.contains(never),
            "{never} is in {}",
            metrics.body
        );
    }
}

async fn a_shop_without_its_database_is_not_ready(place: Place) {
    let database = place.open().await;
    database.migrate().await.unwrap();
    let shop = shop::open_with(
        &place,
        database.clone(),
        axum::Router::new(),
        std::time::Duration::MAX,
    );
    let shop = shop.await;
    assert_eq!(shop.get("/readyz").await.body, "ready\n");

    database.close().await;
    let unready = shop.get("/readyz").await;
    assert_eq!(
        (unready.status, unready.body.as_str()),
        (503, "the database does not answer\n")
    );
    assert_eq!(shop.get("/healthz").await.status, 200);
    let (status, code, _) = shop.get("/api/products").await.problem();
    assert_eq!((status, code.as_str()), (503, "database_unavailable"));
    assert_eq!(shop.get("/").await.status, 503);
}

#[tokio::test]
async fn a_request_keeps_the_id_that_it_came_with() {
    let shop = shop::open(&Place::memory()).await;
    let sent = async |id: &str| {
        let headers = [("x-request-id", id)];
        let answer = http::request(shop.address, "GET", "/version", &headers, "").await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(
        sent("Root=1-67891233-abcdef").await,
        "Root=1-67891233-abcdef"
    );
    // One that is not fit for a log is replaced.
    assert_eq!(sent("two words").await.len(), 32);
}
