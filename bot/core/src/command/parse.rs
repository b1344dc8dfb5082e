//! The grammar: the first line of a comment to a [`Request`], or to what is wrong with it.

use std::time::Duration;

use crate::config::parse_duration_within;
use crate::ids::{EnvName, ServiceName, StackName};
use crate::plan_flags::PlanFlags;

use super::behind;
use super::error::{CommandError, Problem};
use super::prefix::{ConfirmCode, LockId, RunPrefix, ShaPrefix};
use super::table::{Argument, Arity, COMMANDS, Flag, Kind, Spec, spec};
use super::{Command, Request};

/// No command needs more; what is longer is refused before it is read.
const LONGEST_LINE: usize = 1_000;
/// In characters.
const LONGEST_REASON: usize = 200;
const SHORTEST_LOCK: Duration = Duration::from_secs(60);
const LONGEST_LOCK: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a comment turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Nothing for Slipway: prose, a quotation, another bot's command.
    NotACommand,
    /// A well-formed command, whose names are still to be checked.
    Command(Request),
    /// Meant for Slipway, but not understood.
    Invalid(CommandError),
}

/// Reads a comment. Only its first line counts, and only when it starts with a slash.
///
/// A word that is no command and not near one is somebody else's, so that it is not answered.
#[must_use]
pub fn parse(body: &str) -> Parsed {
    let Some(line) = body.strip_prefix('/') else {
        return Parsed::NotACommand;
    };
    let line = line.split(['\n', '\r']).next().unwrap_or_default();
    let word = line.split(char::is_whitespace).next().unwrap_or_default();
    let rest = &line[word.len()..];
    let name = word.to_ascii_lowercase();
    let Some(spec) = spec(&name) else {
        return near_miss(&name).map_or(Parsed::NotACommand, Parsed::Invalid);
    };
    let read = if rest.len() > LONGEST_LINE {
        Err(Problem::TooLong { most: LONGEST_LINE })
    } else {
        read(spec, rest)
    };
    match read {
        Ok(command) => Parsed::Command(Request(command)),
        Err(problem) => Parsed::Invalid(CommandError::about(spec, problem)),
    }
}

/// A word within one slip of a short command, or two of a long one. More would answer the commands
/// of other bots: `/hold` is two letters from `/help`.
fn near_miss(name: &str) -> Option<CommandError> {
    if !(3..=12).contains(&name.len()) || !name.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    COMMANDS
        .iter()
        .map(|spec| (strsim::osa_distance(name, spec.name), spec))
        .filter(|(distance, spec)| *distance <= if spec.name.len() >= 6 { 2 } else { 1 })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, spec)| CommandError::unknown(name, spec))
}

fn read(spec: &'static Spec, rest: &str) -> Result<Command, Problem> {
    let mut values = Values::default();
    let rest = match behind::cut(rest) {
        (_, Some(_)) if spec.name == "apply" => return Err(Problem::FlagsOfApply),
        (words, Some(flags)) if spec.takes_plan_flags() => {
            values.plan_flags = behind::flags(flags)?;
            words
        }
        _ => rest,
    };
    let mut positional = Vec::new();
    let mut given: Vec<&'static str> = Vec::new();
    let mut words = split(rest)?.into_iter();
    while let Some(word) = words.next() {
        let Some(written) = word.as_flag() else {
            positional.push(word.text);
            continue;
        };
        let (name, attached) = match written.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (written, None),
        };
        let flag = find_flag(spec, &name)?;
        if given.contains(&flag.name) {
            return Err(Problem::FlagTwice { flag: flag.name });
        }
        given.push(flag.name);
        let value = attached
            .or_else(|| words.next().map(|word| word.text))
            .filter(|value| !value.is_empty())
            .ok_or(Problem::FlagWithoutValue {
                flag: flag.name,
                value: flag.value,
            })?;
        values.add(flag.kind, flag.name, value)?;
    }
    place(spec, positional, &mut values)?;
    (spec.build)(&mut values).ok_or(Problem::Missing {
        argument: "an argument",
    })
}

fn find_flag(spec: &Spec, name: &str) -> Result<&'static Flag, Problem> {
    let flags = spec.flags;
    let lower = name.to_ascii_lowercase();
    flags
        .iter()
        .find(|flag| flag.name == lower)
        .ok_or_else(|| Problem::UnknownFlag {
            written: name.to_owned(),
            known: flags.iter().map(|flag| flag.name).collect(),
        })
}

/// Gives each word to the argument whose turn it is.
fn place(spec: &Spec, words: Vec<String>, values: &mut Values) -> Result<(), Problem> {
    let mut arguments = spec.arguments.iter().peekable();
    let mut begun = None;
    for word in words {
        let Some(argument) = arguments.peek().copied() else {
            return Err(Problem::Unexpected { word });
        };
        if spec.takes_plan_flags() && word.starts_with('-') {
            return Err(Problem::FlagsWithoutDashes { word });
        }
        values.add(argument.kind, argument.name, word)?;
        if matches!(argument.arity, Arity::Many | Arity::Some) {
            begun = Some(argument.name);
        } else {
            arguments.next();
        }
    }
    let is_missing = |argument: &&Argument| match argument.arity {
        Arity::One => true,
        Arity::Some => begun != Some(argument.name),
        Arity::Optional | Arity::Many => false,
    };
    match arguments.find(is_missing) {
        Some(Argument { name, .. }) => Err(Problem::Missing { argument: name }),
        None => Ok(()),
    }
}

