//! Repositories, people and their rights, commits.

use super::super::GitHub;
use super::super::auth::Level;
use super::super::git::{Change, Sha};
use super::super::model::{Model, Permission, Protection};
use super::super::refusal::Refusal;
use super::own;

fn changes(files: &[(&str, Option<&str>)]) -> Vec<Change> {
    files
        .iter()
        .map(|(path, content)| match content {
            Some(content) => Change::Write((*path).to_owned(), content.as_bytes().to_vec()),
            None => Change::Remove((*path).to_owned()),
        })
        .collect()
}

impl GitHub {
    /// Makes a private repository with these files on `main` and installs the App on it. A new
    /// owner is an organization.
    ///
    /// # Errors
    /// When it exists already, or git fails.
    pub async fn create_repo(&self, repo: &str, files: &[(&str, &str)]) -> anyhow::Result<()> {
        let name = repo.to_owned();
        let changes: Vec<Change> = files
            .iter()
            .map(|(path, text)| Change::Write((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        self.act(move |model| model.create_repository(&name, &changes).map(drop))
            .await
    }

    /// Forks a repository to a person's account and gives the fork's name.
    ///
    /// # Errors
    /// When there is no such repository, or git fails.
    pub async fn fork(&self, repo: &str, user: &str) -> anyhow::Result<String> {
        let user = user.to_owned();
        self.act_in(repo, move |model, id| {
            let fork = model.fork_repository(id, &user)?;
            Ok(model.repo(fork)?.full_name())
        })
        .await
    }

    /// Makes a repository public or private.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn set_private(&self, repo: &str, private: bool) -> anyhow::Result<()> {
        self.act_in(repo, move |model, id| {
            model.repo_mut(id)?.private = private;
            Ok(())
        })
        .await
    }

    /// Takes the App off a repository.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn uninstall(&self, repo: &str) -> anyhow::Result<()> {
        self.act_in(repo, Model::uninstall).await
    }

    /// Changes what every installation grants the App, such as `("checks", None)`.
    ///
    /// # Errors
    /// When the level is no word of GitHub's.
    pub async fn grant(&self, permission: &str, level: Option<&str>) -> anyhow::Result<()> {
        let level = match level {
            Some(word) => Some(
                Level::parse(word)
                    .ok_or_else(|| Refusal::unprocessable(format!("{word} is no level")))?,
            ),
            None => None,
        };
        let permission = permission.to_owned();
        self.act(move |model| {
            for installation in &mut model.installations {
                match level {
                    Some(level) => installation.permissions.insert(permission.clone(), level),
                    None => installation.permissions.remove(&permission),
                };
            }
            Ok(())
        })
        .await
    }

    /// Sets what a person may do: `none`, `read`, `triage`, `write`, `maintain` or `admin`.
    ///
    /// # Errors
    /// When the word is none of these, or there is no such repository.
    pub async fn set_permission(
        &self,
        repo: &str,
        user: &str,
        permission: &str,
    ) -> anyhow::Result<()> {
        let [user, word] = own([user, permission]);
        self.act_in(repo, move |model, id| {
            let permission = Permission::parse(&word)
                .ok_or_else(|| Refusal::unprocessable(format!("{word} is no permission")))?;
            model.meet(&user);
            let key = user.to_ascii_lowercase();
            model.repo_mut(id)?.permissions.insert(key, permission);
            Ok(())
        })
        .await
    }

    /// Puts a person into a team of an organization.
    ///
    /// # Errors
    /// Never for a valid name.
    pub async fn add_team_member(&self, org: &str, team: &str, user: &str) -> anyhow::Result<()> {
        let [org, team, user] = own([org, team, user]);
        self.act(move |model| model.add_team_member(&org, &team, &user))
            .await
    }

    /// Takes a person out of a team.
    ///
    /// # Errors
    /// When there is no such organization.
    pub async fn remove_team_member(
        &self,
        org: &str,
        team: &str,
        user: &str,
    ) -> anyhow::Result<()> {
        let [org, team, user] = own([org, team, user]);
        self.act(move |model| model.remove_team_member(&org, &team, &user))
            .await
    }

    /// Sets the rules of a branch.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn protect_branch(
        &self,
        repo: &str,
        branch: &str,
        rules: Protection,
    ) -> anyhow::Result<()> {
        let branch = branch.to_owned();
        self.act_in(repo, move |model, id| {
            model.repo_mut(id)?.protections.insert(branch, rules);
            Ok(())
        })
        .await
    }

    /// A token with which a person may call the API and push with git.
    #[must_use]
    pub fn person_token(&self, user: &str) -> String {
        self.shared.change(|model| model.person_token(user))
    }

    /// Commits on a branch (new: from the default branch) and pushes. No content removes a file.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn commit(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        files: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Sha> {
        self.commit_changes(repo, branch, author, message, changes(files))
            .await
    }

    /// As [`Self::commit`], with bytes and renames.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn commit_changes(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        changes: Vec<Change>,
    ) -> anyhow::Result<Sha> {
        let [branch, author, message] = own([branch, author, message]);
        self.act_in(repo, move |model, id| {
            model.commit(id, &branch, &author, &message, &changes)
        })
        .await
    }

    /// Throws away what a branch has over the default branch, commits anew, and pushes with force.
    ///
    /// # Errors
    /// When the author may not push there, or git fails.
    pub async fn force_push(
        &self,
        repo: &str,
        branch: &str,
        author: &str,
        message: &str,
        files: &[(&str, Option<&str>)],
    ) -> anyhow::Result<Sha> {
        let [branch, author, message] = own([branch, author, message]);
        let changes = changes(files);
        self.act_in(repo, move |model, id| {
            model.force_push(id, &branch, &author, &message, &changes)
        })
        .await
    }

    /// Deletes a branch; pull requests from it and into it are closed.
    ///
    /// # Errors
    /// When there is none, or the person may not push.
    pub async fn delete_branch(&self, repo: &str, branch: &str, user: &str) -> anyhow::Result<()> {
        let [branch, user] = own([branch, user]);
        self.act_in(repo, move |model, id| {
            model.delete_branch(id, &branch, &user)
        })
        .await
    }

    /// An installation token, as the App would get it; for tests that call the API themselves.
    ///
    /// # Errors
    /// When the App is not installed there.
    pub async fn installation_token(&self, repo: &str) -> anyhow::Result<String> {
        self.act_in(repo, |model, id| {
            let installation = model
                .installation_of(id)
                .map(|installation| installation.id)
                .ok_or_else(Refusal::not_found)?;
            Ok(model.issue_token(installation, None, None)?.secret)
        })
        .await
    }
}
