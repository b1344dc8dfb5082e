//! Deployments and their statuses.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::git::Sha;
use super::super::refusal::{Outcome, Refusal};
use super::Model;

/// One status of a deployment.
#[derive(Clone, Debug)]
pub struct DeploymentStatus {
    /// Its number.
    pub id: u64,
    /// `queued`, `in_progress`, `pending`, `success`, `failure`, `error` or `inactive`.
    pub state: String,
    /// A line of text.
    pub description: String,
    /// Where it happened.
    pub environment: String,
    /// Where its result is seen.
    pub environment_url: String,
    /// Where its log is.
    pub log_url: String,
    /// Who set it.
    pub creator: String,
    /// When.
    pub created_at: Timestamp,
}

/// A deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// The commit.
    pub sha: Sha,
    /// What was asked for: a branch, a tag or the commit itself.
    pub name: String,
    /// `deploy` if nothing else was said.
    pub task: String,
    /// Where to.
    pub environment: String,
    /// Whatever its maker wanted to keep.
    pub payload: Value,
    /// A line of text.
    pub description: String,
    /// Whether the environment is meant to go away again.
    pub transient: bool,
    /// Whether people use the environment.
    pub production: bool,
    /// Who made it.
    pub creator: String,
    /// Its statuses, oldest first.
    pub statuses: Vec<DeploymentStatus>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Deployment {
    /// Its newest state; nothing before the first status.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.statuses.last().map(|status| status.state.as_str())
    }
}

/// What making a deployment takes.
#[derive(Clone, Debug)]
pub(crate) struct NewDeployment {
    pub(crate) name: String,
    pub(crate) task: String,
    pub(crate) auto_merge: bool,
    /// Nothing: every check and status of the commit must be green.
    pub(crate) required_contexts: Option<Vec<String>>,
    pub(crate) payload: Value,
    pub(crate) environment: String,
    pub(crate) description: String,
    pub(crate) transient: bool,
    pub(crate) production: bool,
}

/// What a deployment status is made from.
#[derive(Clone, Debug)]
pub(crate) struct NewStatus {
    pub(crate) state: String,
    pub(crate) description: String,
    pub(crate) environment: Option<String>,
    pub(crate) environment_url: String,
    pub(crate) log_url: String,
    pub(crate) auto_inactive: bool,
}

impl Model {
    pub(crate) fn deployment(&self, repo: u64, id: u64) -> Outcome<&Deployment> {
        self.repo(repo)?
            .deployments
            .iter()
            .find(|deployment| deployment.id == id)
            .ok_or_else(Refusal::not_found)
    }

    pub(crate) fn create_deployment(
        &mut self,
        repo: u64,
        creator: &str,
        new: NewDeployment,
    ) -> Outcome<u64> {
        let found = self.repo(repo)?;
        let sha = found
            .resolve(&new.name)?
            .ok_or_else(|| Refusal::unprocessable(format!("No ref found for: {}", new.name)))?;
        self.require_green(repo, &sha, &new)?;
        if new.auto_merge {
            self.require_no_merge(repo, &sha, &new.name)?;
        }
        let (id, now) = (self.new_id(), self.now());
        self.repo_mut(repo)?.deployments.push(Deployment {
            id,
            sha,
            name: new.name,
            task: new.task,
            environment: new.environment,
            payload: new.payload,
            description: new.description,
            transient: new.transient,
            production: new.production,
            creator: creator.to_owned(),
            statuses: Vec::new(),
            created_at: now,
        });
        let deployment = self.deployment_json(repo, id)?;
        self.emit(
            "deployment",
            repo,
            creator,
            json!({ "action": "created", "deployment": deployment, "workflow": null, "workflow_run": null }),
        )?;
        Ok(id)
    }

