//! GitHub, as the ports [`Forge`](slipway_core::ports::Forge) and
//! [`ForgeWriter`](slipway_core::ports::ForgeWriter).
//!
//! Each call is made with a token that reaches one repository and may do one kind of thing; reads
//! are conditional; what GitHub refuses becomes a [`PortError`](slipway_core::ports::PortError).
//! Nothing is tried again here (but once with a new token after a 401, which did nothing), nothing
//! is decided here, and no type of octocrab leaves this module.
//!
//! A list is read whole or not at all: a decision that sees half of the reviews is wrong.

mod auth;
mod checks;
mod client;
mod comments;
mod deliveries;
mod deployments;
mod errors;
mod etag;
mod issues;
mod pages;
mod ports;
mod pulls;
mod reads;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use slipway_core::event::RepoRef;
use slipway_core::ids::RepoName;
use slipway_core::ports::{AppIdentity, Clock};
use tokio::sync::OnceCell;
use url::{Position, Url};

use auth::{Access, Credentials, Scope};
use client::{Answer, Client, Request};
use errors::Outcome;
use pages::Pages;

/// Where GitHub is and who the App is.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// The API: `https://api.github.com`, or `https://HOST/api/v3` of a GitHub Enterprise Server.
    pub api_url: Url,
    /// Where repositories are cloned from; derived from `api_url` if not set.
    pub web_url: Option<Url>,
    /// The id of the App.
    pub app_id: u64,
    /// Its private key, PEM.
    pub private_key_pem: SecretString,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// How long one call may take, from its start to the end of the answer.
    pub timeout: Duration,
}

/// Why GitHub can't be talked to at all.
#[derive(Debug, thiserror::Error)]
pub enum GitHubSettingsError {
    /// The private key is none.
    #[error("the App's private key is no RSA key in PEM form: {0}")]
    Key(#[source] jsonwebtoken::errors::Error),
    /// A URL is not of HTTP.
    #[error("{0} is no http or https URL")]
    Url(Url),
    /// The HTTP client can't be made, such as for want of root certificates.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// GitHub.
pub struct GitHub {
    client: Client,
    credentials: Credentials,
    app_id: u64,
    app: OnceCell<AppIdentity>,
    web: Url,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub")
            .field("app_id", &self.app_id)
            .field("web", &self.web.as_str())
            .finish_non_exhaustive()
    }
}

impl GitHub {
    /// GitHub by these settings. Reaches nothing yet, but must be called inside of a tokio
    /// runtime.
    ///
    /// # Errors
    /// When the key is no RSA key, a URL is none of HTTP, or no HTTP client can be made.
    pub fn new(settings: GitHubSettings) -> Result<Self, GitHubSettingsError> {
        let web = settings
            .web_url
            .unwrap_or_else(|| web_url(&settings.api_url));
        for url in [&settings.api_url, &web] {
            if !matches!(url.scheme(), "http" | "https") {
                return Err(GitHubSettingsError::Url(url.clone()));
            }
        }
        let credentials = Credentials::new(
            settings.app_id,
            &settings.private_key_pem,
            Arc::clone(&settings.clock),
        )
        .map_err(GitHubSettingsError::Key)?;
        let client = Client::new(settings.api_url, settings.timeout, settings.clock)
            .map_err(|error| GitHubSettingsError::Client(error.to_string()))?;
        Ok(Self {
            client,
            credentials,
            app_id: settings.app_id,
            app: OnceCell::new(),
            web,
        })
    }

    fn url(&self, segments: &[&str]) -> Url {
        self.client.url(segments)
    }

    /// The URL of an endpoint below a repository.
    fn repo_url(&self, repo: &RepoName, segments: &[&str]) -> Url {
        let below = ["repos", repo.owner(), repo.name()];
        self.client.url(&[&below, segments].concat())
    }

    /// Makes a call, once more with a new credential if GitHub does not know the one held.
    async fn call(&self, scope: &Scope, request: &Request) -> Outcome<Answer> {
        if let Some(held) = self.credentials.held(scope) {
            match self.client.send(scope, &held, request).await {
                Err(failure) if failure.is(http::StatusCode::UNAUTHORIZED) => {
                    self.credentials.forget(scope, &held);
                }
                done => return done,
            }
        }
        let fresh = self.fresh(scope).await?;
        self.client.send(scope, &fresh, request).await
    }

