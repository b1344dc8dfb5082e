//! Reviews of pull requests.

use jiff::Timestamp;

use super::super::git::Sha;
use super::super::refusal::{Outcome, Refusal};
use super::{Model, PullRequest};

/// What a review says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// It may go in.
    Approved,
    /// It may not.
    ChangesRequested,
    /// Neither.
    Commented,
    /// It was taken back by someone.
    Dismissed,
}

impl ReviewState {
    /// The word in REST answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Commented => "COMMENTED",
            Self::Dismissed => "DISMISSED",
        }
    }

    /// Reads what a person does: `approve`, `request_changes` or `comment`, in either case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "approve" | "approved" => Self::Approved,
            "request_changes" | "changes_requested" => Self::ChangesRequested,
            "comment" | "commented" => Self::Commented,
            _ => return None,
        })
    }
}

/// A review.
#[derive(Clone, Debug)]
pub struct Review {
    /// Its number.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub state: ReviewState,
    /// Its text.
    pub body: String,
    /// The head commit that it looked at.
    pub commit: Sha,
    /// When it was sent.
    pub submitted_at: Timestamp,
}

impl PullRequest {
    /// What each reviewer says now: the last review of each that is more than a remark.
    #[must_use]
    pub fn verdicts(&self) -> Vec<(String, ReviewState)> {
        let mut verdicts: Vec<(String, ReviewState)> = Vec::new();
        for review in &self.reviews {
            if review.state == ReviewState::Commented {
                continue;
            }
            verdicts.retain(|(author, _)| *author != review.author);
            verdicts.push((review.author.clone(), review.state));
        }
        verdicts
    }
}

impl Model {
    pub(crate) fn review(
        &mut self,
        repo: u64,
        number: u64,
        author: &str,
        state: ReviewState,
        body: &str,
    ) -> Outcome<u64> {
        self.meet(author);
        let (id, now) = (self.new_id(), self.now());
        let pull = self.pull_mut(repo, number)?;
        if pull.author.eq_ignore_ascii_case(author) && state != ReviewState::Commented {
            return Err(Refusal::unprocessable(
                "Review Can not approve your own pull request",
            ));
        }
        let commit = pull.head.sha.clone();
        pull.reviews.push(Review {
            id,
            author: author.to_owned(),
            state,
            body: body.to_owned(),
            commit,
            submitted_at: now,
        });
        self.emit_review(repo, number, id, "submitted", author)?;
        Ok(id)
    }

    pub(crate) fn dismiss_review(
        &mut self,
        repo: u64,
        number: u64,
        review: u64,
        login: &str,
    ) -> Outcome<()> {
        let found = self
            .pull_mut(repo, number)?
            .reviews
            .iter_mut()
            .find(|found| found.id == review)
            .ok_or_else(Refusal::not_found)?;
        found.state = ReviewState::Dismissed;
        self.emit_review(repo, number, review, "dismissed", login)
    }
}
