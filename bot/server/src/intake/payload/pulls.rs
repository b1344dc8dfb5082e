//! Pull requests, the comments on them and their reviews.

use serde::Deserialize;
use slipway_core::event::{EventKind, PullRequestAction};
use slipway_core::ids::{CommentId, IssueNumber, PrNumber};
use slipway_core::intent::DRIFT_ISSUE;

use super::{Account, Delivery, PayloadError, Translated, ignored};

/// A comment is cut to this many characters: GitHub takes 65,536, and a command has one line.
pub(super) const LONGEST_COMMENT: usize = 70_000;

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

pub(super) fn pull_request(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
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

pub(super) fn review(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
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
    body: Option<String>,
    user: Option<Account>,
}

impl Issue {
    /// Whether it may be one that the bot opened; the store knows for sure.
    fn may_be_own(&self) -> bool {
        let marker = format!("{DRIFT_ISSUE}/");
        self.user.as_ref().is_some_and(Account::is_bot)
            && self
                .body
                .as_deref()
                .is_some_and(|body| body.contains(&marker))
    }
}

#[derive(Deserialize)]
struct Comment {
    id: Option<u64>,
    body: Option<String>,
    user: Option<Account>,
    performed_via_github_app: Option<serde::de::IgnoredAny>,
}

pub(super) fn issue_comment(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "created" {
        return Ok(ignored(
            "a comment was edited or deleted: only new ones count",
        ));
    }
    let part: CommentPart = delivery.read()?;
    let issue = delivery.need(part.issue, "issue")?;
    let on_issue = issue.pull_request.is_none();
    if on_issue && !issue.may_be_own() {
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
    let comment = CommentId(id);
    delivery.event(if on_issue {
        EventKind::IssueComment {
            issue: IssueNumber(number),
            comment,
            body,
        }
    } else {
        EventKind::Comment {
            pr: PrNumber(number),
            comment,
            body,
        }
    })
}
