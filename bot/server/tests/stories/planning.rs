//! Planning: by itself and on `/plan`.

use std::collections::BTreeSet;

use slipway_sandbox::aws::{Fault, Service};
use slipway_sandbox::world::REPO;

use crate::bot::tell;

const DEV: &str = "infra/01-network/dev.tfvars";
const NETWORK: &str = "infra/01-network/main.tf";
const DATABASE: &str = "infra/02-database/main.tf";
const README: &str = "README.md";

const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";

/// The shipped text of a stack with something put after it.
fn network_with(more: &str) -> String {
    let shop = include_str!("../../../sandbox/src/world/shop/network/main.tf");
    format!("{shop}\n{more}")
}

fn database_with(more: &str) -> String {
    let shop = include_str!("../../../sandbox/src/world/shop/database/main.tf");
    format!("{shop}\n{more}")
}

fn deploy_toml() -> String {
    include_str!("../../../sandbox/src/world/shop/deploy.toml").to_owned()
}

// --- when a pull request changes

#[test]
fn a_pull_request_is_planned_where_it_changes_something() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let head = story.head(pr);
        story.check(&head, "plan dev").await?;
        story.check(&head, "plan prod").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&head), @"
        plan dev: success, +1
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        let check = story.check(&head, "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: success
        # +1
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)

        ---
        ### dev · network

        ```diff
        + terraform_data.vpc
        +   id = (known after apply)
        +   input.cidr = "10.9.0.0/16"
        +   input.name = "shop-dev"
        +   output = (known after apply)

        # outputs
        + vpc = (known after apply)
        ```
        "#);
        let check = story.check(&head, "plan prod").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan prod: success
        # Nothing to do
        This change touches no stack in prod.
        ---
        "#);
        Ok(story)
    });
}

