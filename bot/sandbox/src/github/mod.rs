//! The sandbox GitHub: REST, GraphQL, git over HTTP, signed webhooks, and pages for people.
//!
//! It is a model of GitHub behind real HTTP, made for driving a GitHub App: whatever the App may
//! see of GitHub follows from one state, so that a merge moves a branch, closes a pull request,
//! pushes, and says so in webhooks. Repositories are real bare git repositories. It knows nothing
//! of any particular App and is reached over sockets only; tests and the demo act on it through
//! [`GitHub`], as the people who use GitHub would.

mod auth;
mod diff;
mod driver;
mod events;
mod faults;
mod git;
mod git_http;
mod history;
mod journal;
mod model;
mod packages;
mod pages;
mod percent;
mod reading;
mod refusal;
mod rest;
mod server;
mod view;
mod webhooks;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use auth::{Caller, Installation, Level, Permissions};
pub use faults::{DeliveryFault, Effect, Fault, Order};
pub use git::{Change, GitError, Sha};
pub use journal::JournalEntry;
pub use model::{
    ACTIONS_APP_ID, Account, AccountKind, Action, Annotation, App, CheckRun, CheckSuite, Comment,
    CommitStatus, Deployment, DeploymentStatus, Issue, Merged, Model, Output, Permission,
    Protection, PullRequest, Reaction, Repository, Review, ReviewState, Side,
};
pub use packages::{PublishedPackage, WorkflowRun};
pub use refusal::Refusal;
pub use webhooks::Delivery;

use crate::clock::WorldClock;

/// How the sandbox GitHub and the App in it are set up.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// The world's clock.
    pub clock: WorldClock,
    /// The App's number.
    pub app_id: u64,
    /// The App's client id, which may stand for its number in a JWT.
    pub client_id: String,
    /// The App's name.
    pub name: String,
    /// The App's name in URLs; its bot is `slug[bot]`.
    pub slug: String,
    /// Who owns the App.
    pub app_owner: String,
    /// What webhooks are signed with; nothing leaves them unsigned.
    pub webhook_secret: String,
    /// What owners grant the App when they install it.
    pub permissions: Permissions,
    /// The events that the App subscribes to.
    pub events: Vec<String>,
    /// How many requests an installation may make in an hour.
    pub hourly_limit: u64,
}

impl Default for GitHubConfig {
    fn default() -> Self {
        let permissions = [
            ("actions", Level::Read),
            ("checks", Level::Write),
            ("contents", Level::Write),
            ("deployments", Level::Write),
            ("issues", Level::Write),
            ("members", Level::Read),
            ("merge_queues", Level::Read),
            ("metadata", Level::Read),
            ("packages", Level::Read),
            ("pull_requests", Level::Write),
            ("statuses", Level::Read),
        ];
        let events = [
            "check_run",
            "check_suite",
            "deployment",
            "deployment_status",
            "issue_comment",
            "merge_group",
            "pull_request",
            "pull_request_review",
            "push",
            "registry_package",
            "workflow_run",
        ];
        Self {
            clock: WorldClock::default(),
            app_id: 4242,
            client_id: "Iv23liSandboxSlipway".to_owned(),
            name: "slipway".to_owned(),
            slug: "slipway".to_owned(),
            app_owner: "acme".to_owned(),
            webhook_secret: auth::random_token("whsec"),
            permissions: permissions
                .map(|(name, level)| (name.to_owned(), level))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            events: events.map(str::to_owned).to_vec(),
            hourly_limit: 5000,
        }
    }
}

/// The state, and the news that it changed.
struct Shared {
    model: Mutex<Model>,
    changed: watch::Sender<u64>,
    _root: tempfile::TempDir,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Model> {
        // A test's closure that panicked has changed nothing that another could not read.
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        look(&self.lock())
    }

    fn change<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        let result = act(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// A change that says itself whether it was one.
    fn change_if<T>(&self, act: impl FnOnce(&mut Model) -> (T, bool)) -> T {
        let (result, changed) = act(&mut self.lock());
        if changed {
            self.changed.send_modify(|version| *version += 1);
        }
        result
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// A running sandbox GitHub. Clones are the same one; it ends with the last of them.
#[derive(Clone)]
pub struct GitHub {
    shared: Arc<Shared>,
    url: String,
    _stop: Arc<DropGuard>,
}

impl GitHub {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port, no temporary directory or no key can be had.
    pub async fn start(config: GitHubConfig) -> anyhow::Result<Self> {
        let wire = wire::Wire::bind().await.context("no port to listen on")?;
        let url = format!("http://{}", wire.address()?);
        let root = tempfile::Builder::new()
            .prefix("sandbox-github-")
            .tempdir()
            .context("no directory for repositories")?;
        let key = tokio::task::spawn_blocking(auth::AppKey::of_process).await??;
        let clock = config.clock.clone();
        let directory = root.path().to_path_buf();
        let model = Model::new(config, clock, url.clone(), directory, key);
        let shared = Arc::new(Shared {
            model: Mutex::new(model),
            changed: watch::Sender::new(0),
            _root: root,
        });
        let stop = CancellationToken::new();
        tokio::spawn(webhooks::deliver(Arc::clone(&shared), stop.clone()));
        tokio::spawn(server::serve(wire, Arc::clone(&shared), stop.clone()));
        Ok(Self {
            shared,
            url,
            _stop: Arc::new(stop.drop_guard()),
        })
    }

    /// Where REST, GraphQL and git are, as on github.com; `/api/v3` in front works as well.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the pages for people are.
    #[must_use]
    pub fn html_url(&self) -> &str {
        &self.url
    }

    /// The address to clone a repository from.
    #[must_use]
    pub fn clone_url(&self, repo: &str) -> String {
        format!("{}/{repo}.git", self.url)
    }

    /// The App's number.
    #[must_use]
    pub fn app_id(&self) -> u64 {
        self.shared.read(|model| model.config.app_id)
    }

    /// The App's private key.
    #[must_use]
    pub fn private_key_pem(&self) -> String {
        self.shared.read(|model| model.key.private_pem.clone())
    }

    /// What webhooks are signed with.
    #[must_use]
    pub fn webhook_secret(&self) -> String {
        self.shared
            .read(|model| model.config.webhook_secret.clone())
    }

    /// The login under which the App comments.
    #[must_use]
    pub fn bot_login(&self) -> String {
        self.shared.read(Model::bot_login)
    }
}
