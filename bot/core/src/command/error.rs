//! What is wrong with a command, and the reply that says so.

use std::fmt;

use crate::ids::{EnvName, StackName};
use crate::plan_flags::{ALLOWED, FlagError, MOST_ADDRESSES};
use crate::report::markdown;

use super::parse::is_invisible;
use super::table::{self, Spec};

/// Why a command was not understood. The author's to put right: it is a reply, not a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    command: &'static str,
    problem: Problem,
}

/// The ways in which a command can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    UnknownCommand {
        written: String,
    },
    TooLong {
        most: usize,
    },
    LongText {
        place: &'static str,
        most: usize,
    },
    Unterminated {
        from: String,
    },
    Missing {
        argument: &'static str,
    },
    Unexpected {
        word: String,
    },
    Malformed {
        place: &'static str,
        word: String,
        rule: String,
    },
    UnknownFlag {
        written: String,
        known: Vec<&'static str>,
    },
    FlagTwice {
        flag: &'static str,
    },
    FlagWithoutValue {
        flag: &'static str,
        value: &'static str,
    },
    UnknownName {
        written: String,
        known: Vec<(What, Vec<String>)>,
    },
    StackElsewhere {
        stack: StackName,
        env: EnvName,
        environments: Vec<String>,
    },
    SameEnvironment {
        env: EnvName,
    },
    NotDeployedTo {
        env: EnvName,
    },
    NoServices,
    /// Behind two dashes there is something that is not handed on.
    Flags(FlagError),
    /// A flag of Terraform's in front of the dashes.
    FlagsWithoutDashes {
        word: String,
    },
    /// Flags are for one stack in one environment.
    FlagsOfMany,
    /// An apply does what its plan says.
    FlagsOfApply,
}

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Environment,
    Stack,
    Service,
}

impl What {
    fn singular(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Stack => "stack",
            Self::Service => "service",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Environment => "environments",
            Self::Stack => "stacks",
            Self::Service => "services",
        }
    }
}

impl CommandError {
    pub(super) fn about(spec: &Spec, problem: Problem) -> Self {
        Self {
            command: spec.name,
            problem,
        }
    }

    pub(super) fn unknown(written: &str, near: &Spec) -> Self {
        Self {
            command: near.name,
            problem: Problem::UnknownCommand {
                written: written.to_owned(),
            },
        }
    }

    /// The reply: what is wrong, what there is instead, how the command is written.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut reply = format!("### 😕 Not understood\n{}", self.sentence());
        if let Problem::UnknownName { known, .. } = &self.problem {
            for (what, names) in known {
                let names: Vec<String> = names.iter().map(|name| code(name)).collect();
                let names = if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                };
                reply.push_str(&format!("\n\nThe {} here: {names}", what.plural()));
            }
        }
        if let (Some(usage), Some(spec)) = (table::usage(self.command), table::spec(self.command)) {
            reply.push_str(&format!(
                "\n\nIt is written {}, for example {}. All commands: `/help`",
                code(&usage),
                code(spec.example)
            ));
        }
        reply.push('\n');
        reply
    }

    fn sentence(&self) -> String {
        let command = code(&format!("/{}", self.command));
        match &self.problem {
            Problem::UnknownCommand { written } => {
                format!(
                    "There is no command {}. Did you mean {command}?",
                    code(&format!("/{written}"))
                )
            }
            Problem::TooLong { most } => {
                format!("The line is too long: {command} takes at most {most} characters.")
            }
            Problem::LongText { place, most } => {
                format!(
                    "{} is too long: it takes at most {most} characters.",
                    code(place)
                )
            }
            Problem::Unterminated { from } => {
                format!("The quote that opens at {} is never closed.", code(from))
            }
            Problem::Missing { argument } => {
                format!("{command} is missing {}.", code(argument))
            }
            Problem::Unexpected { word } => {
                format!("{command} does not know what to do with {}.", code(word))
            }
            Problem::Malformed { place, word, rule } => {
                format!("{} can't be {}: it takes {rule}.", code(word), code(place))
            }
            Problem::UnknownFlag { written, known } => {
                let unknown = format!("{command} has no flag {}.", code(written));
                match nearest(written, known.iter().copied()) {
                    Some(flag) => format!("{unknown} Did you mean {}?", code(flag)),
                    None => unknown,
                }
            }
            Problem::FlagTwice { flag } => format!("{} is given twice.", code(flag)),
            Problem::FlagWithoutValue { flag, value } => {
                format!("{} is missing its {}.", code(flag), code(value))
            }
            Problem::UnknownName { written, known } => unknown_name(written, known),
            Problem::StackElsewhere {
                stack,
                env,
                environments,
            } => {
                let environments: Vec<String> = environments.iter().map(|e| code(e)).collect();
                format!(
                    "The stack {} does not exist in {}, only in {}.",
                    code(stack.as_str()),
                    code(env.as_str()),
                    environments.join(", ")
                )
            }
            Problem::SameEnvironment { env } => {
                format!("{} can't be promoted to itself.", code(env.as_str()))
            }
            Problem::NotDeployedTo { env } => format!(
                "No service is deployed to {}: deploy.toml gives it no `aws.deploy_role`.",
                code(env.as_str())
            ),
            Problem::NoServices => "deploy.toml has no services.".to_owned(),
            Problem::Flags(error) => format!("{} {}", flag_sentence(error), allowed()),
            Problem::FlagsWithoutDashes { word } => format!(
                "{} is no name. Flags for Terraform follow two dashes: `/plan ENV STACK -- …`. {}",
                code(word),
                allowed()
            ),
            Problem::FlagsOfMany => {
                "A plan with flags is of one stack in one environment, and both \
                are named: `/plan ENV STACK -- …`."
                    .to_owned()
            }
            Problem::FlagsOfApply => {
                "An apply takes no flags: it does exactly what the plan shows. They \
                go with the plan, `/plan ENV STACK -- …`, and then `/apply ENV STACK`."
                    .to_owned()
            }
        }
    }
}

