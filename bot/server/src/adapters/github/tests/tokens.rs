//! Who the adapter is to GitHub, and with how little right.

use super::*;

#[tokio::test]
async fn each_call_has_only_the_right_that_it_needs() {
    let world = World::new().await;
    let (pr, head) = world.pull().await;
    // A second repository of the same installation, which no token may reach.
    world
        .sandbox
        .create_repo("acme/other", &[("a", "b")])
        .await
        .unwrap();
    world.github.reviews(&world.repo, pr).await.unwrap();
    let read = world.calls("/reviews").remove(0);
    assert_eq!(
        rights(&read),
        [
            "checks:read",
            "contents:read",
            "metadata:read",
            "pull_requests:read",
            "statuses:read"
        ]
    );
    let Caller::Installation { repositories, .. } = &read.caller else {
        panic!("{:?}", read.caller);
    };
    let shop = world
        .sandbox
        .look(|model| model.repository(REPO).unwrap().id);
    assert_eq!(repositories.iter().copied().collect::<Vec<_>>(), [shop]);

    let comment = world.github.create_comment(&world.repo, pr, "hi").await;
    world
        .github
        .react(&world.repo, comment.unwrap(), Reaction::Eyes)
        .await
        .unwrap();
    let env = EnvName::parse("dev").unwrap();
    world
        .github
        .find_deployment(&world.repo, &env, &head, "k")
        .await
        .unwrap();
    for end in ["/comments", "/reactions", "/deployments"] {
        let write = world.calls(end).remove(0);
        assert_eq!(
            rights(&write),
            [
                "checks:write",
                "deployments:write",
                "metadata:read",
                "pull_requests:write"
            ],
            "{end}"
        );
    }
    // One token for reading, one for reports.
    assert_eq!(world.statuses("/access_tokens"), [201, 201]);
    world.assert_all_known();
}

#[tokio::test]
async fn a_clone_gets_a_token_that_only_reads_contents() {
    let world = World::new().await;
    let access = world.github.clone_access(&world.repo).await.unwrap();
    assert_eq!(access.url, world.sandbox.clone_url(REPO));
    let asked = world.calls("/access_tokens").remove(0);
    let asked: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        asked,
        json!({ "repositories": ["shop"], "permissions": { "contents": "read", "metadata": "read" } })
    );
    let again = world.github.clone_access(&world.repo).await.unwrap();
    use secrecy::ExposeSecret as _;
    assert_eq!(access.token.expose_secret(), again.token.expose_secret());
    assert!(!format!("{access:?}").contains(access.token.expose_secret()));
    assert!(!format!("{:?}", world.github).contains("PRIVATE KEY"));
}

#[tokio::test]
async fn tokens_and_jwts_are_renewed_before_they_end() {
    let world = World::new().await;
    let read = || world.github.repository(&world.repo);
    read().await.unwrap();
    world.clock.advance(Duration::from_secs(49 * 60));
    read().await.unwrap();
    assert_eq!(world.statuses("/access_tokens"), [201]);
    world.clock.advance(Duration::from_secs(2 * 60));
    read().await.unwrap();
    assert_eq!(world.statuses("/access_tokens"), [201, 201]);
    // A JWT is of use for eight minutes; past them the sandbox would refuse it.
    world.github.app().await.unwrap();
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(5 * 60));
        world
            .github
            .missed_deliveries(world.clock.now())
            .await
            .unwrap();
    }
    let refused = world.sandbox.journal();
    assert!(refused.iter().all(|entry| entry.status != 401));
}

#[tokio::test]
async fn many_reads_at_once_take_one_token() {
    let world = World::new().await;
    let reads = (0..10).map(|_| world.github.repository(&world.repo));
    for read in futures::future::join_all(reads).await {
        read.unwrap();
    }
    assert_eq!(world.statuses("/access_tokens"), [201]);
}

