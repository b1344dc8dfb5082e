//! Plan files: unreadable for others, good for one thing only, and gone when nobody needs them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use slipway_sandbox::world::REPO;

use crate::bot::{PATIENCE, Story, tell};
use crate::harness;

const DATABASE: &str = "infra/02-database/dev.tfvars";
/// The sensitive value in the database's configuration.
const SECRET: &[u8] = b"correct-horse-battery-staple";
const DAY: u64 = 24 * 3600;

/// Opens a pull request that gives dev's database another size, and waits for its plan.
async fn another_size(story: &mut Story, branch: &str, size: &str) -> anyhow::Result<u64> {
    let text = format!("environment = \"dev\"\nsize = \"{size}\"\n");
    let pr = story
        .open("ana", branch, "Another size", &[(DATABASE, &text)])
        .await?;
    story.planned(pr, "dev", "database", "+1").await?;
    Ok(pr)
}

/// The files of saved plans, oldest first. They may be deleted meanwhile.
fn plans(story: &Story) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(story.data_dir().join("artifacts/plans"))? {
        let entry = entry?;
        if let Ok(metadata) = entry.metadata() {
            files.push((metadata.modified()?, entry.path()));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Waits until so many plan files are left.
async fn left(story: &Story, count: usize) -> anyhow::Result<()> {
    let waiting = async {
        while plans(story)?.len() != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.map_err(|_| anyhow::anyhow!("{count} plan files never were left"))?
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Every file below a directory that holds some bytes.
fn files_with(dir: &Path, part: &[u8]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, part)?);
        } else if path.is_file() && has(&std::fs::read(&path)?, part) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Sweeps every second instead of every few minutes.
async fn sweep_often(story: &mut Story) -> anyhow::Result<()> {
    let report = "report_interval = \"1s\"";
    let both = format!("{report}\nredelivery_interval = \"1s\"");
    story.with_settings(report, &both).await
}

#[test]
fn a_saved_plan_says_nothing_to_whoever_reads_the_disk() {
    tell(|mut story| async {
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        let files = plans(&story)?;
        assert_eq!(files.len(), 1);
        let bytes = std::fs::read(&files[0])?;
        assert!(bytes.starts_with(b"slipway\x01"));
        // A plan file is an archive, whose names are never compressed.
        for part in [
            SECRET,
            b"resource_changes",
            b"tfplan",
            b"tfstate",
            b"PK\x03\x04",
        ] {
            assert!(!has(&bytes, part), "{}", String::from_utf8_lossy(part));
        }
        assert_eq!(
            files_with(&story.data_dir(), SECRET)?,
            Vec::<PathBuf>::new()
        );
        let key = story.data_dir().join("artifacts.key");
        assert_eq!(key.metadata()?.permissions().mode() & 0o777, 0o600);
        // And it is the plan.
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn a_plan_of_a_lost_key_is_made_again() {
    tell(|mut story| async {
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        story.stop_bot().await?;
        std::fs::remove_file(story.data_dir().join("artifacts.key"))?;
        let mut process = story.start_process().await?;
        process.says("a key for plan files was made").await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | its file can't be used: it is encrypted with another key than Slipway has now | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "database")?, None);
        // The new plan is there already: only the last word is left to say.
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        story.rest(process).await?;
        Ok(story)
    });
}

#[test]
fn a_plan_of_an_earlier_key_is_applied() {
    tell(|mut story| async {
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        let earlier = story.data_dir().join("artifacts.key");
        let new = story.data_dir().join("new.key");
        std::fs::write(&new, format!("{}\n", "5a".repeat(32)))?;
        let artifacts = format!(
            "[artifacts]\nkey = {{ file = \"{}\" }}\nprevious_keys = [{{ file = \"{}\" }}]\n\n[limits]",
            new.display(),
            earlier.display()
        );
        story.with_settings("[limits]", &artifacts).await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn what_is_no_key_is_refused_at_the_start() {
    tell(|mut story| async {
        let key = story.data_dir().join("short.key");
        std::fs::write(&key, "correct horse")?;
        let artifacts = format!(
            "[artifacts]\nkey = {{ file = \"{}\" }}\n\n[limits]",
            key.display()
        );
        story.change_settings("[limits]", &artifacts);
        let said = story.start_refused(&[]).await?;
        assert!(
            said.contains("artifacts.key: it is neither base64 nor hexadecimal"),
            "{said}"
        );
        assert!(!said.contains("correct horse"), "{said}");
        Ok(story)
    });
}

#[test]
fn a_plan_in_the_place_of_another_is_not_applied() {
    tell(|mut story| async {
        let large = another_size(&mut story, "large", "large").await?;
        let small = another_size(&mut story, "small", "small").await?;
        story.quiet().await?;
        let files = plans(&story)?;
        assert_eq!(files.len(), 2);
        std::fs::copy(&files[0], &files[1])?;
        story.say("ana", small, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(small, "⛔").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | its file can't be used: it was altered, cut off, or put there from another run | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "database")?, None);
        story.quiet().await?;
        story.say("ana", small, "/apply dev").await?;
        story.hears(small, "✅ Applied").await?;
        story.world.github.close(REPO, large, "ana").await?;
        Ok(story)
    });
}

#[test]
fn a_plan_of_another_terraform_is_made_again() {
    tell(|mut story| async {
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        let program = story.valve.program();
        let newer = format!(
            "#!/bin/sh\n[ \"$1\" = version ] && echo 'Terraform v1.99.0' && exit\n\
             exec '{}' \"$@\"\n",
            harness::terraform()?.display()
        );
        std::fs::write(&program, newer)?;
        story.say("ana", pr, "/apply dev").await?;
        let told = story.hears(pr, "⛔").await?;
        assert!(told.contains("made with terraform 1."), "{told}");
        assert!(told.contains("the bot has terraform 1.99.0"), "{told}");
        assert_eq!(story.state("dev", "database")?, None);
        // It was planned again by what is there now.
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn an_old_plan_is_deleted_and_made_again() {
    tell(|mut story| async {
        sweep_often(&mut story).await?;
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        left(&story, 1).await?;
        story.pass(Duration::from_secs(14 * DAY + 1)).await?;
        left(&story, 0).await?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "⛔").await?, @"
        ### ⛔ Not applied in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan of database | too old: its file was kept until TIME | a new plan |

        Planning now: look at the new plan, then `/apply dev` once more.
        ");
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        // It is spent.
        left(&story, 0).await?;
        Ok(story)
    });
}

#[test]
fn what_no_run_stands_for_and_what_a_closed_pull_request_left_is_swept() {
    tell(|mut story| async {
        let pr = another_size(&mut story, "size", "large").await?;
        story.quiet().await?;
        let artifacts = story.data_dir().join("artifacts");
        std::fs::write(artifacts.join("plans").join("0".repeat(32)), "of a crash")?;
        std::fs::write(artifacts.join("plans/stray"), "of nobody")?;
        // A state that no backend took is for people: it is never swept.
        std::fs::create_dir_all(artifacts.join("states"))?;
        std::fs::write(artifacts.join("states/1"), "kept")?;
        sweep_often(&mut story).await?;
        left(&story, 1).await?;
        story.world.github.close(REPO, pr, "ana").await?;
        left(&story, 0).await?;
        assert!(artifacts.join("states/1").exists());
        Ok(story)
    });
}
