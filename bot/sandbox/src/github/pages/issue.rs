//! The page of an issue.

use super::super::model::{Issue, Repository};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::Visit;
use super::layout::{actor, button, page, pill};
use super::markdown::{escape, markdown};
use super::pull::comment_card;
use super::repo::trail;

pub(super) fn show(visit: &Visit<'_>, repo: &Repository, number: u64) -> Outcome<Reply> {
    let issue = repo.issues.get(&number).ok_or_else(Refusal::not_found)?;
    let edited = match issue.edits {
        0 => String::new(),
        times => format!(" <span class=\"dim\">edited {times}×</span>"),
    };
    let mut live = format!(
        "<h1>{} <span class=\"dim\">#{number}</span></h1><p>{} <strong>{}</strong> opened this \
         issue{edited}</p><div class=\"card\"><div class=\"head\"><strong>{}</strong></div>\
         <div class=\"body\">{}</div></div>",
        escape(&issue.title),
        pill(state(issue)),
        escape(&issue.author),
        escape(&issue.author),
        markdown(&issue.body)
    );
    for comment in repo.comments(number) {
        live.push_str(&comment_card(visit, comment));
    }
    let title = format!("#{number} {}", issue.title);
    let forms = forms(visit, repo, issue);
    Ok(page(visit, &title, &trail(repo), &live, &forms))
}

fn state(issue: &Issue) -> &'static str {
    if issue.closed_at.is_some() {
        "closed"
    } else {
        "open"
    }
}

fn forms(visit: &Visit<'_>, repo: &Repository, issue: &Issue) -> String {
    let base = format!("/{}/issues/{}", repo.full_name(), issue.number);
    let (action, label) = if issue.closed_at.is_some() {
        ("reopen", "Reopen")
    } else {
        ("close", "Close")
    };
    format!(
        "<h2>Say or do</h2><form method=\"post\" action=\"{}/comment\">\
         <textarea name=\"body\" rows=\"3\" placeholder=\"/apply\"></textarea>\
         <button class=\"go\">Comment</button>{}</form>{}",
        escape(&base),
        actor(visit),
        button(visit, &format!("{base}/{action}"), &[], label, "")
    )
}

/// The rows of a repository's issues, the newest first.
pub(super) fn rows(repo: &Repository) -> String {
    let name = repo.full_name();
    let issues = repo.issues.values().rev();
    issues
        .map(|issue| {
            format!(
                "<tr><td>{}</td><td><a href=\"/{}/issues/{}\">#{} {}</a></td><td>{}</td></tr>",
                pill(state(issue)),
                escape(&name),
                issue.number,
                issue.number,
                escape(&issue.title),
                escape(&issue.author)
            )
        })
        .collect()
}
