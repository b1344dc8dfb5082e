//! From a worktree to the manifests of a service, pinned to a digest.
//!
//! A directory with a kustomization is rendered by the Renderer port; any other is plain YAML. What
//! comes of either goes through the same checks of the core.

mod tree;

use std::path::Path;

use slipway_core::config::ImageRepository;
use slipway_core::ids::{CommitSha, Digest, RunId};
use slipway_core::manifests::kustomization::Kustomization;
use slipway_core::manifests::{self, Manifest, ManifestError, Mark};
use slipway_core::ports::{PortError, PortErrorKind, Renderer, Stop};
use slipway_core::spec::ServiceSpec;

use tree::Files;

/// There are no manifests to be applied.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// What is written can't be used, in a sentence for whoever wrote it.
    #[error("{0}")]
    Refused(String),
    /// What is written could not be rendered, for no fault of its own.
    #[error(transparent)]
    Port(PortError),
}

impl From<ManifestError> for RenderError {
    fn from(error: ManifestError) -> Self {
        Self::Refused(match &error.help {
            Some(help) => format!("{error} ({help})"),
            None => error.to_string(),
        })
    }
}

impl From<PortError> for RenderError {
    fn from(error: PortError) -> Self {
        match error.kind {
            PortErrorKind::Invalid => Self::Refused(error.said),
            _ => Self::Port(error),
        }
    }
}

/// Renders the manifests of services.
#[derive(Clone, Copy)]
pub struct Render<'a> {
    /// Renders kustomizations.
    pub renderer: &'a dyn Renderer,
    /// The files of the released commit.
    pub root: &'a Path,
    /// Ends it early.
    pub stop: &'a dyn Stop,
}

impl Render<'_> {
    /// Reads or renders, confines, pins and marks the manifests of a service.
    ///
    /// # Errors
    /// If they are missing, malformed, leave the repository or the namespace, or run other images;
    /// and if they could not be rendered.
    pub async fn pinned(
        self,
        service: &ServiceSpec,
        digest: &Digest,
        commit: &CommitSha,
        run: &RunId,
    ) -> Result<Vec<serde_json::Value>, RenderError> {
        let refused = |why: String| RenderError::Refused(why);
        let mut parsed = self.read(&service.manifests).await?;
        manifests::confine(&parsed, &service.namespace)?;
        let image = ImageRepository::parse(&service.image).map_err(|e| refused(e.to_string()))?;
        manifests::pin(&mut parsed, &image, digest).map_err(|e| refused(e.to_string()))?;
        manifests::mark(&mut parsed, &Mark { run, commit });
        Ok(parsed.into_iter().map(Manifest::into_json).collect())
    }

    /// The manifests of a service as they are written, for looking at what the cluster runs.
    ///
    /// # Errors
    /// If they are missing or malformed, or could not be rendered.
    pub async fn as_written(
        self,
        service: &ServiceSpec,
    ) -> Result<Vec<serde_json::Value>, RenderError> {
        let parsed = self.read(&service.manifests).await?;
        Ok(parsed.into_iter().map(Manifest::into_json).collect())
    }

    async fn read(self, place: &str) -> Result<Vec<Manifest>, RenderError> {
        let (root, owned) = (self.root.to_path_buf(), place.to_owned());
        match off_the_lanes(move || gather(&root, &owned)).await? {
            Written::Plain(manifests) => Ok(manifests),
            Written::Kustomization(kustomization) => {
                let rendered = self.renderer.render(&kustomization, self.stop).await?;
                let place = place.to_owned();
                let parse = move || Ok(manifests::parse_rendered(&place, &rendered)?);
                off_the_lanes(parse).await
            }
        }
    }
}

/// What is at the place of a service's manifests.
enum Written {
    Plain(Vec<Manifest>),
    Kustomization(Kustomization),
}

fn gather(root: &Path, place: &str) -> Result<Written, RenderError> {
    let files = Files::new(root);
    files.check(place).map_err(RenderError::Refused)?;
    if let Some(kustomization) = Kustomization::gather(&files, place)? {
        return Ok(Written::Kustomization(kustomization));
    }
    let files = files.yaml(place).map_err(RenderError::Refused)?;
    Ok(Written::Plain(manifests::parse(&files)?))
}

