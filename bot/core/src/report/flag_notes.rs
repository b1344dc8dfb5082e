//! Plans with flags, told so loudly that nobody takes them for the whole of a stack: an alert
//! (GitHub, "Basic writing and formatting syntax", Alerts) above everything else.

use super::markdown::{code, commands, text};
use super::plan_comment::{PlanRow, RowState};
use crate::ids::{EnvName, StackName};
use crate::plan_flags::{PlanFlags, PlanMode};

/// What the flags make of a plan, in two words for a table.
pub(super) fn word(flags: &PlanFlags) -> Option<&'static str> {
    if flags.is_none() {
        return None;
    }
    Some(match (flags.mode(), flags.is_targeted()) {
        (PlanMode::Destroy, false) => "**destroy plan**",
        (PlanMode::Destroy, true) => "**destroy plan** of a part",
        (PlanMode::RefreshOnly, _) => "**refresh-only**",
        (PlanMode::Normal, true) => "**partial**",
        (PlanMode::Normal, false) => "**replacement asked for**",
    })
}

/// The alerts of the plans shown, one for each stack.
pub(super) fn plan_alerts(rows: &[&PlanRow]) -> String {
    let told = rows.iter().filter_map(|row| {
        let sure = match row.state {
            RowState::Planned(_)
            | RowState::Stale(_)
            | RowState::Pending(_)
            | RowState::Running
            | RowState::Failed(_) => "it shows",
            RowState::Applied { .. } => "it had",
            RowState::Skipped(_) | RowState::Cancelled { .. } | RowState::Superseded => {
                return None;
            }
        };
        alert(&row.env, &row.stack, &row.flags, sure)
    });
    told.collect::<Vec<_>>().join("\n")
}

fn alert(env: &EnvName, stack: &StackName, flags: &PlanFlags, shows: &str) -> Option<String> {
    if flags.is_none() {
        return None;
    }
    let given = code(&flags.to_string());
    let of = format!("{env} · {}", text(stack.as_str()));
    let (kind, what) = match (flags.mode(), flags.is_targeted()) {
        (PlanMode::Destroy, targeted) => (
            "CAUTION",
            format!(
                "**This is a destroy plan** of {of}, made with {given}: {shows} {} destroyed.",
                match targeted {
                    true => "what is named, and all that depends on it,",
                    false => "everything in the state",
                }
            ),
        ),
        (PlanMode::RefreshOnly, _) => (
            "WARNING",
            format!(
                "**This is a refresh-only plan** of {of}, made with {given}: it changes what the state \
                 says, and no resource."
            ),
        ),
        (PlanMode::Normal, true) => (
            "WARNING",
            format!(
                "**This is a partial plan** of {of}, made with {given}: {shows} nothing of the rest of \
                 the stack."
            ),
        ),
        (PlanMode::Normal, false) => (
            "WARNING",
            format!(
                "**This plan replaces what it would not have to** in {of}: it was made with {given}."
            ),
        ),
    };
    let whole = commands(&[format!("/plan {env} {stack}")]);
    let exactly = commands(&[format!("/apply {env} {stack}")]);
    Some(format!(
        "> [!{kind}]\n> {what} Only {exactly} applies it; {whole} plans all of the stack.\n"
    ))
}

/// The alert of an apply whose plan left something out.
pub(super) fn apply_alert(env: &EnvName, stack: &StackName, flags: &PlanFlags) -> Option<String> {
    if flags.is_none() {
        return None;
    }
    let given = code(&flags.to_string());
    let name = text(stack.as_str());
    let whole = commands(&[format!("/plan {env} {stack}")]);
    let (kind, what) = match flags.mode() {
        PlanMode::Destroy => ("CAUTION", "the apply of a destroy plan"),
        PlanMode::RefreshOnly => ("WARNING", "the apply of a refresh-only plan"),
        PlanMode::Normal if flags.is_targeted() => ("WARNING", "a partial apply"),
        PlanMode::Normal => ("WARNING", "an apply with a replacement asked for"),
    };
    let rest = match flags.cover_all() {
        true => String::new(),
        false => format!(" The stack does not count as applied: {whole} shows what is left."),
    };
    Some(format!(
        "> [!{kind}]\n> {name}: **this is {what}**, made with {given}.{rest}\n"
    ))
}
