//! What a deploy or rollback says, from queued to live or failed.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::check::{Buttons, CheckOutput, CheckStatus, Conclusion};
use super::evidence::{Identity, Link, ReleaseRef};
use super::fit::{Section, fit};
use super::markdown::{code, commands, counted, duration, link, marker, prose, text, time, title};
use super::refusal::{GateRow, gate_table};
use super::rollout_failure::Cause;
pub use super::rollout_failure::{ContainerTrouble, RolloutFailure};
use crate::ids::{EnvName, Login, ServiceName};

/// One deploy of one service to one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployComment {
    /// The key of the hidden marker.
    pub key: String,
    /// The service.
    pub service: ServiceName,
    /// The environment.
    pub env: EnvName,
    /// What is rolled out.
    pub release: ReleaseRef,
    /// What was live before.
    pub was: Option<ReleaseRef>,
    /// How far it is.
    pub state: DeployState,
    /// As whom, once known.
    pub identity: Option<Identity>,
    /// How the image was tied to the commit.
    pub provenance: Option<Provenance>,
    /// The environment's address.
    pub url: Option<String>,
    /// The run's page.
    pub page: Option<Link>,
    /// The command that takes it back, `/rollback dev`.
    pub undo: Option<String>,
    /// Whether it goes back to an earlier release; automatic deploys are held then.
    pub back: bool,
}

/// How an image was tied to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Its `org.opencontainers.image.revision` label is the commit.
    Label,
    /// A signed attestation says so.
    Attestation,
    /// Not asked for.
    Off,
}

/// How far a deploy is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployState {
    /// Waits for the second step of whoever asked.
    Unconfirmed {
        /// The code to say.
        code: String,
        /// Who asked.
        by: Login,
    },
    /// Waits for its turn or for a window; why, as Markdown.
    Queued(String),
    /// CI has not published the image yet.
    WaitingForImage {
        /// The image with its tag.
        image: String,
        /// When it is given up.
        until: Timestamp,
    },
    /// Kubernetes is replacing pods.
    RollingOut {
        /// Pods of the new release that are ready.
        ready: u32,
        /// Pods wanted.
        wanted: u32,
        /// Since its start.
        elapsed: Duration,
    },
    /// Live and healthy.
    Live {
        /// Pods ready.
        ready: u32,
        /// Pods wanted.
        wanted: u32,
        /// From start to healthy.
        took: Duration,
    },
    /// Failed before or during the rollout.
    Failed(RolloutFailure),
    /// Failed, and the release before it was put back.
    RolledBack {
        /// Why.
        failure: RolloutFailure,
        /// What is live now.
        to: ReleaseRef,
        /// True when automatic deploys are held from now on.
        hold: bool,
    },
    /// A gate closed between the decision and the effect.
    Refused(Vec<GateRow>),
    /// Overtaken, cancelled or skipped: nothing was changed; why, as plain text.
    NotDeployed(String),
    /// The bot died in it; it looked, and asks.
    Interrupted {
        /// What it found, as plain text.
        found: String,
        /// Commands that make sense next.
        next: Vec<String>,
    },
}

impl DeployComment {
    /// The comment's body, with its marker, in at most [`super::COMMENT_LIMIT`] bytes.
    #[must_use]
    pub fn markdown(&self) -> String {
        let marker = marker(&self.key);
        let limit = super::COMMENT_LIMIT - marker.len();
        format!("{marker}{}", self.body(limit, Cause::InFolds))
    }

    /// The same as a check run. Buttons are the caller's.
    #[must_use]
    pub fn check(&self, name: &str) -> CheckOutput {
        let (status, conclusion) = self.progress();
        let text = self.failure().map_or_else(String::new, |failure| {
            fit(
                &failure.sections(Cause::Open),
                super::CHECK_LIMIT,
                self.page.as_ref(),
            )
        });
        CheckOutput {
            name: name.to_owned(),
            status,
            conclusion,
            title: self.title(),
            summary: self.body(super::CHECK_LIMIT, Cause::Left),
            text,
            annotations: Vec::new(),
            buttons: Buttons::default(),
        }
    }

