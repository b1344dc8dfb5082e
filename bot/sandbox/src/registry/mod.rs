//! The sandbox OCI registry: the distribution-spec v1.1 over plain HTTP on 127.0.0.1, with the
//! bearer-token flow and the content negotiation of GHCR.
//!
//! It keeps everything in memory and never talks to another registry. Whatever a test wants to be
//! in it, CI ([`Registry::push_image`]) pushes through the same HTTP endpoints that clients use.

mod auth;
mod blobs;
mod errors;
mod faults;
mod manifests;
mod push;
mod routes;
mod state;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::WorldClock;

pub use faults::{Answer, Fault};
pub use push::{Image, PushError};
pub use state::Call;
use state::State;

/// How a registry is started.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Tells when tokens expire and when a delayed tag appears.
    pub clock: WorldClock,
}

/// A running registry. Clones are handles on the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    _server: Arc<DropGuard>,
}

/// What the handlers and the driver share.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    clock: WorldClock,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Starts a registry on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(config: RegistryConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            clock: config.clock,
            state: Mutex::new(State::new()),
        });
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let router = routes::router(Arc::clone(&shared));
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox registry stopped serving");
            }
        });
        Ok(Self {
            shared,
            _server: Arc::new(stop.drop_guard()),
        })
    }

    /// The registry's name in an image reference: `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.shared.address.to_string()
    }

    /// Lets nodes find this registry under another host too, as a mirror of it.
    pub fn mirror(&self, host: &str) {
        self.shared.state().mirrored.push(host.to_owned());
    }

    /// The reference without its host, if that is this registry or one that it mirrors.
    pub(crate) fn strip_host<'i>(&self, image: &'i str) -> Option<&'i str> {
        let own = self.host();
        let state = self.shared.state();
        let mut hosts = std::iter::once(&own).chain(&state.mirrored);
        hosts.find_map(|host| image.strip_prefix(host.as_str())?.strip_prefix('/'))
    }

    /// Adds (or replaces) a user who may pull from and push to `repositories`, which become
    /// private: nobody else can read them. All other repositories can be pulled by anyone.
    pub fn add_user<'a>(
        &self,
        name: &str,
        password: &str,
        repositories: impl IntoIterator<Item = &'a str>,
    ) {
        self.shared.state().add_user(name, password, repositories);
    }

    /// Moves (or creates) a tag, as a push of an image under a used tag does. Answers whether the
    /// repository has a manifest of that digest; if not, nothing changes.
    pub fn tag(&self, repository: &str, tag: &str, digest: &str) -> bool {
        self.shared.state().set_tag(repository, tag, digest)
    }

    /// Hides a tag until `delay` has passed on the world's clock: a registry that is slow to show
    /// what was pushed. The tag may be pushed before or after this call.
    pub fn delay_tag(&self, repository: &str, tag: &str, delay: Duration) {
        let now = self.shared.clock.now();
        let shown = jiff::SignedDuration::try_from(delay)
            .ok()
            .and_then(|delay| now.checked_add(delay).ok())
            .unwrap_or(jiff::Timestamp::MAX);
        self.shared.state().hide_tag(repository, tag, shown);
    }

    /// Makes the next requests that `fault` matches fail. CI's own pushes are spared.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.state().faults.push(fault);
    }

    /// The digest that a tag names now, whether or not it is shown yet.
    #[must_use]
    pub fn digest_of(&self, repository: &str, tag: &str) -> Option<String> {
        self.shared.state().digest_of(repository, tag)
    }

    /// The image configuration behind a manifest (of an index: of its first image).
    #[must_use]
    pub fn config_of(&self, digest: &str) -> Option<Value> {
        self.shared.state().config_of(digest)
    }

    /// Whether `repository` holds a manifest by this tag or digest, and which digest it has.
    #[must_use]
    pub fn resolve(&self, repository: &str, reference: &str) -> Option<String> {
        let now = self.shared.clock.now();
        self.shared.state().resolve(repository, reference, now)
    }

    /// Every request so far, oldest first, CI's pushes included.
    #[must_use]
    pub fn journal(&self) -> Vec<Call> {
        self.shared.state().journal.clone()
    }
}