/// Reads files and YAML where it keeps nobody waiting: up to 16 MiB may take a while.
async fn off_the_lanes<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RenderError> + Send + 'static,
) -> Result<T, RenderError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| {
            Err(RenderError::Port(PortError {
                system: "manifests",
                doing: "reading them".to_owned(),
                said: panicked.to_string(),
                kind: PortErrorKind::Unavailable { retry_after: None },
            }))
        })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use async_trait::async_trait;
    use slipway_core::ports::PortResult;

    use super::*;
    use crate::process::Unstoppable;

    /// Says what it was given, as a manifest.
    struct Echo;

    #[async_trait]
    impl Renderer for Echo {
        async fn render(&self, given: &Kustomization, _: &dyn Stop) -> PortResult<String> {
            let names: Vec<&String> = given.files().keys().collect();
            let said = format!("{}: {names:?}", given.dir());
            if names.len() > 2 {
                return Err(PortError {
                    system: "kustomize",
                    doing: "rendering".to_owned(),
                    said,
                    kind: PortErrorKind::Invalid,
                });
            }
            Ok(format!(
                "{DEPLOYMENT}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: other\ndata:\n  said: '{said}'\n"
            ))
        }
    }

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\nspec:\n  template:\n    spec:\n      containers:\n        - name: shop\n          image: ghcr.io/acme/shop\n";

    fn service() -> ServiceSpec {
        ServiceSpec {
            name: "shop".parse().unwrap(),
            image: "ghcr.io/acme/shop".to_owned(),
            manifests: "app/k8s/dev".to_owned(),
            cluster: "shop-dev".to_owned(),
            namespace: "shop".to_owned(),
            image_wait: std::time::Duration::from_secs(60),
            rollout: std::time::Duration::from_secs(60),
            provenance: slipway_core::config::Provenance::Label,
        }
    }

    fn rendered(write: impl FnOnce(&Path)) -> Result<Vec<serde_json::Value>, String> {
        let root = tempfile::tempdir().unwrap();
        write(root.path());
        let digest = Digest::parse(format!("sha256:{}", "a".repeat(64))).unwrap();
        let commit = CommitSha::parse("b".repeat(40)).unwrap();
        let render = Render {
            renderer: &Echo,
            root: root.path(),
            stop: &Unstoppable,
        };
        let (service, run) = (service(), RunId::from_bits(1));
        let pinned = render.pinned(&service, &digest, &commit, &run);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let pinned = runtime.unwrap().block_on(pinned);
        pinned.map_err(|error| error.to_string())
    }

    fn dir(root: &Path) -> PathBuf {
        let dir = root.join("app/k8s/dev");
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn every_image_of_the_service_is_pinned() {
        let manifests = rendered(|root| {
            std::fs::write(dir(root).join("shop.yaml"), DEPLOYMENT).unwrap();
            std::fs::write(dir(root).join("notes.txt"), "not yaml: [").unwrap();
        })
        .unwrap();
        let image = &manifests[0]["spec"]["template"]["spec"]["containers"][0]["image"];
        let image = image.as_str().unwrap();
        assert!(
            image.starts_with("ghcr.io/acme/shop@sha256:aaaa"),
            "{image}"
        );
    }

    #[test]
    fn what_is_missing_or_leads_out_is_said() {
        let missing = rendered(|_| {}).unwrap_err();
        insta::assert_snapshot!(missing, @"app/k8s/dev does not exist in this commit");
        let empty = rendered(|root| {
            dir(root);
        })
        .unwrap_err();
        insta::assert_snapshot!(empty, @"app/k8s/dev holds no .yaml or .yml file");
        let link = rendered(|root| {
            std::fs::create_dir_all(root.join("app/k8s")).unwrap();
            std::os::unix::fs::symlink("/etc", root.join("app/k8s/dev")).unwrap();
        })
        .unwrap_err();
        insta::assert_snapshot!(link, @"app/k8s/dev leads through a symbolic link, which is not followed");
    }

    fn kustomization(root: &Path, text: &str) {
        std::fs::write(dir(root).join("kustomization.yaml"), text).unwrap();
        std::fs::write(dir(root).join("shop.yaml"), DEPLOYMENT).unwrap();
        std::fs::write(dir(root).join("other.yaml"), "not yaml: [").unwrap();
    }

    #[test]
    fn a_kustomization_is_rendered_and_then_held_to_the_same_rules() {
        let refused = rendered(|root| kustomization(root, "resources: [shop.yaml]")).unwrap_err();
        insta::assert_snapshot!(refused, @"app/k8s/dev (rendered):12: ConfigMap/a is meant for namespace other, the service's is shop (leave `metadata.namespace` out: it is filled in)");
        let broken = rendered(|root| kustomization(root, "resources: [shop.yaml, other.yaml]"));
        insta::assert_snapshot!(broken.unwrap_err(), @r#"app/k8s/dev: ["app/k8s/dev/kustomization.yaml", "app/k8s/dev/other.yaml", "app/k8s/dev/shop.yaml"]"#);
    }

    #[test]
    fn a_kustomization_is_made_of_the_commit() {
        let link = rendered(|root| {
            kustomization(root, "resources: [shop.yaml, link.yaml]");
            std::os::unix::fs::symlink("/etc/passwd", dir(root).join("link.yaml")).unwrap();
        });
        insta::assert_snapshot!(link.unwrap_err(), @"app/k8s/dev/kustomization.yaml:1: `resources` names link.yaml: app/k8s/dev/link.yaml leads through a symbolic link, which is not followed");
        let big = rendered(|root| {
            kustomization(root, "configMapGenerator: [{name: a, files: [big]}]");
            std::fs::write(dir(root).join("big"), vec![0; 5 * 1024 * 1024]).unwrap();
        });
        insta::assert_snapshot!(big.unwrap_err(), @"app/k8s/dev/kustomization.yaml:1: `configMapGenerator` names big: app/k8s/dev/big is larger than 4 MiB");
    }
}