fn allowed() -> String {
    let flags: Vec<String> = ALLOWED.iter().map(|flag| code(flag)).collect();
    format!(
        "Allowed behind the dashes, each as one word: {}.",
        flags.join(", ")
    )
}

fn flag_sentence(error: &FlagError) -> String {
    match error {
        FlagError::Nothing => "No flag follows the two dashes.".to_owned(),
        FlagError::Unknown(word) => format!("{} is not handed on to Terraform.", code(word)),
        FlagError::WithoutAddress(flag) => format!(
            "{} has no address: it follows an equals sign, without a space, as in {}.",
            code(flag),
            code(&format!("{flag}=aws_vpc.main"))
        ),
        FlagError::WithValue(flag) => format!("{} takes no value.", code(flag)),
        FlagError::Address { flag, written, why } => format!(
            "{} is not the address of a resource or a module: {}.",
            code(&format!("{flag}={written}")),
            markdown::text(&why.to_string())
        ),
        FlagError::Twice(flag) => format!("{} is given twice.", code(flag)),
        FlagError::TooMany => format!(
            "These are more than {MOST_ADDRESSES} addresses. Plan the whole stack, or a part of it at \
             a time."
        ),
        FlagError::Together(one, other) => {
            format!("{} and {} exclude each other.", code(one), code(other))
        }
        FlagError::NotReplaceable(address) => format!(
            "{} is a module or a data source; `-replace` is for one resource.",
            code(address)
        ),
    }
}

fn unknown_name(written: &str, known: &[(What, Vec<String>)]) -> String {
    let whats: Vec<&str> = known.iter().map(|(what, _)| what.singular()).collect();
    let unknown = format!("There is no {} {}.", whats.join(" or "), code(written));
    let names = known
        .iter()
        .flat_map(|(_, names)| names)
        .map(String::as_str);
    match nearest(written, names) {
        Some(name) => format!("{unknown} Did you mean {}?", code(name)),
        None => unknown,
    }
}

/// The name that was probably meant, if one is near.
pub(super) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let most = if written.chars().count() <= 3 { 1 } else { 2 };
    names
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for CommandError {}

/// Somebody's words as inline code: on one line, without leaving it, without calling anybody, and
/// short (CommonMark 0.31, §6.1 "Code spans").
pub(super) fn code(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .take(MOST)
        .collect();
    if text.chars().count() > MOST {
        shown.push('…');
    }
    // A code span calls nobody by itself; this holds where the text is quoted without it, too.
    let shown = shown.replace('@', "@\u{200b}");
    if shown.trim().is_empty() {
        return "`\u{a0}`".to_owned();
    }
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{shown}{pad}{fence}")
}
