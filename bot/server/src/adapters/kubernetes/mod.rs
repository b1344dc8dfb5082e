//! Kubernetes: applies the manifests of a release and watches its workloads until they run, or
//! can't.
//!
//! A cluster is reached by what EKS said about it and by nothing else: no kubeconfig, no proxy, no
//! service account of the pod that the bot itself runs in.
//!
//! - `client`, `resources`, `error`: how the API is reached and what it says
//! - `apply`: server-side apply, inside one namespace
//! - `workload`, `pods`: what the objects say about a rollout; plain functions
//! - `world`, `rollout`, `diagnosis`: the watch, its end, and what went wrong
//!
//! A token lasts about 15 minutes, a rollout may take longer. A watch that is open stays open past
//! that; a reconnect is refused, and [`Cluster::rollout`] answers [`PortErrorKind::Denied`]. It
//! only watches, so a caller may get a new token and call it again with the time that is left.
//!
//! [`PortErrorKind::Denied`]: slipway_core::ports::PortErrorKind::Denied

mod apply;
mod client;
mod diagnosis;
mod error;
mod pods;
mod resources;
mod rollout;
#[cfg(test)]
mod tests;
mod workload;
mod world;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use slipway_core::ports::{Cluster, ClusterAccess, PortResult, RolloutEnd, RunLog, Stop};

/// How clusters are talked to.
#[derive(Clone, Copy, Debug)]
pub struct KubernetesSettings {
    /// How long one short call may take. Watches are open longer.
    pub timeout: Duration,
    /// How long a pod may find no node before the rollout fails: an autoscaler takes a minute or
    /// two to bring one. Zero fails at once.
    pub unschedulable_after: Duration,
}

impl Default for KubernetesSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            unschedulable_after: Duration::from_secs(120),
        }
    }
}

/// Clusters through the Kubernetes API.
#[derive(Clone, Debug, Default)]
pub struct KubernetesCluster {
    settings: KubernetesSettings,
}

impl KubernetesCluster {
    /// The adapter; it holds no connection.
    #[must_use]
    pub fn new(settings: KubernetesSettings) -> Self {
        Self { settings }
    }
}

#[async_trait]
impl Cluster for KubernetesCluster {
    async fn apply(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[Value],
    ) -> PortResult<Vec<String>> {
        let connection = client::Connection::open(access, namespace, self.settings.timeout)?;
        apply::apply(&connection, manifests).await
    }

    async fn rollout(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[Value],
        deadline: Duration,
        log: &dyn RunLog,
        stop: &dyn Stop,
    ) -> PortResult<RolloutEnd> {
        let connection = client::Connection::open(access, namespace, self.settings.timeout)?;
        let rollout = rollout::Rollout::new(&connection, self.settings, deadline, log, stop);
        rollout.watch(manifests).await
    }

    async fn running_images(
        &self,
        access: &ClusterAccess,
        namespace: &str,
        manifests: &[Value],
    ) -> PortResult<Vec<(String, String)>> {
        let connection = client::Connection::open(access, namespace, self.settings.timeout)?;
        apply::running_images(&connection, manifests).await
    }
}
