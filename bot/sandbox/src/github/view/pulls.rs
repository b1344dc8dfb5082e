//! Pull requests, issues, comments, reactions and reviews.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::model::{
    Comment, Issue, Model, PullRequest, Reaction, Review, Side, node_id, stamp,
};
use super::super::refusal::{Outcome, Refusal};

impl Model {
    fn side_json(&self, side: &Side) -> Outcome<Value> {
        let owner = &self.repo(side.repo)?.owner;
        Ok(json!({
            "label": format!("{owner}:{}", side.branch),
            "ref": side.branch,
            "sha": side.sha,
            "user": self.user_json(owner),
            "repo": self.repository_json(side.repo)?,
        }))
    }

    /// A pull request as lists show it.
    pub(crate) fn pull_json(&self, repo: u64, number: u64) -> Outcome<Value> {
        let pull = self.pull(repo, number)?;
        let full_name = self.repo(repo)?.full_name();
        let url = self.api(&format!("/repos/{full_name}/pulls/{number}"));
        let issue = self.api(&format!("/repos/{full_name}/issues/{number}"));
        let html = self.html(&format!("/{full_name}/pull/{number}"));
        let statuses = self.api(&format!("/repos/{full_name}/statuses/{}", pull.head.sha));
        let links = json!({
            "self": { "href": url },
            "html": { "href": html },
            "issue": { "href": issue },
            "comments": { "href": format!("{issue}/comments") },
            "review_comments": { "href": format!("{url}/comments") },
            "review_comment": {
                "href": self.api(&format!("/repos/{full_name}/pulls/comments{{/number}}")),
            },
            "commits": { "href": format!("{url}/commits") },
            "statuses": { "href": statuses },
        });
        Ok(json!({
            "url": url,
            "id": pull.id,
            "node_id": node_id("PR", pull.id),
            "html_url": html,
            "diff_url": format!("{html}.diff"),
            "patch_url": format!("{html}.patch"),
            "issue_url": issue,
            "number": number,
            "state": if pull.is_open() { "open" } else { "closed" },
            "locked": false,
            "title": pull.title,
            "user": self.user_json(&pull.author),
            "body": text_or_null(&pull.body),
            "created_at": stamp(pull.created_at),
            "updated_at": stamp(pull.updated_at),
            "closed_at": pull.closed_at.map(stamp),
            "merged_at": pull.merged.as_ref().map(|merged| stamp(merged.at)),
            "merge_commit_sha": pull.merge_commit_sha,
            "assignee": null,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "labels": [],
            "milestone": null,
            "draft": pull.draft,
            "commits_url": format!("{url}/commits"),
            "review_comments_url": format!("{url}/comments"),
            "review_comment_url":
                self.api(&format!("/repos/{full_name}/pulls/comments{{/number}}")),
            "comments_url": format!("{issue}/comments"),
            "statuses_url": statuses,
            "head": self.side_json(&pull.head)?,
            "base": self.side_json(&pull.base)?,
            "_links": links,
            "author_association": self.association(repo, &pull.author),
            "auto_merge": null,
            "active_lock_reason": null,
        }))
    }

    /// A pull request with everything that only the single view has.
    pub(crate) fn pull_full_json(&self, repo: u64, number: u64) -> Outcome<Value> {
        let mut value = self.pull_json(repo, number)?;
        let pull = self.pull(repo, number)?;
        let found = self.repo(repo)?;
        let files = self.pull_files(repo, number, false)?;
        let commits = self.pull_commits(repo, number)?.len();
        let state = self.mergeable_state(found, pull)?;
        let more = json!({
            "merged": pull.merged.is_some(),
            "mergeable": pull.is_open().then_some(pull.mergeable),
            "rebaseable": pull.is_open().then_some(pull.mergeable),
            "mergeable_state": state,
            "merged_by": pull.merged.as_ref().map(|merged| self.user_json(&merged.by)),
            "comments": found.comments(number).count(),
            "review_comments": 0,
            "maintainer_can_modify": false,
            "commits": commits,
            "additions": files.iter().map(|file| file.additions).sum::<u64>(),
            "deletions": files.iter().map(|file| file.deletions).sum::<u64>(),
            "changed_files": files.len(),
        });
        merge_into(&mut value, more);
        Ok(value)
    }

