//! Terraform that does not behave: stopped by a button, deaf to signals, or printing without end. Those
//! that don't behave are programs in the place of Terraform; see `valve`.

use slipway_sandbox::github::CheckRun;
use slipway_sandbox::world::REPO;

use crate::bot::{PATIENCE, Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";

/// A pull request whose network can be applied in dev.
async fn planned(story: &mut Story) -> anyhow::Result<u64> {
    let files = [(DEV, OTHER_CIDR)];
    let pr = story.open("ana", "cidr", "Another network", &files).await?;
    story.planned(pr, "dev", "network", "+1").await?;
    Ok(pr)
}

/// Waits until a check run of a commit shows this button.
async fn with_button(
    story: &Story,
    sha: &str,
    name: &str,
    button: &str,
) -> anyhow::Result<CheckRun> {
    let what = format!("the button {button:?} on the check {name:?}");
    story
        .world
        .github
        .until(&what, PATIENCE, |model| {
            let repository = model.repository(REPO)?;
            let mut found = repository
                .check_runs(sha)
                .filter(|check| check.name == name);
            found
                .find(|check| check.actions.iter().any(|it| it.identifier == button))
                .cloned()
        })
        .await
}

#[test]
fn an_apply_is_stopped_by_the_button_of_its_check() {
    tell(|mut story| async {
        let pr = planned(&mut story).await?;
        let sha = story.head(pr);
        story.valve.shut("apply")?;
        story.say("ana", pr, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        let check = with_button(&story, &sha, "apply dev", "cancel").await?;
        let github = story.world.github.clone();
        github.press_button("ben", check.id, "cancel").await?;
        insta::assert_snapshot!(story.reads(pr, "✋").await?, @"
        ### ✋ Cancelled

        - apply of `network` in dev (`RUN`): stops after the step in hand
        ");
        let told = story.hears(pr, "⛔").await?;
        let stopped = "| network | ⛔ not applied: cancelled by ben in the middle of its effect: ";
        assert!(told.contains(stopped), "{told}");
        drop(waiting);
        let check = story.check(&sha, "apply dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("cancelled"));
        assert!(story.shown(&check).contains(stopped));
        assert_eq!(story.state("dev", "network")?, None);
        Ok(story)
    });
}

#[test]
fn a_plan_is_stopped_by_the_button_of_its_check() {
    tell(|mut story| async {
        story.valve.shut("plan")?;
        let files = [(DEV, OTHER_CIDR)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        let waiting = story.valve.reached("plan").await?;
        let check = with_button(&story, &story.head(pr), "plan dev", "cancel").await?;
        let github = story.world.github.clone();
        github.press_button("ben", check.id, "cancel").await?;
        story.reads(pr, "✋").await?;
        drop(waiting);
        story.settles(pr, "cancelled").await?;
        let check = story.check(&story.head(pr), "plan dev").await?;
        assert_eq!(check.conclusion.as_deref(), Some("cancelled"));
        Ok(story)
    });
}

#[test]
fn an_apply_that_is_deaf_is_killed_and_what_may_be_left_is_told() {
    tell(|mut story| async {
        let grace = "stop_grace      = \"1s\"";
        story
            .with_settings("stop_grace      = \"5s\"", grace)
            .await?;
        let pr = planned(&mut story).await?;
        // It notes which signals it was sent, and goes on.
        let notes = story.data_dir().with_file_name("signals");
        let deaf = format!(
            "trap 'echo INT >>{0}' INT; trap 'echo TERM >>{0}' TERM; echo begun >>{0}\nwhile :; do sleep 0.1; done",
            notes.display()
        );
        story.valve.instead("apply", &deaf)?;
        story.say("ana", pr, "/apply dev").await?;
        let begun = async {
            while !notes.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, begun).await?;
        story.say("ana", pr, "/cancel").await?;
        story.reads(pr, "✋").await?;
        let told = story.hears(pr, "⛔").await?;
        insta::assert_snapshot!(told, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: cancelled by ana in the middle of its effect: it was stopped as asked; it had to be killed, so the state may be locked and lack what was made last: look at both before anything else is applied — look at what was done before you go on: see the run's log |

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(std::fs::read_to_string(&notes)?, "begun\nINT\nTERM\n");
        Ok(story)
    });
}

/// The most memory that this process has had, in MiB.
fn peak() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.unwrap_or_default().trim().trim_end_matches("kB");
    Ok(kib.trim().parse::<u64>()? / 1024)
}

#[test]
fn a_flood_of_output_is_survived() {
    tell(|mut story| async {
        // 100 MB in lines of a kilobyte, one line of a megabyte, and what is no text.
        let flood = "head -c 768 /dev/zero | base64 -w 0 >\"$TMPDIR/line\"; echo >>\"$TMPDIR/line\"\n\
                     yes \"$(cat \"$TMPDIR/line\")\" | head -c 104857600; echo\n";
        let odd = "head -c 1048576 /dev/zero | tr '\\0' x; echo\n\
                   printf 'not \\377\\376 text\\n' | tee /dev/stderr\n";
        story.valve.first("init", flood)?;
        story.valve.first("plan", odd)?;
        story.valve.first("apply", odd)?;
        let before = peak()?;
        let pr = planned(&mut story).await?;
        let grown = peak()? - before;
        assert!(grown < 150, "it took {grown} MiB more");
        story.valve.first("init", "")?;
        story.say("ana", pr, "/apply dev").await?;
        let told = story.hears(pr, "✅ Applied").await?;
        assert!(told.contains("applied +1"), "{told}");
        story.quiet().await?;

        let runs: Vec<(String, i64)> =
            sqlx::query_as("SELECT id, log_bytes FROM runs ORDER BY created_at")
                .fetch_all(&story.store().await?)
                .await?;
        for (run, bytes) in runs {
            assert!(bytes > 60_000 && bytes <= 8 << 20, "{bytes}");
            let page = reqwest::get(format!("{}/runs/{run}", story.url)).await?;
            let page = page.error_for_status()?.text().await?;
            assert!(page.len() < 20 << 20, "{}", page.len());
        }
        Ok(story)
    });
}

#[test]
fn what_is_no_text_and_lines_without_end_are_logged_in_part() {
    tell(|mut story| async {
        let odd = "head -c 1048576 /dev/zero | tr '\\0' x; echo\n\
                   printf 'not \\377\\376 text\\n'; printf 'nor \\303\\050 this\\n' >&2\n";
        for word in ["init", "plan", "apply"] {
            story.valve.first(word, odd)?;
        }
        let pr = planned(&mut story).await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        story.quiet().await?;
        let written = story.everything_written().await?;
        assert!(written.contains("not \u{fffd}\u{fffd} text"));
        assert!(written.contains("nor \u{fffd}( this"));
        assert!(written.contains("more bytes of this line are not shown"));
        Ok(story)
    });
}
