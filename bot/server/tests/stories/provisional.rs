//! A stack that reads what another one gives out is planned again once that is applied.

use serde_json::json;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const NETWORK: &str = "infra/01-network/dev.tfvars";
const DATABASE: &str = "infra/02-database/dev.tfvars";

fn network(cidr: &str) -> String {
    format!("environment = \"dev\"\ncidr = \"{cidr}\"\n")
}

/// The database reads the network's outputs, and the network is there in dev.
async fn begin(story: &mut Story) -> anyhow::Result<()> {
    let main = include_str!("../../../sandbox/src/world/shop/network/main.tf").replace(
        "value = terraform_data.vpc.output.name",
        "value = \"${terraform_data.vpc.output.name} at ${var.cidr}\"",
    );
    let text = network("10.3.0.0/16");
    let files = [
        ("infra/01-network/main.tf", main.as_str()),
        (NETWORK, &text),
    ];
    let pr = story.open("ana", "net", "A network", &files).await?;
    story.planned(pr, "dev", "network", "+1").await?;
    story.quiet().await?;
    story.say("ana", pr, "/apply dev").await?;
    story.hears(pr, "✅ Applied").await?;
    story.world.github.merge(REPO, pr, "ben").await?;
    story.settles(pr, "Nothing to do in dev").await?;

    let reading = format!(
        "data \"terraform_remote_state\" \"network\" {{
  backend = \"s3\"
  config = {{
    bucket                      = \"acme-shop-${{var.environment}}-state\"
    key                         = \"network.tfstate\"
    region                      = \"eu-central-1\"
    endpoints                   = {{ s3 = \"{}\" }}
    use_path_style              = true
    skip_credentials_validation = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
  }}
}}
",
        story.world.aws.url()
    );
    let database = include_str!("../../../sandbox/src/world/shop/database/main.tf").replace(
        "    size     = var.size\n",
        "    size     = var.size\n    vpc      = data.terraform_remote_state.network.outputs.vpc\n",
    );
    let database = format!("{database}\n{reading}");
    let toml = include_str!("../../../sandbox/src/world/shop/deploy.toml").replace(
        "[stacks.database]\n",
        "[stacks.database]\nenvironments = [\"dev\"]\n",
    );
    let files = [
        ("infra/02-database/main.tf", database.as_str()),
        ("deploy.toml", &toml),
    ];
    story
        .push("cleo", "main", "Read the network", &files)
        .await?;
    story.quiet().await
}

#[test]
fn a_plan_made_with_outputs_that_change_is_made_again_after_their_apply() {
    tell(|mut story| async {
        begin(&mut story).await?;
        let (network, database) = (
            network("10.7.0.0/16"),
            "environment = \"dev\"\nsize = \"huge\"\n",
        );
        let files = [(NETWORK, network.as_str()), (DATABASE, database)];
        let pr = story.open("ana", "both", "Both", &files).await?;
        let told = story.settles(pr, "provisional").await?;
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | \~1 |
        | dev | [database](http://HERE/runs/RUN) | +1, provisional |

        - ℹ️ dev · database is provisional: it reads outputs that are to change: `vpc` of network. `/apply dev` applies those first and plans database again
        ");

        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev database").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of database | provisional: it reads outputs that are to change: `vpc` of network | `/apply dev network` first; then it is planned again |
        ");

        story.say("ana", pr, "/apply dev").await?;
        let told = story.hears(pr, "✅ Applied").await?;
        insta::assert_snapshot!(told, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied \~1 in N s |

        - ℹ️ database reads outputs that change here, and is planned again after it: look at its new plan, then `/apply dev database`

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev at 10.7.0.0/16"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-2-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.state("dev", "database")?, None);
        let told = story.settles(pr, "### Plan").await?;
        insta::assert_snapshot!(told, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied \~1 by `ana` |
        | dev | [database](http://HERE/runs/RUN) | +1 |

        <details><summary>dev · database: full plan (+1)</summary>

        ```diff
        + terraform_data.instance
        +   id = (known after apply)
        +   input.name = "shop-dev"
        +   input.password = (sensitive)
        +   input.size = "huge"
        +   input.vpc = "shop-dev at 10.7.0.0/16"
        +   output = (known after apply)

        # outputs
        + endpoint = "shop-dev.db.example.com:5432"
        ```

        </details>

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-2-ana`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](http://HERE/runs/RUN)
        "#);

        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "| database | ✅ applied").await?;
        let made = story.state("dev", "database")?.unwrap_or_default();
        assert_eq!(made["vpc"], json!("shop-dev at 10.7.0.0/16"), "{made}");
        Ok(story)
    });
}
