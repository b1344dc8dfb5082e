//! CI as GitHub Actions would do it: for a commit of the app, a green check, an image in the
//! registry tagged `sha-<commit>` and labelled with the commit, and the events that say so.

use std::time::Duration;

use anyhow::Context;

use super::{REGISTRY, World};
use crate::github::{PublishedPackage, WorkflowRun};
use crate::registry::Image;

/// How the image that CI builds behaves once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// Well.
    Good,
    /// It starts, says why it can't go on, and exits with 3.
    Crashing,
    /// It starts and never becomes ready.
    NeverReady,
}

impl World {
    /// Builds the image of a commit and says so: `registry_package`, then `workflow_run`. Returns
    /// its digest.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub async fn publish(&self, sha: &str, build: Build) -> anyhow::Result<String> {
        let digest = self.push_image(sha, sha, build).await?;
        self.announce(sha, &digest).await?;
        Ok(digest)
    }

    /// Pushes an image under the tag of a commit without saying so; `revision` is what its label
    /// says.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub async fn push_image(
        &self,
        sha: &str,
        revision: &str,
        build: Build,
    ) -> anyhow::Result<String> {
        let image = Image::of(revision);
        let image = match build {
            Build::Good => image,
            Build::Crashing => image
                .with_label("sandbox.outcome", "crash")
                .with_label("sandbox.exit_code", "3")
                .with_label(
                    "sandbox.log",
                    "shop: starting\nshop: reading /etc/shop/config.toml\nshop: fatal: unknown key `currncy`",
                ),
            Build::NeverReady => image.with_label("sandbox.outcome", "never-ready"),
        };
        let tag = format!("sha-{sha}");
        let pushed = self
            .registry
            .push_image(&self.scene.image, &tag, image)
            .await;
        pushed.with_context(|| format!("pushing the image of {sha}"))
    }

    /// Says that an image was published and its workflow has ended.
    ///
    /// # Errors
    /// When the repository is gone.
    pub async fn announce(&self, sha: &str, digest: &str) -> anyhow::Result<()> {
        let package = PublishedPackage {
            image: format!("{REGISTRY}/{}", self.scene.image),
            tag: format!("sha-{sha}"),
            digest: digest.to_owned(),
            sender: "github-actions[bot]".to_owned(),
            action: "published".to_owned(),
        };
        self.github
            .publish_package_event(&self.scene.repo, package)
            .await?;
        let run = WorkflowRun {
            name: "publish".to_owned(),
            path: ".github/workflows/publish.yml".to_owned(),
            branch: "main".to_owned(),
            sha: sha.to_owned(),
            event: "push".to_owned(),
            conclusion: "success".to_owned(),
            actor: "ana".to_owned(),
        };
        self.github
            .complete_workflow_run(&self.scene.repo, run)
            .await?;
        Ok(())
    }

    /// Runs CI for as long as the world stands: every new head of `main` and of open pull requests
    /// gets its check and its image. A commit whose `app/greeting.txt` says `crash` gets an image
    /// that crashes.
    ///
    /// # Errors
    /// When a service of the world is gone.
    pub async fn run_ci(&self) -> anyhow::Result<()> {
        let mut built = std::collections::BTreeSet::new();
        // What stands at the start was built by an earlier life of this world.
        built.extend(self.github.branch(&self.scene.repo, "main"));
        loop {
            let year = Duration::from_secs(365 * 24 * 3600);
            let sha = self
                .github
                .until("a commit to build", year, |model| {
                    let repository = model.repository(&self.scene.repo)?;
                    let mut tips = repository.branches.values().map(ToString::to_string);
                    tips.find(|sha| !built.contains(sha))
                })
                .await?;
            let greeting = self.greeting(&sha).await?;
            built.insert(sha.clone());
            self.github
                .ci_check(&self.scene.repo, &sha, &self.scene.check, Some("success"))
                .await?;
            let build = if greeting.contains("crash") {
                Build::Crashing
            } else {
                Build::Good
            };
            self.publish(&sha, build).await?;
        }
    }

    /// The text that the app of a commit shows; empty if it has none.
    async fn greeting(&self, sha: &str) -> anyhow::Result<String> {
        let token = self.github.installation_token(&self.scene.repo).await?;
        let url = format!(
            "{}/repos/{}/contents/app/greeting.txt?ref={sha}",
            self.github.url(),
            self.scene.repo
        );
        let answer = reqwest::Client::new()
            .get(url)
            .bearer_auth(token)
            .header("accept", "application/vnd.github.raw+json")
            .send()
            .await?;
        if answer.status() == reqwest::StatusCode::NOT_FOUND {
            return Ok(String::new());
        }
        Ok(answer.error_for_status()?.text().await?)
    }
}
