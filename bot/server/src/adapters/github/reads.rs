//! Reads about the App, repositories, branches, commits and people.

use base64::Engine as _;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use slipway_core::event::RepoRef;
use slipway_core::facts::{Comparison, Permission, Repository};
use slipway_core::ids::{CommitSha, InstallationId, Login, RepoName};
use slipway_core::ports::{AppIdentity, PortErrorKind};

use super::GitHub;
use super::auth::{Access, Scope};
use super::client::{Request, SHA};
use super::errors::{Failure, Outcome};
use super::pages::PAGE_SIZE;

/// More rules than this many pages hold apply to no branch.
const RULE_PAGES: u32 = 20;

/// Who the App is; it stays the same for as long as the process lives.
pub(super) async fn app(github: &GitHub) -> Outcome<&AppIdentity> {
    #[derive(Deserialize)]
    struct App {
        id: u64,
        slug: String,
    }
    github
        .app
        .get_or_try_init(|| async {
            let request = Request::get(github.url(&["app"]));
            let app: App = github.call(&Scope::App, &request).await?.json()?;
            if app.id != github.app_id {
                return Err(Failure::unexpected(format!(
                    "the key belongs to the App {}, not to {}",
                    app.id, github.app_id
                )));
            }
            let login = login(format!("{}[bot]", app.slug))?;
            Ok(AppIdentity {
                id: app.id,
                slug: app.slug,
                login,
            })
        })
        .await
}

pub(super) async fn installation(github: &GitHub, repo: &RepoName) -> Outcome<InstallationId> {
    #[derive(Deserialize)]
    struct Installation {
        id: u64,
        suspended_at: Option<String>,
    }
    let request = Request::get(github.repo_url(repo, &["installation"]));
    let found: Installation = match github.call(&Scope::App, &request).await {
        Err(failure) if failure.is_not_found() => {
            return Err(Failure::new(
                PortErrorKind::NotFound,
                format!(
                    "the App is not installed on {repo}: an owner of {} installs it and gives it this repository",
                    repo.owner()
                ),
            ));
        }
        answer => answer?.json()?,
    };
    match found.suspended_at {
        None => Ok(InstallationId(found.id)),
        Some(since) => Err(Failure::new(
            PortErrorKind::Denied,
            format!(
                "the installation of the App on {} is suspended since {since}: an owner lifts that in its settings under \"GitHub Apps\"",
                repo.owner()
            ),
        )),
    }
}

pub(super) async fn repository(github: &GitHub, repo: &RepoRef) -> Outcome<Repository> {
    #[derive(Deserialize)]
    struct Body {
        default_branch: String,
    }
    let body: Body = github.read(repo, github.repo_url(&repo.name, &[])).await?;
    Ok(Repository {
        default_branch: body.default_branch,
    })
}

pub(super) async fn file(
    github: &GitHub,
    repo: &RepoRef,
    path: &str,
    at: &str,
) -> Outcome<Option<String>> {
    #[derive(Deserialize)]
    struct Blob {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        encoding: Option<String>,
        #[serde(default)]
        content: Option<String>,
    }
    // A URL forgets such parts, and would name another file.
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(Failure::unexpected("that is no path of a file"));
    }
    let mut segments = vec!["contents"];
    segments.extend(path.split('/'));
    let mut url = github.repo_url(&repo.name, &segments);
    url.query_pairs_mut().append_pair("ref", at);
    let content: Value = match github.read(repo, url).await {
        // A missing commit is no missing file: "deploy.toml is gone" must be a fact.
        Err(failure) if failure.is_not_found() && !failure.says("no commit found") => {
            return Ok(None);
        }
        content => content?,
    };
    // A folder is a list.
    if content.is_array() {
        return Ok(None);
    }
    let Blob {
        kind,
        encoding,
        content,
    } = serde_json::from_value(content).map_err(|error| Failure::unexpected(error.to_string()))?;
    if kind != "file" {
        return Ok(None);
    }
    if encoding.as_deref() != Some("base64") {
        return Err(Failure::unexpected("the file is larger than 1 MB"));
    }
    let text = content.unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text.replace(['\n', '\r'], ""))
        .map_err(|error| Failure::unexpected(format!("the file is no base64: {error}")))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| Failure::unexpected("the file is no UTF-8 text"))
}

