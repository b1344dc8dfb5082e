//! What came of an apply, stack by stack.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::{Annotation, Buttons, CheckOutput, CheckStatus, Conclusion};
use super::evidence::{Identity, Link};
use super::fit::{Section, fit};
use super::flag_notes;
use super::markdown::{code, commands, counted, duration, marker, prose, table, text};
use super::plan_check::{StackDir, annotation};
use super::refusal::{GateRow, gate_table};
use super::terraform_text::{counts_markdown, diagnostic_line, diagnostics_text};
use crate::ids::{CommitSha, EnvName, Login, StackName};
use crate::plan::Counts;
use crate::plan::diagnostics::{Diagnostic, OutputValue, Severity};
use crate::plan_flags::{PlanFlags, PlanMode};

/// An apply of one or more stacks in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplyComment {
    /// The key of the hidden marker.
    pub key: String,
    /// The environment.
    pub env: EnvName,
    /// The commit whose plans were applied.
    pub commit: CommitSha,
    /// Who asked; `None` for an automatic apply.
    pub by: Option<Login>,
    /// One for each stack, in the order of the apply.
    pub stacks: Vec<StackApply>,
    /// As whom.
    pub identity: Option<Identity>,
    /// The run's page.
    pub page: Option<Link>,
    /// The stacks that stay locked for the pull request until it is merged or closed.
    pub locked: Vec<StackName>,
    /// Stacks that read outputs of these and are planned again.
    #[serde(default)]
    pub planned_again: Vec<StackName>,
    /// Commands that make sense next.
    pub next: Vec<String>,
}

/// What came of one stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StackApply {
    /// The stack.
    pub stack: StackName,
    /// What came of it.
    pub state: ApplyState,
    /// The flags that its plan was made with.
    #[serde(default, skip_serializing_if = "PlanFlags::is_none")]
    pub flags: PlanFlags,
}

/// How far an apply is, or how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyState {
    /// Not begun; why, as Markdown.
    Pending(String),
    /// Under way.
    Running {
        /// Resources done.
        done: usize,
        /// Resources to do.
        total: usize,
        /// Since its start.
        elapsed: Duration,
    },
    /// All of it happened.
    Applied {
        /// What Terraform says it did.
        counts: Counts,
        /// How long it took.
        took: Duration,
        /// The stack's outputs.
        outputs: Vec<OutputValue>,
    },
    /// The plan held nothing to do.
    NothingToDo,
    /// It ended half way.
    Failed {
        /// What happened before it failed: addresses.
        done: Vec<String>,
        /// What failed: addresses.
        failed: Vec<String>,
        /// What did not begin: addresses.
        not_begun: Vec<String>,
        /// What Terraform says.
        diagnostics: Vec<Diagnostic>,
        /// More, as prose.
        message: Option<String>,
        /// How long it took.
        took: Duration,
    },
    /// Not begun, because of another stack.
    Skipped {
        /// Which failed or was skipped.
        because_of: StackName,
    },
    /// Gates were closed right before the effect.
    Refused {
        /// Which, and what opens them.
        gates: Vec<GateRow>,
    },
    /// Stopped; why, as prose.
    NotApplied(String),
    /// The bot died in it: nobody knows yet.
    Interrupted {
        /// What was found, as prose (a state lock with its id).
        found: String,
    },
}

impl ApplyComment {
    /// The comment's body, with its marker, in at most [`super::COMMENT_LIMIT`] bytes.
    #[must_use]
    pub fn markdown(&self) -> String {
        let marker = marker(&self.key);
        let limit = super::COMMENT_LIMIT - marker.len();
        let mut sections = vec![
            Section::lines(0, format!("### {}", self.heading())),
            Section::lines(0, self.alerts()),
            Section::lines(0, self.overview()),
            Section::lines(1, self.remarks()),
        ];
        sections.extend(
            self.stacks
                .iter()
                .filter_map(StackApply::diagnostics_section),
        );
        sections.extend(self.stacks.iter().filter_map(StackApply::resources_section));
        sections.extend(self.stacks.iter().filter_map(StackApply::outputs_section));
        sections.push(Section::lines(0, self.footer()));
        format!("{marker}{}", fit(&sections, limit, self.page.as_ref()))
    }

