//! `GET /api/explain/{owner}/{repo}/{pr}/{env}?run=ID`: what `/explain ENV` says, as JSON.
//!
//! Until there is a login, it is guarded as the pages are: by the unguessable id of a run of that
//! very pull request. Whoever does not bring one learns nothing, not even whether there is such a
//! repository. The rights explained are those of the person who asked for that run.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use slipway_core::decide::explain::{Explanation, explanation};
use slipway_core::facts::ConfigFacts;
use slipway_core::ids::{EnvName, PrNumber, RunId};
use slipway_core::ports::PortResult;
use slipway_core::run::Run;
use tokio::sync::Semaphore;

use crate::gather::Gather;
use crate::settings::RepoPattern;

/// How many explanations are made at a time: each is a dozen reads of GitHub.
const AT_A_TIME: usize = 2;

/// What an explanation needs.
pub struct Explain {
    gather: Gather,
    allow: Vec<RepoPattern>,
    places: Semaphore,
}

impl Explain {
    /// Explains with these facts, for the repositories that are served.
    #[must_use]
    pub fn new(gather: Gather, allow: Vec<RepoPattern>) -> Self {
        Self {
            gather,
            allow,
            places: Semaphore::new(AT_A_TIME),
        }
    }
}

pub(super) fn routes(explain: Arc<Explain>) -> Router {
    Router::new()
        .route("/api/explain/{owner}/{repo}/{pr}/{env}", get(answer))
        .with_state(explain)
}

/// What is asked about.
#[derive(Deserialize)]
struct About {
    owner: String,
    repo: String,
    pr: String,
    env: String,
}

/// What it is asked with.
#[derive(Deserialize)]
struct Key {
    run: Option<String>,
}

/// Names and states are Markdown, as in the comment.
#[derive(Serialize)]
struct Answer {
    repository: String,
    pull_request: u64,
    environment: String,
    /// The head commit that was looked at.
    head: String,
    /// Whose rights were looked at.
    actor: String,
    /// Whether every gate of everything is open.
    open: bool,
    operations: Vec<OperationAnswer>,
}

#[derive(Serialize)]
struct OperationAnswer {
    operation: String,
    open: bool,
    gates: Vec<GateAnswer>,
}

#[derive(Serialize)]
struct GateAnswer {
    gate: String,
    open: bool,
    state: String,
    /// What would open it; nothing where it is open.
    #[serde(skip_serializing_if = "String::is_empty")]
    opens: String,
}

/// Why there is no explanation.
enum Refusal {
    /// To whoever brings no key to it.
    Nothing,
    /// The key is good, and there is no such environment.
    NoEnvironment,
    /// The rules can't be read.
    NoRules,
    /// Others are being explained to.
    Busy,
    /// GitHub or the store does not answer.
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Nothing => (
                StatusCode::NOT_FOUND,
                "nothing is here for you: `?run=` takes the id of a run of this pull request",
            ),
            Self::NoEnvironment => (StatusCode::NOT_FOUND, "deploy.toml has no such environment"),
            Self::NoRules => (
                StatusCode::CONFLICT,
                "deploy.toml of the default branch is missing or has errors",
            ),
            Self::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many ask; try again in a second",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "GitHub or the store does not answer; try again in a minute",
            ),
        };
        let after = match status {
            StatusCode::TOO_MANY_REQUESTS => Some([(header::RETRY_AFTER, "1")]),
            StatusCode::SERVICE_UNAVAILABLE => Some([(header::RETRY_AFTER, "60")]),
            _ => None,
        };
        let body = Json(serde_json::json!({ "error": error }));
        (status, after, body).into_response()
    }
}

async fn answer(
    State(explain): State<Arc<Explain>>,
    Path(about): Path<About>,
    Query(key): Query<Key>,
) -> Result<Json<Answer>, Refusal> {
    let run = match explain.opened_by(&about, key).await {
        Ok(run) => run.ok_or(Refusal::Nothing)?,
        Err(error) => {
            tracing::error!(%error, "an explanation can't be given");
            return Err(Refusal::Unavailable);
        }
    };
    let _place = explain.places.try_acquire().map_err(|_| Refusal::Busy)?;
    let env = EnvName::parse(about.env).map_err(|_| Refusal::NoEnvironment)?;
    let facts = explain.gather.for_run(&run).await.map_err(|error| {
        tracing::error!(run = %run.id.short(), %error, "an explanation can't be given");
        Refusal::Unavailable
    })?;
    let ConfigFacts::Valid(config) = &facts.config else {
        return Err(Refusal::NoRules);
    };
    let pr = facts.pr.as_ref().ok_or(Refusal::Nothing)?;
    let env = config.environment(&env).ok_or(Refusal::NoEnvironment)?;
    let Explanation { env, operations } = explanation(&facts, config, pr, env);
    let operations: Vec<OperationAnswer> = operations
        .into_iter()
        .map(|operation| OperationAnswer {
            operation: operation.name,
            open: operation.gates.iter().all(|gate| gate.open),
            gates: operation
                .gates
                .into_iter()
                .map(|row| GateAnswer {
                    gate: row.gate,
                    open: row.open,
                    state: row.state,
                    opens: row.opens,
                })
                .collect(),
        })
        .collect();
    Ok(Json(Answer {
        repository: run.order.repo.name.to_string(),
        pull_request: pr.pull.number.0,
        environment: env.to_string(),
        head: pr.pull.head.to_string(),
        actor: run.order.actor.to_string(),
        open: operations.iter().all(|operation| operation.open),
        operations,
    }))
}

impl Explain {
    /// The run whose id opens what is asked about: one of this pull request.
    async fn opened_by(&self, about: &About, key: Key) -> PortResult<Option<Run>> {
        let Some(id) = key.run.and_then(|id| RunId::parse(id).ok()) else {
            return Ok(None);
        };
        let is_about = |run: &Run| {
            let name = &run.order.repo.name;
            name.owner().eq_ignore_ascii_case(&about.owner)
                && name.name().eq_ignore_ascii_case(&about.repo)
                && about.pr.parse().ok().map(PrNumber) == run.order.pr
                && run.order.pr.is_some()
                && self.allow.iter().any(|pattern| pattern.matches(name))
        };
        Ok(self.gather.store.run(&id).await?.filter(is_about))
    }
}
