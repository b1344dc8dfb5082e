//! `/apply`: exactly the plans shown, if every gate is open.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{environments, latest_plan};
use super::{Ask, Draft, dependencies, flagged, plan};
use crate::applies::apply_of;
use crate::config::{Config, Environment, Stack};
use crate::facts::{Facts, PullFacts, PullState};
use crate::gates::{self, Asked, Gate, Verdicts};
use crate::ids::{CommitSha, EnvName, StackName};
use crate::in_part;
use crate::intent::Decision;
use crate::policy;
use crate::ports::Reaction;
use crate::provisional::{Footing, changed_outputs, footing};
use crate::report::markdown::code;
use crate::report::refusal::{GateRow, refusal};
use crate::run::{PlanToApply, Run, RunState, Work};
use crate::stacks;

/// Where the plan of one stack stands, as seen by somebody who wants to apply it.
pub(super) enum PlanState<'f> {
    /// Made for this head and base, with changes.
    Fresh(&'f Run),
    /// The same, but with outputs that applies of these stacks are going to change.
    Provisional(BTreeMap<StackName, BTreeSet<String>>),
    /// Made, and there is nothing to change.
    Nothing,
    /// Applied already.
    Applied,
    /// Being applied right now.
    Applying,
    /// Not to be applied; a sentence each for state and way out, and whether to plan again.
    Not(GateRow, Again),
}

/// Whether planning again is the way out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Yes,
    No,
}

/// `/apply`.
pub(super) fn on_command(
    ask: Ask<'_>,
    named_env: Option<&EnvName>,
    named: &[StackName],
) -> Decision {
    let mut targets = plan::Targets::new();
    for env in environments(ask.config, named_env) {
        let names = wanted(ask, env, named);
        if !names.is_empty() {
            targets.insert(env.name.clone(), names);
        } else if named_env.is_some() {
            let body = nothing(env, named);
            return ask.answer(body, Reaction::ThumbsDown, "nothing to apply there");
        }
    }
    start_all(ask, &targets, !named.is_empty())
}

/// Applies these stacks, none of which anybody named.
pub(super) fn on_targets(ask: Ask<'_>, targets: &plan::Targets) -> Decision {
    start_all(ask, targets, false)
}

fn start_all(ask: Ask<'_>, targets: &plan::Targets, are_named: bool) -> Decision {
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    for env in environments(ask.config, None) {
        if let Some(names) = targets.get(&env.name) {
            said.extend(apply_in(&mut draft, ask, env, names, are_named));
        }
    }
    if draft.starts == 0 && said.is_empty() {
        said.push(
            "### Nothing to apply\n\nNo stack of this pull request was planned. `/plan` first."
                .to_owned(),
        );
    }
    if !said.is_empty() {
        draft.reply(ask.pr, said.join("\n\n"));
        draft.react(ask.trigger, Reaction::ThumbsDown);
    }
    let because = format!("{} runs", draft.starts);
    draft.done(because)
}

/// The stacks that a command is about: those named, or all that were planned for this pull request.
fn wanted(ask: Ask<'_>, env: &Environment, named: &[StackName]) -> BTreeSet<StackName> {
    if !named.is_empty() {
        return ask
            .config
            .stacks_in(&env.name)
            .filter(|stack| named.contains(&stack.name))
            .map(|stack| stack.name.clone())
            .collect();
    }
    ask.config
        .stacks_in(&env.name)
        .filter(|stack| latest_plan(ask.facts, &env.name, &stack.name).is_some())
        .map(|stack| stack.name.clone())
        .collect()
}

