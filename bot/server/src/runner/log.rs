//! The log of a run: taken line by line, kept in the store in pieces, so that it survives a crash
//! and can be read while the run is under way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slipway_core::ids::RunId;
use slipway_core::outcome::Progress;
use slipway_core::ports::{RunLog, Store, WorkerId};
use tokio::sync::{Notify, oneshot};

/// How long lines are gathered before they are stored.
const FLUSH: Duration = Duration::from_millis(300);

/// Lines that are not stored yet may take so much; past it, lines are dropped and counted.
const BUFFER: usize = 4 * 1024 * 1024;

/// Writes the log of one run.
pub(super) struct StoreLog {
    state: Mutex<State>,
    wake: Notify,
    done: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Default)]
struct State {
    lines: String,
    dropped: u64,
    base: Progress,
    progress: Option<Progress>,
    finished: bool,
}

impl StoreLog {
    /// Starts the task that stores what comes in.
    pub(super) fn start(store: Arc<dyn Store>, worker: WorkerId, run: RunId) -> Arc<Self> {
        let (tell, done) = oneshot::channel();
        let log = Arc::new(Self {
            state: Mutex::default(),
            wake: Notify::new(),
            done: Mutex::new(Some(done)),
        });
        let writer = Arc::clone(&log);
        tokio::spawn(async move {
            writer.store_all(&*store, &worker, &run).await;
            let _ = tell.send(());
        });
        log
    }

    /// One line of the bot's own.
    pub(super) fn say(&self, text: &str) {
        self.line(text);
    }

    /// What is known of the run beside what is counted.
    pub(super) fn base(&self, progress: &Progress) {
        self.state().base = progress.clone();
    }

    /// Stores the rest and ends the task.
    pub(super) async fn finish(&self) {
        self.state().finished = true;
        self.wake.notify_one();
        let done = self
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(done) = done {
            let _ = done.await;
        }
    }

    async fn store_all(&self, store: &dyn Store, worker: &WorkerId, run: &RunId) {
        loop {
            self.wake.notified().await;
            let finished = self.state().finished;
            if !finished {
                // More lines usually follow: one write for many.
                tokio::select! {
                    () = tokio::time::sleep(FLUSH) => {}
                    () = self.until_finished() => {}
                }
            }
            let (lines, progress, finished) = self.take();
            if !lines.is_empty()
                && let Err(error) = store.append_log(run, &lines).await
            {
                tracing::warn!(run = %run.short(), %error, "lines of a run's log were not stored");
            }
            if let Some(progress) = progress.filter(|_| !finished)
                && let Err(error) = store.progress(worker, run, &progress).await
            {
                tracing::warn!(run = %run.short(), %error, "the progress of a run was not stored");
            }
            if finished {
                return;
            }
        }
    }

    async fn until_finished(&self) {
        while !self.state().finished {
            self.wake.notified().await;
        }
    }

    fn take(&self) -> (String, Option<Progress>, bool) {
        let mut state = self.state();
        let mut lines = std::mem::take(&mut state.lines);
        if state.dropped > 0 {
            lines.push_str(&format!("… {} lines are left out here\n", state.dropped));
            state.dropped = 0;
        }
        (lines, state.progress.take(), state.finished)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunLog for StoreLog {
    fn line(&self, text: &str) {
        {
            let mut state = self.state();
            if state.lines.len() + text.len() > BUFFER {
                state.dropped += 1;
            } else {
                state.lines.push_str(text);
                state.lines.push('\n');
            }
        }
        self.wake.notify_one();
    }

    fn progress(&self, line: &str, counted: Option<(u32, u32)>) {
        {
            let mut state = self.state();
            let mut progress = state.base.clone();
            line.clone_into(&mut progress.line);
            progress.counted = counted;
            state.progress = Some(progress);
        }
        self.wake.notify_one();
    }
}
