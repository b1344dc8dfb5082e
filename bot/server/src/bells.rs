//! Wakes lanes of this process as soon as there is work for them.
//!
//! A bell is only a hint: whoever misses one finds the work at the next poll of the store, as do
//! other processes. So no promise hangs on it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use slipway_core::ids::RunId;
use slipway_core::ports::{Stop, Touched};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The bells of a process.
#[derive(Default)]
pub struct Bells {
    /// There may be deliveries.
    pub deliveries: Notify,
    /// There may be runs to take.
    pub runs: Notify,
    /// There may be reports to write.
    pub reports: Notify,
    /// An awaited image may be there.
    pub images: Notify,
    closing: CancellationToken,
    in_hand: Mutex<HashMap<RunId, Arc<StopFlag>>>,
}

impl Bells {
    /// Asks the whole process to end: no lane takes new work.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Whether the process is ending.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Returns when the process is to end.
    pub async fn closed(&self) {
        self.closing.cancelled().await;
    }

    /// Rings for what a transaction touched.
    pub fn ring(&self, touched: &Touched) {
        self.runs.notify_one();
        self.reports.notify_one();
        if touched.look_for_images {
            self.images.notify_waiters();
        }
        for run in &touched.stopped {
            self.stop(run);
        }
    }

    /// Makes the flag of a run that is taken in hand.
    pub fn take_in_hand(&self, run: &RunId) -> Arc<StopFlag> {
        let flag = Arc::new(StopFlag::default());
        self.flags().insert(run.clone(), Arc::clone(&flag));
        flag
    }

    /// Forgets a run that is no longer in hand.
    pub fn let_go(&self, run: &RunId) {
        self.flags().remove(run);
    }

    /// Asks a run in hand to stop; a no-op for any other.
    pub fn stop(&self, run: &RunId) {
        if let Some(flag) = self.flags().get(run) {
            flag.0.cancel();
        }
    }

    /// The runs in hand.
    #[must_use]
    pub fn in_hand(&self) -> Vec<RunId> {
        self.flags().keys().cloned().collect()
    }

    fn flags(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Arc<StopFlag>>> {
        // The map is whole at any moment: a panic elsewhere does not spoil it.
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells one run to stop.
#[derive(Default)]
pub struct StopFlag(CancellationToken);

#[async_trait]
impl Stop for StopFlag {
    fn is_asked(&self) -> bool {
        self.0.is_cancelled()
    }

    async fn asked(&self) {
        self.0.cancelled().await;
    }
}
