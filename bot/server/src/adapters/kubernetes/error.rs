//! What the Kubernetes API says, in the words of the ports.

use std::fmt;
use std::time::Duration;

use kube::core::Status;
use slipway_core::ports::{PortError, PortErrorKind};

use super::client::Connection;
use super::diagnosis::clean;

/// The name of the API in errors.
const KUBERNETES: &str = "Kubernetes";

/// The longest wait taken from the API.
const LONGEST_WAIT: u64 = 600;

/// Puts an error together.
pub(super) fn port_error(doing: &str, said: impl Into<String>, kind: PortErrorKind) -> PortError {
    PortError {
        system: KUBERNETES,
        doing: doing.to_owned(),
        said: said.into(),
        kind,
    }
}

/// What is asked of the API: a verb of RBAC and what it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing<'a> {
    /// `patch`, `get`, `watch`, … .
    pub(super) verb: &'static str,
    /// `deployments`, … .
    pub(super) resource: &'a str,
    /// `Deployment/shop`, or what else a person would say.
    pub(super) title: &'a str,
}

impl fmt::Display for Doing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.verb {
            "patch" => "applying",
            "watch" => "watching",
            _ => "reading",
        };
        write!(f, "{doing} {}", self.title)
    }
}

impl Doing<'_> {
    /// Translates the failure of a call.
    pub(super) fn failed(&self, connection: &Connection, error: &kube::Error) -> PortError {
        match error {
            kube::Error::Api(status) => self.refused(connection, status),
            kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) => {
                port_error(&self.to_string(), innermost(error), PortErrorKind::Invalid)
            }
            other => port_error(
                &self.to_string(),
                innermost(other),
                PortErrorKind::Unavailable { retry_after: None },
            ),
        }
    }

    /// Translates a `Status` answer.
    pub(super) fn refused(&self, connection: &Connection, status: &Status) -> PortError {
        let (kind, help) = match status.code {
            401 => (PortErrorKind::Denied, Some(unauthorized(connection))),
            403 => (PortErrorKind::Denied, self.forbidden(connection, status)),
            404 => (PortErrorKind::NotFound, not_found(connection, status)),
            409 => (PortErrorKind::Conflict, conflict(status)),
            408 | 429 | 500..=599 => {
                let seconds = status
                    .details
                    .as_ref()
                    .map_or(0, |it| it.retry_after_seconds);
                let wait = Duration::from_secs(u64::from(seconds).min(LONGEST_WAIT));
                let retry_after = (!wait.is_zero()).then_some(wait);
                (PortErrorKind::Unavailable { retry_after }, None)
            }
            _ => (PortErrorKind::Invalid, immutable(status)),
        };
        // What stands in front of the API answers in HTML of any length.
        let mut said = match status.message.as_str() {
            "" => format!("{} {}", status.code, status.reason),
            message => clean(message),
        };
        if let Some(help) = help {
            said.push_str(&format!(" ({help})"));
        }
        port_error(&self.to_string(), said, kind)
    }

    /// Admission (quotas, webhooks) refuses with the same code as RBAC, and another message.
    fn forbidden(&self, connection: &Connection, status: &Status) -> Option<String> {
        if !status.message.contains("cannot ") {
            return None;
        }
        let namespace = &connection.namespace;
        if self.resource == "namespaces" {
            return Some(format!(
                "no access entry for one namespace allows this: create {namespace} with a stack \
                 and leave its manifest out"
            ));
        }
        Some(format!(
            "give the deploy role an EKS access entry whose policy, or a RoleBinding in namespace \
             {namespace} whose Role, allows `{}` on `{}`",
            self.verb, self.resource
        ))
    }
}

fn unauthorized(connection: &Connection) -> String {
    format!(
        "cluster {} does not take the token: it has ended, or the deploy role has no access entry \
         in the cluster",
        connection.cluster
    )
}

fn not_found(connection: &Connection, status: &Status) -> Option<String> {
    let kind = status
        .details
        .as_ref()
        .map_or("", |details| details.kind.as_str());
    (kind == "namespaces").then(|| {
        format!(
            "add a Namespace manifest for {} to the service, or create it with a stack",
            connection.namespace
        )
    })
}

/// Selectors, and nearly all of a Job, can't be changed once they are there.
fn immutable(status: &Status) -> Option<String> {
    status
        .message
        .contains("field is immutable")
        .then(|| "give the object another name, or delete the one in the cluster first".to_owned())
}

/// What to do about fields that somebody else owns; which and who, Kubernetes says itself
/// (Kubernetes, "Server-Side Apply: Conflicts").
fn conflict(status: &Status) -> Option<String> {
    let details = status.details.as_ref()?;
    let owned = details
        .causes
        .iter()
        .any(|cause| cause.reason == "FieldManagerConflict");
    owned.then(|| {
        "take the field out of the manifest, or hand it over: `kubectl apply --server-side \
         --force-conflicts --field-manager=slipway`"
            .to_owned()
    })
}

/// The cause behind all others: "connection refused" rather than "service error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
