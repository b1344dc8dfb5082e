//! The locks of a repository as a table: who holds what, until when, and who waits for it.

use serde::{Deserialize, Serialize};

use super::locks::LockView;
use super::markdown::{code, counted, duration, ordinal, table, text};
use crate::ids::{Login, PrNumber};

/// The most locks that are shown.
const MOST_LOCKS: usize = 40;

/// The most that are shown of those who wait for one.
const MOST_IN_LINE: usize = 8;

/// One lock and who waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRow {
    /// The lock.
    pub lock: LockView,
    /// Who waits, in the order in which they asked.
    pub line: Vec<InLine>,
}

/// A run that waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InLine {
    /// Its stack or service.
    pub subject: String,
    /// Its place among those of this stack or service, from one.
    pub place: usize,
    /// Who asked for it.
    pub who: Login,
    /// Its pull request.
    pub pr: Option<PrNumber>,
}

/// The table; empty where nothing is locked.
#[must_use]
pub fn lock_table(locks: &[LockRow]) -> String {
    if locks.is_empty() {
        return String::new();
    }
    let cells: Vec<Vec<String>> = locks.iter().take(MOST_LOCKS).map(LockRow::cells).collect();
    let table = table(&["🔒", "held by", "since", "free", "in line"], &cells);
    match locks.len().saturating_sub(MOST_LOCKS) {
        0 => table,
        more => format!(
            "{table}\nand {}\n",
            counted(more, "more lock", "more locks")
        ),
    }
}

impl LockRow {
    fn cells(&self) -> Vec<String> {
        let lock = &self.lock;
        let pr = of_pr(lock.pr);
        vec![
            lock.place(),
            format!("{}{pr}{}", code(lock.holder.as_str()), lock.reason_text()),
            format!("{} ago", duration(lock.age)),
            self.free(),
            self.line(),
        ]
    }

    /// When or how it gets free.
    fn free(&self) -> String {
        let lock = &self.lock;
        let by_itself = lock
            .frees_in
            .map(|left| format!("in {}", duration(left)))
            .into_iter();
        let by_word = match (&lock.stack, lock.pr) {
            (Some(_), Some(pr)) => format!("when #{pr} is merged or closed"),
            (Some(_) | None, _) => code(&lock.unlock_command()),
        };
        let ways: Vec<String> = by_itself.chain([by_word]).collect();
        ways.join(" or ")
    }

    fn line(&self) -> String {
        if self.line.is_empty() {
            return "–".to_owned();
        }
        let told: Vec<String> = self
            .line
            .iter()
            .take(MOST_IN_LINE)
            .map(|run| {
                // A lock on a stack is waited for by that stack only.
                let subject = match self.lock.stack {
                    Some(_) => String::new(),
                    None => format!("{}: ", text(&run.subject)),
                };
                format!(
                    "{subject}{} {}{}",
                    ordinal(run.place),
                    code(run.who.as_str()),
                    of_pr(run.pr)
                )
            })
            .collect();
        let told = told.join(", ");
        match self.line.len().saturating_sub(MOST_IN_LINE) {
            0 => told,
            more => format!("{told} and {more} more"),
        }
    }
}

fn of_pr(pr: Option<PrNumber>) -> String {
    pr.map_or_else(String::new, |pr| format!(" (#{pr})"))
}
