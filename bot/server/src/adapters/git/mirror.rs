//! The bare mirror of one repository: what is fetched into it and what is read from it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use slipway_core::ids::{CommitSha, PrNumber, RepoName};
use slipway_core::ports::{PortResult, Revision};

use super::failure::{self, invalid, not_found, unmet};
use super::program::{Call, Git, make_private_dir};
use super::remote::Remote;
use super::worktree::Checkout;
use crate::process::Ended;
use crate::shelf::{size, touch, touched};

/// All branches, as they are there.
const BRANCHES: &str = "+refs/heads/*:refs/heads/*";
/// What a mirror is called that is being made or removed.
const ASIDE: &str = ".new-";
/// In a mirror: touched by each use.
const USED: &str = "slipway-used";

/// A bare repository under `mirrors/OWNER/NAME.git`.
#[derive(Debug)]
pub(super) struct Mirror {
    dir: PathBuf,
    pub(super) name: String,
}

/// An object name that git itself gave.
#[derive(Debug)]
pub(super) struct Tree(String);

/// The mirrors that there are.
pub(super) fn all(data_dir: &Path) -> PortResult<Vec<(RepoName, Mirror)>> {
    let root = data_dir.join("mirrors");
    let doing = "looking for mirrors";
    let mut found = Vec::new();
    for owner in names_in(&root).map_err(|error| unmet(doing, &error))? {
        for file in names_in(&root.join(&owner)).map_err(|error| unmet(doing, &error))? {
            let name = file
                .strip_suffix(".git")
                .and_then(|n| RepoName::parse(format!("{owner}/{n}")).ok());
            if let Some(name) = name {
                let mirror = Mirror::of(data_dir, &name);
                found.push((name, mirror));
            }
        }
    }
    Ok(found)
}

/// Removes what an earlier process was making or removing.
pub(super) fn clean(data_dir: &Path) -> PortResult<()> {
    let root = data_dir.join("mirrors");
    let clean = || -> std::io::Result<()> {
        for owner in names_in(&root)? {
            for name in names_in(&root.join(&owner))? {
                if name.starts_with(ASIDE) {
                    std::fs::remove_dir_all(root.join(&owner).join(name))?;
                }
            }
        }
        Ok(())
    };
    clean().map_err(|error| unmet("removing half-made mirrors", &error))
}

