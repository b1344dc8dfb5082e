//! One deploy or rollback: its comment, its check run and its GitHub deployment.

use super::{Scene, deploy_check_name, identifier, identity, queue};
use crate::config::Provenance as Asked;
use crate::intent::ReportKey;
use crate::outcome::{Evidence, Outcome, PodTrouble, Stopped};
use crate::ports::{DeploymentState, DeploymentStatus, NewDeployment};
use crate::report::check::{Button, Buttons, CheckOutput};
use crate::report::deploy_comment::{
    ContainerTrouble, DeployComment, DeployState, Provenance, RolloutFailure,
};
use crate::report::evidence::ReleaseRef;
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
        was: was(run),
        state: state(run, work, scene),
        identity: evidence(run).map(identity),
        provenance: provenance(run, work),
        url: live.then(|| work.url.clone()).flatten(),
        page: scene.link(&run.id),
        undo: (live && work.rollback.is_none()).then(|| format!("/rollback {env}")),
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

/// Whether a newer release of the service is live in the environment.
fn is_superseded(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> bool {
    scene
        .releases
        .iter()
        .find(|release| release.env == run.order.env && release.service == work.service.name)
        .is_some_and(|live| live.run != run.id)
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

fn was(run: &Run) -> Option<ReleaseRef> {
    let Some(Outcome::Deployed(deployed)) = &run.outcome else {
        return None;
    };
    deployed.previous.as_ref().map(|previous| ReleaseRef {
        commit: previous.commit.clone(),
        pr: previous.pr,
        digest: None,
    })
}

fn evidence(run: &Run) -> Option<&Evidence> {
    match run.outcome.as_ref()? {
        Outcome::Progress(progress) => progress.evidence.as_ref(),
        Outcome::Deployed(deployed) => Some(&deployed.evidence),
        Outcome::Stopped(stopped) => stopped.evidence.as_ref(),
        Outcome::Planned(_) | Outcome::Applied(_) | Outcome::Refused { .. } => None,
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
            waited: elapsed,
            limit: work.service.image_wait,
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
        summary: sentence(stopped),
        containers: stopped.pods.iter().map(container).collect(),
        events: stopped
            .pods
            .iter()
            .flat_map(|pod| pod.events.iter().cloned())
            .collect(),
        previous_serving: false,
    };
    let rollback = scene.runs.iter().find(|other| match &other.order.work {
        Work::Deploy(other) => other
            .rollback
            .as_ref()
            .is_some_and(|rollback| rollback.failed.as_ref() == Some(&run.id)),
        Work::Plan(_) | Work::Apply(_) => false,
    });
    match rollback {
        Some(back) if back.state == RunState::Succeeded => DeployState::RolledBack {
            failure,
            to: match &back.order.work {
                Work::Deploy(work) => release(back, work),
                Work::Plan(_) | Work::Apply(_) => release(run, work),
            },
            hold: true,
        },
        Some(back) => {
            let way = if back.state.is_final() {
                "The rollback did not succeed either"
            } else {
                "Rolling back now"
            };
            failure.summary = format!(
                "{} — {way} (to {}).",
                failure.summary,
                back.order.commit.short()
            );
            DeployState::Failed(failure)
        }
        None => {
            if stopped.reached_the_world && work.roll_back_on_failure {
                // The rollback is decided a moment after the failure is told.
                let what = if has_earlier(run, work, scene) {
                    "Rolling back."
                } else {
                    "There is no earlier good release to go back to: mend it and merge, or deploy \
                     another commit."
                };
                failure.summary = format!("{} — {what}", failure.summary);
            }
            DeployState::Failed(failure)
        }
    }
}

/// Whether there is a good release of the service to go back to.
fn has_earlier(run: &Run, work: &DeployWork, scene: &Scene<'_>) -> bool {
    scene.releases.iter().any(|release| {
        release.env == run.order.env
            && release.service == work.service.name
            && release.good
            && release.run != run.id
    })
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
    [stopped.what.as_str(), stopped.fix.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" — ")
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
            push(
                "Roll back",
                "The release before, and a hold",
                identifier::ROLLBACK,
            );
        }
    }
    buttons
}
