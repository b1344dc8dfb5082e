//! Which Terraform or OpenTofu plans and applies a stack.
//!
//! The other versions are small programs in front of the real Terraform. The one that stands for
//! OpenTofu calls itself that when it is asked for its version, and is the real Terraform in all else:
//! what is told here is how a program is chosen, not how OpenTofu plans.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use axum::Router;
use axum::extract::Path as UrlPath;
use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};

use crate::bot::{Story, tell};
use crate::harness;

const NETWORK: &str = "infra/01-network/main.tf";
const DATABASE: &str = "infra/02-database/main.tf";

fn network_with(more: &str) -> String {
    let shop = include_str!("../../../sandbox/src/world/shop/network/main.tf");
    format!("{shop}\n{more}")
}

fn database_with(more: &str) -> String {
    let shop = include_str!("../../../sandbox/src/world/shop/database/main.tf");
    format!("{shop}\n{more}")
}

/// The version of the real Terraform.
fn real() -> anyhow::Result<String> {
    let said = Command::new(harness::terraform()?)
        .arg("version")
        .output()?;
    let said = String::from_utf8(said.stdout)?;
    let line = said.lines().next().context("a version")?;
    let version = line.strip_prefix("Terraform v").context("a version")?;
    Ok(version.to_owned())
}