    fn body(&self, limit: usize, cause: Cause) -> String {
        let mut sections = vec![
            Section::lines(0, format!("### {}", self.heading())),
            Section::lines(0, self.told()),
        ];
        if let Some(failure) = self.failure() {
            sections.extend(failure.sections(cause));
        }
        sections.push(Section::lines(0, self.facts()));
        fit(&sections, limit, self.page.as_ref())
    }

    /// What happens, where, to which release; Markdown.
    fn heading(&self) -> String {
        let (service, env, release) = (&self.service, &self.env, self.release.markdown());
        match &self.state {
            DeployState::Queued(_) => format!("⏳ {service} waits to go to {env}: {release}"),
            DeployState::WaitingForImage { .. } => {
                format!("⏳ {service} waits for its image to go to {env}: {release}")
            }
            DeployState::RollingOut { .. } => {
                format!("🔄 {service} is rolling out to {env}: {release}")
            }
            DeployState::Live { took, .. } => {
                let digest = match &self.release.digest {
                    Some(digest) => format!(", {}", code(&format!("{}…", digest.short()))),
                    None => String::new(),
                };
                let took = duration(*took);
                if self.back {
                    format!("↩️ {service} is back in {env}: {release}{digest}, in {took}")
                } else {
                    format!("🚀 {service} is live in {env}: {release}{digest}, in {took}")
                }
            }
            DeployState::Failed(_) => format!("❌ {service} did not go live in {env}: {release}"),
            DeployState::RolledBack { to, .. } => {
                format!(
                    "↩️ {service} in {env} is back on {}: {release} failed",
                    to.markdown()
                )
            }
            DeployState::Unconfirmed { .. } => {
                format!("✋ {service} to {env}, {release}: are you sure?")
            }
            DeployState::Refused(_) => {
                format!("⛔ {service} {release} does not go to {env}: a gate closed")
            }
            DeployState::NotDeployed(_) => format!("🛑 {service} {release} does not go to {env}"),
            DeployState::Interrupted { .. } => {
                format!("⚠️ {service} in {env}: the rollout of {release} was interrupted")
            }
        }
    }

    /// One line of plain text for the check run.
    fn title(&self) -> String {
        let short = self.release.commit.short();
        match &self.state {
            // A title is no Markdown: what keeps it from being some is left out.
            DeployState::Queued(why) => title(&why.replace("&#8203;", "").replace('\\', "")),
            DeployState::WaitingForImage { .. } => format!("Waiting for the image of {short}"),
            DeployState::RollingOut { ready, wanted, .. } => {
                format!("Rolling out {short}: {ready} of {wanted} ready")
            }
            DeployState::Live { took, .. } if self.back => {
                format!("Back on {short} in {}", duration(*took))
            }
            DeployState::Live { took, .. } => {
                format!("{short} is live after {}", duration(*took))
            }
            DeployState::Failed(failure) => title(&failure.summary),
            DeployState::RolledBack { to, .. } => {
                format!("{short} failed; back on {}", to.commit.short())
            }
            DeployState::Unconfirmed { by, .. } => format!("Waits for {by} to confirm"),
            DeployState::Refused(gates) => {
                format!(
                    "Not deployed: {}",
                    counted(gates.len(), "closed gate", "closed gates")
                )
            }
            DeployState::NotDeployed(why) => title(why),
            DeployState::Interrupted { .. } => "Interrupted: somebody has to look".to_owned(),
        }
    }

