//! The events that the model reports: their payloads, made of the same JSON as REST answers.

use serde_json::{Value, json};

use super::diff::FileChange;
use super::git::ZERO;
use super::model::{AccountKind, Model, PullRequest, stamp};
use super::refusal::{Outcome, Refusal};
use super::view::merge_into;
use super::webhooks::Queued;

impl Model {
    /// Queues an event of a repository, if the App is installed there.
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

    /// Tells that the App came to an owner, or with `added` to one more repository of theirs.
    pub(super) fn emit_installed(&mut self, id: u64, added: Option<u64>) -> Outcome<()> {
        let found = self
            .installations
            .iter()
            .find(|found| found.id == id)
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        let installation = self.installation_json(&found);
        let sender = self.user_json(&found.owner);
        if let Some(repo) = added {
            let payload = json!({
                "action": "added",
                "installation": installation,
                "repository_selection": "selected",
                "repositories_added": [self.repository_brief(repo)?],
                "repositories_removed": [],
                "requester": null,
                "sender": sender,
            });
            self.queue("installation_repositories", &payload, Some(id), None);
            return Ok(());
        }
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
        let range = match (created, deleted) {
            (_, true) => None,
            (true, _) => {
                let base = found
                    .branches
                    .get(&found.default_branch)
                    .filter(|base| *base != after);
                Some(base.map_or_else(|| after.to_owned(), |base| format!("{base}..{after}")))
            }
            _ => Some(format!("{before}..{after}")),
        };
        let mut commits = match range {
            Some(range) => found.git.log(&range, 2048)?,
            None => Vec::new(),
        };
        commits.reverse();
        let full_name = found.full_name();
        let mut list = Vec::with_capacity(commits.len());
        for commit in &commits {
            let mut value = Self::commit_brief(commit);
            let files = match commit.parents.first() {
                Some(parent) => found.git.diff(parent, &commit.sha, false)?,
                None => Vec::new(),
            };
            let of = |status: &str| -> Vec<&str> {
                files
                    .iter()
                    .filter(|file| file.status == status)
                    .map(|file| file.path.as_str())
                    .collect()
            };
            let renamed: Vec<&FileChange> = files
                .iter()
                .filter(|file| file.status == "renamed")
                .collect();
            let mut added = of("added");
            added.extend(renamed.iter().map(|file| file.path.as_str()));
            let mut removed = of("removed");
            removed.extend(renamed.iter().filter_map(|file| file.previous.as_deref()));
            merge_into(
                &mut value,
                json!({
                    "distinct": true,
                    "url": self.html(&format!("/{full_name}/commit/{}", commit.sha)),
                    "added": added,
                    "removed": removed,
                    "modified": of("modified"),
                }),
            );
            for (role, who) in [("author", &commit.author), ("committer", &commit.committer)] {
                value[role]["username"] = json!(who.name);
            }
            list.push(value);
        }
        let payload = json!({
            "ref": format!("refs/heads/{branch}"),
            "before": before,
            "after": after,
            "created": created,
            "deleted": deleted,
            "forced": forced,
            "base_ref": null,
            "compare": self.html(&format!("/{full_name}/compare/{before}...{after}")),
            "head_commit": list.last(),
            "commits": list,
            "pusher": { "name": sender, "email": self.signature(sender).email },
        });
        self.emit("push", repo, sender, payload)
    }

    /// The files that a pull request changes, against the merge base.
    pub(super) fn pull_files(
        &self,
        repo: u64,
        number: u64,
        patches: bool,
    ) -> Outcome<Vec<FileChange>> {
        let pull = self.pull(repo, number)?;
        let git = &self.repo(repo)?.git;
        let base = self.live_base(pull)?;
        let Some(from) = git.merge_base(&base, &pull.head.sha)? else {
            return Ok(Vec::new());
        };
        Ok(git.diff(&from, &pull.head.sha, patches)?)
    }

    /// The base to compare an open pull request with is the branch as it is now; for a closed one
    /// the branch as it was then.
    pub(super) fn live_base(&self, pull: &PullRequest) -> Outcome<String> {
        let branches = &self.repo(pull.base.repo)?.branches;
        Ok(branches
            .get(&pull.base.branch)
            .filter(|_| pull.merged.is_none())
            .unwrap_or(&pull.base.sha)
            .clone())
    }

    pub(super) fn pull_commits(&self, repo: u64, number: u64) -> Outcome<Vec<super::git::Commit>> {
        let pull = self.pull(repo, number)?;
        let base = self.live_base(pull)?;
        let range = format!("{base}..{}", pull.head.sha);
        let mut commits = self.repo(repo)?.git.log(&range, 250)?;
        commits.reverse();
        Ok(commits)
    }
}
