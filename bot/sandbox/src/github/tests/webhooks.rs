//! Webhooks: signatures, order, the log, redelivery, and the shape of every event.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::super::{PublishedPackage, WorkflowRun};
use super::{REPO, World};

fn is_signed(secret: &str, signature: &str, body: &[u8]) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let bytes = hex::decode(signature.strip_prefix("sha256=").unwrap()).unwrap();
    mac.verify_slice(&bytes).is_ok()
}

#[tokio::test]
async fn deliveries_are_signed_and_say_what_they_are() {
    let world = World::new().await;
    let hook = world.hook().await;
    world.pull().await;
    world.idle().await;
    let received = hook.received();
    assert!(received.len() > 3);
    let mut guids = std::collections::BTreeSet::new();
    for (headers, body) in &received {
        let header = |name: &str| headers[name].to_str().unwrap();
        let secret = world.github.webhook_secret();
        assert!(is_signed(&secret, header("x-hub-signature-256"), body));
        assert!(!is_signed("other", header("x-hub-signature-256"), body));
        assert!(header("user-agent").starts_with("GitHub-Hookshot/"));
        assert_eq!(header("x-github-hook-installation-target-id"), "4242");
        assert_eq!(
            header("x-github-hook-installation-target-type"),
            "integration"
        );
        assert_eq!(header("content-type"), "application/json");
        guids.insert(header("x-github-delivery").to_owned());
    }
    assert_eq!(guids.len(), received.len());
    assert_eq!(hook.names()[0], "ping");
}

#[tokio::test]
async fn every_event_of_a_pull_request_arrives_in_order() {
    let world = World::new().await;
    let hook = world.hook().await;
    let github = &world.github;
    let (number, first) = world.pull().await;
    let second = github
        .force_push(REPO, "topic", "ana", "Again", &[("new.txt", Some("2\n"))])
        .await
        .unwrap();
    github.set_draft(REPO, number, "ana", true).await.unwrap();
    github.mark_ready(REPO, number, "ana").await.unwrap();
    github
        .commit(REPO, "next", "ana", "N", &[("n", Some("n"))])
        .await
        .unwrap();
    github.set_base(REPO, number, "ana", "next").await.unwrap();
    github.set_base(REPO, number, "ana", "main").await.unwrap();
    github.close(REPO, number, "ana").await.unwrap();
    github.reopen(REPO, number, "ana").await.unwrap();
    let review = github.review(REPO, number, "bo", "approve").await.unwrap();
    github
        .dismiss_review(REPO, number, review, "bo")
        .await
        .unwrap();
    let comment = github.comment(REPO, number, "ana", "hi").await.unwrap();
    github
        .edit_comment(REPO, comment, "ana", "ho")
        .await
        .unwrap();
    github.delete_comment(REPO, comment, "ana").await.unwrap();
    let merge = github.merge(REPO, number, "bo").await.unwrap();
    world.idle().await;
    let names = hook.names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ping",
            "push",
            "check_suite.requested",
            "pull_request.opened",
            "push",
            "check_suite.requested",
            "pull_request.synchronize",
            "pull_request.converted_to_draft",
            "pull_request.ready_for_review",
            "push",
            "check_suite.requested",
            "pull_request.edited",
            "pull_request.edited",
            "pull_request.closed",
            "pull_request.reopened",
            "pull_request_review.submitted",
            "pull_request_review.dismissed",
            "issue_comment.created",
            "issue_comment.edited",
            "issue_comment.deleted",
            "pull_request.closed",
            "push",
            "check_suite.requested",
        ]
    );
    let synchronize = hook.last("pull_request.synchronize");
    assert_eq!(
        (&synchronize["before"], &synchronize["after"]),
        (&json!(first), &json!(second))
    );
    let edited = hook.last("pull_request.edited");
    assert_eq!(edited["changes"]["base"]["ref"]["from"], "next");
    let closed = hook.last("pull_request.closed");
    assert_eq!(closed["pull_request"]["merged"], true);
    assert_eq!(closed["pull_request"]["merge_commit_sha"], json!(merge));
    assert_eq!(closed["sender"]["login"], "bo");
    assert!(closed["installation"]["id"].is_u64());
    assert_eq!(closed["organization"]["login"], "acme");
    let push = hook.last("push");
    assert_eq!(
        (&push["ref"], &push["after"]),
        (&json!("refs/heads/main"), &json!(merge))
    );
    assert_eq!(push["head_commit"]["id"], json!(merge));
    let forced = &hook.events()[4].1;
    assert_eq!(
        (&forced["forced"], &forced["before"]),
        (&json!(true), &json!(first))
    );
    let edit = hook.last("issue_comment.edited");
    assert_eq!(edit["changes"]["body"]["from"], "hi");
    assert!(edit["issue"]["pull_request"].is_object());
    let review = hook.last("pull_request_review.submitted");
    assert_eq!(review["review"]["state"], "approved");
}

