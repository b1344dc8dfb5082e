//! The cache of providers, against the real program. No registry is there: a packed provider lies
//! where Terraform looks unasked, in its home, and `init` never starts it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use sha2::{Digest as _, Sha256};
use slipway_core::dependency_lock::{self, FILE_NAME, LockedProvider};
use zip::write::SimpleFileOptions;

use super::super::providers::ProviderCache;
use super::*;

const SOURCE: &str = "registry.example.com/acme/thing";
const STACK: &str = r#"
terraform {
  required_providers {
    thing = { source = "registry.example.com/acme/thing" }
  }
}
"#;

/// Where Terraform finds the packed provider of a world.
fn shelf(world: &World) -> PathBuf {
    let plugins = world.scratch.path().join("home/.terraform.d/plugins");
    plugins.join(SOURCE)
}

/// This machine's, as Go calls it.
fn platform() -> String {
    let os = std::env::consts::OS.replace("macos", "darwin");
    let arch = std::env::consts::ARCH;
    let arch = arch.replace("x86_64", "amd64").replace("aarch64", "arm64");
    format!("{os}_{arch}")
}

/// A world whose provider can be had, as often as it is asked for.
fn stocked(lock: Option<&str>) -> World {
    let world = World::new(STACK);
    let shelf = shelf(&world);
    std::fs::create_dir_all(&shelf).unwrap();
    let name = format!("terraform-provider-thing_1.2.3_{}.zip", platform());
    let mut zip = zip::ZipWriter::new(File::create(shelf.join(name)).unwrap());
    let runs = SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("terraform-provider-thing_v1.2.3", runs)
        .unwrap();
    zip.write_all(b"#!/bin/sh\nexit 1\n").unwrap();
    let read = SimpleFileOptions::default().unix_permissions(0o644);
    zip.start_file("docs/LICENSE", read).unwrap();
    zip.write_all(b"do what you like").unwrap();
    zip.finish().unwrap();
    if let Some(lock) = lock {
        world.write(FILE_NAME, lock);
    }
    world
}

/// A world whose provider can't be had any more.
fn bare_of(lock: &str) -> World {
    let world = stocked(Some(lock));
    std::fs::remove_dir_all(shelf(&world)).unwrap();
    world
}

/// What an author commits: Terraform's own lock file.
async fn locked() -> String {
    let world = stocked(None);
    cli().init(&world.job()).await.unwrap();
    std::fs::read_to_string(world.dir().join(FILE_NAME)).unwrap()
}

fn caching(dir: &Path) -> TerraformSettings {
    TerraformSettings {
        provider_cache: Some(dir.to_owned()),
        ..TerraformSettings::default()
    }
}

fn entries(cache: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort();
    all
}

/// What the init of a world installed.
fn installed(world: &World) -> PathBuf {
    let providers = world.scratch.path().join("data/providers");
    providers.join(SOURCE).join("1.2.3").join(platform())
}

const SERVED: &str = "providers from the bot's cache: registry.example.com/acme/thing";
const ONCE_MORE: &str = "once more without the bot's cache of providers";

#[tokio::test]
async fn it_is_filled_once_and_serves_when_the_source_is_gone() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    let cli = TerraformCli::new(caching(cache.path())).unwrap();

    let first = stocked(Some(&lock));
    cli.init(&first.job()).await.unwrap();
    assert!(!first.log.text().contains(SERVED));
    let [entry] = &*entries(cache.path()) else {
        panic!("one entry")
    };
    let sum = dependency_lock::providers(&lock)[0].unpacked[0];
    assert_eq!(
        entry.file_name().unwrap().to_str(),
        Some(&*hex::encode(sum))
    );

    // Another process, another run, and no provider to be had.
    let cli = TerraformCli::new(caching(cache.path())).unwrap();
    let second = bare_of(&lock);
    cli.init(&second.job()).await.unwrap();
    assert!(second.log.text().contains(SERVED));
    let link = std::fs::read_link(installed(&second)).unwrap();
    assert!(link.starts_with(entry), "{link:?}");
    assert_eq!(
        std::fs::read_to_string(second.dir().join(FILE_NAME)).unwrap(),
        lock
    );

    // Nobody writes there by accident.
    let mut seen = 0;
    let mut all = vec![entry.join("mirror")];
    while let Some(path) = all.pop() {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0, "{path:?} {mode:o}");
        if path.is_dir() {
            all.extend(entries(&path));
        } else {
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
    let program = link.join("terraform-provider-thing_v1.2.3");
    assert_eq!(program.metadata().unwrap().mode() & 0o777, 0o555);
}

#[tokio::test]
async fn many_inits_fill_a_cold_cache_at_once() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    // Two processes with four each: neither knows of the other.
    let clis = [(); 2].map(|()| TerraformCli::new(caching(cache.path())).unwrap());
    let worlds = [(); 8].map(|()| stocked(Some(&lock)));
    let inits = worlds.iter().zip(clis.iter().cycle());
    let inits = inits.map(|(world, cli)| async {
        cli.init(&world.job()).await.unwrap();
    });
    futures::future::join_all(inits).await;
    assert_eq!(entries(cache.path()).len(), 1);
    let last = bare_of(&lock);
    clis[0].init(&last.job()).await.unwrap();
}

