//! Terraform's counts and diagnostics, for all reports alike.

use std::fmt::Write as _;

use super::markdown::{code, text};
use crate::plan::Counts;
use crate::plan::diagnostics::{Diagnostic, Severity, SourceRange};

/// `+3 ~1 **-1**`: what is destroyed stands out.
#[must_use]
pub fn counts_markdown(counts: &Counts) -> String {
    if counts.is_zero() {
        return "no changes".to_owned();
    }
    let destroyed = format!("-{}", counts.destroy);
    let words = counts.to_string();
    let words = words.split(' ').map(|word| {
        if counts.destroy > 0 && word == destroyed {
            format!("**{word}**")
        } else {
            // Two tildes in a row would strike through.
            word.replace('~', "\\~")
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// One line of Markdown: the summary, and where.
pub(super) fn diagnostic_line(diagnostic: &Diagnostic) -> String {
    let summary = text(&diagnostic.summary);
    match &diagnostic.range {
        Some(range) => format!("{summary} ({})", code(&place(range))),
        None => summary,
    }
}

/// Diagnostics as plain text for a fence, the errors first.
#[must_use]
pub fn diagnostics_text(diagnostics: &[Diagnostic]) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| d.severity);
    let mut out = String::new();
    for diagnostic in sorted {
        if !out.is_empty() {
            out.push('\n');
        }
        let severity = match diagnostic.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        };
        let _ = writeln!(out, "{severity}: {}", diagnostic.summary.trim());
        if let Some(range) = &diagnostic.range {
            let _ = writeln!(out, "  on {}", place(range));
        }
        if let Some(address) = &diagnostic.address {
            let _ = writeln!(out, "  with {address}");
        }
        for line in diagnostic.code.iter().flat_map(|code| code.lines()) {
            let _ = writeln!(out, "    | {line}");
        }
        for line in diagnostic.detail.trim().lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn place(range: &SourceRange) -> String {
    format!("{}:{}", range.filename, range.start_line)
}
