//! Pull requests that change deploy.toml: what is wrong with the new file, and which rules it would
//! change.

use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const CHECK: &str = "slipway / deploy.toml";
const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";

/// The world's deploy.toml with one text in place of another, each.
fn rules(pairs: &[(&str, &str)]) -> String {
    let mut text = include_str!("../../../sandbox/src/world/shop/deploy.toml").to_owned();
    for (from, to) in pairs {
        assert_eq!(text.matches(from).count(), 1, "{from:?}");
        text = text.replace(from, to);
    }
    text
}

/// How often the check was made for a commit.
fn times(story: &Story, sha: &str) -> usize {
    let runs = story.world.github.check_runs(REPO, sha);
    runs.iter().filter(|check| check.name == CHECK).count()
}

#[test]
fn wider_rights_and_looser_rules_are_told_first() {
    tell(|story| async {
        let text = rules(&[
            ("apply  = [\"maintain\"]", "apply  = [\"maintain\", \"write\"]"),
            ("approvals    = 1", "approvals    = 0"),
            ("confirm      = true", "confirm      = false"),
            ("url          = \"https://shop.example.com\"", "url          = \"https://www.example.com\""),
            ("rollout      = \"2m\"", "rollout      = \"5m\""),
        ]);
        let pr = story
            .open("ana", "rules", "Faster", &[("deploy.toml", &text)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        story.quiet().await?;
        // Planning goes by the rules in force, and finds nothing to do.
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"");
        assert_eq!(times(&story, &story.head(pr)), 1);
        assert_eq!(story.roles(), Vec::<String>::new());
        Ok(story)
    });
}

#[test]
fn errors_stand_on_their_lines_and_a_second_push_mends_them() {
    tell(|story| async {
        let text = rules(&[
            ("approvals    = 1", "aprovals     = 1"),
            ("soak         = \"4s\"", "soak         = \"soon\""),
            ("depends_on     = [\"network\"]", "depends_on     = [\"net\"]"),
        ]);
        let pr = story
            .open("ana", "rules", "Other rules", &[("deploy.toml", &text)])
            .await?;
        let bad = story.head(pr);
        let check = story.check(&bad, CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        let columns: Vec<_> = check
            .output
            .annotations
            .iter()
            .map(|note| (note.start_line, note.start_column, note.end_column))
            .collect();
        insta::assert_debug_snapshot!(columns, @"");
        let text = rules(&[("soak         = \"4s\"", "soak         = \"1h\"")]);
        story
            .push("ana", "rules", "Mend it", &[("deploy.toml", &text)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        story.quiet().await?;
        // The older head keeps its own.
        assert_eq!(times(&story, &bad), 1);
        let check = story.check(&bad, CHECK).await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        Ok(story)
    });
}

#[test]
fn the_first_deploy_toml_is_told_as_a_whole() {
    tell(|story| async {
        let github = story.world.github.clone();
        github
            .commit(REPO, "main", "cleo", "Remove it", &[("deploy.toml", None)])
            .await?;
        let pr = story
            .open("ana", "first", "Use Slipway", &[("deploy.toml", &rules(&[]))])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"");
        Ok(story)
    });
}

#[test]
fn a_file_that_mends_the_one_in_force_is_checked() {
    tell(|story| async {
        let broken = rules(&[("auto_apply  = true", "auto_aply   = true")]);
        story
            .push("cleo", "main", "Break it", &[("deploy.toml", &broken)])
            .await?;
        let pr = story
            .open("ana", "mend", "Mend it", &[("deploy.toml", &rules(&[]))])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        insta::assert_snapshot!(check.output.title.unwrap_or_default(), @"");
        Ok(story)
    });
}

#[test]
fn comments_and_layout_are_no_change() {
    tell(|story| async {
        let text = rules(&[("version = 1\n", "\nversion=1 # the only one\n")]);
        let pr = story
            .open("ana", "words", "Say more", &[("deploy.toml", &text)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        Ok(story)
    });
}

#[test]
fn its_removal_is_told_with_what_is_still_there() {
    tell(|mut story| async {
        let other = story
            .open("ben", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.check(&story.head(other), "plan dev").await?;
        story.settles(other, "valid until").await?;
        insta::assert_snapshot!(story.ask("cleo", other, "/lock prod migration").await?, @"");
        let github = story.world.github.clone();
        github
            .commit(REPO, "gone", "ana", "Remove it", &[("deploy.toml", None)])
            .await?;
        let pr = github
            .open_pull_request(REPO, "ana", "gone", "main", "No more", false)
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        insta::assert_snapshot!(story.ask("cleo", other, "/unlock prod").await?, @"");
        Ok(story)
    });
}

#[test]
fn a_fork_gets_the_check_and_nothing_of_it_is_run() {
    tell(|story| async {
        let github = story.world.github.clone();
        let fork = github.fork(REPO, "mallory").await?;
        let text = rules(&[
            ("apply  = [\"maintain\"]", "apply  = [\"user:mallory\"]"),
            ("checks       = [\"test\"]", "checks       = [\"@acme/all #1 <b>\"]"),
        ]);
        let files = [("deploy.toml", Some(text.as_str()))];
        github
            .commit(&fork, "rules", "mallory", "Help", &files)
            .await?;
        let pr = github
            .open_pull_request(REPO, "mallory", "mallory:rules", "main", "Help", false)
            .await?;
        let head = story.head(pr);
        let check = story.check(&head, CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        story.quiet().await?;
        assert_eq!(story.roles(), Vec::<String>::new());
        // It can be asked for again there too.
        github.rerequest_check("ben", check.id).await?;
        story.quiet().await?;
        assert_eq!(times(&story, &head), 2);
        Ok(story)
    });
}

#[test]
fn a_check_that_is_asked_for_again_is_a_new_one() {
    tell(|story| async {
        let text = rules(&[("soak         = \"4s\"", "soak         = \"5s\"")]);
        let pr = story
            .open("ana", "rules", "Slower", &[("deploy.toml", &text)])
            .await?;
        let head = story.head(pr);
        let first = story.check(&head, CHECK).await?;
        // The rules in force move meanwhile, and nobody tells the check.
        story
            .push("cleo", "main", "The same", &[("deploy.toml", &text)])
            .await?;
        story.quiet().await?;
        story.world.github.rerequest_check("ben", first.id).await?;
        story.quiet().await?;
        let second = story.check(&head, CHECK).await?;
        assert_ne!(second.id, first.id);
        insta::assert_snapshot!(story.shown(&second), @"");
        // Asked for once more, it says the same, and is a new one all the same.
        story.world.github.rerequest_check("ben", second.id).await?;
        story.quiet().await?;
        let third = story.check(&head, CHECK).await?;
        assert_ne!(third.id, second.id);
        assert_eq!(story.shown(&third), story.shown(&second));
        assert_eq!(times(&story, &head), 3);
        Ok(story)
    });
}

#[test]
fn what_is_no_text_or_far_too_large_is_told_and_not_parsed() {
    tell(|story| async {
        let huge = format!("{}# {}\n", rules(&[]), "x".repeat(200_000));
        let pr = story
            .open("ana", "huge", "Huge", &[("deploy.toml", &huge)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(format!("{:?}: {:?}", check.conclusion, check.output.title), @"");
        let over = "#".repeat(1_100_000);
        story
            .push("ana", "huge", "Larger", &[("deploy.toml", &over)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"");
        Ok(story)
    });
}
