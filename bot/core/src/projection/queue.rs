//! Why a queued run has not begun.

use super::Scene;
use crate::facts::Lock;
use crate::report::locks::LockView;
use crate::report::markdown::{ordinal, time};
use crate::run::{Run, RunState, Work};

/// Why a queued run waits, in a line.
pub(super) fn why(scene: &Scene<'_>, run: &Run) -> String {
    let needed: Vec<String> = scene
        .active
        .iter()
        .filter(|other| run.after.contains(&other.id))
        .map(|other| format!("{} of {}", other.order.kind(), other.order.subject()))
        .collect();
    if !needed.is_empty() {
        return format!("waits for {}", needed.join(", "));
    }
    if let Some(lock) = lock_in_the_way(scene, run) {
        let place = ordinal(place(scene, run));
        let view = LockView::of(lock, scene.now);
        return format!("{place} in line: {} is {}", run.order.env, view.sentence());
    }
    if let Some(moment) = run.order.not_before.filter(|moment| *moment > scene.now) {
        return format!("waits for the window that opens at {}", time(moment));
    }
    let ahead = place(scene, run) - 1;
    if ahead > 0 {
        return format!("waits for {ahead} before it");
    }
    "begins in a moment".to_owned()
}

/// The lock of somebody else on the run's environment or stack.
fn lock_in_the_way<'s>(scene: &'s Scene<'_>, run: &Run) -> Option<&'s Lock> {
    if matches!(run.order.work, Work::Plan(_)) {
        return None;
    }
    scene.locks.iter().find(|lock| {
        let of_the_run = lock.target.env == run.order.env
            && match &lock.target.stack {
                None => !lock.holder.is(&run.order.actor),
                Some(stack) => Some(stack) == run.order.stack(),
            };
        of_the_run && (lock.pr.is_none() || lock.pr != run.order.pr)
    })
}

/// Its place among the runs that wait for the same, from one.
fn place(scene: &Scene<'_>, run: &Run) -> usize {
    scene
        .active
        .iter()
        .filter(|other| {
            other.state == RunState::Queued
                && other.order.env == run.order.env
                && other.order.subject() == run.order.subject()
                && other.order.kind() == run.order.kind()
        })
        .take_while(|other| other.id != run.id)
        .count()
        + 1
}
