//! Stacks are touched by what they use: local modules, and files that are named in them.

use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const NAME: &str = "infra/modules/name/main.tf";
const TAGS: &str = "infra/modules/tags/main.tf";
const MORE_TAGS: &str = "infra/modules/tags/more.tf";
const UNUSED: &str = "infra/modules/unused/main.tf";
const MOTTO: &str = "infra/shared/motto.tftpl";

/// The database has a module of its own, which uses another, which reads a file elsewhere.
const USED: &[(&str, &str)] = &[
    (
        "infra/02-database/name.tf",
        "module \"name\" {\n  source = \"../modules/name\"\n}\n",
    ),
    (
        NAME,
        "module \"tags\" {\n  source = \"../tags\"\n}\n\nmodule \"far\" {\n  \
         source = \"./far\"\n}\n",
    ),
    ("infra/modules/name/far/main.tf.json", "{}\n"),
    (
        TAGS,
        "output \"motto\" {\n  value = templatefile(\"${path.module}/../../shared/motto.tftpl\", {})\n}\n",
    ),
    (MORE_TAGS, "# more\n"),
    (UNUSED, "# nobody's\n"),
    (MOTTO, "Ship it.\n"),
];

/// Opens a pull request with these changes; gives its number and what the plan comment comes to.
async fn proposed(
    story: &mut Story,
    branch: &str,
    files: &[(&str, Option<&str>)],
) -> anyhow::Result<(u64, String)> {
    let github = story.world.github.clone();
    github.commit(REPO, branch, "ana", branch, files).await?;
    let pr = github
        .open_pull_request(REPO, "ana", branch, "main", branch, false)
        .await?;
    story.check(&story.head(pr), "plan prod").await?;
    story.check(&story.head(pr), "plan dev").await?;
    let comment = story.settles(pr, "valid until").await?;
    Ok((pr, rows(&comment)))
}

/// The rows of the table in a comment.
fn rows(comment: &str) -> String {
    let rows = comment.lines().filter(|line| line.starts_with("| "));
    // Below the heading and its rule.
    rows.skip(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_module_touches_every_stack_that_uses_it_and_no_other() {
    tell(|mut story| async {
        story.push("ana", "main", "Modules", USED).await?;
        let (pr, planned) = proposed(&mut story, "tags", &[(TAGS, Some("# no motto\n"))]).await?;
        insta::assert_snapshot!(planned, @"
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |
        ");
        // Nobody has to name the stack, and there is nothing to answer.
        let said = story.say("ana", pr, "/plan dev").await?;
        story.sees(said, "eyes").await?;
        story.quiet().await?;
        assert_eq!(story.replies(pr).len(), 1);
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, +1
        plan prod: success, +1
        slipway: success, All is planned
        ");
        // What is planned before the merge is applied by it.
        let sha = story.merge("ana", pr).await?;
        story.check(&sha, "apply dev").await?;
        insta::assert_snapshot!(rows(&story.settles(pr, "Applied").await?), @"
        | database | ✅ applied +1 in N s |
        ");
        Ok(story)
    });
}

#[test]
fn a_file_elsewhere_touches_the_stacks_that_name_it() {
    tell(|mut story| async {
        story.push("ana", "main", "Modules", USED).await?;
        let (_, planned) = proposed(&mut story, "motto", &[(MOTTO, Some("Sail.\n"))]).await?;
        insta::assert_snapshot!(planned, @"
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |
        ");
        Ok(story)
    });
}

#[test]
fn a_module_that_goes_touches_the_stacks_that_used_it() {
    tell(|mut story| async {
        story.push("ana", "main", "Modules", USED).await?;
        let (_, planned) = proposed(&mut story, "less", &[(MORE_TAGS, None)]).await?;
        insta::assert_snapshot!(planned, @"
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |
        ");
        let gone = [(TAGS, None), (MORE_TAGS, None), (NAME, Some("# alone\n"))];
        let (_, planned) = proposed(&mut story, "gone", &gone).await?;
        insta::assert_snapshot!(planned, @"
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |
        ");
        Ok(story)
    });
}

#[test]
fn a_module_that_nobody_uses_touches_nothing() {
    tell(|story| async {
        story.push("ana", "main", "Modules", USED).await?;
        let files = [
            (UNUSED, "# still nobody's\n"),
            ("infra/shared/other.tftpl", "\n"),
        ];
        let pr = story.open("ana", "unused", "Unused", &files).await?;
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
