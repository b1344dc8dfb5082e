//! The manifests of a service: read from YAML, held to its namespace, pinned to one digest.
//!
//! Everything here is a plain function of texts. What the cluster makes of the manifests is the
//! business of the Cluster port.

mod kinds;
pub mod kustomization;
mod parse;
mod pin;

use serde_json::Value;

pub use kinds::{apply_order, is_cluster_scoped, is_workload};
pub use parse::{parse, parse_rendered};
pub use pin::{ImageNotFound, Mark, mark, pin, same_repository};

/// One object for a cluster, and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    path: String,
    document: usize,
    line: u32,
    json: Value,
}

impl Manifest {
    /// The file that it is from.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line on which its document begins, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Its `apiVersion`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// Its `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// The namespace that it names itself, if any.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.json
            .pointer("/metadata/namespace")
            .and_then(Value::as_str)
    }

    /// `Kind/name`, for people.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// The object.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Gives up the place, keeps the object.
    #[must_use]
    pub fn into_json(self) -> Value {
        self.json
    }

    fn text(&self, pointer: &str) -> &str {
        self.json
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn error(&self, message: impl Into<String>, help: impl Into<String>) -> ManifestError {
        ManifestError {
            path: self.path.clone(),
            document: Some(self.document),
            line: Some(self.line),
            message: message.into(),
            help: Some(help.into()),
        }
    }
}

/// Manifests that can't be applied as they are written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", self.place())]
pub struct ManifestError {
    /// The file (or the directory, when no file is to blame).
    pub path: String,
    /// Which document of the file, from 1; empty ones don't count.
    pub document: Option<usize>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What is wrong, on one line.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl ManifestError {
    fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.path),
            None => self.path.clone(),
        }
    }
}

/// Checks that every manifest stays inside the service's namespace.
///
/// Kinds that only the cluster knows (custom resources) are asked about when they are applied.
///
/// # Errors
/// For the first manifest that names another namespace, or is of a cluster-scoped kind (other than
/// the namespace itself).
pub fn confine(manifests: &[Manifest], namespace: &str) -> Result<(), ManifestError> {
    manifests
        .iter()
        .try_for_each(|manifest| confine_one(manifest, namespace))
}

fn confine_one(manifest: &Manifest, namespace: &str) -> Result<(), ManifestError> {
    if manifest.kind() == "Namespace" && manifest.api_version() == "v1" {
        if manifest.name() == namespace {
            return Ok(());
        }
        return Err(manifest.error(
            format!(
                "{} is not the service's namespace {namespace}",
                manifest.title()
            ),
            "remove it, or set `namespace` of the service in deploy.toml",
        ));
    }
    if is_cluster_scoped(manifest.api_version(), manifest.kind()) {
        return Err(manifest.error(
            format!(
                "{} belongs to the whole cluster, not to {namespace}",
                manifest.title()
            ),
            "a deploy stays inside the service's namespace; create it with Terraform, as a stack",
        ));
    }
    match manifest.namespace() {
        Some(other) if other != namespace => Err(manifest.error(
            format!(
                "{} is meant for namespace {other}, the service's is {namespace}",
                manifest.title()
            ),
            "leave `metadata.namespace` out: it is filled in",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<Manifest> {
        parse(&[("k8s/a.yaml".to_owned(), text.to_owned())]).unwrap()
    }

    #[test]
    fn the_own_namespace_is_fine() {
        let manifests = one(
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n\
            apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop}\n---\n\
            apiVersion: v1\nkind: Service\nmetadata: {name: web}\n",
        );
        assert_eq!(confine(&manifests, "shop"), Ok(()));
    }

    #[test]
    fn other_places_are_refused() {
        let refused = |text| confine(&one(text), "shop").unwrap_err().to_string();
        insta::assert_snapshot!(
            refused("apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: kube-system}\n"),
            @"k8s/a.yaml:1: Service/shop is meant for namespace kube-system, the service's is shop"
        );
        insta::assert_snapshot!(
            refused("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n"),
            @"k8s/a.yaml:1: ClusterRole/all belongs to the whole cluster, not to shop"
        );
        insta::assert_snapshot!(
            refused("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n"),
            @"k8s/a.yaml:1: Namespace/other is not the service's namespace shop"
        );
    }
}
