use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, WatchEvent, WatchParams};

use super::*;

#[tokio::test]
async fn a_watch_tells_every_step_from_the_version_of_the_list() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let api = fixture.deployments();
    let list = api.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    fixture.apply(&shop("shop:2")).await.unwrap();
    let watch = api.watch(&WatchParams::default(), &version).await.unwrap();
    let mut watch = watch.boxed();
    let mut updated = Vec::new();
    while let Some(WatchEvent::Modified(deployment)) = watch.try_next().await.unwrap() {
        let status = deployment.status.unwrap();
        if status.observed_generation != deployment.metadata.generation {
            continue;
        }
        let conditions = status.conditions.unwrap_or_default();
        updated.push(status.updated_replicas.unwrap_or(0));
        let done = conditions.iter().any(|one| {
            one.type_ == "Progressing" && one.reason.as_deref() == Some("NewReplicaSetAvailable")
        });
        if done && status.updated_replicas == Some(3) && status.replicas == Some(3) {
            break;
        }
    }
    updated.dedup();
    assert!(
        updated.is_sorted_by(|a, b| a <= b) || updated[0] == 3,
        "{updated:?}"
    );
    assert!(updated.contains(&1) && updated.contains(&2), "{updated:?}");
}

#[tokio::test]
async fn a_selector_turns_leaving_into_deletion() {
    let fixture = Fixture::new().await;
    let api = fixture.deployments();
    let params = WatchParams::default().labels("app in (shop, web), !old");
    let mut watch = api.watch(&params, "0").await.unwrap().boxed();
    fixture.apply(&shop("shop:1")).await.unwrap();
    let added = watch.try_next().await.unwrap().unwrap();
    assert!(matches!(added, WatchEvent::Added(_)), "{added:?}");
    let mut old = shop("shop:1");
    old["metadata"]["labels"]["old"] = json!("yes");
    fixture.apply(&old).await.unwrap();
    loop {
        match watch.try_next().await.unwrap().unwrap() {
            WatchEvent::Modified(_) => {}
            WatchEvent::Deleted(deployment) => {
                assert_eq!(deployment.metadata.name.as_deref(), Some("shop"));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_is_told_410() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    fixture.cluster.compact();
    let api = fixture.deployments();
    let mut watch = api
        .watch(&WatchParams::default(), "1")
        .await
        .unwrap()
        .boxed();
    match watch.try_next().await.unwrap().unwrap() {
        WatchEvent::Error(status) => {
            assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
            assert!(status.message.starts_with("too old resource version: 1 ("));
        }
        other => panic!("{other:?}"),
    }
    assert!(watch.try_next().await.unwrap().is_none());
    let list = api.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    let mut watch = api
        .watch(&WatchParams::default(), &version)
        .await
        .unwrap()
        .boxed();
    fixture.apply(&shop("shop:2")).await.unwrap();
    let next = watch.try_next().await.unwrap().unwrap();
    assert!(matches!(next, WatchEvent::Modified(_)), "{next:?}");
}

#[tokio::test]
async fn a_watch_can_be_cut_off_refused_and_ends_by_itself_with_a_bookmark() {
    let fixture = Fixture::new().await;
    let api = fixture.deployments();
    let mut watch = api
        .watch(&WatchParams::default(), "0")
        .await
        .unwrap()
        .boxed();
    fixture.cluster.cut_watches();
    let cut = watch.next().await;
    // `kube` tells a connection that breaks off as the end of the stream.
    assert!(matches!(cut, None | Some(Err(_))), "{cut:?}");

    fixture
        .cluster
        .fail_next(Fault::once("watch", 500).times(2));
    for _ in 0..2 {
        let refused = api.watch(&WatchParams::default(), "0").await.err().unwrap();
        assert_eq!(refusal(refused).code, 500);
    }
    let params = WatchParams::default().timeout(1);
    let mut watch = api.watch(&params, "0").await.unwrap().boxed();
    let last = watch.try_next().await.unwrap().unwrap();
    assert!(matches!(last, WatchEvent::Bookmark(_)), "{last:?}");
    assert!(watch.try_next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let fixture = Fixture::new().await;
    fixture.apply(&shop("shop:1")).await.unwrap();
    let pods: Api<k8s_openapi::api::core::v1::Pod> =
        Api::namespaced(fixture.client.clone(), "shop");
    let first = pods.list(&ListParams::default().limit(2)).await.unwrap();
    let token = first.metadata.continue_.clone().unwrap();
    let rest = pods
        .list(&ListParams::default().limit(2).continue_token(&token))
        .await
        .unwrap();
    assert_eq!((first.items.len(), rest.items.len()), (2, 1));
    assert_eq!(rest.metadata.continue_, None);
    let all: Api<Deployment> = Api::all(fixture.client.clone());
    assert_eq!(
        all.list(&ListParams::default()).await.unwrap().items.len(),
        1
    );
}

#[tokio::test]
async fn everything_can_be_discovered() {
    let fixture = Fixture::new().await;
    let discovery = kube::Discovery::new(fixture.client.clone()).run().await;
    let discovery = discovery.unwrap();
    for resource in discovery::RESOURCES {
        let kind =
            kube::core::GroupVersionKind::gvk(resource.group, resource.version, resource.kind);
        let (found, capabilities) = discovery.resolve_gvk(&kind).unwrap();
        assert_eq!(found.plural, resource.plural);
        let namespaced = capabilities.scope == kube::discovery::Scope::Namespaced;
        assert_eq!(namespaced, resource.namespaced, "{}", resource.kind);
    }
}

#[tokio::test]
async fn kubectl_gets_its_table() {
    let fixture = Fixture::new().await;
    fixture
        .cluster
        .set_image_rule("shop:bad", Outcome::ImagePullBackOff);
    let mut one = shop("shop:bad");
    one["spec"]["replicas"] = json!(1);
    fixture.apply(&one).await.unwrap();
    let url = format!("{}/api/v1/namespaces/shop/pods", fixture.cluster.endpoint());
    let request = http(&fixture.cluster).get(url).bearer_auth(ADMIN).header(
        "accept",
        "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    );
    let table: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(table["kind"], "Table");
    assert_eq!(table["columnDefinitions"][2]["name"], "Status");
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    assert_eq!(
        cells[1..4],
        [json!("0/1"), json!("ImagePullBackOff"), json!(0)]
    );
}
