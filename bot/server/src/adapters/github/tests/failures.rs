//! Bad days: limits, broken connections, redirects, and what is asked twice.

use slipway_sandbox::github::{Effect, Fault};

use super::*;

const SHOP: &str = "/repos/acme/shop";

fn get(effect: Effect) -> Fault {
    Fault::once(http::Method::GET, SHOP, effect)
}

fn respond(status: u16, headers: &[(&str, String)], body: &str) -> Effect {
    Effect::Respond {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn the_secondary_limit_says_how_long_to_wait() {
    let world = World::new().await;
    world.sandbox.fault(get(Fault::retry_after(7)));
    let error = failed(world.github.repository(&world.repo).await);
    assert_eq!(
        error.kind,
        PortErrorKind::Unavailable {
            retry_after: Some(Duration::from_secs(7))
        }
    );
    assert!(error.is_passing());
    // Nothing was tried again here.
    assert_eq!(world.statuses(SHOP), [403]);
    world.github.repository(&world.repo).await.unwrap();
}

#[tokio::test]
async fn the_hourly_limit_says_when_it_is_over() {
    let world = World::with(|config| config.hourly_limit = 3).await;
    let mut error = None;
    for n in 1..=5 {
        if let Err(failure) = world.github.pull_request(&world.repo, PrNumber(n)).await
            && failure.kind != PortErrorKind::NotFound
        {
            error = Some(failure);
            break;
        }
    }
    let error = error.unwrap();
    let PortErrorKind::Unavailable {
        retry_after: Some(wait),
    } = error.kind
    else {
        panic!("{error:?}");
    };
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(3600));
    // It is a wait by the port's clock: after it, the same call works.
    world.clock.advance(wait + Duration::from_secs(1));
    world.github.repository(&world.repo).await.unwrap();
}

#[tokio::test]
async fn what_github_says_becomes_a_kind() {
    let world = World::new().await;
    let later = PortErrorKind::Unavailable { retry_after: None };
    for (status, kind) in [
        (403, PortErrorKind::Denied),
        (404, PortErrorKind::NotFound),
        (410, PortErrorKind::NotFound),
        (409, PortErrorKind::Conflict),
        (422, PortErrorKind::Invalid),
        (500, later),
        (502, later),
    ] {
        world.sandbox.fault(get(Fault::status(status, "Because")));
        let error = failed(world.github.repository(&world.repo).await);
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(error.to_string(), "GitHub: reading acme/shop: Because");
    }
    world.sandbox.fault(get(respond(200, &[], "<html>")));
    let error = failed(world.github.repository(&world.repo).await);
    assert_eq!(error.kind, PortErrorKind::Invalid);
}

#[tokio::test]
async fn a_broken_connection_is_told_and_not_tried_again() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    world
        .github
        .find_comment(&world.repo, pr, "x")
        .await
        .unwrap();
    world.sandbox.fault(Fault::once(
        http::Method::POST,
        "/repos/acme/shop/issues/*/comments",
        Effect::DropAfter,
    ));
    let error = failed(world.github.create_comment(&world.repo, pr, "once").await);
    assert!(error.is_passing(), "{error:?}");
    assert_eq!(world.sandbox.comments(REPO, pr.0).len(), 1);

    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api_url = format!("http://{}", nowhere.local_addr().unwrap());
    drop(nowhere);
    let github = GitHub::new(GitHubSettings {
        api_url: api_url.parse().unwrap(),
        ..settings(&world.sandbox, &world.clock, Duration::from_secs(20))
    })
    .unwrap();
    let error = failed(github.app().await);
    assert!(error.is_passing(), "{error:?}");
    assert!(error.said.starts_with("can't be reached: "), "{error}");
    assert!(error.said.to_lowercase().contains("refused"), "{error}");
}

#[tokio::test]
async fn no_answer_is_waited_for_only_so_long() {
    let world = World::new().await;
    world
        .sandbox
        .fault(Fault::once(http::Method::GET, "/app", Effect::NeverAnswer));
    let github = adapter(&world.sandbox, &world.clock, Duration::from_millis(200));
    let error = failed(github.app().await);
    assert_eq!(error.kind, PortErrorKind::Unavailable { retry_after: None });
    assert!(error.said.contains("no answer within"), "{error}");
}

