//! Issues, comments and reactions.

use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use super::super::auth::Level;
use super::super::model::{Comment, Model};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, created, no_content, ok, paged};
use super::issues::admit_to_thread;

#[derive(Deserialize)]
struct Text {
    body: String,
}

/// As [`admit_to_thread`], by the comment in the path.
fn admit_to_comment(model: &Model, call: &Call<'_>, level: Level) -> Outcome<()> {
    let number = model.comment(call.repo, call.number("id")?)?.number;
    admit_to_thread(model, call, number, level)
}

pub(super) fn issue(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let number = call.number("number")?;
    admit_to_thread(model, call, number, Level::Read)?;
    ok(&model.issue_json(call.repo, number)?)
}

pub(super) fn list(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let number = call.number("number")?;
    admit_to_thread(model, call, number, Level::Read)?;
    let repo = model.repo(call.repo)?;
    if !repo.pulls.contains_key(&number) && !repo.issues.contains_key(&number) {
        return Err(Refusal::not_found());
    }
    let since = call
        .query("since")
        .and_then(|text| text.parse::<Timestamp>().ok());
    let comments: Vec<&Comment> = repo
        .comments(number)
        .filter(|comment| since.is_none_or(|since| comment.updated_at >= since))
        .collect();
    paged(model, call, &comments, None, |comment| {
        model.comment_json(call.repo, comment)
    })
}

pub(super) fn create(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let number = call.number("number")?;
    admit_to_thread(model, call, number, Level::Write)?;
    let text: Text = call.body()?;
    let author = call.actor(model);
    let id = model.create_comment(call.repo, number, &author, &text.body)?;
    created(&model.comment_json(call.repo, model.comment(call.repo, id)?)?)
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let comment = model.comment(call.repo, call.number("id")?)?;
    ok(&model.comment_json(call.repo, comment)?)
}

pub(super) fn edit(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (id, actor) = (call.number("id")?, call.actor(model));
    admit_to_comment(model, call, Level::Write)?;
    let text: Text = call.body()?;
    model.edit_comment(call.repo, id, &actor, &text.body)?;
    ok(&model.comment_json(call.repo, model.comment(call.repo, id)?)?)
}

pub(super) fn delete(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let actor = call.actor(model);
    admit_to_comment(model, call, Level::Write)?;
    model.delete_comment(call.repo, call.number("id")?, &actor)?;
    no_content()
}

pub(super) fn reactions(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let comment = model.comment(call.repo, call.number("id")?)?;
    let wanted: Vec<_> = comment
        .reactions
        .iter()
        .filter(|reaction| {
            call.query("content")
                .is_none_or(|only| reaction.content == only)
        })
        .collect();
    paged(model, call, &wanted, None, |reaction| {
        Ok(model.reaction_json(reaction))
    })
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

pub(super) fn react(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    admit_to_comment(model, call, Level::Write)?;
    let wish: Content = call.body()?;
    let actor = call.actor(model);
    let (reaction, new) = model.react(call.repo, call.number("id")?, &actor, &wish.content)?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(Reply::json(status, &model.reaction_json(&reaction)))
}

pub(super) fn unreact(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    admit_to_comment(model, call, Level::Write)?;
    model.unreact(call.repo, call.number("id")?, call.number("reaction")?)?;
    no_content()
}
