//! The controllers that make pods out of workloads and sum the pods up again.
//!
//! They never wait: each round does one step of each workload, and [`World::settle`] asks again
//! until nothing moves.
//!
//! [`World::settle`]: super::world::World::settle

mod autoscaler;
mod claims;
mod daemonset;
mod deployment;
mod job;
mod pods;
mod progress;
mod replicaset;
mod rolling;
mod statefulset;

use super::world::World;

pub(super) use claims::missing_volume;
pub(super) use pods::{name_suffix, set_condition};

/// One step of every workload.
pub(super) fn round(world: &mut World) {
    autoscaler::round(world);
    deployment::round(world);
    replicaset::round(world);
    statefulset::round(world);
    daemonset::round(world);
    job::round(world);
    claims::round(world);
}
