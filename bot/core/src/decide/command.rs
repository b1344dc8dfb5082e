//! Comments: from text to the flow that it asks for.

use super::runs::active_of;
use super::{
    Ask, Draft, apply, config, deploy, explain, flagged, force_unlock, lock, overriding, plan,
    rollback,
};
use crate::command::{self, Command, LockId, Parsed, RunPrefix};
use crate::config::{Environment, Freeze};
use crate::facts::{ConfigFacts, Facts, Permission};
use crate::gates::{self, Operation};
use crate::ids::{CommentId, DeliveryId, EnvName};
use crate::intent::Decision;
use crate::ports::Reaction;
use crate::projection::lock_rows;
use crate::report::board::{BoardRow, FreezeRow, LiveRelease, board};
use crate::report::evidence::ReleaseRef;
use crate::report::markdown::{code, text};
use crate::report::refusal::{GateRow, refusal};
use crate::run::{Move, PlanToApply, Run, RunState, Trigger, Work};

/// A person wrote a comment.
pub(super) fn on_comment(
    comment: CommentId,
    body: &str,
    facts: &Facts,
    cause: &DeliveryId,
) -> Decision {
    let request = match command::parse(body) {
        Parsed::NotACommand => return Decision::ignore("the comment is not a command"),
        Parsed::Invalid(error) => return confused(comment, error.markdown(), facts, cause),
        Parsed::Command(request) => request,
    };
    if let ConfigFacts::Missing | ConfigFacts::Invalid(_) = facts.config
        && request.spec().name == "help"
    {
        let mut draft = Draft::new(facts, cause);
        if let Some(pr) = &facts.pr {
            draft.reply(pr, command::help(None));
        }
        draft.react_to(comment, Reaction::Rocket);
        return draft.done("help was asked for");
    }
    let config = match config(facts) {
        Ok(config) => config,
        Err(body) => return confused(comment, body, facts, cause),
    };
    let command = match request.resolve(config) {
        Ok(command) => command,
        Err(error) => return confused(comment, error.markdown(), facts, cause),
    };
    let (Some(pr), Some(actor)) = (&facts.pr, &facts.actor) else {
        return Decision::ignore("a command without a pull request or a person");
    };
    run(
        Ask {
            facts,
            config,
            pr,
            actor,
            trigger: Trigger::Comment(comment),
            cause,
        },
        &command,
    )
}

fn confused(comment: CommentId, body: String, facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut draft = Draft::new(facts, cause);
    if let Some(pr) = &facts.pr {
        draft.reply(pr, body);
    }
    draft.react_to(comment, Reaction::Confused);
    draft.done("the command was not understood")
}

/// What a command, said or pressed, leads to.
pub(super) fn run(ask: Ask<'_>, command: &Command) -> Decision {
    match command {
        Command::Plan { env, stacks, flags } => plan::on_command(ask, env.as_ref(), stacks, flags),
        Command::Apply { env, stacks } => apply::on_command(ask, env.as_ref(), stacks),
        Command::Deploy { env, service, sha } => {
            deploy::on_command(ask, env, service.as_ref(), sha.as_ref())
        }
        Command::Promote { from, to, service } => {
            deploy::on_promote(ask, from, to, service.as_ref())
        }
        Command::Rollback { env, service, to } => {
            rollback::on_command(ask, env, service.as_ref(), to.as_ref())
        }
        Command::Resume { env } => rollback::on_resume(ask, env),
        Command::Lock { env, ttl, reason } => lock::on_lock(ask, env, *ttl, reason.as_deref()),
        Command::Unlock { env } => lock::on_unlock(ask, env),
        Command::ForceUnlock { env, stack, id } => force_unlock::on_command(ask, env, stack, id),
        Command::Override { env, reason } => overriding::on_command(ask, env, reason),
        Command::Where => on_where(ask),
        Command::Explain { env } => explain::on_command(ask, env),
        Command::Confirm { code } => deploy::on_confirm(ask, code),
        Command::Cancel { run } => on_cancel(ask, run.as_ref()),
        Command::Retry => on_retry(ask),
        Command::Help => ask.answer(
            command::help(Some(ask.config)),
            Reaction::Rocket,
            "help was asked for",
        ),
    }
}

