//! The plans of a pull request: its comment, and a check run for each environment.

use std::collections::{BTreeMap, BTreeSet};

use super::{Scene, identifier, identity, plan_check_name, queue};
use crate::applies::applied_by;
use crate::ids::{CommitSha, EnvName, PrNumber, StackName};
use crate::in_part;
use crate::intent::ReportKey;
use crate::outcome::{Evidence, Outcome, Planned};
use crate::plan::diff::DiffLimits;
use crate::plan_flags::PlanMode;
use crate::policy::{About, standing};
use crate::provisional::{Footing, changed_outputs, footing};
use crate::report::check::{Button, Buttons, CheckOutput};
use crate::report::markdown::code;
use crate::report::plan_check::StackDir;
use crate::report::plan_comment::{
    EnvIdentity, Failure, PlanComment, PlanRow, PlanSummary, PolicyState, RowState,
};
use crate::run::{PlanWork, Run, RunState, Work};
use crate::tool::ToolReason;

/// The comment with the latest plans of the pull request's latest planned head; `None` before the
/// first.
#[must_use]
pub fn plan_comment(pr: PrNumber, scene: &Scene<'_>) -> Option<PlanComment> {
    let (newest, work) = plans(scene).next()?;
    Some(comment(pr, &newest.order.commit, work, scene))
}

/// The check run of one environment on one head; `None` if nothing was planned there.
#[must_use]
pub fn plan_check(
    pr: PrNumber,
    head: &CommitSha,
    env: &EnvName,
    scene: &Scene<'_>,
) -> Option<CheckOutput> {
    let (_, work) =
        plans(scene).find(|(run, _)| run.order.commit == *head && run.order.env == *env)?;
    let comment = comment(pr, head, work, scene);
    let dirs: Vec<StackDir> = plans(scene)
        .map(|(_, work)| StackDir {
            stack: work.stack.name.clone(),
            dir: work.stack.dir.clone(),
        })
        .collect();
    let name = plan_check_name(env);
    let mut output = crate::report::plan_check::plan_check(&name, env, &comment, &dirs);
    output.buttons = buttons(env, &comment);
    Some(output)
}

fn plans<'s>(scene: &'s Scene<'_>) -> impl Iterator<Item = (&'s Run, &'s PlanWork)> {
    scene.runs.iter().filter_map(|run| match &run.order.work {
        Work::Plan(work) => Some((run, work)),
        Work::Apply(_) | Work::Deploy(_) | Work::Look(_) | Work::ForceUnlock(_) => None,
    })
}

fn comment(pr: PrNumber, head: &CommitSha, newest: &PlanWork, scene: &Scene<'_>) -> PlanComment {
    // Newest first: the first of each environment and stack is the one that counts.
    let mut latest: BTreeMap<(EnvName, StackName), (&Run, &PlanWork)> = BTreeMap::new();
    for (run, work) in plans(scene).filter(|(run, _)| run.order.commit == *head) {
        latest
            .entry((run.order.env.clone(), work.stack.name.clone()))
            .or_insert((run, work));
    }
    let mut rows = Vec::new();
    let mut identities: BTreeMap<EnvName, EnvIdentity> = BTreeMap::new();
    for ((env, stack), (run, work)) in &latest {
        if let Some(evidence) = evidence(run) {
            identities.insert(
                env.clone(),
                EnvIdentity {
                    env: env.clone(),
                    identity: identity(evidence),
                },
            );
        }
        rows.push(PlanRow {
            env: env.clone(),
            stack: stack.clone(),
            state: row_state(run, work, newest, scene),
            page: scene.link(&run.id),
            flags: work.flags.clone(),
        });
    }
    sort_as_configured(&mut rows, scene);
    // The next command is named once all of the environment is planned.
    let applicable = |env: &EnvName| {
        let mut all = rows.iter().filter(|row| row.env == *env);
        let done = |row: &PlanRow| !matches!(row.state, RowState::Pending(_) | RowState::Running);
        let changes = |row: &PlanRow| matches!(&row.state, RowState::Planned(plan) if !plan.counts.is_zero() || row.flags.mode() == PlanMode::RefreshOnly);
        all.clone().all(done) && all.any(changes)
    };
    let ready: Vec<EnvName> = environments(&rows).into_iter().filter(applicable).collect();
    // What policies deny is refused: that is told where it says /explain.
    let denied = |env: &EnvName| {
        let is_closed = |row: &PlanRow| matches!(&row.state, RowState::Planned(plan) if plan.policy.is_closed());
        rows.iter().any(|row| row.env == *env && is_closed(row))
    };
    PlanComment {
        key: ReportKey::PlanComment(pr).to_string(),
        head: head.clone(),
        base_ref: newest.base_ref.clone(),
        base: newest.base.clone(),
        next: next(&latest, &ready, denied),
        blocked: ready,
        identities: environments(&rows)
            .into_iter()
            .filter_map(|env| identities.remove(&env))
            .collect(),
        page: plans(scene).next().and_then(|(run, _)| scene.link(&run.id)),
        notes: workspaces(&latest)
            .chain(tools(latest.values().copied()))
            .collect(),
        rows,
    }
}

