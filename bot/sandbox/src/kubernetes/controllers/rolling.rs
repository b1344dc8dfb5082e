//! How a rollout moves: up as far as the surge lets it, down as far as availability lets it.

use serde_json::Value;

use super::deployment::Part;
use crate::kubernetes::discovery::REPLICA_SET;
use crate::kubernetes::store::number;
use crate::kubernetes::world::{Note, World};

/// How far a rollout may go beyond or below the wanted number of pods.
pub(super) struct Limits {
    pub(super) wanted: i64,
    recreate: bool,
    surge: i64,
    pub(super) unavailable: i64,
}

impl Limits {
    pub(super) fn of(deployment: &Value) -> Self {
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
pub(super) fn roll(
    world: &mut World,
    deployment: &Value,
    current: &Part,
    old: &[Part],
    limits: &Limits,
) {
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