#[test]
fn stacks_are_planned_in_every_environment_and_in_their_order() {
    tell(|mut story| async {
        let network = network_with("# checked\n");
        let database = database_with("# checked\n");
        let files = [(NETWORK, network.as_str()), (DATABASE, database.as_str())];
        let pr = story.open("ana", "both", "Both stacks", &files).await?;
        let head = story.head(pr);
        for check in ["plan dev", "plan prod"] {
            let check = story.check(&head, check).await?;
            assert_eq!(check.conclusion.as_deref(), Some("success"));
        }
        insta::assert_snapshot!(story.settles(pr, "valid until").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [network](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |

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

        <details><summary>dev · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-dev"
        +   input.password = (sensitive)
        +   input.size = "small"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-dev.db.example.com:5432"
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

        <details><summary>prod · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-prod"
        +   input.password = (sensitive)
        +   input.size = "large"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-prod.db.example.com:5432"
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        let order: Vec<(String, String)> = sqlx::query_as(
            "SELECT runs.env || ' ' || runs.subject, needed.env || ' ' || needed.subject
             FROM run_after JOIN runs ON runs.id = run JOIN runs AS needed ON needed.id = needs
             WHERE runs.started_at >= needed.ended_at ORDER BY 1",
        )
        .fetch_all(&story.store().await?)
        .await?;
        let order: Vec<String> = order
            .iter()
            .map(|(a, b)| format!("{a} after {b}"))
            .collect();
        insta::assert_snapshot!(order.join("\n"), @r#"
        dev database after dev network
        prod database after prod network
        "#);
        Ok(story)
    });
}

#[test]
fn a_change_that_touches_no_stack_completes_the_checks_and_says_nothing() {
    tell(|story| async {
        let pr = story
            .open("ana", "words", "Words", &[(README, "# shop\n")])
            .await?;
        let head = story.head(pr);
        story.check(&head, "plan prod").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&head), @"
        plan dev: success, Nothing to do
        plan prod: success, Nothing to do
        slipway: success, Nothing to do
        ");
        assert!(story.replies(pr).is_empty());
        Ok(story)
    });
}

#[test]
fn a_removed_file_and_terraform_in_json_count_as_changes() {
    tell(|mut story| async {
        let json = r#"{ "resource": { "terraform_data": { "extra": { "input": "x" } } } }"#;
        let add = [("infra/01-network/extra.tf.json", Some(json))];
        let github = story.world.github.clone();
        github.commit(REPO, "json", "ana", "Add", &add).await?;
        let pr = github
            .open_pull_request(REPO, "ana", "json", "main", "JSON", false)
            .await?;
        story.check(&story.head(pr), "plan prod").await?;
        insta::assert_snapshot!(story.settles(pr, "valid until").await?, @r#"
            ### Plan · `COMMIT` onto `main@COMMIT`

            |  | stack | changes |
            | --- | --- | --- |
            | dev | [network](http://HERE/runs/RUN) | +2 |
            | prod | [network](http://HERE/runs/RUN) | +2 |

            <details><summary>dev · network: full plan (+2)</summary>

            ```diff
            + terraform_data.extra
            +   id = (known after apply)
            +   input = "x"
            +   output = (known after apply)

            + terraform_data.vpc
            +   id = (known after apply)
            +   input.cidr = "10.1.0.0/16"
            +   input.name = "shop-dev"
            +   output = (known after apply)

            # outputs
            + vpc = (known after apply)
            ```

            </details>

            <details><summary>prod · network: full plan (+2)</summary>

            ```diff
            + terraform_data.extra
            +   id = (known after apply)
            +   input = "x"
            +   output = (known after apply)

            + terraform_data.vpc
            +   id = (known after apply)
            +   input.cidr = "10.2.0.0/16"
            +   input.name = "shop-prod"
            +   output = (known after apply)

            # outputs
            + vpc = (known after apply)
            ```

            </details>

            dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
            "#);
        let remove = [("infra/02-database/prod.tfvars", None)];
        github
            .commit(REPO, "gone", "ana", "Remove", &remove)
            .await?;
        let pr = github
            .open_pull_request(REPO, "ana", "gone", "main", "Gone", false)
            .await?;
        let check = story.check(&story.head(pr), "plan prod").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan prod: failure
        # 1 of 1 stack failed
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | prod | [database](http://HERE/runs/RUN) | ❌ failed at `init` |

        - ❌ prod · database failed at `init`: there is no "prod.tfvars" in this commit — mend it and push, or `/retry`

        prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)

        ---
        "#);
        insta::assert_snapshot!(story.settles(pr, "prod").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | prod | [database](http://HERE/runs/RUN) | ❌ failed at `init` |

        - ❌ prod · database failed at `init`: there is no "prod.tfvars" in this commit — mend it and push, or `/retry`

        prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_push_supersedes_the_plans_under_way() {
    tell(|mut story| async {
        story.valve.shut("plan")?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let old = story.head(pr);
        // Terraform stands before `plan`, and stays there until it is killed.
        let waiting = story.valve.reached("plan").await?;
        let text = OTHER_CIDR.replace("10.9", "10.8");
        story
            .push("ana", "cidr", "No, this", &[(DEV, &text)])
            .await?;
        let new = story.head(pr);
        story.check(&new, "plan dev").await?;
        story.quiet().await?;
        let comment = story.settles(pr, "valid until").await?;
        assert!(
            comment.contains("10.8") && !comment.contains("10.9"),
            "{comment}"
        );
        waiting.release();
        assert_eq!(story.replies(pr).len(), 1);
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&old), @"
        plan dev: cancelled, Superseded by a newer commit
        plan prod: success, Nothing to do
        slipway: action_required, Not planned: somebody with the plan right says /plan
        ");
        insta::assert_snapshot!(story.checks(&new), @"
        plan dev: success, +1
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
        Ok(story)
    });
}

#[test]
fn a_draft_is_planned_when_it_is_asked_for_or_ready() {
    tell(|mut story| async {
        story
            .push("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let github = story.world.github.clone();
        let pr = github
            .open_pull_request(REPO, "ana", "cidr", "main", "Draft", true)
            .await?;
        let head = story.head(pr);
        let check = story.check(&head, "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: neutral
        # A draft is not planned
        Comment `/plan`, or mark the pull request ready for review.
        ---
        "#);
        story.quiet().await?;
        assert!(story.replies(pr).is_empty());
        let asked = story.say("ana", pr, "/plan").await?;
        story.settles(pr, "valid until").await?;
        story.sees(asked, "rocket").await?;
        // A push of a draft is not planned by itself either.
        let text = OTHER_CIDR.replace("10.9", "10.8");
        story.push("ana", "cidr", "Again", &[(DEV, &text)]).await?;
        story.check(&story.head(pr), "plan prod").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: neutral, A draft is not planned
        plan prod: success, Nothing to do
        slipway: action_required, Not planned: this is a draft
        ");
        github.mark_ready(REPO, pr, "ana").await?;
        story.settles(pr, "10.8").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
        Ok(story)
    });
}

#[test]
fn a_reopened_pull_request_is_planned_if_it_was_not() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        story
            .push("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let pr = github
            .open_pull_request(REPO, "ana", "cidr", "main", "Cidr", true)
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        github.close(REPO, pr, "ana").await?;
        github.set_draft(REPO, pr, "ana", false).await?;
        story.quiet().await?;
        assert!(story.replies(pr).is_empty(), "a closed one is not planned");
        github.reopen(REPO, pr, "ana").await?;
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

    dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
    "#);
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: success, Nothing to do
        slipway: success, All is planned
        ");
        Ok(story)
    });
}

#[test]
fn a_retargeted_pull_request_is_planned_onto_its_new_base() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let prod = "environment = \"prod\"\ncidr        = \"10.7.0.0/16\"\n";
        story
            .push(
                "ben",
                "release",
                "Release",
                &[("infra/01-network/prod.tfvars", prod)],
            )
            .await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "onto `main@").await?;
        story.check(&story.head(pr), "plan dev").await?;
        github.set_base(REPO, pr, "ana", "release").await?;
        insta::assert_snapshot!(story.settles(pr, "onto `release@").await?, @r#"
        ### Plan · `COMMIT` onto `release@COMMIT`

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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.quiet().await?;
        assert_eq!(story.replies(pr).len(), 1);
        Ok(story)
    });
}

#[test]
fn a_conflict_with_the_base_is_told() {
    tell(|mut story| async {
        story
            .push("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let theirs = OTHER_CIDR.replace("10.9", "10.3");
        story
            .push("ben", "main", "Meanwhile", &[(DEV, &theirs)])
            .await?;
        let github = story.world.github.clone();
        let pr = github
            .open_pull_request(REPO, "ana", "cidr", "main", "Cidr", false)
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `checkout` |

        - ❌ dev · network failed at `checkout`: both change `infra/01-network/dev.tfvars`; merge or rebase onto the base branch and push

        [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: failure
        # 1 of 1 stack failed
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `checkout` |

        - ❌ dev · network failed at `checkout`: both change `infra/01-network/dev.tfvars`; merge or rebase onto the base branch and push

        [run](http://HERE/runs/RUN)

        ---
        "#);
        Ok(story)
    });
}

#[test]
fn a_plan_onto_an_older_base_is_made_anew_on_command() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story
            .push("ben", "main", "Meanwhile", &[(README, "# The shop\n")])
            .await?;
        let before = story.replies(pr).len();
        let applied = story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.settles(pr, "Not applied").await?, @r#"
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of network | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |

        Planning now: look at the new plan, then `/apply dev` once more.
        "#);
        story.sees(applied, "-1").await?;
        story.quiet().await?;
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.replies(pr).len(), before + 1);
        Ok(story)
    });
}

// --- who

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

// --- what Terraform says

#[test]
fn an_error_of_terraform_is_shown_on_its_line() {
    tell(|mut story| async {
        let broken = network_with("output \"subnet\" {\n  value = terraform_data.vcp.output\n}\n");
        let pr = story
            .open("ana", "typo", "A typo", &[(NETWORK, &broken)])
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: failure
        # 1 of 1 stack failed
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |

        - ❌ dev · network failed at `plan`: Reference to undeclared resource (`main.tf:27`)

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)

        ---
        ### dev · network

        ```
        Error: Reference to undeclared resource
          on main.tf:27
            |   value = terraform_data.vcp.output
          A managed resource "terraform_data" "vcp" has not been declared in the root module.
        ```

        @ infra/01-network/main.tf:27-27 failure: Reference to undeclared resource: A managed resource "terraform_data" "vcp" has not been declared in the root module.
        "#);
        story.check(&story.head(pr), "plan prod").await?;
        insta::assert_snapshot!(story.settles(pr, "❌ failed").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |
        | prod | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |

        - ❌ dev · network failed at `plan`: Reference to undeclared resource (`main.tf:27`)
        - ❌ prod · network failed at `plan`: Reference to undeclared resource (`main.tf:27`)

        <details><summary>dev · network: what Terraform says</summary>

        ```
        Error: Reference to undeclared resource
          on main.tf:27
            |   value = terraform_data.vcp.output
          A managed resource "terraform_data" "vcp" has not been declared in the root module.
        ```

        </details>

        <details><summary>prod · network: what Terraform says</summary>

        ```
        Error: Reference to undeclared resource
          on main.tf:27
            |   value = terraform_data.vcp.output
          A managed resource "terraform_data" "vcp" has not been declared in the root module.
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_sensitive_value_is_never_shown_and_its_change_is() {
    tell(|mut story| async {
        let secret = "hunter2-hunter2-hunter2";
        let old = "correct-horse-battery-staple";
        let shop = include_str!("../../../sandbox/src/world/shop/database/main.tf");
        let changed = shop.replace(old, secret);
        let pr = story
            .open("ana", "password", "New password", &[(DATABASE, &changed)])
            .await?;
        for check in ["plan dev", "plan prod"] {
            let check = story.check(&story.head(pr), check).await?;
            assert_eq!(check.conclusion.as_deref(), Some("success"));
        }
        insta::assert_snapshot!(story.settles(pr, "valid until").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-dev"
        +   input.password = (sensitive)
        +   input.size = "small"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-dev.db.example.com:5432"
        ```

        </details>

        <details><summary>prod · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-prod"
        +   input.password = (sensitive)
        +   input.size = "large"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-prod.db.example.com:5432"
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        let written = story.everything_written().await?;
        assert!(written.contains("terraform_data.instance"));
        assert!(
            !written.contains(secret),
            "the password is written somewhere"
        );
        assert!(!written.contains(old));
        Ok(story)
    });
}

#[test]
fn what_is_destroyed_or_replaced_is_named_outside_of_every_fold() {
    tell(|mut story| async {
        // First live: a subnet that can only be replaced.
        let subnet =
            "resource \"terraform_data\" \"subnet\" {\n  triggers_replace = [var.cidr]\n}\n";
        let first = network_with(subnet);
        let pr = story
            .open("ana", "subnet", "Subnet", &[(NETWORK, &first)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.settles(pr, "Applied").await?;
        story.quiet().await?;
        story.settles(pr, "✅ applied").await?;
        // Then another network without a vpc.
        let second = format!(
            "terraform {{\n  backend \"s3\" {{\n    key = \"network.tfstate\"\n  }}\n}}\n\
             variable \"environment\" {{\n  type = string\n}}\n\
             variable \"cidr\" {{\n  type = string\n}}\n{subnet}"
        );
        let files = [(NETWORK, second.as_str()), (DEV, OTHER_CIDR)];
        story
            .push("ana", "subnet", "Replace and destroy", &files)
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        insta::assert_snapshot!(story.settles(pr, "**-").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 **-2** |
        | prod | [network](http://HERE/runs/RUN) | +1 |

        - ⚠️ dev · network **replaces** `terraform_data.subnet` (because `triggers_replace` changes)
        - ⚠️ dev · network **destroys** `terraform_data.vpc` (because it is no longer in the configuration)

        <details><summary>dev · network: full plan (+1 -2)</summary>

        ```diff
        -/+ terraform_data.subnet
        #   because triggers_replace changes
        !   triggers_replace: ["10.1.0.0/16"] -> ["10.9.0.0/16"] # forces replacement
        !   id: "UUID" -> (known after apply)

        - terraform_data.vpc
        #   because it is no longer in the configuration
        -   id = "UUID"
        -   input.cidr = "10.1.0.0/16"
        -   input.name = "shop-dev"
        -   output.cidr = "10.1.0.0/16"
        -   output.name = "shop-dev"

        # outputs
        - vpc = "shop-dev"
        ```

        </details>

        <details><summary>prod · network: full plan (+1)</summary>

        ```diff
        + terraform_data.subnet
        +   id = (known after apply)
        +   triggers_replace = ["10.2.0.0/16"]
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

// --- on command

#[test]
fn the_one_plan_comment_is_edited_in_place() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.quiet().await?;
        let before = story.replies(pr);
        let asked = story.say("ben", pr, "/plan dev database network").await?;
        story.sees(asked, "rocket").await?;
        story.quiet().await?;
        let after = story.replies(pr);
        assert_eq!(before.len(), 1);
        assert_eq!(after.len(), 1);
        assert_eq!(before[0].id, after[0].id);
        insta::assert_snapshot!(story.settles(pr, "database").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |
        | dev | [database](http://HERE/runs/RUN) | +1 |

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

        <details><summary>dev · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-dev"
        +   input.password = (sensitive)
        +   input.size = "small"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-dev.db.example.com:5432"
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ben`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.reactions(asked), ["eyes", "rocket"]);
        Ok(story)
    });
}

#[test]
fn a_plan_of_nothing_says_which_stacks_there_are() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "words", "Words", &[(README, "# shop\n")])
            .await?;
        let asked = story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "Nothing to plan").await?, @r#"
        ### Nothing to plan

        This pull request touches no stack. Stacks: `network` (`infra/01-network`), `database` (`infra/02-database`). Plan one all the same: `/plan ENV STACK`.
        "#);
        story.sees(asked, "-1").await?;
        let asked = story.say("ana", pr, "/plan dev network").await?;
        insta::assert_snapshot!(story.settles(pr, "valid until").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |

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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.sees(asked, "rocket").await?;
        Ok(story)
    });
}

// --- deploy.toml

#[test]
fn without_a_deploy_toml_nothing_is_planned_and_a_command_says_why() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        github
            .commit(REPO, "main", "cleo", "Remove it", &[("deploy.toml", None)])
            .await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"");
        assert!(story.replies(pr).is_empty());
        let asked = story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "deploy.toml").await?, @r#"
        ### 😕 There is no `deploy.toml` on `main`

        Slipway reads its rules from the default branch. Add one at the root of the repository; `slipway schema` prints its schema.
        "#);
        story.sees(asked, "confused").await?;
        Ok(story)
    });
}

