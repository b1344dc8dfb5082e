//! Logs: one JSON object a line on standard error, or text where a person reads along.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings;

/// Starts logging; `SLIPWAY_LOG` says how much (default `info`).
///
/// # Errors
/// When `SLIPWAY_LOG` is malformed.
pub fn start() -> anyhow::Result<()> {
    let filter = settings::log_filter().unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}
