//! Merges two commits within a mirror.

use std::ffi::OsString;

use slipway_core::ids::CommitSha;
use slipway_core::ports::PortResult;

use super::failure::{self, conflict};
use super::mirror::{Mirror, Tree};
use super::program::Git;

/// How many files in conflict are named.
const NAMED_FILES: usize = 10;

impl Mirror {
    /// Merges without a worktree (git-merge-tree(1)). The tree that comes out depends on the two
    /// commits alone, so there is no need for a merge commit to name it by.
    pub(super) async fn merge(
        &self,
        git: &Git<'_>,
        base: &CommitSha,
        head: &CommitSha,
    ) -> PortResult<Tree> {
        let doing = format!(
            "merging {} into {} of {}",
            head.short(),
            base.short(),
            self.name
        );
        let args = [
            "merge-tree",
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
        ]
        .map(OsString::from)
        .into_iter()
        .chain([
            "--end-of-options".into(),
            base.as_str().into(),
            head.as_str().into(),
        ])
        .collect();
        let ended = self.call(git, &doing, args, vec![], None).await?;
        if ended.how.is_exit(0) {
            return self.answer("merging", &ended);
        }
        if ended.how.is_exit(1) && ended.cut_short.is_none() {
            let text = String::from_utf8_lossy(&ended.stdout);
            let mut files: Vec<&str> = text.split('\0').skip(1).filter(|f| !f.is_empty()).collect();
            files.dedup();
            let advice = "merge or rebase onto the base branch and push";
            return Err(conflict(
                &doing,
                format!("both change {}; {advice}", listed(&files)),
            ));
        }
        if ended
            .tail
            .iter()
            .any(|line| line.contains("unrelated histories"))
        {
            return Err(conflict(&doing, "they have no common history".to_owned()));
        }
        Err(failure::of(&doing, &ended))
    }
}

fn listed(files: &[&str]) -> String {
    let shown: Vec<String> = files
        .iter()
        .take(NAMED_FILES)
        .map(|file| format!("`{file}`"))
        .collect();
    match files.len().saturating_sub(NAMED_FILES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
