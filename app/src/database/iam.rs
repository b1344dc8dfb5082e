//! The password that Amazon RDS takes from an IAM identity: a presigned question, valid for 15 minutes,
//! which says that the bearer may `rds-db:connect` as a user of a database.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>
//!
//! Made here, without asking AWS: only the credentials have to be had. RDS looks at the token when a
//! connection is made, and never again.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use thiserror::Error;
use url::Url;

use crate::clock::Clock;
use crate::settings::Endpoint;

/// How long RDS takes a token: 15 minutes from its making, whatever is asked for.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How old a token gets before it is replaced: a third of its life is left for trying again.
const RENEW_AFTER: Duration = Duration::from_secs(10 * 60);

/// How long before the end of the credentials, with which a token ends too, it is replaced.
const CREDENTIALS_MARGIN: Duration = Duration::from_secs(60);

/// The soonest that a token is replaced, however short the credentials live.
const RENEW_AT_MOST_EVERY: Duration = Duration::from_secs(30);

/// Why there is no token.
#[derive(Debug, Error)]
pub enum IamFault {
    /// Nothing in the chain has credentials.
    #[error(
        "no AWS credentials for SHOP_DATABASE_AUTH=iam: give the pod an identity (EKS Pod Identity or \
         IRSA), or the process AWS_PROFILE or AWS_ACCESS_KEY_ID"
    )]
    Credentials(#[source] aws_credential_types::provider::error::CredentialsError),
    /// Whoever has the credentials does not answer.
    #[error("no AWS credentials for SHOP_DATABASE_AUTH=iam within {0:?}")]
    Slow(Duration),
    /// The chain itself is missing.
    #[error("the AWS configuration has no credentials provider")]
    NoChain,
    /// The question can't be signed.
    #[error("can't sign the database login: {0}")]
    Signing(String),
}

/// Makes tokens for one user of one database server.
#[derive(Debug)]
pub struct IamLogin {
    endpoint: Endpoint,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Arc<dyn Clock>,
}

/// A password for the next minutes; not shown by `Debug`.
pub struct Token {
    text: String,
    renew_in: Duration,
}

impl IamLogin {
    /// Makes tokens with what `credentials` gives.
    pub fn new(
        endpoint: Endpoint,
        region: &str,
        credentials: SharedCredentialsProvider,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            endpoint,
            region: region.to_owned(),
            credentials,
            clock,
        }
    }

    /// Makes tokens with credentials of the SDK's default chain.
    pub(super) async fn from_chain(
        endpoint: Endpoint,
        region: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IamFault> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .load()
            .await;
        let credentials = config.credentials_provider().ok_or(IamFault::NoChain)?;
        Ok(Self::new(endpoint, region, credentials, clock))
    }

    /// Makes a token as of now.
    ///
    /// # Errors
    /// When there are no credentials.
    pub async fn token(&self) -> Result<Token, IamFault> {
        let credentials = self
            .credentials
            .provide_credentials()
            .await
            .map_err(IamFault::Credentials)?;
        let now =
            SystemTime::try_from(self.clock.now()).map_err(|e| IamFault::Signing(e.to_string()))?;
        let text =
            presign(&self.endpoint, &self.region, &credentials, now).map_err(IamFault::Signing)?;
        Ok(Token {
            text,
            renew_in: renew_in(credentials.expiry(), now),
        })
    }
}

impl Token {
    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// When to make the next one.
    pub fn renew_in(&self) -> Duration {
        self.renew_in
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(…, renew in {:?})", self.renew_in)
    }
}

fn renew_in(credentials_end: Option<SystemTime>, now: SystemTime) -> Duration {
    let left = credentials_end.map(|end| {
        let left = end.duration_since(now).unwrap_or_default();
        left.saturating_sub(CREDENTIALS_MARGIN)
    });
    left.unwrap_or(RENEW_AFTER)
        .clamp(RENEW_AT_MOST_EVERY, RENEW_AFTER)
}

