//! The bot's own identity and its secrets.

use secrecy::SecretString;
use slipway_sandbox::aws::{Pod, STS_AUDIENCE};

use super::*;

const HOME: &str = "999999999999";
const BOT_ROLE: &str = "arn:aws:iam::999999999999:role/slipway";
const HOUR: Duration = Duration::from_secs(3600);

/// A bot that is a pod with a web identity.
struct Irsa {
    world: World,
    issuer: String,
    dir: tempfile::TempDir,
}

impl Irsa {
    async fn new() -> Self {
        let world = World::with_role(|role| {
            role.trust = Trust::of(BOT_ROLE);
            role.max_session = 12 * HOUR;
        })
        .await;
        let aws = &world.aws;
        let home = aws.add_account(HOME).unwrap();
        aws.add_cluster(&home, REGION, "tools", "https://127.0.0.1:1", "PEM");
        let issuer = aws.cluster_issuer(&home, REGION, "tools").unwrap();
        aws.trust_issuer(&home, &issuer).unwrap();
        let trust = Trust::of_service_account(&issuer, "slipway", "slipway");
        aws.add_role(Role::new(&home, "slipway", trust)).unwrap();
        let irsa = Self {
            world,
            issuer,
            dir: tempfile::tempdir().unwrap(),
        };
        irsa.mount_token("slipway", STS_AUDIENCE);
        irsa
    }

    fn token_file(&self) -> std::path::PathBuf {
        self.dir.path().join("token")
    }

    /// What the kubelet does, now and then.
    fn mount_token(&self, service_account: &str, audience: &str) {
        let pod = Pod {
            namespace: "slipway".to_owned(),
            service_account: service_account.to_owned(),
            name: "slipway-0".to_owned(),
        };
        let token = self.world.aws.pod_token(&self.issuer, &pod, audience);
        std::fs::write(self.token_file(), token.unwrap()).unwrap();
    }

    fn cloud(&self) -> AwsCloud {
        let mut cloud = self.world.cloud();
        cloud.settings.region = Some(REGION.to_owned());
        cloud.settings.identity = OwnIdentity::WebIdentity(WebIdentity {
            token_file: self.token_file(),
            role_arn: BOT_ROLE.to_owned(),
            session_name: "slipway".to_owned(),
        });
        cloud
    }

    /// What a fresh bot is told.
    async fn told(&self) -> String {
        let error = self.cloud().assume(&self.world.request()).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Denied, "{error}");
        let dir = self.dir.path().display().to_string();
        error
            .to_string()
            .replace(&dir, "DIR")
            .replace(&self.issuer, "ISSUER")
    }

    fn asked(&self) -> usize {
        let journal = self.world.aws.journal();
        let web = journal
            .iter()
            .filter(|entry| entry.action.ends_with("WebIdentity"));
        web.count()
    }
}

#[tokio::test]
async fn credentials_are_kept_until_they_end_and_then_asked_for_again() {
    let irsa = Irsa::new().await;
    let cloud = irsa.cloud();
    let request = irsa.world.request();
    for _ in 0..3 {
        cloud.assume(&request).await.unwrap();
    }
    assert_eq!(irsa.asked(), 1);
    // Their hour is over, and the next is too.
    for lives in 2..4 {
        irsa.world.clock.advance(HOUR);
        cloud.assume(&request).await.unwrap();
        cloud.assume(&request).await.unwrap();
        assert_eq!(irsa.asked(), lives);
    }
    // The token is good for a day; the kubelet has put a new one long before.
    irsa.world.clock.advance(20 * HOUR);
    irsa.mount_token("slipway", STS_AUDIENCE);
    irsa.world.clock.advance(10 * HOUR);
    cloud.assume(&request).await.unwrap();
}