    fn require_green(&self, repo: u64, sha: &str, new: &NewDeployment) -> Outcome<()> {
        let signals = self.repo(repo)?.signals(sha);
        let red: Vec<Value> = match &new.required_contexts {
            None => signals
                .iter()
                .filter(|(_, green)| !green)
                .map(|(context, _)| json!({ "context": context, "state": "pending" }))
                .collect(),
            Some(required) => required
                .iter()
                .filter(|name| {
                    !signals
                        .iter()
                        .any(|(context, green)| context == *name && *green)
                })
                .map(|context| json!({ "context": context, "state": "missing" }))
                .collect(),
        };
        if red.is_empty() {
            return Ok(());
        }
        Err(Refusal {
            status: StatusCode::CONFLICT,
            message: format!("Conflict: Commit status checks failed for {}.", new.name),
            errors: vec![json!({ "contexts": red, "resource": "Deployment",
                "field": "required_contexts", "code": "invalid" })],
            retry_after: None,
        })
    }

    fn require_no_merge(&self, repo: u64, sha: &str, name: &str) -> Outcome<()> {
        let found = self.repo(repo)?;
        let base = found.branches.get(&found.default_branch);
        if let (true, Some(base)) = (found.branches.contains_key(name), base)
            && !found.git.is_ancestor(base, sha)?
        {
            return Err(Refusal::conflict(format!(
                "Conflict merging {} into {name}.",
                found.default_branch
            )));
        }
        Ok(())
    }

    pub(crate) fn set_deployment_status(
        &mut self,
        repo: u64,
        id: u64,
        creator: &str,
        new: NewStatus,
    ) -> Outcome<u64> {
        const STATES: [&str; 7] = [
            "error",
            "failure",
            "inactive",
            "in_progress",
            "queued",
            "pending",
            "success",
        ];
        if !STATES.contains(&new.state.as_str()) {
            return Err(Refusal::invalid(
                "DeploymentStatus",
                "state",
                "state is not included in the list",
            ));
        }
        if new.description.chars().count() > 140 {
            return Err(Refusal::invalid(
                "DeploymentStatus",
                "description",
                "description is too long (maximum is 140 characters)",
            ));
        }
        let environment = {
            let deployment = self.deployment(repo, id)?;
            new.environment
                .clone()
                .unwrap_or_else(|| deployment.environment.clone())
        };
        if new.state == "success" && new.auto_inactive {
            self.retire_older(repo, id, creator, &environment)?;
        }
        self.push_status(repo, id, creator, &environment, new)
    }

    /// GitHub marks the older deployments of an environment inactive when a new one succeeds, but
    /// only those neither production nor transient.
    fn retire_older(
        &mut self,
        repo: u64,
        id: u64,
        creator: &str,
        environment: &str,
    ) -> Outcome<()> {
        let older: Vec<u64> = self
            .repo(repo)?
            .deployments
            .iter()
            .filter(|old| old.id < id && old.environment == environment)
            .filter(|old| !old.production && !old.transient && old.state() == Some("success"))
            .map(|old| old.id)
            .collect();
        for old in older {
            let inactive = NewStatus {
                state: "inactive".to_owned(),
                description: String::new(),
                environment: None,
                environment_url: String::new(),
                log_url: String::new(),
                auto_inactive: false,
            };
            self.push_status(repo, old, creator, environment, inactive)?;
        }
        Ok(())
    }

    fn push_status(
        &mut self,
        repo: u64,
        id: u64,
        creator: &str,
        environment: &str,
        new: NewStatus,
    ) -> Outcome<u64> {
        let (status_id, now) = (self.new_id(), self.now());
        let deployment = self
            .repo_mut(repo)?
            .deployments
            .iter_mut()
            .find(|deployment| deployment.id == id)
            .ok_or_else(Refusal::not_found)?;
        deployment.statuses.push(DeploymentStatus {
            id: status_id,
            state: new.state,
            description: new.description,
            environment: environment.to_owned(),
            environment_url: new.environment_url,
            log_url: new.log_url,
            creator: creator.to_owned(),
            created_at: now,
        });
        let status = self.deployment_status_json(repo, id, status_id)?;
        let deployment = self.deployment_json(repo, id)?;
        self.emit(
            "deployment_status",
            repo,
            creator,
            json!({
                "action": "created", "deployment_status": status, "deployment": deployment,
            }),
        )?;
        Ok(status_id)
    }
}
