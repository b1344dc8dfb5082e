//! The App's own endpoints: itself, its installations, its deliveries.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::model::Model;
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, ok, paged};

pub(super) fn show(model: &mut Model, _: &Call<'_>) -> Outcome<Reply> {
    let mut value = model.app_json(model.config.app_id)?;
    value["client_id"] = json!(model.config.client_id);
    value["installations_count"] = json!(model.installations.len());
    ok(&value)
}

pub(super) fn installations(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    paged(model, call, &model.installations, None, |installation| {
        Ok(model.installation_json(installation))
    })
}

pub(super) fn installation(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let found = model
        .installations
        .iter()
        .find(|installation| installation.id == id)
        .ok_or_else(Refusal::not_found)?;
    ok(&model.installation_json(found))
}

pub(super) fn repo_installation(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let found = model
        .installation_of(call.repo)
        .ok_or_else(Refusal::not_found)?;
    ok(&model.installation_json(found))
}

pub(super) fn owner_installation(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let owner = call.param("owner");
    let found = model
        .installations
        .iter()
        .find(|installation| installation.owner.eq_ignore_ascii_case(owner))
        .ok_or_else(Refusal::not_found)?;
    ok(&model.installation_json(found))
}

pub(super) fn repositories(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let Caller::Installation { repositories, .. } = &call.caller else {
        return Err(Refusal::forbidden(
            "You must authenticate with an installation access token",
        ));
    };
    let repositories: Vec<u64> = repositories.iter().copied().collect();
    paged(model, call, &repositories, Some("repositories"), |repo| {
        model.repository_json(*repo)
    })
}

/// The log, newest first, read with a cursor: the id below which the next page begins.
pub(super) fn deliveries(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let size = call
        .query("per_page")
        .and_then(|text| text.parse().ok())
        .unwrap_or(30_usize)
        .clamp(1, 100);
    let below = match call.query("cursor") {
        None => u64::MAX,
        Some(cursor) => cursor
            .strip_prefix("v1_")
            .and_then(|id| id.parse().ok())
            .ok_or_else(|| Refusal::unprocessable("Invalid cursor"))?,
    };
    let status = call.query("status");
    let older: Vec<_> = model
        .deliveries
        .iter()
        .rev()
        .filter(|delivery| delivery.id < below)
        .filter(|delivery| match status {
            Some("success") => delivery.succeeded(),
            Some("failure") => !delivery.succeeded(),
            _ => true,
        })
        .collect();
    let page = older.get(..size.min(older.len())).unwrap_or_default();
    let value: Vec<Value> = page.iter().map(|delivery| delivery.brief()).collect();
    let reply = Reply::json(StatusCode::OK, &Value::Array(value));
    Ok(match page.last().filter(|_| older.len() > size) {
        Some(last) => {
            let url = model.api("/app/hook/deliveries");
            let link = format!(
                "<{url}?per_page={size}&cursor=v1_{}>; rel=\"next\"",
                last.id
            );
            reply.header("link", link)
        }
        None => reply,
    })
}

pub(super) fn delivery(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let found = model
        .deliveries
        .iter()
        .find(|delivery| delivery.id == id)
        .ok_or_else(Refusal::not_found)?;
    ok(&found.full(model.hook_url.as_deref()))
}

pub(super) fn redeliver(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let guid = model
        .deliveries
        .iter()
        .find(|delivery| delivery.id == id)
        .map(|delivery| delivery.guid.clone())
        .ok_or_else(Refusal::not_found)?;
    model.redeliver(&guid)?;
    Ok(Reply::json(StatusCode::ACCEPTED, &json!({})))
}

pub(super) fn rate_limit(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let limit = model.config.hourly_limit;
    let (used, reset) = match call.caller {
        Caller::Installation { id, .. } => super::spent(model, id),
        Caller::Nobody | Caller::App | Caller::Person(_) => (0, model.now() + super::RATE_WINDOW),
    };
    let core = json!({
        "limit": limit,
        "used": used,
        "remaining": limit.saturating_sub(used),
        "reset": reset.as_second(),
    });
    ok(&json!({ "resources": { "core": core, "graphql": core }, "rate": core }))
}
