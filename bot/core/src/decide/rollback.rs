//! `/rollback` and `/resume`: back to a good release, and a hold until people say go.

use super::runs::WhatToDeploy;
use super::{Ask, Draft};
use crate::command::ShaPrefix;
use crate::config::{Environment, Service};
use crate::facts::{Facts, Hold, Release};
use crate::gates::{self, Verdicts};
use crate::ids::{CommitSha, Digest, EnvName, Login, RunId, ServiceName};
use crate::intent::{Decision, Intent};
use crate::outcome::Outcome;
use crate::ports::Reaction;
use crate::report::markdown::{code, text, time};
use crate::report::refusal::refusal;
use crate::run::{DeployWork, ImageToDeploy, Rollback, Run, RunState};

/// Which release to go back to.
#[derive(Clone, Copy)]
enum To<'a> {
    /// The good one before.
    Previous,
    /// The one of a commit that a person named.
    Commit(&'a ShaPrefix),
    /// The very one that an earlier rollback was to put back.
    Digest(&'a Digest),
}

/// `/rollback`.
pub(super) fn on_command(
    ask: Ask<'_>,
    env: &EnvName,
    service: Option<&ServiceName>,
    to: Option<&ShaPrefix>,
) -> Decision {
    go_back(ask, env, service, to.map_or(To::Previous, To::Commit))
}

/// Rolls back again to what an earlier rollback did not get to.
pub(super) fn on_retry(ask: Ask<'_>, run: &Run, work: &DeployWork) -> Decision {
    let to = match &work.image {
        ImageToDeploy::Digest(digest) => To::Digest(digest),
        ImageToDeploy::Tag(_) => To::Previous,
    };
    go_back(ask, &run.order.env, Some(&work.service.name), to)
}

fn go_back(ask: Ask<'_>, env: &EnvName, service: Option<&ServiceName>, to: To<'_>) -> Decision {
    let Some(env) = ask.config.environment(env) else {
        return Decision::ignore("the environment is gone");
    };
    let gates = gates::for_rollback(env, ask.facts);
    if let Verdicts::Refuse(rows) = gates::verdict(&gates) {
        let body = refusal("rolled back in", &env.name, &rows);
        return ask.answer(body, Reaction::ThumbsDown, "a gate is closed");
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut said = Vec::new();
    let services = services(ask, env, service);
    if services.is_empty() {
        said.push(super::deploy::no_role(env));
    }
    for service in services {
        match way(ask.facts, &env.name, &service.name, to) {
            Ok(way) => start(&mut draft, ask, env, service, way),
            Err(body) => said.push(body),
        }
    }
    if draft.starts > 0 {
        set_hold(&mut draft, env, Some(&ask.actor.login), "rolled back");
    }
    if !said.is_empty() {
        draft.reply(ask.pr, said.join("\n\n"));
        draft.react(ask.trigger, Reaction::ThumbsDown);
    }
    let because = format!("{} rollbacks", draft.starts);
    draft.done(because)
}

/// `/resume`.
pub(super) fn on_resume(ask: Ask<'_>, env: &EnvName) -> Decision {
    let Some(environment) = ask.config.environment(env) else {
        return Decision::ignore("the environment is gone");
    };
    let right = gates::right(gates::Operation::Deploy, environment, Some(ask.actor));
    if !right.is_open() {
        let body = refusal("allowed to resume", env, &[right.row]);
        return ask.answer(body, Reaction::ThumbsDown, "no right to resume");
    }
    let Some(hold) = ask.facts.store.holds.iter().find(|hold| hold.env == *env) else {
        let body = format!("### {env} is not on hold\n\nAutomatic deploys go through there.");
        return ask.answer(body, Reaction::ThumbsDown, "there is no hold");
    };
    let mut draft = Draft::new(ask.facts, ask.cause);
    draft.push(Intent::Resume(env.clone()));
    draft.reply(
        ask.pr,
        format!(
            "### ▶️ {env} is resumed\n\nThe hold that {} set at {} ({}) is lifted: the next merge \
             deploys by itself again. What was merged meanwhile is not deployed by itself: {}.",
            hold.setter(),
            time(hold.since),
            text(&hold.reason),
            code(&format!("/deploy {env}"))
        ),
    );
    draft.react(ask.trigger, Reaction::Rocket);
    draft.done("the hold is lifted")
}

/// Sets a hold: automation must not undo a rollback.
pub(super) fn set_hold(draft: &mut Draft<'_>, env: &Environment, by: Option<&Login>, reason: &str) {
    draft.push(Intent::Hold(Hold {
        env: env.name.clone(),
        by: by.cloned(),
        reason: reason.to_owned(),
        since: draft.facts.now,
    }));
}

fn services<'c>(ask: Ask<'c>, env: &Environment, named: Option<&ServiceName>) -> Vec<&'c Service> {
    let touched = super::deploy::touched(ask.config, ask.pr, env);
    let all: Vec<&Service> = ask.config.services_in(&env.name).collect();
    match named {
        Some(name) => all.into_iter().filter(|s| s.name == *name).collect(),
        None if touched.is_empty() => all,
        None => touched,
    }
}

