//! The patches that are not apply: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7396), and the
//! strategic merge patch as far as merge keys go.

use serde_json::Value;

use super::fields::{Path, Shape, item_step};
use super::status::Refusal;

/// Applies a JSON Merge Patch.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(members) = target.as_object_mut() else {
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Applies a strategic merge patch: lists with merge keys item by item, `$patch: delete` included.
pub(super) fn strategic(target: &mut Value, patch: &Value, path: &Path) {
    match (path.shape(patch), patch) {
        (Shape::Keyed(keys), Value::Array(changes)) if target.is_array() => {
            let Some(items) = target.as_array_mut() else {
                return;
            };
            for change in changes {
                let Some(step) = item_step(change, keys) else {
                    continue;
                };
                let is_it = |item: &Value| item_step(item, keys).as_ref() == Some(&step);
                if change["$patch"] == "delete" {
                    items.retain(|item| !is_it(item));
                } else if let Some(item) = items.iter_mut().find(|item| is_it(item)) {
                    strategic(item, change, &path.child(step));
                } else {
                    items.push(change.clone());
                }
            }
        }
        (_, Value::Object(changes)) => {
            if !target.is_object() {
                *target = Value::Object(serde_json::Map::new());
            }
            let Some(members) = target.as_object_mut() else {
                return;
            };
            for (name, change) in changes {
                if name.starts_with('$') {
                    continue;
                }
                if change.is_null() {
                    members.remove(name);
                } else {
                    let member = members.entry(name.clone()).or_insert(Value::Null);
                    strategic(member, change, &path.field(name));
                }
            }
        }
        _ => *target = patch.clone(),
    }
}

/// Applies a JSON Patch.
///
/// # Errors
/// 422, as the API server, when an operation does not fit the object.
pub(super) fn json(target: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let operations = patch
        .as_array()
        .ok_or_else(|| Refusal::bad_request("a JSON Patch is a list"))?;
    for operation in operations {
        let path = operation["path"].as_str().unwrap_or_default();
        let refuse = |why: &str| {
            let message = format!(
                "the server rejected our request due to an error in our request: {why}: {path}"
            );
            Refusal::new(422, "Invalid", message)
        };
        let value = operation["value"].clone();
        let done = match operation["op"].as_str() {
            Some("test") if target.pointer(path) != Some(&value) => {
                return Err(refuse("testing value failed"));
            }
            Some("test") => Some(()),
            Some("add") => add(target, path, value),
            Some("replace") => target.pointer_mut(path).map(|old| *old = value),
            Some("remove") => remove(target, path),
            _ => return Err(refuse("unsupported operation")),
        };
        done.ok_or_else(|| refuse("the path does not exist"))?;
    }
    Ok(())
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(members) => {
            members.insert(last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at: usize = last.parse().ok()?;
            if at > items.len() {
                return None;
            }
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<()> {
    let (parent, last) = split(path)?;
    match target.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&last).map(drop),
        Value::Array(items) => {
            let at: usize = last.parse().ok()?;
            (at < items.len()).then(|| drop(items.remove(at)))
        }
        _ => None,
    }
}
