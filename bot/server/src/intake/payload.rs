//! The edge where GitHub's webhook JSON becomes an [`Event`].
//!
//! Only the fields that an event needs are read, and each of them is asked for by name, so that a
//! payload with more, fewer or odd fields elsewhere still gets through. What leads to nothing is a
//! value with a reason, never an error. Nothing here reaches the network or the store; the body
//! must have been verified before.
//!
//! The fields are those of GitHub's "Webhook events and payloads"
//! (<https://docs.github.com/en/webhooks/webhook-events-and-payloads>).

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use slipway_core::event::{Actor, Event, EventKind, PullRequestAction, RepoRef};
use slipway_core::ids::{
    CheckRunId, CommentId, CommitSha, InstallationId, Login, PrNumber, RepoName,
};

/// A comment is cut to this many characters: GitHub takes 65,536, and a command has one line.
const LONGEST_COMMENT: usize = 70_000;

/// How many repositories the reason of an ignored installation names.
const NAMED_REPOSITORIES: usize = 10;

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
        "pull_request" => pull_request(&delivery),
        "issue_comment" => issue_comment(&delivery),
        "pull_request_review" => review(&delivery),
        "push" => push(&delivery),
        "check_run" => check_run(&delivery, app_id),
        "check_suite" => check_suite(&delivery, app_id),
        "registry_package" | "package" => package(&delivery),
        "workflow_run" => workflow_run(&delivery),
        "installation" => installation(&delivery),
        "installation_repositories" => installation_repositories(&delivery),
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

// ---------------------------------------------------------------------------------------------
// Pull requests

#[derive(Deserialize)]
struct PullPart {
    pull_request: Option<PullNumber>,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct PullNumber {
    number: Option<u64>,
}

#[derive(Deserialize)]
struct Changes {
    base: Option<serde::de::IgnoredAny>,
}

fn pull_number(
    delivery: &Delivery<'_>,
    pull: Option<PullNumber>,
) -> Result<PrNumber, PayloadError> {
    let pull = delivery.need(pull, "pull_request")?;
    let number = delivery.need(pull.number, "pull_request.number")?;
    Ok(PrNumber(number))
}

fn pull_request(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    let part: PullPart = delivery.read()?;
    let action = match action.as_str() {
        "opened" => PullRequestAction::Opened,
        "reopened" => PullRequestAction::Reopened,
        "synchronize" => PullRequestAction::Pushed,
        "ready_for_review" => PullRequestAction::Ready,
        "closed" => PullRequestAction::Closed,
        "edited" if part.changes.is_some_and(|changes| changes.base.is_some()) => {
            PullRequestAction::Retargeted
        }
        "edited" => return Ok(ignored("a pull request's words changed, not its base")),
        other => return Ok(delivery.ignored_action(other)),
    };
    let number = pull_number(delivery, part.pull_request)?;
    delivery.event(EventKind::PullRequest { number, action })
}

fn review(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if !matches!(action.as_str(), "submitted" | "dismissed") {
        return Ok(delivery.ignored_action(&action));
    }
    let part: PullPart = delivery.read()?;
    let pr = pull_number(delivery, part.pull_request)?;
    delivery.event(EventKind::Review { pr })
}

#[derive(Deserialize)]
struct CommentPart {
    issue: Option<Issue>,
    comment: Option<Comment>,
    sender: Option<Account>,
}

#[derive(Deserialize)]
struct Issue {
    number: Option<u64>,
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Comment {
    id: Option<u64>,
    body: Option<String>,
    user: Option<Account>,
    performed_via_github_app: Option<serde::de::IgnoredAny>,
}

fn issue_comment(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "created" {
        return Ok(ignored(
            "a comment was edited or deleted: only new ones count",
        ));
    }
    let part: CommentPart = delivery.read()?;
    let issue = delivery.need(part.issue, "issue")?;
    if issue.pull_request.is_none() {
        return Ok(ignored("a comment on an issue, not on a pull request"));
    }
    let comment = delivery.need(part.comment, "comment")?;
    if comment.performed_via_github_app.is_some() {
        return Ok(ignored("a comment written through an App"));
    }
    if [&part.sender, &comment.user]
        .into_iter()
        .flatten()
        .any(Account::is_bot)
    {
        return Ok(ignored("a comment by a bot"));
    }
    let number = delivery.need(issue.number, "issue.number")?;
    let id = delivery.need(comment.id, "comment.id")?;
    let mut body = delivery.need(comment.body, "comment.body")?;
    if let Some((end, _)) = body.char_indices().nth(LONGEST_COMMENT) {
        body.truncate(end);
    }
    delivery.event(EventKind::Comment {
        pr: PrNumber(number),
        comment: CommentId(id),
        body,
    })
}

// ---------------------------------------------------------------------------------------------
// Pushes

#[derive(Deserialize)]
struct PushPart {
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    #[serde(default)]
    deleted: bool,
}

fn push(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let part: PushPart = delivery.read()?;
    let reference = delivery.need(part.reference, "ref")?;
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        return Ok(ignored("a push of something that is no branch"));
    };
    if part.deleted {
        return Ok(ignored("a branch was deleted"));
    }
    let after = delivery.commit(part.after, "after")?;
    delivery.event(EventKind::Push {
        branch: branch.to_owned(),
        after,
    })
}

// ---------------------------------------------------------------------------------------------
// Checks

#[derive(Deserialize)]
struct CheckPart {
    check_run: Option<CheckRun>,
    check_suite: Option<CheckSuite>,
    requested_action: Option<RequestedAction>,
}

#[derive(Deserialize)]
struct CheckRun {
    id: Option<u64>,
    external_id: Option<String>,
    app: Option<Numbered>,
}

#[derive(Deserialize)]
struct CheckSuite {
    head_sha: Option<String>,
    app: Option<Numbered>,
}

#[derive(Deserialize)]
struct RequestedAction {
    identifier: Option<String>,
}

/// Whether a check is another App's. GitHub sends `rerequested` to the owner only, but a webhook
/// of the repository gets all.
fn is_foreign(app: Option<&Numbered>, app_id: u64) -> bool {
    app.and_then(|app| app.id).is_some_and(|id| id != app_id)
}

fn check_run(delivery: &Delivery<'_>, app_id: u64) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    let pressed = match action.as_str() {
        "rerequested" => false,
        "requested_action" => true,
        other => return Ok(delivery.ignored_action(other)),
    };
    let part: CheckPart = delivery.read()?;
    let run = delivery.need(part.check_run, "check_run")?;
    if is_foreign(run.app.as_ref(), app_id) {
        return Ok(ignored("a check run of another App"));
    }
    let check = CheckRunId(delivery.need(run.id, "check_run.id")?);
    let external_id = delivery.need(run.external_id, "check_run.external_id")?;
    let kind = if pressed {
        let button = delivery.need(part.requested_action, "requested_action")?;
        EventKind::Button {
            check,
            external_id,
            identifier: delivery.need(button.identifier, "requested_action.identifier")?,
        }
    } else {
        EventKind::CheckRerequested { check, external_id }
    };
    delivery.event(kind)
}

