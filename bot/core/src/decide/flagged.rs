//! Plans with flags: of one stack in one environment, because a person says so, and applied only
//! because a person says so of that very stack. Whatever is planned by itself is planned in full.

use super::runs::latest_plan;
use super::{Ask, Decision, Draft, plan, summary};
use crate::config::Environment;
use crate::facts::ActorFacts;
use crate::gates::{self, Gate, Operation};
use crate::ids::{EnvName, StackName};
use crate::in_part::flags;
use crate::intent::{Intent, ReportKey};
use crate::plan_flags::{PlanFlags, PlanMode};
use crate::ports::Reaction;
use crate::report::markdown::code;
use crate::report::refusal::{GateRow, refusal};
use crate::run::{Move, Run, RunState, Work};

/// `/plan ENV STACK -- FLAG…`.
pub(super) fn plan(ask: Ask<'_>, env: &EnvName, stack: &StackName, flags: &PlanFlags) -> Decision {
    let (Some(env), Some(stack)) = (ask.config.environment(env), ask.config.stack(stack)) else {
        return Decision::ignore("the environment or the stack is gone");
    };
    if !stack.environments.contains(&env.name) {
        return Decision::ignore("the stack does not exist there");
    }
    let mut rights = vec![gates::right(Operation::Plan, env, Some(ask.actor))];
    rights.extend(destroy_right(env, flags, Some(ask.actor)));
    let closed: Vec<GateRow> = rights
        .into_iter()
        .filter(|gate| !gate.is_open())
        .map(|gate| gate.row)
        .collect();
    if !closed.is_empty() {
        let body = refusal("planned in", &env.name, &closed);
        return ask.answer(body, Reaction::ThumbsDown, "may not plan that");
    }
    if let Some(refusal) = plan::refuse_unseen(ask) {
        return refusal;
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    plan::bless(&mut draft, ask);
    summary::lay_ground(&mut draft, ask.pr);
    plan::supersede_older(&mut draft, ask.pr);
    // A full plan under way is not overtaken by one that says less.
    if let Some(old) = latest_plan(ask.facts, &env.name, &stack.name)
        && let Work::Plan(work) = &old.order.work
        && !work.flags.is_none()
        && !old.state.is_final()
        && old.order.commit == ask.pr.pull.head
        && plan::is_onto(work, ask.pr)
    {
        draft.end(&old.id, Move::Supersede, "planned anew", "");
    }
    if let Some(mut order) = draft.plan_order(env, stack, ask.pr, ask.into()) {
        if let Work::Plan(work) = &mut order.work {
            work.flags = flags.clone();
        }
        draft.start(order, RunState::Queued, Vec::new());
    }
    draft.push(Intent::Refresh(ReportKey::PlanComment(ask.pr.pull.number)));
    let because = format!("{} plan runs with flags asked for", draft.starts);
    draft.done(because)
}

/// `/retry` of such a plan, or of its apply, whose plan file is spent: planned again with the same
/// flags, under the same rights. None for every other run.
pub(super) fn again(ask: Ask<'_>, run: &Run) -> Option<Decision> {
    let flags = match &run.order.work {
        Work::Plan(work) => &work.flags,
        Work::Apply(work) => &work.flags,
        Work::Deploy(_) | Work::ForceUnlock(_) | Work::Look(_) => return None,
    };
    let stack = run.order.stack().filter(|_| !flags.is_none())?;
    let (env, named) = (&run.order.env, std::slice::from_ref(stack));
    Some(plan::on_command(ask, Some(env), named, flags))
}

fn destroy_right(env: &Environment, flags: &PlanFlags, actor: Option<&ActorFacts>) -> Option<Gate> {
    (flags.mode() == PlanMode::Destroy).then(|| gates::right(Operation::Destroy, env, actor))
}

/// The gates that an apply has besides if its plan was made with flags: the stack is named, and
/// what destroys takes the right to.
pub(super) fn gates_of_apply(
    env: &Environment,
    stack: &StackName,
    run: &Run,
    actor: Option<&ActorFacts>,
    is_named: bool,
) -> Vec<Gate> {
    let Some(flags) = flags(run) else {
        return Vec::new();
    };
    let mut gates = Vec::new();
    if !is_named {
        let row = unnamed_row(&env.name, stack, flags);
        gates.push(Gate { row, waits: None });
    }
    gates.extend(destroy_right(env, flags, actor));
    gates
}

/// What is in the way of a plan with flags unless its stack is named.
pub(super) fn unnamed_row(env: &EnvName, stack: &StackName, flags: &PlanFlags) -> GateRow {
    GateRow {
        gate: format!("plan of {stack}"),
        open: false,
        state: format!("made with {}", code(&flags.to_string())),
        opens: format!(
            "{} applies exactly that; {} plans all of it",
            code(&format!("/apply {env} {stack}")),
            code(&format!("/plan {env} {stack}"))
        ),
    }
}

/// What is left once a plan that leaves something out is applied, or had nothing to do.
pub(super) fn rest(env: &EnvName, stack: &StackName, run: &Run, state: &str) -> Option<GateRow> {
    let flags = flags(run).filter(|flags| !flags.cover_all())?;
    Some(GateRow {
        gate: format!("plan of {stack}"),
        open: false,
        state: format!("{state}, made with {}", code(&flags.to_string())),
        opens: format!("{} for the rest", code(&format!("/plan {env} {stack}"))),
    })
}
