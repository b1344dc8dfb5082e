//! Crashes: the real process, killed in the middle of things, and what is left of it.

use serde_json::json;
use slipway_sandbox::github::{Effect, Fault};
use slipway_sandbox::world::REPO;
use slipway_sandbox::world::ci::Build;

use crate::bot::{PATIENCE, Story, tell};

const NETWORK: &str = "infra/01-network/dev.tfvars";

/// Opens a pull request that gives dev's network another range.
async fn another_network(story: &Story) -> anyhow::Result<u64> {
    let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
    story
        .open("ana", "cidr", "Another network", &[(NETWORK, text)])
        .await
}

/// The bot's comments on a pull request.
fn comments(story: &Story, pr: u64) -> usize {
    story.replies(pr).len()
}

#[test]
fn a_delivery_that_was_acknowledged_is_worked_off_by_the_next_life() {
    tell(|mut story| async {
        let process = story.start_process().await?;
        // It takes the delivery, and gets no further.
        let github = story.world.github.clone();
        github.fault(Fault {
            method: Some(http::Method::GET),
            path: format!("/repos/{REPO}"),
            times: None,
            effect: Effect::NeverAnswer,
        });
        let pr = another_network(&story).await?;
        github.idle(PATIENCE).await?;
        process.kill().await?;
        assert!(story.roles().is_empty());
        github.clear_faults();
        let process = story.start_process().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        assert_eq!(story.roles(), ["slipway-plan"]);
        assert_eq!(comments(&story, pr), 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_plan_that_was_killed_is_made_once_more() {
    tell(|mut story| async {
        let process = story.start_process().await?;
        story.valve.shut("plan")?;
        let pr = another_network(&story).await?;
        let waiting = story.valve.reached("plan").await?;
        process.kill().await?;
        waiting.kill()?;
        let process = story.start_process().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        assert_eq!(story.roles(), ["slipway-plan", "slipway-plan"]);
        assert_eq!(comments(&story, pr), 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn an_apply_that_was_killed_is_told_and_not_done_again() {
    tell(|mut story| async {
        let process = story.start_process().await?;
        let pr = another_network(&story).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.valve.shut("apply")?;
        let said = story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        process.kill().await?;
        waiting.kill()?;
        let process = story.start_process().await?;
        insta::assert_snapshot!(story.hears(pr, "⚠️").await?, @r"
        ### ⚠️ Apply of `COMMIT` in dev was interrupted · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⚠️ interrupted: what happened is not known |

        - ⚠️ network: the bot died in the step apply: Terraform was changing network; the state may hold a lock, and some of the changes may have been made — `/plan dev network` shows what is left to do, or the state lock with its id

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.sees(said, "-1").await?;
        let check = story.check(&story.head(pr), "apply dev").await?;
        insta::assert_snapshot!(story.shown(&check), @r"
        apply dev: action_required
        # Interrupted: somebody has to look
        | stack | outcome |
        | --- | --- |
        | network | ⚠️ interrupted: what happened is not known |

        - ⚠️ network: the bot died in the step apply: Terraform was changing network; the state may hold a lock, and some of the changes may have been made — `/plan dev network` shows what is left to do, or the state lock with its id

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)

        ---
        ");
        assert_eq!(story.state("dev", "network")?, None);
        let applies = story
            .roles()
            .iter()
            .filter(|role| *role == "slipway-apply")
            .count();
        assert_eq!(applies, 1);
        // A new plan shows what is left to do, and is applied.
        story.say("ana", pr, "/plan dev").await?;
        story.quiet().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        let cidr = json!({"name": "shop-dev", "cidr": "10.9.0.0/16"});
        assert_eq!(story.state("dev", "network")?, Some(cidr));
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn the_state_lock_of_a_killed_apply_is_shown_and_left_alone() {
    tell(|mut story| async {
        story
            .with_settings(
                "state_lock_timeout = \"20s\"",
                "state_lock_timeout = \"1s\"",
            )
            .await?;
        let process = story.start_process().await?;
        // Its apply stands still in the middle, with the state locked.
        let program = story.valve.program();
        let text = format!(
            "resource \"terraform_data\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    command = \"'{}' middle\"\n  }}\n}}\n",
            program.display()
        );
        let files = [("infra/01-network/slow.tf", text.as_str())];
        let pr = story.open("ana", "slow", "Something slow", &files).await?;
        story.planned(pr, "dev", "network", "+2").await?;
        story.planned(pr, "prod", "network", "+2").await?;
        story.valve.shut("middle")?;
        story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("middle").await?;
        process.kill().await?;
        waiting.kill()?;
        let key = "network.tfstate.tflock";
        assert!(
            story
                .world
                .aws
                .object(&story.world.dev.bucket, key)
                .is_some()
        );
        let process = story.start_process().await?;
        insta::assert_snapshot!(story.hears(pr, "⚠️").await?, @r"
        ### ⚠️ Apply of `COMMIT` in dev was interrupted · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⚠️ interrupted: what happened is not known |

        - ⚠️ network: the bot died in the step apply: Terraform was changing network; the state may hold a lock, and some of the changes may have been made — `/plan dev network` shows what is left to do, or the state lock with its id

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.say("ana", pr, "/plan dev").await?;
        let told = story.settles(pr, "### Plan").await?;
        insta::assert_snapshot!(locked(&told), @"- ❌ dev · network failed at `plan`: the state is locked: held by USER@HOST since TIME, for N s (OperationTypeApply), lock UUID — wait for it to end; if nobody is at work there any more, `/force-unlock dev network UUID`. Slipway never frees a state lock by itself");
        assert!(
            story
                .world
                .aws
                .object(&story.world.dev.bucket, key)
                .is_some()
        );
        story.rest(process).await?;
        Ok(story)
    });
}

/// The line about a lock, with what differs from lock to lock named alike.
fn locked(told: &str) -> String {
    let line = told.lines().find(|line| line.contains("is locked"));
    let line = line.unwrap_or(told);
    let rules = [
        (r"held by \S+", "held by USER@HOST"),
        (r"for (N s|2 min)", "for N s"),
    ];
    rules.iter().fold(line.to_owned(), |line, (pattern, name)| {
        let pattern = regex::Regex::new(pattern).unwrap();
        pattern.replace_all(&line, *name).into_owned()
    })
}

#[test]
fn a_rollout_is_watched_on_by_the_next_life() {
    tell(|mut story| async {
        let process = story.start_process().await?;
        story.world.dev.cluster.hold_rollouts();
        let (pr, sha, digest) = story.ship("hello", Build::Good).await?;
        let store = story.store().await?;
        let rolling = async {
            loop {
                let begun: i64 =
                    sqlx::query_scalar("SELECT COUNT(*) FROM steps WHERE name = 'rollout'")
                        .fetch_one(&store)
                        .await?;
                if begun > 0 {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, rolling).await??;
        process.kill().await?;
        let process = story.start_process().await?;
        story.world.dev.cluster.release();
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(crate::ship::pinned(&digest)));
        let check = story.check(&sha, &crate::ship::check_name("dev")).await?;
        assert_eq!(check.conclusion.as_deref(), Some("success"));
        let applied = story
            .world
            .dev
            .cluster
            .journal()
            .into_iter()
            .filter(|call| call.method == "PATCH" && call.path.contains("/deployments/"))
            .count();
        assert_eq!(applied, 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_comment_whose_answer_was_lost_is_found_again() {
    tell(|mut story| async {
        let process = story.start_process().await?;
        story.world.github.fault(Fault::once(
            http::Method::POST,
            &format!("/repos/{REPO}/issues/*/comments"),
            Effect::NeverAnswer,
        ));
        let pr = another_network(&story).await?;
        let bot = story.world.github.bot_login();
        story
            .world
            .github
            .until(
                "a comment that the bot does not know of",
                PATIENCE,
                |model| {
                    let mut all = model.repository(REPO)?.comments(pr);
                    all.find(|comment| comment.author == bot).map(|_| ())
                },
            )
            .await?;
        process.kill().await?;
        let process = story.start_process().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        assert_eq!(comments(&story, pr), 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_plan_under_way_is_handed_back_by_a_process_that_ends() {
    tell(|mut story| async {
        let mut process = story.start_process().await?;
        story.valve.shut("plan")?;
        let pr = another_network(&story).await?;
        let waiting = story.valve.reached("plan").await?;
        process.ask_to_end().await?;
        // Nobody lets it go on: it is stopped.
        assert!(process.ended().await?.success());
        waiting.release();
        let process = story.start_process().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        assert_eq!(comments(&story, pr), 1);
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn an_apply_under_way_is_finished_by_a_process_that_ends() {
    tell(|mut story| async {
        let mut process = story.start_process().await?;
        let pr = another_network(&story).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.valve.shut("apply")?;
        let said = story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        process.ask_to_end().await?;
        waiting.release();
        assert!(process.ended().await?.success());
        // It said so before it ended.
        story.hears(pr, "✅ Applied").await?;
        assert!(story.state("dev", "network")?.is_some());
        let process = story.start_process().await?;
        story.sees(said, "rocket").await?;
        let applies = story
            .roles()
            .iter()
            .filter(|role| *role == "slipway-apply")
            .count();
        assert_eq!(applies, 1);
        story.rest(process).await?;
        Ok(story)
    });
}

/// GitHub answers nothing but errors until the bot has met some.
async fn hiccup(story: &Story, status: u16) -> anyhow::Result<()> {
    let github = &story.world.github;
    github.fault(Fault {
        method: None,
        path: "/repos/*".to_owned(),
        times: None,
        effect: Fault::status(status, "Server Error"),
    });
    let before = github.journal().len();
    github
        .until("the bot to meet some errors", PATIENCE, |model| {
            let new = model.journal().iter().skip(before);
            let failed = new.filter(|call| call.status == status).count();
            (failed >= 2).then_some(())
        })
        .await?;
    github.clear_faults();
    // What was put off is due.
    story
        .world
        .clock
        .advance(std::time::Duration::from_secs(60));
    Ok(())
}

#[test]
fn nothing_is_lost_while_github_answers_with_errors() {
    tell(|mut story| async {
        let pr = another_network(&story).await?;
        hiccup(&story, 502).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let said = story.say("ana", pr, "/apply dev").await?;
        hiccup(&story, 500).await?;
        story.hears(pr, "✅ Applied").await?;
        story.sees(said, "rocket").await?;
        story.world.github.merge(REPO, pr, "ben").await?;
        hiccup(&story, 502).await?;
        story.hears(pr, "Nothing to do").await?;
        assert_eq!(comments(&story, pr), 3);
        Ok(story)
    });
}