#[tokio::test]
async fn a_token_that_does_not_open_the_role_is_told_with_what_is_missing() {
    let irsa = Irsa::new().await;
    irsa.mount_token("default", STS_AUDIENCE);
    insta::assert_snapshot!(irsa.told().await, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: AWS STS: assuming arn:aws:iam::999999999999:role/slipway with the token in DIR/token: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity (the role must exist and its trust policy allow `sts:AssumeRoleWithWebIdentity` to the cluster's OpenID Connect provider, with the conditions `aud` = `sts.amazonaws.com` and `sub` = `system:serviceaccount:NAMESPACE:NAME` of the bot's ServiceAccount)");
    irsa.mount_token("slipway", "kubernetes");
    insta::assert_snapshot!(irsa.told().await, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: AWS STS: assuming arn:aws:iam::999999999999:role/slipway with the token in DIR/token: InvalidIdentityToken: Incorrect token audience");
    std::fs::write(irsa.token_file(), "nonsense").unwrap();
    insta::assert_snapshot!(irsa.told().await, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: AWS STS: assuming arn:aws:iam::999999999999:role/slipway with the token in DIR/token: InvalidIdentityToken: The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)");
    std::fs::remove_file(irsa.token_file()).unwrap();
    insta::assert_snapshot!(irsa.told().await, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: AWS STS: assuming arn:aws:iam::999999999999:role/slipway with the token in DIR/token: reading the token: No such file or directory (os error 2)");
    let mut cloud = irsa.cloud();
    cloud.settings.region = None;
    let error = cloud.assume(&irsa.world.request()).await.unwrap_err();
    assert!(error.said.ends_with("or set AWS_REGION"), "{error}");
}

#[tokio::test]
async fn an_old_token_or_an_unwell_sts_may_pass() {
    let irsa = Irsa::new().await;
    let request = irsa.world.request();
    let aws = &irsa.world.aws;
    aws.fail(
        Service::Sts,
        Some("AssumeRoleWithWebIdentity"),
        Fault::ServerError,
        1,
    );
    let cloud = irsa.cloud();
    let error = cloud.assume(&request).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert_eq!(irsa.asked(), 1, "no retry of the SDK's own");
    cloud.assume(&request).await.unwrap();
    irsa.world.clock.advance(25 * HOUR);
    let error = cloud.assume(&request).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(error.said.contains("Token expired"), "{error}");
}

#[tokio::test]
async fn an_issuer_that_the_account_does_not_know_is_told() {
    let irsa = Irsa::new().await;
    let aws = &irsa.world.aws;
    let other = aws.add_account("333333333333").unwrap();
    aws.add_cluster(&other, REGION, "other", "https://127.0.0.1:1", "PEM");
    let issuer = aws.cluster_issuer(&other, REGION, "other").unwrap();
    let irsa = Irsa { issuer, ..irsa };
    irsa.mount_token("slipway", STS_AUDIENCE);
    insta::assert_snapshot!(irsa.told().await, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: the bot has no AWS credentials of its own: AWS STS: assuming arn:aws:iam::999999999999:role/slipway with the token in DIR/token: InvalidIdentityToken: No OpenIDConnect provider found in your account for ISSUER (make the cluster's issuer an OpenID Connect provider in the IAM of the role's account)");
}

#[tokio::test]
async fn roles_in_a_chain_last_an_hour() {
    let irsa = Irsa::new().await;
    let request = AssumeRole {
        duration: 2 * HOUR,
        ..irsa.world.request()
    };
    let error = irsa.cloud().assume(&request).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    insta::assert_snapshot!(error, @r#"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining (the bot is itself under a role, and AWS gives a role assumed from a role one hour at the most: say `session = "1h"` or less for this environment in deploy.toml)"#);
    // A user assumes the same role for as long as the role itself allows.
    let trust = Trust::of("arn:aws:iam::999999999999:user/slipway");
    let change = |role: &mut Role| {
        role.trust = trust;
        role.max_session = HOUR;
    };
    irsa.world
        .aws
        .change_role(&irsa.world.role, change)
        .unwrap();
    let error = irsa.world.refused(&request).await;
    insta::assert_snapshot!(error, @"AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role. (lower `session` of this environment in deploy.toml, or raise the maximum session duration of the role)");
}

/// A secret, and the user who wants it.
async fn secret() -> (World, String) {
    let world = World::with_role(|_| {}).await;
    let home = world.aws.add_account(HOME).unwrap();
    let arn = world
        .aws
        .add_secret(&home, REGION, "slipway/github")
        .unwrap();
    world.aws.put_secret(&arn, "s3cret").unwrap();
    (world, arn)
}

const USER: &str = "arn:aws:iam::999999999999:user/slipway";

#[tokio::test]
async fn a_secret_is_read_by_name_and_by_arn() {
    let (world, arn) = secret().await;
    let pattern = "arn:aws:secretsmanager:*:999999999999:secret:slipway/github-??????";
    world
        .aws
        .grant(USER, Grant::ReadSecrets(pattern.to_owned()))
        .unwrap();
    for id in ["slipway/github", arn.as_str()] {
        let value: SecretString = world.cloud().secret_value(REGION, id).await.unwrap();
        assert_eq!(value.expose_secret(), "s3cret");
        assert!(!format!("{value:?}").contains("s3cret"));
    }
    // The pattern does not speak of this one, so nobody says whether it is there.
    let error = world.cloud().secret_value(REGION, "slipway/gitlab").await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"AWS Secrets Manager: reading `slipway/gitlab` in eu-central-1: AccessDeniedException: User: arn:aws:iam::999999999999:user/slipway is not authorized to perform: secretsmanager:GetSecretValue on resource: slipway/gitlab because no identity-based policy allows the secretsmanager:GetSecretValue action (allow `secretsmanager:GetSecretValue` on the ARN of slipway/gitlab in a policy of arn:aws:iam::999999999999:user/slipway; AWS refuses like this also what is not there)");
    world
        .aws
        .grant(USER, Grant::ReadSecrets("*".to_owned()))
        .unwrap();
    let error = world.cloud().secret_value(REGION, "slipway/gitlab").await;
    let error = error.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"AWS Secrets Manager: reading `slipway/gitlab` in eu-central-1: ResourceNotFoundException: Secrets Manager can't find the specified secret. (the account of the bot has no such secret in this region: make it, or mend `aws_secret` and `region` in the settings)");
    let elsewhere = world
        .cloud()
        .secret_value("eu-west-1", "slipway/github")
        .await;
    assert_eq!(elsewhere.unwrap_err().kind, PortErrorKind::NotFound);
}

#[tokio::test]
async fn the_kind_of_an_error_of_secrets_manager_says_whether_to_try_again() {
    let (world, _) = secret().await;
    world
        .aws
        .grant(USER, Grant::ReadSecrets("*".to_owned()))
        .unwrap();
    let passing = PortErrorKind::Unavailable { retry_after: None };
    for (fault, kind) in [
        (Fault::Throttling, passing),
        (Fault::ServerError, passing),
        (Fault::AccessDenied, PortErrorKind::Denied),
    ] {
        world.aws.fail(Service::SecretsManager, None, fault, 1);
        let error = world.cloud().secret_value(REGION, "slipway/github").await;
        assert_eq!(error.unwrap_err().kind, kind, "{fault:?}");
    }
    assert_eq!(world.aws.journal().len(), 3, "no retry of the SDK's own");
}
