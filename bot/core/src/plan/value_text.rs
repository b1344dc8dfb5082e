//! One attribute as lines of a diff: scalars on one line, long strings, JSON and lists compared
//! inside.

use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::diff::DiffLimits;
use super::mask::can_be_matched;
use super::model::{AttributeDiff, Shown};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 2;
/// Both sides together longer than this go on a line each.
const ONE_LINE: usize = 100;
/// A list with more elements than this is compared element by element.
const SHORT_LIST: usize = 4;

/// Where the attribute's name begins.
#[derive(Clone, Copy)]
pub(super) enum LineSigns {
    /// Behind the sign and three spaces: it belongs to the resource above.
    Indented,
    /// Behind the sign and one space: it stands for itself.
    Flush,
}

impl LineSigns {
    fn pad(self) -> &'static str {
        match self {
            Self::Indented => "   ",
            Self::Flush => " ",
        }
    }
}

/// Writes one attribute.
pub(super) fn attribute(
    text: &mut String,
    diff: &AttributeDiff,
    signs: LineSigns,
    limits: &DiffLimits,
) {
    let pad = signs.pad();
    let path = &diff.path;
    let forces = if diff.forces_replacement {
        " # forces replacement"
    } else {
        ""
    };
    match (&diff.before, &diff.after) {
        (None, None) => {}
        (None, Some(value)) => one_side(text, '+', pad, path, value, forces, limits),
        (Some(value), None) => one_side(text, '-', pad, path, value, forces, limits),
        (Some(before), Some(after)) => {
            if let Some(lines) = compared(before, after) {
                changed_lines(text, pad, path, forces, &lines, limits);
            } else {
                changed(text, pad, path, forces, (before, after), limits);
            }
        }
    }
}

fn one_side(
    text: &mut String,
    sign: char,
    pad: &str,
    path: &str,
    value: &Shown,
    forces: &str,
    limits: &DiffLimits,
) {
    let Some(lines) = lines_of(value) else {
        let shown = shortened(&one_line(value), limits.value_chars);
        let _ = writeln!(text, "{sign}{pad}{path} = {shown}{forces}");
        return;
    };
    let _ = writeln!(text, "{sign}{pad}{path} ={forces}");
    for line in lines.iter().take(limits.value_lines) {
        let _ = writeln!(text, "{sign}{pad}  {}", shortened(line, limits.value_chars));
    }
    let hidden = lines.len().saturating_sub(limits.value_lines);
    if hidden > 0 {
        let _ = writeln!(text, "{sign}{pad}  … ({hidden} more lines)");
    }
}

fn changed(
    text: &mut String,
    pad: &str,
    path: &str,
    forces: &str,
    (before, after): (&Shown, &Shown),
    limits: &DiffLimits,
) {
    if let (Shown::Sensitive { .. }, Shown::Sensitive { .. }) = (before, after) {
        let _ = writeln!(text, "!{pad}{path}: {}{forces}", one_line(after));
        return;
    }
    let (mut old, mut new) = (one_line(before), one_line(after));
    if !matches!((before, after), (Shown::Value(_), Shown::Value(_))) {
        // There is nothing to compare with: the beginning tells which value it was.
        old = shortened(&old, ONE_LINE / 2);
        new = shortened(&new, ONE_LINE / 2);
        let _ = writeln!(text, "!{pad}{path}: {old} -> {new}{forces}");
        return;
    }
    if old.chars().count() + new.chars().count() <= ONE_LINE {
        let _ = writeln!(text, "!{pad}{path}: {old} -> {new}{forces}");
        return;
    }
    let (old, new) = around_difference(&old, &new);
    let _ = writeln!(text, "!{pad}{path}:{forces}");
    let _ = writeln!(text, "-{pad}  {}", shortened(&old, limits.value_chars));
    let _ = writeln!(text, "+{pad}  {}", shortened(&new, limits.value_chars));
}

/// Two texts to compare line by line.
struct Lines {
    before: Vec<String>,
    after: Vec<String>,
}

/// Both sides as lines, when at least one has several.
fn compared(before: &Shown, after: &Shown) -> Option<Lines> {
    let (Shown::Value(before), Shown::Value(after)) = (before, after) else {
        return None;
    };
    if let (Value::Array(b), Value::Array(a)) = (before, after) {
        let long = b.len().max(a.len()) > SHORT_LIST;
        return long.then(|| Lines {
            before: elements(b),
            after: elements(a),
        });
    }
    let (Value::String(before), Value::String(after)) = (before, after) else {
        return None;
    };
    if let (Some(b), Some(a)) = (json_lines(before), json_lines(after)) {
        return Some(Lines {
            before: b,
            after: a,
        });
    }
    (before.contains('\n') || after.contains('\n')).then(|| Lines {
        before: text_lines(before),
        after: text_lines(after),
    })
}

