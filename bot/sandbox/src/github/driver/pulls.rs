//! Pull requests, issues, comments and reviews.

use super::super::GitHub;
use super::super::git::Sha;
use super::super::model::{IssueEdit, MergeMethod, NewPull, Permission, ReviewState};
use super::super::refusal::Refusal;
use super::own;

impl GitHub {
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

    /// Closes an issue, or opens it again.
    ///
    /// # Errors
    /// When there is no such issue.
    pub async fn set_issue_open(
        &self,
        repo: &str,
        number: u64,
        user: &str,
        open: bool,
    ) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            let edit = IssueEdit {
                open: Some(open),
                ..IssueEdit::default()
            };
            model.edit_issue(id, number, &user, edit)
        })
        .await
    }

    /// Deletes an issue with its comments.
    ///
    /// # Errors
    /// When there is no such issue.
    pub async fn delete_issue(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| model.delete_issue(id, number, &user))
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

    /// Puts a pull request into the merge queue and gives the commit that its checks are asked for
    /// on. The queue goes no further by itself.
    ///
    /// # Errors
    /// When the person may not, the branches conflict, or a rule forbids it.
    pub async fn enqueue(&self, repo: &str, number: u64, user: &str) -> anyhow::Result<Sha> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            model.require(id, &user, Permission::Write)?;
            model.enqueue_pull(id, number, &user)
        })
        .await
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
}
