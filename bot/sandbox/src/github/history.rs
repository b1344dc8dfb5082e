//! Reading a repository: commits, trees, files.

use jiff::Timestamp;

use super::git::{Git, GitError, Sha, Signature};

/// A commit as git shows it.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(super) sha: Sha,
    pub(super) tree: Sha,
    pub(super) parents: Vec<Sha>,
    pub(super) author: Signature,
    pub(super) committer: Signature,
    pub(super) message: String,
}

/// One entry of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(super) mode: String,
    pub(super) kind: String,
    pub(super) sha: Sha,
    pub(super) size: u64,
    pub(super) path: String,
}

impl Git {
    /// The commits of `range` (`a..b`, or one name for its whole history), newest first.
    pub(super) fn log(&self, range: &str, limit: usize) -> Result<Vec<Commit>, GitError> {
        let limit = format!("--max-count={limit}");
        let format = "--format=%H%n%T%n%P%n%an%n%ae%n%at%n%cn%n%ce%n%ct%n%B";
        let args = ["log", "-z", "--topo-order", &limit, format, range, "--"];
        let bytes = self.bytes(&args)?;
        let text = String::from_utf8_lossy(&bytes);
        text.split('\0')
            .filter(|record| !record.is_empty())
            .map(|record| {
                read_commit(record).ok_or_else(|| GitError::Unreadable {
                    command: "log".to_owned(),
                })
            })
            .collect()
    }

    pub(super) fn show(&self, sha: &str) -> Result<Commit, GitError> {
        let mut found = self.log(sha, 1)?;
        found.pop().ok_or_else(|| GitError::Unreadable {
            command: "log".to_owned(),
        })
    }

    /// What stands at `path` in the tree of a commit. An empty path is the root directory.
    pub(super) fn entry(&self, commit: &str, path: &str) -> Result<Option<Entry>, GitError> {
        if path.is_empty() {
            return Ok(Some(Entry {
                mode: "040000".to_owned(),
                kind: "tree".to_owned(),
                sha: self.run(&["rev-parse", &format!("{commit}^{{tree}}")])?,
                size: 0,
                path: String::new(),
            }));
        }
        Ok(self.ls_tree(commit, Some(path))?.into_iter().next())
    }

    /// The entries right below a directory.
    pub(super) fn list(&self, commit: &str, path: &str) -> Result<Vec<Entry>, GitError> {
        if path.is_empty() {
            self.ls_tree(commit, None)
        } else {
            self.ls_tree(commit, Some(&format!("{path}/")))
        }
    }

    fn ls_tree(&self, commit: &str, path: Option<&str>) -> Result<Vec<Entry>, GitError> {
        let mut args = vec!["--literal-pathspecs", "ls-tree", "-z", "-l", commit, "--"];
        args.extend(path);
        let bytes = self.bytes(&args)?;
        let text = String::from_utf8_lossy(&bytes);
        let entries = text.split('\0').filter_map(|line| {
            let (facts, path) = line.split_once('\t')?;
            let mut facts = facts.split_whitespace();
            Some(Entry {
                mode: facts.next()?.to_owned(),
                kind: facts.next()?.to_owned(),
                sha: facts.next()?.to_owned(),
                size: facts.next().and_then(|n| n.parse().ok()).unwrap_or(0),
                path: path.to_owned(),
            })
        });
        Ok(entries.collect())
    }

    pub(super) fn blob(&self, sha: &str) -> Result<Vec<u8>, GitError> {
        self.bytes(&["cat-file", "blob", sha])
    }
}

fn read_commit(record: &str) -> Option<Commit> {
    let mut lines = record.splitn(10, '\n');
    let mut next = || lines.next().map(str::to_owned);
    let (sha, tree, parents) = (next()?, next()?, next()?);
    let mut signature = || {
        Some(Signature {
            name: next()?,
            email: next()?,
            at: Timestamp::from_second(next()?.parse().ok()?).ok()?,
        })
    };
    let (author, committer) = (signature()?, signature()?);
    Some(Commit {
        sha,
        tree,
        parents: parents.split_whitespace().map(str::to_owned).collect(),
        author,
        committer,
        message: next()?.trim_end().to_owned(),
    })
}
