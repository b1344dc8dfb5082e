//! The outside world, as this process reaches it: one value to pass around.

use std::sync::Arc;

use slipway_core::ports::{
    Artifacts, Clock, Cloud, Cluster, Forge, Registry, Renderer, Shelf, Source, Store, Terraform,
};

/// Every port but the one that writes to GitHub, which only the reporter holds.
#[derive(Clone)]
pub struct Ports {
    /// What the bot knows.
    pub store: Arc<dyn Store>,
    /// Reads GitHub.
    pub forge: Arc<dyn Forge>,
    /// Reads repositories by git.
    pub source: Arc<dyn Source>,
    /// Assumes roles and describes clusters.
    pub cloud: Arc<dyn Cloud>,
    /// Runs Terraform.
    pub terraform: Arc<dyn Terraform>,
    /// Finds images.
    pub registry: Arc<dyn Registry>,
    /// Renders kustomizations.
    pub renderer: Arc<dyn Renderer>,
    /// Applies manifests and watches rollouts.
    pub cluster: Arc<dyn Cluster>,
    /// Keeps plan files.
    pub artifacts: Arc<dyn Artifacts>,
    /// Where things lie that can be fetched again.
    pub shelves: Vec<Arc<dyn Shelf>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}
