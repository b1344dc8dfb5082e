//! What CI does: builds a small but real image and pushes it over HTTP, bearer flow included.

use std::collections::BTreeMap;
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use thiserror::Error;

use super::Registry;
use super::auth::CI;
use super::manifests::{OCI_INDEX, OCI_MANIFEST};
use super::state::digest_of;

/// The label that says which commit an image was built from (OCI image-spec, "annotations").
const REVISION: &str = "org.opencontainers.image.revision";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image as CI would build it.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The commit that it is built from; becomes the label `org.opencontainers.image.revision`.
    pub revision: Option<String>,
    /// Further labels.
    pub labels: BTreeMap<String, String>,
    /// The command that it runs.
    pub command: Vec<String>,
    /// The files of its one layer. Without any, the layer holds the revision, so that images of
    /// different commits differ.
    pub files: BTreeMap<String, Bytes>,
}

impl Image {
    /// An image of a commit.
    #[must_use]
    pub fn of(revision: impl Into<String>) -> Self {
        Self {
            revision: Some(revision.into()),
            command: vec!["/shop".to_owned()],
            ..Self::default()
        }
    }

    /// The same image with one more label.
    #[must_use]
    pub fn with_label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// The layer: compressed, and the digest of what is inside (the configuration's `diff_id`).
    fn layer(&self) -> std::io::Result<(Vec<u8>, String)> {
        let mut files = self.files.clone();
        if files.is_empty() {
            let revision = self.revision.clone().unwrap_or_default();
            files.insert("etc/revision".to_owned(), revision.into());
        }
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in &files {
            let mut entry = tar::Header::new_gnu();
            entry.set_size(content.len() as u64);
            entry.set_mode(0o644);
            entry.set_mtime(0);
            archive.append_data(&mut entry, path, content.as_ref())?;
        }
        let archive = archive.into_inner()?;
        let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
        compressed.write_all(&archive)?;
        Ok((compressed.finish()?, digest_of(&archive)))
    }

    fn config(&self, created: &str, diff_id: &str) -> Value {
        let mut labels = self.labels.clone();
        if let Some(revision) = &self.revision {
            labels.insert(REVISION.to_owned(), revision.clone());
        }
        json!({
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": self.command, "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
            "history": [{"created": created, "created_by": "COPY . /"}],
        })
    }
}

/// Why a push failed.
#[derive(Debug, Error)]
pub enum PushError {
    /// The layer could not be built.
    #[error("the layer could not be built: {0}")]
    Layer(#[from] std::io::Error),
    /// The registry could not be reached or cut the connection.
    #[error("the registry did not answer: {0}")]
    Transport(#[from] reqwest::Error),
    /// The registry refused.
    #[error("the registry answered {status} to {step}: {body}")]
    Refused {
        /// What was being done.
        step: &'static str,
        /// The status of the answer.
        status: u16,
        /// Its body.
        body: String,
    },
    /// An answer lacked something that the specification demands.
    #[error("the registry's answer to {0} lacks what the specification demands")]
    Malformed(&'static str),
}

impl Registry {
    /// Pushes an image under a tag, as CI does, and returns the manifest's digest.
    ///
    /// # Errors
    /// When the registry refuses or the layer can't be built.
    pub async fn push_image(
        &self,
        repository: &str,
        tag: &str,
        image: Image,
    ) -> Result<String, PushError> {
        let session = Session::open(self, repository).await?;
        let (layer, diff_id) = image.layer()?;
        let created = self.shared.clock.now().to_string();
        let config = image.config(&created, &diff_id).to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
        });
        session.push_blob(layer).await?;
        session.push_blob(config).await?;
        session.push_manifest(tag, OCI_MANIFEST, &manifest).await
    }

    /// Pushes an image index over manifests that the repository already holds, one per platform
    /// (`("linux", "arm64", digest)`), and returns its digest.
    ///
    /// # Errors
    /// When the registry refuses, for example because a manifest is unknown to it.
    pub async fn push_index(
        &self,
        repository: &str,
        tag: &str,
        images: &[(&str, &str, &str)],
    ) -> Result<String, PushError> {
        let session = Session::open(self, repository).await?;
        let size_of = |digest: &str| {
            let state = self.shared.state();
            let repository = state.repositories.get(repository);
            repository
                .and_then(|repository| repository.manifests.get(digest))
                .map_or(0, |manifest| manifest.bytes.len())
        };
        let manifests: Vec<Value> = images
            .iter()
            .map(|(os, architecture, digest)| {
                json!({
                    "mediaType": OCI_MANIFEST,
                    "digest": digest,
                    "size": size_of(digest),
                    "platform": {"os": os, "architecture": architecture},
                })
            })
            .collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
        });
        session.push_manifest(tag, OCI_INDEX, &index).await
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest_of(content), "size": content.len()})
}

/// A push under way: a token for one repository.
struct Session {
    http: Client,
    base: String,
    repository: String,
    token: String,
}

impl Session {
    /// Asks, is challenged, and fetches a token.
    async fn open(registry: &Registry, repository: &str) -> Result<Self, PushError> {
        let http = Client::builder().no_proxy().build()?;
        let base = format!("http://{}", registry.host());
        let challenged = http.get(format!("{base}/v2/")).send().await?;
        let realm = challenged
            .headers()
            .get(header::WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split('"').nth(1))
            .ok_or(PushError::Malformed("the challenge"))?;
        let password = {
            let state = registry.shared.state();
            state.users.get(CI).map(|ci| ci.password.clone())
        };
        let answer = http
            .get(format!("{realm}?scope=repository:{repository}:pull,push"))
            .basic_auth(CI, password)
            .send()
            .await?;
        let answer: Value = succeed("the token request", answer).await?.json().await?;
        let token = answer["token"]
            .as_str()
            .ok_or(PushError::Malformed("the token request"))?
            .to_owned();
        Ok(Self {
            http,
            base,
            repository: repository.to_owned(),
            token,
        })
    }

    async fn push_blob(&self, content: Vec<u8>) -> Result<(), PushError> {
        let digest = digest_of(&content);
        let repository = &self.repository;
        let known = self
            .http
            .head(format!("{}/v2/{repository}/blobs/{digest}", self.base))
            .bearer_auth(&self.token)
            .send()
            .await?;
        if known.status().is_success() {
            return Ok(());
        }
        let started = self
            .http
            .post(format!("{}/v2/{repository}/blobs/uploads/", self.base))
            .bearer_auth(&self.token)
            .send()
            .await?;
        let started = succeed("the start of an upload", started).await?;
        let location = started
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or(PushError::Malformed("the start of an upload"))?;
        let stored = self
            .http
            .put(format!("{}{location}?digest={digest}", self.base))
            .bearer_auth(&self.token)
            .body(content)
            .send()
            .await?;
        succeed("the upload of a blob", stored).await.map(drop)
    }

    async fn push_manifest(
        &self,
        tag: &str,
        media_type: &'static str,
        manifest: &Value,
    ) -> Result<String, PushError> {
        let step = "the push of a manifest";
        let stored = self
            .http
            .put(format!(
                "{}/v2/{}/manifests/{tag}",
                self.base, self.repository
            ))
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, media_type)
            .body(manifest.to_string())
            .send()
            .await?;
        let stored = succeed(step, stored).await?;
        let digest = stored.headers().get("docker-content-digest");
        digest
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
            .ok_or(PushError::Malformed(step))
    }
}

async fn succeed(step: &'static str, answer: Response) -> Result<Response, PushError> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    Err(PushError::Refused {
        step,
        status: answer.status().as_u16(),
        body: answer.text().await?,
    })
}
