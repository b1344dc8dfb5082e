//! A pod's status, from the stages that its containers are in.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::notes::full_name;
use super::stage::Stage;
use crate::kubernetes::controllers::set_condition;
use crate::kubernetes::outcome::{Outcome, Verdict, containers};
use crate::kubernetes::store::{digest, seconds, text};

/// What a status is written from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment<'a> {
    pub(super) stages: &'a [Stage],
    pub(super) verdicts: &'a [Verdict],
    /// How often the crashing containers have been restarted.
    pub(super) restarts: i64,
    /// When the containers were started.
    pub(super) since: Timestamp,
    pub(super) now: Timestamp,
}

/// Writes a pod's status.
pub(super) fn write(pod: &mut Value, moment: Moment<'_>) {
    let stages = moment.stages;
    let inits = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    let statuses: Vec<Value> = containers(&pod["spec"])
        .enumerate()
        .map(|(at, container)| container_status(pod, container, at, inits, moment))
        .collect();
    let (init, main) = statuses.split_at(inits.min(statuses.len()));
    let (init_stages, main_stages) = stages.split_at(inits.min(stages.len()));
    let phase = phase(pod, init_stages, main_stages);
    let ip = pod_ip(text(pod, "/metadata/uid"));
    let status = &mut pod["status"];
    if inits > 0 {
        status["initContainerStatuses"] = init.into();
    }
    status["containerStatuses"] = main.into();
    status["phase"] = phase.into();
    status["hostIP"] = "10.0.0.10".into();
    status["podIP"] = ip.as_str().into();
    status["podIPs"] = json!([{"ip": ip}]);
    let initialized = init_stages.iter().all(|stage| stage.is_good());
    write_conditions(status, initialized, phase, moment.now);
}

fn write_conditions(status: &mut Value, initialized: bool, phase: &str, now: Timestamp) {
    let containers = status["containerStatuses"].as_array();
    let unready: Vec<&str> = containers
        .into_iter()
        .flatten()
        .filter(|status| status["ready"] != true)
        .filter_map(|status| status["name"].as_str())
        .collect();
    let ready = unready.is_empty() && phase == "Running";
    let (reason, message) = match phase {
        "Succeeded" => ("PodCompleted", String::new()),
        _ if ready => ("", String::new()),
        _ => (
            "ContainersNotReady",
            format!("containers with unready status: [{}]", unready.join(" ")),
        ),
    };
    let waiting = if initialized {
        ""
    } else {
        "ContainersNotInitialized"
    };
    set_condition(status, "Initialized", initialized, waiting, "", now);
    set_condition(status, "ContainersReady", ready, reason, &message, now);
    set_condition(status, "Ready", ready, reason, &message, now);
}

fn pod_ip(uid: &str) -> String {
    let hash = digest(&uid.into());
    let byte = |at: usize| {
        let digits = hash.get(at..at + 2).unwrap_or_default();
        u8::from_str_radix(digits, 16).unwrap_or(1)
    };
    format!("10.0.{}.{}", byte(0), byte(2))
}

fn phase(pod: &Value, init: &[Stage], main: &[Stage]) -> &'static str {
    let never = pod["spec"]["restartPolicy"] == "Never";
    if init.iter().any(|stage| !stage.is_good()) {
        return if never && init.contains(&Stage::Exited) {
            "Failed"
        } else {
            "Pending"
        };
    }
    if main.iter().any(|stage| stage.has_not_started()) {
        "Pending"
    } else if main.iter().all(|stage| *stage == Stage::Completed) {
        "Succeeded"
    } else if never
        && main
            .iter()
            .all(|stage| matches!(stage, Stage::Completed | Stage::Exited))
    {
        "Failed"
    } else {
        "Running"
    }
}

fn container_status(
    pod: &Value,
    container: &Value,
    at: usize,
    inits: usize,
    moment: Moment<'_>,
) -> Value {
    let stage = moment.stages.get(at).copied().unwrap_or(Stage::Waiting);
    let verdict = moment.verdicts.get(at);
    let crashing = stage == Stage::CrashBackOff;
    let restarts = if crashing { moment.restarts } else { 0 };
    let name = &container["name"];
    let id = json!([pod["metadata"]["uid"], name, restarts]);
    let id = format!("containerd://{}", digest(&id));
    let since = if crashing { moment.now } else { moment.since };
    let terminated = terminated(verdict, since, &id);
    let mut init_stages = moment.stages.iter().take(inits);
    let state = match stage {
        Stage::Waiting if at < inits || init_stages.all(|stage| stage.is_good()) => {
            waiting("ContainerCreating", "")
        }
        Stage::Waiting => waiting("PodInitializing", ""),
        Stage::PullFailed => waiting("ErrImagePull", verdict.map_or("", |v| &v.pull_error)),
        Stage::PullBackOff => {
            let error = verdict.map_or("", |verdict| &verdict.pull_error);
            let image = &container["image"];
            let message = format!("Back-off pulling image {image}: ErrImagePull: {error}");
            waiting("ImagePullBackOff", &message)
        }
        Stage::Running | Stage::Ready => json!({"running": {"startedAt": seconds(since)}}),
        Stage::Completed | Stage::Exited => terminated.clone(),
        Stage::CrashBackOff => waiting("CrashLoopBackOff", &back_off(pod, container, restarts)),
    };
    let started = !stage.has_not_started();
    json!({
        "name": name,
        "image": container["image"],
        "imageID": if started { verdict.map_or("", |verdict| &verdict.image_id) } else { "" },
        "containerID": if started { id.as_str() } else { "" },
        "ready": stage.is_good(),
        "started": matches!(stage, Stage::Running | Stage::Ready),
        "restartCount": restarts,
        "state": state,
        "lastState": if crashing { terminated } else { json!({}) },
    })
}

fn waiting(reason: &str, message: &str) -> Value {
    if message.is_empty() {
        return json!({"waiting": {"reason": reason}});
    }
    json!({"waiting": {"reason": reason, "message": message}})
}

fn terminated(verdict: Option<&Verdict>, when: Timestamp, id: &str) -> Value {
    let exit_code = match verdict.map(|verdict| &verdict.outcome) {
        Some(Outcome::CrashLoopBackOff { exit_code, .. }) => *exit_code,
        _ => 0,
    };
    json!({"terminated": {
        "exitCode": exit_code,
        "reason": if exit_code == 0 { "Completed" } else { "Error" },
        "startedAt": seconds(when),
        "finishedAt": seconds(when),
        "containerID": id,
    }})
}

fn back_off(pod: &Value, container: &Value, restarts: i64) -> String {
    let seconds = (10 << (restarts - 1).clamp(0, 5)).min(300);
    let wait = match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    };
    format!(
        "back-off {wait} restarting failed container={} pod={}",
        container["name"].as_str().unwrap_or_default(),
        full_name(pod),
    )
}
