//! This repository as its own first customer: every manifest in it applies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use serde_json::{Value, json};
use slipway::adapters::kubernetes::{KubernetesCluster, KubernetesSettings};
use slipway::adapters::kustomize::{KustomizeCli, KustomizeSettings};
use slipway::process::Unstoppable;
use slipway::render::Render;
use slipway::settings::Settings;
use slipway_core::config::Config;
use slipway_core::ids::{CommitSha, Digest, EnvName, RunId};
use slipway_core::ports::{Cluster as _, ClusterAccess, RolloutEnd, RunLog};
use slipway_core::spec::ServiceSpec;
use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::kubernetes::{Cluster, ClusterConfig, Rights};

use crate::harness;

const ADMIN: &str = "admin-token";
const DEPLOYER: &str = "deploy-token";
const SOON: Duration = Duration::from_secs(30);

/// The root of this repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Silent;

impl RunLog for Silent {
    fn line(&self, _: &str) {}
    fn progress(&self, _: &str, _: Option<(u32, u32)>) {}
}

/// A cluster as its administrator leaves it (`infra/02-eks/cluster`), and who deploys to it.
struct Place {
    cluster: Cluster,
    dir: tempfile::TempDir,
}

impl Place {
    async fn new() -> anyhow::Result<Self> {
        let config = ClusterConfig {
            name: "shop-dev".to_owned(),
            clock: WorldClock::default(),
            sts_url: "http://127.0.0.1:9/".to_owned(),
            registry: None,
        };
        let cluster = Cluster::start(config).await?;
        cluster.allow_token(ADMIN, "admin", Rights::admin());
        Ok(Self {
            cluster,
            dir: tempfile::tempdir()?,
        })
    }

    /// Does what getting-started says: `kubectl apply -k DIR`, as an administrator.
    async fn prepare(&self, compute: &str) -> anyhow::Result<()> {
        let ca = base64::engine::general_purpose::STANDARD.encode(self.cluster.ca_pem());
        let named = |kind: &str, value: Value| json!([{"name": "it", kind: value}]);
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": named("context", json!({"cluster": "it", "user": "it"})),
            "users": named("user", json!({"token": ADMIN})),
            "clusters": named("cluster", json!({
                "server": self.cluster.endpoint(),
                "certificate-authority-data": ca,
            })),
        });
        let path = self.dir.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig.to_string())?;
        let mut kubectl = Command::new(harness::program("KUBECTL", "kubectl")?);
        kubectl
            .args(["apply", "-k"])
            .arg(root().join("infra/02-eks/cluster").join(compute))
            .env("KUBECONFIG", &path)
            .env("HOME", self.dir.path());
        let output = tokio::task::spawn_blocking(move || kubectl.output()).await??;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "kubectl apply -k {compute}: {said}"
        );
        println!("{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// Lets somebody in who may edit one namespace and nothing else, as the deploy role does.
    fn deployer(&self, namespace: &str) -> ClusterAccess {
        let rights = Rights::edit(&[namespace]);
        self.cluster.allow_token(DEPLOYER, "slipway-deploy", rights);
        ClusterAccess {
            name: self.cluster.name().to_owned(),
            endpoint: self.cluster.endpoint(),
            ca_pem: self.cluster.ca_pem().as_bytes().to_vec(),
            token: DEPLOYER.to_owned().into(),
        }
    }

    /// Deploys a service of deploy.toml the way that the bot does; gives its ready pods.
    async fn deploy(&self, service: &ServiceSpec, version: char) -> anyhow::Result<u32> {
        let renderer = KustomizeCli::new(KustomizeSettings {
            program: harness::program("KUBECTL", "kubectl")?,
            scratch: self.dir.path().join("kustomize"),
            isolation: None,
        })?;
        let root = root();
        let render = Render {
            renderer: &renderer,
            root: &root,
            stop: &Unstoppable,
        };
        let digest = Digest::parse(format!("sha256:{}", version.to_string().repeat(64)))?;
        let commit = CommitSha::parse(version.to_string().repeat(40))?;
        let run = RunId::from_bits(1);
        let manifests = render.pinned(service, &digest, &commit, &run).await?;
        let access = self.deployer(&service.namespace);
        let adapter = KubernetesCluster::new(KubernetesSettings {
            timeout: SOON,
            unschedulable_after: Duration::ZERO,
        });
        let namespace = &service.namespace;
        adapter.apply(&access, namespace, &manifests).await?;
        let end = adapter
            .rollout(&access, namespace, &manifests, SOON, &Silent, &Unstoppable)
            .await?;
        let pods = match end {
            RolloutEnd::Ready { pods } => pods,
            RolloutEnd::Failed { why, pods } => {
                anyhow::bail!("{}: {why}: {pods:?}", service.manifests)
            }
        };
        let images = adapter
            .running_images(&access, namespace, &manifests)
            .await?;
        let wanted = format!("{}@{digest}", service.image);
        ensure!(!images.is_empty(), "{} runs nothing", service.manifests);
        for (workload, image) in images {
            ensure!(image == wanted, "{workload} runs {image}, not {wanted}");
        }
        self.nothing_dangles(namespace)?;
        Ok(pods)
    }

    /// Whether all that the pods of a namespace name is there.
    fn nothing_dangles(&self, namespace: &str) -> anyhow::Result<()> {
        for pod in self.cluster.pods(namespace) {
            for (kind, name) in named_by(&pod["spec"]) {
                let found = self.cluster.object(kind, namespace, &name);
                found.with_context(|| format!("there is no {kind}/{name}"))?;
            }
        }
        Ok(())
    }
}

