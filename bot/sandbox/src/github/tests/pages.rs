//! The pages, and that nobody's text becomes markup on them.

use serde_json::json;

use super::{Got, REPO, World};

const EVIL: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>";

async fn page(world: &World, path: &str) -> String {
    let got = world.call("GET", path, "", None, &[]).await;
    assert_eq!(got.status, 200, "{path}: {}", got.text);
    assert!(
        got.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    got.text
}

async fn send(world: &World, path: &str, form: &[(&str, &str)]) -> Got {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let request = client.post(format!("{}{path}", world.github.html_url()));
    let response = request.body(body).send().await.unwrap();
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        json: json!(null),
        text: response.text().await.unwrap(),
    }
}

#[tokio::test]
async fn a_repository_without_pull_requests_and_issues_says_so() {
    let world = World::new().await;
    let text = page(&world, "/acme/shop").await;
    for empty in ["No pull request", "No issue"] {
        assert!(text.contains(&format!("{empty} was opened yet.")), "{text}");
    }
    world
        .github
        .open_issue(REPO, "ana", "A", "B")
        .await
        .unwrap();
    let text = page(&world, "/acme/shop").await;
    assert!(!text.contains("No issue") && text.contains("No pull request"));
}

#[tokio::test]
async fn an_issue_is_talked_about_and_closed_on_its_page() {
    let world = World::new().await;
    let github = &world.github;
    let number = github.open_issue(REPO, "ana", EVIL, EVIL).await.unwrap();
    let path = format!("/acme/shop/issues/{number}");
    let form = [("user", "ana"), ("body", "/apply **now**")];
    let comment = format!("{path}/comment");
    assert_eq!(send(&world, &comment, &form).await.status, 303);
    let close = format!("{path}/close");
    assert_eq!(send(&world, &close, &[("user", "ana")]).await.status, 303);
    let text = page(&world, &path).await;
    assert!(text.contains("/apply <strong>now</strong>"), "{text}");
    assert!(text.contains("closed") && text.contains("Reopen"));
    assert!(!text.contains("<script>alert") && !text.contains("<img src=x"));
    assert!(page(&world, "/acme/shop").await.contains(&path));
    let reopen = format!("{path}/reopen");
    assert_eq!(send(&world, &reopen, &[("user", "ana")]).await.status, 303);
    assert!(github.issues(REPO)[0].closed_at.is_none());
    let stranger = [("user", "eve")];
    assert_ne!(send(&world, &close, &stranger).await.status, 303);
}

#[tokio::test]
async fn a_pull_request_is_worked_on_from_its_page() {
    let world = World::new().await;
    let form = [
        ("user", "ana"),
        ("branch", "topic"),
        ("path", "infra/x.tf"),
        ("content", "a\r\nb\r\n"),
    ];
    assert_eq!(send(&world, "/acme/shop/push", &form).await.status, 303);
    let form = [
        ("user", "ana"),
        ("head", "topic"),
        ("title", "From the page"),
    ];
    assert_eq!(send(&world, "/acme/shop/open", &form).await.status, 303);
    let got = world
        .get("/repos/acme/shop/contents/infra/x.tf?ref=topic")
        .await;
    assert_eq!(got.json["size"], 4, "no carriage returns");
    let form = [("user", "ana"), ("body", "/plan **now**")];
    assert_eq!(
        send(&world, "/acme/shop/pull/1/comment", &form)
            .await
            .status,
        303
    );
    assert!(
        page(&world, "/acme/shop/pull/1")
            .await
            .contains("<strong>now</strong>")
    );
    let form = [("user", "ana"), ("verdict", "approve")];
    let got = send(&world, "/acme/shop/pull/1/review", &form).await;
    assert_eq!(got.status, 422, "not one's own");
    let form = [("user", "bo"), ("verdict", "approve")];
    assert_eq!(
        send(&world, "/acme/shop/pull/1/review", &form).await.status,
        303
    );
    let got = send(&world, "/acme/shop/pull/1/merge", &[("user", "eve")]).await;
    assert_eq!(got.status, 404, "strangers do not merge");
    let got = send(&world, "/acme/shop/pull/1/merge", &[("user", "bo")]).await;
    assert_eq!(got.headers["location"], "/acme/shop/pull/1");
    assert!(world.github.pull_request(REPO, 1).unwrap().merged.is_some());
    assert!(page(&world, "/acme/shop").await.contains("From the page"));
    assert!(page(&world, "/").await.contains("acme/shop"));
}

