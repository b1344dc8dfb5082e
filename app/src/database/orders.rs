//! The tables `orders` and `order_lines`, and the stock that orders take.

use jiff::Timestamp;
use thiserror::Error;

use super::{Database, DatabaseFault, doing, either, writing};
use crate::shopping::{Basket, Cents, IdempotencyKey, Order, OrderId, OrderLine, ProductId};

/// An order that there is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Placed by this call.
    Now(Order),
    /// Placed before, under the same key.
    Before(Order),
}

impl Placed {
    /// The order, whenever it was placed.
    pub fn into_order(self) -> Order {
        match self {
            Self::Now(order) | Self::Before(order) => order,
        }
    }
}

/// Why there is no order. Nothing has changed then.
#[derive(Debug, Error)]
pub enum Refused {
    /// It isn't sold.
    #[error("there is no product `{0}`")]
    UnknownProduct(ProductId),
    /// Fewer are left than were wanted.
    #[error("of `{product}` there are {left} left")]
    SoldOut {
        /// Of which product.
        product: ProductId,
        /// How many there are.
        left: i64,
    },
    /// The key stands for another order.
    #[error("this idempotency key was used for a different order")]
    KeyUsedOtherwise,
    /// Not the client's fault.
    #[error(transparent)]
    Fault(#[from] DatabaseFault),
}

/// How the transaction of an order has gone.
enum Attempt {
    Placed,
    KeyTaken,
    Unknown(ProductId),
    SoldOut(ProductId, i64),
}

/// Waits for whoever is placing an order under the same key, and then changes nothing.
const INSERT_ORDER: &str = "INSERT INTO orders (id, placed_at, idempotency_key) VALUES ($1, $2, $3) \
     ON CONFLICT (idempotency_key) DO NOTHING";
/// One statement that looks and takes: whoever comes second sees what the first has left.
const TAKE_STOCK: &str = "UPDATE products SET stock = stock - $1 WHERE id = $2 AND stock >= $1 \
     RETURNING price_cents";
const STOCK: &str = "SELECT stock FROM products WHERE id = $1";
const INSERT_LINE: &str = "INSERT INTO order_lines (order_id, product_id, quantity, price_cents) \
     VALUES ($1, $2, $3, $4)";

type Row = (String, i64, String, String, i64, i64);

const LATEST: &str = "SELECT o.id, o.placed_at, l.product_id, p.name, l.quantity, l.price_cents \
     FROM (SELECT id, placed_at FROM orders ORDER BY placed_at DESC, id DESC LIMIT $1) o \
     JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id \
     ORDER BY o.placed_at DESC, o.id DESC, l.product_id";
const BY_ID: &str = "SELECT o.id, o.placed_at, l.product_id, p.name, l.quantity, l.price_cents \
     FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id \
     WHERE o.id = $1 ORDER BY l.product_id";
const BY_KEY: &str = "SELECT o.id, o.placed_at, l.product_id, p.name, l.quantity, l.price_cents \
     FROM orders o JOIN order_lines l ON l.order_id = o.id JOIN products p ON p.id = l.product_id \
     WHERE o.idempotency_key = $1 ORDER BY l.product_id";

impl Database {
    /// Places an order: takes all of the basket from the stock, or nothing. Under a key that has been
    /// used for the same basket, answers with the order that there is.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn place_order(
        &self,
        basket: &Basket,
        key: Option<&IdempotencyKey>,
        now: Timestamp,
    ) -> Result<Placed, Refused> {
        let id = OrderId::random();
        let attempt = self.attempt(&id, basket, key, now).await;
        match attempt.map_err(doing("placing an order"))? {
            Attempt::Placed => {
                let order = self.order(&id).await?.ok_or_else(gone)?;
                Ok(Placed::Now(order))
            }
            Attempt::KeyTaken => {
                let key = key.map(IdempotencyKey::as_str).unwrap_or_default();
                let order = self.orders_by(BY_KEY, key).await?.ok_or_else(gone)?;
                if order.is_for(basket) {
                    Ok(Placed::Before(order))
                } else {
                    Err(Refused::KeyUsedOtherwise)
                }
            }
            Attempt::Unknown(product) => Err(Refused::UnknownProduct(product)),
            Attempt::SoldOut(product, left) => Err(Refused::SoldOut { product, left }),
        }
    }

