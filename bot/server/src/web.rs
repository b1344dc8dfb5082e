//! The pages: where `details_url` leads. Plain, rendered here, readable while a run is under way.
//!
//! Until there is a login, a page is found only by the unguessable id of its run, and nothing links
//! to all of them.

mod explain;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::SignedDuration;
use slipway_core::ids::RunId;
use slipway_core::outcome::Outcome;
use slipway_core::ports::{Clock, PortResult, Store};
use slipway_core::report::markdown::duration;
use slipway_core::run::{Run, Step, StepResult};
use tower_http::set_header::SetResponseHeaderLayer;

pub use explain::Explain;

/// What the pages need.
pub struct Pages {
    /// What they show.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of the pages and of the API.
pub fn routes(pages: Arc<Pages>, explain: Arc<Explain>) -> Router {
    let header =
        |name, value| SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value));
    Router::new()
        .route("/", get(front))
        .route("/runs/{id}", get(run_page))
        .with_state(pages)
        .merge(explain::routes(explain))
        .layer(header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .layer(header(header::REFERRER_POLICY, "no-referrer"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(header::CACHE_CONTROL, "no-store"))
}

#[derive(Template)]
#[template(path = "front.html")]
struct Front {
    version: &'static str,
}

#[derive(Template)]
#[template(path = "gone.html")]
struct Gone;

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    kind: &'static str,
    subject: String,
    env: String,
    state: &'static str,
    over: bool,
    repo: String,
    pr: Option<u64>,
    commit: String,
    actor: String,
    id: String,
    created: String,
    took: String,
    what: String,
    fix: String,
    evidence: String,
    steps: Vec<StepRow>,
    log: String,
}

struct StepRow {
    name: &'static str,
    state: &'static str,
    took: String,
    line: String,
}

async fn front() -> Response {
    page(
        StatusCode::OK,
        &Front {
            version: env!("CARGO_PKG_VERSION"),
        },
    )
}

async fn run_page(State(pages): State<Arc<Pages>>, Path(id): Path<String>) -> Response {
    let Ok(id) = RunId::parse(id) else {
        return page(StatusCode::NOT_FOUND, &Gone);
    };
    match pages.show(&id).await {
        Ok(Some(shown)) => page(StatusCode::OK, &shown),
        Ok(None) => page(StatusCode::NOT_FOUND, &Gone),
        Err(error) => {
            tracing::error!(run = %id.short(), %error, "the page of a run can't be shown");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer; try again\n",
            )
                .into_response()
        }
    }
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page can't be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

impl Pages {
    async fn show(&self, id: &RunId) -> PortResult<Option<RunPage>> {
        let Some(run) = self.store.run(id).await? else {
            return Ok(None);
        };
        let steps = self.store.steps(id).await?;
        let chunks = self.store.log(id, 0).await?;
        let log = chunks.into_iter().map(|chunk| chunk.text).collect();
        Ok(Some(self.view(&run, &steps, log)))
    }

    fn view(&self, run: &Run, steps: &[Step], log: String) -> RunPage {
        let order = &run.order;
        let (what, fix) = told(run);
        let until = run.ended_at.unwrap_or_else(|| self.clock.now());
        RunPage {
            kind: order.kind(),
            subject: order.subject().to_owned(),
            env: order.env.to_string(),
            state: run.state.as_str(),
            over: run.state.is_final(),
            repo: order.repo.name.to_string(),
            pr: order.pr.map(|pr| pr.0),
            commit: order.commit.short().to_owned(),
            actor: order.actor.to_string(),
            id: run.id.to_string(),
            created: run.created_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            took: span(run.created_at, until),
            what,
            fix,
            evidence: evidence(run),
            steps: steps.iter().map(|step| self.step(step)).collect(),
            log,
        }
    }

    fn step(&self, step: &Step) -> StepRow {
        let (state, line) = match &step.result {
            None => ("under way", String::new()),
            Some(StepResult::Done(line)) => ("done", line.clone()),
            Some(StepResult::Failed(line)) => ("failed", line.clone()),
        };
        StepRow {
            name: step.name.as_str(),
            state,
            took: span(
                step.claimed_at,
                step.done_at.unwrap_or_else(|| self.clock.now()),
            ),
            line,
        }
    }
}

fn span(from: jiff::Timestamp, to: jiff::Timestamp) -> String {
    duration(
        to.duration_since(from)
            .max(SignedDuration::ZERO)
            .unsigned_abs(),
    )
}

/// What happened and what to do next.
fn told(run: &Run) -> (String, String) {
    match &run.outcome {
        None => (String::new(), String::new()),
        Some(Outcome::Progress(progress)) => (progress.line.clone(), String::new()),
        Some(Outcome::Planned(planned)) => (planned.plan.counts().to_string(), String::new()),
        Some(Outcome::Applied(applied)) => (applied.counts.to_string(), String::new()),
        Some(Outcome::Deployed(deployed)) => (
            format!("{} ready, {}", deployed.ready, deployed.digest),
            String::new(),
        ),
        Some(Outcome::Unlocked(_)) => ("the state lock is gone".to_owned(), String::new()),
        Some(Outcome::Seen(seen)) => {
            let list: Vec<String> = seen
                .images
                .iter()
                .map(|(workload, image)| format!("{workload} runs {image}"))
                .collect();
            (list.join("; "), String::new())
        }
        Some(Outcome::Refused { gates }) => {
            let list: Vec<String> = gates
                .iter()
                .map(|gate| format!("{}: {}", gate.gate, gate.state))
                .collect();
            (list.join("; "), "/explain".to_owned())
        }
        Some(Outcome::Stopped(stopped)) => (stopped.what.clone(), stopped.fix.clone()),
    }
}

fn evidence(run: &Run) -> String {
    let evidence = match &run.outcome {
        Some(Outcome::Progress(progress)) => progress.evidence.as_ref(),
        Some(Outcome::Planned(planned)) => Some(&planned.evidence),
        Some(Outcome::Applied(applied)) => Some(&applied.evidence),
        Some(Outcome::Deployed(deployed)) => Some(&deployed.evidence),
        Some(Outcome::Unlocked(unlocked)) => Some(&unlocked.evidence),
        Some(Outcome::Seen(seen)) => Some(&seen.evidence),
        Some(Outcome::Stopped(stopped)) => stopped.evidence.as_ref(),
        Some(Outcome::Refused { .. }) | None => None,
    };
    evidence.map_or_else(String::new, |evidence| {
        format!(
            "{} in {} (session {})",
            evidence.role, evidence.account, evidence.session
        )
    })
}
