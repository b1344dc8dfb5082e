//! Where a name in a kustomization leads.
//!
//! The rules are those of `kustomize` (its `RepoSpec` and its file loader), read with suspicion: what
//! it could take for an address of another host is one.

/// Why a reference is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is an address.
    Remote,
    /// It begins at the root of a machine.
    Absolute,
    /// It climbs out of the repository.
    Leaves,
    /// It can't be the name of a file.
    NoName,
}

impl Refused {
    pub(super) fn message(self, named: &str) -> String {
        let named = shown(named);
        match self {
            Self::Remote => format!("names {named}, which is not in this repository"),
            Self::Absolute => format!("names {named}, a place on some machine"),
            Self::Leaves => format!("names {named}, which leads out of this repository"),
            Self::NoName => format!("names {named}, which is no name of a file"),
        }
    }

    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Remote => {
                "a release holds all that it applies: commit a copy of it and name that"
            }
            Self::Absolute => "write the path from the directory of this kustomization",
            Self::Leaves => "a release holds all that it applies: move it into this repository",
            Self::NoName => "write the path from the directory of this kustomization",
        }
    }
}

/// As much of a name as fits on a line, without control characters.
pub(super) fn shown(named: &str) -> String {
    let clean = named.chars().filter(|c| !c.is_control());
    match clean.clone().count() {
        0 => "nothing".to_owned(),
        1..=200 => clean.collect(),
        _ => clean.take(200).chain(['…']).collect(),
    }
}

/// The path from the root of the repository of what a kustomization in `dir` names.
pub(super) fn inside(dir: &str, named: &str) -> Result<String, Refused> {
    if named.trim().is_empty() || named.chars().any(char::is_control) {
        return Err(Refused::NoName);
    }
    if named.starts_with('/') {
        return Err(Refused::Absolute);
    }
    if is_remote(named) {
        return Err(Refused::Remote);
    }
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in named.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(Refused::Leaves)?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Whether `kustomize` could look for it on another host: a URL, `git::…`, `user@host:…`,
/// `github.com/…`, or anything with a query (`?ref=v1`).
fn is_remote(named: &str) -> bool {
    let first = named.split('/').next().unwrap_or(named);
    let host = first.to_ascii_lowercase();
    first.contains([':', '@'])
        || named.contains("://")
        || named.contains('?')
        || matches!(host.as_str(), "github.com" | "www.github.com")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_inside_are_followed() {
        for (dir, named, path) in [
            ("app/k8s/dev", "shop.yaml", "app/k8s/dev/shop.yaml"),
            ("app/k8s/dev", "../base", "app/k8s/base"),
            (
                "app/k8s/dev",
                ".././base//shop.yaml",
                "app/k8s/base/shop.yaml",
            ),
            ("app/k8s/dev", "../../..", ""),
            ("", "base", "base"),
            ("a", "v1.2/x y.yaml", "a/v1.2/x y.yaml"),
        ] {
            assert_eq!(inside(dir, named), Ok(path.to_owned()), "{dir} {named}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for (named, why) in [
            ("https://example.com/shop.yaml", Refused::Remote),
            ("HTTPS:example.com", Refused::Remote),
            ("file:///etc", Refused::Remote),
            ("git::https://example.com/a", Refused::Remote),
            ("git@example.com:acme/a.git", Refused::Remote),
            ("example.com:acme/a", Refused::Remote),
            ("GitHub.com/acme/a", Refused::Remote),
            ("example.com/acme/a?ref=main", Refused::Remote),
            ("ssh://git@example.com/a", Refused::Remote),
            ("me@home/a", Refused::Remote),
            ("/etc/passwd", Refused::Absolute),
            ("../../../etc/passwd", Refused::Leaves),
            ("x/../../../a/../..", Refused::Leaves),
            ("", Refused::NoName),
            ("  ", Refused::NoName),
            ("a\nb", Refused::NoName),
            ("a\0b", Refused::NoName),
        ] {
            assert_eq!(inside("app/k8s", named), Err(why), "{named}");
        }
    }

    proptest! {
        /// What is followed is a plain path below the root, the same one that a file system finds.
        #[test]
        fn nothing_survives_that_climbs_out(
            dir in "([a-z]{1,3}(/[a-z]{1,3}){0,3})?",
            named in "((\\.\\.|\\.|[a-z]{1,3}|)/?){0,8}",
        ) {
            let mut depth = dir.split('/').filter(|part| !part.is_empty()).count();
            let mut climbs_out = false;
            for part in named.split('/').filter(|part| !matches!(*part, "" | ".")) {
                if part == ".." {
                    climbs_out |= depth == 0;
                    depth = depth.saturating_sub(1);
                } else {
                    depth += 1;
                }
            }
            match inside(&dir, &named) {
                Ok(path) => {
                    prop_assert!(!climbs_out, "{dir} {named} became {path}");
                    prop_assert!(!path.starts_with('/'));
                    prop_assert!(path.split('/').all(|part| !matches!(part, "." | "..")));
                }
                Err(Refused::Leaves) => prop_assert!(climbs_out, "{dir} {named}"),
                Err(Refused::Absolute) => prop_assert!(named.starts_with('/')),
                Err(other) => prop_assert!(named.is_empty(), "{other:?}"),
            }
        }

        #[test]
        fn whatever_is_named_stays_inside(dir in "[a-z]{1,3}(/[a-z]{1,3}){0,2}", named in ".{0,40}") {
            if let Ok(path) = inside(&dir, &named) {
                prop_assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."));
                prop_assert!(!named.contains("://"));
            }
        }
    }
}
