//! What follows when a branch moves: pushes, pull requests that follow their head, merge commits
//! that follow their base.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::git::{Change, Sha, ZERO};
use super::super::refusal::{Outcome, Refusal};
use super::{Model, Permission};

impl Model {
    /// Commits on a branch, which starts from the default branch if it is not there yet.
    pub(crate) fn commit(
        &mut self,
        repo: u64,
        branch: &str,
        author: &str,
        message: &str,
        changes: &[Change],
    ) -> Outcome<Sha> {
        self.meet(author);
        self.require(repo, author, Permission::Write)?;
        check_names(branch, changes)?;
        let who = self.signature(author);
        let found = self.repo(repo)?;
        let parent = found
            .branches
            .get(branch)
            .or_else(|| found.branches.get(&found.default_branch))
            .cloned();
        let sha = found
            .git
            .commit(branch, parent.as_deref(), &who, message, changes)?;
        self.notice_pushes(repo, author)?;
        Ok(sha)
    }

    /// Throws away what a branch has over the default branch and commits anew: a forced push.
    pub(crate) fn force_push(
        &mut self,
        repo: u64,
        branch: &str,
        author: &str,
        message: &str,
        changes: &[Change],
    ) -> Outcome<Sha> {
        self.meet(author);
        self.require(repo, author, Permission::Write)?;
        check_names(branch, changes)?;
        let who = self.signature(author);
        let found = self.repo(repo)?;
        let base = found.branches.get(&found.default_branch).cloned();
        let sha = found
            .git
            .commit(branch, base.as_deref(), &who, message, changes)?;
        self.notice_pushes(repo, author)?;
        Ok(sha)
    }

    pub(crate) fn delete_branch(&mut self, repo: u64, branch: &str, login: &str) -> Outcome<()> {
        self.require(repo, login, Permission::Write)?;
        let found = self.repo(repo)?;
        if !found.branches.contains_key(branch) {
            return Err(Refusal::unprocessable("Reference does not exist"));
        }
        found.git.delete_ref(&format!("refs/heads/{branch}"))?;
        self.notice_pushes(repo, login)
    }

    /// Compares the branches in git with those last seen, and lets each difference have its
    /// consequences. Everything that moves a branch ends here.
    pub(crate) fn notice_pushes(&mut self, repo: u64, login: &str) -> Outcome<()> {
        let found = self.repo(repo)?;
        let now = found.git.refs("refs/heads/")?;
        let names: BTreeSet<String> = found.branches.keys().chain(now.keys()).cloned().collect();
        let moved: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                let before = found.branches.get(&name).cloned();
                let after = now.get(&name).cloned();
                (before != after).then_some((name, before, after))
            })
            .collect();
        for (branch, before, after) in moved {
            self.branch_moved(repo, &branch, before.as_deref(), after.as_deref(), login)?;
        }
        Ok(())
    }

    fn branch_moved(
        &mut self,
        repo: u64,
        branch: &str,
        before: Option<&str>,
        after: Option<&str>,
        login: &str,
    ) -> Outcome<()> {
        let now = self.now();
        let found = self.repo_mut(repo)?;
        found.pushed_at = now;
        match after {
            Some(after) => found.branches.insert(branch.to_owned(), after.to_owned()),
            None => found.branches.remove(branch),
        };
        self.emit_push(
            repo,
            branch,
            before.unwrap_or(ZERO),
            after.unwrap_or(ZERO),
            login,
        )?;
        if let Some(after) = after {
            self.suite_for_push(repo, branch, before.unwrap_or(ZERO), after)?;
        }
        let open: Vec<(u64, u64)> = self
            .repositories
            .values()
            .flat_map(|base| base.pulls.values().map(|pull| (base.id, pull)))
            .filter(|(_, pull)| pull.is_open())
            .filter(|(_, pull)| {
                (pull.head.repo == repo && pull.head.branch == branch)
                    || (pull.base.repo == repo && pull.base.branch == branch)
            })
            .map(|(base, pull)| (base, pull.number))
            .collect();
        for (base, number) in open {
            let pull = self.pull(base, number)?;
            let is_head = pull.head.repo == repo && pull.head.branch == branch;
            match after {
                Some(after) if is_head => self.head_moved(base, number, after, login)?,
                Some(after) => self.base_moved(base, number, after, login)?,
                None => self.close_pull(base, number, login)?,
            }
        }
        Ok(())
    }

    fn head_moved(&mut self, repo: u64, number: u64, after: &str, login: &str) -> Outcome<()> {
        let now = self.now();
        let pull = self.pull_mut(repo, number)?;
        let before = std::mem::replace(&mut pull.head.sha, after.to_owned());
        pull.updated_at = now;
        self.remember_base(repo, number)?;
        self.refresh_merge(repo, number)?;
        self.emit_pull(
            repo,
            number,
            "synchronize",
            login,
            json!({ "before": before, "after": after }),
        )
    }

    /// A pull request whose commits have all arrived in its base by a push is merged.
    fn base_moved(&mut self, repo: u64, number: u64, after: &str, login: &str) -> Outcome<()> {
        let pull = self.pull(repo, number)?;
        let (head, old_base) = (pull.head.sha.clone(), pull.base.sha.clone());
        let git = &self.repo(repo)?.git;
        if git.is_ancestor(&head, after)? && !git.is_ancestor(&head, &old_base)? {
            return self.mark_merged(repo, number, login, after);
        }
        self.refresh_merge(repo, number)
    }
}

/// Refuses names that git would not take, before they reach git.
fn check_names(branch: &str, changes: &[Change]) -> Outcome<()> {
    let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let bad_branch = branch.is_empty()
        || branch.starts_with(['-', '/', '.'])
        || branch.ends_with(['/', '.'])
        || branch.ends_with(".lock")
        || ["..", "//", "/.", "@{"]
            .iter()
            .any(|part| branch.contains(part))
        || branch.contains(odd);
    if bad_branch {
        let why = format!("{branch:?} is no name for a branch");
        return Err(Refusal::invalid("Reference", "ref", why));
    }
    let bad_path = |path: &str| {
        path.split('/')
            .any(|part| ["", ".", ".."].contains(&part) || part.eq_ignore_ascii_case(".git"))
    };
    for change in changes {
        let (path, other) = match change {
            Change::Write(path, _) | Change::Remove(path) => (path, path),
            Change::Rename(from, to) => (from, to),
        };
        if bad_path(path) || bad_path(other) {
            let why = format!("{path:?} is no path for a file");
            return Err(Refusal::invalid("Commit", "path", why));
        }
    }
    Ok(())
}
