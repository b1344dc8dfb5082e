//! Serving, and ending without losing a request: first unready, then no new connections, then the
//! answers that are owed. The caller owns the signals and the time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Whether new requests should be sent here, as far as the process knows: from the start, until it is asked
/// to end.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    shutting_down: Arc<AtomicBool>,
}

impl Readiness {
    pub(crate) fn is_ready(&self) -> bool {
        !self.shutting_down.load(Ordering::Acquire)
    }

    fn withdraw(&self) {
        self.shutting_down.store(true, Ordering::Release);
    }
}

/// How the shop ends.
#[derive(Debug)]
pub struct Shutdown<Requested, RoutedAway> {
    /// Resolves when the shop shall end.
    pub requested: Requested,
    /// Called then; returns when no new requests are expected any more.
    pub routed_away: RoutedAway,
    /// How long the requests that are then still in flight may take.
    pub limit: Duration,
}

/// How the shop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every request was answered.
    Complete,
    /// Some requests took longer than the limit.
    Abandoned,
}

/// Answers with `routes` what comes to `listener`, until `shutdown` is through.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    readiness: Readiness,
    shutdown: Shutdown<impl Future<Output = ()>, impl AsyncFnOnce()>,
) -> io::Result<Drained> {
    let (close, closed) = oneshot::channel::<()>();
    let server = axum::serve(listener, routes).with_graceful_shutdown(async move {
        // An error means that `close` is dropped, which asks for the end as well.
        let _asked = closed.await;
    });

    let end = async {
        shutdown.requested.await;
        tracing::info!("shop is asked to end: no longer ready");
        readiness.withdraw();
        (shutdown.routed_away)().await;
        tracing::info!("shop takes no more connections");
        drop(close);
        tokio::time::sleep(shutdown.limit).await;
    };
    tokio::select! {
        served = server => served.map(|()| Drained::Complete),
        () = end => Ok(Drained::Abandoned),
    }
}
