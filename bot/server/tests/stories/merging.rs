//! What a merge leads to.

use slipway_sandbox::world::REPO;
use slipway_sandbox::world::ci::Build;

use crate::bot::{PATIENCE, Story, tell};
use crate::ship::pinned;

const NETWORK: (&str, &str) = (
    "infra/01-network/dev.tfvars",
    "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
);
const DATABASE: (&str, &str) = (
    "infra/02-database/dev.tfvars",
    "environment = \"dev\"\nsize = \"medium\"\n",
);
const GREETING: (&str, &str) = ("app/greeting.txt", "Hello.\n");

#[test]
fn stacks_are_applied_before_the_service_is_deployed() {
    tell(|mut story| async {
        let files = [NETWORK, DATABASE, GREETING];
        let pr = story.open("ana", "all", "All of it", &files).await?;
        story.reads(pr, "Plan ·").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.check(&story.head(pr), "plan prod").await?;
        let sha = story.merge("ana", pr).await?;
        let digest = story.world.publish(&sha, Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "is live in dev").await?, @r"
        ### 🚀 shop is live in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`
        ");
        insta::assert_snapshot!(story.reads(pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |
        | database | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        <details><summary>database: outputs</summary>

        ```hcl
        endpoint = "shop-dev.db.example.com:5432"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        story.check(&sha, "apply dev").await?;
        story.check(&sha, "deploy shop to dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let mut roles = story.roles();
        roles.retain(|role| role != "slipway-plan");
        assert_eq!(roles, ["slipway-apply", "slipway-apply", "slipway-deploy"]);
        Ok(story)
    });
}

#[test]
fn an_image_may_come_before_the_merge_and_twice() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        story
            .world
            .github
            .delivery_fault(slipway_sandbox::github::DeliveryFault::Hold {
                event: Some("pull_request".to_owned()),
            });
        let sha = story.merge("ana", pr).await?;
        let digest = story.world.publish(&sha, Build::Good).await?;
        story.world.announce(&sha, &digest).await?;
        story
            .world
            .github
            .release_deliveries(slipway_sandbox::github::Order::AsHappened);
        story.reads(pr, "is live in dev").await?;
        story.world.announce(&sha, &digest).await?;
        story.world.github.idle(PATIENCE).await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        assert_eq!(story.world.github.deployments(REPO).len(), 1);
        Ok(story)
    });
}

#[test]
fn a_merge_that_touches_nothing_deploys_nothing() {
    tell(|story| async {
        let files = [("README.md", "# shop\n\nSells things. Still.\n")];
        let pr = story.open("ana", "words", "Words", &files).await?;
        let sha = story.merge("ana", pr).await?;
        story.world.publish(&sha, Build::Good).await?;
        story.pass(std::time::Duration::from_secs(1)).await?;
        assert!(story.world.github.deployments(REPO).is_empty());
        assert_eq!(story.wanted("dev"), None);
        Ok(story)
    });
}

#[test]
fn of_three_merges_in_a_row_the_newest_is_deployed() {
    tell(|mut story| async {
        let mut merged = Vec::new();
        for branch in ["one", "two", "three"] {
            let pr = story.greet("ana", branch, &format!("{branch}.\n")).await?;
            let sha = story.merge("ana", pr).await?;
            story.titled(&sha, "dev", "Waiting for the image").await?;
            merged.push((pr, sha));
        }
        let (last, newest) = merged.pop().unwrap();
        let digest = story.world.publish(&newest, Build::Good).await?;
        story.reads(last, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let (first, sha) = &merged[0];
        insta::assert_snapshot!(story.reads(*first, "does not go to dev").await?, @r"
        ### 🛑 shop `COMMIT` (#1) does not go to dev

        Overtaken by a newer deploy.

        [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.sees_check(sha, "dev").await?, @r"
        [cancelled] Overtaken by a newer deploy

        ### 🛑 shop `COMMIT` (#1) does not go to dev

        Overtaken by a newer deploy.

        [run](http://HERE/runs/RUN)
        ");
        story.reads(merged[1].0, "does not go to dev").await?;
        for place in [0, 1] {
            let overtaken = story.deployment("dev", place, "inactive").await?;
            assert!(!Story::history(&overtaken).contains(&"success"));
        }
        Ok(story)
    });
}

#[test]
fn a_lock_makes_a_merge_wait_visibly() {
    tell(|mut story| async {
        let other = story.greet("ben", "other", "Other.\n").await?;
        story.say("ben", other, "/lock dev Migration").await?;
        story.reads(other, "🔒").await?;
        let (pr, sha, digest) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "waits to go to dev").await?, @r"
        ### ⏳ shop waits to go to dev: `COMMIT` (#2)

        1st in line: dev is held by ben (#1) for N s: “Migration” · `/unlock dev` by ben or an admin frees it

        [run](http://HERE/runs/RUN)
        ");
        story.titled(&sha, "dev", "in line").await?;
        assert_eq!(story.wanted("dev"), None);
        story.say("ben", other, "/unlock dev").await?;
        story.reads(pr, "is live in dev").await?;
        story.reads(other, "🔓").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn an_apply_that_fails_stops_the_deploy() {
    tell(|mut story| async {
        let files = [DATABASE, GREETING];
        let pr = story.open("ana", "all", "All of it", &files).await?;
        story.reads(pr, "Plan ·").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.check(&story.head(pr), "plan prod").await?;
        let role = "arn:aws:iam::111111111111:role/slipway-apply";
        story
            .world
            .aws
            .change_role(role, |role| role.trust.principals.clear())?;
        let sha = story.merge("ana", pr).await?;
        let digest = story.world.publish(&sha, Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "does not go to dev").await?, @r"
        ### 🛑 shop `COMMIT` (#1) does not go to dev

        Apply of database failed. `/retry` once the cause is mended.

        [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.reads(pr, "### ❌ Apply of").await?, @r"
        ### ❌ Apply of `COMMIT` in dev failed

        | stack | outcome |
        | --- | --- |
        | database | ❌ failed after N s |

        - ❌ database: nothing was changed: AWS STS: assuming arn:aws:iam::111111111111:role/slipway-apply: AccessDenied: User: arn:aws:iam::999999999999:user/slipway is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/slipway-apply (the role must exist and its trust policy allow `sts:AssumeRole` and `sts:SetSourceIdentity` to arn:aws:iam::999999999999:user/slipway; its condition on `sts:ExternalId` must be the `external_id` of deploy.toml) — grant the right, then `/retry`

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.sees_check(&sha, "dev").await?, @r"
        [cancelled] Apply of database failed

        ### 🛑 shop `COMMIT` (#1) does not go to dev

        Apply of database failed. `/retry` once the cause is mended.

        [run](http://HERE/runs/RUN)


        ( Retry: Try the same again )
        ");
        assert_eq!(story.wanted("dev"), None);
        story.world.aws.change_role(role, |role| {
            role.trust.principals = vec!["arn:aws:iam::999999999999:user/slipway".to_owned()];
        })?;
        let asked = story.say("ana", pr, "/retry").await?;
        story.deployment("dev", 1, "success").await?;
        story.reads_all(pr, "").await?;
        story.sees(asked, "rocket").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}
