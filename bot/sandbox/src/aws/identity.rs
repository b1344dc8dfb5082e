//! Who there is: accounts, users, roles with their trust and grants, and the keys they sign with.
//!
//! Data only. Whether a caller may do something is asked of [`Role::trusts`] and
//! [`Grant::allows_object`]; the services do the asking.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;

use super::SetupError;

/// An AWS account: twelve digits. Made by [`Aws::add_account`](super::Aws::add_account).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(String);

impl AccountId {
    pub(super) fn parse(text: &str) -> Result<Self, SetupError> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SetupError::NoAccountId(text.to_owned()))
        }
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Keys to sign requests with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// `AKIA…` for a user's keys, `ASIA…` for temporary ones.
    pub access_key_id: String,
    /// The secret that signs.
    pub secret_access_key: String,
    /// Only temporary keys have one, and they are nothing without it.
    pub session_token: Option<String>,
}

impl Keys {
    pub(super) fn long_lived() -> Self {
        Self {
            access_key_id: mint("AKIA", 16),
            secret_access_key: secret(40),
            session_token: None,
        }
    }

    pub(super) fn temporary() -> Self {
        Self {
            access_key_id: mint("ASIA", 16),
            secret_access_key: secret(40),
            session_token: Some(secret(352)),
        }
    }
}

/// What a role (or a user) may do besides assuming roles that trust it and asking who it is.
/// Everything is within the holder's own account: the sandbox has no resource policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Describe and list the account's EKS clusters.
    DescribeClusters,
    /// Get and list the objects of this bucket.
    ReadBucket(String),
    /// Put and delete the objects of this bucket.
    WriteBucket(String),
    /// Put and delete only Terraform's lock files (`*.tflock`) in this bucket: what a role that
    /// plans but doesn't apply needs.
    LockBucket(String),
    /// Read the values of the secrets whose ARNs match this pattern of `*` and `?`, as policies
    /// write it: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-??????`.
    ReadSecrets(String),
    /// Decrypt with this KMS key: what a secret under a key of one's own takes besides.
    UseKey(String),
}

/// What is done to a bucket or its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Grant {
    /// Whether this grant covers `access` to `key` in `bucket` (an empty key is the bucket itself).
    pub(super) fn allows_object(&self, access: Access, bucket: &str, key: &str) -> bool {
        match self {
            Self::DescribeClusters | Self::ReadSecrets(_) | Self::UseKey(_) => false,
            Self::ReadBucket(of) => access == Access::Read && of == bucket,
            Self::WriteBucket(of) => access == Access::Write && of == bucket,
            Self::LockBucket(of) => {
                access == Access::Write && of == bucket && key.ends_with(".tflock")
            }
        }
    }
}

/// Who may assume a role, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// ARNs of users, roles (all their sessions), single role sessions, `…:root` of a whole
    /// account, or [`PODS`] for EKS Pod Identity.
    pub principals: Vec<String>,
    /// The pods that may get in with a ServiceAccount's token
    /// ([IRSA](https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html)).
    pub web_identity: Option<WebIdentityTrust>,
    /// The condition `sts:ExternalId`, if there is one.
    pub external_id: Option<String>,
    /// Whether `sts:SetSourceIdentity` is allowed.
    pub set_source_identity: bool,
    /// Whether `sts:TagSession` is allowed.
    pub tag_session: bool,
}

impl Trust {
    /// Trusts one principal, with source identity and tags, without an external id.
    #[must_use]
    pub fn of(principal: impl Into<String>) -> Self {
        Self {
            principals: vec![principal.into()],
            web_identity: None,
            external_id: None,
            set_source_identity: true,
            tag_session: true,
        }
    }

    /// Trusts EKS Pod Identity, as its documentation says a role must.
    #[must_use]
    pub fn of_pods() -> Self {
        Self::of(PODS)
    }

    /// Trusts the tokens of one ServiceAccount.
    #[must_use]
    pub fn of_service_account(issuer: &str, namespace: &str, name: &str) -> Self {
        Self {
            web_identity: Some(WebIdentityTrust {
                issuer: issuer.to_owned(),
                subject: format!("system:serviceaccount:{namespace}:{name}"),
            }),
            ..Self::default()
        }
    }
}

