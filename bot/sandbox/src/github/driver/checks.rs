//! Checks, statuses, and what CI reports.

use super::super::GitHub;
use super::super::model::{ACTIONS_APP_ID, CheckUpdate, NewCheckRun, Output, Permission, Signal};
use super::super::packages::{PublishedPackage, WorkflowRun};
use super::own;

impl GitHub {
    /// Presses a button of a check run.
    ///
    /// # Errors
    /// When there is no such button, or the person may not push.
    pub async fn press_button(
        &self,
        user: &str,
        check_run: u64,
        identifier: &str,
    ) -> anyhow::Result<()> {
        let [user, identifier] = own([user, identifier]);
        self.act(move |model| model.press_button(&user, check_run, &identifier))
            .await
    }

    /// Presses "Re-run" on a check run.
    ///
    /// # Errors
    /// When there is none, or the person may not push.
    pub async fn rerequest_check(&self, user: &str, check_run: u64) -> anyhow::Result<()> {
        let user = user.to_owned();
        self.act(move |model| model.rerequest_check(&user, check_run))
            .await
    }

    /// Presses "Re-run all checks" on a commit.
    ///
    /// # Errors
    /// When the App has no suite there, or the person may not push.
    pub async fn rerequest_suite(&self, repo: &str, user: &str, sha: &str) -> anyhow::Result<()> {
        let [user, sha] = own([user, sha]);
        self.act_in(repo, move |model, id| {
            model.rerequest_suite(id, &user, &sha)
        })
        .await
    }

    /// Lets CI report a check: with a conclusion it is complete, without it is in progress.
    ///
    /// # Errors
    /// When there is no such commit.
    pub async fn ci_check(
        &self,
        repo: &str,
        sha: &str,
        name: &str,
        conclusion: Option<&str>,
    ) -> anyhow::Result<u64> {
        let [sha, name] = own([sha, name]);
        let conclusion = conclusion.map(str::to_owned);
        self.act_in(repo, move |model, id| {
            let new = NewCheckRun {
                head_sha: sha,
                rest: CheckUpdate {
                    status: Some("in_progress".to_owned()),
                    output: Some(Output::default()),
                    conclusion,
                    ..CheckUpdate::default()
                },
                name,
            };
            model.create_check_run(id, ACTIONS_APP_ID, new)
        })
        .await
    }

    /// Lets a person or a service set a commit status.
    ///
    /// # Errors
    /// When there is no such commit, the state is unknown, or the person may not push.
    pub async fn commit_status(
        &self,
        repo: &str,
        sha: &str,
        user: &str,
        context: &str,
        state: &str,
    ) -> anyhow::Result<u64> {
        let [sha, user, context, state] = own([sha, user, context, state]);
        self.act_in(repo, move |model, id| {
            model.require(id, &user, Permission::Write)?;
            let signal = Signal {
                state,
                context,
                description: None,
                target_url: None,
            };
            model.set_status(id, &user, &sha, signal)
        })
        .await
    }

    /// Tells that CI pushed an image.
    ///
    /// # Errors
    /// When there is no such repository.
    pub async fn publish_package_event(
        &self,
        repo: &str,
        package: PublishedPackage,
    ) -> anyhow::Result<()> {
        self.act_in(repo, move |model, id| model.publish_package(id, &package))
            .await
    }

    /// Tells that a workflow run ended, and gives its id.
    ///
    /// # Errors
    /// When there is no such repository or commit.
    pub async fn complete_workflow_run(&self, repo: &str, run: WorkflowRun) -> anyhow::Result<u64> {
        self.act_in(repo, move |model, id| model.complete_workflow(id, &run))
            .await
    }
}
