//! The check run of one environment's plans: the table in its summary, the diffs in its text, and
//! Terraform's diagnostics on the lines they speak of.

use super::CHECK_LIMIT;
use super::check::{Annotation, AnnotationLevel, Buttons, CheckOutput, CheckStatus, Conclusion};
use super::fit::{Section, fit, fits};
use super::flag_notes;
use super::markdown::counted;
use super::plan_comment::{EnvIdentity, PlanComment, PlanRow, RowState, overview};
use super::plan_remarks::remarks;
use super::plan_sum::{Summed, sum_table};
use super::terraform_text::diagnostics_text;
use crate::ids::{EnvName, StackName};
use crate::plan::Counts;
use crate::plan::diagnostics::{Diagnostic, Severity};

/// Where a stack's files are, so that diagnostics can be put on their lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackDir {
    /// The stack.
    pub stack: StackName,
    /// Its directory, relative to the repository's root.
    pub dir: String,
}

/// Makes the check run of one environment out of what the comment shows. Buttons are the caller's.
#[must_use]
pub fn plan_check(
    name: &str,
    env: &EnvName,
    comment: &PlanComment,
    dirs: &[StackDir],
) -> CheckOutput {
    let rows: Vec<&PlanRow> = comment.rows.iter().filter(|row| row.env == *env).collect();
    let (status, conclusion) = progress(&rows);
    let of_env = PlanComment {
        rows: rows.iter().map(|&row| row.clone()).collect(),
        identities: comment
            .identities
            .iter()
            .filter(|i| i.env == *env)
            .cloned()
            .collect::<Vec<EnvIdentity>>(),
        blocked: comment
            .blocked
            .iter()
            .filter(|e| *e == env)
            .cloned()
            .collect(),
        ..comment.clone()
    };
    let summary = [
        Section::lines(0, of_env.heading()),
        Section::lines(0, flag_notes::plan_alerts(&rows)),
        Section::lines(0, overview(&rows)),
        Section::lines(1, remarks(&rows)),
        Section::lines(0, of_env.footer()),
    ];
    let page = comment.page.as_ref();
    let mut sections = whole(&rows, Summed::Long);
    if !fits(&sections, CHECK_LIMIT) {
        sections = whole(&rows, Summed::All);
    }
    CheckOutput {
        name: name.to_owned(),
        status,
        conclusion,
        title: match rows.iter().any(|row| row.is_in_part()) {
            true => format!("In part: {}", title(&rows)),
            false => title(&rows),
        },
        summary: fit(&summary, CHECK_LIMIT, page),
        text: fit(&sections, CHECK_LIMIT, page),
        annotations: annotations(&rows, dirs),
        buttons: Buttons::default(),
    }
}

/// A check that is required must end, also when there is nothing to do; and it must not be green
/// while something is left to do.
fn progress(rows: &[&PlanRow]) -> (CheckStatus, Option<Conclusion>) {
    let any = |test: fn(&RowState) -> bool| rows.iter().any(|row| test(&row.state));
    if any(|s| matches!(s, RowState::Running)) {
        return (CheckStatus::InProgress, None);
    }
    if any(|s| matches!(s, RowState::Pending(_))) {
        let all = rows
            .iter()
            .all(|row| matches!(row.state, RowState::Pending(_)));
        let status = if all {
            CheckStatus::Queued
        } else {
            CheckStatus::InProgress
        };
        return (status, None);
    }
    let conclusion = if any(is_bad) {
        Conclusion::Failure
    } else if any(|s| matches!(s, RowState::Cancelled { .. } | RowState::Superseded)) {
        Conclusion::Cancelled
    } else if any(|s| matches!(s, RowState::Stale(_))) || rows.iter().any(|r| r.is_in_part()) {
        Conclusion::ActionRequired
    } else if !rows.is_empty() && rows.iter().all(|r| matches!(r.state, RowState::Skipped(_))) {
        Conclusion::Skipped
    } else {
        Conclusion::Success
    };
    (CheckStatus::Completed, Some(conclusion))
}

fn is_bad(state: &RowState) -> bool {
    match state {
        RowState::Failed(_) => true,
        RowState::Planned(plan) => plan.policy.is_closed(),
        RowState::Pending(_)
        | RowState::Running
        | RowState::Skipped(_)
        | RowState::Cancelled { .. }
        | RowState::Superseded
        | RowState::Stale(_)
        | RowState::Applied { .. } => false,
    }
}

