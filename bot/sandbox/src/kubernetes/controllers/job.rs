//! Job: pods until enough have succeeded or too many have failed.

use std::sync::Arc;

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

/// How a Job ends: the condition, its reason, its message.
type End = (&'static str, &'static str, &'static str);

/// A Job's pods, summed up.
struct Tally {
    succeeded: i64,
    failed: i64,
    active: i64,
    restarts: i64,
}

impl Tally {
    fn of(pods: &[Arc<Value>]) -> Self {
        let in_phase = |phase: &str| count(pods, |pod| text(pod, "/status/phase") == phase);
        Self {
            succeeded: in_phase("Succeeded"),
            failed: in_phase("Failed"),
            active: count(pods, |pod| !is_over(pod)),
            restarts: pods
                .iter()
                .map(|pod| number(pod, "/status/containerStatuses/0/restartCount", 0))
                .sum(),
        }
    }

    fn end(&self, job: &Value, running: SignedDuration) -> Option<End> {
        let limit = number(job, "/spec/backoffLimit", 6);
        let deadline = job["spec"]["activeDeadlineSeconds"].as_i64();
        if self.succeeded >= number(job, "/spec/completions", 1) {
            let message = "Reached expected number of succeeded pods";
            Some(("Complete", "CompletionsReached", message))
        } else if self.failed > limit || self.restarts > limit {
            let message = "Job has reached the specified backoff limit";
            Some(("Failed", "BackoffLimitExceeded", message))
        } else if deadline.is_some_and(|limit| running > SignedDuration::from_secs(limit)) {
            let message = "Job was active longer than specified deadline";
            Some(("Failed", "DeadlineExceeded", message))
        } else {
            None
        }
    }
}

fn step(world: &mut World, key: &Key, job: &Value) {
    let now = world.now();
    let pods = world.controlled_by(&POD, job);
    let tally = Tally::of(&pods);
    let started = time_of(&job["status"]["startTime"]).unwrap_or(now);
    let end = tally.end(job, started.duration_until(now));
    let active = if end.is_some() { 0 } else { tally.active };
    let mut status = counts(&[
        ("succeeded", tally.succeeded),
        ("failed", tally.failed),
        ("active", active),
    ]);
    status["startTime"] = seconds(started).into();
    status["ready"] = count(&pods, is_ready).into();
    match end {
        None => {
            let open = number(job, "/spec/completions", 1) - tally.succeeded;
            let room = number(job, "/spec/parallelism", 1).min(open);
            for _ in tally.active..room {
                create_pod(world, job, None, None, |_| {});
            }
        }
        Some(end) => {
            let (kind, reason, message) = end;
            set_condition(&mut status, kind, true, reason, message, now);
            if kind == "Complete" {
                status["completionTime"] = seconds(now).into();
            }
            finish(world, job, &pods, end);
        }
    }
    world.update(&JOB, key, |job| job["status"] = status);
}

/// Stops what still runs and says how it ended.
fn finish(world: &mut World, job: &Value, pods: &[Arc<Value>], (kind, reason, message): End) {
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
