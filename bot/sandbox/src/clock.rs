//! The world's clock: real time plus an offset that a test moves forward.
//!
//! Every part of the sandbox reads the time here and nowhere else, so that a test can let an hour
//! pass at once (a soak, a token's life) and still have all parts agree on what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// A shared clock. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct WorldClock {
    ahead_ms: Arc<AtomicI64>,
}

impl WorldClock {
    /// The time now, in this world.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the sandbox's one clock")]
    pub fn now(&self) -> Timestamp {
        let real = Timestamp::now();
        let ahead = jiff::SignedDuration::from_millis(self.ahead_ms.load(Ordering::SeqCst));
        real.checked_add(ahead).unwrap_or(real)
    }

    /// Lets `time` pass at once.
    pub fn advance(&self, time: Duration) {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}
