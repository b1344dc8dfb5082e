//! The issue that tells what differs in an environment from the default branch, edited in place.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link, ReleaseRef};
use super::fit::{Section, fit, fits};
use super::markdown::{code, link, marker, prose, table, text, time};
use super::plan_comment::{PlanRow, RowState, overview};
use super::plan_remarks::remarks;
use super::plan_sum::Summed;
use crate::ids::{CommitSha, EnvName, PrNumber, ServiceName, StackName};

/// All that an open issue shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftIssue {
    /// The key of the hidden marker.
    pub key: String,
    /// The environment.
    pub env: EnvName,
    /// The default branch.
    pub branch: String,
    /// Its tip when it was looked.
    pub commit: Option<CommitSha>,
    /// When it was looked last.
    pub looked_at: Timestamp,
    /// The stacks that differ, and those that could not be looked at.
    pub rows: Vec<PlanRow>,
    /// The services that differ, and those that could not be looked at.
    pub services: Vec<ServiceRow>,
    /// The stacks that are expected to differ.
    pub expected: Vec<Expected>,
    /// How many stacks and services are as they should be.
    pub same: usize,
    /// As whom it was looked.
    pub identities: Vec<Identity>,
    /// When it is looked next.
    pub next_look: Option<Timestamp>,
    /// The page of the last look.
    pub page: Option<Link>,
}

/// A service that does not run what was last released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRow {
    /// The service.
    pub service: ServiceName,
    /// Its last release.
    pub release: ReleaseRef,
    /// What was seen.
    pub state: ServiceState,
    /// The look's page.
    pub page: Option<Link>,
}

/// What was seen of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Its workloads run other images: each with one.
    Differs(Vec<(String, String)>),
    /// None of its workloads is there.
    Gone,
    /// It could not be looked at, and why.
    Unseen(String),
}

/// A stack that differs because a pull request was applied and is not merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The stack.
    pub stack: StackName,
    /// The pull request.
    pub pr: PrNumber,
}

/// Why an issue has nothing to tell any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Nothing differs.
    Same {
        /// The key of the hidden marker.
        key: String,
        /// The environment.
        env: EnvName,
        /// The default branch.
        branch: String,
        /// When it was looked last.
        looked_at: Timestamp,
        /// The stacks that were put back by `/apply`.
        mended: Vec<StackName>,
    },
    /// deploy.toml no longer asks for it.
    NoLongerLooked {
        /// The environment.
        env: EnvName,
    },
}

impl DriftIssue {
    /// The title: where, and which stacks.
    #[must_use]
    pub fn title(&self) -> String {
        const NAMED: usize = 3;
        let stacks = self.rows.iter().map(|row| row.stack.as_str());
        let services = self.services.iter().map(|row| row.service.as_str());
        let names: Vec<&str> = stacks.chain(services).collect();
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = names.get(..NAMED).unwrap_or(&names).join(", ");
        format!("Drift in {}: {named}{more}", self.env)
    }

    /// The text, with its marker, in at most [`super::COMMENT_LIMIT`] bytes.
    #[must_use]
    pub fn markdown(&self) -> String {
        let marker = marker(&self.key);
        let limit = super::COMMENT_LIMIT - marker.len();
        let mut sections = self.sections(Summed::Long);
        if !fits(&sections, limit) {
            sections = self.sections(Summed::All);
        }
        let body = fit(&sections, limit, self.page.as_ref());
        format!("{marker}{body}")
    }

    fn sections(&self, summed: Summed) -> Vec<Section> {
        let rows: Vec<&PlanRow> = self.rows.iter().collect();
        let mut sections = vec![Section::lines(0, self.heading())];
        if !rows.is_empty() {
            sections.push(Section::lines(0, overview(&rows)));
        }
        sections.push(Section::lines(0, self.services_table()));
        sections.push(Section::lines(1, remarks(&rows)));
        sections.push(Section::lines(1, self.beside()));
        sections.extend(rows.iter().filter_map(|row| row.diagnostics_section()));
        for row in &rows {
            sections.extend(row.sum_section(summed));
            sections.extend(row.diff_section());
            sections.extend(row.drift_section());
        }
        sections.push(Section::lines(0, self.next_steps()));
        sections.push(Section::lines(0, self.footer()));
        sections
    }

    fn heading(&self) -> String {
        let what = if self.rows.iter().any(PlanRow::differs) {
            format!("{} is not as {} has it", self.env, code(&self.branch))
        } else if self.services.iter().any(ServiceRow::differs) {
            format!("{} does not run what was released", self.env)
        } else {
            format!("{} could not be looked at as a whole", self.env)
        };
        format!("### ⚠️ {what}")
    }

