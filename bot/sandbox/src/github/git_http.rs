//! Git over smart HTTP: `git http-backend` behind the sandbox's own access rules.

use std::process::Stdio;
use std::sync::Arc;

use http::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Shared;
use super::auth::{Caller, Level};
use super::git::isolate;
use super::model::{Model, Permission};
use super::percent::decode;
use super::server::{Asked, Reply};

/// One request of git's protocol.
#[derive(Debug)]
pub(super) struct GitCall {
    /// `owner/name`.
    repo: String,
    /// What comes after the repository in the path.
    tail: String,
    writes: bool,
}

/// Sees whether a request belongs to git's protocol.
pub(super) fn recognize(asked: &Asked) -> Option<GitCall> {
    const TAILS: [&str; 3] = ["/info/refs", "/git-upload-pack", "/git-receive-pack"];
    let tail = TAILS.into_iter().find(|tail| asked.path.ends_with(tail))?;
    let repo = asked.path.strip_suffix(tail)?.strip_prefix('/')?;
    let repo = decode(repo.strip_suffix(".git").unwrap_or(repo));
    let (owner, name) = repo.split_once('/')?;
    if owner.is_empty() || name.is_empty() || name.contains('/') {
        return None;
    }
    let writes = tail == "/git-receive-pack" || asked.query.contains("service=git-receive-pack");
    Some(GitCall {
        tail: tail.to_owned(),
        writes,
        repo,
    })
}

/// Where the repository is and who came, if they may do this.
struct Admitted {
    dir: std::path::PathBuf,
    repo: u64,
    login: String,
}

fn refuse(status: StatusCode, text: &str) -> Reply {
    let mut reply = Reply::empty(status).header("content-type", "text/plain");
    reply.body = text.as_bytes().to_vec();
    reply
}

/// Asks for credentials.
fn challenge() -> Reply {
    refuse(StatusCode::UNAUTHORIZED, "Authentication required")
        .header("www-authenticate", "Basic realm=\"GitHub\"")
}

fn may(model: &Model, caller: &Caller, repo: u64, writes: bool) -> bool {
    let (level, permission) = if writes {
        (Level::Write, Permission::Write)
    } else {
        (Level::Read, Permission::Read)
    };
    match caller {
        Caller::Person(login) => model.permission(repo, login) >= permission,
        caller => caller.is_granted(repo, "contents", level),
    }
}

fn admit(model: &Model, asked: &Asked, call: &GitCall) -> Result<Admitted, Reply> {
    let caller = model
        .authenticate(&asked.headers)
        .map_err(|_| challenge())?;
    // Who brings no credentials is asked for them; who brings the wrong ones learns nothing.
    let or_challenge = |reply: Reply| match caller {
        Caller::Nobody => challenge(),
        _ => reply,
    };
    let repo = model
        .repository(&call.repo)
        .filter(|repo| !repo.private || may(model, &caller, repo.id, false))
        .ok_or_else(|| or_challenge(refuse(StatusCode::NOT_FOUND, "Repository not found.")))?;
    if call.writes && !may(model, &caller, repo.id, true) {
        let why = "Write access to repository not granted.";
        return Err(or_challenge(refuse(StatusCode::FORBIDDEN, why)));
    }
    let login = match caller {
        Caller::Person(login) => login,
        Caller::Installation { .. } => model.bot_login(),
        Caller::Nobody | Caller::App => String::new(),
    };
    Ok(Admitted {
        dir: repo.git.dir().to_path_buf(),
        repo: repo.id,
        login,
    })
}

/// Answers one request of git's protocol; a push has its consequences before git hears of it.
pub(super) async fn answer(shared: Arc<Shared>, asked: Asked, call: GitCall) -> Reply {
    let admitted = match shared.read(|model| admit(model, &asked, &call)) {
        Ok(admitted) => admitted,
        Err(reply) => {
            super::rest::record_git(&shared, &asked, reply.status);
            return reply;
        }
    };
    let reply = match backend(&asked, &call, &admitted).await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(%error, "git http-backend failed");
            Reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    };
    super::rest::record_git(&shared, &asked, reply.status);
    if call.tail == "/git-receive-pack" {
        let noticed = tokio::task::spawn_blocking(move || {
            shared.change(|model| model.notice_pushes(admitted.repo, &admitted.login))
        });
        if let Ok(Err(error)) = noticed.await {
            tracing::error!(%error, "a push had no consequences");
        }
    }
    reply
}

async fn backend(asked: &Asked, call: &GitCall, admitted: &Admitted) -> std::io::Result<Reply> {
    let mut command = std::process::Command::new("git");
    isolate(&mut command, &admitted.dir);
    command
        .arg("http-backend")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", &admitted.dir)
        .env("PATH_INFO", &call.tail)
        .env("QUERY_STRING", &asked.query)
        .env("REQUEST_METHOD", asked.method.as_str())
        .env("CONTENT_TYPE", asked.header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", asked.header("content-encoding"))
        .env("GIT_PROTOCOL", asked.header("git-protocol"))
        .env("REMOTE_USER", &admitted.login)
        .env("REMOTE_ADDR", "127.0.0.1");
    let mut child = Command::from(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let body = asked.body.clone();
    // Feeding and draining go side by side, or a large push would wait for itself.
    let feed = async move {
        if let Some(mut stdin) = stdin {
            // Git hangs up early when it refuses; its answer says why.
            let _ = stdin.write_all(&body).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    Ok(read_cgi(&output?.stdout))
}

/// Takes a CGI answer apart: header lines, an empty line, the body.
fn read_cgi(output: &[u8]) -> Reply {
    let split = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or(output.len());
    let head = String::from_utf8_lossy(output.get(..split).unwrap_or_default()).into_owned();
    let mut reply = Reply::empty(StatusCode::OK);
    for line in head.split("\r\n") {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.trim().split(' ').next().unwrap_or_default();
            reply.status = code
                .parse::<u16>()
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else {
            reply = reply.header(name, value.trim());
        }
    }
    reply.body = output.get(split + 4..).unwrap_or_default().to_vec();
    reply
}
