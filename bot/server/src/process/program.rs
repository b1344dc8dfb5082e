//! Finds a program without asking the bot's own environment.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The `PATH` of every program that is run, and where bare names are looked up.
pub const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingProgram {
    program: PathBuf,
    looked_at: Vec<PathBuf>,
}

impl fmt::Display for MissingProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self
            .looked_at
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        write!(
            f,
            "there is no program `{}` (looked at {})",
            self.program.display(),
            places.join(", ")
        )
    }
}

impl std::error::Error for MissingProgram {}

/// The absolute path of a program: a bare name is looked up along [`SEARCH_PATH`], anything else
/// is a path.
///
/// # Errors
/// When there is no executable file; it names every place that was looked at.
pub fn find(program: &Path) -> Result<PathBuf, MissingProgram> {
    let is_bare = program.components().count() == 1 && !program.has_root();
    let candidates: Vec<PathBuf> = if is_bare {
        SEARCH_PATH
            .split(':')
            .map(|dir| Path::new(dir).join(program))
            .collect()
    } else {
        vec![std::path::absolute(program).unwrap_or_else(|_| program.to_owned())]
    };
    candidates
        .iter()
        .find(|path| is_executable(path))
        .cloned()
        .ok_or_else(|| MissingProgram {
            program: program.to_owned(),
            looked_at: candidates.clone(),
        })
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