/// The names in a directory that are text; none if there is no such directory.
fn names_in(dir: &Path) -> std::io::Result<Vec<String>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries
            .filter_map(|entry| entry.map(|e| e.file_name().into_string().ok()).transpose())
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Mirror {
    /// The mirror of a repository, which may not be there yet.
    pub(super) fn of(data_dir: &Path, name: &RepoName) -> Self {
        let dir = data_dir
            .join("mirrors")
            .join(name.owner())
            .join(format!("{}.git", name.name()));
        Self {
            dir,
            name: name.to_string(),
        }
    }

    /// Sees to it that the commits of a revision are there. Nothing is fetched if they are.
    pub(super) async fn bring(
        &self,
        git: &Git<'_>,
        remote: &Remote,
        revision: &Revision,
    ) -> PortResult<()> {
        let (commits, pr) = match revision {
            Revision::Commit(sha) => (vec![sha], None),
            Revision::Merged { pr, head, base } => (vec![base, head], Some((*pr, head))),
        };
        self.make(git, commits[0]).await?;
        let mut missing = self.missing(git, &commits).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let named = refspecs(&missing, pr);
        let fetched = self.fetch(git, remote, &named).await?;
        if fetched.how.is_exit(0) {
            missing = self.missing(git, &missing).await?;
            if missing.is_empty() {
                return Ok(());
            }
        } else if fetched.cut_short.is_some() || pr.is_none() {
            return Err(self.failed("fetching", &fetched));
        }
        // A force-push or a deleted branch took the name away; the commit itself may be there yet.
        let exact: Vec<String> = missing
            .iter()
            .map(|sha| format!("+{sha}:refs/slipway/commits/{sha}"))
            .collect();
        let fetched = self.fetch(git, remote, &exact).await?;
        if fetched.how.is_exit(0) {
            return Ok(());
        }
        let failed = self.failed("fetching", &fetched);
        if failed.kind != slipway_core::ports::PortErrorKind::NotFound || says_repository(&fetched)
        {
            return Err(failed);
        }
        let shown: Vec<_> = missing.iter().map(|sha| sha.short()).collect();
        Err(not_found(
            &format!("fetching {}", self.name),
            format!(
                "there is no commit {} any more; push again",
                shown.join(" or ")
            ),
        ))
    }

    /// The tree of a revision: a commit's own, or the outcome of a merge.
    pub(super) async fn tree(&self, git: &Git<'_>, revision: &Revision) -> PortResult<Tree> {
        match revision {
            Revision::Commit(sha) => {
                let ended = self
                    .ask(git, "reading", &parse_args(&format!("{sha}^{{tree}}")))
                    .await?;
                self.answer("reading", &ended)
            }
            Revision::Merged { head, base, .. } => self.merge(git, base, head).await,
        }
    }

    /// Writes the files of a tree into an empty directory, with an index of its own.
    pub(super) async fn write_out(
        &self,
        git: &Git<'_>,
        tree: &Tree,
        into: &Checkout,
    ) -> PortResult<()> {
        let doing = format!("writing out the files of {}", self.name);
        let mut work_tree = OsString::from("--work-tree=");
        work_tree.push(into.dir());
        let args = vec![
            work_tree,
            "read-tree".into(),
            "--reset".into(),
            "-u".into(),
            "--no-recurse-submodules".into(),
            tree.0.as_str().into(),
        ];
        let env = vec![("GIT_INDEX_FILE".into(), into.index().into())];
        let ended = self.call(git, &doing, args, env, None).await?;
        if ended.how.is_exit(0) {
            Ok(())
        } else {
            Err(failure::of(&doing, &ended))
        }
    }

    /// Packs loose objects and forgets unreachable ones of old, if there are many.
    pub(super) async fn pack(&self, git: &Git<'_>) -> PortResult<()> {
        let args = [
            "-c",
            "gc.auto=6700",
            "gc",
            "--auto",
            "--quiet",
            "--no-detach",
        ];
        let ended = self.ask(git, "packing", &args.map(OsString::from)).await?;
        if ended.how.is_exit(0) {
            Ok(())
        } else {
            Err(self.failed("packing", &ended))
        }
    }

    /// Notes that it is used now.
    pub(super) fn touch(&self) {
        touch(&self.dir.join(USED));
    }

    /// When it was used last, and how much of the disk it takes.
    pub(super) fn use_and_size(&self) -> std::io::Result<(Timestamp, u64)> {
        Ok((touched(&self.dir.join(USED)), size(&self.dir)?))
    }

    /// Puts it out of sight, into a directory that goes when it is dropped; none if it is not there.
    pub(super) fn put_aside(&self) -> std::io::Result<Option<tempfile::TempDir>> {
        if !self.dir.is_dir() {
            return Ok(None);
        }
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let gone = tempfile::Builder::new().prefix(ASIDE).tempdir_in(parent)?;
        std::fs::rename(&self.dir, gone.path().join("gone"))?;
        Ok(Some(gone))
    }

    /// Makes the mirror if there is none: aside first, so that a half-made one is never used.
    async fn make(&self, git: &Git<'_>, like: &CommitSha) -> PortResult<()> {
        if self.dir.is_dir() {
            return Ok(());
        }
        let doing = format!("making a mirror of {}", self.name);
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let aside = make_private_dir(parent)
            .and_then(|()| tempfile::Builder::new().prefix(ASIDE).tempdir_in(parent))
            .map_err(|error| unmet(&doing, &error))?;
        let format = if like.as_str().len() == 64 {
            "sha256"
        } else {
            "sha1"
        };
        let args = vec![
            "init".into(),
            "--bare".into(),
            "--quiet".into(),
            "--template=".into(),
            format!("--object-format={format}").into(),
            "--end-of-options".into(),
            aside.path().into(),
        ];
        let call = Call {
            doing: &doing,
            git_dir: None,
            args,
            env: vec![],
            remote: None,
        };
        let ended = git.run(call).await?;
        if !ended.how.is_exit(0) {
            return Err(failure::of(&doing, &ended));
        }
        std::fs::rename(aside.path(), &self.dir).map_err(|error| unmet(&doing, &error))
    }

    async fn missing<'s>(
        &self,
        git: &Git<'_>,
        commits: &[&'s CommitSha],
    ) -> PortResult<Vec<&'s CommitSha>> {
        let mut missing = Vec::new();
        for sha in commits {
            let ended = self
                .ask(
                    git,
                    "looking into",
                    &parse_args(&format!("{sha}^{{commit}}")),
                )
                .await?;
            if ended.cut_short.is_some() {
                return Err(self.failed("looking into", &ended));
            }
            if !ended.how.is_exit(0) {
                missing.push(*sha);
            }
        }
        Ok(missing)
    }

    async fn fetch(
        &self,
        git: &Git<'_>,
        remote: &Remote,
        refspecs: &[String],
    ) -> PortResult<Ended> {
        let doing = format!("fetching {}", remote.name());
        let mut args: Vec<OsString> = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
        ]
        .map(Into::into)
        .into();
        if refspecs.iter().any(|spec| spec == BRANCHES) {
            // A branch `a` that is gone would stand in the way of a new branch `a/b`.
            args.push("--prune".into());
        }
        args.push("--end-of-options".into());
        args.push(remote.url().into());
        args.extend(refspecs.iter().map(Into::into));
        self.call(git, &doing, args, vec![], Some(remote)).await
    }

    async fn ask(&self, git: &Git<'_>, verb: &str, args: &[OsString]) -> PortResult<Ended> {
        self.call(
            git,
            &format!("{verb} {}", self.name),
            args.to_vec(),
            vec![],
            None,
        )
        .await
    }

    pub(super) async fn call(
        &self,
        git: &Git<'_>,
        doing: &str,
        args: Vec<OsString>,
        env: Vec<(OsString, OsString)>,
        remote: Option<&Remote>,
    ) -> PortResult<Ended> {
        git.run(Call {
            doing,
            git_dir: Some(&self.dir),
            args,
            env,
            remote,
        })
        .await
    }

    fn failed(&self, verb: &str, ended: &Ended) -> slipway_core::ports::PortError {
        failure::of(&format!("{verb} {}", self.name), ended)
    }

    /// The object name that an answer begins with.
    pub(super) fn answer(&self, verb: &str, ended: &Ended) -> PortResult<Tree> {
        if !ended.how.is_exit(0) {
            return Err(self.failed(verb, ended));
        }
        let text = String::from_utf8_lossy(&ended.stdout);
        let name = text.split(['\0', '\n']).next().unwrap_or_default();
        if name.len() >= 40 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Tree(name.to_owned()))
        } else {
            Err(invalid(
                &format!("{verb} {}", self.name),
                format!("git answered {name:?}"),
            ))
        }
    }
}

/// By name, and no more than what is missing: the branches, or a pull request's head, which may
/// live in a fork.
fn refspecs(missing: &[&CommitSha], pr: Option<(PrNumber, &CommitSha)>) -> Vec<String> {
    let head = pr.filter(|(_, head)| missing.contains(head));
    let others = missing
        .iter()
        .any(|sha| head.is_none_or(|(_, head)| *sha != head));
    let mut refspecs = Vec::new();
    if others {
        refspecs.push(BRANCHES.to_owned());
    }
    if let Some((pr, _)) = head {
        refspecs.push(format!("+refs/pull/{pr}/head:refs/slipway/pull/{pr}/head"));
    }
    refspecs
}

fn parse_args(object: &str) -> [OsString; 5] {
    [
        "rev-parse",
        "--quiet",
        "--verify",
        "--end-of-options",
        object,
    ]
    .map(Into::into)
}

/// Whether it is the repository that was not found, rather than a commit in it.
fn says_repository(ended: &Ended) -> bool {
    ended
        .tail
        .iter()
        .any(|line| line.contains("repository '") || line.contains("error: 404"))
}
