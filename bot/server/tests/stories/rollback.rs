//! Rollouts that fail, and ways back.

use slipway_sandbox::kubernetes::Outcome;
use slipway_sandbox::world::ci::Build;

use crate::bot::{Story, tell};
use crate::ship::pinned;

#[test]
fn a_crashing_image_is_told_early_and_rolled_back() {
    tell(|mut story| async {
        let (_, good, digest) = story.live("first").await?;
        let (pr, bad, _) = story.ship("second", Build::Crashing).await?;
        insta::assert_snapshot!(story.reads(pr, "is back on").await?, @"");
        insta::assert_snapshot!(story.sees_check(&bad, "dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let first = story.deployment("dev", 0, "inactive").await?;
        assert_eq!(*first.sha, *good);
        let failed = story.deployment("dev", 1, "failure").await?;
        assert_eq!(*failed.sha, *bad);
        let back = story.deployment("dev", 2, "success").await?;
        assert_eq!(*back.sha, *good);

        // The hold keeps the next merge off until somebody lifts it.
        let (held, third, newest) = story.ship("third", Build::Good).await?;
        insta::assert_snapshot!(story.reads(held, "Not deployed to dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let asked = story.say("ana", held, "/resume dev").await?;
        insta::assert_snapshot!(story.reads(held, "is resumed").await?, @"");
        story.sees(asked, "rocket").await?;
        story.say("ana", held, "/deploy dev").await?;
        insta::assert_snapshot!(story.reads(held, "is live in dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&newest)));
        story.deployment("dev", 2, "inactive").await?;
        let third = story.sees_check(&third, "dev").await?;
        assert!(third.contains("Roll back"), "{third}");
        let fourth = story.ship("fourth", Build::Good).await?;
        story.reads(fourth.0, "is live in dev").await?;
        Ok(story)
    });
}

#[test]
fn an_image_that_nodes_cannot_pull_is_told() {
    tell(|mut story| async {
        let (_, _, digest) = story.live("first").await?;
        let pr = story.greet("ana", "second", "Second.\n").await?;
        let sha = story.merge("ana", pr).await?;
        let image = story.world.push_image(&sha, &sha, Build::Good).await?;
        let cluster = &story.world.dev.cluster;
        cluster.set_image_rule(&image, Outcome::ImagePullBackOff);
        story.world.announce(&sha, &image).await?;
        insta::assert_snapshot!(story.reads(pr, "is back on").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn an_image_that_is_never_ready_meets_its_deadline() {
    tell(|mut story| async {
        let changes = [("rollout      = \"2m\"", "rollout = \"2s\"")];
        story.configure(&changes).await?;
        let (pr, sha, _) = story.ship("first", Build::NeverReady).await?;
        insta::assert_snapshot!(story.reads(pr, "no earlier good release").await?, @"");
        insta::assert_snapshot!(story.sees_check(&sha, "dev").await?, @"");
        story.deployment("dev", 0, "failure").await?;
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "is not rolled back").await?, @"");
        Ok(story)
    });
}

#[test]
fn a_person_rolls_back_and_forth() {
    tell(|mut story| async {
        let (_, first, old) = story.live("first").await?;
        let (_, _, _) = story.live("second").await?;
        let (pr, _, new) = story.live("third").await?;
        let asked = story
            .say("ana", pr, &format!("/rollback dev --to {}", &first[..8]))
            .await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @"");
        story.sees(asked, "rocket").await?;
        assert_eq!(story.image("dev"), Some(pinned(&old)));
        story.deployment("dev", 2, "inactive").await?;
        let back = story.deployment("dev", 3, "success").await?;
        assert_eq!(*back.sha, *first);
        story.say("ana", pr, "/rollback dev --to 0123456").await?;
        insta::assert_snapshot!(story.reads(pr, "No good release of that commit").await?, @"");
        story.say("ana", pr, "/resume dev").await?;
        story.reads(pr, "is resumed").await?;
        // What was rolled back from is deployed again only because somebody says so.
        story.say("ana", pr, "/deploy dev").await?;
        insta::assert_snapshot!(story.reads(pr, "is live in dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&new)));
        Ok(story)
    });
}

#[test]
fn there_is_nothing_to_go_back_to() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let asked = story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "ever released").await?, @"");
        story.sees(asked, "-1").await?;
        let (pr, _, _) = story.live("first").await?;
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "no earlier good release").await?, @"");
        story.say("mallory", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "mallory").await?, @"");
        Ok(story)
    });
}

#[test]
fn buttons_do_what_their_commands_do() {
    tell(|mut story| async {
        let (_, _, old) = story.live("first").await?;
        let (pr, sha, new) = story.live("second").await?;
        let check = story.check(&sha, "deploy shop to dev").await?;
        let github = &story.world.github;
        // GitHub itself keeps people without a right to push off the buttons.
        assert!(
            github
                .press_button("mallory", check.id, "rollback")
                .await
                .is_err()
        );
        github.press_button("ana", check.id, "rollback").await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&old)));
        story.deployment("dev", 1, "inactive").await?;
        // Its check offers nothing any more that is not true.
        let shown = story.check(&sha, "deploy shop to dev").await?;
        insta::assert_snapshot!(story.seen(&shown), @"");
        assert_ne!(old, new);
        Ok(story)
    });
}

#[test]
fn a_press_is_refused_to_who_may_not() {
    tell(|mut story| async {
        let changes = [(
            "[environments.prod]",
            "[environments.dev.allow]\ndeploy = [\"maintain\"]\n\n[environments.prod]",
        )];
        story.configure(&changes).await?;
        story.live("first").await?;
        let (pr, sha, digest) = story.live("second").await?;
        let check = story.check(&sha, "deploy shop to dev").await?;
        story
            .world
            .github
            .press_button("ana", check.id, "rollback")
            .await?;
        insta::assert_snapshot!(story.reads(pr, "Not rolled back").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        assert_eq!(
            story
                .world
                .github
                .deployments(slipway_sandbox::world::REPO)
                .len(),
            2
        );
        Ok(story)
    });
}

#[test]
fn retry_is_pressed_after_the_cause_is_mended() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.world.push_image(&head, "", Build::Good).await?;
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "did not go live").await?;
        let check = story.check(&head, "deploy shop to dev").await?;
        let digest = story.world.publish(&head, Build::Good).await?;
        story
            .world
            .github
            .press_button("ana", check.id, "retry")
            .await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn where_nothing_is_rolled_back_by_itself_a_person_does() {
    tell(|mut story| async {
        let changes = [("on_failure  = \"rollback\"", "on_failure = \"stop\"")];
        story.configure(&changes).await?;
        let (_, _, digest) = story.live("first").await?;
        let (pr, _, _) = story.ship("second", Build::Crashing).await?;
        insta::assert_snapshot!(story.reads(pr, "Nothing is rolled back").await?, @"");
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @"");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let last = story.deployment("dev", 2, "success").await?;
        assert_eq!(Story::history(&last), ["queued", "in_progress", "success"]);
        Ok(story)
    });
}
