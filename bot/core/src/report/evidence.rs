//! As whom, where and since when: facts that let a reader check what the bot says it did.

use serde::{Deserialize, Serialize};

use super::markdown::{code, link};

/// The AWS identity that a run worked under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The role's name, `slipway-plan`.
    pub role: String,
    /// The account, twelve digits.
    pub account: String,
    /// The role session's name, as CloudTrail shows it.
    pub session: Option<String>,
}

impl Identity {
    /// `` `slipway-plan` in 111111111111 (session `slipway-1a2b3c4d`) ``.
    #[must_use]
    pub fn markdown(&self) -> String {
        let session = match &self.session {
            Some(session) => format!(" (session {})", code(session)),
            None => String::new(),
        };
        format!(
            "{} in {}{session}",
            code(&self.role),
            super::markdown::text(&self.account)
        )
    }
}

/// A page to link to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What the link says.
    pub label: String,
    /// Where it goes; shown as plain text unless it is http or https.
    pub url: String,
}

impl Link {
    /// A link.
    #[must_use]
    pub fn new(label: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            url: url.into(),
        }
    }

    /// The link in Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        link(&self.label, &self.url)
    }
}

/// Which release of a service: commit, the pull request it came with, digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// The commit that the image was built from.
    pub commit: crate::ids::CommitSha,
    /// The pull request that brought it.
    pub pr: Option<crate::ids::PrNumber>,
    /// The image's digest.
    pub digest: Option<crate::ids::Digest>,
}

impl ReleaseRef {
    /// `` `abc1234` (#42), `sha256:9f3c0000` ``.
    #[must_use]
    pub(super) fn with_digest(&self) -> String {
        let digest = self.digest.as_ref();
        let digest = digest.map_or_else(String::new, |d| format!(", {}", code(d.short())));
        format!("{}{digest}", self.markdown())
    }

    /// `` `abc1234` (#42) ``.
    #[must_use]
    pub fn markdown(&self) -> String {
        let commit = code(self.commit.short());
        match self.pr {
            Some(pr) => format!("{commit} (#{pr})"),
            None => commit,
        }
    }
}
