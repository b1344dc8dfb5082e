//! The edge where GitHub's webhook JSON becomes an [`Event`].
//!
//! Only the fields that an event needs are read, and each of them is asked for by name, so that a
//! payload with more, fewer or odd fields elsewhere still gets through. What leads to nothing is a
//! value with a reason, never an error. Nothing here reaches the network or the store; the body
//! must have been verified before.
//!
//! The fields are those of GitHub's "Webhook events and payloads"
//! (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>).

mod commits;
mod installations;
mod pulls;

#[cfg(test)]
mod tests;

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use slipway_core::event::{Actor, Event, EventKind, RepoRef};
use slipway_core::ids::{CommitSha, InstallationId, Login, RepoName};

/// What a delivery means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Translated {
    /// Something that can lead to something.
    Event(Event),
    /// Nothing to do, and why.
    Ignored(String),
    /// GitHub tries whether the address answers.
    Ping,
}

/// A payload that is not what GitHub says it sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It is no JSON, or a field is of another type.
    #[error("the payload of `{event}` can't be read: {why}")]
    Unreadable {
        /// The event.
        event: String,
        /// What the parser says.
        why: String,
    },
    /// A needed field is missing.
    #[error("the payload of `{event}` has no `{field}`")]
    Missing {
        /// The event.
        event: String,
        /// The path of the field.
        field: &'static str,
    },
    /// A needed field has a value that can't be.
    #[error("the payload of `{event}` has a wrong `{field}`: {why}")]
    Wrong {
        /// The event.
        event: String,
        /// The path of the field.
        field: &'static str,
        /// Which rule it breaks.
        why: String,
    },
}

/// Translates the body of one delivery. `event` is its `X-GitHub-Event`; `app_id` tells the App's
/// own check runs from those of others.
///
/// # Errors
/// When the body is not what GitHub describes for the event. Deliveries that lead to nothing are
/// no errors, and neither are events that the bot does not know.
pub fn translate(event: &str, body: &[u8], app_id: u64) -> Result<Translated, PayloadError> {
    let delivery = Delivery { event, body };
    match event {
        "ping" => Ok(Translated::Ping),
        "pull_request" => pulls::pull_request(&delivery),
        "issue_comment" => pulls::issue_comment(&delivery),
        "pull_request_review" => pulls::review(&delivery),
        "push" => commits::push(&delivery),
        "merge_group" => commits::merge_group(&delivery),
        "check_run" => commits::check_run(&delivery, app_id),
        "check_suite" => commits::check_suite(&delivery, app_id),
        "registry_package" | "package" => commits::package(&delivery),
        "workflow_run" => commits::workflow_run(&delivery),
        "installation" => installations::installation(&delivery),
        "installation_repositories" => installations::installation_repositories(&delivery),
        other => {
            let name: String = other.chars().take(60).collect();
            Ok(Translated::Ignored(format!("unknown event {name:?}")))
        }
    }
}

/// One delivery, and the reading of it.
struct Delivery<'a> {
    event: &'a str,
    body: &'a [u8],
}

impl Delivery<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        serde_json::from_slice(self.body).map_err(|error| PayloadError::Unreadable {
            event: self.event.to_owned(),
            why: error.to_string(),
        })
    }

    fn need<T>(&self, value: Option<T>, field: &'static str) -> Result<T, PayloadError> {
        value.ok_or_else(|| PayloadError::Missing {
            event: self.event.to_owned(),
            field,
        })
    }

    fn right<T, E: Display>(
        &self,
        value: Result<T, E>,
        field: &'static str,
    ) -> Result<T, PayloadError> {
        value.map_err(|error| PayloadError::Wrong {
            event: self.event.to_owned(),
            field,
            why: error.to_string(),
        })
    }

    fn commit(
        &self,
        value: Option<String>,
        field: &'static str,
    ) -> Result<CommitSha, PayloadError> {
        let text = self.need(value, field)?;
        self.right(CommitSha::parse(text), field)
    }

    fn action(&self) -> Result<String, PayloadError> {
        let part: ActionPart = self.read()?;
        self.need(part.action, "action")
    }

    /// The event: what happened, with where and by whom.
    fn event(&self, kind: EventKind) -> Result<Translated, PayloadError> {
        let frame: Frame = self.read()?;
        let installation = self
            .need(frame.installation, "installation")
            .and_then(|part| self.need(part.id, "installation.id"))?;
        let name = self
            .need(frame.repository, "repository")
            .and_then(|part| self.need(part.full_name, "repository.full_name"))?;
        let name = self.right(RepoName::parse(name), "repository.full_name")?;
        let actor = frame.sender.map(|sender| self.actor(sender)).transpose()?;
        Ok(Translated::Event(Event {
            repo: RepoRef {
                installation: InstallationId(installation),
                name,
            },
            actor,
            kind,
        }))
    }

    fn actor(&self, sender: Account) -> Result<Actor, PayloadError> {
        let is_bot = sender.is_bot();
        let login = self.need(sender.login, "sender.login")?;
        let login = self.right(Login::parse(login), "sender.login")?;
        Ok(Actor { login, is_bot })
    }

    fn ignored_action(&self, action: &str) -> Translated {
        let action: String = action.chars().take(60).collect();
        ignored(format!("`{}` {action:?} leads to nothing", self.event))
    }
}

fn ignored(why: impl Into<String>) -> Translated {
    Translated::Ignored(why.into())
}

#[derive(Deserialize)]
struct ActionPart {
    action: Option<String>,
}

/// What every event needs.
#[derive(Deserialize)]
struct Frame {
    installation: Option<Numbered>,
    repository: Option<RepositoryPart>,
    sender: Option<Account>,
}

#[derive(Deserialize)]
struct Numbered {
    id: Option<u64>,
}

#[derive(Deserialize)]
struct RepositoryPart {
    full_name: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    login: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Account {
    fn is_bot(&self) -> bool {
        self.kind.as_deref() == Some("Bot")
            || self
                .login
                .as_deref()
                .is_some_and(|login| login.ends_with("[bot]"))
    }
}
