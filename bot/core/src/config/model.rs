//! What deploy.toml says, as plain data: every value parsed, every default filled in, every name
//! known to exist. Made only by [`Config::parse`](super::Config::parse).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::ids::{EnvName, ServiceName, StackName};
use crate::plan::TypePattern;

use super::aws::Aws;
use super::freeze::Freeze;
use super::image::{ImageRepository, ToolVersion};
use super::path::{Globs, RepoPath};
use super::schedule::Schedule;
use super::template::{TagTemplate, Template};
use super::who::Allow;
use super::window::Window;

/// A repository's rules, in the order of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The environments.
    pub environments: Vec<Environment>,
    /// The stacks.
    pub stacks: Vec<Stack>,
    /// The services.
    pub services: Vec<Service>,
    /// Resource types that hold data, on top of those that are known to.
    pub stateful_types: Vec<TypePattern>,
}

impl Config {
    /// The environment of this name.
    #[must_use]
    pub fn environment(&self, name: &EnvName) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| environment.name == *name)
    }

    /// The stack of this name.
    #[must_use]
    pub fn stack(&self, name: &StackName) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.name == *name)
    }

    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &ServiceName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The stacks that exist in an environment.
    pub fn stacks_in(&self, environment: &EnvName) -> impl Iterator<Item = &Stack> {
        self.stacks
            .iter()
            .filter(|stack| stack.environments.contains(environment))
    }

    /// The services that are deployed to an environment: all where it has a role for that, else
    /// none.
    pub fn services_in(&self, environment: &EnvName) -> impl Iterator<Item = &Service> {
        let deploys = self
            .environment(environment)
            .is_some_and(|e| e.aws.deploy_role.is_some());
        self.services.iter().filter(move |_| deploys)
    }
}

/// An AWS account and region with their roles and rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvName,
    /// The address shown on GitHub's deployments.
    pub url: Option<Url>,
    /// Whether users depend on it. Turns the defaults of the gates to the careful side.
    pub production: bool,
    /// Whether a merge deploys the services that it touches.
    pub auto_deploy: bool,
    /// Whether a merge applies the stacks that it touches, before deploying.
    pub auto_apply: bool,
    /// The environments where the same digest has to be live and healthy first.
    pub after: Vec<EnvName>,
    /// How long it has to have been so.
    pub soak: Duration,
    /// How many current approvals of the head commit it takes, the author's not counted.
    pub approvals: u32,
    /// Whether each changed file needs the approval of one of its owners by CODEOWNERS.
    pub codeowners: bool,
    /// Which checks of the head commit have to have passed.
    pub checks: Checks,
    /// Whether the head has to contain the tip of the base branch.
    pub up_to_date: bool,
    /// How far along the pull request has to be.
    pub pull_request: PullRequest,
    /// Whether a second step is asked for.
    pub confirm: bool,
    /// When changes are taken; at any time where there are none.
    pub windows: Vec<Window>,
    /// When none are taken all the same.
    pub freezes: Vec<Freeze>,
    /// What happens to a change outside the windows, or in a freeze.
    pub outside: Outside,
    /// What happens after a failed rollout.
    pub on_failure: OnFailure,
    /// When it is looked at for drift; never by itself without.
    pub drift: Option<Schedule>,
    /// Where it lives, and the roles that act there.
    pub aws: Aws,
    /// Who may do what.
    pub allow: Allow,
}

impl Environment {
    /// Whether the windows let a change in at this moment.
    #[must_use]
    pub fn is_open(&self, now: jiff::Timestamp) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|window| window.contains(now))
    }

    /// The freezes that hold at this moment, the one that ends last first.
    #[must_use]
    pub fn frozen_by(&self, now: jiff::Timestamp) -> Vec<&Freeze> {
        let mut holding: Vec<&Freeze> = self.freezes.iter().filter(|f| f.holds(now)).collect();
        holding.sort_by_key(|freeze| std::cmp::Reverse(freeze.to()));
        holding
    }

    /// When the windows let a change in next and no freeze keeps it out, `now` itself where it is so
    /// already.
    #[must_use]
    pub fn next_opening(&self, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let mut moment = self.next_window(now)?;
        // Each turn leaves at least one freeze behind for good.
        for _ in 0..=self.freezes.len() {
            match self.frozen_by(moment).first() {
                None => return Some(moment),
                Some(freeze) => moment = self.next_window(freeze.to())?,
            }
        }
        None
    }

    fn next_window(&self, now: jiff::Timestamp) -> Option<jiff::Timestamp> {
        if self.windows.is_empty() {
            return Some(now);
        }
        self.windows
            .iter()
            .filter_map(|window| window.next_opening(now))
            .min()
    }
}

/// Which checks of a commit have to have passed. The bot's own never count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checks {
    /// None.
    None,
    /// Every check and status that the commit has.
    All,
    /// Those that the rules of the base branch require.
    Required,
    /// Those of these names.
    Named(Vec<String>),
}

/// How far along a pull request has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PullRequest {
    /// Open is enough: deploy before the merge.
    Open,
    /// It has to be merged.
    Merged,
}

/// What happens to a change outside the windows, or in a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// It waits for the next opening.
    Queue,
    /// It is refused.
    Refuse,
}

/// What happens after a failed rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The previous good release is rolled out again.
    Rollback,
    /// Everything stays as it is, for people to look at.
    Stop,
}

/// One Terraform root module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its name.
    pub name: StackName,
    /// Its directory in the repository.
    pub dir: RepoPath,
    /// The environments it exists in.
    pub environments: Vec<EnvName>,
    /// Its Terraform workspace per environment; `default` uses none.
    pub workspace: Template,
    /// Files given as `-var-file`, relative to its directory.
    pub var_files: Vec<Template>,
    /// Given as `-backend-config`: `key=value`, or a file relative to its directory.
    pub backend_config: Vec<Template>,
    /// The stacks that are planned and applied before it.
    pub depends_on: Vec<StackName>,
    /// Which files below its directory touch it.
    pub when_modified: Globs,
    /// The program and version that plans it, where the file says so.
    pub terraform: Option<ToolVersion>,
    /// The policies that its plans are held against: patterns of files of the default branch.
    pub policies: Vec<String>,
}

/// One image and the manifests that run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// Where CI publishes its image.
    pub image: ImageRepository,
    /// How CI names the image of a commit.
    pub tag: TagTemplate,
    /// Which files touch it; every file where there are no patterns.
    pub paths: Option<Globs>,
    /// Its manifests: a directory of plain YAML or a kustomization, or one file.
    pub manifests: Template,
    /// The name of its EKS cluster.
    pub cluster: Template,
    /// Its namespace.
    pub namespace: Template,
    /// The stacks whose applies come before its deploys.
    pub after_stacks: Vec<StackName>,
    /// How long its image is waited for.
    pub image_wait: Duration,
    /// How long its rollout may take.
    pub rollout: Duration,
    /// How its image has to prove the commit it was made from.
    pub provenance: Provenance,
}

impl Service {
    /// Whether a change of this file touches the service.
    #[must_use]
    pub fn is_touched_by(&self, path: &str) -> bool {
        self.paths.as_ref().is_none_or(|globs| globs.matches(path))
    }
}

/// How an image has to prove the commit it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Not at all.
    Off,
    /// Its label `org.opencontainers.image.revision` is the commit.
    Label,
}
