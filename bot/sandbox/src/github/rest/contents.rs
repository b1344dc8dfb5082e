//! Files, directories and refs.

use base64::Engine as _;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::history::Entry;
use super::super::model::{Model, node_id};
use super::super::percent::encode;
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, ok};

/// A file larger than this many bytes is not put into JSON.
const LARGEST_INLINE: usize = 1024 * 1024;

pub(super) fn git_ref(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let name = call.param("ref");
    let repo = model.repo(call.repo)?;
    let sha = match name.strip_prefix("heads/") {
        Some(branch) => repo.branches.get(branch).cloned(),
        None => repo.git.tip(&format!("refs/{name}"))?,
    };
    let sha = sha.ok_or_else(Refusal::not_found)?;
    let full_name = repo.full_name();
    ok(&json!({
        "ref": format!("refs/{name}"),
        "node_id": node_id("REF", call.repo),
        "url": model.api(&format!("/repos/{full_name}/git/refs/{name}")),
        "object": {
            "sha": sha,
            "type": "commit",
            "url": model.api(&format!("/repos/{full_name}/git/commits/{sha}")),
        },
    }))
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let repo = model.repo(call.repo)?;
    let path = call.param("path").trim_matches('/');
    let name = call.query("ref").unwrap_or(&repo.default_branch).to_owned();
    let commit = repo.resolve(&name)?.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("No commit found for the ref {name}"),
        )
    })?;
    let entry = repo
        .git
        .entry(&commit, path)?
        .ok_or_else(Refusal::not_found)?;
    if entry.kind == "tree" {
        let entries = repo.git.list(&commit, path)?;
        let list: Vec<Value> = entries
            .iter()
            .map(|entry| entry_json(model, call.repo, &name, entry))
            .collect::<Outcome<_>>()?;
        return ok(&Value::Array(list));
    }
    let content = repo.git.blob(&entry.sha)?;
    if call.asked.header("accept").contains("raw") {
        let mut reply = Reply::empty(StatusCode::OK).header(
            "content-type",
            "application/vnd.github.raw+json; charset=utf-8",
        );
        reply.body = content;
        return Ok(reply);
    }
    let mut value = entry_json(model, call.repo, &name, &entry)?;
    if content.len() > LARGEST_INLINE {
        (value["encoding"], value["content"]) = (json!("none"), json!(""));
    } else {
        (value["encoding"], value["content"]) = (json!("base64"), json!(lines_of_base64(&content)));
    }
    ok(&value)
}

/// GitHub breaks base64 into lines of 60 characters.
fn lines_of_base64(content: &[u8]) -> String {
    let code = base64::engine::general_purpose::STANDARD.encode(content);
    let mut lines = String::with_capacity(code.len() + code.len() / 60 + 1);
    for (at, c) in code.chars().enumerate() {
        if at > 0 && at % 60 == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push('\n');
    lines
}

fn entry_json(model: &Model, repo: u64, name: &str, entry: &Entry) -> Outcome<Value> {
    let full_name = model.repo(repo)?.full_name();
    let path = encode(&entry.path);
    let url = model.api(&format!("/repos/{full_name}/contents/{path}?ref={name}"));
    let kind = match (entry.kind.as_str(), entry.mode.as_str()) {
        ("tree", _) => "dir",
        (_, "120000") => "symlink",
        _ => "file",
    };
    let (git_kind, page) = if kind == "dir" {
        ("trees", "tree")
    } else {
        ("blobs", "blob")
    };
    let html = model.html(&format!("/{full_name}/{page}/{name}/{path}"));
    let git_url = model.api(&format!("/repos/{full_name}/git/{git_kind}/{}", entry.sha));
    let download = (kind == "file").then(|| model.html(&format!("/{full_name}/raw/{name}/{path}")));
    Ok(json!({
        "name": entry.path.rsplit('/').next().unwrap_or_default(),
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size,
        "url": url,
        "html_url": html,
        "git_url": git_url,
        "download_url": download,
        "type": kind,
        "_links": { "self": url, "git": git_url, "html": html },
    }))
}
