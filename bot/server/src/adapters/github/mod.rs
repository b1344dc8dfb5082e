//! GitHub, as the ports [`Forge`] and [`ForgeWriter`].
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
mod pages;
mod pulls;
mod reads;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use slipway_core::event::RepoRef;
use slipway_core::facts::{
    ChangedFiles, Check, Comparison, Permission, PullRequest, Repository, Review,
};
use slipway_core::ids::{
    CheckRunId, CommentId, CommitSha, DeploymentId, EnvName, InstallationId, Login, PrNumber,
    RepoName,
};
use slipway_core::ports::{
    AppIdentity, Clock, CloneAccess, DeploymentStatus, Forge, ForgeWriter, MissedDelivery,
    NewDeployment, PortResult, Reaction,
};
use slipway_core::report::check::CheckOutput;
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

#[async_trait]
impl Forge for GitHub {
    async fn app(&self) -> PortResult<AppIdentity> {
        reads::app(self)
            .await
            .cloned()
            .map_err(|failure| failure.while_doing("reading who the App is"))
    }

    async fn installation(&self, repo: &RepoName) -> PortResult<InstallationId> {
        reads::installation(self, repo).await.map_err(|failure| {
            failure.while_doing(format!("looking for the installation of {repo}"))
        })
    }

    async fn repository(&self, repo: &RepoRef) -> PortResult<Repository> {
        reads::repository(self, repo)
            .await
            .map_err(|failure| failure.while_doing(format!("reading {}", repo.name)))
    }

    async fn file(&self, repo: &RepoRef, path: &str, at: &str) -> PortResult<Option<String>> {
        reads::file(self, repo, path, at).await.map_err(|failure| {
            failure.while_doing(format!("reading {path} of {} at {at}", repo.name))
        })
    }

    async fn branch_tip(&self, repo: &RepoRef, branch: &str) -> PortResult<CommitSha> {
        reads::branch_tip(self, repo, branch)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading the branch {branch} of {}", repo.name))
            })
    }

    async fn commit(&self, repo: &RepoRef, name: &str) -> PortResult<Option<CommitSha>> {
        reads::commit(self, repo, name).await.map_err(|failure| {
            failure.while_doing(format!("looking for the commit {name} of {}", repo.name))
        })
    }

    async fn pull_request(&self, repo: &RepoRef, number: PrNumber) -> PortResult<PullRequest> {
        pulls::pull_request(self, repo, number)
            .await
            .map_err(|failure| failure.while_doing(format!("reading {}#{number}", repo.name)))
    }

    async fn pull_requests_of(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<PrNumber>> {
        pulls::of_commit(self, repo, sha).await.map_err(|failure| {
            failure.while_doing(format!(
                "looking for the pull requests of {}@{}",
                repo.name,
                sha.short()
            ))
        })
    }

    async fn open_pull_requests(&self, repo: &RepoRef, base: &str) -> PortResult<Vec<PrNumber>> {
        pulls::open(self, repo, base).await.map_err(|failure| {
            failure.while_doing(format!(
                "listing the open pull requests of {} to {base}",
                repo.name
            ))
        })
    }

    async fn changed_files(&self, repo: &RepoRef, number: PrNumber) -> PortResult<ChangedFiles> {
        pulls::changed_files(self, repo, number)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading the files of {}#{number}", repo.name))
            })
    }

    async fn reviews(&self, repo: &RepoRef, number: PrNumber) -> PortResult<Vec<Review>> {
        pulls::reviews(self, repo, number).await.map_err(|failure| {
            failure.while_doing(format!("reading the reviews of {}#{number}", repo.name))
        })
    }

    async fn checks(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<Check>> {
        checks::of_commit(self, repo, sha).await.map_err(|failure| {
            failure.while_doing(format!(
                "reading the checks of {}@{}",
                repo.name,
                sha.short()
            ))
        })
    }

    async fn required_checks(&self, repo: &RepoRef, branch: &str) -> PortResult<Vec<String>> {
        reads::required_checks(self, repo, branch)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "reading which checks {} requires on {branch}",
                    repo.name
                ))
            })
    }

    async fn compare(&self, repo: &RepoRef, base: &str, head: &str) -> PortResult<Comparison> {
        reads::compare(self, repo, base, head)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("comparing {base} and {head} of {}", repo.name))
            })
    }

    async fn permission(&self, repo: &RepoRef, login: &Login) -> PortResult<Permission> {
        reads::permission(self, repo, login)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading what @{login} may do in {}", repo.name))
            })
    }

    async fn is_team_member(
        &self,
        repo: &RepoRef,
        org: &str,
        team: &str,
        login: &Login,
    ) -> PortResult<bool> {
        reads::is_team_member(self, repo, org, team, login)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading whether @{login} is in {org}/{team}"))
            })
    }

    async fn clone_access(&self, repo: &RepoRef) -> PortResult<CloneAccess> {
        let scope = Scope::Repo(repo.clone(), Access::Clone);
        let token = match self.credentials.held(&scope) {
            Some(held) => held,
            None => self.fresh(&scope).await.map_err(|failure| {
                failure.while_doing(format!("asking for a token to clone {}", repo.name))
            })?,
        };
        Ok(CloneAccess {
            url: clone_url(&self.web, &repo.name),
            token,
        })
    }

    async fn missed_deliveries(&self, since: Timestamp) -> PortResult<Vec<MissedDelivery>> {
        deliveries::missed(self, since)
            .await
            .map_err(|failure| failure.while_doing("listing the deliveries of the App"))
    }

    async fn redeliver(&self, id: u64) -> PortResult<()> {
        deliveries::redeliver(self, id)
            .await
            .map_err(|failure| failure.while_doing(format!("asking for the delivery {id} again")))
    }
}

