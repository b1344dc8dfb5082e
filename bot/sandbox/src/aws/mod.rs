//! The sandbox AWS: STS, EKS, S3 and Secrets Manager with SigV4 really verified.
//!
//! One port on 127.0.0.1 stands for several accounts in all regions; the credential scope of a
//! signature says which service and region are meant. It exists so that a deployment bot can be
//! driven with the real AWS SDKs, real EKS tokens and Terraform's real S3 backend. It may not know
//! anything of that bot, nor read any clock but the world's.
//!
//! - `request`, `sigv4`: what was sent, and whether its signature is right
//! - `identity`, `world`, `journal`: who there is, what they own, what happened
//! - `sts` (with its `params`), `eks`, `s3`, `secrets`: the services; `document`, `failure`: their answers
//! - `tokens`, `pods`, `web_identity`: how a pod becomes a role
//! - `door`: the port, where all of these meet

mod document;
mod door;
mod eks;
mod failure;
mod identity;
mod journal;
mod params;
mod pods;
mod request;
mod s3;
mod secrets;
mod sigv4;
mod sts;
#[cfg(test)]
mod tests;
mod tokens;
mod web_identity;
mod world;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use self::door::Shared;
use self::eks::Cluster;
use self::identity::{Credential, Principal};
use self::s3::Bucket;
use self::world::RoleEntry;
use crate::clock::WorldClock;

pub use self::eks::ClusterStatus;
pub use self::identity::{AccountId, Grant, Keys, PODS, Role, Trust, WebIdentityTrust};
pub use self::journal::{AssumedRole, Fault, JournalEntry, Service};
pub use self::pods::Association;
pub use self::tokens::{POD_AUDIENCE, Pod, STS_AUDIENCE};

/// How the sandbox AWS is made.
#[derive(Clone, Debug, Default)]
pub struct AwsConfig {
    /// The time that signatures and credentials are held against.
    pub clock: WorldClock,
}

/// Why this AWS couldn't be set up as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// An account id is twelve digits.
    #[error("`{0}` is no AWS account id: it takes twelve digits")]
    NoAccountId(String),
    /// IAM takes 1 to 64 of `[\w+=,.@-]`.
    #[error("`{0}` is no name for a user, role or session")]
    NoName(String),
    /// A role's longest session is one to twelve hours.
    #[error("a role's longest session is between 1 h and 12 h, not {0:?}")]
    SessionLength(Duration),
    /// There is such a role, user, bucket or secret.
    #[error("`{0}` is there already")]
    Taken(String),
    /// There is no such role, user, cluster or secret.
    #[error("there is no `{0}`")]
    Unknown(String),
    /// A key could not be made or used.
    #[error("the key of an issuer: {0}")]
    Key(String),
}

/// A running AWS. Clones are handles on the same one; it stops when the last is dropped.
#[derive(Clone, Debug)]
pub struct Aws {
    shared: Arc<Shared>,
    url: Url,
    _server: Arc<AbortOnDropHandle<()>>,
}

