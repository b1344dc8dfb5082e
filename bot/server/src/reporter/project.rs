//! Reads what a projection is made from, and has the core make it.

use slipway_core::event::RepoRef;
use slipway_core::facts::ConfigFacts;
use slipway_core::ids::RunId;
use slipway_core::intent::{Content, ReportKey};
use slipway_core::ports::{PortResult, RunsOf, TakenReport};
use slipway_core::projection::{self, Scene};
use slipway_core::run::Run;

use super::{Reporter, Shown};

impl Reporter {
    pub(super) async fn project(&self, report: &TakenReport) -> PortResult<Shown> {
        let repo = &report.repo;
        match &report.key {
            ReportKey::PlanComment(pr) => {
                let runs = self.store.runs(repo, &RunsOf::Pr(*pr)).await?;
                self.on_stage(repo, &runs, |scene| {
                    projection::plan_comment(*pr, scene)
                        .map(|comment| Shown::Comment(*pr, comment.markdown()))
                })
                .await
            }
            ReportKey::PlanCheck(pr, head, env) => {
                let runs = self.store.runs(repo, &RunsOf::Pr(*pr)).await?;
                let newest = newest_page(&runs, |run| {
                    run.order.env == *env && run.order.commit == *head
                });
                self.on_stage(repo, &runs, |scene| {
                    let output = projection::plan_check(*pr, head, env, scene)?;
                    Some(Shown::Check {
                        sha: head.clone(),
                        output: Box::new(output),
                        page: self.page(newest.as_ref()),
                        again: None,
                    })
                })
                .await
            }
            ReportKey::SummaryCheck(pr, head) => {
                let runs = self.store.runs(repo, &RunsOf::Pr(*pr)).await?;
                let newest = newest_page(&runs, |run| run.order.commit == *head);
                let ground = match &report.content {
                    Some(Content::Summary { ground }) => Some(ground),
                    _ => None,
                };
                self.on_stage(repo, &runs, |scene| {
                    Some(Shown::Check {
                        sha: head.clone(),
                        output: Box::new(projection::summary_check(head, ground, scene)),
                        page: self.page(newest.as_ref()),
                        again: None,
                    })
                })
                .await
            }
            ReportKey::ApplyComment(pr, cause, env) => {
                let runs = self.store.runs(repo, &RunsOf::Cause(cause.clone())).await?;
                self.on_stage(repo, &runs, |scene| {
                    projection::apply_comment(*pr, cause, env, scene)
                        .map(|comment| Shown::Comment(*pr, comment.markdown()))
                })
                .await
            }
            ReportKey::ApplyCheck(cause, env) => {
                let runs = self.store.runs(repo, &RunsOf::Cause(cause.clone())).await?;
                let first = newest_page(&runs, |run| run.order.env == *env);
                self.on_stage(repo, &runs, |scene| {
                    let (sha, output) = projection::apply_check(cause, env, scene)?;
                    Some(Shown::Check {
                        sha,
                        output: Box::new(output),
                        page: self.page(first.as_ref()),
                        again: None,
                    })
                })
                .await
            }
            ReportKey::DeployComment(id)
            | ReportKey::DeployCheck(id)
            | ReportKey::Deployment(id) => self.project_deploy(repo, &report.key, id).await,
            ReportKey::UnlockComment(id) => {
                let Some(run) = self.store.run(id).await? else {
                    return Ok(Shown::Nothing);
                };
                let runs = [run];
                self.on_stage(repo, &runs, |scene| {
                    let comment = projection::unlock_comment(&runs[0], scene)?;
                    Some(Shown::Comment(runs[0].order.pr?, comment.markdown()))
                })
                .await
            }
            ReportKey::DriftIssue(env) => {
                let runs = self.store.runs(repo, &RunsOf::Drift(env.clone())).await?;
                self.on_stage(repo, &runs, |scene| {
                    Some(Shown::Issue(Box::new(projection::drift::drift_issue(
                        env, scene,
                    ))))
                })
                .await
            }
            ReportKey::ConfigCheck(..)
            | ReportKey::GroupCheck(..)
            | ReportKey::Reply(..)
            | ReportKey::Reaction(..) => Ok(Shown::Nothing),
        }
    }

    async fn project_deploy(
        &self,
        repo: &RepoRef,
        key: &ReportKey,
        id: &RunId,
    ) -> PortResult<Shown> {
        let Some(run) = self.store.run(id).await? else {
            return Ok(Shown::Nothing);
        };
        let runs = match run.order.pr {
            Some(pr) => self.store.runs(repo, &RunsOf::Pr(pr)).await?,
            None => vec![run.clone()],
        };
        self.on_stage(repo, &runs, |scene| match (key, run.order.pr) {
            (ReportKey::DeployComment(_), Some(pr)) => projection::deploy_comment(&run, scene)
                .map(|comment| Shown::Comment(pr, comment.markdown())),
            (ReportKey::DeployCheck(_), _) => {
                projection::deploy_check(&run, scene).map(|output| Shown::Check {
                    sha: run.order.commit.clone(),
                    output: Box::new(output),
                    page: self.page(Some(&run.id)),
                    again: None,
                })
            }
            (ReportKey::Deployment(_), _) => projection::deployment(&run, scene)
                .map(|(deployment, statuses)| Shown::Deployment(Box::new(deployment), statuses)),
            _ => None,
        })
        .await
    }

    /// Sets the scene that projections are made from.
    async fn on_stage(
        &self,
        repo: &RepoRef,
        runs: &[Run],
        make: impl FnOnce(&Scene<'_>) -> Option<Shown>,
    ) -> PortResult<Shown> {
        let now = self.clock.now();
        let active = self.store.runs(repo, &RunsOf::Active).await?;
        let locks = self.store.locks(repo, now).await?;
        let releases = self.store.releases(repo).await?;
        let overrides = match runs.iter().find_map(|run| run.order.pr) {
            Some(pr) => self.store.overrides(repo, pr).await?,
            None => Vec::new(),
        };
        let config = match self.gather.config(repo).await? {
            ConfigFacts::Valid(config) => Some(config),
            ConfigFacts::Missing | ConfigFacts::Invalid(_) => None,
        };
        let page = |id: &RunId| self.page(Some(id));
        let scene = Scene {
            runs,
            active: &active,
            locks: &locks,
            releases: &releases,
            overrides: &overrides,
            config: config.as_deref(),
            now,
            page: &page,
        };
        Ok(make(&scene).unwrap_or(Shown::Nothing))
    }

    fn page(&self, run: Option<&RunId>) -> String {
        let base = self.public_url.as_str().trim_end_matches('/');
        match run {
            Some(run) => format!("{base}/runs/{run}"),
            None => base.to_owned(),
        }
    }
}

fn newest_page(runs: &[Run], is_shown: impl Fn(&Run) -> bool) -> Option<RunId> {
    runs.iter()
        .find(|run| is_shown(run))
        .map(|run| run.id.clone())
}
