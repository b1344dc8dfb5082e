//! Starts the shop: settings, logs, the database, a socket, and service until SIGTERM or SIGINT.
//! `shop healthcheck` asks one that runs whether it is ready.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use metrics_exporter_prometheus::PrometheusHandle;
use shop::{DatabaseSettings, Drained, Limits, Readiness, Settings, Shop, Shutdown, SystemClock};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long a shop that is no longer ready goes on taking connections: Kubernetes takes a pod out of
/// its Service while the pod is already stopping, so requests still arrive after SIGTERM.
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow>
const ROUTED_AWAY_AFTER: Duration = Duration::from_secs(5);

/// How long the requests in flight may then take. Both together stay under the pods'
/// `terminationGracePeriodSeconds`, past which the process is killed.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// How long the database may take to end its connections, once nobody is served any more.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// How often measured times are put into their buckets, which bounds the memory they take.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => run().await,
        ["healthcheck"] => healthcheck().await,
        _ => Err(anyhow::anyhow!(
            "shop takes no argument, or `healthcheck`; all else is set by SHOP_… variables"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!(error = format!("{fault:#}"), "shop ends with a fault");
            ExitCode::FAILURE
        }
    }
}

async fn healthcheck() -> anyhow::Result<()> {
    Ok(shop::healthcheck(Settings::listen_from_env()?).await?)
}

async fn run() -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    let mut ended = Box::pin(asked_to_end()?);
    let metrics = keep_metrics()?;
    if settings.database == DatabaseSettings::Memory {
        tracing::warn!(
            "SHOP_DATABASE_URL is not set: orders are kept in memory and end with the shop"
        );
    }
    let clock = Arc::new(SystemClock);
    let limits = Limits::default();
    let opening = async {
        let opened = shop::open(&settings.database, limits, clock.clone()).await?;
        opened.database.migrate().await?;
        anyhow::Ok(opened)
    };
    // Another pod may be migrating: whoever is told to end meanwhile does not wait for it.
    let opened = tokio::select! {
        opened = opening => opened?,
        () = &mut ended => {
            tracing::info!("shop was told to end before it served");
            return Ok(());
        }
    };
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("can't listen on {} (SHOP_LISTEN)", settings.listen))?;
    tracing::info!(
        address = %listener.local_addr()?,
        commit = %settings.version.commit,
        environment = %settings.version.environment,
        "shop serves"
    );

    let readiness = Readiness::default();
    let routes = shop::routes(Shop {
        version: settings.version,
        readiness: readiness.clone(),
        database: opened.database.clone(),
        clock,
        limits,
        metrics: metrics.clone(),
    });
    let shutdown = Shutdown {
        requested: ended,
        routed_away: async || tokio::time::sleep(ROUTED_AWAY_AFTER).await,
        limit: DRAIN_LIMIT,
    };
    let drained = tokio::select! {
        drained = shop::serve(listener, routes, readiness, shutdown) => drained?,
        // Without them the shop would go on until its login or its memory ends: better to start anew.
        () = opened.renewal.run() => bail!("the renewal of the database login has ended"),
        () = upkeep(&metrics) => bail!("the upkeep of metrics has ended"),
    };
    match drained {
        Drained::Complete => tracing::info!("shop has answered every request and ends"),
        Drained::Abandoned => tracing::warn!("shop ends with requests unanswered"),
    }
    let closed = tokio::time::timeout(CLOSE_LIMIT, opened.database.close()).await;
    if closed.is_err() {
        tracing::warn!("the database's connections could not be ended in time");
    }
    Ok(())
}

/// Listens for the signals from now on; resolves at the first.
fn asked_to_end() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("can't listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("can't listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Makes all that is counted from now on show up in `/metrics`.
fn keep_metrics() -> anyhow::Result<PrometheusHandle> {
    let recorder = shop::recorder()?;
    let metrics = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are kept elsewhere already")?;
    Ok(metrics)
}

async fn upkeep(metrics: &PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        metrics.run_upkeep();
    }
}
