//! Tests over real sockets: the API with a plain HTTP client, git with git, webhooks with a hook.

mod auth;
mod checks;
mod comments;
mod deployments;
mod faults;
mod git;
mod issues;
mod pages;
mod pulls;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::{GitHub, GitHubConfig};
use crate::clock::WorldClock;

/// Far longer than anything here takes; only a failing test waits so long.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const REPO: &str = "acme/shop";

/// A GitHub with one repository, and an App's client.
pub(super) struct World {
    pub(super) github: GitHub,
    pub(super) clock: WorldClock,
    pub(super) http: reqwest::Client,
    pub(super) token: String,
}

/// An answer of the API.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
    pub(super) text: String,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(super) async fn with(adjust: impl FnOnce(&mut GitHubConfig)) -> Self {
        let clock = WorldClock::default();
        let mut config = GitHubConfig {
            clock: clock.clone(),
            ..GitHubConfig::default()
        };
        adjust(&mut config);
        let github = GitHub::start(config).await.unwrap();
        github
            .create_repo(
                REPO,
                &[("README.md", "hello\n"), ("infra/a b/main.tf", "# tf\n")],
            )
            .await
            .unwrap();
        github.set_permission(REPO, "ana", "write").await.unwrap();
        github.set_permission(REPO, "bo", "admin").await.unwrap();
        let token = github.installation_token(REPO).await.unwrap();
        Self {
            github,
            clock,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token,
        }
    }

    /// A pull request of `ana` from `topic`, with one file.
    pub(super) async fn pull(&self) -> (u64, String) {
        let sha = self
            .github
            .commit(
                REPO,
                "topic",
                "ana",
                "Add a file",
                &[("new.txt", Some("1\n"))],
            )
            .await
            .unwrap();
        let number = self
            .github
            .open_pull_request(REPO, "ana", "topic", "main", "Add a file", false)
            .await
            .unwrap();
        (number, sha)
    }

    pub(super) fn jwt(&self, issuer: &Value, issued: i64, expires: i64) -> String {
        let now = self.clock.now().as_second();
        let claims = json!({ "iss": issuer, "iat": now + issued, "exp": now + expires });
        let key = EncodingKey::from_rsa_pem(self.github.private_key_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
    }

    pub(super) fn good_jwt(&self) -> String {
        self.jwt(&json!(self.github.app_id()), -60, 540)
    }

    pub(super) async fn call(
        &self,
        method: &str,
        path: &str,
        auth: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Got {
        let url = format!("{}{path}", self.github.url());
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url);
        if !auth.is_empty() {
            request = request.bearer_auth(auth);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Got {
            status,
            headers,
            json,
            text,
        }
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.call("GET", path, &self.token, None, &[]).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Got {
        self.call("POST", path, &self.token, Some(body), &[]).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Got {
        self.call("PATCH", path, &self.token, Some(body), &[]).await
    }

    /// A token that may do no more than this.
    pub(super) async fn token_for(&self, permissions: Value) -> String {
        let jwt = self.good_jwt();
        let path = format!("/repos/{REPO}/installation");
        let id = self.call("GET", &path, &jwt, None, &[]).await.json["id"].clone();
        let path = format!("/app/installations/{id}/access_tokens");
        let wish = Some(json!({ "permissions": permissions }));
        let got = self.call("POST", &path, &jwt, wish, &[]).await;
        got.json["token"].as_str().unwrap().to_owned()
    }

    /// Starts a hook and points the App at it.
    pub(super) async fn hook(&self) -> Hook {
        let hook = Hook::start().await;
        self.github.set_hook_url(&hook.url);
        hook
    }

    pub(super) async fn idle(&self) {
        self.github.idle(PATIENCE).await.unwrap();
    }
}

/// The headers and the body of a delivery.
type Received = (HeaderMap, Vec<u8>);

/// A place that webhooks are sent to.
#[derive(Clone)]
pub(super) struct Hook {
    pub(super) url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Mutex<StatusCode>>,
}

impl Hook {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            received: Arc::default(),
            answer: Arc::new(Mutex::new(StatusCode::OK)),
        };
        let app = Router::new().fallback(take).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        hook
    }

    pub(super) fn answer(&self, status: u16) {
        *self.answer.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// `event.action` of everything received, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.events()
            .iter()
            .map(|(event, payload)| match payload["action"].as_str() {
                Some(action) => format!("{event}.{action}"),
                None => event.clone(),
            })
            .collect()
    }

    pub(super) fn events(&self) -> Vec<(String, Value)> {
        self.received()
            .iter()
            .map(|(headers, body)| {
                let event = headers["x-github-event"].to_str().unwrap().to_owned();
                (event, serde_json::from_slice(body).unwrap())
            })
            .collect()
    }

    /// The last payload of this event and action.
    pub(super) fn last(&self, name: &str) -> Value {
        let at = self.names().iter().rposition(|known| known == name);
        let at = at.unwrap_or_else(|| panic!("no {name} among {:?}", self.names()));
        self.events()[at].1.clone()
    }
}

async fn take(State(hook): State<Hook>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    hook.received.lock().unwrap().push((headers, body.to_vec()));
    *hook.answer.lock().unwrap()
}
