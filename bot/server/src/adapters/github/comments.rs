//! Comments on pull requests and issues, and reactions to them.

use serde::Deserialize;
use serde_json::json;
use slipway_core::event::RepoRef;
use slipway_core::ids::{CommentId, PrNumber};
use slipway_core::ports::Reaction;

use super::auth::{Access, Scope};
use super::client::Request;
use super::errors::Outcome;
use super::pages::{PAGE_SIZE, Pages};
use super::{GitHub, reads};

/// The most pages of comments on one pull request.
const COMMENT_PAGES: u32 = 100;

#[derive(Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

/// The first of the bot's own comments with a marker. Anybody can write the marker, so that the
/// author counts.
pub(super) async fn find(
    github: &GitHub,
    repo: &RepoRef,
    pr: PrNumber,
    marker: &str,
) -> Outcome<Option<CommentId>> {
    match find_as(github, repo, pr, marker, Access::Report).await {
        // The thread of an issue: see `GitHub::in_thread`.
        Err(refusal) if refusal.is(http::StatusCode::FORBIDDEN) => {
            let found = find_as(github, repo, pr, marker, Access::Issues).await;
            found.map_err(|_| refusal)
        }
        found => found,
    }
}

async fn find_as(
    github: &GitHub,
    repo: &RepoRef,
    pr: PrNumber,
    marker: &str,
    access: Access,
) -> Outcome<Option<CommentId>> {
    let own = &reads::app(github).await?.login;
    let mut url = github.repo_url(&repo.name, &["issues", &pr.to_string(), "comments"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let scope = Scope::Repo(repo.clone(), access);
    let mut pages = Pages::new(github, scope, url, COMMENT_PAGES);
    while let Some(comments) = pages.next::<Vec<Comment>>().await? {
        let found = comments.iter().find(|comment| {
            let author = comment.user.as_ref().map(|user| user.login.as_str());
            let body = comment.body.as_deref().unwrap_or_default();
            author == Some(own.as_str()) && body.contains(marker)
        });
        if let Some(comment) = found {
            return Ok(Some(CommentId(comment.id)));
        }
    }
    Ok(None)
}

pub(super) async fn create(
    github: &GitHub,
    repo: &RepoRef,
    pr: PrNumber,
    body: &str,
) -> Outcome<CommentId> {
    let url = github.repo_url(&repo.name, &["issues", &pr.to_string(), "comments"]);
    let request = Request::post(url, &json!({ "body": body }))?;
    let created: Comment = github.in_thread(repo, &request).await?.json()?;
    Ok(CommentId(created.id))
}

pub(super) async fn update(
    github: &GitHub,
    repo: &RepoRef,
    id: CommentId,
    body: &str,
) -> Outcome<()> {
    let url = github.repo_url(&repo.name, &["issues", "comments", &id.to_string()]);
    let request = Request::patch(url, &json!({ "body": body }))?;
    github.in_thread(repo, &request).await?;
    Ok(())
}

/// GitHub answers 200 if the reaction is there and 201 if it is new.
pub(super) async fn react(
    github: &GitHub,
    repo: &RepoRef,
    id: CommentId,
    reaction: Reaction,
) -> Outcome<()> {
    let content = match reaction {
        Reaction::Eyes => "eyes",
        Reaction::Rocket => "rocket",
        Reaction::ThumbsDown => "-1",
        Reaction::Confused => "confused",
    };
    let url = github.repo_url(
        &repo.name,
        &["issues", "comments", &id.to_string(), "reactions"],
    );
    let request = Request::post(url, &json!({ "content": content }))?;
    github.in_thread(repo, &request).await?;
    Ok(())
}
