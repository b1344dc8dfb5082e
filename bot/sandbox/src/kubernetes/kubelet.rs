//! Scheduler and kubelets: pods find a node, images are pulled, containers run or don't.
//!
//! What happens to a container follows from the verdict over its image alone. Each stage on the
//! way is written to the pod, with the events that a kubelet writes, so that watches see a rollout
//! as they would see a real one.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::controllers::set_condition;
use super::discovery::{NODE, POD};
use super::outcome::{Outcome, Verdict, containers, judge};
use super::store::{Key, digest, seconds, text};
use super::world::{Note, World};

/// What the kubelet remembers of a pod.
#[derive(Clone, Debug)]
pub(super) struct PodRun {
    pub(super) verdicts: Vec<Verdict>,
    stages: Vec<Stage>,
    since: Timestamp,
    restarts: i64,
}

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    PullFailed,
    PullBackOff,
    Running,
    Ready,
    Completed,
    Exited,
    CrashBackOff,
}

impl Stage {
    /// The stages that a container of this outcome goes through, under its restart policy.
    fn path(outcome: &Outcome, restart: &str) -> &'static [Self] {
        match (outcome, restart) {
            (Outcome::Ready, "Always") => &[Self::Running, Self::Ready],
            (Outcome::Ready, _) => &[Self::Running, Self::Completed],
            (Outcome::NeverReady, _) => &[Self::Running],
            (Outcome::CrashLoopBackOff { .. }, "Never") => &[Self::Running, Self::Exited],
            (Outcome::CrashLoopBackOff { .. }, _) => {
                &[Self::Running, Self::Exited, Self::CrashBackOff]
            }
            (Outcome::ImagePullBackOff, _) => &[Self::PullFailed, Self::PullBackOff],
            (Outcome::Unschedulable, _) => &[],
        }
    }

    fn has_not_started(self) -> bool {
        matches!(self, Self::Waiting | Self::PullFailed | Self::PullBackOff)
    }

    fn is_good(self) -> bool {
        matches!(self, Self::Ready | Self::Completed)
    }
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
    if known.is_none() && unschedulable {
        refuse_place(world, key, pod);
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

fn refuse_place(world: &mut World, key: &Key, pod: &Value) {
    if has_condition(pod, "PodScheduled", "False") {
        return;
    }
    let nodes = world.keys(&NODE).len();
    let message = format!(
        "0/{nodes} nodes are available: {nodes} Insufficient cpu. preemption: 0/{nodes} nodes are \
         available: {nodes} No preemption victims found for incoming pod."
    );
    let now = world.now();
    world.update(&POD, key, |pod| {
        let status = &mut pod["status"];
        set_condition(
            status,
            "PodScheduled",
            false,
            "Unschedulable",
            &message,
            now,
        );
    });
    world.event(
        pod,
        &Note {
            component: "default-scheduler",
            warning: true,
            reason: "FailedScheduling",
            message: &message,
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
        write_stages(pod, &stages, &[], 0, now);
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
            write_stages(pod, &frame, &verdicts, restarts, now);
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

/// The stages of all containers, moment by moment: init containers one after the other, then the
/// others side by side.
fn frames(spec: &Value, verdicts: &[Verdict]) -> Vec<Vec<Stage>> {
    let policy = spec["restartPolicy"].as_str().unwrap_or("Always");
    let inits = spec["initContainers"].as_array().map_or(0, Vec::len);
    let mut now = vec![Stage::Waiting; verdicts.len()];
    let mut frames = Vec::new();
    for (at, (verdict, container)) in verdicts
        .iter()
        .zip(containers(spec))
        .enumerate()
        .take(inits)
    {
        let restart = match (container["restartPolicy"].as_str(), policy) {
            (Some("Always"), _) => "Always",
            (_, "Never") => "Never",
            _ => "OnFailure",
        };
        for stage in Stage::path(&verdict.outcome, restart) {
            if let Some(slot) = now.get_mut(at) {
                *slot = *stage;
            }
            frames.push(now.clone());
        }
        if !now.get(at).is_some_and(|stage| stage.is_good()) {
            return frames;
        }
    }
    let paths: Vec<&[Stage]> = verdicts
        .iter()
        .skip(inits)
        .map(|verdict| Stage::path(&verdict.outcome, policy))
        .collect();
    let longest = paths.iter().map(|path| path.len()).max().unwrap_or(0);
    for moment in 0..longest {
        for (slot, path) in now.iter_mut().skip(inits).zip(&paths) {
            if let Some(stage) = path.get(moment) {
                *slot = *stage;
            }
        }
        frames.push(now.clone());
    }
    frames
}

/// Writes the events of a container that has reached a stage.
fn tell(world: &mut World, pod: &Value, at: usize, stage: Stage, verdict: &Verdict) {
    let inits = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    let Some(container) = containers(&pod["spec"]).nth(at) else {
        return;
    };
    let name = container["name"].as_str().unwrap_or_default();
    let image = container["image"].as_str().unwrap_or_default();
    let list = if at < inits {
        "initContainers"
    } else {
        "containers"
    };
    let field = format!("spec.{list}{{{name}}}");
    let mut say = |warning: bool, reason: &str, message: &str| {
        let note = Note {
            component: "kubelet",
            warning,
            reason,
            message,
            field: &field,
        };
        world.event(pod, &note);
    };
    let pulling = format!("Pulling image \"{image}\"");
    match stage {
        Stage::Running => {
            say(false, "Pulling", &pulling);
            let pulled = format!(
                "Successfully pulled image \"{image}\" in 1.204s (1.204s including waiting). \
                 Image size: 8204101 bytes."
            );
            say(false, "Pulled", &pulled);
            say(false, "Created", &format!("Created container: {name}"));
            say(false, "Started", &format!("Started container {name}"));
            if verdict.outcome == Outcome::NeverReady {
                let failed = "Readiness probe failed: HTTP probe failed with statuscode: 503";
                say(true, "Unhealthy", failed);
            }
        }
        Stage::PullFailed => {
            say(false, "Pulling", &pulling);
            let failed = format!("Failed to pull image \"{image}\": {}", verdict.pull_error);
            say(true, "Failed", &failed);
            say(true, "Failed", "Error: ErrImagePull");
        }
        Stage::PullBackOff => {
            say(
                false,
                "BackOff",
                &format!("Back-off pulling image \"{image}\""),
            );
            say(true, "Failed", "Error: ImagePullBackOff");
        }
        Stage::CrashBackOff => {
            let message = format!(
                "Back-off restarting failed container {name} in pod {}_{}({})",
                text(pod, "/metadata/name"),
                text(pod, "/metadata/namespace"),
                text(pod, "/metadata/uid"),
            );
            say(true, "BackOff", &message);
        }
        Stage::Waiting | Stage::Ready | Stage::Completed | Stage::Exited => {}
    }
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
        write_stages(pod, &run.stages, &run.verdicts, restarts, now);
    });
    if let Some(pod) = world.store.get(key).cloned() {
        for (at, (stage, verdict)) in run.stages.iter().zip(&run.verdicts).enumerate() {
            if *stage == Stage::CrashBackOff {
                tell(world, &pod, at, *stage, verdict);
            }
        }
    }
}

/// Writes a pod's status for the stages that its containers are in.
fn write_stages(
    pod: &mut Value,
    stages: &[Stage],
    verdicts: &[Verdict],
    restarts: i64,
    now: Timestamp,
) {
    let inits = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    let statuses: Vec<Value> = containers(&pod["spec"])
        .zip(stages)
        .enumerate()
        .map(|(at, (container, stage))| {
            let init_done = at < inits || stages.iter().take(inits).all(|stage| stage.is_good());
            let crashes = i64::from(*stage == Stage::CrashBackOff) * restarts;
            container_status(
                pod,
                container,
                *stage,
                verdicts.get(at),
                crashes,
                init_done,
                now,
            )
        })
        .collect();
    let (init, main) = statuses.split_at(inits.min(statuses.len()));
    let (init_stages, main_stages) = stages.split_at(inits.min(stages.len()));
    let unready: Vec<&str> = main
        .iter()
        .filter(|status| status["ready"] != true)
        .filter_map(|status| status["name"].as_str())
        .collect();
    let phase = phase(pod, init_stages, main_stages);
    let ready = unready.is_empty() && phase == "Running";
    let (reason, message) = match phase {
        "Succeeded" => ("PodCompleted", String::new()),
        _ if ready => ("", String::new()),
        _ => (
            "ContainersNotReady",
            format!("containers with unready status: [{}]", unready.join(" ")),
        ),
    };
    let ip = pod_ip(text(pod, "/metadata/uid"));
    let initialized = init_stages.iter().all(|stage| stage.is_good());
    let status = &mut pod["status"];
    if inits > 0 {
        status["initContainerStatuses"] = init.into();
    }
    status["containerStatuses"] = main.into();
    status["phase"] = phase.into();
    status["hostIP"] = "10.0.0.10".into();
    status["podIP"] = ip.as_str().into();
    status["podIPs"] = json!([{"ip": ip}]);
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
    stage: Stage,
    verdict: Option<&Verdict>,
    restarts: i64,
    init_done: bool,
    now: Timestamp,
) -> Value {
    let name = container["name"].as_str().unwrap_or_default();
    let image = container["image"].as_str().unwrap_or_default();
    let now = seconds(now);
    let id = format!(
        "containerd://{}",
        digest(&json!([pod["metadata"]["uid"], name, restarts]))
    );
    let exit_code = match verdict.map(|verdict| &verdict.outcome) {
        Some(Outcome::CrashLoopBackOff { exit_code, .. }) => *exit_code,
        _ => 0,
    };
    let terminated = json!({"terminated": {
        "exitCode": exit_code,
        "reason": if exit_code == 0 { "Completed" } else { "Error" },
        "startedAt": now,
        "finishedAt": now,
        "containerID": id,
    }});
    let waiting = |reason: &str, message: String| {
        let mut waiting = json!({"waiting": {"reason": reason}});
        if !message.is_empty() {
            waiting["waiting"]["message"] = message.into();
        }
        waiting
    };
    let pull_error = verdict.map_or("", |verdict| verdict.pull_error.as_str());
    let state = match stage {
        Stage::Waiting if init_done => waiting("ContainerCreating", String::new()),
        Stage::Waiting => waiting("PodInitializing", String::new()),
        Stage::PullFailed => waiting("ErrImagePull", pull_error.to_owned()),
        Stage::PullBackOff => waiting(
            "ImagePullBackOff",
            format!("Back-off pulling image \"{image}\": ErrImagePull: {pull_error}"),
        ),
        Stage::Running | Stage::Ready => json!({"running": {"startedAt": now}}),
        Stage::Completed | Stage::Exited => terminated.clone(),
        Stage::CrashBackOff => {
            let seconds = (10 << (restarts - 1).clamp(0, 5)).min(300);
            let backoff = match seconds {
                300 => "5m0s".to_owned(),
                60.. => format!("{}m{}s", seconds / 60, seconds % 60),
                _ => format!("{seconds}s"),
            };
            waiting(
                "CrashLoopBackOff",
                format!(
                    "back-off {backoff} restarting failed container={name} pod={}_{}({})",
                    text(pod, "/metadata/name"),
                    text(pod, "/metadata/namespace"),
                    text(pod, "/metadata/uid"),
                ),
            )
        }
    };
    let started = !stage.has_not_started();
    let is_init_done = stage == Stage::Completed;
    json!({
        "name": name,
        "image": image,
        "imageID": if started { verdict.map_or("", |verdict| &verdict.image_id) } else { "" },
        "containerID": if started { id.as_str() } else { "" },
        "ready": stage == Stage::Ready || is_init_done,
        "started": matches!(stage, Stage::Running | Stage::Ready),
        "restartCount": restarts,
        "state": state,
        "lastState": if stage == Stage::CrashBackOff { terminated } else { json!({}) },
    })
}
