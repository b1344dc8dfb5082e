//! EKS: each account sees its own clusters, if it may.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::super::{ClusterStatus, Fault, Keys, Role, Service, Trust};
use super::{Answer, Grant, REGION, World};

async fn get(world: &World, keys: &Keys, path: &str) -> (Answer, Value) {
    let request = world.request(Method::GET, path);
    let answer = Answer::of(world.signer("eks", keys).send(request).await).await;
    let body = serde_json::from_str(&answer.body).unwrap();
    (answer, body)
}

#[tokio::test]
async fn a_cluster_is_described_to_its_own_account_only() {
    let world = World::new().await;
    let aws = &world.aws;
    aws.add_cluster(
        &world.dev,
        REGION,
        "shop-dev",
        "https://127.0.0.1:6443",
        "PEM",
    );
    let keys = world.session(&world.role("slipway-deploy", &[Grant::DescribeClusters]));
    let (answer, body) = get(&world, &keys, "/clusters/shop-dev").await;
    assert_eq!(answer.status, StatusCode::OK);
    let cluster = &body["cluster"];
    assert_eq!(cluster["name"], "shop-dev");
    let arn = "arn:aws:eks:eu-central-1:111111111111:cluster/shop-dev";
    assert_eq!(cluster["arn"], arn);
    assert_eq!(cluster["status"], "ACTIVE");
    assert_eq!(cluster["endpoint"], "https://127.0.0.1:6443");
    let ca = cluster["certificateAuthority"]["data"].as_str().unwrap();
    assert_eq!(STANDARD.decode(ca).unwrap(), b"PEM");
    assert!(cluster["createdAt"].is_number());

    let prod = aws.add_account("222222222222").unwrap();
    let other = Role {
        grants: vec![Grant::DescribeClusters],
        ..Role::new(&prod, "slipway-deploy", Trust::default())
    };
    let other = world.session(&aws.add_role(other).unwrap());
    let (answer, body) = get(&world, &other, "/clusters/shop-dev").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        answer.header("x-amzn-errortype"),
        "ResourceNotFoundException"
    );
    assert_eq!(body["message"], "No cluster found for name: shop-dev.");

    let plan = world.session(&world.role("slipway-plan", &[]));
    let (answer, _) = get(&world, &plan, "/clusters/shop-dev").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.header("x-amzn-errortype"), "AccessDeniedException");
}

#[tokio::test]
async fn a_cluster_being_made_has_no_endpoint() {
    let world = World::new().await;
    let aws = &world.aws;
    aws.add_cluster(
        &world.dev,
        REGION,
        "shop-dev",
        "https://127.0.0.1:6443",
        "PEM",
    );
    let creating = ClusterStatus::Creating;
    aws.set_cluster_status(&world.dev, REGION, "shop-dev", creating)
        .unwrap();
    let keys = world.session(&world.role("slipway-deploy", &[Grant::DescribeClusters]));
    let (_, body) = get(&world, &keys, "/clusters/shop-dev").await;
    assert_eq!(body["cluster"]["status"], "CREATING");
    assert!(body["cluster"].get("endpoint").is_none());
}

#[tokio::test]
async fn clusters_are_listed_in_pages() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world
            .aws
            .add_cluster(&world.dev, REGION, name, "https://x", "PEM");
    }
    world
        .aws
        .add_cluster(&world.dev, "us-east-1", "elsewhere", "https://x", "PEM");
    let keys = world.session(&world.role("slipway-deploy", &[Grant::DescribeClusters]));
    let (_, first) = get(&world, &keys, "/clusters?maxResults=2").await;
    assert_eq!(first["clusters"], serde_json::json!(["a", "b"]));
    let token = first["nextToken"].as_str().unwrap();
    let (_, second) = get(
        &world,
        &keys,
        &format!("/clusters?maxResults=2&nextToken={token}"),
    )
    .await;
    assert_eq!(second["clusters"], serde_json::json!(["c"]));
    assert!(second["nextToken"].is_null());
}

#[tokio::test]
async fn a_forged_signature_and_faults_speak_ekss_language() {
    let world = World::new().await;
    let keys = world.session(&world.role("slipway-deploy", &[Grant::DescribeClusters]));
    let forged = Keys {
        secret_access_key: "guess".to_owned(),
        ..keys.clone()
    };
    let (answer, _) = get(&world, &forged, "/clusters/a%20b").await;
    assert_eq!(
        answer.header("x-amzn-errortype"),
        "InvalidSignatureException"
    );
    // A path that needs encoding is signed encoded twice.
    let (answer, _) = get(&world, &keys, "/clusters/a%20b").await;
    assert_eq!(
        answer.header("x-amzn-errortype"),
        "ResourceNotFoundException"
    );
    world.aws.fail(Service::Eks, None, Fault::Throttling, 1);
    let (answer, _) = get(&world, &keys, "/clusters").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("x-amzn-errortype"), "ThrottlingException");
}
