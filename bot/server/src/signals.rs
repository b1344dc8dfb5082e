//! SIGTERM and SIGINT: end in good order. A second one ends at once, saying so.

use tokio::signal::unix::{SignalKind, signal};

use crate::wire::Handle;

/// Closes the process at the first signal.
///
/// # Errors
/// When the signals can't be listened for.
pub fn close_on_signal(handle: Handle) -> anyhow::Result<()> {
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut asked = false;
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            if asked {
                tracing::error!("a second signal: runs in hand are cut");
                std::process::exit(130);
            }
            asked = true;
            tracing::info!("asked to end: what is in hand is finished first");
            handle.close();
        }
    });
    Ok(())
}