    /// A credential that was just made, here or by another who was first.
    async fn fresh(&self, scope: &Scope) -> Outcome<SecretString> {
        match scope {
            Scope::App => self.credentials.sign(),
            Scope::Repo(repo, access) => {
                let turn = self.credentials.turn(scope);
                let _turn = turn.lock().await;
                if let Some(held) = self.credentials.held(scope) {
                    return Ok(held);
                }
                let token = self.ask_token(repo, *access).await?;
                self.credentials.hold_token(scope.clone(), &token);
                Ok(token)
            }
        }
    }

    async fn ask_token(&self, repo: &RepoRef, access: Access) -> Outcome<SecretString> {
        #[derive(Deserialize)]
        struct Token {
            token: String,
        }
        let installation = repo.installation.to_string();
        let url = self.url(&["app", "installations", &installation, "access_tokens"]);
        let permissions: serde_json::Map<String, serde_json::Value> = access
            .permissions()
            .iter()
            .map(|(name, level)| ((*name).to_owned(), json!(level)))
            .collect();
        let body = json!({ "repositories": [repo.name.name()], "permissions": permissions });
        let request = Request::post(url, &body)?;
        // Boxed, since a call may ask for a token and asking for a token is a call.
        let answer = Box::pin(self.call(&Scope::App, &request))
            .await
            .map_err(|failure| auth::explain_refusal(failure, repo, access))?;
        answer.json::<Token>().map(|answer| answer.token.into())
    }

    /// Reads one thing with the token for reading.
    async fn read<T: DeserializeOwned>(&self, repo: &RepoRef, url: Url) -> Outcome<T> {
        let scope = Scope::Repo(repo.clone(), Access::Read);
        self.call(&scope, &Request::get(url)).await?.json()
    }

    /// Begins a list with the token for reading.
    fn read_pages(&self, repo: &RepoRef, first: Url, most: u32) -> Pages<'_> {
        Pages::new(self, Scope::Repo(repo.clone(), Access::Read), first, most)
    }

    /// Begins a list with the token for reports.
    fn report_pages(&self, repo: &RepoRef, first: Url, most: u32) -> Pages<'_> {
        Pages::new(self, Scope::Repo(repo.clone(), Access::Report), first, most)
    }

    /// Writes with the token for reports.
    async fn report(&self, repo: &RepoRef, request: &Request) -> Outcome<Answer> {
        let scope = Scope::Repo(repo.clone(), Access::Report);
        self.call(&scope, request).await
    }

    /// Writes in a thread of comments. GitHub asks for one permission if it belongs to a pull
    /// request and for another if it belongs to an issue, and a number or a comment's id does not
    /// say which.
    async fn in_thread(&self, repo: &RepoRef, request: &Request) -> Outcome<Answer> {
        match self.report(repo, request).await {
            Err(refusal) if refusal.is(http::StatusCode::FORBIDDEN) => {
                let scope = Scope::Repo(repo.clone(), Access::Issues);
                self.call(&scope, request).await.map_err(|_| refusal)
            }
            answer => answer,
        }
    }
}

/// Where people and git find what an API is about: `api.github.com` and `api.TENANT.ghe.com` stand
/// beside it, a GitHub Enterprise Server has its API in a folder.
fn web_url(api: &Url) -> Url {
    let mut web = api.clone();
    web.set_query(None);
    web.set_fragment(None);
    let path = web.path().trim_end_matches('/');
    let path = path.strip_suffix("/api/v3").unwrap_or(path).to_owned();
    web.set_path(&path);
    let host = web.host_str().unwrap_or_default();
    if host == "api.github.com" || host.ends_with(".ghe.com") {
        let host = host.strip_prefix("api.").unwrap_or(host).to_owned();
        // A host less its first label is still a host.
        if let Err(error) = web.set_host(Some(&host)) {
            tracing::debug!(%error, host, "a host that can't be set");
        }
    }
    web
}

/// The URL to clone a repository from.
fn clone_url(web: &Url, repo: &RepoName) -> String {
    let base = web[..Position::AfterPath].trim_end_matches('/');
    format!("{base}/{repo}.git")
}
