//! Deployment: one ReplicaSet per template, rolled over as `kube-controller-manager` does it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::pods::{
    count, counts, hash, is_available, is_over, is_ready, owner_reference, set_condition,
};
use crate::kubernetes::discovery::{DEPLOYMENT, POD, REPLICA_SET};
use crate::kubernetes::store::{Key, number, seconds, text, time_of};
use crate::kubernetes::world::{Note, World, key_of};

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

pub(super) fn round(world: &mut World) {
    for key in world.keys(&DEPLOYMENT) {
        if let Some(deployment) = world.store.get(&key).cloned() {
            reconcile(world, &key, &deployment);
        }
    }
}

/// A ReplicaSet and its pods, summed up.
#[derive(Debug)]
struct Part {
    key: Key,
    wanted: i64,
    pods: i64,
    ready: i64,
    available: i64,
}

impl Part {
    fn of(world: &World, deployment: &Value, set: &Value) -> Self {
        let now = world.now();
        let pods = world.controlled_by(&POD, set);
        Self {
            key: key_of(&REPLICA_SET, set),
            wanted: number(set, "/spec/replicas", 0),
            pods: count(&pods, |pod| !is_over(pod)),
            ready: count(&pods, is_ready),
            available: count(&pods, |pod| is_available(pod, deployment, now)),
        }
    }
}

fn reconcile(world: &mut World, key: &Key, deployment: &Value) {
    let paused = deployment["spec"]["paused"] == true;
    let template = hash(&deployment["spec"]["template"], 10);
    let news = if paused {
        None
    } else {
        make_current(world, key, deployment, &template)
    };
    let (current, old) = parts(world, deployment, &template);
    if let Some(current) = &current {
        let limits = Limits::of(deployment);
        if !paused {
            roll(world, deployment, current, &old, &limits);
        }
    }
    let (current, old) = parts(world, deployment, &template);
    write_status(world, key, current.as_ref(), &old, news);
    if !paused {
        drop_history(world, deployment, &template);
    }
}

/// The current ReplicaSet and the older ones, oldest first.
fn parts(world: &World, deployment: &Value, template: &str) -> (Option<Part>, Vec<Part>) {
    let mut sets = world.controlled_by(&REPLICA_SET, deployment);
    sets.sort_by_key(|set| revision(set));
    let is_current = |set: &Arc<Value>| set["metadata"]["labels"][HASH] == template;
    let current = sets.iter().find(|set| is_current(set));
    let old = sets.iter().filter(|set| !is_current(set));
    (
        current.map(|set| Part::of(world, deployment, set)),
        old.map(|set| Part::of(world, deployment, set)).collect(),
    )
}

fn revision(object: &Value) -> i64 {
    let revision = object["metadata"]["annotations"][REVISION].as_str();
    revision.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Finds or makes the ReplicaSet of the present template and numbers it; says whether it is news.
fn make_current(
    world: &mut World,
    key: &Key,
    deployment: &Value,
    template: &str,
) -> Option<&'static str> {
    let sets = world.controlled_by(&REPLICA_SET, deployment);
    let current = sets
        .iter()
        .find(|set| set["metadata"]["labels"][HASH] == template);
    let newest_other = sets
        .iter()
        .filter(|set| set["metadata"]["labels"][HASH] != template)
        .map(|set| revision(set))
        .max()
        .unwrap_or(0);
    let news = match current {
        Some(set) if revision(set) > newest_other => {
            let number = revision(set).to_string();
            number_deployment(world, key, &number);
            return None;
        }
        Some(set) => {
            let number = (newest_other + 1).to_string();
            world.update(&REPLICA_SET, &key_of(&REPLICA_SET, set), |set| {
                set["metadata"]["annotations"][REVISION] = number.into();
            });
            "FoundNewReplicaSet"
        }
        None => {
            world.put(
                &REPLICA_SET,
                new_set(deployment, template, newest_other + 1),
            );
            "NewReplicaSetCreated"
        }
    };
    number_deployment(world, key, &(newest_other + 1).to_string());
    Some(news)
}

fn number_deployment(world: &mut World, key: &Key, number: &str) {
    world.update(&DEPLOYMENT, key, |deployment| {
        deployment["metadata"]["annotations"][REVISION] = number.into();
    });
}

fn new_set(deployment: &Value, template: &str, revision: i64) -> Value {
    let spec = &deployment["spec"];
    let mut labels = spec["template"]["metadata"]["labels"].clone();
    labels[HASH] = template.into();
    let mut selector = spec["selector"].clone();
    selector["matchLabels"][HASH] = template.into();
    let mut pod = spec["template"].clone();
    pod["metadata"]["labels"] = labels.clone();
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{template}", text(deployment, "/metadata/name")),
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {
                REVISION: revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": spec["replicas"].to_string(),
            },
            "ownerReferences": owner_reference(deployment),
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": number(deployment, "/spec/minReadySeconds", 0),
            "selector": selector,
            "template": pod,
        },
    })
}

/// How far a rollout may go beyond or below the wanted number of pods.
struct Limits {
    wanted: i64,
    recreate: bool,
    surge: i64,
    unavailable: i64,
}

