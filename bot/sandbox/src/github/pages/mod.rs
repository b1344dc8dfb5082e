//! Pages for people: plain HTML, for watching a demo and for taking part in it.
//!
//! Whoever opens them may act as anyone; that is what a sandbox is for. They show and do nothing
//! that the API or the driver could not. Requests with credentials are never for pages.

mod issue;
mod layout;
mod markdown;
mod pull;
mod repo;

use http::{Method, StatusCode, header};

use super::git::Change;
use super::model::{AccountKind, IssueEdit, MergeMethod, Model, NewPull, Permission, ReviewState};
use super::percent::{decode, encode};
use super::refusal::{Outcome, Refusal};
use super::rest::{is_endpoint, query};
use super::server::{Asked, Reply};

/// Someone looking at a page.
struct Visit<'a> {
    model: &'a Model,
    /// Whom they chose to be.
    viewer: String,
    /// The repository that they look at.
    repo: Option<u64>,
}

impl<'a> Visit<'a> {
    fn new(model: &'a Model, asked: &Asked, repo: Option<u64>) -> Self {
        let mut visit = Self {
            model,
            viewer: String::new(),
            repo,
        };
        let chosen = asked
            .header("cookie")
            .split(';')
            .find_map(|cookie| cookie.trim().strip_prefix("as="))
            .map(decode);
        let known = |login: &String| visit.people().any(|person| person == login);
        let viewer = chosen
            .filter(known)
            .or_else(|| visit.people().next().map(str::to_owned));
        visit.viewer = viewer.unwrap_or_default();
        visit
    }

    fn people(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.model
            .accounts
            .values()
            .filter(|account| account.kind == AccountKind::User)
            .map(|account| account.login.as_str())
    }
}

/// Answers a request for a page; nothing if it is not one.
pub(super) fn answer(model: &mut Model, asked: &Asked) -> Option<Reply> {
    if asked.headers.contains_key(header::AUTHORIZATION) || is_endpoint(&asked.method, &asked.path)
    {
        return None;
    }
    let path: Vec<String> = asked
        .path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(decode)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if path.is_empty() && asked.method == Method::GET {
        return Some(repo::all(&Visit::new(model, asked, None)));
    }
    if path == ["-", "as"] && asked.method == Method::POST {
        return Some(become_someone(model, asked));
    }
    let (&owner, &name) = (path.first()?, path.get(1)?);
    let id = model.repository(&format!("{owner}/{name}"))?.id;
    let rest = path.get(2..)?;
    let result = match asked.method {
        Method::GET => show(&Visit::new(model, asked, Some(id)), id, rest)?,
        Method::POST => act(model, asked, id, rest)?,
        _ => return None,
    };
    let back = format!("/{owner}/{name}");
    Some(result.unwrap_or_else(|refusal| {
        layout::oops(
            &Visit::new(model, asked, Some(id)),
            refusal.status,
            &refusal.to_string(),
            &back,
        )
    }))
}

/// Where someone came from, if it was a page here.
fn came_from<'a>(model: &Model, asked: &'a Asked) -> Option<&'a str> {
    asked
        .header("referer")
        .strip_prefix(&model.base_url)
        .filter(|path| path.starts_with('/'))
}

/// Remembers whom someone chose to be.
fn become_someone(model: &Model, asked: &Asked) -> Reply {
    let form = Form(query(&String::from_utf8_lossy(&asked.body)));
    let cookie = format!(
        "as={}; Path=/; HttpOnly; SameSite=Strict",
        encode(form.get("user"))
    );
    Reply::empty(StatusCode::SEE_OTHER)
        .header("set-cookie", cookie)
        .header("location", came_from(model, asked).unwrap_or("/"))
}

fn show(visit: &Visit<'_>, id: u64, path: &[&str]) -> Option<Outcome<Reply>> {
    let repository = visit.model.repositories.get(&id)?;
    Some(match path {
        [] => Ok(repo::show(visit, repository)),
        ["pull", number] => pull::show(visit, repository, number.parse().ok()?),
        ["issues", number] => issue::show(visit, repository, number.parse().ok()?),
        ["commit", sha] => repo::commit(visit, repository, sha),
        ["runs", run] => repo::run(visit, repository, run.parse().ok()?),
        _ => return None,
    })
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    }
}

