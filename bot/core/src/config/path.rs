//! Paths and patterns inside the repository. Nothing that is accepted here leads out of it.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::Invalid;

/// A path below the repository's root, with `/` between its parts. The root itself is `.`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoPath(String);

impl RepoPath {
    /// The only way in. Spaces and dots are fine; a trailing slash and `./` in front are dropped.
    ///
    /// # Errors
    /// When the path is empty, absolute, has a part `..`, an empty part, a backslash or a control
    /// character.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let trimmed = text.strip_prefix("./").unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if text == "." || text == "./" {
            return Ok(Self(".".to_owned()));
        }
        stays_inside(trimmed).map_err(|problem| {
            Invalid::new(format!(
                "{text:?} is not a path in the repository: {problem}"
            ))
        })?;
        Ok(Self(trimmed.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is left of `path` below this one; `None` where it lies elsewhere.
    #[must_use]
    pub fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.0 == "." {
            return Some(path);
        }
        path.strip_prefix(self.0.as_str())?.strip_prefix('/')
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({})", self.0)
    }
}

/// Says what would lead a relative path out of its directory, or make it unclear.
pub(super) fn stays_inside(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > 1024 {
        return Err("it is longer than 1024 bytes");
    }
    if text.starts_with('/') {
        return Err("it is absolute");
    }
    if text.contains('\\') {
        return Err("parts are separated by `/`");
    }
    if text.chars().any(char::is_control) {
        return Err("it has a control character");
    }
    for part in text.split('/') {
        match part {
            "" => return Err("it has an empty part"),
            "." | ".." => return Err("`.` and `..` are not allowed"),
            _ => {}
        }
    }
    Ok(())
}

/// Patterns of paths: `*` and `?` stay within one part, `**` crosses parts.
#[derive(Clone)]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
}

impl Globs {
    /// The only way in.
    ///
    /// # Errors
    /// The index of the first pattern that is malformed or leads out, with the reason.
    pub fn parse(patterns: &[impl AsRef<str>]) -> Result<Self, (usize, Invalid)> {
        let mut set = GlobSetBuilder::new();
        for (index, pattern) in patterns.iter().enumerate() {
            let pattern = pattern.as_ref();
            refuse_look_alikes(pattern).map_err(|what| (index, what))?;
            stays_inside(pattern).map_err(|problem| {
                (
                    index,
                    Invalid::new(format!("{pattern:?} is not a pattern of paths: {problem}")),
                )
            })?;
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|error| {
                    (
                        index,
                        Invalid::new(format!(
                            "{pattern:?} is not a pattern of paths: {}",
                            error.kind()
                        )),
                    )
                })?;
            set.add(glob);
        }
        let set = set.build().map_err(|error| {
            (
                0,
                Invalid::new(format!(
                    "the patterns are too large together: {}",
                    error.kind()
                )),
            )
        })?;
        Ok(Self {
            patterns: patterns.iter().map(|p| p.as_ref().to_owned()).collect(),
            set,
        })
    }

    /// Whether any of the patterns matches this path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }

    /// The patterns as they were written.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

/// Refuses what would be taken literally, but is never meant so.
fn refuse_look_alikes(pattern: &str) -> Result<(), Invalid> {
    let refusal = |problem: &str, help: &str| {
        Err(
            Invalid::new(format!("{pattern:?} is not a pattern of paths: {problem}"))
                .with_help(help),
        )
    };
    if pattern.starts_with('!') {
        return refusal(
            "a pattern can't take paths out",
            "list the paths that count",
        );
    }
    if pattern.contains("{environment}") {
        return refusal(
            "it has no placeholders",
            "write `*`, or the names of the environments like {dev,prod}",
        );
    }
    if pattern.ends_with('/') {
        return refusal(
            "it names a directory, and only files change",
            "for all below it, end it with /**",
        );
    }
    Ok(())
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for Globs {}

impl fmt::Debug for Globs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Globs({:?})", self.patterns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        for text in [
            "infra/02-eks",
            "infra/01. terraform-state",
            "a b/c",
            ".github",
            ".",
        ] {
            assert_eq!(RepoPath::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(RepoPath::parse("./infra/").unwrap().as_str(), "infra");
        for text in [
            "", "/etc", "../x", "a/../b", "a//b", "a\\b", "a\0b", "a/./b", "..",
        ] {
            assert!(RepoPath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_lies_below_is_told_from_what_only_looks_so() {
        let dir = RepoPath::parse("infra/eks").unwrap();
        assert_eq!(dir.strip("infra/eks/a/main.tf"), Some("a/main.tf"));
        assert_eq!(dir.strip("infra/eks-old/main.tf"), None);
        assert_eq!(
            RepoPath::parse(".").unwrap().strip("main.tf"),
            Some("main.tf")
        );
    }

    #[test]
    fn stars_keep_to_their_part() {
        let globs = Globs::parse(&["**/*.tf", "app/*", ".terraform.lock.hcl"]).unwrap();
        for path in [
            "main.tf",
            "modules/a b/main.tf",
            "app/x",
            ".terraform.lock.hcl",
        ] {
            assert!(globs.matches(path), "{path}");
        }
        for path in ["main.tf.json", "app/x/y", "a/.terraform.lock.hcl"] {
            assert!(!globs.matches(path), "{path}");
        }
    }

    #[test]
    fn malformed_patterns_are_named() {
        let (index, error) = Globs::parse(&["ok", "a[b"]).unwrap_err();
        assert_eq!(index, 1);
        insta::assert_snapshot!(error, @r#""a[b" is not a pattern of paths: unclosed character class; missing ']'"#);
        assert!(Globs::parse(&["../x"]).is_err());
    }

    #[test]
    fn what_looks_like_more_than_a_pattern_is_refused() {
        let error = |pattern: &str| Globs::parse(&[pattern]).unwrap_err().1.message;
        insta::assert_snapshot!(error("!docs/**"), @r#""!docs/**" is not a pattern of paths: a pattern can't take paths out"#);
        insta::assert_snapshot!(error("{environment}.tfvars"), @r#""{environment}.tfvars" is not a pattern of paths: it has no placeholders"#);
        insta::assert_snapshot!(error("app/"), @r#""app/" is not a pattern of paths: it names a directory, and only files change"#);
        assert!(
            Globs::parse(&["{dev,prod}.tfvars"])
                .unwrap()
                .matches("prod.tfvars")
        );
    }
}
