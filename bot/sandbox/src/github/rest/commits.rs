//! Commits, comparisons, commit statuses.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::git::Sha;
use super::super::model::{CommitStatus, Model, Signal};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, created, ok, paged};

pub(super) fn resolve(model: &Model, repo: u64, name: &str) -> Outcome<Sha> {
    model
        .repo(repo)?
        .resolve(name)?
        .ok_or_else(|| Refusal::unprocessable(format!("No commit found for SHA: {name}")))
}

pub(super) fn list(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let repo = model.repo(call.repo)?;
    let name = call.query("sha").unwrap_or(&repo.default_branch);
    let sha = repo.resolve(name)?.ok_or_else(Refusal::not_found)?;
    let commits = repo.git.log(&sha, 1000)?;
    paged(model, call, &commits, None, |commit| {
        model.commit_value(call.repo, commit)
    })
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    if call.asked.header("accept").contains("sha") {
        let mut reply = Reply::empty(StatusCode::OK)
            .header("content-type", "application/vnd.github.sha; charset=utf-8");
        reply.body = sha.into_bytes();
        return Ok(reply);
    }
    let git = &model.repo(call.repo)?.git;
    let commit = git.show(&sha)?;
    let files = match commit.parents.first() {
        Some(parent) => git.diff(parent, &sha, true)?,
        None => Vec::new(),
    };
    let mut value = model.commit_value(call.repo, &commit)?;
    let additions: u64 = files.iter().map(|file| file.additions).sum();
    let deletions: u64 = files.iter().map(|file| file.deletions).sum();
    value["stats"] = json!({
        "total": additions + deletions, "additions": additions, "deletions": deletions,
    });
    value["files"] = files
        .iter()
        .map(|file| model.file_json(call.repo, &sha, file))
        .collect::<Outcome<Value>>()?;
    ok(&value)
}

/// The pull requests that contain a commit: open ones by their commits, merged ones by their merge.
pub(super) fn pulls(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    let mut numbers = Vec::new();
    for pull in model.repo(call.repo)?.pulls.values() {
        let is_merge = pull.merged.as_ref().is_some_and(|merged| merged.sha == sha);
        let contains = || -> Outcome<bool> {
            Ok(model
                .pull_commits(call.repo, pull.number)?
                .iter()
                .any(|commit| commit.sha == sha))
        };
        if is_merge || contains()? {
            numbers.push(pull.number);
        }
    }
    paged(model, call, &numbers, None, |number| {
        model.pull_json(call.repo, *number)
    })
}

pub(super) fn compare(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let range = call.param("range");
    let (base_name, head_name) = range.split_once("...").ok_or_else(Refusal::not_found)?;
    let repo = model.repo(call.repo)?;
    // `owner:branch` means the same repository, or a fork whose commits are here already.
    let strip = |name: &str| {
        name.rsplit_once(':')
            .map_or(name.to_owned(), |(_, name)| name.to_owned())
    };
    let base = repo
        .resolve(&strip(base_name))?
        .ok_or_else(Refusal::not_found)?;
    let head = repo
        .resolve(&strip(head_name))?
        .ok_or_else(Refusal::not_found)?;
    let (behind, ahead) = repo.git.ahead_behind(&base, &head)?;
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let merge_base = repo
        .git
        .merge_base(&base, &head)?
        .ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "No common ancestor"))?;
    let mut commits = repo.git.log(&format!("{base}..{head}"), 250)?;
    commits.reverse();
    let mut files = repo.git.diff(&merge_base, &head, true)?;
    files.truncate(300);
    let full_name = repo.full_name();
    ok(&json!({
        "url": model.api(&format!("/repos/{full_name}/compare/{range}")),
        "html_url": model.html(&format!("/{full_name}/compare/{range}")),
        "permalink_url": model.html(&format!("/{full_name}/compare/{base}...{head}")),
        "diff_url": model.html(&format!("/{full_name}/compare/{range}.diff")),
        "patch_url": model.html(&format!("/{full_name}/compare/{range}.patch")),
        "base_commit": model.commit_json(call.repo, &base)?,
        "merge_base_commit": model.commit_json(call.repo, &merge_base)?,
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": commits.iter().map(|commit| model.commit_value(call.repo, commit))
            .collect::<Outcome<Value>>()?,
        "files": files.iter().map(|file| model.file_json(call.repo, &head, file))
            .collect::<Outcome<Value>>()?,
    }))
}

pub(super) fn combined_status(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    let repo = model.repo(call.repo)?;
    let latest = repo.latest_statuses(&sha);
    let any = |states: &[&str]| {
        latest
            .iter()
            .any(|one| states.contains(&one.state.as_str()))
    };
    let state = if any(&["error", "failure"]) {
        "failure"
    } else if latest.is_empty() || any(&["pending"]) {
        "pending"
    } else {
        "success"
    };
    let statuses = latest
        .iter()
        .map(|status| model.status_json(call.repo, status))
        .collect::<Outcome<Vec<Value>>>()?;
    let url = model.api(&format!("/repos/{}/commits/{sha}", repo.full_name()));
    ok(&json!({
        "state": state,
        "statuses": statuses,
        "sha": sha,
        "total_count": latest.len(),
        "repository": model.repository_json(call.repo)?,
        "commit_url": url,
        "url": format!("{url}/status"),
    }))
}

pub(super) fn statuses(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    let all: Vec<&CommitStatus> = model
        .repo(call.repo)?
        .statuses
        .iter()
        .rev()
        .filter(|status| status.sha == sha)
        .collect();
    paged(model, call, &all, None, |status| {
        model.status_json(call.repo, status)
    })
}

#[derive(Deserialize)]
struct Wish {
    state: String,
    context: Option<String>,
    description: Option<String>,
    target_url: Option<String>,
}

pub(super) fn set_status(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let wish: Wish = call.body()?;
    let actor = call.actor(model);
    let signal = Signal {
        state: wish.state,
        context: wish.context.unwrap_or_else(|| "default".to_owned()),
        description: wish.description,
        target_url: wish.target_url,
    };
    let id = model.set_status(call.repo, &actor, call.param("sha"), signal)?;
    let status = model
        .repo(call.repo)?
        .statuses
        .iter()
        .find(|status| status.id == id)
        .ok_or_else(Refusal::not_found)?;
    created(&model.status_json(call.repo, status)?)
}
