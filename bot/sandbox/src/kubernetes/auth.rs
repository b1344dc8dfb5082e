//! From a bearer token to a person, as EKS does it with aws-iam-authenticator.
//!
//! The token is a presigned `GetCallerIdentity` URL. It is checked before it is called, so that a
//! token can never make the server call anything but its STS.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use http::{StatusCode, header};
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;
use url::Url;

use super::Shared;
use super::rights::Identity;
use super::status::Refusal;

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// How old a signature may be, and the longest expiry it may state.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How far the caller's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// The query parameters that aws-iam-authenticator lets through.
const PARAMETERS: &[&str] = &[
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "x-amz-user-agent",
];

/// Who sends this request.
///
/// # Errors
/// 401 in every case; why is only logged, as on EKS.
pub(super) async fn authenticate(shared: &Shared, parts: &Parts) -> Result<Identity, Refusal> {
    let token = parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(Refusal::unauthorized)?;
    let known = shared.world().tokens.get(token).cloned();
    if let Some(identity) = known {
        return Ok(identity);
    }
    let arn = match caller(shared, token).await {
        Ok(arn) => arn,
        Err(why) => {
            tracing::info!(cluster = %shared.name, %why, "the sandbox cluster refused a token");
            return Err(Refusal::unauthorized());
        }
    };
    let role = role_of(&arn);
    let entry = shared.world().roles.get(&role).cloned();
    match entry {
        Some(rights) => Ok(Identity { user: arn, rights }),
        None => {
            tracing::info!(cluster = %shared.name, %role, "no access entry for this role");
            Err(Refusal::unauthorized())
        }
    }
}

/// Checks the token's URL and asks STS whose it is.
async fn caller(shared: &Shared, token: &str) -> Result<String, String> {
    let url = presigned(token, &shared.sts_url, shared.clock.now())?;
    let answer = shared
        .http
        .get(url)
        .header(CLUSTER_HEADER, &shared.name)
        .header(header::ACCEPT, "application/json")
        .send()
        .await
        .map_err(|error| format!("STS did not answer: {error}"))?;
    let status = answer.status();
    let body = answer
        .text()
        .await
        .map_err(|error| format!("STS broke off: {error}"))?;
    if status != StatusCode::OK {
        return Err(format!("STS answered {status}"));
    }
    arn_in(&body).ok_or_else(|| "STS named no ARN".to_owned())
}

/// The presigned URL in a token, if it is nothing but a fresh `GetCallerIdentity` for our STS.
fn presigned(token: &str, sts: &Url, now: Timestamp) -> Result<Url, String> {
    let encoded = token.strip_prefix(PREFIX).ok_or("the prefix is missing")?;
    let text = URL_SAFE_NO_PAD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or("not base64url without padding")?;
    let url = Url::parse(&text).map_err(|error| format!("not a URL: {error}"))?;
    if url.origin() != sts.origin() || url.path() != sts.path() {
        return Err(format!(
            "not our STS: {}",
            url.origin().ascii_serialization()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("user, password or fragment in the URL".to_owned());
    }
    let mut parameters = std::collections::HashMap::new();
    for (name, value) in url.query_pairs() {
        let name = name.to_lowercase();
        if !PARAMETERS.contains(&name.as_str()) {
            return Err(format!("query parameter {name} is not allowed"));
        }
        if parameters.insert(name, value.into_owned()).is_some() {
            return Err("a query parameter is there twice".to_owned());
        }
    }
    let parameter = |name: &str| parameters.get(name).map(String::as_str);
    if parameter("action") != Some("GetCallerIdentity") {
        return Err("the action is not GetCallerIdentity".to_owned());
    }
    let signs_cluster = parameter("x-amz-signedheaders").is_some_and(|headers| {
        headers
            .to_lowercase()
            .split(';')
            .any(|h| h == CLUSTER_HEADER)
    });
    if !signs_cluster {
        return Err(format!("{CLUSTER_HEADER} is not signed"));
    }
    let expires = parameter("x-amz-expires")
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    if expires.is_none_or(|expires| expires.is_zero() || expires > LONGEST) {
        return Err("X-Amz-Expires is missing, 0 or longer than 900".to_owned());
    }
    let date = parameter("x-amz-date").and_then(amz_date);
    let age = date
        .ok_or("X-Amz-Date is missing or malformed")?
        .duration_until(now);
    let limit = |time: Duration| SignedDuration::try_from(time).unwrap_or_default();
    if age > limit(LONGEST) || age < -limit(AHEAD) {
        return Err("the signature is older than 15 minutes or from the future".to_owned());
    }
    Ok(url)
}

fn amz_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    TimeZone::UTC.to_timestamp(date).ok()
}

/// The ARN in STS's answer, which is JSON if it heeds `Accept`, else XML.
fn arn_in(body: &str) -> Option<String> {
    if let Ok(document) = serde_json::from_str::<Value>(body) {
        let result = &document["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
        return result["Arn"].as_str().map(str::to_owned);
    }
    let (_, rest) = body.split_once("<Arn>")?;
    let (arn, _) = rest.split_once("</Arn>")?;
    Some(arn.trim().to_owned())
}

/// `arn:aws:sts::A:assumed-role/R/SESSION` is the session of `arn:aws:iam::A:role/R`. A role's path
/// is lost on the way, so it is left out of access entries too.
pub(super) fn role_of(arn: &str) -> String {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts.as_slice() else {
        return arn.to_owned();
    };
    let role = match *service {
        "sts" => resource
            .strip_prefix("assumed-role/")
            .and_then(|rest| rest.split('/').next()),
        "iam" => resource
            .strip_prefix("role/")
            .and_then(|rest| rest.rsplit('/').next()),
        _ => None,
    };
    match role {
        Some(role) => format!("arn:{partition}:iam::{account}:role/{role}"),
        None => arn.to_owned(),
    }
}
