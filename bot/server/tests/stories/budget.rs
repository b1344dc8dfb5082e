//! How much a large pull request costs of GitHub's limits.
//!
//! GitHub lets an App write some 80 times a minute and 500 times an hour that makes content
//! (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>), and sends a
//! mail for every comment. What a pull request costs must not grow with the stacks that it touches.

use std::fmt::Write as _;

use slipway_sandbox::github::JournalEntry;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

/// Stacks in both environments, and in dev only: real Terraform runs for each of them.
const BOTH: usize = 4;
const DEV_ONLY: usize = 46;
const ENVIRONMENTS: usize = 2;

/// A module that does nothing but be planned, with no backend.
fn module(input: &str) -> String {
    format!("resource \"terraform_data\" \"it\" {{\n  input = \"{input}\"\n}}\n")
}

/// The directory of one of the stacks.
fn main_tf(number: usize) -> String {
    format!("infra/many/{number:02}/main.tf")
}

/// Fifty small stacks on the default branch.
async fn fifty_stacks(story: &Story) -> anyhow::Result<()> {
    let mut toml = include_str!("../../../sandbox/src/world/shop/deploy.toml").to_owned();
    let mut files = Vec::new();
    for number in 0..BOTH + DEV_ONLY {
        let envs = if number < BOTH {
            "[\"dev\", \"prod\"]"
        } else {
            "[\"dev\"]"
        };
        write!(
            toml,
            "\n[stacks.many-{number:02}]\ndir = \"infra/many/{number:02}\"\nenvironments = {envs}\n\
             workspace = \"default\"\n"
        )?;
        files.push((main_tf(number), module("before")));
    }
    files.push(("deploy.toml".to_owned(), toml));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    story.push("cleo", "main", "Many stacks", &files).await?;
    story.quiet().await
}

/// What the bot wrote on GitHub since then, one line each; tokens are no writes.
fn writes(story: &Story, since: usize) -> Vec<String> {
    let journal = story.world.github.journal();
    let new = journal.get(since..).unwrap_or_default();
    new.iter()
        .filter(|entry| entry.method != "GET" && !entry.path.ends_with("/access_tokens"))
        .filter(|entry| !entry.path.contains("/git-upload-pack"))
        .map(JournalEntry::line)
        .collect()
}

#[test]
fn fifty_stacks_are_planned_with_few_writes() {
    tell(|mut story| async {
        fifty_stacks(&story).await?;
        let files: Vec<(String, String)> = (0..BOTH + DEV_ONLY)
            .map(|number| (main_tf(number), module("after")))
            .collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let before = story.world.github.journal().len();
        let pr = story.open("ana", "many", "All of them", &files).await?;
        story.quiet().await?;
        let written = writes(&story, before);
        assert!(
            written.len() <= 4 + 2 * ENVIRONMENTS,
            "{} writes:\n{}",
            written.len(),
            written.join("\n")
        );
        story.planned(pr, "dev", "many-00", "+1").await?;
        story.planned(pr, "prod", "many-03", "+1").await?;
        story.planned(pr, "dev", "many-49", "+1").await?;

        // The comment stays the same one when stacks are planned anew.
        story.say("ana", pr, "/plan dev many-07 many-08").await?;
        story.quiet().await?;
        let comments = story.world.github.look(|model| {
            let all = model.repository(REPO).into_iter();
            all.flat_map(|repository| repository.comments(pr)).count()
        });
        assert_eq!(comments, 2, "the bot's and ana's");
        story.planned(pr, "dev", "many-07", "+1").await?;
        Ok(story)
    });
}
