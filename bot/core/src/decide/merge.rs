//! After a merge: apply what was reviewed, then deploy; and clean up after every close.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{Asker, active_of};
use super::{Decision, Draft, apply, config, deploy};
use crate::config::{Config, Environment};
use crate::facts::{ConfigFacts, Facts, Lock, PullFacts, Unread};
use crate::gates::{self, Asked, Verdicts};
use crate::ids::{CommitSha, DeliveryId, StackName};
use crate::intent::{Intent, ReportKey};
use crate::report::markdown::{code, text};
use crate::report::refusal::refusal;
use crate::run::{Move, PlanToApply, RunState, Trigger, Work};
use crate::stacks;

/// The pull request was merged.
pub(super) fn on_merge(
    pr: &PullFacts,
    merge: &CommitSha,
    facts: &Facts,
    cause: &DeliveryId,
) -> Decision {
    let mut draft = Draft::new(facts, cause);
    end_plans(&mut draft, pr);
    if pr.pull.base_ref != facts.default_branch {
        free_locks_unless_busy(&mut draft, pr);
        return draft.done("merged to another branch than the default one");
    }
    let config = match config(facts) {
        Ok(config) => config,
        Err(why) => {
            free_locks_unless_busy(&mut draft, pr);
            // Without a deploy.toml nobody expects anything of a merge.
            if let ConfigFacts::Invalid(_) = facts.config {
                draft.reply(pr, why);
            }
            return draft.done("merged, but there is no valid deploy.toml");
        }
    };
    if facts
        .store
        .runs
        .iter()
        .any(|run| run.order.trigger == Trigger::Merge)
    {
        return draft.done("this merge was worked off before");
    }
    let asker = Asker {
        // Whoever merges lets it happen, not whoever wrote it.
        login: facts
            .actor
            .as_ref()
            .map_or(&pr.pull.author, |actor| &actor.login),
        trigger: Trigger::Merge,
    };
    let mut said = Vec::new();
    for env in &config.environments {
        let mut applies = BTreeMap::new();
        if env.auto_apply {
            match apply_stacks(&mut draft, config, env, pr, merge, asker) {
                Ok(places) => applies = places,
                Err(why) => {
                    // A failed half stops the rest: no deploy over stacks that were not applied.
                    let deploys = env.auto_deploy && !deploy::touched(config, pr, env).is_empty();
                    said.push(if deploys {
                        format!("{}\n\n{}", why.trim_end(), stacks_first(env))
                    } else {
                        why
                    });
                    continue;
                }
            }
        }
        if env.auto_deploy {
            said.extend(deploy::after_merge(
                &mut draft, config, env, pr, merge, &applies, asker,
            ));
        }
    }
    if draft.starts == 0 {
        free_locks_unless_busy(&mut draft, pr);
    }
    if !said.is_empty() {
        draft.reply(pr, said.join("\n\n"));
    }
    let because = format!("merged: {} runs", draft.starts);
    draft.done(because)
}

fn stacks_first(env: &Environment) -> String {
    format!(
        "Nothing was deployed there either, since the stacks come first. When that is mended: {}, \
         then {}.",
        code(&format!("/apply {}", env.name)),
        code(&format!("/deploy {}", env.name))
    )
}

/// The pull request was closed without a merge.
pub(super) fn on_close(pr: &PullFacts, facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut draft = Draft::new(facts, cause);
    end_plans(&mut draft, pr);
    for run in active_of(facts, pr) {
        if run.state != RunState::Running && !matches!(run.order.work, Work::Plan(_)) {
            draft.end(&run.id, Move::Cancel, "the pull request was closed", "");
        }
    }
    free_locks_unless_busy(&mut draft, pr);
    draft.done("closed: cleaned up")
}

/// While an apply or a deploy is under way the locks stay; they are freed when it ends.
fn free_locks_unless_busy(draft: &mut Draft<'_>, pr: &PullFacts) {
    let busy = active_of(draft.facts, pr)
        .iter()
        .any(|run| run.state == RunState::Running && !matches!(run.order.work, Work::Plan(_)));
    if !busy {
        free_locks(draft, pr);
    }
}

/// What was applied under a lock says that the lock stays; that is over now.
fn tell_of_freed(draft: &mut Draft<'_>, pr: &PullFacts, lock: &Lock) {
    let env = &lock.target.env;
    let applied = draft.facts.store.runs.iter().filter(|run| {
        matches!(run.order.work, Work::Apply(_))
            && run.state == RunState::Succeeded
            && run.order.env == *env
            && run.order.stack() == lock.target.stack.as_ref()
    });
    for run in applied {
        let cause = &run.order.cause;
        for key in [
            ReportKey::ApplyComment(pr.pull.number, cause.clone(), env.clone()),
            ReportKey::ApplyCheck(cause.clone(), env.clone()),
        ] {
            draft.intents.push(Intent::Refresh(key));
        }
    }
}

/// Frees the stack locks of a pull request. Locks that a person set by `/lock` are theirs to free.
pub(super) fn free_locks(draft: &mut Draft<'_>, pr: &PullFacts) {
    for lock in &draft.facts.store.locks {
        if lock.pr == Some(pr.pull.number) && lock.target.stack.is_some() {
            draft.intents.push(Intent::Unlock(lock.target.clone()));
            tell_of_freed(draft, pr, lock);
        }
    }
}

fn end_plans(draft: &mut Draft<'_>, pr: &PullFacts) {
    for run in active_of(draft.facts, pr) {
        if matches!(run.order.work, Work::Plan(_)) {
            draft.end(&run.id, Move::Supersede, "the pull request was closed", "");
        }
    }
    // Those that an apply under way still needs stay until it is over.
    draft.push(Intent::DropPlans(pr.pull.number));
}

/// Applies the touched stacks of one environment on the merge commit.
fn apply_stacks(
    draft: &mut Draft<'_>,
    config: &Config,
    env: &Environment,
    pr: &PullFacts,
    merge: &CommitSha,
    asker: Asker<'_>,
) -> Result<BTreeMap<StackName, usize>, String> {
    let facts = draft.facts;
    let unread = |why: &Unread| {
        format!(
            "### ⛔ Not applied in {}\n\nThe files that this pull request changes could not be read: {}",
            env.name,
            text(&why.to_string())
        )
    };
    let files = pr.files.as_ref().map_err(unread)?;
    let modules = pr.modules.as_ref().map_err(unread)?;
    let names: BTreeSet<StackName> = stacks::touched(config, files, modules)
        .into_iter()
        .filter(|(_, envs)| envs.contains(&env.name))
        .map(|(name, _)| name)
        .collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let not_before = match gates::verdict(&gates::for_apply(env, facts, Asked::ByItself)) {
        Verdicts::Refuse(rows) => return Err(refusal("applied in", &env.name, &rows)),
        Verdicts::Queue { not_before } => not_before,
        Verdicts::Pass => None,
    };
    let mut places = BTreeMap::new();
    for stack in stacks::in_order(config, &names) {
        let plan = PlanToApply::Again {
            reviewed: apply::reviewed(facts, pr, &env.name, &stack.name).map(|run| run.id.clone()),
        };
        let Some(mut order) = draft.apply_order(env, stack, pr, merge, plan, asker) else {
            continue;
        };
        order.not_before = not_before;
        let after = stacks::before(config, &stack.name)
            .into_iter()
            .filter_map(|needed| places.get(needed).copied())
            .collect();
        places.insert(
            stack.name.clone(),
            draft.start(order, RunState::Queued, after),
        );
    }
    Ok(places)
}
