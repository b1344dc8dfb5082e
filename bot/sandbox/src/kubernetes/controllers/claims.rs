//! PersistentVolumeClaims: bound to a volume once their class can make one.

use serde_json::{Value, json};

use crate::kubernetes::discovery::{CLAIM, POD, STORAGE_CLASS};
use crate::kubernetes::store::{Key, text};
use crate::kubernetes::world::World;

/// The claims that a pod mounts.
fn mounted(pod: &Value) -> impl Iterator<Item = &str> {
    let volumes = pod["spec"]["volumes"].as_array();
    volumes
        .into_iter()
        .flatten()
        .filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
}

pub(super) fn round(world: &mut World) {
    for key in world.keys(&CLAIM) {
        let Some(claim) = world.store.get(&key).cloned() else {
            continue;
        };
        if text(&claim, "/status/phase") != "Bound" && can_bind(world, &key, &claim) {
            world.update(&CLAIM, &key, |claim| {
                let uid = text(claim, "/metadata/uid");
                claim["spec"]["volumeName"] = format!("pvc-{uid}").into();
                claim["status"] = json!({
                    "phase": "Bound",
                    "accessModes": claim["spec"]["accessModes"],
                    "capacity": claim["spec"]["resources"]["requests"],
                });
            });
        }
    }
}

/// Whether its class is there and does not wait for a pod that is not there.
fn can_bind(world: &World, key: &Key, claim: &Value) -> bool {
    let class = Key::new(&STORAGE_CLASS, "", text(claim, "/spec/storageClassName"));
    let Some(class) = world.store.get(&class) else {
        return false;
    };
    let mut pods = world.store.list(&POD, Some(&key.namespace));
    class["volumeBindingMode"] != "WaitForFirstConsumer"
        || pods.any(|(_, pod)| mounted(pod).any(|claim| claim == key.name))
}

/// Why the scheduler can't place a pod yet, if one of its volumes is missing.
pub(in crate::kubernetes) fn missing_volume(world: &World, pod: &Value) -> Option<String> {
    let namespace = text(pod, "/metadata/namespace");
    mounted(pod).find_map(|name| {
        let Some(claim) = world.store.get(&Key::new(&CLAIM, namespace, name)) else {
            return Some(format!("persistentvolumeclaim \"{name}\" not found"));
        };
        if text(claim, "/status/phase") == "Bound" {
            return None;
        }
        let class = text(claim, "/spec/storageClassName");
        let known = world.store.get(&Key::new(&STORAGE_CLASS, "", class));
        Some(match known {
            None if !class.is_empty() => {
                format!("storageclass.storage.k8s.io \"{class}\" not found")
            }
            _ => "pod has unbound immediate PersistentVolumeClaims".to_owned(),
        })
    })
}
