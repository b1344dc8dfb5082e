//! The JSON API. Amounts are whole cents of `currency`; times are RFC 3339.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Shop;
use super::problem::Problem;
use crate::database::Placed;
use crate::shopping::{Basket, IdempotencyKey, OrderId, Product, ProductId};

const KEY: &str = "idempotency-key";

/// On the answer to a request whose order there was already.
const REPLAYED: &str = "idempotent-replayed";

/// How many orders are listed unless the client says otherwise, and at most.
const LISTED: u16 = 20;
const LISTED_AT_MOST: u16 = 100;

#[derive(Serialize)]
struct Offer<'a> {
    #[serde(flatten)]
    product: &'a Product,
    currency: &'static str,
}

fn offer(product: &Product) -> Offer<'_> {
    Offer {
        product,
        currency: "EUR",
    }
}

pub(super) async fn products(State(shop): State<Shop>) -> Result<Response, Problem> {
    let products = shop.database.products().await?;
    let offers: Vec<_> = products.iter().map(offer).collect();
    Ok(Json(json!({ "products": offers })).into_response())
}

pub(super) async fn product(
    State(shop): State<Shop>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = match ProductId::parse(&id) {
        Some(id) => shop.database.product(&id).await?,
        None => None,
    };
    let product = found.ok_or_else(|| {
        let detail = format!("there is no product `{id}`");
        Problem::new(StatusCode::NOT_FOUND, "no_such_product", detail)
    })?;
    Ok(Json(offer(&product)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    lines: Vec<WantedLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedLine {
    product: String,
    quantity: i64,
}

/// 201 with the order, or 200 with the one that was placed before under the same key.
pub(super) async fn place_order(
    State(shop): State<Shop>,
    headers: HeaderMap,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers)?;
    let Json(wanted) = wanted?;
    let lines = wanted
        .lines
        .iter()
        .map(|l| (l.product.as_str(), l.quantity));
    let basket = Basket::new(lines)?;
    let placed = shop
        .database
        .place_order(&basket, key.as_ref(), shop.clock.now())
        .await?;
    let (status, replayed, order) = match &placed {
        Placed::Now(order) => (StatusCode::CREATED, "false", order),
        Placed::Before(order) => (StatusCode::OK, "true", order),
    };
    super::observe::count_order(&placed);
    let location = format!("/api/orders/{}", order.id);
    let headers = [
        (header::LOCATION.as_str(), location.as_str()),
        (REPLAYED, replayed),
    ];
    Ok((status, headers, Json(order)).into_response())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = headers.get(KEY) else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(IdempotencyKey::parse);
    key.map(Some).ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_idempotency_key",
            "the header Idempotency-Key must be 8 to 100 visible ASCII characters, such as a UUID",
        )
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    limit: Option<u16>,
}

/// The latest orders, newest first.
pub(super) async fn orders(
    State(shop): State<Shop>,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Listing { limit }) = listing?;
    let limit = limit.unwrap_or(LISTED);
    if !(1..=LISTED_AT_MOST).contains(&limit) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "invalid_query",
            format!("limit must be 1 to {LISTED_AT_MOST}, not {limit}"),
        ));
    }
    let orders = shop.database.latest_orders(limit).await?;
    Ok(Json(json!({ "orders": orders })).into_response())
}

pub(super) async fn order(
    State(shop): State<Shop>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = match OrderId::parse(&id) {
        Some(id) => shop.database.order(&id).await?,
        None => None,
    };
    let order = found.ok_or_else(|| {
        let detail = format!("there is no order `{id}`");
        Problem::new(StatusCode::NOT_FOUND, "no_such_order", detail)
    })?;
    Ok(Json(order).into_response())
}
