//! Makes GitHub show what the store holds. The only writer of comments, reactions, check runs and
//! deployments.
//!
//! A report is a desired state. What it shows is made from the store at the moment of writing, so
//! that late and repeated writing does no harm. The one dangerous moment is between a creation on
//! GitHub and the record of its id; therefore the store is told before ([`Store::about_to_create`]),
//! and whoever finds such a mark looks on GitHub first, by the marker that each report carries.

mod project;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use slipway_core::event::RepoRef;
use slipway_core::ids::{CheckRunId, CommentId, DeploymentId, PrNumber};
use slipway_core::intent::{Content, ReportKey};
use slipway_core::ports::{
    Clock, DeploymentStatus, ForgeWriter, NewDeployment, PortErrorKind, PortResult, SentReport,
    Store, TakenReport, WorkerId,
};
use slipway_core::report::check::{CheckOutput, CheckStatus};
use slipway_core::report::markdown::marker;
use url::Url;

use crate::gather::Gather;

/// Writes reports.
pub struct Reporter {
    /// What is to be shown.
    pub store: Arc<dyn Store>,
    /// GitHub.
    pub writer: Arc<dyn ForgeWriter>,
    /// Reads deploy.toml, on which buttons depend.
    pub gather: Gather,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the pages of runs are.
    pub public_url: Url,
}

/// What a report shows, in the form that GitHub takes.
enum Shown {
    Nothing,
    Comment(PrNumber, String),
    Reaction,
    Check {
        sha: slipway_core::ids::CommitSha,
        output: Box<CheckOutput>,
        page: String,
    },
    Deployment(Box<NewDeployment>, Vec<DeploymentStatus>),
}

impl Reporter {
    /// Writes one report as it is to be shown now.
    ///
    /// # Errors
    /// When GitHub or the store does not do its part; writing again is safe.
    pub async fn write(&self, worker: &WorkerId, report: &TakenReport) -> PortResult<SentReport> {
        match self.shown(report).await? {
            Shown::Nothing => Ok(sent(report, report.remote_id, String::new())),
            Shown::Reaction => self.react(report).await,
            Shown::Comment(pr, body) => self.comment(worker, report, pr, &body).await,
            Shown::Check { sha, output, page } => {
                self.check(worker, report, &sha, &output, &page).await
            }
            Shown::Deployment(deployment, statuses) => {
                self.deployment(worker, report, &deployment, &statuses)
                    .await
            }
        }
    }

    async fn shown(&self, report: &TakenReport) -> PortResult<Shown> {
        match (&report.content, &report.key) {
            (Some(Content::Reaction), _) => Ok(Shown::Reaction),
            (Some(Content::Comment { body }), ReportKey::Reply(pr, _)) => {
                let marked = format!("{}{body}", marker(&report.key.to_string()));
                Ok(Shown::Comment(*pr, marked))
            }
            (Some(Content::Check { sha, output }), _) => Ok(Shown::Check {
                sha: sha.clone(),
                output: output.clone(),
                page: self.public_url.to_string(),
            }),
            (Some(Content::Comment { .. }) | None, _) => self.project(report).await,
        }
    }

    async fn react(&self, report: &TakenReport) -> PortResult<SentReport> {
        if let ReportKey::Reaction(comment, reaction) = &report.key {
            self.writer.react(&report.repo, *comment, *reaction).await?;
        }
        Ok(sent(report, None, String::new()))
    }