#[async_trait]
impl ForgeWriter for GitHub {
    async fn find_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        marker: &str,
    ) -> PortResult<Option<CommentId>> {
        comments::find(self, repo, pr, marker)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("looking for the comment on {}#{pr}", repo.name))
            })
    }

    async fn create_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        body: &str,
    ) -> PortResult<CommentId> {
        comments::create(self, repo, pr, body)
            .await
            .map_err(|failure| failure.while_doing(format!("commenting on {}#{pr}", repo.name)))
    }

    async fn update_comment(&self, repo: &RepoRef, id: CommentId, body: &str) -> PortResult<()> {
        comments::update(self, repo, id, body)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("updating the comment {id} of {}", repo.name))
            })
    }

    async fn react(&self, repo: &RepoRef, id: CommentId, reaction: Reaction) -> PortResult<()> {
        comments::react(self, repo, id, reaction)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reacting to the comment {id} of {}", repo.name))
            })
    }

    async fn find_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
    ) -> PortResult<Option<CheckRunId>> {
        checks::find(self, repo, sha, external_id)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "looking for the check run on {}@{}",
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn create_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
        details_url: &str,
        output: &CheckOutput,
    ) -> PortResult<CheckRunId> {
        checks::create(self, repo, sha, external_id, details_url, output)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "creating the check run {:?} on {}@{}",
                    output.name,
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn update_check(
        &self,
        repo: &RepoRef,
        id: CheckRunId,
        details_url: &str,
        output: &CheckOutput,
        annotate: bool,
    ) -> PortResult<()> {
        checks::update(self, repo, id, details_url, output, annotate)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("updating the check run {id} of {}", repo.name))
            })
    }

    async fn find_deployment(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        sha: &CommitSha,
        key: &str,
    ) -> PortResult<Option<DeploymentId>> {
        deployments::find(self, repo, env, sha, key)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "looking for the deployment of {}@{} to {env}",
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn create_deployment(
        &self,
        repo: &RepoRef,
        deployment: &NewDeployment,
    ) -> PortResult<DeploymentId> {
        deployments::create(self, repo, deployment)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "creating the deployment of {}@{} to {}",
                    repo.name,
                    deployment.sha.short(),
                    deployment.env
                ))
            })
    }

    async fn add_deployment_status(
        &self,
        repo: &RepoRef,
        id: DeploymentId,
        status: &DeploymentStatus,
    ) -> PortResult<()> {
        deployments::add_status(self, repo, id, status)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "telling the state of the deployment {id} of {}",
                    repo.name
                ))
            })
    }
}
