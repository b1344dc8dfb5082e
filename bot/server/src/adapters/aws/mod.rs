//! AWS: one role at a time, and the cluster that it may reach; and the bot's own secrets.
//!
//! No role's credentials outlive the [`Session`] that they are handed out in, and none is trusted
//! before `GetCallerIdentity` has said which account it is in. The SDK's own retries are off: what
//! may be tried again is decided by the shell, from [`PortErrorKind`].

mod error;
mod own;
mod refusal;
mod secrets;
#[cfg(test)]
mod tests;
mod token;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::config::SharedIdentityCache;
use aws_sdk_eks::types::{Cluster as EksCluster, ClusterStatus};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use slipway_core::outcome::Evidence;
use slipway_core::ports::{
    AssumeRole, Clock, Cloud, ClusterAccess, PortErrorKind, PortResult, Session,
};
use tokio::sync::OnceCell;
use url::Url;

use self::error::{EKS, STS, failure, port_error};
pub use self::own::{OwnIdentity, WebIdentity};
use self::refusal::explain_refusal;

/// How AWS is reached.
#[derive(Clone, Debug)]
pub struct AwsSettings {
    /// One endpoint for STS, EKS and Secrets Manager instead of the region's own: the sandbox.
    /// Tokens for a cluster are presigned for it too, and EKS believes only STS's own names; so a
    /// VPC endpoint belongs here only if all services answer under it. With private DNS none is
    /// needed.
    pub endpoint_url: Option<Url>,
    /// The region in which the bot's own identity is asked for, if that has to be asked of STS.
    pub region: Option<String>,
    /// Who the bot is before it assumes any role.
    pub identity: OwnIdentity,
    /// The time that requests are signed with.
    pub clock: Arc<dyn Clock>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// AWS through its own SDK.
#[derive(Debug)]
pub struct AwsCloud {
    settings: AwsSettings,
    own: OnceCell<SharedCredentialsProvider>,
    /// Keeps the bot's own credentials until shortly before they end.
    cache: SharedIdentityCache,
}

/// The [`Clock`] port in the words of the SDK, so that signatures follow it.
struct PortTime(Arc<dyn Clock>);

impl fmt::Debug for PortTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortTime")
    }
}

impl aws_smithy_async::time::TimeSource for PortTime {
    fn now(&self) -> SystemTime {
        system_time(self.0.now())
    }
}

impl AwsSettings {
    /// How a service is asked with these credentials, or without any.
    fn sdk(
        &self,
        region: &str,
        credentials: Option<SharedCredentialsProvider>,
    ) -> aws_config::SdkConfig {
        let mut sdk = aws_config::SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(region.to_owned()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(self.timeouts())
            .time_source(PortTime(Arc::clone(&self.clock)));
        sdk.set_credentials_provider(credentials);
        if let Some(url) = &self.endpoint_url {
            sdk = sdk.endpoint_url(url.as_str());
        }
        sdk.build()
    }

    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.timeout.min(Duration::from_secs(5)))
            .operation_timeout(self.timeout)
            .build()
    }
}

