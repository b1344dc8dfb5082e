//! Lists as tables, the way `kubectl get` asks for them (`as=Table`).

use http::{HeaderMap, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::discovery::Resource;
use super::store::{number, text, time_of};

/// Whether the client would rather have a table.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(',').next())
        .is_some_and(|first| first.contains("as=Table") && first.contains("v=v1;"))
}

/// Objects as a table.
pub(super) fn of<'a>(
    resource: &Resource,
    objects: impl Iterator<Item = &'a Value>,
    metadata: &Value,
    now: Timestamp,
) -> Value {
    let rows: Vec<Value> = objects.map(|object| row(resource, object, now)).collect();
    let columns: Vec<Value> = columns(resource)
        .iter()
        .map(|name| {
            json!({
                "name": name,
                "type": "string",
                "format": if *name == "Name" { "name" } else { "" },
                "description": "",
                "priority": 0,
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

fn columns(resource: &Resource) -> &'static [&'static str] {
    match resource.kind {
        "Pod" => &["Name", "Ready", "Status", "Restarts", "Age"],
        "Deployment" => &["Name", "Ready", "Up-to-date", "Available", "Age"],
        "ReplicaSet" => &["Name", "Desired", "Current", "Ready", "Age"],
        "StatefulSet" => &["Name", "Ready", "Age"],
        "Event" => &["Last Seen", "Type", "Reason", "Object", "Message"],
        _ => &["Name", "Age"],
    }
}

fn row(resource: &Resource, object: &Value, now: Timestamp) -> Value {
    let name = object["metadata"]["name"].clone();
    let age = |pointer: &str| {
        let since = object.pointer(pointer).and_then(time_of);
        since.map_or_else(String::new, |since| human(since, now))
    };
    let born = age("/metadata/creationTimestamp");
    let status = |count: &str| object["status"][count].as_i64().unwrap_or(0);
    let ready_of = |wanted: i64| format!("{}/{wanted}", status("readyReplicas"));
    let cells = match resource.kind {
        "Pod" => {
            let (ready, all, restarts) = pod_counts(object);
            json!([
                name,
                format!("{ready}/{all}"),
                pod_status(object),
                restarts,
                born
            ])
        }
        "Deployment" => json!([
            name,
            ready_of(number(object, "/spec/replicas", 1)),
            status("updatedReplicas"),
            status("availableReplicas"),
            born
        ]),
        "ReplicaSet" => json!([
            name,
            number(object, "/spec/replicas", 1),
            status("replicas"),
            status("readyReplicas"),
            born
        ]),
        "StatefulSet" => json!([name, ready_of(number(object, "/spec/replicas", 1)), born]),
        "Event" => {
            let involved = &object["involvedObject"];
            let kind = text(involved, "/kind").to_lowercase();
            json!([
                age("/lastTimestamp"),
                object["type"],
                object["reason"],
                format!("{kind}/{}", text(involved, "/name")),
                object["message"]
            ])
        }
        _ => json!([name, born]),
    };
    let partial = json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    });
    json!({"cells": cells, "object": partial})
}

fn pod_counts(pod: &Value) -> (usize, usize, i64) {
    let statuses = pod["status"]["containerStatuses"].as_array();
    let statuses = statuses.map(Vec::as_slice).unwrap_or_default();
    let ready = statuses.iter().filter(|status| status["ready"] == true);
    let restarts = statuses
        .iter()
        .filter_map(|status| status["restartCount"].as_i64());
    let all = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    (ready.count(), all, restarts.sum())
}

/// The one word that `kubectl` shows for a pod: the most telling reason, else the phase.
fn pod_status(pod: &Value) -> String {
    let reason = |list: &str| {
        let statuses = pod["status"][list].as_array()?;
        statuses.iter().find_map(|status| {
            let waiting = status["state"]["waiting"]["reason"].as_str();
            let ended = status["state"]["terminated"]["reason"].as_str();
            waiting.or(ended).map(str::to_owned)
        })
    };
    let init = reason("initContainerStatuses").filter(|reason| reason != "Completed");
    init.map(|reason| format!("Init:{reason}"))
        .or_else(|| reason("containerStatuses"))
        .unwrap_or_else(|| text(pod, "/status/phase").to_owned())
}

/// An age as `kubectl` writes it, roughly: `42s`, `7m`, `3h`, `12d`.
fn human(since: Timestamp, now: Timestamp) -> String {
    let seconds = since.duration_until(now).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}
