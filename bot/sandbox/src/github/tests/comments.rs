//! Comments, reactions, folding away.

use serde_json::json;

use super::{REPO, World};

#[tokio::test]
async fn a_comment_lives_and_dies() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    let list = format!("/repos/acme/shop/issues/{number}/comments");
    let got = world.post(&list, json!({ "body": "hello" })).await;
    assert_eq!(got.status, 201);
    assert_eq!(got.json["user"]["login"], "slipway[bot]");
    assert_eq!(got.json["performed_via_github_app"]["slug"], "slipway");
    let id = got.json["id"].as_u64().unwrap();
    let one = format!("/repos/acme/shop/issues/comments/{id}");
    assert_eq!(
        world.post(&one, json!({ "body": "no" })).await.status,
        404,
        "POST is no edit"
    );
    assert_eq!(
        world.patch(&one, json!({ "body": "hi" })).await.json["body"],
        "hi"
    );
    let comment = world.github.comments(REPO, number).remove(0);
    assert_eq!((comment.body.as_str(), comment.edits), ("hi", 1));
    let got = world.call("DELETE", &one, &world.token, None, &[]).await;
    assert_eq!(got.status, 204);
    assert_eq!(world.get(&one).await.status, 404);
    assert_eq!(world.patch(&one, json!({ "body": "x" })).await.status, 404);
    assert_eq!(
        world
            .post(
                "/repos/acme/shop/issues/99/comments",
                json!({ "body": "x" })
            )
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_comment_has_a_longest_length_in_characters() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    let list = format!("/repos/acme/shop/issues/{number}/comments");
    let post = |body: String| world.post(&list, json!({ "body": body }));
    assert_eq!(post("é".repeat(65_536)).await.status, 201);
    let got = post("e".repeat(65_537)).await;
    assert_eq!(got.status, 422);
    assert!(
        got.text
            .contains("body is too long (maximum is 65536 characters)")
    );
    assert_eq!(post(String::new()).await.status, 422);
    assert_eq!(world.post(&list, json!({})).await.status, 422);
}

#[tokio::test]
async fn comments_come_in_pages() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    for n in 0..35 {
        world
            .github
            .comment(REPO, number, "ana", &format!("c{n}"))
            .await
            .unwrap();
    }
    let path = format!("/repos/acme/shop/issues/{number}/comments");
    let got = world.get(&path).await;
    assert_eq!(got.json.as_array().unwrap().len(), 30);
    let link = got.headers["link"].to_str().unwrap();
    let next = link.split(['<', '>']).nth(1).unwrap();
    let next = next.strip_prefix(world.github.url()).unwrap();
    let got = world.get(next).await;
    assert_eq!(got.json[4]["body"], "c34");
}

#[tokio::test]
async fn reactions_are_unique_per_person() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    let id = world
        .github
        .comment(REPO, number, "ana", "/plan")
        .await
        .unwrap();
    let path = format!("/repos/acme/shop/issues/comments/{id}/reactions");
    let first = world.post(&path, json!({ "content": "eyes" })).await;
    assert_eq!(first.status, 201);
    let again = world.post(&path, json!({ "content": "eyes" })).await;
    assert_eq!((again.status, &again.json["id"]), (200, &first.json["id"]));
    assert_eq!(
        world
            .post(&path, json!({ "content": "shrug" }))
            .await
            .status,
        422
    );
    assert_eq!(
        world.get(&path).await.json[0]["user"]["login"],
        "slipway[bot]"
    );
    let gone = format!("{path}/{}", first.json["id"]);
    assert_eq!(
        world
            .call("DELETE", &gone, &world.token, None, &[])
            .await
            .status,
        204
    );
    assert_eq!(
        world
            .call("DELETE", &gone, &world.token, None, &[])
            .await
            .status,
        404
    );
    assert_eq!(world.github.comments(REPO, number)[0].reactions, []);
}

#[tokio::test]
async fn comments_are_folded_by_graphql() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    let id = world
        .github
        .comment(REPO, number, "ana", "old")
        .await
        .unwrap();
    let got = world
        .get(&format!("/repos/acme/shop/issues/comments/{id}"))
        .await;
    let node = got.json["node_id"].clone();
    let minimized = || world.github.comments(REPO, number)[0].minimized.clone();
    let query = "mutation($id: ID!, $why: ReportedContentClassifiers!) { minimizeComment(input: {subjectId: $id, classifier: $why}) { minimizedComment { isMinimized } } }";
    let variables = json!({ "id": node, "why": "OUTDATED" });
    let got = world
        .post(
            "/graphql",
            json!({ "query": query, "variables": variables }),
        )
        .await;
    assert_eq!(
        got.json["data"]["minimizeComment"]["minimizedComment"]["isMinimized"],
        true
    );
    assert_eq!(minimized().as_deref(), Some("OUTDATED"));
    let query = "mutation U($input: UnminimizeCommentInput!) { unminimizeComment(input: $input) { unminimizedComment { isMinimized } } }";
    let variables = json!({ "input": { "subjectId": node } });
    world
        .post(
            "/api/graphql",
            json!({ "query": query, "variables": variables }),
        )
        .await;
    assert_eq!(minimized(), None);
    let query = format!(
        "mutation {{ minimizeComment(input: {{ subjectId: {node}, classifier: RESOLVED }}) {{ clientMutationId }} }}"
    );
    world.post("/graphql", json!({ "query": query })).await;
    assert_eq!(minimized().as_deref(), Some("RESOLVED"));
    let variables = json!({ "input": { "subjectId": "IC_nope" } });
    let query = "mutation U($input: X!) { minimizeComment(input: $input) { clientMutationId } }";
    let got = world
        .post(
            "/graphql",
            json!({ "query": query, "variables": variables }),
        )
        .await;
    assert_eq!(
        (got.status, &got.json["errors"][0]["type"]),
        (200, &json!("NOT_FOUND"))
    );
}

#[tokio::test]
async fn unknown_graphql_stands_out() {
    let world = World::new().await;
    let got = world
        .post("/graphql", json!({ "query": "{ viewer { login } }" }))
        .await;
    assert_eq!(got.json["errors"][0]["type"], "undefinedField");
    assert_eq!(world.github.unexpected_calls()[0].path, "/graphql");
}

#[tokio::test]
async fn plain_issues_have_comments_too() {
    let world = World::new().await;
    let number = world
        .github
        .open_issue(REPO, "ana", "Broken", "It is")
        .await
        .unwrap();
    world
        .github
        .comment(REPO, number, "ana", "/plan")
        .await
        .unwrap();
    let got = world
        .get(&format!("/repos/acme/shop/issues/{number}"))
        .await
        .json;
    assert_eq!(got["pull_request"], json!(null));
    let (pull, _) = world.pull().await;
    let got = world
        .get(&format!("/repos/acme/shop/issues/{pull}"))
        .await
        .json;
    assert!(got["pull_request"]["url"].is_string());
}