    fn services_table(&self) -> String {
        if self.services.is_empty() {
            return String::new();
        }
        let rows: Vec<Vec<String>> = self
            .services
            .iter()
            .map(|row| {
                let name = row.service.as_str();
                let name = row
                    .page
                    .as_ref()
                    .map_or_else(|| text(name), |page| link(name, &page.url));
                vec![name, row.release.with_digest(), row.state.cell()]
            })
            .collect();
        table(&["service", "last release", "runs"], &rows)
    }

    /// What is not alarming.
    fn beside(&self) -> String {
        let mut lines: String = self
            .expected
            .iter()
            .map(|held| {
                format!(
                    "- ℹ️ {} is expected to differ: held by #{}, applied and not merged\n",
                    held.stack, held.pr
                )
            })
            .collect();
        if self.same > 0 {
            let others = if self.same == 1 {
                "1 other stack or service is as it".to_owned()
            } else {
                format!("{} other stacks and services are as they", self.same)
            };
            lines.push_str(&format!("- ✅ {others} should be\n"));
        }
        lines
    }

    fn next_steps(&self) -> String {
        let branch = code(&self.branch);
        let mut steps = Vec::new();
        if self.rows.iter().any(PlanRow::differs) {
            steps.push(format!(
                "- Put it back as {branch} has it: comment {} here, or {} for one stack. Exactly the \
                 plan shown is applied.",
                code("/apply"),
                code(&format!("/apply {} STACK", self.env))
            ));
            let keep = "- Keep what is there: change the code in a pull request until its plan has no \
                        changes, and merge it.";
            steps.push(keep.to_owned());
        }
        for row in self.services.iter().filter(|row| row.differs()) {
            let again = format!(
                "/deploy {} {} --sha {}",
                self.env,
                row.service,
                row.release.commit.short()
            );
            steps.push(format!(
                "- Roll the last release of {} out again: comment {} on a pull request.",
                row.service,
                code(&again)
            ));
        }
        let unseen = self.rows.iter().any(|row| !row.differs())
            || self.services.iter().any(|row| !row.differs());
        if unseen {
            steps.push("- Mend what kept it from being looked at.".to_owned());
        }
        let when = self.next_look.map_or_else(String::new, |at| {
            format!("; the next look is at {}", time(at))
        });
        steps.push(format!("- Look again: comment {}{when}.", code("/plan")));
        format!("**What to do next**\n\n{}\n", steps.join("\n"))
    }

    fn footer(&self) -> String {
        let mut parts = vec![match &self.commit {
            Some(commit) => format!(
                "looked at {}: {} of {}",
                time(self.looked_at),
                code(commit.short()),
                code(&self.branch)
            ),
            None => format!("looked at {}", time(self.looked_at)),
        }];
        for identity in &self.identities {
            parts.push(format!("as {}", identity.markdown()));
        }
        parts.extend(self.page.as_ref().map(Link::markdown));
        parts.join(" · ")
    }
}

impl PlanRow {
    fn differs(&self) -> bool {
        matches!(self.state, RowState::Planned(_))
    }
}

impl ServiceRow {
    fn differs(&self) -> bool {
        !matches!(self.state, ServiceState::Unseen(_))
    }
}

impl ServiceState {
    fn cell(&self) -> String {
        match self {
            Self::Differs(images) => {
                let list: Vec<String> = images
                    .iter()
                    .map(|(workload, image)| format!("{}: {}", text(workload), code(image)))
                    .collect();
                list.join(", ")
            }
            Self::Gone => "nothing of it".to_owned(),
            Self::Unseen(why) => format!("❌ {}", prose(why)),
        }
    }
}

impl Over {
    /// The title of an issue that has nothing to tell any more.
    #[must_use]
    pub fn title(&self) -> String {
        let (Self::Same { env, .. } | Self::NoLongerLooked { env, .. }) = self;
        format!("Drift in {env}: none")
    }

    /// The word with which it is closed, with its marker.
    #[must_use]
    pub fn markdown(&self) -> String {
        match self {
            Self::Same {
                key,
                env,
                branch,
                looked_at,
                mended,
            } => {
                let how = match mended.as_slice() {
                    [] => format!("Looked at {}: nothing differs.", time(*looked_at)),
                    stacks => {
                        let names: Vec<String> =
                            stacks.iter().map(|stack| code(stack.as_str())).collect();
                        format!(
                            "{} put back by `/apply`: nothing that was seen at {} differs any more.",
                            if let [one] = names.as_slice() {
                                format!("{one} was")
                            } else {
                                format!("{} were", names.join(", "))
                            },
                            time(*looked_at)
                        )
                    }
                };
                format!(
                    "{}### ✅ {env} is as {} has it\n\n{how} This issue is opened again when that \
                     changes.",
                    marker(key),
                    code(branch)
                )
            }
            Self::NoLongerLooked { env } => format!(
                "{}### {env} is no longer looked at for drift\n\n`deploy.toml` has no \
                 `environments.{env}.drift` any more.",
                marker(&crate::intent::ReportKey::DriftIssue(env.clone()).to_string())
            ),
        }
    }
}
