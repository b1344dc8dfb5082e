//! What is wrong with a deploy.toml, pointing at the place.

use std::fmt::{self, Write as _};
use std::ops::Range;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file is not used.
    Error,
    /// The file is used, but probably does not mean what it says.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One finding about a deploy.toml, with its place in the text.
///
/// Lines and columns count from 1, columns in characters; the end is the place after the last
/// character, on the last line of the span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether the file can still be used.
    pub severity: Severity,
    /// What is wrong, on one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The place as bytes of the text.
    pub span: Range<usize>,
    /// The line where it starts.
    pub line: usize,
    /// The column where it starts.
    pub column: usize,
    /// The line where it ends.
    pub end_line: usize,
    /// The column after its last character.
    pub end_column: usize,
}

impl Diagnostic {
    pub(super) fn new(
        text: &str,
        severity: Severity,
        span: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end.max(span.start));
        let (line, column) = place(text, start);
        let (end_line, end_column) = place(text, end);
        Self {
            severity,
            message: message.into(),
            help,
            span: start..end,
            line,
            column,
            end_line,
            end_column,
        }
    }

    /// The finding with the line it is about, for a terminal or a log:
    ///
    /// ```text
    /// deploy.toml:12:5: error: unknown key `aprovals`
    ///    |
    /// 12 | aprovals = 1
    ///    | ^^^^^^^^
    ///    = help: did you mean `approvals`?
    /// ```
    #[must_use]
    pub fn render(&self, path: &str, text: &str) -> String {
        let source = text
            .split('\n')
            .nth(self.line - 1)
            .unwrap_or_default()
            .trim_end_matches('\r');
        let gutter = " ".repeat(self.line.to_string().len());
        let last = if self.end_line == self.line {
            self.end_column
        } else {
            source.chars().count() + 1
        };
        let carets = "^".repeat(last.saturating_sub(self.column).max(1));
        // Tabs stay tabs, so that the carets stand under what they mean.
        let indent: String = source
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let mut out = format!("{path}:{self}\n");
        let _ = writeln!(out, "{gutter} |");
        let _ = writeln!(out, "{}", format!("{} | {source}", self.line).trim_end());
        let _ = writeln!(out, "{gutter} | {indent}{carets}");
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{gutter} = help: {help}");
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    /// `12:5: error: …`, to be put after the file's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}: {}: {}",
            self.line, self.column, self.severity, self.message
        )
    }
}

/// The start of the character that this byte belongs to.
fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte)
        .rev()
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(0)
}

fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
