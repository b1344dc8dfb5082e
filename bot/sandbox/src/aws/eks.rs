//! Elastic Kubernetes Service: `DescribeCluster` and `ListClusters`, over REST JSON.
//!
//! A caller sees the clusters of its own account in the region that it signed for, and no others.
//! API: <https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html>.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::failure::Failure;
use super::identity::{AccountId, Grant};
use super::request::Incoming;
use super::world::{Call, Operation, World};

/// The Kubernetes version that clusters say they run.
const KUBERNETES_VERSION: &str = "1.33";

/// Where a cluster is in its life. Only an active one has an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterStatus {
    /// Being made: no endpoint and no certificate authority yet.
    Creating,
    /// In use.
    Active,
    /// Being taken down.
    Deleting,
    /// Could not be made.
    Failed,
}

impl ClusterStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
            Self::Failed => "FAILED",
        }
    }
}

/// A cluster as EKS describes it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) endpoint: String,
    pub(super) ca_pem: String,
    pub(super) created: Timestamp,
    pub(super) status: ClusterStatus,
    /// Who signs the tokens of its ServiceAccounts.
    pub(super) issuer: String,
}

enum Action {
    Describe(String),
    List,
    Unknown,
}

fn action(incoming: &Incoming) -> Action {
    let path = incoming.decoded_path();
    let name = path.strip_prefix("/clusters/");
    match (&incoming.method, name) {
        (&Method::GET, Some(name)) if !name.is_empty() && !name.contains('/') => {
            Action::Describe(name.to_owned())
        }
        (&Method::GET, None) if path == "/clusters" => Action::List,
        _ => Action::Unknown,
    }
}

pub(super) fn operation(incoming: &Incoming) -> Operation {
    let (action, resource) = match action(incoming) {
        Action::Describe(name) => ("DescribeCluster".to_owned(), name),
        Action::List => ("ListClusters".to_owned(), String::new()),
        Action::Unknown => (incoming.method.to_string(), incoming.path.clone()),
    };
    Operation { action, resource }
}

pub(super) fn answer(world: &World, call: &Call<'_>) -> Result<Response<Body>, Failure> {
    match action(call.incoming) {
        Action::Describe(name) => {
            let arn = cluster_arn(&call.caller.account, call.region, &name);
            check_grant(world, call, "DescribeCluster", &arn)?;
            describe(world, call, name, &arn)
        }
        Action::List => {
            let everything = cluster_arn(&call.caller.account, call.region, "*");
            check_grant(world, call, "ListClusters", &everything)?;
            list(world, call)
        }
        Action::Unknown => Err(Failure::new(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "No such operation",
        )),
    }
}

fn check_grant(world: &World, call: &Call<'_>, action: &str, arn: &str) -> Result<(), Failure> {
    if world
        .grants_of(call.caller)
        .contains(&Grant::DescribeClusters)
    {
        return Ok(());
    }
    let why = format!(
        "User: {} is not authorized to perform: eks:{action} on resource: {arn}",
        call.caller.arn
    );
    Err(Failure::forbidden("AccessDeniedException", why))
}

fn cluster_arn(account: &AccountId, region: &str, name: &str) -> String {
    format!("arn:aws:eks:{region}:{account}:cluster/{name}")
}

fn describe(
    world: &World,
    call: &Call<'_>,
    name: String,
    arn: &str,
) -> Result<Response<Body>, Failure> {
    let account = &call.caller.account;
    let key = (account.clone(), call.region.to_owned(), name);
    let found = world.clusters.get(&key);
    let (_, _, name) = &key;
    let cluster = found.ok_or_else(|| {
        Failure::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            format!("No cluster found for name: {name}."),
        )
    })?;
    let mut shown = json!({
        "name": name,
        "arn": arn,
        "createdAt": cluster.created.as_second(),
        "version": KUBERNETES_VERSION,
        "platformVersion": "eks.1",
        "roleArn": format!("arn:aws:iam::{account}:role/{name}-cluster"),
        "status": cluster.status.as_str(),
        "accessConfig": {"authenticationMode": "API"},
        "resourcesVpcConfig": {"endpointPublicAccess": true, "endpointPrivateAccess": true},
        "identity": {"oidc": {"issuer": cluster.issuer}},
        "health": {"issues": []},
        "tags": {},
    });
    if cluster.status != ClusterStatus::Creating {
        shown["endpoint"] = Value::from(cluster.endpoint.as_str());
        shown["certificateAuthority"] = json!({"data": STANDARD.encode(&cluster.ca_pem)});
    }
    Ok(axum::Json(json!({ "cluster": shown })).into_response())
}

fn list(world: &World, call: &Call<'_>) -> Result<Response<Body>, Failure> {
    let asked = call.incoming.param("maxResults").unwrap_or("100");
    let size = asked.parse::<usize>().ok();
    let size = size.filter(|size| (1..=100).contains(size));
    let size = size.ok_or_else(|| {
        Failure::bad(
            "InvalidParameterException",
            "maxResults must be between 1 and 100",
        )
    })?;
    // A page's token is the last name on the page before it.
    let after = call.incoming.param("nextToken").unwrap_or_default();
    let mut names: Vec<&str> = world
        .clusters
        .keys()
        .filter(|(account, region, _)| *account == call.caller.account && region == call.region)
        .map(|(_, _, name)| name.as_str())
        .filter(|name| *name > after)
        .take(size + 1)
        .collect();
    let more = names.len() > size;
    names.truncate(size);
    let token = names.last().filter(|_| more);
    let body = json!({"clusters": names, "nextToken": token});
    Ok(axum::Json(body).into_response())
}
