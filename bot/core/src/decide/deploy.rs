//! `/deploy`, `/promote`, `/confirm`: which image goes where, if every gate is open.

use super::runs::{Asker, WhatToDeploy};
use super::{Ask, Draft};
use crate::command::{ConfirmCode, ShaPrefix};
use crate::config::{Config, Environment, Service};
use crate::facts::{Facts, PullFacts, PullState};
use crate::gates::{self, Asked, Verdicts};
use crate::ids::{CommitSha, EnvName, PrNumber, ServiceName};
use crate::intent::{Decision, Intent};
use crate::outcome::{Outcome, Stopped};
use crate::ports::Reaction;
use crate::report::markdown::{code, text};
use crate::report::refusal::refusal;
use crate::run::{DeployWork, ImageToDeploy, Move, Run, RunState, Work};

/// How long a run waits for its second step.
pub const CONFIRM_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// What becomes of a run whose second step nobody took in time.
#[must_use]
pub fn unconfirmed() -> Outcome {
    Outcome::Stopped(Box::new(Stopped {
        what: "nobody confirmed it within 10 minutes".to_owned(),
        fix: "say the command again".to_owned(),
        ..Stopped::default()
    }))
}

/// `/deploy`.
pub(super) fn on_command(
    ask: Ask<'_>,
    env: &EnvName,
    service: Option<&ServiceName>,
    sha: Option<&ShaPrefix>,
) -> Decision {
    let Some(env) = ask.config.environment(env) else {
        return Decision::ignore("the environment is gone");
    };
    let commit = match commit_to_deploy(ask, sha) {
        Ok(commit) => commit,
        Err(body) => return ask.answer(body, Reaction::ThumbsDown, "no such commit"),
    };
    let services = match services(ask, env, service) {
        Ok(services) => services,
        Err(body) => return ask.answer(body, Reaction::ThumbsDown, "no service to deploy"),
    };
    let is_own = commit == *own_commit(ask.pr) || commit == ask.pr.pull.head;
    let brought_by = is_own.then_some(ask.pr.pull.number);
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    for service in services {
        let what = by_tag(service, &commit, brought_by);
        said.extend(deploy_one(&mut draft, ask, env, service, what));
    }
    finish(draft, ask, &said)
}

/// The image that CI publishes for a commit.
fn by_tag(service: &Service, commit: &CommitSha, brought_by: Option<PrNumber>) -> WhatToDeploy {
    WhatToDeploy {
        commit: commit.clone(),
        image: ImageToDeploy::Tag(service.tag.render(commit)),
        brought_by,
        rollback: None,
    }
}

/// `/promote`: the very digests that are live in one environment.
pub(super) fn on_promote(
    ask: Ask<'_>,
    from: &EnvName,
    to: &EnvName,
    service: Option<&ServiceName>,
) -> Decision {
    let Some(env) = ask.config.environment(to) else {
        return Decision::ignore("the environment is gone");
    };
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    if ask.config.services_in(to).next().is_none() {
        return ask.answer(
            no_role(env),
            Reaction::ThumbsDown,
            "no service is deployed there",
        );
    }
    let named = |candidate: &&Service| service.is_none_or(|name| candidate.name == *name);
    for service in ask.config.services_in(to).filter(named) {
        let live = gates::live(ask.facts, from, &service.name);
        let Some(release) = live.filter(|release| release.good) else {
            let what = if live.is_some() {
                "What runs there is broken, or being rolled back"
            } else {
                "It was never released there"
            };
            said.push(format!(
                "### ⛔ Not promoted to {to}\n\n{from} runs no good release of {}. {what}. {} first.",
                service.name,
                code(&format!("/deploy {from} {}", service.name))
            ));
            continue;
        };
        let what = WhatToDeploy::again(release, None);
        said.extend(deploy_one(&mut draft, ask, env, service, what));
    }
    finish(draft, ask, &said)
}

/// Deploys again what earlier runs were about.
pub(super) fn on_retry(ask: Ask<'_>, runs: &[&Run]) -> Decision {
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    for run in runs {
        if let Work::Deploy(work) = &run.order.work {
            said.extend(again(&mut draft, ask, run, work));
        }
    }
    finish(draft, ask, &said)
}

/// Deploys again what an earlier run was about: its tag, or its very digest.
fn again(draft: &mut Draft<'_>, ask: Ask<'_>, run: &Run, work: &DeployWork) -> Option<String> {
    let config = ask.config;
    let (Some(env), Some(service)) = (
        config.environment(&run.order.env),
        config.service(&work.service.name),
    ) else {
        return Some(format!(
            "### ⛔ Not deployed to {}\n\ndeploy.toml no longer has this environment, or no longer \
             has {}.",
            run.order.env, work.service.name
        ));
    };
    let what = match &work.image {
        ImageToDeploy::Tag(_) => by_tag(service, &run.order.commit, work.brought_by),
        ImageToDeploy::Digest(_) => WhatToDeploy {
            commit: run.order.commit.clone(),
            image: work.image.clone(),
            brought_by: work.brought_by,
            rollback: None,
        },
    };
    deploy_one(draft, ask, env, service, what)
}

