//! Which resource of the API a manifest is about.

use std::collections::BTreeMap;

use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{Scope, pinned_kind};
use serde_json::Value;
use slipway_core::manifests::is_cluster_scoped;
use slipway_core::ports::{PortErrorKind, PortResult};

use super::client::Connection;
use super::error::{Doing, port_error};

/// Kinds that every cluster has, in a namespace: no round trip is needed to know their resource.
const BUILT_IN: [(&str, &str, &str); 26] = [
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("v1", "Pod", "pods"),
    ("v1", "LimitRange", "limitranges"),
    ("v1", "ResourceQuota", "resourcequotas"),
    ("v1", "Endpoints", "endpoints"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "ReplicaSet", "replicasets"),
    ("batch/v1", "Job", "jobs"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    (
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    ),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
    ),
    ("coordination.k8s.io/v1", "Lease", "leases"),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    ("events.k8s.io/v1", "Event", "events"),
    ("v1", "ReplicationController", "replicationcontrollers"),
];

/// An object to be applied or read, and where.
pub(super) struct Target {
    pub(super) title: String,
    pub(super) name: String,
    pub(super) resource: ApiResource,
    pub(super) is_namespace: bool,
}

impl Target {
    pub(super) fn api(&self, connection: &Connection) -> Api<DynamicObject> {
        let client = connection.client.clone();
        if self.is_namespace {
            Api::all_with(client, &self.resource)
        } else {
            Api::namespaced_with(client, &connection.namespace, &self.resource)
        }
    }

    pub(super) fn doing(&self, verb: &'static str) -> Doing<'_> {
        Doing {
            verb,
            resource: &self.resource.plural,
            title: &self.title,
        }
    }
}

/// Finds resources, asking the cluster once about each kind that is not built in.
#[derive(Default)]
pub(super) struct Resources {
    found: BTreeMap<(String, String), ApiResource>,
}

impl Resources {
    /// What a manifest is about.
    ///
    /// # Errors
    /// When it is outside the connection's namespace, or of a kind that the cluster does not know.
    pub(super) async fn target(
        &mut self,
        connection: &Connection,
        manifest: &Value,
    ) -> PortResult<Target> {
        let text = |pointer| {
            manifest
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (version, kind) = (text("/apiVersion"), text("/kind"));
        let name = text("/metadata/name").to_owned();
        let title = format!("{kind}/{name}");
        let refused = |said: String| {
            Err(port_error(
                &format!("applying {title}"),
                said,
                PortErrorKind::Invalid,
            ))
        };
        if version.is_empty() || kind.is_empty() || name.is_empty() {
            return refused("a manifest needs `apiVersion`, `kind` and `metadata.name`".to_owned());
        }
        let namespace = &connection.namespace;
        if (version, kind) == ("v1", "Namespace") {
            if name != *namespace {
                return refused(format!("the service's namespace is {namespace}"));
            }
            let resource = resource(version, kind, "namespaces");
            return Ok(Target {
                title,
                name,
                resource,
                is_namespace: true,
            });
        }
        let named = text("/metadata/namespace");
        if !named.is_empty() && named != namespace {
            return refused(format!(
                "it names namespace {named}, the service's is {namespace}"
            ));
        }
        if is_cluster_scoped(version, kind) {
            return refused(cluster_wide(namespace));
        }
        let resource = self.find(connection, version, kind, &title).await?;
        Ok(Target {
            title,
            name,
            resource,
            is_namespace: false,
        })
    }

    async fn find(
        &mut self,
        connection: &Connection,
        version: &str,
        kind: &str,
        title: &str,
    ) -> PortResult<ApiResource> {
        let built_in = BUILT_IN
            .iter()
            .find(|(v, k, _)| (*v, *k) == (version, kind));
        if let Some((_, _, plural)) = built_in {
            return Ok(resource(version, kind, plural));
        }
        let key = (version.to_owned(), kind.to_owned());
        if let Some(found) = self.found.get(&key) {
            return Ok(found.clone());
        }
        let (group, plain_version) = version.rsplit_once('/').unwrap_or(("", version));
        let gvk = GroupVersionKind::gvk(group, plain_version, kind);
        let doing = Doing {
            verb: "get",
            resource: "apis",
            title: &format!("the kind of {title}"),
        };
        let asked = async {
            match pinned_kind(&connection.client, &gvk).await {
                Err(kube::Error::Discovery(_)) => Ok(None),
                Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
                other => other.map(Some),
            }
        };
        let invalid = |said| port_error(&format!("applying {title}"), said, PortErrorKind::Invalid);
        let Some((found, capabilities)) = connection.call(&doing, asked).await? else {
            return Err(invalid(format!(
                "cluster {} knows no {kind} in {version}; its CustomResourceDefinition comes with a stack",
                connection.cluster
            )));
        };
        if capabilities.scope == Scope::Cluster {
            return Err(invalid(cluster_wide(&connection.namespace)));
        }
        self.found.insert(key, found.clone());
        Ok(found)
    }
}

fn cluster_wide(namespace: &str) -> String {
    format!(
        "it belongs to the whole cluster; a deploy stays inside namespace {namespace}: create it \
         with a stack"
    )
}

fn resource(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&gvk, plural)
}
