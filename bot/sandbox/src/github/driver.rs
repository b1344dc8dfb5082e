//! What people do: the hands of a test on the sandbox GitHub.
//!
//! People are named by their login; naming one is enough for them to exist. Every method does what
//! the click or the push would do, with all its consequences, and returns when GitHub would: when
//! the state has changed and the webhooks are queued, not when they were answered.

use serde_json::Value;

use super::GitHub;
use super::auth::Level;
use super::faults::{DeliveryFault, Fault, Order};
use super::git::{Change, Sha};
use super::model::{
    ACTIONS_APP_ID, CheckUpdate, MergeMethod, Model, NewCheckRun, NewPull, Output, Permission,
    Protection, ReviewState, Signal,
};
use super::packages::{PublishedPackage, WorkflowRun};
use super::refusal::{Outcome, Refusal};

/// Takes texts along to another thread.
fn own<const N: usize>(texts: [&str; N]) -> [String; N] {
    texts.map(str::to_owned)
}

fn changes(files: &[(&str, Option<&str>)]) -> Vec<Change> {
    files
        .iter()
        .map(|(path, content)| match content {
            Some(content) => Change::Write((*path).to_owned(), content.as_bytes().to_vec()),
            None => Change::Remove((*path).to_owned()),
        })
        .collect()
}

