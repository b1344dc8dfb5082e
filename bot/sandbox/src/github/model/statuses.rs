//! Commit statuses, and everything green or not about a commit.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::git::Sha;
use super::super::refusal::{Outcome, Refusal};
use super::{Model, Repository};

/// A commit status. Anyone who may push can set one.
#[derive(Clone, Debug)]
pub struct CommitStatus {
    /// Its number.
    pub id: u64,
    /// The commit.
    pub sha: Sha,
    /// `error`, `failure`, `pending` or `success`.
    pub state: String,
    /// Its name.
    pub context: String,
    /// A line of text.
    pub description: Option<String>,
    /// Where there is more to read.
    pub target_url: Option<String>,
    /// Who set it.
    pub creator: String,
    /// When.
    pub created_at: Timestamp,
}

/// What a status is made from.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
}

impl Repository {
    /// The newest status of each context of a commit.
    pub(crate) fn latest_statuses(&self, sha: &str) -> Vec<&CommitStatus> {
        let mut latest: Vec<&CommitStatus> = Vec::new();
        for status in self.statuses.iter().filter(|status| status.sha == sha) {
            latest.retain(|old| old.context != status.context);
            latest.push(status);
        }
        latest
    }

    /// Every check and status of a commit by name, and whether it is green.
    pub(crate) fn signals(&self, sha: &str) -> Vec<(String, bool)> {
        let mut signals: Vec<(String, bool)> = Vec::new();
        for run in self.check_runs(sha) {
            let green = matches!(
                run.conclusion.as_deref(),
                Some("success" | "neutral" | "skipped")
            );
            signals.retain(|(name, _)| *name != run.name);
            signals.push((run.name.clone(), green));
        }
        for status in self.latest_statuses(sha) {
            signals.push((status.context.clone(), status.state == "success"));
        }
        signals
    }
}

impl Model {
    pub(crate) fn set_status(
        &mut self,
        repo: u64,
        login: &str,
        sha: &str,
        signal: Signal,
    ) -> Outcome<u64> {
        if !["error", "failure", "pending", "success"].contains(&signal.state.as_str()) {
            return Err(Refusal::invalid(
                "Status",
                "state",
                "state is not included in the list",
            ));
        }
        let Some(sha) = self.repo(repo)?.git.tip(sha)? else {
            return Err(Refusal::unprocessable(format!(
                "No commit found for SHA: {sha}"
            )));
        };
        let (id, now) = (self.new_id(), self.now());
        let status = CommitStatus {
            id,
            sha: sha.clone(),
            state: signal.state,
            context: signal.context,
            description: signal.description,
            target_url: signal.target_url,
            creator: login.to_owned(),
            created_at: now,
        };
        let commit = self.commit_json(repo, &sha)?;
        let found = self.repo_mut(repo)?;
        let event: Value = json!({
            "id": id,
            "sha": sha,
            "name": found.full_name(),
            "target_url": status.target_url,
            "avatar_url": null,
            "context": status.context,
            "description": status.description,
            "state": status.state,
            "commit": commit,
            "branches": [],
            "created_at": super::stamp(now),
            "updated_at": super::stamp(now),
        });
        found.statuses.push(status);
        self.emit("status", repo, login, event)?;
        Ok(id)
    }
}
