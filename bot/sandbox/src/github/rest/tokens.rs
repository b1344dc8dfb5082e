//! Installation tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::auth::{Level, Permissions};
use super::super::model::{Model, stamp};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::super::view::permissions_json;
use super::call::{Call, created};

#[derive(Deserialize)]
struct Wish {
    repositories: Option<Vec<String>>,
    repository_ids: Option<Vec<u64>>,
    permissions: Option<BTreeMap<String, String>>,
}

pub(super) fn create(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let owner = model
        .installations
        .iter()
        .find(|installation| installation.id == id)
        .map(|installation| installation.owner.clone())
        .ok_or_else(Refusal::not_found)?;
    let wish: Wish = call.body()?;
    let narrowed = wish.repositories.is_some() || wish.repository_ids.is_some();
    let mut repositories = BTreeSet::from_iter(wish.repository_ids.unwrap_or_default());
    for name in wish.repositories.unwrap_or_default() {
        let found = model.find(&format!("{owner}/{name}")).map_err(|_| {
            Refusal::unprocessable(
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
        })?;
        repositories.insert(found);
    }
    let permissions = wish.permissions.map(parse_permissions).transpose()?;
    let token = model.issue_token(id, narrowed.then_some(repositories), permissions)?;
    let mut value = json!({
        "token": token.secret,
        "expires_at": stamp(token.expires_at),
        "permissions": permissions_json(&token.permissions),
        "repository_selection": "selected",
    });
    if narrowed {
        let list = token
            .repositories
            .iter()
            .map(|repo| model.repository_json(*repo))
            .collect::<Outcome<Vec<Value>>>()?;
        value["repositories"] = Value::Array(list);
    }
    created(&value)
}

fn parse_permissions(words: BTreeMap<String, String>) -> Outcome<Permissions> {
    words
        .into_iter()
        .map(|(name, word)| {
            let level = Level::parse(&word).ok_or_else(|| {
                Refusal::unprocessable(format!("Invalid permission level {word} for {name}."))
            })?;
            Ok((name, level))
        })
        .collect()
}
