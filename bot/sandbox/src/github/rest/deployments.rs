//! Deployments and their statuses.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::model::{Model, NewDeployment, NewStatus};
use super::super::refusal::Outcome;
use super::super::server::Reply;
use super::call::{Call, created, ok, paged};

#[derive(Deserialize)]
struct Wish {
    #[serde(rename = "ref")]
    name: String,
    task: Option<String>,
    auto_merge: Option<bool>,
    required_contexts: Option<Vec<String>>,
    payload: Option<Value>,
    environment: Option<String>,
    description: Option<String>,
    transient_environment: Option<bool>,
    production_environment: Option<bool>,
}

pub(super) fn create(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let wish: Wish = call.body()?;
    let environment = wish.environment.unwrap_or_else(|| "production".to_owned());
    let new = NewDeployment {
        name: wish.name,
        task: wish.task.unwrap_or_else(|| "deploy".to_owned()),
        auto_merge: wish.auto_merge.unwrap_or(true),
        required_contexts: wish.required_contexts,
        payload: wish.payload.unwrap_or_else(|| json!({})),
        description: wish.description.unwrap_or_default(),
        transient: wish.transient_environment.unwrap_or(false),
        production: wish
            .production_environment
            .unwrap_or(environment == "production"),
        environment,
    };
    let actor = call.actor(model);
    let id = model.create_deployment(call.repo, &actor, new)?;
    created(&model.deployment_json(call.repo, id)?)
}

pub(super) fn list(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let fits = |name: &str, value: &str| call.query(name).is_none_or(|only| only == value);
    let ids: Vec<u64> = model
        .repo(call.repo)?
        .deployments
        .iter()
        .rev()
        .filter(|deployment| {
            fits("sha", &deployment.sha)
                && fits("ref", &deployment.name)
                && fits("environment", &deployment.environment)
                && fits("task", &deployment.task)
        })
        .map(|deployment| deployment.id)
        .collect();
    paged(model, call, &ids, None, |id| {
        model.deployment_json(call.repo, *id)
    })
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    ok(&model.deployment_json(call.repo, call.number("id")?)?)
}

pub(super) fn statuses(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let statuses: Vec<u64> = model
        .deployment(call.repo, id)?
        .statuses
        .iter()
        .rev()
        .map(|status| status.id)
        .collect();
    paged(model, call, &statuses, None, |status| {
        model.deployment_status_json(call.repo, id, *status)
    })
}

pub(super) fn status(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (id, status) = (call.number("id")?, call.number("status")?);
    ok(&model.deployment_status_json(call.repo, id, status)?)
}

#[derive(Deserialize)]
struct StatusWish {
    state: String,
    description: Option<String>,
    environment: Option<String>,
    environment_url: Option<String>,
    log_url: Option<String>,
    target_url: Option<String>,
    auto_inactive: Option<bool>,
}

pub(super) fn set_status(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let wish: StatusWish = call.body()?;
    let actor = call.actor(model);
    let new = NewStatus {
        state: wish.state,
        description: wish.description.unwrap_or_default(),
        environment: wish.environment,
        environment_url: wish.environment_url.unwrap_or_default(),
        log_url: wish.log_url.or(wish.target_url).unwrap_or_default(),
        auto_inactive: wish.auto_inactive.unwrap_or(true),
    };
    let status = model.set_deployment_status(call.repo, id, &actor, new)?;
    created(&model.deployment_status_json(call.repo, id, status)?)
}