/// From where to where.
#[derive(Clone, Copy)]
struct Way<'f> {
    /// The commit that is left.
    from: &'f CommitSha,
    /// The good release that is left, if it is one.
    left: Option<&'f Release>,
    /// The release to go back to.
    to: &'f Release,
}

/// A rollout that broke off half way after the live release was made: what runs is neither.
fn broken<'f>(facts: &'f Facts, live: &Release) -> Option<&'f Run> {
    facts
        .store
        .subject
        .iter()
        .chain(&facts.store.runs)
        .find(|run| {
            let reached_the_cluster = matches!(
                &run.outcome,
                Some(Outcome::Stopped(stopped)) if stopped.reached_the_world
            );
            reached_the_cluster
                && run.state.is_final()
                && run.order.env == live.env
                && run.order.service() == Some(&live.service)
                && run.ended_at.is_some_and(|ended| ended > live.live_at)
        })
}

/// Finds the release to go back to, or says why there is none.
fn way<'f>(
    facts: &'f Facts,
    env: &EnvName,
    service: &ServiceName,
    to: To<'_>,
) -> Result<Way<'f>, String> {
    let refused = |why: String| {
        Err(format!(
            "### ⛔ {service} is not rolled back in {env}\n\n{why}"
        ))
    };
    let Some(live) = gates::live(facts, env, service) else {
        return refused("Nothing of it was ever released there.".to_owned());
    };
    // A rollout that broke left a release that is no good, maybe of the very digest of a good one
    // (a rollback that failed, too); the way back from it is to the latest good one.
    let broken = broken(facts, live);
    let earlier: Vec<&Release> = facts
        .store
        .releases
        .iter()
        .filter(|release| {
            release.env == *env
                && release.service == *service
                && release.good
                && (release.digest != live.digest || broken.is_some() || !live.good)
        })
        .collect();
    let found = earlier.iter().copied().find(|release| match to {
        To::Previous => true,
        To::Commit(prefix) => prefix.matches(&release.commit),
        To::Digest(digest) => release.digest == *digest,
    });
    if let Some(to) = found {
        return Ok(Way {
            from: broken.map_or(&live.commit, |run| &run.order.commit),
            left: Some(live).filter(|live| live.good && live.digest != to.digest),
            to,
        });
    }
    if earlier.is_empty() {
        return refused(format!(
            "There is no earlier good release to go back to; {} is the first. Roll forward: merge a \
             fix, or {}.",
            code(live.commit.short()),
            code(&format!("/deploy {env} {service} --sha SHA"))
        ));
    }
    let list: Vec<String> = earlier
        .iter()
        .take(5)
        .map(|release| {
            format!(
                "- {} live since {}: {}",
                code(release.commit.short()),
                time(release.live_at),
                code(&format!(
                    "/rollback {env} {service} --to {}",
                    release.commit.short()
                ))
            )
        })
        .collect();
    refused(format!(
        "No good release of that commit. The latest ones:\n\n{}",
        list.join("\n")
    ))
}

fn start(draft: &mut Draft<'_>, ask: Ask<'_>, env: &Environment, service: &Service, way: Way<'_>) {
    let rollback = Rollback {
        from: Some(way.from.clone()),
        failed: None,
    };
    let Some(order) = draft.deploy_order(
        env,
        service,
        Some(ask.pr),
        WhatToDeploy::again(way.to, Some(rollback)),
        ask.into(),
    ) else {
        return;
    };
    super::deploy::supersede(draft, ask.facts, env, service, "a rollback", |_| true);
    if let Some(left) = way.left {
        draft.push(Intent::Disgrace(left.run.clone()));
    }
    draft.start(order, RunState::Queued, Vec::new());
}

/// The release that a failed rollout goes back to: the live one, since the failed one never was.
pub(super) fn back_to<'f>(
    facts: &'f Facts,
    env: &EnvName,
    service: &ServiceName,
    failed: &RunId,
) -> Option<&'f Release> {
    facts.store.releases.iter().find(|release| {
        release.env == *env && release.service == *service && release.good && release.run != *failed
    })
}
