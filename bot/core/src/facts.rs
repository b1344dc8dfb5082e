//! All that a decision may look at, as one value.
//!
//! The shell reads it eagerly, before a decision; a decision never reads anything by itself. What
//! could not be read is there as [`Unread`], so that a gate can close instead of guessing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::codeowners::{CodeOwners, Fault, TeamName};
use crate::config::{Checked, Config, Diagnostic};
use crate::event::RepoRef;
use crate::ids::{
    CommitSha, Digest, EnvName, IssueNumber, Login, PrNumber, RunId, ServiceName, StackName,
};
use crate::policy::Override;
use crate::run::Run;
use crate::stacks::graph::Modules;

/// A thing that could not be read; the text says why, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unread(pub String);

/// Something that was read, or not.
pub type Read<T> = Result<T, Unread>;

/// All that a decision may look at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time of the decision.
    pub now: Timestamp,
    /// Where it happens.
    pub repo: RepoRef,
    /// The default branch and its tip.
    pub default_branch: String,
    /// deploy.toml of the default branch.
    pub config: ConfigFacts,
    /// Who acts, with their rights, live.
    pub actor: Option<ActorFacts>,
    /// The pull request, if the event is about one.
    pub pr: Option<PullFacts>,
    /// What the store knows.
    pub store: StoreFacts,
    /// What a named commit stands for, where a command names one.
    pub named_commit: Option<NamedCommit>,
    /// What an event about drift is about.
    pub drift: Option<DriftFacts>,
}

/// What is compared with an environment, and where what differs is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftFacts {
    /// The environment.
    pub env: EnvName,
    /// The tip of the default branch.
    pub tip: CommitSha,
    /// The issue that somebody comments on.
    pub issue: Option<IssueNumber>,
}

/// When an environment is to be looked at for drift next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftTurn {
    /// The environment.
    pub env: EnvName,
    /// The schedule, as deploy.toml writes it.
    pub schedule: String,
    /// When it is its turn.
    pub due_at: Timestamp,
}

/// deploy.toml as it was found.
#[derive(Clone, Debug)]
pub enum ConfigFacts {
    /// There is none.
    Missing,
    /// It has errors.
    Invalid(Vec<Diagnostic>),
    /// It is good.
    Valid(Box<Config>),
}

/// A person and their rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorFacts {
    /// Who.
    pub login: Login,
    /// Their right in the repository.
    pub permission: Read<Permission>,
    /// The teams (`org/slug`) among those that deploy.toml names that they are in.
    pub teams: Read<BTreeSet<String>>,
}

/// A right in a repository, in GitHub's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// None.
    None,
    /// Read.
    Read,
    /// Triage.
    Triage,
    /// Write.
    Write,
    /// Maintain.
    Maintain,
    /// Admin.
    Admin,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its default branch.
    pub default_branch: String,
}

/// A pull request, live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: PrNumber,
    /// Its title.
    pub title: String,
    /// Who opened it.
    pub author: Login,
    /// Its head commit.
    pub head: CommitSha,
    /// Its head branch.
    pub head_ref: String,
    /// Whether the head lives in another repository.
    pub fork: bool,
    /// The branch that it is aimed at.
    pub base_ref: String,
    /// The commit of that branch that GitHub last compared it with: of a merged one, a commit from
    /// before the merge.
    pub compared_with: CommitSha,
    /// Open, closed or merged.
    pub state: PullState,
    /// Whether it is a draft.
    pub draft: bool,
}

/// Whether a pull request is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullState {
    /// Open.
    Open,
    /// Closed without a merge.
    Closed,
    /// Merged, as this commit.
    Merged(CommitSha),
}

/// A pull request and all that gates ask about it.
#[derive(Clone, Debug)]
pub struct PullFacts {
    /// The pull request.
    pub pull: PullRequest,
    /// The tip of its base branch.
    pub base: CommitSha,
    /// The files that it changes.
    pub files: Read<ChangedFiles>,
    /// What the stacks use outside of their directories, where the event may ask which are touched.
    pub modules: Read<Modules>,
    /// All reviews, oldest first, of people who can write to the repository: GitHub lets anybody
    /// review a public repository, but only such a review counts.
    pub reviews: Read<Vec<Review>>,
    /// Who answers for its files, where an environment asks for their approval.
    pub owners: Read<OwnersFacts>,
    /// deploy.toml as the head has it, if the pull request changes it and the event asks for that.
    pub proposed_config: Option<Read<ProposedConfig>>,
    /// Checks of its head, the bot's own left out.
    pub checks: Read<Vec<Check>>,
    /// The names of the checks that its base branch requires.
    pub required_checks: Read<Vec<String>>,
    /// By how many commits the head is behind its base.
    pub behind_by: Read<u64>,
    /// The author's rights.
    pub author: ActorFacts,
}

/// Who answers for the files of a pull request.
#[derive(Clone, Debug)]
pub struct OwnersFacts {
    /// CODEOWNERS of the base branch.
    pub file: OwnersFile,
    /// The approving reviewers in each team that owns a changed file.
    pub members: BTreeMap<TeamName, Read<BTreeSet<Login>>>,
}

