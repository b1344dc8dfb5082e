//! What to show of a rollout that failed: for a few pods, the last log lines and events.
//!
//! A courtesy: what can't be read is left out, and never hides the failure itself.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{Api, ListParams, LogParams};
use slipway_core::outcome::PodTrouble;

use super::client::Connection;
use super::error::Doing;
use super::pods::{LogOf, Trouble};
use super::world::Wrong;

/// More pods than this say nothing new.
const PODS: usize = 3;
/// The last lines of a log that are shown.
const LOG_LINES: usize = 20;
/// The latest events that are shown.
const EVENTS: usize = 10;
/// The longest line that is shown, in characters.
const LINE: usize = 500;

/// Diagnoses at most three pods, each with another trouble as far as there are that many.
pub(super) async fn diagnose(connection: &Connection, wrong: &[Wrong]) -> Vec<PodTrouble> {
    let told = select(wrong)
        .into_iter()
        .map(|wrong| examine(connection, wrong));
    futures::future::join_all(told).await
}

/// One of each kind of trouble first, then more of the same.
fn select(wrong: &[Wrong]) -> Vec<&Wrong> {
    let mut seen = BTreeSet::new();
    let (first, more): (Vec<&Wrong>, Vec<&Wrong>) = wrong.iter().partition(|wrong| {
        let Trouble {
            container, reason, ..
        } = &wrong.trouble;
        seen.insert((&wrong.workload, container, reason))
    });
    first.into_iter().chain(more).take(PODS).collect()
}

async fn examine(connection: &Connection, wrong: &Wrong) -> PodTrouble {
    let trouble = &wrong.trouble;
    let (kind, name) = trouble.pod.split_once('/').unwrap_or(("Pod", &trouble.pod));
    let log = async {
        match trouble.log {
            LogOf::Nothing => Vec::new(),
            LogOf::Current => last_lines(connection, trouble, false).await,
            LogOf::Previous => last_lines(connection, trouble, true).await,
        }
    };
    let (log, events) = tokio::join!(log, events(connection, kind, name));
    PodTrouble {
        pod: trouble.pod.clone(),
        container: trouble.container.clone(),
        reason: trouble.reason.clone(),
        message: clean(&trouble.message),
        exit_code: trouble.exit_code,
        restarts: trouble.restarts,
        log,
        events,
    }
}

async fn last_lines(connection: &Connection, trouble: &Trouble, previous: bool) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let params = LogParams {
        container: trouble.container.clone(),
        previous,
        tail_lines: i64::try_from(LOG_LINES).ok(),
        limit_bytes: Some(256 * 1024),
        ..LogParams::default()
    };
    let doing = Doing {
        verb: "get",
        resource: "pods/log",
        title: &trouble.pod,
    };
    match connection
        .call(&doing, api.logs(&trouble.pod, &params))
        .await
    {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            let skipped = lines.len().saturating_sub(LOG_LINES);
            lines.into_iter().skip(skipped).map(clean).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "the log of a failing pod can't be read");
            Vec::new()
        }
    }
}

async fn events(connection: &Connection, kind: &str, name: &str) -> Vec<String> {
    let api: Api<Event> = Api::namespaced(connection.client.clone(), &connection.namespace);
    let fields = format!("involvedObject.kind={kind},involvedObject.name={name}");
    let doing = Doing {
        verb: "list",
        resource: "events",
        title: "events",
    };
    match connection
        .call(&doing, api.list(&ListParams::default().fields(&fields)))
        .await
    {
        Ok(list) => latest(list.items),
        Err(error) => {
            tracing::warn!(%error, "the events of a failing pod can't be read");
            Vec::new()
        }
    }
}

/// The latest events, oldest first. Their times have whole seconds; within one, the order in which
/// they were written counts (resource versions of a kind are ordered, KEP-5504).
fn latest(mut events: Vec<Event>) -> Vec<String> {
    events.sort_by_key(|event| (happened(event), written(event)));
    let skipped = events.len().saturating_sub(EVENTS);
    events.iter().skip(skipped).map(describe).collect()
}

fn happened(event: &Event) -> Option<k8s_openapi::jiff::Timestamp> {
    let series = event
        .series
        .as_ref()
        .and_then(|series| series.last_observed_time.as_ref());
    let in_series = series.map(|time| time.0);
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let once = event.event_time.as_ref().map(|time| time.0);
    let created = event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    in_series.max(last).or(once).or(created)
}

fn written(event: &Event) -> Option<u64> {
    event.metadata.resource_version.as_ref()?.parse().ok()
}

/// `Warning Failed ×3: Error: ErrImagePull`.
fn describe(event: &Event) -> String {
    let kind = event.type_.as_deref().unwrap_or("Normal");
    let reason = event.reason.as_deref().unwrap_or("?");
    let series = event.series.as_ref().and_then(|series| series.count);
    let times = match series.or(event.count) {
        Some(count) if count > 1 => format!(" ×{count}"),
        _ => String::new(),
    };
    let message = event.message.as_deref().unwrap_or_default();
    clean(&format!("{kind} {reason}{times}: {message}"))
}

/// A line without control characters or colours, and not too long.
pub(super) fn clean(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A colour: everything up to the letter that ends it.
            let _ = characters.find(char::is_ascii_alphabetic);
        } else if character == '\n' || character == '\t' {
            plain.push(' ');
        } else if !character.is_control() {
            plain.push(character);
        }
    }
    if plain.chars().count() > LINE {
        plain = plain.chars().take(LINE - 1).collect();
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;

    #[test]
    fn lines_are_plain_and_short() {
        assert_eq!(
            clean("\u{1b}[31mpanicked\u{1b}[0m\tat\u{7} x"),
            "panicked at x"
        );
        assert_eq!(clean(&"é".repeat(600)).chars().count(), 500);
        assert_eq!(clean("ends in \u{1b}["), "ends in ");
    }

    #[test]
    fn events_come_oldest_first() {
        let event = |reason: &str, at: i64, count| Event {
            reason: Some(reason.to_owned()),
            message: Some("m".to_owned()),
            type_: Some("Warning".to_owned()),
            last_timestamp: Some(Time(k8s_openapi::jiff::Timestamp::from_second(at).unwrap())),
            count: Some(count),
            ..Event::default()
        };
        let shown = latest(vec![event("BackOff", 30, 3), event("Pulling", 10, 1)]);
        assert_eq!(shown, ["Warning Pulling: m", "Warning BackOff ×3: m"]);
        let many = (0..20).map(|at| event(&at.to_string(), at, 1)).collect();
        let shown = latest(many);
        assert_eq!(shown.len(), EVENTS);
        assert_eq!(shown.last().unwrap(), "Warning 19: m");
    }
}
