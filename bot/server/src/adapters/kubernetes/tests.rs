//! The adapter against a cluster that behaves, over TLS.

use std::sync::Mutex;

use serde_json::json;
use slipway_core::ports::{PortError, PortErrorKind};
use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::kubernetes::{
    Cluster as Sandbox, ClusterConfig, Fault, Outcome, Rights, Rule,
};
use tokio_util::sync::CancellationToken;

use super::*;

const SOON: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(60);

/// Keeps what a rollout told, and knows when.
#[derive(Default)]
struct Recorder {
    lines: Mutex<Vec<String>>,
    told: tokio::sync::Notify,
}

impl Recorder {
    fn all(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    async fn until(&self, what: &str) {
        let waiting = async {
            loop {
                let told = self.told.notified();
                if self.all().iter().any(|line| line.contains(what)) {
                    return;
                }
                told.await;
            }
        };
        let waited = tokio::time::timeout(SOON, waiting).await;
        assert!(
            waited.is_ok(),
            "{what:?} was never told, only {:?}",
            self.all()
        );
    }
}

impl RunLog for Recorder {
    fn line(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
        self.told.notify_one();
    }

    fn progress(&self, line: &str, _: Option<(u32, u32)>) {
        self.line(line);
    }
}

struct Button(CancellationToken);

#[async_trait]
impl Stop for Button {
    fn is_asked(&self) -> bool {
        self.0.is_cancelled()
    }

    async fn asked(&self) {
        self.0.cancelled().await;
    }
}

struct World {
    sandbox: Sandbox,
    clock: WorldClock,
    adapter: KubernetesCluster,
    access: ClusterAccess,
    log: Recorder,
    stop: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let clock = WorldClock::default();
        let config = ClusterConfig {
            name: "shop-dev".to_owned(),
            clock: clock.clone(),
            sts_url: "http://127.0.0.1:9/".to_owned(),
            registry: None,
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let rights = Rights::edit(&["shop"]).with(Rule::new(&["*"], &["namespaces"], &["*"]));
        sandbox.allow_token("good", "slipway-deploy", rights);
        sandbox.create_namespace("shop");
        let access = ClusterAccess {
            name: "shop-dev".to_owned(),
            endpoint: sandbox.endpoint(),
            ca_pem: sandbox.ca_pem().as_bytes().to_vec(),
            token: "good".to_owned().into(),
        };
        let settings = KubernetesSettings {
            timeout: SOON,
            unschedulable_after: Duration::ZERO,
        };
        Self {
            sandbox,
            clock,
            adapter: KubernetesCluster::new(settings),
            access,
            log: Recorder::default(),
            stop: CancellationToken::new(),
        }
    }

    async fn apply(&self, manifests: &[Value]) -> PortResult<Vec<String>> {
        self.adapter.apply(&self.access, "shop", manifests).await
    }

    async fn watch_for(&self, manifests: &[Value], deadline: Duration) -> PortResult<RolloutEnd> {
        let stop = Button(self.stop.clone());
        self.adapter
            .rollout(&self.access, "shop", manifests, deadline, &self.log, &stop)
            .await
    }

    /// Applies and watches.
    async fn deploy(&self, manifests: &[Value]) -> RolloutEnd {
        self.apply(manifests).await.unwrap();
        self.watch_for(manifests, LONG).await.unwrap()
    }

    async fn failed(
        &self,
        manifests: &[Value],
    ) -> (String, Vec<slipway_core::outcome::PodTrouble>) {
        match self.deploy(manifests).await {
            RolloutEnd::Failed { why, pods } => (why, pods),
            RolloutEnd::Ready { .. } => panic!("the rollout did not fail"),
        }
    }
}

fn workload(kind: &str, name: &str, image: &str) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    });
    match kind {
        "Deployment" => object["spec"]["replicas"] = json!(3),
        "StatefulSet" => {
            object["spec"]["replicas"] = json!(2);
            object["spec"]["serviceName"] = json!(name);
        }
        "Job" => {
            object["apiVersion"] = json!("batch/v1");
            object["spec"]["selector"].take();
            object["spec"].as_object_mut().unwrap().remove("selector");
            object["spec"]["backoffLimit"] = json!(1);
            object["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
        }
        _ => {}
    }
    object
}

