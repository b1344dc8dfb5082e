//! What a Deployment says about its rollout: counts and conditions.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::deployment::Part;
use super::pods::{counts, set_condition};
use super::rolling::Limits;
use crate::kubernetes::discovery::DEPLOYMENT;
use crate::kubernetes::store::{Key, number, seconds, time_of};
use crate::kubernetes::world::World;

/// Writes a Deployment's status. `news` is why its ReplicaSet has just become the current one.
pub(super) fn write_status(
    world: &mut World,
    key: &Key,
    current: Option<&Part>,
    old: &[Part],
    news: Option<&str>,
) {
    let now = world.now();
    world.update(&DEPLOYMENT, key, |deployment| {
        let limits = Limits::of(deployment);
        let before = deployment["status"].clone();
        let mut status = count_parts(deployment, current, old);
        if before["conditions"].is_array() {
            status["conditions"] = before["conditions"].clone();
        }
        if deployment["spec"]["paused"] != true {
            let progress = Progress {
                name: current.map_or_else(String::new, |part| part.key.name.clone()),
                complete: is_complete(&status, &limits),
                moved: has_moved(&before, &status),
                news,
                deadline: number(deployment, "/spec/progressDeadlineSeconds", 600),
            };
            progress.write(&mut status, now);
        }
        let enough = number(&status, "/availableReplicas", 0) >= limits.wanted - limits.unavailable;
        let told = if enough {
            (
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        set_timed(&mut status, "Available", enough, told, now);
        deployment["status"] = status;
    });
}

fn count_parts(deployment: &Value, current: Option<&Part>, old: &[Part]) -> Value {
    let sum = |count: fn(&Part) -> i64| old.iter().chain(current).map(count).sum::<i64>();
    let available = sum(|part| part.available);
    let generation = number(deployment, "/metadata/generation", 1);
    let missing = (sum(|part| part.wanted) - available).max(0);
    counts(&[
        ("observedGeneration", generation),
        ("replicas", sum(|part| part.pods)),
        ("updatedReplicas", current.map_or(0, |part| part.pods)),
        ("readyReplicas", sum(|part| part.ready)),
        ("availableReplicas", available),
        ("unavailableReplicas", missing),
    ])
}

fn is_complete(status: &Value, limits: &Limits) -> bool {
    ["updatedReplicas", "replicas", "availableReplicas"]
        .iter()
        .all(|count| status[*count].as_i64().unwrap_or(0) == limits.wanted)
}

/// Whether a rollout is further than it was (`DeploymentProgressing` of the real controller).
fn has_moved(before: &Value, status: &Value) -> bool {
    let more = ["updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .any(|count| status[*count].as_i64().unwrap_or(0) > before[*count].as_i64().unwrap_or(0));
    let old =
        |status: &Value| number(status, "/replicas", 0) - number(status, "/updatedReplicas", 0);
    more || old(status) < old(before)
}

/// How a rollout is getting on.
struct Progress<'a> {
    name: String,
    complete: bool,
    moved: bool,
    news: Option<&'a str>,
    deadline: i64,
}

impl Progress<'_> {
    fn write(&self, status: &mut Value, now: Timestamp) {
        let before = condition(status);
        let set = |name: &str| format!("ReplicaSet \"{}\" {name}", self.name);
        if let Some(news) = self.news {
            let message = match news {
                "NewReplicaSetCreated" => {
                    format!("Created new replica set \"{}\"", self.name)
                }
                _ => format!("Found new replica set \"{}\"", self.name),
            };
            set_timed(status, "Progressing", true, (news, &message), now);
        } else if self.complete {
            let message = set("has successfully progressed.");
            if before["reason"] != "NewReplicaSetAvailable" {
                let told = ("NewReplicaSetAvailable", message.as_str());
                set_timed(status, "Progressing", true, told, now);
            }
        } else if self.moved || before.is_null() {
            let message = set("is progressing.");
            let told = ("ReplicaSetUpdated", message.as_str());
            set_timed(status, "Progressing", true, told, now);
        } else if before["reason"] != "NewReplicaSetAvailable"
            && before["reason"] != "ProgressDeadlineExceeded"
            && self.is_late(&before, now)
        {
            let message = set("has timed out progressing.");
            let told = ("ProgressDeadlineExceeded", message.as_str());
            set_timed(status, "Progressing", false, told, now);
        }
    }

    fn is_late(&self, before: &Value, now: Timestamp) -> bool {
        time_of(&before["lastUpdateTime"]).is_some_and(|since| {
            since.duration_until(now) > SignedDuration::from_secs(self.deadline)
        })
    }
}

fn condition(status: &Value) -> Value {
    let conditions = status["conditions"].as_array();
    conditions
        .and_then(|all| all.iter().find(|one| one["type"] == "Progressing"))
        .cloned()
        .unwrap_or_default()
}

/// A condition with `lastUpdateTime`, which only Deployments have.
fn set_timed(
    status: &mut Value,
    kind: &str,
    is: bool,
    (reason, message): (&str, &str),
    now: Timestamp,
) {
    let same = status["conditions"].as_array().and_then(|conditions| {
        conditions
            .iter()
            .find(|one| one["type"] == kind && one["reason"] == reason && kind == "Available")
            .map(|one| one["lastUpdateTime"].clone())
    });
    set_condition(status, kind, is, reason, message, now);
    let conditions = status["conditions"].as_array_mut();
    if let Some(written) = conditions.and_then(|all| all.iter_mut().find(|one| one["type"] == kind))
    {
        written["lastUpdateTime"] = same.unwrap_or_else(|| seconds(now).into());
    }
}
