//! Webhook deliveries: signed, sent one after the other, logged, and never retried by themselves.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::faults::{Fate, Order};
use super::model::{Model, stamp};
use super::refusal::{Outcome, Refusal};

/// How long GitHub waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer the log keeps.
const KEPT_ANSWER: usize = 10_000;

/// A delivery that waits to be sent.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) guid: String,
    pub(super) event: String,
    pub(super) action: Option<String>,
    pub(super) body: String,
    pub(super) installation: Option<u64>,
    pub(super) repository: Option<u64>,
    pub(super) redelivery: bool,
    /// Whether no fault may touch it any more: it was held, or is the second of two.
    pub(super) settled: bool,
}

impl Queued {
    pub(super) fn new(
        event: &str,
        action: Option<String>,
        payload: &Value,
        installation: Option<u64>,
        repository: Option<u64>,
    ) -> Self {
        Self {
            guid: new_guid(),
            event: event.to_owned(),
            action,
            body: payload.to_string(),
            installation,
            repository,
            redelivery: false,
            settled: false,
        }
    }
}

/// A delivery that was tried.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its number in the log.
    pub id: u64,
    /// `X-GitHub-Delivery`; a redelivery has the one of its original.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The `action` of the payload.
    pub action: Option<String>,
    /// Whether it was asked for again.
    pub redelivery: bool,
    /// When it was sent.
    pub delivered_at: Timestamp,
    /// How long the answer took, in seconds.
    pub duration: f64,
    /// The status of the answer; 0 if there was none.
    pub status_code: u16,
    /// `OK`, or what went wrong.
    pub status: String,
    /// The installation it belongs to.
    pub installation: Option<u64>,
    /// The repository it belongs to.
    pub repository: Option<u64>,
    /// The headers that were sent.
    pub request_headers: Vec<(String, String)>,
    /// The body that was sent.
    pub body: String,
    /// The start of the answer.
    pub answer: String,
}

impl Delivery {
    /// Whether the hook took it.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status_code)
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn brief(&self) -> Value {
        json!({
            "id": self.id,
            "guid": self.guid,
            "delivered_at": stamp(self.delivered_at),
            "redelivery": self.redelivery,
            "duration": self.duration,
            "status": self.status,
            "status_code": self.status_code,
            "event": self.event,
            "action": self.action,
            "installation_id": self.installation,
            "repository_id": self.repository,
            "throttled_at": null,
        })
    }

    pub(super) fn full(&self, url: Option<&str>) -> Value {
        let headers: Map<String, Value> = self
            .request_headers
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        let mut value = self.brief();
        value["url"] = json!(url);
        value["request"] = json!({ "headers": headers, "payload": self.payload() });
        value["response"] = json!({ "headers": {}, "payload": self.answer });
        value
    }
}

/// A random GUID, version 4.
fn new_guid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    let parts =
        [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
    parts.join("-")
}

/// The value of `X-Hub-Signature-256`.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes a key of any length, so there is no failure to pass on.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A delivery on its way.
struct Parcel {
    queued: Queued,
    url: String,
    headers: Vec<(String, String)>,
    lost: bool,
}

impl Model {
    /// Takes the next delivery to send, letting the delivery faults have their way.
    fn next_parcel(&mut self) -> Option<Parcel> {
        loop {
            let mut queued = self.outbox.pop_front()?;
            let fate = if queued.settled {
                Fate::Send
            } else {
                self.faults.fate(&queued.event)
            };
            match fate {
                Fate::Hold => {
                    self.held.push(queued);
                    continue;
                }
                Fate::Twice => {
                    queued.settled = true;
                    self.outbox.push_front(queued.clone());
                }
                Fate::Send | Fate::Drop => {}
            }
            let Some(url) = self.hook_url.clone() else {
                continue;
            };
            self.in_flight += 1;
            return Some(Parcel {
                headers: self.delivery_headers(&queued),
                url,
                queued,
                lost: fate == Fate::Drop,
            });
        }
    }

