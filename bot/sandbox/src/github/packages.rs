//! Events of things that the sandbox GitHub does not keep itself: packages and workflow runs.

use serde_json::{Value, json};

use super::model::{Model, stamp};
use super::refusal::Outcome;

/// An image that CI pushed to the registry.
#[derive(Clone, Debug)]
pub struct PublishedPackage {
    /// The image without its tag, such as `ghcr.io/acme/shop`.
    pub image: String,
    /// The tag. An empty one makes `package_url` end in a bare colon, as happens on GitHub.
    pub tag: String,
    /// The digest, `sha256:…`.
    pub digest: String,
    /// Who pushed it.
    pub sender: String,
    /// `published` or `updated`.
    pub action: String,
}

/// A workflow run that ended.
#[derive(Clone, Debug)]
pub struct WorkflowRun {
    /// The workflow's name.
    pub name: String,
    /// The workflow's file, such as `.github/workflows/publish.yml`.
    pub path: String,
    /// The branch.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// `push`, `pull_request`, …
    pub event: String,
    /// `success`, `failure`, `cancelled`, …
    pub conclusion: String,
    /// Who started it.
    pub actor: String,
}

impl Model {
    pub(super) fn publish_package(&mut self, repo: u64, package: &PublishedPackage) -> Outcome<()> {
        self.meet(&package.sender);
        let found = self.repo(repo)?;
        let (owner, full_name) = (found.owner.clone(), found.full_name());
        let path = package
            .image
            .split('/')
            .skip(2)
            .collect::<Vec<_>>()
            .join("/");
        let name = if path.is_empty() {
            package.image.clone()
        } else {
            path
        };
        let now = stamp(self.now());
        let (package_id, version_id) = (self.new_id(), self.new_id());
        let html = self.html(&format!("/{full_name}/pkgs/container/{name}"));
        let version = self.package_version_json(package, version_id, &html);
        let payload = json!({
            "action": package.action,
            "registry_package": {
                "id": package_id,
                "name": name,
                "namespace": owner,
                "description": "",
                "ecosystem": "CONTAINER",
                "package_type": "CONTAINER",
                "html_url": html,
                "created_at": now,
                "updated_at": now,
                "owner": self.user_json(&owner),
                "package_version": version,
                "registry": {
                    "about_url": "https://docs.github.com/packages",
                    "name": "GitHub CONTAINER registry",
                    "type": "CONTAINER",
                    "url": format!("https://ghcr.io/{owner}"),
                    "vendor": "GitHub Inc",
                },
            },
        });
        self.emit("registry_package", repo, &package.sender, payload)
    }

    fn package_version_json(&self, package: &PublishedPackage, id: u64, html: &str) -> Value {
        let now = stamp(self.now());
        let tag: Value = if package.tag.is_empty() {
            json!({ "name": "", "digest": "" })
        } else {
            json!({ "name": package.tag, "digest": package.digest })
        };
        json!({
            "id": id,
            "version": package.digest,
            "name": package.digest,
            "description": "",
            "summary": "",
            "html_url": format!("{html}/{id}"),
            "tag_name": package.tag,
            "target_commitish": "",
            "target_oid": "",
            "created_at": now,
            "updated_at": now,
            "metadata": [],
            "container_metadata": {
                "tag": tag,
                "labels": null,
                "manifest": { "digest": package.digest,
                    "media_type": "application/vnd.oci.image.manifest.v1+json",
                    "uri": format!("repositories/{}/manifests/{}", package.image, package.digest),
                    "size": 0, "config": {}, "layers": [] },
            },
            "package_files": [],
            "package_url": format!("{}:{}", package.image, package.tag),
            "author": self.user_json(&package.sender),
            "installation_command": format!("docker pull {}:{}", package.image, package.tag),
        })
    }

    pub(super) fn complete_workflow(&mut self, repo: u64, run: &WorkflowRun) -> Outcome<u64> {
        self.meet(&run.actor);
        let found = self.repo(repo)?;
        let full_name = found.full_name();
        let head = found.git.show(&run.sha)?;
        let (id, workflow_id) = (self.new_id(), self.new_id());
        let now = stamp(self.now());
        let url = self.api(&format!("/repos/{full_name}/actions/runs/{id}"));
        let workflow_url = self.api(&format!(
            "/repos/{full_name}/actions/workflows/{workflow_id}"
        ));
        let suite_url = self.api(&format!("/repos/{full_name}/check-suites/{id}"));
        let repository = self.repository_minimal_json(repo)?;
        let actor = self.user_json(&run.actor);
        let html = self.html(&format!("/{full_name}/actions/runs/{id}"));
        let workflow = self.workflow_json(&full_name, run, workflow_id);
        let workflow_run = json!({
            "id": id,
            "name": run.name,
            "node_id": super::model::node_id("WFR", id),
            "head_branch": run.branch,
            "head_sha": run.sha,
            "path": run.path,
            "display_title": head.message.lines().next().unwrap_or_default(),
            "run_number": 1,
            "run_attempt": 1,
            "event": run.event,
            "status": "completed",
            "conclusion": run.conclusion,
            "workflow_id": workflow_id,
            "check_suite_id": id,
            "check_suite_node_id": super::model::node_id("CS", id),
            "url": url,
            "html_url": html,
            "pull_requests": [],
            "created_at": now,
            "updated_at": now,
            "actor": actor,
            "triggering_actor": actor,
            "run_started_at": now,
            "jobs_url": format!("{url}/jobs"),
            "logs_url": format!("{url}/logs"),
            "check_suite_url": suite_url,
            "artifacts_url": format!("{url}/artifacts"),
            "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"),
            "previous_attempt_url": null,
            "workflow_url": workflow_url,
            "head_commit": Self::commit_brief(&head),
            "repository": repository,
            "head_repository": repository,
            "referenced_workflows": [],
        });
        let payload = json!({
            "action": "completed", "workflow_run": workflow_run, "workflow": workflow,
        });
        self.emit("workflow_run", repo, &run.actor, payload)?;
        Ok(id)
    }

    fn workflow_json(&self, full_name: &str, run: &WorkflowRun, id: u64) -> Value {
        let now = stamp(self.now());
        json!({
            "id": id,
            "node_id": super::model::node_id("W", id),
            "name": run.name,
            "path": run.path,
            "state": "active",
            "created_at": now,
            "updated_at": now,
            "url": self.api(&format!("/repos/{full_name}/actions/workflows/{id}")),
            "html_url": self.html(&format!("/{full_name}/blob/{}/{}", run.branch, run.path)),
            "badge_url": self.html(&format!("/{full_name}/workflows/badge.svg")),
        })
    }
}
