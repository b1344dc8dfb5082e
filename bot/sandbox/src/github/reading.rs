//! What a test may look at, and how it waits for it: for facts, never for time.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::GitHub;
use super::journal::JournalEntry;
use super::model::{CheckRun, Comment, Deployment, Issue, Model, PullRequest};
use super::webhooks::Delivery;

/// How much of a comment an error shows.
const SHOWN: usize = 300;

impl GitHub {
    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&Model) -> T) -> T {
        self.shared.read(look)
    }

    /// Waits until `look` finds something, and gives it. It is asked again on every change.
    ///
    /// # Errors
    /// When `timeout` passes first; the error names `what`, and shows the latest comments, checks,
    /// deployments and requests.
    pub async fn until<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut look: impl FnMut(&Model) -> Option<T>,
    ) -> anyhow::Result<T> {
        let mut changes = self.shared.changes();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.shared.read(&mut look) {
                    return Ok(found);
                }
                changes
                    .changed()
                    .await
                    .context("the sandbox GitHub ended")?;
            }
        };
        match tokio::time::timeout(timeout, waiting).await {
            Ok(result) => result,
            Err(_) => Err(anyhow!(
                "waited {timeout:?} in vain for {what}\n{}",
                self.shared.read(situation)
            )),
        }
    }

    /// Waits until every queued delivery was sent and answered. Held ones do not count.
    ///
    /// # Errors
    /// When `timeout` passes first.
    pub async fn idle(&self, timeout: Duration) -> anyhow::Result<()> {
        self.until("all deliveries to be answered", timeout, |model| {
            model.is_idle().then_some(())
        })
        .await
    }

    /// A pull request.
    #[must_use]
    pub fn pull_request(&self, repo: &str, number: u64) -> Option<PullRequest> {
        self.look(|model| model.repository(repo)?.pull(number).cloned())
    }

    /// The plain issues of a repository, oldest first.
    #[must_use]
    pub fn issues(&self, repo: &str) -> Vec<Issue> {
        self.look(|model| {
            model
                .repository(repo)
                .map(|repo| repo.issues.values().cloned().collect())
                .unwrap_or_default()
        })
    }

    /// The comments on an issue or a pull request, oldest first.
    #[must_use]
    pub fn comments(&self, repo: &str, number: u64) -> Vec<Comment> {
        self.look(|model| {
            model
                .repository(repo)
                .map(|repo| repo.comments(number).cloned().collect())
                .unwrap_or_default()
        })
    }

    /// The check runs of a commit, oldest first.
    #[must_use]
    pub fn check_runs(&self, repo: &str, sha: &str) -> Vec<CheckRun> {
        self.look(|model| {
            model
                .repository(repo)
                .map(|repo| repo.check_runs(sha).cloned().collect())
                .unwrap_or_default()
        })
    }

    /// The deployments of a repository with their statuses, oldest first.
    #[must_use]
    pub fn deployments(&self, repo: &str) -> Vec<Deployment> {
        self.look(|model| {
            model
                .repository(repo)
                .map(|repo| repo.deployments.clone())
                .unwrap_or_default()
        })
    }

    /// The tip of a branch.
    #[must_use]
    pub fn branch(&self, repo: &str, branch: &str) -> Option<String> {
        self.look(|model| model.repository(repo)?.branches.get(branch).cloned())
    }

    /// Every delivery that was tried, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.look(|model| model.deliveries().to_vec())
    }

    /// Every request that was answered, oldest first.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.look(|model| model.journal().to_vec())
    }

    /// The requests to endpoints that GitHub, as modelled here, does not have.
    #[must_use]
    pub fn unexpected_calls(&self) -> Vec<JournalEntry> {
        self.look(|model| {
            model
                .journal()
                .iter()
                .filter(|entry| !entry.known)
                .cloned()
                .collect()
        })
    }

    /// The events and payloads of the deliveries that wait to be released.
    #[must_use]
    pub fn held_deliveries(&self) -> Vec<(String, Value)> {
        self.look(|model| {
            model
                .held
                .iter()
                .map(|queued| {
                    let payload = serde_json::from_str(&queued.body).unwrap_or(Value::Null);
                    (queued.event.clone(), payload)
                })
                .collect()
        })
    }
}

/// What an error of a test that waited in vain shows: the last few of everything.
fn situation(model: &Model) -> String {
    let mut lines = Vec::new();
    for repo in model.repositories.values() {
        let name = repo.full_name();
        for comment in last(&repo.comments, 5) {
            let text: String = comment.body.chars().take(SHOWN).collect();
            lines.push(format!(
                "{name}#{} {} wrote (edited {}×): {text}",
                comment.number, comment.author, comment.edits
            ));
        }
        for run in last(&repo.check_runs, 8) {
            lines.push(format!(
                "{name} check {:?} on {}: {} {} {:?}",
                run.name,
                run.head_sha.get(..7).unwrap_or_default(),
                run.status,
                run.conclusion.as_deref().unwrap_or("-"),
                run.output.title.as_deref().unwrap_or_default(),
            ));
        }
        for deployment in last(&repo.deployments, 5) {
            let states: Vec<&str> = deployment
                .statuses
                .iter()
                .map(|status| status.state.as_str())
                .collect();
            lines.push(format!(
                "{name} deployment to {}: {states:?}",
                deployment.environment
            ));
        }
    }
    for delivery in last(&model.deliveries, 5) {
        lines.push(format!(
            "delivered {} {}: {}",
            delivery.event,
            delivery.action.as_deref().unwrap_or_default(),
            delivery.status
        ));
    }
    let (waiting, flying) = (model.outbox.len(), model.in_flight);
    lines.push(format!(
        "{waiting} deliveries wait, {flying} in flight, {} held",
        model.held.len()
    ));
    for entry in last(&model.journal, 10) {
        lines.push(entry.line());
    }
    lines.join("\n")
}

fn last<T>(items: &[T], count: usize) -> &[T] {
    items
        .get(items.len().saturating_sub(count)..)
        .unwrap_or_default()
}
