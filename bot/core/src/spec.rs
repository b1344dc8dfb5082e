//! What deploy.toml says about one stack or service in one environment, with templates filled in.
//!
//! A run carries these, so that it does what was decided even if deploy.toml changes meanwhile.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{AccountId, Environment, Provenance, RoleArn, Service, Stack, ToolVersion};
use crate::ids::{EnvName, ServiceName, StackName};

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
    /// The role of Terraform's state, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateAccess>,
}

/// As whom Terraform's state is reached, assumed from the role of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateAccess {
    /// The role that this run assumes; its account is the one that has to be proven.
    pub role: RoleArn,
    /// The role that applies assume: what a plan is made for.
    pub applies_as: RoleArn,
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
    /// Patterns of the policies that its plans are held against, relative to the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// The program and version that deploy.toml asks for.
    #[serde(default)]
    pub tool: Option<ToolVersion>,
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

impl AwsAccess {
    /// How a role of an environment is reached; the caller says which of its roles.
    #[must_use]
    pub fn new(env: &Environment, role: &RoleArn) -> Self {
        Self {
            region: env.aws.region.as_str().to_owned(),
            account: env.aws.account.clone(),
            role: role.clone(),
            external_id: env.aws.external_id.clone(),
            session: env.aws.session,
            state: env.aws.state_role.as_ref().map(|role| StateAccess {
                role: role.clone(),
                applies_as: role.clone(),
            }),
        }
    }

    /// The same for a plan, which may reach the state as a role of its own.
    #[must_use]
    pub fn to_plan(env: &Environment, role: &RoleArn) -> Self {
        let mut access = Self::new(env, role);
        if let (Some(state), Some(role)) = (&mut access.state, &env.aws.state_plan_role) {
            state.role = role.clone();
        }
        access
    }
}

impl StackSpec {
    /// A stack as it is in an environment.
    #[must_use]
    pub fn new(stack: &Stack, env: &EnvName) -> Self {
        let render = |templates: &[crate::config::Template]| {
            templates
                .iter()
                .map(|template| template.render(env))
                .collect()
        };
        Self {
            name: stack.name.clone(),
            dir: stack.dir.as_str().to_owned(),
            workspace: stack.workspace.render(env),
            var_files: render(&stack.var_files),
            backend_config: render(&stack.backend_config),
            policies: stack.policies.clone(),
            tool: stack.terraform.clone(),
        }
    }
}

impl ServiceSpec {
    /// A service as it is in an environment.
    #[must_use]
    pub fn new(service: &Service, env: &EnvName) -> Self {
        Self {
            name: service.name.clone(),
            image: service.image.to_string(),
            manifests: service.manifests.render(env),
            cluster: service.cluster.render(env),
            namespace: service.namespace.render(env),
            image_wait: service.image_wait,
            rollout: service.rollout,
            provenance: service.provenance,
        }
    }
}
