//! The sweep: plan files and logs that nobody needs any more are deleted.
//!
//! What is kept is what the store says is needed, and nothing else: a file that no run stands for
//! (left by a crash, or by a database that was restored) goes as well. A sweep does so much and no
//! more; the next one goes on.

use slipway_core::ids::RunId;
use slipway_core::ports::PortResult;

use super::Worker;
use crate::runner::PLANS;

/// Plan files that are asked about at once.
const AT_ONCE: usize = 200;
/// Plan files that one sweep deletes.
const MOST_PLANS: usize = 2_000;
/// Logs that one sweep deletes.
const MOST_LOGS: u32 = 50;

impl Worker {
    pub(super) async fn sweep(&self) {
        self.bound_shelves().await;
        match self.sweep_plans().await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "plan files were deleted"),
            Err(error) => tracing::warn!(%error, "plan files can't be swept"),
        }
        let before = self.now().checked_sub(self.limits.keep_logs);
        let Ok(before) = before else { return };
        match self.ports.store.forget_logs(before, MOST_LOGS).await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "logs of runs were deleted"),
            Err(error) => tracing::warn!(%error, "logs can't be swept"),
        }
    }

    async fn sweep_plans(&self) -> PortResult<usize> {
        let artifacts = &self.ports.artifacts;
        let made_after = self.now().checked_sub(self.keep_plans);
        // Before there was a calendar nothing was made.
        let Ok(made_after) = made_after else {
            return Ok(0);
        };
        let keys = artifacts.list(PLANS).await?;
        let mut deleted = 0;
        for keys in keys.chunks(AT_ONCE) {
            let named: Vec<(&String, Option<RunId>)> =
                keys.iter().map(|key| (key, run_of(key))).collect();
            let runs: Vec<RunId> = named.iter().filter_map(|(_, run)| run.clone()).collect();
            let needed = self.ports.store.needed_plans(&runs, made_after).await?;
            for (key, run) in named {
                if run.is_some_and(|run| needed.contains(&run)) {
                    continue;
                }
                if deleted == MOST_PLANS {
                    return Ok(deleted);
                }
                artifacts.delete(key).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

/// The run whose plan lies under a key.
fn run_of(key: &str) -> Option<RunId> {
    let (_, name) = key.split_once('/')?;
    RunId::parse(name).ok()
}
