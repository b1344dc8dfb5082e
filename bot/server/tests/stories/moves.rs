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
        insta::assert_snapshot!(story.settles(pr, "Plan ·").await?, @"");
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(story.settles(pr, "Applied `").await?, @"");
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
        insta::assert_snapshot!(story.settles(pr, "not what was reviewed").await?, @"");
        story.settles(pr, "Plan ·").await?;
        Ok(story)
    });
}
