//! What all controllers do with pods: make them from a template, count them, judge them.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::kubernetes::discovery::POD;
use crate::kubernetes::pod_security;
use crate::kubernetes::store::{number, seconds, text, time_of};
use crate::kubernetes::world::{Note, World};

/// The letters of generated names (apimachinery's `rand.SafeEncodeString`).
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name-safe hash of a document.
pub(super) fn hash(document: &Value, length: usize) -> String {
    Sha256::digest(document.to_string())
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
        .map(|letter| char::from(*letter))
        .take(length)
        .collect()
}

/// The five letters at the end of a generated name.
pub(in crate::kubernetes) fn name_suffix(seed: &Value) -> String {
    hash(seed, 5)
}

/// The reference by which a controller owns what it makes.
pub(super) fn owner_reference(owner: &Value) -> Value {
    json!([{
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    }])
}

/// Makes a pod of the owner's template, with a generated or a given name and one more label. One
/// that its namespace refuses is not made; the owner's events say why.
pub(super) fn create_pod(
    world: &mut World,
    owner: &Value,
    name: Option<String>,
    label: Option<(&str, &str)>,
    change: impl FnOnce(&mut Value),
) {
    let parent = text(owner, "/metadata/name");
    let name = name.unwrap_or_else(|| {
        let seed = json!([owner["metadata"]["uid"], world.store.version()]);
        format!("{parent}-{}", name_suffix(&seed))
    });
    let template = &owner["spec"]["template"];
    let mut metadata = json!({
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": owner_reference(owner),
    });
    for field in ["labels", "annotations"] {
        if template["metadata"][field].is_object() {
            metadata[field] = template["metadata"][field].clone();
        }
    }
    if let Some((label, value)) = label {
        metadata["labels"][label] = value.into();
    }
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    });
    change(&mut pod);
    let component = format!("{}-controller", text(owner, "/kind").to_lowercase());
    let note = |warning, reason, message| Note {
        component: &component,
        warning,
        reason,
        message,
        field: "",
    };
    if let Some(refusal) = pod_security::refusal(world, &pod) {
        // Controllers try again and again; once is enough to be told.
        if world.event_about(owner, FAILED_CREATE).is_none() {
            let message = format!("Error creating: {refusal}");
            world.event(owner, &note(true, FAILED_CREATE, &message));
        }
        return;
    }
    world.put(&POD, pod);
    let message = format!("Created pod: {name}");
    world.event(owner, &note(false, "SuccessfulCreate", &message));
}

/// The reason of events about pods that could not be made.
pub(super) const FAILED_CREATE: &str = "FailedCreate";

/// Whether a pod has come to its end.
pub(super) fn is_over(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
}

pub(super) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// Whether a pod has been ready for as long as its workload demands (`minReadySeconds`).
pub(super) fn is_available(pod: &Value, workload: &Value, now: Timestamp) -> bool {
    let wait = number(workload, "/spec/minReadySeconds", 0);
    condition(pod, "Ready").is_some_and(|ready| {
        let since = time_of(&ready["lastTransitionTime"]).unwrap_or(now);
        ready["status"] == "True" && since.duration_until(now) >= SignedDuration::from_secs(wait)
    })
}

/// How many pods satisfy something.
pub(super) fn count(pods: &[Arc<Value>], is: impl Fn(&Value) -> bool) -> i64 {
    let found = pods.iter().filter(|pod| is(pod)).count();
    i64::try_from(found).unwrap_or(i64::MAX)
}

/// A status with the counts that are not zero, as Go's `omitempty` leaves it.
pub(super) fn counts(counts: &[(&str, i64)]) -> Value {
    let members: Map<String, Value> = counts
        .iter()
        .filter(|(_, count)| *count != 0)
        .map(|(name, count)| ((*name).to_owned(), (*count).into()))
        .collect();
    Value::Object(members)
}

/// Sets one condition; the time of its last transition is kept while its status is.
pub(in crate::kubernetes) fn set_condition(
    status: &mut Value,
    kind: &str,
    is: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Option<()> {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let conditions = status["conditions"].as_array_mut()?;
    let word = if is { "True" } else { "False" };
    let mut condition = json!({"type": kind, "status": word, "lastTransitionTime": seconds(now)});
    if !reason.is_empty() {
        condition["reason"] = reason.into();
    }
    if !message.is_empty() {
        condition["message"] = message.into();
    }
    match conditions.iter_mut().find(|old| old["type"] == kind) {
        Some(old) => {
            if old["status"] == word {
                condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    Some(())
}
