//! OCI registries: which digest a tag names now, and which commit the image says it is from.
//!
//! Only reads. References and documents are `oci-client`'s; the requests are made here, because its
//! client drops what this adapter owes its callers: the status of a refused token request (a
//! registry in trouble would look like a wrong password) and every `Retry-After`; and it reads
//! bodies of any length.

mod door;
mod error;
mod revision;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use oci_client::Reference;
use oci_client::manifest::OciManifest;
use secrecy::SecretString;
use slipway_core::ids::Digest;
use slipway_core::ports::{Image, PortError, PortErrorKind, PortResult, Registry};
use url::Url;

use self::door::{Document, Door};
use self::error::Call;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// What is known of single registries, by their host (and port) as images name it. Others are
    /// read over https without credentials.
    pub hosts: BTreeMap<String, RegistryHost>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// What is known of one registry.
#[derive(Clone, Debug, Default)]
pub struct RegistryHost {
    /// The user. GHCR takes any name beside a personal access token, and no token of an App.
    pub username: Option<String>,
    /// The password or token of the user.
    pub password: Option<SecretString>,
    /// Where to ask instead: a pull-through mirror, or a registry without TLS on this machine.
    pub endpoint: Option<Url>,
}

/// Registries over the OCI distribution protocol.
#[derive(Debug)]
pub struct OciRegistry {
    door: Door,
}

impl OciRegistry {
    /// Registries that nothing was asked of yet.
    ///
    /// # Errors
    /// When the settings contradict themselves or no TLS client can be made.
    pub fn new(settings: RegistrySettings) -> PortResult<Self> {
        Ok(Self {
            door: Door::new(settings)?,
        })
    }

    async fn look(&self, reference: &Reference) -> PortResult<Option<Image>> {
        let call = Call::new(format!("reading {}", reference.whole()));
        let Some(top) = self.door.manifest(&call, reference).await? else {
            return Ok(None);
        };
        let digest = Digest::parse(top.digest.clone())
            .map_err(|error| call.error(error.to_string(), PortErrorKind::Invalid))?;
        let revision = self.revision(&call, reference, &top).await?;
        Ok(Some(Image { digest, revision }))
    }

    /// The label of the image itself; of a multi-platform image, the one of the platform that
    /// clusters run first, else what the index says.
    async fn revision(
        &self,
        call: &Call,
        reference: &Reference,
        top: &Document,
    ) -> PortResult<Option<String>> {
        let index = match parse(call, top)? {
            OciManifest::Image(image) => {
                let config = self
                    .door
                    .blob(call, reference, &image.config.digest)
                    .await?;
                return Ok(revision::of_config(&config)
                    .or_else(|| revision::of_annotations(image.annotations.as_ref())));
            }
            OciManifest::ImageIndex(index) => index,
        };
        if let Some(platform) = revision::platform(&index) {
            let reference = reference.clone_with_digest(platform.to_owned());
            let inner = self.door.manifest(call, &reference).await?;
            if let Some(inner) = inner
                && let OciManifest::Image(image) = parse(call, &inner)?
            {
                let config = self
                    .door
                    .blob(call, &reference, &image.config.digest)
                    .await?;
                if let Some(revision) = revision::of_config(&config) {
                    return Ok(Some(revision));
                }
            }
        }
        Ok(revision::of_annotations(index.annotations.as_ref()))
    }
}

fn parse(call: &Call, document: &Document) -> PortResult<OciManifest> {
    serde_json::from_slice(&document.bytes).map_err(|error| {
        call.error(
            format!("the manifest can't be read: {error}"),
            PortErrorKind::Invalid,
        )
    })
}

fn reference(image: &str, rest: &str) -> PortResult<Reference> {
    let whole = format!("{image}{rest}");
    whole
        .parse()
        .map_err(|error: oci_client::ParseError| PortError {
            system: error::REGISTRY,
            doing: format!("reading {whole}"),
            said: format!("this is not an image: {error}"),
            kind: PortErrorKind::Invalid,
        })
}

#[async_trait]
impl Registry for OciRegistry {
    async fn resolve(&self, image: &str, tag: &str) -> PortResult<Option<Image>> {
        self.look(&reference(image, &format!(":{tag}"))?).await
    }

    async fn inspect(&self, image: &str, digest: &Digest) -> PortResult<Option<Image>> {
        self.look(&reference(image, &format!("@{digest}"))?).await
    }
}
