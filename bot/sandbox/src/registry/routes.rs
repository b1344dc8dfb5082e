//! From a request to the endpoint that answers it.
//!
//! Repository names contain slashes, so paths are read from their end, by hand.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode};

use super::auth::{self, Action, CI};
use super::errors::Refusal;
use super::faults::{self, with_header};
use super::state::Call;
use super::{Shared, blobs, manifests};

/// The largest body that is taken: test images are small.
const LARGEST_BODY: usize = 64 << 20;

/// A request with its body read.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

impl Asked {
    /// The query parameter of that name.
    pub(super) fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Base,
    Uploads { name: &'a str },
    Upload { name: &'a str, id: &'a str },
    Blob { name: &'a str, digest: &'a str },
    Manifest { name: &'a str, reference: &'a str },
    Tags { name: &'a str },
}

impl<'a> Route<'a> {
    pub(super) fn parse(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/v2")?;
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        if rest.is_empty() {
            return Some(Self::Base);
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Some(Self::Tags { name });
        }
        let trimmed = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(name) = trimmed.strip_suffix("/blobs/uploads") {
            return Some(Self::Uploads { name });
        }
        let (head, last) = rest.rsplit_once('/')?;
        if let Some(name) = head.strip_suffix("/blobs/uploads") {
            return Some(Self::Upload { name, id: last });
        }
        if let Some(name) = head.strip_suffix("/blobs") {
            return Some(Self::Blob { name, digest: last });
        }
        let name = head.strip_suffix("/manifests")?;
        Some(Self::Manifest {
            name,
            reference: last,
        })
    }

    fn name(&self) -> Option<&'a str> {
        match *self {
            Self::Base => None,
            Self::Uploads { name }
            | Self::Upload { name, .. }
            | Self::Blob { name, .. }
            | Self::Manifest { name, .. }
            | Self::Tags { name } => Some(name),
        }
    }
}

/// The registry's one route.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let method = parts.method.to_string();
    let path = parts
        .uri
        .path_and_query()
        .map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let mut user = None;
    let response = answer(&shared, parts, body, &mut user).await;
    tracing::debug!(%method, %path, status = response.status().as_u16(), "registry answered");
    shared.state().journal.push(Call {
        method,
        path,
        user: user.unwrap_or_default(),
        status: response.status().as_u16(),
    });
    with_header(
        response,
        HeaderName::from_static("docker-distribution-api-version"),
        "registry/2.0",
    )
}

async fn answer(shared: &Shared, parts: Parts, body: Body, user: &mut Option<String>) -> Response {
    let path = parts.uri.path().to_owned();
    if path == "/token" {
        return auth::token(shared, &parts);
    }
    let Some(route) = Route::parse(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some(name) = route.name()
        && !is_name(name)
    {
        let message = "invalid repository name";
        return Refusal::new(StatusCode::BAD_REQUEST, "NAME_INVALID", message).into_response();
    }
    let action = match parts.method {
        Method::GET | Method::HEAD => Action::Pull,
        _ => Action::Push,
    };
    let need = route.name().map(|name| (name, action));
    match auth::check(shared, &parts, need) {
        Ok(caller) => *user = caller,
        Err(refused) => return refused,
    }
    if user.as_deref() != Some(CI) {
        let fault = faults::take(&mut shared.state().faults, &path);
        if let Some(fault) = fault {
            return fault.response(&auth::challenge(shared, need));
        }
    }
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    dispatch(shared, &route, &Asked { parts, body }).unwrap_or_else(IntoResponse::into_response)
}

fn dispatch(shared: &Shared, route: &Route<'_>, asked: &Asked) -> Result<Response, Refusal> {
    let method = &asked.parts.method;
    let reading = matches!(*method, Method::GET | Method::HEAD);
    match *route {
        Route::Base if reading => Ok(axum::Json(serde_json::json!({})).into_response()),
        Route::Tags { name } if reading => manifests::tags(shared, name, asked),
        Route::Manifest { name, reference } if reading => {
            manifests::get(shared, name, reference, asked)
        }
        Route::Manifest { name, reference } if method == Method::PUT => {
            manifests::put(shared, name, reference, asked)
        }
        Route::Blob { name, digest } if reading => blobs::get(shared, name, digest),
        Route::Uploads { name } if method == Method::POST => blobs::start(shared, name, asked),
        Route::Upload { name, id } => match *method {
            Method::GET => blobs::progress(shared, name, id),
            Method::PATCH => blobs::append(shared, name, id, asked),
            Method::PUT => blobs::finish(shared, name, id, asked),
            Method::DELETE => blobs::cancel(shared, name, id),
            _ => Err(Refusal::unsupported()),
        },
        _ => Err(Refusal::unsupported()),
    }
}

/// Whether a repository name is one of the specification's
/// (`[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes, 255 characters at most).
fn is_name(name: &str) -> bool {
    let component = |part: &str| {
        let edge =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        edge(part.chars().next())
            && edge(part.chars().next_back())
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
            && !part.contains("..")
            && !part.contains("___")
    };
    name.len() <= 255 && name.split('/').all(component)
}
