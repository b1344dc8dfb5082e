//! Check runs and suites, with all the limits that GitHub sets them.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::model::{Action, Annotation, CheckRun, CheckUpdate, Model, NewCheckRun, Output};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::{Call, created, ok, paged};
use super::commits::resolve;

/// The longest `summary` and `text`.
const LONGEST_TEXT: usize = 65_535;
/// The most annotations in one request.
const MOST_ANNOTATIONS: usize = 50;
/// The most buttons.
const MOST_ACTIONS: usize = 3;
const STATUSES: [&str; 3] = ["queued", "in_progress", "completed"];
const CONCLUSIONS: [&str; 7] = [
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "timed_out",
];

#[derive(Deserialize)]
struct AnnotationWish {
    path: String,
    start_line: u64,
    end_line: u64,
    annotation_level: String,
    message: String,
    title: Option<String>,
    raw_details: Option<String>,
}

#[derive(Deserialize)]
struct OutputWish {
    title: Option<String>,
    summary: Option<String>,
    text: Option<String>,
    #[serde(default)]
    annotations: Vec<AnnotationWish>,
}

#[derive(Deserialize)]
struct ActionWish {
    label: String,
    description: String,
    identifier: String,
}

#[derive(Deserialize)]
struct Wish {
    name: Option<String>,
    head_sha: Option<String>,
    external_id: Option<String>,
    details_url: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    output: Option<OutputWish>,
    actions: Option<Vec<ActionWish>>,
}

fn invalid(field: &str, why: impl Into<String>) -> Refusal {
    Refusal::invalid("CheckRun", field, why)
}

fn fits(field: &str, text: Option<&str>, longest: usize) -> Outcome<()> {
    match text {
        Some(text) if text.chars().count() > longest => Err(invalid(
            field,
            format!("{field} is too long (maximum is {longest} characters)"),
        )),
        _ => Ok(()),
    }
}

fn one_of(field: &str, word: Option<&str>, known: &[&str]) -> Outcome<()> {
    match word {
        Some(word) if !known.contains(&word) => {
            Err(invalid(field, format!("{word} is not a valid {field}")))
        }
        _ => Ok(()),
    }
}

fn check_output(output: OutputWish) -> Outcome<Output> {
    if output.title.is_none() || output.summary.is_none() {
        return Err(invalid("output", "output needs a title and a summary"));
    }
    fits("summary", output.summary.as_deref(), LONGEST_TEXT)?;
    fits("text", output.text.as_deref(), LONGEST_TEXT)?;
    fits("title", output.title.as_deref(), 255)?;
    if output.annotations.len() > MOST_ANNOTATIONS {
        return Err(invalid(
            "annotations",
            format!("annotations exceeds a maximum quantity of {MOST_ANNOTATIONS}"),
        ));
    }
    let annotations = output
        .annotations
        .into_iter()
        .map(|wish| {
            let level = wish.annotation_level;
            one_of(
                "annotation_level",
                Some(&level),
                &["notice", "warning", "failure"],
            )?;
            if wish.start_line == 0 || wish.end_line < wish.start_line {
                return Err(invalid(
                    "annotations",
                    "start_line must be at least 1 and not after end_line",
                ));
            }
            Ok(Annotation {
                path: wish.path,
                start_line: wish.start_line,
                end_line: wish.end_line,
                level,
                message: wish.message,
                title: wish.title,
                raw_details: wish.raw_details,
            })
        })
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Output {
        title: output.title,
        summary: output.summary,
        text: output.text,
        annotations,
    })
}

fn check_actions(actions: Vec<ActionWish>) -> Outcome<Vec<Action>> {
    if actions.len() > MOST_ACTIONS {
        return Err(invalid(
            "actions",
            format!("actions exceeds a maximum quantity of {MOST_ACTIONS}"),
        ));
    }
    actions
        .into_iter()
        .map(|wish| {
            fits("label", Some(&wish.label), 20)?;
            fits("description", Some(&wish.description), 40)?;
            fits("identifier", Some(&wish.identifier), 20)?;
            Ok(Action {
                label: wish.label,
                description: wish.description,
                identifier: wish.identifier,
            })
        })
        .collect()
}