#[test]
fn an_invalid_deploy_toml_of_the_default_branch_is_told() {
    tell(|mut story| async {
        let toml = deploy_toml().replace("auto_deploy = true", "auto_deplyo = true");
        story
            .push("cleo", "main", "Break it", &[("deploy.toml", &toml)])
            .await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: failure
        # deploy.toml has 1 error
        deploy.toml on `main`. Nothing is planned, applied or deployed until it is mended.
        ---
        ```
        deploy.toml:6:1: error: unknown key `auto_deplyo` in environments.dev
        ```

        @ deploy.toml:6-6 failure: unknown key `auto_deplyo` in environments.dev: did you mean `auto_deploy`?
        ");
        story.quiet().await?;
        assert!(story.replies(pr).is_empty());
        let asked = story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "deploy.toml").await?, @r#"
        ### ⛔ `deploy.toml` on `main` has errors

        - line 6: unknown key `auto_deplyo` in environments.dev: did you mean `auto_deploy`?

        Nothing is planned, applied or deployed until they are mended. `slipway check` finds them before a push.
        "#);
        story.sees(asked, "confused").await?;
        Ok(story)
    });
}

#[test]
fn a_changed_deploy_toml_is_checked_and_does_not_count_yet() {
    tell(|mut story| async {
        // The pull request would give itself a role of prod in dev.
        let toml = deploy_toml()
            .replace("soak         = \"4s\"", "soak         = \"soon\"")
            .replace(
                "arn:aws:iam::111111111111:role/slipway-plan",
                "arn:aws:iam::222222222222:role/slipway-plan",
            );
        let files = [("deploy.toml", toml.as_str()), (DEV, OTHER_CIDR)];
        let pr = story.open("ana", "rules", "Other rules", &files).await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        slipway / deploy.toml: failure
        # deploy.toml has 2 errors
        What is in force is `main`'s `deploy.toml` until this is merged.

        Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.

        ---
        ```
        deploy.toml:13:15: error: this role is in account 222222222222, the environment in 111111111111
           |
        13 | plan_role   = "arn:aws:iam::222222222222:role/slipway-plan"
           |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: every role of an environment is in its account

        deploy.toml:22:16: error: "soon" is not a length of time
           |
        22 | soak         = "soon"
           |                ^^^^^^
           = help: write it like "90s", "30m", "1h" or "1h30m"
        ```

        @ deploy.toml:13-13 failure: this role is in account 222222222222, the environment in 111111111111: every role of an environment is in its account
        @ deploy.toml:22-22 failure: "soon" is not a length of time: write it like "90s", "30m", "1h" or "1h30m"
        "#);
        story.settles(pr, "valid until").await?;
        story.check(&story.head(pr), "plan dev").await?;
        let roles: Vec<String> = story
            .world
            .aws
            .assumed()
            .into_iter()
            .map(|r| r.role_arn)
            .collect();
        assert_eq!(roles, ["arn:aws:iam::111111111111:role/slipway-plan"]);
        let text = deploy_toml().replace("soak         = \"4s\"", "soak         = \"5s\"");
        story
            .push("ana", "rules", "Better rules", &[("deploy.toml", &text)])
            .await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # 1 change, none that widens rights or loosens rules
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Changes**

        - prod · `soak`: N s instead of N s

        ---
        ");
        story.check(&story.head(pr), "plan dev").await?;
        Ok(story)
    });
}

