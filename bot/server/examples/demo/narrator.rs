//! Tells what people do and what the bot answers, as a person would read it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use slipway_sandbox::github::{CheckRun, Comment, Deployment};
use slipway_sandbox::world::World;

use crate::process::Bot;

/// How long a step may take before the story has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tells the story.
pub(crate) struct Narrator<'a> {
    pub(crate) world: &'a World,
    steps: usize,
    told: BTreeSet<(u64, u32)>,
}

impl<'a> Narrator<'a> {
    pub(crate) fn new(world: &'a World, bot: &'a Bot) -> Self {
        println!("Slipway, from a pull request to production and back.");
        println!(
            "GitHub {} · Slipway {}\n",
            world.github.html_url(),
            bot.url()
        );
        println!(
            "The repository is this one: its deploy.toml (without windows, and with a soak of {} s), its\n\
             manifests, the variables and backends of its stacks. Resources of Terraform's own stand in\n\
             for those of AWS.",
            world.scene.soak.as_secs()
        );
        Self {
            world,
            steps: 0,
            told: BTreeSet::new(),
        }
    }

    /// A step begins.
    pub(crate) fn step(&mut self, what: &str) {
        self.steps += 1;
        println!("\n━━ {}. {what}", self.steps);
    }

    /// Something was seen.
    pub(crate) fn seen(&self, what: &str) {
        println!("   ✓ {what}");
    }

    /// Waits for a comment of the bot that holds all these texts, and tells it.
    pub(crate) async fn reads(&mut self, pr: u64, texts: &[&str]) -> anyhow::Result<String> {
        let told = self.told.clone();
        let what = format!("a comment on #{pr} with {}", texts.join(" and "));
        let comment: Comment = self
            .world
            .github
            .until(&what, PATIENCE, |model| {
                let bot = model.bot_login();
                let repository = model.repository(&self.world.scene.repo)?;
                let mut fresh = repository
                    .comments(pr)
                    .filter(|comment| comment.author == bot)
                    .filter(|comment| !told.contains(&(comment.id, comment.edits)));
                fresh
                    .find(|comment| texts.iter().all(|text| comment.body.contains(text)))
                    .cloned()
            })
            .await?;
        self.told.insert((comment.id, comment.edits));
        println!("   ┌ slipway[bot] on #{pr}");
        for line in comment
            .body
            .lines()
            .filter(|line| !line.starts_with("<!--"))
        {
            println!("   │ {line}");
        }
        println!("   └");
        Ok(comment.body)
    }

    /// Waits for a check run to end in a certain way, and tells it.
    pub(crate) async fn check(
        &self,
        sha: &str,
        name: &str,
        conclusion: &str,
    ) -> anyhow::Result<CheckRun> {
        let what = format!("the check {name:?} to end in {conclusion}");
        let check: CheckRun = self
            .world
            .github
            .until(&what, PATIENCE, |model| {
                let repository = model.repository(&self.world.scene.repo)?;
                repository
                    .check_runs(sha)
                    .filter(|check| check.name == name)
                    .find(|check| check.conclusion.as_deref() == Some(conclusion))
                    .cloned()
            })
            .await?;
        let title = check.output.title.clone().unwrap_or_default();
        let buttons: Vec<&str> = check.actions.iter().map(|a| a.label.as_str()).collect();
        let buttons = if buttons.is_empty() {
            String::new()
        } else {
            format!(" · buttons: {}", buttons.join(", "))
        };
        self.seen(&format!("check “{name}”: {conclusion} — {title}{buttons}"));
        Ok(check)
    }

    /// Waits for a deployment of a commit to have had exactly these states, and tells them.
    pub(crate) async fn deployment(
        &self,
        env: &str,
        sha: &str,
        states: &[&str],
    ) -> anyhow::Result<()> {
        let what = format!(
            "a deployment to {env} with the states {}",
            states.join(", ")
        );
        let had = |deployment: &Deployment| -> Vec<String> {
            deployment
                .statuses
                .iter()
                .map(|status| status.state.clone())
                .collect()
        };
        self.world
            .github
            .until(&what, PATIENCE, |model| {
                let repository = model.repository(&self.world.scene.repo)?;
                repository
                    .deployments
                    .iter()
                    .filter(|d| d.environment == env && d.sha == sha)
                    .any(|d| had(d) == states)
                    .then_some(())
            })
            .await?;
        self.seen(&format!(
            "GitHub deployment to {env}: {}",
            states.join(" → ")
        ));
        Ok(())
    }

    /// Waits until a release has been live in an environment for as long as the scene asks.
    pub(crate) async fn until_soaked(&self, env: &str, sha: &str) -> anyhow::Result<()> {
        let soak = self.world.scene.soak;
        let live = self.world.github.look(|model| {
            let repository = model.repository(&self.world.scene.repo)?;
            let mut all = repository.deployments.iter();
            let of_it = all.find(|d| d.environment == env && d.sha == sha)?;
            let good = of_it
                .statuses
                .iter()
                .find(|status| status.state == "success")?;
            Some(good.created_at)
        });
        let live = live.with_context(|| format!("{sha} is not live in {env}"))?;
        let until = live.checked_add(soak)?;
        while self.world.clock.now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.seen(&format!("live in {env} for {} s", soak.as_secs()));
        Ok(())
    }

    /// Tells the roles that were assumed, and how much was done, and in which time.
    pub(crate) fn end(&self, took: Duration) {
        println!("\n━━ Roles that were assumed");
        let mut roles = std::collections::BTreeMap::new();
        for assumed in self.world.aws.assumed() {
            let name = assumed.role_arn.clone();
            let sessions = roles.entry(name).or_insert_with(BTreeSet::new);
            sessions.insert(format!(
                "{} for {}",
                assumed.session_name,
                assumed.source_identity.clone().unwrap_or_default()
            ));
        }
        for (role, sessions) in roles {
            println!("   {role}");
            for session in sessions {
                println!("     {session}");
            }
        }
        println!(
            "\nAll {} steps were seen, in {:.1} s.",
            self.steps,
            took.as_secs_f64()
        );
    }
}
