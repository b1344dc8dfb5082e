//! `isolation = "bubblewrap"`: what code of a pull request can get at without, and what not with it.
//!
//! `tools/test` leaves out what is `in_bubblewrap` where bubblewrap does not work.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::bot::{PATIENCE, Story, tell};
use crate::harness;

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
const TFLOCK: &str = "network.tfstate.tflock";

/// The settings of a bot that isolates, besides `[terraform]`.
fn isolated(story: &Story, bubblewrap: &Path) -> anyhow::Result<String> {
    let valve = story.valve.program();
    let readable = [valve.parent(), harness::terraform()?.parent()]
        .map(|dir| format!("{:?}", dir.unwrap_or(Path::new("/"))));
    Ok(format!(
        "[terraform]\nisolation = \"bubblewrap\"\nbubblewrap = {bubblewrap:?}\nreadable = [{}]",
        readable.join(", ")
    ))
}

/// The bot of this story isolates from its next life on.
fn isolate(story: &mut Story) -> anyhow::Result<()> {
    let bubblewrap = harness::program("BUBBLEWRAP", "bwrap")?;
    let settings = isolated(story, &bubblewrap)?;
    story.change_settings("[terraform]", &settings);
    Ok(())
}

/// A stack that tells of what lies about on the bot's machine: at once, by functions of Terraform, and when it
/// is applied, by a program.
fn thief(story: &Story) -> anyhow::Result<String> {
    let data = story.data_dir();
    let dir = story.settings_path();
    let dir = dir.parent().unwrap_or(Path::new("/")).to_owned();
    // Another run's, with its plan in clear text.
    let other = data.join("scratch/run-other");
    std::fs::create_dir_all(&other)?;
    std::fs::write(other.join("saved.tfplan"), "hunter2")?;
    Ok(format!(
        r#"
        locals {{
          seen = {{
            key       = try(startswith(file("{key}"), "-----BEGIN"), false)
            settings  = fileexists("{settings}")
            database  = fileexists("{database}")
            others    = length(fileset("{other}", "**")) > 0
            mirrors   = length(fileset("{data}/git/mirrors", "**")) > 0
            processes = fileexists("/proc/{bot}/environ")
          }}
        }}
        resource "terraform_data" "thief" {{
          input = [for what, is_seen in local.seen : what if is_seen]
          provisioner "local-exec" {{
            command = "for it in '{key}' '{database}' '{other}/saved.tfplan'; do if cat \"$it\" >/dev/null 2>&1; then echo stolen; else echo out of sight; fi; done"
          }}
        }}
        output "seen" {{
          value = join(" ", [for what, is_seen in local.seen : what if is_seen])
        }}
        "#,
        key = dir.join("app.pem").display(),
        settings = dir.join("slipway.toml").display(),
        database = data.join("slipway.db").display(),
        bot = std::process::id(),
        other = other.display(),
        data = data.display(),
    ))
}

/// The thief is planned and applied: what the plan shows, and what its program said.
async fn told_by_the_thief(story: &mut Story) -> anyhow::Result<String> {
    let text = thief(story)?;
    let files = [("infra/01-network/thief.tf", text.as_str())];
    let pr = story.open("ana", "thief", "A thief", &files).await?;
    story.planned(pr, "dev", "network", "+2").await?;
    let plan = story.settles(pr, "### Plan").await?;
    let line = |text: &str, what: &str| {
        let found = text.lines().find(|line| line.contains(what));
        found.unwrap_or_default().trim().to_owned()
    };
    let planned = line(&plan, "seen ");
    story.say("ana", pr, "/apply dev").await?;
    let applied = story.hears(pr, "✅ Applied").await?;
    story.quiet().await?;
    let log = story.everything_written().await?;
    let mut said: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("(local-exec): "))
        .filter_map(|line| line.split("(local-exec): ").nth(1))
        .filter(|said| said.starts_with("stolen") || said.starts_with("out of sight"))
        .map(|said| {
            if said.starts_with("stolen") {
                "stolen"
            } else {
                "out of sight"
            }
        })
        .collect();
    said.dedup();
    Ok(format!(
        "{planned}\n{}\n{}",
        line(&applied, "seen ="),
        said.join(", ")
    ))
}

