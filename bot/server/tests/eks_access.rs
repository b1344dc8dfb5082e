//! From a role to a running release: the AWS adapter's token is what the cluster takes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::json;
use slipway::adapters::aws::{AwsCloud, AwsSettings, OwnIdentity};
use slipway::adapters::kubernetes::{KubernetesCluster, KubernetesSettings};
use slipway_core::config::{AccountId, RoleArn};
use slipway_core::ports::{AssumeRole, Clock, Cloud, Cluster, ClusterAccess, PortErrorKind};
use slipway_sandbox::aws::{Aws, AwsConfig, Grant, Role, Trust};
use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::kubernetes::{Cluster as SandboxCluster, ClusterConfig, Rights};

#[derive(Debug)]
struct TestClock(WorldClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

struct World {
    clock: WorldClock,
    cluster: SandboxCluster,
    role: String,
    access: ClusterAccess,
    _aws: Aws,
}

async fn world() -> anyhow::Result<World> {
    let clock = WorldClock::default();
    let aws = Aws::start(AwsConfig {
        clock: clock.clone(),
    })
    .await?;
    let account = aws.add_account("111111111111")?;
    let bot = aws.add_user(&account, "slipway")?;
    let trust = Trust::of("arn:aws:iam::111111111111:user/slipway");
    let mut role = Role::new(&account, "slipway-deploy", trust);
    role.grants.push(Grant::DescribeClusters);
    let role = aws.add_role(role)?;
    let config = ClusterConfig {
        name: "shop-dev".to_owned(),
        clock: clock.clone(),
        sts_url: aws.url().to_string(),
        registry: None,
    };
    let cluster = SandboxCluster::start(config).await?;
    cluster.create_namespace("shop");
    cluster.allow_role(&role, Rights::edit(&["shop"]));
    let (region, ca) = ("eu-central-1", cluster.ca_pem());
    aws.add_cluster(&account, region, "shop-dev", &cluster.endpoint(), ca);

    let cloud = AwsCloud::new(AwsSettings {
        endpoint_url: Some(aws.url().clone()),
        region: None,
        identity: OwnIdentity::Keys(bot.access_key_id, bot.secret_access_key.into()),
        clock: Arc::new(TestClock(clock.clone())),
        timeout: Duration::from_secs(20),
    });
    let request = AssumeRole {
        role: RoleArn::parse(&role)?,
        account: AccountId::parse("111111111111")?,
        region: region.to_owned(),
        session_name: "slipway-acme.shop-42-ana".to_owned(),
        source_identity: "ana@acme.shop".to_owned(),
        external_id: None,
        duration: Duration::from_secs(3600),
    };
    let session = cloud.assume(&request).await?;
    let access = cloud.cluster(&session, "shop-dev").await?;
    Ok(World {
        clock,
        cluster,
        role,
        access,
        _aws: aws,
    })
}

async fn apply(world: &World) -> Result<Vec<String>, PortErrorKind> {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"a": "b"},
    });
    let adapter = KubernetesCluster::new(KubernetesSettings::default());
    let applied = adapter.apply(&world.access, "shop", &[manifest]).await;
    applied.map_err(|error| error.kind)
}

#[tokio::test]
async fn the_cluster_knows_the_session_by_its_token() {
    let world = world().await.unwrap();
    assert_eq!(apply(&world).await.unwrap(), ["ConfigMap/shop"]);
    let journal = world.cluster.journal();
    let who = &journal.last().unwrap().user;
    assert_eq!(
        who,
        "arn:aws:sts::111111111111:assumed-role/slipway-deploy/slipway-acme.shop-42-ana"
    );
    assert!(
        world
            .access
            .token
            .expose_secret()
            .starts_with("k8s-aws-v1.")
    );
}

#[tokio::test]
async fn a_token_ends() {
    let world = world().await.unwrap();
    world.clock.advance(Duration::from_secs(16 * 60));
    assert_eq!(apply(&world).await, Err(PortErrorKind::Denied));
}

#[tokio::test]
async fn a_role_without_an_access_entry_is_nobody() {
    let world = world().await.unwrap();
    world.cluster.forget_role(&world.role);
    assert_eq!(apply(&world).await, Err(PortErrorKind::Denied));
}