fn shop(image: &str) -> Vec<Value> {
    vec![workload("Deployment", "shop", image)]
}

fn crash() -> Outcome {
    let log = (1..=30).map(|line| format!("line {line}"));
    Outcome::CrashLoopBackOff {
        exit_code: 3,
        log: log.collect(),
    }
}

/// The same text whatever the names that the cluster made up.
fn anonymous(pod: &str, text: &str) -> String {
    // Which node a pod lands on differs between two runs.
    let nodes = ["ip-10-0-1-10", "ip-10-0-2-10", "ip-10-0-3-10"];
    let text = text.replace(pod, "POD");
    nodes
        .iter()
        .fold(text, |text, node| text.replace(node, "NODE"))
}

#[tokio::test]
async fn what_others_need_is_applied_first() {
    let world = World::new().await;
    let mut manifests = shop("shop:1");
    manifests.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"},
        "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]},
    }));
    manifests.push(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop", "namespace": "shop"},
        "data": {"a": "b"},
    }));
    manifests.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}));
    let applied = world.apply(&manifests).await.unwrap();
    assert_eq!(
        applied,
        [
            "Namespace/shop",
            "ConfigMap/shop",
            "Service/shop",
            "Deployment/shop"
        ]
    );
    let object = world.sandbox.object("Deployment", "shop", "shop").unwrap();
    assert_eq!(object["metadata"]["managedFields"][0]["manager"], "slipway");
    // Doing it again changes nothing.
    assert_eq!(world.apply(&manifests).await.unwrap(), applied);
    let again = world.sandbox.object("Deployment", "shop", "shop").unwrap();
    assert_eq!(
        again["metadata"]["generation"],
        object["metadata"]["generation"]
    );

    let images = world
        .adapter
        .running_images(&world.access, "shop", &manifests)
        .await
        .unwrap();
    assert_eq!(
        images,
        [("Deployment/shop".to_owned(), "shop:1".to_owned())]
    );
    let missing = [workload("Job", "x", "y")];
    let none = world
        .adapter
        .running_images(&world.access, "shop", &missing);
    assert_eq!(none.await.unwrap(), []);
}

#[tokio::test]
async fn a_field_of_somebody_else_is_left_to_them() {
    let world = World::new().await;
    world.apply(&shop("shop:1")).await.unwrap();
    let connection = client::Connection::open(&world.access, "shop", SOON).unwrap();
    let api: kube::Api<k8s_openapi::api::apps::v1::Deployment> =
        kube::Api::namespaced(connection.client, "shop");
    let scaled = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
        "spec": {"replicas": 5},
    });
    let params = kube::api::PatchParams::apply("autoscaler").force();
    api.patch("shop", &params, &kube::api::Patch::Apply(&scaled))
        .await
        .unwrap();
    let error = world.apply(&shop("shop:2")).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Conflict);
    insta::assert_snapshot!(error, @r#"Kubernetes: applying Deployment/shop (0 of 1 were applied): Apply failed with 1 conflict: conflict with "autoscaler": .spec.replicas (take the field out of the manifest, or hand it over: `kubectl apply --server-side --force-conflicts --field-manager=slipway`)"#);
}

#[tokio::test]
async fn nothing_is_applied_before_all_is_known_to_belong() {
    let world = World::new().await;
    let refused = async |manifest: Value| {
        let error = world
            .apply(&[shop("shop:1"), vec![manifest]].concat())
            .await
            .unwrap_err();
        assert_eq!(error.kind, PortErrorKind::Invalid);
        assert!(world.sandbox.object("Deployment", "shop", "shop").is_none());
        error.to_string()
    };
    let object = |version: &str, kind: &str, namespace: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": namespace}});
    insta::assert_snapshot!(refused(object("v1", "Secret", "kube-system")).await, @"Kubernetes: applying Secret/x: it names namespace kube-system, the service's is shop");
    insta::assert_snapshot!(refused(object("rbac.authorization.k8s.io/v1", "ClusterRole", "")).await, @"Kubernetes: applying ClusterRole/x: it belongs to the whole cluster; a deploy stays inside namespace shop: create it with a stack");
    insta::assert_snapshot!(refused(object("argoproj.io/v1", "Rollout", "shop")).await, @"Kubernetes: applying Rollout/x: cluster shop-dev knows no Rollout in argoproj.io/v1; its CustomResourceDefinition comes with a stack");
    insta::assert_snapshot!(refused(object("v1", "Namespace", "")).await, @"Kubernetes: applying Namespace/x: the service's namespace is shop");
}

