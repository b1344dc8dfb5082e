//! Where an image says which commit it was built from.

use std::collections::BTreeMap;

use oci_client::manifest::{ImageIndexEntry, OciImageIndex};
use serde::Deserialize;

/// OCI image specification, "Annotations": "Source control revision identifier".
const REVISION: &str = "org.opencontainers.image.revision";

/// Only what is needed of an image's configuration: unknown platforms and odd dates of its other
/// fields are no reason to refuse it.
#[derive(Deserialize)]
struct ConfigFile {
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

/// The label of an image's configuration.
pub(super) fn of_config(json: &[u8]) -> Option<String> {
    let file: ConfigFile = serde_json::from_slice(json).ok()?;
    of_annotations(file.config?.labels.as_ref())
}

/// The same among annotations.
pub(super) fn of_annotations(annotations: Option<&BTreeMap<String, String>>) -> Option<String> {
    annotations?
        .get(REVISION)
        .filter(|revision| !revision.is_empty())
        .cloned()
}

/// The manifest of an index that stands for all: linux/amd64, else the first that is an image.
/// BuildKit's attestations are listed as manifests for `unknown/unknown`.
pub(super) fn platform(index: &OciImageIndex) -> Option<&str> {
    let named = |entry: &&ImageIndexEntry, os: &str, architecture: &str| {
        entry.platform.as_ref().is_some_and(|platform| {
            platform.os.to_string() == os && platform.architecture.to_string() == architecture
        })
    };
    let is_attestation = |entry: &&ImageIndexEntry| {
        let marked = entry.annotations.as_ref();
        let marked = marked.is_some_and(|all| all.contains_key("vnd.docker.reference.type"));
        marked || named(entry, "unknown", "unknown")
    };
    let images = || {
        index
            .manifests
            .iter()
            .filter(|entry| !is_attestation(entry))
    };
    let chosen = images()
        .find(|entry| named(entry, "linux", "amd64"))
        .or_else(|| images().next());
    chosen.map(|entry| entry.digest.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(digest: &str, os: &str, architecture: &str) -> serde_json::Value {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest, "size": 1,
            "platform": {"os": os, "architecture": architecture},
        })
    }

    fn chosen(manifests: &serde_json::Value) -> Option<String> {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        let index: OciImageIndex = serde_json::from_value(index).unwrap();
        platform(&index).map(str::to_owned)
    }

    #[test]
    fn attestations_are_passed_over() {
        let attestation = entry("a", "unknown", "unknown");
        let arm = entry("b", "linux", "arm64");
        let amd = entry("c", "linux", "amd64");
        assert_eq!(
            chosen(&json!([attestation, arm, amd])).as_deref(),
            Some("c")
        );
        assert_eq!(chosen(&json!([attestation, arm])).as_deref(), Some("b"));
        assert_eq!(chosen(&json!([attestation])), None);
        let mut marked = entry("d", "linux", "amd64");
        marked["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        assert_eq!(chosen(&json!([marked, arm])).as_deref(), Some("b"));
    }

    #[test]
    fn a_label_may_be_missing() {
        assert_eq!(of_config(b"{}"), None);
        assert_eq!(of_config(br#"{"config": {"Labels": null}}"#), None);
        let label = br#"{"config": {"Labels": {"org.opencontainers.image.revision": "abc"}}}"#;
        assert_eq!(of_config(label).as_deref(), Some("abc"));
        assert_eq!(of_config(b"nonsense"), None);
    }
}
