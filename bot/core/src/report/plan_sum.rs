//! A long plan summed up: one line for each module and type.

use super::markdown::{code, table};
use super::terraform_text::counts_markdown;
use crate::plan::Counts;
use crate::plan::diff::TypeCount;

/// A plan that changes more resources is summed up in any case.
const LONG: usize = 25;

/// Which plans are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summed {
    /// Those that are long by themselves.
    Long,
    /// All of more than one module or type: the document does not fit otherwise, and what is left
    /// out of it is to be counted at least.
    All,
}

/// The table, where there is one to make.
pub(super) fn sum_table(by_type: &[TypeCount], summed: Summed) -> Option<String> {
    let long = by_type.iter().map(|t| touched(&t.counts)).sum::<usize>() > LONG;
    let wanted = match summed {
        Summed::Long => long,
        Summed::All => long || by_type.len() > 1,
    };
    if !wanted {
        return None;
    }
    let rows = by_type.iter().map(|line| {
        let module = line
            .module
            .as_deref()
            .map_or_else(|| "root".to_owned(), code);
        vec![module, code(&line.kind), counts_markdown(&line.counts)]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    Some(table(&["module", "type", "changes"], &rows))
}

/// How many resources that is: one that is replaced is one, and so is one that is moved and changed.
fn touched(counts: &Counts) -> usize {
    let changed = counts.add + counts.change + counts.destroy - counts.replace.min(counts.destroy);
    changed
        .max(counts.import)
        .max(counts.moved)
        .saturating_add(counts.forget)
}
