//! The only file that names every adapter: from settings to a process that serves and works.

mod artifacts;
mod isolation;
mod scratch;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use axum::Router;
use secrecy::SecretString;
use slipway_core::ids::RunId;
use slipway_core::ports::{Clock, Cloud, Forge, ForgeWriter, PortResult, Store, WorkerId};
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;

use crate::adapters::aws::{AwsCloud, AwsSettings, OwnIdentity, WebIdentity};
use crate::adapters::git::{GitSettings, GitSource};
use crate::adapters::github::{GitHub, GitHubSettings};
use crate::adapters::kubernetes::{KubernetesCluster, KubernetesSettings};
use crate::adapters::kustomize::{KustomizeCli, KustomizeSettings};
use crate::adapters::registry::{OciRegistry, RegistryHost, RegistrySettings};
use crate::adapters::store::SqlStore;
use crate::adapters::terraform::{
    CredentialsBy, DownloadSettings, TerraformCli, TerraformSettings, Timeouts,
};
use crate::bells::Bells;
use crate::capacity::Capacity;
use crate::gather::Gather;
use crate::intake::{self, Intake};
use crate::ports::Ports;
use crate::process::Bubblewrap;
use crate::reporter::Reporter;
use crate::runner::Runner;
use crate::secrets::{Secrets, Vault};
use crate::settings::{self, Settings, TerraformCredentials};
use crate::web::{self, Explain, Pages};
use crate::worker::Worker;

/// A process that is ready to serve.
pub struct Slipway {
    listener: TcpListener,
    address: SocketAddr,
    routes: Router,
    worker: Arc<Worker>,
    bells: Arc<Bells>,
}

/// Ends a [`Slipway`] from outside, and sees whether it has anything left to do.
#[derive(Clone)]
pub struct Handle {
    bells: Arc<Bells>,
    store: Arc<dyn Store>,
}

impl Handle {
    /// Asks it to finish what is in hand and end.
    pub fn close(&self) {
        self.bells.close();
    }

    /// How many deliveries are not worked off and how many reports are not written yet.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn backlog(&self) -> PortResult<u64> {
        let deliveries = self.store.pending_deliveries().await?;
        Ok(deliveries + self.store.pending_reports().await?)
    }
}

