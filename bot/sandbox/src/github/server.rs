//! The front door: takes each request off the wire, lets faults have their way, and hands it to
//! git, to the API or to the pages.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::faults::Effect;
use super::wire::{Cut, Wire};
use super::{git_http, pages, rest};

/// The largest body that is taken: a push of a whole repository.
const LARGEST_BODY: usize = 512 * 1024 * 1024;

/// A request, read to its end.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Without `/api/v3`; as it came, still percent-encoded.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    fn new(parts: Parts, body: Bytes) -> Self {
        let path = parts.uri.path();
        let path = match path.strip_prefix("/api/v3").unwrap_or(path) {
            "/api/graphql" => "/graphql",
            "" => "/",
            path => path,
        };
        Self {
            path: path.to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            headers: parts.headers,
            body,
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        Self {
            status,
            headers: vec![(
                "content-type".to_owned(),
                "application/json; charset=utf-8".to_owned(),
            )],
            body: value.to_string().into_bytes(),
        }
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_str(&value),
            ) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// Serves until the sandbox ends.
pub(super) async fn serve(wire: Wire, shared: Arc<Shared>, stop: CancellationToken) {
    let app = Router::new()
        .fallback(answer)
        .with_state(shared)
        .into_make_service_with_connect_info::<Cut>();
    tokio::select! {
        () = stop.cancelled() => {}
        ended = async { axum::serve(wire, app).await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "the sandbox GitHub stopped listening");
            }
        }
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let asked = Asked::new(parts, body);
    let effect = shared.change_if(|model| {
        let effect = model.faults.take(&asked.method, &asked.path);
        let happened = effect.is_some();
        (effect, happened)
    });
    match effect {
        None => work(shared, asked).await,
        Some(Effect::Respond {
            status,
            headers,
            body,
        }) => {
            let mut reply =
                Reply::empty(StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT));
            reply.body = body.into_bytes();
            reply.headers = headers;
            rest::record_fault(&shared, &asked, reply.status);
            reply
                .header("content-type", "application/json; charset=utf-8")
                .into_response()
        }
        Some(Effect::DropBefore) => {
            cut.cut();
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Effect::DropAfter) => {
            let response = work(shared, asked).await;
            cut.cut();
            response
        }
        Some(Effect::NeverAnswer) => {
            work(shared, asked).await;
            std::future::pending().await
        }
        Some(Effect::Slow(delay)) => {
            let response = work(shared, asked).await;
            tokio::time::sleep(delay).await;
            response
        }
    }
}

/// Does what was asked. The state is only ever touched on a blocking thread, since it calls git.
async fn work(shared: Arc<Shared>, asked: Asked) -> Response {
    if let Some(call) = git_http::recognize(&asked) {
        return git_http::answer(shared, asked, call).await.into_response();
    }
    let done = tokio::task::spawn_blocking(move || {
        shared.change(|model| match pages::answer(model, &asked) {
            Some(reply) => reply,
            None => rest::answer(model, &asked),
        })
    });
    match done.await {
        Ok(reply) => reply.into_response(),
        Err(error) => {
            tracing::error!(%error, "a request broke the sandbox GitHub");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
