//! The check run of a pull request that changes deploy.toml: what is wrong with the new file, and
//! which rules it would change. What gives more people, changes or code a way comes first.

use super::CHECK_LIMIT;
use super::check::{Annotation, AnnotationLevel, Buttons, CheckOutput, CheckStatus, Conclusion};
use super::fit::{Section, fit};
use super::markdown::{code, counted, prose};
use crate::config::{Change, Config, Diagnostic, Effect, MOST_FINDINGS, Severity};

/// The name of the check run, as branch protection knows it.
pub const CONFIG_CHECK_NAME: &str = "slipway / deploy.toml";

/// Where the file stands.
const PATH: &str = "deploy.toml";

/// The most annotations: two requests' worth. The text has all that was found.
const MOST_ANNOTATIONS: usize = 100;

/// What the check is about.
#[derive(Clone, Debug)]
pub struct ConfigCheck<'a> {
    /// The default branch, whose file is in force.
    pub branch: &'a str,
    /// The file that is in force.
    pub in_force: InForce,
    /// The branch that the pull request is aimed at, if it is another.
    pub aimed_at: Option<&'a str>,
    /// By how many commits the head is behind the default branch, as far as that is known.
    pub behind: u64,
    /// What the head has.
    pub proposed: Proposed<'a>,
    /// What would have no rules any more and is still there, a line of Markdown for each.
    pub stranded: Vec<String>,
}

/// The file of the default branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// It is good.
    Good,
    /// It has errors.
    Broken,
    /// There is none.
    None,
}

/// What the head of the pull request has.
#[derive(Clone, Debug)]
pub enum Proposed<'a> {
    /// No such file.
    Gone,
    /// A file that could not be read, for this reason.
    Unread(String),
    /// A file with errors.
    Broken {
        /// Its text.
        text: &'a str,
        /// All that was found.
        diagnostics: &'a [Diagnostic],
    },
    /// A good file.
    Good {
        /// Its rules.
        config: &'a Config,
        /// Its text.
        text: &'a str,
        /// What was found, warnings only.
        diagnostics: &'a [Diagnostic],
        /// The rules that are other than those in force; all of them where there are none to
        /// compare with.
        changes: Vec<Change>,
    },
}