/// The objects that the specification of a pod needs in its namespace.
fn named_by(spec: &Value) -> Vec<(&'static str, String)> {
    let mut names = Vec::new();
    let mut add = |kind, name: &Value| names.extend(name.as_str().map(|it| (kind, it.to_owned())));
    add("ServiceAccount", &spec["serviceAccountName"]);
    for volume in spec["volumes"].as_array().into_iter().flatten() {
        add("ConfigMap", &volume["configMap"]["name"]);
        add("Secret", &volume["secret"]["secretName"]);
        add(
            "PersistentVolumeClaim",
            &volume["persistentVolumeClaim"]["claimName"],
        );
    }
    for container in spec["containers"].as_array().into_iter().flatten() {
        for source in container["envFrom"].as_array().into_iter().flatten() {
            add("ConfigMap", &source["configMapRef"]["name"]);
            add("Secret", &source["secretRef"]["name"]);
        }
    }
    names
}

/// A service of deploy.toml in an environment.
fn service(name: &str, env: &str) -> anyhow::Result<ServiceSpec> {
    let text = std::fs::read_to_string(root().join("deploy.toml"))?;
    let config = Config::check(&text)
        .config
        .context("deploy.toml has errors")?;
    let service = config
        .services
        .iter()
        .find(|service| service.name.as_str() == name);
    Ok(ServiceSpec::new(
        service.with_context(|| format!("deploy.toml has no service {name}"))?,
        &env.parse::<EnvName>()?,
    ))
}

/// Deploys two releases one after the other to a cluster of this compute.
async fn released(name: &str, env: &str, compute: &str) -> anyhow::Result<u32> {
    let place = Place::new().await?;
    place.prepare(compute).await?;
    let service = service(name, env)?;
    place.deploy(&service, 'a').await?;
    // The same once more: nothing in it is fixed at creation, and nobody else owns a field of it.
    place.deploy(&service, 'b').await
}

/// The settings that Slipway is deployed with are settings, and its pod is given the time that they
/// promise to effects under way.
#[test]
fn slipways_own_settings_are_good() {
    let base = root().join("bot/k8s/base/stateful-set.yaml");
    let set: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(base).unwrap()).unwrap();
    let pod = &set["spec"]["template"]["spec"];
    let patience = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
    for env in ["dev", "prod"] {
        let file = root().join("bot/k8s").join(env).join("slipway.toml");
        let settings = Settings::load(&file).unwrap();
        let needed = settings.limits.shutdown_grace + settings.limits.stop_grace;
        assert!(needed.as_secs() < patience, "{env}: {needed:?}");
        // The port of the pod is the one that is listened on, on every address.
        let port = &pod["containers"][0]["ports"][0]["containerPort"];
        assert_eq!(port.as_u64(), Some(settings.listen.port().into()));
        assert!(settings.listen.ip().is_unspecified());
        // What is written there is the volume that outlives the pod.
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let data = settings.data_dir.to_str();
        assert!(
            mounts
                .iter()
                .any(|mount| mount["name"] == "data" && mount["mountPath"].as_str() == data)
        );
    }
}

#[tokio::test]
async fn the_shop_deploys_to_dev() {
    assert_eq!(released("shop", "dev", "auto-mode").await.unwrap(), 1);
}

#[tokio::test]
async fn the_shop_deploys_to_prod() {
    assert_eq!(released("shop", "prod", "managed-nodes").await.unwrap(), 3);
}

#[tokio::test]
async fn slipway_deploys_to_dev() {
    assert_eq!(released("slipway", "dev", "auto-mode").await.unwrap(), 1);
}

#[tokio::test]
async fn slipway_deploys_to_prod() {
    assert_eq!(
        released("slipway", "prod", "managed-nodes").await.unwrap(),
        1
    );
}

#[tokio::test]
async fn on_fargate_the_shop_deploys_and_slipway_finds_no_disk() {
    assert_eq!(released("shop", "dev", "fargate").await.unwrap(), 1);
    let error = released("slipway", "dev", "fargate")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("storageclass.storage.k8s.io \"slipway\" not found"),
        "{error}"
    );
}
