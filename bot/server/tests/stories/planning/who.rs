//! Who may have a plan made: of a fork, and by environment.

use slipway_sandbox::world::REPO;

use super::{DEV, NETWORK, OTHER_CIDR, deploy_toml, network_with};
use crate::bot::tell;

#[test]
fn a_fork_is_planned_when_somebody_with_the_right_says_so_and_only_then() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let fork = github.fork(REPO, "mallory").await?;
        let files = [(DEV, Some(OTHER_CIDR))];
        github
            .commit(&fork, "cidr", "mallory", "Help", &files)
            .await?;
        let pr = github
            .open_pull_request(REPO, "mallory", "mallory:cidr", "main", "Help", false)
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: action_required
        # Waits for somebody's /plan
        The head lives in a fork. Somebody who may plan looks at the change and comments `/plan`; that covers `COMMIT` and no later commit.
        ---
        "#);
        story.quiet().await?;
        assert!(story.replies(pr).is_empty());
        let own = story.say("mallory", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "Not planned").await?, @r#"
        ### ⛔ Not planned in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | mallory may not plan in dev | somebody with `write` |
        "#);
        story.sees(own, "-1").await?;
        story.say("ben", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "valid until").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.9.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ben`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
        // What was said covers that commit, and no later one.
        let later = OTHER_CIDR.replace("10.9", "10.6");
        let files = [(DEV, Some(later.as_str()))];
        github
            .commit(&fork, "cidr", "mallory", "And now", &files)
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: action_required, Waits for somebody's /plan
        plan prod: success, Nothing to do
        slipway: action_required, Not planned: somebody with the plan right says /plan
        ");
        let roles = story.world.aws.assumed();
        assert!(
            roles
                .iter()
                .all(|role| role.source_identity.as_deref() == Some("ben@acme.shop"))
        );
        Ok(story)
    });
}

#[test]
fn a_member_without_the_right_is_not_planned_in_that_environment() {
    tell(|mut story| async {
        let toml =
            deploy_toml().replace("plan   = [\"write\"]", "plan   = [\"team:acme/releasers\"]");
        story
            .push(
                "cleo",
                "main",
                "Only releasers plan prod",
                &[("deploy.toml", &toml)],
            )
            .await?;
        let network = network_with("# checked\n");
        let pr = story
            .open("ana", "net", "Network", &[(NETWORK, &network)])
            .await?;
        story.settles(pr, "valid until").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: action_required, Waits for somebody's /plan
        slipway: action_required, Not planned: somebody with the plan right says /plan
        ");
        story.say("ana", pr, "/plan prod").await?;
        insta::assert_snapshot!(story.settles(pr, "Not planned").await?, @r#"
        ### ⛔ Not planned in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not plan in prod | somebody with `team:acme/releasers` |
        "#);
        story.say("ben", pr, "/plan prod").await?;
        insta::assert_snapshot!(story.settles(pr, "| prod").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |
        | prod | [network](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.1.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        <details><summary>prod · network: full plan (+1)</summary>

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.2.0.0/16"
        +   input.name = "shop-prod"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ben`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: success, +1
        slipway: success, All is planned
        ");
        Ok(story)
    });
}
