//! The table `products`.

use super::{Database, DatabaseFault, doing, either};
use crate::shopping::{Cents, Product, ProductId};

type Row = (String, String, String, i64, i64);

impl Database {
    /// All products, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn products(&self) -> Result<Vec<Product>, DatabaseFault> {
        const ALL: &str =
            "SELECT id, name, description, price_cents, stock FROM products ORDER BY name, id";
        let rows: sqlx::Result<Vec<Row>> =
            either!(self, pool => sqlx::query_as(ALL).fetch_all(pool).await);
        let rows = rows.map_err(doing("listing products"))?;
        Ok(rows.into_iter().map(product).collect())
    }

    /// The product of that id, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn product(&self, id: &ProductId) -> Result<Option<Product>, DatabaseFault> {
        const ONE: &str =
            "SELECT id, name, description, price_cents, stock FROM products WHERE id = $1";
        let row: sqlx::Result<Option<Row>> =
            either!(self, pool => sqlx::query_as(ONE).bind(id.as_str()).fetch_optional(pool).await);
        Ok(row.map_err(doing("reading a product"))?.map(product))
    }
}

fn product((id, name, description, price_cents, stock): Row) -> Product {
    Product {
        id,
        name,
        description,
        price_cents: Cents(price_cents),
        stock,
    }
}