/// Sums of archives say nothing about a directory: Terraform downloads it, as ever. (What it makes of
/// such a lock file afterwards is the same with and without a cache.)
#[tokio::test]
async fn a_lock_file_with_sums_of_archives_only_is_not_served() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    let cli = TerraformCli::new(caching(cache.path())).unwrap();
    cli.init(&stocked(Some(&lock)).job()).await.unwrap();

    let mut world = stocked(None);
    world.stack.workspace = "default".to_owned();
    let [archive] = &*entries(&shelf(&world)) else {
        panic!("one archive")
    };
    let sum = sha256(&std::fs::read(archive).unwrap());
    let of_archive: String = lock
        .lines()
        .map(|line| match line.trim_start().starts_with("\"h1:") {
            true => format!("    \"zh:{sum}\",\n"),
            false => format!("{line}\n"),
        })
        .collect();
    world.write(FILE_NAME, &of_archive);
    cli.init(&world.job()).await.unwrap();
    assert!(!world.log.text().contains(SERVED));
    assert!(!installed(&world).is_symlink());
    assert_eq!(entries(cache.path()).len(), 1);

    // Without a lock file there is nothing to hold a directory to, either.
    let unlocked = stocked(None);
    cli.init(&unlocked.job()).await.unwrap();
    assert!(!installed(&unlocked).is_symlink());
}

#[tokio::test]
async fn what_is_spoilt_breaks_no_run() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    let cli = TerraformCli::new(caching(cache.path())).unwrap();
    let first = stocked(Some(&lock));
    cli.init(&first.job()).await.unwrap();
    let user = bare_of(&lock);
    cli.init(&user.job()).await.unwrap();

    // Code of a run is of the same user: what it may not write, it may still change.
    let program = installed(&user).join("terraform-provider-thing_v1.2.3");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&program, "#!/bin/sh\necho evil\n").unwrap();
    // Terraform starts it neither here …
    let error = cli
        .plan(&user.job(), &PlanFlags::default())
        .await
        .unwrap_err();
    assert!(
        error
            .error
            .said
            .contains("does not match any of the checksums"),
        "{error}"
    );
    // … nor in the next run, which is not broken by it.
    let next = stocked(Some(&lock));
    cli.init(&next.job()).await.unwrap();
    assert!(next.log.text().contains(ONCE_MORE), "{}", next.log.text());
    assert!(!installed(&next).is_symlink());
    // And the one after that is served again.
    let last = bare_of(&lock);
    cli.init(&last.job()).await.unwrap();
    assert!(!last.log.text().contains(ONCE_MORE));

    // An init that fails for another reason is not done twice.
    let broken = stocked(Some(&lock));
    broken.write("broken.tf", "foo {\n}\n");
    cli.init(&broken.job()).await.unwrap_err();
    assert!(!broken.log.text().contains(ONCE_MORE));
}

#[tokio::test]
async fn a_provider_is_removed_when_no_run_uses_it() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    let cli = TerraformCli::new(caching(cache.path())).unwrap();
    cli.init(&stocked(Some(&lock)).job()).await.unwrap();
    let run = bare_of(&lock);
    cli.init(&run.job()).await.unwrap();

    let [shelf] = &*cli.shelves() else {
        panic!("one shelf")
    };
    let [item] = &*shelf.items().await.unwrap() else {
        panic!("one provider")
    };
    let what = format!("the provider {SOURCE}/1.2.3/{}", platform());
    assert_eq!(item.what, what);
    assert!(item.bytes > 0 && item.used_at > Timestamp::UNIX_EPOCH);
    assert!(!shelf.discard(&item.key).await.unwrap());
    assert!(!shelf.discard("../scratch").await.unwrap());
    drop(run);
    assert!(shelf.discard(&item.key).await.unwrap());
    assert!(entries(cache.path()).is_empty());
    // It is installed and kept again.
    cli.init(&stocked(Some(&lock)).job()).await.unwrap();
    assert_eq!(shelf.items().await.unwrap().len(), 1);
}

/// What is not what the lock file says is not kept, whoever put it there.
#[tokio::test]
async fn another_provider_under_its_name_is_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let lock = locked().await;
    let kept = Arc::new(open(cache.path()));
    let run = tempfile::tempdir().unwrap();
    let dir = run.path().join(SOURCE).join("1.2.3").join(platform());
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("terraform-provider-thing_v1.2.3"), "evil").unwrap();
    let locked = dependency_lock::providers(&lock);
    kept.keep(run.path().to_owned(), locked.clone()).await;
    std::os::unix::fs::symlink("/etc/hostname", dir.join("link")).unwrap();
    kept.keep(run.path().to_owned(), locked).await;
    assert!(entries(cache.path()).is_empty());
}

