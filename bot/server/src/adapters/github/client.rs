//! One call to GitHub over octocrab, used as the HTTP client that it is: its typed models refuse
//! answers that lack what GitHub may leave out, and its own retry is not compiled in, since the
//! shell has the one retry layer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use slipway_core::ports::Clock;
use url::Url;

use super::auth::Scope;
use super::errors::{Failure, Outcome};
use super::etag::{EtagCache, Kept, Key};

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The form of almost every answer.
pub(super) const JSON: &str = "application/vnd.github+json";
/// Of a commit, only its SHA, as text.
pub(super) const SHA: &str = "application/vnd.github.sha";

/// What is asked.
pub(super) struct Request {
    method: Method,
    url: Url,
    accept: &'static str,
    body: Option<String>,
}

impl Request {
    /// Reads.
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            accept: JSON,
            body: None,
        }
    }

    /// Reads in another form than JSON.
    pub(super) fn get_as(url: Url, accept: &'static str) -> Self {
        Self {
            accept,
            ..Self::get(url)
        }
    }

    /// Creates.
    pub(super) fn post(url: Url, body: &impl Serialize) -> Outcome<Self> {
        Self::with_body(Method::POST, url, body)
    }

    /// Changes.
    pub(super) fn patch(url: Url, body: &impl Serialize) -> Outcome<Self> {
        Self::with_body(Method::PATCH, url, body)
    }

    fn with_body(method: Method, url: Url, body: &impl Serialize) -> Outcome<Self> {
        let body = serde_json::to_string(body)
            .map_err(|error| Failure::unexpected(format!("can't be written as JSON: {error}")))?;
        Ok(Self {
            method,
            url,
            accept: JSON,
            body: Some(body),
        })
    }
}

/// What GitHub answered, always a success.
#[derive(Debug)]
pub(super) struct Answer {
    /// The body.
    pub(super) body: Bytes,
    /// The `Link` header.
    pub(super) link: Option<String>,
}

impl Answer {
    /// The body, read.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Outcome<T> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::unexpected(format!("an answer that can't be read: {error}")))
    }
}

/// Makes calls, each with a credential that the caller brings.
pub(super) struct Client {
    crab: Octocrab,
    api: Url,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    etags: Mutex<EtagCache>,
}

impl Client {
    /// A client of the API at `api`. It must be made inside of a tokio runtime, where octocrab
    /// starts a task.
    pub(super) fn new(
        api: Url,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, octocrab::Error> {
        let crab = Octocrab::builder()
            .base_uri(api.as_str())?
            .set_connect_timeout(Some(timeout))
            .build()?;
        Ok(Self {
            crab,
            api,
            timeout,
            clock,
            etags: Mutex::default(),
        })
    }

    /// The URL of an endpoint. Each segment is encoded, so that a branch called `a/b?c` stays one
    /// segment and no name reaches another endpoint.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.api.clone();
        // An http URL always has segments; `GitHub::new` takes no other.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Makes one call with one credential.
    pub(super) async fn send(
        &self,
        scope: &Scope,
        credential: &SecretString,
        request: &Request,
    ) -> Outcome<Answer> {
        let key = (request.method == Method::GET).then(|| Key {
            scope: scope.clone(),
            url: request.url.clone(),
            accept: request.accept,
        });
        let kept = key.as_ref().and_then(|key| self.etags().get(key));
        let built = build(credential, request, kept.as_ref())?;
        let (head, body) = tokio::time::timeout(self.timeout, self.exchange(built))
            .await
            .map_err(|_| {
                Failure::unreachable(format!("no answer within {} s", self.timeout.as_secs()))
            })??;
        if let (StatusCode::NOT_MODIFIED, Some(kept)) = (head.status, kept) {
            return Ok(Answer {
                body: kept.body,
                link: kept.link,
            });
        }
        if !head.status.is_success() {
            let failure = Failure::from_answer(head.status, &head.headers, &body, self.clock.now());
            tracing::debug!(
                method = %request.method,
                url = %request.url,
                status = head.status.as_u16(),
                request_id = text(&head.headers, "x-github-request-id"),
                said = failure.said,
                "GitHub refuses a request"
            );
            return Err(failure);
        }
        let link = text(&head.headers, header::LINK.as_str()).map(str::to_owned);
        let etag = text(&head.headers, header::ETAG.as_str());
        if let (Some(key), Some(etag)) = (key, etag) {
            let kept = Kept {
                etag: etag.to_owned(),
                body: body.clone(),
                link: link.clone(),
            };
            self.etags().put(key, kept);
        }
        Ok(Answer { body, link })
    }

    fn etags(&self) -> std::sync::MutexGuard<'_, EtagCache> {
        self.etags.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(
        &self,
        request: http::Request<String>,
    ) -> Outcome<(http::response::Parts, Bytes)> {
        let response = self.crab.execute(request).await.map_err(|error| {
            Failure::unreachable(format!("can't be reached: {}", causes(&error)))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER)
            .collect()
            .await
            .map_err(|error| {
                Failure::unreachable(format!("broke off its answer: {}", causes(error.as_ref())))
            })?
            .to_bytes();
        Ok((head, body))
    }
}

fn build(
    credential: &SecretString,
    request: &Request,
    kept: Option<&Kept>,
) -> Outcome<http::Request<String>> {
    let unfit = |error: http::Error| Failure::unexpected(format!("no request: {error}"));
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", credential.expose_secret()))
        .map_err(|error| unfit(error.into()))?;
    bearer.set_sensitive(true);
    let mut builder = http::Request::builder()
        .method(request.method.clone())
        .uri(request.url.as_str())
        .header(header::ACCEPT, request.accept)
        .header("x-github-api-version", "2022-11-28")
        .header(header::AUTHORIZATION, bearer);
    if request.body.is_some() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(kept) = kept {
        builder = builder.header(header::IF_NONE_MATCH, kept.etag.as_str());
    }
    builder
        .body(request.body.clone().unwrap_or_default())
        .map_err(unfit)
}

fn text<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// An error with what caused it: octocrab's own text says only "Service error".
fn causes(error: &dyn std::error::Error) -> String {
    let mut told = vec![first_line(error)];
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = first_line(error);
        if told.last() != Some(&line) {
            told.push(line);
        }
        cause = error.source();
    }
    told.join(": ")
}

/// octocrab appends a backtrace to its texts.
fn first_line(error: &dyn std::error::Error) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
