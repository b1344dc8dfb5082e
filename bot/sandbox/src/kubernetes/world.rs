//! One cluster's state: objects, rules, people, and what happens after every change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::discovery::{EVENT, NAMESPACE, NODE, RESOURCES, Resource};
use super::faults::Fault;
use super::kubelet::PodRun;
use super::outcome::ImageRule;
use super::rights::{Identity, Rights};
use super::store::{Key, Store, digest, number, seconds, text};
use super::{controllers, kubelet};
use crate::clock::WorldClock;
use crate::registry::Registry;

/// One request that the API server answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Who asked: the caller's ARN; empty if nobody was recognised.
    pub user: String,
    /// The status of the answer.
    pub status: u16,
}

/// After so many rounds the controllers must have come to rest; more would be a bug in them.
const MOST_ROUNDS: usize = 10_000;

/// Everything behind the lock.
#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: WorldClock,
    pub(super) registry: Option<Registry>,
    pub(super) store: Store,
    pub(super) rules: Vec<ImageRule>,
    pub(super) runs: BTreeMap<String, PodRun>,
    pub(super) held: bool,
    pub(super) roles: BTreeMap<String, Rights>,
    pub(super) tokens: HashMap<String, Identity>,
    pub(super) faults: Vec<Fault>,
    pub(super) journal: Vec<Call>,
    /// How often all watches were cut.
    pub(super) cuts: u64,
}

