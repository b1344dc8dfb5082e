//! The tables, with several shops and several versions at once.

use crate::database::Place;
use crate::shop;

on_each_database!(
    shops_that_start_at_once_migrate_once,
    a_shop_starts_on_the_tables_of_a_newer_one,
    the_version_before_goes_on_ordering,
    a_failed_migration_changes_nothing_and_locks_nobody_out,
);

async fn shops_that_start_at_once_migrate_once(place: Place) {
    let (a, b, c, d) = tokio::join!(place.open(), place.open(), place.open(), place.open());
    let migrated = tokio::join!(a.migrate(), b.migrate(), c.migrate(), d.migrate());
    for migrated in [migrated.0, migrated.1, migrated.2, migrated.3] {
        migrated.unwrap();
    }
    // A second time there would be twice as many, or an error.
    assert_eq!(d.products().await.unwrap().len(), 4);
}

/// As after a rollback of the service: tables are never rolled back.
async fn a_shop_starts_on_the_tables_of_a_newer_one(place: Place) {
    place.open().await.migrate().await.unwrap();
    let newer = "ALTER TABLE products ADD COLUMN weight_grams BIGINT; \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, 'weights', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1";
    place.execute(newer).await.unwrap();
    let shop = shop::open(&place).await;
    assert_eq!(shop.order(&[("mug", 1)], None).await.status, 201);
}

/// What the version before migration 3 says: it names no key.
async fn the_version_before_goes_on_ordering(place: Place) {
    let shop = shop::open(&place).await;
    for id in [
        "00000000000000000000000000000001",
        "00000000000000000000000000000002",
    ] {
        let before = format!(
            "INSERT INTO orders (id, placed_at) VALUES ('{id}', 1); \
             INSERT INTO order_lines (order_id, product_id, quantity, price_cents) \
             VALUES ('{id}', 'mug', 1, 1290)"
        );
        place.execute(&before).await.unwrap();
        assert_eq!(
            shop.get(&format!("/api/orders/{id}")).await.json()["total_cents"],
            1290
        );
    }
}

async fn a_failed_migration_changes_nothing_and_locks_nobody_out(place: Place) {
    // In the way of the first migration.
    place
        .execute("CREATE TABLE orders (id TEXT)")
        .await
        .unwrap();
    let database = place.open().await;
    let fault = format!(
        "{:#}",
        anyhow::Error::new(database.migrate().await.unwrap_err())
    );
    assert!(fault.contains("already exists"), "{fault}");

    place.execute("DROP TABLE orders").await.unwrap();
    // Another shop gets the lock although the first still has its pool.
    place.open().await.migrate().await.unwrap();
    assert_eq!(database.products().await.unwrap().len(), 4);
}
