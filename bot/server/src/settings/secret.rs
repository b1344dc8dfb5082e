//! Where a secret is kept: a file, a variable, or a secret of AWS. Never the value itself.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use secrecy::SecretString;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::environment;

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In a variable of the environment.
    Env(String),
    /// In AWS Secrets Manager.
    Aws(AwsSecret),
}

/// A secret in AWS Secrets Manager, or one field of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSecret {
    /// Its name or its ARN.
    pub id: String,
    /// The field that is meant, if the secret is a JSON object.
    pub key: Option<String>,
}

/// A secret as the file names it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    file: Option<PathBuf>,
    env: Option<String>,
    aws_secret: Option<String>,
    key: Option<String>,
}

/// How a secret is named, for whoever wrote something else: perhaps the secret itself, which must
/// not be quoted.
const NAMED: &str = "a secret is named as { file = \"/path\" }, { env = \"NAME\" } or \
                     { aws_secret = \"name or ARN\", key = \"field\" }, where `key` may be left out";

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Table;

        impl<'de> Visitor<'de> for Table {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(NAMED)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Secret, E> {
                Err(E::custom(format_args!(
                    "the settings hold no secret themselves; {NAMED}"
                )))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                Secret::try_from(written).map_err(de::Error::custom)
            }
        }

        deserializer.deserialize_any(Table)
    }
}

impl TryFrom<Written> for Secret {
    type Error = &'static str;
    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written {
                file: Some(path),
                env: None,
                aws_secret: None,
                key: None,
            } => Ok(Self::File(path)),
            Written {
                file: None,
                env: Some(name),
                aws_secret: None,
                key: None,
            } => Ok(Self::Env(name)),
            Written {
                file: None,
                env: None,
                aws_secret: Some(id),
                key,
            } if !id.is_empty() => Ok(Self::Aws(AwsSecret { id, key })),
            _ => Err(NAMED),
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Env(name) => write!(f, "the variable {name}"),
            Self::Aws(secret) => secret.fmt(f),
        }
    }
}

impl fmt::Display for AwsSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "the field `{key}` of the AWS secret `{}`", self.id),
            None => write!(f, "the AWS secret `{}`", self.id),
        }
    }
}

impl Secret {
    /// Reads it, if it is on this machine; `None` for one in AWS.
    ///
    /// # Errors
    /// When it is not there or empty.
    pub fn read_here(&self) -> anyhow::Result<Option<SecretString>> {
        let text = match self {
            Self::File(path) => std::fs::read_to_string(path)
                .with_context(|| format!("reading the secret in {}", path.display()))?,
            Self::Env(name) => environment(name)
                .with_context(|| format!("the variable {name} is not set, but holds a secret"))?,
            Self::Aws(_) => return Ok(None),
        };
        self.finish(&text).map(Some)
    }

    /// The secret that a text holds: the newline that editors leave at the end is not part of it.
    ///
    /// # Errors
    /// When nothing is left. An empty secret protects nothing.
    pub fn finish(&self, text: &str) -> anyhow::Result<SecretString> {
        ensure!(!text.trim().is_empty(), "{self} is empty");
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
    }
}

impl AwsSecret {
    /// The region that it is in: its ARN says so, else the settings.
    #[must_use]
    pub fn region<'a>(&'a self, of_settings: Option<&'a str>) -> Option<&'a str> {
        match self.id.strip_prefix("arn:") {
            // arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX
            Some(rest) => rest.split(':').nth(2).filter(|region| !region.is_empty()),
            None => of_settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[derive(Deserialize)]
    struct File {
        secret: Secret,
    }

    fn parse(text: &str) -> Result<Secret, String> {
        let file: Result<File, _> = toml::from_str(&format!("secret = {text}"));
        file.map(|file| file.secret)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn each_place_is_named_in_its_own_way() {
        let shown = |text: &str| parse(text).unwrap().to_string();
        assert_eq!(shown("{ file = '/a' }"), "the file /a");
        assert_eq!(shown("{ env = 'A' }"), "the variable A");
        assert_eq!(shown("{ aws_secret = 'a/b' }"), "the AWS secret `a/b`");
        assert_eq!(
            shown("{ aws_secret = 'a/b', key = 'c' }"),
            "the field `c` of the AWS secret `a/b`"
        );
        for wrong in [
            "{}",
            "{ key = 'c' }",
            "{ file = '/a', env = 'A' }",
            "{ file = '/a', key = 'c' }",
            "{ aws_secret = '' }",
        ] {
            assert!(
                parse(wrong)
                    .unwrap_err()
                    .starts_with("a secret is named as"),
                "{wrong}"
            );
        }
        assert!(parse("{ vault = 'a' }").unwrap_err().contains("vault"));
    }

    #[test]
    fn an_arn_says_its_region() {
        let secret = |id: &str| AwsSecret {
            id: id.to_owned(),
            key: None,
        };
        let arn = secret("arn:aws:secretsmanager:eu-west-1:111111111111:secret:a-AbCdEf");
        assert_eq!(arn.region(Some("eu-central-1")), Some("eu-west-1"));
        assert_eq!(secret("arn:a").region(Some("eu-central-1")), None);
        assert_eq!(
            secret("a").region(Some("eu-central-1")),
            Some("eu-central-1")
        );
        assert_eq!(secret("a").region(None), None);
    }

    #[test]
    fn secrets_are_read_and_never_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = Secret::File(path.clone());
        let read = secret.read_here().unwrap().unwrap();
        assert_eq!(read.expose_secret(), "s3cret");
        assert!(!format!("{read:?}").contains("s3cret"));
        for nothing in ["", "\n", "  \n"] {
            std::fs::write(&path, nothing).unwrap();
            let error = secret.read_here().unwrap_err().to_string();
            assert_eq!(error, format!("the file {} is empty", path.display()));
        }
        let missing = Secret::Env("SLIPWAY_NO_SUCH_VARIABLE".to_owned());
        assert!(missing.read_here().is_err());
    }
}
