//! Job: pods until enough have succeeded or too many have failed.

use jiff::SignedDuration;
use serde_json::Value;

use super::pods::{count, counts, create_pod, is_over, is_ready, set_condition};
use crate::kubernetes::discovery::{JOB, POD};
use crate::kubernetes::store::{Key, number, seconds, text, time_of};
use crate::kubernetes::world::{Note, World, key_of};

pub(super) fn round(world: &mut World) {
    for key in world.keys(&JOB) {
        if let Some(job) = world.store.get(&key).cloned() {
            let over = job["status"]["conditions"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            if !over && job["spec"]["suspend"] != true {
                step(world, &key, &job);
            }
        }
    }
}

fn step(world: &mut World, key: &Key, job: &Value) {
    let now = world.now();
    let pods = world.controlled_by(&POD, job);
    let in_phase = |phase: &'static str| move |pod: &Value| text(pod, "/status/phase") == phase;
    let succeeded = count(&pods, in_phase("Succeeded"));
    let failed = count(&pods, in_phase("Failed"));
    let active = count(&pods, |pod| !is_over(pod));
    let restarts: i64 = pods
        .iter()
        .map(|pod| number(pod, "/status/containerStatuses/0/restartCount", 0))
        .sum();
    let completions = number(job, "/spec/completions", 1);
    let limit = number(job, "/spec/backoffLimit", 6);
    let started = time_of(&job["status"]["startTime"]).unwrap_or(now);
    let late = job["spec"]["activeDeadlineSeconds"]
        .as_i64()
        .is_some_and(|deadline| started.duration_until(now) > SignedDuration::from_secs(deadline));
    let end = if succeeded >= completions {
        Some((
            "Complete",
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        ))
    } else if failed > limit || restarts > limit {
        let message = "Job has reached the specified backoff limit";
        Some(("Failed", "BackoffLimitExceeded", message))
    } else if late {
        let message = "Job was active longer than specified deadline";
        Some(("Failed", "DeadlineExceeded", message))
    } else {
        None
    };
    let mut status = counts(&[
        ("succeeded", succeeded),
        ("failed", failed),
        ("active", if end.is_some() { 0 } else { active }),
    ]);
    status["startTime"] = seconds(started).into();
    status["ready"] = count(&pods, is_ready).into();
    match end {
        None => {
            let room = number(job, "/spec/parallelism", 1).min(completions - succeeded);
            for _ in active..room {
                create_pod(world, job, None, None, |_| {});
            }
        }
        Some((kind, reason, message)) => {
            set_condition(&mut status, kind, true, reason, message, now);
            if kind == "Complete" {
                status["completionTime"] = seconds(now).into();
            }
            for pod in pods.iter().filter(|pod| !is_over(pod)) {
                world.remove(&key_of(&POD, pod));
            }
            let failed = kind == "Failed";
            world.event(
                job,
                &Note {
                    component: "job-controller",
                    warning: failed,
                    reason: if failed { reason } else { "Completed" },
                    message: if failed { message } else { "Job completed" },
                    field: "",
                },
            );
        }
    }
    world.update(&JOB, key, |job| job["status"] = status);
}
