//! Plain issues: opened, edited, closed, opened again, listed, commented on.

use serde_json::json;

use super::{REPO, World};

const ISSUES: &str = "/repos/acme/shop/issues";

#[tokio::test]
async fn an_issue_is_opened_edited_closed_and_opened_again() {
    let world = World::new().await;
    let got = world
        .post(ISSUES, json!({ "title": "Drift", "body": "much" }))
        .await;
    assert_eq!(got.status, 201, "{}", got.text);
    assert_eq!(got.json["user"]["login"], "slipway[bot]");
    assert_eq!(got.json["state"], "open");
    assert!(got.json.get("pull_request").is_none());
    let one = format!("{ISSUES}/{}", got.json["number"]);
    let got = world
        .patch(&one, json!({ "body": "none", "state": "closed" }))
        .await;
    assert_eq!((got.status, &got.json["body"]), (200, &json!("none")));
    assert_eq!(got.json["state"], "closed");
    assert!(got.json["closed_at"].is_string());
    let got = world.patch(&one, json!({ "state": "open" })).await;
    assert_eq!(got.json["state"], "open");
    assert!(got.json["closed_at"].is_null());
    let issue = world.github.issues(REPO).remove(0);
    assert_eq!((issue.title.as_str(), issue.edits), ("Drift", 1));
    assert_eq!(world.patch(&one, json!({ "state": "x" })).await.status, 422);
    let none = format!("{ISSUES}/99");
    let missing = world.patch(&none, json!({ "body": "x" })).await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn an_issue_has_a_title_and_limits() {
    let world = World::new().await;
    let open = |title: String, body: String| {
        let wish = json!({ "title": title, "body": body });
        async { world.post(ISSUES, wish).await.status }
    };
    assert_eq!(open("t".repeat(256), "é".repeat(65_536)).await, 201);
    assert_eq!(open("t".repeat(257), String::new()).await, 422);
    assert_eq!(open(" ".to_owned(), String::new()).await, 422);
    assert_eq!(open("t".to_owned(), "e".repeat(65_537)).await, 422);
}

#[tokio::test]
async fn issues_are_listed_with_pull_requests_the_newest_first() {
    let world = World::new().await;
    let (pull, _) = world.pull().await;
    let github = &world.github;
    let people = github.open_issue(REPO, "ana", "Slow", "").await.unwrap();
    let own = world.post(ISSUES, json!({ "title": "Drift" })).await;
    let own = own.json["number"].as_u64().unwrap();
    github
        .set_issue_open(REPO, people, "ana", false)
        .await
        .unwrap();
    let numbers = |query: &'static str| {
        let world = &world;
        async move {
            let got = world.get(&format!("{ISSUES}?{query}")).await;
            let all = got.json.as_array().unwrap().clone();
            let number = |issue: &serde_json::Value| issue["number"].as_u64().unwrap();
            all.iter().map(number).collect::<Vec<_>>()
        }
    };
    assert_eq!(numbers("").await, [own, pull]);
    assert_eq!(numbers("state=all").await, [own, people, pull]);
    assert_eq!(numbers("state=closed").await, [people]);
    assert_eq!(numbers("state=all&creator=slipway%5Bbot%5D").await, [own]);
    assert_eq!(numbers("direction=asc").await, [pull, own]);
    github.delete_issue(REPO, own, "cleo").await.unwrap();
    assert_eq!(numbers("").await, [pull]);
}

/// GitHub takes `pull_requests: write` for the threads of pull requests only.
#[tokio::test]
async fn a_thread_of_an_issue_asks_for_the_permission_of_issues() {
    let world = World::new().await;
    let (pull, _) = world.pull().await;
    let github = &world.github;
    let issue = github.open_issue(REPO, "ana", "Slow", "").await.unwrap();
    let narrow = world.token_for(json!({ "pull_requests": "write" })).await;
    let comment = |number: u64| {
        let path = format!("{ISSUES}/{number}/comments");
        let (world, narrow) = (&world, &narrow);
        async move {
            let body = Some(json!({ "body": "hello" }));
            world.call("POST", &path, narrow, body, &[]).await.status
        }
    };
    assert_eq!(comment(pull).await, 201);
    assert_eq!(comment(issue).await, 403);
    let said = github.comment(REPO, issue, "ana", "hm").await.unwrap();
    let react = format!("{ISSUES}/comments/{said}/reactions");
    let body = json!({ "content": "eyes" });
    let refused = world
        .call("POST", &react, &narrow, Some(body.clone()), &[])
        .await;
    assert_eq!(refused.status, 403);
    assert_eq!(world.post(&react, body).await.status, 201);
    let open = Some(json!({ "title": "x" }));
    let refused = world.call("POST", ISSUES, &narrow, open, &[]).await;
    assert_eq!(refused.status, 403);
}
