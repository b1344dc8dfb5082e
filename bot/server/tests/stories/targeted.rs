//! Plans with flags: a part of a stack, a replacement asked for, the state alone, a destroy.

use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const RULES: &str = include_str!("../../../sandbox/src/world/shop/deploy.toml");
const EXTRA: &str = "infra/01-network/extra.tf";
const TWO: &str = "resource \"terraform_data\" \"one\" {\n  input = \"1\"\n}\n\n\
                   resource \"terraform_data\" \"by_key\" {\n  for_each = toset([\"a b\"])\n  \
                   input    = each.key\n}\n";

/// People apply in dev on the open pull request, and ben may destroy there.
async fn by_hand(story: &Story) -> anyhow::Result<()> {
    rules(
        story,
        &[
            ("auto_apply  = true\n", ""),
            (
                "[environments.prod]\n",
                "[environments.dev.allow]\ndestroy = [\"user:ben\"]\n\n[environments.prod]\n",
            ),
        ],
    )
    .await
}

async fn rules(story: &Story, changes: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut text = RULES.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    story
        .push("cleo", "main", "Other rules", &[("deploy.toml", &text)])
        .await?;
    Ok(())
}

/// The required check, as its name, end, title and text.
async fn summary(story: &Story, pr: u64) -> anyhow::Result<String> {
    story.quiet().await?;
    let check = story.check(&story.head(pr), "slipway").await?;
    Ok(story.shown(&check))
}

/// Somebody says it, and the bot has come to rest.
async fn says(story: &Story, who: &str, pr: u64, body: &str) -> anyhow::Result<()> {
    story.say(who, pr, body).await?;
    story.quiet().await
}

/// The latest comment about an apply.
async fn outcome(story: &mut Story, pr: u64, text: &str) -> anyhow::Result<String> {
    story.quiet().await?;
    story.hears(pr, text).await
}