fn check_suite(delivery: &Delivery<'_>, app_id: u64) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "rerequested" {
        return Ok(delivery.ignored_action(&action));
    }
    let part: CheckPart = delivery.read()?;
    let suite = delivery.need(part.check_suite, "check_suite")?;
    if is_foreign(suite.app.as_ref(), app_id) {
        return Ok(ignored("a check suite of another App"));
    }
    let head = delivery.commit(suite.head_sha, "check_suite.head_sha")?;
    delivery.event(EventKind::SuiteRerequested { head })
}

// ---------------------------------------------------------------------------------------------
// Images

#[derive(Deserialize)]
struct PackagePart {
    registry_package: Option<Package>,
    package: Option<Package>,
    repository: Option<serde::de::IgnoredAny>,
}

/// The `package_url` of its version is not read: it may end in a bare `:` without a tag, and may
/// be late; the registry is asked instead.
#[derive(Deserialize)]
struct Package {
    package_type: Option<String>,
}

fn package(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if !matches!(action.as_str(), "published" | "updated") {
        return Ok(delivery.ignored_action(&action));
    }
    let part: PackagePart = delivery.read()?;
    let package = delivery.need(part.registry_package.or(part.package), "registry_package")?;
    let kind = delivery.need(package.package_type, "registry_package.package_type")?;
    // `docker` is what the same thing was called on docker.pkg.github.com.
    if !kind.eq_ignore_ascii_case("container") && !kind.eq_ignore_ascii_case("docker") {
        let kind: String = kind.chars().take(60).collect();
        return Ok(ignored(format!("a package that is no image but {kind:?}")));
    }
    if part.repository.is_none() {
        return Ok(ignored("an image that is linked to no repository"));
    }
    delivery.event(EventKind::ImageMaybe)
}

fn workflow_run(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "completed" {
        return Ok(delivery.ignored_action(&action));
    }
    // Whatever its conclusion: the image may have been pushed before a later step failed.
    delivery.event(EventKind::ImageMaybe)
}

// ---------------------------------------------------------------------------------------------
// Installations

#[derive(Deserialize)]
struct InstallationPart {
    installation: Option<Installation>,
    #[serde(default)]
    repositories: Option<Vec<RepositoryPart>>,
    #[serde(default)]
    repositories_added: Option<Vec<RepositoryPart>>,
    #[serde(default)]
    repositories_removed: Option<Vec<RepositoryPart>>,
}

#[derive(Deserialize)]
struct Installation {
    account: Option<Account>,
}

impl InstallationPart {
    fn owner(&self) -> &str {
        self.installation
            .as_ref()
            .and_then(|installation| installation.account.as_ref())
            .and_then(|account| account.login.as_deref())
            .unwrap_or("an unnamed account")
    }
}

fn names(repositories: Option<&Vec<RepositoryPart>>) -> String {
    let all: Vec<&str> = repositories
        .into_iter()
        .flatten()
        .filter_map(|repository| repository.full_name.as_deref())
        .collect();
    let (named, more) = all.split_at(all.len().min(NAMED_REPOSITORIES));
    match (named, more.len()) {
        ([], _) => "no repository".to_owned(),
        (named, 0) => named.join(", "),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}

fn installation(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    let part: InstallationPart = delivery.read()?;
    let owner = part.owner();
    Ok(ignored(match action.as_str() {
        "created" => format!(
            "the App was installed on {owner}: {}",
            names(part.repositories.as_ref())
        ),
        "deleted" => format!("the App was removed from {owner}"),
        "suspend" => format!("the App was suspended on {owner}"),
        "unsuspend" => format!("the App works on {owner} again"),
        "new_permissions_accepted" => format!("{owner} accepted new permissions of the App"),
        _ => return Ok(delivery.ignored_action(&action)),
    }))
}

fn installation_repositories(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let part: InstallationPart = delivery.read()?;
    Ok(ignored(format!(
        "the App on {} gained {} and lost {}",
        part.owner(),
        names(part.repositories_added.as_ref()),
        names(part.repositories_removed.as_ref()),
    )))
}

#[cfg(test)]
mod tests;
