//! ReplicaSet: as many pods as wanted, the unready ones going first.

use serde_json::{Value, json};

use super::pods::{FAILED_CREATE, count, counts, create_pod, is_available, is_over, is_ready};
use crate::kubernetes::discovery::{POD, REPLICA_SET};
use crate::kubernetes::store::{Key, number, text};
use crate::kubernetes::world::{Note, World, key_of};

pub(super) fn round(world: &mut World) {
    for key in world.keys(&REPLICA_SET) {
        reconcile(world, &key);
    }
}

fn reconcile(world: &mut World, key: &Key) {
    let Some(set) = world.store.get(key).cloned() else {
        return;
    };
    let mut pods = world.controlled_by(&POD, &set);
    pods.retain(|pod| !is_over(pod));
    let wanted = number(&set, "/spec/replicas", 1).max(0);
    let there = count(&pods, |_| true);
    for _ in there..wanted {
        create_pod(world, &set, None, None, |_| {});
    }
    pods.sort_by_key(|pod| is_ready(pod));
    let surplus = usize::try_from(there - wanted).unwrap_or(0);
    for pod in pods.iter().take(surplus) {
        let pod = key_of(&POD, pod);
        world.remove(&pod);
        world.event(
            &set,
            &Note {
                component: "replicaset-controller",
                warning: false,
                reason: "SuccessfulDelete",
                message: &format!("Deleted pod: {}", pod.name),
                field: "",
            },
        );
    }
    let pods = world.controlled_by(&POD, &set);
    let now = world.now();
    let replicas = count(&pods, |pod| !is_over(pod));
    let status = counts(&[
        ("fullyLabeledReplicas", replicas),
        ("readyReplicas", count(&pods, is_ready)),
        (
            "availableReplicas",
            count(&pods, |pod| is_available(pod, &set, now)),
        ),
        (
            "observedGeneration",
            number(&set, "/metadata/generation", 1),
        ),
    ]);
    let failure = (replicas < wanted)
        .then(|| world.event_about(&set, FAILED_CREATE))
        .flatten()
        .map(|event| {
            json!([{
                "type": "ReplicaFailure",
                "status": "True",
                "reason": FAILED_CREATE,
                "message": text(event, "/message").trim_start_matches("Error creating: "),
                "lastTransitionTime": event["firstTimestamp"],
            }])
        });
    world.update(&REPLICA_SET, key, |set| {
        set["status"] = status;
        if let Some(failure) = failure {
            set["status"]["conditions"] = failure;
        }
        set["status"]["replicas"] = replicas.into();
        if set["spec"]["replicas"] == Value::Null {
            set["spec"]["replicas"] = json!(1);
        }
    });
}
