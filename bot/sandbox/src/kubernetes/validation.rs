//! What the API server refuses: names, selectors, templates, and what may not change.

use serde_json::{Value, json};

use super::discovery::Resource;
use super::selectors::label_selector_matches;
use super::status::{Cause, Refusal};
use super::store::text;

/// Checks an object that is about to be stored.
///
/// # Errors
/// 400 for what could not be decoded, 422 with a cause per field for what is invalid.
pub(super) fn check(
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Result<(), Refusal> {
    check_types(resource, object)?;
    let mut causes = Vec::new();
    let name = text(object, "/metadata/name");
    if let Some(hint) = name_fault(resource.kind, name) {
        causes.push(Cause::invalid("metadata.name", &json!(name), hint));
    }
    match resource.kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => workload(old, object, &mut causes),
        "StatefulSet" => {
            workload(old, object, &mut causes);
            if let Some(old) = old {
                stateful_set_change(old, object, &mut causes);
            }
        }
        "HorizontalPodAutoscaler" => autoscaler(object, &mut causes),
        "StorageClass" => storage_class(old, object, &mut causes),
        "Job" => pod_spec(
            &object["spec"]["template"]["spec"],
            "spec.template.spec",
            &mut causes,
        ),
        "Pod" => pod_spec(&object["spec"], "spec", &mut causes),
        "Service" => service(object, &mut causes),
        _ => {}
    }
    if causes.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(
        resource.kind,
        resource.group,
        name,
        &causes,
    ))
}

/// Numbers must be numbers before anything else is looked at.
fn check_types(resource: &Resource, object: &Value) -> Result<(), Refusal> {
    let integers = [
        "replicas",
        "progressDeadlineSeconds",
        "revisionHistoryLimit",
        "minReadySeconds",
        "completions",
        "parallelism",
        "backoffLimit",
    ];
    for field in integers {
        let value = &object["spec"][field];
        if !value.is_null() && value.as_i64().is_none() {
            let (kind, version) = (resource.kind, resource.version);
            let found = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "bool",
                Value::Object(_) => "object",
                Value::Array(_) => "array",
                Value::Null | Value::Number(_) => "number",
            };
            return Err(Refusal::bad_request(format!(
                "{kind} in version \"{version}\" cannot be handled as a {kind}: json: cannot \
                 unmarshal {found} into Go struct field {kind}Spec.spec.{field} of type int32"
            )));
        }
    }
    Ok(())
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
     characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
     'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
     or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or \
     '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

fn name_fault(kind: &str, name: &str) -> Option<&'static str> {
    let labels = matches!(kind, "Namespace" | "Service");
    if kind.contains("Role") {
        return None;
    }
    let good = if labels {
        is_label(name)
    } else {
        name.len() <= 253 && name.split('.').all(is_label_of_any_length)
    };
    match (good, labels) {
        (true, _) => None,
        (false, true) => Some(LABEL),
        (false, false) => Some(SUBDOMAIN),
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_label_of_any_length(text)
}

fn is_label_of_any_length(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}

fn workload(old: Option<&Value>, object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    if !selector.is_object() {
        causes.push(Cause::required("spec.selector", ""));
    } else if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        let hint = "empty selector is invalid for deployment";
        causes.push(Cause::invalid("spec.selector", selector, hint));
    } else if !label_selector_matches(selector, labels) {
        let hint = "`selector` does not match template `labels`";
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            labels,
            hint,
        ));
    }
    if spec["replicas"].as_i64().is_some_and(|count| count < 0) {
        let hint = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.replicas", &spec["replicas"], hint));
    }
    if let Some(old) = old
        && old["spec"]["selector"] != *selector
    {
        let hint = "field is immutable";
        causes.push(Cause::invalid("spec.selector", selector, hint));
    }
    pod_spec(&spec["template"]["spec"], "spec.template.spec", causes);
}

/// All but some fields of a StatefulSet are fixed, its claims above all
/// (`ValidateStatefulSetUpdate` of Kubernetes 1.33).
fn stateful_set_change(old: &Value, object: &Value, causes: &mut Vec<Cause>) {
    const FREE: &[&str] = &[
        "minReadySeconds",
        "ordinals",
        "persistentVolumeClaimRetentionPolicy",
        "replicas",
        "revisionHistoryLimit",
        "template",
        "updateStrategy",
    ];
    let fixed = |object: &Value| {
        let mut spec = object["spec"].as_object().cloned().unwrap_or_default();
        spec.retain(|field, _| !FREE.contains(&field.as_str()));
        spec
    };
    if fixed(old) != fixed(object) {
        causes.push(Cause {
            field: "spec".to_owned(),
            reason: "FieldValueForbidden",
            message: "Forbidden: updates to statefulset spec for fields other than 'replicas', \
                      'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
                      'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
                .to_owned(),
        });
    }
}

fn autoscaler(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let (least, most) = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64());
    if most.is_none_or(|most| most < 1) {
        let hint = "must be greater than 0";
        causes.push(Cause::invalid(
            "spec.maxReplicas",
            &spec["maxReplicas"],
            hint,
        ));
    } else if most < least {
        let hint = "must be greater than or equal to `minReplicas`";
        causes.push(Cause::invalid(
            "spec.maxReplicas",
            &spec["maxReplicas"],
            hint,
        ));
    }
}

/// What makes volumes is fixed once volumes may have been made.
fn storage_class(old: Option<&Value>, object: &Value, causes: &mut Vec<Cause>) {
    if object["provisioner"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required("provisioner", ""));
    }
    let Some(old) = old else { return };
    for field in [
        "provisioner",
        "parameters",
        "reclaimPolicy",
        "volumeBindingMode",
    ] {
        if old[field] != object[field] {
            let hint = "field is immutable";
            causes.push(Cause::invalid(field, &object[field], hint));
        }
    }
}

fn pod_spec(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let containers = spec["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required(&format!("{path}.containers"), ""));
    }
    let mut names = Vec::new();
    for list in ["initContainers", "containers"] {
        for (at, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let place = format!("{path}.{list}[{at}]");
            match container["name"].as_str() {
                None | Some("") => causes.push(Cause::required(&format!("{place}.name"), "")),
                Some(name) if !is_label(name) => {
                    let name = json!(name);
                    causes.push(Cause::invalid(&format!("{place}.name"), &name, LABEL));
                }
                Some(name) if names.contains(&name) => causes.push(Cause {
                    field: format!("{place}.name"),
                    reason: "FieldValueDuplicate",
                    message: format!("Duplicate value: \"{name}\""),
                }),
                Some(name) => names.push(name),
            }
            if container["image"].as_str().is_none_or(str::is_empty) {
                causes.push(Cause::required(&format!("{place}.image"), ""));
            }
            env(container, &place, causes);
        }
    }
}

fn env(container: &Value, place: &str, causes: &mut Vec<Cause>) {
    for (at, variable) in container["env"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        let place = format!("{place}.env[{at}]");
        if variable["name"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(&format!("{place}.name"), ""));
        }
        if !variable["value"].is_null() && !variable["valueFrom"].is_null() {
            let hint = "may not be specified when `value` is not empty";
            causes.push(Cause::invalid(
                &format!("{place}.valueFrom"),
                &json!(""),
                hint,
            ));
        }
    }
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let headless = spec["clusterIP"] == "None" || spec["type"] == "ExternalName";
    if !headless && spec["ports"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.ports", ""));
    }
}
