//! When the world is not well: what people see, and that nothing is lost or done twice.

use std::time::Duration;

use http::Method;
use slipway_sandbox::github::{DeliveryFault, Effect, Fault, Order};
use slipway_sandbox::world::REPO;
use slipway_sandbox::world::ci::Build;
use slipway_sandbox::{aws, kubernetes, registry};

use crate::bot::{PATIENCE, Story, tell};
use crate::ship::pinned;

#[test]
fn github_is_unwell_for_a_while() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        story.pass(Duration::from_secs(1)).await?;
        for status in [500, 502] {
            story.world.github.fault(Fault {
                method: None,
                path: "/repos/*".to_owned(),
                times: Some(3),
                effect: Fault::status(status, "Server Error"),
            });
        }
        let asked = story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        story.sees(asked, "rocket").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        assert_eq!(story.world.github.deployments(REPO).len(), 1);
        Ok(story)
    });
}

#[test]
fn github_fails_in_the_middle_of_a_deploy() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.say("ana", pr, "/deploy dev").await?;
        story.titled(&head, "dev", "Waiting for the image").await?;
        story.pass(Duration::from_secs(1)).await?;
        // The last look at the gates meets it.
        story.world.github.fault(Fault {
            method: Some(Method::GET),
            path: "/repos/*".to_owned(),
            times: Some(2),
            effect: Fault::status(502, "Bad Gateway"),
        });
        let digest = story.world.publish(&head, Build::Good).await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_secondary_limit_is_waited_out() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        story.pass(Duration::from_secs(1)).await?;
        let limit = Fault::retry_after(1);
        story
            .world
            .github
            .fault(Fault::once(Method::POST, "/repos/*/comments", limit));
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_comment_that_was_stored_without_an_answer_is_not_written_twice() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.world.publish(&head, Build::Good).await?;
        story.pass(Duration::from_secs(1)).await?;
        for path in [
            "/repos/*/comments",
            "/repos/*/check-runs",
            "/repos/*/deployments",
        ] {
            let fault = Fault::once(Method::POST, path, Effect::DropAfter);
            story.world.github.fault(fault);
        }
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        story.deployment("dev", 0, "success").await?;
        let bot = story.world.github.bot_login();
        let comments = story.world.github.comments(REPO, pr);
        assert_eq!(comments.iter().filter(|it| it.author == bot).count(), 1);
        assert_eq!(story.world.github.deployments(REPO).len(), 1);
        let checks = story.world.github.check_runs(REPO, &head);
        let deploys = checks.iter().filter(|it| it.name.starts_with("deploy"));
        assert_eq!(deploys.count(), 1);
        Ok(story)
    });
}

#[test]
fn a_deleted_comment_is_written_anew() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "waits for its image").await?;
        let bot = story.world.github.bot_login();
        let comments = story.world.github.comments(REPO, pr);
        let written = comments.iter().find(|it| it.author == bot).unwrap();
        story
            .world
            .github
            .delete_comment(REPO, written.id, "cleo")
            .await?;
        story.world.publish(&head, Build::Good).await?;
        story.reads(pr, "is live in dev").await?;
        Ok(story)
    });
}

#[test]
fn deliveries_come_twice_and_backwards() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let github = &story.world.github;
        github.delivery_fault(DeliveryFault::Duplicate {
            event: None,
            times: 3,
        });
        github.delivery_fault(DeliveryFault::Hold { event: None });
        let sha = story.merge("ana", pr).await?;
        let digest = story.world.publish(&sha, Build::Good).await?;
        story.world.github.release_deliveries(Order::Reversed);
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        assert_eq!(story.world.github.deployments(REPO).len(), 1);
        Ok(story)
    });
}

#[test]
fn a_delivery_that_was_lost_is_asked_for_again_at_the_next_start() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        story.pass(Duration::from_secs(1)).await?;
        story.world.github.delivery_fault(DeliveryFault::Drop {
            event: Some("pull_request".to_owned()),
            times: 1,
        });
        let sha = story.merge("ana", pr).await?;
        let digest = story.world.publish(&sha, Build::Good).await?;
        story.world.github.idle(PATIENCE).await?;
        assert_eq!(story.wanted("dev"), None);
        story.stop_bot().await?;
        story.start_bot().await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn watches_are_cut_and_history_is_gone() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        let cluster = story.world.dev.cluster.clone();
        cluster.hold_rollouts();
        story.say("ana", pr, "/deploy dev").await?;
        story.titled(&head, "dev", "0 of 2").await?;
        cluster.compact();
        cluster.cut_watches();
        cluster.release();
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn kubernetes_fails_in_passing() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        let cluster = &story.world.dev.cluster;
        cluster.fail_next(kubernetes::Fault::once("patch", 500).times(2));
        cluster.fail_next(kubernetes::Fault::once("list", 503).times(2));
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn kubernetes_does_not_recover() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.world.publish(&head, Build::Good).await?;
        let cluster = story.world.dev.cluster.clone();
        cluster.fail_next(kubernetes::Fault::once("patch", 500).times(100));
        story.say("ana", pr, "/deploy dev").await?;
        cluster
            .until("a failed patch", PATIENCE, |view| {
                view.journal()
                    .iter()
                    .any(|call| call.status == 500)
                    .then_some(())
            })
            .await?;
        story.pass(Duration::from_secs(61)).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Kubernetes: applying Service/shop (0 of 2 were applied): Internal error occurred: the sandbox was told to fail.

        It may pass: `/retry`.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        story.deployment("dev", 0, "failure").await?;
        Ok(story)
    });
}

