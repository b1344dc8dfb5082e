//! What is read for looks at drift.

use slipway_core::event::RepoRef;
use slipway_core::facts::{DriftFacts, Facts};
use slipway_core::ids::{EnvName, IssueNumber, Login};
use slipway_core::ports::{PortResult, RunsOf};

use super::{Depth, Gather, Subject};

/// An event that is about no pull request.
const NO_PULL: Subject = Subject {
    pr: None,
    run: None,
    depth: Depth::State,
};

impl Gather {
    /// A push may have changed deploy.toml, if it is one to the default branch.
    pub(super) async fn for_push(&self, repo: &RepoRef, branch: &str) -> PortResult<Facts> {
        if self.forge.repository(repo).await?.default_branch == branch {
            self.of(repo, NO_PULL, None).await
        } else {
            Ok(self.bare(repo))
        }
    }

    /// All that is asked to look at an environment, or to put it back.
    pub(super) async fn for_drift(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        issue: Option<IssueNumber>,
        actor: &Login,
    ) -> PortResult<Facts> {
        let mut facts = self.of(repo, NO_PULL, Some(actor)).await?;
        let tip = self.forge.branch_tip(repo, &facts.default_branch).await?;
        facts.store.runs = self.store.runs(repo, &RunsOf::Drift(env.clone())).await?;
        facts.drift = Some(DriftFacts {
            env: env.clone(),
            tip,
            issue,
        });
        Ok(facts)
    }
}
