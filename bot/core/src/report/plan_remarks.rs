//! What nobody may miss of a plan: destroys, replacements, denials, failures. Never in a fold.

use std::fmt::Write as _;

use super::markdown::{code, counted, prose, text};
use super::plan_comment::{Failure, PlanRow, PlanSummary, PolicyState, RowState};
use super::terraform_text::diagnostic_line;
use crate::plan::diagnostics::{Diagnostic, Severity};
use crate::plan::{Hazard, HazardKind};

/// Of the hazards of one plan that hold data, those that are named.
const STATEFUL_NAMED: usize = 50;
/// Of those that don't.
const OTHERS_NAMED: usize = 20;

/// What nobody may miss, outside of any fold: what is denied and what loses data first, whichever
/// stack it is in.
pub(super) fn remarks(rows: &[&PlanRow]) -> String {
    let (mut first, mut others) = (String::new(), String::new());
    for row in rows {
        let place = format!("{} · {}", row.env, row.stack);
        match &row.state {
            RowState::Planned(plan) => {
                grave_remarks(&mut first, &place, plan);
                plan_remarks(&mut others, &place, plan);
            }
            RowState::Failed(failure) => failure_remarks(&mut others, &place, failure),
            RowState::Pending(_)
            | RowState::Running
            | RowState::Skipped(_)
            | RowState::Cancelled { .. }
            | RowState::Superseded
            | RowState::Stale(_)
            | RowState::Applied { .. } => {}
        }
    }
    first + &others
}

fn grave_remarks(lines: &mut String, place: &str, plan: &PlanSummary) {
    denial_remarks(lines, place, &plan.policy);
    let stateful: Vec<&Hazard> = plan.hazards.iter().filter(|h| h.stateful).collect();
    hazard_remarks(lines, place, &stateful, STATEFUL_NAMED, " stateful");
}

fn denial_remarks(lines: &mut String, place: &str, policy: &PolicyState) {
    for why in &policy.unusable {
        let why = text(why);
        let _ = writeln!(lines, "- ⛔ {place}: its policies can't be asked: {why}");
    }
    let sign = match &policy.overridden {
        Some((by, reason)) => {
            let (by, reason) = (text(by.as_str()), text(reason));
            let _ = writeln!(
                lines,
                "- ⚠️ {place}: {by} overrides what is denied: {reason}"
            );
            "⚠️"
        }
        None => "⛔",
    };
    for denial in &policy.denials {
        let denial = text(denial);
        let _ = writeln!(lines, "- {sign} {place}: a policy denies it: {denial}");
    }
    if policy.more_denials > 0 {
        let more = counted(policy.more_denials, "denial", "denials");
        let _ = writeln!(lines, "- {sign} {place}: {more} more");
    }
}

fn plan_remarks(lines: &mut String, place: &str, plan: &PlanSummary) {
    let others: Vec<&Hazard> = plan.hazards.iter().filter(|h| !h.stateful).collect();
    hazard_remarks(lines, place, &others, OTHERS_NAMED, "");
    for warning in &plan.policy.warnings {
        let _ = writeln!(lines, "- ⚠️ {place}: a policy warns: {}", text(warning));
    }
    if plan.policy.more_warnings > 0 {
        let more = counted(plan.policy.more_warnings, "warning", "warnings");
        let _ = writeln!(lines, "- ⚠️ {place}: {more} more");
    }
    for check in &plan.failed_checks {
        let _ = writeln!(
            lines,
            "- ⚠️ {place}: a check does not hold: {}",
            text(check)
        );
    }
    if let Some(deferred) = plan.incomplete {
        let what = match deferred {
            0 => "Terraform left changes out of this plan".to_owned(),
            n => format!(
                "{} deferred to a later plan",
                counted(n, "change is", "changes are")
            ),
        };
        let _ = writeln!(lines, "- ℹ️ {place}: {what}: plan again after its apply");
    }
    if let Some(why) = &plan.provisional {
        let _ = writeln!(lines, "- ℹ️ {place} is provisional: {why}");
    }
    if plan.drifted > 0 {
        let resources = counted(plan.drifted, "resource", "resources");
        let _ = writeln!(
            lines,
            "- ℹ️ {place}: {resources} changed outside of Terraform"
        );
    }
}

/// As many by name as anybody reads, and how many more there are.
fn hazard_remarks(lines: &mut String, place: &str, hazards: &[&Hazard], most: usize, what: &str) {
    for hazard in hazards.iter().take(most) {
        let _ = writeln!(lines, "- ⚠️ {place} {}", hazard_text(hazard));
    }
    let more = hazards.len().saturating_sub(most);
    if more > 0 {
        let noun = if more == 1 { "resource" } else { "resources" };
        let _ = writeln!(
            lines,
            "- ⚠️ {place} **destroys or replaces** {more} more{what} {noun}"
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
