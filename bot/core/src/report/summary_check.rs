//! The check run `slipway`: one word for branch protection, and the table behind it.

use super::CHECK_LIMIT;
use super::check::{Buttons, CheckOutput, CheckStatus, Conclusion};
use super::evidence::Link;
use super::fit::{Section, fit};
use super::markdown::{code, commands, counted, link, prose, table, text};
use crate::ids::{CommitSha, EnvName, PrNumber};
use crate::summary::{SUMMARY_CHECK_NAME, StackRow, StackState};

/// What the check is about.
#[derive(Clone, Debug)]
pub struct SummaryCheck {
    /// How the head stands.
    pub standing: Standing,
}

/// How a head stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It touches these stacks, or none.
    Touched {
        /// In the order of deploy.toml.
        rows: Vec<Row>,
        /// Whether the pull request is a draft.
        draft: bool,
    },
    /// The changed files could not be read, for this reason.
    Unread(String),
    /// There is no deploy.toml.
    NoRules,
    /// deploy.toml can't be used.
    BrokenRules {
        /// Whether the head mends it and does nothing else.
        mends: bool,
    },
    /// Nobody has looked at what it touches.
    Unknown,
}

/// One stack in one environment, with the page of its run.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands.
    pub row: StackRow,
    /// The page.
    pub page: Option<Link>,
}

impl SummaryCheck {
    /// The check run.
    #[must_use]
    pub fn output(&self) -> CheckOutput {
        match &self.standing {
            Standing::Touched { rows, draft } => touched(rows, *draft),
            Standing::Unread(why) => output(
                Some(Conclusion::Failure),
                "The changed files could not be read".to_owned(),
                format!(
                    "{}. So nobody knows which stacks this touches. Comment `/plan` to try again.",
                    prose(why.trim_end_matches('.'))
                ),
            ),
            Standing::NoRules => output(
                Some(Conclusion::Success),
                "Nothing to do: there is no deploy.toml".to_owned(),
                "The default branch has no `deploy.toml`, so nothing is planned or applied here."
                    .to_owned(),
            ),
            Standing::BrokenRules { mends: true } => output(
                Some(Conclusion::Success),
                "Mends deploy.toml".to_owned(),
                "`deploy.toml` of the default branch has errors, so nothing can be planned. This \
                 changes nothing but that file, and has none."
                    .to_owned(),
            ),
            Standing::BrokenRules { mends: false } => output(
                Some(Conclusion::Failure),
                "Not planned: deploy.toml has errors".to_owned(),
                "`deploy.toml` of the default branch can't be used, so nothing is planned. Mend it in \
                 a pull request that changes nothing else, then comment `/plan` here."
                    .to_owned(),
            ),
            Standing::Unknown => output(
                Some(Conclusion::ActionRequired),
                "Not known what this touches: comment /plan".to_owned(),
                "This head was planned before Slipway made this check. Comment `/plan` once."
                    .to_owned(),
            ),
        }
    }
}

/// The check run of a merge group's commit: that of the pull request's head, said of another commit.
/// It is complete in any case, since nothing that runs will come back to it.
#[must_use]
pub fn of_group(pr: PrNumber, head: &CommitSha, of_head: &CheckOutput) -> CheckOutput {
    let is_green = of_head.conclusion == Some(Conclusion::Success);
    let (conclusion, title, next) = if is_green {
        let title = format!("As on #{pr}: {}", of_head.title);
        (Conclusion::Success, title, "")
    } else {
        let title = format!("#{pr} is not green: {}", of_head.title);
        let next = " Once that check is green, add the pull request to the queue again.";
        (Conclusion::Failure, title, next)
    };
    let summary = format!(
        "This commit of the merge queue stands as {} of #{pr} does.{next}\n\n{}",
        code(head.short()),
        of_head.summary
    );
    output(
        Some(conclusion),
        title,
        fit(&[Section::lines(0, summary)], CHECK_LIMIT, None),
    )
}