/// Applies the stacks of one environment, or says why not.
fn apply_in(
    draft: &mut Draft<'_>,
    ask: Ask<'_>,
    env: &Environment,
    names: &BTreeSet<StackName>,
    are_named: bool,
) -> Option<String> {
    let states: Vec<(&Stack, PlanState<'_>)> = stacks::in_order(ask.config, names)
        .into_iter()
        .map(|stack| {
            let state = plan_state(ask.facts, ask.config, ask.pr, &env.name, &stack.name);
            (stack, state)
        })
        .collect();
    let merged = matches!(ask.pr.pull.state, PullState::Merged(_));
    let mut gates = gates::for_apply(env, ask.facts, Asked::ByPerson);
    let mut plan_again = BTreeSet::new();
    for (stack, state) in &states {
        if let PlanState::Fresh(run) = state
            && let Some(row) = policy_row(ask.facts, ask.pr, env, stack, run)
        {
            gates.push(Gate { row, waits: None });
        }
        if let PlanState::Fresh(run) = state {
            let more = flagged::gates_of_apply(env, &stack.name, run, Some(ask.actor), are_named);
            gates.extend(more);
        }
        if let PlanState::Provisional(waits_for) = state
            && !waits_for.keys().all(|needed| names.contains(needed))
        {
            let row = provisional_row(env, &stack.name, waits_for);
            gates.push(Gate { row, waits: None });
        }
        // After the merge a stale plan is no obstacle: see `what_to_apply`.
        if let PlanState::Not(row, again) = state
            && !(merged && *again == Again::Yes)
        {
            gates.push(Gate {
                row: row.clone(),
                waits: None,
            });
            if *again == Again::Yes {
                plan_again.insert(stack.name.clone());
            }
        }
        let is_to_be_applied = match state {
            PlanState::Fresh(_) => true,
            PlanState::Not(_, again) => merged && *again == Again::Yes,
            PlanState::Provisional(_)
            | PlanState::Nothing
            | PlanState::Applied
            | PlanState::Applying => false,
        };
        if is_to_be_applied {
            let rows = dependencies::rows(ask.facts, ask.config, ask.pr, &env.name, stack, names);
            gates.extend(rows.into_iter().map(|row| Gate { row, waits: None }));
        }
    }
    let not_before = match gates::verdict(&gates) {
        Verdicts::Refuse(rows) => {
            let mut body = refusal("applied in", &env.name, &rows);
            // The word was about what could be seen: a head that an outsider has pushed since is
            // not run by it.
            if gates::may_plan(env, ask.actor)
                && plan::trusted(env, ask.pr, ask.facts)
                && !plan_again.is_empty()
            {
                plan::start(
                    draft,
                    ask.config,
                    env,
                    &plan_again,
                    ask.pr,
                    ask.into(),
                    true,
                );
                body.truncate(body.trim_end().len());
                let command = code(&format!("/apply {}", env.name));
                body.push_str(&format!(
                    "\n\nPlanning now: look at the new plan, then {command} once more."
                ));
            }
            return Some(body);
        }
        Verdicts::Queue { not_before } => not_before,
        Verdicts::Pass => None,
    };
    if env.aws.apply_role.is_none() {
        return Some(no_role(env));
    }
    start(draft, ask, env, &states, not_before)
}

/// Starts the applies, dependencies first. A stack whose plan is provisional is planned again once
/// what it reads is applied; it, and what comes after it, is for the next word to apply.
fn start(
    draft: &mut Draft<'_>,
    ask: Ask<'_>,
    env: &Environment,
    states: &[(&Stack, PlanState<'_>)],
    not_before: Option<jiff::Timestamp>,
) -> Option<String> {
    let mut places = BTreeMap::new();
    let mut put_off: BTreeSet<&StackName> = BTreeSet::new();
    for (stack, state) in states {
        let before = stacks::before(ask.config, &stack.name);
        let after: Vec<usize> = before
            .iter()
            .filter_map(|needed| places.get(*needed).copied())
            .collect();
        if let PlanState::Provisional(_) = state {
            put_off.insert(&stack.name);
            if let Some(order) = draft.plan_order(env, stack, ask.pr, ask.into()) {
                let place = draft.start(order, RunState::Queued, after);
                places.insert(stack.name.clone(), place);
            }
            continue;
        }
        if before.iter().any(|needed| put_off.contains(needed)) {
            put_off.insert(&stack.name);
            continue;
        }
        let Some((commit, plan)) = what_to_apply(ask, env, stack, state) else {
            continue;
        };
        let Some(mut order) = draft.apply_order(env, stack, ask.pr, &commit, plan, ask.into())
        else {
            continue;
        };
        if let (PlanState::Fresh(run), Work::Apply(work)) = (state, &mut order.work) {
            work.flags = in_part::flags(run).cloned().unwrap_or_default();
        }
        order.not_before = not_before;
        let place = draft.start(order, RunState::Queued, after);
        places.insert(stack.name.clone(), place);
    }
    places.is_empty().then(|| why_nothing(env, states))
}

/// The plan to apply and the commit that the run is about. A fresh plan is applied as it was saved.
/// After the merge an older plan is void, since the base moved with it: the stack is planned again
/// on the merge commit, and applied if its changes are the ones reviewed.
fn what_to_apply(
    ask: Ask<'_>,
    env: &Environment,
    stack: &Stack,
    state: &PlanState<'_>,
) -> Option<(CommitSha, PlanToApply)> {
    match (state, &ask.pr.pull.state) {
        (PlanState::Fresh(run), _) => {
            Some((ask.pr.pull.head.clone(), PlanToApply::Saved(run.id.clone())))
        }
        (PlanState::Not(..), PullState::Merged(merge)) => {
            let reviewed = reviewed(ask.facts, ask.pr, &env.name, &stack.name);
            let plan = PlanToApply::Again {
                reviewed: reviewed.map(|run| run.id.clone()),
            };
            Some((merge.clone(), plan))
        }
        _ => None,
    }
}

/// The plan of the merged head that people looked at.
pub(super) fn reviewed<'f>(
    facts: &'f Facts,
    pr: &PullFacts,
    env: &EnvName,
    stack: &StackName,
) -> Option<&'f Run> {
    facts.store.runs.iter().find(|run| {
        matches!(run.order.work, Work::Plan(_))
            && run.order.env == *env
            && run.order.stack() == Some(stack)
            && run.order.commit == pr.pull.head
            && run.planned().is_some()
            // A plan with flags is not what a merge would do.
            && in_part::flags(run).is_none()
    })
}

pub(super) fn plan_state<'f>(
    facts: &'f Facts,
    config: &Config,
    pr: &PullFacts,
    env: &EnvName,
    stack: &StackName,
) -> PlanState<'f> {
    let row = |state: String, opens: &str| GateRow {
        gate: format!("plan of {stack}"),
        open: false,
        state,
        opens: opens.to_owned(),
    };
    match applied_after_merge(facts, pr, env, stack) {
        Some(apply) if apply.state == RunState::Succeeded => return PlanState::Applied,
        Some(apply) if !apply.state.is_final() => return PlanState::Applying,
        _ => {}
    }
    let Some(run) = latest_plan(facts, env, stack) else {
        return PlanState::Not(row("not planned".to_owned(), "`/plan`"), Again::Yes);
    };
    let Work::Plan(work) = &run.order.work else {
        return PlanState::Not(row("not planned".to_owned(), "`/plan`"), Again::Yes);
    };
    if run.order.commit != pr.pull.head {
        let state = format!(
            "of {}, the head is {} now",
            code(run.order.commit.short()),
            code(pr.pull.head.short())
        );
        return PlanState::Not(row(state, "a new plan"), Again::Yes);
    }
    if work.base_ref != pr.pull.base_ref {
        let state = format!(
            "onto {}, the base is {} now",
            code(&work.base_ref),
            code(&pr.pull.base_ref)
        );
        return PlanState::Not(row(state, "a new plan"), Again::Yes);
    }
    if work.base != pr.base {
        let state = format!(
            "onto {}, {} is at {} now",
            code(work.base.short()),
            code(&pr.pull.base_ref),
            code(pr.base.short())
        );
        return PlanState::Not(row(state, "a new plan"), Again::Yes);
    }
    if !run.state.is_final() {
        return PlanState::Not(row("under way".to_owned(), "wait for it to end"), Again::No);
    }
    let Some(planned) = run.planned() else {
        return PlanState::Not(
            row(
                run.state.as_str().to_owned(),
                "`/plan` once the cause is mended",
            ),
            Again::No,
        );
    };
    let rest = |state: &str| {
        flagged::rest(env, stack, run, state).map(|row| PlanState::Not(row, Again::Yes))
    };
    match apply_of(&facts.store.runs, &run.id) {
        Some(apply) if apply.state == RunState::Succeeded && !in_part::covers_all(run) => {
            rest("applied").unwrap_or(PlanState::Applied)
        }
        Some(apply) if apply.state == RunState::Succeeded => PlanState::Applied,
        Some(apply) if !apply.state.is_final() => PlanState::Applying,
        // A plan file whose apply was begun is spent: Terraform itself would call it stale.
        Some(apply) if apply.started_at.is_some() && apply.state != RunState::Refused => {
            PlanState::Not(
                row(format!("its apply {}", apply.state.as_str()), "a new plan"),
                Again::Yes,
            )
        }
        _ if in_part::has_nothing(run) => rest("without changes").unwrap_or(PlanState::Nothing),
        _ if planned.is_expired(facts.now) => {
            PlanState::Not(row(planned.expiry(), "a new plan"), Again::Yes)
        }
        _ => match footing(config, &facts.store.runs, run) {
            Footing::Firm => PlanState::Fresh(run),
            Footing::Provisional(waits_for) => PlanState::Provisional(waits_for),
            Footing::Overtaken(by) => {
                let state = format!("made before {by} was applied, whose outputs it reads");
                PlanState::Not(row(state, "a new plan"), Again::Yes)
            }
        },
    }
}

