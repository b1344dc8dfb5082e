//! Planning: by itself when a pull request changes, and on `/plan`.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{Asker, active_of, environments, latest_full_plan, latest_plan};
use super::{Ask, Draft, config, flagged, proposal, summary};
use crate::config::{Config, Environment};
use crate::facts::{ConfigFacts, Facts, PullFacts, PullState};
use crate::gates;
use crate::ids::{DeliveryId, EnvName, StackName};
use crate::intent::{Content, Decision, Intent, ReportKey};
use crate::plan_flags::PlanFlags;
use crate::ports::Reaction;
use crate::projection::plan_check_name;
use crate::report::check::{Buttons, CheckOutput, CheckStatus, Conclusion};
use crate::report::markdown::{code, text};
use crate::run::{Move, PlanWork, RunState, Trigger, Work};
use crate::stacks;

/// Which stacks are to be planned where.
pub(super) type Targets = BTreeMap<EnvName, BTreeSet<StackName>>;

/// A pull request was opened, pushed to, made ready or retargeted.
pub(super) fn on_change(pr: &PullFacts, facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut draft = Draft::new(facts, cause);
    proposal::check(&mut draft, pr);
    summary::lay_ground(&mut draft, pr);
    let config = match &facts.config {
        ConfigFacts::Valid(config) => config,
        ConfigFacts::Missing => return draft.done("the default branch has no deploy.toml"),
        ConfigFacts::Invalid(_) => {
            return draft.done("deploy.toml of the default branch has errors");
        }
    };
    supersede_older(&mut draft, pr);
    let targets = match touched(config, pr) {
        Ok(targets) => targets,
        Err(why) => {
            for env in with_stacks(config) {
                say_check(&mut draft, pr, &env.name, &Verdict::Unread(why.clone()));
            }
            return draft.done("the changed files could not be read");
        }
    };
    for env in with_stacks(config) {
        if !targets.contains_key(&env.name) {
            say_check(&mut draft, pr, &env.name, &Verdict::Nothing);
        }
    }
    if targets.is_empty() {
        return draft.done("the change touches no stack");
    }
    if pr.pull.draft {
        for env in targets.keys() {
            say_check(&mut draft, pr, env, &Verdict::Draft);
        }
        return draft.done("a draft is planned on /plan only");
    }
    let asker = Asker {
        login: &pr.pull.author,
        trigger: Trigger::PullRequest,
    };
    for env in environments(config, None) {
        let Some(names) = targets.get(&env.name) else {
            continue;
        };
        if !trusted(env, pr, facts) {
            say_check(&mut draft, pr, &env.name, &Verdict::Untrusted);
            continue;
        }
        start(&mut draft, config, env, names, pr, asker, false);
    }
    let because = format!("{} runs for {} environments", draft.starts, targets.len());
    draft.done(because)
}

/// `/plan`.
pub(super) fn on_command(
    ask: Ask<'_>,
    named_env: Option<&EnvName>,
    named: &[StackName],
    flags: &PlanFlags,
) -> Decision {
    if ask.pr.pull.state == PullState::Closed {
        let body = "### ⛔ Not planned\n\nThis pull request was closed without a merge. Reopen it \
                    first: it is planned by itself then.";
        return ask.answer(
            body.to_owned(),
            Reaction::ThumbsDown,
            "the pull request is closed",
        );
    }
    if let (false, Some(env), [stack]) = (flags.is_none(), named_env, named) {
        return flagged::plan(ask, env, stack, flags);
    }
    let targets = if named.is_empty() {
        match touched(ask.config, ask.pr) {
            Ok(targets) => targets,
            Err(why) => {
                let body = format!(
                    "### ⛔ Not planned\n\nThe changed files could not be read: {}\n\nTry `/plan` again in a minute.",
                    text(&why)
                );
                return ask.answer(
                    body,
                    Reaction::ThumbsDown,
                    "the changed files could not be read",
                );
            }
        }
    } else {
        all_of(ask.config, named)
    };
    let wanted: Targets = targets
        .into_iter()
        .filter(|(env, _)| named_env.is_none_or(|named| named == env))
        .collect();
    if wanted.is_empty() {
        let body = nothing_to_plan(ask.config, named_env);
        let mut answer = ask.answer(body, Reaction::ThumbsDown, "nothing to plan");
        let mut draft = Draft::new(ask.facts, ask.cause);
        summary::lay_ground(&mut draft, ask.pr);
        answer.intents.extend(draft.intents);
        return answer;
    }
    on_targets(ask, &wanted)
}

