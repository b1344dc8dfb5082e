//! Buttons and re-runs of check runs: the same as the command that they stand for, with the right
//! of whoever presses looked at like that of whoever comments.

use super::{Ask, Decision, command, config};
use crate::command::{Command, ConfirmCode, RunPrefix};
use crate::facts::Facts;
use crate::ids::DeliveryId;
use crate::intent::ReportKey;
use crate::projection::identifier;
use crate::run::{Run, Trigger};

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
        Err(why) => return Decision::ignore(why),
    };
    let ask = Ask {
        facts,
        config,
        pr,
        actor,
        trigger: Trigger::Button,
        cause,
    };
    if let ReportKey::PlanCheck(_, _, env) = &key {
        let command = match pressed {
            identifier::APPLY => Command::Apply {
                env: Some(env.clone()),
                stacks: Vec::new(),
            },
            identifier::CANCEL => Command::Cancel { run: None },
            _ => Command::Plan {
                env: Some(env.clone()),
                stacks: Vec::new(),
            },
        };
        return command::run(ask, &command);
    }
    let Some(run) = &facts.store.subject else {
        return Decision::ignore("the run behind the check is gone");
    };
    on_run(ask, run, pressed)
}

fn on_run(ask: Ask<'_>, run: &Run, pressed: &str) -> Decision {
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

/// The environment that comes after a run's: the first that names it in `after`.
fn next_environment(ask: Ask<'_>, run: &Run) -> Option<crate::ids::EnvName> {
    ask.config
        .environments
        .iter()
        .find(|env| env.after.contains(&run.order.env))
        .map(|env| env.name.clone())
}

/// Somebody asked GitHub for a check run again.
pub(super) fn on_rerequest(external_id: &str, facts: &Facts, cause: &DeliveryId) -> Decision {
    on_press(external_id, identifier::RETRY, facts, cause)
}
