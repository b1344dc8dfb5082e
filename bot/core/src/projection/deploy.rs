//! One deploy or rollback: its comment, its check run and its GitHub deployment.

use super::{Scene, deploy_check_name, identifier, identity, queue};
use jiff::Timestamp;

use crate::config::Provenance as Asked;
use crate::facts::Release;
use crate::intent::ReportKey;
use crate::outcome::{Evidence, Outcome, PodTrouble, Stopped};
use crate::ports::{DeploymentState, DeploymentStatus, NewDeployment};
use crate::report::check::{Button, Buttons, CheckOutput};
use crate::report::deploy_comment::{
    ContainerTrouble, DeployComment, DeployState, Provenance, RolloutFailure,
};
use crate::report::evidence::ReleaseRef;
use crate::report::markdown::sentences;
use crate::run::{DeployWork, ImageToDeploy, Run, RunState, Work};

/// The comment of a deploy run; `None` for any other run.
#[must_use]
pub fn deploy_comment(run: &Run, scene: &Scene<'_>) -> Option<DeployComment> {
    let Work::Deploy(work) = &run.order.work else {
        return None;
    };
    let env = &run.order.env;
    let live = run.state == RunState::Succeeded;
    Some(DeployComment {
        key: ReportKey::DeployComment(run.id.clone()).to_string(),
        service: work.service.name.clone(),
        env: env.clone(),
        release: release(run, work),
        was: was(run, work, scene),
        state: state(run, work, scene),
        identity: evidence(run).map(identity),
        provenance: provenance(run, work),
        url: live.then(|| work.url.clone()).flatten(),
        page: scene.link(&run.id),
        // What a newer release has taken the place of is not there to be taken back.
        undo: (live && work.rollback.is_none() && !is_superseded(run, work, scene))
            .then(|| format!("/rollback {env}")),
        back: work.rollback.is_some(),
    })
}

/// Its check run.
#[must_use]
pub fn deploy_check(run: &Run, scene: &Scene<'_>) -> Option<CheckOutput> {
    let Work::Deploy(work) = &run.order.work else {
        return None;
    };
    let comment = deploy_comment(run, scene)?;
    let mut output = comment.check(&deploy_check_name(&work.service.name, &run.order.env));
    output.buttons = buttons(run, work, scene);
    Some(output)
}

/// Its GitHub deployment, with all the statuses that it has had so far.
#[must_use]
pub fn deployment(run: &Run, scene: &Scene<'_>) -> Option<(NewDeployment, Vec<DeploymentStatus>)> {
    let Work::Deploy(work) = &run.order.work else {
        return None;
    };
    let deployment = NewDeployment {
        sha: run.order.commit.clone(),
        env: run.order.env.clone(),
        key: ReportKey::Deployment(run.id.clone()).to_string(),
        description: format!("{} of {}", run.order.kind(), work.service.name),
        production: work.production,
    };
    let status = |state, description: String| DeploymentStatus {
        state,
        description,
        log_url: (scene.page)(&run.id),
        environment_url: work.url.clone(),
    };
    let mut statuses = vec![status(DeploymentState::Queued, "queued".to_owned())];
    if run.started_at.is_some() {
        statuses.push(status(DeploymentState::InProgress, "under way".to_owned()));
    }
    let title = deploy_comment(run, scene).map_or_else(String::new, |comment| {
        comment
            .check(&deploy_check_name(&work.service.name, &run.order.env))
            .title
    });
    match run.state {
        RunState::Unconfirmed | RunState::Queued | RunState::Running => {}
        RunState::Succeeded => {
            statuses.push(status(DeploymentState::Success, title));
            if is_superseded(run, work, scene) {
                let why = "a newer release is live".to_owned();
                statuses.push(status(DeploymentState::Inactive, why));
            }
        }
        RunState::Failed => statuses.push(status(DeploymentState::Failure, title)),
        RunState::Interrupted => statuses.push(status(DeploymentState::Error, title)),
        RunState::Refused | RunState::Cancelled | RunState::Superseded | RunState::Skipped => {
            statuses.push(status(DeploymentState::Inactive, title));
        }
    }
    Some((deployment, statuses))
}

