//! The objects, their versions, and the log of changes that watches read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::discovery::Resource;

/// How many changes are remembered; a watch from before them is told 410.
const REMEMBERED: usize = 20_000;

/// Where an object is. `namespace` is empty for cluster-wide ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) group: &'static str,
    pub(super) plural: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Key {
    pub(super) fn new(resource: &Resource, namespace: &str, name: &str) -> Self {
        let namespace = if resource.namespaced { namespace } else { "" };
        Self {
            group: resource.group,
            plural: resource.plural,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// One change. An object that was made has no `before`, one that is gone no `after`.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

/// All objects of a cluster.
#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    log: VecDeque<Change>,
    forgotten: u64,
}

impl Store {
    /// The version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The newest version whose change is no longer in the log.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets all changes so far, as a compaction of etcd does.
    pub(super) fn compact(&mut self) {
        self.forgotten = self.version;
        self.log.clear();
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// The objects of a resource, in one namespace or in all, by name.
    pub(super) fn list<'a>(
        &'a self,
        resource: &Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + use<'a> {
        let (group, plural) = (resource.group, resource.plural);
        let start = Key {
            group,
            plural,
            namespace: namespace.unwrap_or_default().to_owned(),
            name: String::new(),
        };
        self.objects.range(start..).take_while(move |(key, _)| {
            key.group == group
                && key.plural == plural
                && namespace.is_none_or(|namespace| key.namespace == namespace)
        })
    }

    /// The changes after a version.
    pub(super) fn changes_after(&self, version: u64) -> impl Iterator<Item = &Change> {
        let from = self.log.partition_point(|change| change.version <= version);
        self.log.range(from..)
    }

    /// Stores an object: gives it its version, and a new one its uid and birthday. A changed
    /// specification counts up the generation. An unchanged object is left alone.
    pub(super) fn put(
        &mut self,
        resource: &Resource,
        mut object: Value,
        now: Timestamp,
    ) -> Arc<Value> {
        let key = Key::new(
            resource,
            text(&object, "/metadata/namespace"),
            text(&object, "/metadata/name"),
        );
        let before = self.objects.get(&key).cloned();
        let version = self.version + 1;
        let metadata = &mut object["metadata"];
        match &before {
            Some(before) => {
                for field in ["uid", "creationTimestamp", "resourceVersion", "generation"] {
                    if before["metadata"].get(field).is_some() {
                        metadata[field] = before["metadata"][field].clone();
                    }
                }
                if **before == object {
                    return Arc::clone(before);
                }
            }
            None => {
                metadata["uid"] = uid(&key, version).into();
                metadata["creationTimestamp"] = seconds(now).into();
            }
        }
        if resource.has_generation() {
            let generation = before.as_ref().map_or(0, |before| {
                before["metadata"]["generation"].as_u64().unwrap_or(0)
            });
            let changed = before
                .as_ref()
                .is_none_or(|before| before["spec"] != object["spec"]);
            object["metadata"]["generation"] = (generation + u64::from(changed)).into();
        }
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let after = Arc::new(object);
        self.objects.insert(key.clone(), Arc::clone(&after));
        self.record(key, before, Some(Arc::clone(&after)));
        after
    }

    /// Changes an object in place, if it exists.
    pub(super) fn update(
        &mut self,
        resource: &Resource,
        key: &Key,
        now: Timestamp,
        change: impl FnOnce(&mut Value),
    ) {
        if let Some(object) = self.objects.get(key) {
            let mut object = Value::clone(object);
            change(&mut object);
            self.put(resource, object, now);
        }
    }

    /// Removes an object; what is handed back carries the version of its removal.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        let mut last = Value::clone(&before);
        last["metadata"]["resourceVersion"] = (self.version + 1).to_string().into();
        let last = Arc::new(last);
        self.record(key.clone(), Some(Arc::clone(&last)), None);
        Some(last)
    }

    fn record(&mut self, key: Key, before: Option<Arc<Value>>, after: Option<Arc<Value>>) {
        self.version += 1;
        self.log.push_back(Change {
            version: self.version,
            key,
            before,
            after,
        });
        if self.log.len() > REMEMBERED
            && let Some(oldest) = self.log.pop_front()
        {
            self.forgotten = oldest.version;
        }
    }
}

/// The text at a JSON pointer, or nothing.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The number at a JSON pointer, or a default.
pub(super) fn number(object: &Value, pointer: &str, default: i64) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or(default)
}

/// A time as Kubernetes writes it: RFC 3339 in whole seconds.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time in an object, if it is one.
pub(super) fn time_of(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// A uid that is the same in every run of a test.
fn uid(key: &Key, version: u64) -> String {
    let hash = digest(&json!([
        key.group,
        key.plural,
        key.namespace,
        key.name,
        version
    ]));
    let (a, rest) = hash.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(3);
    let (d, rest) = rest.split_at(3);
    let (e, _) = rest.split_at(12);
    format!("{a}-{b}-4{c}-8{d}-{e}")
}

/// The SHA-256 of a document, in hexadecimal.
pub(super) fn digest(document: &Value) -> String {
    hex::encode(Sha256::digest(document.to_string()))
}