#[test]
fn a_part_of_a_stack_is_applied_and_then_the_rest() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        says(
            &story,
            "ana",
            pr,
            "/plan dev network -- -target='terraform_data.by_key[\"a b\"]'\nthe rest later",
        )
        .await?;
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!WARNING]
        > **This is a partial plan** of dev · network, made with `-target=terraform_data.by_key["a b"]`: it shows nothing of the rest of the stack. Only `/apply dev network` applies it; `/plan dev network` plans all of the stack.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1, **partial** |
        | prod | [network](http://HERE/runs/RUN) | +3 |

        - ℹ️ dev · network: Terraform left changes out of this plan: plan again after its apply

        <details><summary>dev · network: the plan (+1)</summary>

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)
        ```

        </details>

        <details><summary>prod · network: full plan (+3)</summary>

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)

        + terraform_data.one
        +   id = (known after apply)
        +   input = "1"
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev network` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        let check = story.check(&story.head(pr), "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        plan dev: action_required
        # Made with flags: +1
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!WARNING]
        > **This is a partial plan** of dev · network, made with `-target=terraform_data.by_key["a b"]`: it shows nothing of the rest of the stack. Only `/apply dev network` applies it; `/plan dev network` plans all of the stack.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1, **partial** |

        - ℹ️ dev · network: Terraform left changes out of this plan: plan again after its apply

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev network` or `/apply prod` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)

        ---
        ### dev · network

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)
        ```
        "#);
        // Nobody has applied it: what counts is the full plan.
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack to apply before the merge: /apply dev
        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | to apply |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");

        // It is applied by name alone.
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @r#"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of network | made with `-target=terraform_data.by_key["a b"]` | `/apply dev network` applies exactly that; `/plan dev network` plans all of it |
        "#);
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @r#"
        (eyes rocket)
        ### dev: 1 of 6 gates is closed

        |  | gate | state | what opens it |
        | --- | --- | --- | --- |
        | ✅ | right (apply) | ana may apply |  |
        | ✅ | pull request (apply, deploy shop) | open |  |
        | ✅ | lock (apply, deploy shop) | free |  |
        | ⛔ | plan of network (apply) | made with `-target=terraform_data.by_key["a b"]` | `/apply dev network` applies exactly that; `/plan dev network` plans all of it |
        | ✅ | right (deploy shop) | ana may deploy |  |
        | ✅ | hold (deploy on merge) | none |  |
        "#);
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        > [!WARNING]
        > dev · network: **this is a partial apply**, made with `-target=terraform_data.by_key["a b"]`. The stack does not count as applied: `/plan dev network` shows what is left.

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s, in part |

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · next: `/plan dev network` · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack not applied in full: /plan dev network
        A plan with flags was applied, which leaves something out. What is left: `/plan dev network`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | not applied in full |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!WARNING]
        > dev · network: **this is a partial apply**, made with `-target=terraform_data.by_key["a b"]`. The stack does not count as applied: `/plan dev network` shows what is left.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied +1 by `ana`, **partial** |
        | prod | [network](http://HERE/runs/RUN) | +3 |

        <details><summary>prod · network: full plan (+3)</summary>

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)

        + terraform_data.one
        +   id = (known after apply)
        +   input = "1"
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply prod` · blocked? `/explain prod` · [run](http://HERE/runs/RUN)
        "#);

        says(&story, "ana", pr, "/plan dev network").await?;
        story.planned(pr, "dev", "network", "+2").await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack to apply before the merge: /apply dev
        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | to apply |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        says(&story, "ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +2 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is planned, and applied where that comes before the merge
        Nothing is left to do before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        Ok(story)
    });
}

#[test]
fn a_resource_is_replaced_because_somebody_asks_for_it() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        says(&story, "ana", pr, "/apply dev").await?;
        outcome(&mut story, pr, "Applied").await?;
        says(
            &story,
            "ana",
            pr,
            "/plan dev network -- -replace=terraform_data.one",
        )
        .await?;
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!WARNING]
        > **This plan replaces what it would not have to** in dev · network: it was made with `-replace=terraform_data.one`. Only `/apply dev network` applies it; `/plan dev network` plans all of the stack.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 **-1**, **replacement asked for** |
        | prod | [network](http://HERE/runs/RUN) | +3 |

        - ⚠️ dev · network **replaces** `terraform_data.one` (because its replacement was requested)

        <details><summary>dev · network: the plan (+1 -1)</summary>

        ```diff
        -/+ terraform_data.one
        #   because its replacement was requested
        !   id: "UUID" -> (known after apply)
        !   output: "1" -> (known after apply)
            # 1 unchanged attribute hidden
        ```

        </details>

        <details><summary>prod · network: full plan (+3)</summary>

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)

        + terraform_data.one
        +   id = (known after apply)
        +   input = "1"
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev network` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        > [!WARNING]
        > dev · network: **this is an apply with a replacement asked for**, made with `-replace=terraform_data.one`.

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 **-1** in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        // It left nothing out.
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is planned, and applied where that comes before the merge
        Nothing is left to do before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        Ok(story)
    });
}

#[test]
fn the_state_alone_is_brought_up_to_date() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let output = "output \"more\" {\n  value = \"more\"\n}\n";
        let pr = story
            .open(
                "ana",
                "out",
                "One more output",
                &[("infra/01-network/more.tf", output)],
            )
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        says(&story, "ana", pr, "/plan dev network -- -refresh-only").await?;
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!WARNING]
        > **This is a refresh-only plan** of dev · network, made with `-refresh-only`: it changes what the state says, and no resource. Only `/apply dev network` applies it; `/plan dev network` plans all of the stack.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | 2 outputs, **refresh-only** |
        | prod | [network](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · network: the plan (2 outputs)</summary>

        ```diff
        # outputs
        + more = "more"
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
        + more = "more"
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev network` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        > [!WARNING]
        > dev · network: **this is the apply of a refresh-only plan**, made with `-refresh-only`. The stack does not count as applied: `/plan dev network` shows what is left.

        | stack | outcome |
        | --- | --- |
        | network | ✅ state refreshed in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        more = "more"
        vpc = "null"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · next: `/plan dev network` · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack not applied in full: /plan dev network
        A plan with flags was applied, which leaves something out. What is left: `/plan dev network`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | not applied in full |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        Ok(story)
    });
}

