//! The answer to `/where`: what is live where.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::{Link, ReleaseRef};
use super::fit::{Section, fit};
use super::lock_table::{LockRow, lock_table};
use super::markdown::{code, counted, duration, table, text};
use crate::ids::{EnvName, Login, ServiceName};

/// One environment × service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardRow {
    /// The environment.
    pub env: EnvName,
    /// The service.
    pub service: ServiceName,
    /// What is live; `None` when nothing was ever deployed.
    pub live: Option<LiveRelease>,
    /// Whether somebody has locked the environment.
    pub locked: bool,
    /// Why automatic deploys are held.
    pub hold: Option<String>,
    /// Commits on the default branch that are not in it; `None` when unknown.
    pub behind: Option<u64>,
}

/// A live release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRelease {
    /// Which.
    pub release: ReleaseRef,
    /// Who deployed it; `None` for an automatic deploy.
    pub by: Option<Login>,
    /// How long ago.
    pub age: Duration,
    /// False once it is being rolled back from.
    pub good: bool,
}

/// A freeze that holds, or is still to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeRow {
    /// Where.
    pub env: EnvName,
    /// From when to when and why, in a line of Markdown.
    pub words: String,
    /// Whether it holds now.
    pub holds: bool,
}

impl FreezeRow {
    fn line(&self) -> String {
        let Self { env, words, .. } = self;
        match self.holds {
            true => format!("- 🧊 {env}: frozen {words}\n"),
            false => format!("- 🧊 {env}: will be frozen {words}\n"),
        }
    }
}

/// The board, in at most [`super::COMMENT_LIMIT`] bytes.
#[must_use]
pub fn board(
    rows: &[BoardRow],
    freezes: &[FreezeRow],
    locks: &[LockRow],
    page: Option<&Link>,
) -> String {
    let head = ["", "service", "commit", "digest", "by", "since", "behind"];
    let cells: Vec<Vec<String>> = rows.iter().map(BoardRow::cells).collect();
    let live = match cells.as_slice() {
        [] => "No service is configured.\n".to_owned(),
        cells => table(&head, cells),
    };
    let sections = [
        Section::lines(0, "### What is live where"),
        Section::lines(0, live),
        Section::lines(1, remarks(rows)),
        Section::lines(1, freezes.iter().map(FreezeRow::line).collect::<String>()),
        Section::lines(1, lock_table(locks)),
        Section::lines(0, page.map_or_else(String::new, Link::markdown)),
    ];
    fit(&sections, super::COMMENT_LIMIT, page)
}

/// Holds and what is being rolled back; once for each environment.
fn remarks(rows: &[BoardRow]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut add = |line: String| {
        if !lines.contains(&line) {
            lines.push(line);
        }
    };
    for row in rows {
        if let Some(why) = &row.hold {
            let resume = code(&format!("/resume {}", row.env));
            add(format!(
                "- ⏸️ {}: automatic deploys are held: {} · {resume}\n",
                row.env,
                text(why)
            ));
        }
        if row.live.as_ref().is_some_and(|live| !live.good) {
            let place = format!("{} · {}", row.env, row.service);
            add(format!("- ⚠️ {place}: broken, or being rolled back\n"));
        }
    }
    lines.concat()
}

impl BoardRow {
    fn cells(&self) -> Vec<String> {
        let none = || "–".to_owned();
        let signs = match (self.locked, &self.hold) {
            (true, Some(_)) => " 🔒 ⏸️",
            (true, None) => " 🔒",
            (false, Some(_)) => " ⏸️",
            (false, None) => "",
        };
        let env = format!("{}{signs}", self.env);
        let service = self.service.to_string();
        let Some(live) = &self.live else {
            let never = "never deployed".to_owned();
            return vec![env, service, never, none(), none(), none(), none()];
        };
        let digest = live.release.digest.as_ref();
        let behind = match self.behind {
            None => "?".to_owned(),
            Some(0) => "up to date".to_owned(),
            Some(n) => counted(
                usize::try_from(n).unwrap_or(usize::MAX),
                "commit",
                "commits",
            ),
        };
        vec![
            env,
            service,
            live.release.markdown(),
            digest.map_or_else(none, |d| code(&format!("{}…", d.short()))),
            live.by
                .as_ref()
                .map_or_else(|| "merge".to_owned(), |by| code(by.as_str())),
            format!("{} ago", duration(live.age)),
            behind,
        ]
    }
}
