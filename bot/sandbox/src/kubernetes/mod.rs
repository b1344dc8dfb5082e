//! The sandbox Kubernetes API: one instance is one EKS cluster, over TLS on 127.0.0.1.
//!
//! It answers as an API server of version 1.33 does, with server-side apply, watches and the
//! authentication of EKS; controllers and kubelets react at once to every change. It starts no
//! container: what becomes of a pod follows from its images ([`Outcome`]).

mod apply;
mod auth;
mod controllers;
mod defaults;
mod discovery;
mod faults;
mod fields;
mod kubelet;
mod logs;
mod options;
mod outcome;
mod patches;
mod place;
mod pod_security;
mod rights;
mod selectors;
mod server;
mod status;
mod store;
mod table;
mod tls;
mod typed;
mod validation;
mod view;
mod watch;
mod world;
mod writes;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::Listener as _;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use crate::clock::WorldClock;
use crate::registry::Registry;

pub use faults::Fault;
use outcome::ImageRule;
pub use outcome::Outcome;
use rights::Identity;
pub use rights::{Rights, Rule};
pub use view::{TimedOut, View};
pub use world::Call;
use world::World;

/// How often the controllers look whether the world's clock has moved.
const TICK: Duration = Duration::from_millis(50);

/// How a cluster is started.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// Its name, which tokens must be signed for.
    pub name: String,
    /// The time that tokens, deadlines and back-offs go by.
    pub clock: WorldClock,
    /// The STS that tokens are checked with, such as `http://127.0.0.1:4566/`.
    pub sts_url: String,
    /// Where the nodes pull from. Without one, every image is there.
    pub registry: Option<Registry>,
}

/// A running cluster. Clones are handles on the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Cluster {
    shared: Arc<Shared>,
    _server: Arc<DropGuard>,
}

/// What the handlers and the driver share.
#[derive(Debug)]
struct Shared {
    name: String,
    address: SocketAddr,
    ca_pem: String,
    clock: WorldClock,
    sts_url: Url,
    http: reqwest::Client,
    world: Mutex<World>,
    changed: tokio::sync::watch::Sender<u64>,
    stop: CancellationToken,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world, lets controllers and kubelets react, and wakes everyone who waits.
    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world();
        let result = change(&mut world);
        world.settle();
        drop(world);
        self.wake();
        result
    }

    /// Wakes everyone who waits for something to be different.
    fn wake(&self) {
        self.changed.send_modify(|times| *times += 1);
    }

    /// Lets what depends on the time happen. Waiters wake only if something did.
    async fn tick(&self) {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            let mut world = self.world();
            let before = world.store.version();
            world.settle();
            let moved = world.store.version() != before;
            drop(world);
            if moved {
                self.wake();
            }
        }
    }
}

impl Cluster {
    /// Starts a cluster on a free port of 127.0.0.1, with a CA of its own and three nodes.
    ///
    /// # Errors
    /// When no port can be bound, no certificate made, or `sts_url` is no URL.
    pub async fn start(config: ClusterConfig) -> anyhow::Result<Self> {
        let sts_url = Url::parse(&config.sts_url)
            .with_context(|| format!("{:?} is no URL of an STS", config.sts_url))?;
        let (identity, ca_pem) = tls::identity()?;
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listener = tls::TlsListener::bind(loopback, identity).await?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            name: config.name,
            address: listener.local_addr()?,
            ca_pem,
            clock: config.clock.clone(),
            sts_url,
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(Duration::from_secs(10))
                .build()?,
            world: Mutex::new(World::new(config.clock, config.registry)),
            changed: tokio::sync::watch::Sender::new(0),
            stop: stop.clone(),
        });
        let router = server::router(Arc::clone(&shared));
        let serving =
            axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the sandbox cluster stopped serving");
            }
        });
        let ticking = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = ticking.tick() => {}
                () = ticking.stop.cancelled() => {}
            }
        });
        Ok(Self {
            shared,
            _server: Arc::new(stop.drop_guard()),
        })
    }

    /// The cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Where the API server is: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("https://{}", self.shared.address)
    }

    /// The CA that signed the API server's certificate, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.ca_pem
    }

    /// Adds (or replaces) the access entry of an IAM role.
    pub fn allow_role(&self, role_arn: &str, rights: Rights) {
        let role = auth::role_of(role_arn);
        self.shared.world().roles.insert(role, rights);
    }

    /// Removes the access entry of an IAM role.
    pub fn forget_role(&self, role_arn: &str) {
        self.shared.world().roles.remove(&auth::role_of(role_arn));
    }

    /// Makes a fixed bearer token known, for callers that come without AWS.
    pub fn allow_token(&self, token: &str, user: &str, rights: Rights) {
        let identity = Identity {
            user: user.to_owned(),
            rights,
        };
        let mut world = self.shared.world();
        world.tokens.insert(token.to_owned(), identity);
    }

    /// Makes a namespace, if it is not there.
    pub fn create_namespace(&self, name: &str) {
        self.shared.change(|world| world.create_namespace(name));
    }

    /// Decides what becomes of an image. The pattern is an image, a digest, or a glob with `*`;
    /// the newest rule that matches counts, also for pods that already run.
    pub fn set_image_rule(&self, pattern: &str, outcome: Outcome) {
        let rule = ImageRule {
            pattern: pattern.to_owned(),
            outcome,
        };
        self.shared.change(|world| world.rules.push(rule));
    }

    /// From now on new containers stay in `ContainerCreating`, so that a rollout stands still.
    pub fn hold_rollouts(&self) {
        self.shared.change(|world| world.held = true);
    }

    /// Lets rollouts go on.
    pub fn release(&self) {
        self.shared.change(|world| world.held = false);
    }

    /// Makes the next requests that `fault` matches fail.
    pub fn fail_next(&self, fault: Fault) {
        self.shared.change(|world| world.faults.push(fault));
    }

    /// Breaks off every watch that is open.
    pub fn cut_watches(&self) {
        self.shared.change(|world| world.cuts += 1);
    }

    /// Forgets the history: a watch from an older version is told 410.
    pub fn compact(&self) {
        self.shared.change(|world| world.store.compact());
    }

    /// Changes an object behind everybody's back (no validation, no field management), as a test
    /// does that needs a world gone wrong. Answers whether there was one.
    pub fn change_object(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> bool {
        self.shared.change(|world| {
            let known = discovery::of_kind(kind)
                .map(|resource| (resource, store::Key::new(resource, namespace, name)))
                .find(|(_, key)| world.store.get(key).is_some());
            let Some((resource, key)) = known else {
                return false;
            };
            world.update(resource, &key, change);
            true
        })
    }
}
