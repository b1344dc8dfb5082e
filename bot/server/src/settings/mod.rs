//! The settings of the process: one TOML file, read strictly.
//!
//! This is the only module that reads the environment. No secret stands in the file itself: each is
//! named as a [`Secret`], and read by `secrets` at the start. The commented example in `slipway.example.toml` is
//! the reference, and a test parses it.

mod isolation;
mod pattern;
mod secret;
mod size;
mod tools;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use slipway_core::config::parse_duration;
use url::Url;

pub use self::isolation::Isolation;
pub use self::pattern::RepoPattern;
pub use self::secret::{AwsSecret, Secret};
pub use self::tools::Mirror;

/// The settings, as the file has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where webhooks and pages are served.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// The address under which people and GitHub reach this process.
    pub public_url: Url,
    /// Where the database, git mirrors, worktrees, plans and logs are kept.
    pub data_dir: PathBuf,
    /// The database; SQLite in `data_dir` if nothing is said.
    pub database_url: Option<String>,
    /// GitHub.
    pub github: GithubSettings,
    /// AWS.
    #[serde(default)]
    pub aws: AwsSettings,
    /// Registries by host.
    #[serde(default)]
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Terraform.
    #[serde(default)]
    pub terraform: TerraformSettings,
    /// Kubernetes.
    #[serde(default)]
    pub kubernetes: KubernetesSettings,
    /// Plan files.
    #[serde(default)]
    pub artifacts: ArtifactSettings,
    /// How much is done at once, and how long it may take.
    #[serde(default)]
    pub limits: Limits,
}

/// How GitHub is reached and which repositories are served.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GithubSettings {
    /// `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
    #[serde(default = "default_api_url")]
    pub api_url: Url,
    /// The site itself, for cloning; derived from `api_url` if nothing is said.
    pub web_url: Option<Url>,
    /// The id of the App.
    pub app_id: u64,
    /// Its private key, PEM.
    pub private_key: Secret,
    /// The secret that webhooks are signed with.
    pub webhook_secret: Secret,
    /// The repositories that are served: `owner/name`, or `owner/*`.
    pub allow: Vec<RepoPattern>,
}

/// How AWS is reached. Without a key, the bot's identity is what the environment offers: EKS Pod
/// Identity, a web identity, an instance role, keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsSettings {
    /// The region of secrets that are named without their ARN, and of the STS that a web identity
    /// is shown to. If nothing is said: `AWS_REGION`, which EKS sets in its pods.
    pub region: Option<String>,
    /// One endpoint for all of AWS other than its own.
    pub endpoint_url: Option<Url>,
    /// The id of a long-lived key, where there is no better identity.
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<Secret>,
}

impl Default for AwsSettings {
    fn default() -> Self {
        Self {
            region: environment("AWS_REGION"),
            endpoint_url: None,
            access_key_id: None,
            secret_access_key: None,
        }
    }
}

/// A token that says who the bot is, and the role that it becomes with it: what EKS puts into the
/// environment of pods whose ServiceAccount has a role by IRSA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The file with the token; it is written anew while the process runs.
    pub token_file: PathBuf,
    /// The role.
    pub role_arn: String,
    /// The name of the session.
    pub session_name: String,
}

/// The web identity that the environment offers, if any. Keys in the environment go before it, as
/// in every SDK of AWS.
#[must_use]
pub fn web_identity() -> Option<WebIdentity> {
    if environment("AWS_ACCESS_KEY_ID").is_some() {
        return None;
    }
    Some(WebIdentity {
        token_file: environment("AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
        role_arn: environment("AWS_ROLE_ARN")?,
        session_name: environment("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "slipway".to_owned()),
    })
}

/// How one registry is reached.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySettings {
    /// The user; GHCR takes any for a token.
    pub username: Option<String>,
    /// The password or token (for GHCR a classic token with `read:packages`).
    pub password: Option<Secret>,
    /// Where it really is: a mirror, or a registry without TLS.
    pub endpoint: Option<Url>,
}

/// How Terraform is run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TerraformSettings {
    /// The program; looked up in `PATH` if it is a bare name.
    pub program: PathBuf,
    /// Further versions, as `VERSION/terraform` and `VERSION/tofu`.
    pub versions_dir: Option<PathBuf>,
    /// Whether versions that are not there are downloaded.
    pub download: bool,
    /// Where downloads come from.
    pub mirror: Mirror,
    /// SHA-256 of archives by their names; if there is any, no other archive is downloaded.
    pub sums: BTreeMap<String, String>,
    /// Whether providers are kept for the inits after.
    pub provider_cache: bool,
    /// A CLI configuration file (provider mirrors and the like).
    pub cli_config: Option<PathBuf>,
    /// How it comes by the credentials of its role.
    pub credentials: TerraformCredentials,
    /// What keeps code of repositories apart from the rest of the machine.
    pub isolation: Isolation,
    /// bubblewrap; looked up in `PATH` if it is a bare name.
    pub bubblewrap: PathBuf,
    /// What isolated code may read besides.
    pub readable: Vec<PathBuf>,
    /// Further variables for its environment. They reach code of pull requests: no secrets.
    pub env: BTreeMap<String, String>,
}

