//! Deploys that people ask for.

use std::time::Duration;

use slipway_sandbox::world::ci::Build;
use slipway_sandbox::world::{IMAGE, REPO};

use crate::bot::{Story, tell};
use crate::ship::pinned;

#[test]
fn an_open_pull_request_goes_to_dev_by_digest() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        let asked = story.say("ana", pr, "/deploy dev").await?;
        let comment = story.reads(pr, "is live in dev").await?;
        insta::assert_snapshot!(comment, @r"
        ### 🚀 shop is live in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`
        ");
        story.sees(asked, "rocket").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let check = story.sees_check(&head, "dev").await?;
        insta::assert_snapshot!(check, @r"
        [success] COMMIT is live after N s

        ### 🚀 shop is live in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`


        ( Promote to prod: The same digest, there ) ( Roll back: The release before, and a hold )
        ");
        let deployment = story.deployment("dev", 0, "success").await?;
        assert_eq!(*deployment.sha, *head);
        assert!(!deployment.production);
        assert_eq!(
            Story::history(&deployment),
            ["queued", "in_progress", "success"]
        );
        for status in &deployment.statuses {
            assert!(status.log_url.contains("/runs/"), "{}", status.log_url);
            assert_eq!(status.environment_url, "https://dev.shop.example.com");
        }
        let roles: Vec<String> = story
            .world
            .aws
            .assumed()
            .into_iter()
            .map(|assumed| assumed.role_arn)
            .collect();
        assert_eq!(roles, ["arn:aws:iam::111111111111:role/slipway-deploy"]);
        let owners = story
            .world
            .dev
            .cluster
            .object("Deployment", "shop", "shop")
            .and_then(|object| {
                let owner = object.pointer("/metadata/managedFields/0")?;
                Some((owner["manager"].clone(), owner["operation"].clone()))
            });
        assert_eq!(owners, Some(("slipway".into(), "Apply".into())));
        Ok(story)
    });
}

#[test]
fn an_image_that_is_not_there_yet_is_waited_for() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.say("ana", pr, "/deploy dev").await?;
        let waiting = story.titled(&head, "dev", "Waiting for the image").await?;
        insta::assert_snapshot!(story.deploy_shown(&waiting), @r"
        [queued] Waiting for the image of COMMIT

        ### ⏳ shop waits for its image to go to dev: `COMMIT` (#1)

        CI has not published `ghcr.io/acme/shop:sha-COMMIT` yet. It goes on by itself once it has, and gives up at TIME.

        [run](http://HERE/runs/RUN)


        ( Cancel: Stop this run )
        ");
        insta::assert_snapshot!(story.reads(pr, "waits for its image").await?, @r"
        ### ⏳ shop waits for its image to go to dev: `COMMIT` (#1)

        CI has not published `ghcr.io/acme/shop:sha-COMMIT` yet. It goes on by itself once it has, and gives up at TIME.

        [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.wanted("dev"), None);
        let digest = story.world.publish(&head, Build::Good).await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn an_image_that_never_comes_is_given_up() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let asked = story.say("ana", pr, "/deploy dev").await?;
        story.titled(&head, "dev", "Waiting for the image").await?;
        story.pass(Duration::from_secs(121)).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        `ghcr.io/acme/shop:sha-COMMIT` did not come within 2 min: CI has not published it.

        Nothing was deployed.

        Look at the workflow that publishes it, then `/retry`.

        [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.sees_check(&head, "dev").await?, @r"
        [failure] ghcr.io/acme/shop:sha-COMMIT did not come within 2 min: CI has not published it

        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        `ghcr.io/acme/shop:sha-COMMIT` did not come within 2 min: CI has not published it.

        Nothing was deployed.

        Look at the workflow that publishes it, then `/retry`.

        [run](http://HERE/runs/RUN)


        ( Retry: Try the same again )
        ");
        story.sees(asked, "-1").await?;
        assert_eq!(story.wanted("dev"), None);
        let deployment = story.deployment("dev", 0, "failure").await?;
        assert_eq!(
            Story::history(&deployment),
            ["queued", "in_progress", "failure"]
        );
        Ok(story)
    });
}

#[test]
fn an_event_without_a_tag_wakes_who_waits() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.say("ana", pr, "/deploy dev").await?;
        story.titled(&head, "dev", "Waiting for the image").await?;
        let digest = story.world.push_image(&head, &head, Build::Good).await?;
        let package = slipway_sandbox::github::PublishedPackage {
            image: format!("ghcr.io/{IMAGE}"),
            tag: String::new(),
            digest: digest.clone(),
            sender: "github-actions[bot]".to_owned(),
            action: "published".to_owned(),
        };
        story
            .world
            .github
            .publish_package_event(REPO, package)
            .await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn an_image_of_another_commit_is_refused() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let other = "c0ffee0123456789c0ffee0123456789c0ffee01";
        let digest = story.world.push_image(&head, other, Build::Good).await?;
        story.world.announce(&head, &digest).await?;
        story.say("ana", pr, "/deploy dev").await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The image says that it was built from `COMMIT`, not from `COMMIT`.

        Nothing was deployed.

        Find out what pushed this tag: the workflow must build each commit's image itself.

        [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.wanted("dev"), None);
        Ok(story)
    });
}