    async fn comment(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        pr: PrNumber,
        body: &str,
    ) -> PortResult<SentReport> {
        let hash = hash(body.as_bytes());
        let repo = &report.repo;
        if let Some(id) = report.remote_id.map(CommentId) {
            if report.sent_hash.as_deref() == Some(&hash) {
                return Ok(sent(report, Some(id.0), hash));
            }
            match self.writer.update_comment(repo, id, body).await {
                Ok(()) => return Ok(sent(report, Some(id.0), hash)),
                // Somebody deleted it: it is written anew below.
                Err(error) if error.kind == PortErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if report.maybe_created {
            let marker = report.key.to_string();
            if let Some(id) = self.writer.find_comment(repo, pr, &marker).await? {
                self.writer.update_comment(repo, id, body).await?;
                return Ok(sent(report, Some(id.0), hash));
            }
        }
        self.store.about_to_create(worker, report).await?;
        let id = self.writer.create_comment(repo, pr, body).await?;
        self.store
            .report_created(worker, report, Some(id.0))
            .await?;
        Ok(sent(report, Some(id.0), hash))
    }

    async fn check(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        sha: &slipway_core::ids::CommitSha,
        output: &CheckOutput,
        page: &str,
    ) -> PortResult<SentReport> {
        let key = report.key.to_string();
        let hash = hash(format!("{output:?}{page}").as_bytes());
        let repo = &report.repo;
        if report.remote_id.is_some() && report.sent_hash.as_deref() == Some(&hash) {
            return Ok(sent(report, report.remote_id, hash));
        }
        let mut known = report.remote_id.map(CheckRunId);
        if known.is_none() && report.maybe_created {
            known = self.writer.find_check(repo, sha, &key).await?;
        }
        // A check run that has ended keeps its annotations for ever: what has others, or none yet
        // because it begins again, gets a new check run.
        let ended = output.status == CheckStatus::Completed;
        let anew = report.sent_count > 0 && (!ended || report.sent_count != fingerprint(output));
        if let Some(id) = known.filter(|_| !anew) {
            let annotate = ended && report.sent_count == 0;
            match self
                .writer
                .update_check(repo, id, page, output, annotate)
                .await
            {
                Ok(()) => return Ok(sent_check(id, hash, output)),
                Err(error) if error.kind == PortErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.store.about_to_create(worker, report).await?;
        let id = self
            .writer
            .create_check(repo, sha, &key, page, output)
            .await?;
        self.store
            .report_created(worker, report, Some(id.0))
            .await?;
        Ok(sent_check(id, hash, output))
    }

    async fn deployment(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        deployment: &NewDeployment,
        statuses: &[DeploymentStatus],
    ) -> PortResult<SentReport> {
        let repo = &report.repo;
        let mut id = report.remote_id.map(DeploymentId);
        if id.is_none() && report.maybe_created {
            id = self.find_deployment(repo, deployment).await?;
        }
        let id = match id {
            Some(id) => id,
            None => {
                self.store.about_to_create(worker, report).await?;
                let id = self.writer.create_deployment(repo, deployment).await?;
                self.store
                    .report_created(worker, report, Some(id.0))
                    .await?;
                id
            }
        };
        // Statuses are a log: only those not written yet are appended.
        for status in statuses.iter().skip(report.sent_count as usize) {
            self.writer.add_deployment_status(repo, id, status).await?;
        }
        Ok(SentReport {
            remote_id: Some(id.0),
            hash: hash(format!("{statuses:?}").as_bytes()),
            count: u32::try_from(statuses.len()).unwrap_or(u32::MAX),
        })
    }

    async fn find_deployment(
        &self,
        repo: &RepoRef,
        deployment: &NewDeployment,
    ) -> PortResult<Option<DeploymentId>> {
        self.writer
            .find_deployment(repo, &deployment.env, &deployment.sha, &deployment.key)
            .await
    }
}

fn sent(report: &TakenReport, remote_id: Option<u64>, hash: String) -> SentReport {
    SentReport {
        remote_id,
        hash,
        count: report.sent_count,
    }
}

/// For check runs the count is zero until one was shown as ended, and then the fingerprint of the
/// annotations that it has.
fn sent_check(id: CheckRunId, hash: String, output: &CheckOutput) -> SentReport {
    let ended = output.status == CheckStatus::Completed;
    SentReport {
        remote_id: Some(id.0),
        hash,
        count: if ended { fingerprint(output) } else { 0 },
    }
}

/// A number for the annotations of a check run: never zero, and other for others.
fn fingerprint(output: &CheckOutput) -> u32 {
    let digest = Sha256::digest(format!("{:?}", output.annotations).as_bytes());
    let first = digest
        .iter()
        .take(4)
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    first.max(1)
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
