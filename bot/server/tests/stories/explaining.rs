//! `GET /api/explain/…`: what `/explain` says, for programs, and for nobody who was not shown a run.

use serde_json::Value;
use slipway_sandbox::github::Fault;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, plain, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";

/// The id of the newest run of a pull request: what its comments link to.
async fn run_of(story: &Story, pr: u64) -> anyhow::Result<String> {
    let store = story.store().await?;
    let number = i64::try_from(pr)?;
    let id = sqlx::query_scalar("SELECT id FROM runs WHERE pr = $1 ORDER BY created_at DESC, id")
        .bind(number)
        .fetch_one(&store)
        .await?;
    Ok(id)
}

/// Asks the API: the status and the answer.
async fn asks(story: &Story, about: &str) -> anyhow::Result<(u16, Value)> {
    let answer = reqwest::get(format!("{}/api/explain/{about}", story.url)).await?;
    let headers = answer.headers();
    anyhow::ensure!(
        headers
            .get("cache-control")
            .is_some_and(|v| v == "no-store"),
        "{headers:?}"
    );
    Ok((answer.status().as_u16(), answer.json().await?))
}

#[test]
fn programs_are_told_what_people_are() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        story.ask("cleo", pr, "/lock prod Audit").await?;
        let run = run_of(&story, pr).await?;
        let (status, answer) = asks(&story, &format!("{REPO}/{pr}/dev?run={run}")).await?;
        assert_eq!(status, 200);
        let text = serde_json::to_string_pretty(&answer)?;
        insta::assert_snapshot!(plain(&text, &story.world, &story.url), @r#"
        {
          "actor": "ana",
          "environment": "dev",
          "head": "COMMIT",
          "open": true,
          "operations": [
            {
              "gates": [
                {
                  "gate": "right",
                  "open": true,
                  "state": "ana may apply"
                },
                {
                  "gate": "pull request",
                  "open": true,
                  "state": "open"
                },
                {
                  "gate": "lock",
                  "open": true,
                  "state": "free"
                },
                {
                  "gate": "plan of network",
                  "open": true,
                  "state": "fresh"
                }
              ],
              "open": true,
              "operation": "apply"
            },
            {
              "gates": [
                {
                  "gate": "right",
                  "open": true,
                  "state": "ana may deploy"
                },
                {
                  "gate": "pull request",
                  "open": true,
                  "state": "open"
                },
                {
                  "gate": "lock",
                  "open": true,
                  "state": "free"
                }
              ],
              "open": true,
              "operation": "deploy shop"
            },
            {
              "gates": [
                {
                  "gate": "hold",
                  "open": true,
                  "state": "none"
                }
              ],
              "open": true,
              "operation": "deploy on merge"
            }
          ],
          "pull_request": 1,
          "repository": "acme/shop"
        }
        "#);

        // Every gate stands in the comment word for word, and no other.
        let (_, answer) = asks(&story, &format!("ACME/Shop/{pr}/prod?run={run}")).await?;
        let comment = story.ask("ana", pr, "/explain prod").await?;
        let mut gates = 0;
        for operation in answer["operations"].as_array().unwrap() {
            for gate in operation["gates"].as_array().unwrap() {
                let sign = if gate["open"] == true { "✅" } else { "⛔" };
                let opens = gate["opens"].as_str().unwrap_or_default();
                let row = format!(
                    "| {sign} | {} ({}) | {} | {opens} |",
                    gate["gate"].as_str().unwrap(),
                    operation["operation"].as_str().unwrap(),
                    gate["state"].as_str().unwrap(),
                );
                let row = plain(&row, &story.world, &story.url);
                assert!(comment.contains(&row), "no {row:?} in\n{comment}");
                gates += 1;
            }
        }
        assert_eq!(
            gates,
            comment.matches("\n| ⛔").count() + comment.matches("\n| ✅").count()
        );
        assert_eq!(answer["open"], false);
        story.ask("cleo", pr, "/unlock prod").await?;
        Ok(story)
    });
}

#[test]
fn who_was_not_shown_a_run_learns_nothing() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        github.set_private(REPO, true).await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        let other = story
            .open("ben", "other", "Yet another", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(other, "valid until").await?;
        let (run, others) = (run_of(&story, pr).await?, run_of(&story, other).await?);
        let nothing = asks(&story, &format!("{REPO}/{pr}/dev")).await?;
        insta::assert_snapshot!(format!("{} {}", nothing.0, nothing.1), @r#"404 {"error":"nothing is here for you: `?run=` takes the id of a run of this pull request"}"#);
        // Nor does anybody make the bot ask GitHub, which would not answer.
        github.fault(Fault {
            method: None,
            path: "*".to_owned(),
            times: None,
            effect: Fault::status(502, "Server Error"),
        });
        for about in [
            format!("{REPO}/{pr}/dev?run="),
            format!("{REPO}/{pr}/dev?run={}", &run[..8]),
            format!("{REPO}/{pr}/dev?run={}", "0".repeat(32)),
            format!("{REPO}/{pr}/dev?run={others}"),
            format!("{REPO}/999/dev?run={run}"),
            format!("{REPO}/-1/dev?run={run}"),
            format!("acme/other/{pr}/dev?run={run}"),
            format!("other/shop/{pr}/dev?run={run}"),
            format!("other/shop/{pr}/nowhere"),
        ] {
            assert_eq!(asks(&story, &about).await?, nothing, "{about}");
        }
        github.clear_faults();
        let (status, answer) = asks(&story, &format!("{REPO}/{pr}/test?run={run}")).await?;
        insta::assert_snapshot!(format!("{status} {answer}"), @r#"404 {"error":"deploy.toml has no such environment"}"#);
        let (status, answer) = asks(&story, &format!("{REPO}/{pr}/%20?run={run}")).await?;
        insta::assert_snapshot!(format!("{status} {answer}"), @r#"404 {"error":"deploy.toml has no such environment"}"#);
        Ok(story)
    });
}

#[test]
fn what_cannot_be_read_is_said_and_no_gate_opens() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        let run = run_of(&story, pr).await?;
        let github = story.world.github.clone();
        github.fault(Fault {
            method: Some(http::Method::GET),
            path: format!("/repos/{REPO}/pulls/{pr}"),
            times: None,
            effect: Fault::status(502, "Server Error"),
        });
        let (status, answer) = asks(&story, &format!("{REPO}/{pr}/dev?run={run}")).await?;
        insta::assert_snapshot!(format!("{status} {answer}"), @r#"503 {"error":"GitHub or the store does not answer; try again in a minute"}"#);
        github.clear_faults();
        story
            .push(
                "cleo",
                "main",
                "Break it",
                &[("deploy.toml", "version = 2\n")],
            )
            .await?;
        let (status, answer) = asks(&story, &format!("{REPO}/{pr}/dev?run={run}")).await?;
        insta::assert_snapshot!(format!("{status} {answer}"), @r#"409 {"error":"deploy.toml of the default branch is missing or has errors"}"#);
        Ok(story)
    });
}
