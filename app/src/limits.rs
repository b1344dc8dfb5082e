//! How long the shop waits for what. Values only, in one place because they lean on each other.

use std::time::Duration;

/// How long the shop waits before it gives up and says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the first connection, when the shop starts, and for AWS credentials.
    pub start: Duration,
    /// For a connection of the pool, or for a new one to be made.
    pub connection: Duration,
    /// For a statement: none of the shop is slow, so one that takes long waits for a lock. Not for
    /// migrations.
    pub statement: Duration,
    /// For the database's answer when it is asked whether the shop is ready.
    pub ready: Duration,
    /// For the answer to a request.
    pub request: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(30),
            connection: Duration::from_secs(3),
            statement: Duration::from_secs(5),
            // Under the second that Kubernetes waits for a probe unless told otherwise, so that it
            // hears why.
            ready: Duration::from_millis(800),
            // More than a connection and a statement.
            request: Duration::from_secs(15),
        }
    }
}
