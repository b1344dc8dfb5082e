//! Runs: take, execute, keep their leases, hand stop requests on, take over from the dead.

use std::sync::Arc;
use std::time::Duration;

use slipway_core::decide::deploy::{CONFIRM_WITHIN, unconfirmed};
use slipway_core::ids::RunId;
use slipway_core::ports::{RunEnd, TakenRun};
use slipway_core::run::{Recovery, recover};
use tokio::task::JoinSet;

use super::{LEASE, POLL, Worker, later};
use crate::runner::Ending;

/// How often leases are kept and stop requests of other processes looked for.
const HEARTBEAT: Duration = Duration::from_secs(2);

impl Worker {
    pub(super) async fn runs(self: Arc<Self>) {
        let mut hands = JoinSet::new();
        let heart = tokio::spawn(Arc::clone(&self).beat());
        while !self.bells.is_closing() {
            while hands.try_join_next().is_some() {}
            if hands.len() < self.limits.runs && self.take_one(&mut hands).await {
                continue;
            }
            tokio::select! {
                () = self.bells.runs.notified() => {}
                Some(_) = hands.join_next() => {}
                () = tokio::time::sleep(POLL) => {}
                () = self.bells.closed() => {}
            }
        }
        self.wind_down(&mut hands).await;
        heart.abort();
    }

    /// Takes one run in hand; `false` if there is none.
    async fn take_one(self: &Arc<Self>, hands: &mut JoinSet<()>) -> bool {
        match self.ports.store.take_run(&self.id, self.now(), LEASE).await {
            Ok(Some(taken)) => {
                self.bells.reports.notify_one();
                hands.spawn(Arc::clone(self).execute(taken));
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, "runs can't be taken");
                tokio::time::sleep(POLL).await;
                false
            }
        }
    }

    async fn execute(self: Arc<Self>, taken: TakenRun) {
        let id = taken.run.id.clone();
        let order = &taken.run.order;
        tracing::info!(
            run = %id.short(),
            kind = order.kind(),
            repo = %order.repo.name,
            env = %order.env,
            subject = order.subject(),
            "a run begins"
        );
        let stop = self.bells.take_in_hand(&id);
        let ending = self.runner.execute(&self.id, &taken, stop).await;
        self.bells.let_go(&id);
        match ending {
            Ending::Over(end) => self.end(&id, *end).await,
            Ending::HandBack => {
                if let Err(error) = self.ports.store.requeue_run(&id, self.now()).await {
                    tracing::error!(run = %id.short(), %error, "a run could not be handed back");
                }
            }
            Ending::Lost(error) => {
                tracing::warn!(run = %id.short(), %error, "a run was lost to another worker");
            }
        }
        self.bells.runs.notify_one();
    }

    /// Ends a run. Until that is stored, it is tried: an effect may have happened.
    async fn end(&self, id: &RunId, end: RunEnd) {
        for attempt in 0.. {
            match self
                .ports
                .store
                .end_run(&self.id, id, &end, self.now())
                .await
            {
                Ok(()) => {
                    tracing::info!(run = %id.short(), end = ?end.mv, "a run ends");
                    break;
                }
                Err(error) if error.is_passing() && attempt < 20 => {
                    tracing::warn!(run = %id.short(), %error, "the end of a run is not stored yet");
                    tokio::time::sleep(super::backoff(attempt)).await;
                }
                Err(error) => {
                    tracing::error!(run = %id.short(), %error, "the end of a run was not stored");
                    break;
                }
            }
        }
        self.bells.deliveries.notify_one();
        self.bells.reports.notify_one();
    }

    /// Keeps the leases of the runs in hand, and looks after those of others.
    async fn beat(self: Arc<Self>) {
        loop {
            let now = self.now();
            if let Err(error) = self
                .ports
                .store
                .keep_runs(&self.id, later(now, LEASE))
                .await
            {
                tracing::error!(%error, "leases can't be kept");
            }
            match self.ports.store.stop_requests(&self.id).await {
                Ok(requests) => {
                    for request in requests {
                        self.bells.stop(&request.run);
                    }
                }
                Err(error) => tracing::error!(%error, "stop requests can't be read"),
            }
            if !self.bells.is_closing() {
                self.take_over().await;
                self.cancel_unconfirmed().await;
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    }

    /// Ends the questions that nobody answered in time, so that none stays open for ever.
    async fn cancel_unconfirmed(&self) {
        let now = self.now();
        let before = now.checked_sub(CONFIRM_WITHIN).unwrap_or(now);
        let store = &self.ports.store;
        match store.cancel_unconfirmed(before, &unconfirmed(), now).await {
            Ok(0) => {}
            Ok(_) => {
                self.bells.deliveries.notify_one();
                self.bells.reports.notify_one();
            }
            Err(error) => tracing::error!(%error, "old questions can't be ended"),
        }
    }

    /// Takes over runs whose worker is gone: what did no harm begins anew; what died inside an
    /// effect is looked at, told, and left to people.
    async fn take_over(&self) {
        let lost = match self
            .ports
            .store
            .take_lost_runs(&self.id, self.now(), LEASE)
            .await
        {
            Ok(lost) => lost,
            Err(error) => {
                tracing::error!(%error, "lost runs can't be looked for");
                return;
            }
        };
        for taken in lost {
            let id = &taken.run.id;
            match recover(&taken.steps) {
                Recovery::Requeue => {
                    tracing::warn!(run = %id.short(), "a run whose worker is gone begins anew");
                    if let Err(error) = self.ports.store.requeue_run(id, self.now()).await {
                        tracing::error!(run = %id.short(), %error, "a run could not be requeued");
                    }
                    self.bells.runs.notify_one();
                }
                Recovery::Interrupt(step) => {
                    tracing::error!(run = %id.short(), step = step.as_str(), "a run died inside an effect");
                    let end = self.runner.look(&taken.run, &taken.steps, step).await;
                    self.end(id, end).await;
                }
            }
        }
    }

    /// Ends the work in hand: effects run on, everything before one is stopped and handed back.
    async fn wind_down(&self, hands: &mut JoinSet<()>) {
        self.runner.close();
        let all = async { while hands.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.shutdown_grace, all)
            .await
            .is_err()
        {
            let cut: Vec<String> = self
                .bells
                .in_hand()
                .iter()
                .map(|run| run.short().to_owned())
                .collect();
            tracing::error!(runs = cut.join(", "), "the grace is over: runs are cut");
        }
    }
}
