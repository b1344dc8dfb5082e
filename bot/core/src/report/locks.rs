//! Locks: who holds what, why, since when, and how it is freed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::markdown::{code, duration, ordinal, text};
use crate::ids::{EnvName, Login, PrNumber, StackName};

/// A lock as shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// The environment.
    pub env: EnvName,
    /// The stack, for a lock on a stack × environment.
    pub stack: Option<StackName>,
    /// Who holds it.
    pub holder: Login,
    /// The pull request it was taken in.
    pub pr: Option<PrNumber>,
    /// How long it has been held.
    pub age: Duration,
    /// Why, in the holder's words.
    pub reason: Option<String>,
    /// When it frees itself.
    pub frees_in: Option<Duration>,
}

impl LockView {
    /// "Locked by", for one who came late. `place` is the place in line, from one; `None` for one
    /// who is not in line.
    #[must_use]
    pub fn blocked(&self, place: Option<usize>) -> String {
        let mut rest = Vec::new();
        if let Some(place) = place {
            let place = ordinal(place);
            rest.push(format!(
                "You are {place} in line and will be planned again when it is your turn."
            ));
        }
        if let (Some(_), Some(pr)) = (&self.stack, self.pr) {
            rest.push(format!("It is freed when #{pr} is merged or closed."));
        }
        let free = format!(
            "Free it: {} (@{} or an admin)",
            code(&self.unlock_command()),
            self.holder
        );
        match self.frees_in {
            Some(left) => rest.push(format!("{free} · frees itself in {}", duration(left))),
            None => rest.push(free),
        }
        format!(
            "### 🔒 {}\n\n{}\n",
            self.held_by(&format!("@{}", self.holder)),
            rest.join(" ")
        )
    }

    /// "You hold it now".
    #[must_use]
    pub fn taken(&self) -> String {
        let reason = self.reason_text();
        let until = match self.frees_in {
            Some(left) => format!("It frees itself in {}", duration(left)),
            None => "It stays until it is freed".to_owned(),
        };
        format!(
            "### 🔒 {} is yours, @{}{reason}\n\n{until} · free it: {}\n",
            self.place(),
            self.holder,
            code(&self.unlock_command())
        )
    }

    /// "It is free", and whose turn it is.
    #[must_use]
    pub fn freed(&self, by: &Login, next: Option<PrNumber>) -> String {
        let held = duration(self.age);
        let told = if *by == self.holder {
            format!("@{by} held it for {held}.")
        } else {
            format!(
                "{} freed the lock of @{}, held for {held}.",
                code(by.as_str()),
                self.holder
            )
        };
        let turn = match next {
            Some(pr) => format!(" Next in line: #{pr}."),
            None => String::new(),
        };
        format!("### 🔓 {} is free\n\n{told}{turn}\n", self.place())
    }

    fn held_by(&self, holder: &str) -> String {
        let pr = self.pr.map_or_else(String::new, |pr| format!(" (#{pr})"));
        let (age, reason) = (duration(self.age), self.reason_text());
        format!(
            "{} is locked by {holder}{pr} for {age}{reason}",
            self.place()
        )
    }

    /// `prod · eks`.
    pub(super) fn place(&self) -> String {
        match &self.stack {
            Some(stack) => format!("{} · {stack}", self.env),
            None => self.env.to_string(),
        }
    }

    pub(super) fn reason_text(&self) -> String {
        self.reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": \"{}\"", text(reason)))
    }

    pub(super) fn unlock_command(&self) -> String {
        format!("/unlock {}", self.env)
    }
}
