//! What a plan comment says of a plan: what loses data first, and a long one summed up.

use crate::bot::tell;

const NETWORK: &str = "infra/01-network/main.tf";

fn network_with(more: &str) -> String {
    let shop = include_str!("../../../sandbox/src/world/shop/network/main.tf");
    format!("{shop}\n{more}")
}

#[test]
fn types_that_the_repository_names_are_stateful_and_a_long_plan_is_summed_up() {
    tell(|mut story| async {
        let rules = include_str!("../../../sandbox/src/world/shop/deploy.toml");
        let rules = format!("{rules}\n[hazards]\ntypes = [\"terraform_d*\"]\n");
        story
            .push("cleo", "main", "Data", &[("deploy.toml", &rules)])
            .await?;
        // First live: what holds data in this repository's eyes.
        let ledger = network_with("resource \"terraform_data\" \"ledger\" {}\n");
        let pr = story
            .open("ana", "ledger", "A ledger", &[(NETWORK, &ledger)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.settles(pr, "Applied").await?;
        story.quiet().await?;
        story.settles(pr, "✅ applied").await?;
        // Then many workers in its place.
        let workers = network_with("resource \"terraform_data\" \"worker\" {\n  count = 26\n}\n");
        story
            .push("ana", "ledger", "Workers", &[(NETWORK, &workers)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        let comment = story.settles(pr, "**-").await?;
        let (before, plan) = comment.split_once("```diff").unwrap();
        insta::assert_snapshot!(before, @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +26 **-1** |
        | prod | [network](http://HERE/runs/RUN) | +27 |

        - ⚠️ dev · network **destroys** `terraform_data.ledger` (because it is no longer in the configuration; **stateful**)

        <details><summary>dev · network: by module and type</summary>

        | module | type | changes |
        | --- | --- | --- |
        | root | `terraform_data` | +26 **-1** |

        </details>

        <details><summary>dev · network: full plan (+26 -1)</summary>
        ");
        assert!(plan.contains("+ terraform_data.worker[25]"));
        Ok(story)
    });
}