#[test]
fn sts_refuses_the_role() {
    tell(|mut story| async {
        let role = "arn:aws:iam::111111111111:role/slipway-deploy";
        story
            .world
            .aws
            .change_role(role, |role| role.trust.principals.clear())?;
        let (pr, sha, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        AWS STS: assuming arn:aws:iam::111111111111:role/slipway-deploy: AccessDenied: User: arn:aws:iam::999999999999:user/slipway is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/slipway-deploy (the role must exist and its trust policy allow `sts:AssumeRole` and `sts:SetSourceIdentity` to arn:aws:iam::999999999999:user/slipway; its condition on `sts:ExternalId` must be the `external_id` of deploy.toml).

        Nothing was deployed.

        Grant the right, then `/retry`.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        story.sees_check(&sha, "dev").await?;
        let failed = story.deployment("dev", 0, "failure").await?;
        assert_eq!(
            Story::history(&failed),
            ["queued", "in_progress", "failure"]
        );
        Ok(story)
    });
}

#[test]
fn sts_answers_with_another_account() {
    tell(|mut story| async {
        let role = "arn:aws:iam::111111111111:role/slipway-deploy";
        let other = story.world.aws.add_account("333333333333")?;
        story
            .world
            .aws
            .change_role(role, |role| role.answers_as = Some(other))?;
        let (pr, _, _) = story.ship("hello", Build::Good).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        AWS STS: proving who arn:aws:iam::111111111111:role/slipway-deploy is: the credentials are of account 333333333333, deploy.toml says 111111111111; nothing was run with them.

        Nothing was deployed.

        Grant the right, then `/retry`.

        `sha256:DIGEST…` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.wanted("dev"), None);
        Ok(story)
    });
}

#[test]
fn aws_fails_in_passing() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        let digest = story.world.publish(&head, Build::Good).await?;
        let (sts, eks) = (aws::Service::Sts, aws::Service::Eks);
        story
            .world
            .aws
            .fail(sts, Some("AssumeRole"), aws::Fault::Throttling, 1);
        story
            .world
            .aws
            .fail(eks, Some("DescribeCluster"), aws::Fault::ServerError, 1);
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn the_registry_fails_while_an_image_is_waited_for() {
    tell(|mut story| async {
        story.world.registry.fail_next(registry::Fault {
            path: "/manifests/".to_owned(),
            times: 2,
            answer: registry::Answer::Unavailable,
        });
        let (pr, _, digest) = story.ship("hello", Build::Good).await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn a_registry_that_stays_away_is_given_up() {
    tell(|mut story| async {
        story.world.registry.fail_next(registry::Fault {
            path: "/manifests/".to_owned(),
            times: 1000,
            answer: registry::Answer::Unavailable,
        });
        let (pr, sha, _) = story.ship("hello", Build::Good).await?;
        story.titled(&sha, "dev", "Waiting for the image").await?;
        story.pass(Duration::from_secs(121)).await?;
        insta::assert_snapshot!(story.reads(pr, "did not go live").await?, @r"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        `ghcr.io/acme/shop:sha-COMMIT` did not come within 2 min: the image registry: reading ghcr.io/acme/shop:sha-COMMIT: 503 Service Unavailable.

        Nothing was deployed.

        It may pass: `/retry`.

        [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_workspace_that_is_not_there_is_for_a_person_to_make() {
    tell(|mut story| async {
        let default = r#"dir            = "infra/01-network"
var_files      = ["{environment}.tfvars"]
backend_config = ["{environment}.s3.tfbackend"]
workspace      = "default""#;
        story
            .configure(&[(
                default,
                &default.replace("\"default\"", "\"{environment}\""),
            )])
            .await?;
        let files = [(
            "infra/01-network/dev.tfvars",
            "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
        )];
        let pr = story
            .open("ana", "wider", "A wider network", &files)
            .await?;
        insta::assert_snapshot!(story.settles(pr, "Plan ·").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `init` |

        - ❌ dev · network failed at `init`: it exited with code 1: failed to upload state: operation error S3: PutObject, https response error StatusCode: 403, RequestID: UUID, HostID: sandbox, api error AccessDenied: User: arn:aws:sts::111111111111:assumed-role/slipway-plan/slipway-acme.shop-1-ana is not authorized to perform: s3:PutObject on resource: "arn:aws:s3:::acme-shop-dev-state/env:/dev/network.tfstate"; if the workspace is not there yet, a person makes it once, in infra/01-network: `terraform workspace new dev` — mend it and push, or `/retry`

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_workspace_that_is_not_there_is_made_by_a_role_that_may_and_told() {
    tell(|mut story| async {
        let role = "arn:aws:iam::111111111111:role/slipway-plan";
        let bucket = story.world.place("dev")?.bucket.clone();
        story
            .world
            .aws
            .grant(role, aws::Grant::WriteBucket(bucket))?;
        let default = r#"dir            = "infra/01-network"
var_files      = ["{environment}.tfvars"]
backend_config = ["{environment}.s3.tfbackend"]
workspace      = "default""#;
        let own = default.replace("\"default\"", "\"{environment}\"");
        story.configure(&[(default, &own)]).await?;
        let files = [(
            "infra/01-network/dev.tfvars",
            "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
        )];
        let pr = story
            .open("ana", "wider", "A wider network", &files)
            .await?;
        let told = story.settles(pr, "Plan ·").await?;
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |

        - ℹ️ dev · network: the Terraform workspace dev was not there and has been made
        ");
        // It is there now.
        story.say("ana", pr, "/plan").await?;
        let told = story.settles(pr, "Plan ·").await?;
        assert!(!told.contains("workspace"), "{told}");
        Ok(story)
    });
}
