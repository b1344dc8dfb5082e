//! Commits, changed files and refs.

use serde_json::{Value, json};

use super::super::diff::FileChange;
use super::super::git::Signature;
use super::super::history::Commit;
use super::super::model::{Model, node_id, stamp};
use super::super::percent::encode;
use super::super::refusal::Outcome;

fn person(who: &Signature) -> Value {
    json!({ "name": who.name, "email": who.email, "date": stamp(who.at) })
}

impl Model {
    fn author_json(&self, who: &Signature) -> Value {
        self.account_by_email(&who.email)
            .map_or(Value::Null, |account| self.user_json(&account.login))
    }

    pub(crate) fn commit_json(&self, repo: u64, sha: &str) -> Outcome<Value> {
        let commit = self.repo(repo)?.git.show(sha)?;
        self.commit_value(repo, &commit)
    }

    pub(crate) fn commit_value(&self, repo: u64, commit: &Commit) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let api = |sha: &str| self.api(&format!("/repos/{full_name}/commits/{sha}"));
        let html = |sha: &str| self.html(&format!("/{full_name}/commit/{sha}"));
        let sha = commit.sha.as_str();
        let parents: Vec<Value> = commit
            .parents
            .iter()
            .map(|parent| json!({ "sha": parent, "url": api(parent), "html_url": html(parent) }))
            .collect();
        Ok(json!({
            "sha": sha,
            "node_id": node_id("C", repo),
            "commit": {
                "author": person(&commit.author),
                "committer": person(&commit.committer),
                "message": commit.message,
                "tree": {
                    "sha": commit.tree,
                    "url": self.api(&format!("/repos/{full_name}/git/trees/{}", commit.tree)),
                },
                "url": self.api(&format!("/repos/{full_name}/git/commits/{sha}")),
                "comment_count": 0,
                "verification": {
                    "verified": false, "reason": "unsigned", "signature": null,
                    "payload": null, "verified_at": null,
                },
            },
            "url": api(sha),
            "html_url": html(sha),
            "comments_url": format!("{}/comments", api(sha)),
            "author": self.author_json(&commit.author),
            "committer": self.author_json(&commit.committer),
            "parents": parents,
        }))
    }

    /// A commit as `push` and check events carry it.
    pub(crate) fn commit_brief(commit: &Commit) -> Value {
        json!({
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": stamp(commit.committer.at),
            "author": { "name": commit.author.name, "email": commit.author.email },
            "committer": { "name": commit.committer.name, "email": commit.committer.email },
        })
    }

    pub(crate) fn file_json(&self, repo: u64, sha: &str, file: &FileChange) -> Outcome<Value> {
        let full_name = self.repo(repo)?.full_name();
        let path = encode(&file.path);
        let mut value = json!({
            "sha": file.blob,
            "filename": file.path,
            "status": file.status,
            "additions": file.additions,
            "deletions": file.deletions,
            "changes": file.additions + file.deletions,
            "blob_url": self.html(&format!("/{full_name}/blob/{sha}/{path}")),
            "raw_url": self.html(&format!("/{full_name}/raw/{sha}/{path}")),
            "contents_url": self.api(&format!("/repos/{full_name}/contents/{path}?ref={sha}")),
        });
        if let Some(patch) = &file.patch {
            value["patch"] = json!(patch);
        }
        if let Some(previous) = &file.previous {
            value["previous_filename"] = json!(previous);
        }
        Ok(value)
    }
}
