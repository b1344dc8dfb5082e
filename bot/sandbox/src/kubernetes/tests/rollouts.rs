use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{ListParams, LogParams};

use super::*;
use crate::registry::{Image, RegistryConfig};

fn waiting(pod: &Value) -> &str {
    let status = &pod["status"]["containerStatuses"][0];
    status["state"]["waiting"]["reason"]
        .as_str()
        .unwrap_or_default()
}

fn pods_of(fixture: &Fixture, image: &str) -> Vec<Value> {
    let mut pods = fixture.cluster.pods("shop");
    pods.retain(|pod| pod["spec"]["containers"][0]["image"] == image);
    pods
}

#[tokio::test]
async fn a_good_image_replaces_the_old_one() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture
        .condition("Progressing", "NewReplicaSetAvailable")
        .await;
    assert_eq!(
        fixture.cluster.running_image("shop", "shop").as_deref(),
        Some("shop:1")
    );

    fixture.apply(&shop("shop:2")).await.unwrap();
    let api = fixture.deployments();
    let deployment = api.get("shop").await.unwrap();
    let status = deployment.status.unwrap();
    assert_eq!(deployment.metadata.generation, Some(2));
    assert_eq!(status.observed_generation, Some(2));
    assert_eq!(status.replicas, Some(3));
    assert_eq!(status.updated_replicas, Some(3));
    assert_eq!(status.available_replicas, Some(3));
    assert_eq!(status.unavailable_replicas, None);
    assert_eq!(
        fixture.cluster.running_image("shop", "shop").as_deref(),
        Some("shop:2")
    );
    assert_eq!(pods_of(&fixture, "shop:1").len(), 0);

    let sets: Api<k8s_openapi::api::apps::v1::ReplicaSet> =
        Api::namespaced(fixture.client.clone(), "shop");
    let sets = sets
        .list(&ListParams::default().labels("app=shop"))
        .await
        .unwrap();
    let mut replicas: Vec<_> = sets
        .iter()
        .map(|set| set.spec.clone().unwrap().replicas)
        .collect();
    replicas.sort_unstable();
    assert_eq!(replicas, [Some(0), Some(3)]);
}

