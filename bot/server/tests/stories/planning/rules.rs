//! deploy.toml and plans: none, a broken one, a changed one.

use slipway_sandbox::world::REPO;

use super::{DEV, OTHER_CIDR, deploy_toml};
use crate::bot::tell;

#[test]
fn without_a_deploy_toml_nothing_is_planned_and_a_command_says_why() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        github
            .commit(REPO, "main", "cleo", "Remove it", &[("deploy.toml", None)])
            .await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.checks(&story.head(pr)), @"");
        assert!(story.replies(pr).is_empty());
        let asked = story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "deploy.toml").await?, @r#"
        ### 😕 There is no `deploy.toml` on `main`

        Slipway reads its rules from the default branch. Add one at the root of the repository; `slipway schema` prints its schema.
        "#);
        story.sees(asked, "confused").await?;
        Ok(story)
    });
}

#[test]
fn an_invalid_deploy_toml_of_the_default_branch_is_told() {
    tell(|mut story| async {
        let toml = deploy_toml().replace("auto_deploy = true", "auto_deplyo = true");
        story
            .push("cleo", "main", "Break it", &[("deploy.toml", &toml)])
            .await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: failure
        # deploy.toml has 1 error
        deploy.toml on `main`. Nothing is planned, applied or deployed until it is mended.
        ---
        ```
        deploy.toml:6:1: error: unknown key `auto_deplyo` in environments.dev
        ```

        @ deploy.toml:6-6 failure: unknown key `auto_deplyo` in environments.dev: did you mean `auto_deploy`?
        ");
        story.quiet().await?;
        assert!(story.replies(pr).is_empty());
        let asked = story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(story.settles(pr, "deploy.toml").await?, @r#"
        ### ⛔ `deploy.toml` on `main` has errors

        - line 6: unknown key `auto_deplyo` in environments.dev: did you mean `auto_deploy`?

        Nothing is planned, applied or deployed until they are mended. `slipway check` finds them before a push.
        "#);
        story.sees(asked, "confused").await?;
        Ok(story)
    });
}

#[test]
fn a_changed_deploy_toml_is_checked_and_does_not_count_yet() {
    tell(|mut story| async {
        // The pull request would give itself a role of prod in dev.
        let toml = deploy_toml()
            .replace("soak         = \"4s\"", "soak         = \"soon\"")
            .replace(
                "arn:aws:iam::111111111111:role/slipway-plan",
                "arn:aws:iam::222222222222:role/slipway-plan",
            );
        let files = [("deploy.toml", toml.as_str()), (DEV, OTHER_CIDR)];
        let pr = story.open("ana", "rules", "Other rules", &files).await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @r#"
        slipway / deploy.toml: failure
        # deploy.toml has 2 errors
        What is in force is `main`'s `deploy.toml` until this is merged.

        Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.

        ---
        ```
        deploy.toml:13:15: error: this role is in account 222222222222, the environment in 111111111111
           |
        13 | plan_role   = "arn:aws:iam::222222222222:role/slipway-plan"
           |               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = help: every role of an environment is in its account

        deploy.toml:22:16: error: "soon" is not a length of time
           |
        22 | soak         = "soon"
           |                ^^^^^^
           = help: write it like "90s", "30m", "1h" or "1h30m"
        ```

        @ deploy.toml:13-13 failure: this role is in account 222222222222, the environment in 111111111111: every role of an environment is in its account
        @ deploy.toml:22-22 failure: "soon" is not a length of time: write it like "90s", "30m", "1h" or "1h30m"
        "#);
        story.settles(pr, "valid until").await?;
        story.check(&story.head(pr), "plan dev").await?;
        let roles: Vec<String> = story
            .world
            .aws
            .assumed()
            .into_iter()
            .map(|r| r.role_arn)
            .collect();
        assert_eq!(roles, ["arn:aws:iam::111111111111:role/slipway-plan"]);
        let text = deploy_toml().replace("soak         = \"4s\"", "soak         = \"5s\"");
        story
            .push("ana", "rules", "Better rules", &[("deploy.toml", &text)])
            .await?;
        let check = story
            .check(&story.head(pr), "slipway / deploy.toml")
            .await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway / deploy.toml: success
        # 1 change, none that widens rights or loosens rules
        What is in force is `main`'s `deploy.toml` until this is merged.

        **Changes**

        - prod · `soak`: N s instead of N s

        ---
        ");
        story.check(&story.head(pr), "plan dev").await?;
        Ok(story)
    });
}
