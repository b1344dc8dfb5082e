//! The table of endpoints, and finding the one that a request means.

use http::Method;

use super::super::auth::{Caller, Level};
use super::super::model::{Model, Permission};
use super::super::percent::decode;
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::call::Call;
use super::{apps, checks, comments, commits, contents, deployments, graphql, issues, pull_writes};
use super::{pulls, repos, tokens};

/// What an endpoint asks of its caller.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    /// The App itself.
    Jwt,
    /// An installation, whatever it may do.
    Token,
    /// One of these permissions.
    Any(&'static [(&'static str, Level)]),
    /// Nothing.
    Nothing,
}

type Handler = fn(&mut Model, &Call<'_>) -> Outcome<Reply>;

/// One endpoint.
pub(super) struct Route {
    method: Method,
    pattern: &'static str,
    needs: Needs,
    pub(super) handler: Handler,
    /// Whether it falls under the secondary limit on creating content.
    pub(super) creates_content: bool,
}

const fn route(method: Method, pattern: &'static str, needs: Needs, handler: Handler) -> Route {
    Route {
        method,
        pattern,
        needs,
        handler,
        creates_content: false,
    }
}

const fn creating(pattern: &'static str, needs: Needs, handler: Handler) -> Route {
    Route {
        method: Method::POST,
        pattern,
        needs,
        handler,
        creates_content: true,
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const METADATA: Needs = Needs::Any(&[("metadata", Level::Read)]);
const CONTENTS: Needs = Needs::Any(&[("contents", Level::Read)]);
const CONTENTS_WRITE: Needs = Needs::Any(&[("contents", Level::Write)]);
const PULLS: Needs = Needs::Any(&[("pull_requests", Level::Read)]);
const PULLS_WRITE: Needs = Needs::Any(&[("pull_requests", Level::Write)]);
const ISSUES: Needs = Needs::Any(&[("issues", Level::Read), ("pull_requests", Level::Read)]);
const ISSUES_WRITE: Needs =
    Needs::Any(&[("issues", Level::Write), ("pull_requests", Level::Write)]);
const ONLY_ISSUES: Needs = Needs::Any(&[("issues", Level::Read)]);
const ONLY_ISSUES_WRITE: Needs = Needs::Any(&[("issues", Level::Write)]);
const CHECKS: Needs = Needs::Any(&[("checks", Level::Read)]);
const CHECKS_WRITE: Needs = Needs::Any(&[("checks", Level::Write)]);
const STATUSES: Needs = Needs::Any(&[("statuses", Level::Read)]);
const STATUSES_WRITE: Needs = Needs::Any(&[("statuses", Level::Write)]);
const DEPLOYMENTS: Needs = Needs::Any(&[("deployments", Level::Read)]);
const DEPLOYMENTS_WRITE: Needs = Needs::Any(&[("deployments", Level::Write)]);
const MEMBERS: Needs = Needs::Any(&[("members", Level::Read)]);

/// `{x}` is one segment of the path, `{x...}` one or more.
#[rustfmt::skip]
static ROUTES: &[Route] = &[
    route(GET, "/app", Needs::Jwt, apps::show),
    route(GET, "/app/installations", Needs::Jwt, apps::installations),
    route(GET, "/app/installations/{id}", Needs::Jwt, apps::installation),
    route(POST, "/app/installations/{id}/access_tokens", Needs::Jwt, tokens::create),
    route(GET, "/app/hook/deliveries", Needs::Jwt, apps::deliveries),
    route(GET, "/app/hook/deliveries/{id}", Needs::Jwt, apps::delivery),
    route(POST, "/app/hook/deliveries/{id}/attempts", Needs::Jwt, apps::redeliver),
    route(GET, "/repos/{owner}/{repo}/installation", Needs::Jwt, apps::repo_installation),
    route(GET, "/orgs/{owner}/installation", Needs::Jwt, apps::owner_installation),
    route(GET, "/users/{owner}/installation", Needs::Jwt, apps::owner_installation),
    route(GET, "/installation/repositories", Needs::Token, apps::repositories),
    route(GET, "/rate_limit", Needs::Nothing, apps::rate_limit),
    route(GET, "/users/{login}", Needs::Nothing, repos::user),
    route(GET, "/orgs/{org}/teams/{team}/memberships/{login}", MEMBERS, repos::membership),
    route(POST, "/graphql", Needs::Token, graphql::answer),

    route(GET, "/repos/{owner}/{repo}", METADATA, repos::show),
    route(GET, "/repos/{owner}/{repo}/branches/{branch...}", CONTENTS, repos::branch),
    route(GET, "/repos/{owner}/{repo}/rules/branches/{branch...}", METADATA, repos::rules),
    route(GET, "/repos/{owner}/{repo}/collaborators/{login}/permission", METADATA, repos::permission),
    route(GET, "/repos/{owner}/{repo}/git/ref/{ref...}", CONTENTS, contents::git_ref),
    route(GET, "/repos/{owner}/{repo}/contents", CONTENTS, contents::show),
    route(GET, "/repos/{owner}/{repo}/contents/{path...}", CONTENTS, contents::show),

    route(GET, "/repos/{owner}/{repo}/pulls", PULLS, pulls::list),
    creating("/repos/{owner}/{repo}/pulls", PULLS_WRITE, pull_writes::open),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}", PULLS, pulls::show),
    route(PATCH, "/repos/{owner}/{repo}/pulls/{number}", PULLS_WRITE, pull_writes::edit),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/files", PULLS, pulls::files),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/commits", PULLS, pulls::commits),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/reviews", PULLS, pulls::reviews),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/merge", PULLS, pulls::is_merged),
    route(PUT, "/repos/{owner}/{repo}/pulls/{number}/merge", CONTENTS_WRITE, pull_writes::merge),

    route(GET, "/repos/{owner}/{repo}/issues", ONLY_ISSUES, issues::list),
    creating("/repos/{owner}/{repo}/issues", ONLY_ISSUES_WRITE, issues::open),
    route(PATCH, "/repos/{owner}/{repo}/issues/{number}", ISSUES_WRITE, issues::edit),
    route(GET, "/repos/{owner}/{repo}/issues/comments/{id}", ISSUES, comments::show),
    route(PATCH, "/repos/{owner}/{repo}/issues/comments/{id}", ISSUES_WRITE, comments::edit),
    route(DELETE, "/repos/{owner}/{repo}/issues/comments/{id}", ISSUES_WRITE, comments::delete),
    route(GET, "/repos/{owner}/{repo}/issues/comments/{id}/reactions", ISSUES, comments::reactions),
    route(POST, "/repos/{owner}/{repo}/issues/comments/{id}/reactions", ISSUES_WRITE, comments::react),
    route(DELETE, "/repos/{owner}/{repo}/issues/comments/{id}/reactions/{reaction}", ISSUES_WRITE, comments::unreact),
    route(GET, "/repos/{owner}/{repo}/issues/{number}", ISSUES, comments::issue),
    route(GET, "/repos/{owner}/{repo}/issues/{number}/comments", ISSUES, comments::list),
    creating("/repos/{owner}/{repo}/issues/{number}/comments", ISSUES_WRITE, comments::create),

    creating("/repos/{owner}/{repo}/check-runs", CHECKS_WRITE, checks::create),
    route(GET, "/repos/{owner}/{repo}/check-runs/{id}", CHECKS, checks::show),
    route(PATCH, "/repos/{owner}/{repo}/check-runs/{id}", CHECKS_WRITE, checks::update),
    route(GET, "/repos/{owner}/{repo}/check-runs/{id}/annotations", CHECKS, checks::annotations),
    route(GET, "/repos/{owner}/{repo}/check-suites/{id}", CHECKS, checks::suite),
    route(GET, "/repos/{owner}/{repo}/check-suites/{id}/check-runs", CHECKS, checks::of_suite),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}/check-runs", CHECKS, checks::of_commit),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}/check-suites", CHECKS, checks::suites),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}/status", STATUSES, commits::combined_status),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}/statuses", STATUSES, commits::statuses),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}/pulls", PULLS, commits::pulls),
    route(GET, "/repos/{owner}/{repo}/commits", CONTENTS, commits::list),
    route(GET, "/repos/{owner}/{repo}/commits/{ref...}", CONTENTS, commits::show),
    route(GET, "/repos/{owner}/{repo}/compare/{range...}", CONTENTS, commits::compare),
    creating("/repos/{owner}/{repo}/statuses/{sha}", STATUSES_WRITE, commits::set_status),

    route(GET, "/repos/{owner}/{repo}/deployments", DEPLOYMENTS, deployments::list),
    creating("/repos/{owner}/{repo}/deployments", DEPLOYMENTS_WRITE, deployments::create),
    route(GET, "/repos/{owner}/{repo}/deployments/{id}", DEPLOYMENTS, deployments::show),
    route(GET, "/repos/{owner}/{repo}/deployments/{id}/statuses", DEPLOYMENTS, deployments::statuses),
    route(POST, "/repos/{owner}/{repo}/deployments/{id}/statuses", DEPLOYMENTS_WRITE, deployments::set_status),
    route(GET, "/repos/{owner}/{repo}/deployments/{id}/statuses/{status}", DEPLOYMENTS, deployments::status),
];