#[tokio::test]
async fn refusals_say_what_to_grant() {
    let mut world = World::new().await;
    let error = |world: &World| {
        let (adapter, access) = (world.adapter.clone(), world.access.clone());
        async move {
            adapter
                .apply(&access, "shop", &shop("shop:1"))
                .await
                .unwrap_err()
        }
    };
    world
        .sandbox
        .allow_token("viewer", "viewer", Rights::view(&["shop"]));
    world.access.token = "viewer".to_owned().into();
    let denied: PortError = error(&world).await;
    assert_eq!(denied.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(denied, @r#"Kubernetes: applying Deployment/shop (0 of 1 were applied): deployments.apps "shop" is forbidden: User "viewer" cannot patch resource "deployments" in API group "apps" in the namespace "shop" (give the deploy role an EKS access entry whose policy, or a RoleBinding in namespace shop whose Role, allows `patch` on `deployments`)"#);

    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let denied = world.apply(&[namespace]).await.unwrap_err();
    assert_eq!(denied.kind, PortErrorKind::Denied);
    assert!(denied.said.contains("create shop with a stack"), "{denied}");

    world.access.token = "unknown".to_owned().into();
    let denied = error(&world).await;
    assert_eq!(denied.kind, PortErrorKind::Denied);
    insta::assert_snapshot!(denied, @"Kubernetes: applying Deployment/shop (0 of 1 were applied): Unauthorized (cluster shop-dev does not take the token: it has ended, or the deploy role has no access entry in the cluster)");

    world.sandbox.allow_token("admin", "admin", Rights::admin());
    world.access.token = "admin".to_owned().into();
    let nowhere = world
        .adapter
        .apply(&world.access, "nowhere", &shop("shop:1"))
        .await
        .unwrap_err();
    assert_eq!(nowhere.kind, PortErrorKind::NotFound);
    insta::assert_snapshot!(nowhere, @r#"Kubernetes: applying Deployment/shop (0 of 1 were applied): namespaces "nowhere" not found (add a Namespace manifest for nowhere to the service, or create it with a stack)"#);

    let mut wrong = shop("shop:1");
    wrong[0]["spec"]["replicas"] = json!(-1);
    let invalid = world.apply(&wrong).await.unwrap_err();
    assert_eq!(invalid.kind, PortErrorKind::Invalid, "{invalid}");

    world.access.token = "good".to_owned().into();
    world.apply(&shop("shop:1")).await.unwrap();
    let mut moved = shop("shop:1");
    moved[0]["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    moved[0]["spec"]["template"]["metadata"]["labels"]["app"] = json!("other");
    let invalid = world.apply(&moved).await.unwrap_err();
    assert_eq!(invalid.kind, PortErrorKind::Invalid, "{invalid}");
    assert!(
        invalid.said.contains("give the object another name"),
        "{invalid}"
    );
}

#[tokio::test]
async fn troubles_of_the_api_pass() {
    let mut world = World::new().await;
    let seven = Some(Duration::from_secs(7));
    for status in [429, 500, 503] {
        let fault = Fault {
            retry_after: Some(7),
            ..Fault::once("patch", status)
        };
        world.sandbox.fail_next(fault);
        let error = world.apply(&shop("shop:1")).await.unwrap_err();
        assert!(error.is_passing(), "{error}");
        if status == 429 {
            assert_eq!(
                error.kind,
                PortErrorKind::Unavailable { retry_after: seven }
            );
        }
    }
    // A certificate of another authority is nobody to talk to.
    let other = World::new().await;
    world.access.ca_pem.clone_from(&other.access.ca_pem);
    let error = world.apply(&shop("shop:1")).await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    assert!(error.said.contains("certificate"), "{error}");
    world.access.ca_pem = b"nonsense".to_vec();
    let error = world.apply(&shop("shop:1")).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
}

#[tokio::test]
async fn a_rollout_tells_how_far_it_is() {
    let world = World::new().await;
    assert_eq!(
        world.deploy(&shop("shop:1")).await,
        RolloutEnd::Ready { pods: 3 }
    );
    world.sandbox.hold_rollouts();
    let manifests = shop("shop:2");
    world.apply(&manifests).await.unwrap();
    let before = world.log.all().len();
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        world.log.until("0 of 3 ready").await;
        world.sandbox.release();
    });
    assert_eq!(end, Ok(RolloutEnd::Ready { pods: 3 }));
    let told = world.log.all().split_off(before);
    assert_eq!(told.first().unwrap(), "Watching Deployment/shop");
    assert_eq!(told.last().unwrap(), "3 of 3 ready");
    assert_eq!(
        world.sandbox.running_image("shop", "shop").as_deref(),
        Some("shop:2")
    );
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_early() {
    let world = World::new().await;
    world
        .sandbox
        .set_image_rule("shop:bad", Outcome::ImagePullBackOff);
    world.deploy(&shop("shop:1")).await;
    let (why, pods) = world.failed(&shop("shop:bad")).await;
    assert_eq!(pods.len(), 1);
    let pod = &pods[0];
    insta::assert_snapshot!(anonymous(&pod.pod, &why), @r#"Deployment/shop, container main: ImagePullBackOff: Back-off pulling image "shop:bad": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "shop:bad": failed to resolve reference "shop:bad": shop:bad: not found"#);
    assert!(matches!(
        pod.reason.as_str(),
        "ImagePullBackOff" | "ErrImagePull"
    ));
    assert_eq!(pod.container.as_deref(), Some("main"));
    assert!(pod.log.is_empty());
    insta::assert_snapshot!(anonymous(&pod.pod, &pod.events.join("\n")), @r#"
    Normal Scheduled: Successfully assigned shop/POD to NODE.ec2.internal
    Normal Pulling: Pulling image "shop:bad"
    Warning Failed: Failed to pull image "shop:bad": rpc error: code = NotFound desc = failed to pull and unpack image "shop:bad": failed to resolve reference "shop:bad": shop:bad: not found
    Warning Failed: Error: ErrImagePull
    Normal BackOff: Back-off pulling image "shop:bad"
    Warning Failed: Error: ImagePullBackOff
    "#);

    // Pods of the bad template are nobody's trouble once it is replaced.
    assert_eq!(
        world.deploy(&shop("shop:3")).await,
        RolloutEnd::Ready { pods: 3 }
    );
}

#[tokio::test]
async fn a_crash_is_shown_with_its_last_words() {
    let world = World::new().await;
    world.sandbox.set_image_rule("shop:bad", crash());
    let (why, pods) = world.failed(&shop("shop:bad")).await;
    insta::assert_snapshot!(why, @"Deployment/shop, container main: CrashLoopBackOff: exit code 3 (Error), restarted once");
    assert!((1..=3).contains(&pods.len()));
    let pod = &pods[0];
    assert_eq!(pod.reason, "CrashLoopBackOff");
    assert_eq!(pod.exit_code, Some(3));
    assert_eq!(pod.log.len(), 20);
    assert_eq!(pod.log.last().unwrap(), "line 30");
    assert!(
        pod.events
            .iter()
            .any(|event| event.starts_with("Warning BackOff")),
        "{:?}",
        pod.events
    );
}

#[tokio::test]
async fn a_pod_without_a_node_is_given_its_time() {
    let mut world = World::new().await;
    world
        .sandbox
        .set_image_rule("shop:big", Outcome::Unschedulable);
    let (why, pods) = world.failed(&shop("shop:big")).await;
    insta::assert_snapshot!(why, @"Deployment/shop: Unschedulable: 0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.");
    assert_eq!(pods[0].reason, "Unschedulable");
    assert!(!pods[0].events.is_empty());

    world.adapter.settings.unschedulable_after = LONG;
    let manifests = shop("shop:big");
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        world.log.until("finds no node").await;
        world.sandbox.set_image_rule("shop:big", Outcome::Ready);
    });
    assert_eq!(end, Ok(RolloutEnd::Ready { pods: 3 }));
}

#[tokio::test]
async fn a_deadline_tells_who_is_late() {
    let world = World::new().await;
    world
        .sandbox
        .set_image_rule("shop:lame", Outcome::NeverReady);
    let manifests = shop("shop:lame");
    world.apply(&manifests).await.unwrap();
    let end = world
        .watch_for(&manifests, Duration::from_secs(1))
        .await
        .unwrap();
    let RolloutEnd::Failed { why, pods } = end else {
        panic!("{end:?}")
    };
    assert_eq!(why, "not ready within 1 s: 0 of 3 ready");
    assert_eq!(pods[0].reason, "NotReady");
    assert_eq!(pods[0].message, "container main runs but is not ready");
    assert!(
        pods[0]
            .events
            .iter()
            .any(|event| event.starts_with("Warning Unhealthy"))
    );

    // The cluster's own deadline counts too.
    let mut manifests = manifests;
    manifests[0]["spec"]["progressDeadlineSeconds"] = json!(60);
    world.apply(&manifests).await.unwrap();
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        world.log.until("0 of 3 ready").await;
        world.clock.advance(Duration::from_secs(62));
    });
    let Ok(RolloutEnd::Failed { why, pods }) = end else {
        panic!("{end:?}")
    };
    assert!(why.contains("ProgressDeadlineExceeded"), "{why}");
    assert_eq!(pods[0].pod, "Deployment/shop");
}

#[tokio::test]
async fn a_cluster_that_was_never_seen_is_not_judged() {
    let world = World::new().await;
    let manifests = shop("shop:1");
    world.apply(&manifests).await.unwrap();
    world
        .sandbox
        .fail_next(Fault::once("list", 503).times(1000));
    let error = world
        .watch_for(&manifests, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(error.is_passing(), "{error}");
}

#[tokio::test]
async fn watches_survive_cuts_gaps_and_bad_moments() {
    let world = World::new().await;
    world.deploy(&shop("shop:1")).await;
    world.sandbox.hold_rollouts();
    let manifests = shop("shop:2");
    world.apply(&manifests).await.unwrap();
    let before = world.sandbox.journal().len();
    let asked_again = |what: &'static str, many: usize| {
        world.sandbox.until(what, SOON, move |view| {
            let calls = view.journal().iter().skip(before);
            (calls
                .filter(|call| call.path.contains("watch=true"))
                .count()
                >= many)
                .then_some(())
        })
    };
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        asked_again("three watches", 3).await.unwrap();
        // The versions that the watches would go on from are gone, and the API has a bad moment.
        world.sandbox.fail_next(Fault::once("watch", 500));
        world.sandbox.compact();
        world.sandbox.cut_watches();
        asked_again("the watches again", 6).await.unwrap();
        world.sandbox.fail_next(Fault::once("watch", 410));
        world.sandbox.cut_watches();
        asked_again("the watches once more", 9).await.unwrap();
        world.sandbox.release();
    });
    assert_eq!(end, Ok(RolloutEnd::Ready { pods: 3 }));
    assert!(
        world
            .log
            .all()
            .iter()
            .any(|line| line.ends_with("trying again"))
    );
}