fn changed_lines(
    text: &mut String,
    pad: &str,
    path: &str,
    forces: &str,
    lines: &Lines,
    limits: &DiffLimits,
) {
    if lines.before == lines.after {
        let _ = writeln!(
            text,
            "!{pad}{path}: (only white space or formatting changes){forces}"
        );
        return;
    }
    let _ = writeln!(text, "!{pad}{path}:{forces}");
    if !can_be_matched(&lines.before, &lines.after) {
        let (old, new) = (lines.before.len(), lines.after.len());
        let _ = writeln!(
            text,
            "!{pad}  ({old} lines -> {new} lines, too many to compare here)"
        );
        return;
    }
    let before: Vec<&str> = lines.before.iter().map(String::as_str).collect();
    let after: Vec<&str> = lines.after.iter().map(String::as_str).collect();
    let diff = TextDiff::from_slices(&before, &after);
    let mut out = Vec::new();
    let mut told_to = 0;
    for group in diff.grouped_ops(CONTEXT) {
        let begins = group.first().map_or(0, |op| op.old_range().start);
        gap(&mut out, pad, begins.saturating_sub(told_to));
        told_to = group.last().map_or(begins, |op| op.old_range().end);
        for op in &group {
            for change in diff.iter_changes(op) {
                let sign = match change.tag() {
                    ChangeTag::Equal => ' ',
                    ChangeTag::Delete => '-',
                    ChangeTag::Insert => '+',
                };
                out.push(format!(
                    "{sign}{pad}  {}",
                    shortened(change.value(), limits.value_chars)
                ));
            }
        }
    }
    gap(&mut out, pad, before.len().saturating_sub(told_to));
    let hidden = out.len().saturating_sub(limits.value_lines);
    out.truncate(limits.value_lines);
    for line in out {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if hidden > 0 {
        let _ = writeln!(text, "!{pad}  … ({hidden} more lines of this difference)");
    }
}

fn gap(out: &mut Vec<String>, pad: &str, unchanged: usize) {
    match unchanged {
        0 => {}
        1 => out.push(format!(" {pad}  … (1 unchanged line)")),
        n => out.push(format!(" {pad}  … ({n} unchanged lines)")),
    }
}

/// A value that is best shown on several lines.
fn lines_of(value: &Shown) -> Option<Vec<String>> {
    match value {
        Shown::Value(Value::String(text)) => {
            json_lines(text).or_else(|| text.contains('\n').then(|| text_lines(text)))
        }
        Shown::Value(Value::Array(items)) if items.len() > SHORT_LIST => Some(elements(items)),
        Shown::Value(_) | Shown::Unknown | Shown::Sensitive { .. } => None,
    }
}

/// A JSON document in a string (a policy, a task definition), laid out; `None` for other strings.
fn json_lines(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let laid_out = serde_json::to_string_pretty(&sorted(value)).ok()?;
    // Without the commas between elements: else adding one would change the line before it, too.
    Some(
        laid_out
            .lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .collect(),
    )
}

/// Objects in the order of their keys, whatever order the parser keeps.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().map(|(k, v)| (k, sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        scalar => scalar,
    }
}

fn text_lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn elements(items: &[Value]) -> Vec<String> {
    items.iter().map(Value::to_string).collect()
}

fn one_line(value: &Shown) -> String {
    match value {
        Shown::Unknown => "(known after apply)".to_owned(),
        Shown::Sensitive { changed: false } => "(sensitive)".to_owned(),
        Shown::Sensitive { changed: true } => "(sensitive, changed)".to_owned(),
        Shown::Value(value) => value.to_string(),
    }
}

/// The first characters and how many are left out.
fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let hidden = text.chars().count() - limit;
            format!("{}… ({hidden} more characters)", &text[..end])
        }
    }
}

/// Leaves out what two long texts have in common at both ends, but for a few characters.
fn around_difference(before: &str, after: &str) -> (String, String) {
    const KEPT: usize = 24;
    let (b, a): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let prefix = b.iter().zip(&a).take_while(|(x, y)| x == y).count();
    let room = b.len().min(a.len()) - prefix;
    let suffix = b
        .iter()
        .rev()
        .zip(a.iter().rev())
        .take(room)
        .take_while(|(x, y)| x == y)
        .count();
    let cut = |chars: &[char]| {
        let from = if prefix > 2 * KEPT { prefix - KEPT } else { 0 };
        let to = if suffix > 2 * KEPT {
            chars.len() - suffix + KEPT
        } else {
            chars.len()
        };
        let middle: String = chars.get(from..to).unwrap_or_default().iter().collect();
        let (head, tail) = (
            if from > 0 { "…" } else { "" },
            if to < chars.len() { "…" } else { "" },
        );
        format!("{head}{middle}{tail}")
    };
    (cut(&b), cut(&a))
}
