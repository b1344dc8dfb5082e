//! Who the bot is in AWS, and where its own secrets are: EKS Pod Identity, a web identity (IRSA), and
//! AWS Secrets Manager, with the real program and the environment that EKS gives to a pod.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use slipway_sandbox::aws::{
    AccountId, Association, Fault, Grant, POD_AUDIENCE, Pod, Role, STS_AUDIENCE, Service, Trust,
};
use slipway_sandbox::world::REGISTRY_PASSWORD;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";
const REGION: &str = "eu-central-1";
/// The bot lives in prod.
const HOME: &str = "222222222222";
const CLUSTER: &str = "shop-prod";
const SECRET: &str = "slipway/github";
const BOT_ROLE: &str = "arn:aws:iam::222222222222:role/slipway";
const PLAN_ROLE: &str = "arn:aws:iam::111111111111:role/slipway-plan";
const SIX_HOURS: Duration = Duration::from_secs(6 * 60 * 60);

/// The variables of a pod.
type Environment = Vec<(&'static str, String)>;

/// What is there before the bot: its home, its role and the ARN of its secret.
struct Home {
    account: AccountId,
    issuer: String,
    secret: String,
}

impl Story {
    /// Makes the bot's own role, which the roles of both environments trust and nobody else is, and
    /// its secret without a value; and has the settings name that secret.
    fn move_to_eks(&mut self, trust: impl FnOnce(&str) -> Trust) -> anyhow::Result<Home> {
        let aws = &self.world.aws;
        let account = aws.add_account(HOME)?;
        let issuer = aws.cluster_issuer(&account, REGION, CLUSTER)?;
        let secret = aws.add_secret(&account, REGION, SECRET)?;
        let readable = format!("arn:aws:secretsmanager:{REGION}:{HOME}:secret:{SECRET}-??????");
        aws.add_role(Role {
            grants: vec![Grant::ReadSecrets(readable)],
            ..Role::new(&account, "slipway", trust(&issuer))
        })?;
        for account in ["111111111111", HOME] {
            for role in ["plan", "apply", "deploy"] {
                let arn = format!("arn:aws:iam::{account}:role/slipway-{role}");
                aws.change_role(&arn, |role| {
                    role.trust.principals = vec![BOT_ROLE.to_owned()];
                })?;
            }
        }
        let in_aws = |key: &str| format!("{{ aws_secret = \"{SECRET}\", key = \"{key}\" }}");
        for (file, key) in [
            ("app.pem", "private_key"),
            ("webhook-secret", "webhook_secret"),
            ("registry-password", "ghcr_token"),
        ] {
            let path = self.settings_path().with_file_name(file);
            let from = format!("{{ file = \"{}\" }}", path.display());
            self.change_settings(&from, &in_aws(key));
        }
        let path = self.settings_path().with_file_name("aws-secret");
        let keys = format!(
            "access_key_id     = \"{}\"\nsecret_access_key = {{ file = \"{}\" }}",
            self.world.bot_keys.access_key_id,
            path.display()
        );
        self.change_settings(&keys, &format!("region = \"{REGION}\""));
        Ok(Home {
            account,
            issuer,
            secret,
        })
    }

    /// Puts the bot's three secrets where its settings say that they are.
    fn put_secrets(&self, home: &Home) -> anyhow::Result<()> {
        let github = &self.world.github;
        let value = json!({
            "private_key": github.private_key_pem(),
            "webhook_secret": github.webhook_secret(),
            "ghcr_token": REGISTRY_PASSWORD,
        });
        self.world
            .aws
            .put_secret(&home.secret, &value.to_string())?;
        Ok(())
    }

    /// The environment of a pod of the bot, whose ServiceAccount is associated with its role.
    fn pod_identity(&self, home: &Home, lifetime: Duration) -> anyhow::Result<Environment> {
        self.world.aws.associate(Association {
            account: home.account.clone(),
            region: REGION.to_owned(),
            cluster: CLUSTER.to_owned(),
            namespace: "slipway".to_owned(),
            service_account: "slipway".to_owned(),
            role_arn: BOT_ROLE.to_owned(),
            lifetime,
        })?;
        self.pod(home)
    }

    /// The same without the association.
    fn pod(&self, home: &Home) -> anyhow::Result<Environment> {
        let url = self.world.aws.pod_credentials_url();
        let token = self.token(home, POD_AUDIENCE)?;
        Ok(vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            (
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                token.display().to_string(),
            ),
        ])
    }

    /// The environment of a pod of the bot, whose ServiceAccount is annotated with its role.
    fn web_identity(&self, home: &Home) -> anyhow::Result<Environment> {
        let token = self.token(home, STS_AUDIENCE)?;
        Ok(vec![
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
            ("AWS_ROLE_ARN", BOT_ROLE.to_owned()),
        ])
    }

    /// Lays the token of the bot's pod, as the kubelet does.
    fn token(&self, home: &Home, audience: &str) -> anyhow::Result<PathBuf> {
        let pod = Pod {
            namespace: "slipway".to_owned(),
            service_account: "slipway".to_owned(),
            name: "slipway-0".to_owned(),
        };
        let token = self.world.aws.pod_token(&home.issuer, &pod, audience)?;
        let path = self.settings_path().with_file_name("token");
        std::fs::write(&path, token)?;
        Ok(path)
    }

    /// How often an action was asked for.
    fn asked(&self, action: &str) -> usize {
        let journal = self.world.aws.journal();
        journal
            .iter()
            .filter(|entry| entry.action == action)
            .count()
    }

    /// Somebody changes the network; the bot plans it.
    async fn plans(&mut self) -> anyhow::Result<u64> {
        let files = [(DEV, OTHER_CIDR)];
        let pr = self.open("ana", "cidr", "Another network", &files).await?;
        self.planned(pr, "dev", "network", "+1").await?;
        Ok(pr)
    }

    /// What Terraform was given holds nothing by which it could be the bot.
    fn terraform_is_not_the_bot(&self, env: &Environment) -> anyhow::Result<()> {
        let given = self.valve.environments()?;
        // The bot's own door for it, not the one by which a pod asks for its identity.
        let own = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        assert!(
            given.contains(&format!("{own}=http://127.0.0.1:")),
            "{given}"
        );
        for (name, value) in env {
            let is_foreign = *name != own && given.contains(name);
            assert!(!is_foreign, "Terraform was given {name}");
            assert!(!given.contains(value), "Terraform was given {value}");
        }
        for foreign in ["_TOKEN_FILE", "AWS_WEB_IDENTITY_", "AWS_ROLE_"] {
            assert!(!given.contains(foreign), "Terraform was given {foreign}…");
        }
        Ok(())
    }
}

