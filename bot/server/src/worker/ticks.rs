//! Ticks: what nobody rings a bell for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slipway_core::ids::DeliveryId;
use slipway_core::ports::PortResult;

use super::Worker;

/// GitHub keeps deliveries for redelivery for three days (GitHub Docs, "Redelivering webhooks").
const KEPT: SignedDuration = SignedDuration::from_hours(72);

/// A delivery that fails so often is not asked for again: it would fail for ever.
const MAX_REDELIVERIES: u32 = 3;

/// Remembers since when GitHub's delivery log was read.
const POLLED: &str = "deliveries-polled-at";

impl Worker {
    pub(super) async fn ticks(self: Arc<Self>) {
        let mut asked = HashMap::new();
        while !self.bells.is_closing() {
            if let Err(error) = self.redeliver_missed(&mut asked).await {
                tracing::warn!(%error, "missed deliveries can't be looked for");
            }
            self.sweep().await;
            tokio::select! {
                () = tokio::time::sleep(self.limits.redelivery_interval) => {}
                () = self.bells.closed() => {}
            }
        }
    }

    /// Finds the deliveries that GitHub could not hand over, and asks for them again: GitHub never
    /// does so by itself. They come with the same GUID, so that none is worked off twice.
    async fn redeliver_missed(&self, asked: &mut HashMap<DeliveryId, u32>) -> PortResult<()> {
        let now = self.now();
        let since = self
            .last_poll()
            .await?
            .unwrap_or(now - KEPT)
            .max(now - KEPT);
        let missed = self.ports.forge.missed_deliveries(since).await?;
        let ids: Vec<DeliveryId> = missed.iter().map(|missed| missed.guid.clone()).collect();
        let known = self.ports.store.known_deliveries(&ids).await?;
        let mut open = false;
        for missed in missed {
            if known.contains(&missed.guid) {
                continue;
            }
            let times = asked.entry(missed.guid.clone()).or_insert(0);
            if *times >= MAX_REDELIVERIES {
                continue;
            }
            *times += 1;
            open = true;
            self.ports.forge.redeliver(missed.id).await?;
            tracing::info!(delivery = %missed.guid, "a missed delivery was asked for again");
        }
        // An hour of overlap: an attempt may be logged late.
        let overlap = Duration::from_secs(3600);
        if !open {
            let from = now.checked_sub(overlap).unwrap_or(now);
            self.ports.store.set_note(POLLED, &from.to_string()).await?;
        }
        Ok(())
    }

    async fn last_poll(&self) -> PortResult<Option<Timestamp>> {
        let note = self.ports.store.note(POLLED).await?;
        Ok(note.and_then(|text| text.parse().ok()))
    }
}
