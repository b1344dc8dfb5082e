//! Applying: exactly the plans shown, by those who may, if every gate is open.

use serde_json::json;

use crate::bot::tell;

const DEV: &str = "infra/01-network/dev.tfvars";
const PROD: &str = "infra/01-network/prod.tfvars";
const DATABASE: &str = "infra/02-database/dev.tfvars";

/// The variables of the network with another range.
fn network(env: &str, cidr: &str) -> String {
    format!("environment = \"{env}\"\ncidr = \"{cidr}\"\n")
}

/// The variables of the database with another size.
fn database(env: &str, size: &str) -> String {
    format!("environment = \"{env}\"\nsize = \"{size}\"\n")
}

#[test]
fn a_plan_is_applied_with_the_role_for_it() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story.open("ana", "cidr", "Another network", &[(DEV, &text)]).await?;
        story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(story.roles(), ["slipway-plan"]);
        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "eyes").await?;
        let applied = story.reads(pr, "✅ Applied").await?;
        insta::assert_snapshot!(applied, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.sees(said, "rocket").await?;
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        insta::assert_snapshot!(check.output.title.unwrap_or_default(), @"Applied +1");
        let plan = story.reads(pr, "applied").await?;
        insta::assert_snapshot!(plan, @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied +1 by `ana` |

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        let cidr = json!({"name": "shop-dev", "cidr": "10.9.0.0/16"});
        assert_eq!(story.state("dev", "network")?, Some(cidr));
        assert_eq!(story.roles(), ["slipway-plan", "slipway-apply"]);
        Ok(story)
    });
}

#[test]
fn two_stacks_are_applied_in_the_order_of_their_needs() {
    tell(|mut story| async {
        let (network, database) = (network("dev", "10.9.0.0/16"), database("dev", "huge"));
        let files = [(DEV, network.as_str()), (DATABASE, database.as_str())];
        let pr = story.open("ana", "both", "Both stacks", &files).await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.say("ana", pr, "/apply").await?;
        let applied = story.reads(pr, "✅ Applied").await?;
        insta::assert_snapshot!(applied, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

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

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert!(check.updates > 0, "the check showed no progress");
        let written: Vec<String> = story
            .world
            .aws
            .journal()
            .into_iter()
            .filter(|entry| entry.action == "PutObject" && entry.resource.ends_with(".tfstate"))
            .map(|entry| entry.resource)
            .collect();
        let bucket = "acme-shop-dev-state";
        let network = format!("{bucket}/network.tfstate");
        assert_eq!(written.first(), Some(&network));
        assert_eq!(written.last(), Some(&format!("{bucket}/database.tfstate")));
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn what_needs_a_failed_stack_is_skipped() {
    tell(|mut story| async {
        // It plans well, and fails when it is applied.
        let broken = "resource \"terraform_data\" \"migration\" {\n  provisioner \"local-exec\" {\n    command = \"echo the table is locked >&2; exit 7\"\n  }\n}\n";
        let database = database("dev", "huge");
        let files = [
            ("infra/01-network/migration.tf", broken),
            (DATABASE, database.as_str()),
        ];
        let pr = story.open("ana", "broken", "A migration", &files).await?;
        story.check(&story.head(pr), "plan dev").await?;
        let said = story.say("ana", pr, "/apply dev").await?;
        let failed = story.reads(pr, "❌ Apply").await?;
        insta::assert_snapshot!(failed, @r#"
        ### ❌ Apply of `COMMIT` in dev failed · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |
        | database | skipped: network comes first and is not applied |

        - ❌ network: local-exec provisioner error (migration.tf:2\): Error running command 'echo the table is locked &gt;&amp;2; exit 7': exit status 7\. Output: the table is locked; 1 of 2 steps were done — mend it and push, or \`/retry\`
        - ❌ network: local-exec provisioner error (`migration.tf:2`)

        <details><summary>network: what Terraform says</summary>

        ```
        Error: local-exec provisioner error
          on migration.tf:2
          with terraform_data.migration
            |   provisioner "local-exec" {
          Error running command 'echo the table is locked >&2; exit 7': exit status 7. Output: the table is locked
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.sees(said, "-1").await?;
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        assert_eq!(story.state("dev", "database")?, None);
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_person_without_the_right_is_refused() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story.open("ben", "cidr", "Another network", &[(PROD, &text)]).await?;
        story.check(&story.head(pr), "plan prod").await?;
        let said = story.say("ana", pr, "/apply prod").await?;
        let refused = story.reads(pr, "⛔ Not applied").await?;
        insta::assert_snapshot!(refused, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not apply in prod | somebody of `maintain` |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ben |
        | checks | `test` has not reported | success of each on `COMMIT` |
        ");
        story.sees(said, "-1").await?;
        assert_eq!(story.state("prod", "network")?, None);
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}
