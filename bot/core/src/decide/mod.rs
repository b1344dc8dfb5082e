//! `decide(event, facts) -> intents`: one file per flow, all of them plain functions.
//!
//! Nothing here reads, waits or makes ids. Whatever is refused is refused with a reason, and
//! whatever is ignored is ignored with one, so that the log can say why nothing happened.

pub mod apply;
mod button;
mod command;
pub mod dependencies;
pub mod deploy;
mod drift;
mod ended;
pub mod explain;
mod flagged;
mod force_unlock;
mod lock;
mod merge;
mod merge_group;
mod overriding;
mod plan;
mod proposal;
mod rollback;
mod runs;
mod summary;
mod waited;

use crate::config::Config;
use crate::event::{Event, EventKind, PullRequestAction};
use crate::facts::{ActorFacts, ConfigFacts, Facts, PullFacts, PullState};
use crate::gates;
use crate::ids::{CommentId, DeliveryId, EnvName, PrNumber, RunId};
use crate::intent::{Content, Decision, Intent, NewRun, ReportKey};
use crate::outcome::{Outcome, Stopped};
use crate::ports::Reaction;
use crate::report::markdown::prose;
use crate::run::{Move, RunOrder, RunState, Trigger};

/// What an event leads to.
#[must_use]
pub fn decide(event: &Event, facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut decision = of_event(event, facts, cause);
    decision.intents.extend(drift::turns(facts));
    decision
}

fn of_event(event: &Event, facts: &Facts, cause: &DeliveryId) -> Decision {
    match &event.kind {
        EventKind::IssueComment {
            issue,
            comment,
            body,
        } => drift::on_comment(*issue, *comment, body, facts, cause),
        EventKind::DriftDue { env } => drift::on_due(env, facts, cause),
        EventKind::Comment { comment, body, .. } => {
            command::on_comment(*comment, body, facts, cause)
        }
        EventKind::PullRequest { action, .. } => on_pull_request(*action, facts, cause),
        EventKind::CheckRerequested { external_id, .. } => {
            button::on_rerequest(external_id, facts, cause)
        }
        EventKind::SuiteRerequested { .. } => plan::again(facts, cause),
        EventKind::Button {
            external_id,
            identifier,
            ..
        } => button::on_press(external_id, identifier, facts, cause),
        EventKind::ImageMaybe => Decision {
            intents: vec![Intent::LookForImages],
            because: "an image may have been published".to_owned(),
        },
        EventKind::RunEnded { .. } => ended::on_run_ended(facts, cause),
        EventKind::MergeGroup { pr, head } => {
            merge_group::on_checks_requested(*pr, head, facts, cause, None)
        }
        EventKind::Review { .. } => {
            Decision::ignore("reviews are read when a command or a run asks for them")
        }
        EventKind::Push { branch, .. } => Decision::ignore(format!(
            "{branch} moved: plans onto it are found out of date when somebody applies them"
        )),
    }
}

fn on_pull_request(action: PullRequestAction, facts: &Facts, cause: &DeliveryId) -> Decision {
    let Some(pr) = &facts.pr else {
        return Decision::ignore("the pull request is gone");
    };
    // The payload may be late: what counts is the state that the pull request has now. Its end is
    // worked off once, by its own delivery, which is asked for again if it was lost.
    match (action, &pr.pull.state) {
        (PullRequestAction::Closed, PullState::Merged(merge)) => {
            merge::on_merge(pr, merge, facts, cause)
        }
        (PullRequestAction::Closed, PullState::Closed) => merge::on_close(pr, facts, cause),
        (_, PullState::Merged(_) | PullState::Closed) => {
            Decision::ignore("the pull request was closed meanwhile")
        }
        (PullRequestAction::Closed, PullState::Open) => {
            Decision::ignore("the pull request was opened again meanwhile")
        }
        (_, PullState::Open) => plan::on_change(pr, facts, cause),
    }
}

/// Somebody (or some rule) that asks for something on a pull request.
#[derive(Clone, Copy)]
struct Ask<'a> {
    facts: &'a Facts,
    config: &'a Config,
    pr: &'a PullFacts,
    actor: &'a ActorFacts,
    trigger: Trigger,
    cause: &'a DeliveryId,
}

