//! Whether a pull request merges, and merging it.

use serde_json::json;

use super::super::git::{Git, Sha, Signature};
use super::super::refusal::{Outcome, Refusal};
use super::{Model, PullRequest, Repository, ReviewState};
use http::StatusCode;

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergeMethod {
    Merge,
    Squash,
    Rebase,
}

impl Model {
    /// Sets the base's recorded tip to where it is now; GitHub does so when the head moves.
    pub(super) fn remember_base(&mut self, repo: u64, number: u64) -> Outcome<()> {
        let branch = self.pull(repo, number)?.base.branch.clone();
        if let Some(tip) = self.repo(repo)?.branches.get(&branch).cloned() {
            self.pull_mut(repo, number)?.base.sha = tip;
        }
        Ok(())
    }

    /// Brings `refs/pull/N/head` and `refs/pull/N/merge` up to date.
    pub(super) fn refresh_merge(&mut self, repo: u64, number: u64) -> Outcome<()> {
        let pull = self.pull(repo, number)?;
        let (head, base_branch) = (pull.head.clone(), pull.base.branch.clone());
        let found = self.repo(repo)?;
        let git = found.git.clone();
        let head_ref = format!("refs/pull/{number}/head");
        if head.repo == repo {
            git.update_ref(&head_ref, &head.sha, None)?;
        } else {
            let fork = self.repo(head.repo)?.git.clone();
            git.fetch(&fork, &format!("+refs/heads/{}:{head_ref}", head.branch))?;
        }
        let Some(base) = found.branches.get(&base_branch).cloned() else {
            return Ok(());
        };
        let merge_ref = format!("refs/pull/{number}/merge");
        let merge = match git.merge_tree(None, &base, &head.sha)? {
            Some(tree) => {
                let who = self.signature(&self.pull(repo, number)?.author);
                let message = format!("Merge {} into {base}", head.sha);
                let sha = git.commit_tree(&tree, &[&base, &head.sha], &who, &who, &message)?;
                git.update_ref(&merge_ref, &sha, None)?;
                Some(sha)
            }
            None => None,
        };
        let unknown_reads = self.faults.slow_mergeability;
        let pull = self.pull_mut(repo, number)?;
        pull.unknown_reads = unknown_reads;
        pull.mergeable = merge.is_some();
        if merge.is_some() {
            pull.merge_commit_sha = merge;
        }
        Ok(())
    }

