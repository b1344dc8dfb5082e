//! The two ports, each method done by the module of its subject; here a failure is told with what
//! was being done.

use async_trait::async_trait;
use jiff::Timestamp;
use slipway_core::event::RepoRef;
use slipway_core::facts::{
    ChangedFiles, Check, Comparison, Permission, PullRequest, Repository, Review,
};
use slipway_core::ids::{
    CheckRunId, CommentId, CommitSha, DeploymentId, EnvName, InstallationId, IssueNumber, Login,
    PrNumber, RepoName,
};
use slipway_core::ports::{
    AppIdentity, CloneAccess, DeploymentStatus, Forge, ForgeWriter, IssueText, MissedDelivery,
    NewDeployment, PortResult, Reaction,
};
use slipway_core::report::check::CheckOutput;

use super::auth::{Access, Scope};
use super::{GitHub, checks, clone_url, comments, deliveries, deployments, issues, pulls, reads};

#[async_trait]
impl Forge for GitHub {
    async fn app(&self) -> PortResult<AppIdentity> {
        reads::app(self)
            .await
            .cloned()
            .map_err(|failure| failure.while_doing("reading who the App is"))
    }

    async fn installation(&self, repo: &RepoName) -> PortResult<InstallationId> {
        reads::installation(self, repo).await.map_err(|failure| {
            failure.while_doing(format!("looking for the installation of {repo}"))
        })
    }

    async fn repository(&self, repo: &RepoRef) -> PortResult<Repository> {
        reads::repository(self, repo)
            .await
            .map_err(|failure| failure.while_doing(format!("reading {}", repo.name)))
    }

    async fn file(&self, repo: &RepoRef, path: &str, at: &str) -> PortResult<Option<String>> {
        reads::file(self, repo, path, at).await.map_err(|failure| {
            failure.while_doing(format!("reading {path} of {} at {at}", repo.name))
        })
    }

    async fn branch_tip(&self, repo: &RepoRef, branch: &str) -> PortResult<CommitSha> {
        reads::branch_tip(self, repo, branch)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading the branch {branch} of {}", repo.name))
            })
    }

    async fn commit(&self, repo: &RepoRef, name: &str) -> PortResult<Option<CommitSha>> {
        reads::commit(self, repo, name).await.map_err(|failure| {
            failure.while_doing(format!("looking for the commit {name} of {}", repo.name))
        })
    }

    async fn pull_request(&self, repo: &RepoRef, number: PrNumber) -> PortResult<PullRequest> {
        pulls::pull_request(self, repo, number)
            .await
            .map_err(|failure| failure.while_doing(format!("reading {}#{number}", repo.name)))
    }

    async fn pull_requests_of(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<PrNumber>> {
        pulls::of_commit(self, repo, sha).await.map_err(|failure| {
            failure.while_doing(format!(
                "looking for the pull requests of {}@{}",
                repo.name,
                sha.short()
            ))
        })
    }

    async fn open_pull_requests(&self, repo: &RepoRef, base: &str) -> PortResult<Vec<PrNumber>> {
        pulls::open(self, repo, base).await.map_err(|failure| {
            failure.while_doing(format!(
                "listing the open pull requests of {} to {base}",
                repo.name
            ))
        })
    }

    async fn changed_files(&self, repo: &RepoRef, number: PrNumber) -> PortResult<ChangedFiles> {
        pulls::changed_files(self, repo, number)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading the files of {}#{number}", repo.name))
            })
    }

    async fn reviews(&self, repo: &RepoRef, number: PrNumber) -> PortResult<Vec<Review>> {
        pulls::reviews(self, repo, number).await.map_err(|failure| {
            failure.while_doing(format!("reading the reviews of {}#{number}", repo.name))
        })
    }

    async fn checks(&self, repo: &RepoRef, sha: &CommitSha) -> PortResult<Vec<Check>> {
        checks::of_commit(self, repo, sha).await.map_err(|failure| {
            failure.while_doing(format!(
                "reading the checks of {}@{}",
                repo.name,
                sha.short()
            ))
        })
    }

    async fn required_checks(&self, repo: &RepoRef, branch: &str) -> PortResult<Vec<String>> {
        reads::required_checks(self, repo, branch)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "reading which checks {} requires on {branch}",
                    repo.name
                ))
            })
    }

    async fn compare(&self, repo: &RepoRef, base: &str, head: &str) -> PortResult<Comparison> {
        reads::compare(self, repo, base, head)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("comparing {base} and {head} of {}", repo.name))
            })
    }

    async fn permission(&self, repo: &RepoRef, login: &Login) -> PortResult<Permission> {
        reads::permission(self, repo, login)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading what @{login} may do in {}", repo.name))
            })
    }

    async fn is_team_member(
        &self,
        repo: &RepoRef,
        org: &str,
        team: &str,
        login: &Login,
    ) -> PortResult<bool> {
        reads::is_team_member(self, repo, org, team, login)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reading whether @{login} is in {org}/{team}"))
            })
    }

    async fn clone_access(&self, repo: &RepoRef) -> PortResult<CloneAccess> {
        let scope = Scope::Repo(repo.clone(), Access::Clone);
        let token = match self.credentials.held(&scope) {
            Some(held) => held,
            None => self.fresh(&scope).await.map_err(|failure| {
                failure.while_doing(format!("asking for a token to clone {}", repo.name))
            })?,
        };
        Ok(CloneAccess {
            url: clone_url(&self.web, &repo.name),
            token,
        })
    }

    async fn missed_deliveries(&self, since: Timestamp) -> PortResult<Vec<MissedDelivery>> {
        deliveries::missed(self, since)
            .await
            .map_err(|failure| failure.while_doing("listing the deliveries of the App"))
    }

    async fn redeliver(&self, id: u64) -> PortResult<()> {
        deliveries::redeliver(self, id)
            .await
            .map_err(|failure| failure.while_doing(format!("asking for the delivery {id} again")))
    }
}

