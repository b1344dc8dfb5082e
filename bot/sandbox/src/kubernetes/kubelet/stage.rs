//! The stages that containers go through, from their images' verdicts.

use serde_json::Value;

use crate::kubernetes::outcome::{Outcome, Verdict, containers};

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    PullFailed,
    PullBackOff,
    Running,
    Ready,
    Completed,
    Exited,
    CrashBackOff,
}

impl Stage {
    /// The stages that a container of this outcome goes through, under its restart policy.
    fn path(outcome: &Outcome, restart: &str) -> &'static [Self] {
        match (outcome, restart) {
            (Outcome::Ready, "Always") => &[Self::Running, Self::Ready],
            (Outcome::Ready, _) => &[Self::Running, Self::Completed],
            (Outcome::NeverReady, _) => &[Self::Running],
            (Outcome::CrashLoopBackOff { .. }, "Never") => &[Self::Running, Self::Exited],
            (Outcome::CrashLoopBackOff { .. }, _) => {
                &[Self::Running, Self::Exited, Self::CrashBackOff]
            }
            (Outcome::ImagePullBackOff, _) => &[Self::PullFailed, Self::PullBackOff],
            (Outcome::Unschedulable, _) => &[],
        }
    }

    pub(super) fn has_not_started(self) -> bool {
        matches!(self, Self::Waiting | Self::PullFailed | Self::PullBackOff)
    }

    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Ready | Self::Completed)
    }
}

/// The stages of all containers, moment by moment: init containers one after the other, then the
/// others side by side.
pub(super) fn frames(spec: &Value, verdicts: &[Verdict]) -> Vec<Vec<Stage>> {
    let policy = spec["restartPolicy"].as_str().unwrap_or("Always");
    let inits = spec["initContainers"].as_array().map_or(0, Vec::len);
    let mut now = vec![Stage::Waiting; verdicts.len()];
    let mut frames = Vec::new();
    for (at, (verdict, container)) in verdicts
        .iter()
        .zip(containers(spec))
        .enumerate()
        .take(inits)
    {
        let restart = match (container["restartPolicy"].as_str(), policy) {
            (Some("Always"), _) => "Always",
            (_, "Never") => "Never",
            _ => "OnFailure",
        };
        for stage in Stage::path(&verdict.outcome, restart) {
            if let Some(slot) = now.get_mut(at) {
                *slot = *stage;
            }
            frames.push(now.clone());
        }
        if !now.get(at).is_some_and(|stage| stage.is_good()) {
            return frames;
        }
    }
    let paths: Vec<&[Stage]> = verdicts
        .iter()
        .skip(inits)
        .map(|verdict| Stage::path(&verdict.outcome, policy))
        .collect();
    let longest = paths.iter().map(|path| path.len()).max().unwrap_or(0);
    for moment in 0..longest {
        for (slot, path) in now.iter_mut().skip(inits).zip(&paths) {
            if let Some(stage) = path.get(moment) {
                *slot = *stage;
            }
        }
        frames.push(now.clone());
    }
    frames
}
