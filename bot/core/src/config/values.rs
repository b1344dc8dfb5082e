//! Texts whose form is set by AWS, Kubernetes or Terraform rather than by Slipway.

use url::Url;

use crate::plan::TypePattern;

use super::Invalid;
use super::path::{Globs, stays_inside};
use super::template::Template;

pub(super) fn parse_url(text: &str) -> Result<Url, Invalid> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        Invalid::new(format!("{text:?} is not the address of a web page"))
            .with_help("write it like \"https://dev.shop.example.com\"")
    })
}

/// STS API reference, `AssumeRole`, `ExternalId`.
pub(super) fn parse_external_id(text: &str) -> Result<String, Invalid> {
    let valid = (2..=1224).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b));
    if valid {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("this is not an external id")
        .with_help("it takes 2 to 1224 letters, digits and any of _+=,.@:/-"))
}

pub(super) fn parse_type_pattern(text: &str) -> Result<TypePattern, Invalid> {
    TypePattern::parse(text).ok_or_else(|| {
        Invalid::new(format!("{text:?} is not a resource type"))
            .with_help("write it like \"aws_foo\" or \"google_sql_*\", with `*` for any part")
    })
}

/// A template whose text for some environment has to pass `check`. One stands for all: the names
/// of environments have one form.
fn template(text: &str, check: impl Fn(&str) -> Result<(), Invalid>) -> Result<Template, Invalid> {
    let template = Template::parse(text)?;
    check(&text.replace("{environment}", "environment"))?;
    Ok(template)
}

/// Terraform takes as the name of a workspace what is the same in a URL.
pub(super) fn parse_workspace(text: &str) -> Result<Template, Invalid> {
    template(text, |text| {
        let valid = (1..=90).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if valid {
            return Ok(());
        }
        Err(
            Invalid::new(format!("{text:?} is not the name of a workspace"))
                .with_help("it takes letters, digits, `_`, `.` and `-`"),
        )
    })
}

/// Patterns of policies: what they match is read as Rego, so no other file may be meant.
pub(super) fn parse_policies(text: &str) -> Result<String, Invalid> {
    Globs::parse(&[text]).map_err(|(_, error)| error)?;
    if text.ends_with(".rego") && !text.ends_with("_test.rego") {
        return Ok(text.to_owned());
    }
    Err(Invalid::new(format!("{text:?} is not a pattern of policies"))
        .with_help("it ends in `.rego`, as \"policy/*.rego\"; tests (`_test.rego`) are left out by themselves"))
}

pub(super) fn parse_path_template(text: &str) -> Result<Template, Invalid> {
    template(text, |rendered| {
        stays_inside(rendered)
            .map_err(|problem| Invalid::new(format!("{text:?} is not a path: {problem}")))
    })
}

pub(super) fn parse_backend_config(text: &str) -> Result<Template, Invalid> {
    let Some((key, value)) = text.split_once('=') else {
        return parse_path_template(text);
    };
    let is_key = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    if is_key && !value.chars().any(char::is_control) {
        return Template::parse(text);
    }
    Err(
        Invalid::new(format!("{text:?} is not a setting of a backend"))
            .with_help("it takes key=value, or the path of a file"),
    )
}

pub(super) fn parse_manifests(text: &str) -> Result<Template, Invalid> {
    if text == "." {
        return Template::parse(text);
    }
    let trimmed = text.strip_prefix("./").unwrap_or(text);
    parse_path_template(trimmed.strip_suffix('/').unwrap_or(trimmed))
}

/// EKS API reference, `CreateCluster`, `name`.
pub(super) fn parse_cluster(text: &str) -> Result<Template, Invalid> {
    template(text, |rendered| {
        let valid = (1..=100).contains(&rendered.len())
            && rendered
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_alphanumeric())
            && rendered
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if valid {
            return Ok(());
        }
        Err(Invalid::new(format!("{text:?} is not the name of an EKS cluster"))
            .with_help("it takes up to 100 letters, digits, `-` and `_`, and starts with one of the first two"))
    })
}

/// A Kubernetes namespace is a DNS label (RFC 1123).
pub(super) fn parse_namespace(text: &str) -> Result<Template, Invalid> {
    template(text, |rendered| {
        let valid = (1..=63).contains(&rendered.len())
            && rendered
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !rendered.starts_with('-')
            && !rendered.ends_with('-');
        if valid {
            return Ok(());
        }
        Err(
            Invalid::new(format!("{text:?} is not a Kubernetes namespace"))
                .with_help("it takes up to 63 lower-case letters, digits and inner hyphens"),
        )
    })
}
