//! Bad days on demand: answers that fail, connections that break, deliveries that get lost, come
//! twice, late, or out of order.

use std::time::Duration;

use http::Method;

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Answers with this and does nothing.
    Respond {
        /// The status.
        status: u16,
        /// More headers, such as `retry-after`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Breaks the connection and does nothing.
    DropBefore,
    /// Does the work, then breaks the connection instead of answering.
    DropAfter,
    /// Does the work and never answers.
    NeverAnswer,
    /// Answers properly, but this much later.
    Slow(Duration),
}

/// A request that is to go wrong.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Only this method; nothing matches any.
    pub method: Option<Method>,
    /// The path without `/api/v3`; `*` stands for anything.
    pub path: String,
    /// How often; nothing means until cleared.
    pub times: Option<u32>,
    /// What happens.
    pub effect: Effect,
}

impl Fault {
    /// The next request with this method and path goes wrong once.
    #[must_use]
    pub fn once(method: Method, path: &str, effect: Effect) -> Self {
        Self {
            method: Some(method),
            path: path.to_owned(),
            times: Some(1),
            effect,
        }
    }

    /// A plain status with GitHub's error body.
    #[must_use]
    pub fn status(status: u16, message: &str) -> Effect {
        Effect::Respond {
            status,
            headers: Vec::new(),
            body: serde_json::json!({ "message": message, "documentation_url": "" }).to_string(),
        }
    }

    /// The secondary rate limit: 403 and a time to wait, in seconds.
    #[must_use]
    pub fn retry_after(seconds: u64) -> Effect {
        Effect::Respond {
            status: 403,
            headers: vec![("retry-after".to_owned(), seconds.to_string())],
            body: serde_json::json!({
                "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
                "documentation_url": "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
            })
            .to_string(),
        }
    }
}

/// What goes wrong with deliveries. `event` is a name such as `push`; nothing matches any.
#[derive(Clone, Debug)]
pub enum DeliveryFault {
    /// The next `times` are not sent, and logged as failed.
    Drop {
        /// Which event.
        event: Option<String>,
        /// How many.
        times: u32,
    },
    /// The next `times` are sent twice.
    Duplicate {
        /// Which event.
        event: Option<String>,
        /// How many.
        times: u32,
    },
    /// All are kept back until they are released.
    Hold {
        /// Which event.
        event: Option<String>,
    },
}

/// The order in which held deliveries are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they happened.
    AsHappened,
    /// The last one first.
    Reversed,
}

/// All switches.
#[derive(Debug, Default)]
pub(super) struct Faults {
    requests: Vec<Fault>,
    deliveries: Vec<DeliveryFault>,
    /// At most this many content-creating requests a minute; nothing switches the limit off.
    pub(super) content_limit: Option<u32>,
    /// How many reads of a pull request after a change say that mergeability is not known yet.
    pub(super) slow_mergeability: u32,
}

/// What becomes of a delivery about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Send,
    Drop,
    Twice,
    Hold,
}

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.requests.push(fault);
    }

    pub(super) fn add_delivery(&mut self, fault: DeliveryFault) {
        self.deliveries.push(fault);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn stop_holding(&mut self) {
        self.deliveries
            .retain(|fault| !matches!(fault, DeliveryFault::Hold { .. }));
    }

    /// Takes the first fault that fits a request.
    pub(super) fn take(&mut self, method: &Method, path: &str) -> Option<Effect> {
        let at = self.requests.iter().position(|fault| {
            fault.method.as_ref().is_none_or(|only| only == method) && fits(&fault.path, path)
        })?;
        let fault = self.requests.get_mut(at)?;
        let effect = fault.effect.clone();
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.requests.remove(at);
            }
        }
        Some(effect)
    }

    /// Decides on one delivery, using up what is counted.
    pub(super) fn fate(&mut self, event: &str) -> Fate {
        let hits = |only: &Option<String>| only.as_deref().is_none_or(|only| only == event);
        for fault in &mut self.deliveries {
            match fault {
                DeliveryFault::Hold { event } if hits(event) => return Fate::Hold,
                DeliveryFault::Drop { event, times } if *times > 0 && hits(event) => {
                    *times -= 1;
                    return Fate::Drop;
                }
                DeliveryFault::Duplicate { event, times } if *times > 0 && hits(event) => {
                    *times -= 1;
                    return Fate::Twice;
                }
                _ => {}
            }
        }
        Fate::Send
    }
}

/// Whether a path fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern.rsplit('*').next().filter(|_| pattern.contains('*')) else {
        return rest.is_empty();
    };
    let middle: Vec<&str> = parts.collect();
    for part in middle.iter().take(middle.len().saturating_sub(1)) {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}
