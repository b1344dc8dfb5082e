//! Drift: what runs is compared with the default branch, and what differs is told in one issue.

use std::time::Duration;

use jiff::SignedDuration;
use slipway_sandbox::github::Issue;
use slipway_sandbox::world::REPO;
use slipway_sandbox::world::ci::Build;

use crate::bot::{PATIENCE, Story, plain, tell};
use crate::ship::pinned;

const NETWORK: (&str, &str) = (
    "infra/01-network/dev.tfvars",
    "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
);
const DATABASE: (&str, &str) = (
    "infra/02-database/dev.tfvars",
    "environment = \"dev\"\nsize = \"medium\"\n",
);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The world's deploy.toml with a moment, half a day from now, at which dev is looked at.
fn rules(story: &Story) -> String {
    let moment = story.world.clock.now() + SignedDuration::from_hours(12);
    let moment = moment.strftime("%H:%M");
    let text = include_str!("../../../sandbox/src/world/shop/deploy.toml");
    let before = "auto_apply  = true\n";
    assert!(text.contains(before));
    text.replace(
        before,
        &format!("{before}drift       = \"daily {moment} UTC\"\n"),
    )
}

/// A world in which all of dev was applied and is looked at daily.
async fn applied(story: &mut Story) -> anyhow::Result<()> {
    let rules = rules(story);
    let files = [NETWORK, DATABASE, ("deploy.toml", rules.as_str())];
    let pr = story.open("ana", "all", "All of it", &files).await?;
    story.settles(pr, "Plan ·").await?;
    story.world.github.merge(REPO, pr, "ana").await?;
    story.settles(pr, "✅ Applied").await?;
    anyhow::ensure!(turns(story).await?.len() == 1, "dev has no turn");
    Ok(())
}

/// Changes what was applied, as somebody with the account's console would.
pub(crate) fn tamper(story: &Story, stack: &str, from: &str, to: &str) -> anyhow::Result<()> {
    let bucket = &story.world.place("dev")?.bucket;
    let key = format!("{stack}.tfstate");
    let state = story.world.aws.object(bucket, &key);
    let text = String::from_utf8(state.unwrap_or_default().to_vec())?;
    anyhow::ensure!(text.contains(from), "no {from} in {text}");
    let text = text.replace(from, to);
    story.world.aws.put_object(bucket, &key, text)?;
    Ok(())
}

/// When environments are looked at next, in milliseconds.
async fn turns(story: &Story) -> anyhow::Result<Vec<i64>> {
    let store = story.store().await?;
    let turns: Vec<(i64,)> = sqlx::query_as("SELECT due_at FROM drift_turns")
        .fetch_all(&store)
        .await?;
    Ok(turns.into_iter().map(|(due,)| due).collect())
}

