//! Pull requests, from opening to merging, and what is read about them.

use http::StatusCode;
use serde_json::{Value, json};

use super::super::{Change, Protection};
use super::{REPO, World};

fn names(list: &Value) -> Vec<(&str, &str)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["status"].as_str().unwrap(),
                file["filename"].as_str().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_pull_request_is_read_whole() {
    let world = World::new().await;
    let main = world.github.branch(REPO, "main").unwrap();
    let (number, sha) = world.pull().await;
    let got = world.get(&format!("/repos/acme/shop/pulls/{number}")).await;
    let pull = got.json;
    assert_eq!(pull["state"], "open");
    assert_eq!(pull["user"]["login"], "ana");
    assert_eq!(pull["head"]["sha"], json!(sha));
    assert_eq!(pull["head"]["ref"], "topic");
    assert_eq!(pull["head"]["repo"]["full_name"], REPO);
    assert_eq!(pull["base"]["sha"], json!(main));
    assert_eq!(pull["mergeable"], true);
    assert_eq!(pull["mergeable_state"], "clean");
    assert_eq!(pull["changed_files"], 1);
    assert_eq!(pull["commits"], 1);
    assert_eq!(pull["additions"], 1);
    let test_merge = pull["merge_commit_sha"].as_str().unwrap();
    let got = world
        .get(&format!("/repos/acme/shop/commits/{test_merge}"))
        .await;
    assert_eq!(got.json["parents"][0]["sha"], json!(main));
    assert_eq!(got.json["parents"][1]["sha"], json!(sha));
    let got = world
        .get(&format!("/repos/acme/shop/git/ref/pull/{number}/merge"))
        .await;
    assert_eq!(got.json["object"]["sha"], test_merge);
    let got = world
        .get(&format!("/repos/acme/shop/pulls/{number}/commits"))
        .await;
    assert_eq!(got.json[0]["sha"], json!(sha));
    assert_eq!(got.json[0]["author"]["login"], "ana");
}

#[tokio::test]
async fn files_tell_renames_removals_and_odd_names() {
    let world = World::new().await;
    let long: String = (0..50).map(|n| format!("line {n}\n")).collect();
    let main = [("old.txt", Some(long.as_str())), ("gone.txt", Some("x\n"))];
    world
        .github
        .commit(REPO, "main", "ana", "Base", &main)
        .await
        .unwrap();
    let changes = vec![
        Change::Rename("old.txt".to_owned(), "dir \"q\"/new.txt".to_owned()),
        Change::Remove("gone.txt".to_owned()),
        Change::Write("infra/a b/main.tf".to_owned(), b"# tf\n# more\n".to_vec()),
        Change::Write("bin".to_owned(), vec![0, 159, 146, 150]),
    ];
    world
        .github
        .commit_changes(REPO, "topic", "ana", "Move", changes)
        .await
        .unwrap();
    let number = world
        .github
        .open_pull_request(REPO, "ana", "topic", "main", "Move", false)
        .await
        .unwrap();
    let got = world
        .get(&format!("/repos/acme/shop/pulls/{number}/files"))
        .await;
    assert_eq!(
        names(&got.json),
        [
            ("added", "bin"),
            ("renamed", "dir \"q\"/new.txt"),
            ("removed", "gone.txt"),
            ("modified", "infra/a b/main.tf"),
        ]
    );
    assert_eq!(got.json[1]["previous_filename"], "old.txt");
    assert_eq!(got.json[3]["patch"], "@@ -1 +1,2 @@\n # tf\n+# more");
    assert_eq!(got.json[0]["patch"], Value::Null);
}

#[tokio::test]
async fn files_come_in_pages_and_end_at_three_thousand() {
    let world = World::new().await;
    let changes = (0..3001)
        .map(|n| Change::Write(format!("f/{n:04}"), format!("{n}\n").into_bytes()))
        .collect();
    world
        .github
        .commit_changes(REPO, "many", "ana", "Many", changes)
        .await
        .unwrap();
    let number = world
        .github
        .open_pull_request(REPO, "ana", "many", "main", "Many", false)
        .await
        .unwrap();
    let path = format!("/repos/acme/shop/pulls/{number}/files?per_page=100");
    let got = world.get(&path).await;
    let link = got.headers["link"].to_str().unwrap();
    assert!(link.contains("page=2>; rel=\"next\""), "{link}");
    assert!(link.contains("page=30>; rel=\"last\""), "{link}");
    let got = world.get(&format!("{path}&page=30")).await;
    assert_eq!(got.json.as_array().unwrap().len(), 100);
    assert!(!got.headers["link"].to_str().unwrap().contains("next"));
    assert_eq!(world.get(&format!("{path}&page=31")).await.json, json!([]));
    let got = world.get(&format!("/repos/acme/shop/pulls/{number}")).await;
    assert_eq!(got.json["changed_files"], 3001);
}

