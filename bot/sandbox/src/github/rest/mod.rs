//! The REST API: one table of endpoints, each with the permission it takes.
//!
//! An endpoint translates between JSON and operations on the model; rules of GitHub that hold
//! whoever calls belong to the model.

mod apps;
mod call;
mod checks;
mod comments;
mod commits;
mod contents;
mod deployments;
mod graphql;
mod issues;
mod pull_writes;
mod pulls;
mod repos;
mod routes;
mod tokens;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

pub(super) use call::query;
use call::{Call, params};
use routes::{Route, find_route};

use super::Shared;
use super::auth::Caller;
use super::journal::JournalEntry;
use super::model::Model;
use super::refusal::{Outcome, Refusal};
use super::server::{Asked, Reply};

/// Marks an answer to something that GitHub can do but the sandbox cannot.
const UNKNOWN: &str = "x-sandbox-unknown";
/// The window of the primary rate limit.
const RATE_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Answers a request to the API and writes it down.
pub(super) fn answer(model: &mut Model, asked: &Asked) -> Reply {
    let route = find_route(&asked.method, &asked.path);
    let (caller, result) = match model.authenticate(&asked.headers) {
        Err(refusal) => (Caller::Nobody, Err(refusal)),
        Ok(caller) => {
            let result = perform(model, asked, route.as_ref(), &caller);
            (caller, result)
        }
    };
    let mut reply = result.unwrap_or_else(|refusal| refused(&refusal));
    if asked.method == Method::GET && reply.status == StatusCode::OK {
        reply = conditional(asked, reply);
    }
    // An answer that nothing has changed is free.
    if let (Caller::Installation { id, .. }, true) =
        (&caller, reply.status != StatusCode::NOT_MODIFIED)
    {
        let (used, reset) = spent(model, *id);
        model.spending.insert(*id, (used + 1, reset));
    }
    let known = route.is_some() && !reply.headers.iter().any(|(name, _)| name == UNKNOWN);
    let request_id = record(model, asked, caller.clone(), reply.status, known);
    let reply = rate_headers(model, &caller, reply);
    reply
        .header("x-github-request-id", request_id)
        .header("x-github-media-type", "github.v3; format=json")
}

/// Whether the API has such an endpoint.
pub(super) fn is_endpoint(method: &Method, path: &str) -> bool {
    find_route(method, path).is_some()
}

fn perform(
    model: &mut Model,
    asked: &Asked,
    route: Option<&(&'static Route, Vec<(&'static str, String)>)>,
    caller: &Caller,
) -> Outcome<Reply> {
    let Some((route, found)) = route else {
        return Err(Refusal::not_found());
    };
    check_rate(model, asked, caller, route)?;
    let mut call = Call {
        asked,
        params: params(found),
        query: query(&asked.query),
        caller: caller.clone(),
        repo: 0,
    };
    call.repo = route.admit(model, &call)?;
    (route.handler)(model, &call)
}

fn refused(refusal: &Refusal) -> Reply {
    let reply = Reply::json(refusal.status, &refusal.body());
    match refusal.retry_after {
        Some(seconds) => reply.header("retry-after", seconds.to_string()),
        None => reply,
    }
}

/// Adds the `ETag`, and answers 304 to who has it already.
fn conditional(asked: &Asked, reply: Reply) -> Reply {
    let digest = Sha256::digest(&reply.body);
    let etag = format!("\"{}\"", hex::encode(digest));
    let weak = format!("W/{etag}");
    let known = asked.header("if-none-match");
    if known.split(',').any(|tag| {
        let tag = tag.trim();
        tag == etag || tag == weak
    }) {
        return Reply::empty(StatusCode::NOT_MODIFIED).header("etag", weak);
    }
    reply.header("etag", weak)
}

/// How many requests an installation has made in its current hour, and when that hour ends.
fn spent(model: &Model, installation: u64) -> (u64, Timestamp) {
    let now = model.now();
    model
        .spending
        .get(&installation)
        .copied()
        .filter(|(_, reset)| *reset > now)
        .unwrap_or((0, now + RATE_WINDOW))
}

fn check_rate(model: &Model, asked: &Asked, caller: &Caller, route: &Route) -> Outcome<()> {
    let Caller::Installation { id, .. } = caller else {
        return Ok(());
    };
    if spent(model, *id).0 >= model.config.hourly_limit && asked.path != "/rate_limit" {
        return Err(Refusal::forbidden(format!(
            "API rate limit exceeded for installation ID {id}."
        )));
    }
    let Some(limit) = model.faults.content_limit.filter(|_| route.creates_content) else {
        return Ok(());
    };
    let since = model.now() - SignedDuration::from_secs(60);
    let recent = model
        .journal
        .iter()
        .rev()
        .take_while(|entry| entry.at > since);
    let made = recent
        .filter(|entry| (200..300).contains(&entry.status))
        .filter(|entry| {
            find_route(&entry.method, &entry.path).is_some_and(|(route, _)| route.creates_content)
        })
        .count();
    if u32::try_from(made).unwrap_or(u32::MAX) < limit {
        return Ok(());
    }
    let mut refusal = Refusal::forbidden(
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry your request again later.",
    );
    refusal.retry_after = Some(60);
    Err(refusal)
}

fn rate_headers(model: &Model, caller: &Caller, reply: Reply) -> Reply {
    let limit = model.config.hourly_limit;
    let (used, reset) = match caller {
        Caller::Installation { id, .. } => spent(model, *id),
        Caller::Nobody | Caller::App | Caller::Person(_) => (0, model.now() + RATE_WINDOW),
    };
    reply
        .header("x-ratelimit-limit", limit.to_string())
        .header(
            "x-ratelimit-remaining",
            limit.saturating_sub(used).to_string(),
        )
        .header("x-ratelimit-used", used.to_string())
        .header("x-ratelimit-reset", reset.as_second().to_string())
        .header("x-ratelimit-resource", "core")
}

fn record(
    model: &mut Model,
    asked: &Asked,
    caller: Caller,
    status: StatusCode,
    known: bool,
) -> String {
    let id = model.new_id();
    let request_id = format!("{id:04X}:{:08X}", model.journal.len());
    model.journal.push(JournalEntry {
        at: model.now(),
        method: asked.method.clone(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        caller,
        status: status.as_u16(),
        known,
        request_id: request_id.clone(),
        body: String::from_utf8_lossy(&asked.body).into_owned(),
    });
    request_id
}

/// Writes down a request that a fault answered.
pub(super) fn record_fault(shared: &Shared, asked: &Asked, status: StatusCode) {
    shared.change(|model| {
        let caller = model.authenticate(&asked.headers).unwrap_or(Caller::Nobody);
        record(model, asked, caller, status, true);
    });
}

/// Writes down a request of git's protocol, without its body.
pub(super) fn record_git(shared: &Shared, asked: &Asked, status: StatusCode) {
    let bare = Asked {
        method: asked.method.clone(),
        path: asked.path.clone(),
        query: asked.query.clone(),
        headers: asked.headers.clone(),
        body: bytes::Bytes::new(),
    };
    record_fault(shared, &bare, status);
}
