//! Who may do what in an environment.

use std::fmt;

use crate::ids::Login;

use super::Invalid;

/// Who may plan, apply and deploy; each list lets in whom any of its entries lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// Who may have stacks planned.
    pub plan: Vec<Who>,
    /// Who may have plans applied.
    pub apply: Vec<Who>,
    /// Who may deploy, promote, roll back, resume and lock.
    pub deploy: Vec<Who>,
    /// Who may force state locks open.
    pub force_unlock: Vec<Who>,
    /// Who may have a plan applied although a policy denies it.
    pub overrides: Vec<Who>,
    /// Who may have plans made that destroy what a stack manages, and applied.
    pub destroy: Vec<Who>,
}

impl Default for Allow {
    /// Whoever may write to the repository; its administrators force state locks open, and nobody may override a policy
    /// or destroy a stack.
    fn default() -> Self {
        Self {
            plan: vec![Who::Write],
            apply: vec![Who::Write],
            deploy: vec![Who::Write],
            force_unlock: vec![Who::Admin],
            overrides: Vec::new(),
            destroy: Vec::new(),
        }
    }
}

/// One entry of an allow list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everyone who may read the repository.
    Read,
    /// Everyone who may write to the repository.
    Write,
    /// Everyone who may maintain the repository.
    Maintain,
    /// Everyone who administers the repository.
    Admin,
    /// The members of a team, with those of its child teams.
    Team {
        /// The organisation that the team belongs to.
        org: String,
        /// The team's name as it stands in its address.
        slug: String,
    },
    /// One person.
    User(Login),
}

impl Who {
    /// The only way in: `read`, `write`, `maintain`, `admin`, `team:org/slug` or `user:login`.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format!("{text:?} names nobody")).with_help(
                "it takes \"read\", \"write\", \"maintain\", \"admin\", \"team:org/slug\" or \"user:login\"",
            )
        };
        match text {
            "read" => return Ok(Self::Read),
            "write" => return Ok(Self::Write),
            "maintain" => return Ok(Self::Maintain),
            "admin" => return Ok(Self::Admin),
            _ => {}
        }
        if let Some(team) = text.strip_prefix("team:") {
            let (org, slug) = team.split_once('/').ok_or_else(invalid)?;
            if is_slug(org) && is_slug(slug) {
                return Ok(Self::Team {
                    org: org.to_owned(),
                    slug: slug.to_owned(),
                });
            }
        }
        let login = text.strip_prefix("user:").ok_or_else(invalid)?;
        Login::parse(login).map(Self::User).map_err(|_| invalid())
    }

    /// Whether both name the same people: GitHub's names ignore case.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.to_string().eq_ignore_ascii_case(&other.to_string())
    }
}

fn is_slug(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::Maintain => f.write_str("maintain"),
            Self::Admin => f.write_str("admin"),
            Self::Team { org, slug } => write!(f, "team:{org}/{slug}"),
            Self::User(login) => write!(f, "user:{login}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        for text in [
            "read",
            "write",
            "maintain",
            "admin",
            "team:acme/platform",
            "user:ana",
            "user:renovate[bot]",
        ] {
            assert_eq!(Who::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn nobody_else_gets_in() {
        for text in [
            "",
            "everyone",
            "Write",
            "triage",
            "team:acme",
            "team:/x",
            "team:a/b/c",
            "user:",
            "user:a b",
            "@ana",
            "team:acme/*",
        ] {
            assert!(Who::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_on_github_ignore_case() {
        let (a, b) = (
            Who::parse("user:Ana").unwrap(),
            Who::parse("user:ana").unwrap(),
        );
        assert!(a.is_same_as(&b));
        assert!(!a.is_same_as(&Who::Admin));
    }
}
