//! Makes GitHub show what the store holds. The only writer of comments, reactions, check runs and
//! deployments.
//!
//! A report is a desired state. What it shows is made from the store at the moment of writing, so
//! that late and repeated writing does no harm. The one dangerous moment is between a creation on
//! GitHub and the record of its id; therefore the store is told before ([`Store::about_to_create`]),
//! and whoever finds such a mark looks on GitHub first, by the marker that each report carries.

mod issue;
mod project;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use slipway_core::event::RepoRef;
use slipway_core::ids::{CheckRunId, CommentId, CommitSha, DeliveryId, DeploymentId, PrNumber};
use slipway_core::intent::{Content, ReportKey};
use slipway_core::ports::{
    Clock, DeploymentStatus, ForgeWriter, NewDeployment, PortErrorKind, PortResult, SentReport,
    Store, TakenReport, WorkerId,
};
use slipway_core::projection::drift::DriftView;
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
        sha: CommitSha,
        output: Box<CheckOutput>,
        page: String,
        again: Option<DeliveryId>,
    },
    Deployment(Box<NewDeployment>, Vec<DeploymentStatus>),
    Issue(Box<DriftView>),
}

/// A check run as it is to be shown now.
struct CheckToWrite<'a> {
    sha: &'a CommitSha,
    output: &'a CheckOutput,
    page: &'a str,
    fingerprint: u32,
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
            Shown::Check {
                sha,
                output,
                page,
                again,
            } => {
                let check = CheckToWrite {
                    sha: &sha,
                    output: &output,
                    page: &page,
                    fingerprint: fingerprint(&output, again.as_ref()),
                };
                self.check(worker, report, check).await
            }
            Shown::Issue(view) => self.issue(worker, report, &view).await,
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
            (Some(Content::Check { sha, output, again }), _) => Ok(Shown::Check {
                sha: sha.clone(),
                output: output.clone(),
                page: self.public_url.to_string(),
                again: again.clone(),
            }),
            (Some(Content::Comment { .. } | Content::Summary { .. }) | None, _) => {
                self.project(report).await
            }
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
        check: CheckToWrite<'_>,
    ) -> PortResult<SentReport> {
        let CheckToWrite {
            sha,
            output,
            page,
            fingerprint,
        } = check;
        let key = report.key.to_string();
        let hash = hash(format!("{output:?}{page}{fingerprint}").as_bytes());
        let repo = &report.repo;
        if report.remote_id.is_some() && report.sent_hash.as_deref() == Some(&hash) {
            return Ok(sent(report, report.remote_id, hash));
        }
        let before = report.remote_id.map(CheckRunId);
        let mut known = before;
        if report.maybe_created {
            known = self.writer.find_check(repo, sha, &key).await?.or(before);
        }
        // A check run that has ended keeps its annotations for ever: what has others, none yet
        // because it begins again, or was asked for again, gets a new check run; unless an earlier
        // try has made it, and died before it was recorded.
        let made_already = known.is_some() && known != before;
        let ended = output.status == CheckStatus::Completed;
        let anew =
            report.sent_count > 0 && !made_already && (!ended || report.sent_count != fingerprint);
        if let Some(id) = known.filter(|_| !anew) {
            let annotate = ended && (report.sent_count == 0 || made_already);
            match self
                .writer
                .update_check(repo, id, page, output, annotate)
                .await
            {
                Ok(()) => return Ok(sent_check(id, hash, ended.then_some(fingerprint))),
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
        Ok(sent_check(id, hash, ended.then_some(fingerprint)))
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

/// For check runs the count is zero until one was shown as ended, and then its fingerprint.
fn sent_check(id: CheckRunId, hash: String, fingerprint: Option<u32>) -> SentReport {
    SentReport {
        remote_id: Some(id.0),
        hash,
        count: fingerprint.unwrap_or(0),
    }
}

/// A number for what an ended check run can't change, its annotations and what it was made for:
/// never zero, and other for others.
fn fingerprint(output: &CheckOutput, again: Option<&DeliveryId>) -> u32 {
    let mut text = format!("{:?}", output.annotations);
    if let Some(again) = again {
        text.push_str(again.as_str());
    }
    let digest = Sha256::digest(text.as_bytes());
    let first = digest
        .iter()
        .take(4)
        .fold(0, |sum, byte| (sum << 8) | u32::from(*byte));
    first.max(1)
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
