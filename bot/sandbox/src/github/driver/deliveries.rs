//! Where webhooks go, and bad days.

use serde_json::Value;

use super::super::GitHub;
use super::super::faults::{DeliveryFault, Fault, Order};
use super::super::webhooks::Queued;

impl GitHub {
    /// Sets where webhooks go, from the next one on. The first time, GitHub pings it.
    pub fn set_hook_url(&self, url: &str) {
        self.shared.change(|model| {
            let first = model.hook_url.replace(url.to_owned()).is_none();
            if first {
                model.emit_ping();
            }
        });
    }

    /// Sends a delivery once more, under its own GUID.
    ///
    /// # Errors
    /// When there was none.
    pub async fn redeliver(&self, guid: &str) -> anyhow::Result<()> {
        let guid = guid.to_owned();
        self.act(move |model| model.redeliver(&guid)).await
    }

    /// Sends any payload, signed, under a GUID of the test's choosing (nothing: a fresh one), and
    /// gives the GUID.
    pub fn deliver(&self, event: &str, payload: &Value, guid: Option<&str>) -> String {
        self.shared.change(|model| {
            let installation = payload["installation"]["id"].as_u64();
            let repository = payload["repository"]["id"].as_u64();
            let action = payload["action"].as_str().map(str::to_owned);
            let mut queued = Queued::new(event, action, payload, installation, repository);
            if let Some(guid) = guid {
                guid.clone_into(&mut queued.guid);
            }
            let guid = queued.guid.clone();
            model.outbox.push_back(queued);
            guid
        })
    }

    /// Lets a request go wrong.
    pub fn fault(&self, fault: Fault) {
        self.shared.change(|model| model.faults.add(fault));
    }

    /// Lets deliveries go wrong.
    pub fn delivery_fault(&self, fault: DeliveryFault) {
        self.shared.change(|model| model.faults.add_delivery(fault));
    }

    /// Ends all faults. Held deliveries stay held until they are released.
    pub fn clear_faults(&self) {
        self.shared.change(|model| model.faults.clear());
    }

    /// Lets held deliveries go, and holds no more.
    pub fn release_deliveries(&self, order: Order) {
        self.shared.change(|model| model.release(order));
    }

    /// Switches the secondary limit on content-creating requests: so many a minute, or none.
    pub fn limit_content(&self, per_minute: Option<u32>) {
        self.shared
            .change(|model| model.faults.content_limit = per_minute);
    }

    /// After every change of a pull request, lets so many reads find its mergeability unknown, as
    /// on GitHub while it is being worked out.
    pub fn slow_mergeability(&self, reads: u32) {
        self.shared
            .change(|model| model.faults.slow_mergeability = reads);
    }
}
