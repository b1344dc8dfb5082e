//! The cluster as real clients see it: over TLS, with `kube` and plain HTTP.

mod applying;
mod patching;
mod refusals;
mod rollouts;
mod scaling;
mod watching;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::*;

const ADMIN: &str = "admin-token";
const SOON: Duration = Duration::from_secs(10);

struct Fixture {
    cluster: Cluster,
    clock: WorldClock,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        Self::pulling_from(None).await
    }

    async fn pulling_from(registry: Option<Registry>) -> Self {
        let clock = WorldClock::default();
        let cluster = Cluster::start(ClusterConfig {
            name: "shop-dev".to_owned(),
            clock: clock.clone(),
            sts_url: "http://127.0.0.1:9/".to_owned(),
            registry,
        });
        let cluster = cluster.await.unwrap();
        cluster.allow_token(ADMIN, "admin", Rights::admin());
        cluster.create_namespace("shop");
        let client = client(&cluster, ADMIN);
        Self {
            cluster,
            clock,
            client,
        }
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), "shop")
    }

    async fn apply(&self, object: &Value) -> kube::Result<DynamicObject> {
        self.apply_as("slipway", false, object).await
    }

    async fn apply_as(
        &self,
        manager: &str,
        force: bool,
        object: &Value,
    ) -> kube::Result<DynamicObject> {
        let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let types = object.types.clone().unwrap();
        let (group, version) = match types.api_version.split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", types.api_version.as_str()),
        };
        let kind = kube::core::GroupVersionKind::gvk(group, version, &types.kind);
        let (resource, _) = kube::discovery::pinned_kind(&self.client, &kind).await?;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), "shop", &resource);
        let name = object.metadata.name.clone().unwrap();
        let mut params = PatchParams::apply(manager);
        params.force = force;
        api.patch(&name, &params, &Patch::Apply(&object)).await
    }

    /// Waits for a condition of the Deployment `shop` and hands back its message.
    async fn condition(&self, kind: &str, reason: &str) -> String {
        let what = format!("{kind} is {reason}");
        let found = self.cluster.until(&what, SOON, |view| {
            let object = view.object("Deployment", "shop", "shop")?;
            let conditions = object["status"]["conditions"].as_array()?.clone();
            conditions
                .into_iter()
                .find(|one| one["type"] == kind && one["reason"] == reason)
        });
        found.await.unwrap()["message"].as_str().unwrap().to_owned()
    }

    fn event(&self, reason: &str) -> Option<String> {
        let events = self.cluster.events("shop");
        let event = events.iter().find(|event| event["reason"] == reason)?;
        Some(event["message"].as_str().unwrap().to_owned())
    }
}

fn client(cluster: &Cluster, token: &str) -> Client {
    let mut config = kube::Config::new(cluster.endpoint().parse().unwrap());
    let ca = CertificateDer::from_pem_slice(cluster.ca_pem().as_bytes()).unwrap();
    config.root_cert = Some(vec![ca.to_vec()]);
    config.default_retry = false;
    config.auth_info.token = Some(token.to_owned().into());
    Client::try_from(config).unwrap()
}

/// A plain HTTP client that trusts the cluster.
fn http(cluster: &Cluster) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(cluster.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .build()
        .unwrap()
}

fn shop(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "shop", "namespace": "shop", "labels": {"app": "shop"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{
                    "name": "shop",
                    "image": image,
                    "ports": [{"containerPort": 8080}],
                    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                }]},
            },
        },
    })
}

fn refusal(error: kube::Error) -> kube::core::Status {
    match error {
        kube::Error::Api(status) => *status,
        other => panic!("not an answer of the API server: {other}"),
    }
}
