//! The issue of an environment that differs from the default branch: one for each environment,
//! edited, closed and opened again.

use slipway_core::ids::IssueNumber;
use slipway_core::ports::{
    IssueText, PortErrorKind, PortResult, SentReport, TakenReport, WorkerId,
};
use slipway_core::projection::drift::DriftView;
use slipway_core::report::markdown::marker;

use super::{Reporter, hash};

/// In the place of a count: the issue was last written as open, or as closed.
const OPEN: u32 = 1;
const CLOSED: u32 = 2;

impl Reporter {
    pub(super) async fn issue(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        view: &DriftView,
    ) -> PortResult<SentReport> {
        match view {
            DriftView::Wait | DriftView::Nothing => Ok(as_it_was(report)),
            DriftView::Closed(over) => {
                let text = IssueText {
                    title: over.title(),
                    body: over.markdown(),
                    open: false,
                };
                self.close(report, &text).await
            }
            DriftView::Open(issue) => {
                let text = IssueText {
                    title: issue.title(),
                    body: issue.markdown(),
                    open: true,
                };
                self.open(worker, report, &text).await
            }
        }
    }

    /// Nothing differs: an open issue is closed with a word, and one that is closed left alone.
    async fn close(&self, report: &TakenReport, text: &IssueText) -> PortResult<SentReport> {
        if report.remote_id.is_some() && report.sent_count == CLOSED {
            return Ok(as_it_was(report));
        }
        let known = match report.remote_id.map(IssueNumber) {
            None if report.maybe_created => self.find(report).await?,
            known => known,
        };
        let Some(number) = known else {
            return Ok(as_it_was(report));
        };
        match self.writer.update_issue(&report.repo, number, text).await {
            // Somebody deleted it: there is nothing to close.
            Err(error) if error.kind != PortErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(written(number, text, CLOSED)),
        }
    }

    async fn open(
        &self,
        worker: &WorkerId,
        report: &TakenReport,
        text: &IssueText,
    ) -> PortResult<SentReport> {
        let repo = &report.repo;
        if let Some(number) = report.remote_id.map(IssueNumber) {
            let sent = written(number, text, OPEN);
            if report.sent_count == OPEN && report.sent_hash.as_deref() == Some(&sent.hash) {
                return Ok(sent);
            }
            match self.writer.update_issue(repo, number, text).await {
                Ok(()) => return Ok(sent),
                // Somebody deleted it: it is written anew below.
                Err(error) if error.kind == PortErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // It may have been made by a bot that died right after, or by one whose store was lost.
        if let Some(number) = self.find(report).await? {
            self.writer.update_issue(repo, number, text).await?;
            return Ok(written(number, text, OPEN));
        }
        self.store.about_to_create(worker, report).await?;
        let number = self.writer.create_issue(repo, text).await?;
        let remote = Some(number.0);
        self.store.report_created(worker, report, remote).await?;
        Ok(written(number, text, OPEN))
    }

    async fn find(&self, report: &TakenReport) -> PortResult<Option<IssueNumber>> {
        // All of it: the name of one environment may begin like that of another.
        let marker = marker(&report.key.to_string());
        self.writer.find_issue(&report.repo, marker.trim()).await
    }
}

fn written(number: IssueNumber, text: &IssueText, count: u32) -> SentReport {
    SentReport {
        remote_id: Some(number.0),
        hash: hash(format!("{}\n{}", text.title, text.body).as_bytes()),
        count,
    }
}

fn as_it_was(report: &TakenReport) -> SentReport {
    SentReport {
        remote_id: report.remote_id,
        hash: report.sent_hash.clone().unwrap_or_default(),
        count: report.sent_count,
    }
}
