//! The directories and files of one job, and that none of them lies outside the worktree.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use slipway_core::dependency_lock::{self, LockedProvider};
use slipway_core::ports::{ERRORED_STATE, PortResult, TerraformJob};

use super::failure::{invalid, unmet};

/// A provider is reached by a socket in `TMPDIR`, `plugin` and up to ten digits; a socket's path
/// ends at 107 bytes (unix(7)).
const LONGEST_TMP: usize = 107 - "/plugin4294967295".len();

/// A longer lock file is not read for what is cached of it.
const LONGEST_LOCK_FILE: u64 = 1024 * 1024;

/// The directories and files of one job, all absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// The worktree.
    pub(super) root: PathBuf,
    /// The root module.
    pub(super) dir: PathBuf,
    /// `HOME`.
    pub(super) home: PathBuf,
    /// `TMPDIR`.
    pub(super) tmp: PathBuf,
    /// `TF_DATA_DIR`.
    pub(super) data: PathBuf,
    /// The plan file.
    pub(super) plan: PathBuf,
    /// A CLI configuration of the bot's own, for an init.
    pub(super) config: PathBuf,
    scratch: PathBuf,
}

impl Places {
    /// Finds the root module and its files in the worktree, and makes the directories in scratch.
    pub(super) fn of(job: &TerraformJob<'_>, doing: &str) -> PortResult<Self> {
        let (root, dir) = module(job.root, &job.stack.dir, doing)?;
        let configs = job
            .stack
            .backend_config
            .iter()
            .filter(|config| !config.contains('='));
        for file in job.stack.var_files.iter().chain(configs) {
            inside(&root, &dir, file).map_err(|said| invalid(doing, said))?;
        }
        let scratch = job
            .scratch
            .canonicalize()
            .map_err(|error| unmet(doing, &error))?;
        // Terraform writes plan files that everybody may read, with secrets in them.
        std::fs::set_permissions(&scratch, Permissions::from_mode(0o700))
            .map_err(|error| unmet(doing, &error))?;
        let places = Self {
            root,
            dir,
            home: scratch.join("home"),
            tmp: scratch.join("tmp"),
            data: scratch.join("data"),
            plan: scratch.join("plan.tfplan"),
            config: scratch.join("terraformrc"),
            scratch,
        };
        if places.tmp.as_os_str().len() > LONGEST_TMP {
            return Err(invalid(
                doing,
                format!(
                    "the path of the scratch directory is too long for the sockets of providers \
                     ({} is over {LONGEST_TMP} bytes); give the bot a shorter data directory",
                    places.tmp.display()
                ),
            ));
        }
        for dir in [&places.home, &places.tmp, &places.data] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .map_err(|error| unmet(doing, &error))?;
        }
        Ok(places)
    }

    /// The run's own directory: gone when the run is over.
    pub(super) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The lock file of the root module, which may not be there.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.dir.join(dependency_lock::FILE_NAME)
    }

    /// The providers that it names.
    pub(super) fn locked_providers(&self) -> Vec<LockedProvider> {
        let path = self.lock_file();
        let is_short = |path: &Path| {
            std::fs::metadata(path)
                .is_ok_and(|meta| meta.is_file() && meta.len() < LONGEST_LOCK_FILE)
        };
        if !is_short(&path) {
            return Vec::new();
        }
        std::fs::read_to_string(&path)
            .map_or_else(|_| Vec::new(), |text| dependency_lock::providers(&text))
    }

    /// Writes the CLI configuration. An operator's may hold tokens.
    pub(super) fn write_config(&self, text: &str) -> std::io::Result<()> {
        write_anew(&self.config, text)
    }

    /// Writes the profiles of AWS's SDK, and says where.
    pub(super) fn write_profiles(&self, text: &str) -> std::io::Result<PathBuf> {
        let path = self.scratch.join("aws-config");
        write_anew(&path, text)?;
        Ok(path)
    }

    /// Moves a state that could not be written to the backend to a place that outlives the
    /// worktree; true if there was one.
    pub(super) fn rescue_state(&self) -> bool {
        let from = self.dir.join(ERRORED_STATE);
        let to = self.scratch.join(ERRORED_STATE);
        if from.symlink_metadata().is_ok() && !is_plain(&from) {
            tracing::error!("what stands in the place of a state that was left behind is no file");
            return false;
        }
        // Scratch and worktree may be different file systems: copy, then remove.
        match std::fs::copy(&from, &to).and_then(|_| std::fs::remove_file(&from)) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => {
                tracing::error!(%error, "the state that Terraform left behind could not be kept");
                false
            }
        }
    }
}

/// Whether this is a file, and no link on the way to it leads elsewhere. The bot sees more of the machine than
/// the code that has been at work there.
pub(super) fn is_plain(path: &Path) -> bool {
    path.is_file() && path.canonicalize().is_ok_and(|real| real == path)
}

/// Writes a file that only the bot's user reads, in the place of one that may be there.
fn write_anew(path: &Path, text: &str) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())
}

/// The real paths of a worktree and of a root module in it.
pub(super) fn module(root: &Path, dir: &str, doing: &str) -> PortResult<(PathBuf, PathBuf)> {
    let root = root.canonicalize().map_err(|error| unmet(doing, &error))?;
    let module = inside(&root, &root, dir).map_err(|said| invalid(doing, said))?;
    if !module.is_dir() {
        return Err(invalid(doing, format!("{dir:?} is no directory")));
    }
    Ok((root, module))
}

/// The real path of something below `base`, if it is there and within `root`.
fn inside(root: &Path, base: &Path, relative: &str) -> Result<PathBuf, String> {
    if Path::new(relative).has_root() {
        return Err(format!(
            "{relative:?} is an absolute path; give one within the repository"
        ));
    }
    let path = match base.join(relative).canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(format!("there is no {relative:?} in this commit"));
        }
        Err(error) => return Err(format!("{relative:?}: {error}")),
    };
    if path.starts_with(root) {
        Ok(path)
    } else {
        Err(format!("{relative:?} leads out of the repository"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("repo");
        std::fs::create_dir_all(root.join("infra/a. b")).unwrap();
        std::fs::write(outside.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink("../..", root.join("infra/up")).unwrap();
        std::os::unix::fs::symlink("a. b", root.join("infra/link")).unwrap();
        let root = root.canonicalize().unwrap();

        assert_eq!(
            inside(&root, &root, "infra/a. b"),
            Ok(root.join("infra/a. b"))
        );
        assert_eq!(
            inside(&root, &root, "infra/link"),
            Ok(root.join("infra/a. b"))
        );
        assert_eq!(inside(&root, &root, "."), Ok(root.clone()));
        for (path, why) in [
            ("infra/up", "\"infra/up\" leads out of the repository"),
            (
                "infra/up/secret",
                "\"infra/up/secret\" leads out of the repository",
            ),
            ("../secret", "\"../secret\" leads out of the repository"),
            (
                "/etc",
                "\"/etc\" is an absolute path; give one within the repository",
            ),
            ("infra/none", "there is no \"infra/none\" in this commit"),
        ] {
            assert_eq!(inside(&root, &root, path), Err(why.to_owned()));
        }
    }
}