    /// GitHub's `mergeable_state`.
    pub(crate) fn mergeable_state(
        &self,
        repo: &Repository,
        pull: &PullRequest,
    ) -> Outcome<&'static str> {
        if !pull.is_open() {
            return Ok("unknown");
        }
        if !pull.mergeable {
            return Ok("dirty");
        }
        if pull.draft {
            return Ok("draft");
        }
        if self.closed_gate(repo, pull)?.is_some() {
            return Ok("blocked");
        }
        let protection = repo.protections.get(&pull.base.branch);
        if protection.is_some_and(|rules| rules.strict) {
            let base = repo.branches.get(&pull.base.branch);
            if let Some(base) = base
                && !repo.git.is_ancestor(base, &pull.head.sha)?
            {
                return Ok("behind");
            }
        }
        let all_green = repo.signals(&pull.head.sha).iter().all(|(_, green)| *green);
        Ok(if all_green { "clean" } else { "unstable" })
    }

    /// The first rule of the base branch that forbids the merge.
    fn closed_gate(&self, repo: &Repository, pull: &PullRequest) -> Outcome<Option<String>> {
        let Some(rules) = repo.protections.get(&pull.base.branch) else {
            return Ok(None);
        };
        let signals = repo.signals(&pull.head.sha);
        for name in &rules.required_checks {
            match signals.iter().find(|(context, _)| context == name) {
                Some((_, true)) => {}
                Some((_, false)) => {
                    return Ok(Some(format!(
                        "Required status check \"{name}\" is failing."
                    )));
                }
                None => {
                    return Ok(Some(format!(
                        "Required status check \"{name}\" is expected."
                    )));
                }
            }
        }
        let verdicts = pull.verdicts();
        let approved = verdicts
            .iter()
            .filter(|(_, state)| *state == ReviewState::Approved)
            .count();
        let refused = verdicts
            .iter()
            .any(|(_, state)| *state == ReviewState::ChangesRequested);
        if rules.approvals > 0 && (approved < rules.approvals || refused) {
            return Ok(Some(format!(
                "At least {} approving review is required by reviewers with write access.",
                rules.approvals
            )));
        }
        Ok(None)
    }

    /// Merges a pull request. `expected` is the head that the caller has seen.
    pub(crate) fn merge_pull(
        &mut self,
        repo: u64,
        number: u64,
        login: &str,
        method: MergeMethod,
        expected: Option<&str>,
        message: Option<(String, String)>,
    ) -> Outcome<Sha> {
        let refuse = |why: String| Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why);
        let found = self.repo(repo)?;
        let pull = self.pull(repo, number)?;
        if !pull.is_open() || !pull.mergeable {
            return Err(refuse("Pull Request is not mergeable".to_owned()));
        }
        if pull.draft {
            return Err(refuse("Pull Request is still a draft".to_owned()));
        }
        if expected.is_some_and(|sha| sha != pull.head.sha) {
            return Err(Refusal::conflict(
                "Head branch was modified. Review and try the merge again.",
            ));
        }
        if let Some(gate) = self.closed_gate(found, pull)? {
            return Err(refuse(gate));
        }
        if self.mergeable_state(found, pull)? == "behind" {
            return Err(refuse(
                "Head branch is not up to date with the base branch.".to_owned(),
            ));
        }
        let base = found
            .branches
            .get(&pull.base.branch)
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        let (title, body) = message.unwrap_or_else(|| merge_message(self, pull, method));
        let text = format!("{title}\n\n{body}").trim_end().to_owned();
        let people = People {
            merger: self.signature(login),
            author: self.signature(&pull.author),
        };
        let sha = build(&found.git, pull, &base, method, &people, &text)?;
        let base_ref = format!("refs/heads/{}", pull.base.branch);
        found.git.update_ref(&base_ref, &sha, Some(&base))?;
        self.mark_merged(repo, number, login, &sha)?;
        self.notice_pushes(repo, login)?;
        Ok(sha)
    }

    /// Gives a pull request a place in the merge queue: the commit that it would be merged as, on a
    /// branch of its own, and a wish for the checks on it.
    pub(crate) fn enqueue_pull(&mut self, repo: u64, number: u64, login: &str) -> Outcome<Sha> {
        let found = self.repo(repo)?;
        let pull = self.pull(repo, number)?;
        let refuse = |why: String| Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why);
        if !pull.is_open() || pull.draft {
            return Err(refuse("Pull Request is not mergeable".to_owned()));
        }
        if let Some(gate) = self.closed_gate(found, pull)? {
            return Err(refuse(gate));
        }
        let base_branch = pull.base.branch.clone();
        let base = found
            .branches
            .get(&base_branch)
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        let people = People {
            merger: self.signature(login),
            author: self.signature(&pull.author),
        };
        let (title, body) = merge_message(self, pull, MergeMethod::Merge);
        let text = format!("{title}\n\n{body}");
        let git = found.git.clone();
        let sha = build(&git, pull, &base, MergeMethod::Merge, &people, &text)?;
        let branch = format!("gh-readonly-queue/{base_branch}/pr-{number}-{base}");
        git.update_ref(&format!("refs/heads/{branch}"), &sha, None)?;
        self.notice_pushes(repo, login)?;
        let group = json!({
            "head_sha": sha,
            "head_ref": format!("refs/heads/{branch}"),
            "base_sha": base,
            "base_ref": format!("refs/heads/{base_branch}"),
        });
        let fields = json!({ "action": "checks_requested", "merge_group": group });
        self.emit("merge_group", repo, login, fields)?;
        Ok(sha)
    }

    /// Records a merge, whoever made the commit.
    pub(super) fn mark_merged(
        &mut self,
        repo: u64,
        number: u64,
        login: &str,
        sha: &str,
    ) -> Outcome<()> {
        let now = self.now();
        // The base as it was before the merge: what the list of changed files is taken against.
        self.remember_base_before(repo, number, sha)?;
        let pull = self.pull_mut(repo, number)?;
        pull.merged = Some(super::Merged {
            at: now,
            by: login.to_owned(),
            sha: sha.to_owned(),
        });
        pull.merge_commit_sha = Some(sha.to_owned());
        (pull.closed_at, pull.updated_at) = (Some(now), now);
        self.emit_pull(repo, number, "closed", login, json!({}))
    }

    fn remember_base_before(&mut self, repo: u64, number: u64, sha: &str) -> Outcome<()> {
        let branch = self.pull(repo, number)?.base.branch.clone();
        let tip = self.repo(repo)?.branches.get(&branch).cloned();
        if let Some(tip) = tip.filter(|tip| tip != sha) {
            self.pull_mut(repo, number)?.base.sha = tip;
        }
        Ok(())
    }
}

fn merge_message(model: &Model, pull: &PullRequest, method: MergeMethod) -> (String, String) {
    match method {
        MergeMethod::Squash => (format!("{} (#{})", pull.title, pull.number), String::new()),
        MergeMethod::Merge | MergeMethod::Rebase => {
            let owner = model
                .repositories
                .get(&pull.head.repo)
                .map_or("", |repo| repo.owner.as_str());
            (
                format!(
                    "Merge pull request #{} from {owner}/{}",
                    pull.number, pull.head.branch
                ),
                pull.title.clone(),
            )
        }
    }
}

/// Who is named in the commits of a merge.
struct People {
    merger: Signature,
    author: Signature,
}

impl People {
    /// GitHub itself, which commits what people merge on its pages.
    fn web_flow(&self) -> Signature {
        Signature {
            name: "GitHub".to_owned(),
            email: "noreply@github.com".to_owned(),
            at: self.merger.at,
        }
    }
}

fn build(
    git: &Git,
    pull: &PullRequest,
    base: &str,
    method: MergeMethod,
    people: &People,
    text: &str,
) -> Outcome<Sha> {
    let conflict = || {
        Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Pull Request is not mergeable",
        )
    };
    let head = pull.head.sha.as_str();
    let tree = git.merge_tree(None, base, head)?.ok_or_else(conflict)?;
    let web = people.web_flow();
    let sha = match method {
        MergeMethod::Merge => git.commit_tree(&tree, &[base, head], &people.merger, &web, text)?,
        MergeMethod::Squash => git.commit_tree(&tree, &[base], &people.author, &web, text)?,
        MergeMethod::Rebase => {
            let mut commits = git.log(&format!("{base}..{head}"), 1000)?;
            commits.reverse();
            let mut tip = base.to_owned();
            for commit in commits.iter().filter(|commit| commit.parents.len() == 1) {
                let parent = commit.parents.first().map(String::as_str);
                let tree = git
                    .merge_tree(parent, &tip, &commit.sha)?
                    .ok_or_else(conflict)?;
                let (author, committer) = (&commit.author, &people.merger);
                tip = git.commit_tree(&tree, &[&tip], author, committer, &commit.message)?;
            }
            tip
        }
    };
    Ok(sha)
}
