//! The secrets of the settings, read once at the start.
//!
//! Files and variables are read at once; secrets of AWS through a [`Vault`], each only once however
//! many settings name a field of it. Everything that is wrong is told together, by the name of its
//! setting and never with a value. Nothing is read again later: who puts a new value starts the
//! process anew.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use slipway_core::ports::PortResult;

use crate::settings::{AwsSecret, Secret, Settings, registry_password};

/// How often a secret is asked for before a failure that may pass is taken for good. The waits between
/// come to some eight seconds, besides the time that each try takes (`limits.call_timeout` at the
/// most). Whoever started the process will start it again.
const ATTEMPTS: u32 = 5;
/// The first wait; each later one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Where secrets are kept that are not on this machine.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The current value of a secret, named by its name or ARN.
    ///
    /// # Errors
    /// When it is not there, is refused or can't be reached; it says what to do about it.
    async fn secret(&self, region: &str, id: &str) -> PortResult<SecretString>;
}

/// Every secret of the settings but the key to AWS.
#[derive(Debug)]
pub struct Secrets(BTreeMap<String, SecretString>);

impl Secrets {
    /// Reads them all.
    ///
    /// # Errors
    /// With every setting whose secret can't be had, one a line.
    pub async fn read(settings: &Settings, vault: &dyn Vault) -> anyhow::Result<Self> {
        let wanted = settings.secrets();
        let region_of = |secret: &AwsSecret| {
            let region = secret.region(settings.aws.region.as_deref());
            region.unwrap_or_default().to_owned()
        };
        let mut kept: BTreeMap<(String, &str), Vec<&str>> = BTreeMap::new();
        for (name, secret) in &wanted {
            if let Secret::Aws(secret) = secret {
                let place = (region_of(secret), secret.id.as_str());
                kept.entry(place).or_default().push(name);
            }
        }
        let mut wrong = Vec::new();
        let mut fetched = BTreeMap::new();
        for ((region, id), names) in kept {
            match fetch(vault, &region, id).await {
                Ok(value) => {
                    fetched.insert((region, id), value);
                }
                Err(error) => wrong.push(format!("{}: {error}", names.join(", "))),
            }
        }
        let mut values = BTreeMap::new();
        for (name, secret) in &wanted {
            let read = match secret {
                Secret::Aws(part) => match fetched.get(&(region_of(part), part.id.as_str())) {
                    Some(whole) => field(part, whole).and_then(|text| secret.finish(&text)),
                    // Told above, for all of its fields.
                    None => continue,
                },
                here => here
                    .read_here()
                    .and_then(|read| read.context("it is not on this machine")),
            };
            match read {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(error) => wrong.push(format!("{name}: {error:#}")),
            }
        }
        if wrong.is_empty() {
            Ok(Self(values))
        } else {
            bail!(wrong.join("\n"))
        }
    }

    /// The private key of the App.
    ///
    /// # Errors
    /// None in practice: the settings can't be without one.
    pub fn private_key(&self) -> anyhow::Result<SecretString> {
        self.get("github.private_key")
    }

    /// The secret that webhooks are signed with. Without one anybody could give orders.
    ///
    /// # Errors
    /// None in practice: the settings can't be without one.
    pub fn webhook_secret(&self) -> anyhow::Result<SecretString> {
        self.get("github.webhook_secret")
    }

    /// The password of a registry, if the settings name one.
    #[must_use]
    pub fn registry(&self, host: &str) -> Option<SecretString> {
        self.0.get(&registry_password(host)).cloned()
    }

    /// The secret of a setting, if the settings name one.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<SecretString> {
        self.0.get(name).cloned()
    }

    fn get(&self, name: &str) -> anyhow::Result<SecretString> {
        let found = self.0.get(name).cloned();
        found.with_context(|| format!("{name} was not read"))
    }
}

/// Asks for a secret, and again after failures that may pass.
async fn fetch(vault: &dyn Vault, region: &str, id: &str) -> PortResult<SecretString> {
    let mut wait = FIRST_WAIT;
    for _ in 1..ATTEMPTS {
        let error = match vault.secret(region, id).await {
            Err(error) if error.is_passing() => error,
            other => return other,
        };
        tracing::warn!(%error, ?wait, "a secret can't be read yet");
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    vault.secret(region, id).await
}

/// The part of a secret that a setting means.
fn field(part: &AwsSecret, whole: &SecretString) -> anyhow::Result<String> {
    let id = &part.id;
    let Some(key) = &part.key else {
        return Ok(whole.expose_secret().to_owned());
    };
    // What is wrong with the JSON is not said: the parser would quote it.
    let fields: serde_json::Map<String, Value> = serde_json::from_str(whole.expose_secret())
        .map_err(|_| {
            anyhow!(
                "the AWS secret `{id}` is not a JSON object, so it has no field `{key}`: put one, \
                 or leave `key` out to use the whole value"
            )
        })?;
    match fields.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => bail!("{part} is not a string"),
        None => {
            let names: Vec<String> = fields.keys().map(|name| format!("`{name}`")).collect();
            let others = match names.as_slice() {
                [] => "it has none".to_owned(),
                names => format!("it has {}", names.join(", ")),
            };
            bail!("the AWS secret `{id}` has no field `{key}`: {others}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(whole: &str) -> Result<String, String> {
        let part = AwsSecret {
            id: "slipway/github".to_owned(),
            key: Some("webhook_secret".to_owned()),
        };
        field(&part, &SecretString::from(whole)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_field_is_found_or_its_absence_told_without_a_value() {
        let found = field_of(r#"{"webhook_secret": "abc", "n": 1}"#);
        assert_eq!(found.unwrap(), "abc");
        for whole in ["s3cret", r#""s3cret""#, r#"["s3cret"]"#, r#"{"a": s3cret}"#] {
            let error = field_of(whole).unwrap_err();
            assert!(error.contains("not a JSON object"), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = field_of(r#"{"webhook_secret": {"s3cret": 1}}"#).unwrap_err();
        assert_eq!(
            error,
            "the field `webhook_secret` of the AWS secret `slipway/github` is not a string"
        );
        let error = field_of(r#"{"a": "s3cret", "b": "s3cret"}"#).unwrap_err();
        insta::assert_snapshot!(error, @"the AWS secret `slipway/github` has no field `webhook_secret`: it has `a`, `b`");
        let error = field_of("{}").unwrap_err();
        insta::assert_snapshot!(error, @"the AWS secret `slipway/github` has no field `webhook_secret`: it has none");
    }
}
