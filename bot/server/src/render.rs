//! From a worktree to the manifests of a service, pinned to a digest.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use slipway_core::config::ImageRepository;
use slipway_core::ids::{CommitSha, Digest, RunId};
use slipway_core::manifests::{self, Mark};
use slipway_core::spec::ServiceSpec;

/// No service has so many or so large manifests; a directory that does is a mistake.
const MAX_FILES: usize = 500;
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads, confines, pins and marks the manifests of a service.
///
/// # Errors
/// With a sentence for people, if they are missing, malformed, leave the namespace or run other
/// images.
pub fn render(
    root: &Path,
    service: &ServiceSpec,
    digest: &Digest,
    commit: &CommitSha,
    run: &RunId,
) -> Result<Vec<serde_json::Value>, String> {
    let files = read(root, &service.manifests)?;
    let mut parsed = manifests::parse(&files).map_err(|error| with_help(&error))?;
    manifests::confine(&parsed, &service.namespace).map_err(|error| with_help(&error))?;
    let image = ImageRepository::parse(&service.image).map_err(|error| error.to_string())?;
    manifests::pin(&mut parsed, &image, digest).map_err(|error| error.to_string())?;
    manifests::mark(&mut parsed, &Mark { run, commit });
    Ok(parsed
        .into_iter()
        .map(manifests::Manifest::into_json)
        .collect())
}

/// The manifests of a service as they are written, for looking at what the cluster runs.
///
/// # Errors
/// With a sentence for people, if they are missing or malformed.
pub fn as_written(root: &Path, service: &ServiceSpec) -> Result<Vec<serde_json::Value>, String> {
    let files = read(root, &service.manifests)?;
    let parsed = manifests::parse(&files).map_err(|error| with_help(&error))?;
    Ok(parsed
        .into_iter()
        .map(manifests::Manifest::into_json)
        .collect())
}

fn with_help(error: &manifests::ManifestError) -> String {
    match &error.help {
        Some(help) => format!("{error} ({help})"),
        None => error.to_string(),
    }
}

/// The YAML files of a directory (not of its subdirectories), or one file, by their names in the
/// repository. Links are not followed: they could lead out of it.
fn read(root: &Path, place: &str) -> Result<Vec<(String, String)>, String> {
    let mut path = root.to_path_buf();
    for part in place.split('/') {
        path.push(part);
        let meta = path
            .symlink_metadata()
            .map_err(|_| format!("{place} does not exist in this commit"))?;
        if meta.is_symlink() {
            return Err(format!(
                "{place} leads through a symbolic link, which is not followed"
            ));
        }
    }
    let mut paths = if path.is_dir() {
        yaml_files(&path)?
    } else {
        vec![path]
    };
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{place} holds no .yaml or .yml file"));
    }
    if paths.len() > MAX_FILES {
        return Err(format!("{place} holds more than {MAX_FILES} files"));
    }
    paths.iter().map(|path| read_one(root, path)).collect()
}

fn yaml_files(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| error.to_string())?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let path = entry.path();
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_file && is_yaml {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn read_one(root: &Path, path: &Path) -> Result<(String, String), String> {
    let name = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    let file = std::fs::File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let mut text = String::new();
    let read = file
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| format!("{name}: {error}"))?;
    if read as u64 > MAX_BYTES {
        return Err(format!("{name} is larger than 4 MiB"));
    }
    Ok((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        render(
            root.path(),
            &service(),
            &digest,
            &commit,
            &RunId::from_bits(1),
        )
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
}
