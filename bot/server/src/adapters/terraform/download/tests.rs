//! Against a mirror on this machine, with programs that only say what they are.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode as Status;
use slipway_core::config::ToolVersion;
use slipway_core::ids::StackName;
use slipway_core::ports::{RunLog, ToolError};
use slipway_core::spec::StackSpec;
use slipway_core::tool::ToolReason;
use zip::write::SimpleFileOptions;

use super::*;
use crate::adapters::terraform::TerraformCli;
use crate::process::Unstoppable;
use slipway_core::ports::Terraform as _;

/// The files of a mirror by path, and what was asked of it.
#[derive(Default)]
struct Shelf {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Shelf {
    fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.into());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn give(
    State(shelf): State<Arc<Shelf>>,
    UrlPath(path): UrlPath<String>,
) -> Result<Vec<u8>, Status> {
    shelf.asked.lock().unwrap().push(path.clone());
    let files = shelf.files.lock().unwrap();
    files.get(&path).cloned().ok_or(Status::NOT_FOUND)
}

struct Silent;

impl RunLog for Silent {
    fn line(&self, _: &str) {}
    fn progress(&self, _: &str, _: Option<(u32, u32)>) {}
}

/// A mirror, and a bot whose own program is Terraform 1.5.0.
struct World {
    shelf: Arc<Shelf>,
    dir: tempfile::TempDir,
    mirror: Url,
    sums: BTreeMap<String, String>,
}

const ZIP: &str = "terraform_1.9.8_OS.zip";
const SUMS: &str = "1.9.8/terraform_1.9.8_SHA256SUMS";

/// With this machine's kind in it.
fn named(text: &str) -> String {
    text.replace("OS", &format!("{}_{}", os(), arch()))
}

fn script(version: &str) -> String {
    format!("#!/bin/sh\necho '{version}'\n")
}

fn zipped(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl World {
    async fn new() -> Self {
        let shelf = Arc::new(Shelf::default());
        let routes = Router::new()
            .route("/{*path}", axum::routing::get(give))
            .with_state(Arc::clone(&shelf));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mirror = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, routes).into_future());
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("stack")).unwrap();
        let own = dir.path().join("own");
        std::fs::write(&own, script("Terraform v1.5.0")).unwrap();
        std::fs::set_permissions(&own, Permissions::from_mode(0o755)).unwrap();
        Self {
            shelf,
            dir,
            mirror: mirror.parse().unwrap(),
            sums: BTreeMap::new(),
        }
    }

    /// Puts an archive up, and its sum.
    fn publish(&self, archive: &[u8]) {
        self.shelf.put(&named(&format!("1.9.8/{ZIP}")), archive);
        let list = format!(
            "{}  other.zip\n{}  {}\n",
            "0".repeat(64),
            sum(archive),
            named(ZIP)
        );
        self.shelf.put(SUMS, list);
    }

    fn bot(&self) -> TerraformCli {
        TerraformCli::new(TerraformSettings {
            program: self.dir.path().join("own"),
            download: Some(DownloadSettings {
                terraform: self.mirror.clone(),
                opentofu: self.mirror.clone(),
                sums: self.sums.clone(),
                cache: self.dir.path().join("tools"),
                timeout: Duration::from_secs(30),
                silence: Duration::from_secs(30),
            }),
            ..TerraformSettings::default()
        })
        .unwrap()
    }

    async fn choose(&self, bot: &TerraformCli, version: &str) -> Result<PathBuf, String> {
        let stack = StackSpec {
            name: StackName::parse("state").unwrap(),
            dir: "stack".to_owned(),
            workspace: "dev".to_owned(),
            var_files: vec![],
            backend_config: vec![],
            policies: Vec::new(),
            tool: Some(ToolVersion::parse(version).unwrap()),
        };
        let request = ToolRequest {
            root: self.dir.path(),
            stack: &stack,
            planned: None,
            log: &Silent,
            stop: &Unstoppable,
        };
        match bot.tool(&request).await {
            Ok(chosen) => {
                assert_eq!(chosen.version, ToolVersion::parse(version).unwrap());
                assert_eq!(chosen.reason, ToolReason::DeployToml);
                Ok(chosen.program)
            }
            Err(ToolError::Port(error)) => Err(self.plain(&error.to_string())),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    async fn refused(&self) -> String {
        let said = self.choose(&self.bot(), "1.9.8").await.unwrap_err();
        assert_eq!(self.kept(), Vec::<String>::new(), "{said}");
        said
    }

    /// What the cache holds.
    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join("tools")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn plain(&self, text: &str) -> String {
        text.replace(self.mirror.as_str(), "http://MIRROR/")
            .replace(&format!("{}_{}", os(), arch()), "OS")
    }
}

#[tokio::test]
async fn a_version_is_fetched_once_and_kept_under_its_sum() {
    let world = World::new().await;
    let archive = zipped(&[
        ("LICENSE.txt", "…"),
        ("terraform", &script("Terraform v1.9.8\non linux_amd64")),
        ("../../own", "no"),
    ]);
    world.publish(&archive);
    let bot = world.bot();
    let (one, other) = tokio::join!(world.choose(&bot, "1.9.8"), world.choose(&bot, "1.9.8"));
    let program = one.unwrap();
    assert_eq!(other.unwrap(), program);
    assert_eq!(
        program,
        world
            .dir
            .path()
            .join("tools")
            .join(sum(&archive))
            .join("terraform")
    );
    assert_eq!(
        world.shelf.asked(),
        [SUMS.to_owned(), named(&format!("1.9.8/{ZIP}"))]
    );
    assert_eq!(world.kept(), {
        let mut kept = [sum(&archive), named(&format!("{ZIP}.sha256"))];
        kept.sort();
        kept
    });
    assert_eq!(
        std::fs::read_to_string(world.dir.path().join("own")).unwrap(),
        script("Terraform v1.5.0")
    );

    // The next process finds it, without the mirror; what was left half-way is gone.
    world.shelf.files.lock().unwrap().clear();
    std::fs::write(world.dir.path().join("tools/.incoming-x"), "half").unwrap();
    std::fs::create_dir(world.dir.path().join("tools/.incoming-y")).unwrap();
    assert_eq!(world.choose(&world.bot(), "1.9.8").await.unwrap(), program);
    assert!(world.shelf.asked().is_empty());
    assert_eq!(world.kept().len(), 2);
}

#[tokio::test]
async fn a_version_is_removed_when_no_run_uses_it() {
    let world = World::new().await;
    let archive = zipped(&[("terraform", &script("Terraform v1.9.8\non linux_amd64"))]);
    world.publish(&archive);
    let bot = world.bot();
    world.choose(&bot, "1.9.8").await.unwrap();
    let [shelf] = &*bot.shelves() else {
        panic!("one shelf")
    };
    let [item] = &*shelf.items().await.unwrap() else {
        panic!("one version")
    };
    assert_eq!(item.what, named(ZIP));
    assert_eq!(item.key, sum(&archive));
    assert!(item.bytes > 0 && item.used_at > jiff::Timestamp::UNIX_EPOCH);
    // The worktree of the run is there yet.
    assert!(!shelf.discard(&item.key).await.unwrap());
    assert!(!shelf.discard("../own").await.unwrap());

    let [shelf] = &*world.bot().shelves() else {
        panic!("one shelf")
    };
    assert!(shelf.discard(&item.key).await.unwrap());
    assert!(!shelf.discard(&item.key).await.unwrap());
    assert!(shelf.items().await.unwrap().is_empty());
    // It is downloaded again.
    world.shelf.asked();
    world.choose(&world.bot(), "1.9.8").await.unwrap();
    assert_eq!(world.shelf.asked().len(), 2);
}

#[tokio::test]
async fn opentofu_has_its_own_names() {
    let world = World::new().await;
    let archive = zipped(&[("tofu", &script("OpenTofu v1.9.0\non linux_amd64"))]);
    let name = named("tofu_1.9.0_OS.zip");
    world.shelf.put(&format!("v1.9.0/{name}"), archive.clone());
    let list = format!("{} *{name}\n", sum(&archive));
    world.shelf.put("v1.9.0/tofu_1.9.0_SHA256SUMS", list);
    let program = world.choose(&world.bot(), "opentofu 1.9.0").await.unwrap();
    assert!(program.ends_with("tofu"));
}

#[tokio::test]
async fn what_is_not_as_published_is_thrown_away() {
    let world = World::new().await;
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_SHA256SUMS: 404 Not Found");

    let archive = zipped(&[("terraform", &script("Terraform v1.9.8"))]);
    world.publish(&archive);
    world
        .shelf
        .put(SUMS, format!("{}  {}\n", "0".repeat(64), named(ZIP)));
    let said = world.refused().await.replace(&sum(&archive), "IS");
    insta::assert_snapshot!(said, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip has the SHA-256 IS, but 0000000000000000000000000000000000000000000000000000000000000000 is in http://MIRROR/1.9.8/terraform_1.9.8_SHA256SUMS; it was thrown away");

    world
        .shelf
        .put(SUMS, format!("{}  other.zip\n", sum(&archive)));
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_SHA256SUMS has no sum of terraform_1.9.8_OS.zip");

    // Cut off, with the right sum for what is left.
    world.publish(&archive[..archive.len() / 2]);
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip: the archive can't be read: invalid Zip archive: Could not find EOCD");

    world.publish(&zipped(&[("bin/terraform", "")]));
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip: the archive can't be read: specified file not found in archive");

    world.publish(&zipped(&[("terraform", &script("Terraform v1.9.7"))]));
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip holds terraform 1.9.7; it was thrown away");

    world.publish(&zipped(&[("terraform", &script("hello"))]));
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip: this is neither Terraform nor OpenTofu: it exited with code 0 ()");

    let mut link = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    link.add_symlink("terraform", "/bin/sh", options).unwrap();
    world.publish(&link.finish().unwrap().into_inner());
    insta::assert_snapshot!(world.refused().await, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip: terraform in it is no file");
}

#[tokio::test]
async fn pinned_sums_are_what_counts() {
    let mut world = World::new().await;
    let archive = zipped(&[("terraform", &script("Terraform v1.9.8"))]);
    world.publish(&archive);
    world.sums = BTreeMap::from([("other.zip".to_owned(), "0".repeat(64))]);
    insta::assert_snapshot!(world.refused().await, @r#"Terraform: getting terraform 1.9.8: the bot's settings pin the sums of what may be downloaded, and "terraform_1.9.8_OS.zip" is not among them; add it to [terraform.sums]"#);
    assert!(world.shelf.asked().is_empty());

    world.sums = BTreeMap::from([(named(ZIP), "0".repeat(64))]);
    let said = world.refused().await.replace(&sum(&archive), "IS");
    insta::assert_snapshot!(said, @"Terraform: getting terraform 1.9.8: http://MIRROR/1.9.8/terraform_1.9.8_OS.zip has the SHA-256 IS, but 0000000000000000000000000000000000000000000000000000000000000000 is pinned in the settings; it was thrown away");
    world.shelf.asked();

    // The mirror's own list is not even asked for.
    world.sums = BTreeMap::from([(named(ZIP), sum(&archive).to_uppercase())]);
    world.choose(&world.bot(), "1.9.8").await.unwrap();
    assert_eq!(world.shelf.asked(), [named(&format!("1.9.8/{ZIP}"))]);
}