    /// One transaction; rolled back unless it has come to its end.
    async fn attempt(
        &self,
        id: &OrderId,
        basket: &Basket,
        key: Option<&IdempotencyKey>,
        now: Timestamp,
    ) -> sqlx::Result<Attempt> {
        writing!(self, transaction => {
            let inserted = sqlx::query(INSERT_ORDER)
                .bind(id.as_str())
                .bind(now.as_millisecond())
                .bind(key.map(IdempotencyKey::as_str))
                .execute(&mut *transaction)
                .await?;
            if inserted.rows_affected() == 0 {
                return Ok(Attempt::KeyTaken);
            }
            for (product, quantity) in basket.lines() {
                let price: Option<i64> = sqlx::query_scalar(TAKE_STOCK)
                    .bind(quantity.pieces())
                    .bind(product.as_str())
                    .fetch_optional(&mut *transaction)
                    .await?;
                let Some(price) = price else {
                    let left: Option<i64> = sqlx::query_scalar(STOCK)
                        .bind(product.as_str())
                        .fetch_optional(&mut *transaction)
                        .await?;
                    return Ok(match left {
                        Some(left) => Attempt::SoldOut(product.clone(), left),
                        None => Attempt::Unknown(product.clone()),
                    });
                };
                sqlx::query(INSERT_LINE)
                    .bind(id.as_str())
                    .bind(product.as_str())
                    .bind(quantity.pieces())
                    .bind(price)
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            Ok(Attempt::Placed)
        })
    }

    /// The order of that id, if there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn order(&self, id: &OrderId) -> Result<Option<Order>, DatabaseFault> {
        self.orders_by(BY_ID, id.as_str()).await
    }

    /// The latest orders, newest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn latest_orders(&self, limit: u16) -> Result<Vec<Order>, DatabaseFault> {
        let rows: sqlx::Result<Vec<Row>> = either!(self, pool => {
            sqlx::query_as(LATEST).bind(i64::from(limit)).fetch_all(pool).await
        });
        rows.and_then(orders).map_err(doing("listing orders"))
    }

    async fn orders_by(
        &self,
        select: &'static str,
        name: &str,
    ) -> Result<Option<Order>, DatabaseFault> {
        let rows: sqlx::Result<Vec<Row>> =
            either!(self, pool => sqlx::query_as(select).bind(name).fetch_all(pool).await);
        let orders = rows.and_then(orders).map_err(doing("reading an order"))?;
        Ok(orders.into_iter().next())
    }
}

/// Orders are never removed, so one that was there a moment ago is there.
fn gone() -> DatabaseFault {
    doing("reading an order that was just placed")(sqlx::Error::RowNotFound)
}

/// Puts the lines of each order together; those of one order follow each other.
fn orders(rows: Vec<Row>) -> sqlx::Result<Vec<Order>> {
    let mut orders: Vec<Order> = Vec::new();
    for (id, placed_at, product, name, quantity, price_cents) in rows {
        let line = OrderLine {
            product,
            name,
            quantity,
            price_cents: Cents(price_cents),
        };
        match orders.last_mut() {
            Some(order) if order.id.as_str() == id => order.lines.push(line),
            _ => orders.push(Order {
                id: OrderId::parse(&id).ok_or_else(|| undecodable("the id of an order"))?,
                placed_at: Timestamp::from_millisecond(placed_at)
                    .map_err(|_| undecodable("the time of an order"))?,
                lines: vec![line],
            }),
        }
    }
    Ok(orders)
}

fn undecodable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} is not what the shop has written").into())
}
