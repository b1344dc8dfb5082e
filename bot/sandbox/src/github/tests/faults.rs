//! Bad days on demand.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::super::{DeliveryFault, Effect, Fault, Order};
use super::{PATIENCE, REPO, World};

const COMMENTS: &str = "/repos/acme/shop/issues/1/comments";

async fn post(world: &World) -> Result<u16, reqwest::Error> {
    let url = format!("{}{COMMENTS}", world.github.url());
    let request = world.http.post(url).bearer_auth(&world.token);
    let response = request.json(&json!({ "body": "hi" })).send().await?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn requests_fail_as_often_as_asked() {
    let world = World::new().await;
    world.pull().await;
    world.github.fault(Fault {
        method: None,
        path: "/repos/*/comments".to_owned(),
        times: Some(2),
        effect: Fault::status(502, "Server Error"),
    });
    let effect = Fault::retry_after(7);
    world
        .github
        .fault(Fault::once(Method::GET, "/repos/acme/shop", effect));
    assert_eq!(post(&world).await.unwrap(), 502);
    assert_eq!(world.get(COMMENTS).await.status, 502);
    assert_eq!(post(&world).await.unwrap(), 201);
    let got = world.get("/repos/acme/shop").await;
    assert_eq!(
        (got.status, got.headers["retry-after"].to_str().unwrap()),
        (403, "7")
    );
    assert_eq!(world.get("/repos/acme/shop").await.status, 200);
    assert_eq!(world.github.comments(REPO, 1).len(), 1);
}

#[tokio::test]
async fn connections_break_before_and_after_the_work() {
    let world = World::new().await;
    world.pull().await;
    for (effect, done) in [(Effect::DropBefore, 0), (Effect::DropAfter, 1)] {
        world
            .github
            .fault(Fault::once(Method::POST, COMMENTS, effect));
        let error = post(&world).await.unwrap_err();
        assert!(error.is_request(), "no answer at all: {error:?}");
        assert_eq!(world.github.comments(REPO, 1).len(), done);
    }
}

#[tokio::test]
async fn an_answer_may_never_come_though_the_work_is_done() {
    let world = World::new().await;
    world.pull().await;
    world
        .github
        .fault(Fault::once(Method::POST, COMMENTS, Effect::NeverAnswer));
    let stored = world.github.until("the comment", PATIENCE, |model| {
        let repo = model.repository(REPO)?;
        repo.comments(1).next().map(|comment| comment.body.clone())
    });
    let (post, stored) = tokio::join!(
        tokio::time::timeout(Duration::from_millis(300), post(&world)),
        stored
    );
    assert!(post.is_err(), "no answer");
    assert_eq!(stored.unwrap(), "hi");
}

#[tokio::test]
async fn creating_too_much_is_stopped_for_a_while() {
    let world = World::new().await;
    world.pull().await;
    world.github.limit_content(Some(3));
    for _ in 0..3 {
        assert_eq!(post(&world).await.unwrap(), 201);
    }
    assert_eq!(post(&world).await.unwrap(), 403);
    let id = world.github.comments(REPO, 1)[0].id;
    let path = format!("/repos/acme/shop/issues/comments/{id}");
    assert_eq!(
        world.patch(&path, json!({ "body": "x" })).await.status,
        200,
        "editing is free"
    );
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(post(&world).await.unwrap(), 201);
}

#[tokio::test]
async fn deliveries_get_lost_doubled_held_and_reordered() {
    let world = World::new().await;
    let hook = world.hook().await;
    let (number, _) = world.pull().await;
    world.idle().await;
    let event = || Some("issue_comment".to_owned());
    let github = &world.github;
    let say = |text: &'static str| github.comment(REPO, number, "ana", text);
    let bodies = || -> Vec<String> {
        let events = hook.events();
        let comments = events.iter().filter(|(event, _)| event == "issue_comment");
        comments
            .map(|(_, p)| p["comment"]["body"].as_str().unwrap().to_owned())
            .collect()
    };

    github.delivery_fault(DeliveryFault::Drop {
        event: event(),
        times: 1,
    });
    say("lost").await.unwrap();
    say("kept").await.unwrap();
    world.idle().await;
    assert_eq!(bodies(), ["kept"]);
    let lost = github
        .deliveries()
        .into_iter()
        .find(|delivery| !delivery.succeeded())
        .unwrap();
    assert_eq!(
        (lost.event.as_str(), lost.status_code),
        ("issue_comment", 0)
    );

    github.delivery_fault(DeliveryFault::Duplicate {
        event: event(),
        times: 1,
    });
    say("twice").await.unwrap();
    world.idle().await;
    assert_eq!(bodies(), ["kept", "twice", "twice"]);
    let guids: Vec<String> = github
        .deliveries()
        .iter()
        .rev()
        .take(2)
        .map(|d| d.guid.clone())
        .collect();
    assert_eq!(guids[0], guids[1]);

    github.delivery_fault(DeliveryFault::Hold { event: event() });
    say("first").await.unwrap();
    say("second").await.unwrap();
    github.close(REPO, number, "ana").await.unwrap();
    world.idle().await;
    assert_eq!(
        hook.names().last().unwrap(),
        "pull_request.closed",
        "others pass"
    );
    assert_eq!(github.held_deliveries().len(), 2);
    github.release_deliveries(Order::Reversed);
    say("third").await.unwrap();
    world.idle().await;
    assert_eq!(bodies()[3..], ["second", "first", "third"]);
}

#[tokio::test]
async fn waiting_in_vain_says_for_what() {
    let world = World::new().await;
    let (number, _) = world.pull().await;
    world
        .github
        .comment(REPO, number, "ana", "only this")
        .await
        .unwrap();
    let waited = world
        .github
        .until("a plan", Duration::from_millis(20), |_| None::<()>)
        .await;
    let text = waited.unwrap_err().to_string();
    assert!(
        text.contains("in vain for a plan") && text.contains("only this"),
        "{text}"
    );
}

#[tokio::test]
async fn mergeability_may_take_a_while_to_be_known() {
    let world = World::new().await;
    world.github.slow_mergeability(1);
    world.pull().await;
    let got = world.get("/repos/acme/shop/pulls/1").await.json;
    assert_eq!(got["mergeable"], json!(null));
    assert_eq!(got["mergeable_state"], "unknown");
    let got = world.get("/repos/acme/shop/pulls/1").await.json;
    assert_eq!(got["mergeable"], true);
}