impl Slipway {
    /// Makes every adapter, checks what can be checked, and opens the port.
    ///
    /// # Errors
    /// With what is wrong with the settings or the machine, and what to do.
    pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let cloud = Arc::new(cloud(&settings, Arc::clone(&clock))?);
        let secrets = Secrets::read(&settings, cloud.as_ref()).await?;
        let data_dir = settings.data_dir.clone();
        std::fs::create_dir_all(&data_dir)
            .with_context(|| format!("making the data directory {}", data_dir.display()))?;
        // A relative path would mean something else inside a worktree.
        let data_dir = std::path::absolute(&data_dir)?;
        let store: Arc<dyn Store> = Arc::new(SqlStore::open(&settings.database()).await?);
        // One SQLite file has one process: whatever was in hand belongs to one that is dead.
        store.break_leases(clock.now()).await?;
        let github = Arc::new(github(&settings, &secrets, Arc::clone(&clock))?);
        let forge: Arc<dyn Forge> = github.clone();
        let writer: Arc<dyn ForgeWriter> = github;
        let outside = Outside {
            store,
            forge,
            cloud,
            clock: Arc::clone(&clock),
        };
        let ports = ports(&settings, &secrets, &data_dir, outside).await?;
        let bells = Arc::new(Bells::default());
        let gather = Gather {
            forge: Arc::clone(&ports.forge),
            source: Arc::clone(&ports.source),
            store: Arc::clone(&ports.store),
            clock: Arc::clone(&clock),
        };
        let intake = Arc::new(Intake {
            store: Arc::clone(&ports.store),
            clock: Arc::clone(&clock),
            bells: Arc::clone(&bells),
            secret: secrets.webhook_secret()?,
            app_id: settings.github.app_id,
            allow: settings.github.allow.clone(),
        });
        let pages = Arc::new(Pages {
            store: Arc::clone(&ports.store),
            clock: Arc::clone(&clock),
        });
        let explain = Arc::new(Explain::new(gather.clone(), settings.github.allow.clone()));
        let routes = intake::routes(intake)
            .merge(web::routes(pages, explain))
            .layer(CatchPanicLayer::new())
            .layer(TraceLayer::new_for_http());
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("listening on {}", settings.listen))?;
        let address = listener.local_addr()?;
        let capacity = Capacity::here(settings.limits.terraform_runs);
        tracing::info!(
            terraform_runs = capacity.runs,
            bound = %capacity.bound,
            "so many runs of Terraform at a time"
        );
        let worker = Arc::new(Worker {
            id: WorkerId(format!("{:032x}", rand::random::<u128>())),
            runner: Arc::new(Runner::new(
                ports.clone(),
                gather.clone(),
                Arc::clone(&bells),
                capacity.runs,
                data_dir,
                settings.artifacts.keep_plans,
            )),
            reporter: Reporter {
                store: Arc::clone(&ports.store),
                writer,
                gather: gather.clone(),
                clock,
                public_url: settings.public_url.clone(),
            },
            ports,
            gather,
            bells: Arc::clone(&bells),
            keep_plans: settings.artifacts.keep_plans,
            limits: settings.limits,
        });
        Ok(Self {
            listener,
            address,
            routes,
            worker,
            bells,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How to end it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            bells: Arc::clone(&self.bells),
            store: Arc::clone(&self.worker.ports.store),
        }
    }

    /// Serves and works until it is closed; then finishes what is in hand.
    ///
    /// # Errors
    /// When the server or a lane fails.
    pub async fn serve(self) -> anyhow::Result<()> {
        tracing::info!(address = %self.address, "Slipway serves");
        let done = tokio_util::sync::CancellationToken::new();
        let stopped = done.clone();
        let server = tokio::spawn(
            axum::serve(self.listener, self.routes)
                .with_graceful_shutdown(async move { stopped.cancelled().await })
                .into_future(),
        );
        // Deliveries are stored to the last moment: the door closes after the lanes have ended.
        let worked = self.worker.work().await;
        done.cancel();
        server.await??;
        tracing::info!("Slipway ends");
        worked
    }
}

/// The state that the backend of a run did not take, decrypted: for a person who pushes it.
///
/// # Errors
/// With what is wrong with the settings, or with the state.
pub async fn kept_state(
    settings: &Settings,
    clock: Arc<dyn Clock>,
    run: &RunId,
) -> anyhow::Result<Vec<u8>> {
    let secrets = Secrets::read(settings, &cloud(settings, clock)?).await?;
    artifacts::state(settings, &secrets, run).await
}

/// Secrets are read by the bot's own identity in AWS.
#[async_trait]
impl Vault for AwsCloud {
    async fn secret(&self, region: &str, id: &str) -> PortResult<SecretString> {
        self.secret_value(region, id).await
    }
}