#[test]
fn an_image_without_a_label_is_refused() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.push_image(&head, "", Build::Good).await?;
        story.world.announce(&head, &digest).await?;
        story.say("ana", pr, "/deploy dev").await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The image does not say which commit it was built from.

        Nothing was deployed.

        Have CI set the label `org.opencontainers.image.revision`, or set `provenance = "off"` for this service.

        [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.wanted("dev"), None);
        Ok(story)
    });
}

#[test]
fn a_tag_that_moves_does_not_move_what_runs() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        story.world.dev.cluster.hold_rollouts();
        story.say("ana", pr, "/deploy dev").await?;
        story.titled(&head, "dev", "Rolling out").await?;
        let moved = story
            .world
            .push_image(&head, "moved", Build::Crashing)
            .await?;
        assert_ne!(moved, digest);
        story.world.dev.cluster.release();
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_commit_is_deployed_if_it_is_on_main() {
    tell(|mut story| async {
        let old = story.world.github.branch(REPO, "main").unwrap();
        let digest = story.world.publish(&old, Build::Good).await?;
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        story
            .say("ana", pr, &format!("/deploy dev shop --sha {}", &old[..9]))
            .await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));

        let foreign = story
            .push(
                "ana",
                "elsewhere",
                "Not yet",
                &[("app/greeting.txt", "Psst.\n")],
            )
            .await?;
        let asked = story
            .say("ana", pr, &format!("/deploy dev --sha {foreign}"))
            .await?;
        insta::assert_snapshot!(story.reads(pr, "Not deployed").await?, @r"
        ### ⛔ Not deployed

        `COMMIT` is neither on `main` nor the head of this pull request: only such commits are deployed from here.
        ");
        story.sees(asked, "-1").await?;
        story.say("ana", pr, "/deploy dev --sha 0123456789").await?;
        insta::assert_snapshot!(story.reads(pr, "no commit").await?, @r"
        ### 😕 There is no commit `0123456789`

        Name a commit of `main` or of this pull request, with at least seven digits.
        ");
        let asked = story.say("ana", pr, "/deploy dev shoop").await?;
        insta::assert_snapshot!(story.reads(pr, "shoop").await?, @r"
        ### 😕 Not understood
        There is no service `shoop`. Did you mean `shop`?

        The services here: `shop`

        It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
        ");
        story.sees(asked, "confused").await?;
        Ok(story)
    });
}

/// What may go to prod: merged, approved, its check green, live in dev.
async fn ready_for_prod(story: &mut Story) -> anyhow::Result<(u64, String, String)> {
    let pr = story.greet("ana", "hello", "Hello.\n").await?;
    let head = story.head(pr);
    let github = &story.world.github;
    github
        .ci_check(REPO, &head, "test", Some("success"))
        .await?;
    github.review(REPO, pr, "ben", "approved").await?;
    let sha = story.merge("ana", pr).await?;
    let digest = story.world.publish(&sha, Build::Good).await?;
    story.reads(pr, "is live in dev").await?;
    Ok((pr, sha, digest))
}

/// The code in a question.
fn code_in(comment: &str) -> String {
    let (_, rest) = comment.split_once("/confirm ").unwrap();
    rest.split('`').next().unwrap().to_owned()
}

/// The question as it is, with its code.
async fn question(story: &mut Story, pr: u64) -> anyhow::Result<String> {
    story.reads(pr, "are you sure?").await?;
    let comments = story.world.github.comments(REPO, pr);
    let asked = comments
        .iter()
        .rev()
        .find(|it| it.body.contains("are you sure?"));
    Ok(code_in(&asked.unwrap().body))
}

#[test]
fn prod_names_every_closed_gate_at_once() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let asked = story.say("ana", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "Not deployed to prod").await?, @r"
        ### ⛔ Not deployed to prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not deploy in prod | somebody with `team:acme/releasers` |
        | pull request | open | merge it first |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ana |
        | checks | `test` has not reported | success of each on `COMMIT` |
        | order | dev runs no good release of shop | `/deploy dev` first |
        ");
        story.sees(asked, "-1").await?;
        assert_eq!(story.wanted("prod"), None);
        Ok(story)
    });
}

