use axum::Router;
use axum::extract::{Request, State};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;

use super::*;

const ROLE: &str = "arn:aws:iam::111111111111:role/ci/slipway-deploy";
const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/slipway-deploy/run-7";

/// An STS that knows one caller, insists on the cluster's header, and answers in XML or JSON.
async fn sts(json: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(identity)).with_state(json);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn identity(State(json): State<bool>, request: Request) -> (http::StatusCode, String) {
    if request
        .headers()
        .get("x-k8s-aws-id")
        .is_none_or(|name| name != "shop-dev")
    {
        return (
            http::StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch".to_owned(),
        );
    }
    let body = if json {
        json!({"GetCallerIdentityResponse": {"GetCallerIdentityResult": {"Arn": SESSION}}})
            .to_string()
    } else {
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult>\n<Arn>{SESSION}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
        )
    };
    (http::StatusCode::OK, body)
}

async fn cluster(sts_url: &str) -> (Cluster, WorldClock) {
    let clock = WorldClock::default();
    let cluster = Cluster::start(ClusterConfig {
        name: "shop-dev".to_owned(),
        clock: clock.clone(),
        sts_url: sts_url.to_owned(),
        registry: None,
    });
    let cluster = cluster.await.unwrap();
    cluster.create_namespace("shop");
    (cluster, clock)
}

fn url(sts: &str, clock: &WorldClock) -> String {
    let date = clock.now().strftime("%Y%m%dT%H%M%SZ");
    format!(
        "{sts}?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIA%2F20260101%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Date={date}\
         &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=abc"
    )
}

fn token(url: &str) -> String {
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
}