/// An apply of each environment; of each stack whose plan was made with flags, since it is applied
/// only by name, and the environment not without it.
fn next(
    latest: &BTreeMap<(EnvName, StackName), (&Run, &PlanWork)>,
    ready: &[EnvName],
    denied: impl Fn(&EnvName) -> bool,
) -> Vec<String> {
    let mut commands = Vec::new();
    for env in ready.iter().filter(|env| !denied(env)) {
        let with_flags: Vec<&StackName> = latest
            .iter()
            .filter(|((place, _), (run, work))| {
                place == env && !work.flags.is_none() && !in_part::has_nothing(run)
            })
            .map(|((_, stack), _)| stack)
            .collect();
        if with_flags.is_empty() {
            commands.push(format!("/apply {env}"));
        }
        commands.extend(
            with_flags
                .iter()
                .map(|stack| format!("/apply {env} {stack}")),
        );
    }
    commands
}

/// The workspaces that were not there.
fn workspaces(
    latest: &BTreeMap<(EnvName, StackName), (&Run, &PlanWork)>,
) -> impl Iterator<Item = String> {
    let made = latest.iter().filter(|(_, (run, _))| {
        matches!(&run.outcome, Some(Outcome::Planned(planned)) if planned.made_workspace)
    });
    made.map(|((env, stack), (_, work))| {
        format!(
            "{env} · {stack}: the Terraform workspace {} was not there and has been made",
            work.stack.workspace
        )
    })
}

/// What planned which stack, once any of them asks for a certain program or version.
fn tools<'r>(plans: impl Iterator<Item = (&'r Run, &'r PlanWork)>) -> Option<String> {
    let mut stacks: BTreeMap<(&str, ToolReason), BTreeSet<&StackName>> = BTreeMap::new();
    for (run, work) in plans {
        if let Some(Outcome::Planned(planned)) = &run.outcome {
            let tool = (planned.tool_version.as_str(), planned.tool_reason);
            stacks.entry(tool).or_default().insert(&work.stack.name);
        }
    }
    if stacks
        .keys()
        .all(|(_, reason)| *reason == ToolReason::Settings)
    {
        return None;
    }
    let words = stacks.iter().map(|((tool, reason), stacks)| {
        let stacks: Vec<&str> = stacks.iter().map(|stack| stack.as_str()).collect();
        format!("{} by {tool} ({reason})", stacks.join(", "))
    });
    Some(format!("planned: {}", words.collect::<Vec<_>>().join("; ")))
}

/// The environments of the rows, in their order.
fn environments(rows: &[PlanRow]) -> Vec<EnvName> {
    let mut envs: Vec<EnvName> = rows.iter().map(|row| row.env.clone()).collect();
    envs.dedup();
    envs
}

/// In the order of deploy.toml, where it is known: `dev` before `prod` as people think of them.
fn sort_as_configured(rows: &mut [PlanRow], scene: &Scene<'_>) {
    let Some(config) = scene.config else { return };
    let place = |row: &PlanRow| {
        let env = config.environments.iter().position(|e| e.name == row.env);
        let stack = config.stacks.iter().position(|s| s.name == row.stack);
        (env.unwrap_or(usize::MAX), stack.unwrap_or(usize::MAX))
    };
    rows.sort_by_key(place);
}

fn row_state(run: &Run, work: &PlanWork, newest: &PlanWork, scene: &Scene<'_>) -> RowState {
    match run.state {
        RunState::Unconfirmed | RunState::Queued => RowState::Pending(Some(queue::why(scene, run))),
        RunState::Running => RowState::Running,
        RunState::Succeeded => succeeded(run, work, newest, scene),
        RunState::Cancelled => RowState::Cancelled { by: None },
        RunState::Superseded => RowState::Superseded,
        RunState::Skipped => RowState::Skipped(stopped(run).map_or_else(
            || "a stack that it needs was not planned".to_owned(),
            |stopped| stopped.what.clone(),
        )),
        RunState::Failed | RunState::Refused | RunState::Interrupted => {
            RowState::Failed(failure(run))
        }
    }
}

