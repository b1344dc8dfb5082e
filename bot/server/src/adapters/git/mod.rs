//! The git program, as the port [`Source`].
//!
//! One bare mirror per repository is kept and filled by what is asked for; a run gets the files of
//! one tree in a directory of its own. That directory has no `.git`: nothing that a run executes
//! can reach the mirror through it.
//!
//! What is in a repository is not trusted: no hook, filter, submodule or symbolic link that leads
//! out is followed, and no name is taken for an option. The token reaches git by its environment
//! only, and git hands it to the host of the clone URL only.

mod failure;
mod merge;
mod mirror;
mod policies;
mod program;
mod remote;
mod shelf;
mod sources;
mod worktree;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use slipway_core::config::Globs;
use slipway_core::event::RepoRef;
use slipway_core::ids::{CommitSha, RepoName};
use slipway_core::ports::{CloneAccess, PortResult, Revision, Source, Stop, Worktree};
use slipway_core::stacks::graph::Sources;

use crate::process::Unstoppable;

use failure::stopped;
use mirror::Mirror;
use program::Git;
use remote::Remote;
use worktree::Nursery;

/// How git is run and where it keeps what it fetched.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// Holds mirrors and worktrees. Nothing here is worth a backup.
    pub data_dir: PathBuf,
    /// The program: a bare name that is looked up in [`crate::process::SEARCH_PATH`], or a path.
    /// git 2.38 or newer.
    pub program: PathBuf,
    /// How long each command may take.
    pub timeouts: GitTimeouts,
    /// More variables, set by whoever operates the bot: a proxy, `GIT_SSL_CAINFO`.
    pub extra_env: Vec<(String, String)>,
}

/// How long each of git's commands may take.
#[derive(Clone, Copy, Debug)]
pub struct GitTimeouts {
    /// A fetch; the first one of a repository brings all of its branches.
    pub fetch: Duration,
    /// Anything that stays on this machine.
    pub local: Duration,
}

impl Default for GitTimeouts {
    fn default() -> Self {
        Self {
            fetch: Duration::from_secs(900),
            local: Duration::from_secs(300),
        }
    }
}

impl GitSettings {
    /// The usual settings around a data directory.
    #[must_use]
    pub fn in_dir(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            program: "git".into(),
            timeouts: GitTimeouts::default(),
            extra_env: Vec::new(),
        }
    }
}

/// Reads repositories with the git program.
#[derive(Debug)]
pub struct GitSource {
    settings: GitSettings,
    nursery: Nursery,
    /// Fetches into one mirror take turns.
    turns: Mutex<HashMap<RepoName, Arc<tokio::sync::Mutex<()>>>>,
    /// Each mirror that is read or fetched into has its token here, held by who does so.
    readers: Mutex<HashMap<RepoName, Arc<()>>>,
}

impl GitSource {
    /// Takes its settings; nothing is run or written yet.
    #[must_use]
    pub fn new(settings: GitSettings) -> Self {
        let nursery = Nursery::new(settings.data_dir.join("worktrees"));
        Self {
            settings,
            nursery,
            turns: Mutex::default(),
            readers: Mutex::default(),
        }
    }

    /// The version of the program, `2.47.3`, for a check at start.
    ///
    /// # Errors
    /// When there is no such program, or it is older than 2.38 and can't merge without a worktree.
    pub async fn version(&self) -> PortResult<String> {
        self.git(&Unstoppable).version().await
    }

    /// Removes the worktrees of processes that are gone, and packs mirrors that have grown loose.
    /// To be called at start, and now and then.
    ///
    /// # Errors
    /// When the directories can't be read. What is in use by a living process is left alone.
    pub async fn clean(&self) -> PortResult<()> {
        self.nursery.clean().await?;
        mirror::clean(&self.settings.data_dir)?;
        let git = self.git(&Unstoppable);
        for (name, mirror) in mirror::all(&self.settings.data_dir)? {
            let turn = self.turn(&name);
            let _turn = turn.lock().await;
            mirror.pack(&git).await?;
        }
        Ok(())
    }

    fn git<'a>(&'a self, stop: &'a dyn Stop) -> Git<'a> {
        Git::new(&self.settings, stop)
    }

    /// The mirror of a repository, with the commits of a revision in it; it stays there as long as
    /// the token is held.
    async fn brought(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        revision: &Revision,
        stop: &dyn Stop,
    ) -> PortResult<(Mirror, Arc<()>)> {
        let reader = self.reader(&repo.name);
        let remote = Remote::of(access, &repo.name)?;
        let mirror = Mirror::of(&self.settings.data_dir, &repo.name);
        let turn = self.turn(&repo.name);
        let _turn = tokio::select! {
            turn = turn.lock() => turn,
            () = stop.asked() => return Err(stopped(&format!("fetching {}", repo.name))),
        };
        mirror.bring(&self.git(stop), &remote, revision).await?;
        mirror.touch();
        Ok((mirror, reader))
    }

    fn turn(&self, name: &RepoName) -> Arc<tokio::sync::Mutex<()>> {
        // A panic between lock and unlock is not possible here, so neither is a poisoned lock.
        let mut turns = self
            .turns
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(turns.entry(name.clone()).or_default())
    }
}

#[async_trait]
impl Source for GitSource {
    async fn checkout(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        revision: &Revision,
        stop: &dyn Stop,
    ) -> PortResult<Box<dyn Worktree>> {
        let git = self.git(stop);
        let (mirror, _reader) = self.brought(repo, access, revision, stop).await?;
        let tree = mirror.tree(&git, revision).await?;
        let worktree = self.nursery.worktree().await?;
        mirror.write_out(&git, &tree, &worktree).await?;
        worktree.keep_links_inside().await?;
        Ok(Box::new(worktree))
    }

    async fn sources(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        revision: &Revision,
        stop: &dyn Stop,
    ) -> PortResult<Vec<Sources>> {
        let (mirror, _reader) = self.brought(repo, access, revision, stop).await?;
        let commits = match revision {
            Revision::Commit(sha) => vec![sha],
            Revision::Merged { head, base, .. } => vec![head, base],
        };
        mirror.sources(&self.git(stop), &commits).await
    }

    async fn policies(
        &self,
        repo: &RepoRef,
        access: &CloneAccess,
        commit: &CommitSha,
        patterns: &Globs,
        stop: &dyn Stop,
    ) -> PortResult<BTreeMap<String, String>> {
        let revision = Revision::Commit(commit.clone());
        let (mirror, _reader) = self.brought(repo, access, &revision, stop).await?;
        let git = self.git(stop);
        mirror.policies(&git, commit, patterns).await
    }
}

#[cfg(test)]
mod tests;
