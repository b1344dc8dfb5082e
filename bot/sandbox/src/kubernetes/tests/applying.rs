use super::*;

fn env_of(object: &DynamicObject) -> Value {
    object.data["spec"]["template"]["spec"]["containers"][0]["env"].clone()
}

#[tokio::test]
async fn applying_the_same_again_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture
        .condition("Progressing", "NewReplicaSetAvailable")
        .await;
    let before = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    fixture.apply(&shop("shop:1")).await.unwrap();
    let after = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    assert_eq!(before, after);
    assert_eq!(after["metadata"]["generation"], 1);
}

#[tokio::test]
async fn what_a_manager_no_longer_applies_is_gone_unless_another_owns_it() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let mut other = shop("shop:1");
    other["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{"name": "B", "value": "2"}]);
    fixture.apply_as("other", false, &other).await.unwrap();

    let mut less = shop("shop:1");
    less["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    less["metadata"]["labels"] = json!({"tier": "web"});
    let applied = fixture.apply(&less).await.unwrap();
    assert_eq!(env_of(&applied), json!([{"name": "B", "value": "2"}]));
    let labels = applied.metadata.labels.clone().unwrap();
    assert_eq!(labels.get("app").map(String::as_str), Some("shop"));

    let mut none = shop("shop:1");
    none["spec"]["template"]["spec"]["containers"][0]
        .as_object_mut()
        .unwrap()
        .remove("env");
    none["metadata"].as_object_mut().unwrap().remove("labels");
    let applied = fixture.apply_as("other", false, &none).await.unwrap();
    assert_eq!(env_of(&applied), json!([]));
    let labels = applied.metadata.labels.clone().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["tier"]);
}

#[tokio::test]
async fn a_conflict_names_the_owner_and_the_field_and_force_takes_it_over() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let patch = json!({"spec": {"replicas": 5}});
    let params = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..PatchParams::default()
    };
    let patch = Patch::Merge(&patch);
    let edited = fixture.deployments().patch("shop", &params, &patch).await;
    assert_eq!(edited.unwrap().spec.unwrap().replicas, Some(5));

    let refused = refusal(fixture.apply(&shop("shop:2")).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    let message = &refused.message;
    assert!(
        message.starts_with(
            "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using apps/v1 at "
        ) && message.ends_with(": .spec.replicas"),
        "{message}"
    );
    let causes = refused.details.unwrap().causes;
    assert_eq!(causes[0].field, ".spec.replicas");
    assert_eq!(causes[0].reason, "FieldManagerConflict");

    let forced = fixture
        .apply_as("slipway", true, &shop("shop:2"))
        .await
        .unwrap();
    assert_eq!(forced.data["spec"]["replicas"], 3);
    let managers: Vec<_> = forced.metadata.managed_fields.unwrap();
    assert_eq!(managers.len(), 1);
    fixture.apply(&shop("shop:3")).await.unwrap();
}

#[tokio::test]
async fn items_are_found_by_their_keys_in_conflicts_too() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let mut other = shop("shop:2");
    other["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = json!("9");
    let refused = refusal(fixture.apply_as("other", false, &other).await.unwrap_err());
    assert_eq!(
        refused.message,
        "Apply failed with 2 conflicts: conflicts with \"slipway\":\n\
         - .spec.template.spec.containers[name=\"shop\"].env[name=\"A\"].value\n\
         - .spec.template.spec.containers[name=\"shop\"].image"
    );
}

#[tokio::test]
async fn a_sidecar_of_another_manager_stays() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let sidecar = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [{"name": "mesh", "image": "mesh:1"}]}}},
    });
    fixture.apply_as("mesh", false, &sidecar).await.unwrap();
    let applied = fixture.apply(&shop("shop:2")).await.unwrap();
    let containers = &applied.data["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0]["image"], "shop:2");
    assert_eq!(containers[1]["name"], "mesh");
}