    /// The same as a check run. Buttons are the caller's.
    #[must_use]
    pub fn check(&self, name: &str, dirs: &[StackDir]) -> CheckOutput {
        let (status, conclusion) = self.progress();
        let summary = [
            Section::lines(0, self.alerts()),
            Section::lines(0, self.overview()),
            Section::lines(1, self.remarks()),
            Section::lines(0, self.footer()),
        ];
        let whole: Vec<Section> = self
            .stacks
            .iter()
            .flat_map(|s| [s.diagnostics_section(), s.resources_section()])
            .flatten()
            .collect();
        CheckOutput {
            name: name.to_owned(),
            status,
            conclusion,
            title: self.title(),
            summary: fit(&summary, super::CHECK_LIMIT, self.page.as_ref()),
            text: fit(&whole, super::CHECK_LIMIT, self.page.as_ref()),
            annotations: self.annotations(dirs),
            buttons: Buttons::default(),
        }
    }

    fn any(&self, test: fn(&ApplyState) -> bool) -> bool {
        self.stacks.iter().any(|stack| test(&stack.state))
    }

    fn is_under_way(&self) -> bool {
        self.any(|s| matches!(s, ApplyState::Pending(_) | ApplyState::Running { .. }))
    }

    /// Nothing has begun.
    fn is_waiting(&self) -> bool {
        self.stacks
            .iter()
            .all(|s| matches!(s.state, ApplyState::Pending(_)))
    }

    fn progress(&self) -> (CheckStatus, Option<Conclusion>) {
        if self.is_under_way() {
            let status = if self.is_waiting() {
                CheckStatus::Queued
            } else {
                CheckStatus::InProgress
            };
            return (status, None);
        }
        let conclusion = if self.any(|s| matches!(s, ApplyState::Failed { .. })) {
            Conclusion::Failure
        } else if self.any(|s| matches!(s, ApplyState::Interrupted { .. })) {
            Conclusion::ActionRequired
        } else if self.any(|s| {
            matches!(
                s,
                ApplyState::Refused { .. } | ApplyState::NotApplied(_) | ApplyState::Skipped { .. }
            )
        }) {
            Conclusion::Cancelled
        } else {
            Conclusion::Success
        };
        (CheckStatus::Completed, Some(conclusion))
    }

    /// What came of it, in plain words: also the check run's title.
    fn title(&self) -> String {
        let stacks = self.stacks.len();
        let count =
            |test: fn(&ApplyState) -> bool| self.stacks.iter().filter(|s| test(&s.state)).count();
        let failed = count(|s| matches!(s, ApplyState::Failed { .. }));
        let applied = count(|s| matches!(s, ApplyState::Applied { .. }));
        let sum = self
            .stacks
            .iter()
            .fold(Counts::default(), |sum, stack| match &stack.state {
                ApplyState::Applied { counts, .. } => sum + *counts,
                ApplyState::Pending(_)
                | ApplyState::Running { .. }
                | ApplyState::NothingToDo
                | ApplyState::Failed { .. }
                | ApplyState::Skipped { .. }
                | ApplyState::Refused { .. }
                | ApplyState::NotApplied(_)
                | ApplyState::Interrupted { .. } => sum,
            });
        if self.is_under_way() {
            format!(
                "Applying: {applied} of {} done",
                counted(stacks, "stack", "stacks")
            )
        } else if failed > 0 {
            format!("{failed} of {} failed", counted(stacks, "stack", "stacks"))
        } else if self.any(|s| matches!(s, ApplyState::Interrupted { .. })) {
            "Interrupted: somebody has to look".to_owned()
        } else if applied > 0 {
            format!("Applied {sum}")
        } else if self
            .stacks
            .iter()
            .all(|s| matches!(s.state, ApplyState::NothingToDo))
        {
            "Nothing to do".to_owned()
        } else {
            "Not applied".to_owned()
        }
    }