#[tokio::test]
async fn checks_buttons_and_reruns_are_reported() {
    let world = World::new().await;
    let hook = world.hook().await;
    let (_, sha) = world.pull().await;
    let body = json!({
        "name": "deploy", "head_sha": sha, "status": "in_progress", "external_id": "r1",
        "actions": [{ "label": "Retry", "description": "Again", "identifier": "k1" }],
    });
    let id = world.post("/repos/acme/shop/check-runs", body).await.json["id"]
        .as_u64()
        .unwrap();
    let path = format!("/repos/acme/shop/check-runs/{id}");
    world.patch(&path, json!({ "conclusion": "failure" })).await;
    let github = &world.github;
    github.press_button("ana", id, "k1").await.unwrap();
    assert!(
        github.press_button("ana", id, "k2").await.is_err(),
        "no such button"
    );
    assert!(
        github.press_button("eve", id, "k1").await.is_err(),
        "no right"
    );
    github.rerequest_check("ana", id).await.unwrap();
    github.rerequest_suite(REPO, "ana", &sha).await.unwrap();
    let ci = github
        .ci_check(REPO, &sha, "ci", Some("failure"))
        .await
        .unwrap();
    github.rerequest_check("bo", ci).await.unwrap();
    world.idle().await;
    let names = hook.names();
    let checks: Vec<&str> = names
        .iter()
        .filter(|name| name.starts_with("check_"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        checks,
        [
            "check_suite.requested",
            "check_run.created",
            "check_run.completed",
            "check_run.requested_action",
            "check_run.rerequested",
            "check_suite.rerequested",
            "check_run.created",
            "check_run.completed",
        ],
        "only the App that made a check hears that it is to run again"
    );
    let pressed = hook.last("check_run.requested_action");
    assert_eq!(pressed["requested_action"]["identifier"], "k1");
    assert_eq!(pressed["sender"]["login"], "ana");
    assert_eq!(pressed["check_run"]["external_id"], "r1");
    assert_eq!(pressed["check_run"]["check_suite"]["head_branch"], "topic");
    assert_eq!(pressed["check_run"]["pull_requests"][0]["number"], 1);
}

#[tokio::test]
async fn packages_workflows_and_deployments_are_reported() {
    let world = World::new().await;
    let hook = world.hook().await;
    let sha = world.github.branch(REPO, "main").unwrap();
    let digest = format!("sha256:{}", "a".repeat(64));
    let package = |tag: &str| PublishedPackage {
        image: "ghcr.io/acme/shop".to_owned(),
        tag: tag.to_owned(),
        digest: digest.clone(),
        sender: "ana".to_owned(),
        action: "published".to_owned(),
    };
    let github = &world.github;
    github
        .publish_package_event(REPO, package("sha-1"))
        .await
        .unwrap();
    let run = WorkflowRun {
        name: "publish".to_owned(),
        path: ".github/workflows/publish.yml".to_owned(),
        branch: "main".to_owned(),
        sha: sha.clone(),
        event: "push".to_owned(),
        conclusion: "success".to_owned(),
        actor: "ana".to_owned(),
    };
    github.complete_workflow_run(REPO, run).await.unwrap();
    let body =
        json!({ "ref": sha, "environment": "dev", "required_contexts": [], "auto_merge": false });
    let id = world.post("/repos/acme/shop/deployments", body).await.json["id"].clone();
    let path = format!("/repos/acme/shop/deployments/{id}/statuses");
    world.post(&path, json!({ "state": "queued" })).await;
    world.idle().await;
    let published = hook.last("registry_package.published");
    let version = &published["registry_package"]["package_version"];
    assert_eq!(published["registry_package"]["package_type"], "CONTAINER");
    assert_eq!(version["package_url"], "ghcr.io/acme/shop:sha-1");
    assert_eq!(version["version"], json!(digest));
    assert_eq!(
        version["container_metadata"]["tag"],
        json!({ "name": "sha-1", "digest": digest })
    );
    let done = hook.last("workflow_run.completed");
    assert_eq!(done["workflow_run"]["head_sha"], json!(sha));
    assert_eq!(
        hook.last("deployment_status.created")["deployment_status"]["state"],
        "queued"
    );
    github
        .publish_package_event(REPO, package(""))
        .await
        .unwrap();
    world.idle().await;
    let bare = &hook.last("registry_package.published")["registry_package"]["package_version"];
    assert_eq!(bare["package_url"], "ghcr.io/acme/shop:");
}

#[tokio::test]
async fn a_failed_delivery_is_found_and_sent_again_with_its_guid() {
    let world = World::new().await;
    let hook = world.hook().await;
    world.idle().await;
    hook.answer(500);
    let (number, _) = world.pull().await;
    world
        .github
        .comment(REPO, number, "ana", "/plan")
        .await
        .unwrap();
    world.idle().await;
    let sent = hook.received().len();
    hook.answer(202);
    let jwt = world.good_jwt();
    let mut failed = Vec::new();
    let mut path = "/app/hook/deliveries?per_page=2".to_owned();
    loop {
        let got = world.call("GET", &path, &jwt, None, &[]).await;
        let list = got.json.as_array().unwrap().clone();
        failed.extend(list.into_iter().filter(|one| one["status_code"] == 500));
        let Some(link) = got.headers.get("link") else {
            break;
        };
        let next = link.to_str().unwrap().split(['<', '>']).nth(1).unwrap();
        path = next.strip_prefix(world.github.url()).unwrap().to_owned();
    }
    assert_eq!(failed.len(), 4, "push, check_suite, opened, comment");
    assert_eq!(failed[0]["event"], "issue_comment", "newest first");
    assert_eq!(failed[0]["status"], "Invalid HTTP Response: 500");
    let one = format!("/app/hook/deliveries/{}", failed[0]["id"]);
    let got = world.call("GET", &one, &jwt, None, &[]).await.json;
    assert_eq!(got["request"]["payload"]["comment"]["body"], "/plan");
    assert!(got["request"]["headers"]["X-Hub-Signature-256"].is_string());
    let got = world
        .call("POST", &format!("{one}/attempts"), &jwt, None, &[])
        .await;
    assert_eq!(got.status, 202);
    world.idle().await;
    assert_eq!(
        hook.received().len(),
        sent + 1,
        "nothing is retried by itself"
    );
    let last = world.github.deliveries().pop().unwrap();
    assert_eq!(
        (Value::from(last.guid.clone()), last.redelivery),
        (failed[0]["guid"].clone(), true)
    );
    assert!(last.succeeded());
    world.github.redeliver(&last.guid).await.unwrap();
    world.idle().await;
    assert_eq!(world.github.deliveries().pop().unwrap().guid, last.guid);
}

#[tokio::test]
async fn a_hook_that_is_down_is_logged_and_may_move() {
    let world = World::new().await;
    let hook = world.hook().await;
    world.idle().await;
    world.github.set_hook_url("http://127.0.0.1:9/hook");
    let (number, _) = world.pull().await;
    world.idle().await;
    let last = world.github.deliveries().pop().unwrap();
    assert_eq!(
        (last.status_code, last.status.as_str()),
        (0, "failed to connect to host")
    );
    world.github.set_hook_url(&hook.url);
    world
        .github
        .comment(REPO, number, "ana", "back")
        .await
        .unwrap();
    world.idle().await;
    assert_eq!(hook.names().last().unwrap(), "issue_comment.created");
}

#[tokio::test]
async fn any_payload_may_be_sent_under_any_guid() {
    let world = World::new().await;
    let hook = world.hook().await;
    let guid = "11111111-2222-4333-8444-555555555555";
    let sent = world
        .github
        .deliver("made_up", &json!({ "action": "x" }), Some(guid));
    assert_eq!(sent, guid);
    world.idle().await;
    let (headers, body) = hook.received().pop().unwrap();
    assert_eq!(
        (headers["x-github-delivery"].to_str().unwrap(), &body[..]),
        (guid, &br#"{"action":"x"}"#[..])
    );
}

#[tokio::test]
async fn installing_is_reported() {
    let world = World::new().await;
    let hook = world.hook().await;
    world
        .github
        .create_repo("acme/second", &[("a", "b")])
        .await
        .unwrap();
    world
        .github
        .create_repo("other/first", &[("a", "b")])
        .await
        .unwrap();
    world.idle().await;
    assert_eq!(
        hook.names(),
        [
            "ping",
            "installation_repositories.added",
            "installation.created"
        ]
    );
    let created = hook.last("installation.created");
    assert_eq!(created["installation"]["account"]["login"], "other");
    assert_eq!(created["repositories"][0]["full_name"], "other/first");
    world.github.uninstall("acme/second").await.unwrap();
    world.idle().await;
    let removed = hook.last("installation_repositories.removed");
    assert_eq!(
        removed["repositories_removed"][0]["full_name"],
        "acme/second"
    );
    assert_eq!(world.get("/repos/acme/second").await.status, 404);
}

#[tokio::test]
async fn only_subscribed_events_are_sent() {
    let world = World::with(|config| config.events.retain(|event| event != "push")).await;
    let hook = world.hook().await;
    world.pull().await;
    world
        .github
        .open_issue(REPO, "ana", "Broken", "")
        .await
        .unwrap();
    world.idle().await;
    let names = hook.names();
    assert_eq!(
        names,
        ["ping", "check_suite.requested", "pull_request.opened"]
    );
}
