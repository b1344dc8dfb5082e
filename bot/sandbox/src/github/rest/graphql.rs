//! The few GraphQL mutations that have no REST endpoint: folding comments away.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::auth::{Caller, Level};
use super::super::model::{Model, Permission, node_id};
use super::super::refusal::Outcome;
use super::super::server::Reply;
use super::call::{Call, ok};

#[derive(Deserialize)]
struct Question {
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

const CLASSIFIERS: [&str; 6] = [
    "ABUSE",
    "DUPLICATE",
    "OFF_TOPIC",
    "OUTDATED",
    "RESOLVED",
    "SPAM",
];

/// GraphQL reports errors with status 200.
fn error(kind: &str, message: &str) -> Outcome<Reply> {
    ok(&json!({ "data": null, "errors": [{ "type": kind, "message": message }] }))
}

pub(super) fn answer(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let question: Question = call.body()?;
    let variables = question.variables.unwrap_or_default();
    let mutation = if question.query.contains("unminimizeComment") {
        "unminimizeComment"
    } else if question.query.contains("minimizeComment") {
        "minimizeComment"
    } else {
        let reply = error(
            "undefinedField",
            "The sandbox knows only minimizeComment and unminimizeComment",
        )?;
        return Ok(reply.header(super::UNKNOWN, "1"));
    };
    let Some(subject) = argument(&question.query, &variables, "subjectId") else {
        return error("INVALID", "subjectId is missing");
    };
    let Some((repo, id)) = find_comment(model, &subject) else {
        return error(
            "NOT_FOUND",
            &format!("Could not resolve to a node with the global id of '{subject}'"),
        );
    };
    if !may_minimize(model, &call.caller, repo) {
        return error("FORBIDDEN", "Resource not accessible by integration");
    }
    let reason = if mutation == "minimizeComment" {
        match argument(&question.query, &variables, "classifier") {
            Some(word) if CLASSIFIERS.contains(&word.as_str()) => Some(word),
            _ => {
                return error(
                    "INVALID",
                    "classifier is missing or not a ReportedContentClassifiers",
                );
            }
        }
    } else {
        None
    };
    model.minimize(repo, id, reason.clone())?;
    let comment = json!({
        "isMinimized": reason.is_some(),
        "minimizedReason": reason.map(|word| word.to_ascii_lowercase()),
        "id": subject,
    });
    ok(
        &json!({ "data": { mutation: { "minimizedComment": comment, "unminimizedComment": comment } } }),
    )
}

/// The value of an input field, whether it stands in the text, in its own variable, or in an
/// `input` variable.
fn argument(text: &str, variables: &Map<String, Value>, name: &str) -> Option<String> {
    let nested = variables.get("input").and_then(|input| input.get(name));
    if let Some(value) = nested.and_then(Value::as_str) {
        return Some(value.to_owned());
    }
    let after = text.split_once(&format!("{name}:"))?.1.trim_start();
    let word = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-' || *c == '=')
            .collect()
    };
    match after.chars().next()? {
        '$' => {
            let variable = word(after.get(1..)?);
            Some(variables.get(&variable)?.as_str()?.to_owned())
        }
        '"' => Some(word(after.get(1..)?)),
        _ => Some(word(after)),
    }
}

fn find_comment(model: &Model, subject: &str) -> Option<(u64, u64)> {
    model.repositories.values().find_map(|repo| {
        let comment = repo
            .comments
            .iter()
            .find(|comment| node_id("IC", comment.id) == subject)?;
        Some((repo.id, comment.id))
    })
}

fn may_minimize(model: &Model, caller: &Caller, repo: u64) -> bool {
    match caller {
        Caller::Person(login) => model.permission(repo, login) >= Permission::Write,
        caller => ["issues", "pull_requests"]
            .iter()
            .any(|name| caller.is_granted(repo, name, Level::Write)),
    }
}
