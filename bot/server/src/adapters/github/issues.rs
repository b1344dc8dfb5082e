//! Issues: one for each environment that differs from the default branch.

use serde::Deserialize;
use serde_json::json;
use slipway_core::event::RepoRef;
use slipway_core::ids::IssueNumber;
use slipway_core::ports::IssueText;

use super::auth::{Access, Scope};
use super::client::Request;
use super::errors::Outcome;
use super::pages::{PAGE_SIZE, Pages};
use super::{GitHub, reads};

/// The most pages of the bot's own issues in one repository.
const ISSUE_PAGES: u32 = 100;

#[derive(Deserialize)]
struct Issue {
    number: u64,
    body: Option<String>,
    user: Option<User>,
    /// There where GitHub lists a pull request among the issues.
    pull_request: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

fn scope(repo: &RepoRef) -> Scope {
    Scope::Repo(repo.clone(), Access::Issues)
}

/// The newest of the bot's own issues with a marker. Anybody can write the marker, so that the
/// author counts.
pub(super) async fn find(
    github: &GitHub,
    repo: &RepoRef,
    marker: &str,
) -> Outcome<Option<IssueNumber>> {
    let own = &reads::app(github).await?.login;
    let mut url = github.repo_url(&repo.name, &["issues"]);
    url.query_pairs_mut()
        .append_pair("creator", own.as_str())
        .append_pair("state", "all")
        .append_pair("sort", "created")
        .append_pair("direction", "desc")
        .append_pair("per_page", PAGE_SIZE);
    let mut pages = Pages::new(github, scope(repo), url, ISSUE_PAGES);
    while let Some(issues) = pages.next::<Vec<Issue>>().await? {
        let found = issues.iter().find(|issue| {
            let author = issue.user.as_ref().map(|user| user.login.as_str());
            let body = issue.body.as_deref().unwrap_or_default();
            issue.pull_request.is_none() && author == Some(own.as_str()) && body.contains(marker)
        });
        if let Some(issue) = found {
            return Ok(Some(IssueNumber(issue.number)));
        }
    }
    Ok(None)
}

/// An issue is open when it is made.
pub(super) async fn create(
    github: &GitHub,
    repo: &RepoRef,
    issue: &IssueText,
) -> Outcome<IssueNumber> {
    let url = github.repo_url(&repo.name, &["issues"]);
    let request = Request::post(url, &json!({ "title": issue.title, "body": issue.body }))?;
    let created: Issue = github.call(&scope(repo), &request).await?.json()?;
    Ok(IssueNumber(created.number))
}

pub(super) async fn update(
    github: &GitHub,
    repo: &RepoRef,
    number: IssueNumber,
    issue: &IssueText,
) -> Outcome<()> {
    let url = github.repo_url(&repo.name, &["issues", &number.to_string()]);
    let state = if issue.open { "open" } else { "closed" };
    let body = json!({ "title": issue.title, "body": issue.body, "state": state });
    github
        .call(&scope(repo), &Request::patch(url, &body)?)
        .await?;
    Ok(())
}