impl Limits {
    fn of(deployment: &Value) -> Self {
        let wanted = number(deployment, "/spec/replicas", 1).max(0);
        let strategy = &deployment["spec"]["strategy"];
        let recreate = strategy["type"] == "Recreate";
        let rolling = &strategy["rollingUpdate"];
        let surge = amount(&rolling["maxSurge"], wanted, true);
        let mut unavailable = amount(&rolling["maxUnavailable"], wanted, false);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Self {
            wanted,
            recreate,
            surge,
            unavailable: if recreate { wanted } else { unavailable },
        }
    }
}

/// An `IntOrString`: a number, or a share of `whole` (25 % if not given).
pub(super) fn amount(value: &Value, whole: i64, round_up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value
        .as_str()
        .and_then(|text| text.strip_suffix('%'))
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(25);
    let share = whole * percent;
    if round_up {
        (share + 99) / 100
    } else {
        share / 100
    }
}

/// One step of the rollout: the new ReplicaSet up as far as the surge lets it, else the old ones
/// down as far as availability lets them, broken pods first.
fn roll(world: &mut World, deployment: &Value, current: &Part, old: &[Part], limits: &Limits) {
    let old_wanted: i64 = old.iter().map(|part| part.wanted).sum();
    if limits.recreate {
        for part in old.iter().filter(|part| part.wanted > 0) {
            scale(world, deployment, part, 0);
        }
        let gone = old.iter().all(|part| part.pods == 0) && old_wanted == 0;
        if gone {
            scale(world, deployment, current, limits.wanted);
        }
        return;
    }
    if old_wanted == 0 || current.wanted > limits.wanted {
        scale(world, deployment, current, limits.wanted);
        return;
    }
    let room = limits.wanted + limits.surge - old_wanted - current.wanted;
    let up = room.min(limits.wanted - current.wanted);
    if up > 0 {
        scale(world, deployment, current, current.wanted + up);
        return;
    }
    let least = limits.wanted - limits.unavailable;
    let new_unavailable = current.wanted - current.available;
    let mut down = old_wanted + current.wanted - least - new_unavailable;
    let mut left: Vec<i64> = old.iter().map(|part| part.wanted).collect();
    for (part, left) in old.iter().zip(&mut left) {
        let broken = (part.wanted - part.available).clamp(0, down.max(0));
        *left -= broken;
        down -= broken;
    }
    let available: i64 = current.available + old.iter().map(|part| part.available).sum::<i64>();
    let mut down = (available - least).max(0);
    for left in &mut left {
        let less = (*left).min(down);
        *left -= less;
        down -= less;
    }
    for (part, left) in old.iter().zip(left) {
        scale(world, deployment, part, left);
    }
}

fn scale(world: &mut World, deployment: &Value, part: &Part, to: i64) {
    if part.wanted == to {
        return;
    }
    world.update(&REPLICA_SET, &part.key, |set| {
        set["spec"]["replicas"] = to.into();
    });
    let direction = if to > part.wanted { "up" } else { "down" };
    let message = format!(
        "Scaled {direction} replica set {} from {} to {to}",
        part.key.name, part.wanted
    );
    world.event(
        deployment,
        &Note {
            component: "deployment-controller",
            warning: false,
            reason: "ScalingReplicaSet",
            message: &message,
            field: "",
        },
    );
}

fn write_status(
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
        let all = || old.iter().chain(current);
        let replicas: i64 = all().map(|part| part.pods).sum();
        let available: i64 = all().map(|part| part.available).sum();
        let updated = current.map_or(0, |part| part.pods);
        let mut status = counts(&[
            (
                "observedGeneration",
                number(deployment, "/metadata/generation", 1),
            ),
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", all().map(|part| part.ready).sum()),
            ("availableReplicas", available),
            (
                "unavailableReplicas",
                (all().map(|part| part.wanted).sum::<i64>() - available).max(0),
            ),
        ]);
        if before["conditions"].is_array() {
            status["conditions"] = before["conditions"].clone();
        }
        let complete =
            updated == limits.wanted && replicas == limits.wanted && available >= limits.wanted;
        let progress = Progress {
            name: current.map_or_else(String::new, |part| part.key.name.clone()),
            complete,
            moved: [
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
            ]
            .iter()
            .any(|count| before[*count] != status[*count]),
            news,
            deadline: number(deployment, "/spec/progressDeadlineSeconds", 600),
        };
        if deployment["spec"]["paused"] != true {
            progress.write(&mut status, now);
        }
        let (reason, message) = if available >= limits.wanted - limits.unavailable {
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
        set_timed(
            &mut status,
            "Available",
            reason.ends_with("sAvailable"),
            (reason, message),
            now,
        );
        deployment["status"] = status;
    });
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

/// Forgets the oldest empty ReplicaSets beyond `revisionHistoryLimit`.
fn drop_history(world: &mut World, deployment: &Value, template: &str) {
    let limit = number(deployment, "/spec/revisionHistoryLimit", 10);
    let (_, old) = parts(world, deployment, template);
    let empty: Vec<&Part> = old
        .iter()
        .filter(|part| part.wanted == 0 && part.pods == 0)
        .collect();
    let surplus = empty
        .len()
        .saturating_sub(usize::try_from(limit).unwrap_or(0));
    for part in empty.into_iter().take(surplus) {
        world.remove(&part.key);
    }
}
