//! The API: products, orders, and what both refuse.

use serde_json::json;
use tokio::task::JoinSet;

use crate::database::Place;
use crate::{http, shop};

on_each_database!(
    products_are_listed,
    an_order_takes_from_the_stock,
    an_order_that_cannot_be_takes_nothing,
    bad_requests_say_what_is_wrong,
    the_same_key_orders_once,
    stock_never_goes_below_zero,
    orders_are_listed_newest_first,
);

async fn products_are_listed(place: Place) {
    let shop = shop::open(&place).await;
    let listed = shop.get("/api/products").await;
    assert_eq!(listed.status, 200);
    assert_eq!(listed.header("content-type"), Some("application/json"));
    let listed = listed.json();
    let names: Vec<_> = listed["products"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(
        names,
        [
            "Canvas tote",
            "Dotted notebook",
            "Enamel mug",
            "Wool beanie"
        ]
    );
    assert_eq!(
        shop.get("/api/products/mug").await.json(),
        json!({
            "id": "mug", "name": "Enamel mug",
            "description": "Holds 350 ml and survives the dishwasher.",
            "price_cents": 1290, "stock": 120, "currency": "EUR",
        })
    );
    for path in ["/api/products/cup", "/api/products/%20"] {
        let (status, code, _) = shop.get(path).await.problem();
        assert_eq!((status, code.as_str()), (404, "no_such_product"));
    }
}

async fn an_order_takes_from_the_stock(place: Place) {
    let shop = shop::open(&place).await;
    let placed = shop.order(&[("tote", 1), ("mug", 2)], None).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let order = placed.json();
    assert_eq!(
        order["lines"],
        json!([
            {"product": "mug", "name": "Enamel mug", "quantity": 2, "price_cents": 1290},
            {"product": "tote", "name": "Canvas tote", "quantity": 1, "price_cents": 1650},
        ])
    );
    assert_eq!(
        (&order["total_cents"], &order["currency"]),
        (&json!(4230), &json!("EUR"))
    );
    assert_eq!(
        (shop.stock("mug").await, shop.stock("tote").await),
        (118, 59)
    );

    let location = placed.header("location").unwrap();
    assert_eq!(shop.get(location).await.json(), order);
    // Another shop on the same data knows it too.
    let other = shop::open(&place).await;
    assert_eq!(other.get(location).await.json(), order);
}

async fn an_order_that_cannot_be_takes_nothing(place: Place) {
    let shop = shop::open(&place).await;
    place
        .execute("UPDATE products SET stock = 3 WHERE id = 'tote'")
        .await
        .unwrap();

    let sold_out = shop
        .order(&[("mug", 1), ("tote", 4)], Some("order-1234"))
        .await;
    assert_eq!(
        sold_out.problem(),
        (409, "sold_out".into(), "of `tote` there are 3 left".into())
    );
    let unknown = shop.order(&[("mug", 1), ("unicorn", 1)], None).await;
    assert_eq!(
        unknown.problem(),
        (
            422,
            "unknown_product".into(),
            "there is no product `unicorn`".into()
        )
    );
    assert_eq!(
        (shop.stock("mug").await, shop.stock("tote").await),
        (120, 3)
    );
    assert_eq!(shop.get("/api/orders").await.json(), json!({"orders": []}));
    // The key of a refused order is free.
    assert_eq!(
        shop.order(&[("tote", 3)], Some("order-1234")).await.status,
        201
    );
}

async fn bad_requests_say_what_is_wrong(place: Place) {
    let shop = shop::open(&place).await;
    let json = [("content-type", "application/json")];
    for (headers, body, status, code) in [
        (&json[..], r#"{"lines": []}"#, 422, "invalid_order"),
        (
            &json,
            r#"{"lines": [{"product": "mug", "quantity": 0}]}"#,
            422,
            "invalid_order",
        ),
        (
            &json,
            r#"{"lines": [{"product": "mug", "quantity": "2"}]}"#,
            422,
            "invalid_json",
        ),
        (
            &json,
            r#"{"lines": [], "coupon": "x"}"#,
            422,
            "invalid_json",
        ),
        (&json, "{", 400, "invalid_json"),
        (&[], "{}", 415, "invalid_json"),
        (
            &[json[0], ("idempotency-key", "short")],
            r#"{"lines": [{"product": "mug", "quantity": 1}]}"#,
            400,
            "invalid_idempotency_key",
        ),
        (
            &json,
            &format!("{{\"lines\": [], \"x\": \"{}\"}}", "y".repeat(20_000)),
            413,
            "invalid_json",
        ),
    ] {
        let answer = http::request(shop.address, "POST", "/api/orders", headers, body).await;
        let (was, told, _) = answer.problem();
        assert_eq!((was, told.as_str()), (status, code), "{body:.80}");
    }
    for (path, status, code) in [
        ("/api/orders?limit=0", 400, "invalid_query"),
        ("/api/orders?limit=many", 400, "invalid_query"),
        ("/api/orders/none", 404, "no_such_order"),
        (
            "/api/orders/00000000000000000000000000000000",
            404,
            "no_such_order",
        ),
        ("/api/nothing", 404, "no_such_path"),
    ] {
        let (was, told, _) = shop.get(path).await.problem();
        assert_eq!((was, told.as_str()), (status, code), "{path}");
    }
    let wrong = http::request(shop.address, "DELETE", "/api/orders", &[], "").await;
    assert_eq!(
        wrong.problem(),
        (
            405,
            "method_not_allowed".into(),
            "/api/orders can't be asked with DELETE".into()
        )
    );
    assert_eq!(wrong.header("allow"), Some("GET,HEAD,POST"));
}

/// Even if it is asked for ten times at once, of two shops.
async fn the_same_key_orders_once(place: Place) {
    let shops = [shop::open(&place).await, shop::open(&place).await];
    let mut asked = JoinSet::new();
    for i in 0..10 {
        let address = shops[i % 2].address;
        asked.spawn(async move { shop::order(address, &[("mug", 5)], Some("order-1234")).await });
    }
    let answers = asked.join_all().await;
    let mut statuses: Vec<_> = answers.iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 9].as_slice(), &[201]].concat());
    let replayed = answers
        .iter()
        .filter(|a| a.header("idempotent-replayed") == Some("true"));
    assert_eq!(replayed.count(), 9);
    for answer in &answers {
        assert_eq!(answer.json(), answers[0].json());
    }
    assert_eq!(shops[0].stock("mug").await, 115);

    let other = shops[0].order(&[("mug", 6)], Some("order-1234")).await;
    assert_eq!(
        other.problem(),
        (
            422,
            "idempotency_key_reused".into(),
            "this idempotency key was used for a different order".into()
        )
    );
}

