//! What became of the applies that one delivery caused in an environment.

use super::{Scene, apply_check_name, identifier, identity, queue};
use crate::ids::{DeliveryId, EnvName, PrNumber, StackName};
use crate::intent::ReportKey;
use crate::outcome::{Evidence, Outcome, Stopped};
use crate::plan::diagnostics::OutputValue;
use crate::plan_flags::PlanMode;
use crate::report::apply_comment::{ApplyComment, ApplyState, StackApply};
use crate::report::check::{Button, Buttons, CheckOutput};
use crate::report::plan_check::StackDir;
use crate::run::{ApplyWork, PlanToApply, Run, RunState, Trigger, Work};

/// The comment; `None` if there are no such runs.
#[must_use]
pub fn apply_comment(
    pr: PrNumber,
    cause: &DeliveryId,
    env: &EnvName,
    scene: &Scene<'_>,
) -> Option<ApplyComment> {
    let key = ReportKey::ApplyComment(pr, cause.clone(), env.clone());
    comment(&key, env, scene)
}

/// The check run; `None` if there are no such runs.
#[must_use]
pub fn apply_check(
    cause: &DeliveryId,
    env: &EnvName,
    scene: &Scene<'_>,
) -> Option<(crate::ids::CommitSha, CheckOutput)> {
    let key = ReportKey::ApplyCheck(cause.clone(), env.clone());
    let comment = comment(&key, env, scene)?;
    let dirs: Vec<StackDir> = applies(env, scene)
        .map(|(_, work)| StackDir {
            stack: work.stack.name.clone(),
            dir: work.stack.dir.clone(),
        })
        .collect();
    let mut output = comment.check(&apply_check_name(env), &dirs);
    output.buttons = buttons(env, scene);
    Some((comment.commit, output))
}

fn applies<'s>(
    env: &'s EnvName,
    scene: &'s Scene<'_>,
) -> impl Iterator<Item = (&'s Run, &'s ApplyWork)> {
    scene
        .runs
        .iter()
        .filter(move |run| run.order.env == *env)
        .filter_map(|run| match &run.order.work {
            Work::Apply(work) => Some((run, work)),
            Work::Plan(_) | Work::Deploy(_) | Work::Look(_) | Work::ForceUnlock(_) => None,
        })
}

fn comment(key: &ReportKey, env: &EnvName, scene: &Scene<'_>) -> Option<ApplyComment> {
    let (first, _) = applies(env, scene).next()?;
    let stacks: Vec<StackApply> = applies(env, scene)
        .map(|(run, work)| StackApply {
            stack: work.stack.name.clone(),
            state: state(run, env, scene),
            flags: work.flags.clone(),
        })
        .collect();
    let over = applies(env, scene).all(|(run, _)| run.state.is_final());
    let done = applies(env, scene).all(|(run, _)| run.state == RunState::Succeeded);
    let next = if over && !done && first.order.is_about_drift() {
        vec!["/plan".to_owned()]
    } else if over && !done {
        vec!["/retry".to_owned(), format!("/explain {env}")]
    } else if over {
        // What a plan with flags left out is what comes next.
        applies(env, scene)
            .filter(|(_, work)| !work.flags.cover_all())
            .map(|(_, work)| format!("/plan {env} {}", work.stack.name))
            .collect()
    } else {
        Vec::new()
    };
    Some(ApplyComment {
        key: key.to_string(),
        env: env.clone(),
        commit: first.order.commit.clone(),
        by: match first.order.trigger {
            Trigger::Comment(_) | Trigger::Button => Some(first.order.actor.clone()),
            Trigger::PullRequest | Trigger::Merge | Trigger::Run | Trigger::Schedule => None,
        },
        stacks,
        identity: applies(env, scene)
            .find_map(|(run, _)| evidence(run))
            .map(identity),
        page: scene.link(&first.id),
        locked: kept_locks(env, scene),
        planned_again: planned_again(env, scene),
        next,
    })
}

fn evidence(run: &Run) -> Option<&Evidence> {
    match run.outcome.as_ref()? {
        Outcome::Progress(progress) => progress.evidence.as_ref(),
        Outcome::Applied(applied) => Some(&applied.evidence),
        Outcome::Stopped(stopped) => stopped.evidence.as_ref(),
        Outcome::Planned(planned) => Some(&planned.evidence),
        Outcome::Deployed(_)
        | Outcome::Seen(_)
        | Outcome::Unlocked(_)
        | Outcome::Refused { .. } => None,
    }
}

