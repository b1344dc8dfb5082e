//! From the text of the file to rules, and from GitHub's patterns to globs.

use std::fmt;

use globset::{Glob, GlobBuilder, GlobSetBuilder};

use super::{CodeOwners, Owner, TeamName};
use crate::ids::Login;

/// A larger file is not read: GitHub would not, either.
pub const MAX_BYTES: usize = 3 * 1024 * 1024;

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from one; none where it is the whole file.
    pub line: Option<usize>,
    /// In a sentence, plain text.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl CodeOwners {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// With every line that can't be read, in their order.
    pub fn parse(place: &'static str, text: &str) -> Result<Self, Vec<Fault>> {
        let whole = |what: String| vec![Fault { line: None, what }];
        if text.len() > MAX_BYTES {
            return Err(whole("it is larger than 3 MB".to_owned()));
        }
        let mut faults = Vec::new();
        let mut rules = Vec::new();
        let mut rule_of = Vec::new();
        let mut globs = GlobSetBuilder::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            match rule(line) {
                Ok(None) => {}
                Ok(Some(rule)) => {
                    for glob in rule.globs {
                        globs.add(glob);
                        rule_of.push(rules.len());
                    }
                    rules.push(rule.owners);
                }
                Err(what) => faults.push(Fault {
                    line: Some(index + 1),
                    what,
                }),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let globs = globs
            .build()
            .map_err(|error| whole(format!("its patterns are too many or too large: {error}")))?;
        Ok(Self {
            place,
            rules,
            globs,
            rule_of,
        })
    }
}

/// One line.
struct Rule {
    globs: Vec<Glob>,
    owners: Vec<Owner>,
}

/// Reads a line; nothing where it is empty or a comment.
fn rule(line: &str) -> Result<Option<Rule>, String> {
    let mut words = words(line).into_iter();
    let Some(pattern) = words.next() else {
        return Ok(None);
    };
    let globs = globs(&pattern)?;
    let owners = words
        .map(|word| owner(&word))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(Rule { globs, owners }))
}

/// The words of a line up to a comment: a word that begins with `#`. A space that belongs to a path
/// has a backslash before it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        match next {
            '#' if word.is_empty() => return words,
            '\\' => {
                word.push(next);
                word.extend(chars.next());
            }
            next if next.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            next => word.push(next),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn owner(word: &str) -> Result<Owner, String> {
    let nobody = || format!("{word:?} is no @user, no @org/team and no e-mail address");
    let Some(name) = word.strip_prefix('@') else {
        let is_address = word
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        return match is_address {
            true => Ok(Owner::Email(word.to_owned())),
            false => Err(nobody()),
        };
    };
    match name.split_once('/') {
        Some((org, slug)) if is_slug(org) && is_slug(slug) => Ok(Owner::Team(TeamName {
            org: org.to_ascii_lowercase(),
            slug: slug.to_ascii_lowercase(),
        })),
        Some(_) => Err(nobody()),
        None => Login::parse(name).map(Owner::User).map_err(|_| nobody()),
    }
}

fn is_slug(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// The globs that together match what a pattern does. It follows the rules of gitignore, with these
/// differences: no `!`, no `[ ]`, no `\#`, and a last part `*` matches files and no directories.
fn globs(pattern: &str) -> Result<Vec<Glob>, String> {
    refuse_what_github_does(pattern)?;
    let is_anchored = pattern.trim_end_matches('/').contains('/');
    let mut parts: Vec<&str> = pattern.split('/').collect();
    if parts.first() == Some(&"") {
        parts.remove(0);
    }
    if parts.last() == Some(&"") {
        parts.pop();
        parts.push("**");
    }
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(format!("{pattern:?} has an empty part, `.` or `..`"));
    }
    if !is_anchored {
        parts.insert(0, "**");
    }
    parts.dedup_by(|one, other| *one == "**" && one == other);
    let written = parts.join("/");
    let all = match parts.last() {
        Some(&"**") => vec![format!("{written}/*")],
        Some(&"*") => vec![written],
        _ => vec![format!("{written}/**/*"), written],
    };
    all.iter()
        .map(|glob| {
            GlobBuilder::new(&plain_braces(glob))
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(|error| format!("{pattern:?} is no pattern: {}", error.kind()))
        })
        .collect()
}

/// What GitHub documents as not working, and what it reports as invalid.
fn refuse_what_github_does(pattern: &str) -> Result<(), String> {
    if pattern.starts_with('!') {
        return Err("`!` takes nothing back in CODEOWNERS".to_owned());
    }
    if pattern == "/" {
        return Err("`/` is no pattern: `*` stands for every file".to_owned());
    }
    if pattern.starts_with("\\#") {
        return Err("a pattern can't begin with `#`, not even after a backslash".to_owned());
    }
    if pattern.contains("***") {
        return Err(format!("{pattern:?} has three `*` in a row"));
    }
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        match next {
            '[' | ']' => return Err("`[` and `]` have no meaning in CODEOWNERS".to_owned()),
            '\\' if chars.next().is_none() => {
                return Err(format!("{pattern:?} ends with a backslash"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Braces mean nothing in CODEOWNERS and something in globs.
fn plain_braces(glob: &str) -> String {
    let mut plain = String::with_capacity(glob.len());
    let mut chars = glob.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => {
                plain.push(next);
                plain.extend(chars.next());
            }
            '{' | '}' => {
                plain.push('\\');
                plain.push(next);
            }
            next => plain.push(next),
        }
    }
    plain
}