#[tokio::test]
async fn merging_checks_the_head_and_moves_the_base() {
    let world = World::new().await;
    let (number, sha) = world.pull().await;
    let path = format!("/repos/acme/shop/pulls/{number}/merge");
    let put = |body| world.call("PUT", &path, &world.token, Some(body), &[]);
    let got = put(json!({ "sha": "0".repeat(40) })).await;
    assert_eq!(got.status, 409);
    assert!(got.text.contains("Head branch was modified"));
    let got = put(json!({ "sha": sha, "merge_method": "squash" })).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let merged = got.json["sha"].as_str().unwrap();
    assert_eq!(world.github.branch(REPO, "main").as_deref(), Some(merged));
    let got = world
        .get(&format!("/repos/acme/shop/pulls/{number}"))
        .await
        .json;
    assert_eq!(
        (&got["merged"], &got["state"]),
        (&json!(true), &json!("closed"))
    );
    assert_eq!(got["merge_commit_sha"], merged);
    assert_eq!(got["merged_by"]["login"], "slipway[bot]");
    assert_eq!(got["changed_files"], 1, "still the files of the change");
    let got = world
        .get(&format!("/repos/acme/shop/commits/{merged}"))
        .await
        .json;
    assert_eq!(got["parents"].as_array().unwrap().len(), 1);
    assert_eq!(got["commit"]["message"], format!("Add a file (#{number})"));
    assert_eq!(got["author"]["login"], "ana");
    assert_eq!(got["commit"]["committer"]["email"], "noreply@github.com");
    let got = world
        .get(&format!("/repos/acme/shop/commits/{merged}/pulls"))
        .await
        .json;
    assert_eq!(got[0]["number"], number);
    let got = put(json!({})).await;
    assert_eq!(got.status, 405, "not twice");
}

#[tokio::test]
async fn a_rebase_replays_every_commit() {
    let world = World::new().await;
    world.pull().await;
    world
        .github
        .commit(REPO, "topic", "ana", "Second", &[("two", Some("2"))])
        .await
        .unwrap();
    world
        .github
        .commit(REPO, "main", "bo", "Elsewhere", &[("else", Some("1"))])
        .await
        .unwrap();
    let path = "/repos/acme/shop/pulls/1/merge";
    let body = json!({ "merge_method": "rebase" });
    let got = world.call("PUT", path, &world.token, Some(body), &[]).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let got = world.get("/repos/acme/shop/commits?per_page=4").await.json;
    let titles: Vec<&str> = got
        .as_array()
        .unwrap()
        .iter()
        .map(|commit| commit["commit"]["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        titles,
        ["Second", "Add a file", "Elsewhere", "Initial commit"]
    );
    assert_eq!(got[0]["author"]["login"], "ana");
    assert_eq!(got[0]["committer"]["login"], "slipway[bot]");
}

#[tokio::test]
async fn conflicts_drafts_and_rules_stop_a_merge() {
    let world = World::new().await;
    let github = &world.github;
    let (number, sha) = world.pull().await;
    let state = || async {
        let got = world
            .get(&format!("/repos/acme/shop/pulls/{number}"))
            .await
            .json;
        (
            got["mergeable"].clone(),
            got["mergeable_state"].as_str().unwrap().to_owned(),
        )
    };
    let merge = || async {
        let error = github.merge(REPO, number, "bo").await.unwrap_err();
        let refusal = error.downcast::<super::super::Refusal>().unwrap();
        (refusal.status, refusal.message)
    };
    let rules = Protection {
        required_checks: vec!["ci".to_owned()],
        strict: true,
        approvals: 1,
    };
    github.protect_branch(REPO, "main", rules).await.unwrap();
    assert_eq!(state().await, (json!(true), "blocked".to_owned()));
    assert_eq!(merge().await.0, StatusCode::METHOD_NOT_ALLOWED);
    github
        .ci_check(REPO, &sha, "ci", Some("failure"))
        .await
        .unwrap();
    assert!(merge().await.1.contains("failing"));
    github
        .ci_check(REPO, &sha, "ci", Some("success"))
        .await
        .unwrap();
    assert!(merge().await.1.contains("approving review"));
    let review = github.review(REPO, number, "bo", "approve").await.unwrap();
    assert_eq!(state().await.1, "clean");
    github.ci_check(REPO, &sha, "lint", None).await.unwrap();
    assert_eq!(state().await.1, "unstable");
    github
        .dismiss_review(REPO, number, review, "bo")
        .await
        .unwrap();
    assert_eq!(state().await.1, "blocked");
    github.review(REPO, number, "bo", "approve").await.unwrap();
    github.set_draft(REPO, number, "ana", true).await.unwrap();
    assert_eq!(state().await.1, "draft");
    assert!(merge().await.1.contains("draft"));
    github.mark_ready(REPO, number, "ana").await.unwrap();
    github
        .commit(REPO, "main", "bo", "Ahead", &[("z", Some("z"))])
        .await
        .unwrap();
    assert_eq!(state().await.1, "behind");
    github
        .commit(REPO, "main", "bo", "Clash", &[("new.txt", Some("2\n"))])
        .await
        .unwrap();
    assert_eq!(state().await, (json!(false), "dirty".to_owned()));
    assert!(merge().await.1.contains("not mergeable"));
    let got = world.get("/repos/acme/shop/branches/main").await.json;
    assert_eq!(got["protected"], true);
    assert_eq!(
        got["protection"]["required_status_checks"]["contexts"],
        json!(["ci"])
    );
    let got = world.get("/repos/acme/shop/rules/branches/main").await.json;
    assert_eq!(
        got[0]["parameters"]["required_status_checks"],
        json!([{ "context": "ci" }])
    );
    let got = world
        .get(&format!("/repos/acme/shop/pulls/{number}/reviews"))
        .await
        .json;
    let states: Vec<&Value> = got
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["DISMISSED", "APPROVED"]);
    assert_eq!(got[0]["commit_id"], json!(sha));
}