#[tokio::test]
async fn what_did_not_change_is_asked_for_free() {
    let world = World::new().await;
    let read = async || {
        world
            .github
            .file(&world.repo, "README.md", "main")
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(read().await, "hello\n");
    assert_eq!(read().await, "hello\n");
    world
        .commit("main", &[("README.md", Some("changed\n"))])
        .await;
    assert_eq!(read().await, "changed\n");
    assert_eq!(read().await, "changed\n");
    assert_eq!(world.statuses("/README.md"), [200, 304, 200, 304]);
}

#[tokio::test]
async fn pages_are_followed_when_they_did_not_change() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    for n in 0..101 {
        world
            .sandbox
            .comment(REPO, pr.0, "ana", &format!("{n}"))
            .await
            .unwrap();
    }
    let find = || world.github.find_comment(&world.repo, pr, "none");
    assert_eq!(find().await, Ok(None));
    assert_eq!(find().await, Ok(None));
    assert_eq!(world.statuses("/comments"), [200, 200, 304, 304]);
}

#[tokio::test]
async fn one_scope_never_sees_what_another_got() {
    let world = World::new().await;
    let other = RepoRef {
        installation: InstallationId(1),
        name: world.repo.name.clone(),
    };
    world.github.repository(&world.repo).await.unwrap();
    let error = failed(world.github.repository(&other).await);
    assert_eq!(error.kind, PortErrorKind::NotFound);
}

#[tokio::test]
async fn a_renamed_repository_is_followed_for_reads_and_told_for_writes() {
    let world = World::new().await;
    let (pr, _) = world.pull().await;
    let to = format!("{}{SHOP}", world.sandbox.url());
    world
        .sandbox
        .fault(get(respond(301, &[("location", to.clone())], "{}")));
    world.github.repository(&world.repo).await.unwrap();
    let comments = format!("{SHOP}/issues/1/comments");
    let to = format!("{}{comments}", world.sandbox.url());
    world.sandbox.fault(Fault::once(
        http::Method::POST,
        &comments,
        respond(307, &[("location", to.clone())], "{}"),
    ));
    let error = failed(world.github.create_comment(&world.repo, pr, "x").await);
    assert_eq!(error.kind, PortErrorKind::Conflict);
    assert_eq!(error.said, format!("moved to {to}"));
    assert!(world.sandbox.comments(REPO, pr.0).is_empty());
}

#[tokio::test]
async fn a_token_goes_to_github_only() {
    let world = World::new().await;
    let elsewhere = World::new().await;
    let before = elsewhere.sandbox.journal().len();
    let to = format!("{}{SHOP}", elsewhere.sandbox.url());
    world
        .sandbox
        .fault(get(respond(302, &[("location", to)], "{}")));
    failed(world.github.repository(&world.repo).await);
    let reached: Vec<JournalEntry> = elsewhere.sandbox.journal().split_off(before);
    assert_eq!(reached.len(), 1);
    assert!(matches!(reached[0].caller, Caller::Nobody));
    assert_eq!(reached[0].status, 401);

    let next = format!("<{}{SHOP}/pulls>; rel=\"next\"", elsewhere.sandbox.url());
    world.sandbox.fault(Fault::once(
        http::Method::GET,
        "/repos/acme/shop/pulls",
        respond(200, &[("link", next)], "[]"),
    ));
    let error = failed(world.github.open_pull_requests(&world.repo, "main").await);
    assert_eq!(error.said, "the next page is on another host");
    assert_eq!(elsewhere.sandbox.journal().len(), before + 1);
}

#[tokio::test]
async fn a_list_without_end_is_an_error() {
    let world = World::new().await;
    let next = format!(
        "<{}/repos/acme/shop/pulls/1/reviews>; rel=\"next\"",
        world.sandbox.url()
    );
    world.sandbox.fault(Fault {
        method: Some(http::Method::GET),
        path: "/repos/acme/shop/pulls/1/reviews".to_owned(),
        times: None,
        effect: respond(200, &[("link", next)], "[]"),
    });
    let error = failed(world.github.reviews(&world.repo, PrNumber(1)).await);
    assert_eq!(error.kind, PortErrorKind::Invalid);
    assert_eq!(error.said, "the list has more pages than are read");
}
