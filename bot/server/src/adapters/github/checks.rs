//! Check runs and commit statuses: reading those of everybody, writing the bot's own.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slipway_core::event::RepoRef;
use slipway_core::facts::{Check, CheckState};
use slipway_core::ids::{CheckRunId, CommitSha};
use slipway_core::report::check::{Annotation, CheckOutput};

use super::GitHub;
use super::client::Request;
use super::errors::Outcome;
use super::pages::{PAGE_SIZE, Page};

/// The most pages of check runs or statuses of one commit. GitHub shows the runs of the 1,000
/// newest suites.
const CHECK_PAGES: u32 = 100;

/// GitHub's limits of an annotation: the title in characters, the message in bytes.
const LONGEST_TITLE: usize = 255;
const LONGEST_MESSAGE: usize = 64 * 1024 - 1;

#[derive(Deserialize)]
struct CheckRuns {
    check_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    external_id: Option<String>,
    app: Option<App>,
}

#[derive(Deserialize)]
struct App {
    id: u64,
}

impl Page for CheckRuns {
    type Item = Run;
    fn items(self) -> Vec<Run> {
        self.check_runs
    }
}

impl Run {
    fn is_of(&self, app_id: u64) -> bool {
        self.app.as_ref().is_some_and(|app| app.id == app_id)
    }

    fn state(&self) -> CheckState {
        match (self.status.as_str(), self.conclusion.as_deref()) {
            ("completed", Some("success" | "neutral" | "skipped")) => CheckState::Passed,
            ("completed", _) => CheckState::Failed,
            _ => CheckState::Pending,
        }
    }
}