/// One line of plain text: the worst news, or the sum.
fn title(rows: &[&PlanRow]) -> String {
    if rows.is_empty() {
        return "Nothing to do: no stack is touched".to_owned();
    }
    let count = |test: fn(&RowState) -> bool| rows.iter().filter(|r| test(&r.state)).count();
    let failed = count(|s| matches!(s, RowState::Failed(_)));
    let waiting = count(|s| matches!(s, RowState::Running | RowState::Pending(_)));
    let cancelled = count(|s| matches!(s, RowState::Cancelled { .. }));
    let superseded = count(|s| matches!(s, RowState::Superseded));
    let stale = count(|s| matches!(s, RowState::Stale(_)));
    let (mut sum, mut denials, mut unasked) = (Counts::default(), 0, 0);
    for row in rows {
        if let RowState::Planned(plan) = &row.state {
            sum = sum + plan.counts;
            if plan.policy.is_closed() {
                denials += plan.policy.denied();
                unasked += usize::from(!plan.policy.unusable.is_empty());
            }
        }
    }
    let stacks = rows.len();
    if failed > 0 {
        format!("{failed} of {} failed", counted(stacks, "stack", "stacks"))
    } else if waiting > 0 {
        format!("Planning: {} of {stacks} done", stacks - waiting)
    } else if unasked > 0 {
        format!("{sum}; policies can't be asked")
    } else if denials > 0 {
        format!("{sum}; {} by policy", counted(denials, "denial", "denials"))
    } else if cancelled > 0 {
        "Cancelled".to_owned()
    } else if superseded > 0 {
        "Superseded by a newer commit".to_owned()
    } else if stale > 0 {
        "Out of date: plan again".to_owned()
    } else if rows
        .iter()
        .all(|r| matches!(r.state, RowState::Applied { .. }))
    {
        "Applied".to_owned()
    } else if sum.replace > 0 {
        format!("{sum} ({} replaced)", sum.replace)
    } else if sum.is_zero() {
        "No changes".to_owned()
    } else {
        sum.to_string()
    }
}

fn whole(rows: &[&PlanRow], summed: Summed) -> Vec<Section> {
    let mut sections = Vec::new();
    for row in rows {
        let (lang, text) = match &row.state {
            RowState::Planned(plan) => ("diff", plan.diff.clone()),
            RowState::Failed(failure) => ("", diagnostics_text(&failure.diagnostics)),
            RowState::Pending(_)
            | RowState::Running
            | RowState::Skipped(_)
            | RowState::Cancelled { .. }
            | RowState::Superseded
            | RowState::Stale(_)
            | RowState::Applied { .. } => continue,
        };
        let (sum, drift) = match &row.state {
            RowState::Planned(plan) => (sum_table(&plan.by_type, summed), plan.drift.clone()),
            _ => (None, String::new()),
        };
        if text.is_empty() && drift.is_empty() {
            continue;
        }
        sections.push(Section::lines(
            0,
            format!("### {} · {}", row.env, row.stack),
        ));
        sections.push(Section::lines(3, sum.unwrap_or_default()));
        sections.push(Section::fenced(5, lang, text));
        if !drift.is_empty() {
            sections.push(Section::lines(6, "Changed outside of Terraform:"));
            sections.push(Section::fenced(6, "diff", drift));
        }
    }
    sections
}

fn annotations(rows: &[&PlanRow], dirs: &[StackDir]) -> Vec<Annotation> {
    let mut found = Vec::new();
    for row in rows {
        let RowState::Failed(failure) = &row.state else {
            continue;
        };
        let Some(dir) = dirs.iter().find(|d| d.stack == row.stack) else {
            continue;
        };
        for diagnostic in &failure.diagnostics {
            if let Some(annotation) = annotation(&dir.dir, diagnostic)
                && !found.contains(&annotation)
            {
                found.push(annotation);
            }
        }
    }
    found
}

/// A diagnostic as a remark on a line of the repository; `None` when it speaks of no file in it.
#[must_use]
pub fn annotation(dir: &str, diagnostic: &Diagnostic) -> Option<Annotation> {
    let range = diagnostic.range.as_ref()?;
    let path = repository_path(dir, &range.filename)?;
    let start_line = range.start_line.max(1);
    let end_line = range.end_line.max(start_line);
    let columns = (start_line == end_line && range.start_column > 0)
        .then(|| (range.start_column, range.end_column.max(range.start_column)));
    let message = if diagnostic.detail.trim().is_empty() {
        diagnostic.summary.as_str()
    } else {
        diagnostic.detail.as_str()
    };
    Some(Annotation {
        path,
        start_line,
        end_line,
        columns,
        level: match diagnostic.severity {
            Severity::Error => AnnotationLevel::Failure,
            Severity::Warning => AnnotationLevel::Warning,
        },
        title: diagnostic.summary.chars().take(255).collect(),
        // GitHub takes 64 KB; four bytes is the most that a character takes.
        message: message.chars().take(16_000).collect(),
    })
}

/// Terraform names files relative to where it ran: `main.tf`, `../modules/net/main.tf`. Downloaded
/// modules and files outside of the repository have no line to remark on.
fn repository_path(dir: &str, filename: &str) -> Option<String> {
    if filename.starts_with('/') || filename.contains(".terraform/") {
        return None;
    }
    let mut path: Vec<&str> = Vec::new();
    for part in dir.split('/').chain(filename.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                path.pop()?;
            }
            name => path.push(name),
        }
    }
    (!path.is_empty()).then(|| path.join("/"))
}
