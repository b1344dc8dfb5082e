//! The files of a worktree, read with suspicion: no link is followed, since it could lead out of the
//! repository, and nothing is read that is larger than any manifest.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use slipway_core::manifests::kustomization::{Entry, MAX_FILES, Tree};

/// No service has a file so large; one that is, is a mistake.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The files below a directory.
pub(super) struct Files<'a> {
    root: &'a Path,
}

/// What is at a path, before it is read.
enum Found {
    Nothing,
    Dir(PathBuf),
    File(PathBuf),
}

impl<'a> Files<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root }
    }

    /// Refuses a place that is not there or must not be read.
    pub(super) fn check(&self, place: &str) -> Result<(), String> {
        match self.find(place)? {
            Found::Nothing => Err(format!("{place} does not exist in this commit")),
            Found::Dir(_) | Found::File(_) => Ok(()),
        }
    }

    /// The YAML files of a directory (not of its subdirectories), or one file, by their names in the
    /// repository.
    pub(super) fn yaml(&self, place: &str) -> Result<Vec<(String, String)>, String> {
        let mut names = match self.find(place)? {
            Found::Nothing => return Err(format!("{place} does not exist in this commit")),
            Found::File(_) => vec![place.to_owned()],
            Found::Dir(dir) => {
                let names = yaml_names(&dir).map_err(|error| format!("{place}: {error}"))?;
                names.iter().map(|name| format!("{place}/{name}")).collect()
            }
        };
        names.sort();
        if names.is_empty() {
            return Err(format!("{place} holds no .yaml or .yml file"));
        }
        if names.len() > MAX_FILES {
            return Err(format!("{place} holds more than {MAX_FILES} files"));
        }
        let text = |name: String| match self.entry(&name)? {
            Some(Entry::File(bytes)) => match String::from_utf8(bytes) {
                Ok(text) => Ok((name, text)),
                Err(_) => Err(format!("{name} is not text")),
            },
            Some(Entry::Dir) | None => Err(format!("{name} is no file")),
        };
        names.into_iter().map(text).collect()
    }

    fn find(&self, place: &str) -> Result<Found, String> {
        let mut path = self.root.to_path_buf();
        let mut is_dir = true;
        for part in place.split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            let meta = match path.symlink_metadata() {
                Ok(meta) => meta,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) =>
                {
                    return Ok(Found::Nothing);
                }
                Err(error) => return Err(format!("{place}: {error}")),
            };
            if meta.is_symlink() {
                return Err(format!(
                    "{place} leads through a symbolic link, which is not followed"
                ));
            }
            if !meta.is_dir() && !meta.is_file() {
                return Err(format!("{place} is neither a file nor a directory"));
            }
            is_dir = meta.is_dir();
        }
        Ok(if is_dir {
            Found::Dir(path)
        } else {
            Found::File(path)
        })
    }
}

impl Tree for Files<'_> {
    fn entry(&self, path: &str) -> Result<Option<Entry>, String> {
        match self.find(path)? {
            Found::Nothing => Ok(None),
            Found::Dir(_) => Ok(Some(Entry::Dir)),
            Found::File(file) => {
                let bytes = read(&file).map_err(|error| format!("{path}: {error}"))?;
                if bytes.len() as u64 > MAX_BYTES {
                    return Err(format!("{path} is larger than 4 MiB"));
                }
                Ok(Some(Entry::File(bytes)))
            }
        }
    }
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(file)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn yaml_names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_file && (name.ends_with(".yaml") || name.ends_with(".yml")) {
            names.push(name);
        }
    }
    Ok(names)
}
