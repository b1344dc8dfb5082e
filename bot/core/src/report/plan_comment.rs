//! The one plan comment of a pull request, edited in place.

use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link};
use super::fit::{Section, fit, fits};
use super::flag_notes;
use super::markdown::{code, commands, counted, link, marker, table, text};
use super::plan_remarks::remarks;
use super::plan_sum::{Summed, sum_table};
use super::terraform_text::{counts_markdown, diagnostics_text};
use crate::ids::{CommitSha, EnvName, Login, StackName};
use crate::plan::diagnostics::Diagnostic;
use crate::plan::diff::{DiffLimits, TypeCount, by_module_and_type, drift_text, plan_text};
use crate::plan::{Counts, Hazard, Plan, TypePattern, mark_stateful};
use crate::plan_flags::{PlanFlags, PlanMode};
use crate::policy::{Override, Ruling};

/// All that the comment shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanComment {
    /// The key of the hidden marker, see [`super::markdown::marker`].
    pub key: String,
    /// The pull request's head that was planned.
    pub head: CommitSha,
    /// The base branch.
    pub base_ref: String,
    /// The base branch's tip that head was merged into for the plan.
    pub base: CommitSha,
    /// One row for each environment × stack, in the order to show.
    pub rows: Vec<PlanRow>,
    /// As whom each environment was planned.
    pub identities: Vec<EnvIdentity>,
    /// The page with the whole of it.
    pub page: Option<Link>,
    /// Commands that make sense next, without backticks: `/apply dev`.
    pub next: Vec<String>,
    /// Environments where something is closed: `/explain ENV` is offered.
    pub blocked: Vec<EnvName>,
    /// Remarks as plain text ("more than 3,000 files changed: all stacks are planned").
    pub notes: Vec<String>,
}

/// As whom an environment was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvIdentity {
    /// The environment.
    pub env: EnvName,
    /// The role and account.
    pub identity: Identity,
}

/// One environment × stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// How far it is.
    pub state: RowState,
    /// The run's page.
    pub page: Option<Link>,
    /// The flags that it was made with.
    #[serde(default, skip_serializing_if = "PlanFlags::is_none")]
    pub flags: PlanFlags,
}

/// How far a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// Waits; the reason as Markdown (`behind database`).
    Pending(Option<String>),
    /// Is being planned.
    Running,
    /// There is a plan.
    Planned(PlanSummary),
    /// There is none, and why.
    Failed(Failure),
    /// Not planned, and why, as plain text.
    Skipped(String),
    /// Stopped by a person.
    Cancelled {
        /// Who, if known.
        by: Option<Login>,
    },
    /// A newer commit took its place.
    Superseded,
    /// Head or base moved: the plan no longer counts.
    Stale(PlanSummary),
    /// The plan was applied.
    Applied {
        /// What was applied.
        counts: Counts,
        /// By whom; `None` for an automatic apply.
        by: Option<Login>,
    },
}

/// A plan as far as the comment shows it. Make it with [`PlanSummary::new`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// How much changes.
    pub counts: Counts,
    /// What is destroyed or replaced.
    pub hazards: Vec<Hazard>,
    /// The readable diff, see [`crate::plan::diff::plan_text`].
    pub diff: String,
    /// What the policies say.
    pub policy: PolicyState,
    /// How many resources changed outside of Terraform.
    pub drifted: usize,
    /// What changed of them, see [`crate::plan::diff::drift_text`].
    #[serde(default)]
    pub drift: String,
    /// How many changes are left to a later plan; `None` when the plan is complete.
    #[serde(default)]
    pub incomplete: Option<usize>,
    /// The changes by module and type.
    #[serde(default)]
    pub by_type: Vec<TypeCount>,
    /// Conditions of the configuration that don't hold, as plain text.
    pub failed_checks: Vec<String>,
    /// Why it is made again after an apply of another stack, as Markdown; `None` if it is not.
    #[serde(default)]
    pub provisional: Option<String>,
}

/// What the policies say about a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// How many rules were asked; zero shows as "–".
    pub rules: usize,
    /// What is denied.
    pub denials: Vec<String>,
    /// What is warned of.
    pub warnings: Vec<String>,
    /// How many more are denied.
    #[serde(default)]
    pub more_denials: usize,
    /// How many more are warned of.
    #[serde(default)]
    pub more_warnings: usize,
    /// Why the policies could not be asked.
    #[serde(default)]
    pub unusable: Vec<String>,
    /// Who has overridden what is denied, and why.
    #[serde(default)]
    pub overridden: Option<(Login, String)>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step that failed: `terraform init`.
    pub step: String,
    /// What Terraform says.
    pub diagnostics: Vec<Diagnostic>,
    /// More, as plain text, when there is no diagnostic ("timed out after 20 min").
    pub message: Option<String>,
}

