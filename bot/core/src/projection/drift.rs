//! What differs in an environment from the default branch: the issue that tells it.

mod services;

use super::{Scene, identity, plan};
use crate::gates;
use crate::ids::{CommitSha, EnvName, PrNumber, StackName};
use crate::intent::ReportKey;
use crate::outcome::{Evidence, Outcome};
use crate::plan_flags::PlanFlags;
use crate::report::drift_issue::{DriftIssue, Expected, Over};
use crate::report::plan_comment::{PlanRow, RowState};
use crate::run::{PlanToApply, PlanWork, Run, RunState, Work};

/// The issue of an environment.
#[derive(Clone, Debug, PartialEq)]
pub enum DriftView {
    /// Something is being looked at or put back: what is shown stays until it is over.
    Wait,
    /// Nothing was ever looked at.
    Nothing,
    /// Something differs, or could not be looked at.
    Open(Box<DriftIssue>),
    /// There is nothing to tell any more.
    Closed(Over),
}

/// What became of a look at one stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Looked<'r> {
    /// It is not over.
    UnderWay,
    /// It came to nothing.
    Failed,
    /// The stack is as the default branch has it.
    Same,
    /// It differs.
    Differs,
    /// It is being put back by this run.
    Mending(&'r Run),
    /// It was put back by this run.
    Mended(&'r Run),
    /// It was applied by this run since: what was seen is no longer so.
    Overtaken(&'r Run),
}

/// The newest look at a stack that was not overtaken by another.
#[must_use]
pub fn latest_look<'r>(runs: &'r [Run], env: &EnvName, stack: &StackName) -> Option<&'r Run> {
    looks(runs).find_map(|(run, work)| {
        let is_it =
            run.order.env == *env && work.stack.name == *stack && run.state != RunState::Superseded;
        is_it.then_some(run)
    })
}

fn looks(runs: &[Run]) -> impl Iterator<Item = (&Run, &PlanWork)> {
    runs.iter().filter_map(|run| match &run.order.work {
        Work::Plan(work) if run.order.is_about_drift() => Some((run, work)),
        _ => None,
    })
}

/// What became of a look, by what was applied since.
#[must_use]
pub fn looked<'r>(look: &Run, runs: &'r [Run]) -> Looked<'r> {
    let planned = match (&look.state, &look.outcome) {
        (state, _) if !state.is_final() => return Looked::UnderWay,
        (RunState::Succeeded, Some(Outcome::Planned(planned))) => planned,
        _ => return Looked::Failed,
    };
    let same_stack = |run: &&Run| {
        matches!(run.order.work, Work::Apply(_))
            && run.order.env == look.order.env
            && run.order.stack() == look.order.stack()
    };
    let of_it = |run: &Run| match &run.order.work {
        Work::Apply(work) => work.plan == PlanToApply::Saved(look.id.clone()),
        Work::Plan(_) | Work::Deploy(_) | Work::Look(_) | Work::ForceUnlock(_) => false,
    };
    for run in runs.iter().filter(same_stack) {
        match run.state {
            RunState::Succeeded if of_it(run) => return Looked::Mended(run),
            state if !state.is_final() && of_it(run) => return Looked::Mending(run),
            RunState::Succeeded if applied_since(run, look) => return Looked::Overtaken(run),
            _ => {}
        }
    }
    if planned.plan.is_noop() {
        Looked::Same
    } else {
        Looked::Differs
    }
}

/// Whether an apply succeeded after a look had begun: then the stack is as some commit has it.
fn applied_since(apply: &Run, look: &Run) -> bool {
    apply
        .ended_at
        .zip(look.started_at)
        .is_some_and(|(ended, began)| ended > began)
}