#[async_trait]
impl ForgeWriter for GitHub {
    async fn find_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        marker: &str,
    ) -> PortResult<Option<CommentId>> {
        comments::find(self, repo, pr, marker)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("looking for the comment on {}#{pr}", repo.name))
            })
    }

    async fn create_comment(
        &self,
        repo: &RepoRef,
        pr: PrNumber,
        body: &str,
    ) -> PortResult<CommentId> {
        comments::create(self, repo, pr, body)
            .await
            .map_err(|failure| failure.while_doing(format!("commenting on {}#{pr}", repo.name)))
    }

    async fn update_comment(&self, repo: &RepoRef, id: CommentId, body: &str) -> PortResult<()> {
        comments::update(self, repo, id, body)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("updating the comment {id} of {}", repo.name))
            })
    }

    async fn react(&self, repo: &RepoRef, id: CommentId, reaction: Reaction) -> PortResult<()> {
        comments::react(self, repo, id, reaction)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("reacting to the comment {id} of {}", repo.name))
            })
    }

    async fn find_issue(&self, repo: &RepoRef, marker: &str) -> PortResult<Option<IssueNumber>> {
        issues::find(self, repo, marker).await.map_err(|failure| {
            failure.while_doing(format!("looking for an issue of {}", repo.name))
        })
    }

    async fn create_issue(&self, repo: &RepoRef, issue: &IssueText) -> PortResult<IssueNumber> {
        issues::create(self, repo, issue)
            .await
            .map_err(|failure| failure.while_doing(format!("opening an issue in {}", repo.name)))
    }

    async fn update_issue(
        &self,
        repo: &RepoRef,
        number: IssueNumber,
        issue: &IssueText,
    ) -> PortResult<()> {
        issues::update(self, repo, number, issue)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("updating the issue {}#{number}", repo.name))
            })
    }

    async fn find_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
    ) -> PortResult<Option<CheckRunId>> {
        checks::find(self, repo, sha, external_id)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "looking for the check run on {}@{}",
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn create_check(
        &self,
        repo: &RepoRef,
        sha: &CommitSha,
        external_id: &str,
        details_url: &str,
        output: &CheckOutput,
    ) -> PortResult<CheckRunId> {
        checks::create(self, repo, sha, external_id, details_url, output)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "creating the check run {:?} on {}@{}",
                    output.name,
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn update_check(
        &self,
        repo: &RepoRef,
        id: CheckRunId,
        details_url: &str,
        output: &CheckOutput,
        annotate: bool,
    ) -> PortResult<()> {
        checks::update(self, repo, id, details_url, output, annotate)
            .await
            .map_err(|failure| {
                failure.while_doing(format!("updating the check run {id} of {}", repo.name))
            })
    }

    async fn find_deployment(
        &self,
        repo: &RepoRef,
        env: &EnvName,
        sha: &CommitSha,
        key: &str,
    ) -> PortResult<Option<DeploymentId>> {
        deployments::find(self, repo, env, sha, key)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "looking for the deployment of {}@{} to {env}",
                    repo.name,
                    sha.short()
                ))
            })
    }

    async fn create_deployment(
        &self,
        repo: &RepoRef,
        deployment: &NewDeployment,
    ) -> PortResult<DeploymentId> {
        deployments::create(self, repo, deployment)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "creating the deployment of {}@{} to {}",
                    repo.name,
                    deployment.sha.short(),
                    deployment.env
                ))
            })
    }

    async fn add_deployment_status(
        &self,
        repo: &RepoRef,
        id: DeploymentId,
        status: &DeploymentStatus,
    ) -> PortResult<()> {
        deployments::add_status(self, repo, id, status)
            .await
            .map_err(|failure| {
                failure.while_doing(format!(
                    "telling the state of the deployment {id} of {}",
                    repo.name
                ))
            })
    }
}