#[test]
fn a_stack_is_destroyed_only_by_those_who_may() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        says(&story, "ana", pr, "/apply dev").await?;
        outcome(&mut story, pr, "Applied").await?;

        let destroy = "/plan dev network -- -destroy";
        insta::assert_snapshot!(story.ask("ana", pr, destroy).await?, @"
        (eyes -1)
        ### ⛔ Not planned in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not destroy stacks in dev | somebody with `user:ben` |
        ");
        // An administrator is nobody special here.
        let cleo = story.ask("cleo", pr, destroy).await?;
        assert!(
            cleo.contains("cleo may not destroy stacks in dev"),
            "{cleo}"
        );
        says(&story, "ben", pr, destroy).await?;
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        > [!CAUTION]
        > **This is a destroy plan** of dev · network, made with `-destroy`: it shows everything in the state destroyed. Only `/apply dev network` applies it; `/plan dev network` plans all of the stack.

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | **-3**, **destroy plan** |
        | prod | [network](http://HERE/runs/RUN) | +3 |

        - ⚠️ dev · network **destroys** `terraform_data.by_key["a b"]`
        - ⚠️ dev · network **destroys** `terraform_data.one`
        - ⚠️ dev · network **destroys** `terraform_data.vpc`

        <details><summary>dev · network: the plan (-3)</summary>

        ```diff
        - terraform_data.by_key["a b"]
        -   id = "UUID"
        -   input = "a b"
        -   output = "a b"

        - terraform_data.one
        -   id = "UUID"
        -   input = "1"
        -   output = "1"

        - terraform_data.vpc
        -   id = "UUID"
        -   input.cidr = "10.1.0.0/16"
        -   input.name = "shop-dev"
        -   output.cidr = "10.1.0.0/16"
        -   output.name = "shop-dev"

        # outputs
        - vpc = "shop-dev"
        ```

        </details>

        <details><summary>prod · network: full plan (+3)</summary>

        ```diff
        + terraform_data.by_key["a b"]
        +   id = (known after apply)
        +   input = "a b"
        +   output = (known after apply)

        + terraform_data.one
        +   id = (known after apply)
        +   input = "1"
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

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ben`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-1-ana`) · valid until head or base moves · next: `/apply dev network` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);

        // Applying it takes the right as well.
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev network").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not destroy stacks in dev | somebody with `user:ben` |
        ");
        says(&story, "ben", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"
        ### ✅ Applied `COMMIT` in dev · asked for by `ben`

        > [!CAUTION]
        > dev · network: **this is the apply of a destroy plan**, made with `-destroy`. The stack does not count as applied: `/plan dev network` shows what is left.

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied **-3** in N s |

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ben`) · 🔒 network in dev for this pull request until it is merged or closed · next: `/plan dev network` · [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack not applied in full: /plan dev network
        A plan with flags was applied, which leaves something out. What is left: `/plan dev network`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | not applied in full |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        Ok(story)
    });
}

