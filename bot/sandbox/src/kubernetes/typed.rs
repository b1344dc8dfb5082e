//! Objects as their Go types would take them: what does not decode is refused, unknown fields are
//! found, nulls vanish, quantities become text.

use k8s_openapi::api::{apps, autoscaling, batch, core, networking, policy, rbac, storage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::discovery::Resource;
use super::status::Refusal;

/// Members whose values are quantities (`cpu: 1` is stored as `"1"`).
const QUANTITIES: &[&str] = &[
    "limits",
    "requests",
    "hard",
    "default",
    "defaultRequest",
    "max",
    "min",
    "capacity",
];

/// The object without nulls and with its quantities written as text.
pub(super) fn normalize(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let value = if QUANTITIES.contains(&name.as_str()) {
                    with_text_quantities(value)
                } else {
                    normalize(value)
                };
                (name.clone(), value)
            })
            .collect(),
        Value::Array(items) => items.iter().map(normalize).collect(),
        _ => value.clone(),
    }
}

fn with_text_quantities(value: &Value) -> Value {
    let Value::Object(members) = value else {
        return normalize(value);
    };
    members
        .iter()
        .map(|(name, value)| match value {
            Value::Number(number) => (name.clone(), number.to_string().into()),
            _ => (name.clone(), normalize(value)),
        })
        .collect()
}

/// Takes the fields out of an object that its type does not have; hands back their paths
/// (`spec.replica`).
///
/// # Errors
/// 400 when the object does not decode at all.
pub(super) fn drop_unknown(
    resource: &Resource,
    object: &mut Value,
) -> Result<Vec<String>, Refusal> {
    let Some(decoded) = decode(resource.kind, object) else {
        return Ok(Vec::new());
    };
    let decoded = decoded.map_err(|error| {
        let (kind, version) = (resource.kind, resource.version);
        Refusal::bad_request(format!(
            "{kind} in version \"{version}\" cannot be handled as a {kind}: json: {error}"
        ))
    })?;
    let mut unknown = Vec::new();
    keep_known(object, &decoded, "", &mut unknown);
    Ok(unknown)
}

/// Whatever is not in the decoded object was not understood.
fn keep_known(object: &mut Value, decoded: &Value, path: &str, unknown: &mut Vec<String>) {
    match (object, decoded) {
        (Value::Object(members), Value::Object(known)) => {
            members.retain(|name, value| {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{name}");
                match known.get(name) {
                    Some(decoded) => keep_known(value, decoded, &path, unknown),
                    None => unknown.push(path),
                }
                known.contains_key(name)
            });
        }
        (Value::Array(items), Value::Array(known)) => {
            for (at, (item, decoded)) in items.iter_mut().zip(known).enumerate() {
                keep_known(item, decoded, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

/// An object through its type and back; `None` if its kind has no type.
fn decode(kind: &str, object: &Value) -> Option<serde_json::Result<Value>> {
    Some(match kind {
        "Namespace" => through::<core::v1::Namespace>(object),
        "Node" => through::<core::v1::Node>(object),
        "Pod" => through::<core::v1::Pod>(object),
        "Service" => through::<core::v1::Service>(object),
        "ConfigMap" => through::<core::v1::ConfigMap>(object),
        "Secret" => through::<core::v1::Secret>(object),
        "ServiceAccount" => through::<core::v1::ServiceAccount>(object),
        "Event" => through::<core::v1::Event>(object),
        "PersistentVolumeClaim" => through::<core::v1::PersistentVolumeClaim>(object),
        "ResourceQuota" => through::<core::v1::ResourceQuota>(object),
        "LimitRange" => through::<core::v1::LimitRange>(object),
        "Deployment" => through::<apps::v1::Deployment>(object),
        "ReplicaSet" => through::<apps::v1::ReplicaSet>(object),
        "StatefulSet" => through::<apps::v1::StatefulSet>(object),
        "DaemonSet" => through::<apps::v1::DaemonSet>(object),
        "Job" => through::<batch::v1::Job>(object),
        "CronJob" => through::<batch::v1::CronJob>(object),
        "Ingress" => through::<networking::v1::Ingress>(object),
        "NetworkPolicy" => through::<networking::v1::NetworkPolicy>(object),
        "PodDisruptionBudget" => through::<policy::v1::PodDisruptionBudget>(object),
        "HorizontalPodAutoscaler" => through::<autoscaling::v2::HorizontalPodAutoscaler>(object),
        "Role" => through::<rbac::v1::Role>(object),
        "RoleBinding" => through::<rbac::v1::RoleBinding>(object),
        "ClusterRole" => through::<rbac::v1::ClusterRole>(object),
        "ClusterRoleBinding" => through::<rbac::v1::ClusterRoleBinding>(object),
        "StorageClass" => through::<storage::v1::StorageClass>(object),
        "IngressClass" => through::<networking::v1::IngressClass>(object),
        // The schemas of custom kinds are not known here.
        _ => return None,
    })
}

fn through<T: DeserializeOwned + Serialize>(object: &Value) -> serde_json::Result<Value> {
    serde_json::to_value(T::deserialize(object)?)
}
