//! What a deploy or rollback says, from queued to live or failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link, ReleaseRef};
use crate::ids::{EnvName, Login, ServiceName};

/// One deploy of one service to one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployComment {
    /// The key of the hidden marker.
    pub key: String,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub env: EnvName,
    /// What is rolled out.
    pub release: ReleaseRef,
    /// What was live before.
    pub was: Option<ReleaseRef>,
    /// How far it is.
    pub state: DeployState,
    /// As whom, once known.
    pub identity: Option<Identity>,
    /// How the image was tied to the commit.
    pub provenance: Option<Provenance>,
    /// The environment's address.
    pub url: Option<String>,
    /// The run's page.
    pub page: Option<Link>,
    /// The command that takes it back, `/rollback dev`.
    pub undo: Option<String>,
}

/// How an image was tied to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Its `org.opencontainers.image.revision` label is the commit.
    Label,
    /// A signed attestation says so.
    Attestation,
    /// Not asked for.
    Off,
}

/// How far a deploy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployState {
    /// Waits for its turn or for a window; why, as plain text.
    Queued(String),
    /// CI has not published the image yet.
    WaitingForImage {
        /// The image with its tag.
        image: String,
        /// How long it has been waited for.
        waited: Duration,
        /// When it is given up.
        limit: Duration,
    },
    /// Kubernetes is replacing pods.
    RollingOut {
        /// Pods of the new release that are ready.
        ready: u32,
        /// Pods wanted.
        wanted: u32,
        /// Since its start.
        elapsed: Duration,
    },
    /// Live and healthy.
    Live {
        /// Pods ready.
        ready: u32,
        /// Pods wanted.
        wanted: u32,
        /// From start to healthy.
        took: Duration,
    },
    /// Failed before or during the rollout.
    Failed(RolloutFailure),
    /// Failed, and the release before it was put back.
    RolledBack {
        /// Why.
        failure: RolloutFailure,
        /// What is live now.
        to: ReleaseRef,
        /// True when automatic deploys are held from now on.
        hold: bool,
    },
    /// A newer release took its place.
    Superseded {
        /// By which.
        by: ReleaseRef,
    },
    /// Stopped by a person.
    Cancelled {
        /// Who.
        by: Login,
    },
    /// The bot died in it; it looked, and asks.
    Interrupted {
        /// What it found, as plain text.
        found: String,
        /// Commands that make sense next.
        next: Vec<String>,
    },
}

/// What went wrong in a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutFailure {
    /// One line, as plain text: `3 pods can't pull their image`.
    pub summary: String,
    /// The containers that are not well.
    pub containers: Vec<ContainerTrouble>,
    /// Kubernetes' events, the newest last.
    pub events: Vec<String>,
    /// True when the release before is still serving.
    pub previous_serving: bool,
}

/// One container that is not well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerTrouble {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Kubernetes' word: `CrashLoopBackOff`.
    pub reason: String,
    /// Kubernetes' sentence.
    pub message: Option<String>,
    /// The exit code of its last end.
    pub exit_code: Option<i32>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Its last lines, the newest last.
    pub log: Vec<String>,
}

impl DeployComment {
    /// The comment's body, with its marker.
    #[must_use]
    pub fn markdown(&self) -> String {
        super::markdown::marker(&self.key)
    }
}
