//! Pull requests and plain issues.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::git::Sha;
use super::super::refusal::{Outcome, Refusal};
use super::{Model, Permission, Review};

/// One end of a pull request.
#[derive(Clone, Debug)]
pub struct Side {
    /// The number of the repository it is in.
    pub repo: u64,
    /// The branch.
    pub branch: String,
    /// For the head: its tip. For the base: the tip **when the head last moved**; GitHub does not
    /// follow the base here.
    pub sha: Sha,
}

/// How a pull request ended, if it was merged.
#[derive(Clone, Debug)]
pub struct Merged {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The commit on the base branch.
    pub sha: Sha,
}

/// A pull request.
#[derive(Clone, Debug)]
pub struct PullRequest {
    /// Its global number.
    pub id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its description.
    pub body: String,
    /// Who opened it.
    pub author: String,
    /// Where the change is.
    pub head: Side,
    /// Where it is to go.
    pub base: Side,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it was closed or merged; nothing while open.
    pub closed_at: Option<Timestamp>,
    /// How it was merged, if it was.
    pub merged: Option<Merged>,
    /// Whether it merges without conflict.
    pub mergeable: bool,
    /// How many more reads find GitHub still working that out.
    pub(crate) unknown_reads: u32,
    /// While open: the test merge at `refs/pull/N/merge`. After: the merge commit.
    pub merge_commit_sha: Option<Sha>,
    /// Reviews, oldest first.
    pub reviews: Vec<Review>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl PullRequest {
    /// Neither closed nor merged.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }

    /// Whether the head is in another repository.
    #[must_use]
    pub fn is_from_fork(&self) -> bool {
        self.head.repo != self.base.repo
    }
}

/// A plain issue.
#[derive(Clone, Debug)]
pub struct Issue {
    /// Its global number.
    pub id: u64,
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// Who opened it.
    pub author: String,
    /// How often it was edited.
    pub edits: u32,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was closed, if it is.
    pub closed_at: Option<Timestamp>,
}

/// What opening a pull request needs.
pub(crate) struct NewPull<'a> {
    pub(crate) author: &'a str,
    /// `branch`, or `owner:branch` for a fork.
    pub(crate) head: &'a str,
    pub(crate) base: &'a str,
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
    pub(crate) draft: bool,
}

