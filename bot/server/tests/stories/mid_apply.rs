//! What happens to the pull request, to GitHub and to one stack of several while an apply is under way.

use slipway_sandbox::github::Fault;
use slipway_sandbox::world::REPO;

use crate::bot::{PATIENCE, Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const PROD: &str = "infra/01-network/prod.tfvars";
const RULES: &str = include_str!("../../../sandbox/src/world/shop/deploy.toml");

fn network(env: &str, cidr: &str) -> String {
    format!("environment = \"{env}\"\ncidr = \"{cidr}\"\n")
}

/// People apply in dev on the open pull request.
async fn by_hand(story: &Story) -> anyhow::Result<()> {
    let text = RULES.replace("auto_apply  = true\n", "");
    assert_ne!(text, RULES);
    story
        .push("cleo", "main", "Apply by hand", &[("deploy.toml", &text)])
        .await?;
    Ok(())
}

async fn summary(story: &Story, sha: &str) -> anyhow::Result<String> {
    let check = story.check(sha, "slipway").await?;
    Ok(story.shown(&check))
}

#[test]
fn a_push_in_the_middle_of_an_apply_makes_the_new_head_no_success() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let text = network("dev", "10.1.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let old = story.head(pr);
        story.valve.shut("apply")?;
        story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        let text = network("dev", "10.2.0.0/16");
        story
            .push("ana", "cidr", "Yet another", &[(DEV, &text)])
            .await?;
        story.world.github.idle(PATIENCE).await?;
        waiting.release();
        // What was applied is told of the commit that it was.
        let told = story.hears(pr, "✅ Applied").await?;
        insta::assert_snapshot!(told, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        let (old, new) = (old.get(..7).unwrap_or_default().to_owned(), story.head(pr));
        assert_ne!(new.get(..7), Some(old.as_str()));
        let comments = story.world.github.comments(REPO, pr);
        let about = |sha: &str| {
            comments
                .iter()
                .any(|comment| comment.body.contains(&format!("Applied `{sha}`")))
        };
        assert!(about(&old) && !about(&new[..7]));
        // The new head has all of its way before it.
        story.planned(pr, "dev", "network", "~1").await?;
        story.quiet().await?;
        insta::assert_snapshot!(summary(&story, &new).await?, @"
        slipway: action_required
        # 1 stack to apply before the merge: /apply dev
        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | to apply |

        ---
        ");
        Ok(story)
    });
}

#[test]
fn what_cannot_be_read_right_before_the_effect_is_not_passed() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        let github = story.world.github.clone();
        github.review(REPO, pr, "ben", "approve").await?;
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        story.valve.shut("init")?;
        story.say("ben", pr, "/apply prod").await?;
        let waiting = story.valve.reached("init").await?;
        github.fault(Fault {
            method: Some(http::Method::GET),
            path: format!("/repos/{REPO}/pulls/{pr}/reviews*"),
            times: None,
            effect: Fault::status(502, "Server Error"),
        });
        waiting.release();
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in prod: `COMMIT` · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate approval is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | could not be read: GitHub: reading the reviews of acme/shop#&#8203;1: Server Error | try again in a minute; what can't be read is not passed |

        next: `/retry` or `/explain prod` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("prod", "network")?, None);
        github.clear_faults();
        Ok(story)
    });
}

#[test]
fn one_of_three_fails_and_what_needs_nothing_of_it_is_applied() {
    tell(|mut story| async {
        let rules = format!(
            "{RULES}\n[stacks.audit]\ndir = \"infra/03-audit\"\nworkspace = \"default\"\n\
             environments = [\"dev\"]\n"
        );
        story
            .push("cleo", "main", "A third stack", &[("deploy.toml", &rules)])
            .await?;
        let audit = format!(
            r#"
            terraform {{
              backend "s3" {{
                bucket                      = "acme-shop-dev-state"
                key                         = "audit.tfstate"
                region                      = "eu-central-1"
                endpoints                   = {{ s3 = "{}" }}
                use_path_style              = true
                skip_credentials_validation = true
                skip_region_validation      = true
                skip_requesting_account_id  = true
                skip_metadata_api_check     = true
              }}
            }}
            resource "terraform_data" "trail" {{
              input = "all"
            }}
            "#,
            story.world.aws.url()
        );
        let broken = "resource \"terraform_data\" \"migration\" {\n  provisioner \"local-exec\" {\n    command = \"exit 7\"\n  }\n}\n";
        let database = "environment = \"dev\"\nsize = \"huge\"\n";
        let files = [
            ("infra/01-network/migration.tf", broken),
            ("infra/02-database/dev.tfvars", database),
            ("infra/03-audit/main.tf", audit.as_str()),
        ];
        let pr = story.open("ana", "broken", "Three", &files).await?;
        story.planned(pr, "dev", "audit", "+1").await?;
        story.quiet().await?;
        let said = story.say("ana", pr, "/apply dev").await?;
        let told = story.hears(pr, "❌ Apply").await?;
        let table: Vec<&str> = told.lines().filter(|line| line.starts_with('|')).collect();
        insta::assert_snapshot!(table.join("\n"), @"
        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |
        | database | skipped: network comes first and is not applied |
        | audit | ✅ applied +1 in N s |
        ");
        story.sees(said, "-1").await?;
        assert_eq!(story.state("dev", "database")?, None);
        assert!(story.state("dev", "audit")?.is_some());
        Ok(story)
    });
}

#[test]
fn a_stack_waits_for_those_before_it_that_change_as_well() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let database = "environment = \"dev\"\nsize = \"huge\"\n";
        let files = [
            (DEV, text.as_str()),
            ("infra/02-database/dev.tfvars", database),
        ];
        let pr = story.open("ana", "both", "Both", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.planned(pr, "dev", "database", "+1").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.ask("ana", pr, "/apply dev database").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | dependency of database | `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order |
        ");
        assert_eq!(story.state("dev", "database")?, None);
        story.say("ana", pr, "/apply dev network").await?;
        story.hears(pr, "✅ Applied").await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev database").await?;
        story.hears(pr, "✅ Applied").await?;
        assert!(story.state("dev", "database")?.is_some());
        Ok(story)
    });
}
