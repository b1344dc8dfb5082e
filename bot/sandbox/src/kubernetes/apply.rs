//! Server-side apply: who owns which field, conflicts, and fields that are given up.
//!
//! Follows structured-merge-diff as the API server uses it
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fields::{FieldSet, Path, Shape, item_step, look_up, merge, take_out};
use super::status::{Cause, Refusal};
use super::store::seconds;

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
struct Owner {
    manager: String,
    operation: &'static str,
    api_version: String,
    subresource: String,
    time: String,
    fields: FieldSet,
}

impl Owner {
    fn is(&self, manager: &str, operation: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource.is_empty()
    }

    /// How a conflict names this owner.
    fn told(&self) -> String {
        let name = Value::from(self.manager.as_str());
        let subresource = if self.subresource.is_empty() {
            String::new()
        } else {
            format!(" with subresource \"{}\"", self.subresource)
        };
        match self.operation {
            "Update" => format!(
                "{name}{subresource} using {} at {}",
                self.api_version, self.time
            ),
            _ => format!("{name}{subresource}"),
        }
    }
}

/// The manager behind a write, and when it happens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author<'a> {
    pub(super) manager: &'a str,
    pub(super) api_version: &'a str,
    pub(super) now: Timestamp,
}

impl Author<'_> {
    fn owner(&self, operation: &'static str, fields: FieldSet) -> Owner {
        Owner {
            manager: self.manager.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: String::new(),
            time: seconds(self.now),
            fields,
        }
    }
}

/// Applies a manager's wish to the live object (`Null` when there is none yet).
///
/// # Errors
/// A conflict that names every owner and field, unless `force` takes the fields over; an invalid
/// object if a list holds an item twice.
pub(super) fn apply(
    live: &Value,
    wish: &Value,
    author: Author<'_>,
    force: bool,
) -> Result<Value, Refusal> {
    check_keys(wish, &Path::default())?;
    let mut owners = owners_of(live);
    let wanted = FieldSet::of(wish);
    let mut merged = if live.is_null() {
        json!({})
    } else {
        live.clone()
    };
    merge(&mut merged, wish, &Path::default());

    let conflicts = conflicts(&owners, &wanted, live, &merged, author.manager);
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    for (owner, path) in conflicts {
        if let Some(found) = owners.iter_mut().find(|found| **found == owner) {
            found.fields.0.remove(&path);
        }
    }

    let mut before = FieldSet::default();
    let mut unchanged_since = None;
    owners.retain(|owner| {
        let own = owner.is(author.manager, "Apply");
        if own {
            before = owner.fields.clone();
            unchanged_since = (owner.fields == wanted).then(|| owner.time.clone());
        }
        !own
    });
    let mut own = author.owner("Apply", wanted.clone());
    if let Some(time) = unchanged_since {
        own.time = time;
    }
    owners.insert(0, own);
    give_up(&mut merged, &before, &wanted, &owners);
    write_owners(&mut merged, &owners);
    Ok(merged)
}

/// Records that a manager wrote `after` over `before` by other means than apply.
pub(super) fn track(before: &Value, after: &mut Value, author: Author<'_>) {
    let mut owners = owners_of(before);
    let old = FieldSet::of(before);
    let new = FieldSet::of(after);
    let changed = new.0.iter().filter(|path| {
        let was = look_up(before, path);
        if path.is_item() {
            was.is_none()
        } else {
            was != look_up(after, path)
        }
    });
    let changed: Vec<Path> = changed.cloned().collect();
    for owner in &mut owners {
        let own = owner.is(author.manager, "Update");
        owner.fields.0.retain(|path| {
            let gone = old.0.contains(path) && !new.0.contains(path);
            !gone && (own || !changed.contains(path))
        });
    }
    if !changed.is_empty() {
        let position = owners
            .iter()
            .position(|owner| owner.is(author.manager, "Update"));
        let mut own = match position {
            Some(at) => owners.remove(at),
            None => author.owner("Update", FieldSet::default()),
        };
        own.time = seconds(author.now);
        own.fields.0.extend(changed);
        owners.push(own);
    }
    write_owners(after, &owners);
}

