//! STS: who may assume what, and who they are then.

use std::time::Duration;

use reqwest::{Method, StatusCode};

use super::super::{Fault, Keys, Role, Service, Trust};
use super::{Answer, World};

const WHO: &str = "/?Action=GetCallerIdentity&Version=2011-06-15";

#[tokio::test]
async fn a_role_is_assumed_and_recorded() {
    let world = World::new().await;
    let arn = world.role("slipway-plan", &[]);
    let answer = world
        .assume(
            &arn,
            &[
                ("RoleSessionName", "run-7@dev"),
                ("DurationSeconds", "900"),
                ("ExternalId", "x:y/z"),
                ("SourceIdentity", "ana"),
                ("Tags.member.1.Key", "run"),
                ("Tags.member.1.Value", "7"),
            ],
        )
        .await;
    let keys = answer.keys();
    let session = "arn:aws:sts::111111111111:assumed-role/slipway-plan/run-7@dev";
    assert_eq!(answer.element("Arn"), session);
    assert_eq!(answer.element("SourceIdentity"), "ana");
    assert!(
        answer.body.starts_with(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
        )
    );
    assert_eq!(
        answer.element("RequestId"),
        answer.header("x-amzn-requestid")
    );
    assert_eq!(world.who_am_i(&keys).await, session);

    let assumed = world.aws.assumed();
    let [record] = assumed.as_slice() else {
        panic!("{assumed:?}");
    };
    assert_eq!(record.role_arn, arn);
    assert_eq!(record.session_name, "run-7@dev");
    assert_eq!(record.external_id.as_deref(), Some("x:y/z"));
    assert_eq!(record.source_identity.as_deref(), Some("ana"));
    assert_eq!(record.tags.get("run").map(String::as_str), Some("7"));
    assert_eq!(record.duration, Duration::from_secs(900));
    assert_eq!(record.by, world.bot_arn);
    assert_eq!(record.access_key_id, keys.access_key_id);
}

#[tokio::test]
async fn a_session_ends_on_the_worlds_clock() {
    let world = World::new().await;
    let arn = world.role("slipway-plan", &[]);
    let keys = world
        .assume(&arn, &[("DurationSeconds", "900")])
        .await
        .keys();
    world.clock.advance(Duration::from_secs(890));
    world.who_am_i(&keys).await;
    world.clock.advance(Duration::from_secs(20));
    let request = world.request(Method::GET, WHO);
    let answer = Answer::of(world.signer("sts", &keys).send(request).await).await;
    answer.refused(403, "ExpiredToken");
}

#[tokio::test]
async fn trust_decides_who_gets_in() {
    let world = World::new().await;
    let trust = Trust {
        external_id: Some("shop".to_owned()),
        set_source_identity: false,
        tag_session: false,
        ..Trust::of(&world.bot_arn)
    };
    let arn = world
        .aws
        .add_role(Role::new(&world.dev, "guarded", trust))
        .unwrap();
    let id = ("ExternalId", "shop");
    world.assume(&arn, &[]).await.refused(403, "AccessDenied");
    let wrong = world.assume(&arn, &[("ExternalId", "shopping")]).await;
    wrong.refused(403, "AccessDenied");
    let identity = world.assume(&arn, &[id, ("SourceIdentity", "ana")]).await;
    identity.refused(403, "AccessDenied");
    assert!(
        identity
            .element("Message")
            .contains("sts:SetSourceIdentity")
    );
    let tags = [id, ("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")];
    let tagged = world.assume(&arn, &tags).await;
    assert!(tagged.element("Message").contains("sts:TagSession"));
    assert!(world.aws.assumed().is_empty());
    world.assume(&arn, &[id]).await.keys();

    let stranger = world.aws.add_user(&world.dev, "eve").unwrap();
    let refused = world.assume_as(&stranger, &arn, &[id]).await;
    refused.refused(403, "AccessDenied");
    let nowhere = "arn:aws:iam::111111111111:role/nowhere";
    world
        .assume(nowhere, &[])
        .await
        .refused(403, "AccessDenied");
}

