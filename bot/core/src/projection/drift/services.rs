//! Whether an environment runs of its services what was last released there.

use super::super::{Scene, identity};
use crate::facts::Release;
use crate::ids::EnvName;
use crate::manifests::same_repository;
use crate::outcome::{Outcome, Seen};
use crate::report::drift_issue::{ServiceRow, ServiceState};
use crate::report::evidence::{Identity, ReleaseRef};
use crate::run::{LookWork, Run, RunState, Work};

/// What the looks at services come to.
#[derive(Default)]
pub(super) struct Services {
    /// Those that differ, and those that could not be looked at.
    pub(super) rows: Vec<ServiceRow>,
    /// How many run what was released.
    pub(super) same: usize,
    /// As whom it was looked.
    pub(super) identity: Option<Identity>,
}

/// The looks at services, newest first.
pub(super) fn looks<'s>(
    env: &'s EnvName,
    runs: &'s [Run],
) -> impl Iterator<Item = (&'s Run, &'s LookWork)> {
    runs.iter().filter_map(move |run| match &run.order.work {
        Work::Look(work) if run.order.env == *env => Some((run, work)),
        _ => None,
    })
}

pub(super) fn services(env: &EnvName, scene: &Scene<'_>) -> Services {
    let mut told = Services::default();
    let Some(config) = scene.config else {
        return told;
    };
    for service in config.services_in(env) {
        let look = looks(env, scene.runs).find(|(run, work)| {
            work.service.name == service.name && run.state != RunState::Superseded
        });
        let live = scene
            .releases
            .iter()
            .find(|release| release.env == *env && release.service == service.name);
        let (Some((run, work)), Some(live)) = (look, live) else {
            continue;
        };
        if is_moving(run, live, scene) {
            continue;
        }
        let state = match &run.outcome {
            Some(Outcome::Seen(seen)) => {
                told.identity = Some(identity(&seen.evidence));
                differing(seen, work, live)
            }
            Some(Outcome::Stopped(stopped)) => Some(ServiceState::Unseen(stopped.what.clone())),
            _ => Some(ServiceState::Unseen(format!(
                "the look {}",
                run.state.as_str()
            ))),
        };
        match state {
            None => told.same += 1,
            Some(state) => told.rows.push(ServiceRow {
                service: service.name.clone(),
                release: ReleaseRef {
                    commit: live.commit.clone(),
                    pr: live.pr,
                    digest: Some(live.digest.clone()),
                },
                state,
                page: scene.link(&run.id),
            }),
        }
    }
    told
}

/// Whether something was rolled out since the look, or is right now: then it is not drift.
fn is_moving(look: &Run, live: &Release, scene: &Scene<'_>) -> bool {
    let released_since = look.started_at.is_none_or(|began| live.live_at >= began);
    let rolling = scene.active.iter().any(|run| {
        run.state == RunState::Running
            && run.order.env == live.env
            && run.order.service() == Some(&live.service)
    });
    released_since || rolling
}

/// What runs instead of the release; nothing if it is the release.
fn differing(seen: &Seen, work: &LookWork, live: &Release) -> Option<ServiceState> {
    let own: Vec<&(String, String)> = seen
        .images
        .iter()
        .filter(|(_, image)| same_repository(image, &work.service.image))
        .collect();
    if own.is_empty() {
        return Some(ServiceState::Gone);
    }
    let pinned = format!("@{}", live.digest);
    let others: Vec<(String, String)> = own
        .into_iter()
        .filter(|(_, image)| !image.ends_with(&pinned))
        .cloned()
        .collect();
    (!others.is_empty()).then_some(ServiceState::Differs(others))
}
