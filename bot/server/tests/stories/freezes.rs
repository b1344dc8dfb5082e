//! Freezes: times in which nothing is applied or deployed, and what goes on all the same.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slipway_sandbox::world::ci::Build;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
/// What every story changes nothing about, and the freeze goes before.
const FIRST_STACK: &str = "[stacks.network]";

/// A freeze of dev from and to so many hours from now.
fn freeze(story: &Story, from: i64, to: i64) -> String {
    let moment = |hours| -> Timestamp {
        story.world.clock.now() + SignedDuration::from_hours(hours)
    };
    format!(
        "[[freeze]]\nfrom = \"{:.0}\"\nto = \"{:.0}\"\ntimezone = \"Europe/Berlin\"\n\
         reason = \"The big sale\"\nenvironments = [\"dev\"]\n\n{FIRST_STACK}",
        moment(from),
        moment(to)
    )
}

/// Puts a freeze of dev in force, with more rules for it.
async fn frozen(story: &Story, (from, to): (i64, i64), rules: &str) -> anyhow::Result<()> {
    let freeze = freeze(story, from, to);
    let rules = format!("auto_apply  = true\n{rules}");
    let changes = [("auto_apply  = true", &*rules), (FIRST_STACK, &freeze)];
    story.configure(&changes).await
}

#[test]
fn in_a_freeze_applies_are_refused_and_explained() {
    tell(|mut story| async {
        frozen(&story, (-1, 5), "outside = \"refuse\"").await?;
        let files = [(DEV, OTHER_CIDR)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        // Plans are made as ever.
        story.planned(pr, "dev", "network", "+1").await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/where").await?, @"");
        assert_eq!(story.roles(), ["slipway-plan"]);
        assert_eq!(story.state("dev", "network")?, None);
        // After it, the same is done.
        story.pass(Duration::from_secs(6 * 3600)).await?;
        story.say("ana", pr, "/apply dev").await?;
        story.reads(pr, "✅ Applied").await?;
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_merge_in_a_freeze_is_applied_when_it_ends() {
    tell(|mut story| async {
        frozen(&story, (-1, 5), "").await?;
        let files = [(DEV, OTHER_CIDR)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.merge("ana", pr).await?;
        insta::assert_snapshot!(story.reads(pr, "The big sale").await?, @"");
        story.caught_up().await?;
        assert_eq!(story.state("dev", "network")?, None);
        story.pass(Duration::from_secs(6 * 3600)).await?;
        story.reads(pr, "✅ Applied").await?;
        story.reads(pr, "### Plan").await?;
        assert!(story.state("dev", "network")?.is_some());
        Ok(story)
    });
}

#[test]
fn a_deploy_waits_for_the_end_of_a_freeze_and_a_rollback_does_not() {
    tell(|mut story| async {
        story.live("first").await?;
        let (pr, _, _) = story.live("second").await?;
        let good = story.image("dev");
        frozen(&story, (-1, 5), "").await?;
        let (third, _, _) = story.ship("third", Build::Good).await?;
        insta::assert_snapshot!(story.reads(third, "waits to go to dev").await?, @"");
        assert_eq!(story.image("dev"), good);
        story.say("ana", pr, "/rollback dev").await?;
        story.reads(pr, "Rolled back").await?;
        assert_ne!(story.image("dev"), good);
        story.say("ana", pr, "/resume dev").await?;
        story.reads(pr, "resume").await?;
        story.pass(Duration::from_secs(6 * 3600)).await?;
        story.reads(third, "is live in dev").await?;
        Ok(story)
    });
}