impl ConfigCheck<'_> {
    /// The check run.
    #[must_use]
    pub fn output(&self) -> CheckOutput {
        let (conclusion, title) = self.verdict();
        let (text, diagnostics) = match &self.proposed {
            Proposed::Broken { text, diagnostics }
            | Proposed::Good {
                text, diagnostics, ..
            } => (Some(*text), *diagnostics),
            Proposed::Gone | Proposed::Unread(_) => (None, [].as_slice()),
        };
        CheckOutput {
            summary: fit(&self.sections(), CHECK_LIMIT, None),
            ..output(conclusion, title, text, diagnostics)
        }
    }

    fn verdict(&self) -> (Conclusion, String) {
        match &self.proposed {
            Proposed::Gone => (
                Conclusion::Neutral,
                "⚠️ deploy.toml goes, and with it all that Slipway does here".to_owned(),
            ),
            Proposed::Unread(_) => (
                Conclusion::Failure,
                "deploy.toml could not be read".to_owned(),
            ),
            Proposed::Broken { diagnostics, .. } => (Conclusion::Failure, errors(diagnostics)),
            Proposed::Good {
                config, changes, ..
            } => {
                let title = match self.in_force {
                    InForce::Good => weighed(changes),
                    InForce::Broken => format!("deploy.toml is good again: {}", contents(config)),
                    InForce::None => format!("The first deploy.toml: {}", contents(config)),
                };
                let in_use = if self.stranded.is_empty() {
                    ""
                } else {
                    "; ⚠️ what goes is still in use"
                };
                (Conclusion::Success, format!("{title}{in_use}"))
            }
        }
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![Section::lines(0, self.standing())];
        match &self.proposed {
            Proposed::Gone => sections.push(Section::lines(
                0,
                "Merged, this ends all that Slipway does in this repository: nothing is planned, \
                 applied or deployed any more. If the file was only to be moved: it is looked for \
                 at the root, by this name, and nowhere else.",
            )),
            Proposed::Unread(why) => sections.push(Section::lines(
                0,
                format!(
                    "{}. Nothing of it was checked. Once that is mended, re-run this check.",
                    prose(why.trim_end_matches('.'))
                ),
            )),
            Proposed::Broken { .. } => sections.push(Section::lines(
                0,
                "Merged like this, nothing would be planned, applied or deployed until it is \
                 mended. `slipway check` says the same before a push.",
            )),
            Proposed::Good { changes, .. } => self.push_changes(changes, &mut sections),
        }
        if !self.stranded.is_empty() {
            let lines = self.stranded.join("\n- ");
            let heading = "⚠️ **Without rules once this is merged, and still there**";
            sections.push(Section::lines(1, format!("{heading}\n\n- {lines}")));
        }
        sections
    }

    /// What is in force meanwhile.
    fn standing(&self) -> String {
        let branch = code(self.branch);
        let mut standing = match self.in_force {
            InForce::Good => {
                format!("What is in force is {branch}'s `deploy.toml` until this is merged.")
            }
            InForce::Broken => format!(
                "{branch}'s `deploy.toml` has errors: there is nothing to compare with, and nothing \
                 is planned, applied or deployed until it is mended there."
            ),
            InForce::None => format!(
                "{branch} has no `deploy.toml`: nothing is planned, applied or deployed until one \
                 is merged."
            ),
        };
        if let Some(other) = self.aimed_at {
            standing.push_str(&format!(
                " This pull request is aimed at {}: rules count from {branch} only.",
                code(other)
            ));
        }
        if self.behind > 0 && self.in_force == InForce::Good {
            let behind = usize::try_from(self.behind).unwrap_or(usize::MAX);
            standing.push_str(&format!(
                " The head is {} behind {branch}: rules that changed there since show here as if \
                 this took them back.",
                counted(behind, "commit", "commits")
            ));
        }
        standing
    }

    fn push_changes(&self, changes: &[Change], sections: &mut Vec<Section>) {
        if self.in_force != InForce::Good {
            let lines = lines(changes.iter(), "");
            sections.push(Section::lines(2, format!("**What it says**\n\n{lines}")));
            return;
        }
        let opening = lines(changes.iter().filter(|change| opens(change)), "⚠️ ");
        let others = lines(changes.iter().filter(|change| !opens(change)), "");
        if !opening.is_empty() {
            let heading = "**Wider rights and looser rules**";
            sections.push(Section::lines(1, format!("{heading}\n\n{opening}")));
        }
        if !others.is_empty() {
            let heading = if opening.is_empty() {
                "**Changes**"
            } else {
                "**Other changes**"
            };
            sections.push(Section::lines(2, format!("{heading}\n\n{others}")));
        }
    }
}

/// The check run of a commit whose pull request leaves alone a file that has errors on the default
/// branch: there is nothing to plan by.
#[must_use]
pub fn broken_on_branch(branch: &str, diagnostics: &[Diagnostic]) -> CheckOutput {
    CheckOutput {
        summary: format!(
            "deploy.toml on {}. Nothing is planned, applied or deployed until it is mended.",
            code(branch)
        ),
        ..output(Conclusion::Failure, errors(diagnostics), None, diagnostics)
    }
}

/// The same check run, asked for again after the file was mended.
#[must_use]
pub fn mended_on_branch(branch: &str) -> CheckOutput {
    CheckOutput {
        summary: format!(
            "deploy.toml on {} has no errors any more. Comment `/plan` to have this planned.",
            code(branch)
        ),
        ..output(
            Conclusion::Success,
            "deploy.toml is good".to_owned(),
            None,
            &[],
        )
    }
}

