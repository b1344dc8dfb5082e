//! The turns of environments that are looked at for drift.
//!
//! The store says whose moment has come, by the Clock port, and lets one process have each.

use std::sync::Arc;

use super::{POLL, Worker};

impl Worker {
    pub(super) async fn drift(self: Arc<Self>) {
        while !self.bells.is_closing() {
            match self.ports.store.begin_drift_turns(self.now()).await {
                Ok(0) => {}
                Ok(begun) => {
                    tracing::info!(begun, "environments are looked at for drift");
                    self.bells.deliveries.notify_one();
                }
                Err(error) => tracing::error!(%error, "drift can't be looked for"),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = self.bells.closed() => {}
            }
        }
    }
}
