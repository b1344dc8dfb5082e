//! Collects what is wrong, so that one reading of the file finds as much as it can.

use std::ops::Range;

use super::Invalid;
use super::diagnostic::{Diagnostic, Severity};
use super::raw::Located;

/// The most findings of each severity that are kept. Nobody reads more, and each has its place
/// looked up.
pub const MOST_FINDINGS: usize = 200;

/// The findings about one text.
pub(super) struct Findings<'t> {
    text: &'t str,
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl<'t> Findings<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            list: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    pub(super) fn error(&mut self, span: Range<usize>, what: Invalid) {
        self.errors += 1;
        self.push(Severity::Error, self.errors, span, what);
    }

    pub(super) fn warning(&mut self, span: Range<usize>, what: Invalid) {
        self.warnings += 1;
        self.push(Severity::Warning, self.warnings, span, what);
    }

    /// Keeps a finding, the so-many-eth of its severity.
    fn push(&mut self, severity: Severity, number: usize, span: Range<usize>, what: Invalid) {
        if number > MOST_FINDINGS {
            return;
        }
        self.list.push(Diagnostic::new(
            self.text,
            severity,
            span,
            what.message,
            what.help,
        ));
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether further errors are counted and not kept.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= MOST_FINDINGS
    }

    /// The findings in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Diagnostic> {
        self.list
            .sort_by_key(|finding| (finding.span.start, finding.span.end));
        self.list.dedup();
        self.list
    }

    /// Parses a written text; what is wrong with it becomes a finding at its place.
    pub(super) fn parse<T>(
        &mut self,
        written: &Located<String>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        match parse(written.text()) {
            Ok(value) => Some(value),
            Err(what) => {
                self.error(written.span(), what);
                None
            }
        }
    }

    /// Like [`Self::parse`] for a key that may be missing: `None` inside is "not written".
    pub(super) fn parse_optional<T>(
        &mut self,
        written: Option<&Located<String>>,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        written.and_then(|written| self.parse(written, parse))
    }

    /// Like [`Self::parse`] for a list; what can't be parsed is left out.
    pub(super) fn parse_list<T>(
        &mut self,
        written: Option<&Vec<Located<String>>>,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Vec<T> {
        let written = written.map(Vec::as_slice).unwrap_or_default();
        written
            .iter()
            .filter_map(|text| self.parse(text, &parse))
            .collect()
    }
}
