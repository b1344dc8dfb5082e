//! Reading pull requests.

use http::StatusCode;
use serde_json::json;

use super::super::model::{Model, PullRequest};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::super::view::merge_into;
use super::call::{Call, no_content, ok, paged};

/// GitHub lists no more files of a pull request than this.
const MOST_FILES: usize = 3000;

pub(super) fn list(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let repo = model.repo(call.repo)?;
    let state = call.query("state").unwrap_or("open");
    let mut pulls: Vec<&PullRequest> = repo
        .pulls
        .values()
        .filter(|pull| match state {
            "all" => true,
            "closed" => !pull.is_open(),
            _ => pull.is_open(),
        })
        .filter(|pull| {
            call.query("base")
                .is_none_or(|base| pull.base.branch == base)
        })
        .filter(|pull| match call.query("head") {
            None => true,
            Some(head) => label(model, pull).eq_ignore_ascii_case(head),
        })
        .collect();
    match call.query("sort") {
        Some("updated") => pulls.sort_by_key(|pull| pull.updated_at),
        _ => pulls.sort_by_key(|pull| pull.number),
    }
    // Newest first, unless a sort was named: then `asc` is what GitHub does by default.
    let ascending = match call.query("direction") {
        Some(direction) => direction == "asc",
        None => call.query("sort").is_some_and(|sort| sort != "created"),
    };
    if !ascending {
        pulls.reverse();
    }
    let numbers: Vec<u64> = pulls.iter().map(|pull| pull.number).collect();
    paged(model, call, &numbers, None, |number| {
        model.pull_json(call.repo, *number)
    })
}

fn label(model: &Model, pull: &PullRequest) -> String {
    let owner = model
        .repo(pull.head.repo)
        .map_or("", |repo| repo.owner.as_str());
    format!("{owner}:{}", pull.head.branch)
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let number = call.number("number")?;
    let mut value = model.pull_full_json(call.repo, number)?;
    // GitHub works mergeability out in the background, and asking is what starts it.
    let pull = model.pull_mut(call.repo, number)?;
    if pull.unknown_reads > 0 {
        pull.unknown_reads -= 1;
        let unknown = json!({
            "mergeable": null, "rebaseable": null, "mergeable_state": "unknown",
        });
        merge_into(&mut value, unknown);
    }
    ok(&value)
}

pub(super) fn files(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let number = call.number("number")?;
    let mut files = model.pull_files(call.repo, number, true)?;
    files.truncate(MOST_FILES);
    let sha = model.pull(call.repo, number)?.head.sha.clone();
    paged(model, call, &files, None, |file| {
        model.file_json(call.repo, &sha, file)
    })
}

pub(super) fn commits(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let commits = model.pull_commits(call.repo, call.number("number")?)?;
    paged(model, call, &commits, None, |commit| {
        model.commit_value(call.repo, commit)
    })
}

pub(super) fn reviews(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let pull = model.pull(call.repo, call.number("number")?)?;
    paged(model, call, &pull.reviews, None, |review| {
        model.review_json(call.repo, pull, review)
    })
}

pub(super) fn is_merged(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let pull = model.pull(call.repo, call.number("number")?)?;
    if pull.merged.is_some() {
        return no_content();
    }
    Err(Refusal::new(StatusCode::NOT_FOUND, "Not Found"))
}
