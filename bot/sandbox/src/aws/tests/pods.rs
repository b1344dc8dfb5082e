//! EKS Pod Identity: who is given which role, and what goes with it.

use std::time::Duration;

use serde_json::Value;

use super::super::{Association, Fault, POD_AUDIENCE, Role, STS_AUDIENCE, Service, Trust};
use super::{Answer, Keys, REGION, World};

/// A cluster with an association, and the issuer of its tokens.
fn associated(world: &World, trust: Trust) -> (String, String) {
    let issuer = world.cluster("tools");
    let role = world
        .aws
        .add_role(Role::new(&world.dev, "slipway", trust))
        .unwrap();
    let association = Association {
        account: world.dev.clone(),
        region: REGION.to_owned(),
        cluster: "tools".to_owned(),
        namespace: "slipway".to_owned(),
        service_account: "slipway".to_owned(),
        role_arn: role.clone(),
        lifetime: Duration::from_secs(6 * 3600),
    };
    world.aws.associate(association).unwrap();
    (issuer, role)
}

async fn ask(world: &World, token: Option<&str>) -> Answer {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.get(world.aws.pod_credentials_url());
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    Answer::of(request.send().await.unwrap()).await
}

fn keys(answer: &Answer) -> (Keys, jiff::Timestamp) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    let keys = Keys {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretAccessKey"),
        session_token: Some(text("Token")),
    };
    (keys, text("Expiration").parse().unwrap())
}

#[tokio::test]
async fn a_pod_becomes_its_role_and_its_tags_go_on() {
    let world = World::new().await;
    let (issuer, bot) = associated(&world, Trust::of_pods());
    let token = world.token(&issuer, "slipway", POD_AUDIENCE);
    let (keys, expires) = keys(&ask(&world, Some(&token)).await);
    let lives = expires.duration_since(world.clock.now()).as_hours();
    assert_eq!(lives, 5, "six hours, of which a moment is over");
    let who = world.who_am_i(&keys).await;
    let session = "arn:aws:sts::111111111111:assumed-role/slipway/eks-tools-slipway-0-";
    assert!(who.starts_with(session), "{who}");

    let target = Role::new(&world.dev, "target", Trust::of(&bot));
    let target = world.aws.add_role(target).unwrap();
    let own = [("Tags.member.1.Key", "run"), ("Tags.member.1.Value", "7")];
    let chained = world.assume_as(&keys, &target, &own).await.keys();
    let assumed = world.aws.assumed().pop().unwrap();
    let tag = |name: &str| assumed.tags.get(name).map(String::as_str);
    assert_eq!(tag("kubernetes-namespace"), Some("slipway"));
    assert_eq!(tag("kubernetes-service-account"), Some("slipway"));
    assert_eq!(tag("eks-cluster-name"), Some("tools"));
    assert_eq!(tag("run"), Some("7"));
    // A tag that is passed on can't be set to something else.
    let other = [
        ("Tags.member.1.Key", "Kubernetes-Namespace"),
        ("Tags.member.1.Value", "kube-system"),
    ];
    let forged = world.assume_as(&keys, &target, &other).await;
    forged.refused(400, "InvalidParameterValue");

    // They take sts:TagSession, and go on from role to role; one's own tags do not.
    let last = Role::new(&world.dev, "last", Trust::of(&target));
    let last = world.aws.add_role(last).unwrap();
    world.assume_as(&chained, &last, &[]).await.keys();
    let assumed = world.aws.assumed().pop().unwrap();
    assert!(assumed.tags.contains_key("kubernetes-pod-uid"));
    assert!(!assumed.tags.contains_key("run"));
    let deny = |role: &mut Role| role.trust.tag_session = false;
    world.aws.change_role(&target, deny).unwrap();
    let refused = world.assume_as(&keys, &target, &[]).await;
    refused.refused(403, "AccessDenied");
    let said =
        format!("User: {who} is not authorized to perform: sts:TagSession on resource: {target}");
    assert_eq!(refused.element("Message"), said);
}

#[tokio::test]
async fn a_pod_that_is_not_the_one_gets_nothing() {
    let world = World::new().await;
    let (issuer, role) = associated(&world, Trust::of_pods());
    let other = world.cluster("other");
    let refused = async |token: Option<String>, status: u16, code: &str| {
        let answer = ask(&world, token.as_deref()).await;
        let told = answer.body.contains(&format!(": {code}: "));
        assert_eq!(
            (answer.status.as_u16(), told),
            (status, true),
            "{}",
            answer.body
        );
    };
    let token =
        |issuer: &str, account: &str, audience: &str| Some(world.token(issuer, account, audience));
    refused(None, 400, "InvalidParameterException").await;
    refused(Some("nonsense".to_owned()), 400, "InvalidTokenException").await;
    refused(
        token(&issuer, "slipway", STS_AUDIENCE),
        400,
        "InvalidTokenException",
    )
    .await;
    refused(
        token(&issuer, "default", POD_AUDIENCE),
        404,
        "ResourceNotFoundException",
    )
    .await;
    refused(
        token(&other, "slipway", POD_AUDIENCE),
        404,
        "ResourceNotFoundException",
    )
    .await;
    // The claims of one token under the signature of another.
    let good = world.token(&issuer, "slipway", POD_AUDIENCE);
    let bad = world.token(&issuer, "default", POD_AUDIENCE);
    let (claims, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = bad.rsplit_once('.').unwrap();
    let forged = Some(format!("{claims}.{signature}"));
    refused(forged, 400, "InvalidTokenException").await;
    let no_tags = |role: &mut Role| role.trust.tag_session = false;
    world.aws.change_role(&role, no_tags).unwrap();
    refused(Some(good.clone()), 403, "AccessDeniedException").await;
    world
        .aws
        .change_role(&role, |role| {
            role.trust = Trust::of("arn:aws:iam::111111111111:root");
        })
        .unwrap();
    refused(Some(good.clone()), 403, "AccessDeniedException").await;
    world
        .aws
        .change_role(&role, |role| role.trust = Trust::of_pods())
        .unwrap();
    world
        .aws
        .fail(Service::PodIdentity, None, Fault::Throttling, 1);
    refused(Some(good.clone()), 429, "ThrottlingException").await;
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    refused(Some(good), 400, "ExpiredTokenException").await;
    let journal = world.aws.journal();
    assert!(
        journal
            .iter()
            .all(|entry| entry.service == Service::PodIdentity)
    );
}
