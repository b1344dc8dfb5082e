//! Who may do what, and who may not.

use std::time::Duration;

use serde_json::json;

use super::{REPO, World};

async fn installation(world: &World) -> u64 {
    let got = world
        .call(
            "GET",
            "/repos/acme/shop/installation",
            &world.good_jwt(),
            None,
            &[],
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.json["id"].as_u64().unwrap()
}

#[tokio::test]
async fn the_app_shows_itself_under_both_prefixes() {
    let world = World::new().await;
    for path in ["/app", "/api/v3/app"] {
        let got = world.call("GET", path, &world.good_jwt(), None, &[]).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.json["slug"], "slipway");
        assert_eq!(got.json["permissions"]["checks"], "write");
    }
    let by_client = world.jwt(&json!("Iv23liSandboxSlipway"), -60, 540);
    assert_eq!(
        world
            .call("GET", "/app", &by_client, None, &[])
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn bad_jwts_are_refused() {
    let world = World::new().await;
    let id = json!(world.github.app_id());
    let good = world.good_jwt();
    let (head, _) = good.rsplit_once('.').unwrap();
    for (jwt, why) in [
        (world.jwt(&id, -60, 600), "too far"),
        (world.jwt(&id, -700, -100), "expiration"),
        (world.jwt(&id, 120, 500), "issued"),
        (world.jwt(&json!(1), -60, 540), "issuer"),
        (format!("{head}.AAAA"), "decoded"),
        ("ghs_nosuchtoken".to_owned(), "credentials"),
        (String::new(), "decoded"),
    ] {
        let got = world.call("GET", "/app", &jwt, None, &[]).await;
        assert_eq!(got.status, 401, "{why}");
        let message = got.json["message"].as_str().unwrap().to_lowercase();
        assert!(message.contains(why), "{message} should speak of {why}");
    }
    let got = world.call("GET", "/app", &world.token, None, &[]).await;
    assert_eq!(got.status, 401, "an installation token is no JWT");
}

#[tokio::test]
async fn a_token_is_given_used_and_expires() {
    let world = World::new().await;
    let path = format!(
        "/app/installations/{}/access_tokens",
        installation(&world).await
    );
    let got = world
        .call("POST", &path, &world.good_jwt(), None, &[])
        .await;
    assert_eq!(got.status, 201, "{}", got.text);
    let token = got.json["token"].as_str().unwrap().to_owned();
    let show = || world.call("GET", "/repos/acme/shop", &token, None, &[]);
    assert_eq!(show().await.json["full_name"], REPO);
    world.clock.advance(Duration::from_secs(3601));
    let got = show().await;
    assert_eq!(
        (got.status, got.json["message"].as_str()),
        (401, Some("Bad credentials"))
    );
}

#[tokio::test]
async fn a_token_is_narrowed_and_never_widened() {
    let world = World::new().await;
    world
        .github
        .create_repo("acme/other", &[("a", "b")])
        .await
        .unwrap();
    let path = format!(
        "/app/installations/{}/access_tokens",
        installation(&world).await
    );
    let ask = |body| world.call("POST", &path, "", Some(body), &[]);
    assert_eq!(ask(json!({})).await.status, 401);
    let jwt = world.good_jwt();
    let ask = |body| world.call("POST", &path, &jwt, Some(body), &[]);

    let got =
        ask(json!({ "repositories": ["other"], "permissions": { "contents": "read" } })).await;
    assert_eq!(got.status, 201, "{}", got.text);
    assert_eq!(
        got.json["permissions"],
        json!({ "contents": "read", "metadata": "read" })
    );
    let token = got.json["token"].as_str().unwrap().to_owned();
    let get = |path: &'static str| world.call("GET", path, &token, None, &[]);
    assert_eq!(get("/repos/acme/other/contents/a").await.status, 200);
    assert_eq!(get("/repos/acme/shop/contents/README.md").await.status, 404);
    let got = get("/repos/acme/other/pulls").await;
    assert_eq!(got.status, 403);
    assert_eq!(
        got.json["message"],
        "Resource not accessible by integration"
    );
    let got = get("/installation/repositories").await;
    assert_eq!(got.json["total_count"], 1);

    for body in [
        json!({ "permissions": { "statuses": "write" } }),
        json!({ "permissions": { "administration": "read" } }),
        json!({ "repositories": ["nope"] }),
        json!({ "repository_ids": [1] }),
    ] {
        assert_eq!(ask(body.clone()).await.status, 422, "{body}");
    }
}

#[tokio::test]
async fn strangers_and_people_are_told_apart() {
    let world = World::new().await;
    let path = "/repos/acme/shop";
    assert_eq!(world.call("GET", path, "", None, &[]).await.status, 401);
    let ana = world.github.person_token("ana");
    assert_eq!(world.call("GET", path, &ana, None, &[]).await.status, 200);
    let eve = world.github.person_token("eve");
    assert_eq!(world.call("GET", path, &eve, None, &[]).await.status, 404);
}

#[tokio::test]
async fn every_request_is_in_the_journal_and_unknown_ones_stand_out() {
    let world = World::new().await;
    world.get("/repos/acme/shop").await;
    let got = world.get("/repos/acme/shop/nonsense").await;
    assert_eq!(got.status, 404);
    let journal = world.github.journal();
    assert_eq!(journal[0].line(), "GET /repos/acme/shop 200");
    assert!(
        matches!(&journal[0].caller, super::super::Caller::Installation { permissions, .. }
        if permissions.contains_key("checks"))
    );
    let unexpected = world.github.unexpected_calls();
    assert_eq!(unexpected.len(), 1);
    assert_eq!(unexpected[0].path, "/repos/acme/shop/nonsense");
}

#[tokio::test]
async fn unchanged_answers_are_304_and_free() {
    let world = World::new().await;
    let first = world.get("/repos/acme/shop").await;
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    let again = world
        .call(
            "GET",
            "/repos/acme/shop",
            &world.token,
            None,
            &[("if-none-match", &etag)],
        )
        .await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let left = |got: &super::Got| {
        got.headers["x-ratelimit-remaining"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(left(&first), "4999");
    assert_eq!(left(&again), "4999");
}

#[tokio::test]
async fn the_primary_limit_ends_and_comes_back() {
    let world = World::with(|config| config.hourly_limit = 2).await;
    assert_eq!(world.get("/repos/acme/shop").await.status, 200);
    assert_eq!(world.get("/repos/acme/shop").await.status, 200);
    let got = world.get("/repos/acme/shop").await;
    assert_eq!(got.status, 403);
    assert!(got.text.contains("API rate limit exceeded"));
    world.clock.advance(Duration::from_secs(3500));
    assert_eq!(world.get("/repos/acme/shop").await.status, 403);
    world.clock.advance(Duration::from_secs(101));
    let token = world.github.installation_token(REPO).await.unwrap();
    let got = world
        .call("GET", "/repos/acme/shop", &token, None, &[])
        .await;
    assert_eq!(got.status, 200);
}

#[tokio::test]
async fn permissions_of_people_read_as_on_github() {
    let world = World::new().await;
    let github = &world.github;
    github
        .set_permission(REPO, "mia", "maintain")
        .await
        .unwrap();
    github.add_team_member("acme", "sre", "ana").await.unwrap();
    github
        .commit(REPO, "main", "ana", "x", &[("x", Some("y"))])
        .await
        .unwrap();
    let _eve = github.person_token("eve");
    for (user, permission, role) in [
        ("ana", "write", "write"),
        ("mia", "write", "maintain"),
        ("bo", "admin", "admin"),
        ("eve", "none", ""),
    ] {
        let path = format!("/repos/acme/shop/collaborators/{user}/permission");
        let got = world.get(&path).await;
        assert_eq!(got.json["permission"], permission, "{}", got.text);
        assert_eq!(got.json["role_name"], role);
        assert_eq!(got.json["user"]["login"], user);
    }
    let got = world
        .get("/repos/acme/shop/collaborators/nobody/permission")
        .await;
    assert_eq!(got.status, 404);
    let got = world.get("/orgs/acme/teams/sre/memberships/ana").await;
    assert_eq!(got.json["state"], "active");
    assert_eq!(
        world
            .get("/orgs/acme/teams/sre/memberships/bo")
            .await
            .status,
        404
    );
    assert_eq!(world.get("/users/ana").await.json["type"], "User");
    assert_eq!(
        world.get("/users/slipway%5Bbot%5D").await.json["type"],
        "Bot"
    );
    assert_eq!(world.get("/users/nobody").await.status, 404);
}