impl AwsCloud {
    /// An AWS that nothing was asked of yet: credentials are looked for on first use.
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        let cache = IdentityCache::lazy().load_timeout(settings.timeout).build();
        Self {
            settings,
            own: OnceCell::new(),
            cache,
        }
    }

    /// How a service is asked by the bot itself.
    async fn own_sdk(&self, region: &str) -> aws_config::SdkConfig {
        let own = self.own.get_or_init(|| own::credentials(&self.settings));
        let sdk = self.settings.sdk(region, Some(own.await.clone()));
        sdk.into_builder()
            .identity_cache(self.cache.clone())
            .build()
    }

    /// `AssumeRole`; the credentials are still unproven.
    async fn assume_role(
        &self,
        sdk: &aws_config::SdkConfig,
        request: &AssumeRole,
    ) -> PortResult<(Credentials, Timestamp)> {
        let doing = format!("assuming {}", request.role);
        let sts = aws_sdk_sts::Client::new(sdk);
        let seconds = i32::try_from(request.duration.as_secs()).unwrap_or(i32::MAX);
        let answer = sts
            .assume_role()
            .role_arn(request.role.as_str())
            .role_session_name(&request.session_name)
            .source_identity(&request.source_identity)
            .set_external_id(request.external_id.clone())
            .duration_seconds(seconds)
            .send()
            .await
            .map_err(|error| explain_refusal(request, failure(STS, doing.clone(), &error)))?;
        let incomplete = || {
            let kind = PortErrorKind::Unavailable { retry_after: None };
            port_error(STS, &doing, "the answer holds no credentials", kind)
        };
        let given = answer.credentials().ok_or_else(incomplete)?;
        let expires_at =
            Timestamp::from_second(given.expiration().secs()).map_err(|_| incomplete())?;
        let credentials = Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            Some(system_time(expires_at)),
            "AssumeRole",
        );
        Ok((credentials, expires_at))
    }

    /// Asks the credentials themselves who they are, and holds that against who they should be.
    async fn prove(&self, request: &AssumeRole, credentials: &Credentials) -> PortResult<Evidence> {
        let doing = format!("proving who {} is", request.role);
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let sts = aws_sdk_sts::Client::new(&self.settings.sdk(&request.region, Some(provider)));
        let answer = sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| failure(STS, doing.clone(), &error))?;
        let account = answer.account().unwrap_or_default();
        let arn = answer.arn().unwrap_or_default();
        let denied = |said: String| port_error(STS, &doing, said, PortErrorKind::Denied);
        if account != request.account.as_str() {
            return Err(denied(format!(
                "the credentials are of account {account}, deploy.toml says {}; nothing was run \
                 with them",
                request.account
            )));
        }
        // arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, where ROLE has lost its path.
        let mut parts = arn.rsplit(':').next().unwrap_or_default().split('/');
        let (kind, role, session) = (parts.next(), parts.next(), parts.next());
        match (kind, role, session) {
            (Some("assumed-role"), Some(role), Some(session)) if role == request.role.name() => {
                Ok(Evidence {
                    role: role.to_owned(),
                    account: account.to_owned(),
                    session: session.to_owned(),
                })
            }
            _ => Err(denied(format!(
                "the credentials are of {arn}, not of a session of {}; nothing was run with them",
                request.role
            ))),
        }
    }

    /// A session of a role, assumed with these credentials, that has proven whose it is.
    async fn session(
        &self,
        sdk: &aws_config::SdkConfig,
        request: &AssumeRole,
    ) -> PortResult<Session> {
        let (credentials, expires_at) = self.assume_role(sdk, request).await?;
        let evidence = self.prove(request, &credentials).await?;
        Ok(Session {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned().into(),
            session_token: credentials
                .session_token()
                .unwrap_or_default()
                .to_owned()
                .into(),
            expires_at,
            region: request.region.clone(),
            evidence,
        })
    }

    async fn describe(&self, session: &Session, name: &str) -> PortResult<EksCluster> {
        let doing = format!("describing cluster {name}");
        let provider = SharedCredentialsProvider::new(credentials(session));
        let sdk = self.settings.sdk(&session.region, Some(provider));
        let answer = aws_sdk_eks::Client::new(&sdk)
            .describe_cluster()
            .name(name)
            .send()
            .await;
        let answer = answer.map_err(|error| {
            let mut error = failure(EKS, doing.clone(), &error);
            let Evidence { role, account, .. } = &session.evidence;
            match error.kind {
                PortErrorKind::Denied => error.said.push_str(&format!(
                    " (allow `eks:DescribeCluster` on {name} in a policy of role {role})"
                )),
                PortErrorKind::NotFound => error.said.push_str(&format!(
                    " (account {account}, region {}: see `cluster` of the service in deploy.toml)",
                    session.region
                )),
                _ => {}
            }
            error
        })?;
        answer.cluster.ok_or_else(|| {
            port_error(
                EKS,
                &doing,
                "there is no such cluster",
                PortErrorKind::NotFound,
            )
        })
    }
}

#[async_trait]
impl Cloud for AwsCloud {
    async fn assume(&self, request: &AssumeRole) -> PortResult<Session> {
        let own = self.own_sdk(&request.region).await;
        self.session(&own, request).await
    }

    async fn assume_from(&self, from: &Session, request: &AssumeRole) -> PortResult<Session> {
        let provider = SharedCredentialsProvider::new(credentials(from));
        let sdk = self.settings.sdk(&request.region, Some(provider));
        self.session(&sdk, request).await
    }

    async fn cluster(&self, session: &Session, name: &str) -> PortResult<ClusterAccess> {
        let cluster = self.describe(session, name).await?;
        let doing = format!("reaching cluster {name}");
        let unusable = |said: String, kind| port_error(EKS, &doing, said, kind);
        check_status(cluster.status()).map_err(|(said, kind)| unusable(said, kind))?;
        let endpoint = cluster.endpoint().filter(|endpoint| !endpoint.is_empty());
        let authority = cluster.certificate_authority().and_then(|ca| ca.data());
        let (Some(endpoint), Some(authority)) = (endpoint, authority) else {
            let kind = PortErrorKind::Unavailable { retry_after: None };
            return Err(unusable(
                "it has no endpoint and certificate yet".to_owned(),
                kind,
            ));
        };
        let ca_pem = STANDARD.decode(authority).map_err(|error| {
            unusable(
                format!("its certificate is not base64: {error}"),
                PortErrorKind::Invalid,
            )
        })?;
        let now = system_time(self.settings.clock.now());
        let url = token::sts_url(&session.region, self.settings.endpoint_url.as_ref())
            .and_then(|url| token::make(&url, &credentials(session), &session.region, name, now))
            .map_err(|error| unusable(error, PortErrorKind::Invalid))?;
        Ok(ClusterAccess {
            name: name.to_owned(),
            endpoint: endpoint.to_owned(),
            ca_pem,
            token: url,
        })
    }
}

/// Every time of this century fits; one that does not would only sign a request that is refused.
fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::try_from(at).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn credentials(session: &Session) -> Credentials {
    Credentials::new(
        &session.access_key_id,
        session.secret_access_key.expose_secret(),
        Some(session.session_token.expose_secret().to_owned()),
        Some(system_time(session.expires_at)),
        "Session",
    )
}

/// An `UPDATING` cluster serves its API throughout
/// (<https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html>).
fn check_status(status: Option<&ClusterStatus>) -> Result<(), (String, PortErrorKind)> {
    let said = |status: &ClusterStatus| format!("it is {}, not ACTIVE", status.as_str());
    match status {
        Some(ClusterStatus::Active | ClusterStatus::Updating) => Ok(()),
        Some(status @ (ClusterStatus::Creating | ClusterStatus::Pending)) => Err((
            said(status),
            PortErrorKind::Unavailable { retry_after: None },
        )),
        Some(status) => Err((said(status), PortErrorKind::Invalid)),
        None => Err(("it has no status".to_owned(), PortErrorKind::Invalid)),
    }
}
