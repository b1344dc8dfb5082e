//! What a person may hand on to `terraform plan`: `-target`, `-replace`, `-refresh-only` and
//! `-destroy`, and nothing else.
//!
//! [`PlanFlags::parse`] and [`Address::parse`] are the only ways in, for words of a comment as for
//! what the store kept. Nothing that they let through can be taken for another flag, and nothing
//! here is ever joined to a line for a shell.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

mod address;

pub use address::{Address, AddressError};

/// More addresses than this are no longer "a part of the stack".
pub const MOST_ADDRESSES: usize = 10;

/// The flags, as they are told to whoever writes another one.
pub const ALLOWED: [&str; 4] = ["-target=ADDR", "-replace=ADDR", "-refresh-only", "-destroy"];

const TARGET: &str = "-target";
const REPLACE: &str = "-replace";
const REFRESH_ONLY: &str = "-refresh-only";
const DESTROY: &str = "-destroy";

/// What a plan is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// To make the world what the configuration says.
    #[default]
    Normal,
    /// To make the state what the world is (`-refresh-only`).
    RefreshOnly,
    /// To destroy what the state knows (`-destroy`).
    Destroy,
}

/// The flags of one plan. [`PlanFlags::default`] has none: such a plan is a full one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct PlanFlags {
    mode: PlanMode,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replace: Vec<Address>,
}

/// As kept: judged once more when it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    mode: PlanMode,
    #[serde(default)]
    targets: Vec<Address>,
    #[serde(default)]
    replace: Vec<Address>,
}

impl TryFrom<Written> for PlanFlags {
    type Error = FlagError;

    fn try_from(written: Written) -> Result<Self, FlagError> {
        Self {
            mode: written.mode,
            targets: written.targets,
            replace: written.replace,
        }
        .judged()
    }
}

