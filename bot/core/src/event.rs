//! What happened, whatever the source: a webhook, a button, a timer, a run that ended.
//!
//! An event names things and carries no state: what a decision looks at is read live when the
//! event is worked off (see [`crate::facts`]), because deliveries come late, twice and in any order.

use serde::{Deserialize, Serialize};

use crate::ids::{
    CheckRunId, CommentId, CommitSha, EnvName, InstallationId, IssueNumber, Login, PrNumber,
    RepoName, RunId,
};

/// A repository as one installation of the App reaches it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RepoRef {
    /// The installation whose tokens reach the repository.
    pub installation: InstallationId,
    /// `owner/name`.
    pub name: RepoName,
}

/// One thing that happened in one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Where.
    pub repo: RepoRef,
    /// Who did it, where a person or an App did.
    pub actor: Option<Actor>,
    /// What.
    pub kind: EventKind,
}

/// The account behind an event, as GitHub names the sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The login.
    pub login: Login,
    /// GitHub says `Bot` for Apps and machine accounts; they never give commands.
    pub is_bot: bool,
}

/// The kinds of events that can lead to something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// A pull request was opened, pushed to, retargeted, … .
    PullRequest {
        /// Which.
        number: PrNumber,
        /// What happened to it.
        action: PullRequestAction,
    },
    /// A person wrote a new comment on a pull request.
    Comment {
        /// On which pull request.
        pr: PrNumber,
        /// The comment.
        comment: CommentId,
        /// Its text.
        body: String,
    },
    /// A person wrote a new comment on an issue that the bot may have opened.
    IssueComment {
        /// On which issue.
        issue: IssueNumber,
        /// The comment.
        comment: CommentId,
        /// Its text.
        body: String,
    },
    /// The moment has come to look for drift.
    DriftDue {
        /// In which environment.
        env: EnvName,
    },
    /// A review was submitted or dismissed.
    Review {
        /// On which pull request.
        pr: PrNumber,
    },
    /// A branch moved.
    Push {
        /// Its name, without `refs/heads/`.
        branch: String,
        /// Where it points now.
        after: CommitSha,
    },
    /// A merge queue asks for the checks of a commit that it made.
    MergeGroup {
        /// The pull request whose place in the queue it is.
        pr: PrNumber,
        /// The commit.
        head: CommitSha,
    },
    /// Somebody asked for a check run again ("Re-run").
    CheckRerequested {
        /// The check run.
        check: CheckRunId,
        /// The key that the bot gave it.
        external_id: String,
    },
    /// Somebody asked for all checks of a commit again.
    SuiteRerequested {
        /// The commit.
        head: CommitSha,
    },
    /// Somebody pressed a button of a check run.
    Button {
        /// The check run.
        check: CheckRunId,
        /// The key that the bot gave it.
        external_id: String,
        /// The identifier of the button.
        identifier: String,
    },
    /// An image may be there now: the registry or a workflow said so.
    ImageMaybe,
    /// A run came to its end.
    RunEnded {
        /// Which.
        run: RunId,
    },
}

/// What happened to a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullRequestAction {
    /// Opened.
    Opened,
    /// Opened again after it was closed.
    Reopened,
    /// Its head moved.
    Pushed,
    /// No draft any more.
    Ready,
    /// Aimed at another base branch.
    Retargeted,
    /// Closed, merged or not; the live state tells which.
    Closed,
}