#[tokio::test]
async fn a_token_that_github_forgot_is_replaced_once() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    world.github.repository(&world.repo).await.unwrap();
    let bad = slipway_sandbox::github::Fault::status(401, "Bad credentials");
    let fault = slipway_sandbox::github::Fault::once(
        http::Method::POST,
        "/repos/acme/shop/issues/*/comments",
        bad.clone(),
    );
    world.sandbox.fault(fault.clone());
    // The first token for reports is fresh, so that a 401 is no news about an old one.
    let error = failed(world.github.create_comment(&world.repo, pr, "one").await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    world.sandbox.fault(fault.clone());
    world
        .github
        .create_comment(&world.repo, pr, "two")
        .await
        .unwrap();
    assert_eq!(world.sandbox.comments(REPO, pr.0).len(), 1);
    assert_eq!(world.statuses("/access_tokens"), [201, 201, 201]);
    // Twice is once too often.
    world.sandbox.fault(fault.clone());
    world.sandbox.fault(fault);
    let error = failed(world.github.create_comment(&world.repo, pr, "three").await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert_eq!(world.statuses("/comments"), [401, 401, 201, 401, 401]);
}

#[tokio::test]
async fn a_missing_installation_says_what_to_do() {
    let world = World::new().await;
    world.sandbox.uninstall(REPO).await.unwrap();
    let error = failed(world.github.installation(&world.repo.name).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"GitHub: looking for the installation of acme/shop: the App is not installed on acme/shop: an owner of acme installs it and gives it this repository");
    let error = failed(world.github.repository(&world.repo).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"GitHub: reading acme/shop: the App is installed on acme, but not on acme/shop: an owner adds this repository to the installation");
    // Nothing about the token is taken for a fact about what was asked.
    let (github, repo) = (&world.github, &world.repo);
    let ana = login("ana");
    let errors = [
        failed(github.file(repo, "deploy.toml", "main").await),
        failed(github.commit(repo, "main").await),
        failed(github.permission(repo, &ana).await),
        failed(github.is_team_member(repo, "acme", "ops", &ana).await),
    ];
    for error in errors {
        assert!(error.said.contains("but not on acme/shop"), "{error}");
    }
    let gone = RepoRef {
        installation: InstallationId(1),
        name: world.repo.name.clone(),
    };
    let error = failed(world.github.clone_access(&gone).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(error, @"GitHub: asking for a token to clone acme/shop: the App is not installed on acme/shop (any more): an owner of acme installs it and gives it this repository");
}

#[tokio::test]
async fn a_suspended_installation_says_what_to_do() {
    let world = World::new().await;
    world.sandbox.fault(slipway_sandbox::github::Fault::once(
        http::Method::POST,
        "/app/installations/*/access_tokens",
        slipway_sandbox::github::Fault::status(403, "This installation has been suspended"),
    ));
    let error = failed(world.github.repository(&world.repo).await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @r#"GitHub: reading acme/shop: the installation of the App on acme is suspended: an owner lifts that in its settings under "GitHub Apps""#);
    world.sandbox.fault(slipway_sandbox::github::Fault::once(
        http::Method::GET,
        "/repos/acme/shop/installation",
        slipway_sandbox::github::Effect::Respond {
            status: 200,
            headers: Vec::new(),
            body: json!({ "id": 7, "suspended_at": "2026-01-01T00:00:00Z" }).to_string(),
        },
    ));
    let error = failed(world.github.installation(&world.repo.name).await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(error.said.contains("suspended since 2026-01-01"), "{error}");
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let world = World::new().await;
    world.sandbox.grant("members", None).await.unwrap();
    let ana = login("ana");
    let teams = world
        .github
        .is_team_member(&world.repo, "acme", "ops", &ana);
    let error = failed(teams.await);
    assert_eq!(error.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(error, @"GitHub: reading whether @ana is in acme/ops: the App lacks a permission on acme/shop; this takes `members: read`, `metadata: read`: set it in the settings of the App, and have an owner of acme accept it");
    // All else goes on.
    world.github.repository(&world.repo).await.unwrap();
    world.sandbox.grant("deployments", None).await.unwrap();
    let error = failed(
        world
            .github
            .find_comment(&world.repo, PrNumber(1), "x")
            .await,
    );
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(error.said.contains("`deployments: write`"), "{error}");
}
