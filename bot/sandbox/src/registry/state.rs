//! What the registry remembers: blobs, manifests, tags, users, tokens, and who asked for what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::auth::{CI, Grant, User};
use super::faults::Fault;

/// One request that the registry answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Who asked; empty for an anonymous request.
    pub user: String,
    /// The status of the answer.
    pub status: u16,
}

/// A stored manifest, byte for byte as it was pushed.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// One repository.
#[derive(Debug, Default)]
pub(super) struct Repository {
    pub(super) private: bool,
    pub(super) blobs: BTreeSet<String>,
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) tags: BTreeMap<String, String>,
    hidden: BTreeMap<String, Timestamp>,
}

impl Repository {
    /// The digest behind a tag that is shown at `now`, or behind a digest.
    pub(super) fn resolve(&self, reference: &str, now: Timestamp) -> Option<&str> {
        if let Some((digest, _)) = self.manifests.get_key_value(reference) {
            return Some(digest);
        }
        let shown = self.hidden.get(reference).is_none_or(|from| *from <= now);
        self.tags
            .get(reference)
            .filter(|_| shown)
            .map(String::as_str)
    }

    /// The tags shown at `now`, in order.
    pub(super) fn shown_tags(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        self.tags
            .keys()
            .filter(move |tag| self.hidden.get(*tag).is_none_or(|from| *from <= now))
            .map(String::as_str)
    }
}

/// An upload under way.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) repository: String,
    pub(super) bytes: Vec<u8>,
}

/// The registry's memory.
#[derive(Debug)]
pub(super) struct State {
    pub(super) repositories: BTreeMap<String, Repository>,
    pub(super) blobs: HashMap<String, Bytes>,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) users: HashMap<String, User>,
    pub(super) tokens: HashMap<String, Grant>,
    pub(super) faults: Vec<Fault>,
    pub(super) journal: Vec<Call>,
    pub(super) mirrored: Vec<String>,
}

impl State {
    pub(super) fn new() -> Self {
        let ci = User {
            password: random_id(),
            repositories: BTreeSet::new(),
        };
        Self {
            repositories: BTreeMap::new(),
            blobs: HashMap::new(),
            uploads: HashMap::new(),
            users: HashMap::from([(CI.to_owned(), ci)]),
            tokens: HashMap::new(),
            faults: Vec::new(),
            journal: Vec::new(),
            mirrored: Vec::new(),
        }
    }

    pub(super) fn add_user<'a>(
        &mut self,
        name: &str,
        password: &str,
        repositories: impl IntoIterator<Item = &'a str>,
    ) {
        let repositories: BTreeSet<String> = repositories.into_iter().map(str::to_owned).collect();
        for repository in &repositories {
            self.repository(repository).private = true;
        }
        let user = User {
            password: password.to_owned(),
            repositories,
        };
        self.users.insert(name.to_owned(), user);
    }

    /// The repository of that name, made if it is new.
    pub(super) fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    pub(super) fn set_tag(&mut self, repository: &str, tag: &str, digest: &str) -> bool {
        let Some(repository) = self.repositories.get_mut(repository) else {
            return false;
        };
        let known = repository.manifests.contains_key(digest);
        if known {
            repository.tags.insert(tag.to_owned(), digest.to_owned());
        }
        known
    }

    pub(super) fn hide_tag(&mut self, repository: &str, tag: &str, until: Timestamp) {
        self.repository(repository)
            .hidden
            .insert(tag.to_owned(), until);
    }

    pub(super) fn digest_of(&self, repository: &str, tag: &str) -> Option<String> {
        self.repositories.get(repository)?.tags.get(tag).cloned()
    }

    pub(super) fn resolve(
        &self,
        repository: &str,
        reference: &str,
        now: Timestamp,
    ) -> Option<String> {
        let repository = self.repositories.get(repository)?;
        repository.resolve(reference, now).map(str::to_owned)
    }

    pub(super) fn config_of(&self, digest: &str) -> Option<Value> {
        let manifest = self
            .repositories
            .values()
            .find_map(|repository| repository.manifests.get(digest))?;
        let manifest: Value = serde_json::from_slice(&manifest.bytes).ok()?;
        if let Some(first) = manifest.pointer("/manifests/0/digest") {
            return self.config_of(first.as_str()?);
        }
        let config = manifest.pointer("/config/digest")?.as_str()?;
        serde_json::from_slice(self.blobs.get(config)?).ok()
    }
}

/// The content's digest as the specification writes it: `sha256:HEX`.
pub(super) fn digest_of(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// An unguessable id for tokens, passwords and uploads.
pub(super) fn random_id() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