/// The fields that others own and that this apply would change.
fn conflicts(
    owners: &[Owner],
    wanted: &FieldSet,
    live: &Value,
    merged: &Value,
    manager: &str,
) -> Vec<(Owner, Path)> {
    let others = owners.iter().filter(|owner| !owner.is(manager, "Apply"));
    let mut conflicts = Vec::new();
    for owner in others {
        for path in owner.fields.0.intersection(&wanted.0) {
            let changes = look_up(live, path) != look_up(merged, path);
            if changes && !path.is_item() {
                conflicts.push((owner.clone(), path.clone()));
            }
        }
    }
    conflicts
}

/// The refusal, in the words of the API server's `getConflictMessage`.
fn conflict(conflicts: &[(Owner, Path)]) -> Refusal {
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|(owner, path)| Cause {
            field: path.to_string(),
            reason: "FieldManagerConflict",
            message: format!("conflict with {}", owner.told()),
        })
        .collect();
    let message = match conflicts {
        [(owner, path)] => format!(
            "Apply failed with 1 conflict: conflict with {}: {path}",
            owner.told()
        ),
        _ => {
            let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (owner, path) in conflicts {
                told.entry(owner.told())
                    .or_default()
                    .push(format!("- {path}"));
            }
            let told: Vec<String> = told
                .into_iter()
                .map(|(owner, paths)| format!("conflicts with {owner}:\n{}", paths.join("\n")))
                .collect();
            format!(
                "Apply failed with {} conflicts: {}",
                conflicts.len(),
                told.join("\n")
            )
        }
    };
    Refusal::apply_conflict(message, &causes)
}

/// Removes what the manager owned before, no longer wants, and nobody else owns.
fn give_up(merged: &mut Value, before: &FieldSet, wanted: &FieldSet, owners: &[Owner]) {
    let dropped = before.0.difference(&wanted.0);
    for path in dropped {
        let needed = owners.iter().any(|owner| owner.fields.touches(path));
        if needed {
            continue;
        }
        take_out(merged, path);
        let mut parent = path.parent();
        while let Some(path) = parent.filter(|path| path.0.len() > 1) {
            let empty = look_up(merged, &path).is_some_and(|value| match value {
                Value::Object(members) => members.is_empty(),
                Value::Array(items) => items.is_empty(),
                _ => false,
            });
            if !empty || owners.iter().any(|owner| owner.fields.touches(&path)) {
                break;
            }
            take_out(merged, &path);
            parent = path.parent();
        }
    }
}

fn owners_of(object: &Value) -> Vec<Owner> {
    let entries = object.pointer("/metadata/managedFields");
    let entries = entries.and_then(Value::as_array);
    let word = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    entries
        .into_iter()
        .flatten()
        .map(|entry| Owner {
            manager: word(entry, "manager"),
            operation: match entry["operation"].as_str() {
                Some("Apply") => "Apply",
                _ => "Update",
            },
            api_version: word(entry, "apiVersion"),
            subresource: word(entry, "subresource"),
            time: word(entry, "time"),
            fields: FieldSet::decode(&entry["fieldsV1"]),
        })
        .collect()
}

fn write_owners(object: &mut Value, owners: &[Owner]) {
    let entries: Vec<Value> = owners
        .iter()
        .filter(|owner| !owner.fields.0.is_empty())
        .map(|owner| {
            let mut entry = json!({
                "manager": owner.manager,
                "operation": owner.operation,
                "apiVersion": owner.api_version,
                "time": owner.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": owner.fields.encode(),
            });
            if !owner.subresource.is_empty() {
                entry["subresource"] = owner.subresource.as_str().into();
            }
            entry
        })
        .collect();
    object["metadata"]["managedFields"] = entries.into();
}

/// Refuses keyed lists whose items lack their key or share it.
fn check_keys(value: &Value, path: &Path) -> Result<(), Refusal> {
    match value {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, value)| check_keys(value, &path.field(name))),
        Value::Array(items) => {
            let Shape::Keyed(keys) = path.shape(value) else {
                return Ok(());
            };
            let mut seen = Vec::new();
            for item in items {
                let Some(step) = item_step(item, keys) else {
                    return Err(Refusal::bad_request(format!(
                        "failed to create typed patch object: {path}: element lacks its key {keys:?}"
                    )));
                };
                let inner = path.child(step.clone());
                if seen.contains(&step) {
                    return Err(Refusal::bad_request(format!(
                        "failed to create typed patch object: {path}: duplicate entries for {inner}"
                    )));
                }
                seen.push(step);
                check_keys(item, &inner)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}
