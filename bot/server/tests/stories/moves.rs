//! What is moved and imported: reviewed, and applied on merge only if it is the same then.

use slipway_sandbox::world::REPO;

use crate::bot::tell;

const TFVARS: (&str, &str) = (
    "infra/01-network/dev.tfvars",
    "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
);
const MAIN: &str = include_str!("../../../sandbox/src/world/shop/network/main.tf");

#[test]
fn a_move_and_an_import_are_applied_on_merge_as_reviewed() {
    tell(|mut story| async {
        let first = story.open("ana", "first", "The network", &[TFVARS]).await?;
        story.settles(first, "Plan ·").await?;
        story.world.github.merge(REPO, first, "ana").await?;
        story.settles(first, "✅ Applied").await?;

        let renamed = MAIN
            .replace("\"terraform_data\" \"vpc\"", "\"terraform_data\" \"net\"")
            .replace("terraform_data.vpc.", "terraform_data.net.");
        let text = format!(
            "{renamed}\nmoved {{\n  from = terraform_data.vpc\n  to   = terraform_data.net\n}}\n\n\
             import {{\n  to = terraform_data.gate\n  id = \"gate-1\"\n}}\n\n\
             resource \"terraform_data\" \"gate\" {{}}\n"
        );
        let files = [("infra/01-network/main.tf", text.as_str())];
        let pr = story.open("ana", "moves", "Move it", &files).await?;
        insta::assert_snapshot!(story.settles(pr, "Plan ·").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | 1 imported 1 moved |
        | prod | [network](http://HERE/runs/RUN) | +1 1 imported |

        <details><summary>dev · network: full plan (1 imported 1 moved)</summary>

        ```diff
        # terraform_data.gate
        #   imported as "gate-1"
            # 1 unchanged attribute hidden

        # terraform_data.net
        #   moved from terraform_data.vpc
            # 3 unchanged attributes hidden
        ```

        </details>

        <details><summary>prod · network: full plan (+1 1 imported)</summary>

        ```diff
        + terraform_data.net
        +   id = (known after apply)
        +   input.cidr = "10.2.0.0/16"
        +   input.name = "shop-prod"
        +   output = (known after apply)

        # terraform_data.gate
        #   imported as "gate-1"
            # 1 unchanged attribute hidden

        # outputs
        + vpc = (known after apply)
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-2-ana`) · prod as `slipway-plan` in 222222222222 (session `slipway-acme.shop-2-ana`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](http://HERE/runs/RUN)
        "#);
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(story.settles(pr, "Applied `").await?, @r#"
        ### ✅ Applied `COMMIT` in dev

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied 1 imported in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        story.settles(pr, "Plan ·").await?;
        Ok(story)
    });
}

#[test]
fn another_import_than_the_reviewed_one_is_not_applied_on_merge() {
    tell(|mut story| async {
        let with = |id: &str| {
            format!(
                "{MAIN}\nimport {{\n  to = terraform_data.gate\n  id = var.cidr == \"10.9.0.0/16\" ? \
                 \"{id}\" : \"gate-1\"\n}}\n\nresource \"terraform_data\" \"gate\" {{}}\n"
            )
        };
        let text = with("gate-2");
        let files = [("infra/01-network/main.tf", text.as_str())];
        let pr = story.open("ana", "import", "Import it", &files).await?;
        story.settles(pr, "Plan ·").await?;
        // The branch moves on: what is imported is another object then.
        let (path, vars) = TFVARS;
        story
            .push("ben", "main", "Another range", &[(path, vars)])
            .await?;
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(story.settles(pr, "not what was reviewed").await?, @"
        ### ❌ Apply of `COMMIT` in dev failed

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |

        - ❌ network: nothing was changed: on the merge commit the plan is +1 1 imported, which is not what was reviewed (+1 1 imported) — `/plan dev network` shows what would change now; then `/apply dev network`

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.settles(pr, "Plan ·").await?;
        Ok(story)
    });
}
