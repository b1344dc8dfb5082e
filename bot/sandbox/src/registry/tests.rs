use std::time::Duration;

use http::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Client, Response};
use serde_json::Value;

use super::manifests::{OCI_INDEX, OCI_MANIFEST};
use super::routes::Route;
use super::state::digest_of;
use super::*;

async fn registry() -> (Registry, WorldClock) {
    let clock = WorldClock::default();
    let config = RegistryConfig {
        clock: clock.clone(),
    };
    (Registry::start(config).await.unwrap(), clock)
}

struct Puller {
    base: String,
    token: String,
}

impl Puller {
    async fn new(registry: &Registry, scope: &str, user: Option<(&str, &str)>) -> Self {
        let base = format!("http://{}", registry.host());
        let answer = ask_token(&base, scope, user).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        let token = answer["token"].as_str().unwrap().to_owned();
        Self { base, token }
    }

    async fn get(&self, path: &str, accept: &str) -> Response {
        let request = Client::new().get(format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.token).header(ACCEPT, accept);
        request.send().await.unwrap()
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Response {
        let method = method.parse().unwrap();
        let request = Client::new().request(method, format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.token).body(body.to_owned());
        request.send().await.unwrap()
    }
}

async fn ask_token(base: &str, scope: &str, user: Option<(&str, &str)>) -> Response {
    let mut request = Client::new().get(format!("{base}/token?scope={scope}"));
    if let Some((name, password)) = user {
        request = request.basic_auth(name, Some(password));
    }
    request.send().await.unwrap()
}

async fn code(answer: Response) -> String {
    let body: Value = answer.json().await.unwrap();
    body["errors"][0]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_path_is_read_from_its_end() {
    let name = "acme/blobs/shop";
    assert_eq!(Route::parse("/v2/"), Some(Route::Base));
    let path = "/v2/acme/blobs/shop/manifests/v1";
    let reference = "v1";
    assert_eq!(
        Route::parse(path),
        Some(Route::Manifest { name, reference })
    );
    let path = "/v2/acme/blobs/shop/blobs/uploads/";
    assert_eq!(Route::parse(path), Some(Route::Uploads { name }));
    let path = "/v2/acme/blobs/shop/tags/list";
    assert_eq!(Route::parse(path), Some(Route::Tags { name }));
    assert_eq!(Route::parse("/v1/acme"), None);
}

#[tokio::test]
async fn a_pushed_image_can_be_pulled_and_is_what_ci_built() {
    let (registry, _) = registry().await;
    let image = Image::of("abc123").with_label("team", "shop");
    let digest = registry.push_image("acme/shop", "sha-abc123", image).await;
    let digest = digest.unwrap();
    assert_eq!(
        registry.digest_of("acme/shop", "sha-abc123"),
        Some(digest.clone())
    );

    let puller = Puller::new(&registry, "repository:acme/shop:pull", None).await;
    let path = "/v2/acme/shop/manifests/sha-abc123";
    let manifest = puller.get(path, OCI_MANIFEST).await;
    assert_eq!(manifest.headers()["docker-content-digest"], digest.as_str());
    assert_eq!(manifest.headers()[CONTENT_TYPE], OCI_MANIFEST);
    let bytes = manifest.bytes().await.unwrap();
    assert_eq!(digest_of(&bytes), digest);

    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    let config_digest = manifest["config"]["digest"].as_str().unwrap();
    let path = format!("/v2/acme/shop/blobs/{config_digest}");
    let config: Value = puller.get(&path, "*/*").await.json().await.unwrap();
    let labels = &config["config"]["Labels"];
    assert_eq!(labels["org.opencontainers.image.revision"], "abc123");
    assert_eq!(labels["team"], "shop");
    assert_eq!(registry.config_of(&digest), Some(config.clone()));

    let layer_digest = manifest["layers"][0]["digest"].as_str().unwrap();
    let path = format!("/v2/acme/shop/blobs/{layer_digest}");
    let layer = puller.get(&path, "*/*").await.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    let mut gzip = flate2::read::GzDecoder::new(layer.as_ref());
    std::io::Read::read_to_end(&mut gzip, &mut unpacked).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], digest_of(&unpacked));
}