/// What the issue of an environment shows.
#[must_use]
pub fn drift_issue(env: &EnvName, scene: &Scene<'_>) -> DriftView {
    let Some(newest) = newest_look(scene) else {
        return DriftView::Nothing;
    };
    if scene
        .runs
        .iter()
        .any(|run| is_look(run) && !run.state.is_final())
    {
        return DriftView::Wait;
    }
    let in_config = scene.config.and_then(|config| config.environment(env));
    if scene.config.is_some() && in_config.is_none_or(|env| env.drift.is_none()) {
        return DriftView::Closed(Over::NoLongerLooked { env: env.clone() });
    }
    let mut told = Told::default();
    for stack in stacks(scene, env) {
        if let Some(look) = latest_look(scene.runs, env, &stack) {
            match looked(look, scene.runs) {
                Looked::Mending(_) => return DriftView::Wait,
                looked => told.add(look, looked, &stack, env, scene),
            }
        }
    }
    let services = services::services(env, scene);
    let looked_at = newest.ended_at.unwrap_or(scene.now);
    let key = ReportKey::DriftIssue(env.clone()).to_string();
    if told.rows.is_empty() && services.rows.is_empty() {
        return DriftView::Closed(Over::Same {
            key,
            env: env.clone(),
            branch: told
                .branch
                .unwrap_or_else(|| "the default branch".to_owned()),
            looked_at,
            mended: told.mended,
        });
    }
    let mut identities: Vec<_> = told.evidence.iter().map(identity).collect();
    identities.extend(services.identity);
    DriftView::Open(Box::new(DriftIssue {
        key,
        env: env.clone(),
        branch: told
            .branch
            .unwrap_or_else(|| "the default branch".to_owned()),
        commit: told.commit,
        looked_at,
        rows: told.rows,
        services: services.rows,
        expected: told.expected,
        same: told.same + services.same,
        identities,
        next_look: in_config.and_then(|env| env.drift.as_ref()?.next_after(looked_at)),
        page: scene.link(&newest.id),
    }))
}

/// Whether a run looks for drift, at a stack or a service.
fn is_look(run: &Run) -> bool {
    run.order.is_about_drift() && matches!(run.order.work, Work::Plan(_) | Work::Look(_))
}

/// The look that ended last.
fn newest_look<'s>(scene: &'s Scene<'_>) -> Option<&'s Run> {
    scene
        .runs
        .iter()
        .filter(|run| is_look(run) && run.state != RunState::Superseded)
        .max_by_key(|run| run.ended_at)
}

/// The stacks of an environment: those of deploy.toml, else those that were looked at.
fn stacks(scene: &Scene<'_>, env: &EnvName) -> Vec<StackName> {
    if let Some(config) = scene.config {
        return config.stacks_in(env).map(|s| s.name.clone()).collect();
    }
    let mut names: Vec<StackName> = looks(scene.runs)
        .filter(|(run, _)| run.order.env == *env)
        .map(|(_, work)| work.stack.name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the looks at an environment's stacks come to.
#[derive(Default)]
struct Told {
    rows: Vec<PlanRow>,
    expected: Vec<Expected>,
    same: usize,
    mended: Vec<StackName>,
    evidence: Option<Evidence>,
    branch: Option<String>,
    commit: Option<CommitSha>,
}

impl Told {
    fn add(
        &mut self,
        look: &Run,
        looked: Looked<'_>,
        stack: &StackName,
        env: &EnvName,
        scene: &Scene<'_>,
    ) {
        if let Work::Plan(work) = &look.order.work {
            self.branch = Some(work.base_ref.clone());
            self.commit = Some(look.order.commit.clone());
        }
        if let Some(evidence) = plan::evidence(look) {
            self.evidence = Some(evidence.clone());
        }
        let held_then = match &look.order.work {
            Work::Plan(work) => work.held_by,
            Work::Apply(_) | Work::Deploy(_) | Work::Look(_) | Work::ForceUnlock(_) => None,
        };
        let held = held_then
            .or_else(|| gates::drift::held(scene.locks, env, stack).and_then(|lock| lock.pr));
        let state = match (looked, &look.outcome) {
            (Looked::Differs, Some(Outcome::Planned(planned))) => {
                if let Some(pr) = held {
                    return self.expect(stack, pr);
                }
                RowState::Planned(plan::summary(look, planned, scene))
            }
            (Looked::Mended(_), _) => return self.mended.push(stack.clone()),
            (Looked::Overtaken(apply), _) => match apply.order.pr {
                Some(pr) if held == Some(pr) => return self.expect(stack, pr),
                // What it left is seen by the next look.
                _ => return,
            },
            (Looked::Same, _) => {
                self.same += 1;
                return;
            }
            _ => RowState::Failed(plan::failure(look)),
        };
        self.rows.push(PlanRow {
            env: env.clone(),
            stack: stack.clone(),
            state,
            page: scene.link(&look.id),
            flags: PlanFlags::default(),
        });
    }

    fn expect(&mut self, stack: &StackName, pr: PrNumber) {
        self.expected.push(Expected {
            stack: stack.clone(),
            pr,
        });
    }
}
