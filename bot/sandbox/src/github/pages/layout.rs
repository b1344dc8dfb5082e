//! The frame of every page, and the small parts that pages share.

use http::StatusCode;

use super::super::model::{CheckRun, Repository};
use super::super::server::Reply;
use super::Visit;
use super::markdown::{escape, markdown};

const STYLE: &str = include_str!("style.css");
const LIVE: &str = include_str!("live.js");

/// A whole page. `live` refreshes itself; `rest` (forms) does not.
pub(super) fn page(
    visit: &Visit<'_>,
    title: &str,
    trail: &[(String, String)],
    live: &str,
    rest: &str,
) -> Reply {
    let trail: String = trail
        .iter()
        .map(|(name, url)| {
            format!(
                "<span>/</span><a href=\"{}\">{}</a>",
                escape(url),
                escape(name)
            )
        })
        .collect();
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title>\
         <style>{STYLE}</style></head><body>\
         <header><a href=\"/\">Sandbox GitHub</a>{trail}{}</header>\
         <main><div id=\"live\">{live}</div>{rest}</main><script>{LIVE}</script></body></html>",
        escape(title),
        choose_person(visit)
    );
    reply(StatusCode::OK, html)
}

/// A page that says why something was not done.
pub(super) fn oops(visit: &Visit<'_>, status: StatusCode, why: &str, back: &str) -> Reply {
    let live = format!(
        "<p class=\"oops\">{}</p><p><a href=\"{}\">Back</a></p>",
        escape(why),
        escape(back)
    );
    let mut page = page(visit, "Not done", &[], &live, "");
    page.status = status;
    page
}

fn reply(status: StatusCode, html: String) -> Reply {
    let mut reply = Reply::empty(status)
        .header("content-type", "text/html; charset=utf-8")
        // Nothing but the page's own script and style ever runs.
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; form-action 'self'",
        );
    reply.body = html.into_bytes();
    reply
}

pub(super) fn pill(word: &str) -> String {
    let word = escape(word);
    format!(
        "<span class=\"pill {word}\">{}</span>",
        word.replace('_', " ")
    )
}

pub(super) fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}

pub(super) fn commit_link(repo: &Repository, sha: &str) -> String {
    format!(
        "<a class=\"sha\" href=\"/{}/commit/{sha}\">{}</a>",
        escape(&repo.full_name()),
        escape(short(sha))
    )
}

/// The hidden field that says who presses a button.
pub(super) fn actor(visit: &Visit<'_>) -> String {
    format!(
        "<input type=\"hidden\" name=\"user\" value=\"{}\">",
        escape(&visit.viewer)
    )
}

/// The people to choose from, to act as; with what each may do in a repository, where there is one.
fn choose_person(visit: &Visit<'_>) -> String {
    let people: String = visit
        .people()
        .map(|login| {
            let chosen = if login == visit.viewer {
                " selected"
            } else {
                ""
            };
            let may = visit.repo.map_or_else(String::new, |repo| {
                format!(" ({})", visit.model.permission(repo, login).role())
            });
            let login = escape(login);
            format!("<option value=\"{login}\"{chosen}>{login}{may}</option>")
        })
        .collect();
    format!(
        "<form class=\"who\" method=\"post\" action=\"/-/as\">You are \
         <select name=\"user\" onchange=\"this.form.submit()\">{people}</select> \
         <noscript><button>Switch</button></noscript></form>"
    )
}

/// A form of one button.
pub(super) fn button(
    visit: &Visit<'_>,
    action: &str,
    fields: &[(&str, &str)],
    label: &str,
    class: &str,
) -> String {
    let hidden: String = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escape(value)
            )
        })
        .collect();
    format!(
        "<form class=\"inline\" method=\"post\" action=\"{}\">{}{hidden}\
         <button class=\"{class}\">{}</button></form>",
        escape(action),
        actor(visit),
        escape(label)
    )
}

/// A check run with everything that it shows.
pub(super) fn check_card(visit: &Visit<'_>, repo: &Repository, run: &CheckRun) -> String {
    let app = visit
        .model
        .apps
        .get(&run.app)
        .map_or("", |app| app.name.as_str());
    let state = run.conclusion.as_deref().unwrap_or(&run.status);
    let base = format!("/{}/runs/{}", repo.full_name(), run.id);
    let details = run.details_url.as_ref().map_or_else(String::new, |url| {
        format!(
            " · <a href=\"{}\">details</a>",
            escape(&super::safe_link(url))
        )
    });
    let mut body = String::new();
    if let Some(title) = &run.output.title {
        body.push_str(&format!("<p><strong>{}</strong></p>", escape(title)));
    }
    body.push_str(&markdown(run.output.summary.as_deref().unwrap_or_default()));
    if let Some(text) = &run.output.text {
        body.push_str(&format!(
            "<details><summary>Text of {}</summary>{}</details>",
            escape(&run.name),
            markdown(text)
        ));
    }
    for note in &run.output.annotations {
        body.push_str(&format!(
            "<div class=\"annotation {}\"><span class=\"sha\">{}:{}</span> <strong>{}</strong><br>{}</div>",
            escape(&note.level),
            escape(&note.path),
            note.start_line,
            escape(note.title.as_deref().unwrap_or_default()),
            escape(&note.message)
        ));
    }
    let mut foot = String::new();
    for action in &run.actions {
        let fields = [("identifier", action.identifier.as_str())];
        let press = format!("{base}/press");
        foot.push_str(&button(visit, &press, &fields, &action.label, ""));
    }
    if run.app == visit.model.config.app_id {
        foot.push_str(&button(visit, &format!("{base}/rerun"), &[], "Re-run", ""));
    }
    format!(
        "<div class=\"card\" id=\"run-{}\"><div class=\"head\">{} <a href=\"{}\"><strong>{}</strong></a> \
         <span class=\"dim\">{} on <span class=\"sha\">{}</span></span>{details}</div>\
         <div class=\"body\">{body}</div><div class=\"foot\">{foot}</div></div>",
        run.id,
        pill(state),
        escape(&base),
        escape(&run.name),
        escape(app),
        escape(short(&run.head_sha))
    )
}

/// The deployments of a repository, newest first.
pub(super) fn deployments_table(repo: &Repository) -> String {
    let rows: String = repo
        .deployments
        .iter()
        .rev()
        .map(|deployment| {
            let steps: Vec<String> = deployment
                .statuses
                .iter()
                .map(|status| {
                    let text = escape(&status.description);
                    format!("<span title=\"{text}\">{}</span>", escape(&status.state))
                })
                .collect();
            let last = deployment.statuses.last();
            let link = |url: &str, label: &str| {
                if url.is_empty() {
                    String::new()
                } else {
                    format!(
                        " <a href=\"{}\">{label}</a>",
                        escape(&super::safe_link(url))
                    )
                }
            };
            let links = last.map_or_else(String::new, |status| {
                link(&status.log_url, "log") + &link(&status.environment_url, "site")
            });
            format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"dim\">{}</td></tr>",
                escape(&deployment.environment),
                pill(deployment.state().unwrap_or("queued")),
                commit_link(repo, &deployment.sha),
                steps.join(" → "),
                escape(&super::super::model::stamp(deployment.created_at)) + &links,
            )
        })
        .collect();
    if rows.is_empty() {
        return "<p class=\"dim\">Nothing was deployed yet.</p>".to_owned();
    }
    format!(
        "<table class=\"wide\"><tr><th>environment</th><th>state</th><th>commit</th>\
         <th>history</th><th>since</th></tr>{rows}</table>"
    )
}
