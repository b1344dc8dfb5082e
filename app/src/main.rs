//! Starts the shop: settings, logs, a socket, and service until SIGTERM or SIGINT.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use shop::{Drained, Readiness, Settings, Shutdown};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long a shop that is no longer ready goes on taking connections: Kubernetes takes a pod out of
/// its Service while the pod is already stopping, so requests still arrive after SIGTERM.
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow>
const ROUTED_AWAY_AFTER: Duration = Duration::from_secs(5);

/// How long the requests in flight may then take. Both together stay under the pods'
/// `terminationGracePeriodSeconds`, past which the process is killed.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().json().flatten_event(true).init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!(error = format!("{fault:#}"), "shop ends with a fault");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("can't listen on {}", settings.listen))?;
    tracing::info!(
        address = %listener.local_addr()?,
        commit = %settings.version.commit,
        environment = %settings.version.environment,
        "shop serves"
    );

    let readiness = Readiness::default();
    let routes = shop::routes(settings.version, readiness.clone());
    let shutdown = Shutdown {
        requested: async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        },
        routed_away: async || tokio::time::sleep(ROUTED_AWAY_AFTER).await,
        limit: DRAIN_LIMIT,
    };
    match shop::serve(listener, routes, readiness, shutdown).await? {
        Drained::Complete => tracing::info!("shop has answered every request and ends"),
        Drained::Abandoned => tracing::warn!("shop ends with requests unanswered"),
    }
    Ok(())
}