impl Default for TerraformSettings {
    fn default() -> Self {
        Self {
            program: PathBuf::from("terraform"),
            versions_dir: None,
            download: false,
            mirror: Mirror::default(),
            sums: BTreeMap::new(),
            provider_cache: true,
            cli_config: None,
            credentials: TerraformCredentials::default(),
            isolation: Isolation::default(),
            bubblewrap: PathBuf::from("bwrap"),
            readable: Vec::new(),
            env: BTreeMap::new(),
        }
    }
}

/// How Terraform comes by the credentials of its role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerraformCredentials {
    /// It asks for them on this machine, and again before they end.
    #[default]
    Endpoint,
    /// They are keys in its environment, and end when they end.
    Environment,
}

/// How manifests are made ready for a cluster.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KubernetesSettings {
    /// kubectl or kustomize, which renders kustomizations; looked up in `PATH` if it is a bare name.
    pub kustomize: PathBuf,
}

impl Default for KubernetesSettings {
    fn default() -> Self {
        Self {
            kustomize: PathBuf::from("kubectl"),
        }
    }
}

/// How plan files are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArtifactSettings {
    /// The key that they are encrypted with, 32 bytes in base64 or hexadecimal; one is made in
    /// `data_dir` if nothing is said.
    pub key: Option<Secret>,
    /// Keys of before, which still read.
    pub previous_keys: Vec<Secret>,
    /// How long a plan file is kept at the most.
    #[serde(deserialize_with = "duration")]
    pub keep_plans: Duration,
}

impl Default for ArtifactSettings {
    fn default() -> Self {
        Self {
            key: None,
            previous_keys: Vec::new(),
            keep_plans: Duration::from_secs(14 * 24 * 3600),
        }
    }
}

