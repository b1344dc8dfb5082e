//! The parameters of STS's requests: found wherever the client put them, and valid by themselves.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::http::Method;

use super::failure::Failure;
use super::identity::is_name_character;
use super::request::Incoming;

/// The parameters, wherever the client put them.
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    pub(super) fn of(incoming: &Incoming) -> Self {
        let mut all = incoming.query.clone();
        if incoming.method == Method::POST {
            all.extend(url::form_urlencoded::parse(&incoming.body).into_owned());
        }
        Self(all)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The session's name, valid by itself.
pub(super) fn session_name(params: &Params) -> Result<&str, Failure> {
    let name = required(params, "RoleSessionName", "roleSessionName")?;
    check_pattern("roleSessionName", name, 2..=64, "")?;
    Ok(name)
}

pub(super) fn required<'a>(
    params: &'a Params,
    name: &str,
    member: &str,
) -> Result<&'a str, Failure> {
    params.get(name).ok_or_else(|| {
        constraint(
            &format!("Value null at '{member}'"),
            "Member must not be null",
        )
    })
}

pub(super) fn check_pattern(
    member: &str,
    value: &str,
    length: RangeInclusive<usize>,
    besides: &str,
) -> Result<(), Failure> {
    let subject = format!("Value '{value}' at '{member}'");
    if value.len() < *length.start() {
        let why = format!(
            "Member must have length greater than or equal to {}",
            length.start()
        );
        return Err(constraint(&subject, &why));
    }
    if value.len() > *length.end() {
        let why = format!(
            "Member must have length less than or equal to {}",
            length.end()
        );
        return Err(constraint(&subject, &why));
    }
    if value
        .chars()
        .all(|c| is_name_character(c) || besides.contains(c))
    {
        return Ok(());
    }
    let why = format!("Member must satisfy regular expression pattern: [\\w+=,.@{besides}-]*");
    Err(constraint(&subject, &why))
}

pub(super) fn duration(params: &Params) -> Result<Option<i64>, Failure> {
    let Some(value) = params.get("DurationSeconds") else {
        return Ok(None);
    };
    let seconds = value.parse::<i64>();
    let seconds = seconds.map_err(|_| Failure::bad("MalformedInput", "DurationSeconds"))?;
    let subject = format!("Value '{seconds}' at 'durationSeconds'");
    match seconds {
        ..900 => Err(constraint(
            &subject,
            "Member must have value greater than or equal to 900",
        )),
        43_201.. => Err(constraint(
            &subject,
            "Member must have value less than or equal to 43200",
        )),
        900..=43_200 => Ok(Some(seconds)),
    }
}

pub(super) fn tags(params: &Params) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for (name, key) in &params.0 {
        let member = name.strip_prefix("Tags.member.");
        let Some(index) = member.and_then(|rest| rest.strip_suffix(".Key")) else {
            continue;
        };
        let value = params.get(&format!("Tags.member.{index}.Value"));
        let value = value.unwrap_or_default();
        check_tag(key, value)?;
        if tags.keys().any(|other| other.eq_ignore_ascii_case(key)) {
            return Err(Failure::bad(
                "InvalidParameterValue",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.insert(key.clone(), value.to_owned());
    }
    if tags.len() > 50 {
        return Err(invalid("A session has at most 50 tags".to_owned()));
    }
    Ok(tags)
}

/// Keys of 1 to 128 and values of up to 256 of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>.
fn check_tag(key: &str, value: &str) -> Result<(), Failure> {
    let fits = |text: &str| {
        text.chars().all(|c| {
            let blank = c.is_whitespace() && !c.is_control();
            blank || c.is_alphanumeric() || "_.:/=+-@".contains(c)
        })
    };
    let sized = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
    if sized && fits(key) && fits(value) {
        return Ok(());
    }
    Err(constraint(
        &format!("Value '{key}={value}' at 'tags'"),
        "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*",
    ))
}

pub(super) fn invalid(why: String) -> Failure {
    Failure::bad("ValidationError", why)
}

fn constraint(subject: &str, rule: &str) -> Failure {
    invalid(format!(
        "1 validation error detected: {subject} failed to satisfy constraint: {rule}"
    ))
}
