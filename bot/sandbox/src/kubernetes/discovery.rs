//! What this API server serves: one table, and the discovery documents made from it.

use serde_json::{Map, Value, json};

/// One kind of object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
    short: &'static [&'static str],
    subresources: &'static [&'static str],
}

impl Resource {
    /// `apps/v1`, or `v1` for the core group.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The name in messages: `deployments.apps`, `pods`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether a change of the specification counts up `metadata.generation`.
    pub(super) fn has_generation(&self) -> bool {
        !matches!(self.group, "" | RBAC | STORAGE)
    }

    pub(super) fn has_subresource(&self, name: &str) -> bool {
        self.subresources.contains(&name)
    }
}

const fn core(
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    short: &'static [&'static str],
    subresources: &'static [&'static str],
) -> Resource {
    Resource {
        group: "",
        version: "v1",
        plural,
        kind,
        namespaced,
        short,
        subresources,
    }
}

const fn grouped(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
    subresources: &'static [&'static str],
) -> Resource {
    Resource {
        group,
        version,
        plural,
        kind,
        namespaced: true,
        short,
        subresources,
    }
}

const fn cluster_wide(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
) -> Resource {
    Resource {
        namespaced: false,
        ..grouped(group, version, plural, kind, short, &[])
    }
}

const APPS: &str = "apps";
const BATCH: &str = "batch";
const NETWORK: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const STATUS: &[&str] = &["status"];
const SCALED: &[&str] = &["scale", "status"];

/// `namespaces`.
pub(super) const NAMESPACE: Resource = core("namespaces", "Namespace", false, &["ns"], STATUS);
/// `nodes`.
pub(super) const NODE: Resource = core("nodes", "Node", false, &["no"], STATUS);
/// `pods`.
pub(super) const POD: Resource = core("pods", "Pod", true, &["po"], &["log", "status"]);
/// `events`.
pub(super) const EVENT: Resource = core("events", "Event", true, &["ev"], &[]);
/// `deployments`.
pub(super) const DEPLOYMENT: Resource =
    grouped(APPS, "v1", "deployments", "Deployment", &["deploy"], SCALED);
/// `replicasets`.
pub(super) const REPLICA_SET: Resource =
    grouped(APPS, "v1", "replicasets", "ReplicaSet", &["rs"], SCALED);
/// `statefulsets`.
pub(super) const STATEFUL_SET: Resource =
    grouped(APPS, "v1", "statefulsets", "StatefulSet", &["sts"], SCALED);
/// `daemonsets`.
pub(super) const DAEMON_SET: Resource =
    grouped(APPS, "v1", "daemonsets", "DaemonSet", &["ds"], STATUS);
/// `persistentvolumeclaims`.
pub(super) const CLAIM: Resource = core(
    "persistentvolumeclaims",
    "PersistentVolumeClaim",
    true,
    &["pvc"],
    STATUS,
);
/// `horizontalpodautoscalers`.
pub(super) const AUTOSCALER: Resource = grouped(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    &["hpa"],
    STATUS,
);
/// `storageclasses`.
pub(super) const STORAGE_CLASS: Resource =
    cluster_wide(STORAGE, "v1", "storageclasses", "StorageClass", &["sc"]);
/// `jobs`.
pub(super) const JOB: Resource = grouped(BATCH, "v1", "jobs", "Job", &[], STATUS);

/// Every kind of object that can be stored.
pub(super) static RESOURCES: &[Resource] = &[
    NAMESPACE,
    NODE,
    POD,
    core("services", "Service", true, &["svc"], STATUS),
    core("configmaps", "ConfigMap", true, &["cm"], &[]),
    core("secrets", "Secret", true, &[], &[]),
    core("serviceaccounts", "ServiceAccount", true, &["sa"], &[]),
    EVENT,
    CLAIM,
    core("resourcequotas", "ResourceQuota", true, &["quota"], STATUS),
    core("limitranges", "LimitRange", true, &["limits"], &[]),
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    JOB,
    grouped(BATCH, "v1", "cronjobs", "CronJob", &["cj"], STATUS),
    grouped(NETWORK, "v1", "ingresses", "Ingress", &["ing"], STATUS),
    grouped(
        NETWORK,
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        &["netpol"],
        &[],
    ),
    grouped(
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        &["pdb"],
        STATUS,
    ),
    AUTOSCALER,
    grouped(RBAC, "v1", "roles", "Role", &[], &[]),
    grouped(RBAC, "v1", "rolebindings", "RoleBinding", &[], &[]),
    cluster_wide(RBAC, "v1", "clusterroles", "ClusterRole", &[]),
    cluster_wide(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", &[]),
    STORAGE_CLASS,
    cluster_wide(NETWORK, "v1", "ingressclasses", "IngressClass", &[]),
    // The custom kinds of EKS Auto Mode and of the AWS Load Balancer Controller.
    cluster_wide(
        "eks.amazonaws.com",
        "v1",
        CLASS_PARAMS.0,
        CLASS_PARAMS.1,
        &[],
    ),
    cluster_wide(
        "elbv2.k8s.aws",
        "v1beta1",
        CLASS_PARAMS.0,
        CLASS_PARAMS.1,
        &[],
    ),
];

const CLASS_PARAMS: (&str, &str) = ("ingressclassparams", "IngressClassParams");

/// The resource at this place in the API.
pub(super) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|resource| {
        resource.group == group && resource.version == version && resource.plural == plural
    })
}