/// Waits until every turn that has come was begun, and all that came of it is over.
async fn looked(story: &Story) -> anyhow::Result<()> {
    let begun = async {
        let now = story.world.clock.now().as_millisecond();
        while turns(story).await?.iter().any(|due| *due <= now) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    let waited = tokio::time::timeout(PATIENCE, begun).await;
    waited.map_err(|_| anyhow::anyhow!("a turn was never begun"))??;
    story.quiet().await
}

/// Lets the next moment come, and looks.
async fn next_look(story: &Story) -> anyhow::Result<()> {
    story.quiet().await?;
    story.pass(DAY).await?;
    looked(story).await
}

/// The only issue.
fn issue(story: &Story) -> anyhow::Result<Issue> {
    let mut issues = story.world.github.issues(REPO);
    anyhow::ensure!(issues.len() == 1, "{} issues", issues.len());
    Ok(issues.remove(0))
}

/// The only issue, as a snapshot.
fn shown(story: &Story) -> anyhow::Result<String> {
    let issue = issue(story)?;
    let state = match issue.closed_at {
        Some(_) => "closed",
        None => "open",
    };
    let body = plain(&issue.body, &story.world, &story.url);
    Ok(format!("{} ({state})\n\n{body}", issue.title))
}

/// How many looks were begun.
async fn looks(story: &Story) -> anyhow::Result<i64> {
    let (count,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM runs WHERE kind = 'plan' AND pr IS NULL")
            .fetch_one(&story.store().await?)
            .await?;
    Ok(count)
}

#[test]
fn what_somebody_changed_by_hand_is_told_and_put_back() {
    tell(|mut story| async {
        applied(&mut story).await?;
        // Nothing differs: nothing is said.
        next_look(&story).await?;
        assert_eq!(looks(&story).await?, 2);
        assert!(story.world.github.issues(REPO).is_empty());

        tamper(&story, "database", "medium", "xlarge")?;
        next_look(&story).await?;
        insta::assert_snapshot!(shown(&story)?, @r#"
        Drift in dev: database (open)

        ### ⚠️ dev is not as `main` has it

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [database](http://HERE/runs/RUN) | \~1 |

        - ✅ 1 other stack or service is as it should be

        <details><summary>dev · database: full plan (~1)</summary>

        ```diff
        ! terraform_data.instance
        !   input.size: "xlarge" -> "medium"
        !   output: {"name":"shop-dev","password":"(sensitive)","size"… (10 more characters) -> (known after apply)
            # 1 unchanged attribute hidden
        ```

        </details>

        **What to do next**

        - Put it back as `main` has it: comment `/apply` here, or `/apply dev STACK` for one stack. Exactly the plan shown is applied.
        - Keep what is there: change the code in a pull request until its plan has no changes, and merge it.
        - Look again: comment `/plan`; the next look is at TIME.

        looked at TIME: `COMMIT` of `main` · as `slipway-plan` in 111111111111 (session `slipway-acme.shop`) · [run](http://HERE/runs/RUN)
        "#);
        let number = issue(&story)?.number;

        // A second look finds the same and more: the issue is edited.
        tamper(&story, "network", "10.9.0.0", "10.8.0.0")?;
        next_look(&story).await?;
        assert_eq!(issue(&story)?.title, "Drift in dev: network, database");

        insta::assert_snapshot!(story.ask("mallory", number, "/apply").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | mallory may not apply in dev | somebody with `write` |
        ");
        let said = story.say("ana", number, "/apply dev").await?;
        story.quiet().await?;
        assert_eq!(story.reactions(said), ["eyes", "rocket"]);
        insta::assert_snapshot!(story.hears(number, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied \~1 in N s |
        | database | ✅ applied \~1 in N s |

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

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-ana`) · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(shown(&story)?, @"
        Drift in dev: none (closed)

        ### ✅ dev is as `main` has it

        `network`, `database` were put back by `/apply`: nothing that was seen at TIME differs any more. This issue is opened again when that changes.
        ");
        assert_eq!(
            story.state("dev", "database")?.unwrap()["size"],
            serde_json::json!("medium")
        );
        // A look that finds nothing leaves a closed issue alone.
        let edits = issue(&story)?.edits;
        next_look(&story).await?;
        assert_eq!(issue(&story)?.edits, edits);

        // When it comes back, the same issue is opened again.
        tamper(&story, "database", "medium", "tiny")?;
        next_look(&story).await?;
        assert_eq!(issue(&story)?.title, "Drift in dev: database");
        assert!(issue(&story)?.closed_at.is_none());
        insta::assert_snapshot!(story.ask("ana", number, "/deploy dev").await?, @"
        (eyes -1)
        ### ⛔ Not on this issue

        It is about what runs in dev, not about a pull request. What works here: `/plan` looks again, `/apply` puts dev back as the default branch has it; both may name stacks.
        ");
        insta::assert_snapshot!(story.ask("ana", number, "/apply prod").await?, @"
        (eyes -1)
        ### ⛔ This issue is about dev

        What works here: `/plan` looks again, `/apply` puts dev back as the default branch has it; both may name stacks.
        ");
        Ok(story)
    });
}

#[test]
fn what_a_pull_request_applied_is_expected_to_differ() {
    tell(|mut story| async {
        applied(&mut story).await?;
        let text = "environment = \"dev\"\nsize = \"large\"\n";
        let files = [(DATABASE.0, text)];
        let pr = story.open("ana", "size", "Another size", &files).await?;
        story.planned(pr, "dev", "database", "~1").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.settles(pr, "✅ Applied").await?;
        next_look(&story).await?;
        assert!(story.world.github.issues(REPO).is_empty());

        tamper(&story, "network", "10.9.0.0", "10.8.0.0")?;
        next_look(&story).await?;
        insta::assert_snapshot!(shown(&story)?, @r#"
        Drift in dev: network (open)

        ### ⚠️ dev is not as `main` has it

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | \~1 |

        - ℹ️ database is expected to differ: held by #2, applied and not merged

        <details><summary>dev · network: full plan (~1)</summary>

        ```diff
        ! terraform_data.vpc
        !   input.cidr: "10.8.0.0/16" -> "10.9.0.0/16"
        !   output: {"cidr":"10.8.0.0/16","name":"shop-dev"} -> (known after apply)
            # 1 unchanged attribute hidden

        # outputs
        ! vpc: "shop-dev" -> (known after apply)
        ```

        </details>

        **What to do next**

        - Put it back as `main` has it: comment `/apply` here, or `/apply dev STACK` for one stack. Exactly the plan shown is applied.
        - Keep what is there: change the code in a pull request until its plan has no changes, and merge it.
        - Look again: comment `/plan`; the next look is at TIME.

        looked at TIME: `COMMIT` of `main` · as `slipway-plan` in 111111111111 (session `slipway-acme.shop`) · [run](http://HERE/runs/RUN)
        "#);
        let number = issue(&story)?.number;
        insta::assert_snapshot!(story.ask("ana", number, "/apply dev database").await?, @"
        (eyes -1)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | lock of database | held by #2, which was applied and is not merged | by itself, when #2 is merged or closed |
        ");
        // Without a name it is left alone.
        story.say("ana", number, "/apply").await?;
        story.quiet().await?;
        insta::assert_snapshot!(story.hears(number, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied \~1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-ana`) · [run](http://HERE/runs/RUN)
        "#);
        assert!(issue(&story)?.closed_at.is_some());
        assert_eq!(
            story.state("dev", "database")?.unwrap()["size"],
            serde_json::json!("large")
        );
        Ok(story)
    });
}

#[test]
fn moments_that_were_missed_are_made_up_once() {
    tell(|mut story| async {
        applied(&mut story).await?;
        tamper(&story, "database", "medium", "xlarge")?;
        story.quiet().await?;
        story.stop_bot().await?;
        story.world.clock.advance(DAY * 5);
        story.start_bot().await?;
        looked(&story).await?;
        assert_eq!(looks(&story).await?, 2);
        assert_eq!(issue(&story)?.title, "Drift in dev: database");
        // Its store is lost: the issue is found again, and no second one is opened.
        story.stop_bot().await?;
        for name in ["slipway.db", "slipway.db-wal", "slipway.db-shm"] {
            let path = story.data_dir().join(name);
            if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
        story.start_bot().await?;
        story
            .push("ana", "main", "Words", &[("README.md", "# Shop\n")])
            .await?;
        story.quiet().await?;
        next_look(&story).await?;
        assert_eq!(issue(&story)?.title, "Drift in dev: database");
        assert_eq!(issue(&story)?.edits, 1);
        Ok(story)
    });
}

#[test]
fn a_look_that_fails_is_told() {
    tell(|mut story| async {
        applied(&mut story).await?;
        let good = include_str!("../../../sandbox/src/world/shop/network/main.tf");
        let broken = good.replace("= var.cidr", "= var.nothing");
        let files = [("infra/01-network/main.tf", broken.as_str())];
        story.push("ben", "main", "Break it", &files).await?;
        next_look(&story).await?;
        insta::assert_snapshot!(shown(&story)?, @r#"
        Drift in dev: network (open)

        ### ⚠️ dev could not be looked at as a whole

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |

        - ❌ dev · network failed at `plan`: Reference to undeclared input variable (`main.tf:18`)

        - ✅ 1 other stack or service is as it should be

        <details><summary>dev · network: what Terraform says</summary>

        ```
        Error: Reference to undeclared input variable
          on main.tf:18
            |     cidr = var.nothing
          An input variable with the name "nothing" has not been declared. This variable can be declared with a variable "nothing" {} block.
        ```

        </details>

        **What to do next**

        - Mend what kept it from being looked at.
        - Look again: comment `/plan`; the next look is at TIME.

        looked at TIME: `COMMIT` of `main` · as `slipway-plan` in 111111111111 (session `slipway-acme.shop`) · [run](http://HERE/runs/RUN)
        "#);
        // Mended, and asked for before the next moment.
        let files = [("infra/01-network/main.tf", good)];
        story.push("ben", "main", "Mend it", &files).await?;
        let number = issue(&story)?.number;
        let said = story.say("ana", number, "/plan").await?;
        story.quiet().await?;
        assert_eq!(story.reactions(said), ["eyes", "rocket"]);
        insta::assert_snapshot!(shown(&story)?, @"
        Drift in dev: none (closed)

        ### ✅ dev is as `main` has it

        Looked at TIME: nothing differs. This issue is opened again when that changes.
        ");
        Ok(story)
    });
}

#[test]
fn a_plan_that_is_out_of_date_is_made_anew_and_not_applied() {
    tell(|mut story| async {
        applied(&mut story).await?;
        tamper(&story, "database", "medium", "xlarge")?;
        next_look(&story).await?;
        let number = issue(&story)?.number;
        let text = "environment = \"dev\"\nsize = \"xlarge\"\n";
        story
            .push("ben", "main", "So be it", &[(DATABASE.0, text)])
            .await?;
        insta::assert_snapshot!(story.ask("ana", number, "/apply").await?, @"
        (eyes -1 rocket)
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of database | of `COMMIT`, `main` is at `COMMIT` now | a new look |

        Looking again now: see what the issue says then, and `/apply` once more.
        ");
        // The branch has it now: nothing differs any more.
        insta::assert_snapshot!(shown(&story)?, @"
        Drift in dev: none (closed)

        ### ✅ dev is as `main` has it

        Looked at TIME: nothing differs. This issue is opened again when that changes.
        ");
        // Who deletes the issue gets another.
        story
            .world
            .github
            .delete_issue(REPO, number, "cleo")
            .await?;
        tamper(&story, "database", "xlarge", "tiny")?;
        next_look(&story).await?;
        assert_ne!(issue(&story)?.number, number);
        Ok(story)
    });
}

#[test]
fn a_service_that_runs_another_image_is_told() {
    tell(|mut story| async {
        applied(&mut story).await?;
        let (_, first, old) = story.live("one").await?;
        story.live("two").await?;
        story.world.github.idle(PATIENCE).await?;
        // It runs what was released: nothing is said.
        next_look(&story).await?;
        assert_eq!(looks(&story).await?, 3);
        assert!(story.world.github.issues(REPO).is_empty());

        let by_hand = pinned(&old);
        story
            .world
            .dev
            .cluster
            .change_object("Deployment", "shop", "shop", |deployment| {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] =
                    serde_json::json!(by_hand);
            });
        next_look(&story).await?;
        insta::assert_snapshot!(shown(&story)?, @"
        Drift in dev: shop (open)

        ### ⚠️ dev does not run what was released

        | service | last release | runs |
        | --- | --- | --- |
        | [shop](http://HERE/runs/RUN) | `COMMIT` (#3), `sha256:DIGEST` | Deployment/shop: `ghcr.io/acme/shop@sha256:DIGEST` |

        - ✅ 2 other stacks and services are as they should be

        **What to do next**

        - Roll the last release of shop out again: comment `/deploy dev shop --sha COMMIT` on a pull request.
        - Look again: comment `/plan`; the next look is at TIME.

        looked at TIME: `COMMIT` of `main` · as `slipway-plan` in 111111111111 (session `slipway-acme.shop`) · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop`) · [run](http://HERE/runs/RUN)
        ");
        let number = issue(&story)?.number;
        insta::assert_snapshot!(story.ask("ana", number, "/apply").await?, @"
        (eyes -1)
        ### Nothing to apply in dev

        - `network` is as the default branch has it
        - `database` is as the default branch has it
        ");
        // A rollout mends it, and the next look sees that.
        let pr = story.greet("ana", "three", "Three.\n").await?;
        let head = story.head(pr);
        story.world.publish(&head, Build::Good).await?;
        story
            .say("ana", pr, &format!("/deploy dev shop --sha {first}"))
            .await?;
        story.settles(pr, "is live in dev").await?;
        let said = story.say("ana", number, "/plan").await?;
        story.quiet().await?;
        assert_eq!(story.reactions(said), ["eyes", "rocket"]);
        assert!(issue(&story)?.closed_at.is_some());
        Ok(story)
    });
}

#[test]
fn comments_on_other_issues_are_nobodys_business() {
    tell(|story| async {
        let github = &story.world.github;
        let marker = "<!-- slipway:drift-issue/dev -->\nMine.";
        let forged = github.open_issue(REPO, "mallory", "Drift", marker).await?;
        let bot = github.bot_login();
        let other = github.open_issue(REPO, &bot, "Drift", marker).await?;
        story.ask_in_vain("ana", forged, "/apply").await?;
        story.ask_in_vain("ana", other, "/apply").await?;
        Ok(story)
    });
}