fn check(wish: Wish) -> Outcome<(Option<String>, CheckUpdate)> {
    one_of("status", wish.status.as_deref(), &STATUSES)?;
    one_of("conclusion", wish.conclusion.as_deref(), &CONCLUSIONS)?;
    if wish.status.as_deref() == Some("completed") && wish.conclusion.is_none() {
        return Err(invalid(
            "conclusion",
            "conclusion is required when status is completed",
        ));
    }
    Ok((
        wish.head_sha,
        CheckUpdate {
            name: wish.name,
            external_id: wish.external_id,
            details_url: wish.details_url,
            status: wish.status,
            conclusion: wish.conclusion,
            started_at: wish.started_at,
            completed_at: wish.completed_at,
            output: wish.output.map(check_output).transpose()?,
            actions: wish.actions.map(check_actions).transpose()?,
        },
    ))
}

pub(super) fn create(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    call.require_app()?;
    let (head_sha, mut rest) = check(call.body()?)?;
    let name = rest
        .name
        .take()
        .ok_or_else(|| invalid("name", "name is missing"))?;
    let head_sha = head_sha.ok_or_else(|| invalid("head_sha", "head_sha is missing"))?;
    let new = NewCheckRun {
        name,
        head_sha,
        rest,
    };
    let id = model.create_check_run(call.repo, model.config.app_id, new)?;
    created(&model.check_run_json(call.repo, model.run(call.repo, id)?)?)
}

pub(super) fn update(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    call.require_app()?;
    let id = call.number("id")?;
    let (_, update) = check(call.body()?)?;
    model.update_check_run(call.repo, model.config.app_id, id, update)?;
    ok(&model.check_run_json(call.repo, model.run(call.repo, id)?)?)
}

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let run = model.run(call.repo, call.number("id")?)?;
    ok(&model.check_run_json(call.repo, run)?)
}

pub(super) fn annotations(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let run = model.run(call.repo, call.number("id")?)?;
    paged(model, call, &run.output.annotations, None, |annotation| {
        Ok(Model::annotation_json(annotation))
    })
}

pub(super) fn suite(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    ok(&suite_with_repository(
        model,
        call.repo,
        call.number("id")?,
    )?)
}

fn suite_with_repository(model: &Model, repo: u64, id: u64) -> Outcome<Value> {
    let mut suite = model.suite_json(repo, id)?;
    suite["repository"] = model.repository_minimal_json(repo)?;
    Ok(suite)
}

pub(super) fn of_suite(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let id = call.number("id")?;
    let all = model.repo(call.repo)?.check_runs.iter();
    list(model, call, all.filter(|run| run.suite == id).collect())
}

pub(super) fn of_commit(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    list(
        model,
        call,
        model.repo(call.repo)?.check_runs(&sha).collect(),
    )
}

/// A list of check runs, newest first; unless all are asked for, the newest of each App and name.
fn list(model: &Model, call: &Call<'_>, mut runs: Vec<&CheckRun>) -> Outcome<Reply> {
    runs.reverse();
    if call.query("filter") != Some("all") {
        let mut latest: Vec<&CheckRun> = Vec::new();
        for run in runs {
            if !latest
                .iter()
                .any(|known| known.app == run.app && known.name == run.name)
            {
                latest.push(run);
            }
        }
        runs = latest;
    }
    let app: Option<u64> = call.query("app_id").and_then(|text| text.parse().ok());
    runs.retain(|run| {
        call.query("check_name").is_none_or(|name| run.name == name)
            && call
                .query("status")
                .is_none_or(|status| run.status == status)
            && app.is_none_or(|app| run.app == app)
    });
    paged(model, call, &runs, Some("check_runs"), |run| {
        model.check_run_json(call.repo, run)
    })
}

pub(super) fn suites(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let sha = resolve(model, call.repo, call.param("ref"))?;
    let app: Option<u64> = call.query("app_id").and_then(|text| text.parse().ok());
    let suites: Vec<u64> = model
        .repo(call.repo)?
        .check_suites
        .iter()
        .filter(|suite| suite.head_sha == sha && app.is_none_or(|app| suite.app == app))
        .map(|suite| suite.id)
        .collect();
    paged(model, call, &suites, Some("check_suites"), |id| {
        suite_with_repository(model, call.repo, *id)
    })
}
