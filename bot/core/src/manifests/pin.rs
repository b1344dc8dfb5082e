//! From "the image of this commit" to one digest, in every place of the manifests that runs it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Manifest;
use crate::config::ImageRepository;
use crate::ids::{CommitSha, Digest, RunId};

/// The manifests run other images than the service's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no container runs {image}: {}", self.instead())]
pub struct ImageNotFound {
    /// The image of the service.
    pub image: String,
    /// The images that are there.
    pub found: Vec<String>,
}

impl ImageNotFound {
    fn instead(&self) -> String {
        if self.found.is_empty() {
            "the manifests run no image at all".to_owned()
        } else {
            format!("the manifests run {}", self.found.join(", "))
        }
    }
}

/// Sets every image of the service's repository, whatever its tag or digest, to one digest:
/// containers and init containers of every kind (custom ones too), and image volumes. Returns how
/// many places were set; none is left by tag.
///
/// # Errors
/// When no manifest runs the image: a deploy would change nothing.
pub fn pin(
    manifests: &mut [Manifest],
    image: &ImageRepository,
    digest: &Digest,
) -> Result<usize, ImageNotFound> {
    let mut pins = Pins {
        image: image.to_string(),
        digest,
        set: 0,
        others: BTreeSet::new(),
    };
    for manifest in manifests {
        // Their fields are data, not images that somebody runs.
        if !matches!(manifest.kind(), "ConfigMap" | "Secret") {
            pins.visit(&mut manifest.json);
        }
    }
    if pins.set == 0 {
        return Err(ImageNotFound {
            image: pins.image,
            found: pins.others.into_iter().collect(),
        });
    }
    Ok(pins.set)
}

struct Pins<'a> {
    image: String,
    digest: &'a Digest,
    set: usize,
    others: BTreeSet<String>,
}

impl Pins<'_> {
    /// Looks at every `image` (and `image.reference`, of an image volume) at any depth. The depth
    /// is bounded by the parser.
    fn visit(&mut self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.visit(item)),
            Value::Object(fields) => {
                if let Some(image) = fields.get_mut("image") {
                    self.set(image);
                    if let Some(reference) = image.get_mut("reference") {
                        self.set(reference);
                    }
                }
                fields.values_mut().for_each(|field| self.visit(field));
            }
            _ => {}
        }
    }

    fn set(&mut self, value: &mut Value) {
        let Value::String(text) = value else { return };
        if same_repository(text, &self.image) {
            *text = format!("{}@{}", self.image, self.digest);
            self.set += 1;
        } else {
            self.others.insert(text.clone());
        }
    }
}

/// Whether an image reference (with or without tag and digest) is of a repository. Docker's short
/// names count as the long ones: `nginx` is `docker.io/library/nginx`.
#[must_use]
pub fn same_repository(reference: &str, repository: &str) -> bool {
    canonical(reference) == canonical(repository)
}

fn canonical(reference: &str) -> String {
    let named = reference
        .split_once('@')
        .map_or(reference, |(named, _)| named);
    let last = named.rfind('/').map_or(0, |slash| slash + 1);
    let named = match named[last..].find(':') {
        Some(colon) => &named[..last + colon],
        None => named,
    };
    match named.split_once('/') {
        Some(("index.docker.io" | "registry-1.docker.io" | "docker.io", path)) => docker_hub(path),
        Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => {
            format!("{}/{path}", host.to_ascii_lowercase())
        }
        _ => docker_hub(named),
    }
}

fn docker_hub(path: &str) -> String {
    if path.contains('/') {
        format!("docker.io/{path}")
    } else {
        format!("docker.io/library/{path}")
    }
}

/// What a deploy writes onto the objects that it applies.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// The run that applies them.
    pub run: &'a RunId,
    /// The commit that is released.
    pub commit: &'a CommitSha,
}

/// Marks every object as managed by Slipway (`app.kubernetes.io/managed-by`, unless it says
/// otherwise) and annotates it with the run and the commit. Pod templates stay as they are: a
/// deploy of the same release must not restart a pod.
pub fn mark(manifests: &mut [Manifest], mark: &Mark<'_>) {
    for manifest in manifests {
        let Some(metadata) = manifest
            .json
            .get_mut("metadata")
            .and_then(Value::as_object_mut)
        else {
            continue;
        };
        if let Some(labels) = fields(metadata, "labels") {
            labels
                .entry("app.kubernetes.io/managed-by")
                .or_insert_with(|| "slipway".into());
        }
        if let Some(annotations) = fields(metadata, "annotations") {
            annotations.insert("slipway.dev/run".to_owned(), mark.run.as_str().into());
            annotations.insert("slipway.dev/commit".to_owned(), mark.commit.as_str().into());
        }
    }
}

