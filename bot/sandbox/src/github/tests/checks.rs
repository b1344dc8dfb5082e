//! Check runs with GitHub's limits, suites, commit statuses.

use serde_json::{Value, json};

use super::super::ACTIONS_APP_ID;
use super::{REPO, World};

fn output(annotations: usize) -> Value {
    let note = json!({
        "path": "main.tf", "start_line": 1, "end_line": 2,
        "annotation_level": "failure", "message": "no",
    });
    json!({ "title": "t", "summary": "s", "annotations": vec![note; annotations] })
}

#[tokio::test]
async fn a_check_run_grows_and_completes() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    let body =
        json!({ "name": "plan", "head_sha": sha, "status": "in_progress", "output": output(50) });
    let got = world.post("/repos/acme/shop/check-runs", body).await;
    assert_eq!(got.status, 201, "{}", got.text);
    assert_eq!(got.json["app"]["slug"], "slipway");
    assert_eq!(got.json["pull_requests"][0]["number"], 1);
    let path = format!("/repos/acme/shop/check-runs/{}", got.json["id"]);
    let got = world.patch(&path, json!({ "output": output(20) })).await;
    assert_eq!(got.json["output"]["annotations_count"], 70, "appended");
    let got = world.patch(&path, json!({ "conclusion": "success" })).await;
    assert_eq!(
        (&got.json["status"], &got.json["conclusion"]),
        (&json!("completed"), &json!("success"))
    );
    assert!(got.json["completed_at"].is_string());
    let got = world.get(&format!("{path}/annotations?per_page=100")).await;
    assert_eq!(got.json.as_array().unwrap().len(), 70);
    let run = world.github.check_runs(REPO, &sha).remove(0);
    assert_eq!((run.updates, run.output.annotations.len()), (2, 70));
}

#[tokio::test]
async fn check_runs_have_limits() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    let action = |label: &str, description: &str, identifier: &str| json!({ "label": label, "description": description, "identifier": identifier });
    let fine = action(&"l".repeat(20), &"d".repeat(40), &"i".repeat(20));
    let text = |field: &str, length: usize| {
        let mut output = json!({ "title": "t", "summary": "s" });
        output[field] = json!("x".repeat(length));
        output
    };
    for (more, status) in [
        (json!({ "actions": vec![fine.clone(); 3] }), 201),
        (json!({ "actions": vec![fine; 4] }), 422),
        (
            json!({ "actions": [action(&"l".repeat(21), "d", "i")] }),
            422,
        ),
        (
            json!({ "actions": [action("l", &"d".repeat(41), "i")] }),
            422,
        ),
        (
            json!({ "actions": [action("l", "d", &"i".repeat(21))] }),
            422,
        ),
        (json!({ "output": text("summary", 65_535) }), 201),
        (json!({ "output": text("summary", 65_536) }), 422),
        (json!({ "output": text("text", 65_535) }), 201),
        (json!({ "output": text("text", 65_536) }), 422),
        (json!({ "output": output(51) }), 422),
        (json!({ "output": { "title": "no summary" } }), 422),
        (json!({ "status": "completed" }), 422),
        (json!({ "status": "finished" }), 422),
        (json!({ "conclusion": "great" }), 422),
        (json!({ "head_sha": "0".repeat(40) }), 422),
    ] {
        let mut body = json!({ "name": "x", "head_sha": sha });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let got = world.post("/repos/acme/shop/check-runs", body).await;
        assert_eq!(got.status, status, "{more}: {}", got.text);
    }
}

#[tokio::test]
async fn only_the_app_writes_its_check_runs() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    let body = json!({ "name": "plan", "head_sha": sha, "conclusion": "success" });
    let bo = world.github.person_token("bo");
    let got = world
        .call("POST", "/repos/acme/shop/check-runs", &bo, Some(body), &[])
        .await;
    assert_eq!(got.status, 403);
    let ci = world
        .github
        .ci_check(REPO, &sha, "build", Some("success"))
        .await
        .unwrap();
    let path = format!("/repos/acme/shop/check-runs/{ci}");
    assert_eq!(
        world
            .patch(&path, json!({ "conclusion": "failure" }))
            .await
            .status,
        403
    );
    assert_eq!(world.get(&path).await.json["app"]["id"], ACTIONS_APP_ID);
}

#[tokio::test]
async fn check_runs_of_a_commit_are_filtered() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    world
        .github
        .ci_check(REPO, &sha, "plan", Some("success"))
        .await
        .unwrap();
    for conclusion in ["failure", "success"] {
        let body = json!({ "name": "plan", "head_sha": sha, "conclusion": conclusion });
        world.post("/repos/acme/shop/check-runs", body).await;
    }
    let base = format!("/repos/acme/shop/commits/{sha}/check-runs");
    let world = &world;
    let count = |query: String| async move {
        world.get(&query).await.json["total_count"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(count(base.clone()).await, 2, "the latest of each App");
    assert_eq!(count(format!("{base}?filter=all")).await, 3);
    assert_eq!(count(format!("{base}?app_id={ACTIONS_APP_ID}")).await, 1);
    assert_eq!(count(format!("{base}?check_name=nope")).await, 0);
    let got = world
        .get("/repos/acme/shop/commits/topic/check-runs?app_id=4242")
        .await;
    assert_eq!(got.json["check_runs"][0]["conclusion"], "success");
    let got = world
        .get("/repos/acme/shop/commits/topic/check-suites?app_id=4242")
        .await;
    assert_eq!(got.json["total_count"], 1);
    assert_eq!(got.json["check_suites"][0]["conclusion"], "failure");
}

#[tokio::test]
async fn statuses_are_set_by_those_who_may_push() {
    let world = World::with(|config| {
        let level = super::super::Level::Write;
        config.permissions.insert("statuses".to_owned(), level);
    })
    .await;
    let (_, sha) = world.pull().await;
    let path = format!("/repos/acme/shop/statuses/{sha}");
    let got = world
        .post(&path, json!({ "state": "pending", "context": "a" }))
        .await;
    assert_eq!(got.status, 201, "{}", got.text);
    let github = &world.github;
    github
        .commit_status(REPO, &sha, "ana", "b", "success")
        .await
        .unwrap();
    let status = format!("/repos/acme/shop/commits/{sha}/status");
    assert_eq!(world.get(&status).await.json["state"], "pending");
    github
        .commit_status(REPO, &sha, "ana", "a", "success")
        .await
        .unwrap();
    let got = world.get(&status).await.json;
    assert_eq!(
        (&got["state"], &got["total_count"]),
        (&json!("success"), &json!(2))
    );
    assert_eq!(
        world.post(&path, json!({ "state": "green" })).await.status,
        422
    );
    assert!(
        github
            .commit_status(REPO, &sha, "eve", "a", "failure")
            .await
            .is_err()
    );
}
