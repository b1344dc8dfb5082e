//! Secrets Manager: `GetSecretValue`, over AWS JSON 1.1.
//!
//! A caller reads secrets of its own account by name or by ARN, and only those that its role was
//! granted. As with AWS, a name that does not exist is only told to be missing to those who may
//! read a secret of that name: to others it is refused like any secret.
//! API: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.

use axum::body::Body;
use axum::http::{Method, Response, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::failure::Failure;
use super::identity::{AccountId, Grant, mint};
use super::request::Incoming;
use super::tokens::uid;
use super::world::{Call, Operation, World};
use super::{Aws, SetupError};

const TARGET: &str = "secretsmanager.GetSecretValue";
/// The only stage there is: the sandbox keeps no earlier values.
const CURRENT: &str = "AWSCURRENT";

/// A secret, and its value if somebody has put one.
#[derive(Clone, Debug)]
pub(super) struct Secret {
    account: AccountId,
    region: String,
    name: String,
    /// The KMS key of one's own that it is under.
    key: Option<String>,
    value: Option<Value>,
}

#[derive(Clone, Debug)]
struct Value {
    text: String,
    version: String,
    at: Timestamp,
}

impl Aws {
    /// Makes a secret without a value, as Terraform does; gives its ARN, which ends in six letters
    /// that AWS draws.
    ///
    /// # Errors
    /// [`SetupError::Taken`].
    pub fn add_secret(
        &self,
        account: &AccountId,
        region: &str,
        name: &str,
    ) -> Result<String, SetupError> {
        let mut world = self.shared.world();
        if find(&world, account, region, name).is_some() {
            return Err(SetupError::Taken(name.to_owned()));
        }
        let suffix = mint("", 6);
        let arn = format!("arn:aws:secretsmanager:{region}:{account}:secret:{name}-{suffix}");
        let secret = Secret {
            account: account.clone(),
            region: region.to_owned(),
            name: name.to_owned(),
            key: None,
            value: None,
        };
        world.secrets.insert(arn.clone(), secret);
        Ok(arn)
    }

    /// Puts a new value into a secret.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn put_secret(&self, arn: &str, text: &str) -> Result<(), SetupError> {
        let at = self.shared.clock.now();
        self.change_secret(arn, |secret| {
            secret.value = Some(Value {
                text: text.to_owned(),
                version: uid(),
                at,
            });
        })
    }

    /// Puts a secret under a KMS key of one's own: its readers need [`Grant::UseKey`] besides.
    ///
    /// # Errors
    /// [`SetupError::Unknown`].
    pub fn encrypt_secret(&self, arn: &str, key_arn: &str) -> Result<(), SetupError> {
        self.change_secret(arn, |secret| secret.key = Some(key_arn.to_owned()))
    }

    fn change_secret(&self, arn: &str, change: impl FnOnce(&mut Secret)) -> Result<(), SetupError> {
        let mut world = self.shared.world();
        let secret = world.secrets.get_mut(arn);
        change(secret.ok_or_else(|| SetupError::Unknown(arn.to_owned()))?);
        Ok(())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

fn request(incoming: &Incoming) -> Option<Request> {
    serde_json::from_slice(&incoming.body).ok()
}

pub(super) fn operation(incoming: &Incoming) -> Operation {
    let target = incoming.header("x-amz-target").unwrap_or_default();
    let action = target.rsplit('.').next().unwrap_or_default();
    Operation {
        action: action.to_owned(),
        resource: request(incoming).map_or_else(String::new, |request| request.secret_id),
    }
}

pub(super) fn answer(world: &World, call: &Call<'_>) -> Result<Response<Body>, Failure> {
    let target = call.incoming.header("x-amz-target");
    if call.incoming.method != Method::POST || target.as_deref() != Some(TARGET) {
        return Err(Failure::bad("UnknownOperationException", ""));
    }
    let request = request(call.incoming).ok_or_else(|| {
        Failure::bad(
            "SerializationException",
            "Start of structure or map found where not expected.",
        )
    })?;
    let (arn, secret) = readable(world, call, &request.secret_id)?;
    let missing = |what: &str| {
        let why = format!("Secrets Manager can't find the specified secret value for {what}");
        Failure::bad("ResourceNotFoundException", why)
    };
    let stage = request.version_stage.as_deref().unwrap_or(CURRENT);
    let value = secret.value.as_ref().filter(|_| stage == CURRENT);
    let value = value.ok_or_else(|| missing(&format!("staging label: {stage}")))?;
    if let Some(id) = request.version_id.filter(|id| *id != value.version) {
        return Err(missing(&format!("VersionId: {id}")));
    }
    let body = json!({
        "ARN": arn,
        "Name": secret.name,
        "VersionId": value.version,
        "SecretString": value.text,
        "VersionStages": [CURRENT],
        "CreatedDate": value.at.as_second(),
    });
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    Ok((json, body.to_string()).into_response())
}

/// The secret that is meant, if the caller may read it.
fn readable<'a>(
    world: &'a World,
    call: &Call<'_>,
    id: &str,
) -> Result<(&'a str, &'a Secret), Failure> {
    let found = find(world, &call.caller.account, call.region, id);
    let resource = found.map_or(id, |(arn, _)| arn);
    let grants = world.grants_of(call.caller);
    let may_read = grants.iter().any(
        |grant| matches!(grant, Grant::ReadSecrets(pattern) if matches_pattern(pattern, resource)),
    );
    if !may_read {
        let why = format!(
            "User: {} is not authorized to perform: secretsmanager:GetSecretValue on resource: \
             {resource} because no identity-based policy allows the \
             secretsmanager:GetSecretValue action",
            call.caller.arn
        );
        return Err(Failure::bad("AccessDeniedException", why));
    }
    let (arn, secret) = found.ok_or_else(|| {
        let why = "Secrets Manager can't find the specified secret.";
        Failure::bad("ResourceNotFoundException", why)
    })?;
    let may_decrypt = secret.key.as_ref().is_none_or(|key| {
        grants
            .iter()
            .any(|grant| matches!(grant, Grant::UseKey(of) if of == key))
    });
    if !may_decrypt {
        return Err(Failure::bad(
            "AccessDeniedException",
            "Access to KMS is not allowed",
        ));
    }
    Ok((arn, secret))
}

fn find<'a>(
    world: &'a World,
    account: &AccountId,
    region: &str,
    id: &str,
) -> Option<(&'a str, &'a Secret)> {
    world
        .secrets
        .iter()
        .find(|(arn, secret)| {
            let here = secret.account == *account && secret.region == region;
            here && (*arn == id || secret.name == id)
        })
        .map(|(arn, secret)| (arn.as_str(), secret))
}

/// IAM's patterns: `*` stands for any characters, `?` for one.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), next) => {
            let rest = pattern.get(1..).unwrap_or_default();
            let skipped = next.and_then(|next| text.get(next.len_utf8()..));
            matches_pattern(rest, text)
                || skipped.is_some_and(|text| matches_pattern(pattern, text))
        }
        (Some(wanted), Some(next)) if wanted == '?' || wanted == next => matches_pattern(
            pattern.get(wanted.len_utf8()..).unwrap_or_default(),
            text.get(next.len_utf8()..).unwrap_or_default(),
        ),
        _ => false,
    }
}
