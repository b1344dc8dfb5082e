//! The lanes: deliveries, runs, reports and ticks, each on its own so that none waits for another.
//!
//! Where races live:
//!
//! - *Two lanes want the same work* (in one process or in several). Work is taken from the store
//!   under a lease in one transaction; exactly one gets it.
//! - *A process dies with work in hand.* Its lease runs out (or is broken at the next start, where
//!   the store can't be shared) and [`runs`] takes the work over: a delivery is decided again, a run
//!   is requeued, or interrupted if it died inside an effect.
//! - *A process is only slow, and its lease was given to another.* Each of its writes names it, so
//!   the store answers `Conflict`, and it drops the work.
//! - *The facts change between gathering and deciding.* Moves are checked when they are stored: an
//!   illegal one is a `Conflict`, and the decision is made again from new facts.
//! - *A run moves between its end and the projection of it.* A report has a version; what was
//!   written is recorded under the version that it was made from, and a newer one stays due.

mod deliveries;
mod drift;
mod reports;
mod runs;
mod shelves;
mod sweep;
mod ticks;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use slipway_core::ports::WorkerId;
use tokio::task::JoinSet;

use crate::bells::Bells;
use crate::gather::Gather;
use crate::ports::Ports;
use crate::reporter::Reporter;
use crate::runner::Runner;
use crate::settings::Limits;

/// How long work stays with a worker that gives no sign of life.
const LEASE: Duration = Duration::from_secs(30);

/// How often the store is asked for work that no bell announced.
const POLL: Duration = Duration::from_secs(1);

/// Deliveries and reports that are worked off at once.
const LANES: usize = 4;

/// All that the lanes share.
pub struct Worker {
    /// This process, as leases name it.
    pub id: WorkerId,
    /// The outside world.
    pub ports: Ports,
    /// Reads facts.
    pub gather: Gather,
    /// Executes runs.
    pub runner: Arc<Runner>,
    /// Writes reports.
    pub reporter: Reporter,
    /// Wakes the lanes.
    pub bells: Arc<Bells>,
    /// How long plan files are kept at the most.
    pub keep_plans: Duration,
    /// How much at once, and how often.
    pub limits: Limits,
}

impl Worker {
    /// Works until the bells are closed; then finishes what is in hand.
    ///
    /// # Errors
    /// When a lane ends by itself, which none should.
    pub async fn work(self: Arc<Self>) -> anyhow::Result<()> {
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            lanes.spawn(Arc::clone(&self).deliveries());
            lanes.spawn(Arc::clone(&self).reports());
        }
        lanes.spawn(Arc::clone(&self).ticks());
        lanes.spawn(Arc::clone(&self).drift());
        lanes.spawn(Arc::clone(&self).runs());
        while let Some(ended) = lanes.join_next().await {
            // The first lane to end stops the rest: a process with a dead lane looks alive and isn't.
            self.bells.close();
            ended?;
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }
}

/// How long to wait before another try: twice as long each time, a minute at the most.
fn backoff(attempts: u32) -> Duration {
    Duration::from_millis(500)
        .saturating_mul(2u32.saturating_pow(attempts.min(10)))
        .min(Duration::from_secs(60))
}

/// A moment from now.
fn later(now: Timestamp, wait: Duration) -> Timestamp {
    now.checked_add(wait).unwrap_or(now)
}
