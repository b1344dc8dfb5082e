//! Reports: whatever of the store GitHub does not show yet.

use std::sync::Arc;

use slipway_core::ports::{PortError, PortErrorKind, TakenReport};

use super::{LEASE, POLL, Worker, backoff, later};

/// A report that still fails after so many tries is given up until it changes again.
const MAX_ATTEMPTS: u32 = 60;

impl Worker {
    pub(super) async fn reports(self: Arc<Self>) {
        loop {
            match self
                .ports
                .store
                .take_report(&self.id, self.now(), LEASE)
                .await
            {
                Ok(Some(report)) => {
                    self.bells.reports.notify_one();
                    self.write(report).await;
                }
                // What is due is written even while the process ends: it tells what became of it.
                Ok(None) if self.bells.is_closing() && self.bells.in_hand().is_empty() => break,
                Ok(None) => {
                    tokio::select! {
                        () = self.bells.reports.notified() => {}
                        () = tokio::time::sleep(self.limits.report_interval.min(POLL)) => {}
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "reports can't be taken");
                    if self.bells.is_closing() {
                        break;
                    }
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }

    async fn write(&self, report: TakenReport) {
        let store = &self.ports.store;
        let result = match self.reporter.write(&self.id, &report).await {
            Ok(sent) => {
                let not_before = later(self.now(), self.limits.report_interval);
                store
                    .finish_report(&self.id, &report, &sent, not_before)
                    .await
            }
            Err(error) => self.put_off_report(&report, &error).await,
        };
        if let Err(error) = result {
            tracing::warn!(key = %report.key, %error, "the state of a report was not stored");
        }
    }

    async fn put_off_report(
        &self,
        report: &TakenReport,
        error: &PortError,
    ) -> Result<(), PortError> {
        let text = error.to_string();
        let store = &self.ports.store;
        if report.attempts >= MAX_ATTEMPTS || !worth_another_try(error) {
            tracing::error!(key = %report.key, error = text, "a report is given up");
            return store.abandon_report(&self.id, report, &text).await;
        }
        let wait = match error.kind {
            PortErrorKind::Unavailable {
                retry_after: Some(wait),
            } => wait,
            _ => backoff(report.attempts),
        };
        tracing::warn!(key = %report.key, error = text, "a report is tried again later");
        store
            .postpone_report(&self.id, report, &text, later(self.now(), wait))
            .await
    }
}

/// Only what can't get better is given up at once: the thing to write on is gone, or GitHub will
/// never accept the content.
fn worth_another_try(error: &PortError) -> bool {
    !matches!(error.kind, PortErrorKind::NotFound | PortErrorKind::Invalid)
}
