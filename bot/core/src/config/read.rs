//! Text to the [`File`] it is: syntax, then unknown and missing keys, then types.
//!
//! What is wrong is told and set aside, and the rest is read all the same, so that one reading
//! finds more than the first mistake.

use std::ops::Range;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Invalid;
use super::findings::Findings;
use super::raw::File;
use super::schema::schema;

/// Mistakes in types that are looked for before giving up.
const MOST_TYPE_ERRORS: usize = 50;

pub(super) fn read(text: &str, findings: &mut Findings<'_>) -> Option<File> {
    let mut table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            findings.error(span, Invalid::new(error.message().to_owned()));
            return None;
        }
    };
    let top = 0..text.find('\n').unwrap_or(text.len());
    walk(
        table.get_mut(),
        &schema(),
        &Place {
            name: "deploy.toml".to_owned(),
            span: top,
        },
        findings,
    );
    for _ in 0..MOST_TYPE_ERRORS {
        let error = match File::deserialize(toml::de::Deserializer::from(table.clone())) {
            Ok(file) => return Some(file),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let key = set_aside(table.get_mut(), &span)?;
        findings.error(
            span,
            Invalid::new(format!("`{key}`: {}", in_words(error.message()))),
        );
    }
    None
}

/// The deserializer's words for types are Rust's; these are those of people.
fn in_words(message: &str) -> String {
    let mut message = message.to_owned();
    for (theirs, ours) in [
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: table"),
        ("unknown variant", "unknown value"),
        ("expected i64", "expected a number"),
        ("expected u32", "expected a number that is not negative"),
        ("expected a map", "expected a table"),
        ("expected a sequence", "expected a list"),
    ] {
        message = message.replace(theirs, ours);
    }
    message
}

/// A table, as a finding names it and points at it.
struct Place {
    name: String,
    span: Range<usize>,
}

/// Goes through a table along its schema: takes out the keys that it does not have, tells those
/// that are missing.
fn walk(table: &mut DeTable<'_>, schema: &Value, place: &Place, findings: &mut Findings<'_>) {
    if let Some(values) = schema.get("additionalProperties").filter(|s| s.is_object()) {
        for (key, value) in table.iter_mut() {
            step(key, value, values, place, findings);
        }
        return;
    }
    let Some(known) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    let unknown: Vec<_> = table
        .keys()
        .filter(|key| !known.contains_key(key.get_ref().as_ref()))
        .cloned()
        .collect();
    for key in unknown {
        if findings.is_full() {
            table.remove(&key);
            continue;
        }
        let name: &str = key.get_ref();
        let error = Invalid::new(format!("unknown key `{name}` in {}", place.name));
        findings.error(
            key.span(),
            error.with_help(suggest(name, known.keys().map(String::as_str))),
        );
        table.remove(&key);
    }
    for (key, value) in table.iter_mut() {
        let name: &str = key.get_ref();
        if let Some(schema) = known.get(name) {
            step(key, value, schema, place, findings);
        }
    }
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for name in required.filter_map(Value::as_str) {
        if !table.keys().any(|key| key.get_ref() == name) {
            let help = known
                .get(name)
                .and_then(|s| s.get("description"))
                .and_then(Value::as_str);
            let error = Invalid::new(format!("{} has no `{name}`", place.name));
            let error = match help {
                Some(help) => error.with_help(first_sentence(help)),
                None => error,
            };
            findings.error(place.span.clone(), error);
        }
    }
}

fn step(
    key: &Spanned<toml::de::DeString<'_>>,
    value: &mut Spanned<DeValue<'_>>,
    schema: &Value,
    place: &Place,
    findings: &mut Findings<'_>,
) {
    if let (DeValue::Array(list), Some(items)) = (value.get_mut(), schema.get("items")) {
        for item in list.iter_mut() {
            step(key, item, items, place, findings);
        }
        return;
    }
    if let DeValue::Table(table) = value.get_mut() {
        let name = if place.name == "deploy.toml" {
            key.get_ref().to_string()
        } else {
            format!("{}.{}", place.name, key.get_ref())
        };
        walk(
            table,
            schema,
            &Place {
                name,
                span: key.span(),
            },
            findings,
        );
    }
}

fn first_sentence(text: &str) -> String {
    let sentence = text
        .split(". ")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let mut chars = sentence.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}

/// What was probably meant, else all there is.
pub(super) fn suggest<'n>(written: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    let near = known
        .iter()
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count() / 5)
        .min_by_key(|(distance, _)| *distance);
    match near {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None if known.len() == 1 => format!("there is only `{}`", known[0]),
        None => {
            let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("there are {}", names.join(", "))
        }
    }
}

/// Takes the innermost entry at this place out of the table, and gives its key.
fn set_aside(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (_, value) in table.iter_mut() {
        let inner = match value.get_mut() {
            DeValue::Table(inner) => set_aside(inner, span),
            DeValue::Array(list) => list.iter_mut().find_map(|item| match item.get_mut() {
                DeValue::Table(inner) => set_aside(inner, span),
                _ => None,
            }),
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
    }
    let covers = |outer: Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let key = table
        .iter()
        .find(|(key, value)| covers(value.span()) || covers(key.span()))
        .map(|(key, _)| key.clone())?;
    table.remove(&key);
    Some(key.into_inner().into_owned())
}
