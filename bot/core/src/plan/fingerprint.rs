//! "Are these the changes that were reviewed?", answered by comparing two hashes.
//!
//! What counts: which resources and outputs change, how, which object that is (its `id`), and the
//! values before and after of every attribute that changes. What doesn't: order, times, Terraform's
//! version, drift, resources without a change, and attributes that stay as they are (providers
//! report volatile ones, such as a database's latest restorable time, which differ on every read).

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::mask::Node;
use super::model::Action;
use super::parse::Unmasked;

/// Hashes the changes.
pub(super) fn fingerprint(mut changes: Vec<Unmasked>) -> String {
    changes.sort_by(|a, b| a.key.cmp(&b.key));
    let mut hash = Canonical(Sha256::new());
    hash.text("slipway-plan-1");
    hash.number(changes.len());
    for change in &changes {
        hash.change(change);
    }
    hex::encode(hash.0.finalize())
}

/// Feeds values to the hash so that no two different sequences feed the same bytes: each text goes
/// with its length, each node with its kind.
struct Canonical(Sha256);

impl Canonical {
    fn number(&mut self, n: usize) {
        self.0.update((n as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len());
        self.0.update(text.as_bytes());
    }

    fn change(&mut self, change: &Unmasked) {
        self.text(&change.key);
        self.action(&change.action);
        self.text(change.previous_address.as_deref().unwrap_or_default());
        match &change.importing {
            Some(id) => {
                self.number(1);
                self.text(id);
            }
            None => self.number(0),
        }
        let empty = BTreeMap::new();
        match (&change.before, &change.after) {
            (Node::Map(before), Node::Map(after)) => self.changed_fields(before, after),
            (Node::Map(before), Node::Null) => self.identity_of_deleted(before),
            (Node::Null, Node::Map(after)) => self.changed_fields(&empty, after),
            (before, after) => {
                self.node(before);
                self.node(after);
            }
        }
    }

    fn action(&mut self, action: &Action) {
        self.text(action.verb());
        match action {
            Action::Replace { create_first } => self.number(usize::from(*create_first)),
            Action::Other(words) => {
                self.number(words.len());
                for word in words {
                    self.text(word);
                }
            }
            Action::NoOp
            | Action::Create
            | Action::Read
            | Action::Update
            | Action::Delete
            | Action::Forget => {}
        }
    }

    /// What a destroy takes away is one object; its other attributes may change by themselves.
    fn identity_of_deleted(&mut self, before: &BTreeMap<String, Node>) {
        self.node(before.get("id").unwrap_or(&Node::Null));
    }

    fn changed_fields(&mut self, before: &BTreeMap<String, Node>, after: &BTreeMap<String, Node>) {
        self.node(before.get("id").unwrap_or(&Node::Null));
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let old = before.get(key).map_or(Node::Null, Node::unmarked);
            let new = after.get(key).map_or(Node::Null, Node::unmarked);
            if old != new {
                self.text(key);
                self.node(&old);
                self.node(&new);
            }
        }
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Null => self.0.update(b"n"),
            Node::Unknown => self.0.update(b"u"),
            Node::Scalar(scalar) => {
                self.0.update(b"s");
                self.text(&scalar.to_string());
            }
            // Which values are masked can depend on other parts of the plan; what they are does not.
            Node::Sensitive(inner) => self.node(inner),
            Node::List(items) => {
                self.0.update(b"l");
                self.number(items.len());
                for item in items {
                    self.node(item);
                }
            }
            Node::Map(fields) => {
                self.0.update(b"m");
                self.number(fields.len());
                for (key, value) in fields {
                    self.text(key);
                    self.node(value);
                }
            }
        }
    }
}
