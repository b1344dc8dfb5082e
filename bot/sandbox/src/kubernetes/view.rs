//! Looking at a cluster from outside the API: what tests and the demo's screen read.

use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use super::Cluster;
use super::discovery::{self, DEPLOYMENT, EVENT, POD, REPLICA_SET};
use super::store::{Key, text};
use super::world::{Call, World};

/// Something did not come true in time.
#[derive(Debug, Error)]
#[error("not within {waited:?}: {what}")]
pub struct TimedOut {
    what: String,
    waited: Duration,
}

/// A cluster at one moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    world: &'a World,
}

impl View<'_> {
    /// The object of this kind; `namespace` is ignored for cluster-wide kinds.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        discovery::of_kind(kind)
            .find_map(|resource| self.world.store.get(&Key::new(resource, namespace, name)))
            .map(|object| Value::clone(object))
    }

    /// The pods of a namespace, by name.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Vec<Value> {
        self.all(&POD, namespace)
    }

    /// The events of a namespace, by name.
    #[must_use]
    pub fn events(&self, namespace: &str) -> Vec<Value> {
        self.all(&EVENT, namespace)
    }

    fn all(&self, resource: &discovery::Resource, namespace: &str) -> Vec<Value> {
        let found = self.world.store.list(resource, Some(namespace));
        found.map(|(_, object)| Value::clone(object)).collect()
    }

    /// The image that a Deployment's ready pods run; nothing while none is ready, or while ready
    /// pods of two versions run side by side.
    #[must_use]
    pub fn running_image(&self, namespace: &str, deployment: &str) -> Option<String> {
        let key = Key::new(&DEPLOYMENT, namespace, deployment);
        let deployment = self.world.store.get(&key)?;
        let mut images = Vec::new();
        for set in self.world.controlled_by(&REPLICA_SET, deployment) {
            for pod in self.world.controlled_by(&POD, &set) {
                let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
                let image = text(&pod, "/spec/containers/0/image").to_owned();
                if ready && !images.contains(&image) {
                    images.push(image);
                }
            }
        }
        match images.as_slice() {
            [image] => Some(image.clone()),
            _ => None,
        }
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn journal(&self) -> &[Call] {
        &self.world.journal
    }
}

impl Cluster {
    /// Looks at the cluster at this moment.
    pub fn look<T>(&self, look: impl FnOnce(View<'_>) -> T) -> T {
        look(View {
            world: &self.shared.world(),
        })
    }

    /// See [`View::object`].
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.look(|view| view.object(kind, namespace, name))
    }

    /// See [`View::pods`].
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Vec<Value> {
        self.look(|view| view.pods(namespace))
    }

    /// See [`View::events`].
    #[must_use]
    pub fn events(&self, namespace: &str) -> Vec<Value> {
        self.look(|view| view.events(namespace))
    }

    /// See [`View::running_image`].
    #[must_use]
    pub fn running_image(&self, namespace: &str, deployment: &str) -> Option<String> {
        self.look(|view| view.running_image(namespace, deployment))
    }

    /// See [`View::journal`].
    #[must_use]
    pub fn journal(&self) -> Vec<Call> {
        self.look(|view| view.journal().to_vec())
    }

    /// Waits until `look` finds something. It is asked again after every change and every request.
    ///
    /// # Errors
    /// When `timeout` of real time passes first; the error repeats `what` was waited for.
    pub async fn until<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut look: impl FnMut(View<'_>) -> Option<T>,
    ) -> Result<T, TimedOut> {
        let mut changed = self.shared.changed.subscribe();
        let found = tokio::time::timeout(timeout, async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = self.look(&mut look) {
                    return Some(found);
                }
                // The sender lives as long as this handle.
                changed.changed().await.ok()?;
            }
        });
        found.await.ok().flatten().ok_or_else(|| TimedOut {
            what: what.to_owned(),
            waited: timeout,
        })
    }
}
