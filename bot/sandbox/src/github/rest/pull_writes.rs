//! Opening, changing and merging pull requests.

use serde::Deserialize;
use serde_json::json;

use super::super::model::{MergeMethod, Model, NewPull};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, created, ok};

#[derive(Deserialize)]
struct Open {
    title: String,
    head: String,
    base: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    draft: bool,
}

pub(super) fn open(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let wish: Open = call.body()?;
    let author = call.actor(model);
    let new = NewPull {
        author: &author,
        head: &wish.head,
        base: &wish.base,
        title: &wish.title,
        body: wish.body.as_deref().unwrap_or_default(),
        draft: wish.draft,
    };
    let number = model.open_pull(call.repo, &new)?;
    created(&model.pull_full_json(call.repo, number)?)
}

#[derive(Deserialize)]
struct Edit {
    title: Option<String>,
    body: Option<String>,
    base: Option<String>,
    state: Option<String>,
}

pub(super) fn edit(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (number, actor) = (call.number("number")?, call.actor(model));
    let wish: Edit = call.body()?;
    model.edit_pull(
        call.repo,
        number,
        &actor,
        wish.title.as_deref(),
        wish.body.as_deref(),
        wish.base.as_deref(),
    )?;
    match wish.state.as_deref() {
        None => {}
        Some("closed") => model.close_pull(call.repo, number, &actor)?,
        Some("open") => model.reopen_pull(call.repo, number, &actor)?,
        Some(_) => return Err(Refusal::invalid("PullRequest", "state", "invalid")),
    }
    ok(&model.pull_full_json(call.repo, number)?)
}

#[derive(Deserialize)]
struct Merge {
    sha: Option<String>,
    merge_method: Option<String>,
    commit_title: Option<String>,
    commit_message: Option<String>,
}

pub(super) fn merge(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (number, actor) = (call.number("number")?, call.actor(model));
    let wish: Merge = call.body()?;
    let method = match wish.merge_method.as_deref() {
        None | Some("merge") => MergeMethod::Merge,
        Some("squash") => MergeMethod::Squash,
        Some("rebase") => MergeMethod::Rebase,
        Some(_) => return Err(Refusal::invalid("PullRequest", "merge_method", "invalid")),
    };
    let message = wish
        .commit_title
        .map(|title| (title, wish.commit_message.unwrap_or_default()));
    let sha = model.merge_pull(
        call.repo,
        number,
        &actor,
        method,
        wish.sha.as_deref(),
        message,
    )?;
    ok(&json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" }))
}