fn act(model: &mut Model, asked: &Asked, id: u64, path: &[&str]) -> Option<Outcome<Reply>> {
    // A form of another site is not a person at this one.
    let origin = asked.header("origin");
    if !origin.is_empty() && origin != model.base_url {
        let why = "this form comes from another site";
        return Some(Err(Refusal::forbidden(why)));
    }
    let form = Form(query(&String::from_utf8_lossy(&asked.body)));
    let name = model.repositories.get(&id)?.full_name();
    let (done, back) = match path {
        ["pull", number, action] => {
            let number: u64 = number.parse().ok()?;
            let back = format!("/{name}/pull/{number}");
            (act_on_pull(model, id, number, action, &form)?, back)
        }
        ["issues", number, action] => {
            let number: u64 = number.parse().ok()?;
            let back = format!("/{name}/issues/{number}");
            (act_on_issue(model, id, number, action, &form)?, back)
        }
        ["runs", run, action] => {
            let run: u64 = run.parse().ok()?;
            let back = format!("/{name}/runs/{run}");
            let user = form.get("user");
            let done = match *action {
                "press" => model.press_button(user, run, form.get("identifier")),
                "rerun" => model.rerequest_check(user, run),
                _ => return None,
            };
            (done, back)
        }
        ["push"] => (push(model, id, &form), format!("/{name}")),
        ["open"] => (open(model, id, &form), format!("/{name}")),
        _ => return None,
    };
    let back = came_from(model, asked).map_or(back, str::to_owned);
    Some(done.map(|()| Reply::empty(StatusCode::SEE_OTHER).header("location", back)))
}

fn act_on_pull(
    model: &mut Model,
    id: u64,
    number: u64,
    action: &str,
    form: &Form,
) -> Option<Outcome<()>> {
    let user = form.get("user");
    let allowed = |model: &mut Model, act: &dyn Fn(&mut Model) -> Outcome<()>| {
        model
            .require_author_or_write(id, number, user)
            .and_then(|()| act(model))
    };
    Some(match action {
        "comment" => model.require(id, user, Permission::Read).and_then(|()| {
            model
                .create_comment(id, number, user, form.get("body"))
                .map(drop)
        }),
        "review" => {
            let state = ReviewState::parse(form.get("verdict"))?;
            model
                .require(id, user, Permission::Read)
                .and_then(|()| model.review(id, number, user, state, "").map(drop))
        }
        "merge" => model.require(id, user, Permission::Write).and_then(|()| {
            model
                .merge_pull(id, number, user, MergeMethod::Merge, None, None)
                .map(drop)
        }),
        "close" => allowed(model, &|model| model.close_pull(id, number, user)),
        "reopen" => allowed(model, &|model| model.reopen_pull(id, number, user)),
        "ready" => allowed(model, &|model| model.set_draft(id, number, user, false)),
        _ => return None,
    })
}

fn act_on_issue(
    model: &mut Model,
    id: u64,
    number: u64,
    action: &str,
    form: &Form,
) -> Option<Outcome<()>> {
    let user = form.get("user");
    let mut edit = |open: bool| {
        let edit = IssueEdit {
            open: Some(open),
            ..IssueEdit::default()
        };
        let may = model.require(id, user, Permission::Write);
        may.and_then(|()| model.edit_issue(id, number, user, edit))
    };
    Some(match action {
        "close" => edit(false),
        "reopen" => edit(true),
        "comment" => model.require(id, user, Permission::Read).and_then(|()| {
            let body = form.get("body");
            model.create_comment(id, number, user, body).map(drop)
        }),
        _ => return None,
    })
}

fn push(model: &mut Model, id: u64, form: &Form) -> Outcome<()> {
    let (branch, path) = (form.get("branch"), form.get("path"));
    if branch.is_empty() || path.is_empty() {
        return Err(Refusal::unprocessable("a push needs a branch and a path"));
    }
    let message = match form.get("message") {
        "" => format!("Change {path}"),
        message => message.to_owned(),
    };
    // Browsers send the line ends of a textarea as CRLF.
    let content = form.get("content").replace("\r\n", "\n");
    let change = Change::Write(path.to_owned(), content.into_bytes());
    model
        .commit(id, branch, form.get("user"), &message, &[change])
        .map(drop)
}

fn open(model: &mut Model, id: u64, form: &Form) -> Outcome<()> {
    let base = model.repo(id)?.default_branch.clone();
    let new = NewPull {
        author: form.get("user"),
        head: form.get("head"),
        base: &base,
        title: form.get("title"),
        body: "",
        draft: false,
    };
    model.open_pull(id, &new).map(drop)
}

/// A link that someone else wrote, if it leads to a page and does not run anything.
fn safe_link(url: &str) -> String {
    if url.starts_with("http://") || url.starts_with("https://") {
        url.to_owned()
    } else {
        "#".to_owned()
    }
}
