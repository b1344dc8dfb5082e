//! What is shown of runs: nothing that is marked as sensitive, and nothing to whoever was not shown
//! where to look.

use crate::bot::tell;

const DATABASE: &str = "infra/02-database/main.tf";
const SECRET: &str = "correct-horse-battery-staple";

/// The database with more in it.
fn database_with(more: &str) -> String {
    let main = include_str!("../../../../sandbox/src/world/shop/database/main.tf");
    format!("{main}\n{more}")
}

#[test]
fn a_sensitive_value_stays_unseen_within_others_and_in_what_fails() {
    tell(|mut story| async {
        let main = database_with(
            r#"
output "nested" {
  sensitive = true
  value     = { hosts = [{ name = "a", password = var.master_password }] }
}

resource "terraform_data" "nested" {
  input = {
    hosts = [{ name = "a", url = "postgres://shop:${var.master_password}@db" }]
    json  = jsonencode({ deep = [{ password = var.master_password }] })
  }
}

resource "terraform_data" "migration" {
  input = terraform_data.nested.id
  provisioner "local-exec" {
    command = "echo migrating with ${var.master_password}; exit 3"
  }
}
"#,
        );
        let files = [
            (DATABASE, main.as_str()),
            (
                "infra/02-database/dev.tfvars",
                "environment = \"dev\"\nsize = \"huge\"\n",
            ),
        ];
        let pr = story.open("ana", "nested", "Nested", &files).await?;
        story.planned(pr, "dev", "database", "+3").await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "❌").await?, @r#"
        ### ❌ Apply of `COMMIT` in dev failed · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ❌ failed after N s |

        - ❌ database: local-exec provisioner error (main.tf:48\): Error running command 'echo migrating with \[redacted\]; exit 3': exit status 3\. Output: migrating with \[redacted\]; 2 of 3 steps were done — mend it and push, or `/retry`
        - ❌ database: local-exec provisioner error (`main.tf:48`)

        <details><summary>database: what Terraform says</summary>

        ```
        Error: local-exec provisioner error
          on main.tf:48
          with terraform_data.migration
            |   provisioner "local-exec" {
          Error running command 'echo migrating with [redacted]; exit 3': exit status 3. Output: migrating with [redacted]
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.quiet().await?;
        assert!(!story.everything_written().await?.contains(SECRET));
        Ok(story)
    });
}

#[test]
fn the_page_of_a_run_is_found_by_its_whole_id_alone() {
    tell(|mut story| async {
        let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
        let files = [("infra/01-network/dev.tfvars", text)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.quiet().await?;
        let ids: Vec<(String,)> = sqlx::query_as("SELECT id FROM runs")
            .fetch_all(&story.store().await?)
            .await?;
        let (id,) = &ids[0];
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
        let status = |path: String| {
            let url = format!("{}{path}", story.url);
            async move { anyhow::Ok(reqwest::get(url).await?.status().as_u16()) }
        };
        assert_eq!(status(format!("/runs/{id}")).await?, 200);
        // Neither its beginning, which comments show, nor what databases take for anything.
        let wild = [
            id[..8].to_owned(),
            id[..31].to_owned(),
            format!("{id}0"),
            "%25".to_owned(),
            "_".repeat(32),
            format!("{}%25", &id[..8]),
            "0".repeat(32),
            format!("..%2Fruns%2F{id}"),
            String::new(),
        ];
        for guess in wild {
            assert_eq!(status(format!("/runs/{guess}")).await?, 404, "{guess}");
        }
        for list in ["/runs", "/api/runs", "/api/explain", "/data/slipway.db"] {
            assert_eq!(status(list.to_owned()).await?, 404, "{list}");
        }
        let front = reqwest::get(&story.url).await?.text().await?;
        assert!(
            !front.contains("runs/") && !front.contains("acme"),
            "{front}"
        );
        Ok(story)
    });
}