/// `/confirm`: the second step, bound to the person who took the first.
pub(super) fn on_confirm(ask: Ask<'_>, given: &ConfirmCode) -> Decision {
    let waiting = ask.facts.store.active.iter().find(|run| {
        run.state == RunState::Unconfirmed
            && run.order.pr == Some(ask.pr.pull.number)
            && run.id.confirm_code().eq_ignore_ascii_case(given.as_str())
    });
    let Some(run) = waiting else {
        let body = format!(
            "### 😕 Nothing waits for {}\n\nThe code may have run out (after 10 minutes), been used, \
             or belong to another pull request. Say the command again to get a new one.",
            code(given.as_str())
        );
        return ask.answer(body, Reaction::Confused, "no run waits for this code");
    };
    if !run.order.actor.is(&ask.actor.login) {
        let body = format!(
            "### ⛔ Not confirmed\n\nOnly {}, who asked for it, can confirm this run. To run it as \
             yourself, say the command again.",
            text(run.order.actor.as_str())
        );
        return ask.answer(body, Reaction::ThumbsDown, "confirmed by another person");
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    if ask.facts.now.duration_since(run.created_at) > CONFIRM_WITHIN {
        draft.push(Intent::End {
            run: run.id.clone(),
            mv: Move::Cancel,
            outcome: Some(unconfirmed()),
        });
        draft.react(ask.trigger, Reaction::ThumbsDown);
        draft.reply(
            ask.pr,
            "### ⛔ Not confirmed\n\nThe code ran out after 10 minutes. Say the command again."
                .to_owned(),
        );
        return draft.done("the code ran out");
    }
    if let Some(env) = ask.config.environment(&run.order.env)
        && let Some(service) = run
            .order
            .service()
            .and_then(|name| ask.config.service(name))
    {
        supersede(
            &mut draft,
            ask.facts,
            env,
            service,
            "a newer deploy",
            |other| other.id != run.id,
        );
    }
    draft.push(Intent::Confirm(run.id.clone()));
    draft.react(ask.trigger, Reaction::Rocket);
    draft.done("confirmed")
}

/// Deploys one service, or says why not.
fn deploy_one(
    draft: &mut Draft<'_>,
    ask: Ask<'_>,
    env: &Environment,
    service: &Service,
    what: WhatToDeploy,
) -> Option<String> {
    let candidate = what.candidate();
    let gates = gates::for_deploy(env, &service.name, &candidate, ask.facts, Asked::ByPerson);
    let not_before = match gates::verdict(&gates) {
        Verdicts::Refuse(rows) => return Some(refusal("deployed to", &env.name, &rows)),
        Verdicts::Queue { not_before } => not_before,
        Verdicts::Pass => None,
    };
    let Some(mut order) = draft.deploy_order(env, service, Some(ask.pr), what, ask.into()) else {
        return Some(no_role(env));
    };
    order.not_before = not_before;
    let state = if env.confirm {
        RunState::Unconfirmed
    } else {
        RunState::Queued
    };
    // A first step alone takes the place of other first steps; the rest follows the second.
    supersede(draft, ask.facts, env, service, "a newer deploy", |run| {
        state == RunState::Queued || run.state == RunState::Unconfirmed
    });
    draft.start(order, state, Vec::new());
    None
}

/// Ends deploys of a service to an environment that have not begun, since a newer one takes their
/// place. One under way goes on: the newer one waits for it.
pub(super) fn supersede(
    draft: &mut Draft<'_>,
    facts: &Facts,
    env: &Environment,
    service: &Service,
    by: &str,
    overtaken: impl Fn(&Run) -> bool,
) {
    for run in &facts.store.active {
        let same = run.order.env == env.name && run.order.service() == Some(&service.name);
        let waits = matches!(run.state, RunState::Queued | RunState::Unconfirmed)
            || is_waiting_for_image(run);
        if same && waits && overtaken(run) {
            draft.end(&run.id, Move::Supersede, format!("overtaken by {by}"), "");
        }
    }
}

/// Whether a run under way has not found its image yet, so that nothing was changed. One that rolls
/// out a known digest waits for none.
pub(super) fn is_waiting_for_image(run: &Run) -> bool {
    let by_tag = matches!(&run.order.work, Work::Deploy(work) if matches!(work.image, ImageToDeploy::Tag(_)));
    run.state == RunState::Running
        && by_tag
        && match &run.outcome {
            Some(Outcome::Progress(progress)) => progress.digest.is_none(),
            _ => true,
        }
}

fn commit_to_deploy(ask: Ask<'_>, sha: Option<&ShaPrefix>) -> Result<CommitSha, String> {
    let Some(prefix) = sha else {
        return Ok(own_commit(ask.pr).clone());
    };
    if prefix.matches(&ask.pr.pull.head) {
        return Ok(ask.pr.pull.head.clone());
    }
    match &ask.facts.named_commit {
        Some(named) if named.on_default_branch => Ok(named.sha.clone()),
        Some(named) => Err(format!(
            "### ⛔ Not deployed\n\n{} is neither on {} nor the head of this pull request: only \
             such commits are deployed from here.",
            code(named.sha.short()),
            code(&ask.facts.default_branch)
        )),
        None => Err(format!(
            "### 😕 There is no commit {}\n\nName a commit of {} or of this pull request, with at \
             least seven digits.",
            code(prefix.as_str()),
            code(&ask.facts.default_branch)
        )),
    }
}

/// The commit whose image a pull request stands for: its head, or once merged the merge commit.
fn own_commit(pr: &PullFacts) -> &CommitSha {
    match &pr.pull.state {
        PullState::Merged(merge) => merge,
        PullState::Open | PullState::Closed => &pr.pull.head,
    }
}

/// The services that a command is about: the one named, else those that the pull request touches.
fn services<'c>(
    ask: Ask<'c>,
    env: &Environment,
    named: Option<&ServiceName>,
) -> Result<Vec<&'c Service>, String> {
    let here: Vec<&Service> = ask.config.services_in(&env.name).collect();
    if here.is_empty() {
        return Err(no_role(env));
    }
    if let Some(name) = named {
        return Ok(here
            .into_iter()
            .filter(|service| service.name == *name)
            .collect());
    }
    let touched = touched(ask.config, ask.pr, env);
    if !touched.is_empty() {
        return Ok(touched);
    }
    if let [only] = here.as_slice() {
        return Ok(vec![only]);
    }
    let names: Vec<String> = here
        .iter()
        .map(|service| code(&format!("/deploy {} {}", env.name, service.name)))
        .collect();
    Err(format!(
        "### Which service?\n\nThis pull request touches none of them. One of: {}",
        names.join(", ")
    ))
}