    fn progress(&self) -> (CheckStatus, Option<Conclusion>) {
        let ended = |conclusion| (CheckStatus::Completed, Some(conclusion));
        match &self.state {
            DeployState::Unconfirmed { .. }
            | DeployState::Queued(_)
            | DeployState::WaitingForImage { .. } => (CheckStatus::Queued, None),
            DeployState::RollingOut { .. } => (CheckStatus::InProgress, None),
            DeployState::Live { .. } => ended(Conclusion::Success),
            DeployState::Failed(_) | DeployState::RolledBack { .. } => ended(Conclusion::Failure),
            DeployState::NotDeployed(_) => ended(Conclusion::Cancelled),
            DeployState::Refused(_) => ended(Conclusion::Failure),
            DeployState::Interrupted { .. } => ended(Conclusion::ActionRequired),
        }
    }

    /// What else there is to say about the state, in Markdown lines.
    fn told(&self) -> String {
        match &self.state {
            DeployState::Unconfirmed { code: word, by } => format!(
                "To go on, {} comments {} within 10 minutes or presses **Confirm** on the check run. \
                 {} drops it.",
                text(by.as_str()),
                code(&format!("/confirm {word}")),
                code("/cancel")
            ),
            DeployState::Refused(gates) => gate_table(gates),
            DeployState::Queued(why) => why.clone(),
            DeployState::NotDeployed(why) => prose(why),
            DeployState::WaitingForImage { image, until } => format!(
                "CI has not published {} yet. It goes on by itself once it has, and gives up at {}.",
                code(image),
                time(*until)
            ),
            DeployState::RollingOut {
                ready,
                wanted,
                elapsed,
            } => {
                format!("{ready} of {wanted} ready · {}", duration(*elapsed))
            }
            DeployState::Failed(failure) => failure.told(),
            DeployState::RolledBack { failure, hold, .. } => {
                let mut told = failure.told();
                if *hold {
                    let _ = write!(told, "\n\n{}", self.held());
                }
                told
            }
            DeployState::Interrupted { found, next } => {
                let found = prose(found);
                if next.is_empty() {
                    found
                } else {
                    format!(
                        "{found}\n\nNothing is done by itself from here. Next: {}",
                        commands(next)
                    )
                }
            }
            DeployState::Live { .. } if self.back => self.held(),
            DeployState::Live { .. } => String::new(),
        }
    }

    fn held(&self) -> String {
        let resume = code(&format!("/resume {}", self.env));
        format!(
            "⏸️ Automatic deploys to {} are on hold until {resume}.",
            self.env
        )
    }

    /// The evidence, on one line.
    fn facts(&self) -> String {
        let mut facts = Vec::new();
        if let Some(was) = &self.was {
            facts.push(format!("was {}", was.markdown()));
        }
        if let DeployState::Live { ready, wanted, .. } = &self.state {
            facts.push(format!("{ready} of {wanted} ready"));
        } else if let Some(digest) = &self.release.digest {
            facts.push(code(&format!("{}…", digest.short())));
        }
        match self.provenance {
            Some(Provenance::Label) => facts.push("image proven from this commit".to_owned()),
            Some(Provenance::Attestation) => {
                facts.push("image proven from this commit by attestation".to_owned());
            }
            Some(Provenance::Off) => {
                facts.push("image not proven (`provenance = \"off\"`)".to_owned());
            }
            None => {}
        }
        if let Some(identity) = &self.identity {
            facts.push(format!("as {}", identity.markdown()));
        }
        facts.extend(self.url.as_ref().map(|url| {
            let (_, name) = url.split_once("://").unwrap_or(("", url));
            link(name, url)
        }));
        facts.extend(self.page.as_ref().map(Link::markdown));
        if let Some(undo) = &self.undo {
            facts.push(format!("undo: {}", code(undo)));
        }
        facts.join(" · ")
    }

    fn failure(&self) -> Option<&RolloutFailure> {
        match &self.state {
            DeployState::Failed(failure) | DeployState::RolledBack { failure, .. } => Some(failure),
            DeployState::Unconfirmed { .. }
            | DeployState::Queued(_)
            | DeployState::WaitingForImage { .. }
            | DeployState::RollingOut { .. }
            | DeployState::Live { .. }
            | DeployState::Refused(_)
            | DeployState::NotDeployed(_)
            | DeployState::Interrupted { .. } => None,
        }
    }
}
