//! DaemonSet: one pod on every node, replaced node by node.

use serde_json::Value;

use super::pods::{count, counts, create_pod, hash, is_available, is_ready};
use super::rolling::amount;
use crate::kubernetes::discovery::{DAEMON_SET, NODE, POD};
use crate::kubernetes::store::{Key, number, text};
use crate::kubernetes::world::{World, key_of};

const REVISION: &str = "controller-revision-hash";

pub(super) fn round(world: &mut World) {
    for key in world.keys(&DAEMON_SET) {
        if let Some(set) = world.store.get(&key).cloned() {
            let revision = hash(&set["spec"]["template"], 10);
            let nodes: Vec<String> = world.keys(&NODE).into_iter().map(|key| key.name).collect();
            step(world, &set, &nodes, &revision);
            write_status(world, &key, &set, nodes.len(), &revision);
        }
    }
}

fn step(world: &mut World, set: &Value, nodes: &[String], revision: &str) {
    let pods = world.controlled_by(&POD, set);
    for node in nodes {
        if !pods.iter().any(|pod| place(pod) == node) {
            create_pod(world, set, None, Some((REVISION, revision)), |pod| {
                pod["spec"]["nodeName"] = node.as_str().into();
            });
        }
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" || pods.len() < nodes.len() {
        return;
    }
    let whole = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
    let limit = &set["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
    let limit = if limit.is_null() {
        1
    } else {
        amount(limit, whole, true).max(1)
    };
    let mut down = count(&pods, |pod| !is_ready(pod));
    for pod in pods.iter().filter(|pod| !is_at(pod, revision)) {
        let broken = !is_ready(pod);
        if broken || down < limit {
            down += i64::from(!broken);
            world.remove(&key_of(&POD, pod));
        }
    }
}

fn place(pod: &Value) -> &str {
    text(pod, "/spec/nodeName")
}

fn is_at(pod: &Value, revision: &str) -> bool {
    pod["metadata"]["labels"][REVISION] == revision
}

fn write_status(world: &mut World, key: &Key, set: &Value, nodes: usize, revision: &str) {
    let now = world.now();
    let pods = world.controlled_by(&POD, set);
    let wanted = i64::try_from(nodes).unwrap_or(i64::MAX);
    let available = count(&pods, |pod| is_available(pod, set, now));
    let mut status = counts(&[
        ("observedGeneration", number(set, "/metadata/generation", 1)),
        (
            "updatedNumberScheduled",
            count(&pods, |pod| is_at(pod, revision)),
        ),
        ("numberAvailable", available),
        ("numberUnavailable", wanted - available),
    ]);
    status["currentNumberScheduled"] = count(&pods, |_| true).into();
    status["desiredNumberScheduled"] = wanted.into();
    status["numberMisscheduled"] = 0.into();
    status["numberReady"] = count(&pods, is_ready).into();
    world.update(&DAEMON_SET, key, |set| set["status"] = status);
}
