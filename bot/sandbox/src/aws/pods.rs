//! EKS Pod Identity: the agent that a pod asks for credentials, and EKS Auth behind it.
//!
//! On a real node the agent listens at `http://169.254.170.23/v1/credentials`; here it shares the
//! port of the sandbox. A pod shows the token of its ServiceAccount and is given a session of the
//! role that the ServiceAccount is associated with. That session carries tags which say who the pod
//! is, and every role assumed from it carries them as well.
//! Protocol: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>;
//! tags: <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use jiff::SignedDuration;
use serde_json::json;

use super::document::iso8601;
use super::failure::Failure;
use super::identity::{AccountId, PODS, Principal};
use super::tokens::{Claims, POD_AUDIENCE, TokenError, uid};
use super::world::{Operation, Visit, World};
use super::{Aws, SetupError};

/// Where the agent answers.
pub(super) const PATH: &str = "/v1/credentials";
/// The longest name of a session.
const NAME_LENGTH: usize = 64;

/// A ServiceAccount and the role that its pods become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The account of the cluster, and of the role.
    pub account: AccountId,
    /// The region of the cluster.
    pub region: String,
    /// The cluster.
    pub cluster: String,
    /// The namespace.
    pub namespace: String,
    /// The ServiceAccount.
    pub service_account: String,
    /// The role. It must trust [`PODS`](super::PODS) when a pod asks, not before.
    pub role_arn: String,
    /// How long the credentials live; EKS makes it six hours.
    pub lifetime: Duration,
}

impl Aws {
    /// Associates a ServiceAccount with a role.
    ///
    /// # Errors
    /// [`SetupError::Unknown`]: no such role.
    pub fn associate(&self, association: Association) -> Result<(), SetupError> {
        let mut world = self.shared.world();
        if !world.roles.contains_key(&association.role_arn) {
            return Err(SetupError::Unknown(association.role_arn));
        }
        world.associations.push(association);
        Ok(())
    }

    /// Where the Pod Identity agent answers: `AWS_CONTAINER_CREDENTIALS_FULL_URI` of a pod.
    #[must_use]
    pub fn pod_credentials_url(&self) -> String {
        let host = self.url.as_str().trim_end_matches('/');
        format!("{host}{PATH}")
    }
}

pub(super) fn operation() -> Operation {
    Operation {
        action: "AssumeRoleForPodIdentity".to_owned(),
        resource: String::new(),
    }
}

pub(super) fn answer(world: &mut World, visit: &Visit<'_>) -> Result<Response<Body>, Failure> {
    let token = visit.incoming.header("authorization");
    let token = token.ok_or_else(|| {
        Failure::bad(
            "InvalidParameterException",
            "Service account token cannot be empty",
        )
    })?;
    let claims = believe(world, &token, visit)?;
    let association = world.associations.iter().find(|found| {
        let cluster = (
            found.account.clone(),
            found.region.clone(),
            found.cluster.clone(),
        );
        let issuer = world.clusters.get(&cluster).map(|cluster| &cluster.issuer);
        issuer == Some(&claims.iss)
            && found.namespace == claims.kubernetes.namespace
            && found.service_account == claims.kubernetes.serviceaccount.name
    });
    let association = association.cloned().ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            "The token included in the request has no service account role association for it.",
        )
    })?;
    let principal = session(world, &association, &claims)?;
    let lifetime = SignedDuration::try_from(association.lifetime).unwrap_or(SignedDuration::MAX);
    let expires = visit.at.saturating_add(lifetime).unwrap_or(visit.at);
    let keys = world.admit(principal, Some(expires));
    let body = json!({
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token,
        "AccountId": association.account.as_str(),
        "Expiration": iso8601(expires, false),
    });
    Ok(axum::Json(body).into_response())
}

fn believe(world: &World, token: &str, visit: &Visit<'_>) -> Result<Claims, Failure> {
    let invalid = |why| Failure::bad("InvalidTokenException", why);
    let claims = Claims::read(token)
        .ok_or_else(|| invalid("The token included in the request cannot be parsed."))?;
    let key = world.issuers.get(&claims.iss);
    let key =
        key.ok_or_else(|| invalid("The token included in the request has an unknown issuer."))?;
    claims
        .check(token, key, visit.at)
        .map_err(|error| match error {
            TokenError::Forged => {
                invalid("The token included in the request has an invalid signature.")
            }
            TokenError::Expired => Failure::bad(
                "ExpiredTokenException",
                "The token included in the request is expired.",
            ),
        })?;
    if !claims.aud.iter().any(|audience| audience == POD_AUDIENCE) {
        return Err(invalid(
            "The token included in the request has an invalid audience.",
        ));
    }
    Ok(claims)
}

/// The session that the pod becomes.
fn session(world: &World, of: &Association, claims: &Claims) -> Result<Principal, Failure> {
    let entry = world.roles.get(&of.role_arn);
    let entry = entry.filter(|entry| {
        let trust = &entry.role.trust;
        // EKS sets tags, so both actions have to be allowed.
        trust.principals.iter().any(|principal| principal == PODS) && trust.tag_session
    });
    let entry = entry.ok_or_else(|| {
        Failure::forbidden(
            "AccessDeniedException",
            "Unauthorized Exception! EKS does not have permissions to assume the associated role.",
        )
    })?;
    let pod = &claims.kubernetes.pod;
    let mut name = format!("eks-{}-{}-{}", of.cluster, pod.name, uid());
    name.truncate(NAME_LENGTH);
    let mut principal = Principal::session(&entry.role, &entry.id, &name);
    let Association {
        account,
        region,
        cluster,
        ..
    } = of;
    let arn = format!("arn:aws:eks:{region}:{account}:cluster/{cluster}");
    let tags = [
        ("eks-cluster-arn", arn.as_str()),
        ("eks-cluster-name", cluster),
        ("kubernetes-namespace", &of.namespace),
        ("kubernetes-service-account", &of.service_account),
        ("kubernetes-pod-name", &pod.name),
        ("kubernetes-pod-uid", &pod.uid),
    ];
    principal.transitive_tags = tags
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    Ok(principal)
}
