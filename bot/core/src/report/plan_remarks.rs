//! What nobody may miss of a plan: destroys, replacements, denials, failures. Never in a fold.

use std::fmt::Write as _;

use super::markdown::{code, counted, prose, text};
use super::plan_comment::{Failure, PlanRow, PlanSummary, RowState};
use super::terraform_text::diagnostic_line;
use crate::plan::diagnostics::{Diagnostic, Severity};
use crate::plan::{Hazard, HazardKind};

/// What nobody may miss, outside of any fold.
pub(super) fn remarks(rows: &[&PlanRow]) -> String {
    let mut lines = String::new();
    for row in rows {
        let place = format!("{} · {}", row.env, row.stack);
        match &row.state {
            RowState::Planned(plan) => plan_remarks(&mut lines, &place, plan),
            RowState::Failed(failure) => failure_remarks(&mut lines, &place, failure),
            RowState::Pending(_)
            | RowState::Running
            | RowState::Skipped(_)
            | RowState::Cancelled { .. }
            | RowState::Superseded
            | RowState::Stale(_)
            | RowState::Applied { .. } => {}
        }
    }
    lines
}

fn plan_remarks(lines: &mut String, place: &str, plan: &PlanSummary) {
    for denial in &plan.policy.denials {
        let _ = writeln!(lines, "- ⛔ {place}: a policy denies it: {}", text(denial));
    }
    for hazard in &plan.hazards {
        let _ = writeln!(lines, "- ⚠️ {place} {}", hazard_text(hazard));
    }
    for warning in &plan.policy.warnings {
        let _ = writeln!(lines, "- ⚠️ {place}: a policy warns: {}", text(warning));
    }
    for check in &plan.failed_checks {
        let _ = writeln!(
            lines,
            "- ⚠️ {place}: a check does not hold: {}",
            text(check)
        );
    }
    if plan.drifted > 0 {
        let resources = counted(plan.drifted, "resource", "resources");
        let _ = writeln!(
            lines,
            "- ℹ️ {place}: {resources} changed outside of Terraform"
        );
    }
}

/// "**replaces** `aws_db_instance.main` (because `storage_encrypted` changes)".
fn hazard_text(hazard: &Hazard) -> String {
    let verb = match hazard.kind {
        HazardKind::Destroy => "**destroys**",
        HazardKind::Replace { .. } => "**replaces**",
    };
    let why = match (hazard.forced_by.as_slice(), &hazard.reason) {
        ([], None) => None,
        ([], Some(reason)) => Some(format!("because {}", reason.because())),
        ([one], _) => Some(format!("because {} changes", code(one))),
        (many, _) => {
            let names: Vec<String> = many.iter().map(|name| code(name)).collect();
            Some(format!("because {} change", names.join(", ")))
        }
    };
    let first = match hazard.kind {
        HazardKind::Replace { create_first: true } => Some("the new one is made first".to_owned()),
        HazardKind::Replace {
            create_first: false,
        }
        | HazardKind::Destroy => None,
    };
    let stateful = hazard.stateful.then(|| "**stateful**".to_owned());
    let told: Vec<String> = [why, first, stateful].into_iter().flatten().collect();
    let told = if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join("; "))
    };
    format!("{verb} {}{told}", code(&hazard.address))
}

fn failure_remarks(lines: &mut String, place: &str, failure: &Failure) {
    const NAMED: usize = 5;
    let step = code(&failure.step);
    let errors: Vec<&Diagnostic> = failure
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    // What Terraform says about its errors is better than what can be said about it.
    if let Some(message) = failure.message.as_ref().filter(|_| errors.is_empty()) {
        let _ = writeln!(lines, "- ❌ {place} failed at {step}: {}", prose(message));
    } else if errors.is_empty() {
        let _ = writeln!(lines, "- ❌ {place} failed at {step}");
    }
    for error in errors.iter().take(NAMED) {
        let _ = writeln!(
            lines,
            "- ❌ {place} failed at {step}: {}",
            diagnostic_line(error)
        );
    }
    let more = errors.len().saturating_sub(NAMED);
    if more > 0 {
        let _ = writeln!(lines, "- ❌ {place}: {more} more");
    }
}