/// The freezes that are not over, in each environment the first of them.
fn freezes(ask: Ask<'_>) -> Vec<FreezeRow> {
    let now = ask.facts.now;
    let of = |env: &Environment| {
        let mut coming: Vec<&Freeze> = env.freezes.iter().filter(|f| f.to() > now).collect();
        coming.sort_by_key(|freeze| freeze.from());
        let row = |freeze: &Freeze| FreezeRow {
            env: env.name.clone(),
            words: gates::freeze::words(freeze),
            holds: freeze.holds(now),
        };
        coming.into_iter().take(3).map(row).collect::<Vec<_>>()
    };
    ask.config.environments.iter().flat_map(of).collect()
}

/// `/where`.
fn on_where(ask: Ask<'_>) -> Decision {
    let facts = ask.facts;
    let mut rows = Vec::new();
    for env in &ask.config.environments {
        let locked = facts
            .store
            .locks
            .iter()
            .any(|lock| lock.target.env == env.name && lock.target.stack.is_none());
        let hold = facts.store.holds.iter().find(|hold| hold.env == env.name);
        for service in ask.config.services_in(&env.name) {
            let live = gates::live(facts, &env.name, &service.name);
            rows.push(BoardRow {
                env: env.name.clone(),
                service: service.name.clone(),
                live: live.map(|release| LiveRelease {
                    release: ReleaseRef {
                        commit: release.commit.clone(),
                        pr: release.pr,
                        digest: Some(release.digest.clone()),
                    },
                    by: Some(release.actor.clone()),
                    age: facts
                        .now
                        .duration_since(release.live_at)
                        .max(jiff::SignedDuration::ZERO)
                        .unsigned_abs(),
                    good: release.good,
                }),
                locked,
                hold: hold.map(|hold| hold.reason.clone()),
                behind: live.and_then(|release| facts.store.behind.get(&release.commit).copied()),
            });
        }
    }
    let locks = lock_rows(&facts.store.locks, &facts.store.active, facts.now);
    ask.answer(
        board(&rows, &freezes(ask), &locks, None),
        Reaction::Rocket,
        "the board was asked for",
    )
}

/// `/cancel`.
fn on_cancel(ask: Ask<'_>, named: Option<&RunPrefix>) -> Decision {
    let runs: Vec<Run> = match named {
        Some(prefix) => ask
            .facts
            .store
            .active
            .iter()
            .filter(|run| prefix.matches(&run.id))
            .cloned()
            .collect(),
        None => active_of(ask.facts, ask.pr),
    };
    if runs.is_empty() {
        return nothing_to_cancel(ask, named);
    }
    cancel(ask, &runs)
}

fn nothing_to_cancel(ask: Ask<'_>, named: Option<&RunPrefix>) -> Decision {
    let body = named.map_or_else(
        || {
            "### Nothing to cancel\n\nNo run of this pull request is queued or under way."
                .to_owned()
        },
        |prefix| {
            format!(
                "### Nothing to cancel\n\nNo run {} is queued or under way.",
                code(prefix.as_str())
            )
        },
    );
    ask.answer(body, Reaction::ThumbsDown, "nothing to cancel")
}

/// Stops these runs, as far as the person may.
pub(super) fn cancel(ask: Ask<'_>, runs: &[Run]) -> Decision {
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for run in runs {
        let right = right_for(ask, run);
        if let Some(row) = right {
            let body = refusal("cancelled in", &run.order.env, &[row]);
            if !refused.contains(&body) {
                refused.push(body);
            }
            continue;
        }
        let by = text(ask.actor.login.as_str());
        draft.end(
            &run.id,
            Move::Cancel,
            format!("cancelled by {by}"),
            "`/retry` runs it again",
        );
        said.push(format!(
            "- {} of {} in {} ({}){}",
            run.order.kind(),
            code(run.order.subject()),
            run.order.env,
            code(run.id.short()),
            if run.state == RunState::Running {
                ": stops after the step in hand"
            } else {
                ""
            }
        ));
    }
    let sign = if refused.is_empty() {
        Reaction::Rocket
    } else {
        Reaction::ThumbsDown
    };
    let mut body = Vec::new();
    if !said.is_empty() {
        body.push(format!("### ✋ Cancelled\n\n{}", said.join("\n")));
    }
    body.extend(refused);
    draft.reply(ask.pr, body.join("\n\n"));
    draft.react(ask.trigger, sign);
    draft.done(format!("{} runs cancelled", said.len()))
}

