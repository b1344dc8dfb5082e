//! The App's webhook deliveries, as GitHub logs them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use slipway_core::ids::DeliveryId;
use slipway_core::ports::MissedDelivery;

use super::GitHub;
use super::auth::Scope;
use super::client::Request;
use super::errors::{Failure, Outcome};
use super::pages::{PAGE_SIZE, Pages};

/// The most pages of deliveries that are read at once. GitHub keeps three days of them.
const DELIVERY_PAGES: u32 = 500;

#[derive(Deserialize)]
struct Attempt {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    /// Nothing or 0 if there was no answer.
    #[serde(default)]
    status_code: Option<u16>,
}

impl Attempt {
    fn succeeded(&self) -> bool {
        self.status_code
            .is_some_and(|code| (200..300).contains(&code))
    }
}

/// What is known of one delivery: its newest attempt, and whether any attempt got through.
struct Tried {
    newest: u64,
    first_at: Timestamp,
    got_through: bool,
}

pub(super) async fn missed(github: &GitHub, since: Timestamp) -> Outcome<Vec<MissedDelivery>> {
    let mut url = github.url(&["app", "hook", "deliveries"]);
    url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
    let mut pages = Pages::new(github, Scope::App, url, DELIVERY_PAGES);
    let mut tried: HashMap<String, Tried> = HashMap::new();
    // GitHub lists the newest attempt first.
    'pages: while let Some(attempts) = pages.next::<Vec<Attempt>>().await? {
        for attempt in attempts {
            if attempt.delivered_at < since {
                break 'pages;
            }
            let got_through = attempt.succeeded();
            let known = tried.entry(attempt.guid).or_insert(Tried {
                newest: attempt.id,
                first_at: attempt.delivered_at,
                got_through: false,
            });
            known.got_through |= got_through;
            known.first_at = known.first_at.min(attempt.delivered_at);
        }
    }
    let mut missed: Vec<(String, Tried)> = tried
        .into_iter()
        .filter(|(_, tried)| !tried.got_through)
        .collect();
    // As they happened, so that they come again in that order.
    missed.sort_by_key(|(_, tried)| (tried.first_at, tried.newest));
    missed
        .into_iter()
        .map(|(guid, tried)| {
            let guid =
                DeliveryId::parse(guid).map_err(|error| Failure::unexpected(error.to_string()))?;
            Ok(MissedDelivery {
                guid,
                id: tried.newest,
            })
        })
        .collect()
}

pub(super) async fn redeliver(github: &GitHub, id: u64) -> Outcome<()> {
    let url = github.url(&["app", "hook", "deliveries", &id.to_string(), "attempts"]);
    let request = Request::post(url, &serde_json::json!({}))?;
    github.call(&Scope::App, &request).await?;
    Ok(())
}
