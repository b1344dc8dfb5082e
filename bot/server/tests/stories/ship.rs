//! Words for stories about images, deployments and clusters.

use slipway_sandbox::github::{CheckRun, Deployment};
use slipway_sandbox::world::ci::Build;
use slipway_sandbox::world::{IMAGE, REGISTRY, REPO};

use crate::bot::{PATIENCE, Story, plain};

/// The name of the check run of deploys to an environment.
pub(crate) fn check_name(env: &str) -> String {
    format!("deploy shop to {env}")
}

/// The image of the shop by digest, as pods run it.
pub(crate) fn pinned(digest: &str) -> String {
    format!("{REGISTRY}/{IMAGE}@{digest}")
}

impl Story {
    /// Somebody opens a pull request that changes what the shop says, and nothing else.
    pub(crate) async fn greet(&self, who: &str, branch: &str, text: &str) -> anyhow::Result<u64> {
        let files = [("app/greeting.txt", text)];
        self.open(who, branch, "Another greeting", &files).await
    }

    /// Somebody merges a pull request; gives the merge commit.
    pub(crate) async fn merge(&self, who: &str, pr: u64) -> anyhow::Result<String> {
        let sha = self.world.github.merge(REPO, pr, who).await?;
        Ok(sha.clone())
    }

    /// Somebody merges another greeting whose image behaves like this, and it is published; gives
    /// the pull request, the merge commit and the digest.
    pub(crate) async fn ship(
        &self,
        branch: &str,
        build: Build,
    ) -> anyhow::Result<(u64, String, String)> {
        let pr = self.greet("ana", branch, &format!("{branch}.\n")).await?;
        let sha = self.merge("ana", pr).await?;
        let digest = self.world.publish(&sha, build).await?;
        Ok((pr, sha, digest))
    }

    /// The same, for an image that gets live in dev.
    pub(crate) async fn live(&mut self, branch: &str) -> anyhow::Result<(u64, String, String)> {
        let shipped = self.ship(branch, Build::Good).await?;
        self.reads(shipped.0, "is live in dev").await?;
        Ok(shipped)
    }

    /// Reads every comment of the bot on a pull request that has a text in it, once the bot has come to
    /// rest.
    pub(crate) async fn reads_all(&mut self, pr: u64, text: &str) -> anyhow::Result<Vec<String>> {
        self.quiet().await?;
        let bot = self.world.github.bot_login();
        let all = self.world.github.comments(REPO, pr);
        let mut read = Vec::new();
        for comment in all {
            if comment.author == bot && comment.body.contains(text) {
                read.push(self.reads(pr, &comment.body).await?);
            }
        }
        Ok(read)
    }

    /// Somebody changes deploy.toml on the default branch.
    pub(crate) async fn configure(&self, changes: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut text = include_str!("../../../sandbox/src/world/shop/deploy.toml").to_owned();
        for (old, new) in changes {
            anyhow::ensure!(text.contains(old), "deploy.toml has no {old:?}");
            text = text.replacen(old, new, 1);
        }
        let files = [("deploy.toml", text.as_str())];
        self.push("cleo", "main", "Other rules", &files).await?;
        Ok(())
    }

    /// The image that the ready pods of the shop run in an environment.
    pub(crate) fn image(&self, env: &str) -> Option<String> {
        let place = self.world.place(env).ok()?;
        place.cluster.running_image("shop", "shop")
    }

    /// The image that the Deployment of the shop asks for in an environment.
    pub(crate) fn wanted(&self, env: &str) -> Option<String> {
        let place = self.world.place(env).ok()?;
        let deployment = place.cluster.object("Deployment", "shop", "shop")?;
        let image = deployment.pointer("/spec/template/spec/containers/0/image")?;
        image.as_str().map(str::to_owned)
    }

    /// Waits until the deployment of a place in the history of an environment has come to a state.
    pub(crate) async fn deployment(
        &self,
        env: &str,
        place: usize,
        state: &str,
    ) -> anyhow::Result<Deployment> {
        let what = format!("deployment {place} to {env} to be {state}");
        self.world
            .github
            .until(&what, PATIENCE, |model| {
                let all = &model.repository(REPO)?.deployments;
                let mut here = all.iter().filter(|it| it.environment == env);
                let found = here.nth(place)?;
                (found.state() == Some(state)).then(|| found.clone())
            })
            .await
    }

    /// Waits for the check run of a deploy to end, and shows it as people see it.
    pub(crate) async fn sees_check(&self, sha: &str, env: &str) -> anyhow::Result<String> {
        let check = self.check(sha, &check_name(env)).await?;
        Ok(self.deploy_shown(&check))
    }

    /// Waits for a check run of a deploy with this title, over or not.
    pub(crate) async fn titled(
        &self,
        sha: &str,
        env: &str,
        title: &str,
    ) -> anyhow::Result<CheckRun> {
        let name = check_name(env);
        let what = format!("the check {name:?} to say {title:?}");
        self.world
            .github
            .until(&what, PATIENCE, |model| {
                let repository = model.repository(REPO)?;
                let mut found = repository
                    .check_runs(sha)
                    .filter(|check| check.name == name);
                found
                    .find(|check| {
                        let shown = check.output.title.as_deref().unwrap_or_default();
                        shown.contains(title)
                    })
                    .cloned()
            })
            .await
    }

    /// A check run as people see it.
    pub(crate) fn deploy_shown(&self, check: &CheckRun) -> String {
        let output = &check.output;
        let state = check.conclusion.as_deref().unwrap_or(&check.status);
        let mut parts = vec![format!(
            "[{state}] {}",
            output.title.as_deref().unwrap_or_default()
        )];
        parts.extend(output.summary.clone());
        parts.extend(output.text.clone().filter(|text| !text.is_empty()));
        let buttons: Vec<String> = check
            .actions
            .iter()
            .map(|action| format!("( {}: {} )", action.label, action.description))
            .collect();
        if !buttons.is_empty() {
            parts.push(buttons.join(" "));
        }
        plain(&parts.join("\n\n"), &self.world, &self.url)
    }

    /// The states of a deployment in their order.
    pub(crate) fn history(deployment: &Deployment) -> Vec<&str> {
        let states = deployment.statuses.iter();
        states.map(|status| status.state.as_str()).collect()
    }
}
