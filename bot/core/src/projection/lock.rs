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

    /// What is held, by whom and why, and when it is free again, in a line for [`prose`].
    ///
    /// [`prose`]: crate::report::markdown::prose
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
                    "`/unlock {}` by {} or an admin frees it",
                    self.env, self.holder
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
        // A backtick of the reason's must not begin code.
        let told = self.told(|foreign| foreign.replace('`', "'"));
        let sentence = format!("{what} is {told}");
        if ends.is_empty() {
            sentence
        } else {
            format!("{sentence} · {ends}")
        }
    }

    /// Who holds it, for how long and why, in a line of Markdown.
    #[must_use]
    pub fn sentence(&self) -> String {
        self.told(text)
    }

    fn told(&self, foreign: impl Fn(&str) -> String) -> String {
        let pr = self.pr.map_or_else(String::new, |pr| format!(" (#{pr})"));
        let reason = self
            .reason
            .as_deref()
            .map_or_else(String::new, |reason| format!(": “{}”", foreign(reason)));
        format!(
            "held by {}{pr} for {}{reason}",
            foreign(self.holder.as_str()),
            duration(self.age)
        )
    }
}
