//! With whose credentials a plan is made, and in what environment.

use std::collections::BTreeSet;

use slipway_sandbox::aws::{Fault, Service};

use super::{DEV, NETWORK, OTHER_CIDR, network_with};
use crate::bot::tell;

#[test]
fn every_environment_is_planned_with_its_own_role() {
    tell(|mut story| async {
        let network = network_with("# checked\n");
        let pr = story
            .open("ana", "net", "Network", &[(NETWORK, &network)])
            .await?;
        for check in ["plan dev", "plan prod"] {
            story.check(&story.head(pr), check).await?;
        }
        story.settles(pr, "valid until").await?;
        let mut roles: Vec<String> = story
            .world
            .aws
            .assumed()
            .iter()
            .map(|role| {
                format!(
                    "{} by {} as {} for {} with {}",
                    role.role_arn,
                    role.by,
                    role.session_name,
                    role.source_identity.as_deref().unwrap_or("nobody"),
                    role.external_id.as_deref().unwrap_or("no external id"),
                )
            })
            .collect();
        roles.sort();
        insta::assert_snapshot!(roles.join("\n"), @r#"
        arn:aws:iam::111111111111:role/slipway-plan by arn:aws:iam::999999999999:user/slipway as slipway-acme.shop-1-ana for ana@acme.shop with acme-shop
        arn:aws:iam::222222222222:role/slipway-plan by arn:aws:iam::999999999999:user/slipway as slipway-acme.shop-1-ana for ana@acme.shop with acme-shop
        "#);
        // Whoever touches the state of an environment is that environment's role.
        for entry in story.world.aws.journal() {
            let who = entry.who.unwrap_or_default();
            let account = match () {
                () if entry.resource.starts_with("acme-shop-dev-state") => "111111111111",
                () if entry.resource.starts_with("acme-shop-prod-state") => "222222222222",
                () => continue,
            };
            assert!(
                who.contains(account) && who.contains("slipway-plan"),
                "{who} at {}",
                entry.resource
            );
        }
        Ok(story)
    });
}

#[test]
fn terraform_is_led_to_the_credentials_of_one_role_and_gets_nothing_of_the_bot() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.settles(pr, "valid until").await?;
        let environments = story.valve.environments()?;
        let names: BTreeSet<&str> = environments
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, _)| name))
            // The shell of the valve sets these itself.
            .filter(|name| !["PWD", "_", "OLDPWD", "SHLVL"].contains(name))
            .collect();
        let names = Vec::from_iter(names).join("\n");
        insta::assert_snapshot!(names, @r#"
        AWS_CONTAINER_AUTHORIZATION_TOKEN
        AWS_CONTAINER_CREDENTIALS_FULL_URI
        AWS_DEFAULT_REGION
        AWS_EC2_METADATA_DISABLED
        AWS_REGION
        CHECKPOINT_DISABLE
        HOME
        PATH
        TF_DATA_DIR
        TF_INPUT
        TF_IN_AUTOMATION
        TMPDIR
        "#);
        let role = story.world.aws.assumed().pop().unwrap();
        for secret in [
            role.access_key_id,
            story.world.github.webhook_secret(),
            story.world.bot_keys.access_key_id.clone(),
            story.world.bot_keys.secret_access_key.clone(),
            story.world.github.private_key_pem(),
            "ghs_".to_owned(),
            "sqlite:".to_owned(),
            slipway_sandbox::world::REGISTRY_PASSWORD.to_owned(),
        ] {
            assert!(
                !environments.contains(&secret),
                "Terraform was given {secret}"
            );
        }
        // Each Terraform has a door and a token of its own, and both are nothing once it has ended.
        let all = |variable: &str| -> Vec<&str> {
            let lines = environments.lines();
            lines
                .filter_map(|line| line.strip_prefix(variable)?.strip_prefix('='))
                .collect()
        };
        let doors = all("AWS_CONTAINER_CREDENTIALS_FULL_URI");
        let tokens = all("AWS_CONTAINER_AUTHORIZATION_TOKEN");
        assert!(tokens.len() > 1 && doors.len() == tokens.len());
        assert_eq!(BTreeSet::from_iter(&tokens).len(), tokens.len());
        for (door, token) in doors.iter().zip(tokens) {
            let answer = reqwest::Client::new()
                .get(*door)
                .header("Authorization", token)
                .send()
                .await;
            let status = answer.map(|answer| answer.status());
            assert!(
                !status.as_ref().is_ok_and(http::StatusCode::is_success),
                "{status:?}"
            );
        }
        Ok(story)
    });
}

#[test]
fn a_refused_role_is_told_and_nothing_is_run() {
    tell(|mut story| async {
        story
            .world
            .aws
            .fail(Service::Sts, Some("AssumeRole"), Fault::AccessDenied, 9);
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: assuming arn:aws:iam::111111111111:role/slipway-plan: AccessDenied: Access Denied — grant the right, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.valve.environments()?, "");
        Ok(story)
    });
}

#[test]
fn credentials_of_another_account_are_not_used() {
    tell(|mut story| async {
        let prod = story.world.aws.add_account("333333333333")?;
        story
            .world
            .aws
            .change_role("arn:aws:iam::111111111111:role/slipway-plan", |role| {
                role.answers_as = Some(prod);
            })?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @r#"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `credentials` |

        - ❌ dev · network failed at `credentials`: AWS STS: proving who arn:aws:iam::111111111111:role/slipway-plan is: the credentials are of account 333333333333, deploy.toml says 111111111111; nothing was run with them — grant the right, then `/retry`

        [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.valve.environments()?, "");
        Ok(story)
    });
}
