//! Plain issues: how they are edited, closed and opened again.

use serde_json::{Value, json};

use super::super::refusal::{Outcome, Refusal};
use super::Model;
use super::comments::LONGEST_BODY;

/// A title longer than this, in characters, is refused.
const LONGEST_TITLE: usize = 256;

/// What is to be otherwise about an issue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IssueEdit<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) body: Option<&'a str>,
    /// Whether it is to be open.
    pub(crate) open: Option<bool>,
}

impl Model {
    pub(super) fn issue_fits(title: Option<&str>, body: Option<&str>) -> Outcome<()> {
        if title.is_some_and(|title| title.trim().is_empty()) {
            let why = "title can't be blank";
            return Err(Refusal::invalid("Issue", "title", why));
        }
        if title.is_some_and(|title| title.chars().count() > LONGEST_TITLE) {
            let why = format!("title is too long (maximum is {LONGEST_TITLE} characters)");
            return Err(Refusal::invalid("Issue", "title", why));
        }
        if body.is_some_and(|body| body.chars().count() > LONGEST_BODY) {
            let why = format!("body is too long (maximum is {LONGEST_BODY} characters)");
            return Err(Refusal::invalid("Issue", "body", why));
        }
        Ok(())
    }

    /// Changes an issue. Tells of an edit only if a word changed, and of its end or beginning only
    /// if it was not so before.
    pub(crate) fn edit_issue(
        &mut self,
        repo: u64,
        number: u64,
        login: &str,
        edit: IssueEdit<'_>,
    ) -> Outcome<()> {
        Self::issue_fits(edit.title, edit.body)?;
        self.meet(login);
        let now = self.now();
        let issue = self
            .repo_mut(repo)?
            .issues
            .get_mut(&number)
            .ok_or_else(Refusal::not_found)?;
        let mut changes = serde_json::Map::new();
        for (name, new, kept) in [
            ("title", edit.title, &mut issue.title),
            ("body", edit.body, &mut issue.body),
        ] {
            if let Some(new) = new.filter(|new| new != kept) {
                let old = std::mem::replace(kept, new.to_owned());
                changes.insert(name.to_owned(), json!({ "from": old }));
            }
        }
        let moves = edit
            .open
            .filter(|open| *open == issue.closed_at.is_some())
            .map(|open| if open { "reopened" } else { "closed" });
        if !changes.is_empty() {
            issue.edits += 1;
        }
        if let Some(open) = edit.open.filter(|_| moves.is_some()) {
            issue.closed_at = (!open).then_some(now);
        }
        if !changes.is_empty() || moves.is_some() {
            issue.updated_at = now;
        }
        if !changes.is_empty() {
            let changes = Value::Object(changes);
            self.emit_issue(repo, number, "edited", login, Some(changes))?;
        }
        match moves {
            Some(action) => self.emit_issue(repo, number, action, login, None),
            None => Ok(()),
        }
    }

    fn emit_issue(
        &mut self,
        repo: u64,
        number: u64,
        action: &str,
        login: &str,
        changes: Option<Value>,
    ) -> Outcome<()> {
        let mut payload = json!({ "action": action, "issue": self.issue_json(repo, number)? });
        if let Some(changes) = changes {
            payload["changes"] = changes;
        }
        self.emit("issues", repo, login, payload)
    }

    /// Deletes an issue with its comments, as an administrator can.
    pub(crate) fn delete_issue(&mut self, repo: u64, number: u64, login: &str) -> Outcome<()> {
        if !self.repo(repo)?.issues.contains_key(&number) {
            return Err(Refusal::not_found());
        }
        self.emit_issue(repo, number, "deleted", login, None)?;
        let found = self.repo_mut(repo)?;
        found.issues.remove(&number);
        found.comments.retain(|comment| comment.number != number);
        Ok(())
    }
}