/// The mapping under a key, made if it is missing or null; `None` if something else is there.
fn fields<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn manifests(text: &str) -> Vec<Manifest> {
        parse(&[("a.yaml".to_owned(), text.to_owned())]).unwrap()
    }

    fn pinned(text: &str) -> Result<(usize, String), ImageNotFound> {
        let mut manifests = manifests(text);
        let image = ImageRepository::parse("ghcr.io/acme/shop").unwrap();
        let set = pin(&mut manifests, &image, &Digest::parse(DIGEST).unwrap())?;
        let all: Vec<&Value> = manifests.iter().map(Manifest::json).collect();
        Ok((
            set,
            serde_json::to_string(&all)
                .unwrap()
                .replace(DIGEST, "DIGEST"),
        ))
    }

    const POD: &str = "{initContainers: [{name: migrate, image: 'ghcr.io/acme/shop:latest'}], \
        containers: [{name: shop, image: ghcr.io/acme/shop}, {name: proxy, image: 'envoy:1'}]}";

    #[test]
    fn every_kind_of_workload_is_pinned() {
        for kind in ["Deployment", "StatefulSet", "DaemonSet", "Job", "Rollout"] {
            let text = format!(
                "apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: a}}\n\
                spec: {{template: {{spec: {POD}}}}}\n"
            );
            let (set, all) = pinned(&text).unwrap();
            assert_eq!(set, 2);
            assert!(
                all.matches("ghcr.io/acme/shop@DIGEST").count() == 2 && all.contains("envoy:1")
            );
        }
        let cron = format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: a}}\n\
            spec: {{jobTemplate: {{spec: {{template: {{spec: {POD}}}}}}}}}\n"
        );
        assert_eq!(pinned(&cron).unwrap().0, 2);
    }

    #[test]
    fn an_older_pin_is_replaced() {
        let old = format!("ghcr.io/acme/shop:v1@sha256:{}", "b".repeat(64));
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n\
            spec: {{containers: [{{name: a, image: '{old}'}}], volumes: [{{name: v, image: {{reference: 'ghcr.io/acme/shop:v1'}}}}]}}\n"
        );
        let (set, all) = pinned(&text).unwrap();
        assert_eq!(set, 2);
        assert!(!all.contains("v1@") && !all.contains("shop:v1"), "{all}");
    }

    #[test]
    fn data_is_left_alone() {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n\
            data: {{image: 'ghcr.io/acme/shop:v1'}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {POD}\n"
        );
        assert!(pinned(&text).unwrap().1.contains("ghcr.io/acme/shop:v1"));
    }

    #[test]
    fn a_look_alike_is_another_image() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [\
            {image: ghcr.io/acme/shop-worker:1}, {image: ghcr.io/acme/shop/x}, {image: 'evil.io/ghcr.io/acme/shop'}]}";
        insta::assert_snapshot!(
            pinned(text).unwrap_err(),
            @"no container runs ghcr.io/acme/shop: the manifests run evil.io/ghcr.io/acme/shop, ghcr.io/acme/shop-worker:1, ghcr.io/acme/shop/x"
        );
        insta::assert_snapshot!(
            pinned("apiVersion: v1\nkind: Service\nmetadata: {name: a}").unwrap_err(),
            @"no container runs ghcr.io/acme/shop: the manifests run no image at all"
        );
    }

    #[test]
    fn repositories_are_compared_by_their_long_names() {
        for (reference, repository) in [
            ("nginx", "docker.io/library/nginx"),
            ("acme/shop:1", "docker.io/acme/shop"),
            ("index.docker.io/acme/shop", "docker.io/acme/shop"),
            ("GHCR.io/acme/shop:1", "ghcr.io/acme/shop"),
            ("127.0.0.1:5000/shop:1@sha256:0", "127.0.0.1:5000/shop"),
            ("localhost/shop", "localhost/shop:1"),
        ] {
            assert!(
                same_repository(reference, repository),
                "{reference} {repository}"
            );
        }
        assert!(!same_repository(
            "127.0.0.1:5000/shop",
            "127.0.0.1:5001/shop"
        ));
    }

    #[test]
    fn objects_are_marked_and_pods_are_not() {
        let mut manifests = manifests(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, annotations: }\n\
             spec: {template: {metadata: {labels: {app: a}}}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: {app.kubernetes.io/managed-by: helm}}\n",
        );
        let run = RunId::from_bits(1);
        let commit = CommitSha::parse("c".repeat(40)).unwrap();
        mark(
            &mut manifests,
            &Mark {
                run: &run,
                commit: &commit,
            },
        );
        insta::assert_snapshot!(manifests[0].json(), @r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"slipway.dev/commit":"cccccccccccccccccccccccccccccccccccccccc","slipway.dev/run":"00000000000000000000000000000001"},"labels":{"app.kubernetes.io/managed-by":"slipway"},"name":"a"},"spec":{"template":{"metadata":{"labels":{"app":"a"}}}}}"#);
        assert_eq!(
            manifests[1].json()["metadata"]["labels"]["app.kubernetes.io/managed-by"],
            "helm"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_reference_panics(a in ".{0,80}", b in ".{0,80}") {
            let _ = same_repository(&a, &b);
        }
    }
}
