//! The shop for people: a page with the products, and one for each order. Works without scripts.

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Shop;
use super::problem::Problem;
use crate::shopping::{Basket, IdempotencyKey, Order, OrderId, Product, Quantity};
use crate::version::Version;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'a> {
    version: &'a Version,
    products: &'a [Product],
    /// The most that a form lets people ask for.
    most: i64,
    /// Makes a form that is sent twice one order.
    key: &'a str,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage<'a> {
    version: &'a Version,
    order: &'a Order,
    /// As people read it, in UTC.
    placed_at: String,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    version: &'a Version,
    title: &'a str,
    detail: &'a str,
}

pub(super) async fn home(State(shop): State<Shop>) -> Response {
    let products = match shop.database.products().await {
        Ok(products) => products,
        Err(fault) => return show_problem(&shop.version, &fault.into()),
    };
    let key = IdempotencyKey::random();
    show(
        StatusCode::OK,
        &HomePage {
            version: &shop.version,
            products: &products,
            most: Quantity::MAX,
            key: key.as_str(),
        },
    )
}

#[derive(Deserialize)]
pub(super) struct OrderForm {
    product: String,
    quantity: i64,
    key: String,
}

/// Sends the browser on to the order, so that reloading that page orders nothing.
pub(super) async fn place_order(
    State(shop): State<Shop>,
    form: Result<Form<OrderForm>, FormRejection>,
) -> Response {
    match order_from(&shop, form).await {
        Ok(id) => Redirect::to(&format!("/orders/{id}")).into_response(),
        Err(problem) => show_problem(&shop.version, &problem),
    }
}

async fn order_from(
    shop: &Shop,
    form: Result<Form<OrderForm>, FormRejection>,
) -> Result<OrderId, Problem> {
    let Form(form) = form.map_err(|e| Problem::new(e.status(), "invalid_form", e.body_text()))?;
    let key = IdempotencyKey::parse(&form.key).ok_or_else(|| {
        let detail = "the form has no usable key: load the page again";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_form", detail)
    })?;
    let basket = Basket::new([(form.product.as_str(), form.quantity)].into_iter())?;
    let placed = shop
        .database
        .place_order(&basket, Some(&key), shop.clock.now())
        .await?;
    super::observe::count_order(&placed);
    Ok(placed.into_order().id)
}

pub(super) async fn order(State(shop): State<Shop>, Path(id): Path<String>) -> Response {
    let found = match OrderId::parse(&id) {
        Some(id) => shop.database.order(&id).await,
        None => Ok(None),
    };
    match found {
        Ok(Some(order)) => show(
            StatusCode::OK,
            &OrderPage {
                version: &shop.version,
                placed_at: order.placed_at.strftime("%-d %B %Y, %H:%M UTC").to_string(),
                order: &order,
            },
        ),
        Ok(None) => {
            let detail = "there is no such order";
            let problem = Problem::new(StatusCode::NOT_FOUND, "no_such_order", detail);
            show_problem(&shop.version, &problem)
        }
        Err(fault) => show_problem(&shop.version, &fault.into()),
    }
}

pub(super) async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (headers, include_str!("../../templates/style.css"))
}

/// Lets a browser load nothing but the shop's own style, run no script, and show no page in a frame.
pub(super) async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn show_problem(version: &Version, problem: &Problem) -> Response {
    show(
        problem.status,
        &ProblemPage {
            version,
            title: problem.title(),
            detail: &problem.detail,
        },
    )
}

fn show(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
