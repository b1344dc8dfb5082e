//! How things look in GitHub's JSON: the same in REST answers and in webhooks.
//!
//! It reads the model and changes nothing.

mod checks;
mod commits;
mod deployments;
mod pulls;

pub(super) use pulls::merge_into;

use serde_json::{Map, Value, json};

use super::auth::{Installation, Permissions};
use super::model::{Model, node_id, stamp};
use super::percent::encode;
use super::refusal::{Outcome, Refusal};

pub(super) fn permissions_json(permissions: &Permissions) -> Value {
    let map: Map<String, Value> = permissions
        .iter()
        .map(|(name, level)| (name.clone(), json!(level.as_str())))
        .collect();
    Value::Object(map)
}

/// The links of a repository, by what follows its address.
const LINKS: [(&str, &str); 36] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
];

impl Model {
    /// The address of something in the API.
    pub(super) fn api(&self, path: &str) -> String {
        format!("{}/api/v3{path}", self.base_url)
    }

    /// The address of something for people.
    pub(super) fn html(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    pub(super) fn user_json(&self, login: &str) -> Value {
        let (id, kind) = self
            .account(login)
            .map_or((0, "User"), |account| (account.id, account.kind.as_str()));
        let url = self.api(&format!("/users/{}", encode(login)));
        let page = match login.strip_suffix("[bot]") {
            Some(slug) => format!("/apps/{slug}"),
            None => format!("/{login}"),
        };
        json!({
            "login": login,
            "id": id,
            "node_id": node_id("U", id),
            "avatar_url": self.html(&format!("/avatars/u/{id}")),
            "gravatar_id": "",
            "url": url,
            "html_url": self.html(&page),
            "followers_url": format!("{url}/followers"),
            "following_url": format!("{url}/following{{/other_user}}"),
            "gists_url": format!("{url}/gists{{/gist_id}}"),
            "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{url}/subscriptions"),
            "organizations_url": format!("{url}/orgs"),
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events{{/privacy}}"),
            "received_events_url": format!("{url}/received_events"),
            "type": kind,
            "site_admin": false,
        })
    }

    pub(super) fn organization_json(&self, login: &str) -> Value {
        let id = self.account(login).map_or(0, |account| account.id);
        let url = self.api(&format!("/orgs/{login}"));
        json!({
            "login": login,
            "id": id,
            "node_id": node_id("O", id),
            "url": url,
            "repos_url": format!("{url}/repos"),
            "events_url": format!("{url}/events"),
            "hooks_url": format!("{url}/hooks"),
            "issues_url": format!("{url}/issues"),
            "members_url": format!("{url}/members{{/member}}"),
            "public_members_url": format!("{url}/public_members{{/member}}"),
            "avatar_url": self.html(&format!("/avatars/u/{id}")),
            "description": "",
        })
    }

    pub(super) fn repository_json(&self, id: u64) -> Outcome<Value> {
        let repo = self.repo(id)?;
        let full_name = repo.full_name();
        let html = self.html(&format!("/{full_name}"));
        let open = repo.pulls.values().filter(|pull| pull.is_open()).count()
            + repo
                .issues
                .values()
                .filter(|issue| issue.closed_at.is_none())
                .count();
        let mut value = self.repository_minimal_json(id)?;
        let more = json!({
            "created_at": stamp(repo.created_at),
            "updated_at": stamp(repo.pushed_at),
            "pushed_at": stamp(repo.pushed_at),
            "git_url": format!("{html}.git"),
            "ssh_url": format!("git@127.0.0.1:{full_name}.git"),
            "clone_url": format!("{html}.git"),
            "svn_url": html,
            "open_issues_count": open,
            "visibility": if repo.private { "private" } else { "public" },
            "open_issues": open,
            "default_branch": repo.default_branch,
        });
        merge_into(&mut value, more);
        // What the sandbox does not model looks as in a repository that nobody has touched.
        merge_into(
            &mut value,
            json!({
                "homepage": null,
                "size": 0,
                "stargazers_count": 0,
                "watchers_count": 0,
                "language": null,
                "has_issues": true,
                "has_projects": false,
                "has_downloads": true,
                "has_wiki": false,
                "has_pages": false,
                "has_discussions": false,
                "forks_count": 0,
                "mirror_url": null,
                "archived": false,
                "disabled": false,
                "license": null,
                "allow_forking": true,
                "is_template": false,
                "web_commit_signoff_required": false,
                "topics": [],
                "custom_properties": {},
                "forks": 0,
                "watchers": 0,
            }),
        );
        Ok(value)
    }

    /// A repository as workflow runs carry it: who it is, and its links.
    pub(super) fn repository_minimal_json(&self, id: u64) -> Outcome<Value> {
        let repo = self.repo(id)?;
        let full_name = repo.full_name();
        let url = self.api(&format!("/repos/{full_name}"));
        let mut value = json!({
            "id": id,
            "node_id": node_id("R", id),
            "name": repo.name,
            "full_name": full_name,
            "private": repo.private,
            "owner": self.user_json(&repo.owner),
            "html_url": self.html(&format!("/{full_name}")),
            "description": null,
            "fork": repo.parent.is_some(),
            "url": url,
        });
        for (name, tail) in LINKS {
            value[name] = json!(format!("{url}{tail}"));
        }
        Ok(value)
    }

    pub(super) fn app_json(&self, id: u64) -> Outcome<Value> {
        let app = self.apps.get(&id).ok_or_else(Refusal::not_found)?;
        let own = id == self.config.app_id;
        let permissions = if own {
            permissions_json(&self.config.permissions)
        } else {
            json!({ "checks": "write", "metadata": "read" })
        };
        Ok(json!({
            "id": id,
            "slug": app.slug,
            "node_id": node_id("A", id),
            "owner": self.user_json(&self.config.app_owner),
            "name": app.name,
            "description": "",
            "external_url": self.html(&format!("/apps/{}", app.slug)),
            "html_url": self.html(&format!("/apps/{}", app.slug)),
            "created_at": "2024-01-01T00:00:00Z",
            "updated_at": "2024-01-01T00:00:00Z",
            "permissions": permissions,
            "events": self.config.events,
        }))
    }

    pub(super) fn installation_json(&self, installation: &Installation) -> Value {
        let id = installation.id;
        let account = self.user_json(&installation.owner);
        let (target_type, target_id) = (account["type"].clone(), account["id"].clone());
        json!({
            "id": id,
            "account": account,
            "repository_selection": "selected",
            "access_tokens_url": self.api(&format!("/app/installations/{id}/access_tokens")),
            "repositories_url": self.api("/installation/repositories"),
            "html_url": self.html(&format!("/settings/installations/{id}")),
            "app_id": self.config.app_id,
            "app_slug": self.config.slug,
            "target_id": target_id,
            "target_type": target_type,
            "permissions": permissions_json(&installation.permissions),
            "events": self.config.events,
            "created_at": stamp(installation.created_at),
            "updated_at": stamp(installation.created_at),
            "single_file_name": null,
            "has_multiple_single_files": false,
            "single_file_paths": [],
            "suspended_by": null,
            "suspended_at": null,
        })
    }

    /// A repository as installation events list it.
    pub(super) fn repository_brief(&self, id: u64) -> Outcome<Value> {
        let repo = self.repo(id)?;
        Ok(json!({
            "id": id,
            "node_id": node_id("R", id),
            "name": repo.name,
            "full_name": repo.full_name(),
            "private": repo.private,
        }))
    }
}