/// Two shops sell 40 totes in orders of 7, in both orders of the products.
async fn stock_never_goes_below_zero(place: Place) {
    let shops = [shop::open(&place).await, shop::open(&place).await];
    place
        .execute("UPDATE products SET stock = 40 WHERE id = 'tote'")
        .await
        .unwrap();
    let mut asked = JoinSet::new();
    for i in 0..24 {
        let address = shops[i % 2].address;
        asked.spawn(async move {
            let mut lines = [("tote", 7), ("mug", 1)];
            if i % 4 < 2 {
                lines.reverse();
            }
            shop::order(address, &lines, None).await
        });
    }
    let answers = asked.join_all().await;
    let sold = answers.iter().filter(|a| a.status == 201).count();
    let refused = answers.iter().filter(|a| a.status == 409).count();
    assert_eq!((sold, refused), (5, 19), "{answers:?}");
    assert_eq!(
        (shops[0].stock("tote").await, shops[1].stock("mug").await),
        (5, 115)
    );
    // The database itself would refuse it as well.
    assert!(
        place
            .execute("UPDATE products SET stock = -1")
            .await
            .is_err()
    );
}

async fn orders_are_listed_newest_first(place: Place) {
    let shop = shop::open(&place).await;
    let mut placed = Vec::new();
    for pieces in 1..=3 {
        let order = shop
            .order(&[("mug", pieces), ("beanie", 1)], None)
            .await
            .json();
        // Told apart by more than the clock's millisecond.
        let id = order["id"].as_str().unwrap().to_owned();
        let earlier = format!("UPDATE orders SET placed_at = {pieces} WHERE id = '{id}'");
        place.execute(&earlier).await.unwrap();
        placed.insert(0, id);
    }
    let listed = async |path: &str| -> Vec<String> {
        let answer = shop.get(path).await.json();
        let orders = answer["orders"].as_array().unwrap();
        assert!(
            orders
                .iter()
                .all(|order| order["lines"].as_array().unwrap().len() == 2)
        );
        let ids = orders
            .iter()
            .map(|order| order["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    assert_eq!(listed("/api/orders").await, placed);
    assert_eq!(listed("/api/orders?limit=2").await, placed[..2]);
}