    pub(crate) fn issue_json(&self, repo: u64, number: u64) -> Outcome<Value> {
        let found = self.repo(repo)?;
        let full_name = found.full_name();
        let url = self.api(&format!("/repos/{full_name}/issues/{number}"));
        let pull = found.pulls.get(&number);
        let issue = found.issues.get(&number);
        let Some(facts) = pull
            .map(IssueFacts::of_pull)
            .or(issue.map(IssueFacts::of_issue))
        else {
            return Err(Refusal::not_found());
        };
        let kind = if pull.is_some() { "pull" } else { "issues" };
        let html = self.html(&format!("/{full_name}/{kind}/{number}"));
        let mut value = json!({
            "url": url,
            "repository_url": self.api(&format!("/repos/{full_name}")),
            "labels_url": format!("{url}/labels{{/name}}"),
            "comments_url": format!("{url}/comments"),
            "events_url": format!("{url}/events"),
            "html_url": html,
            "id": facts.id,
            "node_id": node_id(if pull.is_some() { "PR" } else { "I" }, facts.id),
            "number": number,
            "title": facts.title,
            "user": self.user_json(facts.author),
            "labels": [],
            "state": if facts.closed.is_some() { "closed" } else { "open" },
            "locked": false,
            "assignee": null,
            "assignees": [],
            "milestone": null,
            "comments": found.comments(number).count(),
            "created_at": stamp(facts.created),
            "updated_at": stamp(facts.updated),
            "closed_at": facts.closed.map(stamp),
            "author_association": self.association(repo, facts.author),
            "active_lock_reason": null,
            "body": text_or_null(facts.body),
            "reactions": reactions_json(&format!("{url}/reactions"), &[]),
            "timeline_url": format!("{url}/timeline"),
            "performed_via_github_app": null,
            "state_reason": null,
        });
        if let Some(pull) = pull {
            value["draft"] = json!(pull.draft);
            value["pull_request"] = json!({
                "url": self.api(&format!("/repos/{full_name}/pulls/{number}")),
                "html_url": html,
                "diff_url": format!("{html}.diff"),
                "patch_url": format!("{html}.patch"),
                "merged_at": pull.merged.as_ref().map(|merged| stamp(merged.at)),
            });
        }
        Ok(value)
    }

    pub(crate) fn comment_json(&self, repo: u64, comment: &Comment) -> Outcome<Value> {
        let found = self.repo(repo)?;
        let full_name = found.full_name();
        let id = comment.id;
        let kind = if found.pulls.contains_key(&comment.number) {
            "pull"
        } else {
            "issues"
        };
        let url = self.api(&format!("/repos/{full_name}/issues/comments/{id}"));
        let number = comment.number;
        let app = if comment.author == self.bot_login() {
            self.app_json(self.config.app_id)?
        } else {
            Value::Null
        };
        Ok(json!({
            "url": url,
            "html_url": self.html(&format!("/{full_name}/{kind}/{number}#issuecomment-{id}")),
            "issue_url": self.api(&format!("/repos/{full_name}/issues/{number}")),
            "id": id,
            "node_id": node_id("IC", id),
            "user": self.user_json(&comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.updated_at),
            "author_association": self.association(repo, &comment.author),
            "body": comment.body,
            "reactions": reactions_json(&format!("{url}/reactions"), &comment.reactions),
            "performed_via_github_app": app,
        }))
    }

    pub(crate) fn reaction_json(&self, reaction: &Reaction) -> Value {
        json!({
            "id": reaction.id,
            "node_id": node_id("REA", reaction.id),
            "user": self.user_json(&reaction.user),
            "content": reaction.content,
            "created_at": stamp(reaction.created_at),
        })
    }

    pub(crate) fn review_json(
        &self,
        repo: u64,
        pull: &PullRequest,
        review: &Review,
    ) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let (id, number) = (review.id, pull.number);
        let html = self.html(&format!(
            "/{full_name}/pull/{number}#pullrequestreview-{id}"
        ));
        let url = self.api(&format!("/repos/{full_name}/pulls/{number}"));
        Ok(json!({
            "id": id,
            "node_id": node_id("PRR", id),
            "user": self.user_json(&review.author),
            "body": review.body,
            "state": review.state.as_str(),
            "html_url": html,
            "pull_request_url": url,
            "author_association": self.association(repo, &review.author),
            "_links": { "html": { "href": html }, "pull_request": { "href": url } },
            "submitted_at": stamp(review.submitted_at),
            "commit_id": review.commit,
        }))
    }
}

fn reactions_json(url: &str, reactions: &[Reaction]) -> Value {
    let mut value = json!({ "url": url, "total_count": reactions.len() });
    for name in [
        "+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes",
    ] {
        let count = reactions
            .iter()
            .filter(|reaction| reaction.content == name)
            .count();
        value[name] = json!(count);
    }
    value
}

/// Adds the fields of one object to another.
pub(crate) fn merge_into(value: &mut Value, more: Value) {
    if let (Some(into), Value::Object(fields)) = (value.as_object_mut(), more) {
        into.extend(fields);
    }
}

fn text_or_null(text: &str) -> Value {
    if text.is_empty() {
        Value::Null
    } else {
        json!(text)
    }
}

/// What an issue and a pull request have in common.
struct IssueFacts<'a> {
    id: u64,
    title: &'a str,
    body: &'a str,
    author: &'a str,
    created: Timestamp,
    updated: Timestamp,
    closed: Option<Timestamp>,
}

impl<'a> IssueFacts<'a> {
    fn of_pull(pull: &'a PullRequest) -> Self {
        Self {
            id: pull.id,
            title: &pull.title,
            body: &pull.body,
            author: &pull.author,
            created: pull.created_at,
            updated: pull.updated_at,
            closed: pull.closed_at,
        }
    }

    fn of_issue(issue: &'a Issue) -> Self {
        Self {
            id: issue.id,
            title: &issue.title,
            body: &issue.body,
            author: &issue.author,
            created: issue.created_at,
            updated: issue.updated_at,
            closed: issue.closed_at,
        }
    }
}