/// The presigned URL without its scheme, which is the whole token.
fn presign(
    endpoint: &Endpoint,
    region: &str,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<String, String> {
    let Endpoint { host, port, user } = endpoint;
    let mut url = Url::parse(&format!("https://{host}:{port}/")).map_err(|e| e.to_string())?;
    url.query_pairs_mut()
        .append_pair("Action", "connect")
        .append_pair("DBUser", user);

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|e| e.to_string())?
        .into();
    let request = SignableRequest::new(
        "GET",
        url.as_str(),
        std::iter::empty(),
        SignableBody::empty(),
    )
    .map_err(|e| e.to_string())?;
    let (instructions, _) = sign(request, &params)
        .map_err(|e| e.to_string())?
        .into_parts();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url.as_str().trim_start_matches("https://").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-02T09:00:00Z
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_610_000)
    }

    fn token(session: Option<&str>) -> String {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            session.map(str::to_owned),
            None,
            "test",
        );
        let endpoint = Endpoint {
            host: "shop.abc123.eu-central-1.rds.amazonaws.com".into(),
            port: 5432,
            user: "shop".into(),
        };
        presign(&endpoint, "eu-central-1", &credentials, now()).unwrap()
    }

    /// In one order: signers put the parameters down as they like, and RDS takes any.
    fn sorted(token: &str) -> Vec<&str> {
        let (endpoint, query) = token.split_once('?').unwrap();
        let mut parts: Vec<_> = query.split('&').collect();
        parts.sort_unstable();
        [vec![endpoint], parts].concat()
    }

    /// What botocore 1.44.5 (PyPI) returns from `client("rds").generate_db_auth_token("shop.abc123.
    /// eu-central-1.rds.amazonaws.com", 5432, "shop")` with these keys, `eu-central-1`, and its
    /// `botocore.auth.get_current_datetime` patched to 2026-11-02 09:00:00 UTC.
    #[test]
    fn a_token_is_the_one_that_aws_tools_make() {
        let botocore = "shop.abc123.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=shop\
            &X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIDEXAMPLE%2F20261102%2Feu-central-1%2Frds-db%2Faws4_request\
            &X-Amz-Date=20261102T090000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=d1213d15c053abcd79bd8d688f9cd28b765392597eaddd1693eabe7ce0a0ec7a";
        assert_eq!(sorted(&token(None)), sorted(botocore));
    }

    /// The same with the session token `IQoJb3JpZ2luX2VjEAA+/=example`, as a pod's identity has one.
    #[test]
    fn a_session_token_is_signed_too() {
        let botocore = "shop.abc123.eu-central-1.rds.amazonaws.com:5432/?Action=connect&DBUser=shop\
            &X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIDEXAMPLE%2F20261102%2Feu-central-1%2Frds-db%2Faws4_request\
            &X-Amz-Date=20261102T090000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
            &X-Amz-Security-Token=IQoJb3JpZ2luX2VjEAA%2B%2F%3Dexample\
            &X-Amz-Signature=266f51ee7c3137687a4e516e7482496dc37a2914d0457243d165a87779de4259";
        let token = token(Some("IQoJb3JpZ2luX2VjEAA+/=example"));
        assert_eq!(sorted(&token), sorted(botocore));
    }

    #[test]
    fn a_token_is_replaced_well_before_it_or_its_credentials_end() {
        let in_minutes = |minutes: u64| Some(now() + Duration::from_secs(60 * minutes));
        assert_eq!(renew_in(None, now()), RENEW_AFTER);
        assert_eq!(renew_in(in_minutes(360), now()), RENEW_AFTER);
        assert_eq!(renew_in(in_minutes(6), now()), Duration::from_secs(300));
        assert_eq!(renew_in(in_minutes(1), now()), RENEW_AT_MOST_EVERY);
        assert!(RENEW_AFTER < LIFETIME);
    }
}