/// The values of one command, taken out by kind, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Values {
    environments: Vec<EnvName>,
    stacks: Vec<StackName>,
    service: Option<ServiceName>,
    sha: Option<ShaPrefix>,
    duration: Option<Duration>,
    code: Option<ConfirmCode>,
    run: Option<RunPrefix>,
    lock: Option<LockId>,
    text: Vec<String>,
    plan_flags: PlanFlags,
}

impl Values {
    fn add(&mut self, kind: Kind, place: &'static str, word: String) -> Result<(), Problem> {
        const LABEL: &str = "1 to 40 letters, digits and inner hyphens";
        let invalid = |rule: &str| Problem::Malformed {
            place,
            word: word.clone(),
            rule: rule.to_owned(),
        };
        let lower = word.to_ascii_lowercase();
        match kind {
            Kind::Environment => {
                self.environments
                    .push(EnvName::parse(lower).map_err(|_| invalid(LABEL))?);
            }
            Kind::Stack => self
                .stacks
                .push(StackName::parse(lower).map_err(|_| invalid(LABEL))?),
            Kind::Service => {
                self.service = Some(ServiceName::parse(lower).map_err(|_| invalid(LABEL))?);
            }
            Kind::Sha => self.sha = Some(ShaPrefix::parse(&word).map_err(invalid)?),
            Kind::Code => self.code = Some(ConfirmCode::parse(&word).map_err(invalid)?),
            Kind::LockId => self.lock = Some(LockId::parse(&word).map_err(invalid)?),
            Kind::Run => self.run = Some(RunPrefix::parse(&word).map_err(invalid)?),
            Kind::Duration => {
                let length = parse_duration_within(&lower, SHORTEST_LOCK, LONGEST_LOCK);
                self.duration = Some(length.map_err(|_| {
                    invalid("a length of time from 1m to 30d, like 90s, 30m or 2h")
                })?);
            }
            Kind::Text => {
                self.text.push(word);
                let length: usize = self.text.iter().map(|word| word.chars().count() + 1).sum();
                if length > LONGEST_REASON + 1 {
                    return Err(Problem::LongText {
                        place,
                        most: LONGEST_REASON,
                    });
                }
            }
            // They stand behind two dashes, and nowhere else.
            Kind::PlanFlag => return Err(Problem::Unexpected { word }),
        }
        Ok(())
    }

    pub(super) fn environment(&mut self) -> Option<EnvName> {
        (!self.environments.is_empty()).then(|| self.environments.remove(0))
    }

    pub(super) fn stacks(&mut self) -> Vec<StackName> {
        std::mem::take(&mut self.stacks)
    }

    pub(super) fn service(&mut self) -> Option<ServiceName> {
        self.service.take()
    }

    pub(super) fn sha(&mut self) -> Option<ShaPrefix> {
        self.sha.take()
    }

    pub(super) fn duration(&mut self) -> Option<Duration> {
        self.duration.take()
    }

    pub(super) fn code(&mut self) -> Option<ConfirmCode> {
        self.code.take()
    }

    pub(super) fn run(&mut self) -> Option<RunPrefix> {
        self.run.take()
    }

    pub(super) fn lock(&mut self) -> Option<LockId> {
        self.lock.take()
    }

    pub(super) fn plan_flags(&mut self) -> PlanFlags {
        std::mem::take(&mut self.plan_flags)
    }

    /// All words of a text as one line, without anything invisible that could disguise it.
    pub(super) fn text(&mut self) -> Option<String> {
        let text: String = std::mem::take(&mut self.text).join(" ");
        let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Control characters, zero-width characters and marks that turn the direction of a text.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[derive(Debug)]
struct Word {
    text: String,
    quoted: bool,
}

impl Word {
    /// The flag that this is, with the long dash that phones make of two put right.
    fn as_flag(&self) -> Option<String> {
        if self.quoted {
            return None;
        }
        if self.text.starts_with("--") {
            return Some(self.text.clone());
        }
        self.text
            .strip_prefix(['—', '–'])
            .map(|name| format!("--{name}"))
    }
}

/// Splits a line at white space outside quotes. A quote opens only at the start of a word, so that
/// an inch or an apostrophe stays what it is.
fn split(line: &str) -> Result<Vec<Word>, Problem> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '"' | '“' | '”' | '„') {
            let (text, after) =
                unquote(&rest[first.len_utf8()..], first == '"').ok_or_else(|| {
                    Problem::Unterminated {
                        from: rest.to_owned(),
                    }
                })?;
            (Word { text, quoted: true }, after)
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (
                Word {
                    text: rest[..end].to_owned(),
                    quoted: false,
                },
                &rest[end..],
            )
        };
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// The text up to the closing quote and what follows it; a backslash keeps the next character.
/// What was opened with a curly quote may be closed with any.
fn unquote(rest: &str, straight: bool) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?.1),
            '"' => return Some((text, &rest[at + 1..])),
            '“' | '”' if !straight => return Some((text, &rest[at + c.len_utf8()..])),
            _ => text.push(c),
        }
    }
    None
}

/// Puts a text in quotes so that [`split`] reads it back as one word.
pub(super) fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
