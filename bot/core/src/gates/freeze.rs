//! Whether a freeze of the environment holds.

use jiff::Timestamp;

use crate::config::{Environment, Freeze, Outside};
use crate::report::markdown::{text, time};

use super::{Gate, OpensByItself};

/// The most freezes that are named at once.
const MOST_NAMED: usize = 3;

/// The gate of freezes; none where the environment has none that is not over.
pub(super) fn freeze(env: &Environment, now: Timestamp) -> Option<Gate> {
    if let Some(state) = state(env, now) {
        let closed = |opens: String| Gate::closed("freeze", state.clone(), opens);
        return Some(match (env.outside, env.next_opening(now)) {
            (Outside::Queue, Some(moment)) => {
                closed(format!("by itself at {}", time(moment))).waiting(OpensByItself::At(moment))
            }
            (Outside::Refuse, Some(moment)) => closed(format!("ask again at {}", time(moment))),
            (_, None) => closed("never: no window opens again".to_owned()),
        });
    }
    let coming = env.freezes.iter().filter(|freeze| freeze.from() > now);
    let next = coming.min_by_key(|freeze| freeze.from())?;
    Some(Gate::open(
        "freeze",
        format!("none now; next {}", words(next)),
    ))
}

/// What freezes the environment at this moment, in a line of Markdown; nothing if nothing does.
#[must_use]
pub(crate) fn state(env: &Environment, now: Timestamp) -> Option<String> {
    let holding = env.frozen_by(now);
    let named: Vec<String> = holding.iter().take(MOST_NAMED).map(|f| words(f)).collect();
    (!named.is_empty()).then(|| format!("frozen {}", named.join("; and ")))
}

/// `2026-12-20 18:00 to 2027-01-02 08:00 Europe/Berlin: Christmas`, with the reason neutralised.
pub(crate) fn words(freeze: &Freeze) -> String {
    format!("{}: {}", freeze.span(), text(freeze.reason()))
}