impl Model {
    pub(crate) fn pull(&self, repo: u64, number: u64) -> Outcome<&PullRequest> {
        self.repo(repo)?
            .pulls
            .get(&number)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn pull_mut(&mut self, repo: u64, number: u64) -> Outcome<&mut PullRequest> {
        self.repo_mut(repo)?
            .pulls
            .get_mut(&number)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn open_issue(
        &mut self,
        repo: u64,
        author: &str,
        title: &str,
        body: &str,
    ) -> Outcome<u64> {
        Self::issue_fits(Some(title), Some(body))?;
        self.meet(author);
        let (id, now) = (self.new_id(), self.now());
        let found = self.repo_mut(repo)?;
        let number = found.number();
        found.issues.insert(
            number,
            Issue {
                id,
                number,
                title: title.to_owned(),
                body: body.to_owned(),
                author: author.to_owned(),
                edits: 0,
                created_at: now,
                updated_at: now,
                closed_at: None,
            },
        );
        let issue = self.issue_json(repo, number)?;
        self.emit(
            "issues",
            repo,
            author,
            json!({ "action": "opened", "issue": issue }),
        )?;
        Ok(number)
    }

    pub(crate) fn open_pull(&mut self, repo: u64, new: &NewPull<'_>) -> Outcome<u64> {
        self.meet(new.author);
        let (head_repo, branch) = self.find_head(repo, new.head)?;
        let head_sha = self.branch_tip(head_repo, branch, "head")?;
        let base_sha = self.branch_tip(repo, new.base, "base")?;
        self.check_pull_is_new(repo, head_repo, branch, new.base, &head_sha, &base_sha)?;
        let (id, now) = (self.new_id(), self.now());
        let found = self.repo_mut(repo)?;
        let number = found.number();
        found.pulls.insert(
            number,
            PullRequest {
                id,
                number,
                title: new.title.to_owned(),
                body: new.body.to_owned(),
                author: new.author.to_owned(),
                head: Side {
                    repo: head_repo,
                    branch: branch.to_owned(),
                    sha: head_sha,
                },
                base: Side {
                    repo,
                    branch: new.base.to_owned(),
                    sha: base_sha,
                },
                draft: new.draft,
                closed_at: None,
                merged: None,
                mergeable: false,
                unknown_reads: 0,
                merge_commit_sha: None,
                reviews: Vec::new(),
                created_at: now,
                updated_at: now,
            },
        );
        self.refresh_merge(repo, number)?;
        self.emit_pull(repo, number, "opened", new.author, json!({}))?;
        Ok(number)
    }

    fn find_head<'a>(&self, repo: u64, head: &'a str) -> Outcome<(u64, &'a str)> {
        let Some((owner, branch)) = head.split_once(':') else {
            return Ok((repo, head));
        };
        let base = self.repo(repo)?;
        if base.owner.eq_ignore_ascii_case(owner) {
            return Ok((repo, branch));
        }
        self.repositories
            .values()
            .find(|other| other.parent == Some(repo) && other.owner.eq_ignore_ascii_case(owner))
            .map(|other| (other.id, branch))
            .ok_or_else(|| Refusal::invalid("PullRequest", "head", "invalid"))
    }

    fn branch_tip(&self, repo: u64, branch: &str, field: &str) -> Outcome<Sha> {
        self.repo(repo)?
            .branches
            .get(branch)
            .cloned()
            .ok_or_else(|| Refusal::invalid("PullRequest", field, "invalid"))
    }

    fn check_pull_is_new(
        &self,
        repo: u64,
        head_repo: u64,
        branch: &str,
        base: &str,
        head_sha: &str,
        base_sha: &str,
    ) -> Outcome<()> {
        let found = self.repo(repo)?;
        let twin = found.pulls.values().any(|pull| {
            pull.is_open()
                && pull.head.repo == head_repo
                && pull.head.branch == branch
                && pull.base.branch == base
        });
        if twin {
            return Err(Refusal::invalid(
                "PullRequest",
                "base",
                format!(
                    "A pull request already exists for {}:{branch}.",
                    found.owner
                ),
            ));
        }
        let head_git = &self.repo(head_repo)?.git;
        if head_sha == base_sha || head_git.is_ancestor(head_sha, base_sha)? {
            return Err(Refusal::invalid(
                "PullRequest",
                "head",
                format!("No commits between {base} and {branch}"),
            ));
        }
        Ok(())
    }

    pub(crate) fn close_pull(&mut self, repo: u64, number: u64, login: &str) -> Outcome<()> {
        self.meet(login);
        let now = self.now();
        let pull = self.pull_mut(repo, number)?;
        if !pull.is_open() {
            return Ok(());
        }
        (pull.closed_at, pull.updated_at) = (Some(now), now);
        self.emit_pull(repo, number, "closed", login, json!({}))
    }

    pub(crate) fn reopen_pull(&mut self, repo: u64, number: u64, login: &str) -> Outcome<()> {
        self.meet(login);
        let now = self.now();
        let pull = self.pull(repo, number)?;
        if pull.merged.is_some() {
            return Err(Refusal::invalid(
                "PullRequest",
                "state",
                "state cannot be changed. The pull request is merged.",
            ));
        }
        if pull.is_open() {
            return Ok(());
        }
        let (head_repo, branch) = (pull.head.repo, pull.head.branch.clone());
        let tip = self.branch_tip(head_repo, &branch, "head")?;
        let pull = self.pull_mut(repo, number)?;
        (pull.closed_at, pull.updated_at, pull.head.sha) = (None, now, tip);
        self.remember_base(repo, number)?;
        self.refresh_merge(repo, number)?;
        self.emit_pull(repo, number, "reopened", login, json!({}))
    }

    pub(crate) fn set_draft(
        &mut self,
        repo: u64,
        number: u64,
        login: &str,
        draft: bool,
    ) -> Outcome<()> {
        let now = self.now();
        let pull = self.pull_mut(repo, number)?;
        if pull.draft == draft {
            return Ok(());
        }
        (pull.draft, pull.updated_at) = (draft, now);
        let action = if draft {
            "converted_to_draft"
        } else {
            "ready_for_review"
        };
        self.emit_pull(repo, number, action, login, json!({}))
    }

    /// Retargets, retitles or rewrites a pull request: the event `edited` with what was before.
    pub(crate) fn edit_pull(
        &mut self,
        repo: u64,
        number: u64,
        login: &str,
        title: Option<&str>,
        body: Option<&str>,
        base: Option<&str>,
    ) -> Outcome<()> {
        let mut changes = serde_json::Map::new();
        let now = self.now();
        let new_base = match base {
            Some(branch) => Some((branch, self.branch_tip(repo, branch, "base")?)),
            None => None,
        };
        let pull = self.pull_mut(repo, number)?;
        if let Some(title) = title.filter(|title| *title != pull.title) {
            let old = std::mem::replace(&mut pull.title, title.to_owned());
            changes.insert("title".to_owned(), json!({ "from": old }));
        }
        if let Some(body) = body.filter(|body| *body != pull.body) {
            let old = std::mem::replace(&mut pull.body, body.to_owned());
            changes.insert("body".to_owned(), json!({ "from": old }));
        }
        if let Some((branch, sha)) = new_base.filter(|(branch, _)| *branch != pull.base.branch) {
            let old_branch = std::mem::replace(&mut pull.base.branch, branch.to_owned());
            let old_sha = std::mem::replace(&mut pull.base.sha, sha);
            changes.insert(
                "base".to_owned(),
                json!({ "ref": { "from": old_branch }, "sha": { "from": old_sha } }),
            );
        }
        if changes.is_empty() {
            return Ok(());
        }
        pull.updated_at = now;
        self.refresh_merge(repo, number)?;
        let changes = Value::Object(changes);
        self.emit_pull(repo, number, "edited", login, json!({ "changes": changes }))
    }

    /// Refuses whoever may neither push nor is the author: those may not run this pull request.
    pub(crate) fn require_author_or_write(
        &self,
        repo: u64,
        number: u64,
        login: &str,
    ) -> Outcome<()> {
        if self.pull(repo, number)?.author.eq_ignore_ascii_case(login) {
            return Ok(());
        }
        self.require(repo, login, Permission::Write)
    }
}