    fn heading(&self) -> String {
        let (env, commit) = (&self.env, code(self.commit.short()));
        let by = self.by.as_ref().map_or_else(String::new, |by| {
            format!(" · asked for by {}", code(by.as_str()))
        });
        if self.is_waiting() {
            format!("⏳ Apply of {commit} in {env} waits{by}")
        } else if self.is_under_way() {
            format!("🔄 Applying {commit} in {env}{by}")
        } else if self.any(|s| matches!(s, ApplyState::Failed { .. })) {
            format!("❌ Apply of {commit} in {env} failed{by}")
        } else if self.any(|s| matches!(s, ApplyState::Interrupted { .. })) {
            format!("⚠️ Apply of {commit} in {env} was interrupted{by}")
        } else if self.any(|s| matches!(s, ApplyState::Applied { .. })) {
            format!("✅ Applied {commit} in {env}{by}")
        } else if self.any(|s| {
            matches!(
                s,
                ApplyState::Refused { .. } | ApplyState::NotApplied(_) | ApplyState::Skipped { .. }
            )
        }) {
            format!("⛔ Not applied in {env}: {commit}{by}")
        } else {
            format!("Nothing to do in {env} for {commit}{by}")
        }
    }

    fn alerts(&self) -> String {
        let told = |s: &StackApply| flag_notes::apply_alert(&self.env, &s.stack, &s.flags);
        let all: Vec<String> = self.stacks.iter().filter_map(told).collect();
        all.join("\n")
    }

    fn overview(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .stacks
            .iter()
            .map(|s| vec![s.stack.to_string(), s.cell()])
            .collect();
        if rows.is_empty() {
            String::new()
        } else {
            table(&["stack", "outcome"], &rows)
        }
    }

    /// What failed and what is therefore only half done, outside of any fold.
    fn remarks(&self) -> String {
        const NAMED: usize = 5;
        let mut lines = String::new();
        let mut said: Vec<&Vec<GateRow>> = Vec::new();
        for stack in &self.planned_again {
            let apply = code(&format!("/apply {} {stack}", self.env));
            let _ = writeln!(
                lines,
                "- ℹ️ {stack} reads outputs that change here, and is planned again after it: look at \
                 its new plan, then {apply}"
            );
        }
        for stack in &self.stacks {
            let name = &stack.stack;
            if let ApplyState::Failed {
                done,
                failed,
                not_begun,
                diagnostics,
                message,
                ..
            } = &stack.state
            {
                if let Some(message) = message {
                    let _ = writeln!(lines, "- ❌ {name}: {}", prose(message));
                }
                let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
                for error in errors.take(NAMED) {
                    let _ = writeln!(lines, "- ❌ {name}: {}", diagnostic_line(error));
                }
                let (done, failed, left) = (done.len(), failed.len(), not_begun.len());
                if done + failed + left > 0 {
                    let _ = writeln!(
                        lines,
                        "- {name} is half done: {done} done, {failed} failed, {left} not begun"
                    );
                }
            }
            if let ApplyState::Refused { gates } = &stack.state
                && !said.contains(&gates)
            {
                // Stacks of one environment usually meet the same gates: they are told once.
                let _ = writeln!(lines, "{}", gate_table(gates));
                said.push(gates);
            }
            if let ApplyState::Interrupted { found } = &stack.state {
                let _ = writeln!(lines, "- ⚠️ {name}: {}", prose(found));
            }
        }
        lines
    }

    fn footer(&self) -> String {
        let mut parts = Vec::new();
        if let Some(identity) = &self.identity {
            parts.push(format!("as {}", identity.markdown()));
        }
        if !self.locked.is_empty() {
            let names: Vec<&str> = self.locked.iter().map(StackName::as_str).collect();
            parts.push(format!(
                "🔒 {} in {} for this pull request until it is merged or closed",
                names.join(" and "),
                self.env
            ));
        }
        if !self.next.is_empty() {
            parts.push(format!("next: {}", commands(&self.next)));
        }
        parts.extend(self.page.as_ref().map(Link::markdown));
        parts.join(" · ")
    }

