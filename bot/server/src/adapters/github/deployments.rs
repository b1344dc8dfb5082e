//! GitHub's deployments and their statuses.

use serde::Deserialize;
use serde_json::{Value, json};
use slipway_core::event::RepoRef;
use slipway_core::ids::{CommitSha, DeploymentId, EnvName};
use slipway_core::ports::{DeploymentStatus, NewDeployment};

use super::client::Request;
use super::errors::Outcome;
use super::pages::PAGE_SIZE;
use super::{GitHub, reads};

/// The most pages of deployments of one commit to one environment.
const DEPLOYMENT_PAGES: u32 = 20;
/// GitHub's limit of a description, in characters.
const LONGEST_DESCRIPTION: usize = 140;
/// The task that all deployments of the bot have.
const TASK: &str = "deploy";
/// Where in the payload the bot's key is.
const KEY: &str = "slipway";

#[derive(Deserialize)]
struct Deployment {
    id: u64,
    #[serde(default)]
    payload: Value,
    creator: Option<Creator>,
}

#[derive(Deserialize)]
struct Creator {
    login: String,
}

impl Deployment {
    /// GitHub gives a payload back as JSON or as a text that holds JSON.
    fn has_key(&self, key: &str) -> bool {
        let inner;
        let payload = match &self.payload {
            Value::String(text) => {
                inner = serde_json::from_str(text).unwrap_or(Value::Null);
                &inner
            }
            other => other,
        };
        payload.get(KEY).and_then(Value::as_str) == Some(key)
    }
}

/// Any writer can create a deployment with any payload, so that the creator counts.
pub(super) async fn find(
    github: &GitHub,
    repo: &RepoRef,
    env: &EnvName,
    sha: &CommitSha,
    key: &str,
) -> Outcome<Option<DeploymentId>> {
    let own = &reads::app(github).await?.login;
    let mut url = github.repo_url(&repo.name, &["deployments"]);
    url.query_pairs_mut()
        .append_pair("sha", sha.as_str())
        .append_pair("environment", env.as_str())
        .append_pair("task", TASK)
        .append_pair("per_page", PAGE_SIZE);
    let mut pages = github.report_pages(repo, url, DEPLOYMENT_PAGES);
    while let Some(deployments) = pages.next::<Vec<Deployment>>().await? {
        let found = deployments.iter().find(|deployment| {
            let creator = deployment.creator.as_ref().map(|who| who.login.as_str());
            creator == Some(own.as_str()) && deployment.has_key(key)
        });
        if let Some(deployment) = found {
            return Ok(Some(DeploymentId(deployment.id)));
        }
    }
    Ok(None)
}

/// Without `required_contexts` and `auto_merge` GitHub would refuse (409) what the bot's own gates
/// have let through, or merge the default branch into the commit.
pub(super) async fn create(
    github: &GitHub,
    repo: &RepoRef,
    deployment: &NewDeployment,
) -> Outcome<DeploymentId> {
    let body = json!({
        "ref": deployment.sha,
        "task": TASK,
        "auto_merge": false,
        "required_contexts": [],
        "payload": { KEY: deployment.key },
        "environment": deployment.env,
        "description": shortened(&deployment.description),
        "transient_environment": false,
        "production_environment": deployment.production,
    });
    let request = Request::post(github.repo_url(&repo.name, &["deployments"]), &body)?;
    let created: Deployment = github.report(repo, &request).await?.json()?;
    Ok(DeploymentId(created.id))
}

/// GitHub's `auto_inactive` leaves production alone and knows nothing of services: the bot says
/// itself what was overtaken.
pub(super) async fn add_status(
    github: &GitHub,
    repo: &RepoRef,
    id: DeploymentId,
    status: &DeploymentStatus,
) -> Outcome<()> {
    let mut body = json!({
        "state": status.state,
        "description": shortened(&status.description),
        "log_url": status.log_url,
        "auto_inactive": false,
    });
    if let Some(url) = &status.environment_url {
        body["environment_url"] = json!(url);
    }
    let url = github.repo_url(&repo.name, &["deployments", &id.to_string(), "statuses"]);
    let request = Request::post(url, &body)?;
    github.report(repo, &request).await?;
    Ok(())
}

/// A description cut to what GitHub takes.
fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST_DESCRIPTION - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_cut_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(140)), "ä".repeat(140));
        let cut = shortened(&"ä".repeat(141));
        assert_eq!(cut.chars().count(), 140);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn a_key_is_found_in_either_form_of_payload() {
        let deployment = |payload: Value| Deployment {
            id: 1,
            payload,
            creator: None,
        };
        assert!(deployment(json!({ "slipway": "a" })).has_key("a"));
        assert!(deployment(json!("{\"slipway\":\"a\"}")).has_key("a"));
        for other in [
            json!({ "slipway": "b" }),
            json!(""),
            json!("a"),
            Value::Null,
        ] {
            assert!(!deployment(other).has_key("a"));
        }
    }
}
