//! Texts with placeholders, each key with the placeholders that mean something there.

use std::fmt;

use crate::ids::{CommitSha, EnvName};

use super::Invalid;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(&'static str),
}

/// Splits a text at its placeholders.
fn split(text: &str, known: &'static [&'static str]) -> Result<Vec<Piece>, Invalid> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(brace);
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let inside = from_brace
            .strip_prefix('{')
            .and_then(|inside| inside.split_once('}'));
        let Some((name, after)) = inside else {
            return Err(
                Invalid::new(format!("{text:?} has a brace without its partner"))
                    .with_help(format!("placeholders here: {}", list(known))),
            );
        };
        let Some(placeholder) = known.iter().find(|k| **k == name) else {
            return Err(
                Invalid::new(format!("{text:?} has no placeholder {{{name}}}"))
                    .with_help(format!("placeholders here: {}", list(known))),
            );
        };
        pieces.push(Piece::Placeholder(placeholder));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn list(known: &[&str]) -> String {
    known
        .iter()
        .map(|name| format!("{{{name}}}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn fill(pieces: &[Piece], value: impl Fn(&str) -> String) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Placeholder(name) => value(name),
        })
        .collect()
}

fn written(pieces: &[Piece]) -> String {
    fill(pieces, |name| format!("{{{name}}}"))
}

/// A text that may name the environment as `{environment}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// The only way in.
    ///
    /// # Errors
    /// When the text has another placeholder than `{environment}`, or a lone brace.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        split(text, &["environment"]).map(Self)
    }

    /// The text for one environment.
    #[must_use]
    pub fn render(&self, environment: &EnvName) -> String {
        fill(&self.0, |_| environment.to_string())
    }

    /// Whether each environment gets a text of its own.
    #[must_use]
    pub fn names_environment(&self) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Placeholder(_)))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.0))
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({self})")
    }
}

/// How CI names the image of a commit: a tag with `{sha}` or `{short_sha}`.
#[derive(Clone, PartialEq, Eq)]
pub struct TagTemplate(Vec<Piece>);

impl TagTemplate {
    /// The only way in.
    ///
    /// # Errors
    /// When the text has another placeholder, none at all (a tag that moves names no commit), or
    /// would not make a tag (OCI distribution specification, "Pulling manifests").
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let pieces = split(text, &["sha", "short_sha"])?;
        if !pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Placeholder(_)))
        {
            return Err(
                Invalid::new(format!("{text:?} is the same tag for every commit"))
                    .with_help("name the commit, like \"sha-{sha}\" or \"{short_sha}\""),
            );
        }
        let longest = fill(&pieces, |name| {
            "a".repeat(if name == "sha" { 64 } else { 7 })
        });
        let first = longest.bytes().next();
        let is_tag = longest.len() <= 128
            && first.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
            && longest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if is_tag {
            return Ok(Self(pieces));
        }
        Err(Invalid::new(format!("{text:?} does not make an image tag"))
            .with_help("a tag takes up to 128 letters, digits, `_`, `.` and `-`, and starts with none of the last two"))
    }

    /// The tag of a commit's image.
    #[must_use]
    pub fn render(&self, commit: &CommitSha) -> String {
        fill(&self.0, |name| match name {
            "sha" => commit.as_str().to_owned(),
            _ => commit.short().to_owned(),
        })
    }
}

impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.0))
    }
}

impl fmt::Debug for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TagTemplate({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let template = Template::parse("{environment}/a-{environment}.tfvars").unwrap();
        assert_eq!(
            template.render(&EnvName::parse("dev").unwrap()),
            "dev/a-dev.tfvars"
        );
        assert_eq!(template.to_string(), "{environment}/a-{environment}.tfvars");
        assert!(template.names_environment());
        let commit = CommitSha::parse("abcdef0123".repeat(4)).unwrap();
        assert_eq!(
            TagTemplate::parse("v-{short_sha}").unwrap().render(&commit),
            "v-abcdef0"
        );
        assert_eq!(
            TagTemplate::parse("{sha}").unwrap().render(&commit),
            commit.as_str()
        );
    }

    #[test]
    fn unknown_placeholders_are_errors() {
        let error = Template::parse("{env}.tfvars").unwrap_err();
        insta::assert_snapshot!(error, @r#""{env}.tfvars" has no placeholder {env}"#);
        insta::assert_snapshot!(error.help.unwrap(), @"placeholders here: {environment}");
        for text in [
            "{environment",
            "environment}",
            "{}",
            "{{environment}}",
            "{sha}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tag_names_its_commit() {
        for text in [
            "latest",
            "",
            "{environment}-{sha}",
            "-{sha}",
            "a/{sha}",
            "{sha}:x",
            "v {sha}",
        ] {
            assert!(TagTemplate::parse(text).is_err(), "{text}");
        }
    }
}
