//! Pod Security admission: what a namespace asks of its pods. Of the levels, `restricted` is known
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).

use serde_json::Value;

use super::discovery::NAMESPACE;
use super::outcome::containers;
use super::store::{Key, text};
use super::world::World;

/// The label of a namespace that names the level.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The kinds of volumes that the level allows.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Why a pod may not be in its namespace, in the words of the API server.
pub(super) fn refusal(world: &World, pod: &Value) -> Option<String> {
    let namespace = Key::new(&NAMESPACE, "", text(pod, "/metadata/namespace"));
    let labels = &world.store.get(&namespace)?["metadata"]["labels"];
    if labels[ENFORCE] != "restricted" {
        return None;
    }
    let violations = violations(&pod["spec"]);
    let name = text(pod, "/metadata/name");
    (!violations.is_empty()).then(|| {
        format!(
            "pods \"{name}\" is forbidden: violates PodSecurity \"restricted:latest\": {}",
            violations.join(", ")
        )
    })
}

fn violations(spec: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[field] == true {
            found.push(format!("host namespaces ({field}=true)"));
        }
    }
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        let kinds = volume.as_object().into_iter().flat_map(|it| it.keys());
        for kind in kinds.filter(|kind| *kind != "name" && !VOLUMES.contains(&kind.as_str())) {
            let name = text(volume, "/name");
            found.push(format!(
                "restricted volume types (volume \"{name}\" uses restricted volume type \"{kind}\")"
            ));
        }
    }
    for container in containers(spec) {
        container_violations(spec, container, &mut found);
    }
    found
}

fn container_violations(spec: &Value, container: &Value, found: &mut Vec<String>) {
    let own = &container["securityContext"];
    let name = text(container, "/name");
    // What the container leaves open, the pod decides.
    let either = |pointer: &str| {
        own.pointer(pointer)
            .or_else(|| spec["securityContext"].pointer(pointer))
    };
    if own["allowPrivilegeEscalation"] != false {
        found.push(format!(
            "allowPrivilegeEscalation != false (container \"{name}\" must set \
             securityContext.allowPrivilegeEscalation=false)"
        ));
    }
    let dropped = own["capabilities"]["drop"].as_array();
    let added = own["capabilities"]["add"].as_array();
    let drops_all = dropped.is_some_and(|all| all.iter().any(|one| one == "ALL"));
    if !drops_all || added.is_some_and(|all| all.iter().any(|one| one != "NET_BIND_SERVICE")) {
        found.push(format!(
            "unrestricted capabilities (container \"{name}\" must set \
             securityContext.capabilities.drop=[\"ALL\"])"
        ));
    }
    if own["privileged"] == true {
        found.push(format!("privileged (container \"{name}\")"));
    }
    if either("/runAsNonRoot") != Some(&Value::Bool(true)) {
        found.push(format!(
            "runAsNonRoot != true (pod or container \"{name}\" must set \
             securityContext.runAsNonRoot=true)"
        ));
    }
    if either("/runAsUser").and_then(Value::as_i64) == Some(0) {
        found.push(format!(
            "runAsUser=0 (container \"{name}\" must not set runAsUser=0)"
        ));
    }
    let profile = either("/seccompProfile/type").and_then(Value::as_str);
    if !matches!(profile, Some("RuntimeDefault" | "Localhost")) {
        found.push(format!(
            "seccompProfile (pod or container \"{name}\" must set \
             securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        ));
    }
}
