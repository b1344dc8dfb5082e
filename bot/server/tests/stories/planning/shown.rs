//! How a plan comment shows what Terraform says.

use super::{DATABASE, DEV, NETWORK, OTHER_CIDR, network_with};
use crate::bot::tell;

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
        let shop = include_str!("../../../../sandbox/src/world/shop/database/main.tf");
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