#[test]
fn nothing_else_reaches_terraform() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        story.quiet().await?;
        let runs = story.roles().len();
        let attempts = [
            "-target=a;rm -rf /",
            "-target=a.b -var=environment=prod",
            "-var-file=/etc/passwd",
            "-out=/tmp/x",
            "-state=x",
            "-lock=false",
            "-parallelism=1",
            "-chdir=/",
            "-target terraform_data.one",
            "-target=`id`",
            "-target=terraform_data.by_key[\"`id`\"]",
            "-target=$(id)",
            "-target=terraform_data.by_key[\"a\n-destroy\"]",
            "-target=terraform_data.by_key[\"${file(\"/etc/passwd\")}\"]",
            "-target=terraform_data.one\u{2028}-lock=false",
            "-destroy -refresh-only",
            "-replace=module.x",
        ];
        let mut told = Vec::new();
        for attempt in attempts {
            let answer = story
                .ask("ben", pr, &format!("/plan dev network -- {attempt}"))
                .await?;
            let said = answer.lines().nth(2).unwrap_or_default().to_owned();
            told.push(format!("{attempt:?}\n  {said}"));
        }
        insta::assert_snapshot!(told.join("\n"), @r#"
        "-target=a;rm -rf /"
          `-target=a;rm` is not the address of a resource or a module: nothing may follow at character 2. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=a.b -var=environment=prod"
          `-var=environment=prod` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-var-file=/etc/passwd"
          `-var-file=/etc/passwd` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-out=/tmp/x"
          `-out=/tmp/x` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-state=x"
          `-state=x` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-lock=false"
          `-lock=false` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-parallelism=1"
          `-parallelism=1` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-chdir=/"
          `-chdir=/` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target terraform_data.one"
          `-target` has no address: it follows an equals sign, without a space, as in `-target=aws_vpc.main`. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=`id`"
          `` -target=`id` `` is not the address of a resource or a module: a name of letters, digits, \_ and - is missing at character 1. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=terraform_data.by_key[\"`id`\"]"
          ``-target=terraform_data.by_key["`id`"]`` is not the address of a resource or a module: a key can't have this at character 24. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=$(id)"
          `-target=$(id)` is not the address of a resource or a module: a name of letters, digits, \_ and - is missing at character 1. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=terraform_data.by_key[\"a\n-destroy\"]"
          The quote that opens at `"a` is never closed.
        "-target=terraform_data.by_key[\"${file(\"/etc/passwd\")}\"]"
          `-target=terraform_data.by_key["${file("/etc/passwd")}"]` is not the address of a resource or a module: a key can't have this at character 24. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-target=terraform_data.one\u{2028}-lock=false"
          `-lock=false` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-destroy -refresh-only"
          `-destroy` and `-refresh-only` exclude each other. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "-replace=module.x"
          `module.x` is a module or a data source; `-replace` is for one resource. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
        "#);
        insta::assert_snapshot!(story.ask("ben", pr, "/plan dev network -- -var=x=y").await?, @"
        (eyes confused)
        ### 😕 Not understood
        `-var=x=y` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        ");
        insta::assert_snapshot!(story.ask("ben", pr, "/plan network -- -destroy").await?, @"
        (eyes confused)
        ### 😕 Not understood
        A plan with flags is of one stack in one environment, and both are named: `/plan ENV STACK -- …`.

        It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
        ");
        insta::assert_snapshot!(story.ask("ben", pr, "/apply dev network -- -destroy").await?, @"
        (eyes confused)
        ### 😕 Not understood
        An apply takes no flags: it does exactly what the plan shows. They go with the plan, `/plan ENV STACK -- …`, and then `/apply ENV STACK`.

        It is written `/apply [ENV] [STACK…]`, for example `/apply dev`. All commands: `/help`
        ");
        assert_eq!(story.roles().len(), runs, "something was run");
        Ok(story)
    });
}

#[test]
fn a_merge_after_a_partial_apply_plans_in_full() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        let part = "/plan dev network -- -target=terraform_data.one";
        says(&story, "ana", pr, part).await?;
        says(&story, "ana", pr, "/apply dev network").await?;
        outcome(&mut story, pr, "Applied").await?;
        // The merge would do what nobody has seen by itself: that is told before it.
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack not applied in full: /plan dev network
        A plan with flags was applied, which leaves something out. What is left: `/plan dev network`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | not applied in full |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        says(&story, "ana", pr, "/plan dev network").await?;
        story.planned(pr, "dev", "network", "+2").await?;
        // Once more a part, which nobody applies: the full plan is the reviewed one.
        says(&story, "ana", pr, part).await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is planned
        Nothing has to be applied before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +2 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        Ok(story)
    });
}

#[test]
fn a_merge_right_after_a_partial_apply_applies_nothing_unseen() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "two", "Two more", &[(EXTRA, TWO)])
            .await?;
        story.planned(pr, "dev", "network", "+3").await?;
        says(
            &story,
            "ana",
            pr,
            "/plan dev network -- -target=terraform_data.one",
        )
        .await?;
        says(&story, "ana", pr, "/apply dev network").await?;
        outcome(&mut story, pr, "Applied").await?;
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "failed").await?, @r"
        ### ❌ Apply of `COMMIT` in dev failed

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |

        - ❌ network: nothing was changed: on the merge commit the plan is +2, which is not what was reviewed (+3\) — `/plan dev network` shows what would change now; then `/apply dev network`

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}
