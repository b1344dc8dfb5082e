//! A kustomization with every file that it is made of, and nothing else.
//!
//! A kustomization is code of the released commit that may name other files, and `kustomize` follows
//! such names out of the directory, out of the repository, onto other hosts and into programs. So its
//! references are read before it is rendered: all that a release is made of has to be in its commit.
//! What can't be followed with certainty is refused. What `kustomize` makes of the files is the
//! business of the Renderer port, which is given these files and no others.

mod fields;
mod reference;

use std::collections::{BTreeMap, BTreeSet};

use super::ManifestError;
use fields::{Kind, Reference};
use reference::shown;

/// The names that `kustomize` looks for in a directory.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// No service is made of so many files; one that is, is a mistake.
pub const MAX_FILES: usize = 500;

/// All of them together are no larger: they are held in memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Naming one file often costs time as well.
const MAX_REFERENCES: usize = 10_000;

/// What is at a place of a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory.
    Dir,
    /// A file and what is in it.
    File(Vec<u8>),
}

/// The files of one commit.
pub trait Tree {
    /// What is at a path from the root (`""` is the root itself); `None` if nothing is.
    ///
    /// # Errors
    /// With a sentence about the path, if what is there must not or can't be read, a symbolic link
    /// above all: it could lead anywhere.
    fn entry(&self, path: &str) -> Result<Option<Entry>, String>;
}

/// A kustomization and all files that it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kustomization {
    dir: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Kustomization {
    /// Reads the kustomization in a directory and follows its references to their ends.
    ///
    /// `None` if the directory holds no kustomization.
    ///
    /// # Errors
    /// When a reference leaves the tree or leads nowhere, when a program would have to be run, or
    /// when a field is unknown: what it might refer to is unknown as well.
    pub fn gather(tree: &dyn Tree, dir: &str) -> Result<Option<Self>, ManifestError> {
        let dir = dir.trim_matches('/');
        let mut gathering = Gathering {
            tree,
            seen: BTreeSet::new(),
            named: BTreeSet::new(),
            bytes: 0,
            references: 0,
            files: BTreeMap::new(),
        };
        gathering.follow(dir)?;
        if gathering.files.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            dir: dir.to_owned(),
            files: gathering.files,
        }))
    }

    /// The directory that is rendered, from the root of the tree.
    #[must_use]
    pub fn dir(&self) -> &str {
        &self.dir
    }

    /// The files by their paths from the root of the tree. Those that name others are written anew,
    /// as they were understood here; the rest is as it is in the commit.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }
}

/// What is kept of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// What was understood of it: what `kustomize` reads names from is written anew.
    Understood,
    /// Its bytes.
    AsItIs,
}

struct Gathering<'a> {
    tree: &'a dyn Tree,
    /// Directories whose kustomization was read.
    seen: BTreeSet<String>,
    /// What was named before, and as what: nothing is looked at twice.
    named: BTreeSet<(String, Kind)>,
    /// How much was taken in.
    bytes: usize,
    /// How many references were followed.
    references: usize,
    files: BTreeMap<String, Vec<u8>>,
}

