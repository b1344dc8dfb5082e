//! Tokens of ServiceAccounts: what a pod shows to become a role.
//!
//! The kubelet puts such a token into the pod, for one audience and a day at the most; here a test
//! asks for it. Each cluster is an issuer with a key of its own. Who trusts which issuer is decided
//! by `pods` and `web_identity`.
//! Claims: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens>.

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde::{Deserialize, Serialize};

use super::identity::AccountId;
use super::{Aws, SetupError};

/// The audience of tokens for EKS Pod Identity.
pub const POD_AUDIENCE: &str = "pods.eks.amazonaws.com";
/// The audience of tokens for `AssumeRoleWithWebIdentity`.
pub const STS_AUDIENCE: &str = "sts.amazonaws.com";

/// How long a token lives: what the Pod Identity webhook asks for.
const LIFE_SECONDS: i64 = 24 * 60 * 60;

/// A pod, as far as its token speaks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its ServiceAccount.
    pub service_account: String,
    /// Its name.
    pub name: String,
}

/// The key of an issuer.
#[derive(Clone, Debug)]
pub(super) struct IssuerKey {
    private_pem: String,
    public_pem: String,
}

impl IssuerKey {
    fn new() -> Result<Self, SetupError> {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256);
        let pair = pair.map_err(|error| SetupError::Key(error.to_string()))?;
        Ok(Self {
            private_pem: pair.serialize_pem(),
            public_pem: pair.public_key_pem(),
        })
    }
}

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: Vec<String>,
    pub(super) sub: String,
    pub(super) iat: i64,
    pub(super) exp: i64,
    #[serde(rename = "kubernetes.io")]
    pub(super) kubernetes: Kubernetes,
}

/// What a token says of its pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kubernetes {
    pub(super) namespace: String,
    pub(super) pod: Named,
    pub(super) serviceaccount: Named,
}

/// An object and its one incarnation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) uid: String,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// It is past its end.
    Expired,
    /// Its signature is not its issuer's.
    Forged,
}

impl Claims {
    /// What a token says of itself, believed or not.
    pub(super) fn read(token: &str) -> Option<Self> {
        insecure_decode_claims(token).ok()
    }

    /// Believes the token, or not.
    pub(super) fn check(
        &self,
        token: &str,
        key: &IssuerKey,
        now: Timestamp,
    ) -> Result<(), TokenError> {
        let mut rules = Validation::new(Algorithm::RS256);
        // The times are held against the world's clock, not the machine's; the audience is for
        // the service to judge.
        rules.validate_exp = false;
        rules.validate_aud = false;
        rules.required_spec_claims.clear();
        let key = DecodingKey::from_rsa_pem(key.public_pem.as_bytes());
        key.and_then(|key| jsonwebtoken::decode::<Self>(token, &key, &rules))
            .map_err(|_| TokenError::Forged)?;
        if self.exp <= now.as_second() {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

/// The name of a new cluster's issuer.
pub(super) fn issuer(region: &str) -> String {
    let id = hex::encode_upper(rand::random::<[u8; 16]>());
    format!("https://oidc.eks.{region}.amazonaws.com/id/{id}")
}

/// A random UUID, version 4.
pub(super) fn uid() -> String {
    let hex = hex::encode(rand::random::<[u8; 16]>());
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    format!(
        "{}-{}-4{}-a{}-{}",
        part(0..8),
        part(8..12),
        part(13..16),
        part(17..20),
        part(20..32)
    )
}

impl Aws {
    /// The issuer of a cluster's ServiceAccount tokens.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn cluster_issuer(
        &self,
        account: &AccountId,
        region: &str,
        cluster: &str,
    ) -> Result<String, SetupError> {
        let key = (account.clone(), region.to_owned(), cluster.to_owned());
        let world = self.shared.world();
        let found = world.clusters.get(&key);
        let found = found.ok_or_else(|| SetupError::Unknown(cluster.to_owned()))?;
        Ok(found.issuer.clone())
    }

    /// The token that an issuer gives to a pod for one audience, good for a day.
    ///
    /// # Errors
    /// [`SetupError::Key`].
    pub fn pod_token(&self, issuer: &str, pod: &Pod, audience: &str) -> Result<String, SetupError> {
        let now = self.shared.clock.now().as_second();
        let named = |name: &str| Named {
            name: name.to_owned(),
            uid: uid(),
        };
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: vec![audience.to_owned()],
            sub: format!(
                "system:serviceaccount:{}:{}",
                pod.namespace, pod.service_account
            ),
            iat: now,
            exp: now.saturating_add(LIFE_SECONDS),
            kubernetes: Kubernetes {
                namespace: pod.namespace.clone(),
                pod: named(&pod.name),
                serviceaccount: named(&pod.service_account),
            },
        };
        let unusable = |error: jsonwebtoken::errors::Error| SetupError::Key(error.to_string());
        let key = self.issuer_key(issuer)?;
        let key = EncodingKey::from_rsa_pem(key.private_pem.as_bytes()).map_err(unusable)?;
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(unusable)
    }

    /// Made on first use: it takes a moment, and few worlds need one.
    fn issuer_key(&self, issuer: &str) -> Result<IssuerKey, SetupError> {
        let known = self.shared.world().issuers.get(issuer).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let key = IssuerKey::new()?;
        let mut world = self.shared.world();
        Ok(world
            .issuers
            .entry(issuer.to_owned())
            .or_insert(key)
            .clone())
    }
}