/// The principal of EKS Pod Identity.
pub const PODS: &str = "pods.eks.amazonaws.com";

/// A trust in tokens: a federated principal with its conditions on `sub` and `aud`. The audience is
/// always `sts.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentityTrust {
    /// Who made the token: the issuer of a cluster.
    pub issuer: String,
    /// Whom it speaks of: `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: String,
}

/// An IAM role. `Role { grants: …, ..Role::new(&account, "name", trust) }` sets the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Where it lives.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Who may assume it.
    pub trust: Trust,
    /// The longest session it gives: one to twelve hours.
    pub max_session: Duration,
    /// What its sessions may do.
    pub grants: Vec<Grant>,
    /// Makes STS answer with working credentials of this other account, while still naming the
    /// role asked for: a caller notices only if it asks who it is.
    pub answers_as: Option<AccountId>,
}

impl Role {
    /// A role with IAM's default of one hour and no grants.
    #[must_use]
    pub fn new(account: &AccountId, name: impl Into<String>, trust: Trust) -> Self {
        Self {
            account: account.clone(),
            name: name.into(),
            trust,
            max_session: Duration::from_secs(60 * 60),
            grants: Vec::new(),
            answers_as: None,
        }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.name)
    }

    pub(super) fn trusts(&self, caller: &Principal) -> bool {
        let root = format!("arn:aws:iam::{}:root", caller.account);
        self.trust
            .principals
            .iter()
            .any(|arn| *arn == caller.arn || *arn == caller.iam_arn || *arn == root)
    }
}

/// Who signs a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Principal {
    pub(super) account: AccountId,
    /// What `GetCallerIdentity` says: a user's ARN or a role session's.
    pub(super) arn: String,
    /// The user or role behind it: what grants hang on.
    pub(super) iam_arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub(super) user_id: String,
    /// Of a role session: set once, inherited by every role assumed from it.
    pub(super) source_identity: Option<String>,
    /// Session tags that every role assumed from here on carries as well.
    pub(super) transitive_tags: BTreeMap<String, String>,
}

impl Principal {
    pub(super) fn user(account: &AccountId, name: &str) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        Self {
            account: account.clone(),
            iam_arn: arn.clone(),
            arn,
            user_id: mint("AIDA", 17),
            source_identity: None,
            transitive_tags: BTreeMap::new(),
        }
    }

    /// A session of `role`, living where the role's credentials really lead.
    pub(super) fn session(role: &Role, role_id: &str, name: &str) -> Self {
        let account = role.answers_as.as_ref().unwrap_or(&role.account);
        Self {
            account: account.clone(),
            arn: session_arn(account, &role.name, name),
            iam_arn: role.arn(),
            user_id: format!("{role_id}:{name}"),
            source_identity: None,
            transitive_tags: BTreeMap::new(),
        }
    }

    pub(super) fn is_session(&self) -> bool {
        self.arn != self.iam_arn
    }
}

/// The ARN of a role session.
pub(super) fn session_arn(account: &AccountId, role: &str, session: &str) -> String {
    format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
}

/// A key and whom it stands for.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) keys: Keys,
    pub(super) principal: Principal,
    /// Temporary keys end then.
    pub(super) expires: Option<Timestamp>,
}

/// Whether IAM takes `name` for a user or role: `[\w+=,.@-]{1,64}`.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(is_name_character)
}

/// `[\w+=,.@-]`, the alphabet of IAM names, session names and source identities.
pub(super) fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

/// An id as IAM mints them: a prefix that tells the kind, then letters and digits.
pub(super) fn mint(prefix: &str, length: usize) -> String {
    format!(
        "{prefix}{}",
        draw(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
    )
}

fn secret(length: usize) -> String {
    draw(
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        length,
    )
}

fn draw(alphabet: &[u8], length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .filter_map(|_| alphabet.get(random.random_range(0..alphabet.len())))
        .map(|byte| char::from(*byte))
        .collect()
}
