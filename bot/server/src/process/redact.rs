//! Takes secrets and control characters out of text.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

/// Shorter values are not taken for secrets: they would be found everywhere.
const SHORTEST: usize = 6;
/// How long a secret may be that is learnt while a program runs: a session token of AWS,
/// percent-encoded, stays below.
const LONGEST_TO_COME: usize = 8 * 1024;
/// What stands in the place of a secret.
const MASK: &str = "[redacted]";

/// Knows the secrets that must not be seen. What one clone learns, all know.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The longest first, so that a secret within another one leaves no rest.
    secrets: Arc<RwLock<Arc<Vec<String>>>>,
}

/// Tells how many secrets it knows, not which.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.secrets().len())
    }
}

impl Redactor {
    /// Takes out these values, also where they are percent-encoded.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let redactor = Self::default();
        redactor.learn(secrets);
        redactor
    }

    /// Takes out these values, too, from now on.
    pub fn learn<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) {
        let new = secrets
            .into_iter()
            .flat_map(str::lines)
            .filter(|secret| secret.len() >= SHORTEST)
            .flat_map(|secret| [secret.to_owned(), percent_encoded(secret)]);
        let mut known = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let mut forms: Vec<String> = known.iter().cloned().chain(new).collect();
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        *known = Arc::new(forms);
    }

    fn secrets(&self) -> Arc<Vec<String>> {
        let known = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&known)
    }

    /// The length of the longest secret that it knows or may yet learn, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.secrets()
            .first()
            .map_or(0, String::len)
            .max(LONGEST_TO_COME)
    }

    /// The text without secrets, escape sequences and control characters (tabs stay). Marks that
    /// turn the direction of text around go too: they make a line read as what it is not.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        // The controls go first: they could hide a secret from the search.
        let mut text = plain(text, |c| c == '\t');
        for secret in self.secrets().iter() {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), MASK);
            }
        }
        text
    }

    /// Like [`Redactor::clean`], for text of several lines.
    #[must_use]
    pub fn clean_block(&self, text: &str) -> String {
        text.lines()
            .map(|line| self.clean(line))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Drops ECMA-48 escape sequences whole, and every other control character but those kept.
fn plain(text: &str, keep: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            c if c.is_control() && !keep(c) => {}
            c => out.push(c),
        }
    }
    out
}

fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        // CSI: parameters, then one final byte.
        Some('[') => {
            chars.next();
            while chars
                .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
                .is_some()
            {}
            chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
        }
        // OSC, DCS, PM, APC: up to BEL or ST.
        Some(']' | 'P' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some(_) => {
            chars.next();
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_in_every_form() {
        let redactor = Redactor::new(["abc/def+ghi=", "abc/def+ghi=longer", "short"]);
        assert_eq!(redactor.clean("<abc/def+ghi=longer>"), "<[redacted]>");
        assert_eq!(redactor.clean("<abc/def+ghi=>"), "<[redacted]>");
        assert_eq!(
            redactor.clean("x?t=abc%2Fdef%2Bghi%3D&y"),
            "x?t=[redacted]&y"
        );
        assert_eq!(redactor.clean("in short"), "in short");
        assert!(!format!("{redactor:?}").contains("abc"));
    }

    #[test]
    fn what_is_learnt_later_goes_too() {
        let redactor = Redactor::new(["topsecret"]);
        let clone = redactor.clone();
        redactor.learn(["another/secret"]);
        assert_eq!(
            clone.clean("topsecret another/secret another%2Fsecret"),
            "[redacted] [redacted] [redacted]"
        );
    }

    #[test]
    fn controls_can_neither_colour_nor_hide() {
        let redactor = Redactor::new(["topsecret"]);
        assert_eq!(
            redactor.clean("\u{1b}[1;31mred\u{1b}[0m\tplain\r"),
            "red\tplain"
        );
        assert_eq!(redactor.clean("top\u{1b}[0msecret"), "[redacted]");
        assert_eq!(redactor.clean("top\u{0}sec\u{8}ret"), "[redacted]");
        assert_eq!(
            redactor.clean("\u{1b}]0;title\u{7}a\u{1b}]8;;u\u{1b}\\b"),
            "ab"
        );
        assert_eq!(redactor.clean("\u{202e}abc"), "abc");
        assert_eq!(redactor.clean("cut \u{1b}["), "cut ");
    }

    #[test]
    fn a_block_keeps_its_lines() {
        assert_eq!(Redactor::default().clean_block("a\r\nb\n\nc"), "a\nb\n\nc");
    }
}
