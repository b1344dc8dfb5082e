//! Pod logs, as the kubelet hands them out.

use serde_json::Value;

use super::options::Options;
use super::outcome::{Outcome, containers};
use super::status::Refusal;
use super::store::text;
use super::world::World;

/// The log of one container of a pod.
///
/// # Errors
/// 400 in the kubelet's words when it is not clear which container, or when it has no log.
pub(super) fn read(world: &World, pod: &Value, options: &Options) -> Result<String, Refusal> {
    let (at, container) = choose(pod, &options.container)?;
    check_has_run(pod, container, options.previous)?;
    let lines = lines(world, pod, at);
    let keep = options.tail_lines.unwrap_or(usize::MAX).min(lines.len());
    let started = text(pod, "/status/startTime");
    let written = lines.iter().skip(lines.len() - keep).map(|line| {
        if options.timestamps {
            format!("{started} {line}\n")
        } else {
            format!("{line}\n")
        }
    });
    Ok(written.collect())
}

/// The container that is asked for: its place among all, and its name.
fn choose<'a>(pod: &'a Value, wanted: &str) -> Result<(usize, &'a str), Refusal> {
    let name = text(pod, "/metadata/name");
    let names: Vec<&str> = containers(&pod["spec"])
        .filter_map(|container| container["name"].as_str())
        .collect();
    let inits = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    let at = match (wanted, names.get(inits..)) {
        ("", Some([_])) => inits,
        ("", _) => {
            return Err(Refusal::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                names.join(" ")
            )));
        }
        (wanted, _) => names
            .iter()
            .position(|name| *name == wanted)
            .ok_or_else(|| {
                Refusal::bad_request(format!("container {wanted} is not valid for pod {name}"))
            })?,
    };
    Ok((at, names.get(at).copied().unwrap_or_default()))
}

fn check_has_run(pod: &Value, container: &str, previous: bool) -> Result<(), Refusal> {
    let name = text(pod, "/metadata/name");
    let status = ["initContainerStatuses", "containerStatuses"]
        .iter()
        .filter_map(|list| pod["status"][*list].as_array())
        .flatten()
        .find(|status| status["name"] == container)
        .cloned()
        .unwrap_or_default();
    if previous && status["lastState"]["terminated"].is_null() {
        return Err(Refusal::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{name}\" not found"
        )));
    }
    let waiting = status["state"]["waiting"]["reason"].as_str();
    let never_ran = status["containerID"].as_str().is_none_or(str::is_empty);
    if never_ran {
        let why = match waiting {
            Some("ErrImagePull" | "ImagePullBackOff") => "trying and failing to pull image",
            Some(reason) => reason,
            None => "PodInitializing",
        };
        return Err(Refusal::bad_request(format!(
            "container \"{container}\" in pod \"{name}\" is waiting to start: {why}"
        )));
    }
    Ok(())
}

fn lines(world: &World, pod: &Value, at: usize) -> Vec<String> {
    let verdict = world
        .runs
        .get(text(pod, "/metadata/uid"))
        .and_then(|run| run.verdicts.get(at));
    let Some(verdict) = verdict else {
        return Vec::new();
    };
    let started = format!("starting {}", verdict.image_id);
    match &verdict.outcome {
        Outcome::CrashLoopBackOff { log, .. } if !log.is_empty() => log.clone(),
        Outcome::CrashLoopBackOff { exit_code, .. } => {
            vec![started, format!("fatal: exiting with code {exit_code}")]
        }
        Outcome::NeverReady => vec![
            started,
            "not ready: a dependency does not answer".to_owned(),
        ],
        _ => vec![started, "ready".to_owned()],
    }
}
