//! Deployments, their conflicts and their statuses.

use serde_json::{Value, json};

use super::{REPO, World};

const LIST: &str = "/repos/acme/shop/deployments";

fn free(name: &str, environment: &str) -> Value {
    json!({
        "ref": name, "environment": environment,
        "auto_merge": false, "required_contexts": [], "payload": { "run": "r1" },
    })
}

#[tokio::test]
async fn a_deployment_meets_red_checks_and_stale_branches() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    let github = &world.github;
    github.ci_check(REPO, &sha, "ci", None).await.unwrap();
    let got = world
        .post(LIST, json!({ "ref": "topic", "auto_merge": false }))
        .await;
    assert_eq!(got.status, 409, "{}", got.text);
    assert!(got.text.contains("Commit status checks failed for topic"));
    let missing = json!({ "ref": "topic", "auto_merge": false, "required_contexts": ["other"] });
    assert_eq!(world.post(LIST, missing).await.status, 409);
    github
        .ci_check(REPO, &sha, "ci", Some("success"))
        .await
        .unwrap();
    assert_eq!(
        world.post(LIST, json!({ "ref": "topic" })).await.status,
        201
    );
    github
        .commit(REPO, "main", "bo", "Ahead", &[("z", Some("z"))])
        .await
        .unwrap();
    assert_eq!(
        world.post(LIST, json!({ "ref": "topic" })).await.status,
        409,
        "needs a merge"
    );
    let got = world.post(LIST, free("topic", "dev")).await;
    assert_eq!(got.status, 201);
    assert_eq!(got.json["payload"], json!({ "run": "r1" }));
    assert_eq!(got.json["sha"], json!(sha));
    assert_eq!(world.post(LIST, free("nope", "dev")).await.status, 422);
}

#[tokio::test]
async fn success_retires_older_deployments_of_the_same_environment() {
    let world = World::new().await;
    let sha = world.github.branch(REPO, "main").unwrap();
    let mut prod = free(&sha, "prod");
    prod["production_environment"] = json!(true);
    let mut ids = Vec::new();
    for body in [
        free(&sha, "dev"),
        free(&sha, "other"),
        prod.clone(),
        free(&sha, "dev"),
        prod,
    ] {
        let id = world.post(LIST, body).await.json["id"].as_u64().unwrap();
        let path = format!("{LIST}/{id}/statuses");
        for state in ["queued", "in_progress", "success"] {
            let got = world
                .post(&path, json!({ "state": state, "log_url": "http://log" }))
                .await;
            assert_eq!(
                (got.status, &got.json["log_url"]),
                (201, &json!("http://log"))
            );
        }
        ids.push(id);
    }
    let states: Vec<_> = world
        .github
        .deployments(REPO)
        .iter()
        .map(|deployment| deployment.state().unwrap().to_owned())
        .collect();
    assert_eq!(
        states,
        ["inactive", "success", "success", "success", "success"]
    );
    let got = world.get(&format!("{LIST}/{}/statuses", ids[0])).await.json;
    let states: Vec<&Value> = got
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["inactive", "success", "in_progress", "queued"]);
    let got = world.get(&format!("{LIST}?environment=dev")).await.json;
    assert_eq!(got[0]["id"], ids[3]);
    assert_eq!(got.as_array().unwrap().len(), 2);
    assert_eq!(
        world.get(&format!("{LIST}?task=nope")).await.json,
        json!([])
    );
    let path = format!("{LIST}/{}/statuses", ids[0]);
    assert_eq!(
        world.post(&path, json!({ "state": "done" })).await.status,
        422
    );
    let long = json!({ "state": "success", "description": "d".repeat(141) });
    assert_eq!(world.post(&path, long).await.status, 422);
}
