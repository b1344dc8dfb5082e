//! The shop for people.

use crate::database::Place;
use crate::{http, shop};

on_each_database!(a_visitor_orders_once);

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

#[tokio::test]
async fn pages_name_the_version() {
    let shop = shop::open(&Place::memory()).await;

    let home = shop.get("/").await;
    assert_eq!(home.status, 200);
    assert_eq!(
        home.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        home.body
            .contains("<code>abc1234</code> in <strong>dev</strong>"),
        "{home:?}"
    );
    assert!(
        home.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );

    let version = shop.get("/version").await;
    assert_eq!(version.status, 200);
    assert_eq!(
        version.json(),
        serde_json::json!({
            "commit": "abc1234", "built_at": "2026-11-02T09:00:00Z", "environment": "dev"
        })
    );
    assert_eq!(
        shop.get("/style.css").await.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(shop.get("/nowhere").await.status, 404);
}

async fn a_visitor_orders_once(place: Place) {
    let shop = shop::open(&place).await;
    let home = shop.get("/").await.body;
    for text in ["Enamel mug", "€ 12.90", "120 left"] {
        assert!(home.contains(text), "{text}: {home}");
    }
    let key = home.split("name=\"key\" value=\"").nth(1).unwrap();
    let key = key.split('"').next().unwrap();

    let form = format!("key={key}&product=mug&quantity=2");
    let send = async |form: &str| http::request(shop.address, "POST", "/orders", &FORM, form).await;
    let sent = send(&form).await;
    assert_eq!(sent.status, 303, "{sent:?}");
    let order = sent.header("location").unwrap();
    // A second press of the button leads to the same order.
    assert_eq!(send(&form).await.header("location"), Some(order));
    assert_eq!(shop.stock("mug").await, 118);

    let page = shop.get(order).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("<td>Enamel mug</td><td>2</td><td>12.90</td><td>25.80</td>"),
        "{page:?}"
    );

    place
        .execute("UPDATE products SET stock = 1 WHERE id = 'mug'")
        .await
        .unwrap();
    let refused = send("key=12345678-mug&product=mug&quantity=2").await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.body.contains("of `mug` there are 1 left"),
        "{refused:?}"
    );
    // What people send is shown as text.
    let refused = send("key=12345678-xss&product=%3Cscript%3E&quantity=2").await;
    assert_eq!(refused.status, 422);
    assert!(!refused.body.contains("<script>"), "{refused:?}");

    place
        .execute("UPDATE products SET stock = 0 WHERE id = 'mug'")
        .await
        .unwrap();
    let home = shop.get("/").await.body;
    assert!(
        home.contains("sold out") && !home.contains("Order Enamel mug"),
        "{home}"
    );
    assert_eq!(shop.get("/orders/none").await.status, 404);
}
