//! A directory (later a bucket), as the port [`Artifacts`].
//!
//! Plan files hold secrets in clear text: the directory is the bot's alone. What a key means is not
//! known here.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt, PutPayload};
use slipway_core::ports::{Artifacts, PortError, PortErrorKind, PortResult};
use url::Url;

/// How people call this system.
const SYSTEM: &str = "artifacts";
/// The longest key.
const LONGEST_KEY: usize = 512;

/// Keeps artifacts as files, each written whole or not at all.
#[derive(Debug)]
pub struct LocalArtifacts {
    store: LocalFileSystem,
}

/// Opens what a setting names: a directory, or its `file://` URL.
///
/// # Errors
/// When it is another kind of URL, or the directory can't be made or is not the bot's own.
pub fn open(url_or_path: &str) -> PortResult<LocalArtifacts> {
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
    LocalArtifacts::open(&dir)
}

impl LocalArtifacts {
    /// Opens a directory and makes it if there is none, for its owner only.
    ///
    /// # Errors
    /// When it can't be made or belongs to somebody else.
    pub fn open(dir: &Path) -> PortResult<Self> {
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
            .with_automatic_cleanup(true)
            // A run counts as planned once its plan is kept: that must survive a power cut.
            .with_fsync(true);
        Ok(Self { store })
    }
}

#[async_trait]
impl Artifacts for LocalArtifacts {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> PortResult<()> {
        let path = path_of(key, "keeping")?;
        match self.store.put(&path, PutPayload::from(bytes)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(format!("keeping {key}"), &error)),
        }
    }

    async fn get(&self, key: &str) -> PortResult<Option<Vec<u8>>> {
        let doing = || format!("reading {key}");
        let path = path_of(key, "reading")?;
        let found = match self.store.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(doing(), &error)),
        };
        let bytes = found
            .bytes()
            .await
            .map_err(|error| failed(doing(), &error))?;
        Ok(Some(bytes.into()))
    }

    async fn delete(&self, key: &str) -> PortResult<()> {
        let path = path_of(key, "deleting")?;
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(format!("deleting {key}"), &error)),
        }
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

    #[tokio::test]
    async fn what_is_kept_is_found_until_it_is_deleted() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a b/artifacts");
        let artifacts = open(dir.to_str().unwrap()).unwrap();
        assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);

        let key = "plans/0123abcd/dev.eks.tfplan";
        assert_eq!(artifacts.get(key).await.unwrap(), None);
        artifacts.put(key, vec![0, 255, 10]).await.unwrap();
        assert_eq!(artifacts.get(key).await.unwrap(), Some(vec![0, 255, 10]));
        artifacts.put(key, b"again".to_vec()).await.unwrap();
        artifacts.put("plans/0123abcd/empty", vec![]).await.unwrap();

        let same = open(Url::from_directory_path(&dir).unwrap().as_str()).unwrap();
        assert_eq!(same.get(key).await.unwrap(), Some(b"again".to_vec()));
        assert_eq!(
            same.get("plans/0123abcd/empty").await.unwrap(),
            Some(vec![])
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
        assert_eq!(artifacts.get(key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_directory_that_was_open_to_others_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        open(dir.path().to_str().unwrap()).unwrap();
        assert_eq!(
            dir.path().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[tokio::test]
    async fn keys_lead_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = open(dir.path().to_str().unwrap()).unwrap();
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
            let error = artifacts.put(key, vec![]).await.unwrap_err();
            assert_eq!(error.kind, PortErrorKind::Invalid, "{key:?}");
            assert!(artifacts.get(key).await.is_err(), "{key:?}");
            assert!(artifacts.delete(key).await.is_err(), "{key:?}");
        }
    }

    #[test]
    fn other_stores_are_refused_by_name() {
        let error = open("s3://bucket/prefix").unwrap_err();
        assert_eq!(
            error.to_string(),
            "artifacts: opening s3://bucket/prefix: s3:// is not supported; give a directory or a file:// URL"
        );
        assert!(open("file://relative/path").is_err());
    }
}
