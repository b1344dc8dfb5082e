//! A world to live in: one repository with its stacks and services, two environments in two AWS
//! accounts, each with its EKS cluster, and the people who work there. What the repository holds is
//! its [`Scene`]: `acme/shop`, or a checkout of a real one.
//!
//! - `ana` writes code, `ben` reviews it and maintains the repository, `cleo` administers it and
//!   may release to prod with `ben`, `mallory` may only read.
//! - CI builds an image for every commit of the app (see [`ci`]).

pub mod ci;
mod scene;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use url::Url;

use crate::aws::{Aws, AwsConfig, Grant, Keys, Role, Trust};
use crate::clock::WorldClock;
use crate::github::{GitHub, GitHubConfig};
use crate::kubernetes::{Cluster, ClusterConfig, Rights};
use crate::registry::{Registry, RegistryConfig};

pub use scene::Scene;

/// The repository of the scene `acme/shop`.
pub const REPO: &str = "acme/shop";

/// The registry that images are named after; this world's own registry mirrors it.
pub const REGISTRY: &str = "ghcr.io";

/// The image of the service of the scene `acme/shop`, without its host.
pub const IMAGE: &str = "acme/shop";

/// The user by whom the bot reads the private image.
pub const REGISTRY_USER: &str = "acme-bot";

/// That user's password.
pub const REGISTRY_PASSWORD: &str = "ghp_sandbox-read-packages";

/// The region of everything.
const REGION: &str = "eu-central-1";

/// One environment: its account and its cluster.
#[derive(Clone, Debug)]
pub struct Place {
    /// `dev` or `prod`.
    pub name: &'static str,
    /// The AWS account.
    pub account: String,
    /// The cluster.
    pub cluster: Cluster,
    /// The bucket with the state.
    pub bucket: String,
}

/// The whole world. It ends when the last handle on it is dropped.
#[derive(Clone)]
pub struct World {
    /// Everybody's clock.
    pub clock: WorldClock,
    /// GitHub.
    pub github: GitHub,
    /// AWS.
    pub aws: Aws,
    /// The registry.
    pub registry: Registry,
    /// The environment `dev`.
    pub dev: Place,
    /// The environment `prod`.
    pub prod: Place,
    /// The bot's own identity in AWS.
    pub bot_keys: Keys,
    /// What its repository held at first, and what goes with it.
    pub scene: Arc<Scene>,
}

impl World {
    /// Starts the world of `acme/shop`.
    ///
    /// # Errors
    /// When a port can't be had or git fails.
    pub async fn start() -> anyhow::Result<Self> {
        Self::of(Scene::shop()).await
    }

    /// Starts all services, each on a free port of 127.0.0.1, and lays the repository.
    ///
    /// # Errors
    /// When a port can't be had or git fails.
    pub async fn of(scene: Scene) -> anyhow::Result<Self> {
        let clock = WorldClock::default();
        let github = GitHub::start(GitHubConfig {
            clock: clock.clone(),
            ..GitHubConfig::default()
        })
        .await?;
        let aws = Aws::start(AwsConfig {
            clock: clock.clone(),
        })
        .await?;
        let registry = Registry::start(RegistryConfig {
            clock: clock.clone(),
        })
        .await?;
        registry.mirror(REGISTRY);
        registry.add_user(REGISTRY_USER, REGISTRY_PASSWORD, [scene.image.as_str()]);
        let home = aws.add_account("999999999999")?;
        let bot_keys = aws.add_user(&home, "slipway")?;
        let ground = Ground {
            aws: &aws,
            registry: &registry,
            clock: &clock,
            scene: &scene,
        };
        let [dev, prod] = &scene.accounts;
        let [dev_bucket, prod_bucket] = &scene.buckets;
        let dev = ground.place("dev", dev, dev_bucket).await?;
        let prod = ground.place("prod", prod, prod_bucket).await?;
        let world = Self {
            clock,
            github,
            aws,
            registry,
            dev,
            prod,
            bot_keys,
            scene: Arc::new(scene),
        };
        world.lay_repository().await?;
        Ok(world)
    }

