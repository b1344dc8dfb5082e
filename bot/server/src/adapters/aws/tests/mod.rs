//! The adapter against an AWS that checks every signature.

mod own;

use slipway_core::config::{AccountId, RoleArn};
use slipway_core::ports::PortError;
use slipway_sandbox::aws::{
    Aws, AwsConfig, ClusterStatus, Fault, Grant, Keys, Role, Service, Trust,
};
use slipway_sandbox::clock::WorldClock;

use super::*;

#[derive(Debug)]
struct TestClock(WorldClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

const ACCOUNT: &str = "111111111111";
const REGION: &str = "eu-central-1";

struct World {
    aws: Aws,
    clock: WorldClock,
    bot: Keys,
    role: String,
}

impl World {
    /// A bot in an account of its own, and a role in the environment's that trusts it.
    async fn with_role(change: impl FnOnce(&mut Role)) -> Self {
        let clock = WorldClock::default();
        let aws = Aws::start(AwsConfig {
            clock: clock.clone(),
        })
        .await
        .unwrap();
        let home = aws.add_account("999999999999").unwrap();
        let bot = aws.add_user(&home, "slipway").unwrap();
        let account = aws.add_account(ACCOUNT).unwrap();
        let trust = Trust::of("arn:aws:iam::999999999999:user/slipway");
        let mut role = Role::new(&account, "slipway-deploy", trust);
        role.grants.push(Grant::DescribeClusters);
        change(&mut role);
        let role = aws.add_role(role).unwrap();
        aws.add_cluster(
            &account,
            REGION,
            "shop-dev",
            "https://127.0.0.1:6443",
            "a certificate",
        );
        Self {
            aws,
            clock,
            bot,
            role,
        }
    }

    fn cloud(&self) -> AwsCloud {
        self.cloud_with(&self.bot.access_key_id, &self.bot.secret_access_key)
    }

    fn cloud_with(&self, id: &str, secret: &str) -> AwsCloud {
        AwsCloud::new(AwsSettings {
            endpoint_url: Some(self.aws.url().clone()),
            region: None,
            identity: OwnIdentity::Keys(id.to_owned(), secret.to_owned().into()),
            clock: Arc::new(TestClock(self.clock.clone())),
            timeout: Duration::from_secs(20),
        })
    }

    fn request(&self) -> AssumeRole {
        AssumeRole {
            role: RoleArn::parse(&self.role).unwrap(),
            account: AccountId::parse(ACCOUNT).unwrap(),
            region: REGION.to_owned(),
            session_name: "slipway-acme.shop-42-ana".to_owned(),
            source_identity: "ana@acme.shop".to_owned(),
            external_id: None,
            duration: Duration::from_secs(900),
        }
    }

    async fn refused(&self, request: &AssumeRole) -> PortError {
        self.cloud().assume(request).await.unwrap_err()
    }
}

#[tokio::test]
async fn a_role_is_assumed_and_proven() {
    let world = World::with_role(|role| role.trust.external_id = Some("shop-4711".into())).await;
    let request = AssumeRole {
        external_id: Some("shop-4711".into()),
        ..world.request()
    };
    let session = world.cloud().assume(&request).await.unwrap();
    assert_eq!(
        session.evidence,
        Evidence {
            role: "slipway-deploy".into(),
            account: ACCOUNT.into(),
            session: "slipway-acme.shop-42-ana".into(),
        }
    );
    let lives = session.expires_at.duration_since(world.clock.now());
    assert!((800..=900).contains(&lives.as_secs()), "{lives:?}");
    let assumed = world.aws.assumed();
    assert_eq!(assumed.len(), 1);
    assert_eq!(assumed[0].source_identity.as_deref(), Some("ana@acme.shop"));
    assert_eq!(assumed[0].external_id.as_deref(), Some("shop-4711"));
    assert_eq!(assumed[0].duration, Duration::from_secs(900));
    // The proof was given by the new credentials, not by the bot's own.
    let journal = world.aws.journal();
    let proof = journal
        .iter()
        .find(|entry| entry.action == "GetCallerIdentity")
        .unwrap();
    assert!(
        proof
            .who
            .as_deref()
            .unwrap()
            .contains("assumed-role/slipway-deploy/")
    );
}

#[tokio::test]
async fn credentials_of_another_account_are_never_used() {
    let world = World::with_role(|_| {}).await;
    let other = world.aws.add_account("222222222222").unwrap();
    world
        .aws
        .change_role(&world.role, |role| role.answers_as = Some(other))
        .unwrap();
    let error = world.refused(&world.request()).await;
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"AWS STS: proving who arn:aws:iam::111111111111:role/slipway-deploy is: the credentials are of account 222222222222, deploy.toml says 111111111111; nothing was run with them");
}

#[tokio::test]
async fn a_refusal_says_what_the_trust_policy_has_to_have() {
    let world = World::with_role(|role| role.trust.external_id = Some("other".into())).await;
    let error = world.refused(&world.request()).await;
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: AccessDenied: User: arn:aws:iam::999999999999:user/slipway is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/slipway-deploy (the role must exist and its trust policy allow `sts:AssumeRole` and `sts:SetSourceIdentity` to arn:aws:iam::999999999999:user/slipway; if it asks for an `sts:ExternalId`, deploy.toml must say it as `external_id`)");

    let world = World::with_role(|role| role.trust.set_source_identity = false).await;
    let error = world.refused(&world.request()).await;
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(
        error
            .said
            .contains("not authorized to perform: sts:SetSourceIdentity"),
        "{error}"
    );
    assert!(
        error
            .said
            .contains("`sts:SetSourceIdentity` to arn:aws:iam::999999999999:user/slipway")
    );
}