    fn annotations(&self, dirs: &[StackDir]) -> Vec<Annotation> {
        let mut found = Vec::new();
        for stack in &self.stacks {
            let dir = dirs.iter().find(|d| d.stack == stack.stack);
            if let (ApplyState::Failed { diagnostics, .. }, Some(dir)) = (&stack.state, dir) {
                found.extend(diagnostics.iter().filter_map(|d| annotation(&dir.dir, d)));
            }
        }
        found
    }
}

impl StackApply {
    fn cell(&self) -> String {
        match (&self.state, self.flags.mode()) {
            // It counts resources, and changes none.
            (ApplyState::Applied { took, .. }, PlanMode::RefreshOnly) => {
                format!("✅ state refreshed in {}", duration(*took))
            }
            (ApplyState::Applied { .. }, _) if !self.flags.cover_all() => {
                format!("{}, in part", self.state.cell())
            }
            _ => self.state.cell(),
        }
    }

    fn diagnostics_section(&self) -> Option<Section> {
        let ApplyState::Failed { diagnostics, .. } = &self.state else {
            return None;
        };
        let summary = format!("{}: what Terraform says", self.stack);
        Some(Section::folded(
            3,
            summary,
            "",
            diagnostics_text(diagnostics),
        ))
    }

    fn resources_section(&self) -> Option<Section> {
        let ApplyState::Failed {
            done,
            failed,
            not_begun,
            ..
        } = &self.state
        else {
            return None;
        };
        let mut lines = String::new();
        for (what, addresses) in [("done", done), ("failed", failed), ("not begun", not_begun)] {
            for address in addresses {
                let _ = writeln!(lines, "{what:<9}  {address}");
            }
        }
        Some(Section::folded(
            4,
            format!("{}: what did and did not happen", self.stack),
            "",
            lines,
        ))
    }

    fn outputs_section(&self) -> Option<Section> {
        let ApplyState::Applied { outputs, .. } = &self.state else {
            return None;
        };
        let mut lines = String::new();
        for output in outputs {
            let value = match (&output.value, output.sensitive) {
                (Some(value), false) => value.to_string(),
                (_, true) => "(sensitive)".to_owned(),
                (None, false) => "(not told)".to_owned(),
            };
            let _ = writeln!(lines, "{} = {value}", output.name);
        }
        Some(Section::folded(
            5,
            format!("{}: outputs", self.stack),
            "hcl",
            lines,
        ))
    }
}

impl ApplyState {
    fn cell(&self) -> String {
        match self {
            Self::Pending(why) => format!("⏳ {why}"),
            Self::Running {
                done,
                total,
                elapsed,
            } => {
                let elapsed = duration(*elapsed);
                match total {
                    0 => format!("🔄 begun {elapsed} ago"),
                    _ => format!("🔄 {done} of {total} done, {elapsed}"),
                }
            }
            Self::Applied { counts, took, .. } => {
                format!(
                    "✅ applied {} in {}",
                    counts_markdown(counts),
                    duration(*took)
                )
            }
            Self::NothingToDo => "nothing to do".to_owned(),
            Self::Failed { took, .. } => format!("❌ failed after {}", duration(*took)),
            Self::Skipped { because_of } => {
                format!("skipped: {because_of} comes first and is not applied")
            }
            Self::Refused { gates } => match gates.as_slice() {
                [gate] => format!("⛔ not applied: the gate {} is closed", text(&gate.gate)),
                gates => format!("⛔ not applied: {} gates are closed", gates.len()),
            },
            Self::NotApplied(why) => format!("⛔ not applied: {}", prose(why)),
            Self::Interrupted { .. } => "⚠️ interrupted: what happened is not known".to_owned(),
        }
    }
}
