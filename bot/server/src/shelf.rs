//! What those share that keep what can be fetched again: who uses a thing, how large it is, and when
//! it was used last.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// The runs that use things: a run is over when its directory is gone, however it ended.
#[derive(Debug)]
pub struct InUse<K>(Mutex<HashMap<K, HashSet<PathBuf>>>);

/// To be held from the look at a thing to the note of who uses it, and while one is removed.
pub struct Uses<'a, K>(MutexGuard<'a, HashMap<K, HashSet<PathBuf>>>);

impl<K> Default for InUse<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> InUse<K> {
    /// Nobody begins to use anything as long as this is held.
    pub fn hold(&self) -> Uses<'_, K> {
        Uses(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Eq + Hash> Uses<'_, K> {
    /// The run with this directory uses it from now on.
    pub fn note(&mut self, thing: K, run: &Path) {
        self.0.entry(thing).or_default().insert(run.to_owned());
    }

    /// Whether any run that uses it is not over.
    pub fn is_used(&mut self, thing: &K) -> bool {
        let Some(runs) = self.0.get_mut(thing) else {
            return false;
        };
        runs.retain(|run| run.exists());
        let is_used = !runs.is_empty();
        if !is_used {
            self.0.remove(thing);
        }
        is_used
    }
}

/// How much of the disk a file or a directory takes, in bytes.
///
/// # Errors
/// When it can't be read. What goes away meanwhile does not count.
pub fn size(path: &Path) -> io::Result<u64> {
    let meta = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        meta => meta?,
    };
    // In units of 512 bytes, whatever the file system's are (stat(2)).
    let mut bytes = meta.blocks() * 512;
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)? {
            bytes += size(&entry?.path())?;
        }
    }
    Ok(bytes)
}

/// Notes in a file that something is used now. Only the order of removal is at stake.
pub fn touch(file: &Path) {
    if let Err(error) = std::fs::write(file, "\n") {
        tracing::debug!(file = %file.display(), %error, "a use can't be noted");
    }
}

/// When a file was written last; as long ago as can be if it is not there.
#[must_use]
pub fn touched(file: &Path) -> Timestamp {
    let modified = file.metadata().and_then(|meta| meta.modified());
    modified
        .ok()
        .and_then(|at| Timestamp::try_from(at).ok())
        .unwrap_or(Timestamp::MIN)
}
