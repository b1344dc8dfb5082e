//! StatefulSet: numbered pods, made in order and replaced from the last down, one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::pods::{count, counts, create_pod, hash, is_available, is_ready};
use crate::kubernetes::discovery::{POD, STATEFUL_SET};
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
                create_pod(world, set, Some(name), Some((REVISION, revision)), |pod| {
                    let name = pod["metadata"]["name"].clone();
                    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = name;
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
