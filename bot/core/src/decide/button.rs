//! Buttons and re-runs of check runs: the same as the command that they stand for, with the right
//! of whoever presses looked at like that of whoever comments.

use super::{Ask, Decision, Draft, command, config, merge_group, plan, proposal};
use crate::command::{Command, ConfirmCode, RunPrefix};
use crate::facts::Facts;
use crate::ids::{CommitSha, DeliveryId, EnvName};
use crate::intent::ReportKey;
use crate::plan_flags::PlanFlags;
use crate::ports::Reaction;
use crate::projection::identifier;
use crate::report::markdown::code;
use crate::run::{Run, Trigger, Work};

/// Somebody pressed a button.
pub(super) fn on_press(
    external_id: &str,
    pressed: &str,
    facts: &Facts,
    cause: &DeliveryId,
) -> Decision {
    let Ok(key) = ReportKey::parse(external_id) else {
        return Decision::ignore("the check run is not one of the bot's");
    };
    let (Some(pr), Some(actor)) = (&facts.pr, &facts.actor) else {
        return Decision::ignore("the check run belongs to no pull request");
    };
    let config = match config(facts) {
        Ok(config) => config,
        Err(why) => {
            let mut draft = Draft::new(facts, cause);
            draft.reply(pr, why);
            return draft.done("there is no good deploy.toml");
        }
    };
    let ask = Ask {
        facts,
        config,
        pr,
        actor,
        trigger: Trigger::Button,
        cause,
    };
    // Whoever presses a button has looked at the head that its check is about.
    if let ReportKey::SummaryCheck(_, head) | ReportKey::PlanCheck(_, head, _) = &key
        && *head != pr.pull.head
        && pressed != identifier::CANCEL
        && pressed != identifier::APPLY
        && plan::needs_a_word(ask)
    {
        return unseen(ask, head);
    }
    if let ReportKey::SummaryCheck(..) = &key {
        let plan_all = Command::Plan {
            env: None,
            stacks: Vec::new(),
            flags: PlanFlags::default(),
        };
        return command::run(ask, &plan_all);
    }
    if let ReportKey::PlanCheck(_, head, env) = &key {
        if pressed == identifier::APPLY && *head != pr.pull.head {
            return outdated(ask, head, env);
        }
        let command = match pressed {
            identifier::APPLY => Command::Apply {
                env: Some(env.clone()),
                stacks: Vec::new(),
            },
            identifier::CANCEL => Command::Cancel { run: None },
            _ => Command::Plan {
                env: Some(env.clone()),
                stacks: Vec::new(),
                flags: PlanFlags::default(),
            },
        };
        return command::run(ask, &command);
    }
    let Some(run) = &facts.store.subject else {
        return Decision::ignore("the run behind the check is gone");
    };
    on_run(ask, run, pressed)
}

/// "Apply exactly the plans shown" means those of the check's own commit.
fn outdated(ask: Ask<'_>, head: &CommitSha, env: &EnvName) -> Decision {
    let body = format!(
        "### ⛔ Not applied in {env}\n\nThat check shows plans of {}, the head is {} now. Press the \
         button of the newest check, or comment {}.",
        code(head.short()),
        code(ask.pr.pull.head.short()),
        code(&format!("/apply {env}"))
    );
    ask.answer(body, Reaction::ThumbsDown, "the check is of an older head")
}

/// A look at an older head is none at this one.
fn unseen(ask: Ask<'_>, head: &CommitSha) -> Decision {
    let body = format!(
        "### ⛔ Not planned\n\nThat check is of {}, the head is {} now. Look at it, then `/plan`.",
        code(head.short()),
        code(ask.pr.pull.head.short())
    );
    ask.answer(body, Reaction::ThumbsDown, "the check is of an older head")
}

fn on_run(ask: Ask<'_>, run: &Run, pressed: &str) -> Decision {
    let is_apply = matches!(run.order.work, Work::Apply(_));
    if pressed == identifier::CANCEL && is_apply {
        return cancel_applies(ask, run);
    }
    let env = run.order.env.clone();
    let service = run.order.service().cloned();
    let command = match pressed {
        identifier::ROLLBACK => Command::Rollback {
            env,
            service,
            to: None,
        },
        identifier::PROMOTE => match next_environment(ask, run) {
            Some(to) => Command::Promote {
                from: env,
                to,
                service,
            },
            None => return Decision::ignore("no environment comes after this one"),
        },
        identifier::CONFIRM => match ConfirmCode::parse(run.id.confirm_code()) {
            Ok(code) => Command::Confirm { code },
            Err(_) => return Decision::ignore("the run has no code"),
        },
        identifier::CANCEL => match RunPrefix::parse(run.id.as_str()) {
            Ok(run) => Command::Cancel { run: Some(run) },
            Err(_) => return Decision::ignore("the run has no id"),
        },
        _ => return command::retry(ask, run, Some(&env)),
    };
    command::run(ask, &command)
}

/// The check of an apply shows all that one cause led to in an environment.
fn cancel_applies(ask: Ask<'_>, run: &Run) -> Decision {
    let shown: Vec<Run> = ask
        .facts
        .store
        .active
        .iter()
        .filter(|other| {
            other.order.cause == run.order.cause
                && other.order.env == run.order.env
                && matches!(other.order.work, Work::Apply(_))
        })
        .cloned()
        .collect();
    if shown.is_empty() {
        return Decision::ignore("the applies of the check are over");
    }
    command::cancel(ask, &shown)
}

/// The environment that comes after a run's: the first that names it in `after`.
fn next_environment(ask: Ask<'_>, run: &Run) -> Option<EnvName> {
    ask.config
        .environments
        .iter()
        .find(|env| env.after.contains(&run.order.env))
        .map(|env| env.name.clone())
}

/// Somebody asked GitHub for a check run again.
pub(super) fn on_rerequest(external_id: &str, facts: &Facts, cause: &DeliveryId) -> Decision {
    match ReportKey::parse(external_id) {
        Ok(ReportKey::ConfigCheck(_, head)) => proposal::again(&head, facts, cause),
        Ok(ReportKey::GroupCheck(pr, head)) => {
            let again = Some(cause.clone());
            merge_group::on_checks_requested(pr, &head, facts, cause, again)
        }
        _ => on_press(external_id, identifier::RETRY, facts, cause),
    }
}
