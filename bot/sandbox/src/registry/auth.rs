//! The bearer-token flow (Docker's "Token Authentication Specification", which the
//! distribution-spec builds on): challenge, token endpoint, check.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Shared;
use super::errors::Refusal;
use super::faults::with_header;
use super::state::{State, random_id};

/// The user whose pushes are CI's: may do everything, is never hit by a fault.
pub(super) const CI: &str = "ci";

/// How long a token is good for. GHCR and Docker Hub hand out five minutes.
const TOKEN_LIFE: Duration = Duration::from_secs(300);

/// Someone with a password.
#[derive(Debug)]
pub(super) struct User {
    pub(super) password: String,
    pub(super) repositories: BTreeSet<String>,
}

/// What a token stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) user: Option<String>,
    access: Vec<(String, Action)>,
    expires: Timestamp,
}

/// What can be done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Pull,
    Push,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

/// The `WWW-Authenticate` value that sends a client to the token endpoint.
pub(super) fn challenge(shared: &Shared, need: Option<(&str, Action)>) -> String {
    let host = shared.address;
    let mut value = format!("Bearer realm=\"http://{host}/token\",service=\"{host}\"");
    if let Some((repository, action)) = need {
        value.push_str(&format!(
            ",scope=\"repository:{repository}:{}\"",
            action.word()
        ));
    }
    value
}

/// Who sends this request, if its token grants what it needs; otherwise the answer to give.
#[expect(
    clippy::result_large_err,
    reason = "the refusal is the response itself"
)]
pub(super) fn check(
    shared: &Shared,
    parts: &Parts,
    need: Option<(&str, Action)>,
) -> Result<Option<String>, Response> {
    let refuse = |error: &str| {
        let refusal = Refusal::new(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
        );
        let value = challenge(shared, need) + error;
        Err(with_header(
            refusal.into_response(),
            header::WWW_AUTHENTICATE,
            &value,
        ))
    };
    let Some(token) = credentials(parts, "Bearer ") else {
        return refuse("");
    };
    let grant = shared.state().tokens.get(token).cloned();
    let Some(grant) = grant.filter(|grant| grant.expires > shared.clock.now()) else {
        return refuse(",error=\"invalid_token\"");
    };
    match need {
        Some((repository, action)) if !grant.allows(repository, action) => {
            refuse(",error=\"insufficient_scope\"")
        }
        _ => Ok(grant.user),
    }
}

impl Grant {
    fn allows(&self, repository: &str, action: Action) -> bool {
        self.access
            .iter()
            .any(|(name, granted)| name == repository && *granted == action)
    }
}

/// Answers `GET /token?service=…&scope=repository:NAME:pull,push`.
///
/// A token carries the part of the wish that the user may have. Wrong credentials, and a wish of
/// which nothing remains, are refused as GHCR does.
pub(super) fn token(shared: &Shared, parts: &Parts) -> Response {
    let mut state = shared.state();
    let user = match credentials(parts, "Basic ") {
        None => None,
        Some(encoded) => match sign_in(&state, encoded) {
            Some(user) => Some(user),
            None => {
                return Refusal::new(
                    StatusCode::UNAUTHORIZED,
                    "UNAUTHORIZED",
                    "authentication required",
                )
                .into_response();
            }
        },
    };
    let wish = wanted(parts);
    let access: Vec<_> = wish
        .iter()
        .filter(|(name, action)| may(&state, user.as_deref(), name, *action))
        .cloned()
        .collect();
    if !wish.is_empty() && access.is_empty() {
        let (status, code) = match user {
            None => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Some(_) => (StatusCode::FORBIDDEN, "DENIED"),
        };
        return Refusal::new(status, code, "requested access to the resource is denied")
            .into_response();
    }
    let now = shared.clock.now();
    let life = SignedDuration::try_from(TOKEN_LIFE).unwrap_or(SignedDuration::ZERO);
    let token = random_id();
    let grant = Grant {
        user,
        access,
        expires: now.saturating_add(life).unwrap_or(now),
    };
    state.tokens.insert(token.clone(), grant);
    let body = json!({
        "token": token,
        "access_token": token,
        "expires_in": TOKEN_LIFE.as_secs(),
        "issued_at": now.to_string(),
    });
    axum::Json(body).into_response()
}

/// The value of an `Authorization` header of the given scheme.
fn credentials<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (head, rest) = value.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The user behind Basic credentials, if the password is right.
fn sign_in(state: &State, encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    let user = state.users.get(name)?;
    (user.password == password).then(|| name.to_owned())
}

/// The accesses that the query's scopes ask for.
fn wanted(parts: &Parts) -> Vec<(String, Action)> {
    let query = parts.uri.query().unwrap_or_default();
    let mut wanted = Vec::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key != "scope" {
            continue;
        }
        for scope in value.split(' ') {
            let Some((name, actions)) = scope
                .strip_prefix("repository:")
                .and_then(|rest| rest.rsplit_once(':'))
            else {
                continue;
            };
            for action in actions.split(',') {
                match action {
                    "pull" => wanted.push((name.to_owned(), Action::Pull)),
                    "push" => wanted.push((name.to_owned(), Action::Push)),
                    _ => {}
                }
            }
        }
    }
    wanted
}

/// Whether a user may do this at all.
fn may(state: &State, user: Option<&str>, repository: &str, action: Action) -> bool {
    if user == Some(CI) {
        return true;
    }
    let member = user
        .and_then(|name| state.users.get(name))
        .is_some_and(|user| user.repositories.contains(repository));
    let private = state
        .repositories
        .get(repository)
        .is_some_and(|repository| repository.private);
    member || (action == Action::Pull && !private)
}
