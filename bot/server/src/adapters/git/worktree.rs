//! Directories that runs get their files in, and what happens to them afterwards.
//!
//! Each process has a directory of its own with a file beside it that it keeps locked. The system
//! drops that lock with the process, however it ends: so what an unlocked file stands beside is a
//! leftover, and nothing else is.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use slipway_core::ports::{PortError, PortErrorKind, PortResult, Worktree};
use tokio::sync::OnceCell;

use super::failure::{SYSTEM, unmet};
use super::program::make_private_dir;

/// How the lock files end.
const LOCK_SUFFIX: &str = ".lock";
/// Taken by whoever makes or removes a lock file, so that none is removed before it is locked.
const DOOR: &str = "door";

/// Where worktrees are made.
#[derive(Debug)]
pub(super) struct Nursery {
    root: PathBuf,
    own: OnceCell<Arc<OwnDir>>,
    next: AtomicU64,
}

/// The directory of this process.
#[derive(Debug)]
struct OwnDir {
    dir: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

/// The files of one tree.
#[derive(Debug)]
pub(super) struct Checkout {
    base: PathBuf,
    dir: PathBuf,
    _own: Arc<OwnDir>,
}

impl Nursery {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            own: OnceCell::new(),
            next: AtomicU64::new(1),
        }
    }

    /// An empty directory.
    pub(super) async fn worktree(&self) -> PortResult<Checkout> {
        let doing = "making a worktree";
        let own = self
            .own
            .get_or_try_init(|| async {
                let root = self.root.clone();
                off_thread(doing, move || OwnDir::make(&root))
                    .await
                    .map(Arc::new)
            })
            .await?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let base = own.dir.join(number.to_string());
        let dir = base.join("files");
        let (base_made, dir_made) = (base.clone(), dir.clone());
        off_thread(doing, move || {
            std::fs::DirBuilder::new().mode(0o700).create(base_made)?;
            std::fs::create_dir(dir_made)
        })
        .await?;
        Ok(Checkout {
            base,
            dir,
            _own: Arc::clone(own),
        })
    }

    /// Removes what dead processes left.
    pub(super) async fn clean(&self) -> PortResult<()> {
        let root = self.root.clone();
        off_thread("removing old worktrees", move || remove_leftovers(&root)).await
    }
}

impl OwnDir {
    fn make(root: &Path) -> io::Result<Self> {
        make_private_dir(root)?;
        let door = File::create(root.join(DOOR))?;
        door.lock()?;
        let dir = tempfile::Builder::new()
            .prefix("p-")
            .tempdir_in(root)?
            .keep();
        let mut lock_path = dir.clone().into_os_string();
        lock_path.push(LOCK_SUFFIX);
        let lock_path = PathBuf::from(lock_path);
        let lock = File::create(&lock_path)?;
        lock.lock()?;
        Ok(Self {
            dir,
            lock_path,
            _lock: lock,
        })
    }
}

impl Drop for OwnDir {
    fn drop(&mut self) {
        let removed = remove_dir(&self.dir).and_then(|()| std::fs::remove_file(&self.lock_path));
        if let Err(error) = removed {
            tracing::warn!(dir = %self.dir.display(), %error, "worktrees could not be removed");
        }
    }
}

fn remove_leftovers(root: &Path) -> io::Result<()> {
    make_private_dir(root)?;
    let door = File::create(root.join(DOOR))?;
    door.lock()?;
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        let Some(dir) = path.to_str().and_then(|p| p.strip_suffix(LOCK_SUFFIX)) else {
            continue;
        };
        match File::open(&path)?.try_lock() {
            Ok(()) => {
                tracing::info!(dir, "removing the worktrees of a process that is gone");
                remove_dir(Path::new(dir))?;
                std::fs::remove_file(&path)?;
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

fn remove_dir(dir: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// File work that may take long, away from the threads that serve requests.
pub(super) async fn off_thread<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> PortResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| unmet(doing, &error)),
        Err(error) => Err(PortError {
            system: SYSTEM,
            doing: doing.to_owned(),
            said: format!("the work did not come to its end: {error}"),
            kind: PortErrorKind::Unavailable { retry_after: None },
        }),
    }
}

impl Checkout {
    /// Where the files go.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// git's index, beside the files.
    pub(super) fn index(&self) -> PathBuf {
        self.base.join("index")
    }

    /// Turns every symbolic link that does not lead to something within the worktree into a plain
    /// file with the link's text, which is what git does where there are no links
    /// (`core.symlinks`, git-config(1)). Links between modules go on working.
    pub(super) async fn keep_links_inside(&self) -> PortResult<()> {
        let dir = self.dir.clone();
        off_thread("checking symbolic links", move || {
            let root = dir.canonicalize()?;
            tame_links(&root, &root)
        })
        .await
    }
}

fn tame_links(root: &Path, dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            tame_links(root, &path)?;
        } else if kind.is_symlink() && !path.canonicalize().is_ok_and(|to| to.starts_with(root)) {
            let target = std::fs::read_link(&path)?;
            tracing::info!(link = %path.display(), to = %target.display(), "a link leads out of its repository");
            std::fs::remove_file(&path)?;
            std::fs::write(&path, target.as_os_str().as_encoded_bytes())?;
        }
    }
    Ok(())
}

impl Worktree for Checkout {
    fn path(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Checkout {
    /// Many files take their time: they are out of sight at once and removed aside.
    fn drop(&mut self) {
        let mut aside = self.base.clone().into_os_string();
        aside.push(".gone");
        let aside = PathBuf::from(aside);
        let gone =
            std::fs::rename(&self.base, &aside).map_or_else(|_| self.base.clone(), |()| aside);
        let remove = move || {
            if let Err(error) = remove_dir(&gone) {
                tracing::warn!(dir = %gone.display(), %error, "a worktree could not be removed");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}
