//! A document of sections that fits a limit, whatever is in it.
//!
//! What gives way is chosen by priority and told where it gives way, with a link to the rest. A cut
//! never goes through a fence or a fold. Lengths are in bytes: GitHub counts characters, and bytes
//! are never fewer.

use super::evidence::Link;
use super::markdown::{counted, details, fenced, text};

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
    /// Markdown that is cut between lines, unless it holds a fence or a fold: then it goes whole.
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
        /// Markdown that is cut between lines.
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

    /// Text in a fence.
    #[must_use]
    pub fn fenced(priority: u8, lang: &'static str, text: impl Into<String>) -> Self {
        let (summary, text) = (None, text.into());
        Self {
            priority,
            body: Body::Fenced {
                summary,
                lang,
                text,
            },
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
        let (summary, text) = (Some(summary.into()), text.into());
        Self {
            priority,
            body: Body::Fenced {
                summary,
                lang,
                text,
            },
        }
    }

    /// Markdown lines in a fold.
    #[must_use]
    pub fn folded_lines(
        priority: u8,
        summary: impl Into<String>,
        markdown: impl Into<String>,
    ) -> Self {
        let (summary, lines) = (summary.into(), markdown.into());
        Self {
            priority,
            body: Body::Folded { summary, lines },
        }
    }

    fn content(&self) -> &str {
        match &self.body {
            Body::Lines(text) | Body::Fenced { text, .. } | Body::Folded { lines: text, .. } => {
                text.trim_end()
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.content().is_empty()
    }

    fn full(&self) -> String {
        self.around(self.content(), "")
    }

    /// The section with other content, and a note behind it that is no part of a fence.
    fn around(&self, content: &str, note: &str) -> String {
        let apart = if note.is_empty() { "" } else { "\n" };
        match &self.body {
            Body::Lines(_) => format!("{content}\n{apart}{note}"),
            Body::Fenced {
                summary: None,
                lang,
                ..
            } => format!("{}{apart}{note}", fenced(lang, content)),
            Body::Fenced {
                summary: Some(summary),
                lang,
                ..
            } => details(summary, &format!("{}{apart}{note}", fenced(lang, content))),
            Body::Folded { summary, .. } => details(summary, &format!("{content}\n{apart}{note}")),
        }
    }

    /// As many lines as fit the budget and a note on the others; only the note when none does.
    fn shortened(&self, budget: usize, rest: Option<&Link>) -> String {
        let lines: Vec<&str> = self.content().lines().collect();
        let with = |kept: usize| {
            let (shown, hidden) = lines.split_at(kept);
            self.around(&shown.join("\n"), &left_out(hidden.len(), rest))
        };
        let fewest = self.fewest_lines();
        let (mut fits, mut too_many) = (0, if self.is_divisible() { lines.len() } else { 0 });
        while fits + 1 < too_many {
            let middle = fits.midpoint(too_many);
            if with(middle).len() <= budget {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        if fits >= fewest {
            return with(fits);
        }
        let note = left_out(lines.len(), rest);
        match &self.body {
            Body::Fenced {
                summary: Some(summary),
                ..
            }
            | Body::Folded { summary, .. } => {
                format!("{}: {note}", text(summary))
            }
            Body::Lines(_) | Body::Fenced { summary: None, .. } => note,
        }
    }

    fn is_divisible(&self) -> bool {
        let markdown = match &self.body {
            Body::Fenced { .. } => return true,
            Body::Lines(lines) | Body::Folded { lines, .. } => lines,
        };
        !markdown.contains("```") && !markdown.contains("<details")
    }

    /// A table without rows, or an empty fence, says nothing.
    fn fewest_lines(&self) -> usize {
        if self.content().starts_with('|') {
            3
        } else {
            1
        }
    }
}

/// Renders the sections, one blank line between them, in at most `limit` bytes. `rest` is where the
/// whole can be read. Empty sections are left out.
#[must_use]
pub fn fit(sections: &[Section], limit: usize, rest: Option<&Link>) -> String {
    let sections: Vec<&Section> = sections.iter().filter(|s| !s.is_empty()).collect();
    let mut parts: Vec<String> = sections.iter().map(|s| s.full()).collect();
    let mut order: Vec<usize> = (0..sections.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse((sections[i].priority, i)));

    for &i in &order {
        let excess = length(&parts).saturating_sub(limit);
        if excess == 0 {
            return parts.join("\n");
        }
        let shorter = sections[i].shortened(parts[i].len().saturating_sub(excess), rest);
        if shorter.len() < parts[i].len() {
            parts[i] = shorter;
        }
    }
    if length(&parts) <= limit {
        return parts.join("\n");
    }
    dropped(parts, &order, limit, rest)
}

/// The last resort: whole parts go, in order, and one line at the end tells how many.
fn dropped(mut parts: Vec<String>, order: &[usize], limit: usize, rest: Option<&Link>) -> String {
    for (gone, &i) in order.iter().enumerate() {
        parts[i].clear();
        let mut left: Vec<String> = parts.iter().filter(|p| !p.is_empty()).cloned().collect();
        left.push(match rest {
            Some(link) => format!(
                "{} left out: {}\n",
                counted(gone + 1, "part", "parts"),
                link.markdown()
            ),
            None => format!("{} left out.\n", counted(gone + 1, "part", "parts")),
        });
        if length(&left) <= limit {
            return left.join("\n");
        }
    }
    String::new()
}

/// True when the sections need no cut.
#[must_use]
pub fn fits(sections: &[Section], limit: usize) -> bool {
    let sections = sections.iter().filter(|s| !s.is_empty());
    let parts: Vec<String> = sections.map(Section::full).collect();
    length(&parts) <= limit
}

fn left_out(lines: usize, rest: Option<&Link>) -> String {
    let more = counted(lines, "more line", "more lines");
    match rest {
        Some(link) => format!("… {more}: {}\n", link.markdown()),
        None => format!("… {more} left out, too long for GitHub.\n"),
    }
}

/// The length of the parts with a newline between them.
fn length(parts: &[String]) -> usize {
    parts
        .iter()
        .map(|p| p.len() + 1)
        .sum::<usize>()
        .saturating_sub(1)
}