/// Whether a newer good release of the service is live in the environment.
fn is_superseded(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> bool {
    releases(run, work, scene)
        .take_while(|release| release.run != run.id)
        .any(|release| release.good)
}

/// The releases of a run's service in its environment, newest first.
fn releases<'s>(
    run: &'s Run,
    work: &'s DeployWork,
    scene: &'s Scene<'_>,
) -> impl Iterator<Item = &'s Release> {
    scene
        .releases
        .iter()
        .filter(|release| release.env == run.order.env && release.service == work.service.name)
}

/// The good release that a run's own would take the place of.
fn serving<'s>(run: &'s Run, work: &'s DeployWork, scene: &'s Scene<'_>) -> Option<&'s Release> {
    releases(run, work, scene).find(|release| release.good && release.run != run.id)
}

fn release(run: &Run, work: &DeployWork) -> ReleaseRef {
    let digest = match (&run.outcome, &work.image) {
        (Some(Outcome::Deployed(deployed)), _) => Some(deployed.digest.clone()),
        (Some(Outcome::Progress(progress)), _) if progress.digest.is_some() => {
            progress.digest.clone()
        }
        (Some(Outcome::Stopped(stopped)), _) if stopped.digest.is_some() => stopped.digest.clone(),
        (_, ImageToDeploy::Digest(digest)) => Some(digest.clone()),
        (_, ImageToDeploy::Tag(_)) => None,
    };
    ReleaseRef {
        commit: run.order.commit.clone(),
        pr: work.brought_by,
        digest,
    }
}

