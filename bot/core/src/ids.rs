//! Names and numbers of the domain, each a type of its own.
//!
//! Every type has one fallible door (`parse`): past it, a value is known to be well formed, so no
//! later code has to ask again. What comes from a person or from the network is parsed at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not a valid {what}: {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
    value: String,
}

/// Defines a newtype over `String` with one fallible door, [`FromStr`], serde and [`fmt::Display`].
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The only way in.
            ///
            /// # Errors
            /// When the text breaks the rule of this type; the error states the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let value = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&value) {
                    Ok(Self(value))
                } else {
                    let shown = value.chars().take(80).collect();
                    Err(InvalidId { what: $what, rule: $rule, value: shown })
                }
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

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Defines a newtype over a number that GitHub hands out.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A DNS label in the sense of RFC 1123, §2.1: it becomes part of names in AWS and Kubernetes.
fn is_label(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_repository_part(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text != "."
        && text != ".."
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

text_id!(
    /// A git commit: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
    CommitSha,
    "commit",
    "it takes 40 or 64 lower-case hexadecimal digits",
    |text| matches!(text.len(), 40 | 64) && is_lower_hex(text)
);

text_id!(
    /// The digest of an image manifest, `sha256:` and 64 hexadecimal digits
    /// (OCI image specification, "Digests").
    Digest,
    "image digest",
    "it takes `sha256:` and 64 lower-case hexadecimal digits",
    |text| text
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && is_lower_hex(hex))
);

text_id!(
    /// The name of an environment, `dev` or `prod`.
    EnvName,
    "environment name",
    "it takes 1 to 40 lower-case letters, digits and inner hyphens",
    is_label
);

text_id!(
    /// The name of a stack: one Terraform root module.
    StackName,
    "stack name",
    "it takes 1 to 40 lower-case letters, digits and inner hyphens",
    is_label
);

text_id!(
    /// The name of a service: one image and the manifests that run it.
    ServiceName,
    "service name",
    "it takes 1 to 40 lower-case letters, digits and inner hyphens",
    is_label
);

text_id!(
    /// The login of a GitHub account; an App's ends in `[bot]`.
    Login,
    "GitHub login",
    "it takes 1 to 100 letters, digits, hyphens and underscores, and may end in `[bot]`",
    |text| {
        let name = text.strip_suffix("[bot]").unwrap_or(text);
        (1..=100).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    }
);

text_id!(
    /// A repository as `owner/name`.
    RepoName,
    "repository name",
    "it takes `owner/name` of letters, digits, `-`, `_` and `.`",
    |text| text
        .split_once('/')
        .is_some_and(|(owner, name)| is_repository_part(owner) && is_repository_part(name))
);

text_id!(
    /// The GUID of one webhook delivery (`X-GitHub-Delivery`), the same again on redelivery.
    DeliveryId,
    "delivery id",
    "it takes 1 to 64 letters, digits and hyphens",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);

text_id!(
    /// The id of a run: 32 hexadecimal digits of 128 random bits, so that it can't be guessed.
    RunId,
    "run id",
    "it takes 32 lower-case hexadecimal digits",
    |text| text.len() == 32 && is_lower_hex(text)
);

number_id!(
    /// The number of a pull request within its repository.
    PrNumber
);
number_id!(
    /// The number of an issue within its repository.
    IssueNumber
);
number_id!(
    /// The id of one installation of the App.
    InstallationId
);
number_id!(
    /// The id of an issue comment.
    CommentId
);
number_id!(
    /// The id of a check run.
    CheckRunId
);
number_id!(
    /// The id of a GitHub deployment.
    DeploymentId
);

impl IssueNumber {
    /// The thread of comments on it. GitHub counts issues and pull requests together and takes
    /// comments on either in the same way.
    #[must_use]
    pub fn thread(self) -> PrNumber {
        PrNumber(self.0)
    }
}

impl CommitSha {
    /// The first seven digits, as people and GitHub write them.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl Digest {
    /// `sha256:` and the first eight digits, for reading.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[.."sha256:".len() + 8]
    }
}

impl Login {
    /// Whether both name one account: GitHub's logins do not differ in case.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl RepoName {
    /// The account that owns the repository.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The name without its owner.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

impl RunId {
    /// Makes an id of 128 bits; the caller sees to it that they are random.
    #[must_use]
    pub fn from_bits(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }

    /// The first eight digits: enough to tell runs apart in a sentence, too few to guess the page.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }

    /// The code by which a person takes the second step of this run. It says "I mean this run",
    /// not "I am this person": who says it is checked apart.
    #[must_use]
    pub fn confirm_code(&self) -> &str {
        &self.0[26..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_lets_in_only_its_own() {
        assert!(CommitSha::parse("a".repeat(40)).is_ok());
        assert!(CommitSha::parse("A".repeat(40)).is_err());
        assert!(CommitSha::parse("a".repeat(39)).is_err());
        assert!(Digest::parse(format!("sha256:{}", "0".repeat(64))).is_ok());
        assert!(Digest::parse("0".repeat(64)).is_err());
        assert!(EnvName::parse("dev-eu1").is_ok());
        for wrong in ["", "-dev", "Dev", "de v", "a/b", "dev;rm"] {
            assert!(EnvName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(RepoName::parse("acme/shop.rs").is_ok());
        for wrong in ["acme", "acme/..", "a/b/c", "acme/", "/shop"] {
            assert!(RepoName::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Login::parse("slipway[bot]").is_ok());
        assert!(Login::parse("a b").is_err());
    }

    #[test]
    fn an_error_states_the_rule() {
        let error = EnvName::parse("Prod!").unwrap_err();
        insta::assert_snapshot!(error, @r#""Prod!" is not a valid environment name: it takes 1 to 40 lower-case letters, digits and inner hyphens"#);
    }

    #[test]
    fn short_forms_are_for_reading() {
        assert_eq!(
            CommitSha::parse("abcdef0".repeat(6)[..40].to_owned())
                .unwrap()
                .short(),
            "abcdef0"
        );
        let digest = Digest::parse(format!("sha256:{}", "9f3c".repeat(16))).unwrap();
        assert_eq!(digest.short(), "sha256:9f3c9f3c");
        assert_eq!(RunId::from_bits(0xff).as_str().len(), 32);
    }
}
