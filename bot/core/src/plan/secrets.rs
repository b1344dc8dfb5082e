//! The sensitive texts of one plan, to find them again where Terraform's marks are lost.
//!
//! A second net under the marks, not a replacement for them: it catches a secret that a provider
//! copied into another attribute, or that became part of a longer text. It holds secrets: it has no
//! `Debug`, and must not leave the module `plan`.

use super::mask::Node;

/// A text as short as this is masked only where the mark is: `true`, `dev` and `443` are everywhere.
const SHORTEST: usize = 4;
/// Texts at least as long are looked for inside others as well.
const SHORTEST_INSIDE: usize = 6;
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

    /// The text with secrets masked.
    pub(super) fn redact(&self, text: &str) -> String {
        if self.occur_in(text) {
            "(sensitive)".to_owned()
        } else {
            text.to_owned()
        }
    }
}