fn output(
    conclusion: Conclusion,
    title: String,
    text: Option<&str>,
    diagnostics: &[Diagnostic],
) -> CheckOutput {
    CheckOutput {
        name: CONFIG_CHECK_NAME.to_owned(),
        status: CheckStatus::Completed,
        conclusion: Some(conclusion),
        title,
        summary: String::new(),
        text: rendered(text, diagnostics),
        annotations: diagnostics
            .iter()
            .take(MOST_ANNOTATIONS)
            .map(annotation)
            .collect(),
        buttons: Buttons::default(),
    }
}

/// The findings as `slipway check` prints them; without the lines that they are about where the
/// text is not at hand.
fn rendered(text: Option<&str>, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for (told, diagnostic) in diagnostics.iter().enumerate() {
        // More would be cut: an endless line is quoted for everything found on it.
        if out.len() > CHECK_LIMIT {
            out.push_str(&format!("… and {} more\n", diagnostics.len() - told));
            break;
        }
        match text {
            Some(text) => out.push_str(&format!("{}\n", diagnostic.render(PATH, text))),
            None => out.push_str(&format!("{PATH}:{diagnostic}\n")),
        }
    }
    fit(&[Section::fenced(0, "", out)], CHECK_LIMIT, None)
}

fn annotation(diagnostic: &Diagnostic) -> Annotation {
    let (start, end) = (diagnostic.column as u64, diagnostic.end_column as u64);
    Annotation {
        path: PATH.to_owned(),
        start_line: diagnostic.line as u64,
        end_line: diagnostic.end_line as u64,
        // GitHub's last column is the last character's, not the place behind it.
        columns: (diagnostic.line == diagnostic.end_line)
            .then(|| (start, end.saturating_sub(1).max(start))),
        level: match diagnostic.severity {
            Severity::Error => AnnotationLevel::Failure,
            Severity::Warning => AnnotationLevel::Warning,
        },
        title: diagnostic.message.chars().take(255).collect(),
        // GitHub takes 64 KB; four bytes is the most that a character takes.
        message: diagnostic
            .help
            .as_ref()
            .unwrap_or(&diagnostic.message)
            .chars()
            .take(16_000)
            .collect(),
    }
}

fn errors(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let more = if errors >= MOST_FINDINGS {
        " or more"
    } else {
        ""
    };
    format!(
        "deploy.toml has {}{more}",
        counted(errors, "error", "errors")
    )
}

fn contents(config: &Config) -> String {
    format!(
        "{}, {}, {}",
        counted(config.environments.len(), "environment", "environments"),
        counted(config.stacks.len(), "stack", "stacks"),
        counted(config.services.len(), "service", "services")
    )
}

fn opens(change: &Change) -> bool {
    change.effect == Effect::Opens
}

fn weighed(changes: &[Change]) -> String {
    let opening = changes.iter().filter(|change| opens(change)).count();
    let others = changes.len() - opening;
    match (opening, others) {
        (0, 0) => "No rule changes (comments or layout only)".to_owned(),
        (0, _) => format!(
            "{}, none that widens rights or loosens rules",
            counted(others, "change", "changes")
        ),
        (_, 0) => widening(opening),
        _ => format!("{}, {others} other", widening(opening)),
    }
}

fn widening(opening: usize) -> String {
    let verbs = if opening == 1 {
        "widens rights or loosens rules"
    } else {
        "widen rights or loosen rules"
    };
    format!("⚠️ {} {verbs}", counted(opening, "change", "changes"))
}

fn lines<'c>(changes: impl Iterator<Item = &'c Change>, mark: &str) -> String {
    let line = |change: &Change| match change.key {
        Some(key) => format!("- {mark}{} · `{key}`: {}\n", change.subject, change.words),
        None => format!("- {mark}{} {}\n", change.subject, change.words),
    };
    changes.map(line).collect()
}
