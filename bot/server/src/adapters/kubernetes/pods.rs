//! What is wrong with a pod, read off its status. Plain functions.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

/// A pod that can't become ready by itself, as far as its status tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) pod: String,
    pub(super) container: Option<String>,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) exit_code: Option<i32>,
    /// How often its container was restarted.
    pub(super) restarts: u32,
    /// Where the container's last words are.
    pub(super) log: LogOf,
}

/// Which log tells what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogOf {
    /// No container has run yet.
    Nothing,
    /// The container that runs now.
    Current,
    /// The one before: it crashed.
    Previous,
}

/// Reasons of a waiting container that no waiting mends. The kubelet tries most of them again, but
/// the manifest or the image has to change.
const HOPELESS: [&str; 9] = [
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
];

/// The reason of a pod that found no node.
pub(super) const UNSCHEDULABLE: &str = "Unschedulable";

/// What keeps a pod from becoming ready. A pod that is being deleted is nobody's trouble, nor is
/// one that is ready.
pub(super) fn trouble(pod: &Pod) -> Option<Trouble> {
    if pod.metadata.deletion_timestamp.is_some() || is_ready(pod) {
        return None;
    }
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    let main = status.container_statuses.iter().flatten();
    let stuck = init.chain(main).find_map(|container| stuck(pod, container));
    stuck.or_else(|| unschedulable(pod))
}

fn name(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn stuck(pod: &Pod, container: &ContainerStatus) -> Option<Trouble> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting
        .reason
        .as_deref()
        .filter(|reason| HOPELESS.contains(reason))?;
    let ended = container
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let said = waiting.message.clone().unwrap_or_default();
    let message = match ended {
        Some(ended) if reason == "CrashLoopBackOff" => {
            let how = ended.reason.as_deref().unwrap_or("Error");
            let times = match container.restart_count {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            };
            format!("exit code {} ({how}), restarted {times}", ended.exit_code)
        }
        _ => said,
    };
    Some(Trouble {
        pod: name(pod),
        container: Some(container.name.clone()),
        reason: reason.to_owned(),
        message,
        exit_code: ended.map(|ended| ended.exit_code),
        restarts: container.restart_count.try_into().unwrap_or(0),
        log: if ended.is_some() {
            LogOf::Previous
        } else {
            LogOf::Nothing
        },
    })
}

fn unschedulable(pod: &Pod) -> Option<Trouble> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some(UNSCHEDULABLE)
    })?;
    Some(Trouble {
        pod: name(pod),
        container: None,
        reason: UNSCHEDULABLE.to_owned(),
        message: condition.message.clone().unwrap_or_default(),
        exit_code: None,
        restarts: 0,
        log: LogOf::Nothing,
    })
}

/// Whether the pod passes its readiness probes.
pub(super) fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// What there is to say of a pod that is merely not ready in time.
pub(super) fn not_ready(pod: &Pod) -> Option<Trouble> {
    if pod.metadata.deletion_timestamp.is_some() || is_ready(pod) {
        return None;
    }
    if let Some(trouble) = trouble(pod) {
        return Some(trouble);
    }
    let status = pod.status.as_ref();
    let main = status.and_then(|status| status.container_statuses.as_ref());
    let container = main
        .into_iter()
        .flatten()
        .find(|container| !container.ready);
    let running = container
        .and_then(|it| it.state.as_ref()?.running.as_ref())
        .is_some();
    let ended = container.and_then(|it| it.last_state.as_ref()?.terminated.as_ref());
    let phase = status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Pending");
    let message = match container {
        Some(container) if running => format!("container {} runs but is not ready", container.name),
        _ => format!("the pod is {phase}"),
    };
    Some(Trouble {
        pod: name(pod),
        container: container.map(|container| container.name.clone()),
        reason: "NotReady".to_owned(),
        message,
        exit_code: ended.map(|ended| ended.exit_code),
        restarts: container.map_or(0, |container| {
            container.restart_count.try_into().unwrap_or(0)
        }),
        log: match (running, ended) {
            (true, _) => LogOf::Current,
            (false, Some(_)) => LogOf::Previous,
            (false, None) => LogOf::Nothing,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "shop-1"}, "status": status})).unwrap()
    }

    fn container(state: &Value, last: &Value) -> Value {
        json!({
            "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 2,
            "state": state, "lastState": last,
        })
    }

    fn waiting(reason: &str) -> Pod {
        let state = json!({"waiting": {"reason": reason, "message": "m"}});
        pod(&json!({"containerStatuses": [container(&state, &json!({}))]}))
    }

    #[test]
    fn only_what_waiting_does_not_mend_is_trouble() {
        for reason in HOPELESS {
            assert_eq!(trouble(&waiting(reason)).unwrap().reason, reason);
        }
        for reason in ["ContainerCreating", "PodInitializing"] {
            assert_eq!(trouble(&waiting(reason)), None);
        }
        assert_eq!(trouble(&pod(&json!({}))), None);
    }

    #[test]
    fn a_crash_is_told_by_its_exit_code() {
        let state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        let last = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let found = trouble(&pod(
            &json!({"initContainerStatuses": [container(&state, &last)]}),
        ));
        let found = found.unwrap();
        assert_eq!(
            found.message,
            "exit code 137 (OOMKilled), restarted 2 times"
        );
        assert_eq!((found.exit_code, found.log), (Some(137), LogOf::Previous));
    }

    #[test]
    fn a_pod_that_goes_away_or_works_is_nobodys_trouble() {
        let mut gone = waiting("ErrImagePull");
        gone.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(trouble(&gone), None);
        assert_eq!(not_ready(&gone), None);
        let mut ready = waiting("ErrImagePull");
        let condition = json!([{"type": "Ready", "status": "True"}]);
        ready.status.as_mut().unwrap().conditions = serde_json::from_value(condition).unwrap();
        assert_eq!(trouble(&ready), None);
    }

    #[test]
    fn a_late_pod_says_where_it_is() {
        let running = json!({"running": {}});
        let late = not_ready(&pod(
            &json!({"containerStatuses": [container(&running, &json!({}))]}),
        ));
        let late = late.unwrap();
        assert_eq!(late.message, "container main runs but is not ready");
        assert_eq!(late.log, LogOf::Current);
        let pending = not_ready(&pod(&json!({"phase": "Pending"}))).unwrap();
        assert_eq!(
            (pending.message.as_str(), pending.log),
            ("the pod is Pending", LogOf::Nothing)
        );
    }
}
