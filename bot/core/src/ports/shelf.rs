//! What is kept of what can be fetched again, so that it does not fill the disk.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PortResult;

/// One thing that can be fetched again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShelfItem {
    /// What its shelf knows it by.
    pub key: String,
    /// What it is, for people: "the provider registry.terraform.io/hashicorp/aws 5.1.0".
    pub what: String,
    /// How much of the disk it takes, in bytes.
    pub bytes: u64,
    /// When it was used last.
    pub used_at: Timestamp,
}

/// Keeps what can be fetched again.
#[async_trait]
pub trait Shelf: Send + Sync + std::fmt::Debug {
    /// All that is on it.
    async fn items(&self) -> PortResult<Vec<ShelfItem>>;

    /// Removes one; false if it is in use, or not there any more.
    async fn discard(&self, key: &str) -> PortResult<bool>;
}