#[test]
fn an_operators_word_is_not_overruled() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("terraformrc");
    let cache = dir.path().join("cache");
    let opened = |settings: TerraformSettings| ProviderCache::open(&settings, &cache).unwrap();
    let with = |text: &str| {
        std::fs::write(&config, text).unwrap();
        TerraformSettings {
            cli_config: Some(config.clone()),
            ..TerraformSettings::default()
        }
    };
    for text in [
        "provider_installation {\n  direct {}\n}\n",
        "  provider_installation{\n}\n",
        "plugin_cache_dir = \"/var/cache\"\n",
        "{\"credentials\": {}}",
    ] {
        assert!(opened(with(text)).is_none(), "{text}");
    }
    let env = |name: &str| TerraformSettings {
        extra_env: vec![(name.to_owned(), "/etc/terraformrc".to_owned())],
        ..TerraformSettings::default()
    };
    assert!(opened(env("TF_CLI_CONFIG_FILE")).is_none());
    assert!(opened(env("HTTPS_PROXY")).is_some());

    let own = "# provider_installation is not for us\ncredentials \"app.example.com\" {\n  token = \"t\"\n}\n";
    let cache = opened(with(own)).unwrap();
    let text = cache.config(&cache.offer(&[], dir.path()));
    assert!(text.starts_with(own), "{text}");
}

/// The operator's own configuration holds for an init that is served, too.
#[tokio::test]
async fn an_operators_other_settings_stay() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("terraformrc");
    // Terraform says that it read it.
    std::fs::write(&config, "no_such_setting = \"x\"\n").unwrap();
    let lock = locked().await;
    let settings = TerraformSettings {
        cli_config: Some(config),
        ..caching(&dir.path().join("cache"))
    };
    let cli = TerraformCli::new(settings).unwrap();
    cli.init(&stocked(Some(&lock)).job()).await.unwrap();
    let served = bare_of(&lock);
    cli.init(&served.job()).await.unwrap();
    assert!(served.log.text().contains(SERVED));
}

fn open(dir: &Path) -> ProviderCache {
    ProviderCache::open(&TerraformSettings::default(), dir)
        .unwrap()
        .unwrap()
}

/// What the process of [`fills_for_ever`] is told by.
const FILL: &str = "SLIPWAY_TEST_FILLS";

/// Whatever is visible after a SIGKILL is whole, and what is half is gone after the next start.
#[test]
fn a_killed_bot_leaves_nothing_half() {
    for wanted in 1..=4 {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("cache");
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored"])
            .arg("adapters::terraform::tests::providers::fills_for_ever")
            .env(FILL, dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let named = |entry: &PathBuf| {
            let name = entry.file_name().unwrap().to_string_lossy();
            !name.starts_with(".incoming-")
        };
        loop {
            let all = if cache.is_dir() {
                entries(&cache)
            } else {
                Vec::new()
            };
            let visible = all.iter().filter(|entry| named(entry)).count();
            if visible >= wanted && visible < all.len() {
                break;
            }
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();

        drop(open(&cache));
        let whole = entries(&cache);
        assert!(
            whole.len() >= wanted && whole.iter().all(named),
            "{whole:?}"
        );
        let packages = whole.iter().map(|entry| {
            let files = entry.join("mirror").join(SOURCE).join("1.2.3/linux_amd64");
            let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
            (name, sum(&files))
        });
        for (name, sum) in packages {
            assert_eq!(name, sum);
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The sum of a package of plain files, told once more from its definition.
fn sum(dir: &Path) -> String {
    let lines: BTreeMap<String, String> = entries(dir)
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let sum = sha256(&std::fs::read(path).unwrap());
            let line = format!("{sum}  {name}\n");
            (name, line)
        })
        .collect();
    sha256(lines.into_values().collect::<String>().as_bytes())
}

#[test]
#[ignore = "a process for another test to kill"]
fn fills_for_ever() {
    #[expect(clippy::disallowed_methods, reason = "it is told by another test")]
    let Some(dir) = std::env::var_os(FILL) else {
        return;
    };
    let dir = PathBuf::from(dir);
    let cache = Arc::new(open(&dir.join("cache")));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for n in 0.. {
        let run = dir.join(format!("run-{n}"));
        let package = run.join(SOURCE).join("1.2.3/linux_amd64");
        std::fs::create_dir_all(&package).unwrap();
        for file in 0..20 {
            let text = format!("{n} {file}\n").repeat(20_000);
            std::fs::write(package.join(format!("file-{file}")), text).unwrap();
        }
        let provider = LockedProvider {
            source: SOURCE.to_owned(),
            version: "1.2.3".to_owned(),
            unpacked: vec![hex::decode(sum(&package)).unwrap().try_into().unwrap()],
        };
        runtime.block_on(cache.keep(run, vec![provider]));
    }
}