fn state(run: &Run, env: &EnvName, scene: &Scene<'_>) -> ApplyState {
    match (&run.state, &run.outcome) {
        (RunState::Unconfirmed | RunState::Queued, _) => {
            ApplyState::Pending(queue::why(scene, run))
        }
        (RunState::Running, outcome) => running(run, outcome.as_ref(), scene),
        (RunState::Succeeded, Some(Outcome::Applied(applied))) => {
            let is_about_state = matches!(
                &run.order.work,
                Work::Apply(work) if work.flags.mode() == PlanMode::RefreshOnly
            );
            if applied.counts.is_zero() && applied.outputs.is_empty() && !is_about_state {
                return ApplyState::NothingToDo;
            }
            ApplyState::Applied {
                counts: applied.counts,
                took: applied.took,
                outputs: applied
                    .outputs
                    .iter()
                    .map(|(name, value)| OutputValue {
                        name: name.clone(),
                        sensitive: false,
                        value: Some(serde_json::Value::String(value.clone())),
                    })
                    .collect(),
            }
        }
        (RunState::Skipped, _) => skipped(run, env, scene),
        (_, Some(Outcome::Refused { gates })) => ApplyState::Refused {
            gates: gates.clone(),
        },
        (RunState::Interrupted, Some(Outcome::Stopped(stopped))) => ApplyState::Interrupted {
            found: sentence(stopped),
        },
        (RunState::Failed, Some(Outcome::Stopped(stopped))) if stopped.reached_the_world => {
            ApplyState::Failed {
                done: stopped.tally.done.clone(),
                failed: stopped.tally.failed.clone(),
                not_begun: stopped.tally.not_begun.clone(),
                diagnostics: stopped.diagnostics.clone(),
                message: Some(sentence(stopped)),
                took: took(run),
            }
        }
        (RunState::Failed, Some(Outcome::Stopped(stopped))) => ApplyState::Failed {
            done: Vec::new(),
            failed: Vec::new(),
            not_begun: Vec::new(),
            diagnostics: stopped.diagnostics.clone(),
            message: Some(format!("nothing was changed: {}", sentence(stopped))),
            took: took(run),
        },
        // Whatever is not told may have happened.
        (RunState::Interrupted | RunState::Failed, _) => ApplyState::Interrupted {
            found: format!(
                "the run {} and left no word of what it did: look at the state before anything else",
                run.state.as_str()
            ),
        },
        (_, Some(Outcome::Stopped(stopped))) => ApplyState::NotApplied(sentence(stopped)),
        (state, _) => ApplyState::NotApplied(format!("the run ended as {}", state.as_str())),
    }
}

/// From the moment a worker took it to its end.
fn took(run: &Run) -> std::time::Duration {
    run.started_at
        .zip(run.ended_at)
        .map(|(began, ended)| ended.duration_since(began).unsigned_abs())
        .unwrap_or_default()
}

fn running(run: &Run, outcome: Option<&Outcome>, scene: &Scene<'_>) -> ApplyState {
    let (done, total) = match outcome {
        Some(Outcome::Progress(progress)) => progress.counted.unwrap_or_default(),
        _ => (0, 0),
    };
    ApplyState::Running {
        done: done as usize,
        total: total as usize,
        elapsed: run.started_at.map(|at| scene.since(at)).unwrap_or_default(),
    }
}

/// Skipped because of the first stack before it that did not succeed.
fn skipped(run: &Run, env: &EnvName, scene: &Scene<'_>) -> ApplyState {
    let culprit = applies(env, scene)
        .find(|(other, _)| run.after.contains(&other.id) && other.state != RunState::Succeeded);
    match culprit {
        Some((_, work)) => ApplyState::Skipped {
            because_of: work.stack.name.clone(),
        },
        None => ApplyState::NotApplied("a run that it needs did not succeed".to_owned()),
    }
}

/// What happened and what to do next; reports take it as [`crate::report::markdown::prose`].
fn sentence(stopped: &Stopped) -> String {
    [stopped.what.as_str(), stopped.fix.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" — ")
}

/// The stacks that the same word has planned again, since they read what was applied here.
fn planned_again(env: &EnvName, scene: &Scene<'_>) -> Vec<StackName> {
    let here = |run: &&Run| run.order.env == *env && run.state != RunState::Skipped;
    let of_plan = |run: &Run| match &run.order.work {
        Work::Plan(work) => Some(work.stack.name.clone()),
        Work::Apply(_) | Work::Deploy(_) | Work::Look(_) | Work::ForceUnlock(_) => None,
    };
    scene.runs.iter().filter(here).filter_map(of_plan).collect()
}

/// The stacks applied here that stay locked for the pull request.
fn kept_locks(env: &EnvName, scene: &Scene<'_>) -> Vec<StackName> {
    applies(env, scene)
        .filter(|(run, work)| {
            run.state == RunState::Succeeded && matches!(work.plan, PlanToApply::Saved(_))
        })
        .filter(|(run, work)| {
            scene.locks.iter().any(|lock| {
                lock.target.env == *env
                    && lock.target.stack.as_ref() == Some(&work.stack.name)
                    && lock.pr == run.order.pr
            })
        })
        .map(|(_, work)| work.stack.name.clone())
        .collect()
}

fn buttons(env: &EnvName, scene: &Scene<'_>) -> Buttons {
    let mut buttons = Buttons::default();
    let mut push = |label: &str, description: &str, identifier: &str| {
        if let Ok(button) = Button::new(label, description, identifier) {
            let _ = buttons.push(button);
        }
    };
    if applies(env, scene).any(|(run, _)| !run.state.is_final()) {
        push("Cancel", "Stop this apply", identifier::CANCEL);
    } else if applies(env, scene).any(|(run, _)| run.state != RunState::Succeeded) {
        push("Retry", "Do again what did not succeed", identifier::RETRY);
    }
    buttons
}
