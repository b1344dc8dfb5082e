//! Whether a pull request's head may be merged, as far as Slipway is concerned: the rule behind the
//! check run `slipway`, which branch protection can require.
//!
//! The [`Ground`] says what the head touches; it is laid when the pull request changes or is planned
//! on a command, and kept. What became of it comes from the runs. Nothing is read here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::applies::apply_of;
use crate::config::{Config, Environment, PullRequest, Stack};
use crate::facts::{ConfigFacts, Facts, ProposedConfig, PullFacts};
use crate::ids::{CommitSha, EnvName, RunId, StackName};
use crate::in_part;
use crate::outcome::{Outcome, Planned};
use crate::policy::{self, Override};
use crate::run::{Run, RunState};
use crate::stacks;

/// The name of the check run, as branch protection knows it.
pub const SUMMARY_CHECK_NAME: &str = "slipway";

/// What has to be planned, and where it wants more than that, before a head may be merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Ground {
    /// These stacks.
    Touched {
        /// The stacks that the head touches, by environment.
        stacks: BTreeMap<EnvName, BTreeSet<StackName>>,
        /// Whether the pull request is a draft: those are planned on `/plan` only.
        draft: bool,
    },
    /// The changed files could not be read, for this reason.
    Unread {
        /// Why.
        why: String,
    },
    /// The default branch has no deploy.toml.
    NoRules,
    /// deploy.toml of the default branch has errors.
    BrokenRules {
        /// Whether the head mends the file and does nothing else.
        mends: bool,
    },
}

impl Ground {
    /// The ground of a pull request as it is now.
    #[must_use]
    pub fn of(pr: &PullFacts, facts: &Facts) -> Self {
        let config = match &facts.config {
            ConfigFacts::Missing => return Self::NoRules,
            ConfigFacts::Invalid(_) => return Self::BrokenRules { mends: mends(pr) },
            ConfigFacts::Valid(config) => config,
        };
        let (files, modules) = match (&pr.files, &pr.modules) {
            (Ok(files), Ok(modules)) => (files, modules),
            (Err(why), _) | (_, Err(why)) => {
                let why = why.to_string();
                return Self::Unread { why };
            }
        };
        let mut touched: BTreeMap<EnvName, BTreeSet<StackName>> = BTreeMap::new();
        for (stack, envs) in stacks::touched(config, files, modules) {
            for env in envs {
                touched.entry(env).or_default().insert(stack.clone());
            }
        }
        Self::Touched {
            stacks: touched,
            draft: pr.pull.draft,
        }
    }
}

/// A file with errors must not keep the change out that mends it: then it could never be mended.
fn mends(pr: &PullFacts) -> bool {
    let is_good = matches!(
        &pr.proposed_config,
        Some(Ok(ProposedConfig::Found { checked, .. })) if checked.config.is_some()
    );
    let only = |paths: &BTreeSet<String>| paths.iter().all(|path| path == "deploy.toml");
    is_good
        && pr
            .files
            .as_ref()
            .is_ok_and(|files| !files.truncated && only(&files.paths))
}

/// Whether an environment's changes are to be applied before the merge. They are where people apply
/// them on the open pull request: not where the merge does it, not where everything waits for the
/// merge, and not where Slipway may only plan.
#[must_use]
pub fn applies_before_merge(env: &Environment) -> bool {
    !env.auto_apply && env.pull_request == PullRequest::Open && env.aws.apply_role.is_some()
}

/// One stack in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackRow {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// Where it stands.
    pub state: StackState,
    /// The run that tells more.
    pub run: Option<RunId>,
}

/// Where a touched stack stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackState {
    /// Its plan is queued or under way, or its apply.
    UnderWay,
    /// Its plan failed, was refused or not tried.
    PlanFailed,
    /// Its apply failed, or nobody knows how far it got.
    ApplyFailed,
    /// It has no plan: none was made for this head, or it was stopped.
    NotPlanned,
    /// Policies deny its plan, or can't be asked about it.
    Denied,
    /// It has a plan that is to be applied before the merge.
    ToApply,
    /// It has a plan that needs no apply before the merge.
    Planned,
    /// Its plan changes nothing.
    NoChanges,
    /// It is applied.
    Applied,
    /// A plan with flags was applied, which leaves something out; no full plan was made since.
    InPart,
}

/// The touched stacks that deploy.toml still has, in its order. `runs` are those of the pull
/// request, newest first; `overrides` what was said over policies there.
#[must_use]
pub fn rows(
    head: &CommitSha,
    touched: &BTreeMap<EnvName, BTreeSet<StackName>>,
    runs: &[Run],
    overrides: &[Override],
    config: &Config,
) -> Vec<StackRow> {
    let mut rows = Vec::new();
    for env in &config.environments {
        let Some(names) = touched.get(&env.name) else {
            continue;
        };
        for stack in config.stacks_in(&env.name) {
            if !names.contains(&stack.name) {
                continue;
            }
            let (state, run) = state(head, env, stack, runs, overrides);
            rows.push(StackRow {
                env: env.name.clone(),
                stack: stack.name.clone(),
                state,
                run: run.map(|run| run.id.clone()),
            });
        }
    }
    rows
}

fn state<'r>(
    head: &CommitSha,
    env: &Environment,
    stack: &Stack,
    runs: &'r [Run],
    overrides: &[Override],
) -> (StackState, Option<&'r Run>) {
    let latest = in_part::standing_plan(runs, |run| {
        run.order.env == env.name
            && run.order.stack() == Some(&stack.name)
            && run.order.commit == *head
    });
    let Some(plan) = latest else {
        return (StackState::NotPlanned, None);
    };
    let state = match (plan.state, &plan.outcome) {
        (RunState::Unconfirmed | RunState::Queued | RunState::Running, _) => StackState::UnderWay,
        (RunState::Cancelled | RunState::Superseded, _) => StackState::NotPlanned,
        (RunState::Succeeded, Some(Outcome::Planned(planned))) => {
            let apply = apply_of(runs, &plan.id);
            let run = apply.unwrap_or(plan);
            let ruling = planned.policy.as_ref();
            let policy = policy::gate(env, stack, head, ruling, overrides);
            let denied = policy.is_some_and(|row| !row.open);
            let state = of_plan(env, planned, apply, denied);
            return match state {
                StackState::Applied if !in_part::covers_all(plan) => {
                    (StackState::InPart, Some(run))
                }
                state => (state, Some(run)),
            };
        }
        _ => StackState::PlanFailed,
    };
    (state, Some(plan))
}

fn of_plan(env: &Environment, planned: &Planned, apply: Option<&Run>, denied: bool) -> StackState {
    match apply {
        Some(apply) if !apply.state.is_final() => StackState::UnderWay,
        Some(apply) if apply.state == RunState::Succeeded => StackState::Applied,
        // What was refused or stopped before it began has changed nothing: the plan stands.
        Some(apply) if apply.state != RunState::Refused && apply.started_at.is_some() => {
            StackState::ApplyFailed
        }
        _ if planned.plan.is_noop() => StackState::NoChanges,
        _ if denied => StackState::Denied,
        _ if applies_before_merge(env) => StackState::ToApply,
        _ => StackState::Planned,
    }
}