// --- roles and environment

#[test]
fn every_environment_is_planned_with_its_own_role() {
    tell(|mut story| async {
        let network = network_with("# checked\n");
        let pr = story
            .open("ana", "net", "Network", &[(NETWORK, &network)])
            .await?;
        for check in ["plan dev", "plan prod"] {
            story.check(&story.head(pr), check).await?;
        }
        story.settles(pr, "valid until").await?;
        let mut roles: Vec<String> = story
            .world
            .aws
            .assumed()
            .iter()
            .map(|role| {
                format!(
                    "{} by {} as {} for {} with {}",
                    role.role_arn,
                    role.by,
                    role.session_name,
                    role.source_identity.as_deref().unwrap_or("nobody"),
                    role.external_id.as_deref().unwrap_or("no external id"),
                )
            })
            .collect();
        roles.sort();
        insta::assert_snapshot!(roles.join("\n"), @r#"
        arn:aws:iam::111111111111:role/slipway-plan by arn:aws:iam::999999999999:user/slipway as slipway-acme.shop-1-ana for ana@acme.shop with acme-shop
        arn:aws:iam::222222222222:role/slipway-plan by arn:aws:iam::999999999999:user/slipway as slipway-acme.shop-1-ana for ana@acme.shop with acme-shop
        "#);
        // Whoever touches the state of an environment is that environment's role.
        for entry in story.world.aws.journal() {
            let who = entry.who.unwrap_or_default();
            let account = match () {
                () if entry.resource.starts_with("acme-shop-dev-state") => "111111111111",
                () if entry.resource.starts_with("acme-shop-prod-state") => "222222222222",
                () => continue,
            };
            assert!(
                who.contains(account) && who.contains("slipway-plan"),
                "{who} at {}",
                entry.resource
            );
        }
        Ok(story)
    });
}

#[test]
fn terraform_is_led_to_the_credentials_of_one_role_and_gets_nothing_of_the_bot() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.settles(pr, "valid until").await?;
        let environments = story.valve.environments()?;
        let names: BTreeSet<&str> = environments
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, _)| name))
            // The shell of the valve sets these itself.
            .filter(|name| !["PWD", "_", "OLDPWD", "SHLVL"].contains(name))
            .collect();
        let names = Vec::from_iter(names).join("\n");
        insta::assert_snapshot!(names, @r#"
        AWS_CONTAINER_AUTHORIZATION_TOKEN
        AWS_CONTAINER_CREDENTIALS_FULL_URI
        AWS_DEFAULT_REGION
        AWS_EC2_METADATA_DISABLED
        AWS_REGION
        CHECKPOINT_DISABLE
        HOME
        PATH
        TF_DATA_DIR
        TF_INPUT
        TF_IN_AUTOMATION
        TMPDIR
        "#);
        let role = story.world.aws.assumed().pop().unwrap();
        for secret in [
            role.access_key_id,
            story.world.github.webhook_secret(),
            story.world.bot_keys.access_key_id.clone(),
            story.world.bot_keys.secret_access_key.clone(),
            story.world.github.private_key_pem(),
            "ghs_".to_owned(),
            "sqlite:".to_owned(),
            slipway_sandbox::world::REGISTRY_PASSWORD.to_owned(),
        ] {
            assert!(
                !environments.contains(&secret),
                "Terraform was given {secret}"
            );
        }
        // Each Terraform has a door and a token of its own, and both are nothing once it has ended.
        let all = |variable: &str| -> Vec<&str> {
            let lines = environments.lines();
            lines
                .filter_map(|line| line.strip_prefix(variable)?.strip_prefix('='))
                .collect()
        };
        let doors = all("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let tokens = all("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        assert!(tokens.len() > 1 && doors.len() == tokens.len());
        assert_eq!(BTreeSet::from_iter(&tokens).len(), tokens.len());
        for (door, token) in doors.iter().zip(tokens) {
            let answer = reqwest::Client::new()
                .get(*door)
                .header("Authorization", token)
                .send()
                .await;
            let status = answer.map(|answer| answer.status());
            assert!(
                !status.as_ref().is_ok_and(http::StatusCode::is_success),
                "{status:?}"
            );
        }
        Ok(story)
    });
}

#[test]
fn a_refused_role_is_told_and_nothing_is_run() {
    tell(|mut story| async {
        story
            .world
            .aws
            .fail(Service::Sts, Some("AssumeRole"), Fault::AccessDenied, 9);
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: assuming arn:aws:iam::111111111111:role/slipway-plan: AccessDenied: Access Denied — grant the right, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.valve.environments()?, "");
        Ok(story)
    });
}

#[test]
fn credentials_of_another_account_are_not_used() {
    tell(|mut story| async {
        let prod = story.world.aws.add_account("333333333333")?;
        story
            .world
            .aws
            .change_role("arn:aws:iam::111111111111:role/slipway-plan", |role| {
                role.answers_as = Some(prod);
            })?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: proving who arn:aws:iam::111111111111:role/slipway-plan is: the credentials are of account 333333333333, deploy.toml says 111111111111; nothing was run with them — grant the right, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.valve.environments()?, "");
        Ok(story)
    });
}
