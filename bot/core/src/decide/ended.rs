//! A run came to its end: what follows from it.

use std::collections::BTreeSet;

use super::deploy::{is_waiting_for_image, supersede};
use super::rollback::{back_to, set_hold};
use super::runs::{Asker, WhatToDeploy, latest_plan};
use super::{Decision, Draft, config, merge, plan, waited};
use crate::facts::{Facts, Lock, LockTarget, PullState};
use crate::gates::{self, PLAN};
use crate::ids::DeliveryId;
use crate::intent::Intent;
use crate::outcome::Outcome;
use crate::ports::Reaction;
use crate::run::{
    ApplyWork, DeployWork, Move, PlanToApply, Rollback, Run, RunState, Trigger, Work,
};

/// A run ended: skip what needed it, roll back, free locks, sign the comment.
pub(super) fn on_run_ended(facts: &Facts, cause: &DeliveryId) -> Decision {
    let Some(run) = &facts.store.subject else {
        return Decision::ignore("the run is gone");
    };
    let mut draft = Draft::new(facts, cause);
    if run.state != RunState::Succeeded {
        skip_dependants(&mut draft, run);
    }
    match &run.order.work {
        Work::Deploy(work) => roll_back(&mut draft, run, work),
        Work::Apply(work) => {
            plan_anew(&mut draft, run, work);
            free_untouched(&mut draft, run, work);
        }
        Work::Plan(_) | Work::Look(_) | Work::ForceUnlock(_) => {}
    }
    if let Some(pr) = &facts.pr
        && pr.pull.state != PullState::Open
        && !others_active(facts, run)
    {
        merge::free_locks(&mut draft, pr);
    }
    sign(&mut draft, run);
    if let Some(pr) = &facts.pr {
        waited::tell(&mut draft, pr, run);
    }
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
                    run.order.subject(),
                    run.state.as_str()
                ),
                "`/retry` once the cause is mended",
            );
        }
    }
}

/// A plan that was found out of date when its turn came is made anew, so that only the last word is
/// left to say. A head that has moved is planned by its push, under the rules for pushes.
fn plan_anew(draft: &mut Draft<'_>, run: &Run, work: &ApplyWork) {
    let facts = draft.facts;
    let is_out_of_date = matches!(
        &run.outcome,
        Some(Outcome::Refused { gates }) if gates.iter().any(|gate| gate.gate == PLAN)
    );
    let (Some(pr), Ok(config), PlanToApply::Saved(saved)) = (&facts.pr, config(facts), &work.plan)
    else {
        return;
    };
    let (env, stack) = (&run.order.env, &work.stack.name);
    let is_newest = latest_plan(facts, env, stack).is_some_and(|plan| plan.id == *saved);
    let is_open = pr.pull.state == PullState::Open && pr.pull.head == run.order.commit;
    let Some(env) = config.environment(env) else {
        return;
    };
    if is_out_of_date && is_newest && is_open {
        let asker = Asker {
            login: &run.order.actor,
            trigger: Trigger::Run,
        };
        let names = BTreeSet::from([stack.clone()]);
        plan::start(draft, config, env, &names, pr, asker, true);
    }
}

/// An apply that changed nothing leaves no reason to keep others off its stack, unless an earlier
/// one of the pull request did change something.
fn free_untouched(draft: &mut Draft<'_>, run: &Run, work: &ApplyWork) {
    let facts = draft.facts;
    let same_stack = |other: &&Run| {
        matches!(other.order.work, Work::Apply(_))
            && other.order.env == run.order.env
            && other.order.stack() == Some(&work.stack.name)
    };
    if facts
        .store
        .runs
        .iter()
        .filter(same_stack)
        .any(|other| other.state == RunState::Running || may_have_changed_something(other))
        || may_have_changed_something(run)
    {
        return;
    }
    let target = LockTarget {
        env: run.order.env.clone(),
        stack: Some(work.stack.name.clone()),
    };
    let mine = |lock: &&Lock| lock.target == target && lock.pr.is_some() && lock.pr == run.order.pr;
    if facts.store.locks.iter().any(|lock| mine(&lock)) {
        draft.push(Intent::Unlock(target));
    }
}

/// Whether an apply that is over may have left the world other than it found it.
fn may_have_changed_something(run: &Run) -> bool {
    match (&run.state, &run.outcome) {
        (RunState::Succeeded | RunState::Interrupted, _) => true,
        (_, Some(Outcome::Stopped(stopped))) => stopped.reached_the_world,
        _ => false,
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
            .filter(|live| live.good && live.run != run.id)
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
