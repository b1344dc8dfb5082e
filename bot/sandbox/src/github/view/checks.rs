//! Check runs, check suites and commit statuses.

use serde_json::{Value, json};

use super::super::model::{Annotation, CheckRun, CommitStatus, Model, node_id, stamp};
use super::super::refusal::Outcome;

impl Model {
    /// The open pull requests of this repository whose head is a commit. Those of forks are not
    /// listed in check events, as on GitHub.
    fn pulls_of_head(&self, repo: u64, sha: &str) -> Outcome<Vec<Value>> {
        let found = self.repo(repo)?;
        let full_name = found.full_name();
        let brief = json!({
            "id": repo,
            "url": self.api(&format!("/repos/{full_name}")),
            "name": found.name,
        });
        let pulls = found
            .pulls
            .values()
            .filter(|pull| pull.is_open() && !pull.is_from_fork() && pull.head.sha == sha);
        Ok(pulls
            .map(|pull| {
                json!({
                    "url": self.api(&format!("/repos/{full_name}/pulls/{}", pull.number)),
                    "id": pull.id,
                    "number": pull.number,
                    "head": { "ref": pull.head.branch, "sha": pull.head.sha, "repo": brief },
                    "base": { "ref": pull.base.branch, "sha": pull.base.sha, "repo": brief },
                })
            })
            .collect())
    }

    pub(crate) fn check_run_json(&self, repo: u64, run: &CheckRun) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let id = run.id;
        let url = self.api(&format!("/repos/{full_name}/check-runs/{id}"));
        let html = self.html(&format!("/{full_name}/runs/{id}"));
        Ok(json!({
            "id": id,
            "name": run.name,
            "node_id": node_id("CR", id),
            "head_sha": run.head_sha,
            "external_id": run.external_id,
            "url": url,
            "html_url": html,
            "details_url": run.details_url.clone().unwrap_or_else(|| html.clone()),
            "status": run.status,
            "conclusion": run.conclusion,
            "started_at": stamp(run.started_at),
            "completed_at": run.completed_at.map(stamp),
            "output": {
                "title": run.output.title,
                "summary": run.output.summary,
                "text": run.output.text,
                "annotations_count": run.output.annotations.len(),
                "annotations_url": format!("{url}/annotations"),
            },
            "check_suite": { "id": run.suite },
            "app": self.app_json(run.app)?,
            "pull_requests": self.pulls_of_head(repo, &run.head_sha)?,
        }))
    }

    /// A check run as events carry it: with its whole suite.
    pub(crate) fn check_run_event_json(&self, repo: u64, run: &CheckRun) -> Outcome<Value> {
        let mut value = self.check_run_json(repo, run)?;
        let mut suite = self.suite_json(repo, run.suite)?;
        if let Some(fields) = suite.as_object_mut() {
            for name in ["head_commit", "latest_check_runs_count", "check_runs_url"] {
                fields.remove(name);
            }
        }
        value["check_suite"] = suite;
        Ok(value)
    }

    pub(crate) fn annotation_json(annotation: &Annotation) -> Value {
        json!({
            "path": annotation.path,
            "start_line": annotation.start_line,
            "end_line": annotation.end_line,
            "start_column": null,
            "end_column": null,
            "annotation_level": annotation.level,
            "title": annotation.title,
            "message": annotation.message,
            "raw_details": annotation.raw_details,
            "blob_href": "",
        })
    }

    pub(crate) fn suite_json(&self, repo: u64, id: u64) -> Outcome<Value> {
        let found = self.repo(repo)?;
        let suite = self.suite(repo, id)?;
        let full_name = found.full_name();
        let url = self.api(&format!("/repos/{full_name}/check-suites/{id}"));
        let runs: Vec<&CheckRun> = found
            .check_runs
            .iter()
            .filter(|run| run.suite == id)
            .collect();
        let (status, conclusion) = summarize(&runs);
        let head = found.git.show(&suite.head_sha)?;
        Ok(json!({
            "id": id,
            "node_id": node_id("CS", id),
            "head_branch": suite.head_branch,
            "head_sha": suite.head_sha,
            "status": status,
            "conclusion": conclusion,
            "url": url,
            "before": suite.before,
            "after": suite.head_sha,
            "pull_requests": self.pulls_of_head(repo, &suite.head_sha)?,
            "app": self.app_json(suite.app)?,
            "created_at": stamp(suite.created_at),
            "updated_at": stamp(suite.created_at),
            "latest_check_runs_count": runs.len(),
            "check_runs_url": format!("{url}/check-runs"),
            "head_commit": Self::commit_brief(&head),
        }))
    }

    pub(crate) fn status_json(&self, repo: u64, status: &CommitStatus) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let creator = self.user_json(&status.creator);
        Ok(json!({
            "url": self.api(&format!("/repos/{full_name}/statuses/{}", status.sha)),
            "avatar_url": creator["avatar_url"],
            "id": status.id,
            "node_id": node_id("SC", status.id),
            "state": status.state,
            "description": status.description,
            "target_url": status.target_url,
            "context": status.context,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
            "creator": creator,
        }))
    }
}

fn summarize(runs: &[&CheckRun]) -> (&'static str, Option<&'static str>) {
    if runs.is_empty() {
        return ("queued", None);
    }
    if runs.iter().any(|run| run.status != "completed") {
        return ("in_progress", None);
    }
    let ended = |word: &str| {
        runs.iter()
            .any(|run| run.conclusion.as_deref() == Some(word))
    };
    for word in ["failure", "timed_out", "action_required", "cancelled"] {
        if ended(word) {
            return ("completed", Some(word));
        }
    }
    let neutral = ["neutral", "skipped"];
    let all_neutral = runs
        .iter()
        .all(|run| neutral.contains(&run.conclusion.as_deref().unwrap_or_default()));
    (
        "completed",
        Some(if all_neutral { "neutral" } else { "success" }),
    )
}
