//! Locks, as a reader sees them now.

use jiff::{SignedDuration, Timestamp};

use crate::facts::Lock;
use crate::report::locks::LockView;
use crate::report::markdown::{code, duration, text};

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

    /// What is held, by whom and why, and when it is free again, in a line.
    #[must_use]
    pub fn in_the_way(&self) -> String {
        let (what, freed) = match (&self.stack, self.pr) {
            (Some(stack), Some(pr)) => (
                format!("{stack} in {}", self.env),
                format!("free when #{pr} is merged or closed"),
            ),
            (Some(stack), None) => (format!("{stack} in {}", self.env), String::new()),
            (None, _) => (
                self.env.to_string(),
                format!(
                    "{} by {} or an admin frees it",
                    code(&format!("/unlock {}", self.env)),
                    text(self.holder.as_str())
                ),
            ),
        };
        let by_itself = self
            .frees_in
            .map(|left| format!("frees itself in {}", duration(left)));
        let ends: Vec<String> = [freed]
            .into_iter()
            .filter(|text| !text.is_empty())
            .chain(by_itself)
            .collect();
        let ends = ends.join(" · ");
        let sentence = format!("{what} is {}", self.sentence());
        if ends.is_empty() {
            sentence
        } else {
            format!("{sentence} · {ends}")
        }
    }

    /// Who holds it, for how long and why, in a line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let pr = self.pr.map_or_else(String::new, |pr| format!(" (#{pr})"));
        let reason = self
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": “{}”", text(reason)));
        format!(
            "held by {}{pr} for {}{reason}",
            text(self.holder.as_str()),
            duration(self.age)
        )
    }
}