/// The closed gate of somebody who may not do what the run does.
fn right_for(ask: Ask<'_>, run: &Run) -> Option<GateRow> {
    let operation = match run.order.work {
        Work::Plan(_) | Work::Look(_) => Operation::Plan,
        Work::Apply(_) => Operation::Apply,
        Work::Deploy(_) => Operation::Deploy,
        Work::ForceUnlock(_) => Operation::ForceUnlock,
    };
    let Some(env) = ask.config.environment(&run.order.env) else {
        // deploy.toml no longer says who may do what there.
        let admin = ask.actor.permission == Ok(Permission::Admin);
        return (!admin).then(|| GateRow {
            gate: "right".to_owned(),
            open: false,
            state: format!("deploy.toml no longer has {}", run.order.env),
            opens: "an admin of the repository".to_owned(),
        });
    };
    let gate = gates::right(operation, env, Some(ask.actor));
    (!gate.is_open()).then_some(gate.row)
}

/// `/retry`: what did not succeed of the last thing asked for, with all its gates.
fn on_retry(ask: Ask<'_>) -> Decision {
    let runs = &ask.facts.store.runs;
    let last = runs.iter().enumerate().find(|(place, run)| {
        // Newest first: what a newer run of the same thing is about is settled, or will be.
        let done_since = runs[..*place].iter().any(|newer| is_same(newer, run));
        ended_badly(run) && !done_since
    });
    match last {
        Some((_, run)) => retry(ask, run, None),
        None => ask.answer(
            "### Nothing to retry\n\nNo run of this pull request has failed.".to_owned(),
            Reaction::ThumbsDown,
            "nothing to retry",
        ),
    }
}

fn ended_badly(run: &Run) -> bool {
    run.state.is_final() && !matches!(run.state, RunState::Succeeded | RunState::Superseded)
}

/// Whether a run does the same work on the same thing as another, and was not overtaken.
fn is_same(run: &Run, other: &Run) -> bool {
    is_same_kind(run, other)
        && run.order.env == other.order.env
        && run.order.subject() == other.order.subject()
        && run.state != RunState::Superseded
}

fn is_same_kind(run: &Run, other: &Run) -> bool {
    std::mem::discriminant(&run.order.work) == std::mem::discriminant(&other.order.work)
}

/// Does again what a run did, with all of the same cause (in one environment, or everywhere) that
/// did not succeed either.
pub(super) fn retry(ask: Ask<'_>, run: &Run, within: Option<&EnvName>) -> Decision {
    // A run that was skipped comes after what it needs, this time as well.
    let needed = ask.facts.store.runs.iter().find(|other| {
        run.state == RunState::Skipped
            && run.after.contains(&other.id)
            && ended_badly(other)
            && !is_same_kind(other, run)
    });
    if let Some(needed) = needed {
        let first = retry(ask, needed, Some(&run.order.env));
        return first.then(again(ask, run, within));
    }
    again(ask, run, within)
}

fn again(ask: Ask<'_>, run: &Run, within: Option<&EnvName>) -> Decision {
    let family: Vec<&Run> = ask
        .facts
        .store
        .runs
        .iter()
        .filter(|other| {
            other.order.cause == run.order.cause
                && is_same_kind(other, run)
                && ended_badly(other)
                && within.is_none_or(|env| other.order.env == *env)
        })
        .collect();
    let family = if family.is_empty() { vec![run] } else { family };
    let mut targets = plan::Targets::new();
    for run in &family {
        if let Some(stack) = run.order.stack() {
            let stacks = targets.entry(run.order.env.clone()).or_default();
            stacks.insert(stack.clone());
        }
    }
    if let Some(flagged) = flagged::again(ask, run) {
        return flagged;
    }
    match &run.order.work {
        // Asked for on the issue that it belongs to.
        Work::Look(_) => Decision::ignore("a look at a service is not tried again here"),
        Work::Plan(_) => plan::on_targets(ask, &targets),
        Work::Apply(work) => match &work.plan {
            // A plan file is spent once its apply was begun: the new plan is what is to be looked at.
            PlanToApply::Saved(_) => plan::on_targets(ask, &targets),
            PlanToApply::Again { .. } => apply::on_targets(ask, &targets),
        },
        Work::Deploy(work) if work.rollback.is_some() => rollback::on_retry(ask, run, work),
        Work::Deploy(_) => deploy::on_retry(ask, &family),
        Work::ForceUnlock(work) => match LockId::parse(&work.id) {
            Ok(id) => force_unlock::on_command(ask, &run.order.env, &work.stack.name, &id),
            Err(_) => Decision::ignore("the lock of the run has no id"),
        },
    }
}