/// The resources of this kind; of a custom kind there may be several.
pub(super) fn of_kind(kind: &str) -> impl Iterator<Item = &'static Resource> {
    RESOURCES
        .iter()
        .filter(move |resource| resource.kind == kind)
}

/// The document at a discovery path, if it is one that this server has.
pub(super) fn document(path: &str) -> Option<Value> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        "/version" => Some(json!({
            "major": "1",
            "minor": "33",
            "gitVersion": "v1.33.5-eks-113cf36",
            "gitCommit": "113cf36f3c3b4ac3a4ccf5d7a0d2a3c4a1a5f6a7",
            "gitTreeState": "clean",
            "buildDate": "2026-01-12T00:00:00Z",
            "goVersion": "go1.24.6",
            "compiler": "gc",
            "platform": "linux/amd64",
        })),
        "/api" => Some(json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        })),
        "/apis" => Some(json!({
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": groups().into_iter().map(group_document).collect::<Vec<_>>(),
        })),
        "/api/v1" => Some(resource_list("", "v1")),
        "/openapi/v3" => Some(openapi_index()),
        _ => {
            if let Some(rest) = path.strip_prefix("/openapi/v3/") {
                return openapi_document(rest);
            }
            let rest = path.strip_prefix("/apis/")?;
            let (group, version) = match rest.split_once('/') {
                Some((group, version)) => (group, Some(version)),
                None => (rest, None),
            };
            let known = groups().into_iter().find(|(name, _)| *name == group)?;
            match version {
                None => {
                    let mut document = group_document(known);
                    document["kind"] = "APIGroup".into();
                    document["apiVersion"] = "v1".into();
                    Some(document)
                }
                Some(version) if version == known.1 => Some(resource_list(group, version)),
                Some(_) => None,
            }
        }
    }
}

/// The named groups with their one version each, in the table's order.
fn groups() -> Vec<(&'static str, &'static str)> {
    let mut groups = Vec::new();
    for resource in RESOURCES
        .iter()
        .filter(|resource| !resource.group.is_empty())
    {
        let group = (resource.group, resource.version);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups.push(REVIEWS);
    groups
}

/// The group of access reviews, which are answered and never stored.
const REVIEWS: (&str, &str) = ("authorization.k8s.io", "v1");

fn group_document((group, version): (&str, &str)) -> Value {
    let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
    json!({"name": group, "versions": [version], "preferredVersion": version})
}

fn resource_list(group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    let served = RESOURCES
        .iter()
        .filter(|resource| resource.group == group && resource.version == version);
    for resource in served {
        resources.push(json!({
            "name": resource.plural,
            "singularName": resource.kind.to_lowercase(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": [
                "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
            ],
            "shortNames": resource.short,
        }));
        for subresource in resource.subresources {
            resources.push(subresource_document(resource, subresource));
        }
    }
    if (group, version) == REVIEWS {
        resources.push(json!({
            "name": "selfsubjectaccessreviews",
            "singularName": "selfsubjectaccessreview",
            "namespaced": false,
            "kind": "SelfSubjectAccessReview",
            "verbs": ["create"],
        }));
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": resources,
    })
}

fn subresource_document(resource: &Resource, subresource: &str) -> Value {
    let mut document = json!({
        "name": format!("{}/{subresource}", resource.plural),
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": ["get", "patch", "update"],
    });
    match subresource {
        "scale" => {
            document["group"] = "autoscaling".into();
            document["version"] = "v1".into();
            document["kind"] = "Scale".into();
        }
        "log" => document["verbs"] = json!(["get"]),
        _ => {}
    }
    document
}

/// Where the OpenAPI documents are, one per group and version.
fn openapi_index() -> Value {
    let mut paths = Map::new();
    let groups = groups()
        .into_iter()
        .map(|(group, version)| format!("apis/{group}/{version}"));
    for group in std::iter::once("api/v1".to_owned()).chain(groups) {
        let url = format!("/openapi/v3/{group}");
        paths.insert(group, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

/// As much of an OpenAPI document as `kubectl` reads before it leaves validation to the server.
fn openapi_document(path: &str) -> Option<Value> {
    let mut paths = Map::new();
    for resource in RESOURCES {
        let api = if resource.group.is_empty() {
            "api"
        } else {
            "apis"
        };
        let base = format!("{api}/{}", resource.api_version());
        if base != path {
            continue;
        }
        let kind = json!({
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        });
        let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation", "force"]
            .iter()
            .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
            .collect();
        let patch = json!({"parameters": parameters, "x-kubernetes-group-version-kind": kind});
        let scope = if resource.namespaced {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let path = format!("/{base}/{scope}{}/{{name}}", resource.plural);
        paths.insert(path, json!({"patch": patch}));
    }
    let info = json!({"title": "Kubernetes", "version": "v1.33.5"});
    (!paths.is_empty()).then(|| json!({"openapi": "3.0.0", "info": info, "paths": paths}))
}
