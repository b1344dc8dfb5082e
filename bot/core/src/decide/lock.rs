//! `/lock` and `/unlock`: claim an environment for oneself, with a reason, and free it again.

use std::time::Duration;

use super::{Ask, Draft};
use crate::facts::{Lock, LockTarget, Permission};
use crate::gates::{self, Operation};
use crate::ids::EnvName;
use crate::intent::{Decision, Intent};
use crate::ports::Reaction;
use crate::report::locks::LockView;
use crate::report::refusal::refusal;

/// `/lock`.
pub(super) fn on_lock(
    ask: Ask<'_>,
    env: &EnvName,
    ttl: Option<Duration>,
    reason: Option<&str>,
) -> Decision {
    if let Some(refused) = without_right(ask, env) {
        return refused;
    }
    if let Some(held) = held(ask, env)
        && !held.holder.is(&ask.actor.login)
    {
        let body = LockView::of(held, ask.facts.now).blocked(None);
        return ask.answer(body, Reaction::ThumbsDown, "somebody else holds the lock");
    }
    let now = ask.facts.now;
    let lock = Lock {
        target: LockTarget {
            env: env.clone(),
            stack: None,
        },
        holder: ask.actor.login.clone(),
        pr: Some(ask.pr.pull.number),
        reason: reason.map(str::to_owned),
        since: now,
        until: ttl.and_then(|ttl| now.checked_add(ttl).ok()),
    };
    let mut draft = Draft::new(ask.facts, ask.cause);
    draft.reply(ask.pr, LockView::of(&lock, now).taken());
    draft.react(ask.trigger, Reaction::Rocket);
    draft.push(Intent::Lock(lock));
    draft.done("locked")
}

/// `/unlock`: by the holder or an admin.
pub(super) fn on_unlock(ask: Ask<'_>, env: &EnvName) -> Decision {
    let Some(held) = held(ask, env) else {
        let body = format!("### {env} is not locked\n\n`/lock {env}` claims it.");
        return ask.answer(body, Reaction::ThumbsDown, "there is no lock");
    };
    let admin = ask.actor.permission == Ok(Permission::Admin);
    if !held.holder.is(&ask.actor.login) && !admin {
        let body = LockView::of(held, ask.facts.now).blocked(None);
        return ask.answer(
            body,
            Reaction::ThumbsDown,
            "neither the holder nor an admin",
        );
    }
    let next = ask
        .facts
        .store
        .active
        .iter()
        .find(|run| {
            run.order.env == *env
                && !matches!(run.order.work, crate::run::Work::Plan(_))
                && run.state == crate::run::RunState::Queued
        })
        .and_then(|run| run.order.pr);
    let mut draft = Draft::new(ask.facts, ask.cause);
    draft.push(Intent::Unlock(held.target.clone()));
    draft.reply(
        ask.pr,
        LockView::of(held, ask.facts.now).freed(&ask.actor.login, next),
    );
    draft.react(ask.trigger, Reaction::Rocket);
    draft.done("unlocked")
}

fn held<'a>(ask: Ask<'a>, env: &EnvName) -> Option<&'a Lock> {
    ask.facts
        .store
        .locks
        .iter()
        .find(|lock| lock.target.env == *env && lock.target.stack.is_none())
}

/// Who may change an environment may claim it.
fn without_right(ask: Ask<'_>, env: &EnvName) -> Option<Decision> {
    let environment = ask.config.environment(env)?;
    let deploy = gates::right(Operation::Deploy, environment, Some(ask.actor));
    let apply = gates::right(Operation::Apply, environment, Some(ask.actor));
    if deploy.is_open() || apply.is_open() {
        return None;
    }
    let body = refusal("allowed to lock", env, &[deploy.row]);
    Some(ask.answer(body, Reaction::ThumbsDown, "no right to lock"))
}
