//! The state of the sandbox GitHub, and every operation on it.
//!
//! REST, pages, git pushes and the driver all change it through the same operations, so that each
//! of them has the same consequences: webhooks, moved pull requests, merge commits. It speaks no
//! HTTP. It is held behind a mutex and may call git, but never waits for anything else.

mod branches;
mod checks;
mod comments;
mod contents;
mod deployments;
mod issues;
mod merge;
mod people;
mod pulls;
mod repository;
mod reviews;
mod statuses;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use jiff::Timestamp;

pub use checks::{Action, Annotation, CheckRun, CheckSuite, Output};
pub(crate) use checks::{CheckUpdate, NewCheckRun};
pub use comments::{Comment, Reaction};
pub use deployments::{Deployment, DeploymentStatus};
pub(crate) use deployments::{NewDeployment, NewStatus};
pub(crate) use issues::IssueEdit;
pub(crate) use merge::MergeMethod;
pub use people::{Account, AccountKind, Permission};
pub(crate) use pulls::NewPull;
pub use pulls::{Issue, Merged, PullRequest, Side};
pub use repository::{Protection, Repository};
pub use reviews::{Review, ReviewState};
pub use statuses::CommitStatus;
pub(crate) use statuses::Signal;

use super::GitHubConfig;
use super::auth::{Access, AppKey, Installation, Token};
use super::faults::Faults;
use super::journal::JournalEntry;
use super::refusal::{Outcome, Refusal};
use super::webhooks::{Delivery, Queued};
use crate::clock::WorldClock;

/// The id under which GitHub Actions reports checks.
pub const ACTIONS_APP_ID: u64 = 15_368;

/// An App as checks and deployments name their author.
#[derive(Clone, Debug)]
pub struct App {
    /// Its number.
    pub id: u64,
    /// The name in its URL; its bot's login is `slug[bot]`.
    pub slug: String,
    /// The name that people read.
    pub name: String,
}

/// The whole state.
pub struct Model {
    pub(super) config: GitHubConfig,
    pub(super) clock: WorldClock,
    pub(super) base_url: String,
    pub(super) root: PathBuf,
    pub(super) key: AppKey,
    next_id: u64,
    pub(super) apps: BTreeMap<u64, App>,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) repositories: BTreeMap<u64, Repository>,
    pub(super) installations: Vec<Installation>,
    pub(super) tokens: Vec<Token>,
    pub(super) journal: Vec<JournalEntry>,
    pub(super) faults: Faults,
    pub(super) hook_url: Option<String>,
    pub(super) outbox: VecDeque<Queued>,
    pub(super) held: Vec<Queued>,
    pub(super) in_flight: usize,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) access: Access,
    /// Per installation: the requests of the current hour, and when it ends.
    pub(super) spending: BTreeMap<u64, (u64, Timestamp)>,
}

impl Model {
    pub(super) fn new(
        config: GitHubConfig,
        clock: WorldClock,
        base_url: String,
        root: PathBuf,
        key: AppKey,
    ) -> Self {
        let mut model = Self {
            clock,
            base_url,
            root,
            key,
            next_id: 1000,
            apps: BTreeMap::new(),
            accounts: BTreeMap::new(),
            repositories: BTreeMap::new(),
            installations: Vec::new(),
            tokens: Vec::new(),
            journal: Vec::new(),
            faults: Faults::default(),
            hook_url: None,
            outbox: VecDeque::new(),
            held: Vec::new(),
            in_flight: 0,
            deliveries: Vec::new(),
            access: Access::default(),
            spending: BTreeMap::new(),
            config,
        };
        for (id, slug, name) in [
            (
                model.config.app_id,
                model.config.slug.clone(),
                model.config.name.clone(),
            ),
            (
                ACTIONS_APP_ID,
                "github-actions".to_owned(),
                "GitHub Actions".to_owned(),
            ),
        ] {
            model.accounts_add(&format!("{slug}[bot]"), AccountKind::Bot);
            model.apps.insert(id, App { id, slug, name });
        }
        model
    }

    /// The time in this world.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The login under which the App acts.
    #[must_use]
    pub fn bot_login(&self) -> String {
        format!("{}[bot]", self.config.slug)
    }

    /// The repository `owner/name`; GitHub does not mind the case.
    #[must_use]
    pub fn repository(&self, full_name: &str) -> Option<&Repository> {
        self.repositories
            .values()
            .find(|repo| repo.full_name().eq_ignore_ascii_case(full_name))
    }

    /// Every delivery that was tried, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// Every request that was answered, oldest first.
    #[must_use]
    pub fn journal(&self) -> &[JournalEntry] {
        &self.journal
    }

    /// Whether every queued delivery was sent and answered. Held ones do not count.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.in_flight == 0
    }

    pub(super) fn find(&self, full_name: &str) -> Outcome<u64> {
        self.repository(full_name)
            .map(|repo| repo.id)
            .ok_or_else(Refusal::not_found)
    }

    pub(super) fn repo(&self, id: u64) -> Outcome<&Repository> {
        self.repositories.get(&id).ok_or_else(Refusal::not_found)
    }

    pub(super) fn repo_mut(&mut self, id: u64) -> Outcome<&mut Repository> {
        self.repositories
            .get_mut(&id)
            .ok_or_else(Refusal::not_found)
    }
}

/// A time as GitHub writes it: UTC, whole seconds.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A GraphQL id: a prefix for the kind of thing, and its number in base64.
pub(super) fn node_id(prefix: &str, id: u64) -> String {
    use base64::Engine as _;
    let code = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id.to_be_bytes());
    format!("{prefix}_kwDO{code}")
}