/// The latest apply of a stack on the merge commit.
pub(super) fn applied_after_merge<'f>(
    facts: &'f Facts,
    pr: &PullFacts,
    env: &EnvName,
    stack: &StackName,
) -> Option<&'f Run> {
    let PullState::Merged(merge) = &pr.pull.state else {
        return None;
    };
    facts.store.runs.iter().find(|run| {
        let again = matches!(
            &run.order.work,
            Work::Apply(work) if matches!(work.plan, PlanToApply::Again { .. })
        );
        again
            && run.order.commit == *merge
            && run.order.env == *env
            && run.order.stack() == Some(stack)
    })
}

/// The gates of an apply with those of its plans, for `/explain`.
pub(super) fn explain(
    facts: &Facts,
    config: &Config,
    pr: &PullFacts,
    env: &Environment,
    names: &BTreeSet<StackName>,
) -> Vec<GateRow> {
    let mut rows = gates::rows(&gates::for_apply(env, facts, Asked::ByPerson));
    for stack in names {
        if let Some(stack) = config.stack(stack) {
            rows.extend(dependencies::rows(
                facts, config, pr, &env.name, stack, names,
            ));
        }
        let state = plan_state(facts, config, pr, &env.name, stack);
        let policy = match (&state, config.stack(stack)) {
            (PlanState::Fresh(run), Some(stack)) => policy_row(facts, pr, env, stack, run),
            _ => None,
        };
        let standing = match state {
            PlanState::Not(row, _) => row,
            PlanState::Fresh(run) => match in_part::flags(run) {
                Some(flags) => {
                    let actor = facts.actor.as_ref();
                    let more = flagged::gates_of_apply(env, stack, run, actor, true);
                    rows.extend(gates::rows(&more));
                    flagged::unnamed_row(&env.name, stack, flags)
                }
                None => open_row(stack, "fresh"),
            },
            PlanState::Provisional(waits_for) => provisional_row(env, stack, &waits_for),
            PlanState::Nothing => open_row(stack, "no changes"),
            PlanState::Applied => open_row(stack, "applied"),
            PlanState::Applying => open_row(stack, "being applied"),
        };
        rows.push(standing);
        rows.extend(policy);
        if let Some(lock) = gates::stack_lock(facts, &env.name, stack) {
            let view = crate::report::locks::LockView::of(lock, facts.now);
            rows.push(GateRow {
                gate: format!("lock of {stack}"),
                open: false,
                state: view.sentence(),
                opens: "by itself, when that pull request is merged or closed".to_owned(),
            });
        }
    }
    rows
}

