//! What runs here, as `/version` says it. Values only: where they come from is for `settings`.

use std::fmt;

use serde::Serialize;

/// The version that a process serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The commit that the binary or its image was built from: `SHOP_COMMIT` at run time, else at
    /// compile time.
    pub commit: Commit,
    /// When it was built, as the build wrote it: `SHOP_BUILT_AT` at run time, else at compile time,
    /// else `unknown`.
    pub built_at: String,
    /// `SHOP_ENVIRONMENT`, by default `local`.
    pub environment: EnvironmentName,
}

/// A full or shortened commit id, or `unknown` for a build outside CI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Commit(Option<String>);

impl Commit {
    /// The commit of a build that was told none.
    pub const UNKNOWN: Self = Self(None);

    /// Takes 7 to 64 hexadecimal digits (SHA-1 or SHA-256 ids, or a beginning of one); nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let known = (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        known.then(|| Self(Some(text.to_ascii_lowercase())))
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("unknown"))
    }
}

impl From<Commit> for String {
    fn from(commit: Commit) -> Self {
        commit.to_string()
    }
}

/// The name of the environment that the shop runs in. Safe in HTML as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    /// Takes 1 to 40 letters, digits and hyphens; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