#[tokio::test]
async fn a_manifest_is_hidden_from_those_who_do_not_accept_its_type() {
    let (registry, _) = registry().await;
    let amd = registry
        .push_image("acme/shop", "amd64", Image::of("a"))
        .await;
    let amd = amd.unwrap();
    let images = [("linux", "amd64", amd.as_str())];
    let index = registry
        .push_index("acme/shop", "v1", &images)
        .await
        .unwrap();
    let puller = Puller::new(&registry, "repository:acme/shop:pull", None).await;
    let path = "/v2/acme/shop/manifests/v1";
    for accept in ["*/*", "application/json", OCI_MANIFEST] {
        let answer = puller.get(path, accept).await;
        assert_eq!(answer.status(), 404, "{accept}");
        assert_eq!(code(answer).await, "MANIFEST_UNKNOWN");
    }
    let both = format!("{OCI_MANIFEST}, {OCI_INDEX};q=0.5");
    let answer = puller.get(path, &both).await;
    assert_eq!(answer.headers()["docker-content-digest"], index.as_str());
    assert_eq!(registry.config_of(&index), registry.config_of(&amd));

    let head = Client::new()
        .head(format!("{}{path}", puller.base))
        .bearer_auth(&puller.token)
        .header(ACCEPT, OCI_INDEX);
    let head = head.send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_ne!(head.headers()["content-length"], "0");
}

