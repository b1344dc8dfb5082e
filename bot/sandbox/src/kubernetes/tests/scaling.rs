//! Autoscalers, claims, the kinds of the whole cluster, and what namespaces ask of pods.

use kube::core::GroupVersionKind;

use super::*;

fn autoscaler(least: i64, most: i64) -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            "minReplicas": least,
            "maxReplicas": most,
        },
    })
}

fn without_replicas(image: &str) -> Value {
    let mut object = shop(image);
    object["spec"].as_object_mut().unwrap().remove("replicas");
    object
}

fn keeper() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "keeper", "namespace": "shop"},
        "spec": {
            "serviceName": "keeper",
            "selector": {"matchLabels": {"app": "keeper"}},
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "storageClassName": "fast",
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
            "template": {
                "metadata": {"labels": {"app": "keeper"}},
                "spec": {"containers": [{"name": "keeper", "image": "keeper:1"}]},
            },
        },
    })
}

fn fast() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "fast"},
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    })
}

fn told(text: &str, expected: &str) {
    assert!(text.contains(expected), "{text}");
}

impl Fixture {
    async fn apply_cluster_wide(&self, object: &Value) -> kube::Result<DynamicObject> {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let types = object.types.clone().unwrap();
        let (group, version) = types.api_version.split_once('/').unwrap();
        let kind = GroupVersionKind::gvk(group, version, &types.kind);
        let (resource, capabilities) = kube::discovery::pinned_kind(&self.client, &kind).await?;
        assert_eq!(capabilities.scope, kube::discovery::Scope::Cluster);
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let name = object.metadata.name.clone().unwrap();
        let params = PatchParams::apply("admin");
        api.patch(&name, &params, &Patch::Apply(&object)).await
    }
}

#[tokio::test]
async fn an_autoscaler_keeps_what_a_deployment_leaves_open() {
    let fixture = Fixture::new().await;
    fixture.apply(&without_replicas("shop:1")).await.unwrap();
    assert_eq!(fixture.cluster.pods("shop").len(), 1);
    fixture.apply(&autoscaler(2, 4)).await.unwrap();
    assert_eq!(fixture.cluster.pods("shop").len(), 2);
    let again = fixture.apply(&without_replicas("shop:2")).await.unwrap();
    assert_eq!(again.data["spec"]["replicas"], 2);
    assert_eq!(fixture.cluster.pods("shop").len(), 2);

    let refused = fixture.apply(&shop("shop:3")).await.unwrap_err();
    told(
        &refusal(refused).message,
        r#"conflict with "kube-controller-manager" using apps/v1 at "#,
    );
    let refused = fixture.apply(&autoscaler(5, 4)).await.unwrap_err();
    told(
        &refusal(refused).message,
        "spec.maxReplicas: Invalid value: 4: must be greater than or equal to `minReplicas`",
    );
}