#[tokio::test]
async fn going_back_finds_the_old_replica_set_again() {
    let fixture = Fixture::new().await;
    for image in ["shop:1", "shop:2", "shop:1"] {
        fixture.apply(&shop(image)).await.unwrap();
    }
    let deployment = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    let revision = &deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
    assert_eq!(revision, "3");
    assert_eq!(
        fixture.cluster.running_image("shop", "shop").as_deref(),
        Some("shop:1")
    );
    assert_eq!(fixture.cluster.pods("shop").len(), 3);
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_leaves_the_old_pods_serving() {
    let fixture = Fixture::new().await;
    fixture
        .cluster
        .set_image_rule("shop:bad", Outcome::ImagePullBackOff);
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture.apply(&shop("shop:bad")).await.unwrap();
    let bad = pods_of(&fixture, "shop:bad");
    assert_eq!(bad.len(), 1);
    assert_eq!(waiting(&bad[0]), "ImagePullBackOff");
    assert_eq!(bad[0]["status"]["phase"], "Pending");
    assert_eq!(pods_of(&fixture, "shop:1").len(), 3);
    assert_eq!(
        fixture.cluster.running_image("shop", "shop").as_deref(),
        Some("shop:1")
    );

    let name = bad[0]["metadata"]["name"].as_str().unwrap();
    let events: Api<Event> = Api::namespaced(fixture.client.clone(), "shop");
    let about = format!("involvedObject.kind=Pod,involvedObject.name={name}");
    let events = events
        .list(&ListParams::default().fields(&about))
        .await
        .unwrap();
    let failed = events
        .iter()
        .filter(|event| event.reason.as_deref() == Some("Failed"));
    let messages: Vec<_> = failed.filter_map(|event| event.message.clone()).collect();
    assert!(
        messages.contains(&"Error: ErrImagePull".to_owned()),
        "{messages:?}"
    );
    assert!(
        messages
            .iter()
            .any(|message| message.ends_with("shop:bad: not found"))
    );
    let log = Api::<Pod>::namespaced(fixture.client.clone(), "shop")
        .logs(name, &LogParams::default())
        .await;
    assert_eq!(
        refusal(log.unwrap_err()).message,
        format!(
            "container \"shop\" in pod \"{name}\" is waiting to start: trying and failing to pull image"
        )
    );
}

#[tokio::test]
async fn a_crashing_container_backs_off_and_leaves_its_log() {
    let fixture = Fixture::new().await;
    let outcome = Outcome::CrashLoopBackOff {
        exit_code: 137,
        log: vec!["one".to_owned(), "two".to_owned(), "three".to_owned()],
    };
    fixture.cluster.set_image_rule("shop:b*", outcome);
    fixture.apply(&shop("shop:bad")).await.unwrap();
    let pod = fixture.cluster.pods("shop").remove(0);
    assert_eq!(waiting(&pod), "CrashLoopBackOff");
    let status = &pod["status"]["containerStatuses"][0];
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
    assert_eq!(status["restartCount"], 1);
    assert!(
        fixture
            .event("BackOff")
            .unwrap()
            .starts_with("Back-off restarting failed container shop")
    );

    let name = pod["metadata"]["name"].as_str().unwrap();
    let params = LogParams {
        tail_lines: Some(2),
        previous: true,
        ..LogParams::default()
    };
    let pods: Api<Pod> = Api::namespaced(fixture.client.clone(), "shop");
    assert_eq!(pods.logs(name, &params).await.unwrap(), "two\nthree\n");

    fixture.clock.advance(Duration::from_secs(31));
    let again = fixture.cluster.until("a third restart", SOON, |view| {
        let pod = view.object("Pod", "shop", name)?;
        (pod["status"]["containerStatuses"][0]["restartCount"] == 3).then_some(())
    });
    again.await.unwrap();
    fixture.cluster.set_image_rule("shop:bad", Outcome::Ready);
    fixture
        .condition("Progressing", "NewReplicaSetAvailable")
        .await;
}

#[tokio::test]
async fn a_pod_that_never_gets_ready_runs_into_the_deadline() {
    let fixture = Fixture::new().await;
    fixture
        .cluster
        .set_image_rule("shop:bad", Outcome::NeverReady);
    let mut deployment = shop("shop:bad");
    deployment["spec"]["progressDeadlineSeconds"] = json!(60);
    fixture.apply(&deployment).await.unwrap();
    let pod = fixture.cluster.pods("shop").remove(0);
    assert_eq!(pod["status"]["phase"], "Running");
    assert!(
        fixture
            .event("Unhealthy")
            .unwrap()
            .starts_with("Readiness probe failed")
    );
    fixture
        .condition("Available", "MinimumReplicasUnavailable")
        .await;
    fixture.condition("Progressing", "ReplicaSetUpdated").await;
    fixture.clock.advance(Duration::from_secs(62));
    let message = fixture
        .condition("Progressing", "ProgressDeadlineExceeded")
        .await;
    assert!(message.ends_with("has timed out progressing."), "{message}");
    let rolled_back = fixture.apply(&shop("shop:1")).await;
    rolled_back.unwrap();
    fixture
        .condition("Progressing", "NewReplicaSetAvailable")
        .await;
    fixture
        .condition("Available", "MinimumReplicasAvailable")
        .await;
}

#[tokio::test]
async fn a_pod_that_fits_nowhere_stays_pending() {
    let fixture = Fixture::new().await;
    fixture
        .cluster
        .set_image_rule("shop:bad", Outcome::Unschedulable);
    fixture.apply(&shop("shop:bad")).await.unwrap();
    let pod = fixture.cluster.pods("shop").remove(0);
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(pod["status"]["conditions"][0]["reason"], "Unschedulable");
    let message = fixture.event("FailedScheduling").unwrap();
    assert!(
        message.starts_with("0/3 nodes are available: 3 Insufficient cpu."),
        "{message}"
    );
}

#[tokio::test]
async fn a_held_rollout_stands_still_until_released() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture.cluster.hold_rollouts();
    fixture.apply(&shop("shop:2")).await.unwrap();
    let new = pods_of(&fixture, "shop:2");
    assert_eq!(new.len(), 1);
    assert_eq!(waiting(&new[0]), "ContainerCreating");
    assert_eq!(
        fixture.cluster.running_image("shop", "shop").as_deref(),
        Some("shop:1")
    );
    fixture.cluster.release();
    let done = fixture.cluster.until("the new image", SOON, |view| {
        let image = view.running_image("shop", "shop")?;
        (image == "shop:2").then_some(())
    });
    done.await.unwrap();
}

#[tokio::test]
async fn nodes_pull_from_the_registry_and_heed_the_images_label() {
    let config = RegistryConfig {
        clock: WorldClock::default(),
    };
    let registry = Registry::start(config).await.unwrap();
    let good = registry
        .push_image("acme/shop", "v1", Image::of("a"))
        .await
        .unwrap();
    let bad = Image::of("b")
        .with_label("sandbox.outcome", "crash")
        .with_label("sandbox.log", "no such table: orders");
    let bad = registry.push_image("acme/shop", "v2", bad).await.unwrap();
    let fixture = Fixture::pulling_from(Some(registry.clone())).await;
    let image = |digest: &str| format!("{}/acme/shop@{digest}", registry.host());

    fixture.apply(&shop(&image(&good))).await.unwrap();
    assert_eq!(
        fixture.cluster.running_image("shop", "shop"),
        Some(image(&good))
    );
    fixture.apply(&shop(&image(&bad))).await.unwrap();
    assert_eq!(
        waiting(&pods_of(&fixture, &image(&bad))[0]),
        "CrashLoopBackOff"
    );
    let missing = image(&good.replace("sha256:", "sha256:00"));
    fixture.apply(&shop(&missing)).await.unwrap();
    assert_eq!(waiting(&pods_of(&fixture, &missing)[0]), "ImagePullBackOff");
    let by_tag = format!("{}/acme/shop:v1", registry.host());
    fixture.apply(&shop(&by_tag)).await.unwrap();
    assert_eq!(fixture.cluster.running_image("shop", "shop"), Some(by_tag));
    assert_eq!(fixture.cluster.pods("shop").len(), 3);
}

