//! Comments on issues and pull requests, and the reactions to them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::refusal::{Outcome, Refusal};
use super::Model;

/// A comment longer than this, in characters, is refused.
pub(super) const LONGEST_BODY: usize = 65_536;

/// One reaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// Its number.
    pub id: u64,
    /// Whose it is.
    pub user: String,
    /// GitHub's word for it, such as `+1`, `eyes` or `rocket`.
    pub content: String,
    /// When it was left.
    pub created_at: Timestamp,
}

/// A comment.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Of the issue or pull request.
    pub number: u64,
    /// Who wrote it.
    pub author: String,
    /// Its Markdown, as it is now.
    pub body: String,
    /// How often it was edited.
    pub edits: u32,
    /// Reactions, oldest first.
    pub reactions: Vec<Reaction>,
    /// Why it is folded away, if it is: `OUTDATED`, `RESOLVED`, …
    pub minimized: Option<String>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

impl Model {
    fn body_fits(body: &str) -> Outcome<()> {
        if body.trim().is_empty() {
            return Err(Refusal::invalid(
                "IssueComment",
                "body",
                "body can't be blank",
            ));
        }
        if body.chars().count() > LONGEST_BODY {
            return Err(Refusal::invalid(
                "IssueComment",
                "body",
                format!("body is too long (maximum is {LONGEST_BODY} characters)"),
            ));
        }
        Ok(())
    }

    pub(crate) fn comment(&self, repo: u64, id: u64) -> Outcome<&Comment> {
        self.repo(repo)?
            .comments
            .iter()
            .find(|comment| comment.id == id)
            .ok_or_else(Refusal::not_found)
    }

    fn comment_mut(&mut self, repo: u64, id: u64) -> Outcome<&mut Comment> {
        self.repo_mut(repo)?
            .comments
            .iter_mut()
            .find(|comment| comment.id == id)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn create_comment(
        &mut self,
        repo: u64,
        number: u64,
        author: &str,
        body: &str,
    ) -> Outcome<u64> {
        Self::body_fits(body)?;
        self.meet(author);
        let (id, now) = (self.new_id(), self.now());
        let found = self.repo_mut(repo)?;
        if !found.pulls.contains_key(&number) && !found.issues.contains_key(&number) {
            return Err(Refusal::not_found());
        }
        found.comments.push(Comment {
            id,
            number,
            author: author.to_owned(),
            body: body.to_owned(),
            edits: 0,
            reactions: Vec::new(),
            minimized: None,
            created_at: now,
            updated_at: now,
        });
        self.emit_comment(repo, id, "created", author, json!({}))?;
        Ok(id)
    }

    pub(crate) fn edit_comment(
        &mut self,
        repo: u64,
        id: u64,
        login: &str,
        body: &str,
    ) -> Outcome<()> {
        Self::body_fits(body)?;
        let now = self.now();
        let comment = self.comment_mut(repo, id)?;
        let old = std::mem::replace(&mut comment.body, body.to_owned());
        comment.edits += 1;
        comment.updated_at = now;
        let changes: Value = json!({ "changes": { "body": { "from": old } } });
        self.emit_comment(repo, id, "edited", login, changes)
    }

    pub(crate) fn delete_comment(&mut self, repo: u64, id: u64, login: &str) -> Outcome<()> {
        self.comment(repo, id)?;
        self.emit_comment(repo, id, "deleted", login, json!({}))?;
        self.repo_mut(repo)?
            .comments
            .retain(|comment| comment.id != id);
        Ok(())
    }

    /// Leaves a reaction. Says also whether it is new: each person has each reaction once.
    pub(crate) fn react(
        &mut self,
        repo: u64,
        comment: u64,
        login: &str,
        content: &str,
    ) -> Outcome<(Reaction, bool)> {
        const KNOWN: [&str; 8] = [
            "+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes",
        ];
        if !KNOWN.contains(&content) {
            return Err(Refusal::invalid(
                "Reaction",
                "content",
                "content is not included in the list",
            ));
        }
        self.meet(login);
        let (id, now) = (self.new_id(), self.now());
        let found = self.comment_mut(repo, comment)?;
        let old = found
            .reactions
            .iter()
            .find(|old| old.user == login && old.content == content);
        if let Some(old) = old {
            return Ok((old.clone(), false));
        }
        let reaction = Reaction {
            id,
            user: login.to_owned(),
            content: content.to_owned(),
            created_at: now,
        };
        found.reactions.push(reaction.clone());
        Ok((reaction, true))
    }

    pub(crate) fn unreact(&mut self, repo: u64, comment: u64, reaction: u64) -> Outcome<()> {
        let found = self.comment_mut(repo, comment)?;
        let before = found.reactions.len();
        found.reactions.retain(|old| old.id != reaction);
        if found.reactions.len() == before {
            return Err(Refusal::not_found());
        }
        Ok(())
    }

    /// Folds a comment away, or back out.
    pub(crate) fn minimize(&mut self, repo: u64, id: u64, reason: Option<String>) -> Outcome<()> {
        self.comment_mut(repo, id)?.minimized = reason;
        Ok(())
    }
}
