//! Reads diagnostics from Terraform's output for people: `init` and `workspace` have no
//! machine-readable one in every version (and in OpenTofu) that the bot works with.
//!
//! The form (`format.DiagnosticPlain` in Terraform's source): a line `Error: SUMMARY`, then after a
//! blank line perhaps `  on FILE line N, in CONTEXT:` with numbered lines of code, then the detail.

use slipway_core::plan::Diagnostic;
use slipway_core::plan::diagnostics::{Severity, SourceRange};

/// How much of an error's text is kept.
const KEPT_BYTES: usize = 256 * 1024;
/// What Terraform says before the real errors of a broken configuration.
const PREFACE: &str = "Terraform encountered problems during initialisation";

/// Collects lines, as many as anybody would read.
#[derive(Debug, Default)]
pub(super) struct ErrorText {
    lines: Vec<String>,
    bytes: usize,
}

impl ErrorText {
    pub(super) fn push(&mut self, line: &str) {
        if self.bytes < KEPT_BYTES {
            self.bytes += line.len();
            self.lines.push(line.to_owned());
        }
    }

    pub(super) fn diagnostics(&self) -> Vec<Diagnostic> {
        diagnostics(&self.lines)
    }
}

/// The diagnostics in these lines, each once.
pub(super) fn diagnostics(lines: &[String]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut add = |diagnostic: Option<Diagnostic>| {
        if let Some(mut diagnostic) = diagnostic {
            diagnostic
                .detail
                .truncate(diagnostic.detail.trim_end().len());
            if !found.contains(&diagnostic) {
                found.push(diagnostic);
            }
        }
    };
    let mut current: Option<Diagnostic> = None;
    for line in lines {
        if let Some((severity, summary)) = headline(line) {
            add(current.take());
            current = Some(Diagnostic {
                severity,
                summary: summary.to_owned(),
                detail: String::new(),
                address: None,
                range: None,
                code: None,
            });
        } else if let Some(diagnostic) = &mut current {
            take(diagnostic, line);
        }
    }
    add(current);
    let has_more = found.len() > 1;
    found.retain(|diagnostic| !(has_more && diagnostic.summary.starts_with(PREFACE)));
    found
}

fn headline(line: &str) -> Option<(Severity, &str)> {
    let error = line
        .strip_prefix("Error: ")
        .map(|summary| (Severity::Error, summary));
    error.or_else(|| {
        line.strip_prefix("Warning: ")
            .map(|summary| (Severity::Warning, summary))
    })
}

fn take(diagnostic: &mut Diagnostic, line: &str) {
    if diagnostic.detail.is_empty() {
        if line.trim().is_empty() {
            return;
        }
        if diagnostic.range.is_none()
            && let Some(range) = place(line)
        {
            diagnostic.range = Some(range);
            return;
        }
        if diagnostic.range.is_some()
            && let Some(code) = code(line)
        {
            diagnostic.code.get_or_insert_with(|| code.to_owned());
            return;
        }
    }
    diagnostic.detail.push_str(line);
    diagnostic.detail.push('\n');
}

/// `  on main.tf line 14, in resource "x" "y":`
fn place(line: &str) -> Option<SourceRange> {
    let (filename, rest) = line.strip_prefix("  on ")?.split_once(" line ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let line = digits.parse().ok()?;
    Some(SourceRange {
        filename: filename.to_owned(),
        start_line: line,
        start_column: 1,
        end_line: line,
        end_column: 1,
    })
}

/// `  14: foo {`
fn code(line: &str) -> Option<&str> {
    let (number, code) = line.strip_prefix("  ")?.split_once(':')?;
    number.trim().parse::<u64>().ok()?;
    Some(code.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_once_with_its_place() {
        let text = "\
Initializing the backend...

Error: Terraform encountered problems during initialisation, including problems
with the configuration, described below.

The Terraform configuration must be valid before initialization.


Error: Unsupported block type

  on a. b/main.tf line 14:
  14: foo {

Blocks of type \"foo\" are not expected here.

Error: Unsupported block type

  on a. b/main.tf line 14:
  14: foo {

Blocks of type \"foo\" are not expected here.

Warning: Old

  on x.tf line 2, in resource \"a\" \"b\":
   2:   c = 1

First line: yes
second line.
";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let found = diagnostics(&lines);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].summary, "Unsupported block type");
        let range = found[0].range.as_ref().unwrap();
        assert_eq!(
            (range.filename.as_str(), range.start_line),
            ("a. b/main.tf", 14)
        );
        assert_eq!(found[0].code.as_deref(), Some("foo {"));
        assert_eq!(
            found[0].detail,
            "Blocks of type \"foo\" are not expected here."
        );
        assert_eq!(found[1].severity, Severity::Warning);
        assert_eq!(found[1].detail, "First line: yes\nsecond line.");
    }

    #[test]
    fn other_text_is_none() {
        assert!(diagnostics(&["Success! ".to_owned(), String::new()]).is_empty());
        assert!(diagnostics(&[]).is_empty());
    }
}