impl PlanSummary {
    /// What the comment needs of a plan.
    #[must_use]
    pub fn new(plan: &Plan, limits: &DiffLimits, policy: PolicyState) -> Self {
        Self {
            counts: plan.counts(),
            hazards: plan.hazards(),
            diff: plan_text(plan, limits),
            policy,
            drifted: plan.drifted().count(),
            drift: drift_text(plan, limits),
            incomplete: (!plan.complete && !plan.errored).then_some(plan.deferred.len()),
            by_type: by_module_and_type(plan.changes()),
            failed_checks: plan
                .failed_checks
                .iter()
                .map(|check| format!("{}: {}", check.address, check.problems.join("; ")))
                .collect(),
            provisional: None,
        }
    }

    /// Holds these types to be stateful, too.
    #[must_use]
    pub fn with_stateful(mut self, types: &[TypePattern]) -> Self {
        mark_stateful(&mut self.hazards, types);
        self
    }
}

impl PlanComment {
    /// The comment's body, with its marker, in at most [`super::COMMENT_LIMIT`] bytes.
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
        sections.push(Section::lines(0, flag_notes::plan_alerts(&rows)));
        sections.push(Section::lines(0, overview(&rows)));
        sections.push(Section::lines(1, remarks(&rows)));
        sections.push(Section::lines(2, self.notes_markdown()));
        sections.extend(rows.iter().filter_map(|row| row.diagnostics_section()));
        for row in &rows {
            sections.extend(row.sum_section(summed));
            sections.extend(row.diff_section());
            sections.extend(row.drift_section());
        }
        sections.push(Section::lines(0, self.footer()));
        sections
    }

    /// What was planned onto what.
    #[must_use]
    pub(super) fn heading(&self) -> String {
        let base = format!("{}@{}", self.base_ref, self.base.short());
        format!(
            "### Plan · {} onto {}",
            code(self.head.short()),
            code(&base)
        )
    }

    fn notes_markdown(&self) -> String {
        self.notes
            .iter()
            .map(|note| format!("- ℹ️ {}\n", text(note)))
            .collect()
    }

    /// As whom, how long it counts, and what comes next.
    pub(super) fn footer(&self) -> String {
        let mut parts: Vec<String> = self
            .identities
            .iter()
            .map(|i| format!("{} as {}", i.env, i.identity.markdown()))
            .collect();
        let under_way =
            |row: &PlanRow| matches!(row.state, RowState::Pending(_) | RowState::Running);
        let is_planned = |row: &PlanRow| matches!(row.state, RowState::Planned(_));
        if self.rows.iter().any(under_way) {
            // It is not written for each of them.
            parts.push("told here once all is planned".to_owned());
        } else if self.rows.iter().any(is_planned) {
            parts.push("valid until head or base moves".to_owned());
        }
        if !self.next.is_empty() {
            parts.push(format!("next: {}", commands(&self.next)));
        }
        if !self.blocked.is_empty() {
            let explain: Vec<String> = self
                .blocked
                .iter()
                .map(|env| format!("/explain {env}"))
                .collect();
            parts.push(format!("blocked? {}", commands(&explain)));
        }
        parts.extend(self.page.as_ref().map(Link::markdown));
        parts.join(" · ")
    }
}

/// One table row for each environment × stack.
pub(super) fn overview(rows: &[&PlanRow]) -> String {
    if rows.is_empty() {
        return "No stack is touched: nothing to plan.".to_owned();
    }
    let policies = rows
        .iter()
        .any(|row| row.state.policy().is_some_and(PolicyState::is_told));
    let mut head = vec!["", "stack", "changes"];
    if policies {
        head.push("policy");
    }
    let cells = rows.iter().map(|row| {
        let stack = match &row.page {
            Some(page) => link(row.stack.as_str(), &page.url),
            None => row.stack.to_string(),
        };
        let mut cells = vec![row.env.to_string(), stack, row.cell()];
        if policies {
            cells.push(
                row.state
                    .policy()
                    .map_or_else(|| "–".to_owned(), PolicyState::cell),
            );
        }
        cells
    });
    table(&head, &cells.collect::<Vec<_>>())
}

impl PlanRow {
    /// Whether it was made, or applied, and leaves something out.
    pub(super) fn is_in_part(&self) -> bool {
        let is_made = matches!(
            self.state,
            RowState::Planned(_) | RowState::Stale(_) | RowState::Applied { .. }
        );
        is_made && !self.flags.cover_all()
    }

    fn cell(&self) -> String {
        let state = self.state.cell();
        match (flag_notes::word(&self.flags), &self.state) {
            (Some(word), RowState::Planned(plan))
                if self.flags.mode() == PlanMode::RefreshOnly && plan.counts.is_zero() =>
            {
                let drifted = counted(plan.drifted, "resource differs", "resources differ");
                format!("{drifted}, {word}")
            }
            (Some(word), RowState::Planned(_) | RowState::Stale(_) | RowState::Applied { .. }) => {
                format!("{state}, {word}")
            }
            (Some(word), RowState::Pending(_) | RowState::Running | RowState::Failed(_)) => {
                format!("{state} ({word})")
            }
            _ => state,
        }
    }