fn touched(rows: &[Row], draft: bool) -> CheckOutput {
    let count = |wanted: &[StackState]| {
        rows.iter()
            .filter(|row| wanted.contains(&row.row.state))
            .count()
    };
    if count(&[StackState::UnderWay]) > 0 {
        // The same words from beginning to end: what changes with every run is in the other checks.
        return output(
            None,
            "Under way".to_owned(),
            "Plans or applies of this commit are queued or under way. The table follows when they \
             are over."
                .to_owned(),
        );
    }
    let failed = count(&[StackState::PlanFailed, StackState::ApplyFailed]);
    let unplanned = count(&[StackState::NotPlanned]);
    let in_part = count(&[StackState::InPart]);
    let denied = count(&[StackState::Denied]);
    let to_apply = count(&[StackState::ToApply]);
    let (conclusion, title, next) = if failed > 0 {
        let next = if count(&[StackState::ApplyFailed]) > 0 {
            "Mend the cause, then `/plan` and `/apply` again."
        } else {
            "Mend the cause, then comment `/plan`."
        };
        let title = format!("{} failed", counted(failed, "stack", "stacks"));
        (Conclusion::Failure, title, next.to_owned())
    } else if unplanned > 0 {
        let (title, next) = not_planned(draft);
        (Conclusion::ActionRequired, title, next)
    } else if in_part > 0 {
        let (title, next) = applied_in_part(rows, in_part);
        (Conclusion::ActionRequired, title, next)
    } else if denied > 0 {
        let title = format!("{} denied by policies", counted(denied, "stack", "stacks"));
        let next = "What is denied stands in the plan comment; what opens it: `/explain ENV`.";
        (Conclusion::Failure, title, next.to_owned())
    } else if to_apply > 0 {
        let (title, next) = not_applied(rows, to_apply);
        (Conclusion::ActionRequired, title, next)
    } else {
        let planned = count(&[StackState::Planned]);
        let applied = count(&[StackState::Applied]);
        let (title, next) = good(rows.len(), planned, applied);
        (Conclusion::Success, title, next)
    };
    let sections = [Section::lines(0, next), Section::lines(1, table_of(rows))];
    output(Some(conclusion), title, fit(&sections, CHECK_LIMIT, None))
}

fn not_planned(draft: bool) -> (String, String) {
    if draft {
        return (
            "Not planned: this is a draft".to_owned(),
            "A draft is planned when it is marked ready for review, or when somebody who may plan \
             comments `/plan`."
                .to_owned(),
        );
    }
    (
        "Not planned: somebody with the plan right says /plan".to_owned(),
        "Somebody who may plan looks at the change and comments `/plan`.".to_owned(),
    )
}

fn applied_in_part(rows: &[Row], in_part: usize) -> (String, String) {
    let again: Vec<String> = rows
        .iter()
        .filter(|row| row.row.state == StackState::InPart)
        .map(|row| format!("/plan {} {}", row.row.env, row.row.stack))
        .collect();
    let title = format!(
        "{} applied in part: {}",
        counted(in_part, "stack", "stacks"),
        again.join(", ")
    );
    let next = format!(
        "A plan with flags was applied, which leaves something out. What is left: {}.",
        commands(&again)
    );
    (title, next)
}

fn not_applied(rows: &[Row], to_apply: usize) -> (String, String) {
    let mut envs: Vec<&EnvName> = rows
        .iter()
        .filter(|row| row.row.state == StackState::ToApply)
        .map(|row| &row.row.env)
        .collect();
    envs.dedup();
    let plain = |verb: &str| -> Vec<String> {
        envs.iter()
            .map(|env| format!("/{verb} {env}"))
            .collect::<Vec<_>>()
    };
    let title = format!(
        "{} to apply before the merge: {}",
        counted(to_apply, "stack", "stacks"),
        plain("apply").join(", ")
    );
    let next = format!(
        "Comment {}. What may be in the way, and what opens it: {}.",
        commands(&plain("apply")),
        commands(&plain("explain"))
    );
    (title, next)
}

fn good(all: usize, planned: usize, applied: usize) -> (String, String) {
    let (title, next) = match (all, planned, applied) {
        (0, ..) => ("Nothing to do", "This change touches no stack."),
        (_, 0, 0) => ("No changes", "The plans change nothing."),
        (_, 0, _) => ("All is applied", "Nothing is left to do before the merge."),
        (_, _, 0) => (
            "All is planned",
            "Nothing has to be applied before the merge.",
        ),
        _ => (
            "All is planned, and applied where that comes before the merge",
            "Nothing is left to do before the merge.",
        ),
    };
    (title.to_owned(), next.to_owned())
}

fn table_of(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|Row { row, page }| {
            let stack = match page {
                Some(page) => link(row.stack.as_str(), &page.url),
                None => code(row.stack.as_str()),
            };
            vec![text(row.env.as_str()), stack, word(row.state).to_owned()]
        })
        .collect();
    table(&["environment", "stack", "state"], &lines)
}

fn word(state: StackState) -> &'static str {
    match state {
        StackState::UnderWay => "under way",
        StackState::PlanFailed => "❌ the plan failed",
        StackState::ApplyFailed => "❌ the apply failed",
        StackState::NotPlanned => "not planned",
        StackState::Denied => "❌ denied by policies",
        StackState::ToApply => "to apply",
        StackState::Planned => "✅ planned, nothing to apply before the merge",
        StackState::NoChanges => "✅ no changes",
        StackState::Applied => "✅ applied",
        StackState::InPart => "applied in part",
    }
}

fn output(conclusion: Option<Conclusion>, title: String, summary: String) -> CheckOutput {
    CheckOutput {
        name: SUMMARY_CHECK_NAME.to_owned(),
        status: match conclusion {
            Some(_) => CheckStatus::Completed,
            None => CheckStatus::InProgress,
        },
        conclusion,
        title,
        summary,
        text: String::new(),
        annotations: Vec::new(),
        buttons: Buttons::default(),
    }
}