impl Gathering<'_> {
    /// The name and the text of the kustomization in a directory.
    fn kustomization_in(&self, dir: &str) -> Result<Option<(String, Vec<u8>)>, ManifestError> {
        let mut found = None;
        for name in FILE_NAMES {
            let path = join(dir, name);
            let entry = self.tree.entry(&path);
            match entry.map_err(|why| error(&path, None, why, None))? {
                Some(Entry::File(bytes)) if found.is_none() => found = Some((path, bytes)),
                Some(Entry::File(_)) => {
                    let message = "there is more than one kustomization in this directory";
                    return Err(error(&path, None, message, Some("remove one of them")));
                }
                Some(Entry::Dir) | None => {}
            }
        }
        Ok(found)
    }

    /// Follows the kustomization in a directory, and all that it leads to.
    fn follow(&mut self, dir: &str) -> Result<(), ManifestError> {
        let mut ahead = vec![dir.to_owned()];
        while let Some(dir) = ahead.pop() {
            if !self.seen.insert(dir.clone()) {
                continue;
            }
            // Only the first directory may be without one: the others were looked at when named.
            let Some((path, bytes)) = self.kustomization_in(&dir)? else {
                continue;
            };
            let (written, references) = fields::understand(&path, utf8(&path, &bytes)?)?;
            self.keep(&path, written.into_bytes(), Form::Understood)?;
            for reference in references {
                if let Some(next) = self.take(&path, &dir, &reference)? {
                    ahead.push(next);
                }
            }
        }
        Ok(())
    }

    /// Takes in what a reference leads to; gives the directory that is to be followed.
    fn take(
        &mut self,
        file: &str,
        dir: &str,
        reference: &Reference,
    ) -> Result<Option<String>, ManifestError> {
        let refuse = |message: String, help: &str| {
            let message = format!("`{}` {message}", reference.field);
            error(file, Some(reference.line), message, Some(help))
        };
        let named = &reference.path;
        self.references += 1;
        if self.references > MAX_REFERENCES {
            let message = format!("the kustomization names more than {MAX_REFERENCES} files");
            return Err(error(file, Some(reference.line), message, None));
        }
        let path = reference::inside(dir, named)
            .map_err(|refused| refuse(refused.message(named), refused.help()))?;
        if !self.named.insert((path.clone(), reference.kind)) {
            return Ok(None);
        }
        let named = shown(named);
        let entry = self.tree.entry(&path).map_err(|why| {
            let message = format!("`{}` names {named}: {why}", reference.field);
            error(file, Some(reference.line), message, None)
        })?;
        match (entry, reference.kind) {
            (Some(Entry::Dir), Kind::FileOrDir) if self.kustomization_in(&path)?.is_none() => {
                Err(refuse(
                    format!("names {named}, a directory without a kustomization.yaml"),
                    "name the files in it, or give it a kustomization of its own",
                ))
            }
            (Some(Entry::Dir), Kind::FileOrDir) => Ok(Some(path)),
            (Some(Entry::Dir), Kind::File | Kind::Plugins) => Err(refuse(
                format!("names {named}, which is a directory"),
                "name the file",
            )),
            (Some(Entry::File(bytes)), Kind::Plugins) => {
                let written = fields::check_plugins(&path, utf8(&path, &bytes)?)?;
                self.keep(&path, written.into_bytes(), Form::Understood)?;
                Ok(None)
            }
            (Some(Entry::File(bytes)), Kind::File | Kind::FileOrDir) => {
                self.keep(&path, bytes, Form::AsItIs)?;
                Ok(None)
            }
            (None, _) => Err(refuse(
                format!("names {named}, but there is no {path} in this commit"),
                "correct the name, or commit the file",
            )),
        }
    }

    fn keep(&mut self, path: &str, bytes: Vec<u8>, form: Form) -> Result<(), ManifestError> {
        self.bytes += bytes.len();
        if self.bytes > MAX_BYTES {
            let message = format!(
                "the kustomization is made of more than {} MiB",
                MAX_BYTES / 1024 / 1024
            );
            return Err(error(path, None, message, None));
        }
        match form {
            Form::Understood => {
                self.files.insert(path.to_owned(), bytes);
            }
            // Also if a file is named a second time, as mere data.
            Form::AsItIs => {
                self.files.entry(path.to_owned()).or_insert(bytes);
            }
        }
        if self.files.len() > MAX_FILES {
            let message = format!("the kustomization is made of more than {MAX_FILES} files");
            return Err(error(path, None, message, None));
        }
        Ok(())
    }
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

fn utf8<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, ManifestError> {
    std::str::from_utf8(bytes).map_err(|_| error(path, None, "this is not text", None))
}

fn error(
    path: &str,
    line: Option<u32>,
    message: impl Into<String>,
    help: Option<&str>,
) -> ManifestError {
    ManifestError {
        path: if path.is_empty() { "." } else { path }.to_owned(),
        document: None,
        line,
        message: message.into(),
        help: help.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