    pub(super) fn diff_section(&self) -> Option<Section> {
        let RowState::Planned(plan) = &self.state else {
            return None;
        };
        let summary = format!("{} · {}: full plan ({})", self.env, self.stack, plan.counts);
        Some(Section::folded(5, summary, "diff", plan.diff.clone()))
    }

    /// The changes by module and type, where the plan is too long to be read at a glance.
    pub(super) fn sum_section(&self, summed: Summed) -> Option<Section> {
        let RowState::Planned(plan) = &self.state else {
            return None;
        };
        let table = sum_table(&plan.by_type, summed)?;
        let summary = format!("{} · {}: by module and type", self.env, self.stack);
        Some(Section::folded_lines(3, summary, table))
    }

    pub(super) fn drift_section(&self) -> Option<Section> {
        let RowState::Planned(plan) = &self.state else {
            return None;
        };
        let resources = counted(plan.drifted, "resource", "resources");
        let summary = format!(
            "{} · {}: changed outside of Terraform ({resources})",
            self.env, self.stack
        );
        Some(Section::folded(6, summary, "diff", plan.drift.clone()))
    }

    pub(super) fn diagnostics_section(&self) -> Option<Section> {
        let RowState::Failed(failure) = &self.state else {
            return None;
        };
        let summary = format!("{} · {}: what Terraform says", self.env, self.stack);
        Some(Section::folded(
            4,
            summary,
            "",
            diagnostics_text(&failure.diagnostics),
        ))
    }
}

impl RowState {
    fn policy(&self) -> Option<&PolicyState> {
        match self {
            Self::Planned(plan) => Some(&plan.policy),
            Self::Pending(_)
            | Self::Running
            | Self::Failed(_)
            | Self::Skipped(_)
            | Self::Cancelled { .. }
            | Self::Superseded
            | Self::Stale(_)
            | Self::Applied { .. } => None,
        }
    }

    fn cell(&self) -> String {
        match self {
            Self::Pending(None) => "⏳ queued".to_owned(),
            Self::Pending(Some(why)) => format!("⏳ queued: {why}"),
            Self::Running => "🔄 planning".to_owned(),
            Self::Planned(plan) if plan.provisional.is_some() => {
                format!("{}, provisional", counts_markdown(&plan.counts))
            }
            Self::Planned(plan) => counts_markdown(&plan.counts),
            Self::Failed(failure) => format!("❌ failed at {}", code(&failure.step)),
            Self::Skipped(why) => format!("skipped: {}", text(why)),
            Self::Cancelled { by: None } => "cancelled".to_owned(),
            Self::Cancelled { by: Some(by) } => format!("cancelled by {}", code(by.as_str())),
            Self::Superseded => "superseded by a newer commit".to_owned(),
            Self::Stale(plan) => format!("out of date (was {})", counts_markdown(&plan.counts)),
            Self::Applied { counts, by: None } => format!("✅ applied {}", counts_markdown(counts)),
            Self::Applied {
                counts,
                by: Some(by),
            } => {
                format!(
                    "✅ applied {} by {}",
                    counts_markdown(counts),
                    code(by.as_str())
                )
            }
        }
    }
}

impl PolicyState {
    /// What is shown of a ruling, and of the word that overrides it.
    #[must_use]
    pub fn of(ruling: &Ruling, word: Option<&Override>) -> Self {
        Self {
            rules: ruling.rules,
            denials: ruling.denials.clone(),
            warnings: ruling.warnings.clone(),
            more_denials: ruling.more_denials,
            more_warnings: ruling.more_warnings,
            unusable: ruling.unusable.clone(),
            overridden: word
                .filter(|_| ruling.denies())
                .map(|word| (word.by.clone(), word.reason.clone())),
        }
    }

    /// Whether the plan may not be applied as things are.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.unusable.is_empty() || (self.denied() > 0 && self.overridden.is_none())
    }

    /// How many are denied in all.
    #[must_use]
    pub fn denied(&self) -> usize {
        self.denials.len() + self.more_denials
    }

    fn is_told(&self) -> bool {
        *self != Self::default()
    }

    fn cell(&self) -> String {
        if !self.is_told() {
            return "–".to_owned();
        }
        if !self.unusable.is_empty() {
            return "**can't be asked**".to_owned();
        }
        let mut denied = counted(self.denied(), "denial", "denials");
        if self.overridden.is_some() {
            denied.push_str(" overridden");
        }
        let warned = counted(
            self.warnings.len() + self.more_warnings,
            "warning",
            "warnings",
        );
        match (self.denials.is_empty(), self.warnings.is_empty()) {
            (true, true) => "ok".to_owned(),
            (true, false) => warned,
            (false, true) => format!("**{denied}**"),
            (false, false) => format!("**{denied}**, {warned}"),
        }
    }
}
