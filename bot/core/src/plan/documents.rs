//! The plan's JSON as a whole, for policies: as it is, and with all that is sensitive masked.
//!
//! The first holds secrets: it is for a policy to look at, and nothing of it may be shown.

use serde_json::{Map, Value};

use super::PlanError;
use super::mask::{Node, SENSITIVE};
use super::parse::{format_version, shape};
use super::secrets::Secrets;

/// A value and what marks parts of it as sensitive.
const MARKED: [(&str, &str); 3] = [
    ("before", "before_sensitive"),
    ("after", "after_sensitive"),
    ("values", "sensitive_values"),
];

/// The plan's document, and the same masked: by Terraform's marks, and wherever a marked text is
/// found again.
///
/// # Errors
/// When it is not the JSON of a plan that Slipway can read.
pub(crate) fn documents(json: &[u8]) -> Result<(Value, Value), PlanError> {
    let version = format_version(json)?;
    if version.split('.').next() != Some("1") {
        return Err(PlanError::Version(version.chars().take(40).collect()));
    }
    let open: Value = serde_json::from_slice(json).map_err(|error| shape(&error))?;
    let mut masked = open.clone();
    mark_variables(&mut masked);
    let mut secrets = Secrets::default();
    learn(&masked, &mut secrets);
    mask(&mut masked, &secrets);
    Ok((open, masked))
}

/// Variables say that they are sensitive in another place than that of their value.
fn mark_variables(document: &mut Value) {
    let sensitive: Vec<String> = document
        .pointer("/configuration/root_module/variables")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, block)| is_sensitive(block))
        .map(|(name, _)| name.clone())
        .collect();
    for name in sensitive {
        let variable = document.get_mut("variables").and_then(|v| v.get_mut(&name));
        if let Some(Value::Object(fields)) = variable {
            fields.insert("sensitive".to_owned(), Value::Bool(true));
        }
    }
}

/// An output, or the block of a variable.
fn is_sensitive(value: &Value) -> bool {
    value.get("sensitive") == Some(&Value::Bool(true))
}

fn marks(fields: &Map<String, Value>) -> Vec<(&'static str, &Value)> {
    let mut found: Vec<(&str, &Value)> = MARKED
        .iter()
        .filter_map(|(value, marks)| Some((*value, fields.get(*marks)?)))
        .collect();
    if let Some(whole @ Value::Bool(true)) = fields.get("sensitive") {
        found.extend([("value", whole), ("default", whole)]);
    }
    found
}

fn learn(value: &Value, secrets: &mut Secrets) {
    match value {
        Value::Object(fields) => {
            for (name, marks) in marks(fields) {
                if let Some(value) = fields.get(name) {
                    secrets.learn(&Node::merge(value.clone(), &Value::Null, marks));
                }
            }
            fields.values().for_each(|field| learn(field, secrets));
        }
        Value::Array(items) => items.iter().for_each(|item| learn(item, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mask(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::Object(fields) if fields.keys().any(|key| secrets.occur_in_key(key)) => {
            // A name can't be masked by itself: the whole goes.
            *value = SENSITIVE.into();
        }
        Value::Object(fields) => {
            let marks: Vec<(&str, Value)> = marks(fields)
                .into_iter()
                .map(|(name, marks)| (name, marks.clone()))
                .collect();
            for (name, marks) in marks {
                if let Some(value) = fields.get_mut(name) {
                    apply(value, &marks);
                }
            }
            fields.values_mut().for_each(|field| mask(field, secrets));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        scalar => {
            if secrets.occur_in_scalar(scalar) {
                *scalar = SENSITIVE.into();
            }
        }
    }
}

/// Masks what is marked; what is not set is no secret.
fn apply(value: &mut Value, marks: &Value) {
    match (value, marks) {
        (Value::Null, _) => {}
        (value, Value::Bool(true)) => *value = SENSITIVE.into(),
        (Value::Object(fields), Value::Object(marks)) => {
            for (name, marks) in marks {
                if let Some(field) = fields.get_mut(name) {
                    apply(field, marks);
                }
            }
        }
        (Value::Array(items), Value::Array(marks)) => {
            for (item, marks) in items.iter_mut().zip(marks) {
                apply(item, marks);
            }
        }
        _ => {}
    }
}
