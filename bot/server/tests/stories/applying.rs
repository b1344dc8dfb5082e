//! Applying: exactly the plans shown, by those who may, if every gate is open.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use slipway_sandbox::github::{DeliveryFault, Fault, Order};
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const PROD: &str = "infra/01-network/prod.tfvars";
const DATABASE: &str = "infra/02-database/dev.tfvars";

/// The variables of the network with another range.
fn network(env: &str, cidr: &str) -> String {
    format!("environment = \"{env}\"\ncidr = \"{cidr}\"\n")
}

/// The variables of the database with another size.
fn database(env: &str, size: &str) -> String {
    format!("environment = \"{env}\"\nsize = \"{size}\"\n")
}

#[test]
fn a_plan_is_applied_with_the_role_for_it() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(story.roles(), ["slipway-plan"]);
        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "eyes").await?;
        let applied = story.reads(pr, "✅ Applied").await?;
        insta::assert_snapshot!(applied, @r#"
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
        story.sees(said, "rocket").await?;
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        insta::assert_snapshot!(check.output.title.unwrap_or_default(), @"Applied +1");
        let plan = story.reads(pr, "applied +1 by").await?;
        insta::assert_snapshot!(plan, @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied +1 by `ana` |

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        let cidr = json!({"name": "shop-dev", "cidr": "10.9.0.0/16"});
        assert_eq!(story.state("dev", "network")?, Some(cidr));
        assert_eq!(story.roles(), ["slipway-plan", "slipway-apply"]);
        Ok(story)
    });
}