impl GitHub {
    /// Changes the state on a thread that may wait for git.
    async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Model) -> Outcome<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let shared = std::sync::Arc::clone(&self.shared);
        Ok(tokio::task::spawn_blocking(move || shared.change(act)).await??)
    }

    /// As [`Self::act`], in a repository.
    async fn act_in<T: Send + 'static>(
        &self,
        repo: &str,
        act: impl FnOnce(&mut Model, u64) -> Outcome<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let repo = repo.to_owned();
        self.act(move |model| {
            let id = model.find(&repo)?;
            act(model, id)
        })
        .await
    }

    /// Sets where webhooks go, from the next one on. The first time, GitHub pings it.
    pub fn set_hook_url(&self, url: &str) {
        self.shared.change(|model| {
            let first = model.hook_url.replace(url.to_owned()).is_none();
            if first {
                model.emit_ping();
            }
        });
    }

    /// Makes a private repository with these files on `main` and installs the App on it. A new
    /// owner is an organization.
    ///
    /// # Errors
    /// When it exists already, or git fails.
    pub async fn create_repo(&self, repo: &str, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let name = repo.to_owned();
        let changes: Vec<Change> = files
            .iter()
            .map(|(path, text)| Change::Write((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        self.act(move |model| model.create_repository(&name, &changes).map(drop))
            .await
    }

    /// Forks a repository to a person's account and gives the fork's name.
    ///
    /// # Errors
    /// When there is no such repository, or git fails.
    pub async fn fork(&self, repo: &str, user: &str) -> anyhow::Result<String> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            let fork = model.fork_repository(id, &user)?;
            Ok(model.repo(fork)?.full_name())
        })
        .await
    }

    /// Makes a repository public or private.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn set_private(&self, repo: &str, private: bool) -> anyhow::Result<()> {
        self.act_in(repo, move |model, id| {
            model.repo_mut(id)?.private = private;
            Ok(())
        })
        .await
    }

    /// Takes the App off a repository.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn uninstall(&self, repo: &str) -> anyhow::Result<()> {
        self.act_in(repo, |model, id| {
            model.uninstall(id);
            Ok(())
        })
        .await
    }

    /// Changes what every installation grants the App, such as `("checks", None)`.
    ///
    /// # Errors
    /// When the level is no word of GitHub's.
    pub async fn grant(&self, permission: &str, level: Option<&str>) -> anyhow::Result<()> {
        let level = match level {
            Some(word) => Some(
                Level::parse(word)
                    .ok_or_else(|| Refusal::unprocessable(format!("{word} is no level")))?,
            ),
            None => None,
        };
        let permission = permission.to_owned();
        self.act(move |model| {
            for installation in &mut model.installations {
                match level {
                    Some(level) => installation.permissions.insert(permission.clone(), level),
                    None => installation.permissions.remove(&permission),
                };
            }
            Ok(())
        })
        .await
    }

    /// Sets what a person may do: `none`, `read`, `triage`, `write`, `maintain` or `admin`.
    ///
    /// # Errors
    /// When the word is none of these, or there is no such repository.
    pub async fn set_permission(
        &self,
        repo: &str,
        user: &str,
        permission: &str,
    ) -> anyhow::Result<()> {
        let [user, word] = own([user, permission]);
        self.act_in(repo, move |model, id| {
            let permission = Permission::parse(&word)
                .ok_or_else(|| Refusal::unprocessable(format!("{word} is no permission")))?;
            model.meet(&user);
            let key = user.to_ascii_lowercase();
            model.repo_mut(id)?.permissions.insert(key, permission);
            Ok(())
        })
        .await
    }

    /// Puts a person into a team of an organization.
    ///
    /// # Errors
    /// Never for a valid name.
    pub async fn add_team_member(&self, org: &str, team: &str, user: &str) -> anyhow::Result<()> {
        let [org, team, user] = own([org, team, user]);
        self.act(move |model| model.add_team_member(&org, &team, &user))
            .await
    }

    /// Takes a person out of a team.
    ///
    /// # Errors
    /// When there is no such organization.
    pub async fn remove_team_member(
        &self,
        org: &str,
        team: &str,
        user: &str,
    ) -> anyhow::Result<()> {
        let [org, team, user] = own([org, team, user]);
        self.act(move |model| model.remove_team_member(&org, &team, &user))
            .await
    }

    /// Sets the rules of a branch.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn protect_branch(
        &self,
        repo: &str,
        branch: &str,
        rules: Protection,
    ) -> anyhow::Result<()> {
        let branch = branch.to_owned();
        self.act_in(repo, move |model, id| {
            model.repo_mut(id)?.protections.insert(branch, rules);
            Ok(())
        })
        .await
    }

    /// A token with which a person may call the API and push with git.
    #[must_use]
    pub fn person_token(&self, user: &str) -> String {
        self.shared.change(|model| model.person_token(user))
    }

    /// Commits on a branch (new: from the default branch) and pushes. No content removes a file.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn commit(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        files: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Sha> {
        self.commit_changes(repo, branch, author, message, changes(files))
            .await
    }

    /// As [`Self::commit`], with bytes and renames.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn commit_changes(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        changes: Vec<Change>,
    ) -> anyhow::Result<Sha> {
        let [branch, author, message] = own([branch, author, message]);
        self.act_in(repo, move |model, id| {
            model.commit(id, &branch, &author, &message, &changes)
        })
        .await
    }

    /// Throws away what a branch has over the default branch, commits anew, and pushes with force.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn force_push(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        files: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Sha> {
        let [branch, author, message] = own([branch, author, message]);
        let changes = changes(files);
        self.act_in(repo, move |model, id| {
            model.force_push(id, &branch, &author, &message, &changes)
        })
        .await
    }

    /// Deletes a branch; pull requests from it and into it are closed.
    ///
    /// # Errors
    /// When there is none, or the person may not push.
    pub async fn delete_branch(&self, repo: &str, branch: &str, user: &str) -> anyhow::Result<()> {
        let [branch, user] = own([branch, user]);
        self.act_in(repo, move |model, id| {
            model.delete_branch(id, &branch, &user)
        })
        .await
    }

    /// Opens a pull request. `head` is a branch, or `owner:branch` in a fork.
    ///
    /// # Errors
    /// When a branch is missing, nothing differs, or there is such a pull request already.
    pub async fn open_pull_request(
        &self,
        repo: &str,
        author: &str,
        head: &str,
        base: &str,
        title: &str,
        draft: bool,
    ) -> anyhow::Result<u64> {
        let [author, head, base, title] = own([author, head, base, title]);
        self.act_in(repo, move |model, id| {
            let new = NewPull {
                author: &author,
                head: &head,
                base: &base,
                title: &title,
                body: "",
                draft,
            };
            model.open_pull(id, &new)
        })
        .await
    }

    /// Opens a plain issue.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn open_issue(
        &self,
        repo: &str,
        author: &str,
        title: &str,
        body: &str,
    ) -> anyhow::Result<u64> {
        let [author, title, body] = own([author, title, body]);
        self.act_in(repo, move |model, id| {
            model.open_issue(id, &author, &title, &body)
        })
        .await
    }

    /// Comments on an issue or a pull request, and gives the comment's id.
    ///
    /// # Errors
    /// When there is no such issue, or the text is empty or too long.
    pub async fn comment(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        body: &str,
    ) -> anyhow::Result<u64> {
        let [user, body] = own([user, body]);
        self.act_in(repo, move |model, id| {
            model.create_comment(id, number, &user, &body)
        })
        .await
    }

    /// Edits a comment.
    ///
    /// # Errors
    /// When there is no such comment, or the text is empty or too long.
    pub async fn edit_comment(
        &self,
        repo: &str,
        comment: u64,
        user: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        let [user, body] = own([user, body]);
        self.act_in(repo, move |model, id| {
            model.edit_comment(id, comment, &user, &body)
        })
        .await
    }

    /// Deletes a comment.
    ///
    /// # Errors
    /// When there is no such comment.
    pub async fn delete_comment(&self, repo: &str, comment: u64, user: &str) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.delete_comment(id, comment, &user)
        })
        .await
    }

    /// Reviews a pull request's head; the word is `approve`, `request_changes` or `comment`.
    ///
    /// # Errors
    /// When the word is none of these, or the reviewer is the author.
    pub async fn review(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        verdict: &str,
    ) -> anyhow::Result<u64> {
        let state = ReviewState::parse(verdict)
            .ok_or_else(|| Refusal::unprocessable(format!("{verdict} is no review")))?;
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.review(id, number, &user, state, "")
        })
        .await
    }

    /// Dismisses a review.
    ///
    /// # Errors
    /// When there is no such review.
    pub async fn dismiss_review(
        &self,
        repo: &str,
        number: u64,
        review: u64,
        user: &str,
    ) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.dismiss_review(id, number, review, &user)
        })
        .await
    }

    /// Merges a pull request with a merge commit and gives it.
    ///
    /// # Errors
    /// When the person may not, the branches conflict, or a rule forbids it.
    pub async fn merge(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<Sha> {
        self.merge_as(repo, number, user, MergeMethod::Merge).await
    }

    /// Merges a pull request as one commit and gives it.
    ///
    /// # Errors
    /// As [`Self::merge`].
    pub async fn squash(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<Sha> {
        self.merge_as(repo, number, user, MergeMethod::Squash).await
    }

    async fn merge_as(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        method: MergeMethod,
    ) -> anyhow::Result<Sha> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.require(id, &user, Permission::Write)?;
            model.merge_pull(id, number, &user, method, None, None)
        })
        .await
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// When the person is neither the author nor may push.
    pub async fn close(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.require_author_or_write(id, number, &user)?;
            model.close_pull(id, number, &user)
        })
        .await
    }

    /// Reopens a closed pull request.
    ///
    /// # Errors
    /// When it was merged, its branch is gone, or the person may not.
    pub async fn reopen(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.require_author_or_write(id, number, &user)?;
            model.reopen_pull(id, number, &user)
        })
        .await
    }

    /// Turns a draft into a proper pull request, or back.
    ///
    /// # Errors
    /// When the person is neither the author nor may push.
    pub async fn set_draft(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        draft: bool,
    ) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.require_author_or_write(id, number, &user)?;
            model.set_draft(id, number, &user, draft)
        })
        .await
    }

    /// Marks a draft as ready for review.
    ///
    /// # Errors
    /// As [`Self::set_draft`].
    pub async fn mark_ready(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<()> {
        self.set_draft(repo, number, user, false).await
    }

    /// Retargets a pull request.
    ///
    /// # Errors
    /// When there is no such branch, or the person may not.
    pub async fn set_base(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        base: &str,
    ) -> anyhow::Result<()> {
        let [user, base] = own([user, base]);
        self.act_in(repo, move |model, id| {
            model.require_author_or_write(id, number, &user)?;
            model.edit_pull(id, number, &user, None, None, Some(&base))
        })
        .await
    }

    /// Retitles a pull request.
    ///
    /// # Errors
    /// When the person may not.
    pub async fn set_title(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        title: &str,
    ) -> anyhow::Result<()> {
        let [user, title] = own([user, title]);
        self.act_in(repo, move |model, id| {
            model.require_author_or_write(id, number, &user)?;
            model.edit_pull(id, number, &user, Some(&title), None, None)
        })
        .await
    }

    /// Presses a button of a check run.
    ///
    /// # Errors
    /// When there is no such button, or the person may not push.
    pub async fn press_button(
        &self,
        user: &str,
        check_run: u64,
        identifier: &str,
    ) -> anyhow::Result<()> {
        let [user, identifier] = own([user, identifier]);
        self.act(move |model| model.press_button(&user, check_run, &identifier))
            .await
    }

    /// Presses "Re-run" on a check run.
    ///
    /// # Errors
    /// When there is none, or the person may not push.
    pub async fn rerequest_check(&self, user: &str, check_run: u64) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act(move |model| model.rerequest_check(&user, check_run))
            .await
    }

    /// Presses "Re-run all checks" on a commit.
    ///
    /// # Errors
    /// When the App has no suite there, or the person may not push.
    pub async fn rerequest_suite(&self, repo: &str, user: &str, sha: &str) -> anyhow::Result<()> {
        let [user, sha] = own([user, sha]);
        self.act_in(repo, move |model, id| {
            model.rerequest_suite(id, &user, &sha)
        })
        .await
    }

    /// Lets CI report a check: with a conclusion it is complete, without it is in progress.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn ci_check(
        &self,
        repo: &str,
        sha: &str,
        name: &str,
        conclusion: Option<&str>,
    ) -> anyhow::Result<u64> {
        let [sha, name] = own([sha, name]);
        let conclusion = conclusion.map(str::to_owned);
        self.act_in(repo, move |model, id| {
            let new = NewCheckRun {
                head_sha: sha,
                rest: CheckUpdate {
                    status: Some("in_progress".to_owned()),
                    output: Some(Output::default()),
                    conclusion,
                    ..CheckUpdate::default()
                },
                name,
            };
            model.create_check_run(id, ACTIONS_APP_ID, new)
        })
        .await
    }

    /// Lets a person or a service set a commit status.
    ///
    /// # Errors
    /// When there is no such commit, the state is unknown, or the person may not push.
    pub async fn commit_status(
        &self,
        repo: &str,
        sha: &str,
        user: &str,
        context: &str,
        state: &str,
    ) -> anyhow::Result<u64> {
        let [sha, user, context, state] = own([sha, user, context, state]);
        self.act_in(repo, move |model, id| {
            model.require(id, &user, Permission::Write)?;
            let signal = Signal {
                state,
                context,
                description: None,
                target_url: None,
            };
            model.set_status(id, &user, &sha, signal)
        })
        .await
    }

    /// Tells that CI pushed an image.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn publish_package_event(
        &self,
        repo: &str,
        package: PublishedPackage,
    ) -> anyhow::Result<()> {
        self.act_in(repo, move |model, id| model.publish_package(id, &package))
            .await
    }

    /// Tells that a workflow run ended, and gives its id.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub async fn complete_workflow_run(&self, repo: &str, run: WorkflowRun) -> anyhow::Result<u64> {
        self.act_in(repo, move |model, id| model.complete_workflow(id, &run))
            .await
    }

    /// Sends a delivery once more, under its own GUID.
    ///
    /// # Errors
    /// When there was none.
    pub async fn redeliver(&self, guid: &str) -> anyhow::Result<()> {
        let guid = guid.to_owned();
        self.act(move |model| model.redeliver(&guid)).await
    }

    /// Sends any payload, signed, under a GUID of the test's choosing (nothing: a fresh one), and
    /// gives the GUID.
    pub fn deliver(&self, event: &str, payload: &Value, guid: Option<&str>) -> String {
        self.shared.change(|model| {
            let installation = payload["installation"]["id"].as_u64();
            let repository = payload["repository"]["id"].as_u64();
            let action = payload["action"].as_str().map(str::to_owned);
            let mut queued =
                super::webhooks::Queued::new(event, action, payload, installation, repository);
            if let Some(guid) = guid {
                guid.clone_into(&mut queued.guid);
            }
            let guid = queued.guid.clone();
            model.outbox.push_back(queued);
            guid
        })
    }

    /// Lets a request go wrong.
    pub fn fault(&self, fault: Fault) {
        self.shared.change(|model| model.faults.add(fault));
    }

    /// Lets deliveries go wrong.
    pub fn delivery_fault(&self, fault: DeliveryFault) {
        self.shared.change(|model| model.faults.add_delivery(fault));
    }

    /// Ends all faults. Held deliveries stay held until they are released.
    pub fn clear_faults(&self) {
        self.shared.change(|model| model.faults.clear());
    }

    /// Lets held deliveries go, and holds no more.
    pub fn release_deliveries(&self, order: Order) {
        self.shared.change(|model| model.release(order));
    }

    /// Switches the secondary limit on content-creating requests: so many a minute, or none.
    pub fn limit_content(&self, per_minute: Option<u32>) {
        self.shared
            .change(|model| model.faults.content_limit = per_minute);
    }

    /// An installation token, as the App would get it; for tests that call the API themselves.
    ///
    /// # Errors
    /// When the App is not installed there.
    pub async fn installation_token(&self, repo: &str) -> anyhow::Result<String> {
        self.act_in(repo, |model, id| {
            let installation = model
                .installation_of(id)
                .map(|installation| installation.id)
                .ok_or_else(Refusal::not_found)?;
            Ok(model.issue_token(installation, None, None)?.secret)
        })
        .await
    }
}