#[derive(Deserialize)]
struct Branch {
    commit: Tip,
    #[serde(default)]
    protected: bool,
    protection: Option<Protection>,
}

#[derive(Deserialize)]
struct Tip {
    sha: String,
}

#[derive(Deserialize)]
struct Protection {
    required_status_checks: Option<StatusChecks>,
}

#[derive(Deserialize)]
struct StatusChecks {
    #[serde(default)]
    contexts: Vec<String>,
    #[serde(default)]
    checks: Vec<Context>,
}

#[derive(Deserialize)]
struct Context {
    context: String,
}

async fn branch(github: &GitHub, repo: &RepoRef, name: &str) -> Outcome<Branch> {
    let url = github.repo_url(&repo.name, &["branches", name]);
    github.read(repo, url).await
}

pub(super) async fn branch_tip(github: &GitHub, repo: &RepoRef, name: &str) -> Outcome<CommitSha> {
    sha(branch(github, repo, name).await?.commit.sha)
}

pub(super) async fn commit(
    github: &GitHub,
    repo: &RepoRef,
    name: &str,
) -> Outcome<Option<CommitSha>> {
    let url = github.repo_url(&repo.name, &["commits", name]);
    let scope = Scope::Repo(repo.clone(), Access::Read);
    let answer = match github.call(&scope, &Request::get_as(url, SHA)).await {
        // 422 is "No commit found for SHA", and what an ambiguous abbreviation gets.
        Err(failure) if failure.is_not_found() || failure.is(StatusCode::UNPROCESSABLE_ENTITY) => {
            return Ok(None);
        }
        answer => answer?,
    };
    sha(String::from_utf8_lossy(&answer.body).trim().to_owned()).map(Some)
}

pub(super) async fn compare(
    github: &GitHub,
    repo: &RepoRef,
    base: &str,
    head: &str,
) -> Outcome<Comparison> {
    #[derive(Deserialize)]
    struct Body {
        ahead_by: u64,
        behind_by: u64,
    }
    let range = format!("{base}...{head}");
    let mut url = github.repo_url(&repo.name, &["compare", &range]);
    // Only the numbers are wanted: files come on the first page only, commits one a page.
    url.query_pairs_mut()
        .append_pair("per_page", "1")
        .append_pair("page", "2");
    let body: Body = github.read(repo, url).await?;
    Ok(Comparison {
        ahead_by: body.ahead_by,
        behind_by: body.behind_by,
    })
}

/// What the branch's protection and the rulesets require, together.
///
/// The protection is read off the branch itself, which shows what it requires to whoever may read
/// the contents; its own endpoint would take `administration: read`.
pub(super) async fn required_checks(
    github: &GitHub,
    repo: &RepoRef,
    name: &str,
) -> Outcome<Vec<String>> {
    let branch = branch(github, repo, name).await?;
    let mut required = Vec::new();
    let shown = branch
        .protection
        .and_then(|protection| protection.required_status_checks);
    match shown {
        Some(checks) => {
            required.extend(checks.contexts);
            required.extend(checks.checks.into_iter().map(|check| check.context));
        }
        None if branch.protected => {
            return Err(Failure::unexpected(
                "the branch is protected, but GitHub does not show what it requires",
            ));
        }
        None => {}
    }
    required.extend(ruled_checks(github, repo, name).await?);
    required.sort_unstable();
    required.dedup();
    Ok(required)
}

