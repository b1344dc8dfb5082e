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
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @"");
        let check = story.check(&story.head(pr), "plan dev").await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        // Nobody has applied it: what counts is the full plan.
        insta::assert_snapshot!(summary(&story, pr).await?, @"");

        // It is applied by name alone.
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev").await?, @"");
        insta::assert_snapshot!(story.ask("ana", pr, "/explain dev").await?, @"");
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @"");

        says(&story, "ana", pr, "/plan dev network").await?;
        story.planned(pr, "dev", "network", "+2").await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
        says(&story, "ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
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
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @"");
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
        // It left nothing out.
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
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
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @"");
        says(&story, "ana", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
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
        insta::assert_snapshot!(story.ask("ana", pr, destroy).await?, @"");
        // An administrator is nobody special here.
        let cleo = story.ask("cleo", pr, destroy).await?;
        assert!(
            cleo.contains("cleo may not destroy stacks in dev"),
            "{cleo}"
        );
        says(&story, "ben", pr, destroy).await?;
        insta::assert_snapshot!(story.reads(pr, "### Plan").await?, @"");

        // Applying it takes the right as well.
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev network").await?, @"");
        says(&story, "ben", pr, "/apply dev network").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
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
        insta::assert_snapshot!(told.join("\n"), @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/plan dev network -- -var=x=y").await?, @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/plan network -- -destroy").await?, @"");
        insta::assert_snapshot!(story.ask("ben", pr, "/apply dev network -- -destroy").await?, @"");
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
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
        says(&story, "ana", pr, "/plan dev network").await?;
        story.planned(pr, "dev", "network", "+2").await?;
        // Once more a part, which nobody applies: the full plan is the reviewed one.
        says(&story, "ana", pr, part).await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"");
        story.world.github.merge(REPO, pr, "ana").await?;
        insta::assert_snapshot!(outcome(&mut story, pr, "Applied").await?, @"");
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
        insta::assert_snapshot!(outcome(&mut story, pr, "failed").await?, @"");
        Ok(story)
    });
}