/// What policies say of a plan, as a gate.
fn policy_row(
    facts: &Facts,
    pr: &PullFacts,
    env: &Environment,
    stack: &Stack,
    run: &Run,
) -> Option<GateRow> {
    let ruling = run.planned()?.policy.as_ref();
    let overrides = &facts.store.overrides;
    policy::gate(env, stack, &pr.pull.head, ruling, overrides)
}

/// What is in the way of a plan made with outputs that change, unless these stacks come with it.
fn provisional_row(
    env: &Environment,
    stack: &StackName,
    waits_for: &BTreeMap<StackName, BTreeSet<String>>,
) -> GateRow {
    let names: Vec<&str> = waits_for.keys().map(StackName::as_str).collect();
    GateRow {
        gate: format!("plan of {stack}"),
        open: false,
        state: format!("provisional: {}", changed_outputs(waits_for)),
        opens: format!(
            "{} first; then it is planned again",
            code(&format!("/apply {} {}", env.name, names.join(" ")))
        ),
    }
}

fn open_row(stack: &StackName, state: &str) -> GateRow {
    GateRow {
        gate: format!("plan of {stack}"),
        open: true,
        state: state.to_owned(),
        opens: String::new(),
    }
}

fn why_nothing(env: &Environment, states: &[(&Stack, PlanState<'_>)]) -> String {
    let list: Vec<String> = states
        .iter()
        .map(|(stack, state)| {
            let why = match state {
                PlanState::Applied => "applied already",
                PlanState::Applying => "being applied right now",
                _ => "its plan has no changes",
            };
            format!("- {}: {why}", code(stack.name.as_str()))
        })
        .collect();
    format!(
        "### Nothing to apply in {}\n\n{}",
        env.name,
        list.join("\n")
    )
}

fn nothing(env: &Environment, named: &[StackName]) -> String {
    if named.is_empty() {
        format!(
            "### Nothing to apply in {}\n\nNo stack was planned there for this pull request. \
             `/plan {}` first.",
            env.name, env.name
        )
    } else {
        format!(
            "### Nothing to apply in {}\n\nThe stacks named don't exist in this environment.",
            env.name
        )
    }
}

fn no_role(env: &Environment) -> String {
    format!(
        "### ⛔ Not applied in {}\n\n`environments.{}.aws` in deploy.toml names no `apply_role`: \
         stacks are planned there and never applied.",
        env.name, env.name
    )
}
