use kube::api::{ListParams, PostParams};

use super::*;

async fn patch(fixture: &Fixture, patch: Patch<Value>) -> kube::Result<Deployment> {
    let params = PatchParams::default();
    fixture.deployments().patch("shop", &params, &patch).await
}

fn image(deployment: &Deployment) -> String {
    let value = serde_json::to_value(deployment).unwrap();
    let image = &value["spec"]["template"]["spec"]["containers"][0]["image"];
    image.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_strategic_patch_finds_the_container_a_merge_patch_replaces_the_list() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let container = json!([{"name": "shop", "image": "shop:2"}]);
    let change = json!({"spec": {"template": {"spec": {"containers": container}}}});
    let patched = patch(&fixture, Patch::Strategic(change.clone()))
        .await
        .unwrap();
    assert_eq!(image(&patched), "shop:2");
    let object = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    let env = &object["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(env[1]["name"], "B");

    patch(&fixture, Patch::Merge(change)).await.unwrap();
    let object = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    let env = &object["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(*env, Value::Null);

    let away = json!([{"name": "shop", "$patch": "delete"}, {"name": "web", "image": "web:1"}]);
    let change = json!({"spec": {"template": {"spec": {"containers": away}}}});
    let patched = patch(&fixture, Patch::Strategic(change)).await.unwrap();
    assert_eq!(image(&patched), "web:1");
}

#[tokio::test]
async fn a_json_patch_is_all_or_nothing() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let url = format!(
        "{}/apis/apps/v1/namespaces/shop/deployments/shop",
        fixture.cluster.endpoint()
    );
    let send = async |body: Value| {
        let request = http(&fixture.cluster).patch(&url).bearer_auth(ADMIN);
        let request = request
            .header("content-type", "application/json-patch+json")
            .body(body.to_string());
        request.send().await.unwrap().status().as_u16()
    };
    let path = "/spec/template/spec/containers/0/image";
    let wrong = json!([
        {"op": "replace", "path": path, "value": "shop:2"},
        {"op": "test", "path": "/spec/replicas", "value": 9},
    ]);
    assert_eq!(send(wrong).await, 422);
    let object = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    assert_eq!(object.pointer(path).unwrap(), "shop:1");
    let right = json!([
        {"op": "test", "path": path, "value": "shop:1"},
        {"op": "replace", "path": path, "value": "shop:2"},
        {"op": "add", "path": "/metadata/labels/a~1b", "value": "c"},
        {"op": "remove", "path": "/spec/template/spec/containers/0/env/0"},
    ]);
    assert_eq!(send(right).await, 200);
    let object = fixture
        .cluster
        .object("Deployment", "shop", "shop")
        .unwrap();
    assert_eq!(object.pointer(path).unwrap(), "shop:2");
    assert_eq!(object["metadata"]["labels"]["a/b"], "c");
    let env = &object["spec"]["template"]["spec"]["containers"][0]["env"];
    assert_eq!(*env, json!([{"name": "B", "value": "2"}]));
}

#[tokio::test]
async fn an_unknown_field_is_dropped_refused_when_strict_and_never_applied() {
    let fixture = Fixture::new().await;
    let mut typo = shop("shop:1");
    typo["spec"]["replica"] = json!(2);
    let refused = refusal(fixture.apply(&typo).await.unwrap_err());
    assert_eq!(refused.code, 500);
    assert_eq!(
        refused.message,
        "failed to create typed patch object (shop/shop; apps/v1, Kind=Deployment): \
         .spec.replica: field not declared in schema"
    );
    let create = async |query: &str| {
        let path = "apis/apps/v1/namespaces/shop/deployments";
        let url = format!("{}/{path}{query}", fixture.cluster.endpoint());
        let request = http(&fixture.cluster).post(url).bearer_auth(ADMIN);
        let answer = request.body(typo.to_string()).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let strict = create("?fieldValidation=Strict").await;
    assert_eq!(
        strict["message"],
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: \
         unknown field \"spec.replica\""
    );
    let lax = create("").await;
    assert_eq!(lax["spec"].get("replica"), None);
    assert_eq!(lax["spec"]["replicas"], 3);
}

#[tokio::test]
async fn quantities_are_stored_as_text_and_nulls_not_at_all() {
    let fixture = Fixture::new().await;
    let mut deployment = shop("shop:1");
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    container["resources"] = json!({"limits": {"cpu": 1, "memory": "64Mi"}});
    container["command"] = Value::Null;
    for _ in 0..2 {
        let applied = fixture.apply(&deployment).await.unwrap();
        let container = &applied.data["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            container["resources"]["limits"],
            json!({"cpu": "1", "memory": "64Mi"})
        );
        assert_eq!(container.get("command"), None);
        assert_eq!(applied.metadata.generation, Some(1));
    }
}

#[tokio::test]
async fn scale_and_status_are_objects_of_their_own() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let api = fixture.deployments();
    let params = PatchParams::default();
    let one = Patch::Merge(json!({"spec": {"replicas": 1}}));
    let scaled = api.patch_scale("shop", &params, &one).await.unwrap();
    assert_eq!(scaled.spec.unwrap().replicas, Some(1));
    assert_eq!(fixture.cluster.pods("shop").len(), 1);
    assert_eq!(
        api.get_scale("shop")
            .await
            .unwrap()
            .status
            .unwrap()
            .replicas,
        1
    );

    let status = json!({"spec": {"replicas": 7}, "status": {"collisionCount": 4}});
    let status = Patch::Merge(status);
    let patched = api.patch_status("shop", &params, &status).await.unwrap();
    assert_eq!(patched.spec.unwrap().replicas, Some(1));
}

#[tokio::test]
async fn generated_names_differ_and_a_namespace_takes_all_with_it() {
    let fixture = Fixture::new().await;
    let api: Api<k8s_openapi::api::core::v1::ConfigMap> =
        Api::namespaced(fixture.client.clone(), "shop");
    let map = json!({"metadata": {"generateName": "run-"}, "data": {"a": "b"}});
    let map = serde_json::from_value(map).unwrap();
    for _ in 0..2 {
        let made = api.create(&PostParams::default(), &map).await.unwrap();
        assert!(made.metadata.name.unwrap().starts_with("run-"));
    }
    assert_eq!(
        api.list(&ListParams::default()).await.unwrap().items.len(),
        2
    );
    let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(fixture.client.clone());
    namespaces
        .delete("shop", &kube::api::DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(
        api.list(&ListParams::default()).await.unwrap().items.len(),
        0
    );
    let refused = refusal(api.create(&PostParams::default(), &map).await.unwrap_err());
    assert_eq!(refused.message, "namespaces \"shop\" not found");
}