#[tokio::test]
async fn parameters_are_validated() {
    let world = World::new().await;
    let arn = world.role("slipway-plan", &[]);
    for bad in [
        ("RoleSessionName", "run 1"),
        ("RoleSessionName", "x"),
        ("DurationSeconds", "899"),
        ("DurationSeconds", "43201"),
        ("DurationSeconds", "7200"),
        ("ExternalId", "a b"),
        ("SourceIdentity", "ana/x"),
    ] {
        let answer = world.assume(&arn, &[bad]).await;
        answer.refused(400, "ValidationError");
    }
    for (key, value) in [("", "x"), ("branch", "fix#1"), ("a\n", "x")] {
        let tags = [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
        let answer = world.assume(&arn, &tags).await;
        answer.refused(400, "ValidationError");
    }
    let twice = [("Tags.member.1.Key", "run"), ("Tags.member.2.Key", "Run")];
    let twice = world.assume(&arn, &twice).await;
    twice.refused(400, "InvalidParameterValue");
    let policy = world.assume(&arn, &[("Policy", "{}")]).await;
    policy.refused(501, "NotImplemented");
    let garbage = world.assume("role/slipway-plan", &[]).await;
    garbage.refused(400, "ValidationError");
    world
        .aws
        .change_role(&arn, |role| role.max_session = Duration::from_secs(7200))
        .unwrap();
    world
        .assume(&arn, &[("DurationSeconds", "7200")])
        .await
        .keys();
}

#[tokio::test]
async fn a_chained_session_lives_an_hour_and_keeps_its_source_identity() {
    let world = World::new().await;
    let first = world.role("bot", &[]);
    let second = Role {
        max_session: Duration::from_secs(12 * 3600),
        ..Role::new(&world.dev, "target", Trust::of(&first))
    };
    let second = world.aws.add_role(second).unwrap();
    let keys = world
        .assume(&first, &[("SourceIdentity", "ana")])
        .await
        .keys();
    let long = world
        .assume_as(&keys, &second, &[("DurationSeconds", "3601")])
        .await;
    long.refused(400, "ValidationError");
    let other = world
        .assume_as(&keys, &second, &[("SourceIdentity", "eve")])
        .await;
    other.refused(403, "AccessDenied");
    world.assume_as(&keys, &second, &[]).await.keys();
    let last = world.aws.assumed().pop().unwrap();
    assert_eq!(last.source_identity.as_deref(), Some("ana"));
    assert_eq!(last.by, "arn:aws:sts::111111111111:assumed-role/bot/run-1");
}

#[tokio::test]
async fn a_role_can_answer_with_another_accounts_credentials() {
    let world = World::new().await;
    let prod = world.aws.add_account("222222222222").unwrap();
    let arn = world.role("slipway-apply", &[]);
    let change = |role: &mut Role| role.answers_as = Some(prod.clone());
    world.aws.change_role(&arn, change).unwrap();
    let answer = world.assume(&arn, &[]).await;
    assert!(answer.element("Arn").contains("111111111111"));
    let who = world.who_am_i(&answer.keys()).await;
    assert_eq!(
        who,
        "arn:aws:sts::222222222222:assumed-role/slipway-apply/run-1"
    );
}

#[tokio::test]
async fn an_eks_token_names_its_bearer() {
    let world = World::new().await;
    let keys = world.session(&world.role("slipway-deploy", &[]));
    let cluster = "x-k8s-aws-id";
    let request = world.request(Method::GET, WHO).header(cluster, "shop-dev");
    let url = world.signer("sts", &keys).presign(request, 60);
    let client = reqwest::Client::new();
    let call = |cluster_name: &'static str| client.get(url.clone()).header(cluster, cluster_name);

    let answer = Answer::of(call("shop-dev").send().await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let arn = "arn:aws:sts::111111111111:assumed-role/slipway-deploy/test";
    assert_eq!(answer.element("Arn"), arn);

    let json = call("shop-dev").header("accept", "application/json");
    let json: serde_json::Value = json.send().await.unwrap().json().await.unwrap();
    let result = &json["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
    assert_eq!(result["Arn"], arn);
    assert_eq!(result["Account"], "111111111111");

    let other = Answer::of(call("shop-prod").send().await.unwrap()).await;
    other.refused(403, "SignatureDoesNotMatch");
    let without = Answer::of(client.get(url.clone()).send().await.unwrap()).await;
    without.refused(403, "SignatureDoesNotMatch");

    // Good for a quarter of an hour, whatever it says of itself.
    world.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(
        call("shop-dev").send().await.unwrap().status(),
        StatusCode::OK
    );
    world.clock.advance(Duration::from_secs(2 * 60));
    let late = Answer::of(call("shop-dev").send().await.unwrap()).await;
    late.refused(403, "SignatureDoesNotMatch");
    assert!(late.element("Message").starts_with("Signature expired"));
}

#[tokio::test]
async fn a_stranger_is_told_what_is_wrong() {
    let world = World::new().await;
    let keys = world.session(&world.role("slipway-plan", &[]));
    let ask = async |keys: &Keys| {
        let request = world.request(Method::GET, WHO);
        Answer::of(world.signer("sts", keys).send(request).await).await
    };
    let unsigned = Answer::of(world.request(Method::GET, WHO).send().await).await;
    unsigned.refused(403, "MissingAuthenticationToken");
    let unknown = Keys {
        access_key_id: "AKIAAAAAAAAAAAAAAAAA".to_owned(),
        ..world.bot.clone()
    };
    ask(&unknown).await.refused(403, "InvalidClientTokenId");
    let tokenless = Keys {
        session_token: None,
        ..keys.clone()
    };
    ask(&tokenless).await.refused(403, "InvalidClientTokenId");
    let forged = Keys {
        secret_access_key: "guess".to_owned(),
        ..keys
    };
    ask(&forged).await.refused(403, "SignatureDoesNotMatch");
    assert!(world.aws.journal().iter().all(|entry| entry.who.is_none()));
}

#[tokio::test]
async fn a_wrong_clock_is_told_so() {
    let world = World::new().await;
    let signer = world.signer("sts", &world.bot);
    let ask = async || Answer::of(signer.send(world.request(Method::GET, WHO)).await).await;
    world.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(ask().await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(2 * 60));
    let late = ask().await;
    late.refused(403, "SignatureDoesNotMatch");
    let date = late.header("date").to_owned();
    let told = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp();
    let off = world.clock.now().duration_since(told).as_secs();
    assert!((0..60).contains(&off), "{date}");
}

#[tokio::test]
async fn faults_come_as_often_as_asked() {
    let world = World::new().await;
    let arn = world.role("slipway-plan", &[]);
    let action = Some("AssumeRole");
    world.aws.fail(Service::Sts, action, Fault::Throttling, 1);
    world.aws.fail(Service::Sts, action, Fault::ServerError, 1);
    world.aws.fail(Service::Sts, action, Fault::AccessDenied, 5);
    world.assume(&arn, &[]).await.refused(400, "Throttling");
    world.who_am_i(&world.bot).await;
    let broken = world.assume(&arn, &[]).await;
    broken.refused(500, "InternalFailure");
    assert_eq!(broken.element("Type"), "Receiver");
    world.assume(&arn, &[]).await.refused(403, "AccessDenied");
    world.aws.mend();
    world.assume(&arn, &[]).await.keys();
    let statuses: Vec<u16> = world
        .aws
        .journal()
        .iter()
        .map(|entry| entry.status)
        .collect();
    assert_eq!(statuses, [400, 200, 500, 403, 200]);
}