/// How much is done at once, and how long it may take.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Terraform processes at once; what cores and memory of the machine allow if nothing is said.
    pub terraform_runs: Option<usize>,
    /// Runs in hand at once, those that wait for an image or a rollout included.
    pub runs: usize,
    /// The longest that `terraform init` may take.
    #[serde(deserialize_with = "duration")]
    pub init_timeout: Duration,
    /// The longest that `terraform plan` may take.
    #[serde(deserialize_with = "duration")]
    pub plan_timeout: Duration,
    /// The longest that `terraform apply` may take.
    #[serde(deserialize_with = "duration")]
    pub apply_timeout: Duration,
    /// How long a stopped process has between one signal and the next harder one.
    #[serde(deserialize_with = "duration")]
    pub stop_grace: Duration,
    /// How long Terraform waits for a state that somebody else has locked.
    #[serde(deserialize_with = "duration")]
    pub state_lock_timeout: Duration,
    /// How long effects under way may take to end after SIGTERM.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// The longest that one call of GitHub, AWS, a registry or a cluster may take.
    #[serde(deserialize_with = "duration")]
    pub call_timeout: Duration,
    /// How often one comment or check run is rewritten at the most.
    #[serde(deserialize_with = "duration")]
    pub report_interval: Duration,
    /// How often GitHub is asked for deliveries that it could not hand over.
    #[serde(deserialize_with = "duration")]
    pub redelivery_interval: Duration,
    /// How long the log of a run is kept after its end.
    #[serde(deserialize_with = "duration")]
    pub keep_logs: Duration,
    /// How many bytes are kept of what can be fetched again.
    #[serde(deserialize_with = "size::read")]
    pub cache: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            terraform_runs: None,
            runs: 64,
            init_timeout: minutes(10),
            plan_timeout: minutes(30),
            apply_timeout: minutes(120),
            stop_grace: Duration::from_secs(30),
            state_lock_timeout: minutes(1),
            shutdown_grace: minutes(10),
            call_timeout: Duration::from_secs(30),
            report_interval: Duration::from_secs(2),
            redelivery_interval: minutes(5),
            keep_logs: minutes(90 * 24 * 60),
            cache: 10_000_000_000,
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "settings is the one reader of the environment"
)]
/// A variable of the environment; an empty one is like none.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The variable that says how much is logged, in the syntax of `tracing_subscriber::EnvFilter`.
#[must_use]
pub fn log_filter() -> Option<String> {
    environment("SLIPWAY_LOG")
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read, has an unknown key or a value out of bounds.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!(
                "reading the settings in {} (name another file with --settings)",
                path.display()
            )
        })?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Reads a text.
    ///
    /// # Errors
    /// When it has an unknown key or a value out of bounds.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        // Not toml's own rendering: it quotes the line, and somebody may have written a secret there.
        let settings: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let (line, column) = before.map_or((1, 1), |before| {
                let last = before.rsplit('\n').next().unwrap_or_default();
                (before.matches('\n').count() + 1, last.chars().count() + 1)
            });
            anyhow::anyhow!("line {line}, column {column}: {}", error.message())
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// What the types of the values can't say.
    fn check(&self) -> anyhow::Result<()> {
        let settings = self;
        ensure!(
            !settings.github.allow.is_empty(),
            "github.allow names no repository: add \"owner/*\" or \"owner/name\""
        );
        ensure!(
            settings.limits.terraform_runs != Some(0),
            "limits.terraform_runs must be at least 1"
        );
        ensure!(settings.limits.runs > 0, "limits.runs must be at least 1");
        ensure!(
            settings.artifacts.keep_plans >= SHORTEST_KEPT,
            "artifacts.keep_plans must be at least 1h: people have to read a plan before they apply it"
        );
        if settings.aws.access_key_id.is_some() != settings.aws.secret_access_key.is_some() {
            bail!("aws.access_key_id and aws.secret_access_key go together");
        }
        if let Some(Secret::Aws(_)) = &self.aws.secret_access_key {
            bail!(
                "aws.secret_access_key can't be in AWS Secrets Manager, which is read with it: name \
                 a file or a variable, or better give the bot a role and no key"
            );
        }
        tools::check(&self.terraform)?;
        isolation::check(self)?;
        for (name, secret) in self.secrets() {
            if let Secret::Aws(secret) = secret
                && secret.region(self.aws.region.as_deref()).is_none()
            {
                bail!(
                    "{name}: in which region is the AWS secret `{}`? Say `region` in [aws] or \
                     set AWS_REGION, or name the secret by its full ARN",
                    secret.id
                );
            }
        }
        Ok(())
    }

    /// Every secret but the key to AWS, by the name of its setting.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, &Secret)> {
        let github = &self.github;
        let mut all = vec![
            ("github.private_key".to_owned(), &github.private_key),
            ("github.webhook_secret".to_owned(), &github.webhook_secret),
        ];
        for (host, registry) in &self.registries {
            if let Some(password) = &registry.password {
                all.push((registry_password(host), password));
            }
        }
        if let Some(key) = &self.artifacts.key {
            all.push((ARTIFACT_KEY.to_owned(), key));
        }
        for (place, key) in self.artifacts.previous_keys.iter().enumerate() {
            all.push((previous_artifact_key(place), key));
        }
        all
    }

    /// The address of the database.
    #[must_use]
    pub fn database(&self) -> String {
        self.database_url
            .clone()
            .unwrap_or_else(|| format!("sqlite://{}", self.data_dir.join("slipway.db").display()))
    }
}

/// The name of the setting that holds the key of plan files.
pub const ARTIFACT_KEY: &str = "artifacts.key";

/// The name of the setting that holds an earlier key of plan files.
#[must_use]
pub fn previous_artifact_key(place: usize) -> String {
    format!("artifacts.previous_keys[{place}]")
}

/// A plan that is gone before anybody has read it is of no use.
const SHORTEST_KEPT: Duration = Duration::from_secs(3600);

/// The name of the setting that holds the password of a registry.
#[must_use]
pub fn registry_password(host: &str) -> String {
    format!("registries.{host:?}.password")
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8080))
}

