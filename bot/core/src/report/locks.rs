//! Locks: who holds what, why, since when, and how it is freed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{EnvName, Login, PrNumber, StackName};

/// A lock as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// The environment.
    pub env: EnvName,
    /// The stack, for a lock on a stack × environment.
    pub stack: Option<StackName>,
    /// Who holds it.
    pub holder: Login,
    /// The pull request it was taken in.
    pub pr: Option<PrNumber>,
    /// How long it has been held.
    pub age: Duration,
    /// Why, in the holder's words.
    pub reason: Option<String>,
    /// When it frees itself.
    pub frees_in: Option<Duration>,
}

impl LockView {
    /// "Locked by", for one who came late. `place` counts from one.
    #[must_use]
    pub fn blocked(&self, place: Option<usize>) -> String {
        let _ = place;
        String::new()
    }

    /// "You hold it now".
    #[must_use]
    pub fn taken(&self) -> String {
        String::new()
    }

    /// "It is free", and whose turn it is.
    #[must_use]
    pub fn freed(&self, by: &Login, next: Option<PrNumber>) -> String {
        let _ = (by, next);
        String::new()
    }
}