#[tokio::test]
async fn owned_fields_are_written_as_kubernetes_writes_them() {
    let fixture = Fixture::new().await;
    let applied = fixture.apply(&shop("shop:1")).await.unwrap();
    let entry = serde_json::to_value(&applied.metadata.managed_fields.unwrap()[0]).unwrap();
    assert_eq!(entry["manager"], "slipway");
    assert_eq!(entry["operation"], "Apply");
    let containers = &entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"];
    assert_eq!(
        containers["k:{\"name\":\"shop\"}"]["f:ports"],
        json!({"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}})
    );
    assert_eq!(
        entry["fieldsV1"]["f:metadata"],
        json!({"f:labels": {"f:app": {}}})
    );
}

#[tokio::test]
async fn an_apply_needs_a_manager_and_a_namespace_and_a_dry_run_leaves_no_trace() {
    let fixture = Fixture::new().await;
    let url = format!(
        "{}/apis/apps/v1/namespaces/shop/deployments/shop",
        fixture.cluster.endpoint()
    );
    let request = http(&fixture.cluster)
        .patch(&url)
        .bearer_auth(ADMIN)
        .header("content-type", "application/apply-patch+yaml")
        .body(shop("shop:1").to_string());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let status: Value = answer.json().await.unwrap();
    assert_eq!(
        status["message"],
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );

    let api: Api<Deployment> = Api::namespaced(fixture.client.clone(), "nowhere");
    let mut away = shop("shop:1");
    away["metadata"]["namespace"] = json!("nowhere");
    let params = PatchParams::apply("slipway");
    let refused = api.patch("shop", &params, &Patch::Apply(&away)).await;
    let refused = refusal(refused.unwrap_err());
    assert_eq!(refused.code, 404);
    assert_eq!(refused.message, "namespaces \"nowhere\" not found");

    let dry = params.dry_run();
    let wish = Patch::Apply(shop("shop:1"));
    let tried = fixture.deployments().patch("shop", &dry, &wish).await;
    assert_eq!(tried.unwrap().spec.unwrap().replicas, Some(3));
    assert_eq!(fixture.cluster.object("Deployment", "shop", "shop"), None);
}

#[tokio::test]
async fn an_invalid_object_is_told_field_by_field() {
    let fixture = Fixture::new().await;
    let mut broken = shop("shop:1");
    broken["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    broken["spec"]["template"]["spec"]["containers"][0]["image"] = json!("");
    let refused = refusal(fixture.apply(&broken).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (422, "Invalid"));
    let causes = refused.details.unwrap().causes;
    let fields: Vec<_> = causes.iter().map(|cause| cause.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.template.metadata.labels",
            "spec.template.spec.containers[0].image"
        ]
    );
    broken["spec"]["replicas"] = json!("three");
    let refused = refusal(fixture.apply(&broken).await.unwrap_err());
    assert_eq!(refused.code, 400);

    fixture.apply(&shop("shop:1")).await.unwrap();
    let mut other = shop("shop:1");
    other["spec"]["selector"]["matchLabels"] = json!({"tier": "web"});
    other["spec"]["template"]["metadata"]["labels"]["tier"] = json!("web");
    let refused = refusal(fixture.apply(&other).await.unwrap_err());
    assert_eq!(refused.code, 422);
    assert!(
        refused.message.ends_with("field is immutable"),
        "{}",
        refused.message
    );
}

#[tokio::test]
async fn a_replace_of_an_old_version_is_refused() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let api = fixture.deployments();
    let mut stale = api.get("shop").await.unwrap();
    fixture.apply(&shop("shop:2")).await.unwrap();
    stale.spec.as_mut().unwrap().replicas = Some(9);
    let refused = api
        .replace("shop", &kube::api::PostParams::default(), &stale)
        .await;
    let refused = refusal(refused.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (409, "Conflict"));
    let mut fresh = api.get("shop").await.unwrap();
    fresh.spec.as_mut().unwrap().replicas = Some(1);
    api.replace("shop", &kube::api::PostParams::default(), &fresh)
        .await
        .unwrap();
    assert_eq!(fixture.cluster.pods("shop").len(), 1);
    let refused = api
        .create(
            &kube::api::PostParams::default(),
            &serde_json::from_value(shop("shop:1")).unwrap(),
        )
        .await;
    assert_eq!(refusal(refused.unwrap_err()).reason, "AlreadyExists");
}