/// The endpoint that a method and a path mean, and the parameters in the path.
pub(super) fn find_route(
    method: &Method,
    path: &str,
) -> Option<(&'static Route, Vec<(&'static str, String)>)> {
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    ROUTES
        .iter()
        .filter(|route| route.method == *method)
        .find_map(|route| {
            let pattern: Vec<&'static str> =
                route.pattern.trim_start_matches('/').split('/').collect();
            Some((route, fit(&pattern, &path)?))
        })
}

fn fit(pattern: &[&'static str], path: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let Some((&first, pattern)) = pattern.split_first() else {
        return path.is_empty().then(Vec::new);
    };
    let name = first
        .strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'));
    let (name, longest) = match name {
        None if path.first() == Some(&first) => return fit(pattern, path.get(1..)?),
        None => return None,
        Some(name) => match name.strip_suffix("...") {
            Some(name) => (name, path.len()),
            None => (name, path.len().min(1)),
        },
    };
    for length in 1..=longest {
        let (taken, rest) = path.split_at_checked(length)?;
        if taken.iter().any(|segment| segment.is_empty()) {
            return None;
        }
        if let Some(mut found) = fit(pattern, rest) {
            let taken: Vec<String> = taken.iter().map(|segment| decode(segment)).collect();
            found.push((name, taken.join("/")));
            return Some(found);
        }
    }
    None
}

