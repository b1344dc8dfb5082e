//! The events that a kubelet writes about a container.

use serde_json::Value;

use super::stage::Stage;
use crate::kubernetes::outcome::{Outcome, Verdict, containers};
use crate::kubernetes::store::text;
use crate::kubernetes::world::{Note, World};

/// Writes the events of a container that has reached a stage.
pub(super) fn tell(world: &mut World, pod: &Value, at: usize, stage: Stage, verdict: &Verdict) {
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
    for (warning, reason, message) in notes(pod, name, image, stage, verdict) {
        let note = Note {
            component: "kubelet",
            warning,
            reason,
            message: &message,
            field: &field,
        };
        world.event(pod, &note);
    }
}

/// What there is to say: whether it is a warning, the reason, the message.
fn notes(
    pod: &Value,
    name: &str,
    image: &str,
    stage: Stage,
    verdict: &Verdict,
) -> Vec<(bool, &'static str, String)> {
    let pulling = (false, "Pulling", format!("Pulling image \"{image}\""));
    match stage {
        Stage::Running => {
            let pulled = format!(
                "Successfully pulled image \"{image}\" in 1.204s (1.204s including waiting). \
                 Image size: 8204101 bytes."
            );
            let mut notes = vec![
                pulling,
                (false, "Pulled", pulled),
                (false, "Created", format!("Created container: {name}")),
                (false, "Started", format!("Started container {name}")),
            ];
            if verdict.outcome == Outcome::NeverReady {
                let failed = "Readiness probe failed: HTTP probe failed with statuscode: 503";
                notes.push((true, "Unhealthy", failed.to_owned()));
            }
            notes
        }
        Stage::PullFailed => {
            let failed = format!("Failed to pull image \"{image}\": {}", verdict.pull_error);
            vec![
                pulling,
                (true, "Failed", failed),
                (true, "Failed", "Error: ErrImagePull".to_owned()),
            ]
        }
        Stage::PullBackOff => {
            let waiting = format!("Back-off pulling image \"{image}\"");
            vec![
                (false, "BackOff", waiting),
                (true, "Failed", "Error: ImagePullBackOff".to_owned()),
            ]
        }
        Stage::CrashBackOff => {
            let message = format!(
                "Back-off restarting failed container {name} in pod {}",
                full_name(pod)
            );
            vec![(true, "BackOff", message)]
        }
        Stage::Waiting | Stage::Ready | Stage::Completed | Stage::Exited => Vec::new(),
    }
}

/// A pod's name as the kubelet writes it: `NAME_NAMESPACE(UID)`.
pub(super) fn full_name(pod: &Value) -> String {
    format!(
        "{}_{}({})",
        text(pod, "/metadata/name"),
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/uid"),
    )
}