/// Plans these stacks anew, because a person asks for it.
pub(super) fn on_targets(ask: Ask<'_>, targets: &Targets) -> Decision {
    if let Some(refusal) = refuse_unseen(ask) {
        return refusal;
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    let mut refused = Vec::new();
    let mut allowed = false;
    for env in environments(ask.config, None) {
        let Some(names) = targets.get(&env.name) else {
            continue;
        };
        let right = gates::right(gates::Operation::Plan, env, Some(ask.actor));
        if !right.is_open() {
            refused.push(crate::report::refusal::refusal(
                "planned in",
                &env.name,
                &[right.row],
            ));
            continue;
        }
        if !allowed {
            bless(&mut draft, ask);
            summary::lay_ground(&mut draft, ask.pr);
            supersede_older(&mut draft, ask.pr);
            allowed = true;
        }
        start(&mut draft, ask.config, env, names, ask.pr, ask.into(), true);
    }
    if !refused.is_empty() {
        draft.reply(ask.pr, refused.join("\n\n"));
        draft.react(ask.trigger, Reaction::ThumbsDown);
    }
    let because = format!("{} plan runs asked for", draft.starts);
    draft.done(because)
}

/// Lets this head commit, and no later one, be planned by itself from now on. A blessing counts in
/// every environment, so it takes somebody who may plan in every one.
pub(super) fn bless(draft: &mut Draft<'_>, ask: Ask<'_>) {
    if with_stacks(ask.config).all(|env| gates::may_plan(env, ask.actor)) {
        draft.push(Intent::Bless(ask.pr.pull.head.clone()));
    }
}

/// All checks of the head were asked for again.
pub(super) fn again(facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut draft = Draft::new(facts, cause);
    if let Some(pr) = &facts.pr {
        proposal::among_all(&mut draft, pr);
    }
    let planned = match (&facts.pr, &facts.actor, config(facts)) {
        (Some(pr), Some(actor), Ok(config)) => on_command(
            Ask {
                facts,
                config,
                pr,
                actor,
                trigger: Trigger::Button,
                cause,
            },
            None,
            &[],
            &PlanFlags::default(),
        ),
        (Some(_), Some(_), Err(_)) => Decision::ignore("there is no good deploy.toml"),
        _ => Decision::ignore("no pull request has this head commit"),
    };
    draft.intents.extend(planned.intents);
    draft.done(planned.because)
}

/// Plans the stacks of one environment, dependencies first. Without `anew`, a stack whose plan for
/// this head and base is there or under way already is left alone.
pub(super) fn start(
    draft: &mut Draft<'_>,
    config: &Config,
    env: &Environment,
    names: &BTreeSet<StackName>,
    pr: &PullFacts,
    asker: Asker<'_>,
    anew: bool,
) {
    let mut places = BTreeMap::new();
    for stack in stacks::in_order(config, names) {
        // A plan with flags says nothing of the rest of the stack.
        let latest = match anew {
            true => latest_plan(draft.facts, &env.name, &stack.name),
            false => latest_full_plan(draft.facts, &env.name, &stack.name),
        };
        if let Some(old) = latest
            && old.order.commit == pr.pull.head
            && matches!(&old.order.work, Work::Plan(work) if is_onto(work, pr))
        {
            if !anew && (old.planned().is_some() || !old.state.is_final()) {
                continue;
            }
            if !old.state.is_final() {
                draft.end(&old.id, Move::Supersede, "planned anew", "");
            }
        }
        let after: Vec<usize> = stack
            .depends_on
            .iter()
            .filter_map(|needed| places.get(needed).copied())
            .collect();
        let Some(order) = draft.plan_order(env, stack, pr, asker) else {
            continue;
        };
        let place = draft.start(order, RunState::Queued, after);
        places.insert(stack.name.clone(), place);
    }
    draft.push(Intent::Refresh(ReportKey::PlanComment(pr.pull.number)));
}

/// Whether a plan was made onto the base that the pull request has now.
pub(super) fn is_onto(work: &PlanWork, pr: &PullFacts) -> bool {
    work.base == pr.base && work.base_ref == pr.pull.base_ref
}

/// Ends plans of older heads and bases: they must never report over newer ones.
pub(super) fn supersede_older(draft: &mut Draft<'_>, pr: &PullFacts) {
    for run in active_of(draft.facts, pr) {
        let Work::Plan(work) = &run.order.work else {
            continue;
        };
        if run.order.commit != pr.pull.head || !is_onto(work, pr) {
            draft.end(
                &run.id,
                Move::Supersede,
                format!("overtaken by {}", pr.pull.head.short()),
                "",
            );
        }
    }
}

fn touched(config: &Config, pr: &PullFacts) -> Result<Targets, String> {
    let files = pr.files.as_ref().map_err(ToString::to_string)?;
    let modules = pr.modules.as_ref().map_err(ToString::to_string)?;
    let mut targets = Targets::new();
    for (stack, envs) in stacks::touched(config, files, modules) {
        for env in envs {
            targets.entry(env).or_default().insert(stack.clone());
        }
    }
    Ok(targets)
}

fn all_of(config: &Config, named: &[StackName]) -> Targets {
    let mut targets = Targets::new();
    for stack in config
        .stacks
        .iter()
        .filter(|stack| named.contains(&stack.name))
    {
        for env in &stack.environments {
            targets
                .entry(env.clone())
                .or_default()
                .insert(stack.name.clone());
        }
    }
    targets
}

/// Whether a pull request may be planned without anybody's word: its author has the right to plan
/// and its head lives in this repository, or somebody with the right has spoken for this head.
pub(super) fn trusted(env: &Environment, pr: &PullFacts, facts: &Facts) -> bool {
    facts.store.blessed.contains(&pr.pull.head) || goes_by_itself(env, pr)
}

/// Whether whatever is pushed to the pull request is planned without anybody's word.
fn goes_by_itself(env: &Environment, pr: &PullFacts) -> bool {
    !pr.pull.fork && gates::may_plan(env, &pr.author)
}

/// Whether a word about a pull request that needs one may be about an older head than the one that
/// it has now: a stranger may push between the look and the word.
fn is_unseen(ask: Ask<'_>) -> bool {
    let store = &ask.facts.store;
    let is_known = [&store.known_heads, &store.blessed]
        .into_iter()
        .any(|heads| heads.contains(&ask.pr.pull.head));
    !is_known && needs_a_word(ask)
}

/// The answer to such a word. From then on the head is known.
pub(super) fn refuse_unseen(ask: Ask<'_>) -> Option<Decision> {
    if !is_unseen(ask) {
        return None;
    }
    let mut draft = Draft::new(ask.facts, ask.cause);
    let body = format!(
        "### ⛔ Not planned\n\nSlipway did not know the head {} yet when that was said: it may be \
         newer than what was looked at. Look at it, then `/plan` once more.",
        code(ask.pr.pull.head.short())
    );
    summary::lay_ground(&mut draft, ask.pr);
    draft.reply(ask.pr, body);
    draft.react(ask.trigger, Reaction::ThumbsDown);
    Some(draft.done("the head came while it was asked for"))
}

/// Whether somebody has to look at each head of the pull request before it is planned.
pub(super) fn needs_a_word(ask: Ask<'_>) -> bool {
    with_stacks(ask.config).any(|env| !goes_by_itself(env, ask.pr))
}

fn with_stacks(config: &Config) -> impl Iterator<Item = &Environment> {
    config
        .environments
        .iter()
        .filter(|env| config.stacks_in(&env.name).next().is_some())
}

fn nothing_to_plan(config: &Config, env: Option<&EnvName>) -> String {
    let place = env.map_or_else(String::new, |env| format!(" in {env}"));
    let there = env.map_or("", |_| " there");
    let stacks: Vec<String> = config
        .stacks
        .iter()
        .map(|stack| {
            format!(
                "{} ({})",
                code(stack.name.as_str()),
                code(stack.dir.as_str())
            )
        })
        .collect();
    format!(
        "### Nothing to plan{place}\n\nThis pull request touches no stack{there}. Stacks: {}. \
         Plan one all the same: `/plan ENV STACK`.",
        stacks.join(", ")
    )
}

// --- checks that are complete without a run

/// Why an environment's plan check is complete without a run.
enum Verdict {
    Nothing,
    Draft,
    Untrusted,
    Unread(String),
}

fn say_check(draft: &mut Draft<'_>, pr: &PullFacts, env: &EnvName, verdict: &Verdict) {
    let (conclusion, title, summary) = match verdict {
        Verdict::Nothing => (
            Conclusion::Success,
            "Nothing to do".to_owned(),
            format!("This change touches no stack in {env}."),
        ),
        Verdict::Draft => (
            Conclusion::Neutral,
            "A draft is not planned".to_owned(),
            "Comment `/plan`, or mark the pull request ready for review.".to_owned(),
        ),
        Verdict::Untrusted => (
            Conclusion::ActionRequired,
            "Waits for somebody's /plan".to_owned(),
            format!(
                "{}. Somebody who may plan looks at the change and comments `/plan`; that covers {} \
                 and no later commit.",
                if pr.pull.fork {
                    "The head lives in a fork".to_owned()
                } else {
                    format!("{} may not plan in {env}", text(pr.pull.author.as_str()))
                },
                code(pr.pull.head.short()),
            ),
        ),
        Verdict::Unread(why) => (
            Conclusion::Failure,
            "The changed files could not be read".to_owned(),
            format!("{}. Comment `/plan` to try again.", text(why)),
        ),
    };
    let output = CheckOutput {
        name: plan_check_name(env),
        status: CheckStatus::Completed,
        conclusion: Some(conclusion),
        title,
        summary,
        text: String::new(),
        annotations: Vec::new(),
        buttons: Buttons::default(),
    };
    let key = ReportKey::PlanCheck(pr.pull.number, pr.pull.head.clone(), env.clone());
    draft.push(Intent::Say(
        key,
        Content::Check {
            sha: pr.pull.head.clone(),
            output: Box::new(output),
            again: None,
        },
    ));
}
