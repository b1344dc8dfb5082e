//! What came of forcing a state lock open, and how a state lock is told.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::evidence::{Identity, Link};
use super::markdown::{code, commands, duration, marker, prose, text, time};
use super::refusal::{GateRow, refusal};
use crate::ids::{EnvName, Login, StackName};
use crate::ports::StateLock;

/// Forcing the state lock of one stack in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnlockComment {
    /// The key of the hidden marker.
    pub key: String,
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// The lock's id.
    pub id: String,
    /// Who asked.
    pub by: Login,
    /// What came of it.
    pub state: UnlockState,
    /// As whom.
    pub identity: Option<Identity>,
    /// The run's page.
    pub page: Option<Link>,
}

/// How far it is, or how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlockState {
    /// Not begun; why, as Markdown.
    Pending(String),
    /// Under way.
    Running,
    /// The lock is gone.
    Freed {
        /// Who held it, where that was seen, as prose.
        held: Option<String>,
    },
    /// Gates were closed right before it.
    Refused {
        /// Which, and what opens them.
        gates: Vec<GateRow>,
    },
    /// Not done; why, as prose.
    Not(String),
}

impl UnlockComment {
    /// The comment's body, with its marker.
    #[must_use]
    pub fn markdown(&self) -> String {
        let place = format!("{} in {}", self.stack, self.env);
        let id = code(&self.id);
        let (head, body) = match &self.state {
            UnlockState::Pending(why) => (
                format!("⏳ The state lock of {place} is to be forced open"),
                format!("Lock {id}: {why}."),
            ),
            UnlockState::Running => (
                format!("⏳ The state lock of {place} is being forced open"),
                format!("Lock {id}."),
            ),
            UnlockState::Freed { held } => (
                format!("🔓 The state lock of {place} is gone"),
                match held {
                    Some(held) => format!("Lock {id} was {}.", prose(held)),
                    None => format!("Lock {id}. Slipway had not seen who held it."),
                },
            ),
            UnlockState::Refused { gates } => {
                let refused = refusal("unlocked in", &self.env, gates);
                return format!("{}{refused}", marker(&self.key));
            }
            UnlockState::Not(why) => (
                format!("❌ The state lock of {place} was not forced open"),
                prose(why),
            ),
        };
        let mut footer = vec![format!("asked for by {}", text(self.by.as_str()))];
        let identity = self.identity.as_ref();
        footer.extend(identity.map(|identity| format!("as {}", identity.markdown())));
        if matches!(self.state, UnlockState::Freed { .. }) {
            let next = [format!("/plan {} {}", self.env, self.stack)];
            footer.push(format!("next: {}", commands(&next)));
        }
        footer.extend(self.page.as_ref().map(Link::markdown));
        format!(
            "{}### {head}\n\n{body}\n\n{}\n",
            marker(&self.key),
            footer.join(" · ")
        )
    }
}

/// "held by ana@laptop since 2025-06-01 10:00 UTC, for 2 h 10 min (OperationTypeApply)": plain text.
#[must_use]
pub fn holder(lock: &StateLock, now: Timestamp) -> String {
    let since = match lock.since() {
        Some(at) => {
            let age = now.duration_since(at).max(SignedDuration::ZERO);
            format!("{}, for {}", time(at), duration(age.unsigned_abs()))
        }
        None => lock.created.clone(),
    };
    format!("held by {} since {since} ({})", lock.who, lock.operation)
}

impl StateLock {
    /// When it was taken. Terraform writes it as Go does: `2025-06-01 10:00:00.1 +0000 UTC`.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let mut parts = self.created.split_whitespace();
        let (date, clock, zone) = (parts.next()?, parts.next()?, parts.next()?);
        format!("{date}T{clock}{zone}").parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(created: &str) -> StateLock {
        StateLock {
            id: "4d4d2c61-1".to_owned(),
            who: "ana@laptop".to_owned(),
            created: created.to_owned(),
            operation: "OperationTypeApply".to_owned(),
        }
    }

    #[test]
    fn a_lock_has_an_age() {
        let now = "2025-06-01T12:10:30Z".parse().unwrap();
        assert_eq!(
            holder(&lock("2025-06-01 10:00:00.123456789 +0000 UTC"), now),
            "held by ana@laptop since 2025-06-01 10:00 UTC, for 2 h 10 min (OperationTypeApply)"
        );
        assert_eq!(
            holder(&lock("2025-06-01 12:30:00 +0200 CEST"), now),
            "held by ana@laptop since 2025-06-01 10:30 UTC, for 1 h 40 min (OperationTypeApply)"
        );
        // A clock that is ahead; a form that nobody knows.
        assert!(holder(&lock("2025-06-01 13:00:00 +0000 UTC"), now).contains("for 0 s"));
        assert_eq!(
            holder(&lock("yesterday"), now),
            "held by ana@laptop since yesterday (OperationTypeApply)"
        );
    }

    #[test]
    fn each_end_is_told() {
        let told = |state| {
            UnlockComment {
                key: "unlock-comment/7".to_owned(),
                env: EnvName::parse("dev").unwrap(),
                stack: StackName::parse("network").unwrap(),
                id: "4d4d2c61-1".to_owned(),
                by: Login::parse("cleo").unwrap(),
                state,
                identity: None,
                page: None,
            }
            .markdown()
            .split_once("-->")
            .map(|(_, body)| body.trim().to_owned())
            .unwrap()
        };
        insta::assert_snapshot!(told(UnlockState::Pending("begins in a moment".to_owned())), @"
        ### ⏳ The state lock of network in dev is to be forced open

        Lock `4d4d2c61-1`: begins in a moment.

        asked for by cleo
        ");
        insta::assert_snapshot!(told(UnlockState::Running), @"
        ### ⏳ The state lock of network in dev is being forced open

        Lock `4d4d2c61-1`.

        asked for by cleo
        ");
        insta::assert_snapshot!(told(UnlockState::Freed { held: None }), @"
        ### 🔓 The state lock of network in dev is gone

        Lock `4d4d2c61-1`. Slipway had not seen who held it.

        asked for by cleo · next: `/plan dev network`
        ");
        let held = Some("held by @team since yesterday".to_owned());
        insta::assert_snapshot!(told(UnlockState::Freed { held }), @"
        ### 🔓 The state lock of network in dev is gone

        Lock `4d4d2c61-1` was held by @&#8203;team since yesterday.

        asked for by cleo · next: `/plan dev network`
        ");
        insta::assert_snapshot!(told(UnlockState::Not("it hung — `/retry`".to_owned())), @"
        ### ❌ The state lock of network in dev was not forced open

        it hung — `/retry`

        asked for by cleo
        ");
    }
}
