//! StatefulSet: numbered pods, each with its own claims, made in order and replaced from the last
//! down, one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::pods::{count, counts, create_pod, hash, is_available, is_ready};
use crate::kubernetes::discovery::{CLAIM, POD, STATEFUL_SET};
use crate::kubernetes::store::{Key, number, text};
use crate::kubernetes::world::{World, key_of};

const REVISION: &str = "controller-revision-hash";

pub(super) fn round(world: &mut World) {
    for key in world.keys(&STATEFUL_SET) {
        if let Some(set) = world.store.get(&key).cloned() {
            let revision = format!("{}-{}", key.name, hash(&set["spec"]["template"], 10));
            step(world, &set, &revision);
            write_status(world, &key, &set, &revision);
        }
    }
}

fn numbered(world: &World, set: &Value) -> BTreeMap<i64, Arc<Value>> {
    let pods = world.controlled_by(&POD, set).into_iter();
    let number = |pod: &Value| {
        let (_, number) = text(pod, "/metadata/name").rsplit_once('-')?;
        number.parse().ok()
    };
    pods.filter_map(|pod| Some((number(&pod)?, pod))).collect()
}

/// The next thing to do, if any.
fn step(world: &mut World, set: &Value, revision: &str) {
    let pods = numbered(world, set);
    let wanted = number(set, "/spec/replicas", 1).max(0);
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    if let Some((_, surplus)) = pods.range(wanted..).next_back() {
        world.remove(&key_of(&POD, surplus));
        return;
    }
    for ordinal in 0..wanted {
        match pods.get(&ordinal) {
            None => {
                let name = format!("{}-{ordinal}", text(set, "/metadata/name"));
                let volumes = claim(world, set, &name);
                create_pod(world, set, Some(name), Some((REVISION, revision)), |pod| {
                    let name = pod["metadata"]["name"].clone();
                    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = name;
                    mount(pod, volumes);
                });
                if !parallel {
                    return;
                }
            }
            Some(pod) if !parallel && !is_ready(pod) && is_at(pod, revision) => return,
            Some(_) => {}
        }
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" {
        return;
    }
    let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition", 0);
    for (_, pod) in pods.range(partition..).rev() {
        if !is_at(pod, revision) {
            world.remove(&key_of(&POD, pod));
            return;
        }
        if !is_ready(pod) {
            return;
        }
    }
}

/// Makes the claims of a pod that are not there; they outlive it. Gives its volumes.
fn claim(world: &mut World, set: &Value, pod: &str) -> Vec<Value> {
    let namespace = &set["metadata"]["namespace"];
    let templates = set["spec"]["volumeClaimTemplates"].as_array();
    let mut volumes = Vec::new();
    for template in templates.into_iter().flatten() {
        let volume = text(template, "/metadata/name");
        let name = format!("{volume}-{pod}");
        let mut claim = template.clone();
        claim["metadata"]["name"] = name.as_str().into();
        claim["metadata"]["namespace"] = namespace.clone();
        if let Some(labels) = set["spec"]["selector"]["matchLabels"].as_object() {
            for (label, value) in labels {
                claim["metadata"]["labels"][label] = value.clone();
            }
        }
        if world.store.get(&key_of(&CLAIM, &claim)).is_none() {
            world.put(&CLAIM, claim);
        }
        volumes.push(json!({"name": volume, "persistentVolumeClaim": {"claimName": name}}));
    }
    volumes
}

/// Adds volumes to a pod; those of the same name in its template give way.
fn mount(pod: &mut Value, volumes: Vec<Value>) {
    if volumes.is_empty() {
        return;
    }
    let taken = pod["spec"]["volumes"].as_array().cloned();
    let mut all = taken.unwrap_or_default();
    all.retain(|old| volumes.iter().all(|volume| volume["name"] != old["name"]));
    all.extend(volumes);
    pod["spec"]["volumes"] = all.into();
}

fn is_at(pod: &Value, revision: &str) -> bool {
    pod["metadata"]["labels"][REVISION] == revision
}

fn write_status(world: &mut World, key: &Key, set: &Value, revision: &str) {
    let now = world.now();
    let pods = world.controlled_by(&POD, set);
    let before = text(set, "/status/currentRevision").to_owned();
    let replicas = count(&pods, |_| true);
    let updated = count(&pods, |pod| is_at(pod, revision));
    let ready = count(&pods, is_ready);
    let complete = updated == replicas && ready == replicas;
    let current = if complete || before.is_empty() {
        revision.to_owned()
    } else {
        before
    };
    let mut status = counts(&[
        ("observedGeneration", number(set, "/metadata/generation", 1)),
        ("readyReplicas", ready),
        ("currentReplicas", count(&pods, |pod| is_at(pod, &current))),
        ("updatedReplicas", updated),
    ]);
    status["replicas"] = replicas.into();
    status["availableReplicas"] = count(&pods, |pod| is_available(pod, set, now)).into();
    status["currentRevision"] = current.into();
    status["updateRevision"] = revision.into();
    status["collisionCount"] = 0.into();
    world.update(&STATEFUL_SET, key, |set| set["status"] = status);
}
