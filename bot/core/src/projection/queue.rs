//! Why a queued run has not begun, and who waits for what.

use jiff::Timestamp;

use super::Scene;
use crate::facts::Lock;
use crate::report::lock_table::{InLine, LockRow};
use crate::report::locks::LockView;
use crate::report::markdown::{ordinal, time};
use crate::run::{Run, RunState, Work};

/// Why a queued run waits, in a line of Markdown.
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
    if let Some(lock) = lock_in_the_way(scene.locks, run) {
        let place = ordinal(place(scene.active, run));
        let view = LockView::of(lock, scene.now);
        return format!("{place} in line: {}", view.in_the_way());
    }
    if let Some(moment) = run.order.not_before.filter(|moment| *moment > scene.now) {
        return match &run.order.frozen {
            Some(frozen) => format!("{frozen}; goes on at {}", time(moment)),
            None => format!("waits for the window that opens at {}", time(moment)),
        };
    }
    if let Some(other) = under_way(scene, run) {
        let (kind, subject) = (other.order.kind(), other.order.subject());
        return format!("waits for the {kind} of {subject} that is under way");
    }
    let ahead = place(scene.active, run) - 1;
    if ahead > 0 {
        return format!("waits for {ahead} before it");
    }
    "begins in a moment".to_owned()
}

/// Every lock, with the runs that wait for it in their order.
pub(crate) fn lock_rows(locks: &[Lock], active: &[Run], now: Timestamp) -> Vec<LockRow> {
    let waiting: Vec<(&Run, &Lock)> = active
        .iter()
        .filter(|run| run.state == RunState::Queued)
        .filter_map(|run| Some((run, lock_in_the_way(locks, run)?)))
        .collect();
    let line = |lock: &Lock| {
        waiting
            .iter()
            .filter(|(_, other)| other.target == lock.target)
            .map(|(run, _)| InLine {
                subject: run.order.subject().to_owned(),
                place: place(active, run),
                who: run.order.actor.clone(),
                pr: run.order.pr,
            })
            .collect()
    };
    locks
        .iter()
        .map(|lock| LockRow {
            lock: LockView::of(lock, now),
            line: line(lock),
        })
        .collect()
}

/// The lock of somebody else on the run's environment or stack.
fn lock_in_the_way<'l>(locks: &'l [Lock], run: &Run) -> Option<&'l Lock> {
    if matches!(run.order.work, Work::Plan(_)) {
        return None;
    }
    locks.iter().find(|lock| {
        let of_the_run = lock.target.env == run.order.env
            && lock
                .target
                .stack
                .as_ref()
                .is_none_or(|stack| Some(stack) == run.order.stack());
        let same_pr = lock.pr.is_some() && lock.pr == run.order.pr;
        let same_person = lock.holder.is(&run.order.actor);
        // A stack is claimed for a pull request, an environment for a person too.
        let mine = match (&lock.target.stack, lock.pr) {
            (Some(_), Some(_)) => same_pr,
            _ => same_pr || same_person,
        };
        // Whose stack it is has no say in whose state lock was left behind.
        let concerns =
            !matches!(run.order.work, Work::ForceUnlock(_)) || lock.target.stack.is_none();
        of_the_run && concerns && !mine
    })
}

/// A run under way that keeps this one from starting beside it.
fn under_way<'s>(scene: &'s Scene<'_>, run: &Run) -> Option<&'s Run> {
    scene.active.iter().find(|other| {
        let clash = matches!(
            (&other.order.work, &run.order.work),
            (
                Work::Apply(_) | Work::ForceUnlock(_),
                Work::Apply(_) | Work::Plan(_) | Work::ForceUnlock(_)
            ) | (Work::Plan(_), Work::ForceUnlock(_))
                | (Work::Deploy(_), Work::Deploy(_))
        );
        clash
            && other.state == RunState::Running
            && other.order.env == run.order.env
            && other.order.subject() == run.order.subject()
    })
}

fn same_kind(one: &Run, other: &Run) -> bool {
    std::mem::discriminant(&one.order.work) == std::mem::discriminant(&other.order.work)
}

/// Its place among the runs that wait for the same, from one.
fn place(active: &[Run], run: &Run) -> usize {
    active
        .iter()
        .filter(|other| {
            other.state == RunState::Queued
                && other.order.env == run.order.env
                && other.order.subject() == run.order.subject()
                && same_kind(other, run)
        })
        .take_while(|other| other.id != run.id)
        .count()
        + 1
}
