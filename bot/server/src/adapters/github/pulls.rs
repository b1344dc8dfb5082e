//! Reads about pull requests.

use std::collections::BTreeSet;

use serde::Deserialize;
use slipway_core::event::RepoRef;
use slipway_core::facts::{ChangedFiles, PullRequest, PullState, Review, Verdict};
use slipway_core::ids::{CommitSha, Login, PrNumber};

use super::GitHub;
use super::errors::{Failure, Outcome};
use super::pages::PAGE_SIZE;
use super::reads::{login, sha};

/// GitHub lists 3,000 files at the most.
const FILE_PAGES: u32 = 31;
/// The most pages of reviews of one pull request.
const REVIEW_PAGES: u32 = 50;
/// The most pages of open pull requests of one repository.
const PULL_PAGES: u32 = 50;

/// The account that GitHub shows in place of a deleted one.
const GHOST: &str = "ghost";

#[derive(Deserialize)]
struct Pull {
    number: u64,
    title: String,
    user: Option<User>,
    head: Side,
    base: Side,
    state: String,
    #[serde(default)]
    draft: bool,
    merge_commit_sha: Option<String>,
    merged_at: Option<String>,
    /// Only where one pull request is read.
    #[serde(default)]
    changed_files: Option<usize>,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Side {
    sha: String,
    #[serde(rename = "ref")]
    name: String,
    /// Nothing if the fork was deleted.
    repo: Option<SideRepo>,
}

#[derive(Deserialize)]
struct SideRepo {
    id: u64,
}

fn author(user: Option<User>) -> Outcome<Login> {
    login(user.map_or_else(|| GHOST.to_owned(), |user| user.login))
}

async fn read(github: &GitHub, repo: &RepoRef, number: PrNumber) -> Outcome<Pull> {
    let url = github.repo_url(&repo.name, &["pulls", &number.to_string()]);
    github.read(repo, url).await
}

pub(super) async fn pull_request(
    github: &GitHub,
    repo: &RepoRef,
    number: PrNumber,
) -> Outcome<PullRequest> {
    let pull = read(github, repo, number).await?;
    let state = match (pull.state.as_str(), &pull.merged_at) {
        ("open", _) => PullState::Open,
        (_, None) => PullState::Closed,
        (_, Some(_)) => {
            let merge = pull.merge_commit_sha.ok_or_else(|| {
                Failure::unexpected("the pull request is merged, but GitHub names no merge commit")
            })?;
            PullState::Merged(sha(merge)?)
        }
    };
    let home = |side: &Side| side.repo.as_ref().map(|repo| repo.id);
    Ok(PullRequest {
        number: PrNumber(pull.number),
        title: pull.title,
        author: author(pull.user)?,
        fork: home(&pull.head).is_none() || home(&pull.head) != home(&pull.base),
        head: sha(pull.head.sha)?,
        head_ref: pull.head.name,
        base_ref: pull.base.name,
        compared_with: sha(pull.base.sha)?,
        state,
        draft: pull.draft,
    })
}

pub(super) async fn of_commit(
    github: &GitHub,
    repo: &RepoRef,
    commit: &CommitSha,
) -> Outcome<Vec<PrNumber>> {
    let mut url = github.repo_url(&repo.name, &["commits", commit.as_str(), "pulls"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let listed = github
        .read_pages(repo, url, PULL_PAGES)
        .all::<Vec<Pull>>()
        .await?;
    let mut found: BTreeSet<PrNumber> = listed
        .iter()
        .filter(|pull| is_of(pull, commit))
        .map(|pull| PrNumber(pull.number))
        .collect();
    if found.is_empty() {
        // That list leaves out pull requests whose head is in a fork.
        let open = all_open(github, repo, None).await?;
        let heads = open.iter().filter(|pull| is_of(pull, commit));
        found.extend(heads.map(|pull| PrNumber(pull.number)));
    }
    Ok(found.into_iter().collect())
}

/// Whether a commit is the head or, once merged, the merge commit of a pull request.
fn is_of(pull: &Pull, commit: &CommitSha) -> bool {
    let merged =
        pull.merged_at.is_some() && pull.merge_commit_sha.as_deref() == Some(commit.as_str());
    merged || pull.head.sha == commit.as_str()
}

pub(super) async fn open(github: &GitHub, repo: &RepoRef, base: &str) -> Outcome<Vec<PrNumber>> {
    let pulls = all_open(github, repo, Some(base)).await?;
    Ok(pulls.iter().map(|pull| PrNumber(pull.number)).collect())
}

async fn all_open(github: &GitHub, repo: &RepoRef, base: Option<&str>) -> Outcome<Vec<Pull>> {
    let mut url = github.repo_url(&repo.name, &["pulls"]);
    url.query_pairs_mut()
        .append_pair("state", "open")
        .append_pair("sort", "created")
        .append_pair("direction", "asc")
        .append_pair("per_page", PAGE_SIZE);
    if let Some(base) = base {
        url.query_pairs_mut().append_pair("base", base);
    }
    github
        .read_pages(repo, url, PULL_PAGES)
        .all::<Vec<Pull>>()
        .await
}

pub(super) async fn changed_files(
    github: &GitHub,
    repo: &RepoRef,
    number: PrNumber,
) -> Outcome<ChangedFiles> {
    #[derive(Deserialize)]
    struct File {
        filename: String,
        previous_filename: Option<String>,
    }
    let mut url = github.repo_url(&repo.name, &["pulls", &number.to_string(), "files"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let files = github
        .read_pages(repo, url, FILE_PAGES)
        .all::<Vec<File>>()
        .await?;
    let changed = read(github, repo, number)
        .await?
        .changed_files
        .ok_or_else(|| Failure::unexpected("GitHub does not say how many files are changed"))?;
    let truncated = changed > files.len();
    let paths = files
        .into_iter()
        .flat_map(|file| std::iter::once(file.filename).chain(file.previous_filename))
        .collect();
    Ok(ChangedFiles { paths, truncated })
}

pub(super) async fn reviews(
    github: &GitHub,
    repo: &RepoRef,
    number: PrNumber,
) -> Outcome<Vec<Review>> {
    #[derive(Deserialize)]
    struct Body {
        user: Option<User>,
        state: String,
        commit_id: Option<String>,
    }
    let mut url = github.repo_url(&repo.name, &["pulls", &number.to_string(), "reviews"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    // GitHub lists them in chronological order.
    let bodies = github
        .read_pages(repo, url, REVIEW_PAGES)
        .all::<Vec<Body>>()
        .await?;
    let mut reviews = Vec::new();
    for body in bodies {
        let verdict = match body.state.as_str() {
            "APPROVED" => Verdict::Approved,
            "CHANGES_REQUESTED" => Verdict::ChangesRequested,
            "DISMISSED" => Verdict::Dismissed,
            "COMMENTED" => Verdict::Commented,
            // Begun, and seen by its author only.
            "PENDING" => continue,
            other => {
                return Err(Failure::unexpected(format!(
                    "a review in the unknown state {other:?}"
                )));
            }
        };
        reviews.push(Review {
            author: author(body.user)?,
            verdict,
            commit: body.commit_id.map(sha).transpose()?,
        });
    }
    Ok(reviews)
}
