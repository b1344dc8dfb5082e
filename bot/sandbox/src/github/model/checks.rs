//! Check runs and the suites they belong to.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::git::Sha;
use super::super::refusal::{Outcome, Refusal};
use super::{Model, Permission};

/// A remark on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The file.
    pub path: String,
    /// The first line.
    pub start_line: u64,
    /// The last line.
    pub end_line: u64,
    /// `notice`, `warning` or `failure`.
    pub level: String,
    /// The text.
    pub message: String,
    /// A heading.
    pub title: Option<String>,
    /// More text.
    pub raw_details: Option<String>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it says.
    pub label: String,
    /// What it explains.
    pub description: String,
    /// What the App gets back when it is pressed.
    pub identifier: String,
}

/// What a check run shows.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// The heading.
    pub title: Option<String>,
    /// Markdown.
    pub summary: Option<String>,
    /// More Markdown.
    pub text: Option<String>,
    /// Remarks on lines; they only ever become more.
    pub annotations: Vec<Annotation>,
}

/// A check run.
#[derive(Clone, Debug)]
pub struct CheckRun {
    /// Its number.
    pub id: u64,
    /// The suite it belongs to.
    pub suite: u64,
    /// The App that made it.
    pub app: u64,
    /// The commit.
    pub head_sha: Sha,
    /// Its name.
    pub name: String,
    /// The App's own reference.
    pub external_id: String,
    /// Where there is more to read.
    pub details_url: Option<String>,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    /// How it ended; nothing until then.
    pub conclusion: Option<String>,
    /// When the work began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// What it shows.
    pub output: Output,
    /// Its buttons.
    pub actions: Vec<Action>,
    /// How often it was updated.
    pub updates: u32,
}

/// The check runs of one App on one commit.
#[derive(Clone, Debug)]
pub struct CheckSuite {
    /// Its number.
    pub id: u64,
    /// The App.
    pub app: u64,
    /// The commit.
    pub head_sha: Sha,
    /// The branch whose push made it.
    pub head_branch: Option<String>,
    /// The branch's tip before that push.
    pub before: Option<Sha>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The fields of an update; what is missing stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckUpdate {
    pub(crate) name: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) details_url: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) conclusion: Option<String>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
    pub(crate) output: Option<Output>,
    pub(crate) actions: Option<Vec<Action>>,
}

/// A check run to be.
#[derive(Clone, Debug)]
pub(crate) struct NewCheckRun {
    pub(crate) name: String,
    pub(crate) head_sha: String,
    pub(crate) rest: CheckUpdate,
}

impl Model {
    /// The check run with this id, in whichever repository.
    #[must_use]
    pub fn check_run(&self, id: u64) -> Option<(u64, &CheckRun)> {
        self.repositories.values().find_map(|repo| {
            let run = repo.check_runs.iter().find(|run| run.id == id)?;
            Some((repo.id, run))
        })
    }

