//! The state of this AWS: who there is and what they own. Plain data behind one lock.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use jiff::Timestamp;

use super::eks::Cluster;
use super::identity::{AccountId, Credential, Grant, Keys, Principal, Role};
use super::journal::{AssumedRole, Faults, JournalEntry};
use super::pods::Association;
use super::request::Incoming;
use super::s3::Bucket;
use super::secrets::Secret;
use super::sigv4::Seed;
use super::tokens::IssuerKey;

/// Everything there is.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) accounts: Vec<AccountId>,
    /// By access key id.
    pub(super) credentials: HashMap<String, Credential>,
    /// By ARN.
    pub(super) roles: BTreeMap<String, RoleEntry>,
    /// Of users; a role carries its own.
    pub(super) user_grants: BTreeMap<String, Vec<Grant>>,
    /// By account, region and name.
    pub(super) clusters: BTreeMap<(AccountId, String, String), Cluster>,
    /// By name, which is unique among all accounts.
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// By ARN.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// The keys that clusters sign the tokens of their ServiceAccounts with, by issuer.
    pub(super) issuers: BTreeMap<String, IssuerKey>,
    /// The issuers that an account's IAM knows as OpenID Connect providers.
    pub(super) providers: Vec<(AccountId, String)>,
    /// EKS Pod Identity associations.
    pub(super) associations: Vec<Association>,
    pub(super) assumed: Vec<AssumedRole>,
    pub(super) journal: Vec<JournalEntry>,
    pub(super) faults: Faults,
}

/// A role and the id that IAM gave it.
#[derive(Clone, Debug)]
pub(super) struct RoleEntry {
    pub(super) role: Role,
    /// `AROA…`.
    pub(super) id: String,
}

impl World {
    /// What the user or role behind `caller` may do.
    pub(super) fn grants_of(&self, caller: &Principal) -> &[Grant] {
        let of_role = self.roles.get(&caller.iam_arn);
        let of_role = of_role.map(|entry| &entry.role.grants);
        of_role
            .or_else(|| self.user_grants.get(&caller.iam_arn))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Writes down a session's keys, and hands them out.
    pub(super) fn admit(&mut self, principal: Principal, expires: Option<Timestamp>) -> Keys {
        let keys = Keys::temporary();
        let credential = Credential {
            keys: keys.clone(),
            principal,
            expires,
        };
        self.credentials
            .insert(keys.access_key_id.clone(), credential);
        keys
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let object = self.buckets.get(bucket)?.objects.get(key)?;
        Some(object.body.clone())
    }
}

/// A request whose signer is believed, as the services need it.
pub(super) struct Call<'a> {
    pub(super) incoming: &'a Incoming,
    pub(super) caller: &'a Principal,
    /// The region of the credential scope.
    pub(super) region: &'a str,
    pub(super) at: Timestamp,
    /// What a chunked body's own signatures follow from.
    pub(super) seed: &'a Seed,
    pub(super) request_id: &'a str,
}

/// A request that nobody signs: it brings a token instead.
pub(super) struct Visit<'a> {
    pub(super) incoming: &'a Incoming,
    pub(super) at: Timestamp,
    pub(super) request_id: &'a str,
}

/// What a request asks for, known before it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    /// As AWS names it.
    pub(super) action: String,
    /// What it is about; may be empty.
    pub(super) resource: String,
}