#[tokio::test]
async fn a_claim_is_bound_once_its_class_is_there() {
    let fixture = Fixture::new().await;
    fixture.apply(&keeper()).await.unwrap();
    told(
        &fixture.event("FailedScheduling").unwrap(),
        r#"storageclass.storage.k8s.io "fast" not found"#,
    );
    let phase = || {
        let claim = fixture
            .cluster
            .object("PersistentVolumeClaim", "shop", "data-keeper-0");
        claim.unwrap()["status"]["phase"].clone()
    };
    assert_eq!(phase(), "Pending");

    fixture.apply_cluster_wide(&fast()).await.unwrap();
    assert_eq!(phase(), "Bound");
    let set = fixture
        .cluster
        .object("StatefulSet", "shop", "keeper")
        .unwrap();
    assert_eq!(set["status"]["readyReplicas"], 1);
    let pod = &fixture.cluster.pods("shop")[0];
    let volume = &pod["spec"]["volumes"][0];
    assert_eq!(
        volume["persistentVolumeClaim"]["claimName"],
        "data-keeper-0"
    );

    // The claim outlives its set.
    let sets: Api<k8s_openapi::api::apps::v1::StatefulSet> =
        Api::namespaced(fixture.client.clone(), "shop");
    sets.delete("keeper", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(phase(), "Bound");
}

#[tokio::test]
async fn the_claims_of_a_stateful_set_are_fixed() {
    let fixture = Fixture::new().await;
    fixture.apply(&keeper()).await.unwrap();
    fixture.apply(&keeper()).await.unwrap();
    let mut larger = keeper();
    larger["spec"]["template"]["spec"]["containers"][0]["image"] = json!("keeper:2");
    fixture.apply(&larger).await.unwrap();
    larger["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] =
        json!("2Gi");
    let refused = fixture.apply(&larger).await.unwrap_err();
    told(
        &refusal(refused).message,
        "updates to statefulset spec for fields other than",
    );
}

#[tokio::test]
async fn a_storage_class_is_fixed() {
    let fixture = Fixture::new().await;
    fixture.apply_cluster_wide(&fast()).await.unwrap();
    let mut other = fast();
    other["reclaimPolicy"] = json!("Retain");
    let refused = fixture.apply_cluster_wide(&other).await.unwrap_err();
    told(
        &refusal(refused).message,
        r#"reclaimPolicy: Invalid value: "Retain": field is immutable"#,
    );
}

#[tokio::test]
async fn kinds_of_the_same_name_are_kept_apart() {
    let fixture = Fixture::new().await;
    for (api_version, scheme) in [
        ("eks.amazonaws.com/v1", "internal"),
        ("elbv2.k8s.aws/v1beta1", "internet-facing"),
    ] {
        let params = json!({
            "apiVersion": api_version,
            "kind": "IngressClassParams",
            "metadata": {"name": "alb"},
            "spec": {"scheme": scheme},
        });
        let stored = fixture.apply_cluster_wide(&params).await.unwrap();
        assert_eq!(stored.data["spec"]["scheme"], scheme);
        let class = json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IngressClass",
            "metadata": {"name": scheme},
            "spec": {"controller": "eks.amazonaws.com/alb"},
        });
        fixture.apply_cluster_wide(&class).await.unwrap();
    }
    let mut wrong = fast();
    wrong["provisionr"] = json!("x");
    let refused = fixture.apply_cluster_wide(&wrong).await.unwrap_err();
    told(
        &refusal(refused).message,
        ".provisionr: field not declared in schema",
    );
}

#[tokio::test]
async fn a_namespace_refuses_pods_that_are_not_restricted() {
    let fixture = Fixture::new().await;
    let restricted = fixture
        .cluster
        .change_object("Namespace", "", "shop", |namespace| {
            namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] =
                json!("restricted");
        });
    assert!(restricted);
    fixture.apply(&shop("shop:1")).await.unwrap();
    assert_eq!(fixture.cluster.pods("shop").len(), 0);
    let told_of = fixture.event("FailedCreate").unwrap();
    told(
        &told_of,
        "violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false",
    );

    let mut good = shop("shop:1");
    let spec = &mut good["spec"]["template"]["spec"];
    spec["securityContext"] = json!({
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    spec["containers"][0]["securityContext"] = json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
    });
    fixture.apply(&good).await.unwrap();
    assert_eq!(fixture.cluster.pods("shop").len(), 3);

    good["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "host", "hostPath": {"path": "/"}}]);
    fixture.apply(&good).await.unwrap();
    let sets: Api<k8s_openapi::api::apps::v1::ReplicaSet> =
        Api::namespaced(fixture.client.clone(), "shop");
    let sets = sets.list(&kube::api::ListParams::default()).await.unwrap();
    let messages: Vec<String> = sets
        .into_iter()
        .filter_map(|set| set.status?.conditions?.into_iter().next()?.message)
        .collect();
    assert!(
        messages
            .iter()
            .any(|it| it.contains("volume type \"hostPath\"")),
        "{messages:?}"
    );
}