    pub(crate) fn run(&self, repo: u64, id: u64) -> Outcome<&CheckRun> {
        self.repo(repo)?
            .check_runs
            .iter()
            .find(|run| run.id == id)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn suite(&self, repo: u64, id: u64) -> Outcome<&CheckSuite> {
        self.repo(repo)?
            .check_suites
            .iter()
            .find(|suite| suite.id == id)
            .ok_or_else(Refusal::not_found)
    }

    /// GitHub makes a suite for the App on every push.
    pub(super) fn suite_for_push(
        &mut self,
        repo: u64,
        branch: &str,
        before: &str,
        after: &str,
    ) -> Outcome<()> {
        let installed = self.installation_of(repo).is_some();
        let app = self.config.app_id;
        let known = self
            .repo(repo)?
            .check_suites
            .iter()
            .any(|suite| suite.app == app && suite.head_sha == after);
        if !installed || known {
            return Ok(());
        }
        let suite = self.add_suite(repo, app, after, Some(branch), Some(before))?;
        let sender = self.bot_login();
        self.emit_suite(repo, suite, "requested", &sender)
    }

    fn add_suite(
        &mut self,
        repo: u64,
        app: u64,
        sha: &str,
        branch: Option<&str>,
        before: Option<&str>,
    ) -> Outcome<u64> {
        let (id, now) = (self.new_id(), self.now());
        self.repo_mut(repo)?.check_suites.push(CheckSuite {
            id,
            app,
            head_sha: sha.to_owned(),
            head_branch: branch.map(str::to_owned),
            before: before.map(str::to_owned),
            created_at: now,
        });
        Ok(id)
    }

    pub(crate) fn create_check_run(
        &mut self,
        repo: u64,
        app: u64,
        new: NewCheckRun,
    ) -> Outcome<u64> {
        let found = self.repo(repo)?;
        let sha = match found.git.tip(&new.head_sha)? {
            Some(sha) if sha == new.head_sha => sha,
            _ => {
                return Err(Refusal::unprocessable(format!(
                    "No commit found for SHA: {}",
                    new.head_sha
                )));
            }
        };
        let suite = found
            .check_suites
            .iter()
            .find(|suite| suite.app == app && suite.head_sha == sha)
            .map(|suite| suite.id);
        let branch = found
            .branches
            .iter()
            .find(|(_, tip)| **tip == sha)
            .map(|(name, _)| name.clone());
        let suite = match suite {
            Some(suite) => suite,
            None => self.add_suite(repo, app, &sha, branch.as_deref(), None)?,
        };
        let (id, now) = (self.new_id(), self.now());
        let mut run = CheckRun {
            id,
            suite,
            app,
            head_sha: sha,
            name: new.name,
            external_id: String::new(),
            details_url: None,
            status: "queued".to_owned(),
            conclusion: None,
            started_at: now,
            completed_at: None,
            output: Output::default(),
            actions: Vec::new(),
            updates: 0,
        };
        run.apply(new.rest, now);
        let completed = run.status == "completed";
        self.repo_mut(repo)?.check_runs.push(run);
        self.emit_check(repo, id, "created", None, json!({}))?;
        if completed {
            self.emit_check(repo, id, "completed", None, json!({}))?;
        }
        Ok(id)
    }

    pub(crate) fn update_check_run(
        &mut self,
        repo: u64,
        app: u64,
        id: u64,
        update: CheckUpdate,
    ) -> Outcome<()> {
        let now = self.now();
        let run = self
            .repo_mut(repo)?
            .check_runs
            .iter_mut()
            .find(|run| run.id == id)
            .ok_or_else(Refusal::not_found)?;
        if run.app != app {
            return Err(Refusal::forbidden(
                "Invalid app_id `slipway` - check run can only be modified by the GitHub App that created it.",
            ));
        }
        let was_completed = run.status == "completed";
        run.apply(update, now);
        run.updates += 1;
        if run.status == "completed" && !was_completed {
            self.emit_check(repo, id, "completed", None, json!({}))?;
        }
        Ok(())
    }

    /// A person presses a button of a check run.
    pub(crate) fn press_button(&mut self, login: &str, id: u64, identifier: &str) -> Outcome<()> {
        self.meet(login);
        let (repo, run) = self.check_run(id).ok_or_else(Refusal::not_found)?;
        if !run
            .actions
            .iter()
            .any(|action| action.identifier == identifier)
        {
            return Err(Refusal::unprocessable(format!(
                "check run {id} has no button {identifier:?}"
            )));
        }
        // GitHub shows the buttons to those who may push.
        self.require(repo, login, Permission::Write)?;
        let more: Value = json!({ "requested_action": { "identifier": identifier } });
        self.emit_check(repo, id, "requested_action", Some(login), more)
    }

    /// A person presses "Re-run" on a check run.
    pub(crate) fn rerequest_check(&mut self, login: &str, id: u64) -> Outcome<()> {
        let (repo, run) = self.check_run(id).ok_or_else(Refusal::not_found)?;
        let is_own = run.app == self.config.app_id;
        self.require(repo, login, Permission::Write)?;
        if !is_own {
            // Only the App that made a check hears that it is to run again.
            return Ok(());
        }
        self.emit_check(repo, id, "rerequested", Some(login), json!({}))
    }

    /// A person presses "Re-run all checks".
    pub(crate) fn rerequest_suite(&mut self, repo: u64, login: &str, sha: &str) -> Outcome<()> {
        self.require(repo, login, Permission::Write)?;
        let app = self.config.app_id;
        let suite = self
            .repo(repo)?
            .check_suites
            .iter()
            .find(|suite| suite.app == app && suite.head_sha == sha)
            .map(|suite| suite.id)
            .ok_or_else(Refusal::not_found)?;
        self.emit_suite(repo, suite, "rerequested", login)
    }
}

impl CheckRun {
    fn apply(&mut self, update: CheckUpdate, now: Timestamp) {
        if let Some(name) = update.name {
            self.name = name;
        }
        if let Some(external_id) = update.external_id {
            self.external_id = external_id;
        }
        if update.details_url.is_some() {
            self.details_url = update.details_url;
        }
        if let Some(started_at) = update.started_at {
            self.started_at = started_at;
        }
        if let Some(output) = update.output {
            self.output.title = output.title.or(self.output.title.take());
            self.output.summary = output.summary.or(self.output.summary.take());
            self.output.text = output.text.or(self.output.text.take());
            self.output.annotations.extend(output.annotations);
        }
        if let Some(actions) = update.actions {
            self.actions = actions;
        }
        if let Some(status) = update.status {
            self.status = status;
        }
        if self.status != "completed" {
            (self.conclusion, self.completed_at) = (None, None);
        }
        // A conclusion (or an end) completes the run by itself.
        if let Some(conclusion) = update.conclusion {
            self.conclusion = Some(conclusion);
            self.status = "completed".to_owned();
            self.completed_at = Some(update.completed_at.unwrap_or(now));
        }
    }
}
