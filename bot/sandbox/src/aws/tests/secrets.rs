//! Secrets Manager: who may read which secret.

use reqwest::Method;
use serde_json::{Value, json};

use super::super::{Fault, Service, SetupError};
use super::{Answer, Grant, Keys, REGION, World};

const NAME: &str = "slipway/github";

async fn call(world: &World, keys: &Keys, service: &'static str, body: &Value) -> Answer {
    let request = world
        .request(Method::POST, "/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(body.to_string());
    Answer::of(world.signer(service, keys).send(request).await).await
}

async fn get(world: &World, keys: &Keys, id: &str) -> Answer {
    call(world, keys, "secretsmanager", &json!({"SecretId": id})).await
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let said = (answer.status.as_u16(), body["__type"].as_str());
    assert_eq!(said, (400, Some(code)), "{}", answer.body);
}

#[tokio::test]
async fn a_secret_is_read_by_those_who_may() {
    let world = World::new().await;
    let arn = world.aws.add_secret(&world.dev, REGION, NAME).unwrap();
    let twice = world.aws.add_secret(&world.dev, REGION, NAME);
    assert_eq!(twice, Err(SetupError::Taken(NAME.to_owned())));
    let pattern = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:slipway/github-??????";
    let reader = world.role("reader", &[Grant::ReadSecrets(pattern.to_owned())]);
    let keys = world.session(&reader);
    refused(&get(&world, &keys, NAME).await, "ResourceNotFoundException");
    world.aws.put_secret(&arn, "one").unwrap();
    world.aws.put_secret(&arn, "two").unwrap();
    for id in [NAME, &arn] {
        let answer = get(&world, &keys, id).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["SecretString"], "two");
        assert_eq!((&body["Name"], &body["ARN"]), (&json!(NAME), &json!(arn)));
    }
    let former = json!({"SecretId": NAME, "VersionStage": "AWSPREVIOUS"});
    let former = call(&world, &keys, "secretsmanager", &former).await;
    refused(&former, "ResourceNotFoundException");

    let key = "arn:aws:kms:eu-central-1:111111111111:key/1";
    world.aws.encrypt_secret(&arn, key).unwrap();
    let sealed = get(&world, &keys, NAME).await;
    refused(&sealed, "AccessDeniedException");
    assert!(sealed.body.contains("Access to KMS is not allowed"));
    world
        .aws
        .grant(&reader, Grant::UseKey(key.to_owned()))
        .unwrap();
    assert_eq!(get(&world, &keys, NAME).await.status, 200);
}

#[tokio::test]
async fn others_learn_nothing() {
    let world = World::new().await;
    let arn = world.aws.add_secret(&world.dev, REGION, NAME).unwrap();
    world.aws.put_secret(&arn, "s3cret").unwrap();
    let nobody = world.session(&world.role("nobody", &[]));
    let other = Grant::ReadSecrets("arn:aws:secretsmanager:*:secret:slipway/gitlab-*".to_owned());
    let other = world.session(&world.role("other", &[other]));
    for keys in [&nobody, &other, &world.bot] {
        for id in [NAME, arn.as_str(), "slipway/nothing"] {
            let answer = get(&world, keys, id).await;
            refused(&answer, "AccessDeniedException");
            assert!(!answer.body.contains("s3cret"));
        }
    }
    let all = world.session(&world.role("all", &[Grant::ReadSecrets("*".to_owned())]));
    let missing = get(&world, &all, "slipway/nothing").await;
    refused(&missing, "ResourceNotFoundException");
    // Signed for another service, or with a secret that is not the key's.
    let body = json!({"SecretId": NAME});
    let elsewhere = call(&world, &all, "s3", &body).await;
    assert_ne!(elsewhere.status, 200);
    let forged = Keys {
        secret_access_key: "guess".to_owned(),
        ..all.clone()
    };
    refused(
        &get(&world, &forged, NAME).await,
        "InvalidSignatureException",
    );
    let nonsense = call(&world, &all, "secretsmanager", &json!({"Name": NAME})).await;
    refused(&nonsense, "SerializationException");
    for (fault, code) in [
        (Fault::AccessDenied, "AccessDeniedException"),
        (Fault::Throttling, "ThrottlingException"),
    ] {
        world.aws.fail(Service::SecretsManager, None, fault, 1);
        refused(&get(&world, &all, NAME).await, code);
    }
    world
        .aws
        .fail(Service::SecretsManager, None, Fault::ServerError, 1);
    assert_eq!(get(&world, &all, NAME).await.status, 500);
    assert_eq!(get(&world, &all, NAME).await.status, 200);
}
