//! What a pull request consists of: its commits and its files.

use super::super::diff::FileChange;
use super::super::history::Commit;
use super::super::refusal::Outcome;
use super::{Model, PullRequest};

/// The commits endpoint lists no more than this.
const MOST_COMMITS: usize = 250;

impl Model {
    /// The files that a pull request changes, against the merge base.
    pub(crate) fn pull_files(
        &self,
        repo: u64,
        number: u64,
        patches: bool,
    ) -> Outcome<Vec<FileChange>> {
        let pull = self.pull(repo, number)?;
        let git = &self.repo(repo)?.git;
        let base = self.live_base(pull)?;
        let Some(from) = git.merge_base(&base, &pull.head.sha)? else {
            return Ok(Vec::new());
        };
        Ok(git.diff(&from, &pull.head.sha, patches)?)
    }

    /// The base to compare an open pull request with is the branch as it is now; for a closed one
    /// the branch as it was then.
    pub(crate) fn live_base(&self, pull: &PullRequest) -> Outcome<String> {
        let branches = &self.repo(pull.base.repo)?.branches;
        Ok(branches
            .get(&pull.base.branch)
            .filter(|_| pull.merged.is_none())
            .unwrap_or(&pull.base.sha)
            .clone())
    }

    pub(crate) fn pull_commits(&self, repo: u64, number: u64) -> Outcome<Vec<Commit>> {
        let pull = self.pull(repo, number)?;
        let base = self.live_base(pull)?;
        let range = format!("{base}..{}", pull.head.sha);
        let mut commits = self.repo(repo)?.git.log(&range, MOST_COMMITS)?;
        commits.reverse();
        Ok(commits)
    }
}
