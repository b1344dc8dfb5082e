//! Where a workload stands in its rollout, read off its status. Plain functions.
//!
//! The rules are those of `kubectl rollout status`, with what the controllers say about failures.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::Job;

/// Where a workload stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Pods of the new template that are ready.
    pub(super) ready: u32,
    /// Pods of the new template that there should be.
    pub(super) wanted: u32,
    /// Whether the rollout is over, and well.
    pub(super) done: bool,
    /// Whether the controller has seen the newest template.
    pub(super) observed: bool,
    /// Why it can't succeed.
    pub(super) failed: Option<Failure>,
}

/// What a controller says when it gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) message: String,
}

impl Failure {
    fn new(reason: &str, message: Option<&String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.cloned().unwrap_or_default(),
        }
    }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn optional(number: Option<i32>) -> u32 {
    count(number.unwrap_or(0))
}

/// A Deployment.
pub(super) fn deployment(object: &Deployment) -> Standing {
    let Some(spec) = &object.spec else {
        return Standing::default();
    };
    let wanted = count(spec.replicas.unwrap_or(1));
    let status = object.status.clone().unwrap_or_default();
    let observed = status.observed_generation >= object.metadata.generation;
    if !observed {
        return Standing {
            wanted,
            ..Standing::default()
        };
    }
    let all = optional(status.replicas);
    let updated = optional(status.updated_replicas);
    let available = optional(status.available_replicas);
    // The status does not tell the available pods of the new template from the old ones: this many
    // at least are new.
    let ready = available
        .saturating_sub(all.saturating_sub(updated))
        .min(wanted);
    let done = updated >= wanted && all <= updated && available >= updated;
    let conditions = status.conditions.unwrap_or_default();
    let failed = conditions.iter().find_map(|condition| {
        match (
            condition.type_.as_str(),
            condition.status.as_str(),
            condition.reason.as_deref(),
        ) {
            ("Progressing", "False", Some(reason @ "ProgressDeadlineExceeded"))
            | ("ReplicaFailure", "True", Some(reason)) => {
                Some(Failure::new(reason, condition.message.as_ref()))
            }
            _ => None,
        }
    });
    let paused = spec.paused.unwrap_or(false) && !done;
    let failed = failed.or_else(|| {
        let message = "it is paused: `spec.paused` keeps it from rolling out".to_owned();
        paused.then_some(Failure {
            reason: "DeploymentPaused".to_owned(),
            message,
        })
    });
    Standing {
        ready,
        wanted,
        done,
        observed,
        failed: failed.filter(|_| !done),
    }
}

/// Whether a ReplicaSet can't create its pods: a quota, or an admission webhook.
pub(super) fn replica_set_failure(object: &ReplicaSet) -> Option<Failure> {
    let conditions = object.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find_map(|condition| {
        let failed = condition.type_ == "ReplicaFailure" && condition.status == "True";
        let reason = condition.reason.as_deref().unwrap_or("ReplicaFailure");
        failed.then(|| Failure::new(reason, condition.message.as_ref()))
    })
}

/// A StatefulSet. One that is updated by hand (`OnDelete`) counts as rolled out when its pods are
/// ready: nobody else will replace them.
pub(super) fn stateful_set(object: &StatefulSet) -> Standing {
    let Some(spec) = &object.spec else {
        return Standing::default();
    };
    let wanted = count(spec.replicas.unwrap_or(1));
    let status = object.status.clone().unwrap_or_default();
    let observed = status.observed_generation >= object.metadata.generation;
    if !observed {
        return Standing {
            wanted,
            ..Standing::default()
        };
    }
    let strategy = spec.update_strategy.as_ref();
    let by_hand = strategy.and_then(|it| it.type_.as_deref()) == Some("OnDelete");
    let partition = strategy
        .and_then(|it| it.rolling_update.as_ref()?.partition)
        .unwrap_or(0);
    let to_update = if by_hand {
        0
    } else {
        wanted.saturating_sub(count(partition))
    };
    let updated = if status.current_revision == status.update_revision {
        // All pods are of the newest revision; `updatedReplicas` may then be left out.
        wanted
    } else {
        optional(status.updated_replicas)
    };
    let ready = optional(status.ready_replicas);
    let available = optional(status.available_replicas);
    Standing {
        ready: ready.min(updated).min(wanted),
        wanted,
        done: updated >= to_update && ready >= wanted && available >= wanted,
        observed,
        failed: None,
    }
}

/// A DaemonSet.
pub(super) fn daemon_set(object: &DaemonSet) -> Standing {
    let status = object.status.clone().unwrap_or_default();
    let wanted = count(status.desired_number_scheduled);
    let observed =
        object.status.is_some() && status.observed_generation >= object.metadata.generation;
    if !observed {
        return Standing {
            wanted,
            ..Standing::default()
        };
    }
    let updated = optional(status.updated_number_scheduled);
    let available = optional(status.number_available);
    Standing {
        ready: available.min(updated).min(wanted),
        wanted,
        done: updated >= wanted && available >= wanted,
        observed,
        failed: None,
    }
}