fn cloud(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<AwsCloud> {
    let aws = &settings.aws;
    let identity = match (&aws.access_key_id, &aws.secret_access_key) {
        (Some(id), Some(secret)) => {
            let secret = secret.read_here().context("aws.secret_access_key")?;
            let secret = secret.context("aws.secret_access_key is not on this machine")?;
            OwnIdentity::Keys(id.clone(), secret)
        }
        _ => settings::web_identity().map_or(OwnIdentity::Environment, |found| {
            OwnIdentity::WebIdentity(WebIdentity {
                token_file: found.token_file,
                role_arn: found.role_arn,
                session_name: found.session_name,
            })
        }),
    };
    Ok(AwsCloud::new(AwsSettings {
        endpoint_url: aws.endpoint_url.clone(),
        region: aws.region.clone(),
        identity,
        clock,
        timeout: settings.limits.call_timeout,
    }))
}

fn github(settings: &Settings, secrets: &Secrets, clock: Arc<dyn Clock>) -> anyhow::Result<GitHub> {
    Ok(GitHub::new(GitHubSettings {
        api_url: settings.github.api_url.clone(),
        web_url: settings.github.web_url.clone(),
        app_id: settings.github.app_id,
        private_key_pem: secrets.private_key()?,
        clock,
        timeout: settings.limits.call_timeout,
    })?)
}

/// The ports that are there before the others.
struct Outside {
    store: Arc<dyn Store>,
    forge: Arc<dyn Forge>,
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
}

async fn ports(
    settings: &Settings,
    secrets: &Secrets,
    data_dir: &std::path::Path,
    outside: Outside,
) -> anyhow::Result<Ports> {
    let limits = &settings.limits;
    let source = GitSource::new(GitSettings::in_dir(data_dir.join("git")));
    let git = source.version().await?;
    source.clean().await?;
    let isolation = isolation::of(settings).await?;
    let terraform = TerraformCli::new(TerraformSettings {
        program: settings.terraform.program.clone(),
        versions_dir: settings.terraform.versions_dir.clone(),
        download: downloads(settings, data_dir),
        timeouts: Timeouts {
            init: limits.init_timeout,
            plan: limits.plan_timeout,
            apply: limits.apply_timeout,
            state_lock: limits.state_lock_timeout,
            ..Timeouts::default()
        },
        grace: limits.stop_grace,
        provider_cache: settings
            .terraform
            .provider_cache
            .then(|| data_dir.join("providers")),
        cli_config: settings.terraform.cli_config.clone(),
        credentials: match settings.terraform.credentials {
            TerraformCredentials::Endpoint => CredentialsBy::Endpoint,
            TerraformCredentials::Environment => CredentialsBy::Environment,
        },
        isolation: isolation.clone(),
        extra_env: settings.terraform.env.clone().into_iter().collect(),
    })?;
    let terraform_version = terraform.version().await?.named();
    tracing::info!(git, terraform = terraform_version, "the tools are there");
    let renderer = renderer(settings, data_dir, isolation).await?;
    let artifacts = artifacts::open(settings, secrets, data_dir)?;
    artifacts.tidy().context("tidying the plan files up")?;
    scratch::clear(data_dir).context("removing what killed runs left in clear text")?;
    let source = Arc::new(source);
    let mut shelves = terraform.shelves();
    shelves.push(source.clone());
    Ok(Ports {
        store: outside.store,
        forge: outside.forge,
        shelves,
        source,
        cloud: outside.cloud,
        terraform: Arc::new(terraform),
        registry: Arc::new(OciRegistry::new(registries(settings, secrets))?),
        renderer: Arc::new(renderer),
        cluster: Arc::new(KubernetesCluster::new(KubernetesSettings {
            timeout: limits.call_timeout,
            ..KubernetesSettings::default()
        })),
        artifacts: Arc::new(artifacts),
        clock: outside.clock,
    })
}

/// How versions of Terraform and OpenTofu are downloaded, if they may be.
fn downloads(settings: &Settings, data_dir: &std::path::Path) -> Option<DownloadSettings> {
    let terraform = &settings.terraform;
    terraform.download.then(|| DownloadSettings {
        terraform: terraform.mirror.terraform.clone(),
        opentofu: terraform.mirror.opentofu.clone(),
        sums: terraform.sums.clone(),
        cache: data_dir.join("tools"),
        timeout: settings.limits.init_timeout,
        silence: settings.limits.call_timeout,
    })
}

/// A bot whose services are plain YAML needs no kubectl: without one it starts, and refuses what it
/// can't render.
async fn renderer(
    settings: &Settings,
    data_dir: &std::path::Path,
    isolation: Option<Arc<Bubblewrap>>,
) -> anyhow::Result<KustomizeCli> {
    let renderer = KustomizeCli::new(KustomizeSettings {
        program: settings.kubernetes.kustomize.clone(),
        scratch: data_dir.join("kustomize"),
        isolation,
    })
    .context("making the directory for renderings")?;
    match renderer.version().await {
        Ok(version) => tracing::info!(version, "kustomizations can be rendered"),
        Err(error) => tracing::warn!(
            %error,
            "services whose manifests are a kustomization can't be deployed"
        ),
    }
    Ok(renderer)
}

fn registries(settings: &Settings, secrets: &Secrets) -> RegistrySettings {
    let mut hosts = std::collections::BTreeMap::new();
    for (host, known) in &settings.registries {
        hosts.insert(
            host.clone(),
            RegistryHost {
                username: known.username.clone(),
                password: secrets.registry(host),
                endpoint: known.endpoint.clone(),
            },
        );
    }
    RegistrySettings {
        hosts,
        timeout: settings.limits.call_timeout,
    }
}
