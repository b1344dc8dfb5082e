//! Who the bot is before it assumes any role.
//!
//! All ways lead to credentials that are looked up on use, so that they follow a role whose keys
//! end every hour. What is asked of STS is asked where everything else is: of the endpoint and in
//! the region of the settings, on the clock of the port.

use std::path::PathBuf;
use std::sync::Arc;

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as ProvidedCredentials, SharedCredentialsProvider, future,
};
use secrecy::{ExposeSecret as _, SecretString};
use slipway_core::ports::{PortError, PortErrorKind, PortResult};

use super::error::{STS, failure, port_error};
use super::refusal::explain_web_identity;
use super::{AwsSettings, PortTime, system_time};

/// The region of an STS that nobody named.
const NO_REGION: &str = "say `region` in [aws] of the settings, or set AWS_REGION";

/// Who the bot is.
#[derive(Clone, Debug)]
pub enum OwnIdentity {
    /// Whoever owns this access key and secret.
    Keys(String, SecretString),
    /// The role that a token opens: EKS calls it IRSA.
    WebIdentity(WebIdentity),
    /// Whatever the SDK's default chain finds: keys in the environment, a profile, EKS Pod
    /// Identity, the role of the instance.
    Environment,
}

/// A token and the role that it opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity {
    /// The file with the token, read anew each time: the kubelet replaces it before it ends.
    pub token_file: PathBuf,
    /// The role's ARN.
    pub role_arn: String,
    /// `RoleSessionName`.
    pub session_name: String,
}

/// The provider of the bot's own credentials.
pub(super) async fn credentials(settings: &AwsSettings) -> SharedCredentialsProvider {
    match &settings.identity {
        OwnIdentity::Keys(id, secret) => SharedCredentialsProvider::new(Credentials::new(
            id,
            secret.expose_secret(),
            None,
            None,
            "settings",
        )),
        OwnIdentity::WebIdentity(identity) => SharedCredentialsProvider::new(WebIdentityProvider {
            identity: identity.clone(),
            settings: settings.clone(),
        }),
        OwnIdentity::Environment => {
            // The SDK asks the agent of EKS Pod Identity up to three times, and lets nobody change
            // that: it is a neighbour on the same node, not a service with a limit.
            let config = ProviderConfig::without_region()
                .with_retry_config(RetryConfig::disabled())
                .with_timeout_config(settings.timeouts())
                .with_time_source(PortTime(Arc::clone(&settings.clock)));
            let mut chain = DefaultCredentialsChain::builder().configure(config);
            if let Some(region) = &settings.region {
                chain.set_region(Some(Region::new(region.clone())));
            }
            SharedCredentialsProvider::new(chain.build().await)
        }
    }
}

/// `AssumeRoleWithWebIdentity`. The SDK has a provider for it, but one that knows neither the
/// endpoint of the settings nor how to leave retries to us.
#[derive(Debug)]
struct WebIdentityProvider {
    identity: WebIdentity,
    settings: AwsSettings,
}

impl ProvideCredentials for WebIdentityProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

impl WebIdentityProvider {
    async fn credentials(&self) -> ProvidedCredentials {
        self.assume().await.map_err(|error| {
            if error.is_passing() {
                CredentialsError::provider_error(error)
            } else {
                CredentialsError::invalid_configuration(error)
            }
        })
    }

    async fn assume(&self) -> PortResult<Credentials> {
        let WebIdentity {
            token_file,
            role_arn,
            session_name,
        } = &self.identity;
        let doing = format!(
            "assuming {role_arn} with the token in {}",
            token_file.display()
        );
        let wrong = |said: String| port_error(STS, &doing, said, PortErrorKind::Invalid);
        let region = self.settings.region.as_deref();
        let region = region.ok_or_else(|| wrong(NO_REGION.to_owned()))?;
        let token = tokio::fs::read_to_string(token_file).await;
        let token = token.map_err(|error| wrong(format!("reading the token: {error}")))?;
        let answer = aws_sdk_sts::Client::new(&self.settings.sdk(region, None))
            .assume_role_with_web_identity()
            .role_arn(role_arn)
            .role_session_name(session_name)
            .web_identity_token(token.trim())
            .send()
            .await
            .map_err(|error| explain_web_identity(failure(STS, doing.clone(), &error)))?;
        let given = answer.credentials().ok_or_else(|| incomplete(&doing))?;
        let expires_at = jiff::Timestamp::from_second(given.expiration().secs());
        let expires_at = expires_at.map_err(|_| incomplete(&doing))?;
        Ok(Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            Some(system_time(expires_at)),
            "WebIdentity",
        ))
    }
}

fn incomplete(doing: &str) -> PortError {
    let kind = PortErrorKind::Unavailable { retry_after: None };
    port_error(STS, doing, "the answer holds no credentials", kind)
}
