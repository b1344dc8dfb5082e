//! Deployments and their statuses.

use serde_json::{Value, json};

use super::super::model::{Model, node_id, stamp};
use super::super::refusal::{Outcome, Refusal};

impl Model {
    pub(crate) fn deployment_json(&self, repo: u64, id: u64) -> Outcome<Value> {
        let deployment = self.deployment(repo, id)?;
        let full_name = self.repo(repo)?.full_name();
        let url = self.api(&format!("/repos/{full_name}/deployments/{id}"));
        let updated = deployment
            .statuses
            .last()
            .map_or(deployment.created_at, |status| status.created_at);
        let app = if deployment.creator == self.bot_login() {
            self.app_json(self.config.app_id)?
        } else {
            Value::Null
        };
        Ok(json!({
            "url": url,
            "id": id,
            "node_id": node_id("DE", id),
            "sha": deployment.sha,
            "ref": deployment.name,
            "task": deployment.task,
            "payload": deployment.payload,
            "original_environment": deployment.environment,
            "environment": deployment.environment,
            "description": deployment.description,
            "creator": self.user_json(&deployment.creator),
            "created_at": stamp(deployment.created_at),
            "updated_at": stamp(updated),
            "statuses_url": format!("{url}/statuses"),
            "repository_url": self.api(&format!("/repos/{full_name}")),
            "transient_environment": deployment.transient,
            "production_environment": deployment.production,
            "performed_via_github_app": app,
        }))
    }

    pub(crate) fn deployment_status_json(
        &self,
        repo: u64,
        deployment: u64,
        id: u64,
    ) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let status = self
            .deployment(repo, deployment)?
            .statuses
            .iter()
            .find(|status| status.id == id)
            .ok_or_else(Refusal::not_found)?;
        let url = self.api(&format!("/repos/{full_name}/deployments/{deployment}"));
        Ok(json!({
            "url": format!("{url}/statuses/{id}"),
            "id": id,
            "node_id": node_id("DES", id),
            "state": status.state,
            "creator": self.user_json(&status.creator),
            "description": status.description,
            "environment": status.environment,
            "target_url": status.log_url,
            "created_at": stamp(status.created_at),
            "updated_at": stamp(status.created_at),
            "deployment_url": url,
            "repository_url": self.api(&format!("/repos/{full_name}")),
            "environment_url": status.environment_url,
            "log_url": status.log_url,
            "performed_via_github_app": null,
        }))
    }
}