#[tokio::test]
async fn an_ended_token_is_told_from_a_failed_rollout() {
    let world = World::new().await;
    world.sandbox.hold_rollouts();
    let manifests = shop("shop:1");
    world.apply(&manifests).await.unwrap();
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        world.log.until("0 of 3 ready").await;
        world
            .sandbox
            .fail_next(Fault::once("watch", 401).times(1000));
        world.sandbox.cut_watches();
    });
    let error = end.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Denied);
    assert!(
        error.said.contains("does not take the token: it has ended"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stop_is_heeded() {
    let world = World::new().await;
    world.sandbox.hold_rollouts();
    let manifests = shop("shop:1");
    world.apply(&manifests).await.unwrap();
    let (end, ()) = tokio::join!(world.watch_for(&manifests, LONG), async {
        world.log.until("0 of 3 ready").await;
        world.stop.cancel();
    });
    assert_eq!(end.unwrap_err().kind, PortErrorKind::Stopped);
}

#[tokio::test]
async fn every_kind_of_workload_is_waited_for() {
    let world = World::new().await;
    let manifests = vec![
        workload("Deployment", "shop", "shop:1"),
        workload("StatefulSet", "store", "store:1"),
        workload("DaemonSet", "agent", "agent:1"),
        workload("Job", "migrate", "migrate:1"),
    ];
    // Three of the Deployment, two of the StatefulSet, one per node, and the Job.
    assert_eq!(
        world.deploy(&manifests).await,
        RolloutEnd::Ready { pods: 9 }
    );

    for (kind, name) in [("StatefulSet", "store"), ("DaemonSet", "agent")] {
        let image = format!("{name}:bad");
        world.sandbox.set_image_rule(&image, crash());
        let (why, pods) = world.failed(&[workload(kind, name, &image)]).await;
        assert!(
            why.starts_with(&format!("{kind}/{name}, container main: CrashLoopBackOff")),
            "{why}"
        );
        assert_eq!(pods[0].exit_code, Some(3));
    }
    world.sandbox.set_image_rule("migrate:bad", crash());
    let (why, _) = world
        .failed(&[workload("Job", "migrate-2", "migrate:bad")])
        .await;
    assert!(why.contains("BackoffLimitExceeded"), "{why}");
}

#[tokio::test]
async fn what_an_autoscaler_wants_is_waited_for_and_left_alone() {
    let world = World::new().await;
    let manifests = |image: &str| {
        let mut manifests = shop(image);
        manifests[0]["spec"]
            .as_object_mut()
            .unwrap()
            .remove("replicas");
        manifests.push(json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "shop"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "minReplicas": 2,
                "maxReplicas": 4,
            },
        }));
        manifests
    };
    for image in ["shop:1", "shop:2"] {
        assert_eq!(
            world.deploy(&manifests(image)).await,
            RolloutEnd::Ready { pods: 2 }
        );
    }
}