/// The services that a pull request touches; all if its files can't be read or listed.
pub(super) fn touched<'c>(
    config: &'c Config,
    pr: &PullFacts,
    env: &Environment,
) -> Vec<&'c Service> {
    config
        .services_in(&env.name)
        .filter(|service| match &pr.files {
            Ok(files) => {
                files.truncated || files.paths.iter().any(|path| service.is_touched_by(path))
            }
            Err(_) => true,
        })
        .collect()
}

/// Deploys by itself after a merge, or says visibly why not.
pub(super) fn after_merge(
    draft: &mut Draft<'_>,
    config: &Config,
    env: &Environment,
    pr: &PullFacts,
    merge: &CommitSha,
    applies: &std::collections::BTreeMap<crate::ids::StackName, usize>,
    asker: Asker<'_>,
) -> Vec<String> {
    let facts = draft.facts;
    let mut said = Vec::new();
    for service in touched(config, pr, env) {
        let what = by_tag(service, merge, Some(pr.pull.number));
        let candidate = what.candidate();
        let gates = gates::for_deploy(env, &service.name, &candidate, facts, Asked::ByItself);
        let not_before = match gates::verdict(&gates) {
            Verdicts::Refuse(rows) => {
                said.push(refusal("deployed to", &env.name, &rows));
                continue;
            }
            Verdicts::Queue { not_before } => not_before,
            Verdicts::Pass => None,
        };
        let Some(mut order) = draft.deploy_order(env, service, Some(pr), what, asker) else {
            continue;
        };
        order.not_before = not_before;
        supersede(draft, facts, env, service, "a newer deploy", |run| {
            facts.store.contained.contains(&run.id)
        });
        let after = service
            .after_stacks
            .iter()
            .filter_map(|stack| applies.get(stack).copied())
            .collect();
        draft.start(order, RunState::Queued, after);
    }
    said
}

fn finish(mut draft: Draft<'_>, ask: Ask<'_>, said: &[String]) -> Decision {
    if !said.is_empty() {
        draft.reply(ask.pr, said.join("\n\n"));
        draft.react(ask.trigger, Reaction::ThumbsDown);
    }
    let because = format!("{} deploy runs", draft.starts);
    draft.done(because)
}

pub(super) fn no_role(env: &Environment) -> String {
    format!(
        "### ⛔ Not deployed to {}\n\n`environments.{}.aws` in deploy.toml names no `deploy_role`: \
         no service is deployed there.",
        env.name, env.name
    )
}
