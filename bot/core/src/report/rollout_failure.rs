//! What went wrong in a rollout, down to the container and its last words.

use serde::{Deserialize, Serialize};

use super::fit::Section;
use super::markdown::{code, prose, table, text};

/// What went wrong in a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutFailure {
    /// One sentence, in which code stands between backticks: `3 pods can't pull their image`.
    pub summary: String,
    /// The containers that are not well.
    pub containers: Vec<ContainerTrouble>,
    /// Kubernetes' events, the newest last.
    pub events: Vec<String>,
    /// True when the release before is still serving.
    pub previous_serving: bool,
    /// What follows from it, as sentences in which commands stand between backticks.
    pub more: Vec<String>,
}

/// One container that is not well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerTrouble {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Kubernetes' word: `CrashLoopBackOff`.
    pub reason: String,
    /// Kubernetes' sentence.
    pub message: Option<String>,
    /// The exit code of its last end.
    pub exit_code: Option<i32>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Its last lines, the newest last.
    pub log: Vec<String>,
}

/// How much of a failure's cause is shown, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Logs and events in folds.
    InFolds,
    /// Logs and events open.
    Open,
    /// The containers alone; logs and events stand elsewhere.
    Left,
}

impl RolloutFailure {
    pub(super) fn told(&self) -> String {
        let mut told = vec![prose(&self.summary)];
        if self.previous_serving {
            told.push("The release before is still serving.".to_owned());
        }
        told.extend(self.more.iter().map(|sentence| prose(sentence)));
        told.join("\n\n")
    }

    pub(super) fn sections(&self, cause: Cause) -> Vec<Section> {
        let mut sections = Vec::new();
        // The check run has the table in its summary.
        if cause != Cause::Open {
            sections.push(Section::lines(1, self.containers_table()));
        }
        if cause == Cause::Left {
            return sections;
        }
        let with_log = self.containers.iter().filter(|c| !c.log.is_empty());
        for container in with_log {
            let title = format!("Last lines of {} in {}", container.container, container.pod);
            push(&mut sections, cause, &title, container.log.join("\n"));
        }
        push(&mut sections, cause, "Events", self.events.join("\n"));
        sections
    }

    fn containers_table(&self) -> String {
        if self.containers.is_empty() {
            return String::new();
        }
        let rows: Vec<Vec<String>> = self
            .containers
            .iter()
            .map(ContainerTrouble::cells)
            .collect();
        table(
            &["pod", "container", "reason", "exit code", "restarts"],
            &rows,
        )
    }
}

fn push(sections: &mut Vec<Section>, cause: Cause, title: &str, body: String) {
    if body.trim().is_empty() {
        return;
    }
    if cause == Cause::Open {
        sections.push(Section::lines(1, format!("#### {}", text(title))));
        sections.push(Section::fenced(5, "", body));
    } else {
        sections.push(Section::folded(5, title, "", body));
    }
}

impl ContainerTrouble {
    fn cells(&self) -> Vec<String> {
        let reason = match &self.message {
            Some(message) => format!("**{}**: {}", text(&self.reason), text(message)),
            None => format!("**{}**", text(&self.reason)),
        };
        let exit_code = self.exit_code.map_or_else(|| "–".to_owned(), exit_code);
        vec![
            code(&self.pod),
            code(&self.container),
            reason,
            exit_code,
            self.restarts.to_string(),
        ]
    }
}

/// The codes that tell a cause (POSIX: 128 and the signal's number).
fn exit_code(code: i32) -> String {
    match code {
        126 => "126 (can't be executed)".to_owned(),
        127 => "127 (no such command)".to_owned(),
        137 => "137 (killed: often out of memory)".to_owned(),
        139 => "139 (segmentation fault)".to_owned(),
        143 => "143 (terminated)".to_owned(),
        other => other.to_string(),
    }
}
