//! Sets of fields, as `managedFields` writes them (`FieldsV1`), and how lists and maps merge.
//!
//! The merge keys are those of the OpenAPI document of Kubernetes 1.33
//! (`x-kubernetes-list-map-keys`, `x-kubernetes-list-type`, `x-kubernetes-map-type`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

/// One step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A member of an object.
    Field(String),
    /// An item of a list, known by its merge keys; the values are JSON.
    Item(BTreeMap<String, String>),
    /// An item of a list that is a set; the value is JSON.
    Member(String),
}

/// The way to a field, from the object's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<Step>);

/// How a value merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As a whole.
    Atomic,
    /// Member by member.
    Granular,
    /// Item by item, found by these keys.
    Keyed(&'static [&'static str]),
    /// As a set of plain values.
    Set,
}

impl Path {
    pub(super) fn child(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    pub(super) fn field(&self, name: &str) -> Self {
        self.child(Step::Field(name.to_owned()))
    }

    pub(super) fn parent(&self) -> Option<Self> {
        let (_, parent) = self.0.split_last()?;
        Some(Self(parent.to_vec()))
    }

    /// Whether this names an item of a keyed list itself, not something inside it.
    pub(super) fn is_item(&self) -> bool {
        matches!(self.0.last(), Some(Step::Item(_)))
    }

    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// How the value here merges.
    pub(super) fn shape(&self, value: &Value) -> Shape {
        match value {
            Value::Object(_) => match self.0.last() {
                Some(Step::Field(name)) if is_atomic_map(name) => Shape::Atomic,
                _ => Shape::Granular,
            },
            Value::Array(_) => match self.0.last() {
                Some(Step::Field(name)) => self.list_shape(name),
                _ => Shape::Atomic,
            },
            _ => Shape::Atomic,
        }
    }

    fn list_shape(&self, name: &str) -> Shape {
        let in_list = |list: &str| {
            self.0
                .iter()
                .any(|step| matches!(step, Step::Field(field) if field == list))
        };
        match name {
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "env"
            | "volumes"
            | "imagePullSecrets"
            | "resourceClaims"
            | "claims" => Shape::Keyed(&["name"]),
            "ports" if in_list("containers") || in_list("initContainers") => {
                Shape::Keyed(&["containerPort", "protocol"])
            }
            "ports" if self.0.len() == 2 => Shape::Keyed(&["port", "protocol"]),
            "volumeMounts" => Shape::Keyed(&["mountPath"]),
            "volumeDevices" => Shape::Keyed(&["devicePath"]),
            "hostAliases" => Shape::Keyed(&["ip"]),
            "topologySpreadConstraints" => Shape::Keyed(&["topologyKey", "whenUnsatisfiable"]),
            "conditions" => Shape::Keyed(&["type"]),
            "ownerReferences" => Shape::Keyed(&["uid"]),
            "secrets" if self.0.len() == 1 => Shape::Keyed(&["name"]),
            "finalizers" => Shape::Set,
            _ => Shape::Atomic,
        }
    }
}

fn is_atomic_map(name: &str) -> bool {
    matches!(
        name,
        "selector"
            | "labelSelector"
            | "namespaceSelector"
            | "podSelector"
            | "nodeSelector"
            | "configMapKeyRef"
            | "secretKeyRef"
            | "fieldRef"
            | "resourceFieldRef"
            | "roleRef"
            | "scaleTargetRef"
    )
}

/// Writes a path as Kubernetes does in messages: `.spec.containers[name="shop"].image`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item(keys) => {
                    let keys: Vec<_> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                    write!(f, "[{}]", keys.join(","))?;
                }
                Step::Member(value) => write!(f, "[={value}]")?,
            }
        }
        Ok(())
    }
}

/// The step to an item of a keyed list, or nothing if it lacks a key.
pub(super) fn item_step(item: &Value, keys: &[&str]) -> Option<Step> {
    let mut found = BTreeMap::new();
    for key in keys {
        let value = match item.get(key) {
            Some(value) => value.to_string(),
            None if *key == "protocol" => "\"TCP\"".to_owned(),
            None => return None,
        };
        found.insert((*key).to_owned(), value);
    }
    Some(Step::Item(found))
}

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet(pub(super) BTreeSet<Path>);

impl FieldSet {
    /// Every field that an object sets, apart from those that no manager can own.
    pub(super) fn of(object: &Value) -> Self {
        let mut set = Self::default();
        let Some(members) = object.as_object() else {
            return set;
        };
        for (name, value) in members {
            let path = Path::default().field(name);
            match name.as_str() {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => {
                    let owned = ["labels", "annotations", "finalizers", "ownerReferences"];
                    for name in owned {
                        if let Some(value) = value.get(name) {
                            set.collect(value, &path.field(name));
                        }
                    }
                }
                _ => set.collect(value, &path),
            }
        }
        set
    }

    fn collect(&mut self, value: &Value, path: &Path) {
        match (path.shape(value), value) {
            (Shape::Granular, Value::Object(members)) if !members.is_empty() => {
                for (name, value) in members {
                    self.collect(value, &path.field(name));
                }
            }
            (Shape::Keyed(keys), Value::Array(items)) if !items.is_empty() => {
                for item in items {
                    let Some(step) = item_step(item, keys) else {
                        continue;
                    };
                    let path = path.child(step);
                    self.0.insert(path.clone());
                    for (name, value) in item.as_object().into_iter().flatten() {
                        self.collect(value, &path.field(name));
                    }
                }
            }
            (Shape::Set, Value::Array(items)) if !items.is_empty() => {
                for item in items {
                    self.0.insert(path.child(Step::Member(item.to_string())));
                }
            }
            _ => {
                self.0.insert(path.clone());
            }
        }
    }

