//! What one deploy.toml says otherwise than another, for the people who review the change.
//!
//! Rules are compared, not texts: a default that is written out, another order of names or the same
//! hours in other words are no change. Nothing is decided by what is found here; it is told.

mod environment;
mod rights;
mod workload;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::ids::{EnvName, ServiceName, StackName};
use crate::report::markdown::{code, text};

use super::Config;

/// The most values of a list that are told.
const MOST_TOLD: usize = 12;

/// The most characters of a value that are told.
const LONGEST_TOLD: usize = 200;

/// One rule that is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is a rule of.
    pub subject: Subject,
    /// The key that says it, `allow.apply`; none where the subject itself comes or goes.
    pub key: Option<&'static str>,
    /// Which way it goes.
    pub effect: Effect,
    /// What is so now and was not before, in Markdown.
    pub words: String,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An environment.
    Environment(EnvName),
    /// A stack.
    Stack(StackName),
    /// A service.
    Service(ServiceName),
    /// The repository as a whole.
    Repository,
}

impl fmt::Display for Subject {
    /// In Markdown: environments are called by their name alone, as everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => f.write_str(&text(name.as_str())),
            Self::Stack(name) => write!(f, "stack {}", code(name.as_str())),
            Self::Service(name) => write!(f, "service {}", code(name.as_str())),
            Self::Repository => f.write_str("all stacks"),
        }
    }
}

/// Which way a change of a rule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// More people, changes or code get further than before; or nobody can tell from the file that
    /// they do not, as where another role, image, cluster or state takes the place of the one before.
    Opens,
    /// Neither.
    Alters,
    /// Fewer get further than before.
    Closes,
}

impl Effect {
    /// Opens where it is so, closes where not.
    fn opens_if(opens: bool) -> Self {
        if opens { Self::Opens } else { Self::Closes }
    }
}

/// What the second file says otherwise than the first: first all that opens something, then the
/// rest; among each the environments, stacks and services in the order of the new file, then those
/// that go.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    let stacks = stacks_by_environment(new);
    for env in &new.environments {
        match old.environment(&env.name) {
            None => {
                let stacks = stacks.get(&env.name).map(Vec::as_slice).unwrap_or_default();
                changes.push(environment::added(env, stacks));
            }
            Some(before) => changes.extend(environment::changed(before, env)),
        }
    }
    for stack in &new.stacks {
        match old.stack(&stack.name) {
            None => changes.push(workload::stack_added(stack)),
            Some(before) => changes.extend(workload::stack_changed(before, stack, old, new)),
        }
    }
    for service in &new.services {
        match old.service(&service.name) {
            None => changes.push(workload::service_added(service)),
            Some(before) => changes.extend(workload::service_changed(before, service, new)),
        }
    }
    changes.extend(gone(old, new));
    changes.extend(of_repository(old, new));
    changes.sort_by_key(|change| change.effect != Effect::Opens);
    changes
}

/// What a file says that takes the place of none.
#[must_use]
pub fn all_of(new: &Config) -> Vec<Change> {
    let nothing = Config {
        environments: Vec::new(),
        stacks: Vec::new(),
        services: Vec::new(),
        stateful_types: Vec::new(),
    };
    diff(&nothing, new)
}

/// Sets, as rules go: the order of types and one that is named twice are no change.
fn of_repository(old: &Config, new: &Config) -> Vec<Change> {
    let mut findings = Findings::of(Subject::Repository);
    let pair = (old.stateful_types.as_slice(), new.stateful_types.as_slice());
    findings.required("hazards.types", pair, "counted as stateful");
    findings.list
}

/// Looked up once: a file by a stranger may have hundreds of each.
fn stacks_by_environment(config: &Config) -> BTreeMap<&EnvName, Vec<&StackName>> {
    let mut stacks: BTreeMap<&EnvName, Vec<&StackName>> = BTreeMap::new();
    for stack in &config.stacks {
        for env in &stack.environments {
            stacks.entry(env).or_default().push(&stack.name);
        }
    }
    stacks
}