/// CODEOWNERS as it was found.
#[derive(Clone, Debug)]
pub enum OwnersFile {
    /// There is none.
    Missing,
    /// The one here has lines that can't be read.
    Faulty(&'static str, Vec<Fault>),
    /// It is good.
    Good(CodeOwners),
}

/// deploy.toml of the head of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProposedConfig {
    /// The head has none.
    Gone,
    /// The head has one.
    Found {
        /// Its text.
        text: String,
        /// What it says, and what is wrong with it.
        checked: Checked,
    },
}

impl ProposedConfig {
    /// Reads the file, if there is one.
    #[must_use]
    pub fn of(text: Option<String>) -> Self {
        text.map_or(Self::Gone, |text| Self::Found {
            checked: Config::check(&text),
            text,
        })
    }
}

/// The files that a pull request changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedFiles {
    /// Their paths; a renamed file counts with both.
    pub paths: BTreeSet<String>,
    /// Whether GitHub lists fewer than there are.
    pub truncated: bool,
}

/// One review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// By whom.
    pub author: Login,
    /// Approved, changes requested, … .
    pub verdict: Verdict,
    /// The commit that it was about.
    pub commit: Option<CommitSha>,
}

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Approved.
    Approved,
    /// Changes requested.
    ChangesRequested,
    /// Taken back.
    Dismissed,
    /// Words only.
    Commented,
}

/// One check run or commit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: CheckState,
    /// Whether the bot wrote it.
    pub own: bool,
}

/// Where a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// Not done.
    Pending,
    /// Success, neutral or skipped.
    Passed,
    /// Anything else.
    Failed,
}

/// How two commits relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Commits that only the head has.
    pub ahead_by: u64,
    /// Commits that only the base has.
    pub behind_by: u64,
}

impl Comparison {
    /// Whether the base is part of the head's history.
    #[must_use]
    pub fn head_contains_base(self) -> bool {
        self.behind_by == 0
    }
}

/// A commit that a command named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCommit {
    /// The commit.
    pub sha: CommitSha,
    /// Whether the default branch contains it.
    pub on_default_branch: bool,
}

/// What the store knows about a repository.
#[derive(Clone, Debug, Default)]
pub struct StoreFacts {
    /// The runs of the pull request, newest first; for drift those about the environment.
    pub runs: Vec<Run>,
    /// Runs of the whole repository that are not over, oldest first.
    pub active: Vec<Run>,
    /// Locks.
    pub locks: Vec<Lock>,
    /// Holds.
    pub holds: Vec<Hold>,
    /// Releases, newest first: what is live and what was.
    pub releases: Vec<Release>,
    /// The head commits of fork or outsiders' pull requests that somebody with the right to plan
    /// has said `/plan` about.
    pub blessed: BTreeSet<CommitSha>,
    /// The head of the event's pull request, if its arrival was worked off before the event.
    pub known_heads: BTreeSet<CommitSha>,
    /// The run behind the button or check that the event is about.
    pub subject: Option<Run>,
    /// The active runs whose commit the merge commit of the event's pull request contains.
    pub contained: BTreeSet<RunId>,
    /// What was said over policies on the event's pull request, newest first.
    pub overrides: Vec<Override>,
    /// By how many commits the default branch is ahead of each live commit.
    pub behind: BTreeMap<CommitSha, u64>,
    /// When environments are looked at for drift next, as far as that is kept.
    pub turns: Vec<DriftTurn>,
}

/// What a lock is a claim on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockTarget {
    /// The environment.
    pub env: EnvName,
    /// One stack in it; `None` is the whole environment.
    pub stack: Option<StackName>,
}

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// On what.
    pub target: LockTarget,
    /// By whom.
    pub holder: Login,
    /// For which pull request; an environment's lock may be for none.
    pub pr: Option<PrNumber>,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if it frees itself.
    pub until: Option<Timestamp>,
}

/// "No automatic deploys here until resumed."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The environment.
    pub env: EnvName,
    /// Who set it; nobody if the bot did by itself, after a failed rollout.
    pub by: Option<Login>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

impl Hold {
    /// Who set it, in Markdown.
    #[must_use]
    pub fn setter(&self) -> String {
        self.by.as_ref().map_or_else(
            || "Slipway".to_owned(),
            |by| crate::report::markdown::text(by.as_str()),
        )
    }
}

/// One service at one commit by one digest, as it was made live in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The environment.
    pub env: EnvName,
    /// The service.
    pub service: ServiceName,
    /// The commit.
    pub commit: CommitSha,
    /// The digest.
    pub digest: Digest,
    /// The pull request that brought it.
    pub pr: Option<PrNumber>,
    /// Who released it.
    pub actor: Login,
    /// The run that did.
    pub run: RunId,
    /// When it was ready.
    pub live_at: Timestamp,
    /// Whether it is still the good one: false once it was rolled back from.
    pub good: bool,
}
