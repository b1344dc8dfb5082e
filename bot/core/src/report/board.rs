//! The answer to `/where`: what is live where.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Link, ReleaseRef};
use super::locks::LockView;
use crate::ids::{EnvName, Login, ServiceName};

/// One environment × service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardRow {
    /// The environment.
    pub env: EnvName,
    /// The service.
    pub service: ServiceName,
    /// What is live; `None` when nothing was ever deployed.
    pub live: Option<LiveRelease>,
    /// The environment's lock.
    pub lock: Option<LockView>,
    /// Why automatic deploys are held.
    pub hold: Option<String>,
    /// Commits on the default branch that are not in it; `None` when unknown.
    pub behind: Option<u64>,
}

/// A live release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRelease {
    /// Which.
    pub release: ReleaseRef,
    /// Who deployed it; `None` for an automatic deploy.
    pub by: Option<Login>,
    /// How long ago.
    pub age: Duration,
    /// False when the digest that runs is not the one that was deployed.
    pub as_deployed: bool,
}

/// The board.
#[must_use]
pub fn board(rows: &[BoardRow], page: Option<&Link>) -> String {
    let _ = (rows, page);
    String::new()
}
