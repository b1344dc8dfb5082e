//! A directory (later a bucket), as the port [`Artifacts`].
//!
//! Plan files hold secrets: each is kept in an envelope ([`seal`]), and the directory is the bot's
//! alone. What the name of an artifact means is not known here.

mod key;
mod seal;

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures::TryStreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore as _, ObjectStoreExt, PutPayload};
use slipway_core::ports::{Artifacts, Kept, PortError, PortErrorKind, PortResult};
use url::Url;

pub use self::key::{KeyId, SealingKey};
pub use self::seal::Keyring;

/// How people call this system.
const SYSTEM: &str = "artifacts";
/// The longest key.
const LONGEST_KEY: usize = 512;

/// Keeps artifacts as files, each written whole or not at all.
#[derive(Debug)]
pub struct LocalArtifacts {
    store: LocalFileSystem,
    keys: Keyring,
    dir: PathBuf,
}

/// Opens what a setting names: a directory, or its `file://` URL.
///
/// # Errors
/// When it is another kind of URL, or the directory can't be made or is not the bot's own.
pub fn open(url_or_path: &str, keys: Keyring) -> PortResult<LocalArtifacts> {
    let doing = || format!("opening {url_or_path}");
    let dir = match Url::parse(url_or_path) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().map_err(|()| {
            invalid(
                doing(),
                "a file URL takes an absolute path: file:///var/lib/slipway/artifacts",
            )
        })?,
        Ok(url) => {
            return Err(invalid(
                doing(),
                format!(
                    "{}:// is not supported; give a directory or a file:// URL",
                    url.scheme()
                ),
            ));
        }
        Err(_) => PathBuf::from(url_or_path),
    };
    LocalArtifacts::open(&dir, keys)
}

impl LocalArtifacts {
    /// Opens a directory and makes it if there is none, for its owner only.
    ///
    /// # Errors
    /// When it can't be made or belongs to somebody else.
    pub fn open(dir: &Path, keys: Keyring) -> PortResult<Self> {
        let doing = || format!("opening {}", dir.display());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            // It may have been there before, open to others.
            .and_then(|()| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700)))
            .map_err(|error| PortError {
                system: SYSTEM,
                doing: doing(),
                said: format!("{error}; give the bot a directory of its own"),
                kind: PortErrorKind::Invalid,
            })?;
        let store = LocalFileSystem::new_with_prefix(dir)
            .map_err(|error| failed(doing(), &error))?
            // A directory that is empty for a moment is not to vanish under a writer.
            .with_automatic_cleanup(false)
            // A run counts as planned once its plan is kept: that must survive a power cut.
            .with_fsync(true);
        Ok(Self {
            store,
            keys,
            dir: dir.to_owned(),
        })
    }

    /// Removes what an earlier process left half-written; nobody may be writing meanwhile.
    ///
    /// # Errors
    /// When the directory can't be read or written.
    pub fn tidy(&self) -> std::io::Result<()> {
        remove_half_written(&self.dir)
    }
}

/// Removes what `LocalFileSystem` calls staged files, `NAME#1`: names that no artifact can have.
fn remove_half_written(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_half_written(&entry.path())?;
        } else if entry.file_name().as_encoded_bytes().contains(&b'#') {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[async_trait]
impl Artifacts for LocalArtifacts {
    async fn put(&self, key: &str, about: &str, bytes: Vec<u8>) -> PortResult<()> {
        let path = path_of(key, "keeping")?;
        let sealed = self
            .keys
            .seal(key, about, &bytes)
            .map_err(|error| invalid(format!("keeping {key}"), error.to_string()))?;
        match self.store.put(&path, PutPayload::from(sealed)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(format!("keeping {key}"), &error)),
        }
    }

    async fn get(&self, key: &str, about: &str) -> PortResult<Kept> {
        let doing = || format!("reading {key}");
        let path = path_of(key, "reading")?;
        let found = match self.store.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(Kept::Nothing),
            Err(error) => return Err(failed(doing(), &error)),
        };
        let bytes = found
            .bytes()
            .await
            .map_err(|error| failed(doing(), &error))?;
        Ok(match self.keys.open(key, about, &bytes) {
            Ok(bytes) => Kept::Whole(bytes),
            Err(why) => Kept::Spoilt(why.to_string()),
        })
    }

    async fn delete(&self, key: &str) -> PortResult<()> {
        let path = path_of(key, "deleting")?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(format!("deleting {key}"), &error)),
        }
    }

    async fn list(&self, under: &str) -> PortResult<Vec<String>> {
        let path = path_of(under, "listing")?;
        self.store
            .list(Some(&path))
            .map_ok(|found| found.location.to_string())
            .try_collect()
            .await
            .map_err(|error| failed(format!("listing {under}"), &error))
    }
}

/// Keys are names with `/` between them; nothing that a file system or a bucket would read as
/// anything else.
fn path_of(key: &str, verb: &str) -> PortResult<object_store::path::Path> {
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    if key.len() <= LONGEST_KEY
        && key.split('/').all(is_name)
        && let Ok(path) = object_store::path::Path::parse(key)
    {
        return Ok(path);
    }
    let shown: String = key.chars().take(80).collect();
    Err(invalid(
        format!("{verb} {shown:?}"),
        format!(
            "a key takes letters, digits, `-`, `_` and `.`, in parts with `/` between them that \
             don't begin with `.`, {LONGEST_KEY} bytes at the most"
        ),
    ))
}

fn invalid(doing: String, said: impl Into<String>) -> PortError {
    PortError {
        system: SYSTEM,
        doing,
        said: said.into(),
        kind: PortErrorKind::Invalid,
    }
}

