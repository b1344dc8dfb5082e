//! What a changed deploy.toml comes to: the rules that it changes, and what would be left without
//! any.

use std::collections::BTreeSet;

use crate::config::{Config, all_of, diff};
use crate::facts::{ConfigFacts, Facts, ProposedConfig, PullFacts, Read, StoreFacts};
use crate::ids::{EnvName, ServiceName, StackName};
use crate::report::check::CheckOutput;
use crate::report::config_check::{ConfigCheck, InForce, Proposed};
use crate::report::markdown::{code, text};
use crate::run::{Run, RunState};

/// The most things that are told to be left without rules.
const MOST_TOLD: usize = 20;

/// The check run of a pull request that changes deploy.toml.
#[must_use]
pub fn config_check(pr: &PullFacts, proposed: &Read<ProposedConfig>, facts: &Facts) -> CheckOutput {
    let (in_force, old) = match &facts.config {
        ConfigFacts::Valid(config) => (InForce::Good, Some(&**config)),
        ConfigFacts::Invalid(_) => (InForce::Broken, None),
        ConfigFacts::Missing => (InForce::None, None),
    };
    let elsewhere = pr.pull.base_ref != facts.default_branch;
    let rules = |new| stranded(old, new, &facts.store);
    let (proposed, stranded) = match proposed {
        Err(why) => (Proposed::Unread(why.to_string()), Vec::new()),
        Ok(ProposedConfig::Gone) => (Proposed::Gone, rules(None)),
        Ok(ProposedConfig::Found { text, checked }) => match &checked.config {
            None => (
                Proposed::Broken {
                    text,
                    diagnostics: &checked.diagnostics,
                },
                Vec::new(),
            ),
            Some(config) => (
                Proposed::Good {
                    config,
                    text,
                    diagnostics: &checked.diagnostics,
                    changes: old.map_or_else(|| all_of(config), |old| diff(old, config)),
                },
                rules(Some(config)),
            ),
        },
    };
    ConfigCheck {
        branch: &facts.default_branch,
        in_force,
        aimed_at: elsewhere.then_some(pr.pull.base_ref.as_str()),
        behind: pr
            .behind_by
            .as_ref()
            .ok()
            .filter(|_| !elsewhere)
            .copied()
            .unwrap_or(0),
        proposed,
        stranded,
    }
    .output()
}

/// What is live, locked, held or under way by rules that would be gone.
fn stranded(old: Option<&Config>, new: Option<&Config>, store: &StoreFacts) -> Vec<String> {
    let goes = |is_in: &dyn Fn(&Config) -> bool| old.is_none_or(is_in) && !new.is_some_and(is_in);
    let env_goes = |env: &EnvName| goes(&|config: &Config| config.environment(env).is_some());
    let stack_goes = |env: &EnvName, stack: &StackName| {
        goes(&|config: &Config| config.stacks_in(env).any(|other| other.name == *stack))
    };
    let service_goes = |env: &EnvName, service: &ServiceName| {
        goes(&|config: &Config| config.services_in(env).any(|other| other.name == *service))
    };
    let mut told = Vec::new();
    let mut seen = BTreeSet::new();
    for release in &store.releases {
        // The newest of a service in an environment is what is live there.
        if seen.insert((&release.env, &release.service))
            && service_goes(&release.env, &release.service)
        {
            told.push(format!(
                "{} is live in {} ({})",
                code(release.service.as_str()),
                release.env,
                code(release.commit.short())
            ));
        }
    }
    for lock in &store.locks {
        let (env, stack) = (&lock.target.env, &lock.target.stack);
        let is_stranded = match stack {
            None => env_goes(env),
            Some(stack) => stack_goes(env, stack),
        };
        if is_stranded {
            let what = stack.as_ref().map_or_else(
                || env.to_string(),
                |stack| format!("{} in {env}", code(stack.as_str())),
            );
            let by = text(lock.holder.as_str());
            let pr = lock.pr.map_or_else(String::new, |pr| format!(" (#{pr})"));
            told.push(format!("{what} is locked by {by}{pr}"));
        }
    }
    for hold in store.holds.iter().filter(|hold| env_goes(&hold.env)) {
        told.push(format!("{} is on hold, set by {}", hold.env, hold.setter()));
    }
    for run in &store.active {
        let env = &run.order.env;
        let is_stranded = match (run.order.stack(), run.order.service()) {
            (Some(stack), _) => stack_goes(env, stack),
            (None, Some(service)) => service_goes(env, service),
            (None, None) => env_goes(env),
        };
        if is_stranded {
            told.push(under_way(run));
        }
    }
    let more = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if more > 0 {
        told.push(format!("… and {more} more"));
    }
    told
}

fn under_way(run: &Run) -> String {
    let state = if run.state == RunState::Running {
        "is under way"
    } else {
        "waits"
    };
    format!(
        "the {} of {} in {} ({}) {state}",
        run.order.kind(),
        code(run.order.subject()),
        run.order.env,
        code(run.id.short())
    )
}
