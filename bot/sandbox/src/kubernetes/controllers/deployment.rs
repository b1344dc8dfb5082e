//! Deployment: one ReplicaSet per template, rolled over as `kube-controller-manager` does it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods::{count, hash, is_available, is_over, is_ready, owner_reference};
use super::progress::write_status;
use super::rolling::{Limits, roll};
use crate::kubernetes::discovery::{DEPLOYMENT, POD, REPLICA_SET};
use crate::kubernetes::store::{Key, number, text};
use crate::kubernetes::world::{World, key_of};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

pub(super) fn round(world: &mut World) {
    for key in world.keys(&DEPLOYMENT) {
        if let Some(deployment) = world.store.get(&key).cloned() {
            reconcile(world, &key, &deployment);
        }
    }
}

/// A ReplicaSet and its pods, summed up.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) key: Key,
    pub(super) wanted: i64,
    pub(super) pods: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
}

impl Part {
    fn of(world: &World, deployment: &Value, set: &Value) -> Self {
        let now = world.now();
        let pods = world.controlled_by(&POD, set);
        Self {
            key: key_of(&REPLICA_SET, set),
            wanted: number(set, "/spec/replicas", 0),
            pods: count(&pods, |pod| !is_over(pod)),
            ready: count(&pods, is_ready),
            available: count(&pods, |pod| is_available(pod, deployment, now)),
        }
    }
}

fn reconcile(world: &mut World, key: &Key, deployment: &Value) {
    let paused = deployment["spec"]["paused"] == true;
    let template = hash(&deployment["spec"]["template"], 10);
    let news = if paused {
        None
    } else {
        make_current(world, key, deployment, &template)
    };
    let (current, old) = parts(world, deployment, &template);
    if let Some(current) = current.filter(|_| !paused) {
        roll(world, deployment, &current, &old, &Limits::of(deployment));
    }
    let (current, old) = parts(world, deployment, &template);
    write_status(world, key, current.as_ref(), &old, news);
    if !paused {
        drop_history(world, deployment, &template);
    }
}

/// The current ReplicaSet and the older ones, oldest first.
fn parts(world: &World, deployment: &Value, template: &str) -> (Option<Part>, Vec<Part>) {
    let mut sets = world.controlled_by(&REPLICA_SET, deployment);
    sets.sort_by_key(|set| revision(set));
    let is_current = |set: &Arc<Value>| set["metadata"]["labels"][HASH] == template;
    let current = sets.iter().find(|set| is_current(set));
    let old = sets.iter().filter(|set| !is_current(set));
    (
        current.map(|set| Part::of(world, deployment, set)),
        old.map(|set| Part::of(world, deployment, set)).collect(),
    )
}

fn revision(object: &Value) -> i64 {
    let revision = object["metadata"]["annotations"][REVISION].as_str();
    revision.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Finds or makes the ReplicaSet of the present template and numbers it; says whether it is news.
fn make_current(
    world: &mut World,
    key: &Key,
    deployment: &Value,
    template: &str,
) -> Option<&'static str> {
    let sets = world.controlled_by(&REPLICA_SET, deployment);
    let current = sets
        .iter()
        .find(|set| set["metadata"]["labels"][HASH] == template);
    let newest_other = sets
        .iter()
        .filter(|set| set["metadata"]["labels"][HASH] != template)
        .map(|set| revision(set))
        .max()
        .unwrap_or(0);
    let news = match current {
        Some(set) if revision(set) > newest_other => {
            let number = revision(set).to_string();
            number_deployment(world, key, &number);
            return None;
        }
        Some(set) => {
            let number = (newest_other + 1).to_string();
            world.update(&REPLICA_SET, &key_of(&REPLICA_SET, set), |set| {
                set["metadata"]["annotations"][REVISION] = number.into();
            });
            "FoundNewReplicaSet"
        }
        None => {
            world.put(
                &REPLICA_SET,
                new_set(deployment, template, newest_other + 1),
            );
            "NewReplicaSetCreated"
        }
    };
    number_deployment(world, key, &(newest_other + 1).to_string());
    Some(news)
}

fn number_deployment(world: &mut World, key: &Key, number: &str) {
    world.update(&DEPLOYMENT, key, |deployment| {
        deployment["metadata"]["annotations"][REVISION] = number.into();
    });
}

fn new_set(deployment: &Value, template: &str, revision: i64) -> Value {
    let spec = &deployment["spec"];
    let mut labels = spec["template"]["metadata"]["labels"].clone();
    labels[HASH] = template.into();
    let mut selector = spec["selector"].clone();
    selector["matchLabels"][HASH] = template.into();
    let mut pod = spec["template"].clone();
    pod["metadata"]["labels"] = labels.clone();
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{template}", text(deployment, "/metadata/name")),
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {
                REVISION: revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": spec["replicas"].to_string(),
            },
            "ownerReferences": owner_reference(deployment),
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": number(deployment, "/spec/minReadySeconds", 0),
            "selector": selector,
            "template": pod,
        },
    })
}

/// Forgets the oldest empty ReplicaSets beyond `revisionHistoryLimit`.
fn drop_history(world: &mut World, deployment: &Value, template: &str) {
    let limit = number(deployment, "/spec/revisionHistoryLimit", 10);
    let (_, old) = parts(world, deployment, template);
    let empty: Vec<&Part> = old
        .iter()
        .filter(|part| part.wanted == 0 && part.pods == 0)
        .collect();
    let surplus = empty
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(0));
    for part in empty.into_iter().take(surplus) {
        world.remove(&part.key);
    }
}
