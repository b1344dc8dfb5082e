//! What is sold and what is bought: the nouns, and the rules that need nothing but themselves. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The name of a product in URLs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ProductId(String);

impl ProductId {
    /// Takes 1 to 40 lower-case letters, digits and hyphens; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many pieces of a product one order takes: 1 to 99.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quantity(i64);

impl Quantity {
    /// The most pieces of one product in an order.
    pub const MAX: i64 = 99;

    /// Takes 1 to [`Quantity::MAX`]; nothing else.
    pub fn new(pieces: i64) -> Option<Self> {
        (1..=Self::MAX).contains(&pieces).then_some(Self(pieces))
    }

    /// The number of pieces.
    pub fn pieces(self) -> i64 {
        self.0
    }
}

/// An amount of money in euro cents. Shown as `12.90`, in JSON as the number of cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cents(pub i64);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its name in URLs.
    pub id: String,
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub description: String,
    /// What one piece costs.
    pub price_cents: Cents,
    /// How many pieces are left.
    pub stock: i64,
}

/// What somebody wants to buy: each product once, in the products' order, so that two orders for the
/// same products take their stock in the same order and never wait for each other in a circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket(BTreeMap<ProductId, Quantity>);

/// What is wrong with a basket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBasket {
    /// No line or too many.
    #[error("an order has 1 to {max} lines, not {0}", max = Basket::MAX_LINES)]
    Lines(usize),
    /// A product's name that is none.
    #[error(
        "`{0}` can't be the id of a product: those are 1 to 40 lower-case letters, digits and hyphens"
    )]
    Product(String),
    /// None of something, or too many of it.
    #[error("the quantity of `{product}` must be 1 to {max}, not {quantity}", max = Quantity::MAX)]
    Quantity {
        /// Of which product.
        product: String,
        /// How many were wanted.
        quantity: i64,
    },
    /// Two lines for the same product.
    #[error("`{0}` is in the order twice: put both quantities into one line")]
    Twice(String),
}

impl Basket {
    /// The most lines of an order.
    pub const MAX_LINES: usize = 20;

    /// Takes pairs of a product's id and a number of pieces.
    ///
    /// # Errors
    /// At the first line that can't be.
    pub fn new<'a>(
        lines: impl ExactSizeIterator<Item = (&'a str, i64)>,
    ) -> Result<Self, InvalidBasket> {
        if !(1..=Self::MAX_LINES).contains(&lines.len()) {
            return Err(InvalidBasket::Lines(lines.len()));
        }
        let mut basket = BTreeMap::new();
        for (id, pieces) in lines {
            let product =
                ProductId::parse(id).ok_or_else(|| InvalidBasket::Product(id.to_owned()))?;
            let quantity = Quantity::new(pieces).ok_or_else(|| InvalidBasket::Quantity {
                product: id.to_owned(),
                quantity: pieces,
            })?;
            if basket.insert(product, quantity).is_some() {
                return Err(InvalidBasket::Twice(id.to_owned()));
            }
        }
        Ok(Self(basket))
    }

    /// Its lines, in the products' order.
    pub fn lines(&self) -> impl Iterator<Item = (&ProductId, Quantity)> {
        self.0
            .iter()
            .map(|(product, quantity)| (product, *quantity))
    }
}

/// What the client calls one order, so that asking for it twice orders once.
/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Takes 8 to 100 visible ASCII characters; nothing else. Short ones are not unique.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (8..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// One that nobody has used.
    pub fn random() -> Self {
        Self(random_id())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of an order: 128 random bits, so that no two orders get the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderId(String);

impl OrderId {
    /// Takes 32 lower-case hexadecimal digits; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| Self(text.to_owned()))
    }

    /// A new one.
    pub fn random() -> Self {
        Self(random_id())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What somebody has bought. Says nothing of who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// When it was placed, to the millisecond.
    pub placed_at: Timestamp,
    /// What was bought, in the products' order.
    pub lines: Vec<OrderLine>,
}

/// One product of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderLine {
    /// The product's id.
    pub product: String,
    /// The product's name.
    pub name: String,
    /// How many pieces.
    pub quantity: i64,
    /// What one piece cost when the order was placed.
    pub price_cents: Cents,
}

impl OrderLine {
    /// What all pieces cost.
    pub fn sum(&self) -> Cents {
        Cents(self.quantity * self.price_cents.0)
    }
}

impl Order {
    /// What all of it cost.
    pub fn total(&self) -> Cents {
        Cents(self.lines.iter().map(|line| line.sum().0).sum())
    }

    /// Whether it is what `basket` asks for.
    pub fn is_for(&self, basket: &Basket) -> bool {
        // As a set: in which order a database gives the lines depends on its collation.
        let bought = self.lines.iter().map(|l| (l.product.as_str(), l.quantity));
        let wanted = basket.lines().map(|(p, q)| (p.as_str(), q.pieces()));
        bought.collect::<BTreeMap<_, _>>() == wanted.collect::<BTreeMap<_, _>>()
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: &'a OrderId,
            placed_at: Timestamp,
            lines: &'a [OrderLine],
            total_cents: Cents,
            currency: &'static str,
        }
        Shown {
            id: &self.id,
            placed_at: self.placed_at,
            lines: &self.lines,
            total_cents: self.total(),
            currency: "EUR",
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basket_has_each_product_once_in_order() {
        let basket = Basket::new([("tote", 2), ("mug", 1)].into_iter()).unwrap();
        let lines: Vec<_> = basket
            .lines()
            .map(|(p, q)| (p.as_str(), q.pieces()))
            .collect();
        assert_eq!(lines, [("mug", 1), ("tote", 2)]);
    }

    #[test]
    fn an_order_is_for_a_basket_in_whatever_order_its_lines_come() {
        let basket = Basket::new([("mug-xl", 1), ("mugs", 2)].into_iter()).unwrap();
        let line = |product: &str, quantity| OrderLine {
            product: product.to_owned(),
            name: product.to_owned(),
            quantity,
            price_cents: Cents(1),
        };
        // As a database with a collation of en_US gives them: hyphens weigh little.
        let mut order = Order {
            id: OrderId::random(),
            placed_at: Timestamp::UNIX_EPOCH,
            lines: vec![line("mugs", 2), line("mug-xl", 1)],
        };
        assert!(order.is_for(&basket));
        order.lines.pop();
        assert!(!order.is_for(&basket));
    }

    #[test]
    fn a_basket_that_cannot_be_says_why() {
        let said =
            |lines: &[(&str, i64)]| Basket::new(lines.iter().copied()).unwrap_err().to_string();
        assert_eq!(said(&[]), "an order has 1 to 20 lines, not 0");
        assert_eq!(
            said(&[("mug", 1); 21]),
            "an order has 1 to 20 lines, not 21"
        );
        assert_eq!(
            said(&[("mug", 0)]),
            "the quantity of `mug` must be 1 to 99, not 0"
        );
        assert_eq!(
            said(&[("mug", 100)]),
            "the quantity of `mug` must be 1 to 99, not 100"
        );
        assert_eq!(
            said(&[("mug", 1), ("mug", 2)]),
            "`mug` is in the order twice: put both quantities into one line"
        );
        assert!(said(&[("Mug", 1)]).starts_with("`Mug` can't be the id of a product"));
    }

    #[test]
    fn money_is_shown_with_two_digits() {
        let shown = [5, 100, 1290].map(|cents| Cents(cents).to_string());
        assert_eq!(shown, ["0.05", "1.00", "12.90"]);
    }
}
