//! Planning: by itself and on `/plan`.

mod roles;
mod rules;
mod shown;
mod who;

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