#[derive(Deserialize)]
struct Statuses {
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

impl Page for Statuses {
    type Item = Status;
    fn items(self) -> Vec<Status> {
        self.statuses
    }
}

pub(super) async fn of_commit(
    github: &GitHub,
    repo: &RepoRef,
    sha: &CommitSha,
) -> Outcome<Vec<Check>> {
    let mut url = github.repo_url(&repo.name, &["commits", sha.as_str(), "check-runs"]);
    url.query_pairs_mut()
        .append_pair("filter", "latest")
        .append_pair("per_page", PAGE_SIZE);
    let runs = github
        .read_pages(repo, url, CHECK_PAGES)
        .all::<CheckRuns>()
        .await?;
    let mut url = github.repo_url(&repo.name, &["commits", sha.as_str(), "status"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let statuses = github
        .read_pages(repo, url, CHECK_PAGES)
        .all::<Statuses>()
        .await?;
    let runs = runs.into_iter().map(|run| Check {
        state: run.state(),
        own: run.is_of(github.app_id),
        name: run.name,
    });
    // Any writer can set a status in any name, so that none is ever the bot's own.
    let statuses = statuses.into_iter().map(|status| Check {
        state: match status.state.as_str() {
            "success" => CheckState::Passed,
            "pending" => CheckState::Pending,
            _ => CheckState::Failed,
        },
        own: false,
        name: status.context,
    });
    Ok(runs.chain(statuses).collect())
}

pub(super) async fn find(
    github: &GitHub,
    repo: &RepoRef,
    sha: &CommitSha,
    external_id: &str,
) -> Outcome<Option<CheckRunId>> {
    let mut url = github.repo_url(&repo.name, &["commits", sha.as_str(), "check-runs"]);
    url.query_pairs_mut()
        .append_pair("filter", "all")
        .append_pair("app_id", &github.app_id.to_string())
        .append_pair("per_page", PAGE_SIZE);
    let mut pages = github.report_pages(repo, url, CHECK_PAGES);
    while let Some(runs) = pages.next::<CheckRuns>().await? {
        let own = runs.into_iter().find(|run| {
            run.is_of(github.app_id) && run.external_id.as_deref() == Some(external_id)
        });
        if let Some(run) = own {
            return Ok(Some(CheckRunId(run.id)));
        }
    }
    Ok(None)
}

pub(super) async fn create(
    github: &GitHub,
    repo: &RepoRef,
    sha: &CommitSha,
    external_id: &str,
    details_url: &str,
    output: &CheckOutput,
) -> Outcome<CheckRunId> {
    #[derive(Deserialize)]
    struct Created {
        id: u64,
    }
    let mut batches = output.annotation_batches();
    let mut body = body(details_url, output, batches.next());
    body["head_sha"] = json!(sha);
    body["external_id"] = json!(external_id);
    let url = github.repo_url(&repo.name, &["check-runs"]);
    let request = Request::post(url, &body)?;
    let created: Created = github.report(repo, &request).await?.json()?;
    let id = CheckRunId(created.id);
    append(github, repo, id, output, batches).await?;
    Ok(id)
}

pub(super) async fn update(
    github: &GitHub,
    repo: &RepoRef,
    id: CheckRunId,
    details_url: &str,
    output: &CheckOutput,
    annotate: bool,
) -> Outcome<()> {
    let mut batches = output.annotation_batches();
    let first = if annotate { batches.next() } else { None };
    let body = body(details_url, output, first);
    patch(github, repo, id, &body).await?;
    if annotate {
        append(github, repo, id, output, batches).await?;
    }
    Ok(())
}

/// Appends further annotations; GitHub takes 50 with each request and keeps those it has.
async fn append(
    github: &GitHub,
    repo: &RepoRef,
    id: CheckRunId,
    output: &CheckOutput,
    batches: impl Iterator<Item = &[Annotation]>,
) -> Outcome<()> {
    for batch in batches {
        let body = json!({ "output": shown(output, Some(batch)) });
        patch(github, repo, id, &body).await?;
    }
    Ok(())
}

async fn patch(github: &GitHub, repo: &RepoRef, id: CheckRunId, body: &Value) -> Outcome<()> {
    let url = github.repo_url(&repo.name, &["check-runs", &id.to_string()]);
    let request = Request::patch(url, body)?;
    github.report(repo, &request).await?;
    Ok(())
}

/// What creating and updating have in common. Buttons are always sent, so that those of an earlier
/// state go.
fn body(details_url: &str, output: &CheckOutput, annotations: Option<&[Annotation]>) -> Value {
    let buttons: Vec<Value> = output
        .buttons
        .as_slice()
        .iter()
        .map(|button| {
            json!({
                "label": button.label(),
                "description": button.description(),
                "identifier": button.identifier(),
            })
        })
        .collect();
    let mut body = json!({
        "name": output.name,
        "details_url": details_url,
        "status": output.status,
        "output": shown(output, annotations),
        "actions": buttons,
    });
    if let Some(conclusion) = output.conclusion {
        body["conclusion"] = json!(conclusion);
    }
    body
}

fn shown(output: &CheckOutput, annotations: Option<&[Annotation]>) -> Value {
    let mut shown = json!({
        "title": output.title,
        "summary": output.summary,
        // Empty as well: left out, it would leave the text of an earlier state.
        "text": output.text,
    });
    if let Some(annotations) = annotations {
        let remarks: Vec<Remark<'_>> = annotations.iter().map(Remark::new).collect();
        shown["annotations"] = json!(remarks);
    }
    shown
}

/// An annotation as GitHub takes it.
#[derive(Serialize)]
struct Remark<'a> {
    path: &'a str,
    start_line: u64,
    end_line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u64>,
    annotation_level: slipway_core::report::check::AnnotationLevel,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    message: &'a str,
}

impl<'a> Remark<'a> {
    fn new(annotation: &'a Annotation) -> Self {
        // GitHub refuses columns of a remark on more than one line.
        let columns = annotation
            .columns
            .filter(|_| annotation.start_line == annotation.end_line);
        let title = annotation.title.as_str();
        let title_end = title
            .char_indices()
            .nth(LONGEST_TITLE)
            .map_or(title.len(), |(end, _)| end);
        let message = annotation.message.as_str();
        let message_end = message.floor_char_boundary(LONGEST_MESSAGE);
        Self {
            path: &annotation.path,
            start_line: annotation.start_line,
            end_line: annotation.end_line,
            start_column: columns.map(|(start, _)| start),
            end_column: columns.map(|(_, end)| end),
            annotation_level: annotation.level,
            title: title.get(..title_end).unwrap_or(title),
            message: message.get(..message_end).unwrap_or(message),
        }
    }
}
