//! Webhooks: what the door lets in, and what is done about what never came through it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use slipway::settings::Settings;
use slipway::wire::Slipway;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";

/// A raw delivery: what a stranger on the network may send.
struct Raw {
    event: Option<&'static str>,
    guid: Option<&'static str>,
    signature: Option<String>,
    body: Vec<u8>,
}

impl Raw {
    /// One that GitHub could have sent.
    fn of(story: &Story, event: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            event: Some(event),
            guid: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            signature: Some(sign(&story.world.github.webhook_secret(), &body)),
            body,
        }
    }

    /// Sends it; the status and the body of the answer.
    async fn send(self, story: &Story) -> anyhow::Result<String> {
        let url = format!("{}/webhooks/github", story.url);
        let mut request = reqwest::Client::new().post(url).body(self.body);
        for (name, value) in [
            ("x-github-event", self.event.map(str::to_owned)),
            ("x-github-delivery", self.guid.map(str::to_owned)),
            ("x-hub-signature-256", self.signature),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok(format!("{status} {}", answer.text().await?))
    }
}

fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// The payload of the last delivery of an event.
fn payload(story: &Story, event: &str) -> Value {
    let deliveries = story.world.github.deliveries();
    let found = deliveries.iter().rev().find(|d| d.event == event);
    found
        .map(slipway_sandbox::github::Delivery::payload)
        .unwrap_or_default()
}

async fn stored(story: &Story) -> anyhow::Result<i64> {
    let store = story.store().await?;
    let count: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM inbox")
        .fetch_one(&store)
        .await?;
    Ok(count.0)
}