impl Route {
    /// Lets a caller in, or not, in GitHub's order: credentials, repository, permission. Gives the
    /// repository in the path.
    pub(super) fn admit(&self, model: &Model, call: &Call<'_>) -> Outcome<u64> {
        if matches!(self.needs, Needs::Jwt) && !matches!(call.caller, Caller::App) {
            return Err(Refusal::unauthorized(
                "A JSON web token could not be decoded",
            ));
        }
        match (&self.needs, &call.caller) {
            (Needs::Nothing, _) => return Ok(0),
            (Needs::Jwt, Caller::App) | (_, Caller::Installation { .. } | Caller::Person(_)) => {}
            (_, Caller::App) => {
                return Err(Refusal::forbidden("Resource not accessible by integration"));
            }
            (_, Caller::Nobody) => {
                return Err(Refusal::unauthorized("Requires authentication"));
            }
        }
        let repo = match call.param("repo") {
            "" => 0,
            name => model.find(&format!("{}/{name}", call.param("owner")))?,
        };
        if let Needs::Any(choices) = self.needs {
            self.admit_to(model, call, repo, choices)?;
        }
        Ok(repo)
    }

    fn admit_to(
        &self,
        model: &Model,
        call: &Call<'_>,
        repo: u64,
        choices: &[(&str, Level)],
    ) -> Outcome<()> {
        let reads = choices.iter().all(|(_, level)| *level == Level::Read);
        match &call.caller {
            Caller::Person(_) if repo == 0 => Ok(()),
            Caller::Person(login) => {
                // Whoever may read may also comment.
                let least = if reads || self.pattern.contains("/issues/") {
                    Permission::Read
                } else {
                    Permission::Write
                };
                model.require(repo, login, least)
            }
            Caller::Installation {
                repositories,
                permissions,
                ..
            } => {
                if repo != 0 && !repositories.contains(&repo) {
                    let public = !model.repo(repo)?.private;
                    return if public && reads {
                        Ok(())
                    } else {
                        Err(Refusal::not_found())
                    };
                }
                let granted = choices
                    .iter()
                    .any(|(name, level)| permissions.get(*name).is_some_and(|has| has >= level));
                if granted {
                    Ok(())
                } else {
                    Err(Refusal::forbidden("Resource not accessible by integration"))
                }
            }
            Caller::Nobody | Caller::App => Ok(()),
        }
    }
}