#[tokio::test]
async fn the_kind_of_an_error_says_whether_to_try_again() {
    let world = World::with_role(|_| {}).await;
    let passing = PortErrorKind::Unavailable { retry_after: None };
    for (fault, kind) in [
        (Fault::Throttling, passing),
        (Fault::ServerError, passing),
        (Fault::AccessDenied, PortErrorKind::Denied),
    ] {
        world.aws.fail(Service::Sts, Some("AssumeRole"), fault, 1);
        assert_eq!(
            world.refused(&world.request()).await.kind,
            kind,
            "{fault:?}"
        );
    }
    // Each was asked once: no retry of the SDK's own came after it.
    assert_eq!(world.aws.journal().len(), 3);

    let long = AssumeRole {
        duration: Duration::from_secs(7200),
        ..world.request()
    };
    assert_eq!(world.refused(&long).await.kind, PortErrorKind::Invalid);
    let wrong = world.cloud_with(&world.bot.access_key_id, "wrong");
    let error = wrong.assume(&world.request()).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(error.said.starts_with("SignatureDoesNotMatch"), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_a_passing_failure() {
    let world = World::with_role(|_| {}).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut cloud = world.cloud();
    cloud.settings.endpoint_url = Some(Url::parse(&format!("http://{closed}")).unwrap());
    let error = cloud.assume(&world.request()).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(error.said.contains("refused"), "{error}");
}

#[tokio::test]
async fn a_bot_without_credentials_says_so() {
    use aws_credential_types::credential_fn::provide_credentials_fn;
    use aws_credential_types::provider::error::CredentialsError;
    let world = World::with_role(|_| {}).await;
    let cloud = world.cloud();
    let nothing = provide_credentials_fn(|| async {
        Err(CredentialsError::not_loaded(
            "no providers in chain provided credentials",
        ))
    });
    cloud
        .own
        .set(SharedCredentialsProvider::new(nothing))
        .unwrap();
    let error = cloud.assume(&world.request()).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: no providers in chain provided credentials");

    let cloud = world.cloud();
    let slow = provide_credentials_fn(|| async {
        Err(CredentialsError::provider_timed_out(Duration::from_secs(1)))
    });
    cloud.own.set(SharedCredentialsProvider::new(slow)).unwrap();
    let error = cloud.assume(&world.request()).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(world.aws.journal().is_empty());
}

#[tokio::test]
async fn signatures_follow_the_clock_port() {
    let world = World::with_role(|_| {}).await;
    world.clock.advance(Duration::from_secs(3 * 3600));
    let session = world.cloud().assume(&world.request()).await.unwrap();
    world.clock.advance(Duration::from_secs(1000));
    let error = world
        .cloud()
        .cluster(&session, "shop-dev")
        .await
        .unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(error.said.contains("ExpiredToken"), "{error}");
}

#[tokio::test]
async fn a_cluster_is_described_and_its_token_says_who() {
    let world = World::with_role(|_| {}).await;
    let session = world.cloud().assume(&world.request()).await.unwrap();
    let access = world.cloud().cluster(&session, "shop-dev").await.unwrap();
    assert_eq!(access.endpoint, "https://127.0.0.1:6443");
    assert_eq!(access.ca_pem, b"a certificate");

    // What the cluster does with the token.
    let token = access
        .token
        .expose_secret()
        .strip_prefix("k8s-aws-v1.")
        .unwrap();
    let url = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token)
        .unwrap();
    let url = String::from_utf8(url).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |cluster: &str| {
        let request = http.get(&url).header("x-k8s-aws-id", cluster);
        async { request.send().await.unwrap() }
    };
    let answer = ask("shop-dev").await;
    assert_eq!(answer.status(), 200);
    let who = answer.text().await.unwrap();
    assert!(
        who.contains("assumed-role/slipway-deploy/slipway-acme.shop-42-ana"),
        "{who}"
    );
    assert_eq!(
        ask("shop-prod").await.status(),
        403,
        "the token is another cluster's"
    );
}

#[tokio::test]
async fn a_cluster_that_is_not_there_or_not_ready_says_so() {
    let world = World::with_role(|_| {}).await;
    let session = world.cloud().assume(&world.request()).await.unwrap();
    let error = world
        .cloud()
        .cluster(&session, "shop-prod")
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"AWS EKS: describing cluster shop-prod: ResourceNotFoundException: No cluster found for name: shop-prod. (account 111111111111, region eu-central-1: see `cluster` of the service in deploy.toml)");

    let account = world.aws.add_account(ACCOUNT).unwrap();
    let status = |status| {
        world
            .aws
            .set_cluster_status(&account, REGION, "shop-dev", status)
            .unwrap();
        let cloud = world.cloud();
        let session = session.clone();
        async move { cloud.cluster(&session, "shop-dev").await.unwrap_err() }
    };
    assert!(status(ClusterStatus::Creating).await.is_passing());
    let error = status(ClusterStatus::Failed).await;
    assert_eq!(error.kind, PortErrorKind::Invalid);
    insta::assert_snapshot!(error, @"AWS EKS: reaching cluster shop-dev: it is FAILED, not ACTIVE");

    world
        .aws
        .change_role(&world.role, |role| role.grants.clear())
        .unwrap();
    let error = world
        .cloud()
        .cluster(&session, "shop-dev")
        .await
        .unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(
        error
            .said
            .contains("allow `eks:DescribeCluster` on shop-dev"),
        "{error}"
    );
}