#[expect(clippy::expect_used, reason = "a constant that a test parses")]
fn default_api_url() -> Url {
    Url::parse("https://api.github.com").expect("a valid URL")
}

/// `"30s"`, `"10m"`, `"2h"`; the same notation as in deploy.toml.
fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_example_is_valid_and_shows_the_defaults() {
        let settings = Settings::parse(include_str!("../../slipway.example.toml")).unwrap();
        assert_eq!(settings.github.api_url, default_api_url());
        assert_eq!(
            settings.limits.report_interval,
            Limits::default().report_interval
        );
        assert_eq!(
            settings.limits.apply_timeout,
            Limits::default().apply_timeout
        );
        assert_eq!(settings.limits.cache, Limits::default().cache);
        assert_eq!(
            settings.terraform.credentials,
            TerraformSettings::default().credentials
        );
        assert_eq!(
            settings.terraform.isolation,
            TerraformSettings::default().isolation
        );
        assert_eq!(
            settings.terraform.bubblewrap,
            TerraformSettings::default().bubblewrap
        );
        assert_eq!(
            settings.artifacts.keep_plans,
            ArtifactSettings::default().keep_plans
        );
        assert_eq!(settings.artifacts.key, None);
        assert_eq!(
            settings.kubernetes.kustomize,
            KubernetesSettings::default().kustomize
        );
        let mirror = Mirror::default();
        assert_eq!(settings.terraform.mirror.terraform, mirror.terraform);
        assert_eq!(settings.terraform.mirror.opentofu, mirror.opentofu);
        assert!(!settings.terraform.download);
        assert_eq!(
            settings.terraform.provider_cache,
            TerraformSettings::default().provider_cache
        );
        assert_eq!(settings.database(), "sqlite:///var/lib/slipway/slipway.db");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let base = include_str!("../../slipway.example.toml");
        let error = |text: &str| format!("{:#}", Settings::parse(text).unwrap_err());
        assert!(error(&base.replace("app_id", "app_idd")).contains("app_idd"));
        assert!(error(&base.replace("\"acme/*\"", "")).contains("github.allow"));
        assert!(error(&base.replace("\"acme/*\"", "\"*\"")).contains("owner/name"));
        let short = base.replace("keep_plans    = \"14d\"", "keep_plans = \"59m\"");
        assert!(error(&short).contains("at least 1h"), "{}", error(&short));
    }

    #[test]
    fn a_secret_that_was_written_down_is_not_quoted() {
        let base = include_str!("../../slipway.example.toml");
        let error = |text: &str| format!("{:#}", Settings::parse(text).unwrap_err());
        let said = error(&base.replace(
            "webhook_secret = { file = \"/run/secrets/slipway/webhook-secret\" }",
            "webhook_secret = \"hunter2\"",
        ));
        assert!(
            said.contains("the settings hold no secret themselves"),
            "{said}"
        );
        assert!(said.starts_with("line 1"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        let said = error(&base.replace(
            "webhook_secret = { file = \"/run/secrets/slipway/webhook-secret\" }",
            "webhook_secret = \"hunter2",
        ));
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_secret_by_name_needs_a_region() {
        let text = include_str!("../../slipway.example.toml").replace(
            "{ file = \"/run/secrets/slipway/app.pem\" }",
            "{ aws_secret = \"slipway\" }",
        );
        let mut settings: Settings = toml::from_str(&text).unwrap();
        settings.aws.region = None;
        insta::assert_snapshot!(settings.check().unwrap_err(), @"github.private_key: in which region is the AWS secret `slipway`? Say `region` in [aws] or set AWS_REGION, or name the secret by its full ARN");
        settings.aws.region = Some("eu-central-1".to_owned());
        settings.check().unwrap();
    }

    #[test]
    fn the_key_that_reads_secrets_is_none_of_them() {
        let text = include_str!("../../slipway.example.toml").replace(
            "[aws]",
            "[aws]\naccess_key_id = \"AKIA\"\nsecret_access_key = { aws_secret = \"a\" }",
        );
        let mut settings: Settings = toml::from_str(&text).unwrap();
        settings.aws.region = Some("eu-central-1".to_owned());
        insta::assert_snapshot!(settings.check().unwrap_err(), @"aws.secret_access_key can't be in AWS Secrets Manager, which is read with it: name a file or a variable, or better give the bot a role and no key");
    }
}
