//! The events that the model reports: their payloads, made of the same JSON as REST answers.

use serde_json::{Value, json};

use super::auth::Installation;
use super::git::ZERO;
use super::history::Commit;
use super::model::{AccountKind, Model, Repository, stamp};
use super::refusal::{Outcome, Refusal};
use super::view::merge_into;
use super::webhooks::Queued;

/// A push event lists no more commits than this.
const MOST_COMMITS: usize = 2048;

impl Model {
    /// Queues an event of a repository, if the App is installed there and subscribes to it.
    pub(super) fn emit(
        &mut self,
        event: &str,
        repo: u64,
        sender: &str,
        fields: Value,
    ) -> Outcome<()> {
        let Some(installation) = self.installation_of(repo).map(|found| found.id) else {
            return Ok(());
        };
        if !self.config.events.iter().any(|known| known == event) {
            return Ok(());
        }
        let owner = self.repo(repo)?.owner.clone();
        let mut payload = fields;
        let more = json!({
            "repository": self.repository_json(repo)?,
            "sender": self.user_json(sender),
            "installation": {
                "id": installation,
                "node_id": super::model::node_id("MDI", installation),
            },
        });
        merge_into(&mut payload, more);
        let kind = self.account(&owner).map(|account| account.kind);
        if kind == Some(AccountKind::Organization) {
            payload["organization"] = self.organization_json(&owner);
        }
        self.queue(event, &payload, Some(installation), Some(repo));
        Ok(())
    }

    /// Hands an event to the deliveries. An App without a hook URL gets none.
    pub(super) fn queue(
        &mut self,
        event: &str,
        payload: &Value,
        installation: Option<u64>,
        repository: Option<u64>,
    ) {
        if self.hook_url.is_none() {
            return;
        }
        let action = payload["action"].as_str().map(str::to_owned);
        let queued = Queued::new(event, action, payload, installation, repository);
        self.outbox.push_back(queued);
    }

    pub(super) fn emit_ping(&mut self) {
        let hook = json!({
            "type": "App",
            "id": 1,
            "name": "web",
            "active": true,
            "events": self.config.events,
            "config": {
                "content_type": "json", "insecure_ssl": "0",
                "url": self.hook_url, "secret": "********",
            },
            "updated_at": stamp(self.now()),
            "created_at": stamp(self.now()),
            "app_id": self.config.app_id,
        });
        let payload = json!({ "zen": "Keep it logically awesome.", "hook_id": 1, "hook": hook });
        self.queue("ping", &payload, None, None);
    }

    fn installation_and_sender(&self, id: u64) -> Outcome<(&Installation, Value, Value)> {
        let found = self
            .installations
            .iter()
            .find(|found| found.id == id)
            .ok_or_else(Refusal::not_found)?;
        let sender = self.user_json(&found.owner);
        Ok((found, self.installation_json(found), sender))
    }

    /// Tells that the App came to an owner.
    pub(super) fn emit_installed(&mut self, id: u64) -> Outcome<()> {
        let (found, installation, sender) = self.installation_and_sender(id)?;
        let repositories = found
            .repositories
            .iter()
            .map(|repo| self.repository_brief(*repo))
            .collect::<Outcome<Vec<Value>>>()?;
        let payload = json!({
            "action": "created",
            "installation": installation,
            "repositories": repositories,
            "sender": sender,
        });
        self.queue("installation", &payload, Some(id), None);
        Ok(())
    }

    /// Tells that the App's installation was given one more repository, or lost one.
    pub(super) fn emit_repositories(&mut self, id: u64, action: &str, repo: u64) -> Outcome<()> {
        let (_, installation, sender) = self.installation_and_sender(id)?;
        let brief = json!([self.repository_brief(repo)?]);
        let (added, removed) = if action == "added" {
            (brief, json!([]))
        } else {
            (json!([]), brief)
        };
        let payload = json!({
            "action": action,
            "installation": installation,
            "repository_selection": "selected",
            "repositories_added": added,
            "repositories_removed": removed,
            "requester": null,
            "sender": sender,
        });
        self.queue("installation_repositories", &payload, Some(id), None);
        Ok(())
    }

    pub(super) fn emit_pull(
        &mut self,
        repo: u64,
        number: u64,
        action: &str,
        sender: &str,
        more: Value,
    ) -> Outcome<()> {
        let mut payload = json!({
            "action": action,
            "number": number,
            "pull_request": self.pull_full_json(repo, number)?,
        });
        merge_into(&mut payload, more);
        self.emit("pull_request", repo, sender, payload)
    }

    pub(super) fn emit_comment(
        &mut self,
        repo: u64,
        id: u64,
        action: &str,
        sender: &str,
        more: Value,
    ) -> Outcome<()> {
        let comment = self.comment(repo, id)?;
        let mut payload = json!({
            "action": action,
            "issue": self.issue_json(repo, comment.number)?,
            "comment": self.comment_json(repo, comment)?,
        });
        merge_into(&mut payload, more);
        self.emit("issue_comment", repo, sender, payload)
    }

