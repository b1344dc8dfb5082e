//! What the shop is told from outside. The only reader of the process environment, and of the files
//! that it names.

mod database;

use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

pub use database::{
    Certificates, DatabaseSettings, Endpoint, Login, Password, ServerSettings, Transport,
};

use crate::version::{Commit, EnvironmentName, Version};

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
    /// Where products and orders are kept.
    pub database: DatabaseSettings,
}

/// A setting that can't be used, with what would do. Never repeats a value that may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name} {fault}, but must be {expected}")]
pub struct InvalidSetting {
    name: &'static str,
    fault: String,
    expected: &'static str,
}

impl InvalidSetting {
    fn new(name: &'static str, fault: impl Into<String>, expected: &'static str) -> Self {
        Self {
            name,
            fault: fault.into(),
            expected,
        }
    }

    /// For values that may be shown.
    fn value(name: &'static str, value: impl fmt::Display, expected: &'static str) -> Self {
        Self::new(name, format!("is `{value}`"), expected)
    }
}

/// The values by name; one that is empty counts as none, as Kubernetes and shells write it.
struct Given<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Given<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl Settings {
    /// Reads the settings from the process environment.
    ///
    /// # Errors
    /// See [`Settings::read`].
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::read(environment)
    }

    /// Reads the settings from `lookup`.
    ///
    /// # Errors
    /// When a setting has a value that can't be used.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let given = Given(&lookup);
        Ok(Self {
            listen: listen(&given)?,
            version: version(&given)?,
            database: database::read(&given)?,
        })
    }

    /// Reads only where the shop takes connections; all that `shop healthcheck` needs.
    ///
    /// # Errors
    /// When `SHOP_LISTEN` has a value that can't be used.
    pub fn listen_from_env() -> Result<SocketAddr, InvalidSetting> {
        listen(&Given(&environment))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn listen(given: &Given<'_>) -> Result<SocketAddr, InvalidSetting> {
    let text = given
        .get(LISTEN)
        .unwrap_or_else(|| "0.0.0.0:8080".to_owned());
    text.parse().map_err(|_| {
        InvalidSetting::value(LISTEN, &text, "an address and port such as 0.0.0.0:8080")
    })
}

fn version(given: &Given<'_>) -> Result<Version, InvalidSetting> {
    let or_built_with = |name, built_with: Option<&str>| {
        given
            .get(name)
            .or_else(|| built_with.filter(|v| !v.is_empty()).map(str::to_owned))
    };
    let commit = or_built_with(COMMIT, option_env!("SHOP_COMMIT"));
    let built_at = or_built_with(BUILT_AT, option_env!("SHOP_BUILT_AT"));
    let environment = given.get(ENVIRONMENT).unwrap_or_else(|| "local".to_owned());
    Ok(Version {
        commit: match commit {
            None => Commit::UNKNOWN,
            Some(text) => Commit::parse(&text).ok_or_else(|| {
                InvalidSetting::value(COMMIT, text, "a commit id of 7 to 64 hexadecimal digits")
            })?,
        },
        built_at: built_at.unwrap_or_else(|| "unknown".to_owned()),
        environment: EnvironmentName::parse(&environment).ok_or_else(|| {
            InvalidSetting::value(
                ENVIRONMENT,
                &environment,
                "1 to 40 letters, digits and hyphens",
            )
        })?,
    })
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
        assert_eq!(settings.database, DatabaseSettings::Memory);
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
