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
            (
                "apply  = [\"maintain\"]",
                "apply  = [\"maintain\", \"write\"]",
            ),
            ("approvals    = 1", "approvals    = 0"),
            ("confirm      = true", "confirm      = false"),
            (
                "url          = \"https://shop.example.com\"",
                "url          = \"https://www.example.com\"",
            ),
            ("rollout      = \"2m\"", "rollout      = \"5m\""),
        ]);
        let pr = story
            .open("ana", "rules", "Faster", &[("deploy.toml", &text)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # ⚠️ 3 changes widen rights or loosen rules, 2 other
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Wider rights and looser rules**

        - ⚠️ prod · `allow.apply`: everyone with `write` may apply now
        - ⚠️ prod · `approvals`: nobody has to approve any more (was 1)
        - ⚠️ prod · `confirm`: nobody is asked for a second step any more

        **Other changes**

        - prod · `url`: `https://www.example.com/` instead of `https://shop.example.com/`
        - service `shop` · `rollout`: 5 min instead of 2 min

        ---
        ");
        story.quiet().await?;
        // Planning goes by the rules in force, and finds nothing to do.
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"
        plan dev: success, Nothing to do
        plan prod: success, Nothing to do
        slipway: success, Nothing to do
        slipway / deploy.toml: success, ⚠️ 3 changes widen rights or loosen rules, 2 other
        ");
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
            (
                "depends_on     = [\"network\"]",
                "depends_on     = [\"net\"]",
            ),
        ]);
        let pr = story
            .open("ana", "rules", "Other rules", &[("deploy.toml", &text)])
            .await?;
        let bad = story.head(pr);
        let check = story.check(&bad, CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        slipway / deploy.toml: failure
        # deploy.toml has 3 errors
        What is in force is `main`'s `deploy.toml` until this is merged.

        Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.

        ---
        ```
        deploy.toml:22:16: error: "soon" is not a length of time
           |
        22 | soak         = "soon"
           |                ^^^^^^
           = help: write it like "90s", "30m", "1h" or "1h30m"

        deploy.toml:23:1: error: unknown key `aprovals` in environments.prod
           |
        23 | aprovals     = 1
           | ^^^^^^^^
           = help: did you mean `approvals`?

        deploy.toml:54:19: error: there is no stack `net`
           |
        54 | depends_on     = ["net"]
           |                   ^^^^^
           = help: there are `network`, `database`
        ```

        @ deploy.toml:22-22 failure: "soon" is not a length of time: write it like "90s", "30m", "1h" or "1h30m"
        @ deploy.toml:23-23 failure: unknown key `aprovals` in environments.prod: did you mean `approvals`?
        @ deploy.toml:54-54 failure: there is no stack `net`: there are `network`, `database`
        "#);
        let text = rules(&[("soak         = \"4s\"", "soak         = \"1h\"")]);
        story
            .push("ana", "rules", "Mend it", &[("deploy.toml", &text)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # 1 change, none that widens rights or loosens rules
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Changes**

        - prod · `soak`: 1 h instead of N s

        ---
        ");
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
            .open(
                "ana",
                "first",
                "Use Slipway",
                &[("deploy.toml", &rules(&[]))],
            )
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # The first deploy.toml: 2 environments, 2 stacks, 1 service
        `main` has no `deploy.toml`: nothing is planned, applied or deployed until one is merged.

        **What it says**

        - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; a merge applies and deploys by itself; stacks `network`, `database`
        - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `maintain` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, `team:acme/releasers` may deploy as `slipway-deploy`; gates: after `dev`, 1 approval, checks: `test`, merged, confirmed; stacks `network`, `database`
        - stack `network` is new: `infra/01-network` in `dev`, `prod`
        - stack `database` is new: `infra/02-database` in `dev`, `prod`
        - service `shop` is new: `ghcr.io/acme/shop` from `app/k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`

        ---
        ");
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"slipway / deploy.toml: success, The first deploy.toml: 2 environments, 2 stacks, 1 service");
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
        insta::assert_snapshot!(check.output.title.unwrap_or_default(), @"deploy.toml is good again: 2 environments, 2 stacks, 1 service");
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
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # No rule changes (comments or layout only)
        What is in force is `main`'s `deploy.toml` until this is merged.

        ---
        ");
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
        insta::assert_snapshot!(story.ask("cleo", other, "/lock prod migration").await?, @r#"
        (eyes rocket)
        ### 🔒 prod is yours, @cleo: "migration"

        It stays until it is freed · free it: `/unlock prod`
        "#);
        let github = story.world.github.clone();
        github
            .commit(REPO, "gone", "ana", "Remove it", &[("deploy.toml", None)])
            .await?;
        let pr = github
            .open_pull_request(REPO, "ana", "gone", "main", "No more", false)
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: neutral
        # ⚠️ deploy.toml goes, and with it all that Slipway does here
        What is in force is `main`'s `deploy.toml` until this is merged.

        Merged, this ends all that Slipway does in this repository: nothing is planned, applied or deployed any more. If the file was only to be moved: it is looked for at the root, by this name, and nowhere else.

        ⚠️ **Without rules once this is merged, and still there**

        - prod is locked by cleo (#1)

        ---
        ");
        insta::assert_snapshot!(story.ask("cleo", other, "/unlock prod").await?, @"
        (eyes rocket)
        ### 🔓 prod is free

        @cleo held it for N s.
        ");
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
            (
                "checks       = [\"test\"]",
                "checks       = [\"@acme/all #1 <b>\"]",
            ),
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
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # ⚠️ 2 changes widen rights or loosen rules
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Wider rights and looser rules**

        - ⚠️ prod · `allow.apply`: `user:mallory` may apply now; everyone with `maintain` may no longer apply
        - ⚠️ prod · `checks`: `@acme/all #1 <b>` instead of `test`

        ---
        ");
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
        insta::assert_snapshot!(story.shown(&second), @"
        slipway / deploy.toml: success
        # No rule changes (comments or layout only)
        What is in force is `main`'s `deploy.toml` until this is merged. The head is 1 commit behind `main`: rules that changed there since show here as if this took them back.

        ---
        ");
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
fn what_is_far_too_large_is_told_and_not_parsed() {
    tell(|story| async {
        let huge = format!("{}# {}\n", rules(&[]), "x".repeat(200_000));
        let pr = story
            .open("ana", "huge", "Huge", &[("deploy.toml", &huge)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(format!("{:?}: {:?}", check.conclusion, check.output.title), @r#"Some("failure"): Some("deploy.toml has 1 error")"#);
        let over = "#".repeat(1_100_000);
        story
            .push("ana", "huge", "Larger", &[("deploy.toml", &over)])
            .await?;
        let check = story.check(&story.head(pr), CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: failure
        # deploy.toml could not be read
        What is in force is `main`'s `deploy.toml` until this is merged.

        GitHub: reading deploy.toml of acme/shop at COMMIT: the file is larger than 1 MB. Nothing of it was checked. Once that is mended, re-run this check.

        ---
        ");
        Ok(story)
    });
}