#[test]
fn without_isolation_code_of_a_pull_request_sees_what_the_bot_sees() {
    tell(|mut story| async {
        insta::assert_snapshot!(told_by_the_thief(&mut story).await?, @r#"
        + seen = "database key mirrors others processes settings"
        seen = "database key mirrors others processes settings"
        stolen
        "#);
        Ok(story)
    });
}

#[test]
fn a_machine_that_cannot_isolate_is_told_of_at_the_start() {
    tell(|mut story| async {
        let fake = story.valve.program().with_file_name("bwrap");
        let settings = isolated(&story, &fake)?;
        story.change_settings("[terraform]", &settings);
        let said = story.start_refused(&[]).await?;
        let dir = fake
            .parent()
            .unwrap_or(Path::new("/"))
            .display()
            .to_string();
        insta::assert_snapshot!(said.replace(&dir, "DIR"), @r#"slipway: terraform.isolation is "bubblewrap", and code of repositories can't be isolated here: there is no program `DIR/bwrap` (looked at DIR/bwrap); install it (Debian, Ubuntu, Fedora: the package `bubblewrap`), or name its path in the bot's settings (`terraform.bubblewrap`)"#);

        let says = "bwrap: setting up uid map: Permission denied";
        std::fs::write(&fake, format!("#!/bin/sh\necho '{says}' >&2\nexit 1\n"))?;
        std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755))?;
        let said = story.start_refused(&[]).await?.replace(&dir, "DIR");
        // What follows depends on the machine.
        let (said, advice) = said.split_once("; ").unwrap_or((&said, ""));
        insta::assert_snapshot!(said, @r#"slipway: terraform.isolation is "bubblewrap", and code of repositories can't be isolated here: DIR/bwrap can't start a program of its own: bwrap: setting up uid map: Permission denied"#);
        assert!(!advice.is_empty());
        Ok(story)
    });
}

mod in_bubblewrap {
    use super::*;

    #[test]
    fn code_of_a_pull_request_sees_its_own_run_and_no_more() {
        tell(|mut story| async {
            isolate(&mut story)?;
            story.stop_bot().await?;
            story.start_bot().await?;
            insta::assert_snapshot!(told_by_the_thief(&mut story).await?, @r#"
            + seen = ""
            seen = ""
            out of sight
            "#);
            // The state was read and written with credentials from the endpoint.
            let doors = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
            assert!(story.state("dev", "network")?.is_some());
            assert!(
                !story.valve.environments()?.contains(doors),
                "nothing inside writes there"
            );
            Ok(story)
        });
    }

    #[test]
    fn an_error_of_terraform_comes_through() {
        tell(|mut story| async {
            isolate(&mut story)?;
            story.stop_bot().await?;
            story.start_bot().await?;
            let broken = "resource \"terraform_data\" \"broken\" {\n  input = var.nothing\n}\n";
            let files = [("infra/01-network/broken.tf", broken)];
            let pr = story.open("ana", "broken", "Broken", &files).await?;
            let check = story.check(&story.head(pr), "plan dev").await?;
            insta::assert_snapshot!(story.shown(&check), @r#"
            plan dev: failure
            # 1 of 1 stack failed
            ### Plan · `COMMIT` onto `main@COMMIT`

            |  | stack | changes |
            | --- | --- | --- |
            | dev | [network](http://HERE/runs/RUN) | ❌ failed at `plan` |

            - ❌ dev · network failed at `plan`: Reference to undeclared input variable (`broken.tf:2`)

            dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)

            ---
            ### dev · network

            ```
            Error: Reference to undeclared input variable
              on broken.tf:2
                |   input = var.nothing
              An input variable with the name "nothing" has not been declared. This variable can be declared with a variable "nothing" {} block.
            ```

            @ infra/01-network/broken.tf:2-2 failure: Reference to undeclared input variable: An input variable with the name "nothing" has not been declared. This variable can be declared with a variable "nothing" {} block.
            "#);
            story.settles(pr, "### Plan").await?;
            Ok(story)
        });
    }

    /// An apply that waits in the middle, with the state locked.
    async fn in_the_middle(story: &mut Story) -> anyhow::Result<u64> {
        let text = format!(
            "resource \"terraform_data\" \"slow\" {{\n  provisioner \"local-exec\" {{\n    command = \"'{}' middle\"\n  }}\n}}\n",
            story.valve.program().display()
        );
        let files = [("infra/01-network/slow.tf", text.as_str())];
        let pr = story.open("ana", "slow", "Something slow", &files).await?;
        story.planned(pr, "dev", "network", "+2").await?;
        story.planned(pr, "prod", "network", "+2").await?;
        Ok(pr)
    }

    fn is_locked(story: &Story) -> bool {
        let bucket = &story.world.dev.bucket;
        story.world.aws.object(bucket, TFLOCK).is_some()
    }

    #[test]
    fn a_cancelled_apply_ends_in_order_and_frees_the_state() {
        tell(|mut story| async {
            isolate(&mut story)?;
            story.stop_bot().await?;
            story.start_bot().await?;
            let pr = in_the_middle(&mut story).await?;
            story.valve.shut("middle")?;
            story.say("ana", pr, "/apply dev").await?;
            let waiting = story.valve.reached("middle").await?;
            assert!(is_locked(&story));
            story.say("ana", pr, "/cancel").await?;
            story.reads(pr, "✋").await?;
            let told = story.hears(pr, "⛔").await?;
            insta::assert_snapshot!(told, @"
            ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

            | stack | outcome |
            | --- | --- |
            | network | ⛔ not applied: cancelled by ana in the middle of its effect: it was stopped as asked; it ended in order and wrote down what was done: plan again to see the rest; 1 of 2 steps were done — look at what was done before you go on: see the run's log |

            as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
            ");
            drop(waiting);
            assert!(!is_locked(&story));
            story.settles(pr, "### Plan").await?;
            // What was done before is in the state: the rest is planned.
            story.say("ana", pr, "/plan dev").await?;
            story.planned(pr, "dev", "network", "+").await?;
            story.quiet().await?;
            Ok(story)
        });
    }

    #[test]
    fn an_apply_goes_on_in_a_bot_that_is_asked_to_end_and_ends_with_one_that_is_killed() {
        tell(|mut story| async {
            isolate(&mut story)?;
            let mut process = story.start_process().await?;
            let pr = story
                .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
                .await?;
            story.planned(pr, "dev", "network", "+1").await?;
            story.valve.shut("apply")?;
            story.say("ana", pr, "/apply dev").await?;
            let waiting = story.valve.reached("apply").await?;
            process.ask_to_end().await?;
            waiting.release();
            assert!(process.ended().await?.success());
            story.hears(pr, "✅ Applied").await?;
            assert!(story.state("dev", "network")?.is_some());

            let process = story.start_process().await?;
            story
                .push(
                    "ana",
                    "cidr",
                    "Nothing",
                    &[(DEV, &OTHER_CIDR.replace(".9.", ".8."))],
                )
                .await?;
            story.planned(pr, "dev", "network", "~1").await?;
            story.valve.shut("apply")?;
            story.say("ana", pr, "/apply dev").await?;
            let waiting = story.valve.reached("apply").await?;
            process.kill().await?;
            // Nobody has to look for it and kill it.
            let gone = async {
                while is_at_work(&story.valve.program())? {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                anyhow::Ok(())
            };
            tokio::time::timeout(PATIENCE, gone).await??;
            drop(waiting);
            let process = story.start_process().await?;
            let told = story.hears(pr, "⚠️").await?;
            assert!(told.contains("the bot died in the step apply"), "{told}");
            story.rest(process).await?;
            Ok(story)
        });
    }

    /// Whether any process on this machine was started by this path.
    fn is_at_work(program: &Path) -> anyhow::Result<bool> {
        let name = program.display().to_string();
        for entry in std::fs::read_dir("/proc")? {
            // Some end meanwhile.
            let line = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&name) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