/// What ran before it; for a run that is not over, what runs now.
fn was(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> Option<ReleaseRef> {
    if let Some(rollback) = &work.rollback {
        let from = rollback.from.as_ref()?;
        let known = releases(run, work, scene).find(|release| release.commit == *from);
        return Some(ReleaseRef {
            commit: from.clone(),
            pr: known.and_then(|release| release.pr),
            digest: None,
        });
    }
    if let Some(Outcome::Deployed(deployed)) = &run.outcome {
        return deployed.previous.as_ref().map(|previous| ReleaseRef {
            commit: previous.commit.clone(),
            pr: previous.pr,
            digest: None,
        });
    }
    if run.state.is_final() {
        return None;
    }
    serving(run, work, scene).map(|release| ReleaseRef {
        commit: release.commit.clone(),
        pr: release.pr,
        digest: None,
    })
}

fn evidence(run: &Run) -> Option<&Evidence> {
    match run.outcome.as_ref()? {
        Outcome::Progress(progress) => progress.evidence.as_ref(),
        Outcome::Deployed(deployed) => Some(&deployed.evidence),
        Outcome::Stopped(stopped) => stopped.evidence.as_ref(),
        Outcome::Planned(_)
        | Outcome::Applied(_)
        | Outcome::Seen(_)
        | Outcome::Unlocked(_)
        | Outcome::Refused { .. } => None,
    }
}

fn provenance(run: &Run, work: &DeployWork) -> Option<Provenance> {
    let Some(Outcome::Deployed(deployed)) = &run.outcome else {
        return None;
    };
    Some(match work.service.provenance {
        Asked::Label if deployed.proven => Provenance::Label,
        Asked::Label | Asked::Off => Provenance::Off,
    })
}

fn state(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> DeployState {
    match (run.state, &run.outcome) {
        (RunState::Unconfirmed, _) => DeployState::Unconfirmed {
            code: run.id.confirm_code().to_owned(),
            by: run.order.actor.clone(),
        },
        (RunState::Queued, _) => DeployState::Queued(queue::why(scene, run)),
        (RunState::Running, outcome) => running(run, work, outcome.as_ref(), scene),
        (RunState::Succeeded, Some(Outcome::Deployed(deployed))) => DeployState::Live {
            ready: deployed.ready,
            wanted: deployed.ready,
            took: deployed.took,
        },
        (RunState::Failed, Some(Outcome::Stopped(stopped))) => failed(run, work, stopped, scene),
        (RunState::Interrupted, Some(Outcome::Stopped(stopped))) => DeployState::Interrupted {
            found: sentence(stopped),
            next: vec!["/retry".to_owned(), format!("/rollback {}", run.order.env)],
        },
        // Whatever is not told may have happened.
        (RunState::Interrupted | RunState::Failed, _) => DeployState::Interrupted {
            found: format!(
                "The run {} and left no word of what it did.",
                run.state.as_str()
            ),
            next: vec!["/retry".to_owned(), format!("/rollback {}", run.order.env)],
        },
        (_, Some(Outcome::Refused { gates })) => DeployState::Refused(gates.clone()),
        (_, Some(Outcome::Stopped(stopped))) => DeployState::NotDeployed(sentence(stopped)),
        (state, _) => DeployState::NotDeployed(format!("the run ended as {}", state.as_str())),
    }
}

fn running(
    run: &Run,
    work: &DeployWork,
    outcome: Option<&Outcome>,
    scene: &Scene<'_>,
) -> DeployState {
    let elapsed = run.started_at.map(|at| scene.since(at)).unwrap_or_default();
    let progress = match outcome {
        Some(Outcome::Progress(progress)) => Some(progress),
        _ => None,
    };
    let found = progress.is_some_and(|progress| progress.digest.is_some());
    match &work.image {
        ImageToDeploy::Tag(tag) if !found => DeployState::WaitingForImage {
            image: format!("{}:{tag}", work.service.image),
            until: run
                .started_at
                .unwrap_or(run.created_at)
                .checked_add(work.service.image_wait)
                .unwrap_or(Timestamp::MAX),
        },
        ImageToDeploy::Tag(_) | ImageToDeploy::Digest(_) => {
            let (ready, wanted) = progress.and_then(|p| p.counted).unwrap_or_default();
            DeployState::RollingOut {
                ready,
                wanted,
                elapsed,
            }
        }
    }
}

/// A failed run, told together with the rollback that it led to.
fn failed(run: &Run, work: &DeployWork, stopped: &Stopped, scene: &Scene<'_>) -> DeployState {
    let mut failure = RolloutFailure {
        summary: sentences(&[&stopped.what]),
        containers: stopped.pods.iter().map(container).collect(),
        events: stopped
            .pods
            .iter()
            .flat_map(|pod| pod.events.iter().cloned())
            .collect(),
        previous_serving: !stopped.reached_the_world && serving(run, work, scene).is_some(),
        more: Vec::new(),
    };
    if !stopped.reached_the_world && !failure.previous_serving {
        failure.more.push("Nothing was deployed.".to_owned());
    }
    let next = sentences(&[&stopped.fix]);
    let rollback = scene.runs.iter().find(|other| match &other.order.work {
        Work::Deploy(other) => other
            .rollback
            .as_ref()
            .is_some_and(|rollback| rollback.failed.as_ref() == Some(&run.id)),
        Work::Plan(_) | Work::Apply(_) | Work::Look(_) | Work::ForceUnlock(_) => false,
    });
    match rollback {
        Some(back) if back.state == RunState::Succeeded => DeployState::RolledBack {
            failure,
            to: match &back.order.work {
                Work::Deploy(work) => release(back, work),
                Work::Plan(_) | Work::Apply(_) | Work::Look(_) | Work::ForceUnlock(_) => {
                    release(run, work)
                }
            },
            hold: true,
        },
        Some(back) => {
            let to = back.order.commit.short();
            failure.more.push(if back.state.is_final() {
                let why = match &back.outcome {
                    Some(Outcome::Stopped(stopped)) => sentences(&[&stopped.what, &stopped.fix]),
                    _ => format!("It was {}.", back.state.as_str()),
                };
                format!("⚠️ The rollback to `{to}` did not succeed either. {why}")
            } else {
                format!("↩️ It is being rolled back to `{to}`.")
            });
            DeployState::Failed(failure)
        }
        None => {
            failure
                .more
                .extend(Some(next).filter(|next| !next.is_empty()));
            if stopped.reached_the_world && work.rollback.is_none() {
                let env = &run.order.env;
                failure.more.push(match serving(run, work, scene) {
                    _ if is_overtaken(run, work, scene) => {
                        "A newer rollout takes its place.".to_owned()
                    }
                    // The rollback is decided a moment after the failure is told.
                    _ if is_overtaken(run, work, scene) => {
                        "A newer rollout takes its place.".to_owned()
                    }
                    Some(_) if work.roll_back_on_failure => "↩️ It is being rolled back.".to_owned(),
                    Some(before) => format!(
                        "Nothing is rolled back by itself here: `/rollback {env}` goes back to `{}`.",
                        before.commit.short()
                    ),
                    None => "There is no earlier good release to go back to: mend it and merge, \
                             or deploy another commit."
                        .to_owned(),
                });
            }
            DeployState::Failed(failure)
        }
    }
}

/// Whether another rollout of the service is under way or went live since, so that there is no
/// rollback.
fn is_overtaken(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> bool {
    let rolling = scene.active.iter().any(|other| {
        other.id != run.id
            && other.state == RunState::Running
            && other.order.env == run.order.env
            && other.order.service() == Some(&work.service.name)
    });
    let live_since = releases(run, work, scene).any(|release| {
        release.good
            && release.run != run.id
            && run.ended_at.is_some_and(|ended| release.live_at > ended)
    });
    rolling || live_since
}

fn container(pod: &PodTrouble) -> ContainerTrouble {
    ContainerTrouble {
        pod: pod.pod.clone(),
        container: pod.container.clone().unwrap_or_default(),
        reason: pod.reason.clone(),
        message: Some(pod.message.clone()).filter(|message| !message.is_empty()),
        exit_code: pod.exit_code,
        restarts: pod.restarts,
        log: pod.log.clone(),
    }
}

fn sentence(stopped: &Stopped) -> String {
    sentences(&[&stopped.what, &stopped.fix])
}

fn buttons(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> Buttons {
    let mut buttons = Buttons::default();
    let mut push = |label: &str, description: &str, identifier: &str| {
        if let Ok(button) = Button::new(label, description, identifier) {
            let _ = buttons.push(button);
        }
    };
    let env = &run.order.env;
    match run.state {
        RunState::Unconfirmed => {
            push("Confirm", "Take the second step", identifier::CONFIRM);
            push("Cancel", "Don't run it", identifier::CANCEL);
        }
        RunState::Queued | RunState::Running => push("Cancel", "Stop this run", identifier::CANCEL),
        RunState::Succeeded if !is_superseded(run, work, scene) => {
            let next = scene.config.and_then(|config| {
                config
                    .environments
                    .iter()
                    .find(|other| other.after.contains(env))
            });
            if let Some(next) = next {
                let label: String = format!("Promote to {}", next.name)
                    .chars()
                    .take(20)
                    .collect();
                push(&label, "The same digest, there", identifier::PROMOTE);
            }
            push(
                "Roll back",
                "The release before, and a hold",
                identifier::ROLLBACK,
            );
        }
        RunState::Succeeded | RunState::Superseded => {}
        RunState::Failed
        | RunState::Refused
        | RunState::Cancelled
        | RunState::Skipped
        | RunState::Interrupted => {
            push("Retry", "Try the same again", identifier::RETRY);
            let changed = matches!(
                &run.outcome,
                Some(Outcome::Stopped(stopped)) if stopped.reached_the_world
            );
            let still_there = changed && !is_superseded(run, work, scene);
            if still_there && serving(run, work, scene).is_some() {
                push(
                    "Roll back",
                    "The release before, and a hold",
                    identifier::ROLLBACK,
                );
            }
        }
    }
    buttons
}