#[test]
fn prod_waits_for_dev_and_its_soak() {
    tell(|mut story| async {
        story
            .configure(&[("soak         = \"4s\"", "soak = \"30m\"")])
            .await?;
        let (pr, sha, digest) = ready_for_prod(&mut story).await?;
        story.say("ben", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "Not deployed to prod").await?, @r"
        ### ⛔ Not deployed to prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | soak | N s of 30 min in dev | ask again in 29 min |
        ");
        story.pass(Duration::from_secs(30 * 60)).await?;
        let asked = story.say("ben", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "are you sure?").await?, @r"
        ### ✋ shop to prod, `COMMIT` (#1): are you sure?

        To go on, ben comments `/confirm CODE` within 10 minutes or presses **Confirm** on the check run. `/cancel` drops it.

        [run](http://HERE/runs/RUN)
        ");
        let waiting = story.titled(&sha, "prod", "to confirm").await?;
        insta::assert_snapshot!(story.deploy_shown(&waiting), @r"
        [queued] Waits for ben to confirm

        ### ✋ shop to prod, `COMMIT` (#1): are you sure?

        To go on, ben comments `/confirm CODE` within 10 minutes or presses **Confirm** on the check run. `/cancel` drops it.

        [run](http://HERE/runs/RUN)


        ( Confirm: Take the second step ) ( Cancel: Don't run it )
        ");
        let code = question(&mut story, pr).await?;
        let confirmed = story.say("ben", pr, &format!("/confirm {code}")).await?;
        insta::assert_snapshot!(story.reads(pr, "is live in prod").await?, @r"
        ### 🚀 shop is live in prod: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        3 of 3 ready · image proven from this commit · as `slipway-deploy` in 222222222222 (session `slipway-acme.shop-1-ben`) · [shop.example.com](https://shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback prod`
        ");
        story.sees(asked, "rocket").await?;
        story.sees(confirmed, "rocket").await?;
        assert_eq!(story.image("prod"), Some(pinned(&digest)));
        let deployment = story.deployment("prod", 0, "success").await?;
        assert!(deployment.production);
        Ok(story)
    });
}

#[test]
fn a_question_is_answered_by_who_asked_with_the_right_code() {
    tell(|mut story| async {
        let (pr, sha, digest) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        let code = question(&mut story, pr).await?;
        story.say("ben", pr, "/confirm 00000000").await?;
        insta::assert_snapshot!(story.reads(pr, "Nothing waits for").await?, @r"
        ### 😕 Nothing waits for `RUN`

        The code may have run out (after 10 minutes), been used, or belong to another pull request. Say the command again to get a new one.
        ");
        let other = story.say("cleo", pr, &format!("/confirm {code}")).await?;
        insta::assert_snapshot!(story.reads(pr, "Only").await?, @r"
        ### ⛔ Not confirmed

        Only ben, who asked for it, can confirm this run. To run it as yourself, say the command again.
        ");
        story.sees(other, "-1").await?;
        let check = story.titled(&sha, "prod", "to confirm").await?;
        story
            .world
            .github
            .press_button("cleo", check.id, "confirm")
            .await?;
        story
            .world
            .github
            .until("a second refusal", crate::bot::PATIENCE, |model| {
                let all = model.repository(REPO)?.comments(pr);
                (all.filter(|it| it.body.contains("Only")).count() == 2).then_some(())
            })
            .await?;
        story.reads_all(pr, "Only").await?;
        assert_eq!(story.wanted("prod"), None);
        story
            .world
            .github
            .press_button("ben", check.id, "confirm")
            .await?;
        story.reads(pr, "is live in prod").await?;
        assert_eq!(story.image("prod"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_question_runs_out() {
    tell(|mut story| async {
        let (pr, sha, _) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        let code = question(&mut story, pr).await?;
        story.pass(Duration::from_secs(11 * 60)).await?;
        // Nobody says anything: the question ends by itself.
        insta::assert_snapshot!(story.reads(pr, "does not go to prod").await?, @r"
        ### 🛑 shop `COMMIT` (#1) does not go to prod

        Nobody confirmed it within 10 minutes. Say the command again.

        [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.sees_check(&sha, "prod").await?, @r"
        [cancelled] Nobody confirmed it within 10 minutes

        ### 🛑 shop `COMMIT` (#1) does not go to prod

        Nobody confirmed it within 10 minutes. Say the command again.

        [run](http://HERE/runs/RUN)


        ( Retry: Try the same again )
        ");
        story.say("ben", pr, &format!("/confirm {code}")).await?;
        insta::assert_snapshot!(story.reads(pr, "Nothing waits for").await?, @r"
        ### 😕 Nothing waits for `CODE`

        The code may have run out (after 10 minutes), been used, or belong to another pull request. Say the command again to get a new one.
        ");
        assert_eq!(story.wanted("prod"), None);
        Ok(story)
    });
}

#[test]
fn a_question_is_taken_back_with_its_button() {
    tell(|mut story| async {
        let (pr, sha, _) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        let check = story.titled(&sha, "prod", "to confirm").await?;
        story
            .world
            .github
            .press_button("ben", check.id, "cancel")
            .await?;
        insta::assert_snapshot!(story.reads(pr, "✋ Cancelled").await?, @r"
        ### ✋ Cancelled

        - deploy of `shop` in prod (`RUN`)
        ");
        insta::assert_snapshot!(story.reads(pr, "does not go to prod").await?, @"
        ### 🛑 shop `COMMIT` (#1) does not go to prod

        Cancelled by ben. `/retry` runs it again.

        [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.sees_check(&sha, "prod").await?, @"
        [cancelled] Cancelled by ben

        ### 🛑 shop `COMMIT` (#1) does not go to prod

        Cancelled by ben. `/retry` runs it again.

        [run](http://HERE/runs/RUN)


        ( Retry: Try the same again )
        ");
        let deployment = story.deployment("prod", 0, "inactive").await?;
        assert_eq!(Story::history(&deployment), ["queued", "inactive"]);
        assert_eq!(story.wanted("prod"), None);
        Ok(story)
    });
}

#[test]
fn outside_the_windows_a_deploy_is_refused() {
    tell(|mut story| async {
        let closed = "confirm = false\nwindows = [\"Mon 00:00-00:01 UTC\"]\noutside = \"refuse\"";
        story.configure(&[("confirm      = true", closed)]).await?;
        let (pr, _, _) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "Not deployed to prod").await?, @r"
        ### ⛔ Not deployed to prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | window | outside the windows | ask again at TIME |
        ");
        Ok(story)
    });
}

#[test]
fn outside_the_windows_a_deploy_waits() {
    tell(|mut story| async {
        // Two days from now, so that the story does not depend on the day it is told on.
        let then = story.world.clock.now() + Duration::from_secs(48 * 3600);
        let day = jiff::tz::Offset::UTC
            .to_datetime(then)
            .strftime("%a")
            .to_string();
        let window = format!("confirm = false\nwindows = [\"{day} 00:00-23:59 UTC\"]");
        story.configure(&[("confirm      = true", &window)]).await?;
        let (pr, sha, digest) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "waits to go to prod").await?, @r"
        ### ⏳ shop waits to go to prod: `COMMIT` (#1)

        waits for the window that opens at TIME

        [run](http://HERE/runs/RUN)
        ");
        story.titled(&sha, "prod", "window").await?;
        story.pass(Duration::from_secs(48 * 3600)).await?;
        story.reads(pr, "is live in prod").await?;
        assert_eq!(story.image("prod"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_promotion_moves_the_very_digest() {
    tell(|mut story| async {
        story
            .configure(&[("confirm      = true", "confirm = false")])
            .await?;
        let (pr, _, digest) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        // Somebody pushes another image under the tag: what is promoted is what was tried.
        let check = story
            .check(
                &story.world.github.branch(REPO, "main").unwrap(),
                "deploy shop to dev",
            )
            .await?;
        story
            .world
            .github
            .press_button("ana", check.id, "promote")
            .await?;
        insta::assert_snapshot!(story.reads(pr, "Not deployed to prod").await?, @r"
        ### ⛔ Not deployed to prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not deploy in prod | somebody with `team:acme/releasers` |
        ");
        story.say("ben", pr, "/promote dev prod").await?;
        insta::assert_snapshot!(story.reads(pr, "is live in prod").await?, @r"
        ### 🚀 shop is live in prod: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        3 of 3 ready · image proven from this commit · as `slipway-deploy` in 222222222222 (session `slipway-acme.shop-1-ben`) · [shop.example.com](https://shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback prod`
        ");
        assert_eq!(story.image("prod"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_promotion_holds_to_its_digest_when_dev_moves_on() {
    tell(|mut story| async {
        let (pr, _, digest) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/promote dev prod").await?;
        let code = question(&mut story, pr).await?;
        let (_, _, newer) = story.live("newer").await?;
        assert_ne!(newer, digest);
        story.say("ben", pr, &format!("/confirm {code}")).await?;
        // What was asked for is no longer what runs in dev: nothing else goes in its place.
        insta::assert_snapshot!(story.reads(pr, "a gate closed").await?, @r"
        ### ⛔ shop `COMMIT` (#1) does not go to prod: a gate closed

        | gate | state | what opens it |
        | --- | --- | --- |
        | order | dev runs `COMMIT`, this is `COMMIT` | `/deploy dev` first |

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.wanted("prod"), None);
        Ok(story)
    });
}

#[test]
fn a_role_of_dev_reaches_nothing_in_prod() {
    tell(|mut story| async {
        story
            .configure(&[
                (
                    "deploy_role = \"arn:aws:iam::222222222222:role/slipway-deploy\"",
                    "deploy_role = \"arn:aws:iam::222222222222:role/slipway-plan\"",
                ),
                ("confirm      = true", "confirm = false"),
            ])
            .await?;
        let (pr, _, _) = ready_for_prod(&mut story).await?;
        story.pass(Duration::from_secs(5)).await?;
        story.say("ben", pr, "/deploy prod").await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in prod: `COMMIT` (#1)

        AWS EKS: describing cluster shop-prod: AccessDeniedException: User: arn:aws:sts::222222222222:assumed-role/slipway-plan/slipway-acme.shop-1-ben is not authorized to perform: eks:DescribeCluster on resource: arn:aws:eks:eu-central-1:222222222222:cluster/shop-prod (allow `eks:DescribeCluster` on shop-prod in a policy of role slipway-plan).

        Nothing was deployed.

        Grant the right, then `/retry`.

        `sha256:DIGEST…` · as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ben`) · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.wanted("prod"), None);
        Ok(story)
    });
}

#[test]
fn a_namespace_that_is_missing_is_told() {
    tell(|mut story| async {
        story
            .configure(&[("namespace    = \"shop\"", "namespace = \"store\"")])
            .await?;
        let role = "arn:aws:iam::111111111111:role/slipway-deploy";
        let rights = slipway_sandbox::kubernetes::Rights::edit(&["shop", "store"]);
        story.world.dev.cluster.allow_role(role, rights);
        let (pr, _, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Kubernetes: applying Service/shop (0 of 2 were applied): namespaces "store" not found (add a Namespace manifest for store to the service, or create it with a stack).

        Mend the cause, then `/retry`.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_cluster_that_is_not_there_is_told() {
    tell(|mut story| async {
        story
            .configure(&[(
                "cluster      = \"shop-{environment}\"",
                "cluster = \"store-{environment}\"",
            )])
            .await?;
        let (pr, _, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        AWS EKS: describing cluster store-dev: ResourceNotFoundException: No cluster found for name: store-dev. (account 111111111111, region eu-central-1: see `cluster` of the service in deploy.toml).

        Nothing was deployed.

        Mend the cause, then `/retry`.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_cluster_that_refuses_is_told() {
    tell(|mut story| async {
        let role = "arn:aws:iam::111111111111:role/slipway-deploy";
        let rights = slipway_sandbox::kubernetes::Rights::view(&["shop"]);
        story.world.dev.cluster.allow_role(role, rights);
        let (pr, sha, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Kubernetes: applying Service/shop (0 of 2 were applied): services "shop" is forbidden: User "arn:aws:sts::111111111111:assumed-role/slipway-deploy/slipway-acme.shop-1-ana" cannot patch resource "services" in API group "" in the namespace "shop" (give the deploy role an EKS access entry whose policy, or a RoleBinding in namespace shop whose Role, allows `patch` on `services`).

        Grant the right, then `/retry`.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(story.sees_check(&sha, "dev").await?, @r#"
        [failure] Kubernetes: applying Service/shop (0 of 2 were applied): services "shop" is forbidden: User "arn:aws:sts::111111111111:a…

        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Kubernetes: applying Service/shop (0 of 2 were applied): services "shop" is forbidden: User "arn:aws:sts::111111111111:assumed-role/slipway-deploy/slipway-acme.shop-1-ana" cannot patch resource "services" in API group "" in the namespace "shop" (give the deploy role an EKS access entry whose policy, or a RoleBinding in namespace shop whose Role, allows `patch` on `services`).

        Grant the right, then `/retry`.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)


        ( Retry: Try the same again )
        "#);
        Ok(story)
    });
}

#[test]
fn a_field_of_somebody_else_is_not_taken() {
    tell(|mut story| async {
        story.live("first").await?;
        let owned = story
            .world
            .dev
            .cluster
            .change_object("Deployment", "shop", "shop", |it| {
                it["spec"]["replicas"] = 5.into();
                it["metadata"]["managedFields"] = serde_json::json!([{
                    "manager": "keda", "operation": "Update", "apiVersion": "apps/v1",
                        "time": "2026-03-02T09:00:00Z",
                    "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
                }]);
            });
        assert!(owned);
        let (pr, _, _) = story.ship("second", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not succeed either").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#2)

        Kubernetes: applying Deployment/shop (1 of 2 were applied): Apply failed with 1 conflict: conflict with "keda" using apps/v1 at 2026-03-02T09:00:00Z: .spec.replicas (take the field out of the manifest, or hand it over: `kubectl apply --server-side --force-conflicts --field-manager=slipway`).

        ⚠️ The rollback to `COMMIT` did not succeed either. Kubernetes: applying Deployment/shop (1 of 2 were applied): Apply failed with 1 conflict: conflict with "keda" using apps/v1 at 2026-03-02T09:00:00Z: .spec.replicas (take the field out of the manifest, or hand it over: `kubectl apply --server-side --force-conflicts --field-manager=slipway`). Mend the cause, then `/retry`.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_registry_that_lets_nobody_in_is_told_with_the_way_in() {
    tell(|mut story| async {
        story.world.registry.add_user(
            slipway_sandbox::world::REGISTRY_USER,
            "another password",
            [IMAGE],
        );
        let (pr, _, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        The image registry: reading ghcr.io/acme/shop:sha-COMMIT: 401 Unauthorized: UNAUTHORIZED: authentication required (ghcr.io takes no token of a GitHub App: give the bot a user and a personal access token (classic) with `read:packages` for it, or make the package public; a package that was never pushed answers the same).

        Nothing was deployed.

        Grant the right, then `/retry`.

        [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_registry_that_asks_for_patience_gets_it() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        story
            .world
            .registry
            .fail_next(slipway_sandbox::registry::Fault {
                path: "/manifests/".to_owned(),
                times: 2,
                answer: slipway_sandbox::registry::Answer::TooManyRequests { retry_after: 1 },
            });
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}
