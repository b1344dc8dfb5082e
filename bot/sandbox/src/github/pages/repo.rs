//! The list of repositories, a repository, a commit, a check run.

use super::super::model::{Repository, stamp};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::Visit;
use super::layout::{actor, check_card, commit_link, deployments_table, page, pill};
use super::markdown::escape;

pub(super) fn all(visit: &Visit<'_>) -> Reply {
    let rows: String = visit
        .model
        .repositories
        .values()
        .map(|repo| {
            let name = escape(&repo.full_name());
            let open = repo.pulls.values().filter(|pull| pull.is_open()).count();
            format!("<tr><td><a href=\"/{name}\">{name}</a></td><td>{open} open</td></tr>")
        })
        .collect();
    let live = format!(
        "<h1>Repositories</h1><table class=\"wide\"><tr><th>repository</th>\
         <th>pull requests</th></tr>{rows}</table>"
    );
    page(visit, "Sandbox GitHub", &[], &live, "")
}

pub(super) fn trail(repo: &Repository) -> Vec<(String, String)> {
    let name = repo.full_name();
    vec![(name.clone(), format!("/{name}"))]
}

pub(super) fn show(visit: &Visit<'_>, repo: &Repository) -> Reply {
    let name = repo.full_name();
    let rows: String = repo
        .pulls
        .values()
        .rev()
        .map(|pull| {
            let state = match (&pull.merged, pull.is_open()) {
                (Some(_), _) => "merged",
                (None, true) => "open",
                (None, false) => "closed",
            };
            format!(
                "<tr><td>{}</td><td><a href=\"/{}/pull/{}\">#{} {}</a></td><td>{}</td>\
                 <td class=\"sha\">{} → {}</td></tr>",
                pill(state),
                escape(&name),
                pull.number,
                pull.number,
                escape(&pull.title),
                escape(&pull.author),
                escape(&pull.head.branch),
                escape(&pull.base.branch)
            )
        })
        .collect();
    let tip = repo.branches.get(&repo.default_branch);
    let tip = tip.map_or_else(String::new, |sha| commit_link(repo, sha));
    let live = format!(
        "<h1>{}</h1><p class=\"dim\">{} is at {tip}</p><h2>Pull requests</h2>{}\
         <h2>Issues</h2>{}<h2>Deployments</h2>{}",
        escape(&name),
        escape(&repo.default_branch),
        list(&rows, "No pull request was opened yet."),
        list(&super::issue::rows(repo), "No issue was opened yet."),
        deployments_table(repo)
    );
    let rest = format!(
        "<div class=\"columns\"><div><h2>Push a commit</h2>{}</div><div><h2>Open a pull request</h2>\
         <form method=\"post\" action=\"/{}/open\">\
         <input type=\"text\" name=\"head\" placeholder=\"from branch\">\
         <input type=\"text\" name=\"title\" placeholder=\"title\">\
         <button class=\"go\">Open</button>{}</form></div></div>",
        push_form(visit, repo, ""),
        escape(&name),
        actor(visit)
    );
    page(visit, &name, &trail(repo), &live, &rest)
}

/// A table of these rows, or what is said where there are none.
fn list(rows: &str, empty: &str) -> String {
    if rows.is_empty() {
        return format!("<p class=\"dim\">{empty}</p>");
    }
    format!("<table class=\"wide\">{rows}</table>")
}

/// A form that commits one file on a branch.
pub(super) fn push_form(visit: &Visit<'_>, repo: &Repository, branch: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/{}/push\">\
         <input type=\"text\" name=\"branch\" placeholder=\"branch\" value=\"{}\">\
         <input type=\"text\" name=\"path\" placeholder=\"path of the file\">\
         <textarea class=\"code\" name=\"content\" rows=\"5\" placeholder=\"content\"></textarea>\
         <input type=\"text\" name=\"message\" placeholder=\"message\">\
         <button>Push</button>{}</form>",
        escape(&repo.full_name()),
        escape(branch),
        actor(visit)
    )
}

pub(super) fn commit(visit: &Visit<'_>, repo: &Repository, sha: &str) -> Outcome<Reply> {
    let sha = repo.git.tip(sha)?.ok_or_else(Refusal::not_found)?;
    let commit = repo.git.show(&sha)?;
    let files: String = match commit.parents.first() {
        Some(parent) => repo
            .git
            .diff(parent, &sha, false)?
            .iter()
            .map(|file| {
                format!(
                    "<tr><td>{}</td><td class=\"sha\">{}</td><td>+{} −{}</td></tr>",
                    file.status,
                    escape(&file.path),
                    file.additions,
                    file.deletions
                )
            })
            .collect(),
        None => String::new(),
    };
    let checks: String = repo
        .check_runs(&sha)
        .map(|run| check_card(visit, repo, run))
        .collect();
    let live = format!(
        "<h1>{}</h1><p class=\"dim\">{} committed <span class=\"sha\">{sha}</span> at {}</p>\
         <table class=\"wide\">{files}</table><h2>Checks</h2>{checks}",
        escape(commit.message.lines().next().unwrap_or_default()),
        escape(&commit.author.name),
        stamp(commit.committer.at)
    );
    Ok(page(visit, &sha, &trail(repo), &live, ""))
}

pub(super) fn run(visit: &Visit<'_>, repo: &Repository, id: u64) -> Outcome<Reply> {
    let run = visit.model.run(repo.id, id)?;
    let live = format!(
        "<h1>{}</h1>{}",
        escape(&run.name),
        check_card(visit, repo, run)
    );
    Ok(page(visit, &run.name, &trail(repo), &live, ""))
}
