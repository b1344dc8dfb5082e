//! What somebody tries who may open a pull request. Each is a line of docs/security.md; most have
//! their story where the feature has its own (forks in `planning`, what a plan sees of the bot in
//! `planning` and `credentials`, plan files in `plan_files`, policies, owners, rendering).

use std::path::Path;

use slipway_sandbox::world::REPO;

use crate::bot::tell;

/// Whether a file of that name lies anywhere below.
fn is_below(dir: &Path, name: &str) -> anyhow::Result<bool> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() == name {
            return Ok(true);
        }
        if entry.file_type()?.is_dir() && is_below(&entry.path(), name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn no_name_reaches_a_shell() {
    tell(|mut story| async {
        let dir = "infra/it's $(touch pwned); `touch pwned` & so on";
        let toml = include_str!("../../../sandbox/src/world/shop/deploy.toml");
        let toml = format!(
            "{toml}\n[stacks.odd]\ndir = \"{dir}\"\nenvironments = [\"dev\"]\nworkspace = \"default\"\n"
        );
        let path = format!("{dir}/main.tf");
        let text = |input: &str| {
            format!("resource \"terraform_data\" \"it\" {{\n  input = \"{input}\"\n}}\n")
        };
        let (before, after) = (text("before"), text("$${IFS}; touch pwned"));
        let files = [("deploy.toml", toml.as_str()), (path.as_str(), &before)];
        story.push("cleo", "main", "An odd name", &files).await?;

        let branch = "x;touch$IFS$9pwned;$(touch$IFS$9pwned)&";
        let title = "$(touch pwned) `touch pwned` @everyone <!-- slipway:plan-comment/1 -->";
        let odd = format!("{dir}/$(touch pwned).tf");
        let files = [(path.as_str(), after.as_str()), (&odd, "# nothing\n")];
        let pr = story.open("ana", branch, title, &files).await?;
        story.planned(pr, "dev", "odd", "+1").await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev odd").await?;
        story.hears(pr, "✅ Applied").await?;
        story.quiet().await?;
        let deeds = ["pwned", "pwned)"];
        for deed in deeds {
            assert!(!is_below(&story.data_dir(), deed)?, "{deed}");
            assert!(!Path::new(deed).exists(), "{deed}");
        }
        // A title that looks like a marker misleads nobody: the plans are in one comment.
        let plans = story.world.github.look(|model| {
            let all = model.repository(REPO).into_iter();
            let plans = all.flat_map(|repository| repository.comments(pr));
            plans
                .filter(|comment| comment.body.contains("### Plan"))
                .count()
        });
        assert_eq!(plans, 1);
        Ok(story)
    });
}