    fn delivery_headers(&self, queued: &Queued) -> Vec<(String, String)> {
        let mut headers = vec![
            ("Accept", "*/*".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("User-Agent", "GitHub-Hookshot/5a0b2c1".to_owned()),
            ("X-GitHub-Delivery", queued.guid.clone()),
            ("X-GitHub-Event", queued.event.clone()),
            ("X-GitHub-Hook-ID", "1".to_owned()),
            (
                "X-GitHub-Hook-Installation-Target-ID",
                self.config.app_id.to_string(),
            ),
            (
                "X-GitHub-Hook-Installation-Target-Type",
                "integration".to_owned(),
            ),
        ];
        if !self.config.webhook_secret.is_empty() {
            let secret = &self.config.webhook_secret;
            headers.push((
                "X-Hub-Signature-256",
                signature(secret, queued.body.as_bytes()),
            ));
        }
        headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    fn log_delivery(&mut self, parcel: Parcel, sent_at: Timestamp, result: Answered) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let id = self.new_id();
        let queued = parcel.queued;
        self.deliveries.push(Delivery {
            id,
            guid: queued.guid,
            event: queued.event,
            action: queued.action,
            redelivery: queued.redelivery,
            delivered_at: sent_at,
            duration: self.now().duration_since(sent_at).as_secs_f64(),
            status_code: result.code,
            status: result.status,
            installation: queued.installation,
            repository: queued.repository,
            request_headers: parcel.headers,
            body: queued.body,
            answer: result.body,
        });
    }

    /// Queues a delivery once more, under its own GUID.
    pub(super) fn redeliver(&mut self, guid: &str) -> Outcome<()> {
        let old = self
            .deliveries
            .iter()
            .rev()
            .find(|delivery| delivery.guid == guid)
            .ok_or_else(Refusal::not_found)?;
        let queued = Queued {
            guid: old.guid.clone(),
            event: old.event.clone(),
            action: old.action.clone(),
            body: old.body.clone(),
            installation: old.installation,
            repository: old.repository,
            redelivery: true,
            settled: false,
        };
        self.outbox.push_back(queued);
        Ok(())
    }

    /// Lets held deliveries go, in an order of the test's choosing.
    pub(super) fn release(&mut self, order: Order) {
        self.faults.stop_holding();
        let mut held = std::mem::take(&mut self.held);
        if order == Order::Reversed {
            held.reverse();
        }
        for mut queued in held {
            queued.settled = true;
            self.outbox.push_back(queued);
        }
    }
}

/// What came of a delivery.
struct Answered {
    code: u16,
    status: String,
    body: String,
}

async fn send(http: &reqwest::Client, parcel: &Parcel) -> Answered {
    let failed = |why: String| Answered {
        code: 0,
        status: why,
        body: String::new(),
    };
    if parcel.lost {
        return failed("failed to connect to host".to_owned());
    }
    let mut request = http.post(&parcel.url).body(parcel.queued.body.clone());
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let exchange = async {
        let response = request.send().await?;
        let code = response.status();
        Ok::<_, reqwest::Error>((code, response.bytes().await?))
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Err(_) => failed("timed out".to_owned()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the hook did not answer");
            failed("failed to connect to host".to_owned())
        }
        Ok(Ok((code, body))) => {
            let kept = body.get(..KEPT_ANSWER).unwrap_or(&body);
            Answered {
                code: code.as_u16(),
                status: if code.is_success() {
                    "OK".to_owned()
                } else {
                    format!("Invalid HTTP Response: {}", code.as_u16())
                },
                body: String::from_utf8_lossy(kept).into_owned(),
            }
        }
    }
}

/// Sends deliveries in order until the sandbox ends.
pub(super) async fn deliver(shared: Arc<Shared>, stop: CancellationToken) {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap_or_default();
    let mut changes = shared.changes();
    loop {
        changes.mark_unchanged();
        // An empty outbox is no change: telling it would wake this loop for ever.
        while let Some(parcel) = shared.change_if(|model| {
            let waiting = model.outbox.len();
            let parcel = model.next_parcel();
            (parcel, model.outbox.len() != waiting)
        }) {
            let sent_at = shared.read(Model::now);
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = send(&http, &parcel) => result,
            };
            shared.change(|model| model.log_delivery(parcel, sent_at, result));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}