impl World {
    /// A cluster with three nodes and the namespaces that every cluster has.
    pub(super) fn new(clock: WorldClock, registry: Option<Registry>) -> Self {
        let mut world = Self {
            clock,
            registry,
            store: Store::default(),
            rules: Vec::new(),
            runs: BTreeMap::new(),
            held: false,
            roles: BTreeMap::new(),
            tokens: HashMap::new(),
            faults: Vec::new(),
            journal: Vec::new(),
            cuts: 0,
        };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            world.create_namespace(name);
        }
        for number in 1..=3 {
            let name = format!("ip-10-0-{number}-10.ec2.internal");
            let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady"});
            let node = json!({
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
                "spec": {"providerID": format!("aws:///sandbox/i-{number:017}")},
                "status": {"conditions": [ready], "capacity": {"cpu": "2", "pods": "29"}},
            });
            world.put(&NODE, node);
        }
        world
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn create_namespace(&mut self, name: &str) {
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        });
        if !self.has_namespace(name) {
            self.put(&NAMESPACE, namespace);
        }
    }

    pub(super) fn has_namespace(&self, name: &str) -> bool {
        self.store.get(&Key::new(&NAMESPACE, "", name)).is_some()
    }

    pub(super) fn put(&mut self, resource: &Resource, object: Value) -> Arc<Value> {
        let now = self.now();
        self.store.put(resource, object, now)
    }

    pub(super) fn update(
        &mut self,
        resource: &Resource,
        key: &Key,
        change: impl FnOnce(&mut Value),
    ) {
        let now = self.now();
        self.store.update(resource, key, now, change);
    }

    /// The keys of all objects of a resource, for walking over them while they change.
    pub(super) fn keys(&self, resource: &Resource) -> Vec<Key> {
        let all = self.store.list(resource, None);
        all.map(|(key, _)| key.clone()).collect()
    }

    /// The objects of a resource that one object controls.
    pub(super) fn controlled_by(&self, resource: &Resource, owner: &Value) -> Vec<Arc<Value>> {
        let uid = &owner["metadata"]["uid"];
        let namespace = text(owner, "/metadata/namespace");
        self.store
            .list(resource, Some(namespace))
            .filter(|(_, object)| {
                let owners = object["metadata"]["ownerReferences"].as_array();
                owners.is_some_and(|owners| {
                    owners
                        .iter()
                        .any(|owner| owner["uid"] == *uid && owner["controller"] == true)
                })
            })
            .map(|(_, object)| Arc::clone(object))
            .collect()
    }

    /// Removes an object and, as the garbage collector does, what it owns.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let removed = self.store.remove(key)?;
        self.runs.remove(text(&removed, "/metadata/uid"));
        for resource in RESOURCES.iter().filter(|resource| resource.namespaced) {
            let owned: Vec<Key> = self
                .controlled_by(resource, &removed)
                .iter()
                .map(|object| key_of(resource, object))
                .collect();
            for key in owned {
                self.remove(&key);
            }
        }
        if key.plural == NAMESPACE.plural && key.group.is_empty() {
            self.empty_namespace(&key.name);
        }
        Some(removed)
    }

    fn empty_namespace(&mut self, name: &str) {
        for resource in RESOURCES.iter().filter(|resource| resource.namespaced) {
            let inside = self.store.list(resource, Some(name));
            let inside: Vec<Key> = inside.map(|(key, _)| key.clone()).collect();
            for key in inside {
                self.remove(&key);
            }
        }
    }

    /// Writes an event about an object; the same once more counts up the one there is.
    pub(super) fn event(&mut self, about: &Value, note: &Note<'_>) {
        let now = seconds(self.now());
        let namespace = text(about, "/metadata/namespace");
        let uid = text(about, "/metadata/uid");
        let hash = digest(&json!([uid, note.reason, note.message, note.field]));
        let hash = hash.get(..16).unwrap_or_default();
        let name = format!("{}.{hash}", text(about, "/metadata/name"));
        let key = Key::new(&EVENT, namespace, &name);
        if self.store.get(&key).is_some() {
            self.update(&EVENT, &key, |event| {
                event["count"] = (number(event, "/count", 1) + 1).into();
                event["lastTimestamp"] = now.into();
            });
            return;
        }
        let mut involved = json!({
            "kind": about["kind"],
            "namespace": namespace,
            "name": about["metadata"]["name"],
            "uid": uid,
            "apiVersion": about["apiVersion"],
            "resourceVersion": about["metadata"]["resourceVersion"],
        });
        if !note.field.is_empty() {
            involved["fieldPath"] = note.field.into();
        }
        let mut source = json!({"component": note.component});
        if note.component == "kubelet" {
            source["host"] = about["spec"]["nodeName"].clone();
        }
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "reason": note.reason,
            "message": note.message,
            "type": if note.warning { "Warning" } else { "Normal" },
            "source": source,
            "reportingComponent": note.component,
            "reportingInstance": source["host"].as_str().unwrap_or_default(),
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": null,
            "count": 1,
        });
        self.put(&EVENT, event);
    }

    /// The event of this reason about an object.
    pub(super) fn event_about<'a>(
        &'a self,
        about: &'a Value,
        reason: &str,
    ) -> Option<&'a Arc<Value>> {
        let namespace = text(about, "/metadata/namespace");
        let mut events = self.store.list(&EVENT, Some(namespace));
        let found = events.find(|(_, event)| {
            event["reason"] == reason && event["involvedObject"]["uid"] == about["metadata"]["uid"]
        });
        found.map(|(_, event)| event)
    }

    /// Lets controllers and kubelets work until nothing changes any more. Every step on the way is
    /// a change that watches see.
    pub(super) fn settle(&mut self) {
        for _ in 0..MOST_ROUNDS {
            let before = self.store.version();
            controllers::round(self);
            kubelet::round(self);
            if self.store.version() == before {
                return;
            }
        }
        tracing::error!("the sandbox controllers did not come to rest");
    }
}

/// What an event says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note<'a> {
    pub(super) component: &'a str,
    pub(super) warning: bool,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    /// The part of the object it is about: `spec.containers{shop}`.
    pub(super) field: &'a str,
}

/// Where a stored object is.
pub(super) fn key_of(resource: &Resource, object: &Value) -> Key {
    Key::new(
        resource,
        text(object, "/metadata/namespace"),
        text(object, "/metadata/name"),
    )
}
