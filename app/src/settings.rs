//! What the shop is told from outside. The only reader of the process environment.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use thiserror::Error;

const LISTEN: &str = "SHOP_LISTEN";
const ENVIRONMENT: &str = "SHOP_ENVIRONMENT";
const COMMIT: &str = "SHOP_COMMIT";
const BUILT_AT: &str = "SHOP_BUILT_AT";

/// All settings of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to take connections: `SHOP_LISTEN`, by default every address, port 8080.
    pub listen: SocketAddr,
    /// What the shop says about itself.
    pub version: Version,
}

/// What runs here, as `/version` says it.
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

    /// Takes 7 to 64 hexadecimal digits (SHA-1 or SHA-256 ids, or a beginning of one).
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let known = (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if known {
            Ok(Self(Some(text.to_ascii_lowercase())))
        } else {
            Err(InvalidSetting::new(
                COMMIT,
                text,
                "a commit id of 7 to 64 hexadecimal digits",
            ))
        }
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
    /// Takes 1 to 40 letters, digits and hyphens.
    ///
    /// # Errors
    /// When `text` is anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let fits = (1..=40).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting::new(
                ENVIRONMENT,
                text,
                "1 to 40 letters, digits and hyphens",
            ))
        }
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A setting that can't be used, with what would do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} is `{value}`, but must be {expected}")]
pub struct InvalidSetting {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl InvalidSetting {
    fn new(name: &'static str, value: &str, expected: &'static str) -> Self {
        Self {
            name,
            value: value.to_owned(),
            expected,
        }
    }
}

impl Settings {
    /// Reads the settings from the process environment.
    ///
    /// # Errors
    /// See [`Settings::read`].
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the module that reads the environment"
    )]
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads the settings from `lookup`. A value that is empty counts as none, as Kubernetes and
    /// shells write it.
    ///
    /// # Errors
    /// When a setting has a value that can't be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let given = |name| lookup(name).filter(|value| !value.is_empty());
        let built_with = |value: Option<&str>| value.map(str::to_owned);

        let listen = given(LISTEN).unwrap_or_else(|| "0.0.0.0:8080".to_owned());
        let commit = given(COMMIT).or_else(|| built_with(option_env!("SHOP_COMMIT")));
        let built_at = given(BUILT_AT).or_else(|| built_with(option_env!("SHOP_BUILT_AT")));
        let environment = given(ENVIRONMENT).unwrap_or_else(|| "local".to_owned());
        Ok(Self {
            listen: listen.parse().map_err(|_| {
                InvalidSetting::new(LISTEN, &listen, "an address and port such as 0.0.0.0:8080")
            })?,
            version: Version {
                commit: commit
                    .as_deref()
                    .map_or(Ok(Commit::UNKNOWN), Commit::parse)?,
                built_at: built_at.unwrap_or_else(|| "unknown".to_owned()),
                environment: EnvironmentName::parse(&environment)?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, InvalidSetting> {
        let found = |name: &str| pairs.iter().find(|(key, _)| *key == name);
        Settings::read(|name| found(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_needs_to_be_set() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
        assert_eq!(settings.version.environment.to_string(), "local");
        assert_eq!(
            settings,
            read(&[(LISTEN, ""), (COMMIT, ""), (ENVIRONMENT, "")]).unwrap()
        );
    }

    #[test]
    fn what_is_set_is_used() {
        let settings = read(&[
            (LISTEN, "127.0.0.1:9000"),
            (COMMIT, "ABC1234"),
            (BUILT_AT, "2026-11-02T09:00:00Z"),
            (ENVIRONMENT, "dev"),
        ])
        .unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:9000");
        assert_eq!(
            serde_json::to_value(&settings.version).unwrap(),
            serde_json::json!({
                "commit": "abc1234",
                "built_at": "2026-11-02T09:00:00Z",
                "environment": "dev",
            })
        );
    }

    #[test]
    fn a_bad_value_is_named_with_what_would_do() {
        let said = |name, value| read(&[(name, value)]).unwrap_err().to_string();
        assert_eq!(
            said(LISTEN, "8080"),
            "SHOP_LISTEN is `8080`, but must be an address and port such as 0.0.0.0:8080"
        );
        assert_eq!(
            said(COMMIT, "main"),
            "SHOP_COMMIT is `main`, but must be a commit id of 7 to 64 hexadecimal digits"
        );
        assert_eq!(
            said(ENVIRONMENT, "<b>"),
            "SHOP_ENVIRONMENT is `<b>`, but must be 1 to 40 letters, digits and hyphens"
        );
    }
}