#[test]
fn nothing_is_let_in_that_github_did_not_sign() {
    tell(|story| async {
        let raw = |change: fn(&mut Raw)| {
            let mut raw = Raw::of(&story, "ping", r#"{"zen":"Keep it logically awesome."}"#);
            change(&mut raw);
            raw.send(&story)
        };
        insta::assert_snapshot!(raw(|_| ()).await?, @r#"200 {"result":"pong","because":"the webhook works"}"#);
        insta::assert_snapshot!(raw(|raw| raw.signature = None).await?, @r#"401 {"result":"refused","because":"the header X-Hub-Signature-256 is missing: set a secret on the App's webhook"}"#);
        let other = raw(|raw| raw.signature = Some(sign("another secret", &raw.body)));
        insta::assert_snapshot!(other.await?, @r#"401 {"result":"refused","because":"the signature does not match: is the webhook's secret the one in the settings?"}"#);
        insta::assert_snapshot!(raw(|raw| raw.body.push(b' ')).await?, @r#"401 {"result":"refused","because":"the signature does not match: is the webhook's secret the one in the settings?"}"#);
        let cut = raw(|raw| raw.signature = raw.signature.take().map(|s| s[..40].to_owned()));
        insta::assert_snapshot!(cut.await?, @r#"401 {"result":"refused","because":"the header X-Hub-Signature-256 is malformed"}"#);
        let empty = raw(|raw| raw.signature = Some(sign("", &raw.body)));
        insta::assert_snapshot!(empty.await?, @r#"401 {"result":"refused","because":"the signature does not match: is the webhook's secret the one in the settings?"}"#);
        let sha1 = raw(|raw| raw.signature = Some("sha1=0123456789abcdef".to_owned()));
        insta::assert_snapshot!(sha1.await?, @r#"401 {"result":"refused","because":"the header X-Hub-Signature-256 is malformed"}"#);
        // Only POST.
        let get = reqwest::get(format!("{}/webhooks/github", story.url)).await?;
        assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
        // No more than GitHub sends; a byte less is only refused for what it is.
        let most = 25 * 1024 * 1024;
        let large = |bytes: usize| Raw::of(&story, "push", vec![b'a'; bytes]).send(&story);
        assert!(large(most).await?.starts_with("400 "));
        let larger = large(most + 1).await?;
        assert!(larger.starts_with("413 "), "{larger}");
        assert_eq!(stored(&story).await?, 0);
        Ok(story)
    });
}

#[test]
fn what_is_signed_and_wrong_is_refused_with_a_reason() {
    tell(|story| async {
        let send = |event, body: &str| Raw::of(&story, event, body.to_owned()).send(&story);
        insta::assert_snapshot!(send("push", "payload=%7B%7D").await?, @r#"400 {"result":"refused","because":"the payload of `push` can't be read: expected value at line 1 column 1"}"#);
        insta::assert_snapshot!(send("push", "").await?, @r#"400 {"result":"refused","because":"the payload of `push` can't be read: EOF while parsing a value at line 1 column 0"}"#);
        insta::assert_snapshot!(send("push", "[]").await?, @r#"400 {"result":"refused","because":"the payload of `push` can't be read: invalid length 0, expected struct PushPart with 3 elements at line 1 column 2"}"#);
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let read = format!(r#"{{"ref":{deep}}}"#);
        insta::assert_snapshot!(send("push", &read).await?, @r#"400 {"result":"refused","because":"the payload of `push` can't be read: invalid type: sequence, expected a string at line 1 column 7"}"#);
        let installation =
            format!(r#"{{"action":"opened","pull_request":{{"number":1}},"installation":{deep}}}"#);
        insta::assert_snapshot!(send("pull_request", &installation).await?, @r#"400 {"result":"refused","because":"the payload of `pull_request` can't be read: invalid type: sequence, expected u64 at line 1 column 63"}"#);
        let deep = format!(r#"{{"ref":"refs/heads/main","x":{deep}}}"#);
        insta::assert_snapshot!(send("push", &deep).await?, @r#"400 {"result":"refused","because":"the payload of `push` has no `after`"}"#);
        let pr = json!({ "action": "opened", "pull_request": { "number": 1 },
            "repository": { "full_name": REPO }, "sender": { "login": "ana", "type": "User" } });
        insta::assert_snapshot!(send("pull_request", &pr.to_string()).await?, @r#"400 {"result":"refused","because":"the payload of `pull_request` has no `installation`"}"#);
        let path = pr.to_string().replace(REPO, "../../etc");
        let path = path.replacen('{', r#"{"installation":{"id":1},"#, 1);
        insta::assert_snapshot!(send("pull_request", &path).await?, @r#"400 {"result":"refused","because":"the payload of `pull_request` has a wrong `repository.full_name`: \"../../etc\" is not a valid repository name: it takes `owner/name` of letters, digits, `-`, `_` and `.`"}"#);
        let without = |change: fn(&mut Raw)| {
            let mut raw = Raw::of(&story, "push", "{}");
            change(&mut raw);
            raw.send(&story)
        };
        insta::assert_snapshot!(without(|raw| raw.event = None).await?, @r#"400 {"result":"refused","because":"the header X-GitHub-Event is missing"}"#);
        insta::assert_snapshot!(without(|raw| raw.guid = None).await?, @r#"400 {"result":"refused","because":"the header X-GitHub-Delivery is missing or malformed"}"#);
        insta::assert_snapshot!(without(|raw| raw.guid = Some("x y")).await?, @r#"400 {"result":"refused","because":"the header X-GitHub-Delivery is missing or malformed"}"#);
        assert_eq!(stored(&story).await?, 0);
        Ok(story)
    });
}

#[test]
fn what_leads_to_nothing_is_acknowledged_with_its_reason() {
    tell(|story| async {
        let github = story.world.github.clone();
        let send = |event, body: Value| Raw::of(&story, event, body.to_string()).send(&story);
        insta::assert_snapshot!(send("star", json!({ "action": "created" })).await?, @r#"202 {"result":"ignored","because":"unknown event \"star\""}"#);
        insta::assert_snapshot!(send("pull_request", json!({ "action": "labeled" })).await?, @r#"202 {"result":"ignored","because":"`pull_request` \"labeled\" leads to nothing"}"#);
        // Of a repository that this bot does not serve.
        let issue = github.open_issue(REPO, "ana", "A", "B").await?;
        story.ask_in_vain("ana", issue, "Hello").await?;
        let mut strange = payload(&story, "push");
        assert!(strange.is_null());
        story.push("ana", "x", "X", &[("x", "x")]).await?;
        story.quiet().await?;
        strange = payload(&story, "push");
        strange["repository"]["full_name"] = json!("evil/shop");
        insta::assert_snapshot!(send("push", strange).await?, @r#"202 {"result":"ignored","because":"evil/shop is not in the allow-list of this Slipway"}"#);
        Ok(story)
    });
}

#[test]
fn a_replayed_delivery_is_known_and_nothing_is_done_twice() {
    tell(|mut story| async {
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        story.settles(pr, "valid until").await?;
        let runs = || async {
            let store = story.store().await?;
            let runs: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM runs")
                .fetch_one(&store)
                .await?;
            anyhow::Ok(runs.0)
        };
        let before = (stored(&story).await?, runs().await?);
        let github = story.world.github.clone();
        let opened = github
            .deliveries()
            .into_iter()
            .find(|d| d.event == "pull_request");
        let opened = opened.unwrap();
        // The same GUID with other words is still the same delivery.
        let mut other = opened.payload();
        other["action"] = json!("synchronize");
        for body in [opened.payload(), other] {
            github.deliver("pull_request", &body, Some(&opened.guid));
        }
        story.quiet().await?;
        let answers: Vec<String> = github
            .deliveries()
            .into_iter()
            .filter(|d| d.guid == opened.guid)
            .map(|d| format!("{} {}", d.status_code, d.answer))
            .collect();
        insta::assert_snapshot!(answers.join("\n"), @r#"
        202 {"result":"stored"}
        202 {"result":"known","because":"this delivery was stored before"}
        202 {"result":"known","because":"this delivery was stored before"}
        "#);
        assert_eq!((stored(&story).await?, runs().await?), before);
        Ok(story)
    });
}

#[test]
fn without_a_secret_the_bot_does_not_start() {
    tell(|story| async {
        let start = |text: String| {
            let clock = std::sync::Arc::new(slipway::adapters::clock::SystemClock);
            async move {
                let settings = Settings::parse(&text)?;
                Slipway::start(settings, clock).await.map(drop)
            }
        };
        let settings = std::fs::read_to_string(story.settings_path())?;
        let secret = story.settings_path().with_file_name("webhook-secret");
        let secret = format!("webhook_secret = {{ file = \"{}\" }}", secret.display());
        assert!(settings.contains(&secret));
        let dir = tempfile::tempdir()?;
        for (name, text) in [("empty", ""), ("newline", "\n"), ("blank", "  \n")] {
            let path = dir.path().join(name);
            std::fs::write(&path, text)?;
            let other = format!("webhook_secret = {{ file = \"{}\" }}", path.display());
            let error = start(settings.replace(&secret, &other)).await.unwrap_err();
            let error = format!("{error:#}").replace(&dir.path().display().to_string(), "DIR");
            match name {
                "empty" => {
                    insta::assert_snapshot!(error, @"github.webhook_secret: the file DIR/empty is empty");
                }
                "newline" => {
                    insta::assert_snapshot!(error, @"github.webhook_secret: the file DIR/newline is empty");
                }
                _ => {
                    insta::assert_snapshot!(error, @"github.webhook_secret: the file DIR/blank is empty");
                }
            }
        }
        let error = start(settings.replace(&secret, "")).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("missing field `webhook_secret`"),
            "{error:#}"
        );
        Ok(story)
    });
}

#[test]
fn health_is_told_until_the_end() {
    tell(|mut story| async {
        let get = |path: &'static str| {
            let url = format!("{}{path}", story.url);
            async move {
                let answer = reqwest::get(url).await?;
                let status = answer.status().as_u16();
                anyhow::Ok(format!("{status} {}", answer.text().await?))
            }
        };
        insta::assert_snapshot!(get("/healthz").await?, @"200 ok");
        insta::assert_snapshot!(get("/readyz").await?, @"200 ready");
        story.valve.shut("plan")?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let waiting = story.valve.reached("plan").await?;
        story.close_bot();
        insta::assert_snapshot!(get("/readyz").await?, @"503 shutting down");
        insta::assert_snapshot!(get("/healthz").await?, @"200 ok");
        waiting.release();
        story.stop_bot().await?;
        // What was begun is taken up by the next one.
        story.start_bot().await?;
        story.settles(pr, "valid until").await?;
        Ok(story)
    });
}

#[test]
fn what_was_missed_while_the_bot_was_down_is_worked_off_once() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let first = story
            .open("ana", "words", "Words", &[("README.md", "# s\n")])
            .await?;
        story.check(&story.head(first), "plan prod").await?;
        story.quiet().await?;
        story.stop_bot().await?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let said = story.say("ana", first, "/where").await?;
        github.idle(crate::bot::PATIENCE).await?;
        assert!(story.replies(first).is_empty());
        story.start_bot().await?;
        story.sees(said, "rocket").await?;
        story.check(&story.head(pr), "plan dev").await?;
        story.settles(pr, "valid until").await?;
        story.reads(first, "What is live where").await?;
        // And once more from the start: nothing is left to ask for.
        let before = stored(&story).await?;
        story.stop_bot().await?;
        story.start_bot().await?;
        story.quiet().await?;
        assert_eq!(stored(&story).await?, before);
        assert_eq!(story.replies(pr).len(), 1);
        assert_eq!(story.replies(first).len(), 1);
        Ok(story)
    });
}

#[test]
fn deliveries_are_taken_and_commands_answered_while_a_plan_is_under_way() {
    tell(|mut story| async {
        story.valve.shut("plan")?;
        let pr = story
            .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
            .await?;
        let waiting = story.valve.reached("plan").await?;
        let said = story.say("ana", pr, "/where").await?;
        story.sees(said, "rocket").await?;
        story.reads(pr, "What is live where").await?;
        waiting.release();
        story.settles(pr, "valid until").await?;
        let slowest = story
            .world
            .github
            .deliveries()
            .into_iter()
            .map(|d| d.duration);
        let slowest = slowest.fold(0.0, f64::max);
        assert!(
            slowest < 10.0,
            "GitHub gives up after ten seconds, this took {slowest}"
        );
        Ok(story)
    });
}