    /// Whether a field, or something inside it, is in the set.
    pub(super) fn touches(&self, path: &Path) -> bool {
        self.0
            .range(path.clone()..)
            .next()
            .is_some_and(|found| found.starts_with(path))
    }

    /// The set as `fieldsV1`.
    pub(super) fn encode(&self) -> Value {
        let mut root = Map::new();
        for path in &self.0 {
            insert(&mut root, &path.0);
        }
        let mut root = Value::Object(root);
        drop_lone_dots(&mut root);
        root
    }

    /// The set behind a `fieldsV1`.
    pub(super) fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        set.decode_into(fields, &Path::default());
        set
    }

    fn decode_into(&mut self, node: &Value, path: &Path) {
        let Some(members) = node.as_object() else {
            return;
        };
        if members.is_empty() && !path.0.is_empty() {
            self.0.insert(path.clone());
        }
        for (name, child) in members {
            if name == "." {
                self.0.insert(path.clone());
            } else if let Some(step) = decode_step(name) {
                self.decode_into(child, &path.child(step));
            }
        }
    }
}

/// Writes one path into the tree; its end is marked with a dot.
fn insert(node: &mut Map<String, Value>, steps: &[Step]) {
    let empty = || Value::Object(Map::new());
    match steps.split_first() {
        None => {
            node.insert(".".to_owned(), empty());
        }
        Some((step, rest)) => {
            let child = node.entry(encode_step(step)).or_insert_with(empty);
            if let Value::Object(child) = child {
                insert(child, rest);
            }
        }
    }
}

/// A leaf is written `{}`; the dot is for those that have children too.
fn drop_lone_dots(node: &mut Value) {
    let Some(members) = node.as_object_mut() else {
        return;
    };
    if members.len() == 1 {
        members.remove(".");
    }
    for (_, child) in members.iter_mut().filter(|(name, _)| *name != ".") {
        drop_lone_dots(child);
    }
}

fn encode_step(step: &Step) -> String {
    match step {
        Step::Field(name) => format!("f:{name}"),
        Step::Item(keys) => {
            let keys: Vec<_> = keys.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
            format!("k:{{{}}}", keys.join(","))
        }
        Step::Member(value) => format!("v:{value}"),
    }
}

fn decode_step(text: &str) -> Option<Step> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "f" => Some(Step::Field(rest.to_owned())),
        "v" => Some(Step::Member(rest.to_owned())),
        "k" => {
            let keys: BTreeMap<String, Value> = serde_json::from_str(rest).ok()?;
            let keys = keys.into_iter().map(|(k, v)| (k, v.to_string())).collect();
            Some(Step::Item(keys))
        }
        _ => None,
    }
}

fn is_item(item: &Value, keys: &BTreeMap<String, String>) -> bool {
    let names: Vec<&str> = keys.keys().map(String::as_str).collect();
    matches!(item_step(item, &names), Some(Step::Item(found)) if found == *keys)
}

fn is_member(item: &Value, member: &str) -> bool {
    serde_json::from_str::<Value>(member).is_ok_and(|member| member == *item)
}

/// The value at a path.
pub(super) fn look_up<'a>(object: &'a Value, path: &Path) -> Option<&'a Value> {
    path.0.iter().try_fold(object, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Item(keys) => value.as_array()?.iter().find(|item| is_item(item, keys)),
        Step::Member(member) => value
            .as_array()?
            .iter()
            .find(|item| is_member(item, member)),
    })
}

/// Takes the value at a path out of an object.
pub(super) fn take_out(object: &mut Value, path: &Path) {
    let Some((last, parents)) = path.0.split_last() else {
        return;
    };
    let mut value = object;
    for step in parents {
        let next = match step {
            Step::Field(name) => value.get_mut(name),
            Step::Item(keys) => value
                .as_array_mut()
                .and_then(|items| items.iter_mut().find(|item| is_item(item, keys))),
            Step::Member(_) => None,
        };
        let Some(next) = next else { return };
        value = next;
    }
    match (last, value) {
        (Step::Field(name), Value::Object(members)) => {
            members.remove(name);
        }
        (Step::Item(keys), Value::Array(items)) => items.retain(|item| !is_item(item, keys)),
        (Step::Member(member), Value::Array(items)) => {
            items.retain(|item| !is_member(item, member));
        }
        _ => {}
    }
}

/// Merges what a manager applies into the live object.
pub(super) fn merge(live: &mut Value, applied: &Value, path: &Path) {
    match (path.shape(applied), &mut *live, applied) {
        (Shape::Granular, Value::Object(members), Value::Object(wanted)) => {
            for (name, value) in wanted {
                let child = members.entry(name.clone()).or_insert(Value::Null);
                merge(child, value, &path.field(name));
            }
        }
        (Shape::Keyed(keys), Value::Array(items), Value::Array(wanted)) => {
            for value in wanted {
                let Some(step) = item_step(value, keys) else {
                    continue;
                };
                let found = items
                    .iter_mut()
                    .find(|item| item_step(item, keys).as_ref() == Some(&step));
                match found {
                    Some(item) => merge(item, value, &path.child(step)),
                    None => items.push(value.clone()),
                }
            }
        }
        (Shape::Set, Value::Array(items), Value::Array(wanted)) => {
            for value in wanted {
                if !items.contains(value) {
                    items.push(value.clone());
                }
            }
        }
        _ => *live = applied.clone(),
    }
}