fn failed(doing: String, error: &object_store::Error) -> PortError {
    let kind = match error {
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => PortErrorKind::Denied,
        object_store::Error::InvalidPath { .. }
        | object_store::Error::NotSupported { .. }
        | object_store::Error::NotImplemented { .. } => PortErrorKind::Invalid,
        _ => PortErrorKind::Unavailable { retry_after: None },
    };
    PortError {
        system: SYSTEM,
        doing,
        said: error.to_string(),
        kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &str = "the plan of a stack";

    fn keys(byte: u8) -> Keyring {
        Keyring::new(SealingKey::from_bytes([byte; 32]), Vec::new())
    }

    fn whole(bytes: &[u8]) -> Kept {
        Kept::Whole(bytes.to_vec())
    }

    #[tokio::test]
    async fn what_is_kept_is_found_until_it_is_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a b/artifacts");
        let artifacts = open(dir.to_str().unwrap(), keys(1)).unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);

        let key = "plans/0123abcd/dev.eks.tfplan";
        assert_eq!(artifacts.get(key, ABOUT).await.unwrap(), Kept::Nothing);
        artifacts.put(key, ABOUT, vec![0, 255, 10]).await.unwrap();
        assert_eq!(
            artifacts.get(key, ABOUT).await.unwrap(),
            whole(&[0, 255, 10])
        );
        artifacts.put(key, ABOUT, b"again".to_vec()).await.unwrap();
        artifacts
            .put("plans/0123abcd/empty", ABOUT, vec![])
            .await
            .unwrap();

        let same = open(Url::from_directory_path(&dir).unwrap().as_str(), keys(1)).unwrap();
        assert_eq!(same.get(key, ABOUT).await.unwrap(), whole(b"again"));
        assert_eq!(
            same.get("plans/0123abcd/empty", ABOUT).await.unwrap(),
            whole(b"")
        );
        // Nothing half-written lies beside it.
        assert_eq!(
            std::fs::read_dir(dir.join("plans/0123abcd"))
                .unwrap()
                .count(),
            2
        );

        same.delete(key).await.unwrap();
        same.delete(key).await.unwrap();
        assert_eq!(artifacts.get(key, ABOUT).await.unwrap(), Kept::Nothing);
    }

    #[tokio::test]
    async fn a_directory_that_was_open_to_others_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        open(dir.path().to_str().unwrap(), keys(1)).unwrap();
        assert_eq!(
            dir.path().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[tokio::test]
    async fn keys_lead_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = open(dir.path().to_str().unwrap(), keys(1)).unwrap();
        let long = "a".repeat(LONGEST_KEY + 1);
        for key in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            ".hidden",
            "a b",
            "a\0",
            "a#1",
            "ä",
            &long,
        ] {
            let error = artifacts.put(key, ABOUT, vec![]).await.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Invalid, "{key:?}");
            assert!(artifacts.get(key, ABOUT).await.is_err(), "{key:?}");
            assert!(artifacts.delete(key).await.is_err(), "{key:?}");
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_sealed_and_its_spoiling_told() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = open(dir.path().to_str().unwrap(), keys(1)).unwrap();
        artifacts
            .put("plans/1", ABOUT, b"hunter2".to_vec())
            .await
            .unwrap();
        artifacts
            .put("plans/2", ABOUT, b"other".to_vec())
            .await
            .unwrap();
        let path = dir.path().join("plans/1");
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"));

        let said = |kept| match kept {
            Kept::Spoilt(why) => why,
            other => panic!("{other:?}"),
        };
        let about_another = artifacts.get("plans/1", "another stack").await.unwrap();
        insta::assert_snapshot!(said(about_another), @"it was altered, cut off, or put there from another run");
        let other_key = open(dir.path().to_str().unwrap(), keys(2)).unwrap();
        insta::assert_snapshot!(said(other_key.get("plans/1", ABOUT).await.unwrap()), @"it is encrypted with another key than Slipway has now");
        std::fs::rename(dir.path().join("plans/2"), &path).unwrap();
        insta::assert_snapshot!(said(artifacts.get("plans/1", ABOUT).await.unwrap()), @"it was altered, cut off, or put there from another run");
        std::fs::write(&path, "PK").unwrap();
        insta::assert_snapshot!(said(artifacts.get("plans/1", ABOUT).await.unwrap()), @"it is not encrypted as Slipway does it: cut off, overwritten, or of an older Slipway");
    }

    #[tokio::test]
    async fn names_are_listed_without_what_was_left_half_written() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = open(dir.path().to_str().unwrap(), keys(1)).unwrap();
        assert_eq!(artifacts.list("plans").await.unwrap(), Vec::<String>::new());
        for key in ["plans/1", "plans/2", "states/1"] {
            artifacts.put(key, ABOUT, vec![1]).await.unwrap();
        }
        let half = dir.path().join("plans/3#1");
        std::fs::write(&half, "PK").unwrap();
        let mut listed = artifacts.list("plans").await.unwrap();
        listed.sort();
        assert_eq!(listed, ["plans/1", "plans/2"]);
        artifacts.tidy().unwrap();
        assert!(!half.exists());
        assert_eq!(artifacts.list("plans").await.unwrap().len(), 2);
    }

    #[test]
    fn other_stores_are_refused_by_name() {
        let error = open("s3://bucket/prefix", keys(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "artifacts: opening s3://bucket/prefix: s3:// is not supported; give a directory or a file:// URL"
        );
        assert!(open("file://relative/path", keys(1)).is_err());
    }
}