/// A program that is the real Terraform in all but its answer to `version`, if one is given.
fn program(at: &Path, version: Option<&str>) -> anyhow::Result<String> {
    let says = match version {
        Some(version) => {
            format!("[ \"$1\" = version ] && {{ echo '{version}'; exit 0; }}\n")
        }
        None => String::new(),
    };
    let script = format!(
        "#!/bin/sh\n{says}exec '{}' \"$@\"\n",
        harness::terraform()?.display()
    );
    if let Some(dir) = at.parent() {
        std::fs::create_dir_all(dir)?;
        std::fs::write(at, &script)?;
        std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(script)
}

/// Has the stacks of the default branch ask for these programs.
async fn asks(story: &Story, network: &str, database: &str) -> anyhow::Result<()> {
    let toml = include_str!("../../../sandbox/src/world/shop/deploy.toml");
    let toml = toml
        .replace(
            "[stacks.network]",
            &format!("[stacks.network]\nterraform = \"{network}\""),
        )
        .replace(
            "[stacks.database]",
            &format!("[stacks.database]\nterraform = \"{database}\""),
        );
    let files = [("deploy.toml", toml.as_str())];
    story.push("cleo", "main", "Name the tools", &files).await?;
    Ok(())
}

fn plain(text: &str, version: &str, dir: &Path) -> String {
    text.replace(&dir.display().to_string(), "/opt/terraform")
        .replace(&version.replace('.', "\\."), "REAL")
        .replace(&format!("terraform {version}"), "terraform REAL")
}

#[test]
fn a_version_that_is_not_there_is_told_before_anything_is_done() {
    tell(|mut story| async {
        let network = network_with("terraform {\n  required_version = \">= 99\"\n}\n");
        let pr = story
            .open("ana", "new", "From the future", &[(NETWORK, &network)])
            .await?;
        let told = story.settles(pr, "failed at").await?;
        insta::assert_snapshot!(plain(&told, &real()?, Path::new("/nowhere")), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `tool` |
        | prod | [network](http://HERE/runs/RUN) | ❌ failed at `tool` |

        - ❌ dev · network failed at `tool`: the stack asks for Terraform `>= 99` by `required_version`, and the bot has terraform REAL (the program of its settings) — name a directory of versions as `terraform.versions_dir` in its settings, or let it download versions (`terraform.download`), or ask for another; then plan again
        - ❌ prod · network failed at `tool`: the stack asks for Terraform `>= 99` by `required_version`, and the bot has terraform REAL (the program of its settings) — name a directory of versions as `terraform.versions_dir` in its settings, or let it download versions (`terraform.download`), or ask for another; then plan again

        [run](http://HERE/runs/RUN)
        ");
        assert!(story.roles().is_empty(), "{:?}", story.roles());
        Ok(story)
    });
}

#[test]
fn required_version_takes_what_is_installed() {
    tell(|mut story| async {
        let dir = tempfile::tempdir()?;
        let version = real()?;
        // The bot's own program is too old, says it.
        let own = dir.path().join("own/terraform");
        program(&own, Some("Terraform v1.5.0"))?;
        program(&dir.path().join(&version).join("terraform"), None)?;
        program(&dir.path().join("99.0.0/terraform"), None)?;
        let was = format!("program = \"{}\"", story.valve.program().display());
        let is = format!(
            "program = \"{}\"\nversions_dir = \"{}\"",
            own.display(),
            dir.path().display()
        );
        story.with_settings(&was, &is).await?;
        let network = network_with("terraform {\n  required_version = \"> 1.5.0\"\n}\n");
        let pr = story
            .open("ana", "newer", "Something newer", &[(NETWORK, &network)])
            .await?;
        let told = story.settles(pr, "valid until").await?;
        let told = plain(&told, &version, dir.path());
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |
        | prod | [network](http://HERE/runs/RUN) | +1 |

        - ℹ️ planned: network by terraform REAL (required\_version)
        ");
        Ok(story)
    });
}

#[test]
fn two_tools_plan_two_stacks_and_only_they_apply() {
    tell(|mut story| async {
        let dir = tempfile::tempdir()?;
        let tofu = dir.path().join("1.9.0/tofu");
        let answer = "OpenTofu v1.9.0\non linux_amd64";
        program(&tofu, Some(answer))?;
        let there = format!("[terraform]\nversions_dir = \"{}\"", dir.path().display());
        story.with_settings("[terraform]", &there).await?;
        let version = real()?;
        asks(&story, &version, "opentofu 1.9.0").await?;
        let network = network_with("# checked\n");
        let database = database_with("# checked\n");
        let files = [(NETWORK, network.as_str()), (DATABASE, database.as_str())];
        let pr = story.open("ana", "both", "Both stacks", &files).await?;
        let told = story.settles(pr, "valid until").await?;
        let told = plain(&told, &version, dir.path());
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | +1 |
        | dev | [database](http://HERE/runs/RUN) | +1 |
        | prod | [network](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |

        - ℹ️ planned: database by opentofu 1\.9\.0 (deploy.toml); network by terraform REAL (deploy.toml)
        ");

        // Its maker is gone: the plan can't be applied, and no other be made.
        std::fs::remove_file(&tofu)?;
        story.say("ana", pr, "/apply dev").await?;
        let told = story.hears(pr, "⛔").await?;
        insta::assert_snapshot!(plain(&told, &version, dir.path()), @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |
        | database | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | the plan was made with opentofu 1.9.0, and the bot has terraform REAL (the program of its settings) | a new plan, then `/apply` again |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · 🔒 network in dev for this pull request until it is merged or closed · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        "#);
        assert!(story.state("dev", "database")?.is_none());
        let told = story.settles(pr, "failed at").await?;
        let told = plain(&told, &version, dir.path());
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied +1 by `ana` |
        | dev | [database](http://HERE/runs/RUN) | ❌ failed at `tool` |
        | prod | [network](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |

        - ❌ dev · database failed at `tool`: deploy.toml asks for opentofu 1\.9\.0, and the bot has terraform REAL (the program of its settings) — install it as `/opt/terraform/VERSION/tofu`, or let it download versions (`terraform.download`), or ask for another; then plan again

        - ℹ️ planned: database by opentofu 1\.9\.0 (deploy.toml); network by terraform REAL (deploy.toml)
        ");

        // Another OpenTofu in its place is not what was asked for.
        program(&tofu, Some("OpenTofu v1.9.1"))?;
        story.say("ana", pr, "/plan dev database").await?;
        let told = story.settles(pr, "in spite of").await?;
        let told = plain(&told, &version, dir.path());
        insta::assert_snapshot!(told.split("<details>").next().unwrap_or_default(), @r"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied +1 by `ana` |
        | dev | [database](http://HERE/runs/RUN) | ❌ failed at `tool` |
        | prod | [network](http://HERE/runs/RUN) | +1 |
        | prod | [database](http://HERE/runs/RUN) | +1 |

        - ❌ dev · database failed at `tool`: deploy.toml asks for opentofu 1\.9\.0, and the bot has terraform REAL (the program of its settings), opentofu 1\.9\.1 (at /opt/terraform/1\.9\.0/tofu, in spite of its place) — install it as `/opt/terraform/VERSION/tofu`, or let it download versions (`terraform.download`), or ask for another; then plan again

        - ℹ️ planned: database by opentofu 1\.9\.0 (deploy.toml); network by terraform REAL (deploy.toml)
        ");

        program(&tofu, Some(answer))?;
        story.say("ana", pr, "/plan dev database").await?;
        story.planned(pr, "dev", "database", "+1").await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        assert!(story.state("dev", "database")?.is_some());
        Ok(story)
    });
}

/// Files by their paths, for whoever asks.
type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Serves files; gives the address.
async fn mirror(files: &Files) -> anyhow::Result<String> {
    let files = Arc::clone(files);
    let give = move |UrlPath(path): UrlPath<String>| {
        let found = files.lock().unwrap().get(&path).cloned();
        async move { found.ok_or(StatusCode::NOT_FOUND) }
    };
    let routes = Router::new().route("/{*path}", axum::routing::get(give));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, routes).into_future());
    Ok(address)
}

#[test]
fn a_download_is_held_to_its_sum() {
    tell(|mut story| async {
        let dir = tempfile::tempdir()?;
        let version = real()?;
        let own = dir.path().join("terraform");
        program(&own, Some("Terraform v1.5.0"))?;
        let script = program(&dir.path().join("released"), None)?;
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file("terraform", zip::write::SimpleFileOptions::default())?;
        archive.write_all(script.as_bytes())?;
        let archive = archive.finish()?.into_inner();
        let sum = hex::encode(Sha256::digest(&archive));

        let files = Files::default();
        let put = |path: String, bytes: &[u8]| files.lock().unwrap().insert(path, bytes.to_vec());
        let os = std::env::consts::OS.replace("macos", "darwin");
        let arch = std::env::consts::ARCH
            .replace("x86_64", "amd64")
            .replace("aarch64", "arm64");
        let name = format!("terraform_{version}_{os}_{arch}.zip");
        let sums = format!("{version}/terraform_{version}_SHA256SUMS");
        put(format!("{version}/{name}"), &archive);
        put(
            sums.clone(),
            format!("{}  {name}\n", "0".repeat(64)).as_bytes(),
        );

        let mirror = mirror(&files).await?;
        let was = format!("program = \"{}\"", story.valve.program().display());
        let is = format!(
            "program = \"{}\"\ndownload = true\nmirror.terraform = \"{mirror}\"",
            own.display(),
        );
        story.with_settings(&was, &is).await?;
        asks(&story, &version, &version).await?;
        let network = network_with("# checked\n");
        let pr = story
            .open("ana", "net", "Network", &[(NETWORK, &network)])
            .await?;
        let told = story.settles(pr, "failed at").await?;
        let told = told.replace("\\_", "_").replace("\\.", ".");
        let told = told.replace(&name, "ARCHIVE").replace(&sum, "SUM");
        let told = told.replace(&mirror, "MIRROR");
        insta::assert_snapshot!(told.replace(&version, "REAL"), @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `tool` |
        | prod | [network](http://HERE/runs/RUN) | ❌ failed at `tool` |

        - ❌ dev · network failed at `tool`: Terraform: getting terraform REAL: MIRROR/REAL/ARCHIVE has the SHA-256 SUM, but 0000000000000000000000000000000000000000000000000000000000000000 is in MIRROR/REAL/terraform_REAL_SHA256SUMS; it was thrown away — mend the cause, then `/retry`
        - ❌ prod · network failed at `tool`: Terraform: getting terraform REAL: MIRROR/REAL/ARCHIVE has the SHA-256 SUM, but 0000000000000000000000000000000000000000000000000000000000000000 is in MIRROR/REAL/terraform_REAL_SHA256SUMS; it was thrown away — mend the cause, then `/retry`

        [run](http://HERE/runs/RUN)
        ");

        put(sums, format!("{sum}  {name}\n").as_bytes());
        story.say("ana", pr, "/plan").await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.quiet().await?;
        // Kept: the mirror is not needed again.
        files.lock().unwrap().clear();
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        Ok(story)
    });
}