#[test]
fn under_pod_identity_with_every_secret_in_secrets_manager() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        story.put_secrets(&home)?;
        let env = story.pod_identity(&home, SIX_HOURS)?;
        let process = story.start_process_with(&env).await?;
        // Three settings, one secret, one question.
        assert_eq!(story.asked("GetSecretValue"), 1);
        story.plans().await?;

        let assumed = story.world.aws.assumed().pop().context("a role")?;
        assert_eq!(assumed.role_arn, PLAN_ROLE);
        let who = "arn:aws:sts::222222222222:assumed-role/slipway/eks-shop-prod-slipway-0-";
        assert!(assumed.by.starts_with(who), "{}", assumed.by);
        assert_eq!(assumed.external_id.as_deref(), Some("acme-shop"));
        assert!(assumed.source_identity.is_some());
        let tags: Vec<String> = assumed
            .tags
            .iter()
            .filter(|(name, _)| *name != "kubernetes-pod-uid")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        insta::assert_snapshot!(tags.join("\n"), @r#"
        eks-cluster-arn=arn:aws:eks:eu-central-1:222222222222:cluster/shop-prod
        eks-cluster-name=shop-prod
        kubernetes-namespace=slipway
        kubernetes-pod-name=slipway-0
        kubernetes-service-account=slipway
        "#);
        // Good for six hours, so asked for once.
        assert_eq!(story.asked("AssumeRoleForPodIdentity"), 1);
        story.terraform_is_not_the_bot(&env)?;
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn credentials_of_a_pod_that_end_soon_are_asked_for_again() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        story.put_secrets(&home)?;
        // Sooner than the SDK is willing to use them: each use is a new one.
        let env = story.pod_identity(&home, Duration::from_secs(4))?;
        let process = story.start_process_with(&env).await?;
        assert_eq!(story.asked("AssumeRoleForPodIdentity"), 1);
        story.plans().await?;
        assert!(story.asked("AssumeRoleForPodIdentity") > 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn under_a_web_identity() {
    tell(|mut story| async {
        let home =
            story.move_to_eks(|issuer| Trust::of_service_account(issuer, "slipway", "slipway"))?;
        story.world.aws.trust_issuer(&home.account, &home.issuer)?;
        story.put_secrets(&home)?;
        // A web identity brings no tags, so nobody has to allow any.
        story
            .world
            .aws
            .change_role(PLAN_ROLE, |role| role.trust.tag_session = false)?;
        let env = story.web_identity(&home)?;
        let process = story.start_process_with(&env).await?;
        story.plans().await?;
        let assumed = story.world.aws.assumed().pop().context("a role")?;
        assert_eq!(assumed.role_arn, PLAN_ROLE);
        assert_eq!(
            assumed.by,
            "arn:aws:sts::222222222222:assumed-role/slipway/slipway"
        );
        assert!(assumed.tags.is_empty());
        assert_eq!(story.asked("AssumeRoleWithWebIdentity"), 1);
        story.terraform_is_not_the_bot(&env)?;
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn the_tags_of_a_pod_have_to_be_let_in() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        story.put_secrets(&home)?;
        let let_in = |story: &Story, tags: bool| {
            let aws = &story.world.aws;
            aws.change_role(PLAN_ROLE, |role| role.trust.tag_session = tags)
        };
        let_in(&story, false)?;
        let env = story.pod_identity(&home, SIX_HOURS)?;
        let process = story.start_process_with(&env).await?;
        let files = [(DEV, OTHER_CIDR)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: assuming arn:aws:iam::111111111111:role/slipway-plan: AccessDenied: User: arn:aws:sts::222222222222:assumed-role/slipway/eks-shop-prod-slipway-0-UUID is not authorized to perform: sts:TagSession on resource: arn:aws:iam::111111111111:role/slipway-plan (EKS Pod Identity gives the bot session tags that go on to every role it assumes: the trust policy of the role must allow `sts:TagSession` to arn:aws:iam::222222222222:role/slipway, besides `sts:AssumeRole` and `sts:SetSourceIdentity`, and a policy of that role the same on arn:aws:iam::111111111111:role/slipway-plan) — grant the right, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        let_in(&story, true)?;
        story.say("ana", pr, "/retry").await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_role_assumed_from_a_role_lasts_an_hour_at_the_most() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        story.put_secrets(&home)?;
        story.world.aws.change_role(PLAN_ROLE, |role| {
            role.max_session = Duration::from_secs(12 * 60 * 60);
        })?;
        let external_id = "external_id = \"acme-shop\"";
        let longer = format!("{external_id}\nsession     = \"2h\"");
        story.configure(&[(external_id, &longer)]).await?;
        let env = story.pod_identity(&home, SIX_HOURS)?;
        let process = story.start_process_with(&env).await?;
        let files = [(DEV, OTHER_CIDR)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: assuming arn:aws:iam::111111111111:role/slipway-plan: ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining (the bot is itself under a role, and AWS gives a role assumed from a role one hour at the most: say `session = "1h"` or less for this environment in deploy.toml) — mend the cause, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_new_value_is_taken_up_by_a_restart() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        let env = story.pod_identity(&home, SIX_HOURS)?;
        let value =
            |text: &str| json!({"webhook_secret": text, "ghcr_token": "t", "private_key": "k"});
        let aws = story.world.aws.clone();
        aws.put_secret(&home.secret, &value(" ").to_string())?;
        insta::assert_snapshot!(story.start_refused(&env).await?, @"slipway: github.webhook_secret: the field `webhook_secret` of the AWS secret `slipway/github` is empty");
        story.put_secrets(&home)?;
        let process = story.start_process_with(&env).await?;
        story.plans().await?;
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_failure_at_the_start_that_passes_is_waited_out() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        story.put_secrets(&home)?;
        let env = story.pod_identity(&home, SIX_HOURS)?;
        let aws = &story.world.aws;
        aws.fail(Service::SecretsManager, None, Fault::ServerError, 1);
        aws.fail(Service::SecretsManager, None, Fault::Throttling, 1);
        let process = story.start_process_with(&env).await?;
        assert_eq!(story.asked("GetSecretValue"), 3);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn what_keeps_the_bot_from_its_secrets_is_said_at_the_start() {
    tell(|mut story| async {
        let home = story.move_to_eks(|_| Trust::of_pods())?;
        let aws = story.world.aws.clone();
        let pod = story.pod(&home)?;
        // Nothing is associated.
        insta::assert_snapshot!(story.start_refused(&pod).await?, @r#"slipway: github.private_key, github.webhook_secret, registries."ghcr.io".password: AWS Secrets Manager: reading `slipway/github` in eu-central-1: the bot has no AWS credentials of its own: Non-success status from HTTP credential provider: StatusCode(404) (for EKS Pod Identity the ServiceAccount of the pod needs an association with a role in this cluster, and the role must trust `pods.eks.amazonaws.com` with `sts:AssumeRole` and `sts:TagSession`; an association that was just made takes a moment)"#);
        let env = story.pod_identity(&home, SIX_HOURS)?;
        // Terraform has made it, nobody has put a value.
        insta::assert_snapshot!(story.start_refused(&env).await?, @r#"slipway: github.private_key, github.webhook_secret, registries."ghcr.io".password: AWS Secrets Manager: reading `slipway/github` in eu-central-1: ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT (it was made, but nobody has put a value into it: `aws secretsmanager put-secret-value --region eu-central-1 --secret-id slipway/github --secret-string file://FILE`)"#);
        aws.put_secret(
            &home.secret,
            &json!({"private_key": "s3cret", "webhook": "s3cret"}).to_string(),
        )?;
        insta::assert_snapshot!(story.start_refused(&env).await?, @r#"
        slipway: github.webhook_secret: the AWS secret `slipway/github` has no field `webhook_secret`: it has `private_key`, `webhook`
        registries."ghcr.io".password: the AWS secret `slipway/github` has no field `ghcr_token`: it has `private_key`, `webhook`
        "#);
        story.put_secrets(&home)?;
        aws.encrypt_secret(&home.secret, "arn:aws:kms:eu-central-1:222222222222:key/1")?;
        insta::assert_snapshot!(story.start_refused(&env).await?, @r#"slipway: github.private_key, github.webhook_secret, registries."ghcr.io".password: AWS Secrets Manager: reading `slipway/github` in eu-central-1: AccessDeniedException: Access to KMS is not allowed (the secret is under a KMS key of yours: allow `kms:Decrypt` on that key, in a policy of the bot's own role and in the policy of the key)"#);
        let mut grants = Vec::new();
        aws.change_role(BOT_ROLE, |role| grants = std::mem::take(&mut role.grants))?;
        let said = story.start_refused(&env).await?;
        insta::assert_snapshot!(said.replace(&home.secret, "ARN-OF-SECRET"), @r#"slipway: github.private_key, github.webhook_secret, registries."ghcr.io".password: AWS Secrets Manager: reading `slipway/github` in eu-central-1: AccessDeniedException: User: arn:aws:sts::222222222222:assumed-role/slipway/eks-shop-prod-slipway-0-UUID is not authorized to perform: secretsmanager:GetSecretValue on resource: ARN-OF-SECRET because no identity-based policy allows the secretsmanager:GetSecretValue action (allow `secretsmanager:GetSecretValue` on arn:aws:secretsmanager:eu-central-1:222222222222:secret:slipway/github-?????? in a policy of role slipway in 222222222222; AWS refuses like this also what is not there)"#);
        aws.change_role(BOT_ROLE, |role| {
            role.trust.tag_session = false;
            role.grants = grants;
        })?;
        insta::assert_snapshot!(story.start_refused(&env).await?, @r#"slipway: github.private_key, github.webhook_secret, registries."ghcr.io".password: AWS Secrets Manager: reading `slipway/github` in eu-central-1: the bot has no AWS credentials of its own: Non-success status from HTTP credential provider: StatusCode(403) (for EKS Pod Identity the ServiceAccount of the pod needs an association with a role in this cluster, and the role must trust `pods.eks.amazonaws.com` with `sts:AssumeRole` and `sts:TagSession`; an association that was just made takes a moment)"#);
        story.change_settings("region = \"eu-central-1\"", "");
        let said = story.start_refused(&env).await?;
        let file = story.settings_path().display().to_string();
        insta::assert_snapshot!(said.replace(&file, "SETTINGS"), @"slipway: in SETTINGS: github.private_key: in which region is the AWS secret `slipway/github`? Say `region` in [aws] or set AWS_REGION, or name the secret by its full ARN");
        Ok(story)
    });
}
