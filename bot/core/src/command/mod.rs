//! Comment text to [`Command`]s, from one table.
//!
//! [`COMMANDS`] defines every command once: the parser, the reply to `/help` and the docs are read
//! off it. Understanding takes two steps, because a comment arrives before anything is known about
//! its repository: [`parse`] checks the grammar alone and gives a [`Request`], and
//! [`Request::resolve`] checks its names against the repository's [`Config`](crate::config::Config).
//!
//! Nothing here asks who speaks or whether they may: that is for the decision. No word of a comment
//! leaves as anything but a parsed name, a number, or a reason that is only ever shown.

mod behind;
mod error;
mod help;
mod parse;
mod prefix;
mod resolve;
mod table;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::format_duration;
use crate::ids::{EnvName, ServiceName, StackName};
use crate::plan_flags::PlanFlags;

pub use error::CommandError;
pub use help::{docs_table, help};
pub use parse::{Parsed, parse};
pub use prefix::{ConfirmCode, LockId, RunPrefix, ShaPrefix};
pub use resolve::check_names;
pub use table::{Argument, Arity, COMMANDS, Flag, Kind, Right, Spec, spec, usage};

/// A command as it was written: well formed, but its names may not exist in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Request(pub(crate) Command);

impl Request {
    /// The command's entry in the table.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.0.spec()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Plan stacks.
    Plan {
        /// Only there; everywhere where none is named.
        env: Option<EnvName>,
        /// Only these; those that the pull request touches where none is named.
        stacks: Vec<StackName>,
        /// With these flags; only of one stack in one environment.
        #[serde(default, skip_serializing_if = "PlanFlags::is_none")]
        flags: PlanFlags,
    },
    /// Apply the plans shown.
    Apply {
        /// Only there; everywhere where none is named.
        env: Option<EnvName>,
        /// Only these; all planned ones where none is named.
        stacks: Vec<StackName>,
    },
    /// Roll out the image of a commit.
    Deploy {
        /// Where.
        env: EnvName,
        /// Which; every service where none is named.
        service: Option<ServiceName>,
        /// Of which commit; the pull request's own where none is named.
        sha: Option<ShaPrefix>,
    },
    /// Roll out in one environment the very digest that is live in another.
    Promote {
        /// Where it is live.
        from: EnvName,
        /// Where it goes.
        to: EnvName,
        /// Which; every service where none is named.
        service: Option<ServiceName>,
    },
    /// Roll out an earlier release and hold the environment.
    Rollback {
        /// Where.
        env: EnvName,
        /// Which; every service where none is named.
        service: Option<ServiceName>,
        /// To which commit; the previous good release where none is named.
        to: Option<ShaPrefix>,
    },
    /// Lift the hold.
    Resume {
        /// Where.
        env: EnvName,
    },
    /// Claim an environment.
    Lock {
        /// Which.
        env: EnvName,
        /// For how long; until it is freed where none is given.
        ttl: Option<Duration>,
        /// What for. A person's words: to be shown, never to be interpreted.
        reason: Option<String>,
    },
    /// Free an environment.
    Unlock {
        /// Which.
        env: EnvName,
    },
    /// Take a state lock away that nobody is at work under.
    ForceUnlock {
        /// Where.
        env: EnvName,
        /// Of which stack.
        stack: StackName,
        /// Which lock.
        id: LockId,
    },
    /// Let plans be applied although policies deny them.
    Override {
        /// Where.
        env: EnvName,
        /// Why. A person's words: to be shown, never to be interpreted.
        reason: String,
    },
    /// Show the board.
    Where,
    /// Show every gate of an environment.
    Explain {
        /// Which.
        env: EnvName,
    },
    /// Take the second step of a run that asks for one.
    Confirm {
        /// The code that was shown.
        code: ConfirmCode,
    },
    /// Stop a run.
    Cancel {
        /// Which; the pull request's own latest where none is named.
        run: Option<RunPrefix>,
    },
    /// Run the last run again.
    Retry,
    /// Show the commands.
    Help,
}

impl Command {
    /// The word after the slash.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plan { .. } => "plan",
            Self::Apply { .. } => "apply",
            Self::Deploy { .. } => "deploy",
            Self::Promote { .. } => "promote",
            Self::Rollback { .. } => "rollback",
            Self::Resume { .. } => "resume",
            Self::Lock { .. } => "lock",
            Self::Unlock { .. } => "unlock",
            Self::ForceUnlock { .. } => "force-unlock",
            Self::Override { .. } => "override",
            Self::Where => "where",
            Self::Explain { .. } => "explain",
            Self::Confirm { .. } => "confirm",
            Self::Cancel { .. } => "cancel",
            Self::Retry => "retry",
            Self::Help => "help",
        }
    }

    /// The command's entry in the table.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        table::entry(self)
    }

    /// The right that whoever says it needs.
    #[must_use]
    pub fn right(&self) -> Right {
        self.spec().right
    }

    /// The one environment that it would act in, where it names one.
    #[must_use]
    pub fn environment(&self) -> Option<&EnvName> {
        match self {
            Self::Plan { env, .. } | Self::Apply { env, .. } => env.as_ref(),
            Self::Deploy { env, .. }
            | Self::Promote { to: env, .. }
            | Self::Rollback { env, .. }
            | Self::Resume { env }
            | Self::Lock { env, .. }
            | Self::Unlock { env }
            | Self::ForceUnlock { env, .. }
            | Self::Override { env, .. }
            | Self::Explain { env } => Some(env),
            Self::Where | Self::Confirm { .. } | Self::Cancel { .. } | Self::Retry | Self::Help => {
                None
            }
        }
    }
}

impl fmt::Display for Command {
    /// The command as somebody would write it; [`parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.name())?;
        match self {
            Self::Plan { env, stacks, flags } => {
                word(f, env.as_ref())?;
                stacks.iter().try_for_each(|stack| write!(f, " {stack}"))?;
                word(f, (!flags.is_none()).then(|| format!("-- {flags}")))
            }
            Self::Apply { env, stacks } => {
                word(f, env.as_ref())?;
                stacks.iter().try_for_each(|stack| write!(f, " {stack}"))
            }
            Self::Deploy { env, service, sha } => {
                write!(f, " {env}")?;
                word(f, service.as_ref())?;
                flag(f, "--sha", sha.as_ref())
            }
            Self::Promote { from, to, service } => {
                write!(f, " {from} {to}")?;
                word(f, service.as_ref())
            }
            Self::Rollback { env, service, to } => {
                write!(f, " {env}")?;
                word(f, service.as_ref())?;
                flag(f, "--to", to.as_ref())
            }
            Self::Lock { env, ttl, reason } => {
                write!(f, " {env}")?;
                flag(f, "--for", ttl.map(format_duration))?;
                word(f, reason.as_deref().map(parse::quote))
            }
            Self::Override { env, reason } => write!(f, " {env} {}", parse::quote(reason)),
            Self::Resume { env } | Self::Unlock { env } | Self::Explain { env } => {
                write!(f, " {env}")
            }
            Self::ForceUnlock { env, stack, id } => write!(f, " {env} {stack} {id}"),
            Self::Confirm { code } => write!(f, " {code}"),
            Self::Cancel { run } => word(f, run.as_ref()),
            Self::Where | Self::Retry | Self::Help => Ok(()),
        }
    }
}

fn word(f: &mut fmt::Formatter<'_>, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {value}"))
}

fn flag(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {name} {value}"))
}

#[cfg(test)]
mod tests;