impl Aws {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// The port can't be opened.
    pub async fn start(config: AwsConfig) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))
            .map_err(std::io::Error::other)?;
        let shared = Arc::new(Shared::new(config.clock));
        let routes = axum::Router::new()
            .fallback(door::answer)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the sandbox AWS stopped serving");
            }
        });
        Ok(Self {
            shared,
            url,
            _server: Arc::new(AbortOnDropHandle::new(server)),
        })
    }

    /// The endpoint of all services and regions.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Opens an account. Doing so twice is the same as once.
    ///
    /// # Errors
    /// [`SetupError::NoAccountId`].
    pub fn add_account(&self, id: &str) -> Result<AccountId, SetupError> {
        let id = AccountId::parse(id)?;
        let mut world = self.shared.world();
        if !world.accounts.contains(&id) {
            world.accounts.push(id.clone());
        }
        Ok(id)
    }

    /// Makes an IAM user with keys that never end. Its ARN is `arn:aws:iam::ACCOUNT:user/NAME`; it
    /// may assume roles that trust it and, unless [`Aws::grant`]ed more, nothing else.
    ///
    /// # Errors
    /// [`SetupError::NoName`], [`SetupError::Taken`].
    pub fn add_user(&self, account: &AccountId, name: &str) -> Result<Keys, SetupError> {
        check_name(name)?;
        let principal = Principal::user(account, name);
        let keys = Keys::long_lived();
        let mut world = self.shared.world();
        if world.user_grants.contains_key(&principal.arn) {
            return Err(SetupError::Taken(principal.arn));
        }
        world.user_grants.insert(principal.arn.clone(), Vec::new());
        world.credentials.insert(
            keys.access_key_id.clone(),
            Credential {
                keys: keys.clone(),
                principal,
                expires: None,
            },
        );
        Ok(keys)
    }

    /// Hands out a session of a role as an instance or a pod gets it: without anybody assuming it.
    ///
    /// # Errors
    /// [`SetupError::Unknown`], [`SetupError::NoName`].
    pub fn session_keys(
        &self,
        role_arn: &str,
        session: &str,
        lifetime: Duration,
    ) -> Result<Keys, SetupError> {
        check_name(session)?;
        let mut world = self.shared.world();
        let entry = world.roles.get(role_arn);
        let entry = entry.ok_or_else(|| SetupError::Unknown(role_arn.to_owned()))?;
        let principal = Principal::session(&entry.role, &entry.id, session);
        let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
        let expires = self.shared.clock.now().saturating_add(lifetime).ok();
        Ok(world.admit(principal, expires))
    }

    /// Makes a role; gives its ARN.
    ///
    /// # Errors
    /// [`SetupError::NoName`], [`SetupError::SessionLength`], [`SetupError::Taken`].
    pub fn add_role(&self, role: Role) -> Result<String, SetupError> {
        check_name(&role.name)?;
        let hours = Duration::from_secs(60 * 60)..=Duration::from_secs(12 * 60 * 60);
        if !hours.contains(&role.max_session) {
            return Err(SetupError::SessionLength(role.max_session));
        }
        let arn = role.arn();
        let id = identity::mint("AROA", 17);
        let mut world = self.shared.world();
        if world.roles.contains_key(&arn) {
            return Err(SetupError::Taken(arn));
        }
        world.roles.insert(arn.clone(), RoleEntry { role, id });
        Ok(arn)
    }

    /// Changes a role: its trust, its grants, the account that it answers as.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn change_role(&self, arn: &str, change: impl FnOnce(&mut Role)) -> Result<(), SetupError> {
        let mut world = self.shared.world();
        let entry = world.roles.get_mut(arn);
        let entry = entry.ok_or_else(|| SetupError::Unknown(arn.to_owned()))?;
        change(&mut entry.role);
        Ok(())
    }

    /// Lets a user or a role (by ARN) do something more.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn grant(&self, arn: &str, grant: Grant) -> Result<(), SetupError> {
        let mut world = self.shared.world();
        let world = &mut *world;
        let of_role = world.roles.get_mut(arn);
        let of_role = of_role.map(|entry| &mut entry.role.grants);
        let grants = of_role.or_else(|| world.user_grants.get_mut(arn));
        let grants = grants.ok_or_else(|| SetupError::Unknown(arn.to_owned()))?;
        grants.push(grant);
        Ok(())
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// [`SetupError::Taken`]: names are shared by all accounts.
    pub fn create_bucket(
        &self,
        account: &AccountId,
        region: &str,
        name: &str,
    ) -> Result<(), SetupError> {
        let mut world = self.shared.world();
        if world.buckets.contains_key(name) {
            return Err(SetupError::Taken(name.to_owned()));
        }
        let bucket = Bucket {
            account: account.clone(),
            region: region.to_owned(),
            objects: Default::default(),
        };
        world.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    /// What a bucket holds under a key.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.shared.world().object(bucket, key)
    }

    /// Puts an object into a bucket, as somebody outside the story would.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn put_object(
        &self,
        bucket: &str,
        key: &str,
        body: impl Into<Bytes>,
    ) -> Result<(), SetupError> {
        let at = self.shared.clock.now();
        let mut world = self.shared.world();
        let found = world.buckets.get_mut(bucket);
        let found = found.ok_or_else(|| SetupError::Unknown(bucket.to_owned()))?;
        found
            .objects
            .insert(key.to_owned(), s3::Object::laid(body.into(), at));
        Ok(())
    }

    /// The keys of a bucket, sorted; none if there is no such bucket.
    #[must_use]
    pub fn keys_in(&self, bucket: &str) -> Vec<String> {
        let world = self.shared.world();
        let bucket = world.buckets.get(bucket);
        bucket.map_or_else(Vec::new, |bucket| bucket.objects.keys().cloned().collect())
    }

    /// Adds an active cluster, or replaces one of that name.
    pub fn add_cluster(
        &self,
        account: &AccountId,
        region: &str,
        name: &str,
        endpoint: &str,
        ca_pem: &str,
    ) {
        let key = (account.clone(), region.to_owned(), name.to_owned());
        let cluster = Cluster {
            endpoint: endpoint.to_owned(),
            ca_pem: ca_pem.to_owned(),
            created: self.shared.clock.now(),
            status: ClusterStatus::Active,
            issuer: tokens::issuer(region),
        };
        self.shared.world().clusters.insert(key, cluster);
    }

    /// Moves a cluster to another point of its life.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn set_cluster_status(
        &self,
        account: &AccountId,
        region: &str,
        name: &str,
        status: ClusterStatus,
    ) -> Result<(), SetupError> {
        let key = (account.clone(), region.to_owned(), name.to_owned());
        let mut world = self.shared.world();
        let cluster = world.clusters.get_mut(&key);
        let cluster = cluster.ok_or_else(|| SetupError::Unknown(name.to_owned()))?;
        cluster.status = status;
        Ok(())
    }

    /// The roles assumed so far, in order.
    #[must_use]
    pub fn assumed(&self) -> Vec<AssumedRole> {
        self.shared.world().assumed.clone()
    }

    /// The requests answered so far, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.shared.world().journal.clone()
    }

    /// Makes the next `times` requests to a service (or to one of its actions, as
    /// `"DescribeCluster"`) fail, once their signer is believed. An SDK with retries may eat
    /// several of them in one call.
    pub fn fail(&self, service: Service, action: Option<&str>, fault: Fault, times: u32) {
        self.shared
            .world()
            .faults
            .add(service, action, fault, times);
    }

    /// Switches all faults off.
    pub fn mend(&self) {
        self.shared.world().faults.clear();
    }
}

fn check_name(name: &str) -> Result<(), SetupError> {
    if identity::is_name(name) {
        Ok(())
    } else {
        Err(SetupError::NoName(name.to_owned()))
    }
}