async fn ruled_checks(github: &GitHub, repo: &RepoRef, name: &str) -> Outcome<Vec<String>> {
    #[derive(Deserialize)]
    struct Rule {
        #[serde(rename = "type")]
        kind: String,
        parameters: Option<Parameters>,
    }
    #[derive(Deserialize)]
    struct Parameters {
        #[serde(default)]
        required_status_checks: Option<Vec<Context>>,
    }
    let mut url = github.repo_url(&repo.name, &["rules", "branches", name]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let rules = match github
        .read_pages(repo, url, RULE_PAGES)
        .all::<Vec<Rule>>()
        .await
    {
        Ok(rules) => rules,
        // The branch could be read, so that this can only be a server without rulesets (GitHub
        // Enterprise Server before 3.11) …
        Err(failure) if failure.is_not_found() => return Ok(Vec::new()),
        // … and this a plan without them, in which private repositories have no rules.
        Err(failure) if failure.is(StatusCode::FORBIDDEN) && failure.says("upgrade to github") => {
            return Ok(Vec::new());
        }
        Err(failure) => return Err(failure),
    };
    let mut required = Vec::new();
    for rule in rules {
        if rule.kind != "required_status_checks" {
            continue;
        }
        let checks = rule
            .parameters
            .and_then(|parameters| parameters.required_status_checks)
            .ok_or_else(|| Failure::unexpected("a rule that requires checks names none"))?;
        required.extend(checks.into_iter().map(|check| check.context));
    }
    Ok(required)
}

pub(super) async fn permission(
    github: &GitHub,
    repo: &RepoRef,
    login: &Login,
) -> Outcome<Permission> {
    #[derive(Deserialize)]
    struct Body {
        permission: String,
        role_name: Option<String>,
    }
    let url = github.repo_url(&repo.name, &["collaborators", login.as_str(), "permission"]);
    let body: Body = match github.read(repo, url).await {
        // No such user: an App, say, or an account that was deleted.
        Err(failure) if failure.is_not_found() => return Ok(Permission::None),
        body => body?,
    };
    // A custom role has a name of its own, and the right that it is built on.
    let named = body.role_name.as_deref().and_then(right);
    named.or_else(|| right(&body.permission)).ok_or_else(|| {
        Failure::unexpected(format!("a right that is unknown: {:?}", body.permission))
    })
}

fn right(name: &str) -> Option<Permission> {
    Some(match name {
        "none" => Permission::None,
        "read" => Permission::Read,
        "triage" => Permission::Triage,
        "write" => Permission::Write,
        "maintain" => Permission::Maintain,
        "admin" => Permission::Admin,
        _ => return None,
    })
}

pub(super) async fn is_team_member(
    github: &GitHub,
    repo: &RepoRef,
    org: &str,
    team: &str,
    login: &Login,
) -> Outcome<bool> {
    #[derive(Deserialize)]
    struct Membership {
        state: String,
    }
    // GitHub would say 404, which looks like "no member".
    if !repo.name.owner().eq_ignore_ascii_case(org) {
        return Err(Failure::new(
            PortErrorKind::Denied,
            format!(
                "the App as installed on {} sees the teams of {0} only, not those of {org}",
                repo.name.owner()
            ),
        ));
    }
    let url = github.url(&["orgs", org, "teams", team, "memberships", login.as_str()]);
    let scope = Scope::Repo(repo.clone(), Access::Members);
    let membership: Membership = match github.call(&scope, &Request::get(url)).await {
        Err(failure) if failure.is_not_found() => return Ok(false),
        Err(failure)
            if failure.is(StatusCode::FORBIDDEN) && failure.kind == PortErrorKind::Denied =>
        {
            return Err(Failure::new(
                PortErrorKind::Denied,
                format!(
                    "the App may not see teams: give it the organization permission `members: read`, and have an owner of {org} accept it"
                ),
            ));
        }
        answer => answer?.json()?,
    };
    Ok(membership.state == "active")
}

/// A commit as GitHub names it.
pub(super) fn sha(text: String) -> Outcome<CommitSha> {
    CommitSha::parse(text).map_err(|error| Failure::unexpected(error.to_string()))
}

/// An account as GitHub names it.
pub(super) fn login(text: String) -> Outcome<Login> {
    Login::parse(text).map_err(|error| Failure::unexpected(error.to_string()))
}
