//! Locks: one pull request at a time on a stack, and people who claim an environment.

use std::time::Duration;

use slipway_sandbox::world::REPO;

use crate::bot::{PATIENCE, Story, tell};

const NETWORK: &str = "infra/01-network/dev.tfvars";

/// Opens a pull request that gives dev's network another range, and waits for its plan.
async fn another_network(
    story: &mut Story,
    who: &str,
    branch: &str,
    cidr: &str,
) -> anyhow::Result<u64> {
    let text = format!("environment = \"dev\"\ncidr = \"{cidr}\"\n");
    let title = format!("A network for {branch}");
    let pr = story.open(who, branch, &title, &[(NETWORK, &text)]).await?;
    story.planned(pr, "dev", "network", "+1").await?;
    Ok(pr)
}

/// The range of dev's network as it is.
fn cidr(story: &Story) -> anyhow::Result<String> {
    let state = story.state("dev", "network")?.unwrap_or_default();
    let cidr = state.get("cidr").and_then(|cidr| cidr.as_str());
    Ok(cidr.unwrap_or_default().to_owned())
}

#[test]
fn the_second_pull_request_waits_until_the_first_is_merged() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        let third = another_network(&mut story, "cleo", "third", "10.7.0.0/16").await?;
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "✅ Applied").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "in line").await?, @"");
        story.say("cleo", third, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(third, "in line").await?, @"");
        // The branches meet in one line of one file: the second has to be brought up to date.
        let github = story.world.github.clone();
        github.merge(REPO, first, "ben").await?;
        insta::assert_snapshot!(story.reads(second, "⛔ Not applied").await?, @"");
        Ok(story)
    });
}

#[test]
fn the_second_pull_request_is_planned_again_when_the_first_is_closed() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "✅ Applied").await?;
        let said = story.say("ben", second, "/apply dev").await?;
        story.hears(second, "in line").await?;
        story.world.github.close(REPO, first, "ana").await?;
        insta::assert_snapshot!(story.reads(second, "⛔ Not applied").await?, @"");
        story.sees(said, "-1").await?;
        story.planned(second, "dev", "network", "~1").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "✅ Applied").await?, @"");
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn an_apply_that_changed_nothing_keeps_nobody_off() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        for file in std::fs::read_dir(story.data_dir().join("artifacts/plans"))? {
            let file = file?.path();
            let bytes = std::fs::read(&file)?;
            std::fs::write(&file, &bytes[1..])?;
        }
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "❌ Apply").await?;
        story.say("ben", second, "/plan dev").await?;
        story.check(&story.head(second), "plan dev").await?;
        story.quiet().await?;
        story.say("ben", second, "/apply dev").await?;
        story.hears(second, "✅ Applied").await?;
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_locked_environment_lets_only_its_holder_apply() {
    tell(|mut story| async {
        let bens = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        let anas = another_network(&mut story, "ana", "anas", "10.9.0.0/16").await?;
        story.say("ben", bens, "/lock dev a database migration").await?;
        insta::assert_snapshot!(story.hears(bens, "🔒").await?, @"");
        story.pass(Duration::from_secs(130 * 60)).await?;
        let waits = story.say("ana", anas, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(anas, "in line").await?, @"");
        let refused = story.say("ana", anas, "/unlock dev").await?;
        insta::assert_snapshot!(story.hears(anas, "🔒").await?, @"");
        story.sees(refused, "-1").await?;
        assert_eq!(cidr(&story)?, "");
        story.say("ben", bens, "/unlock dev").await?;
        insta::assert_snapshot!(story.hears(bens, "🔓").await?, @"");
        insta::assert_snapshot!(story.reads(anas, "✅ Applied").await?, @"");
        story.sees(waits, "rocket").await?;
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn the_holder_of_an_environment_applies() {
    tell(|mut story| async {
        let pr = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        story.say("ben", pr, "/lock dev mine").await?;
        story.hears(pr, "🔒").await?;
        story.say("ben", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        assert_eq!(cidr(&story)?, "10.8.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_lock_with_an_end_frees_itself() {
    tell(|mut story| async {
        let bens = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        let anas = another_network(&mut story, "ana", "anas", "10.9.0.0/16").await?;
        story.say("ben", bens, "/lock dev --for 2h a database migration").await?;
        insta::assert_snapshot!(story.hears(bens, "🔒").await?, @"");
        story.say("ana", anas, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(anas, "in line").await?, @"");
        story.world.clock.advance(Duration::from_secs(2 * 60 * 60 + 1));
        story.reads(anas, "✅ Applied").await?;
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_pull_request_closed_during_its_apply_frees_its_lock_when_that_ends() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        story.valve.shut("apply")?;
        story.say("ana", first, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "in line").await?, @"");
        story.world.github.close(REPO, first, "ana").await?;
        story.world.github.idle(PATIENCE).await?;
        waiting.release();
        insta::assert_snapshot!(story.reads(first, "✅ Applied").await?, @"");
        story.reads(second, "⛔ Not applied").await?;
        story.planned(second, "dev", "network", "~1").await?;
        Ok(story)
    });
}

#[test]
fn of_two_that_race_for_a_stack_one_wins() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        let (one, two) = tokio::join!(
            story.say("ana", first, "/apply dev"),
            story.say("ben", second, "/apply dev")
        );
        one?;
        two?;
        let (winner, loser) = story
            .world
            .github
            .until("one to win and one to wait", PATIENCE, |model| {
                let bot = model.bot_login();
                let about = |text: &str| {
                    let mut all = model.repository(REPO)?.comments.iter();
                    let found = all.find(|c| c.author == bot && c.body.contains(text));
                    found.map(|comment| comment.number)
                };
                Some((about("✅ Applied")?, about("in line")?))
            })
            .await?;
        assert_ne!(winner, loser);
        story.hears(winner, "✅ Applied").await?;
        story.hears(loser, "in line").await?;
        let won = if winner == first { "10.8.0.0/16" } else { "10.9.0.0/16" };
        assert_eq!(cidr(&story)?, won);
        story.world.github.close(REPO, winner, "cleo").await?;
        story.reads(loser, "⛔ Not applied").await?;
        story.planned(loser, "dev", "network", "~1").await?;
        assert_eq!(cidr(&story)?, won);
        Ok(story)
    });
}