fn gone<'a>(old: &'a Config, new: &'a Config) -> impl Iterator<Item = Change> + 'a {
    let environments = old
        .environments
        .iter()
        .filter(|env| new.environment(&env.name).is_none())
        .map(|env| {
            let words = "goes: nothing is planned, applied or deployed there any more";
            let subject = Subject::Environment(env.name.clone());
            whole(subject, Effect::Closes, words)
        });
    let stacks = old
        .stacks
        .iter()
        .filter(|stack| new.stack(&stack.name).is_none())
        .map(|stack| {
            let words = "goes: it is not planned or applied any more; what it made stays";
            whole(Subject::Stack(stack.name.clone()), Effect::Closes, words)
        });
    let services = old
        .services
        .iter()
        .filter(|service| new.service(&service.name).is_none())
        .map(|service| {
            let words = "goes: it is not deployed any more; what runs goes on running";
            let subject = Subject::Service(service.name.clone());
            whole(subject, Effect::Closes, words)
        });
    environments.chain(stacks).chain(services)
}

/// A subject that comes or goes.
fn whole(subject: Subject, effect: Effect, words: impl Into<String>) -> Change {
    Change {
        subject,
        key: None,
        effect,
        words: words.into(),
    }
}

/// The changes of one subject, in the making.
struct Findings {
    subject: Subject,
    list: Vec<Change>,
}

impl Findings {
    fn of(subject: Subject) -> Self {
        Self {
            subject,
            list: Vec::new(),
        }
    }

    fn tell(&mut self, key: &'static str, effect: Effect, words: impl Into<String>) {
        self.list.push(Change {
            subject: self.subject.clone(),
            key: Some(key),
            effect,
            words: words.into(),
        });
    }

    /// One value in place of another, where they differ.
    fn value<T: PartialEq>(
        &mut self,
        key: &'static str,
        (was, is): (&T, &T),
        effect: Effect,
        words: impl Fn(&T) -> String,
    ) {
        if was != is {
            self.tell(key, effect, instead(&words(is), &words(was)));
        }
    }

    /// A value that is there or not.
    fn optional<T: PartialEq + fmt::Display>(
        &mut self,
        key: &'static str,
        (was, is): (Option<&T>, Option<&T>),
        effect: Effect,
    ) {
        let words = |value: &Option<&T>| value.map_or_else(|| "none".to_owned(), shown);
        self.value(key, (&was, &is), effect, words);
    }

    /// Names of which each is asked for: fewer ask for less.
    fn required<T: PartialEq + fmt::Display>(
        &mut self,
        key: &'static str,
        (was, is): (&[T], &[T]),
        verb: &str,
    ) {
        let (gained, lost) = (missing(is, was), missing(was, is));
        if gained.is_empty() && lost.is_empty() {
            return;
        }
        let mut words = Vec::new();
        if !lost.is_empty() {
            words.push(format!("{} no longer {verb}", list(&lost)));
        }
        if !gained.is_empty() {
            words.push(format!("{} {verb} now", list(&gained)));
        }
        self.tell(key, Effect::opens_if(!lost.is_empty()), words.join("; "));
    }

    /// An ordered list.
    fn ordered<T: PartialEq + fmt::Display>(
        &mut self,
        key: &'static str,
        (was, is): (&[T], &[T]),
        effect: Effect,
    ) {
        if was != is {
            self.tell(key, effect, instead(&list(is), &list(was)));
        }
    }
}

/// What the first list has and the second has not.
fn missing<'a, T: PartialEq>(from: &'a [T], other: &[T]) -> Vec<&'a T> {
    from.iter().filter(|item| !other.contains(item)).collect()
}

fn instead(is: &str, was: &str) -> String {
    format!("{is} instead of {was}")
}

/// A value as code, cut where it is longer than anybody reads.
fn shown<T: fmt::Display + ?Sized>(value: &T) -> String {
    let written = value.to_string();
    match written.char_indices().nth(LONGEST_TOLD) {
        Some((end, _)) => code(&format!("{}…", written.get(..end).unwrap_or_default())),
        None => code(&written),
    }
}

/// Values as code, the first of them where there are many.
fn list<T: fmt::Display>(values: &[T]) -> String {
    if values.is_empty() {
        return "none".to_owned();
    }
    let told: Vec<String> = values.iter().take(MOST_TOLD).map(shown).collect();
    match values.len().saturating_sub(MOST_TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
