//! What deploy.toml says about one stack or service in one environment, with templates filled in.
//!
//! A run carries these, so that it does what was decided even if deploy.toml changes meanwhile.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{AccountId, Provenance, RoleArn};
use crate::ids::{ServiceName, StackName};

/// How to reach one environment's AWS account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsAccess {
    /// The region, `eu-central-1`.
    pub region: String,
    /// The account that every assumed role must belong to.
    pub account: AccountId,
    /// The role of this run: read-only for plans, another for applies and deploys.
    pub role: RoleArn,
    /// The external id that the role's trust policy asks for.
    pub external_id: Option<String>,
    /// How long the credentials live.
    pub session: Duration,
}

/// One stack in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackSpec {
    /// Its name.
    pub name: StackName,
    /// The directory of the root module, relative to the repository.
    pub dir: String,
    /// The Terraform workspace; `default` is the one that always exists.
    pub workspace: String,
    /// `-var-file` arguments, relative to `dir`.
    pub var_files: Vec<String>,
    /// `-backend-config` arguments: `key=value`, or a file relative to `dir`.
    pub backend_config: Vec<String>,
}

/// One service in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// Its name.
    pub name: ServiceName,
    /// The image repository, `ghcr.io/acme/shop`.
    pub image: String,
    /// The directory of the manifests, relative to the repository.
    pub manifests: String,
    /// The name of the EKS cluster.
    pub cluster: String,
    /// The namespace that the manifests go to.
    pub namespace: String,
    /// How long to wait for CI to publish the image.
    pub image_wait: Duration,
    /// How long the rollout may take.
    pub rollout: Duration,
    /// How the image is proven to come from the commit.
    pub provenance: Provenance,
}
