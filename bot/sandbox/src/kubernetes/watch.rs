//! Watches: the log of changes as a stream of newline-delimited events.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::header;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Shared;
use super::options::Options;
use super::place::Place;
use super::status::Refusal;
use super::store::Change;
use super::table;
use super::world::World;

/// How long a watch lasts that names no time. The API server picks 30 to 60 minutes.
const LONGEST: Duration = Duration::from_secs(45 * 60);

/// A watch under way.
struct Watcher {
    shared: Arc<Shared>,
    changed: watch::Receiver<u64>,
    place: Place,
    options: Options,
    /// The version up to which changes have been told.
    told: u64,
    cuts: u64,
    waiting: Vec<u8>,
    until: Instant,
    over: bool,
}

/// Answers a watch.
pub(super) fn answer(
    shared: &Arc<Shared>,
    place: Place,
    options: Options,
) -> Result<Response, Refusal> {
    let from =
        match options.resource_version.as_str() {
            "" | "0" => None,
            stated => Some(stated.parse::<u64>().map_err(|_| {
                Refusal::bad_request(format!("invalid resource version \"{stated}\""))
            })?),
        };
    let changed = shared.changed.subscribe();
    let world = shared.world();
    let mut watcher = Watcher {
        shared: Arc::clone(shared),
        changed,
        until: Instant::now() + options.timeout.unwrap_or(LONGEST),
        told: from.unwrap_or_else(|| world.store.version()),
        cuts: world.cuts,
        waiting: Vec::new(),
        over: false,
        place,
        options,
    };
    if from.is_none() || watcher.options.initial_events {
        watcher.tell_present(&world);
    }
    drop(world);
    let lines = stream::unfold(watcher, |mut watcher| async {
        let line = watcher.next().await?;
        Some((line, watcher))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, Body::from_stream(lines)).into_response())
}

impl Watcher {
    /// What there is at the start, as events.
    fn tell_present(&mut self, world: &World) {
        let namespace = Some(self.place.namespace.as_str());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        let present: Vec<Arc<Value>> = world
            .store
            .list(self.place.resource, namespace)
            .filter(|(key, object)| self.concerns(&key.name, object))
            .map(|(_, object)| Arc::clone(object))
            .collect();
        for object in present {
            self.tell("ADDED", &object);
        }
        self.told = world.store.version();
        if self.options.initial_events && self.options.bookmarks {
            let mut bookmark = self.bookmark();
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            self.tell("BOOKMARK", &bookmark);
        }
    }

    fn concerns(&self, name: &str, object: &Value) -> bool {
        (self.place.name.is_empty() || self.place.name == name)
            && self.options.selector.matches(object)
    }

    fn tell(&mut self, kind: &str, object: &Value) {
        let event = if self.options.table && kind != "ERROR" {
            let (one, now) = (std::iter::once(object), self.shared.clock.now());
            let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            json!({"type": kind, "object": table::of(self.place.resource, one, &metadata, now)})
        } else {
            json!({"type": kind, "object": object})
        };
        self.waiting.extend_from_slice(event.to_string().as_bytes());
        self.waiting.push(b'\n');
    }

    fn bookmark(&self) -> Value {
        json!({
            "kind": self.place.resource.kind,
            "apiVersion": self.place.resource.api_version(),
            "metadata": {"resourceVersion": self.told.to_string(), "creationTimestamp": null},
        })
    }

    /// The next lines, once there are any; nothing when the watch is over.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            if !self.waiting.is_empty() {
                return Some(Ok(std::mem::take(&mut self.waiting).into()));
            }
            if self.over {
                return None;
            }
            self.changed.borrow_and_update();
            if let Err(cut) = self.catch_up() {
                self.over = true;
                return Some(Err(cut));
            }
            if !self.waiting.is_empty() || self.over {
                continue;
            }
            tokio::select! {
                changed = self.changed.changed() => self.over = changed.is_err(),
                () = self.shared.stop.cancelled() => self.over = true,
                () = tokio::time::sleep_until(self.until) => {
                    if self.options.bookmarks {
                        let bookmark = self.bookmark();
                        self.tell("BOOKMARK", &bookmark);
                    }
                    self.over = true;
                }
            }
        }
    }

    /// Reads the log from where this watch is. An error breaks the connection off.
    fn catch_up(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let world = shared.world();
        if world.cuts != self.cuts {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.told < world.store.forgotten() {
            let expired = Refusal::expired(self.told, world.store.forgotten());
            self.tell("ERROR", &expired.status());
            self.over = true;
            return Ok(());
        }
        for change in world.store.changes_after(self.told) {
            self.tell_change(change);
        }
        self.told = self.told.max(world.store.version());
        Ok(())
    }

    /// An object that leaves the selection counts as deleted, one that enters it as added.
    fn tell_change(&mut self, change: &Change) {
        let key = &change.key;
        let ours = key.group == self.place.resource.group
            && key.plural == self.place.resource.plural
            && (self.place.namespace.is_empty()
                || !self.place.resource.namespaced
                || key.namespace == self.place.namespace);
        if !ours {
            return;
        }
        let seen = |object: &&Arc<Value>| self.concerns(&key.name, object);
        let before = change.before.as_ref().filter(seen);
        let after = change.after.as_ref().filter(seen);
        match (before, after) {
            (None, Some(now)) => self.tell("ADDED", now),
            (Some(_), Some(now)) => self.tell("MODIFIED", now),
            (Some(was), None) => {
                let mut last = Value::clone(was);
                last["metadata"]["resourceVersion"] = change.version.to_string().into();
                self.tell("DELETED", &last);
            }
            (None, None) => {}
        }
    }
}
