//! HorizontalPodAutoscaler: keeps a workload between its bounds. Nothing here has a load, so that is
//! all there is to do.

use serde_json::Value;

use super::pods::set_condition;
use crate::kubernetes::apply::{Author, track};
use crate::kubernetes::discovery::{AUTOSCALER, DEPLOYMENT, Resource, STATEFUL_SET};
use crate::kubernetes::store::{Key, number, seconds, text};
use crate::kubernetes::world::World;

pub(super) fn round(world: &mut World) {
    for key in world.keys(&AUTOSCALER) {
        if let Some(scaler) = world.store.get(&key).cloned() {
            step(world, &key, &scaler);
        }
    }
}

/// What it scales.
fn target(scaler: &Value) -> Option<(&'static Resource, Key)> {
    let resource = match text(scaler, "/spec/scaleTargetRef/kind") {
        "Deployment" => &DEPLOYMENT,
        "StatefulSet" => &STATEFUL_SET,
        _ => return None,
    };
    let namespace = text(scaler, "/metadata/namespace");
    let name = text(scaler, "/spec/scaleTargetRef/name");
    Some((resource, Key::new(resource, namespace, name)))
}

fn step(world: &mut World, key: &Key, scaler: &Value) {
    let now = world.now();
    let found = target(scaler)
        .and_then(|(resource, target)| Some((resource, world.store.get(&target)?.clone(), target)));
    let mut status = scaler["status"].clone();
    match found {
        None => {
            let name = text(scaler, "/spec/scaleTargetRef/name");
            let message = format!(
                "the HPA controller was unable to get the target's current scale: \"{name}\" not found"
            );
            set_condition(
                &mut status,
                "AbleToScale",
                false,
                "FailedGetScale",
                &message,
                now,
            );
        }
        Some((resource, workload, target)) => {
            let current = number(&workload, "/spec/replicas", 1);
            let least = number(scaler, "/spec/minReplicas", 1);
            let most = number(scaler, "/spec/maxReplicas", least).max(least);
            // Somebody has switched a workload off that has no replicas.
            let desired = if current == 0 {
                0
            } else {
                current.clamp(least, most)
            };
            if desired != current {
                let mut scaled = Value::clone(&workload);
                scaled["spec"]["replicas"] = desired.into();
                let api_version = resource.api_version();
                let author = Author {
                    manager: "kube-controller-manager",
                    api_version: &api_version,
                    now,
                };
                track(&workload, &mut scaled, author);
                world.update(resource, &target, |workload| *workload = scaled);
                status["lastScaleTime"] = seconds(now).into();
            }
            let reason = "ReadyForNewScale";
            let message = "recommended size matches current size";
            set_condition(&mut status, "AbleToScale", true, reason, message, now);
            status["currentReplicas"] = current.into();
            status["desiredReplicas"] = desired.into();
        }
    }
    world.update(&AUTOSCALER, key, |scaler| scaler["status"] = status);
}
