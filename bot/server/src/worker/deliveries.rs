//! Deliveries: gather, decide, and store what was decided together with "done".

use std::sync::Arc;

use slipway_core::command::{self, Parsed};
use slipway_core::decide::decide;
use slipway_core::event::EventKind;
use slipway_core::ids::RunId;
use slipway_core::intent::{Content, Intent, ReportKey};
use slipway_core::ports::{Delivery, PortError, PortErrorKind, Reaction};

use super::{LEASE, POLL, Worker, backoff, later};

/// A delivery that still fails after so many tries (about an hour) is given up, visibly.
const MAX_ATTEMPTS: u32 = 60;

impl Worker {
    pub(super) async fn deliveries(self: Arc<Self>) {
        while !self.bells.is_closing() {
            match self
                .ports
                .store
                .take_delivery(&self.id, self.now(), LEASE)
                .await
            {
                Ok(Some(delivery)) => {
                    // Others may be due as well: let a second lane look.
                    self.bells.deliveries.notify_one();
                    self.work_off(delivery).await;
                }
                Ok(None) => {
                    tokio::select! {
                        () = self.bells.deliveries.notified() => {}
                        () = tokio::time::sleep(POLL) => {}
                        () = self.bells.closed() => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "deliveries can't be taken");
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    async fn work_off(&self, delivery: Delivery) {
        if let Err(error) = self.decide(&delivery).await {
            self.put_off(&delivery, &error).await;
        }
    }

    async fn decide(&self, delivery: &Delivery) -> Result<(), PortError> {
        let event = &delivery.event;
        self.wave(delivery).await?;
        let facts = self.gather.facts(event).await?;
        let decision = decide(event, &facts, &delivery.id);
        let starts = decision
            .intents
            .iter()
            .filter(|intent| matches!(intent, Intent::Start(_)))
            .count();
        let ids: Vec<RunId> = (0..starts)
            .map(|_| RunId::from_bits(rand::random()))
            .collect();
        let touched = self
            .ports
            .store
            .complete_delivery(
                &self.id,
                delivery,
                &decision.intents,
                &ids,
                &decision.because,
                self.now(),
            )
            .await?;
        tracing::info!(
            delivery = %delivery.id,
            repo = %event.repo.name,
            intents = decision.intents.len(),
            because = decision.because,
            "a delivery is worked off"
        );
        self.bells.ring(&touched);
        // An ended run is an event of its own, stored by the same transaction.
        self.bells.deliveries.notify_one();
        Ok(())
    }

    /// Shows 👀 on a command before anything slow is read about it.
    async fn wave(&self, delivery: &Delivery) -> Result<(), PortError> {
        let (comment, body, issue) = match &delivery.event.kind {
            EventKind::Comment { comment, body, .. } => (comment, body, None),
            EventKind::IssueComment {
                issue,
                comment,
                body,
            } => (comment, body, Some(*issue)),
            _ => return Ok(()),
        };
        if matches!(command::parse(body), Parsed::NotACommand) {
            return Ok(());
        }
        if let Some(issue) = issue {
            let store = &self.ports.store;
            let env = store.drift_issue(&delivery.event.repo, issue).await?;
            if env.is_none() {
                return Ok(());
            }
        }
        let key = ReportKey::Reaction(*comment, Reaction::Eyes);
        let repo = &delivery.event.repo;
        self.ports
            .store
            .say(repo, &key, &Content::Reaction, self.now())
            .await?;
        self.bells.reports.notify_one();
        Ok(())
    }

    async fn put_off(&self, delivery: &Delivery, error: &PortError) {
        let text = error.to_string();
        let store = &self.ports.store;
        let hopeless = !error.is_passing() && error.kind != PortErrorKind::Conflict;
        let result = if hopeless || delivery.attempts >= MAX_ATTEMPTS {
            tracing::error!(delivery = %delivery.id, error = text, "a delivery is given up");
            store
                .abandon_delivery(&self.id, &delivery.id, &text, self.now())
                .await
        } else {
            let wait = match error.kind {
                PortErrorKind::Unavailable {
                    retry_after: Some(wait),
                } => wait,
                PortErrorKind::Conflict => std::time::Duration::ZERO,
                _ => backoff(delivery.attempts),
            };
            tracing::warn!(delivery = %delivery.id, error = text, "a delivery is tried again later");
            store
                .postpone_delivery(&self.id, &delivery.id, &text, later(self.now(), wait))
                .await
        };
        if let Err(error) = result {
            // The lease runs out by itself, and the delivery is taken again.
            tracing::error!(delivery = %delivery.id, %error, "a delivery could not be given back");
        }
    }
}
