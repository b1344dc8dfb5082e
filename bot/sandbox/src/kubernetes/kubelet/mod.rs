//! Scheduler and kubelets: pods find a node, images are pulled, containers run or don't.
//!
//! What happens to a container follows from the verdict over its image alone. Each stage on the
//! way is written to the pod, with the events that a kubelet writes, so that watches see a rollout
//! as they would see a real one.

mod notes;
mod stage;
mod status;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use self::notes::tell;
use self::stage::{Stage, frames};
use self::status::Moment;
use super::controllers::{missing_volume, set_condition};
use super::discovery::{NODE, POD};
use super::outcome::{Outcome, Verdict, containers, judge};
use super::store::{Key, seconds, text};
use super::world::{Note, World};

/// What the kubelet remembers of a pod.
#[derive(Clone, Debug)]
pub(super) struct PodRun {
    pub(super) verdicts: Vec<Verdict>,
    stages: Vec<Stage>,
    since: Timestamp,
    restarts: i64,
}

/// Looks at every pod once.
pub(super) fn round(world: &mut World) {
    for key in world.keys(&POD) {
        if let Some(pod) = world.store.get(&key).cloned() {
            look_after(world, &key, &pod);
        }
    }
}

fn look_after(world: &mut World, key: &Key, pod: &Arc<Value>) {
    if matches!(text(pod, "/status/phase"), "Succeeded" | "Failed") {
        return;
    }
    let uid = text(pod, "/metadata/uid").to_owned();
    let registry = world.registry.as_ref();
    let verdicts: Vec<Verdict> = containers(&pod["spec"])
        .map(|container| {
            let image = container["image"].as_str().unwrap_or_default();
            judge(image, &world.rules, registry)
        })
        .collect();
    let known = world.runs.get(&uid);
    let unschedulable = verdicts
        .iter()
        .any(|verdict| verdict.outcome == Outcome::Unschedulable);
    let nodes = world.keys(&NODE).len();
    let refused = if unschedulable {
        Some(format!("{nodes} Insufficient cpu"))
    } else {
        missing_volume(world, pod)
    };
    if let (None, Some(why)) = (known, refused) {
        let message = format!(
            "0/{nodes} nodes are available: {why}. preemption: 0/{nodes} nodes are available: \
             {nodes} No preemption victims found for incoming pod."
        );
        refuse_place(world, key, pod, &message);
        return;
    }
    if text(pod, "/spec/nodeName").is_empty() || known.is_none() && !is_placed(pod) {
        place(world, key, pod);
        return;
    }
    if known.is_some_and(|run| run.verdicts == verdicts) {
        restart_as_time_passes(world, key, &uid);
        return;
    }
    if !world.held {
        run(world, key, &uid, verdicts);
    }
}

fn is_placed(pod: &Value) -> bool {
    has_condition(pod, "PodScheduled", "True")
}

fn has_condition(pod: &Value, kind: &str, status: &str) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == kind && one["status"] == status)
    })
}

fn refuse_place(world: &mut World, key: &Key, pod: &Value, message: &str) {
    if has_condition(pod, "PodScheduled", "False") {
        return;
    }
    let now = world.now();
    world.update(&POD, key, |pod| {
        let status = &mut pod["status"];
        set_condition(status, "PodScheduled", false, "Unschedulable", message, now);
    });
    world.event(
        pod,
        &Note {
            component: "default-scheduler",
            warning: true,
            reason: "FailedScheduling",
            message,
            field: "",
        },
    );
}

/// Binds a pod to a node, where its containers wait to be created.
fn place(world: &mut World, key: &Key, pod: &Value) {
    let now = world.now();
    let uid = text(pod, "/metadata/uid");
    let nodes = world.keys(&NODE);
    let number = usize::from_str_radix(uid.get(..6).unwrap_or_default(), 16).unwrap_or(0);
    let bound = text(pod, "/spec/nodeName");
    let node = match nodes.get(number % nodes.len().max(1)) {
        _ if !bound.is_empty() => bound.to_owned(),
        Some(node) => node.name.clone(),
        None => return,
    };
    world.update(&POD, key, |pod| {
        pod["spec"]["nodeName"] = node.as_str().into();
        set_condition(&mut pod["status"], "PodScheduled", true, "", "", now);
        pod["status"]["startTime"] = seconds(now).into();
        let stages = vec![Stage::Waiting; containers(&pod["spec"]).count()];
        let moment = Moment {
            stages: &stages,
            verdicts: &[],
            restarts: 0,
            since: now,
            now,
        };
        status::write(pod, moment);
    });
    let message = format!(
        "Successfully assigned {}/{} to {node}",
        key.namespace, key.name
    );
    world.event(
        pod,
        &Note {
            component: "default-scheduler",
            warning: false,
            reason: "Scheduled",
            message: &message,
            field: "",
        },
    );
}

/// Takes a pod through all stages that its images lead to.
fn run(world: &mut World, key: &Key, uid: &str, verdicts: Vec<Verdict>) {
    let Some(pod) = world.store.get(key).cloned() else {
        return;
    };
    let frames = frames(&pod["spec"], &verdicts);
    let now = world.now();
    let mut stages = vec![Stage::Waiting; verdicts.len()];
    for frame in frames {
        let restarts = i64::from(frame.contains(&Stage::CrashBackOff));
        for (at, (was, is)) in stages.iter().zip(&frame).enumerate() {
            if let (true, Some(verdict)) = (was != is, verdicts.get(at)) {
                tell(world, &pod, at, *is, verdict);
            }
        }
        world.update(&POD, key, |pod| {
            let moment = Moment {
                stages: &frame,
                verdicts: &verdicts,
                restarts,
                since: now,
                now,
            };
            status::write(pod, moment);
        });
        stages = frame;
    }
    let run = PodRun {
        verdicts,
        restarts: i64::from(stages.contains(&Stage::CrashBackOff)),
        stages,
        since: now,
    };
    world.runs.insert(uid.to_owned(), run);
}

/// A crashing container is restarted after 10 s, 20 s, 40 s … of the world's time, at most 5 min.
fn restart_as_time_passes(world: &mut World, key: &Key, uid: &str) {
    let now = world.now();
    let Some(run) = world.runs.get_mut(uid) else {
        return;
    };
    if !run.stages.contains(&Stage::CrashBackOff) {
        return;
    }
    let mut restarts = 1;
    let mut wait = 10;
    let mut passed = run.since.duration_until(now).as_secs();
    while passed >= wait {
        passed -= wait;
        restarts += 1;
        wait = (wait * 2).min(300);
    }
    if run.restarts == restarts {
        return;
    }
    run.restarts = restarts;
    let run = run.clone();
    world.update(&POD, key, |pod| {
        let moment = Moment {
            stages: &run.stages,
            verdicts: &run.verdicts,
            restarts,
            since: run.since,
            now,
        };
        status::write(pod, moment);
    });
    if let Some(pod) = world.store.get(key).cloned() {
        for (at, (stage, verdict)) in run.stages.iter().zip(&run.verdicts).enumerate() {
            if *stage == Stage::CrashBackOff {
                tell(world, &pod, at, *stage, verdict);
            }
        }
    }
}
