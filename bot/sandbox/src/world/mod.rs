//! The world of `acme/shop`: one repository with two stacks and a service, two environments in two
//! AWS accounts, each with its EKS cluster, and the people who work there.
//!
//! - `ana` writes code, `ben` reviews it and maintains the repository, `cleo` administers it and
//!   may release to prod with `ben`, `mallory` may only read.
//! - CI builds an image for every commit of the app (see [`ci`]).

pub mod ci;
mod files;

use std::time::Duration;

use anyhow::Context;

use crate::aws::{Aws, AwsConfig, Grant, Keys, Role, Trust};
use crate::clock::WorldClock;
use crate::github::{GitHub, GitHubConfig};
use crate::kubernetes::{Cluster, ClusterConfig, Rights};
use crate::registry::{Registry, RegistryConfig};

/// The repository of this world.
pub const REPO: &str = "acme/shop";

/// The registry that images are named after; this world's own registry mirrors it.
pub const REGISTRY: &str = "ghcr.io";

/// The image of the service, without its host.
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
    pub account: &'static str,
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
}

impl World {
    /// Starts all services, each on a free port of 127.0.0.1, and lays the repository.
    ///
    /// # Errors
    /// When a port can't be had or git fails.
    pub async fn start() -> anyhow::Result<Self> {
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
        registry.add_user(REGISTRY_USER, REGISTRY_PASSWORD, [IMAGE]);
        let home = aws.add_account("999999999999")?;
        let bot_keys = aws.add_user(&home, "slipway")?;
        let dev = place(&aws, &registry, &clock, "dev", "111111111111").await?;
        let prod = place(&aws, &registry, &clock, "prod", "222222222222").await?;
        let world = Self {
            clock,
            github,
            aws,
            registry,
            dev,
            prod,
            bot_keys,
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
        let files = files::all(self.aws.url());
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        self.github.create_repo(REPO, &files).await?;
        for (user, permission) in [
            ("ana", "write"),
            ("ben", "maintain"),
            ("cleo", "admin"),
            ("mallory", "read"),
        ] {
            self.github.set_permission(REPO, user, permission).await?;
        }
        for user in ["ben", "cleo"] {
            self.github
                .add_team_member("acme", "releasers", user)
                .await?;
        }
        Ok(())
    }
}

/// Opens an account with its bucket, cluster and the three roles of the bot, which trust only the
/// bot's own identity and only with the external id.
async fn place(
    aws: &Aws,
    registry: &Registry,
    clock: &WorldClock,
    name: &'static str,
    account_id: &'static str,
) -> anyhow::Result<Place> {
    let account = aws.add_account(account_id)?;
    let bucket = format!("acme-shop-{name}-state");
    aws.create_bucket(&account, REGION, &bucket)?;
    let cluster = Cluster::start(ClusterConfig {
        name: format!("shop-{name}"),
        clock: clock.clone(),
        sts_url: aws.url().to_string(),
        registry: Some(registry.clone()),
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
        external_id: Some("acme-shop".to_owned()),
        ..Trust::of("arn:aws:iam::999999999999:user/slipway")
    };
    let state = || bucket.clone();
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
        account: account_id,
        cluster,
        bucket,
    })
}