async fn pods(cluster: &Cluster, token: &str) -> (u16, Value) {
    let url = format!("{}/api/v1/namespaces/shop/pods", cluster.endpoint());
    let answer = http(cluster)
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_session_of_a_known_role_is_let_in() {
    for json in [false, true] {
        let sts = sts(json).await;
        let (cluster, clock) = cluster(&sts).await;
        let token = token(&url(&sts, &clock));
        let (status, body) = pods(&cluster, &token).await;
        assert_eq!(status, 401);
        assert_eq!(body["message"], "Unauthorized");
        cluster.allow_role(ROLE, Rights::edit(&["shop"]));
        assert_eq!(pods(&cluster, &token).await.0, 200);
        let call = cluster.journal().pop().unwrap();
        assert_eq!((call.user.as_str(), call.status), (SESSION, 200));
        cluster.forget_role(ROLE);
        assert_eq!(pods(&cluster, &token).await.0, 401);
    }
}

#[tokio::test]
async fn a_token_must_be_a_fresh_call_to_our_sts_for_this_cluster() {
    let sts = sts(false).await;
    let (cluster, clock) = cluster(&sts).await;
    cluster.allow_role(ROLE, Rights::admin());
    let good = url(&sts, &clock);
    let elsewhere = sts.replace("127.0.0.1", "localhost");
    let bad = [
        good.replace(&sts, &elsewhere),
        good.replace(&sts, &sts.replace("http://", "http://user@")),
        good.replace("/?", "/other?"),
        good.replace("GetCallerIdentity", "GetSessionToken"),
        good.replace("Expires=60", "Expires=901"),
        good.replace("%3Bx-k8s-aws-id", ""),
        format!("{good}&Action=GetCallerIdentity"),
        format!("{good}&Extra=1"),
    ];
    for url in bad {
        assert_eq!(pods(&cluster, &token(&url)).await.0, 401, "{url}");
    }
    assert_eq!(
        pods(&cluster, &token(&good).replace("k8s-aws-v1.", "v1."))
            .await
            .0,
        401
    );
    assert_eq!(pods(&cluster, &format!("{}=", token(&good))).await.0, 401);
    let good = token(&good);
    assert_eq!(pods(&cluster, &good).await.0, 200);
    clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(pods(&cluster, &good).await.0, 200);
    clock.advance(Duration::from_secs(61));
    assert_eq!(pods(&cluster, &good).await.0, 401);
}

#[tokio::test]
async fn a_token_for_another_cluster_is_refused_by_sts() {
    let sts = sts(false).await;
    let clock = WorldClock::default();
    let other = Cluster::start(ClusterConfig {
        name: "shop-prod".to_owned(),
        clock: clock.clone(),
        sts_url: sts.clone(),
        registry: None,
    });
    let other = other.await.unwrap();
    other.allow_role(ROLE, Rights::admin());
    assert_eq!(pods(&other, &token(&url(&sts, &clock))).await.0, 401);
}

#[tokio::test]
async fn a_right_ends_at_its_namespace_verb_and_resource() {
    let fixture = Fixture::new().await;
    let rights = Rights::edit(&["shop"]);
    fixture.cluster.allow_token("editor", "arn:editor", rights);
    fixture
        .cluster
        .allow_token("viewer", "arn:viewer", Rights::view(&["shop"]));
    let editor = client(&fixture.cluster, "editor");
    let viewer = client(&fixture.cluster, "viewer");
    let params = PatchParams::apply("slipway");
    let deployments: Api<Deployment> = Api::namespaced(editor.clone(), "shop");
    deployments
        .patch("shop", &params, &Patch::Apply(&shop("shop:1")))
        .await
        .unwrap();

    let deployments: Api<Deployment> = Api::namespaced(viewer.clone(), "shop");
    deployments.get("shop").await.unwrap();
    let refused = deployments
        .patch("shop", &params, &Patch::Apply(&shop("shop:2")))
        .await;
    let refused = refusal(refused.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        refused.message,
        "deployments.apps \"shop\" is forbidden: User \"arn:viewer\" cannot patch resource \
         \"deployments\" in API group \"apps\" in the namespace \"shop\""
    );
    let elsewhere: Api<Deployment> = Api::namespaced(editor.clone(), "default");
    let refused = refusal(elsewhere.get("shop").await.unwrap_err());
    assert!(
        refused.message.ends_with("in the namespace \"default\""),
        "{}",
        refused.message
    );
    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(editor);
    let refused = refusal(
        nodes
            .list(&kube::api::ListParams::default())
            .await
            .unwrap_err(),
    );
    assert_eq!(
        refused.message,
        "nodes is forbidden: User \"arn:editor\" cannot list resource \"nodes\" in API group \
         \"\" at the cluster scope"
    );
}

#[tokio::test]
async fn faults_answer_with_the_status_that_was_ordered() {
    let fixture = Fixture::new().await;
    for status in [403, 409, 500] {
        let fault = Fault::once("patch", status).on("/deployments/shop");
        fixture.cluster.fail_next(fault);
        let refused = refusal(fixture.apply(&shop("shop:1")).await.unwrap_err());
        assert_eq!(refused.code, status);
    }
    fixture.apply(&shop("shop:1")).await.unwrap();

    let mut slow = Fault::once("list", 429);
    slow.retry_after = Some(3);
    fixture.cluster.fail_next(slow);
    let url = format!("{}/api/v1/pods", fixture.cluster.endpoint());
    let answer = http(&fixture.cluster)
        .get(url)
        .bearer_auth(ADMIN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "3");
    let status: Value = answer.json().await.unwrap();
    assert_eq!(status["details"]["retryAfterSeconds"], 3);
}

#[tokio::test]
async fn the_certificate_is_signed_by_the_ca_that_is_handed_out_and_no_other() {
    let fixture = Fixture::new().await;
    let (other, _) = cluster("http://127.0.0.1:9/").await;
    let stranger = http(&other);
    let refused = stranger.get(fixture.cluster.endpoint()).send().await;
    assert!(refused.unwrap_err().is_connect());
    let version = fixture.client.apiserver_version().await.unwrap();
    assert_eq!(version.minor, "33");
    let answer = http(&fixture.cluster)
        .get(format!("{}/apis/nothing/v1", fixture.cluster.endpoint()))
        .bearer_auth(ADMIN);
    assert_eq!(answer.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn people_can_ask_what_they_may_do() {
    let fixture = Fixture::new().await;
    let rights = Rights::edit(&["shop"]);
    fixture.cluster.allow_token("editor", "arn:editor", rights);
    let url = format!("{}{}", fixture.cluster.endpoint(), rights::REVIEWS);
    let may = async |verb: &str, resource: &str, namespace: &str| {
        let wish = json!({"verb": verb, "resource": resource, "namespace": namespace});
        let review = json!({"spec": {"resourceAttributes": wish}}).to_string();
        let request = http(&fixture.cluster).post(&url).bearer_auth("editor");
        let answer = request.body(review).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["status"]["allowed"].clone()
    };
    assert_eq!(may("patch", "deployments", "shop").await, true);
    assert_eq!(may("patch", "deployments", "default").await, false);
    assert_eq!(may("patch", "roles", "shop").await, false);
}