#[tokio::test]
async fn the_base_sha_of_a_pull_request_lags_behind() {
    let world = World::new().await;
    let old = world.github.branch(REPO, "main").unwrap();
    let (number, _) = world.pull().await;
    let github = &world.github;
    github
        .commit(REPO, "main", "bo", "Ahead", &[("z", Some("z"))])
        .await
        .unwrap();
    let base = || github.pull_request(REPO, number).unwrap().base.sha;
    assert_eq!(base(), old);
    github
        .commit(REPO, "topic", "ana", "More", &[("y", Some("y"))])
        .await
        .unwrap();
    assert_eq!(Some(base()), github.branch(REPO, "main"));
}

#[tokio::test]
async fn lists_are_filtered() {
    let world = World::new().await;
    let github = &world.github;
    let (one, _) = world.pull().await;
    github
        .commit(REPO, "feature/x", "ana", "X", &[("x", Some("x"))])
        .await
        .unwrap();
    let two = github
        .open_pull_request(REPO, "ana", "feature/x", "topic", "X", true)
        .await
        .unwrap();
    github.close(REPO, one, "ana").await.unwrap();
    let numbers = |path: &'static str| async {
        let got = world.get(path).await.json;
        let list = got.as_array().unwrap().iter();
        list.map(|pull| pull["number"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers("/repos/acme/shop/pulls").await, [two]);
    assert_eq!(
        numbers("/repos/acme/shop/pulls?state=all").await,
        [two, one]
    );
    assert_eq!(numbers("/repos/acme/shop/pulls?state=closed").await, [one]);
    assert_eq!(numbers("/repos/acme/shop/pulls?base=topic").await, [two]);
    assert_eq!(
        numbers("/repos/acme/shop/pulls?head=acme:feature/x").await,
        [two]
    );
    assert_eq!(
        numbers("/repos/acme/shop/pulls?head=acme:nope").await,
        [0_u64; 0]
    );
    let got = world.get("/repos/acme/shop/branches/feature/x").await;
    assert_eq!(got.json["name"], "feature/x");
    let got = world
        .get("/repos/acme/shop/commits/feature%2Fx/check-runs")
        .await;
    assert_eq!(got.json["total_count"], 0);
}

#[tokio::test]
async fn a_fork_brings_its_commits_along() {
    let world = World::new().await;
    let github = &world.github;
    let fork = github.fork(REPO, "mallory").await.unwrap();
    let sha = github
        .commit(
            &fork,
            "evil",
            "mallory",
            "Evil",
            &[("infra/x.tf", Some("x"))],
        )
        .await
        .unwrap();
    let denied = github
        .commit(REPO, "evil", "mallory", "Evil", &[("a", Some("b"))])
        .await;
    assert!(denied.is_err(), "no right to push to the original");
    let number = github
        .open_pull_request(REPO, "mallory", "mallory:evil", "main", "Evil", false)
        .await
        .unwrap();
    let got = world
        .get(&format!("/repos/acme/shop/pulls/{number}"))
        .await
        .json;
    assert_eq!(got["head"]["repo"]["full_name"], "mallory/shop");
    assert_eq!(got["head"]["repo"]["fork"], true);
    assert_eq!(got["author_association"], "NONE");
    let got = world
        .get(&format!("/repos/acme/shop/git/ref/pull/{number}/head"))
        .await
        .json;
    assert_eq!(got["object"]["sha"], json!(sha));
    let more = github
        .commit(
            &fork,
            "evil",
            "mallory",
            "More",
            &[("infra/y.tf", Some("y"))],
        )
        .await
        .unwrap();
    assert_eq!(github.pull_request(REPO, number).unwrap().head.sha, more);
    assert_eq!(world.get("/repos/mallory/shop").await.status, 404);
}

#[tokio::test]
async fn contents_compare_and_refs() {
    let world = World::new().await;
    let (_, sha) = world.pull().await;
    let got = world
        .get("/repos/acme/shop/contents/infra/a%20b/main.tf?ref=main")
        .await;
    assert_eq!(
        (&got.json["encoding"], &got.json["content"]),
        (&json!("base64"), &json!("IyB0Zgo=\n"))
    );
    let raw = [("accept", "application/vnd.github.raw+json")];
    let path = format!("/repos/acme/shop/contents/new.txt?ref={sha}");
    let got = world.call("GET", &path, &world.token, None, &raw).await;
    assert_eq!(got.text, "1\n");
    let got = world.get("/repos/acme/shop/contents/infra").await;
    assert_eq!(
        (&got.json[0]["type"], &got.json[0]["name"]),
        (&json!("dir"), &json!("a b"))
    );
    assert_eq!(
        world.get("/repos/acme/shop/contents/nope").await.status,
        404
    );
    assert_eq!(
        world
            .get("/repos/acme/shop/contents/x?ref=nope")
            .await
            .status,
        404
    );

    world
        .github
        .commit(REPO, "main", "bo", "Ahead", &[("z", Some("z"))])
        .await
        .unwrap();
    let got = world
        .get("/repos/acme/shop/compare/main...topic")
        .await
        .json;
    assert_eq!(got["status"], "diverged");
    assert_eq!(
        (&got["ahead_by"], &got["behind_by"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(got["commits"][0]["sha"], json!(sha));
    assert_eq!(names(&got["files"]), [("added", "new.txt")]);
    let got = world
        .get("/repos/acme/shop/compare/topic...topic")
        .await
        .json;
    assert_eq!(got["status"], "identical");
    let got = world.get("/repos/acme/shop/git/ref/heads/topic").await.json;
    assert_eq!(got["object"]["sha"], json!(sha));
    assert_eq!(
        world
            .get("/repos/acme/shop/git/ref/heads/nope")
            .await
            .status,
        404
    );
    assert_eq!(
        world.get("/repos/acme/shop/branches/nope").await.status,
        404
    );
}

#[tokio::test]
async fn the_app_opens_and_edits_pull_requests() {
    let world = World::new().await;
    world
        .github
        .commit(REPO, "bump", "ana", "Bump", &[("v", Some("2"))])
        .await
        .unwrap();
    let body = json!({ "title": "Bump", "head": "bump", "base": "main" });
    let got = world.post("/repos/acme/shop/pulls", body.clone()).await;
    assert_eq!(
        (got.status, got.json["user"]["type"].as_str()),
        (201, Some("Bot"))
    );
    assert_eq!(
        world.post("/repos/acme/shop/pulls", body).await.status,
        422,
        "not twice"
    );
    let got = world
        .patch("/repos/acme/shop/pulls/1", json!({ "state": "closed" }))
        .await;
    assert_eq!(got.json["state"], "closed");
    let nothing = json!({ "title": "None", "head": "main", "base": "main" });
    assert_eq!(
        world.post("/repos/acme/shop/pulls", nothing).await.status,
        422
    );
}
