//! The output of a check run, whatever it is about. Limits: GitHub REST, "Checks".

use serde::{Deserialize, Serialize};

/// How far a check run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Not begun.
    Queued,
    /// Under way.
    InProgress,
    /// Ended; carries a conclusion.
    Completed,
}

/// How a check run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Good.
    Success,
    /// Bad.
    Failure,
    /// Neither; does not block.
    Neutral,
    /// Stopped by a person or by something newer.
    Cancelled,
    /// Somebody has to do something.
    ActionRequired,
    /// Took longer than allowed.
    TimedOut,
    /// Not done.
    Skipped,
}

/// A button on a check run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    label: String,
    description: String,
    identifier: String,
}

/// Why a button can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ButtonError {
    /// A text is empty or too long.
    #[error("a button's {what} takes 1 to {limit} characters, this has {length}")]
    Length {
        /// `label`, `description` or `identifier`.
        what: &'static str,
        /// GitHub's limit.
        limit: usize,
        /// What it has.
        length: usize,
    },
    /// A fourth button.
    #[error("a check run takes at most 3 buttons")]
    TooMany,
}

impl Button {
    /// A button: its label (at most 20 characters), what it does (40), and the key by which the
    /// press is recognised (20).
    ///
    /// # Errors
    /// When a text is empty or longer than GitHub takes.
    pub fn new(
        label: impl Into<String>,
        description: impl Into<String>,
        identifier: impl Into<String>,
    ) -> Result<Self, ButtonError> {
        let button = Self {
            label: label.into(),
            description: description.into(),
            identifier: identifier.into(),
        };
        within("label", &button.label, 20)?;
        within("description", &button.description, 40)?;
        within("identifier", &button.identifier, 20)?;
        Ok(button)
    }

    /// What it says.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it does.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The key that comes back with a press.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }
}

fn within(what: &'static str, text: &str, limit: usize) -> Result<(), ButtonError> {
    let length = text.chars().count();
    if (1..=limit).contains(&length) {
        Ok(())
    } else {
        Err(ButtonError::Length {
            what,
            limit,
            length,
        })
    }
}

/// At most three buttons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Buttons(Vec<Button>);

impl Buttons {
    /// Adds one.
    ///
    /// # Errors
    /// When there are three.
    pub fn push(&mut self, button: Button) -> Result<(), ButtonError> {
        if self.0.len() >= 3 {
            return Err(ButtonError::TooMany);
        }
        self.0.push(button);
        Ok(())
    }

    /// The buttons.
    #[must_use]
    pub fn as_slice(&self) -> &[Button] {
        &self.0
    }
}

/// How loud an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnotationLevel {
    /// An error.
    Failure,
    /// A warning.
    Warning,
    /// A remark.
    Notice,
}

/// A remark on lines of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    /// The file, relative to the repository's root.
    pub path: String,
    /// First line, from one.
    pub start_line: u64,
    /// Last line.
    pub end_line: u64,
    /// Columns from one; GitHub takes them only when both lines are the same.
    pub columns: Option<(u64, u64)>,
    /// How loud.
    pub level: AnnotationLevel,
    /// At most 255 characters.
    pub title: String,
    /// At most 64 KB.
    pub message: String,
}

/// What a check run shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutput {
    /// The check run's name, by which branch protection knows it.
    pub name: String,
    /// How far it is.
    pub status: CheckStatus,
    /// How it ended; set when, and only when, the status is completed.
    pub conclusion: Option<Conclusion>,
    /// One line.
    pub title: String,
    /// Markdown, the table.
    pub summary: String,
    /// Markdown, the whole; empty for none.
    pub text: String,
    /// Remarks on lines; send them in [`CheckOutput::annotation_batches`].
    pub annotations: Vec<Annotation>,
    /// What a reader may press.
    pub buttons: Buttons,
}

impl CheckOutput {
    /// The annotations in the batches that one request takes (50).
    pub fn annotation_batches(&self) -> impl Iterator<Item = &[Annotation]> {
        self.annotations.chunks(50)
    }
}