#[tokio::test]
async fn checks_and_deployments_are_shown_with_their_buttons() {
    let world = World::new().await;
    let hook = world.hook().await;
    let (number, sha) = world.pull().await;
    let body = json!({
        "name": "plan dev", "head_sha": sha, "conclusion": "failure",
        "output": {
            "title": "1 to add", "summary": "| a | b |\n| - | - |\n| 1 | 2 |",
            "text": "```diff\n+ new\n- old\n```",
            "annotations": [{ "path": "x.tf", "start_line": 3, "end_line": 3,
                "annotation_level": "warning", "message": "hm" }],
        },
        "actions": [{ "label": "Retry", "description": "Again", "identifier": "k1" }],
    });
    let id = world.post("/repos/acme/shop/check-runs", body).await.json["id"]
        .as_u64()
        .unwrap();
    let body =
        json!({ "ref": sha, "environment": "dev", "required_contexts": [], "auto_merge": false });
    let deployment = world.post("/repos/acme/shop/deployments", body).await.json["id"].clone();
    let path = format!("/repos/acme/shop/deployments/{deployment}/statuses");
    world.post(&path, json!({ "state": "in_progress" })).await;
    let html = page(&world, &format!("/acme/shop/pull/{number}")).await;
    for part in [
        "<td>1</td><td>2</td>",
        "<span class=\"add\">+ new</span>",
        "x.tf:3",
        ">Retry</button>",
        "pill in_progress",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    let form = [("user", "ana"), ("identifier", "k1")];
    let got = send(&world, &format!("/acme/shop/runs/{id}/press"), &form).await;
    assert_eq!(got.status, 303);
    world.idle().await;
    assert_eq!(
        hook.last("check_run.requested_action")["sender"]["login"],
        "ana"
    );
    assert!(
        page(&world, &format!("/acme/shop/commit/{sha}"))
            .await
            .contains("plan dev")
    );
    assert!(
        page(&world, &format!("/acme/shop/runs/{id}"))
            .await
            .contains("1 to add")
    );
}

#[tokio::test]
async fn nobodys_text_becomes_markup() {
    let world = World::new().await;
    let github = &world.github;
    github
        .commit(REPO, "topic", "ana", EVIL, &[("<b>.txt", Some("x"))])
        .await
        .unwrap();
    let number = github
        .open_pull_request(REPO, "ana", "topic", "main", EVIL, false)
        .await
        .unwrap();
    let comment = format!(
        "{EVIL}\n\n[click](javascript:alert(1)) <a href=\"javascript:alert(1)\">x</a>\n\n<details onclick=\"alert(1)\"><summary>fold</summary>\n\n| a |\n| - |\n| `b` |\n\n</details>\n\n<!-- marker -->"
    );
    github.comment(REPO, number, "ana", &comment).await.unwrap();
    let sha = github.branch(REPO, "topic").unwrap();
    let body = json!({
        "name": EVIL, "head_sha": sha, "details_url": "javascript:alert(1)", "conclusion": "success",
        "output": { "title": EVIL, "summary": EVIL, "text": EVIL },
        "actions": [{ "label": "\"><script>", "description": "d", "identifier": "\"><script>" }],
    });
    assert_eq!(
        world.post("/repos/acme/shop/check-runs", body).await.status,
        201
    );
    let pull = format!("/acme/shop/pull/{number}");
    for path in ["/acme/shop", &pull, &format!("/acme/shop/commit/{sha}")] {
        let html = page(&world, path).await;
        let (before, after) = html.split_once("<script>").unwrap();
        assert!(
            after.starts_with("// Shows what changed"),
            "only the page's own script"
        );
        assert!(!after.trim_start().contains("<script"));
        for danger in [
            "<img",
            "href=\"javascript",
            "<details onclick",
            "<b>.txt",
            "<!-- marker",
        ] {
            assert!(!before.contains(danger), "{danger} on {path}");
        }
    }
    let html = page(&world, &pull).await;
    assert!(html.contains("<details><summary>fold</summary>"), "{html}");
    assert!(html.contains("<td><code>b</code></td>"));
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    let url = format!("{}/acme/shop/pull/{number}/merge", world.github.html_url());
    let request = world.http.post(url).header("origin", "http://evil.example");
    let response = request.body("user=bo").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 403);
    assert!(world.github.pull_request(REPO, number).unwrap().is_open());
}

#[tokio::test]
async fn a_visitor_chooses_whom_to_be() {
    let world = World::new().await;
    world.pull().await;
    let got = send(&world, "/-/as", &[("user", "bo")]).await;
    let cookie = got.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let path = "/acme/shop/pull/1";
    let got = world
        .call("GET", path, "", None, &[("cookie", cookie)])
        .await;
    assert!(
        got.text.contains("value=\"bo\" selected>bo (admin)"),
        "{}",
        got.text
    );
    assert!(got.text.contains("name=\"user\" value=\"bo\""));
    let got = world
        .call("GET", path, "", None, &[("cookie", "as=<b>")])
        .await;
    assert!(
        got.text.contains("value=\"ana\" selected"),
        "an unknown one is nobody"
    );
}
