//! The files that differ between two commits, as a pull request lists them.

use std::collections::HashMap;

use super::git::{Git, GitError, Sha};

/// One changed file.
#[derive(Clone, Debug)]
pub(crate) struct FileChange {
    /// GitHub's word: `added`, `modified`, `removed` or `renamed`.
    pub(super) status: &'static str,
    pub(super) path: String,
    pub(super) previous: Option<String>,
    /// The blob after the change; for a removed file, the one before it.
    pub(super) blob: Sha,
    pub(super) additions: u64,
    pub(super) deletions: u64,
    /// The hunks, without git's header; nothing for binary files.
    pub(super) patch: Option<String>,
}

impl Git {
    /// The files that differ between two commits, renames found, sorted by path. Patches cost a
    /// whole diff and are left out unless asked for.
    pub(super) fn diff(
        &self,
        from: &str,
        to: &str,
        patches: bool,
    ) -> Result<Vec<FileChange>, GitError> {
        let raw = self.raw_diff(&["--raw", "--no-abbrev", "-z", from, to])?;
        let mut files = read_raw(&String::from_utf8_lossy(&raw));
        if files.is_empty() {
            return Ok(files);
        }
        let numbers = self.raw_diff(&["--numstat", "-z", from, to])?;
        let numbers = read_numstat(&String::from_utf8_lossy(&numbers));
        for file in &mut files {
            if let Some((added, deleted)) = numbers.get(&file.path) {
                (file.additions, file.deletions) = (*added, *deleted);
            }
        }
        if patches {
            // Git lists the files of a patch in the order of `--raw`.
            let text = self.raw_diff(&["--patch", from, to])?;
            let hunks = read_patches(&String::from_utf8_lossy(&text));
            for (file, patch) in files.iter_mut().zip(hunks) {
                file.patch = patch;
            }
        }
        Ok(files)
    }
}

fn read_raw(text: &str) -> Vec<FileChange> {
    let mut files = Vec::new();
    let mut fields = text.split('\0');
    while let Some(facts) = fields.next().filter(|facts| facts.starts_with(':')) {
        let words: Vec<&str> = facts.split(' ').collect();
        let [_, _, before, after, letter] = words.as_slice() else {
            break;
        };
        let Some(first) = fields.next() else { break };
        let (status, path, previous) = match letter.chars().next() {
            Some('A') => ("added", first, None),
            Some('D') => ("removed", first, None),
            Some('R') => ("renamed", fields.next().unwrap_or(first), Some(first)),
            _ => ("modified", first, None),
        };
        let blob = if status == "removed" { before } else { after };
        files.push(FileChange {
            status,
            path: path.to_owned(),
            previous: previous.map(str::to_owned),
            blob: (*blob).to_owned(),
            additions: 0,
            deletions: 0,
            patch: None,
        });
    }
    files
}

fn read_numstat(text: &str) -> HashMap<String, (u64, u64)> {
    let mut numbers = HashMap::new();
    let mut fields = text.split('\0');
    while let Some(line) = fields.next().filter(|line| !line.is_empty()) {
        let mut words = line.splitn(3, '\t');
        let (Some(added), Some(deleted), Some(path)) = (words.next(), words.next(), words.next())
        else {
            break;
        };
        // A rename has an empty path here; the old and the new one follow.
        let path = if path.is_empty() {
            let _old = fields.next();
            fields.next().unwrap_or_default()
        } else {
            path
        };
        // Binary files show `-`.
        let count = |text: &str| text.parse().unwrap_or(0);
        numbers.insert(path.to_owned(), (count(added), count(deleted)));
    }
    numbers
}

fn read_patches(text: &str) -> Vec<Option<String>> {
    let mut patches: Vec<Option<String>> = Vec::new();
    for line in text.split('\n') {
        if line.starts_with("diff --git ") {
            patches.push(None);
            continue;
        }
        let Some(patch) = patches.last_mut() else {
            continue;
        };
        match patch {
            Some(hunks) => {
                hunks.push('\n');
                hunks.push_str(line);
            }
            None if line.starts_with("@@ ") => *patch = Some(line.to_owned()),
            None => {}
        }
    }
    if let Some(Some(last)) = patches.last_mut() {
        last.truncate(last.trim_end_matches('\n').len());
    }
    patches
}
