//! What happened: one entry per request, one record per assumed role; and the faults to come.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

/// A service of this AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Security Token Service.
    Sts,
    /// Elastic Kubernetes Service.
    Eks,
    /// Simple Storage Service.
    S3,
    /// Secrets Manager.
    SecretsManager,
    /// EKS Pod Identity: the agent on a pod's node, and EKS Auth behind it.
    PodIdentity,
}

impl Service {
    /// The service that a credential scope names.
    pub(super) fn of_scope(name: &str) -> Option<Self> {
        match name {
            "sts" => Some(Self::Sts),
            "eks" => Some(Self::Eks),
            "s3" => Some(Self::S3),
            "secretsmanager" => Some(Self::SecretsManager),
            _ => None,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sts => "sts",
            Self::Eks => "eks",
            Self::S3 => "s3",
            Self::SecretsManager => "secretsmanager",
            Self::PodIdentity => "eks-auth",
        })
    }
}

/// One request that reached this AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// When, in world time.
    pub at: Timestamp,
    /// Which service.
    pub service: Service,
    /// The operation (`AssumeRole`, `DescribeCluster`, `PutObject`).
    pub action: String,
    /// What it was about: a role's ARN, a cluster's name, `bucket/key`; may be empty.
    pub resource: String,
    /// The ARN of the signer, once the signature is believed.
    pub who: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error code of the answer.
    pub error: Option<String>,
}

/// One role that was assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedRole {
    /// The role asked for.
    pub role_arn: String,
    /// The session's name.
    pub session_name: String,
    /// The source identity given or inherited.
    pub source_identity: Option<String>,
    /// The external id given, whether asked for by the trust or not.
    pub external_id: Option<String>,
    /// The session's tags.
    pub tags: BTreeMap<String, String>,
    /// How long the credentials live.
    pub duration: Duration,
    /// The ARN of the caller.
    pub by: String,
    /// When, in world time.
    pub at: Timestamp,
    /// The key id handed out, to find its use in the journal of another service.
    pub access_key_id: String,
}

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller is told that it may not.
    AccessDenied,
    /// The service breaks: a 500 in its own words.
    ServerError,
    /// The caller is told to slow down: `Throttling`, `ThrottlingException`, `SlowDown`.
    Throttling,
}

/// A fault that waits for its requests.
#[derive(Clone, Debug)]
struct Pending {
    service: Service,
    action: Option<String>,
    fault: Fault,
    times: u32,
}

/// The faults that are switched on, in the order they were.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Pending>);

impl Faults {
    pub(super) fn add(&mut self, service: Service, action: Option<&str>, fault: Fault, times: u32) {
        self.0.push(Pending {
            service,
            action: action.map(str::to_owned),
            fault,
            times,
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this request meets, counted down.
    pub(super) fn take(&mut self, service: Service, action: &str) -> Option<Fault> {
        let pending = self.0.iter_mut().find(|pending| {
            let meant = pending.action.as_deref().is_none_or(|of| of == action);
            pending.service == service && meant && pending.times > 0
        })?;
        pending.times -= 1;
        let fault = pending.fault;
        self.0.retain(|pending| pending.times > 0);
        Some(fault)
    }
}
