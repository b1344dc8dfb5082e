//! `AssumeRoleWithWebIdentity`: which tokens open which role.

use std::time::Duration;

use reqwest::Method;

use super::super::{POD_AUDIENCE, Role, STS_AUDIENCE, SetupError, Trust};
use super::{Answer, World};

async fn assume(world: &World, role: &str, token: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", role)
        .append_pair("RoleSessionName", "slipway")
        .append_pair("WebIdentityToken", token)
        .extend_pairs(more);
    let request = world
        .request(Method::POST, "/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish());
    Answer::of(request.send().await).await
}

#[tokio::test]
async fn a_token_opens_the_role_that_trusts_its_subject() {
    let world = World::new().await;
    let issuer = world.cluster("tools");
    let trust = Trust::of_service_account(&issuer, "slipway", "slipway");
    let role = world
        .aws
        .add_role(Role::new(&world.dev, "slipway", trust))
        .unwrap();
    let token = world.token(&issuer, "slipway", STS_AUDIENCE);
    // The account does not know the issuer yet.
    let unknown = assume(&world, &role, &token, &[]).await;
    unknown.refused(400, "InvalidIdentityToken");
    world.aws.trust_issuer(&world.dev, &issuer).unwrap();
    let twice = world.aws.trust_issuer(&world.dev, &issuer);
    assert_eq!(twice, Err(SetupError::Taken(issuer.clone())));

    let answer = assume(&world, &role, &token, &[]).await;
    let session = "arn:aws:sts::111111111111:assumed-role/slipway/slipway";
    assert_eq!(world.who_am_i(&answer.keys()).await, session);
    assert_eq!(
        answer.element("SubjectFromWebIdentityToken"),
        "system:serviceaccount:slipway:slipway"
    );
    assert_eq!(answer.element("Audience"), STS_AUDIENCE);
    assert!(
        answer
            .element("Provider")
            .contains("oidc-provider/oidc.eks.eu-central-1")
    );
    // It is a session like any other: a role assumed from it lasts an hour.
    let target = Role {
        max_session: Duration::from_secs(12 * 3600),
        ..Role::new(&world.dev, "target", Trust::of(&role))
    };
    let target = world.aws.add_role(target).unwrap();
    let long = [("DurationSeconds", "3601")];
    let long = world.assume_as(&answer.keys(), &target, &long).await;
    long.refused(400, "ValidationError");
    world.assume_as(&answer.keys(), &target, &[]).await.keys();

    let too_long = assume(&world, &role, &token, &[("DurationSeconds", "7200")]).await;
    too_long.refused(400, "ValidationError");
    let policy = assume(&world, &role, &token, &[("Policy", "{}")]).await;
    policy.refused(501, "NotImplemented");
}

#[tokio::test]
async fn other_tokens_do_not() {
    let world = World::new().await;
    let issuer = world.cluster("tools");
    let other = world.cluster("other");
    for issuer in [&issuer, &other] {
        world.aws.trust_issuer(&world.dev, issuer).unwrap();
    }
    let trust = Trust::of_service_account(&issuer, "slipway", "slipway");
    let role = world
        .aws
        .add_role(Role::new(&world.dev, "slipway", trust))
        .unwrap();
    let plain = world.role("plain", &[]);
    let token =
        |issuer: &str, account: &str, audience: &str| world.token(issuer, account, audience);
    let good = token(&issuer, "slipway", STS_AUDIENCE);
    let (claims, _) = good.rsplit_once('.').unwrap();
    for (role, token, status, code) in [
        (
            role.as_str(),
            token(&issuer, "default", STS_AUDIENCE),
            403,
            "AccessDenied",
        ),
        (
            &role,
            token(&other, "slipway", STS_AUDIENCE),
            403,
            "AccessDenied",
        ),
        (&plain, good.clone(), 403, "AccessDenied"),
        (
            "arn:aws:iam::111111111111:role/nowhere",
            good.clone(),
            403,
            "AccessDenied",
        ),
        (
            &role,
            token(&issuer, "slipway", POD_AUDIENCE),
            400,
            "InvalidIdentityToken",
        ),
        (&role, format!("{claims}.AAAA"), 400, "InvalidIdentityToken"),
        (&role, "nonsense".to_owned(), 400, "InvalidIdentityToken"),
    ] {
        assume(&world, role, &token, &[])
            .await
            .refused(status, code);
    }
    world.clock.advance(Duration::from_secs(24 * 3600 + 1));
    let late = assume(&world, &role, &good, &[]).await;
    late.refused(400, "ExpiredTokenException");
}