/// Why flags are not handed on. The author's to put right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// No flag at all.
    #[error("no flag follows")]
    Nothing,
    /// A word that is none of the flags.
    #[error("{0:?} is not handed on to Terraform")]
    Unknown(String),
    /// A flag that needs an address, without one.
    #[error("{0} has no address")]
    WithoutAddress(&'static str),
    /// A flag that takes no value, with one.
    #[error("{0} takes no value")]
    WithValue(&'static str),
    /// What follows the equals sign is no address.
    #[error("{written:?} is no address: {why}")]
    Address {
        /// The flag.
        flag: &'static str,
        /// What was written.
        written: String,
        /// What is wrong with it.
        why: AddressError,
    },
    /// The same twice.
    #[error("{0:?} is given twice")]
    Twice(String),
    /// More addresses than [`MOST_ADDRESSES`].
    #[error("more than {MOST_ADDRESSES} addresses")]
    TooMany,
    /// Both are there, and Terraform takes one of them.
    #[error("{0} and {1} exclude each other")]
    Together(&'static str, &'static str),
    /// Only what Terraform manages can be replaced, one by one.
    #[error("{0:?} is no managed resource")]
    NotReplaceable(String),
}

impl PlanFlags {
    /// The only way in from words, each of which is one flag: `-target=aws_vpc.main`.
    ///
    /// # Errors
    /// When a word is none of the flags, or they don't go together.
    pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, FlagError> {
        let mut flags = Self::default();
        for word in words {
            flags.take(word)?;
        }
        if flags.is_none() {
            return Err(FlagError::Nothing);
        }
        flags.judged()
    }

    fn take(&mut self, word: &str) -> Result<(), FlagError> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let mode = match name {
            TARGET | REPLACE => {
                let flag = if name == TARGET { TARGET } else { REPLACE };
                let written = value.filter(|value| !value.is_empty());
                let written = written.ok_or(FlagError::WithoutAddress(flag))?;
                let address = Address::parse(written).map_err(|why| FlagError::Address {
                    flag,
                    written: written.to_owned(),
                    why,
                })?;
                let list = if flag == TARGET {
                    &mut self.targets
                } else {
                    &mut self.replace
                };
                list.push(address);
                return Ok(());
            }
            REFRESH_ONLY => PlanMode::RefreshOnly,
            DESTROY => PlanMode::Destroy,
            _ => return Err(FlagError::Unknown(word.to_owned())),
        };
        let flag = mode_flag(mode);
        if value.is_some() {
            return Err(FlagError::WithValue(flag));
        }
        match self.mode {
            PlanMode::Normal => self.mode = mode,
            same if same == mode => return Err(FlagError::Twice(flag.to_owned())),
            _ => return Err(FlagError::Together(DESTROY, REFRESH_ONLY)),
        }
        Ok(())
    }

    /// What Terraform would refuse after minutes of `init` is refused at once (its
    /// `arguments/extended.go` and `terraform/context_plan.go`).
    fn judged(self) -> Result<Self, FlagError> {
        if self.targets.len() + self.replace.len() > MOST_ADDRESSES {
            return Err(FlagError::TooMany);
        }
        for (flag, list) in [(TARGET, &self.targets), (REPLACE, &self.replace)] {
            for (place, address) in list.iter().enumerate() {
                if list[..place].contains(address) {
                    return Err(FlagError::Twice(format!("{flag}={address}")));
                }
            }
        }
        if let Some(other) = self.replace.iter().find(|a| !a.is_managed_resource()) {
            return Err(FlagError::NotReplaceable(other.to_string()));
        }
        if !self.replace.is_empty() && self.mode != PlanMode::Normal {
            return Err(FlagError::Together(REPLACE, mode_flag(self.mode)));
        }
        Ok(self)
    }

    /// Whether there is no flag: a full plan.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What the plan is about.
    #[must_use]
    pub fn mode(&self) -> PlanMode {
        self.mode
    }

    /// Whether the plan leaves a part of the stack out.
    #[must_use]
    pub fn is_targeted(&self) -> bool {
        !self.targets.is_empty()
    }

    /// What is to be replaced whether it has to be or not.
    #[must_use]
    pub fn replace(&self) -> &[Address] {
        &self.replace
    }

    /// Whether all that the configuration asks for is done once such a plan is applied: it may
    /// replace more than that, but leaves nothing out.
    #[must_use]
    pub fn cover_all(&self) -> bool {
        self.mode == PlanMode::Normal && self.targets.is_empty()
    }

    /// One argument for each flag.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut all = Vec::new();
        if self.mode != PlanMode::Normal {
            all.push(mode_flag(self.mode).to_owned());
        }
        all.extend(self.targets.iter().map(|a| format!("{TARGET}={a}")));
        all.extend(self.replace.iter().map(|a| format!("{REPLACE}={a}")));
        all
    }

    /// Whether an apply of a plan that was made with these flags would do nothing. A plan with
    /// targets is never complete, so that alone says nothing; one that only refreshes writes down
    /// what has drifted.
    #[must_use]
    pub fn nothing_in(&self, plan: &Plan) -> bool {
        if plan.errored {
            return false;
        }
        let as_is = plan.changes().next().is_none() && plan.changed_outputs().next().is_none();
        match self.mode {
            PlanMode::RefreshOnly => as_is && plan.drift.is_empty(),
            PlanMode::Normal | PlanMode::Destroy if self.is_targeted() => {
                as_is && plan.deferred.is_empty()
            }
            PlanMode::Normal | PlanMode::Destroy => plan.is_noop(),
        }
    }
}

fn mode_flag(mode: PlanMode) -> &'static str {
    match mode {
        PlanMode::Destroy => DESTROY,
        PlanMode::RefreshOnly | PlanMode::Normal => REFRESH_ONLY,
    }
}

impl fmt::Display for PlanFlags {
    /// As somebody would write them; [`PlanFlags::parse`] reads each word back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arguments().join(" "))
    }
}

#[cfg(test)]
mod tests;
