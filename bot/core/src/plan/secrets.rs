//! The sensitive texts of one plan, to find them again where Terraform's marks are lost.
//!
//! A second net under the marks, not a replacement for them: it catches a secret that a provider
//! copied into another attribute, or that became part of a longer text. It holds secrets: it has no
//! `Debug`, and leaves the module `plan` as texts that have none either.

use secrecy::SecretString;
use serde_json::Value;

use super::mask::Node;

/// A text as short as this is masked only where the mark is: `true`, `dev` and `443` are everywhere.
const SHORTEST: usize = 4;
/// Texts at least as long are looked for inside others as well.
pub(super) const SHORTEST_INSIDE: usize = 6;
/// So that a plan with thousands of secrets is not searched for each of them in each value.
const MOST: usize = 500;

/// Texts that must not be shown.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Takes in every text of the tree that is marked sensitive.
    pub(super) fn learn(&mut self, node: &Node) {
        node.sensitive_texts(false, &mut |text| {
            let known = || self.0.iter().any(|known| known == text);
            if text.chars().count() >= SHORTEST && self.0.len() < MOST && !known() {
                self.0.push(text.to_owned());
            }
        });
    }

    /// True when the text is a secret or holds one.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| {
            text == secret || (secret.chars().count() >= SHORTEST_INSIDE && text.contains(secret))
        })
    }

    /// True when a name is a secret or holds one. Plain words are not looked at: `password` may be
    /// somebody's password, and the name of an attribute nonetheless.
    pub(super) fn occur_in_key(&self, key: &str) -> bool {
        let is_word = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        !is_word && self.occur_in(key)
    }

    /// True when the value is a secret or holds one, in a JSON document as well, where quotes and
    /// line ends of a secret are written otherwise.
    pub(super) fn occur_in_scalar(&self, scalar: &Value) -> bool {
        match scalar {
            Value::String(text) => {
                self.occur_in(text)
                    || (text.trim_start().starts_with(['{', '[', '"']) && self.occur_in_json(text))
            }
            Value::Number(number) => self.0.contains(&number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        }
    }

    fn occur_in_json(&self, text: &str) -> bool {
        !self.0.is_empty()
            && serde_json::from_str(text).is_ok_and(|document| self.occur_in_document(&document))
    }

    /// A document's texts may be documents in turn; each is shorter than the one it is in.
    fn occur_in_document(&self, document: &Value) -> bool {
        match document {
            Value::Array(items) => items.iter().any(|item| self.occur_in_document(item)),
            Value::Object(fields) => fields
                .iter()
                .any(|(key, value)| self.occur_in_key(key) || self.occur_in_document(value)),
            scalar => self.occur_in_scalar(scalar),
        }
    }

    /// The secrets themselves, for whoever masks them elsewhere.
    pub(super) fn into_texts(self) -> Vec<SecretString> {
        self.0.into_iter().map(SecretString::from).collect()
    }

    /// The text with secrets masked.
    pub(super) fn redact(&self, text: &str) -> String {
        if self.occur_in(text) {
            "(sensitive)".to_owned()
        } else {
            text.to_owned()
        }
    }
}
