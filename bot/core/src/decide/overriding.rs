//! `/override`: a person answers for a plan that policies deny.

use super::runs::latest_plan;
use super::{Ask, Draft};
use crate::config::Environment;
use crate::facts::PullState;
use crate::gates::{self, Operation};
use crate::ids::{EnvName, StackName};
use crate::intent::{Decision, Intent, ReportKey};
use crate::policy::{About, Override, Ruling, standing};
use crate::ports::Reaction;
use crate::report::markdown::{code, commands, text};
use crate::report::refusal::refusal;

/// What policies say of the latest plan of each stack at the head of the pull request.
fn rulings<'a>(ask: Ask<'a>, env: &'a EnvName) -> Vec<(&'a StackName, &'a Ruling)> {
    ask.config
        .stacks_in(env)
        .filter_map(|stack| {
            let run = latest_plan(ask.facts, env, &stack.name)?;
            let ruling = run.planned()?.policy.as_ref()?;
            (run.order.commit == ask.pr.pull.head).then_some((&stack.name, ruling))
        })
        .collect()
}

/// `/override`.
pub(super) fn on_command(ask: Ask<'_>, name: &EnvName, reason: &str) -> Decision {
    let Some(env) = ask.config.environment(name) else {
        return Decision::ignore("the environment is gone");
    };
    let right = gates::right(Operation::Override, env, Some(ask.actor));
    if !right.is_open() {
        let body = refusal("overridden in", name, &[right.row]);
        return ask.answer(body, Reaction::ThumbsDown, "may not override");
    }
    if ask.pr.pull.state == PullState::Closed {
        let body = format!(
            "### ⛔ Not overridden in {name}\n\nThis pull request was closed without a merge."
        );
        return ask.answer(body, Reaction::ThumbsDown, "the pull request is closed");
    }
    let all = rulings(ask, name);
    let denied: Vec<(&StackName, &Ruling)> = all
        .iter()
        .filter(|(stack, ruling)| {
            let about = About {
                env: name,
                stack,
                head: &ask.pr.pull.head,
            };
            ruling.denies() && standing(ruling, about, &ask.facts.store.overrides).is_none()
        })
        .copied()
        .collect();
    if denied.is_empty() {
        let body = nothing(ask, env, &all);
        return ask.answer(body, Reaction::ThumbsDown, "nothing to override");
    }
    overridden(ask, name, reason, &denied)
}

fn overridden(
    ask: Ask<'_>,
    env: &EnvName,
    reason: &str,
    denied: &[(&StackName, &Ruling)],
) -> Decision {
    let pull = &ask.pr.pull;
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut lines = Vec::new();
    for (stack, ruling) in denied {
        draft.push(Intent::Override(Override {
            pr: pull.number,
            env: env.clone(),
            stack: (*stack).clone(),
            head: pull.head.clone(),
            digest: ruling.digest.clone(),
            by: ask.actor.login.clone(),
            reason: reason.to_owned(),
            at: ask.facts.now,
        }));
        let stack = code(stack.as_str());
        let told = ruling.denials.iter().map(|denial| text(denial));
        lines.extend(told.map(|denial| format!("- {stack}: {denial}")));
        if ruling.more_denials > 0 {
            lines.push(format!("- {stack}: {} more", ruling.more_denials));
        }
    }
    for key in [
        ReportKey::PlanComment(pull.number),
        ReportKey::PlanCheck(pull.number, pull.head.clone(), env.clone()),
        ReportKey::SummaryCheck(pull.number, pull.head.clone()),
    ] {
        draft.push(Intent::Refresh(key));
    }
    let body = format!(
        "### ⚠️ Policies overridden in {env}\n\nby {}: {}\n\n{}\n\nThis covers {} and no other \
         commit, and no other denial. Next: {}.",
        text(ask.actor.login.as_str()),
        text(reason),
        lines.join("\n"),
        code(pull.head.short()),
        commands(&[format!("/apply {env}")]),
    );
    draft.reply(ask.pr, body);
    draft.react(ask.trigger, Reaction::Rocket);
    draft.done(format!("{} denied plans overridden", denied.len()))
}

fn nothing(ask: Ask<'_>, env: &Environment, all: &[(&StackName, &Ruling)]) -> String {
    let head = code(ask.pr.pull.head.short());
    let why = if all.iter().any(|(_, ruling)| ruling.denies()) {
        "All that policies deny there is overridden already.".to_owned()
    } else if let Some((stack, ruling)) = all.iter().find(|(_, r)| !r.unusable.is_empty()) {
        let why = ruling.unusable.first().map(|why| text(why));
        format!(
            "The policies of {} can't be asked ({}), and nobody can answer for what nobody knows. \
             Mend them on the default branch, then {}.",
            code(stack.as_str()),
            why.unwrap_or_default(),
            code(&format!("/plan {}", env.name))
        )
    } else if all.is_empty() {
        format!("No plan of {head} was held against policies there.")
    } else {
        format!("No policy denies a plan of {head} there.")
    };
    format!("### Nothing to override in {}\n\n{why}", env.name)
}