/// Intents in the making.
struct Draft<'a> {
    facts: &'a Facts,
    cause: &'a DeliveryId,
    intents: Vec<Intent>,
    starts: usize,
}

impl<'a> Draft<'a> {
    fn new(facts: &'a Facts, cause: &'a DeliveryId) -> Self {
        Self {
            facts,
            cause,
            intents: Vec::new(),
            starts: 0,
        }
    }

    fn push(&mut self, intent: Intent) {
        self.intents.push(intent);
    }

    /// Makes a run; the answer is its place, for runs that come after it.
    fn start(&mut self, mut order: RunOrder, state: RunState, after: Vec<usize>) -> usize {
        if order.not_before.is_some() {
            order.frozen = self.frozen(&order.env);
        }
        self.push(Intent::Start(Box::new(NewRun {
            order,
            state,
            after,
        })));
        self.starts += 1;
        self.starts - 1
    }

    /// What freezes an environment now, in a line of Markdown.
    fn frozen(&self, env: &EnvName) -> Option<String> {
        match &self.facts.config {
            ConfigFacts::Valid(config) => {
                gates::freeze::state(config.environment(env)?, self.facts.now)
            }
            ConfigFacts::Missing | ConfigFacts::Invalid(_) => None,
        }
    }

    /// Answers the delivery with a comment on the pull request.
    fn reply(&mut self, pr: &PullFacts, body: String) {
        self.reply_in(pr.pull.number, body);
    }

    /// Answers the delivery with a comment in a thread.
    fn reply_in(&mut self, thread: PrNumber, body: String) {
        let key = ReportKey::Reply(thread, self.cause.clone());
        self.push(Intent::Say(key, Content::Comment { body }));
    }

    fn react(&mut self, trigger: Trigger, reaction: Reaction) {
        if let Trigger::Comment(comment) = trigger {
            self.react_to(comment, reaction);
        }
    }

    fn react_to(&mut self, comment: CommentId, reaction: Reaction) {
        let key = ReportKey::Reaction(comment, reaction);
        self.push(Intent::Say(key, Content::Reaction));
    }

    fn end(&mut self, run: &RunId, mv: Move, what: impl Into<String>, fix: impl Into<String>) {
        self.push(Intent::End {
            run: run.clone(),
            mv,
            outcome: Some(Outcome::Stopped(Box::new(Stopped {
                what: what.into(),
                fix: fix.into(),
                ..Stopped::default()
            }))),
        });
    }

    fn done(self, because: impl Into<String>) -> Decision {
        Decision {
            intents: self.intents,
            because: because.into(),
        }
    }
}

impl Ask<'_> {
    /// A refusal, a confusion or any other answer in words: a comment and a sign.
    fn answer(&self, body: String, sign: Reaction, because: impl Into<String>) -> Decision {
        let mut draft = Draft::new(self.facts, self.cause);
        draft.reply(self.pr, body);
        draft.react(self.trigger, sign);
        draft.done(because)
    }
}

/// The configuration, or what to tell instead.
fn config(facts: &Facts) -> Result<&Config, String> {
    match &facts.config {
        ConfigFacts::Valid(config) => Ok(config),
        ConfigFacts::Missing => Err(format!(
            "### 😕 There is no `deploy.toml` on `{}`\n\nSlipway reads its rules from the default \
             branch. Add one at the root of the repository; `slipway schema` prints its schema.",
            facts.default_branch
        )),
        ConfigFacts::Invalid(diagnostics) => {
            let list: String = diagnostics
                .iter()
                .map(|diagnostic| {
                    let help = diagnostic
                        .help
                        .as_ref()
                        .map(|help| format!(": {}", prose(help)));
                    format!(
                        "- line {}: {}{}\n",
                        diagnostic.line,
                        prose(&diagnostic.message),
                        help.unwrap_or_default()
                    )
                })
                .collect();
            Err(format!(
                "### ⛔ `deploy.toml` on `{}` has errors\n\n{list}\nNothing is planned, applied or \
                 deployed until they are mended. `slipway check` finds them before a push.",
                facts.default_branch
            ))
        }
    }
}

#[cfg(test)]
mod tests;
