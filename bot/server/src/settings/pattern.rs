//! Which repositories are served.

use serde::Deserialize;

/// `owner/name` or `owner/*`; case does not count, as on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RepoPattern {
    owner: String,
    name: Option<String>,
}

impl TryFrom<String> for RepoPattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('/') {
            Some((owner, "*")) if !owner.is_empty() && !owner.contains('*') => Ok(Self {
                owner: owner.to_owned(),
                name: None,
            }),
            Some((owner, name))
                if ![owner, name]
                    .iter()
                    .any(|part| part.is_empty() || part.contains('*')) =>
            {
                Ok(Self {
                    owner: owner.to_owned(),
                    name: Some(name.to_owned()),
                })
            }
            _ => Err(format!(
                "{text:?} is neither \"owner/name\" nor \"owner/*\""
            )),
        }
    }
}

impl RepoPattern {
    /// Whether a repository is meant.
    #[must_use]
    pub fn matches(&self, repo: &slipway_core::ids::RepoName) -> bool {
        self.owner.eq_ignore_ascii_case(repo.owner())
            && self
                .name
                .as_ref()
                .is_none_or(|name| name.eq_ignore_ascii_case(repo.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_repositories_ignore_case() {
        let repo = slipway_core::ids::RepoName::parse("Acme/Shop").unwrap();
        let pattern = |text: &str| RepoPattern::try_from(text.to_owned());
        assert!(pattern("acme/*").unwrap().matches(&repo));
        assert!(pattern("acme/shop").unwrap().matches(&repo));
        assert!(!pattern("acme/other").unwrap().matches(&repo));
        for wrong in ["acme", "*/*", "acme/", "/shop", "acme/sh*"] {
            assert!(pattern(wrong).is_err(), "{wrong}");
        }
    }
}