#[tokio::test]
async fn a_namespace_that_wants_restricted_pods_fails_early() {
    let world = World::new().await;
    world
        .sandbox
        .change_object("Namespace", "", "shop", |namespace| {
            namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] =
                json!("restricted");
        });
    let (why, _) = world.failed(&shop("shop:1")).await;
    insta::assert_snapshot!(why, @r#"Deployment/shop: FailedCreate: pods "shop-k2gkd8wdng-f84g7" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "main" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "main" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localho…"#);
}

#[tokio::test]
async fn pods_that_are_not_let_in_fail_early() {
    let world = World::new().await;
    world.sandbox.hold_rollouts();
    let manifests = shop("shop:1");
    world.apply(&manifests).await.unwrap();
    let quota = "pods \"shop-x\" is forbidden: exceeded quota: pods";
    let changed = world
        .sandbox
        .change_object("Deployment", "shop", "shop", |object| {
            let conditions = object["status"]["conditions"].as_array_mut().unwrap();
            conditions.push(json!({
            "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": quota,
        }));
        });
    assert!(changed);
    let end = world.watch_for(&manifests, LONG).await.unwrap();
    let RolloutEnd::Failed { why, .. } = end else {
        panic!("{end:?}")
    };
    assert_eq!(why, format!("Deployment/shop: FailedCreate: {quota}"));
}

#[tokio::test]
async fn a_workload_that_somebody_deletes_is_missed() {
    let world = World::new().await;
    let (why, pods) = match world.watch_for(&shop("shop:1"), LONG).await.unwrap() {
        RolloutEnd::Failed { why, pods } => (why, pods),
        RolloutEnd::Ready { .. } => panic!("there is nothing"),
    };
    assert_eq!(why, "Deployment/shop: NotFound: somebody deleted it");
    assert_eq!(pods[0].pod, "Deployment/shop");
    // Manifests without a workload have nothing to wait for.
    assert_eq!(
        world.watch_for(&[], LONG).await,
        Ok(RolloutEnd::Ready { pods: 0 })
    );
}
