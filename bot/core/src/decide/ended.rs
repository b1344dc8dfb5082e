//! A run came to its end: what follows from it.

use super::deploy::{is_waiting_for_image, supersede};
use super::rollback::{back_to, set_hold};
use super::runs::{Asker, WhatToDeploy};
use super::{Decision, Draft, config, merge};
use crate::facts::{Facts, PullState};
use crate::gates;
use crate::ids::DeliveryId;
use crate::outcome::Outcome;
use crate::ports::Reaction;
use crate::report::markdown::code;
use crate::run::{DeployWork, Move, Rollback, Run, RunState, Trigger, Work};

/// A run ended: skip what needed it, roll back, free locks, sign the comment.
pub(super) fn on_run_ended(facts: &Facts, cause: &DeliveryId) -> Decision {
    let Some(run) = &facts.store.subject else {
        return Decision::ignore("the run is gone");
    };
    let mut draft = Draft::new(facts, cause);
    if run.state != RunState::Succeeded {
        skip_dependants(&mut draft, run);
    }
    if let Work::Deploy(work) = &run.order.work {
        roll_back(&mut draft, run, work);
    }
    if let Some(pr) = &facts.pr
        && pr.pull.state != PullState::Open
        && !others_active(facts, run)
    {
        merge::free_locks(&mut draft, pr);
    }
    sign(&mut draft, run);
    draft.done(format!(
        "{} run ended: {}",
        run.order.kind(),
        run.state.as_str()
    ))
}

fn others_active(facts: &Facts, run: &Run) -> bool {
    facts
        .store
        .active
        .iter()
        .any(|other| other.order.pr == run.order.pr && other.id != run.id)
}

/// Runs that needed this one are not tried.
fn skip_dependants(draft: &mut Draft<'_>, run: &Run) {
    for other in &draft.facts.store.active {
        if other.after.contains(&run.id) && !other.state.is_final() {
            draft.end(
                &other.id,
                Move::Skip,
                format!(
                    "{} of {} {}",
                    run.order.kind(),
                    code(run.order.subject()),
                    run.state.as_str()
                ),
                "`/retry` once the cause is mended",
            );
        }
    }
}

/// A failed rollout is undone if deploy.toml says so: the release before, and a hold.
fn roll_back(draft: &mut Draft<'_>, run: &Run, work: &DeployWork) {
    let facts = draft.facts;
    let reached_the_cluster = matches!(
        &run.outcome,
        Some(Outcome::Stopped(stopped)) if stopped.reached_the_world
    );
    if run.state != RunState::Failed || !work.roll_back_on_failure || !reached_the_cluster {
        return;
    }
    let Ok(config) = config(facts) else { return };
    let (Some(env), Some(service)) = (
        config.environment(&run.order.env),
        config.service(&work.service.name),
    ) else {
        return;
    };
    if is_overtaken(facts, run) {
        return;
    }
    let Some(release) = back_to(facts, &env.name, &service.name, &run.id) else {
        return;
    };
    let asker = Asker {
        login: &run.order.actor,
        trigger: Trigger::Run,
    };
    let rollback = Rollback {
        from: Some(run.order.commit.clone()),
        failed: Some(run.id.clone()),
    };
    let Some(order) = draft.deploy_order(
        env,
        service,
        facts.pr.as_ref(),
        WhatToDeploy::again(release, Some(rollback)),
        asker,
    ) else {
        return;
    };
    // Runs start in the order in which they were made: what waits now would be undone by the rollback.
    supersede(draft, facts, env, service, "a rollback", |_| true);
    draft.start(order, RunState::Queued, Vec::new());
    let reason = format!("rollout of {} failed", run.order.commit.short());
    set_hold(draft, env, None, &reason);
}

/// Whether another rollout of the service is under way or went live since: it replaces what failed,
/// and a rollback would only undo it.
fn is_overtaken(facts: &Facts, run: &Run) -> bool {
    let same = |other: &&Run| {
        other.order.env == run.order.env
            && other.order.service().is_some()
            && other.order.service() == run.order.service()
    };
    let rolling = facts
        .store
        .active
        .iter()
        .filter(same)
        .any(|other| other.id != run.id && has_begun_to_roll_out(other));
    let live_since = run.order.service().is_some_and(|service| {
        gates::live(facts, &run.order.env, service)
            .zip(run.ended_at)
            .is_some_and(|(live, ended)| live.live_at > ended)
    });
    rolling || live_since
}

fn has_begun_to_roll_out(run: &Run) -> bool {
    run.state == RunState::Running && !is_waiting_for_image(run)
}

/// Signs the comment that asked, once all runs that it caused are over.
fn sign(draft: &mut Draft<'_>, run: &Run) {
    let Trigger::Comment(_) = run.order.trigger else {
        return;
    };
    let family: Vec<&Run> = draft
        .facts
        .store
        .runs
        .iter()
        .filter(|other| other.order.cause == run.order.cause)
        .collect();
    if family.iter().any(|other| !other.state.is_final()) {
        return;
    }
    let good = |run: &&&Run| matches!(run.state, RunState::Succeeded | RunState::Superseded);
    let sign = if family.iter().filter(good).count() == family.len() {
        Reaction::Rocket
    } else {
        Reaction::ThumbsDown
    };
    draft.react(run.order.trigger, sign);
}