fn succeeded(run: &Run, work: &PlanWork, newest: &PlanWork, scene: &Scene<'_>) -> RowState {
    let Some(Outcome::Planned(planned)) = &run.outcome else {
        return RowState::Failed(failure(run));
    };
    if let Some(apply) = applied_by(scene.runs, &run.id)
        && let Some(Outcome::Applied(applied)) = &apply.outcome
    {
        return RowState::Applied {
            counts: applied.counts,
            by: Some(apply.order.actor.clone()),
        };
    }
    let mut summary = summary(run, planned, scene);
    summary.provisional = provisional(run, scene);
    if work.base == newest.base {
        RowState::Planned(summary)
    } else {
        RowState::Stale(summary)
    }
}

/// Why a plan is made again after an apply, and how that comes about.
fn provisional(run: &Run, scene: &Scene<'_>) -> Option<String> {
    let (env, stack) = (&run.order.env, run.order.subject());
    match footing(scene.config?, scene.runs, run) {
        Footing::Firm => None,
        Footing::Provisional(waits_for) => Some(format!(
            "{}. {} applies those first and plans {stack} again",
            changed_outputs(&waits_for),
            code(&format!("/apply {env}")),
        )),
        Footing::Overtaken(by) => Some(format!(
            "{by} was applied since, whose outputs it reads: {}",
            code(&format!("/plan {env} {stack}")),
        )),
    }
}

pub(super) fn summary(run: &Run, planned: &Planned, scene: &Scene<'_>) -> PlanSummary {
    let stateful = scene.config.map(|config| config.stateful_types.as_slice());
    let policy = match (&planned.policy, run.order.stack()) {
        (Some(ruling), Some(stack)) => {
            let about = About {
                env: &run.order.env,
                stack,
                head: &run.order.commit,
            };
            PolicyState::of(ruling, standing(ruling, about, scene.overrides))
        }
        _ => PolicyState::default(),
    };
    PlanSummary::new(&planned.plan, &DiffLimits::default(), policy)
        .with_stateful(stateful.unwrap_or_default())
}

/// As whom a plan was made, or was tried to be.
pub(super) fn evidence(run: &Run) -> Option<&Evidence> {
    match &run.outcome {
        Some(Outcome::Planned(planned)) => Some(&planned.evidence),
        Some(Outcome::Stopped(stopped)) => stopped.evidence.as_ref(),
        _ => None,
    }
}

fn stopped(run: &Run) -> Option<&crate::outcome::Stopped> {
    match &run.outcome {
        Some(Outcome::Stopped(stopped)) => Some(stopped),
        _ => None,
    }
}

pub(super) fn failure(run: &Run) -> Failure {
    let Some(stopped) = stopped(run) else {
        return Failure {
            step: "plan".to_owned(),
            diagnostics: Vec::new(),
            message: Some(format!("the run ended as {}", run.state.as_str())),
        };
    };
    let message = [stopped.what.as_str(), stopped.fix.as_str()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" — ");
    Failure {
        step: stopped.step.map_or("plan", |step| step.as_str()).to_owned(),
        diagnostics: stopped.diagnostics.clone(),
        message: Some(message),
    }
}

fn buttons(env: &EnvName, comment: &PlanComment) -> Buttons {
    let mut buttons = Buttons::default();
    let mut push = |label: &str, description: &str, identifier: &str| {
        if let Ok(button) = Button::new(label, description, identifier) {
            let _ = buttons.push(button);
        }
    };
    let under_way = comment.rows.iter().any(|row| {
        row.env == *env && matches!(row.state, RowState::Running | RowState::Pending(_))
    });
    if under_way {
        push(
            "Cancel",
            "Stop the runs of this pull request",
            identifier::CANCEL,
        );
        return buttons;
    }
    let by_name = |row: &PlanRow| row.env == *env && !row.flags.is_none();
    if comment.blocked.contains(env) && !comment.rows.iter().any(by_name) {
        push("Apply", "Apply exactly the plans shown", identifier::APPLY);
    }
    push("Plan again", "Plan the same stacks anew", identifier::PLAN);
    buttons
}