    pub(super) fn emit_review(
        &mut self,
        repo: u64,
        number: u64,
        review: u64,
        action: &str,
        sender: &str,
    ) -> Outcome<()> {
        let pull = self.pull(repo, number)?;
        let found = pull
            .reviews
            .iter()
            .find(|found| found.id == review)
            .ok_or_else(Refusal::not_found)?;
        let mut review = self.review_json(repo, pull, found)?;
        // REST shouts, events do not.
        review["state"] = json!(found.state.as_str().to_ascii_lowercase());
        if found.body.is_empty() {
            review["body"] = Value::Null;
        }
        let payload = json!({
            "action": action,
            "review": review,
            "pull_request": self.pull_json(repo, number)?,
        });
        self.emit("pull_request_review", repo, sender, payload)
    }

    /// An event of a check run. Without a sender it comes from the App that made the run.
    pub(super) fn emit_check(
        &mut self,
        repo: u64,
        id: u64,
        action: &str,
        sender: Option<&str>,
        more: Value,
    ) -> Outcome<()> {
        let run = self.run(repo, id)?;
        let bot = self
            .apps
            .get(&run.app)
            .map(|app| format!("{}[bot]", app.slug))
            .unwrap_or_default();
        let mut payload = json!({
            "action": action,
            "check_run": self.check_run_event_json(repo, run)?,
        });
        merge_into(&mut payload, more);
        self.emit("check_run", repo, sender.unwrap_or(&bot), payload)
    }

    pub(super) fn emit_suite(
        &mut self,
        repo: u64,
        id: u64,
        action: &str,
        sender: &str,
    ) -> Outcome<()> {
        let payload = json!({ "action": action, "check_suite": self.suite_json(repo, id)? });
        self.emit("check_suite", repo, sender, payload)
    }

    pub(super) fn emit_push(
        &mut self,
        repo: u64,
        branch: &str,
        before: &str,
        after: &str,
        sender: &str,
    ) -> Outcome<()> {
        if self.installation_of(repo).is_none() {
            return Ok(());
        }
        let found = self.repo(repo)?;
        let (created, deleted) = (before == ZERO, after == ZERO);
        let forced = !created && !deleted && !found.git.is_ancestor(before, after)?;
        let full_name = found.full_name();
        let commits = pushed(found, before, after)?
            .iter()
            .map(|commit| self.pushed_commit_json(repo, commit))
            .collect::<Outcome<Vec<Value>>>()?;
        let payload = json!({
            "ref": format!("refs/heads/{branch}"),
            "before": before,
            "after": after,
            "created": created,
            "deleted": deleted,
            "forced": forced,
            "base_ref": null,
            "compare": self.html(&format!("/{full_name}/compare/{before}...{after}")),
            "head_commit": commits.last(),
            "commits": commits,
            "pusher": { "name": sender, "email": self.signature(sender).email },
        });
        self.emit("push", repo, sender, payload)
    }

    fn pushed_commit_json(&self, repo: u64, commit: &Commit) -> Outcome<Value> {
        let found = self.repo(repo)?;
        let files = match commit.parents.first() {
            Some(parent) => found.git.diff(parent, &commit.sha, false)?,
            None => Vec::new(),
        };
        // A push speaks of a rename as of a removal and an addition.
        let (mut added, mut removed, mut modified) = (Vec::new(), Vec::new(), Vec::new());
        for file in &files {
            match file.status {
                "modified" => modified.push(file.path.as_str()),
                "removed" => removed.push(file.path.as_str()),
                _ => added.push(file.path.as_str()),
            }
            removed.extend(file.previous.as_deref());
        }
        let mut value = Self::commit_brief(commit);
        for (role, who) in [("author", &commit.author), ("committer", &commit.committer)] {
            value[role]["username"] = json!(who.name);
        }
        let url = self.html(&format!("/{}/commit/{}", found.full_name(), commit.sha));
        let more = json!({
            "distinct": true, "url": url,
            "added": added, "removed": removed, "modified": modified,
        });
        merge_into(&mut value, more);
        Ok(value)
    }
}

/// The commits that a push brought, oldest first.
fn pushed(repo: &Repository, before: &str, after: &str) -> Outcome<Vec<Commit>> {
    if after == ZERO {
        return Ok(Vec::new());
    }
    let tip = repo.branches.get(&repo.default_branch);
    let range = match tip.filter(|tip| *tip != after) {
        _ if before != ZERO => format!("{before}..{after}"),
        // A new branch brings what the default branch does not have.
        Some(tip) => format!("{tip}..{after}"),
        None => after.to_owned(),
    };
    let mut commits = repo.git.log(&range, MOST_COMMITS)?;
    commits.reverse();
    Ok(commits)
}