    /// The place of an environment.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn place(&self, name: &str) -> anyhow::Result<&Place> {
        [&self.dev, &self.prod]
            .into_iter()
            .find(|place| place.name == name)
            .with_context(|| format!("this world has no environment {name}"))
    }

    async fn lay_repository(&self) -> anyhow::Result<()> {
        let scene = &self.scene;
        let backend = backend_here(self.aws.url());
        let files: Vec<(&str, String)> = scene
            .files
            .iter()
            .map(|(path, text)| match path.ends_with(".s3.tfbackend") {
                true => (path.as_str(), format!("{text}{backend}")),
                false => (path.as_str(), text.clone()),
            })
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        let (github, repo) = (&self.github, scene.repo.as_str());
        github.create_repo(repo, &files).await?;
        for (user, permission) in [
            ("ana", "write"),
            ("ben", "maintain"),
            ("cleo", "admin"),
            ("mallory", "read"),
        ] {
            github.set_permission(repo, user, permission).await?;
        }
        let owner = repo.split('/').next().unwrap_or(repo);
        for team in &scene.teams {
            for user in ["ben", "cleo"] {
                github.add_team_member(owner, team, user).await?;
            }
        }
        if let Some(rules) = &scene.protection {
            github.protect_branch(repo, "main", rules.clone()).await?;
        }
        Ok(())
    }
}

/// Where this world's S3 is, for the backends of a scene.
fn backend_here(aws: &Url) -> String {
    format!(
        "endpoints                   = {{ s3 = \"{aws}\" }}\n\
         use_path_style              = true\n\
         skip_credentials_validation = true\n\
         skip_region_validation      = true\n\
         skip_requesting_account_id  = true\n\
         skip_metadata_api_check     = true\n"
    )
}

/// What the places of a world stand on.
struct Ground<'a> {
    aws: &'a Aws,
    registry: &'a Registry,
    clock: &'a WorldClock,
    scene: &'a Scene,
}

impl Ground<'_> {
    /// Opens an account with its bucket, cluster and the three roles of the bot, which trust only
    /// the bot's own identity and only with the external id.
    async fn place(
        &self,
        name: &'static str,
        account_id: &str,
        bucket: &str,
    ) -> anyhow::Result<Place> {
        let aws = self.aws;
        let account = aws.add_account(account_id)?;
        aws.create_bucket(&account, REGION, bucket)?;
        for stack in &self.scene.workspaces {
            // What `terraform workspace new` leaves behind: the plan role may not write it.
            let key = format!("env:/{name}/{stack}/terraform.tfstate");
            aws.put_object(bucket, &key, EMPTY_STATE)?;
        }
        let cluster = Cluster::start(ClusterConfig {
            name: format!("shop-{name}"),
            clock: self.clock.clone(),
            sts_url: aws.url().to_string(),
            registry: Some(self.registry.clone()),
        })
        .await?;
        cluster.create_namespace("shop");
        aws.add_cluster(
            &account,
            REGION,
            cluster.name(),
            &cluster.endpoint(),
            cluster.ca_pem(),
        );
        let trust = Trust {
            external_id: Some(self.scene.external_id.clone()),
            ..Trust::of("arn:aws:iam::999999999999:user/slipway")
        };
        let state = || bucket.to_owned();
        let roles = [
            (
                "slipway-plan",
                vec![Grant::ReadBucket(state()), Grant::LockBucket(state())],
            ),
            (
                "slipway-apply",
                vec![Grant::ReadBucket(state()), Grant::WriteBucket(state())],
            ),
            ("slipway-deploy", vec![Grant::DescribeClusters]),
        ];
        for (role, grants) in roles {
            let arn = aws.add_role(Role {
                grants,
                max_session: Duration::from_secs(3600),
                ..Role::new(&account, role, trust.clone())
            })?;
            if role == "slipway-deploy" {
                cluster.allow_role(&arn, Rights::edit(&["shop"]));
            }
        }
        Ok(Place {
            name,
            account: account_id.to_owned(),
            cluster,
            bucket: bucket.to_owned(),
        })
    }
}

/// A state without resources.
const EMPTY_STATE: &str = r#"{"version":4,"terraform_version":"1.11.0","serial":1,"lineage":"6d9c1f0e-2f4c-4a5e-9a5b-0f4d5c1f3a77","outputs":{},"resources":[],"check_results":null}"#;
