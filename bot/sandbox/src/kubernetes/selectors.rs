//! Label and field selectors, as lists and watches take them.

use serde_json::Value;

use super::status::Refusal;

/// One requirement of a label selector.
#[derive(Clone, Debug)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// Which objects a list or watch is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    /// Path in the object, wanted value, and whether equality is wanted or the contrary.
    fields: Vec<(String, String, bool)>,
}

impl Selector {
    pub(super) fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let mut selector = Self::default();
        for part in split_outside_parentheses(labels) {
            selector.labels.push(requirement(part)?);
        }
        for part in fields.split(',').filter(|part| !part.is_empty()) {
            let (path, value, equal) = if let Some((path, value)) = part.split_once("!=") {
                (path, value, false)
            } else if let Some((path, value)) = part.split_once("==") {
                (path, value, true)
            } else if let Some((path, value)) = part.split_once('=') {
                (path, value, true)
            } else {
                let message = format!("invalid selector: '{fields}'; can't understand '{part}'");
                return Err(Refusal::bad_request(message));
            };
            if !is_supported_field(path) {
                let message = format!("field label not supported: {path}");
                return Err(Refusal::bad_request(message));
            }
            selector
                .fields
                .push((path.to_owned(), value.to_owned(), equal));
        }
        Ok(selector)
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let label = |name: &str| object["metadata"]["labels"][name].as_str();
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(name, values) => {
                label(name).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Requirement::NotIn(name, values) => {
                label(name).is_none_or(|value| values.iter().all(|wanted| wanted != value))
            }
            Requirement::Exists(name) => label(name).is_some(),
            Requirement::Missing(name) => label(name).is_none(),
        });
        labels
            && self.fields.iter().all(|(path, wanted, equal)| {
                let mut value = object;
                for step in path.split('.') {
                    value = &value[step];
                }
                (value.as_str().unwrap_or_default() == wanted) == *equal
            })
    }
}

fn is_supported_field(path: &str) -> bool {
    path.starts_with("metadata.name")
        || path.starts_with("involvedObject.")
        || path.starts_with("regarding.")
        || matches!(
            path,
            "reason"
                | "type"
                | "reportingComponent"
                | "source"
                | "spec.nodeName"
                | "spec.restartPolicy"
                | "spec.schedulerName"
                | "spec.serviceAccountName"
                | "status.phase"
                | "status.successful"
        )
}

/// The comma-separated parts, where commas between parentheses don't count.
fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

fn requirement(part: &str) -> Result<Requirement, Refusal> {
    let name = |text: &str| text.trim().to_owned();
    if let Some((key, set)) = part.split_once(" notin ") {
        return Ok(Requirement::NotIn(name(key), set_of(set)?));
    }
    if let Some((key, set)) = part.split_once(" in ") {
        return Ok(Requirement::In(name(key), set_of(set)?));
    }
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(name(key), vec![name(value)]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(name(key), vec![name(value)]));
    }
    Ok(match part.strip_prefix('!') {
        Some(key) => Requirement::Missing(name(key)),
        None => Requirement::Exists(name(part)),
    })
}

fn set_of(text: &str) -> Result<Vec<String>, Refusal> {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .ok_or_else(|| {
            Refusal::bad_request(format!(
                "unable to parse requirement: found '{text}', expected: '('"
            ))
        })?;
    Ok(inner
        .split(',')
        .map(|value| value.trim().to_owned())
        .collect())
}

/// Whether a workload's `spec.selector` (a `LabelSelector`) picks these labels.
pub(super) fn label_selector_matches(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"]
        .as_object()
        .is_none_or(|wanted| wanted.iter().all(|(name, value)| labels[name] == *value));
    let expressions = selector["matchExpressions"].as_array();
    equal
        && expressions.is_none_or(|expressions| {
            expressions.iter().all(|expression| {
                let label = &labels[expression["key"].as_str().unwrap_or_default()];
                let listed = expression["values"]
                    .as_array()
                    .is_some_and(|values| values.contains(label));
                match expression["operator"].as_str() {
                    Some("In") => listed,
                    Some("NotIn") => !listed,
                    Some("Exists") => !label.is_null(),
                    Some("DoesNotExist") => label.is_null(),
                    _ => false,
                }
            })
        })
}
