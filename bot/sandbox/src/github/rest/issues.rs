//! Issues.

use serde::Deserialize;

use super::super::auth::{Caller, Level};
use super::super::model::{IssueEdit, Model};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, created, ok, paged};

/// One permission for the threads of issues and another for those of pull requests: the table of
/// endpoints can't tell which is asked for.
pub(super) fn admit_to_thread(
    model: &Model,
    call: &Call<'_>,
    number: u64,
    level: Level,
) -> Outcome<()> {
    let Caller::Installation { permissions, .. } = &call.caller else {
        return Ok(());
    };
    let found = model.repo(call.repo)?;
    let needed = if found.issues.contains_key(&number) {
        "issues"
    } else if found.pulls.contains_key(&number) {
        // Either does for a pull request.
        return Ok(());
    } else {
        return Err(Refusal::not_found());
    };
    if permissions.get(needed).is_some_and(|has| *has >= level) {
        Ok(())
    } else {
        Err(Refusal::forbidden("Resource not accessible by integration"))
    }
}

pub(super) fn list(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let found = model.repo(call.repo)?;
    let state = call.query("state").unwrap_or("open");
    let creator = call.query("creator");
    let issues = found.issues.values().map(|issue| {
        let open = issue.closed_at.is_none();
        (issue.number, &issue.author, open, issue.created_at)
    });
    let pulls = found.pulls.values().map(|pull| {
        let open = pull.is_open();
        (pull.number, &pull.author, open, pull.created_at)
    });
    let mut all: Vec<_> = issues
        .chain(pulls)
        .filter(|(_, author, open, _)| {
            let wanted = match state {
                "all" => true,
                "closed" => !open,
                _ => *open,
            };
            wanted && creator.is_none_or(|creator| author.eq_ignore_ascii_case(creator))
        })
        .collect();
    all.sort_by_key(|(number, _, _, created)| (*created, *number));
    if call.query("direction") != Some("asc") {
        all.reverse();
    }
    let numbers: Vec<u64> = all.iter().map(|(number, ..)| *number).collect();
    paged(model, call, &numbers, None, |number| {
        model.issue_json(call.repo, *number)
    })
}

#[derive(Deserialize)]
struct Open {
    title: String,
    #[serde(default)]
    body: Option<String>,
}

pub(super) fn open(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let wish: Open = call.body()?;
    let author = call.actor(model);
    let body = wish.body.as_deref().unwrap_or_default();
    let number = model.open_issue(call.repo, &author, &wish.title, body)?;
    created(&model.issue_json(call.repo, number)?)
}

#[derive(Deserialize)]
struct Edit {
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
}

pub(super) fn edit(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (number, actor) = (call.number("number")?, call.actor(model));
    admit_to_thread(model, call, number, Level::Write)?;
    let wish: Edit = call.body()?;
    let open = match wish.state.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(Refusal::invalid("Issue", "state", "invalid")),
    };
    let edit = IssueEdit {
        title: wish.title.as_deref(),
        body: wish.body.as_deref(),
        open,
    };
    model.edit_issue(call.repo, number, &actor, edit)?;
    ok(&model.issue_json(call.repo, number)?)
}
