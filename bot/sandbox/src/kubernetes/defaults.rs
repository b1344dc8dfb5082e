//! The defaults that the API server writes into objects (Kubernetes 1.33, the fields that clients
//! of this sandbox can meet).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::discovery::Resource;
use super::store::{digest, text};

/// Fills in what an object leaves open.
pub(super) fn fill(resource: &Resource, object: &mut Value) {
    match resource.kind {
        "Pod" => pod(&mut object["spec"]),
        "Deployment" => {
            let spec = &mut object["spec"];
            set(spec, "replicas", json!(1));
            set(spec, "revisionHistoryLimit", json!(10));
            set(spec, "progressDeadlineSeconds", json!(600));
            deployment_strategy(spec);
            template(spec);
        }
        "ReplicaSet" => {
            set(&mut object["spec"], "replicas", json!(1));
            template(&mut object["spec"]);
        }
        "StatefulSet" => {
            let spec = &mut object["spec"];
            set(spec, "replicas", json!(1));
            set(spec, "revisionHistoryLimit", json!(10));
            set(spec, "podManagementPolicy", json!("OrderedReady"));
            let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
            set(spec, "updateStrategy", rolling);
            let retained = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            set(spec, "persistentVolumeClaimRetentionPolicy", retained);
            for claim in items(spec, "volumeClaimTemplates") {
                set(claim, "apiVersion", json!("v1"));
                set(claim, "kind", json!("PersistentVolumeClaim"));
                self::claim(claim);
            }
            template(spec);
        }
        "PersistentVolumeClaim" => claim(object),
        "HorizontalPodAutoscaler" => set(&mut object["spec"], "minReplicas", json!(1)),
        "StorageClass" => {
            set(object, "reclaimPolicy", json!("Delete"));
            set(object, "volumeBindingMode", json!("Immediate"));
        }
        "DaemonSet" => {
            let spec = &mut object["spec"];
            set(spec, "revisionHistoryLimit", json!(10));
            let rolling = json!({"maxSurge": 0, "maxUnavailable": 1});
            let rolling = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
            set(spec, "updateStrategy", rolling);
            template(spec);
        }
        "Job" => job(object),
        "Service" => service(object),
        "Secret" => secret(object),
        "Namespace" => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            set(&mut object["spec"], "finalizers", json!(["kubernetes"]));
            set(object, "status", json!({"phase": "Active"}));
        }
        _ => {}
    }
}

/// Sets a member that is not there. What is no object is left to validation.
fn set(object: &mut Value, name: &str, value: Value) {
    if object.is_null() {
        *object = json!({});
    }
    if let Some(members) = object.as_object_mut()
        && members.get(name).is_none_or(Value::is_null)
    {
        members.insert(name.to_owned(), value);
    }
}

/// The items of a list that may not be there.
fn items<'a>(object: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = object.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn deployment_strategy(spec: &mut Value) {
    set(spec, "strategy", json!({}));
    let strategy = &mut spec["strategy"];
    set(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        set(strategy, "rollingUpdate", json!({}));
        set(&mut strategy["rollingUpdate"], "maxSurge", json!("25%"));
        set(
            &mut strategy["rollingUpdate"],
            "maxUnavailable",
            json!("25%"),
        );
    }
}

fn template(spec: &mut Value) {
    if spec["template"]["spec"].is_object() {
        pod(&mut spec["template"]["spec"]);
    }
}

fn pod(spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    set(spec, "restartPolicy", json!("Always"));
    set(spec, "dnsPolicy", json!("ClusterFirst"));
    set(spec, "schedulerName", json!("default-scheduler"));
    set(spec, "terminationGracePeriodSeconds", json!(30));
    set(spec, "securityContext", json!({}));
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            self::container(container);
        }
    }
}

fn container(container: &mut Value) {
    if !container.is_object() {
        return;
    }
    let image = container["image"].as_str().unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let floating = !last.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    let policy = if floating { "Always" } else { "IfNotPresent" };
    set(container, "imagePullPolicy", json!(policy));
    set(
        container,
        "terminationMessagePath",
        json!("/dev/termination-log"),
    );
    set(container, "terminationMessagePolicy", json!("File"));
    set(container, "resources", json!({}));
    for port in items(container, "ports") {
        set(port, "protocol", json!("TCP"));
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.get_mut(probe).filter(|probe| probe.is_object());
        let Some(probe) = probe else { continue };
        set(probe, "timeoutSeconds", json!(1));
        set(probe, "periodSeconds", json!(10));
        set(probe, "successThreshold", json!(1));
        set(probe, "failureThreshold", json!(3));
        if probe["httpGet"].is_object() {
            set(&mut probe["httpGet"], "scheme", json!("HTTP"));
        }
    }
}

fn claim(object: &mut Value) {
    set(&mut object["spec"], "volumeMode", json!("Filesystem"));
    set(object, "status", json!({"phase": "Pending"}));
}

fn job(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    let spec = &mut object["spec"];
    set(spec, "completions", json!(1));
    set(spec, "parallelism", json!(1));
    set(spec, "backoffLimit", json!(6));
    set(spec, "completionMode", json!("NonIndexed"));
    set(spec, "suspend", json!(false));
    if spec["template"].is_object() {
        let labels = &mut spec["template"]["metadata"]["labels"];
        labels["batch.kubernetes.io/job-name"] = name.clone();
        labels["job-name"] = name.clone();
        let selector = json!({"matchLabels": {"batch.kubernetes.io/job-name": name}});
        set(spec, "selector", selector);
    }
    template(spec);
}

fn service(object: &mut Value) {
    let hash = digest(&json!([
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name")
    ]));
    let byte = |at: usize| {
        let digits = hash.get(at..at + 2).unwrap_or_default();
        u8::from_str_radix(digits, 16).unwrap_or(1)
    };
    let ip = format!("172.20.{}.{}", byte(0), byte(2).max(1));
    let spec = &mut object["spec"];
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    set(spec, "internalTrafficPolicy", json!("Cluster"));
    set(spec, "ipFamilies", json!(["IPv4"]));
    set(spec, "ipFamilyPolicy", json!("SingleStack"));
    set(spec, "clusterIP", json!(ip));
    let address = spec["clusterIP"].clone();
    set(spec, "clusterIPs", json!([address]));
    for port in items(spec, "ports") {
        set(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        set(port, "targetPort", number);
    }
    set(object, "status", json!({"loadBalancer": {}}));
}

/// `stringData` is written, never read: it becomes `data`.
fn secret(object: &mut Value) {
    set(object, "type", json!("Opaque"));
    let plain = object
        .as_object_mut()
        .and_then(|members| members.remove("stringData"));
    if let Some(Value::Object(plain)) = plain {
        for (name, value) in plain {
            let value = value.as_str().unwrap_or_default();
            object["data"][name] = STANDARD.encode(value).into();
        }
    }
}
