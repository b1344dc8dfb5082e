//! What people type of a long name, and the code of a second step.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{CommitSha, RunId};

/// Why a typed word is not what it should be; reads on after "it takes".
pub(super) type Rule = &'static str;

macro_rules! typed_word {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $case:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What it takes to be one.
            pub const RULE: &'static str = $rule;

            /// The only way in; upper and lower case are the same.
            ///
            /// # Errors
            /// The rule, when the text breaks it.
            pub fn parse(text: &str) -> Result<Self, Rule> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.$case())) } else { Err(Self::RULE) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Rule;
            fn try_from(text: String) -> Result<Self, Rule> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.0
            }
        }
    };
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

typed_word!(
    /// The start of a commit's name, or all of it.
    ShaPrefix,
    "7 to 40 hexadecimal digits",
    to_ascii_lowercase,
    |text| ((7..=40).contains(&text.len()) || text.len() == 64) && is_hex(text)
);

typed_word!(
    /// The start of a run's id, or all of it.
    RunPrefix,
    "the first 8 to 32 hexadecimal digits of a run's id",
    to_ascii_lowercase,
    |text| (8..=32).contains(&text.len()) && is_hex(text)
);

typed_word!(
    /// The code that was shown with the request for a second step.
    ConfirmCode,
    "the 4 to 16 letters and digits that were shown",
    to_ascii_uppercase,
    |text| (4..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
);

typed_word!(
    /// The id of a state lock, as Terraform tells it.
    LockId,
    "the id of the lock as it was shown: letters, digits and hyphens",
    to_owned,
    |text| (1..=128).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:=+/".contains(&b))
);

impl ShaPrefix {
    /// Whether this commit is meant.
    #[must_use]
    pub fn matches(&self, commit: &CommitSha) -> bool {
        commit.as_str().starts_with(&self.0)
    }
}

impl RunPrefix {
    /// Whether this run is meant.
    #[must_use]
    pub fn matches(&self, run: &RunId) -> bool {
        run.as_str().starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_matches_what_it_starts() {
        let commit = CommitSha::parse("abcdef0123".repeat(4)).unwrap();
        assert!(ShaPrefix::parse("ABCDEF0").unwrap().matches(&commit));
        assert!(!ShaPrefix::parse("bcdef01").unwrap().matches(&commit));
        let run = RunId::from_bits(0xabcd_ef01 << 96);
        assert!(RunPrefix::parse(run.short()).unwrap().matches(&run));
        assert!(RunPrefix::parse(run.as_str()).unwrap().matches(&run));
    }

    #[test]
    fn the_rest_is_refused() {
        for text in ["", "abcdef", "ghijklm", "abcdef0;", "HEAD", &"a".repeat(41)] {
            assert_eq!(ShaPrefix::parse(text), Err(ShaPrefix::RULE), "{text}");
        }
        for text in ["", "abc", "a b c d", "../..", &"a".repeat(17)] {
            assert!(ConfirmCode::parse(text).is_err(), "{text}");
        }
    }
}