#[tokio::test]
async fn other_workloads_come_to_rest_too() {
    let fixture = Fixture::new().await;
    let workload = |kind: &str, spec: Value| {
        let mut object = shop("shop:1");
        object["kind"] = json!(kind);
        let template = object["spec"]["template"].clone();
        object["spec"] = spec;
        object["spec"]["template"] = template;
        object
    };
    let selector = json!({"matchLabels": {"app": "shop"}});
    let set = workload(
        "StatefulSet",
        json!({"replicas": 2, "selector": selector, "serviceName": "shop"}),
    );
    fixture.apply(&set).await.unwrap();
    let set = fixture
        .cluster
        .object("StatefulSet", "shop", "shop")
        .unwrap();
    assert_eq!(set["status"]["readyReplicas"], 2);
    assert_eq!(
        set["status"]["currentRevision"],
        set["status"]["updateRevision"]
    );
    let daemon = workload("DaemonSet", json!({"selector": selector}));
    fixture.apply(&daemon).await.unwrap();
    let daemon = fixture.cluster.object("DaemonSet", "shop", "shop").unwrap();
    assert_eq!(daemon["status"]["numberReady"], 3);

    let mut job = workload("Job", json!({"backoffLimit": 1}));
    job["apiVersion"] = json!("batch/v1");
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    fixture.apply(&job).await.unwrap();
    let done = fixture.cluster.object("Job", "shop", "shop").unwrap();
    assert_eq!(done["status"]["conditions"][0]["type"], "Complete");
    let crash = Outcome::CrashLoopBackOff {
        exit_code: 1,
        log: Vec::new(),
    };
    fixture.cluster.set_image_rule("migrate:bad", crash);
    job["metadata"]["name"] = json!("migrate");
    job["spec"]["template"]["spec"]["containers"][0]["image"] = json!("migrate:bad");
    fixture.apply(&job).await.unwrap();
    let failed = fixture.cluster.object("Job", "shop", "migrate").unwrap();
    assert_eq!(failed["status"]["failed"], 2);
    assert_eq!(
        failed["status"]["conditions"][0]["reason"],
        "BackoffLimitExceeded"
    );
}

#[tokio::test]
async fn a_broken_init_container_keeps_the_others_waiting() {
    let fixture = Fixture::new().await;
    let crash = Outcome::CrashLoopBackOff {
        exit_code: 2,
        log: Vec::new(),
    };
    fixture.cluster.set_image_rule("migrate:bad", crash);
    let mut deployment = shop("shop:1");
    deployment["spec"]["template"]["spec"]["initContainers"] =
        json!([{"name": "wait", "image": "wait:1"}, {"name": "migrate", "image": "migrate:bad"}]);
    fixture.apply(&deployment).await.unwrap();
    let pod = fixture.cluster.pods("shop").remove(0);
    let init = &pod["status"]["initContainerStatuses"];
    assert_eq!(init[0]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(init[1]["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(waiting(&pod), "PodInitializing");
    fixture
        .cluster
        .set_image_rule("migrate:bad", Outcome::Ready);
    fixture
        .condition("Progressing", "NewReplicaSetAvailable")
        .await;
}

#[tokio::test]
async fn what_a_deployment_owns_goes_with_it() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture
        .deployments()
        .delete("shop", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(fixture.cluster.pods("shop"), Vec::<Value>::new());
    let missing = refusal(fixture.deployments().get("shop").await.unwrap_err());
    assert_eq!(missing.message, "deployments.apps \"shop\" not found");
}

#[tokio::test]
async fn a_rule_may_name_a_digest_and_strikes_pods_that_run() {
    let fixture = Fixture::new().await;
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = format!("registry.example/shop@{digest}");
    fixture.apply(&shop(&image)).await.unwrap();
    assert_eq!(fixture.cluster.running_image("shop", "shop"), Some(image));
    let crash = Outcome::CrashLoopBackOff {
        exit_code: 1,
        log: Vec::new(),
    };
    fixture.cluster.set_image_rule(&digest, crash);
    let pods = fixture.cluster.pods("shop");
    assert!(pods.iter().all(|pod| waiting(pod) == "CrashLoopBackOff"));
    fixture
        .condition("Available", "MinimumReplicasUnavailable")
        .await;
}