/// A Job, which is ready when it has done its work.
pub(super) fn job(object: &Job) -> Standing {
    let conditions = object
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let is = |wanted: &str| {
        let mut conditions = conditions.into_iter().flatten();
        conditions.find(|condition| condition.type_ == wanted && condition.status == "True")
    };
    let done = is("Complete").is_some();
    let failed = is("Failed").map(|condition| {
        let reason = condition.reason.as_deref().unwrap_or("Failed");
        Failure::new(reason, condition.message.as_ref())
    });
    Standing {
        ready: u32::from(done),
        wanted: 1,
        done,
        observed: true,
        failed,
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::*;

    fn object<K: DeserializeOwned>(spec: Value, status: &Value) -> K {
        let mut spec = spec;
        spec["selector"] = json!({});
        spec["template"] = json!({});
        let whole =
            json!({"metadata": {"name": "a", "generation": 2}, "spec": spec, "status": status});
        serde_json::from_value(whole).unwrap()
    }

    fn standing_of(status: &Value) -> Standing {
        deployment(&object(json!({"replicas": 3}), status))
    }

    #[test]
    fn a_deployment_is_done_when_only_new_pods_are_there_and_available() {
        let done = json!({
            "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3,
        });
        let standing = standing_of(&done);
        assert!(standing.done && standing.observed && standing.ready == 3);
        for (field, value) in [
            ("observedGeneration", 1),
            ("replicas", 4),
            ("updatedReplicas", 2),
            ("availableReplicas", 2),
        ] {
            let mut status = done.clone();
            status[field] = json!(value);
            assert!(!standing_of(&status).done, "{field}");
        }
        assert!(!standing_of(&json!({})).observed);
    }

    #[test]
    fn without_a_number_of_its_own_a_deployment_wants_one() {
        let one = json!({
            "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
        });
        let standing = deployment(&object(json!({}), &one));
        assert!(standing.done && standing.ready == 1 && standing.wanted == 1);
        // An autoscaler is giving it more pods: the rollout ends with all of them.
        let mut growing = one.clone();
        growing["replicas"] = json!(3);
        growing["updatedReplicas"] = json!(3);
        let standing = deployment(&object(json!({"replicas": 3}), &growing));
        assert!(!standing.done && standing.ready == 1 && standing.wanted == 3);
    }

    #[test]
    fn old_pods_do_not_count_as_ready() {
        let standing = standing_of(&json!({
            "observedGeneration": 2, "replicas": 4, "updatedReplicas": 1, "availableReplicas": 3,
        }));
        assert_eq!((standing.ready, standing.wanted), (0, 3));
    }

    #[test]
    fn a_deployment_says_why_it_gave_up() {
        let failed = |kind: &str, status: &str, reason: &str| {
            let standing = standing_of(&json!({
                "observedGeneration": 2,
                "conditions": [{"type": kind, "status": status, "reason": reason, "message": "m"}],
            }));
            standing.failed.map(|failure| failure.reason)
        };
        let late = "ProgressDeadlineExceeded";
        assert_eq!(failed("Progressing", "False", late).as_deref(), Some(late));
        assert_eq!(
            failed("ReplicaFailure", "True", "FailedCreate").as_deref(),
            Some("FailedCreate")
        );
        assert_eq!(failed("ReplicaFailure", "False", "FailedCreate"), None);
        assert_eq!(failed("Progressing", "True", "ReplicaSetUpdated"), None);
        let paused = object(json!({"paused": true}), &json!({"observedGeneration": 2}));
        assert_eq!(
            deployment(&paused).failed.unwrap().reason,
            "DeploymentPaused"
        );
    }

    #[test]
    fn a_stateful_set_heeds_its_strategy() {
        let status = json!({
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b",
        });
        let standing = |strategy: Value| {
            stateful_set(&object(
                json!({"replicas": 3, "serviceName": "a", "updateStrategy": strategy}),
                &status,
            ))
        };
        assert!(!standing(json!({"type": "RollingUpdate"})).done);
        assert!(standing(json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}})).done);
        assert!(standing(json!({"type": "OnDelete"})).done);
        assert_eq!(standing(json!({})).ready, 1);
        let over = json!({
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "currentRevision": "b", "updateRevision": "b",
        });
        assert!(stateful_set(&object(json!({"replicas": 3, "serviceName": "a"}), &over)).done);
    }

    #[test]
    fn a_daemon_set_wants_a_pod_on_each_node() {
        let standing = |updated: i32, available: i32| {
            daemon_set(&object(
                json!({}),
                &json!({
                    "observedGeneration": 2, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
                    "numberMisscheduled": 0, "numberReady": 2,
                    "updatedNumberScheduled": updated, "numberAvailable": available,
                }),
            ))
        };
        assert!(standing(2, 2).done);
        assert!(!standing(1, 2).done && !standing(2, 1).done);
    }
}
