//! CODEOWNERS: who answers for which file, read as GitHub reads it
//! (<https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>).
//!
//! GitHub skips a line that it can't read. Here such a line spoils the file: it was meant to protect
//! something, and nobody can tell what. Nothing is read or looked up here.

mod parse;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use globset::GlobSet;

use crate::ids::Login;

pub use parse::{Fault, MAX_BYTES};

/// Where the file may stand; the first place that has one counts.
pub const PLACES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Who answers for something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// One person.
    User(Login),
    /// The members of a team.
    Team(TeamName),
    /// An e-mail address: GitHub knows whose it is and tells nobody.
    Email(String),
}

impl fmt::Display for Owner {
    /// As it is written in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(login) => write!(f, "@{login}"),
            Self::Team(team) => write!(f, "@{}/{}", team.org, team.slug),
            Self::Email(address) => f.write_str(address),
        }
    }
}

/// A team, in lower case: GitHub's names do not differ in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TeamName {
    /// The organisation that it belongs to.
    pub org: String,
    /// Its name as it stands in its address.
    pub slug: String,
}

/// A file that was read.
#[derive(Clone)]
pub struct CodeOwners {
    place: &'static str,
    /// The owners of each rule, in the order of the file.
    rules: Vec<Vec<Owner>>,
    globs: GlobSet,
    /// The rule that each glob belongs to.
    rule_of: Vec<usize>,
}

impl CodeOwners {
    /// Where it stands in the repository.
    #[must_use]
    pub fn place(&self) -> &'static str {
        self.place
    }

    /// The owners of a file, by the last rule that matches it; nobody where none does, or where that
    /// one names nobody.
    #[must_use]
    pub fn of(&self, path: &str) -> &[Owner] {
        self.globs
            .matches(path)
            .into_iter()
            .filter_map(|glob| self.rule_of.get(glob))
            .max()
            .and_then(|rule| self.rules.get(*rule))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Every team that owns one of these files.
    pub fn teams<'p>(&self, paths: impl IntoIterator<Item = &'p String>) -> BTreeSet<&TeamName> {
        paths
            .into_iter()
            .flat_map(|path| self.of(path))
            .filter_map(|owner| match owner {
                Owner::Team(team) => Some(team),
                Owner::User(_) | Owner::Email(_) => None,
            })
            .collect()
    }
}

impl fmt::Debug for CodeOwners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeOwners({}, {} rules)", self.place, self.rules.len())
    }
}