#[test]
fn two_stacks_are_applied_in_the_order_of_their_needs() {
    tell(|mut story| async {
        let (network, database) = (network("dev", "10.9.0.0/16"), database("dev", "huge"));
        let files = [(DEV, network.as_str()), (DATABASE, database.as_str())];
        let pr = story.open("ana", "both", "Both stacks", &files).await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.say("ana", pr, "/apply").await?;
        let applied = story.reads(pr, "✅ Applied").await?;
        insta::assert_snapshot!(applied, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |
        | database | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        <details><summary>database: outputs</summary>

        ```hcl
        endpoint = "shop-dev.db.example.com:5432"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network and database in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert!(check.updates > 0, "the check showed no progress");
        let written: Vec<String> = story
            .world
            .aws
            .journal()
            .into_iter()
            .filter(|entry| entry.action == "PutObject" && entry.resource.ends_with(".tfstate"))
            .map(|entry| entry.resource)
            .collect();
        let bucket = "acme-shop-dev-state";
        let network = format!("{bucket}/network.tfstate");
        assert_eq!(written.first(), Some(&network));
        assert_eq!(written.last(), Some(&format!("{bucket}/database.tfstate")));
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn what_needs_a_failed_stack_is_skipped() {
    tell(|mut story| async {
        // It plans well, and fails when it is applied.
        let broken = "resource \"terraform_data\" \"migration\" {\n  provisioner \"local-exec\" {\n    command = \"echo the table is locked >&2; exit 7\"\n  }\n}\n";
        let database = database("dev", "huge");
        let files = [
            ("infra/01-network/migration.tf", broken),
            (DATABASE, database.as_str()),
        ];
        let pr = story.open("ana", "broken", "A migration", &files).await?;
        story.check(&story.head(pr), "plan dev").await?;
        let said = story.say("ana", pr, "/apply dev").await?;
        let failed = story.reads(pr, "❌ Apply").await?;
        insta::assert_snapshot!(failed, @r#"
        ### ❌ Apply of `COMMIT` in dev failed · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |
        | database | skipped: network comes first and is not applied |

        - ❌ network: local-exec provisioner error (migration.tf:2\): Error running command 'echo the table is locked &gt;&amp;2; exit 7': exit status 7\. Output: the table is locked; 1 of 2 steps were done — mend it and push, or `/retry`
        - ❌ network: local-exec provisioner error (`migration.tf:2`)

        <details><summary>network: what Terraform says</summary>

        ```
        Error: local-exec provisioner error
          on migration.tf:2
          with terraform_data.migration
            |   provisioner "local-exec" {
          Error running command 'echo the table is locked >&2; exit 7': exit status 7. Output: the table is locked
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        story.sees(said, "-1").await?;
        let check = story.check(&story.head(pr), "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        assert_eq!(story.state("dev", "database")?, None);
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_person_without_the_right_is_refused() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story
            .open("ben", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.check(&story.head(pr), "plan prod").await?;
        let said = story.say("ana", pr, "/apply prod").await?;
        let refused = story.reads(pr, "⛔ Not applied").await?;
        insta::assert_snapshot!(refused, @"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not apply in prod | somebody with `maintain` |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ben |
        | checks | `test` has not reported | success of each on `COMMIT` |
        ");
        story.sees(said, "-1").await?;
        assert_eq!(story.state("prod", "network")?, None);
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn prod_opens_gate_by_gate() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ana |
        | checks | `test` has not reported | success of each on `COMMIT` |
        ");
        // Somebody who may only read looks at it, and the check begins.
        let github = story.world.github.clone();
        github.review(REPO, pr, "mallory", "approve").await?;
        github.ci_check(REPO, &story.head(pr), "test", None).await?;
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ana |
        | checks | `test` is pending | success of each on `COMMIT` |
        ");
        // Somebody who counts, but has a wish.
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        github.review(REPO, pr, "cleo", "request_changes").await?;
        github.review(REPO, pr, "ben", "approve").await?;
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | cleo requests changes | an approval by cleo, or their review dismissed |
        ");
        github.review(REPO, pr, "cleo", "approve").await?;
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in prod · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-prod"
        ```

        </details>

        as `slipway-apply` in 222222222222 (session `slipway-acme.shop-1-ben`) · 🔒 network in prod for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(
            story.roles().last().map(String::as_str),
            Some("slipway-apply")
        );
        assert!(story.state("prod", "network")?.is_some());
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}

#[test]
fn an_approval_of_an_older_commit_does_not_count() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        let github = story.world.github.clone();
        github.review(REPO, pr, "ben", "approve").await?;
        let text = network("prod", "10.10.0.0/16");
        story
            .push("ana", "cidr", "Yet another", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | 0 of 1 (1 of an older commit) | a review of `COMMIT` by someone other than ana |
        ");
        assert_eq!(story.state("prod", "network")?, None);
        Ok(story)
    });
}

#[test]
fn an_approval_that_is_dismissed_before_the_effect_stops_it() {
    tell(|mut story| async {
        let text = network("prod", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(PROD, &text)])
            .await?;
        story.planned(pr, "prod", "network", "+1").await?;
        let github = story.world.github.clone();
        let review = github.review(REPO, pr, "ben", "approve").await?;
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        story.valve.shut("init")?;
        let said = story.say("ben", pr, "/apply prod").await?;
        let waiting = story.valve.reached("init").await?;
        github.dismiss_review(REPO, pr, review, "cleo").await?;
        waiting.release();
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod: `COMMIT` · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate approval is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | 0 of 1 | a review of `COMMIT` by someone other than ana |

        next: `/retry` or `/explain prod` · [run](http://HERE/runs/RUN)
        ");
        story.sees(said, "-1").await?;
        let check = story.check(&story.head(pr), "apply prod").await?;
        assert_eq!(check.conclusion.as_deref(), Some("cancelled"));
        assert_eq!(story.state("prod", "network")?, None);
        Ok(story)
    });
}

#[test]
fn a_push_during_the_apply_stops_it_before_its_effect() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.valve.shut("init")?;
        story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("init").await?;
        let text = network("dev", "10.10.0.0/16");
        story
            .push("ana", "cidr", "Yet another", &[(DEV, &text)])
            .await?;
        waiting.release();
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | made for `COMMIT`, the head is `COMMIT` now | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "network")?, None);
        story.planned(pr, "dev", "network", "+1").await?;
        Ok(story)
    });
}

#[test]
fn a_plan_of_an_older_head_is_not_applied_but_made_anew() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        // The command is faster than the news of the push.
        let github = story.world.github.clone();
        let event = Some("pull_request".to_owned());
        github.delivery_fault(DeliveryFault::Hold { event });
        let text = network("dev", "10.10.0.0/16");
        story
            .push("ana", "cidr", "Yet another", &[(DEV, &text)])
            .await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of network | of `COMMIT`, the head is `COMMIT` now | a new plan |

        Planning now: look at the new plan, then `/apply dev` once more.
        ");
        story.planned(pr, "dev", "network", "+1").await?;
        github.release_deliveries(Order::AsHappened);
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        let cidr = json!({"name": "shop-dev", "cidr": "10.10.0.0/16"});
        assert_eq!(story.state("dev", "network")?, Some(cidr));
        Ok(story)
    });
}

#[test]
fn a_plan_onto_an_older_base_is_not_applied_but_made_anew() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story
            .push("ben", "main", "Other work", &[("README.md", "# shop\n")])
            .await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of network | onto `COMMIT`, `main` is at `COMMIT` now | a new plan |

        Planning now: look at the new plan, then `/apply dev` once more.
        ");
        story.planned(pr, "dev", "network", "+1").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn a_retargeted_pull_request_is_planned_anew() {
    tell(|mut story| async {
        story
            .push("ben", "release", "A release", &[("README.md", "# shop\n")])
            .await?;
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let github = story.world.github.clone();
        let event = Some("pull_request".to_owned());
        github.delivery_fault(DeliveryFault::Hold { event });
        github.set_base(REPO, pr, "ana", "release").await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of network | onto `main`, the base is `release` now | a new plan |

        Planning now: look at the new plan, then `/apply dev` once more.
        ");
        story.planned(pr, "dev", "network", "+1").await?;
        github.release_deliveries(Order::AsHappened);
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}

#[test]
fn nothing_to_apply_is_said() {
    tell(|mut story| async {
        let files = [("README.md", "# shop\n")];
        let pr = story.open("ana", "words", "Fewer words", &files).await?;
        story.check(&story.head(pr), "plan dev").await?;
        let said = story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "Nothing").await?, @r"
        ### Nothing to apply in dev

        No stack was planned there for this pull request. `/plan dev` first.
        ");
        story.sees(said, "-1").await?;
        story.say("ana", pr, "/apply").await?;
        insta::assert_snapshot!(story.hears(pr, "Nothing").await?, @r"
        ### Nothing to apply

        No stack of this pull request was planned. `/plan` first.
        ");
        Ok(story)
    });
}

#[test]
fn what_is_applied_or_has_no_changes_is_not_applied_again() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "Nothing").await?, @r"
        ### Nothing to apply in dev

        - `network`: applied already
        ");
        let text = format!("# The network of dev.\n{text}");
        story
            .push("ana", "cidr", "Explain", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "no changes").await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "Nothing").await?, @r"
        ### Nothing to apply in dev

        - `network`: its plan has no changes
        ");
        let applies = story
            .roles()
            .iter()
            .filter(|role| *role == "slipway-apply")
            .count();
        assert_eq!(applies, 1);
        Ok(story)
    });
}

/// Tells of a plan file that something happens to between plan and apply.
async fn spoil(
    story: &mut Story,
    change: impl Fn(&Path) -> std::io::Result<()>,
) -> anyhow::Result<String> {
    let text = network("dev", "10.9.0.0/16");
    let pr = story
        .open("ana", "cidr", "Another network", &[(DEV, &text)])
        .await?;
    story.planned(pr, "dev", "network", "+1").await?;
    let plans = story.data_dir().join("artifacts/plans");
    for file in std::fs::read_dir(&plans)? {
        change(&file?.path())?;
    }
    story.say("ana", pr, "/apply dev").await?;
    let told = story.hears(pr, "⛔").await?;
    assert_eq!(story.state("dev", "network")?, None);
    let check = story.check(&story.head(pr), "apply dev").await?;
    assert_ne!(check.conclusion.as_deref(), Some("success"));
    // It was planned again: only the last word is left to say.
    story.quiet().await?;
    story.say("ana", pr, "/apply dev").await?;
    story.hears(pr, "✅ Applied").await?;
    Ok(told)
}

#[test]
fn an_altered_plan_file_is_not_applied() {
    tell(|mut story| async {
        let told = spoil(&mut story, |file| {
            let mut bytes = std::fs::read(file)?;
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 1;
            }
            std::fs::write(file, bytes)
        })
        .await?;
        insta::assert_snapshot!(told, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | its file can't be used: it was altered, cut off, or put there from another run | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_truncated_plan_file_is_not_applied() {
    tell(|mut story| async {
        let told = spoil(&mut story, |file| {
            let bytes = std::fs::read(file)?;
            std::fs::write(file, &bytes[..bytes.len() / 2])
        })
        .await?;
        assert!(told.contains("it was altered, cut off"), "{told}");
        Ok(story)
    });
}

#[test]
fn a_missing_plan_file_is_told() {
    tell(|mut story| async {
        let told = spoil(&mut story, |file| std::fs::remove_file(file)).await?;
        insta::assert_snapshot!(told, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | its file is gone | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn what_cannot_be_read_is_not_passed() {
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
        github.fault(Fault {
            method: Some(http::Method::GET),
            path: format!("/repos/{REPO}/pulls/{pr}/reviews*"),
            times: None,
            effect: Fault::status(502, "Server Error"),
        });
        story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @r"
        ### ⛔ Not applied in prod

        | gate | state | what opens it |
        | --- | --- | --- |
        | approval | could not be read: GitHub: reading the reviews of acme/shop#&#8203;1: Server Error | try again in a minute; what can't be read is not passed |
        ");
        assert_eq!(story.state("prod", "network")?, None);
        github.clear_faults();
        story.say("ben", pr, "/apply prod").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn a_state_that_somebody_else_has_locked_is_left_alone() {
    tell(|mut story| async {
        story
            .with_settings(
                "state_lock_timeout = \"20s\"",
                "state_lock_timeout = \"1s\"",
            )
            .await?;
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let (bucket, key) = (story.world.dev.bucket.clone(), "network.tfstate.tflock");
        let lock = json!({
            "ID": "0b6c5b0e-5b0c-7d8c-1f0a-2c2f1b0a9d7e",
            "Operation": "OperationTypeApply",
            "Info": "",
            "Who": "ben@laptop",
            "Version": "1.11.4",
            "Created": (story.world.clock.now() - Duration::from_secs(2 * 3600 + 630)).to_string(),
            "Path": format!("{bucket}/network.tfstate"),
        });
        story.world.aws.put_object(&bucket, key, lock.to_string())?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "❌ Apply").await?, @"
        ### ❌ Apply of `COMMIT` in dev failed · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |

        - ❌ network: the state is locked: held by ben@&#8203;laptop since TIME, for 2 h 10 min (OperationTypeApply), lock UUID — wait for it to end; if nobody is at work there any more, `/force-unlock dev network UUID`. Slipway never frees a state lock by itself

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "network")?, None);
        let still = story.world.aws.object(&bucket, key);
        assert_eq!(still, Some(lock.to_string().into()));
        Ok(story)
    });
}

#[test]
fn sensitive_outputs_are_not_shown() {
    tell(|mut story| async {
        let outputs = "output \"password\" {\n  value     = var.master_password\n  sensitive = true\n}\n\noutput \"size\" {\n  value = var.size\n}\n";
        let files = [("infra/02-database/outputs.tf", outputs)];
        let pr = story.open("ana", "outputs", "Outputs", &files).await?;
        story.planned(pr, "dev", "database", "+1").await?;
        story.say("ana", pr, "/apply dev").await?;
        let applied = story.hears(pr, "✅ Applied").await?;
        insta::assert_snapshot!(applied, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ✅ applied +1 in N s |

        <details><summary>database: outputs</summary>

        ```hcl
        endpoint = "shop-dev.db.example.com:5432"
        size = "small"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 database in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        let secret = "correct-horse-battery-staple";
        let leaked = story.world.github.look(|model| {
            let comments = model.repository(REPO).map(|repo| &repo.comments);
            comments.is_some_and(|all| all.iter().any(|comment| comment.body.contains(secret)))
        });
        assert!(!leaked);
        Ok(story)
    });
}

#[test]
fn a_merge_applies_in_dev_what_was_reviewed() {
    tell(|mut story| async {
        let (dev, prod) = (
            network("dev", "10.9.0.0/16"),
            network("prod", "10.10.0.0/16"),
        );
        let files = [(DEV, dev.as_str()), (PROD, prod.as_str())];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.planned(pr, "prod", "network", "+1").await?;
        let github = story.world.github.clone();
        github.review(REPO, pr, "ben", "approve").await?;
        github
            .ci_check(REPO, &story.head(pr), "test", Some("success"))
            .await?;
        let merge = github.merge(REPO, pr, "ben").await?;
        insta::assert_snapshot!(story.hears(pr, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ben`) · [run](http://HERE/runs/RUN)
        "#);
        let check = story.check(&merge, "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        assert!(story.state("dev", "network")?.is_some());
        assert_eq!(story.state("prod", "network")?, None);
        let said = story.say("ben", pr, "/apply prod").await?;
        insta::assert_snapshot!(story.hears(pr, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in prod · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-prod"
        ```

        </details>

        as `slipway-apply` in 222222222222 (session `slipway-acme.shop-1-ben`) · [run](http://HERE/runs/RUN)
        "#);
        story.sees(said, "rocket").await?;
        assert!(story.state("prod", "network")?.is_some());
        Ok(story)
    });
}

#[test]
fn a_merge_that_would_change_more_than_was_reviewed_stops() {
    tell(|mut story| async {
        let text = network("dev", "10.9.0.0/16");
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, &text)])
            .await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let more = "resource \"terraform_data\" \"more\" {}\n";
        let files = [("infra/01-network/more.tf", more)];
        story
            .push("cleo", "main", "Straight to main", &files)
            .await?;
        let merge = story.world.github.merge(REPO, pr, "ben").await?;
        insta::assert_snapshot!(story.hears(pr, "❌ Apply").await?, @r"
        ### ❌ Apply of `COMMIT` in dev failed

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |

        - ❌ network: nothing was changed: on the merge commit the plan is +2, which is not what was reviewed (+1\) — `/plan dev network` shows what would change now; then `/apply dev network`

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ben`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        let check = story.check(&merge, "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("failure"));
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}
