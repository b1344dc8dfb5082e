//! A repository: its git, its branches as GitHub last saw them, and what hangs on it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::super::git::{Change, Git, Sha};
use super::super::refusal::{Outcome, Refusal};
use super::{
    AccountKind, CheckRun, CheckSuite, Comment, CommitStatus, Deployment, Issue, Model, Permission,
    PullRequest,
};

/// The rules of a protected branch.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// The checks and statuses that must be green before a merge.
    pub required_checks: Vec<String>,
    /// Whether the head must contain the base's tip.
    pub strict: bool,
    /// How many approvals a merge needs.
    pub approvals: usize,
}

/// A repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// Its number.
    pub id: u64,
    /// Its owner's login.
    pub owner: String,
    /// Its name, without the owner.
    pub name: String,
    /// Whether only those with access see it.
    pub private: bool,
    /// Usually `main`.
    pub default_branch: String,
    /// The repository it was forked from.
    pub parent: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a branch last moved.
    pub pushed_at: Timestamp,
    /// What each person may do, by lower-case login.
    pub permissions: BTreeMap<String, Permission>,
    /// Protected branches.
    pub protections: BTreeMap<String, Protection>,
    /// The tip of each branch.
    pub branches: BTreeMap<String, Sha>,
    /// Pull requests by number.
    pub pulls: BTreeMap<u64, PullRequest>,
    /// Plain issues by number.
    pub issues: BTreeMap<u64, Issue>,
    /// Comments on issues and pull requests, oldest first.
    pub comments: Vec<Comment>,
    /// Check runs, oldest first.
    pub check_runs: Vec<CheckRun>,
    /// Check suites, oldest first.
    pub check_suites: Vec<CheckSuite>,
    /// Commit statuses, oldest first.
    pub statuses: Vec<CommitStatus>,
    /// Deployments, oldest first.
    pub deployments: Vec<Deployment>,
    pub(crate) git: Git,
    pub(super) next_number: u64,
}

impl Repository {
    /// `owner/name`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The pull request with this number.
    #[must_use]
    pub fn pull(&self, number: u64) -> Option<&PullRequest> {
        self.pulls.get(&number)
    }

    /// The comments on an issue or a pull request, oldest first.
    pub fn comments(&self, number: u64) -> impl Iterator<Item = &Comment> {
        self.comments
            .iter()
            .filter(move |comment| comment.number == number)
    }

    /// The check runs of a commit, oldest first.
    pub fn check_runs(&self, sha: &str) -> impl Iterator<Item = &CheckRun> {
        let sha = sha.to_owned();
        self.check_runs
            .iter()
            .filter(move |run| run.head_sha == sha)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    /// The commit that a branch, a tag, a ref or a SHA names.
    pub(crate) fn resolve(&self, name: &str) -> Outcome<Option<Sha>> {
        if let Some(sha) = self.branches.get(name) {
            return Ok(Some(sha.clone()));
        }
        let name = match name.split_once('/') {
            Some(("heads" | "tags" | "pull", _)) => format!("refs/{name}"),
            _ => name.to_owned(),
        };
        Ok(self.git.tip(&name)?)
    }
}

impl Model {
    /// Makes a repository with one commit and installs the App on it.
    pub(crate) fn create_repository(
        &mut self,
        full_name: &str,
        changes: &[Change],
    ) -> Outcome<u64> {
        let (owner, name) = full_name
            .split_once('/')
            .ok_or_else(|| Refusal::invalid("Repository", "name", "is not owner/name"))?;
        if self.repository(full_name).is_some() {
            return Err(Refusal::invalid(
                "Repository",
                "name",
                "name already exists on this account",
            ));
        }
        self.accounts_add(owner, AccountKind::Organization);
        let id = self.new_id();
        let git = Git::init(self.root.join(format!("{id}.git")), "main")?;
        let sha = git.commit(
            "main",
            None,
            &self.signature(owner),
            "Initial commit",
            changes,
        )?;
        let mut repository = self.blank(id, owner, name, git);
        repository.branches.insert("main".to_owned(), sha);
        self.repositories.insert(id, repository);
        self.install(owner, id)?;
        Ok(id)
    }

    /// Forks a repository to a person's own account, where the App is not installed.
    pub(crate) fn fork_repository(&mut self, parent: u64, login: &str) -> Outcome<u64> {
        self.meet(login);
        let from = self.repo(parent)?;
        let (name, source) = (from.name.clone(), from.git.clone());
        let (branches, default_branch) = (from.branches.clone(), from.default_branch.clone());
        let full_name = format!("{login}/{name}");
        if let Some(existing) = self.repository(&full_name) {
            return Ok(existing.id);
        }
        let id = self.new_id();
        let git = Git::init(self.root.join(format!("{id}.git")), &default_branch)?;
        git.fork(&source)?;
        let mut repository = self.blank(id, login, &name, git);
        repository.branches = branches;
        repository.default_branch = default_branch;
        repository.parent = Some(parent);
        self.repositories.insert(id, repository);
        let forkee = self.repository_json(id)?;
        self.emit("fork", parent, login, json!({ "forkee": forkee }))?;
        Ok(id)
    }

    fn blank(&self, id: u64, owner: &str, name: &str, git: Git) -> Repository {
        Repository {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            private: true,
            default_branch: "main".to_owned(),
            parent: None,
            created_at: self.now(),
            pushed_at: self.now(),
            permissions: BTreeMap::new(),
            protections: BTreeMap::new(),
            branches: BTreeMap::new(),
            pulls: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: Vec::new(),
            check_runs: Vec::new(),
            check_suites: Vec::new(),
            statuses: Vec::new(),
            deployments: Vec::new(),
            git,
            next_number: 0,
        }
    }
}
