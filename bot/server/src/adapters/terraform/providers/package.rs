//! The files of one provider: copied, summed, sealed and removed.

use std::fmt;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The checksum of a package as it is unpacked: SHA-256 over a line for each file, sorted by name,
/// with its SHA-256 and its name (`dirhash.Hash1` in golang.org/x/mod/sumdb/dirhash, "h1:").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum(pub(super) [u8; 32]);

impl Sum {
    /// A sum as it is shown.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// Hexadecimal: base64 has slashes.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A directory that is removed unless it is published.
pub(super) struct Incoming(PathBuf);

impl Incoming {
    pub(super) fn new(parent: &Path, prefix: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        Ok(Self(dir.keep()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts it where it is looked for; false if another was there first.
    pub(super) fn publish(self, place: &Path) -> io::Result<bool> {
        File::open(&self.0)?.sync_all()?;
        match std::fs::rename(&self.0, place) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty
                ) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        if let Some(parent) = place.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(true)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        match remove(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(dir = %self.0.display(), %error, "a directory can't be removed");
            }
            _ => {}
        }
    }
}

/// Copies a package and gives the sum of what was written.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<Sum> {
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    let mut lines = Vec::new();
    walk(from, "", &mut |path, name, is_dir| {
        let to = to.join(name);
        if is_dir {
            return std::fs::create_dir(to);
        }
        let mode = path.symlink_metadata()?.permissions().mode();
        let mut out = File::create_new(&to)?;
        let sum = digest(&mut File::open(path)?, Some(&mut out))?;
        let runs = mode & 0o111 != 0;
        out.set_permissions(Permissions::from_mode(if runs { 0o555 } else { 0o444 }))?;
        out.sync_all()?;
        lines.push((name.to_owned(), sum));
        Ok(())
    })?;
    Ok(of_lines(lines))
}

/// The sum of a package as it lies there.
pub(super) fn sum(dir: &Path) -> io::Result<Sum> {
    let mut lines = Vec::new();
    walk(dir, "", &mut |path, name, is_dir| {
        if !is_dir {
            lines.push((name.to_owned(), digest(&mut File::open(path)?, None)?));
        }
        Ok(())
    })?;
    Ok(of_lines(lines))
}

/// Makes directories unwritable, and sees to it that they are on the disk. Files are already.
pub(super) fn seal(dir: &Path) -> io::Result<()> {
    walk(dir, "", &mut |path, _, is_dir| {
        if is_dir { shut(path) } else { Ok(()) }
    })?;
    shut(dir)
}

fn shut(dir: &Path) -> io::Result<()> {
    std::fs::set_permissions(dir, Permissions::from_mode(0o555))?;
    File::open(dir)?.sync_all()
}

/// Removes what may have been made unwritable.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    if !path.symlink_metadata()?.is_dir() {
        return std::fs::remove_file(path);
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(path)? {
        remove(&entry?.path())?;
    }
    std::fs::remove_dir(path)
}

/// The one package of a mirror, five levels down: HOST/NAMESPACE/TYPE/VERSION/PLATFORM.
pub(super) fn only(mirror: &Path) -> io::Result<PathBuf> {
    let mut dir = mirror.to_owned();
    for _ in 0..5 {
        match &*directories(&dir)? {
            [only] => dir.push(only),
            _ => return Err(ErrorKind::InvalidData.into()),
        }
    }
    Ok(dir)
}

/// The names of the directories in one; links are none. Nothing if it is not there.
pub(super) fn directories(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Goes through the files and directories below one, a directory before what is in it.
fn walk(
    dir: &Path,
    below: &str,
    see: &mut dyn FnMut(&Path, &str, bool) -> io::Result<()>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let name = entry.file_name().into_string().unwrap_or_default();
        // A package has no links and no devices, and a line of its sum must be one line.
        if !(kind.is_dir() || kind.is_file()) || name.is_empty() || name.contains('\n') {
            let what = format!("{} is no plain file", entry.path().display());
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        let name = format!("{below}{name}");
        see(&entry.path(), &name, kind.is_dir())?;
        if kind.is_dir() {
            walk(&entry.path(), &format!("{name}/"), see)?;
        }
    }
    Ok(())
}

fn digest(from: &mut File, mut to: Option<&mut File>) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let size = from.read(&mut buffer)?;
        if size == 0 {
            return Ok(hash.finalize().into());
        }
        let bytes = &buffer[..size];
        hash.update(bytes);
        if let Some(to) = &mut to {
            to.write_all(bytes)?;
        }
    }
}

fn of_lines(mut lines: Vec<(String, [u8; 32])>) -> Sum {
    lines.sort_unstable();
    let mut hash = Sha256::new();
    for (name, sum) in lines {
        hash.update(format!("{}  {name}\n", hex::encode(sum)));
    }
    Sum(hash.finalize().into())
}