#[tokio::test]
async fn nothing_is_told_without_a_token_and_tokens_grow_old() {
    let (registry, clock) = registry().await;
    registry
        .push_image("acme/shop", "v1", Image::of("a"))
        .await
        .unwrap();
    let base = format!("http://{}", registry.host());
    let path = "/v2/acme/shop/manifests/v1";
    let answer = Client::new()
        .get(format!("{base}{path}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.ends_with("scope=\"repository:acme/shop:pull\""),
        "{challenge}"
    );
    assert_eq!(code(answer).await, "UNAUTHORIZED");

    let puller = Puller::new(&registry, "repository:acme/shop:pull", None).await;
    assert_eq!(puller.get(path, OCI_MANIFEST).await.status(), 200);
    assert_eq!(
        puller.get("/v2/acme/other/tags/list", "*/*").await.status(),
        401
    );
    clock.advance(Duration::from_secs(301));
    let answer = puller.get(path, OCI_MANIFEST).await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

#[tokio::test]
async fn a_private_repository_is_for_its_members() {
    let (registry, _) = registry().await;
    registry.add_user("bot", "secret", ["acme/shop"]);
    registry.add_user("eve", "secret", ["acme/eve"]);
    registry
        .push_image("acme/shop", "v1", Image::of("a"))
        .await
        .unwrap();
    let base = format!("http://{}", registry.host());
    let scope = "repository:acme/shop:pull";
    assert_eq!(ask_token(&base, scope, None).await.status(), 401);
    assert_eq!(
        ask_token(&base, scope, Some(("bot", "wrong")))
            .await
            .status(),
        401
    );
    let denied = ask_token(&base, scope, Some(("eve", "secret"))).await;
    assert_eq!(denied.status(), 403);
    assert_eq!(code(denied).await, "DENIED");
    let puller = Puller::new(&registry, scope, Some(("bot", "secret"))).await;
    let answer = puller.get("/v2/acme/shop/tags/list", "*/*").await;
    let tags: Value = answer.json().await.unwrap();
    assert_eq!(
        tags,
        serde_json::json!({"name": "acme/shop", "tags": ["v1"]})
    );
    let last = registry.journal().pop().unwrap();
    assert_eq!((last.user.as_str(), last.status), ("bot", 200));
}

#[tokio::test]
async fn a_blob_goes_up_in_chunks_and_its_digest_is_held_to() {
    let (registry, _) = registry().await;
    registry.add_user("bot", "secret", ["acme/shop"]);
    let scope = "repository:acme/shop:pull,push";
    let bot = Puller::new(&registry, scope, Some(("bot", "secret"))).await;
    let started = bot.send("POST", "/v2/acme/shop/blobs/uploads/", "").await;
    assert_eq!(started.status(), 202);
    let place = started.headers()[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(bot.send("PATCH", &place, "hello ").await.status(), 202);
    let gap = Client::new()
        .patch(format!("{}{place}", bot.base))
        .bearer_auth(&bot.token)
        .header(CONTENT_RANGE, "9-12")
        .body("rld!");
    let gap = gap.send().await.unwrap();
    assert_eq!(gap.status(), 416);
    assert_eq!(gap.headers()["range"], "0-5");
    let digest = digest_of(b"hello world");
    let done = bot
        .send("PUT", &format!("{place}?digest={digest}"), "world")
        .await;
    assert_eq!(done.status(), 201);
    let blob = bot
        .get(&format!("/v2/acme/shop/blobs/{digest}"), "*/*")
        .await;
    assert_eq!(blob.text().await.unwrap(), "hello world");

    let whole = format!("/v2/acme/shop/blobs/uploads/?digest={digest}");
    let lie = bot.send("POST", &whole, "other").await;
    assert_eq!(lie.status(), 400);
    assert_eq!(code(lie).await, "DIGEST_INVALID");
    let gone = bot.send("PATCH", &place, "more").await;
    assert_eq!(code(gone).await, "BLOB_UPLOAD_UNKNOWN");
}

#[tokio::test]
async fn a_manifest_needs_its_parts() {
    let (registry, _) = registry().await;
    registry.add_user("bot", "secret", ["acme/shop"]);
    let scope = "repository:acme/shop:pull,push";
    let bot = Puller::new(&registry, scope, Some(("bot", "secret"))).await;
    let missing = digest_of(b"nothing");
    let manifest = serde_json::json!({"layers": [], "config": {"digest": missing}});
    let answer = Client::new()
        .put(format!("{}/v2/acme/shop/manifests/v1", bot.base))
        .bearer_auth(&bot.token)
        .header(CONTENT_TYPE, OCI_MANIFEST)
        .body(manifest.to_string());
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(code(answer).await, "MANIFEST_BLOB_UNKNOWN");
}

#[tokio::test]
async fn faults_strike_as_often_as_they_were_ordered_and_spare_ci() {
    let (registry, _) = registry().await;
    registry.fail_next(Fault {
        path: "/manifests/".to_owned(),
        times: 2,
        answer: Answer::TooManyRequests { retry_after: 7 },
    });
    registry
        .push_image("acme/shop", "v1", Image::of("a"))
        .await
        .unwrap();
    let puller = Puller::new(&registry, "repository:acme/shop:pull", None).await;
    let path = "/v2/acme/shop/manifests/v1";
    for _ in 0..2 {
        let answer = puller.get(path, OCI_MANIFEST).await;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()[RETRY_AFTER], "7");
        assert_eq!(code(answer).await, "TOOMANYREQUESTS");
    }
    assert_eq!(puller.get(path, OCI_MANIFEST).await.status(), 200);
}

#[tokio::test]
async fn a_delayed_tag_appears_when_its_time_has_come_and_a_moved_one_moves() {
    let (registry, clock) = registry().await;
    registry.delay_tag("acme/shop", "v1", Duration::from_secs(60));
    let first = registry
        .push_image("acme/shop", "v1", Image::of("a"))
        .await
        .unwrap();
    let path = "/v2/acme/shop/manifests/v1";
    let scope = "repository:acme/shop:pull";
    let puller = Puller::new(&registry, scope, None).await;
    assert_eq!(puller.get(path, OCI_MANIFEST).await.status(), 404);
    clock.advance(Duration::from_secs(61));
    let answer = puller.get(path, OCI_MANIFEST).await;
    assert_eq!(answer.headers()["docker-content-digest"], first.as_str());

    let second = registry
        .push_image("acme/shop", "v2", Image::of("b"))
        .await
        .unwrap();
    assert_ne!(first, second);
    assert!(registry.tag("acme/shop", "v1", &second));
    assert!(!registry.tag("acme/shop", "v1", "sha256:unknown"));
    let answer = puller.get(path, OCI_MANIFEST).await;
    assert_eq!(answer.headers()["docker-content-digest"], second.as_str());
}
