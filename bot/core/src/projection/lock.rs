//! Locks, as a reader sees them now.

use jiff::{SignedDuration, Timestamp};

use crate::facts::Lock;
use crate::report::locks::LockView;
use crate::report::markdown::{duration, text};

impl LockView {
    /// A lock as it is seen at a moment.
    #[must_use]
    pub fn of(lock: &Lock, now: Timestamp) -> Self {
        let between = |from: Timestamp, to: Timestamp| {
            to.duration_since(from)
                .max(SignedDuration::ZERO)
                .unsigned_abs()
        };
        Self {
            env: lock.target.env.clone(),
            stack: lock.target.stack.clone(),
            holder: lock.holder.clone(),
            pr: lock.pr,
            age: between(lock.since, now),
            reason: lock.reason.clone(),
            frees_in: lock.until.map(|until| between(now, until)),
        }
    }

    /// Who holds it, for how long and why, in a line.
    #[must_use]
    pub fn sentence(&self) -> String {
        text(&self.words())
    }

    /// The same as plain text.
    #[must_use]
    pub fn words(&self) -> String {
        let pr = self.pr.map_or_else(String::new, |pr| format!(" (#{pr})"));
        let reason = self
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": “{reason}”"));
        format!(
            "held by {}{pr} for {}{reason}",
            self.holder,
            duration(self.age)
        )
    }
}
