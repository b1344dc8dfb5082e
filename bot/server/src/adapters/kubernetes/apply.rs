//! Server-side apply of a release's manifests, as field manager `slipway`.

use kube::api::{Patch, PatchParams};
use serde_json::Value;
use slipway_core::manifests::{apply_order, is_workload};
use slipway_core::ports::PortResult;

use super::client::Connection;
use super::resources::{Resources, Target};

/// Owns the fields that manifests of a release say.
const FIELD_MANAGER: &str = "slipway";

/// Applies all manifests, each kind after those that it needs. Nothing is sent before every
/// manifest was found to belong where it is going; a field that somebody else owns is never taken.
pub(super) async fn apply(connection: &Connection, manifests: &[Value]) -> PortResult<Vec<String>> {
    let mut resources = Resources::default();
    let mut targets = Vec::new();
    for manifest in manifests {
        targets.push((resources.target(connection, manifest).await?, manifest));
    }
    targets.sort_by_key(|(target, _)| apply_order(&target.resource.kind));
    let mut applied: Vec<String> = Vec::new();
    for (target, manifest) in &targets {
        if let Err(mut error) = apply_one(connection, target, manifest).await {
            error.doing = format!(
                "{} ({} of {} were applied)",
                error.doing,
                applied.len(),
                targets.len()
            );
            return Err(error);
        }
        applied.push(target.title.clone());
    }
    Ok(applied)
}

async fn apply_one(connection: &Connection, target: &Target, manifest: &Value) -> PortResult<()> {
    let mut object = manifest.clone();
    if !target.is_namespace
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("namespace".to_owned(), connection.namespace.as_str().into());
    }
    let api = target.api(connection);
    let params = PatchParams::apply(FIELD_MANAGER);
    let patch = Patch::Apply(&object);
    let call = api.patch(&target.name, &params, &patch);
    connection
        .call(&target.doing("patch"), call)
        .await
        .map(|_| ())
}

/// The images in the pod templates of the workloads as they are in the cluster now; a workload
/// that is not there is left out.
pub(super) async fn running_images(
    connection: &Connection,
    manifests: &[Value],
) -> PortResult<Vec<(String, String)>> {
    let mut resources = Resources::default();
    let mut images = Vec::new();
    for manifest in manifests.iter().filter(|manifest| is_watched(manifest)) {
        let target = resources.target(connection, manifest).await?;
        let api = target.api(connection);
        let Some(found) = connection
            .call(&target.doing("get"), api.get_opt(&target.name))
            .await?
        else {
            continue;
        };
        for containers in ["initContainers", "containers"] {
            let pointer = format!("/spec/template/spec/{containers}");
            let containers = found.data.pointer(&pointer).and_then(Value::as_array);
            let all = containers.into_iter().flatten();
            let all = all.filter_map(|container| container.get("image")?.as_str());
            images.extend(all.map(|image| (target.title.clone(), image.to_owned())));
        }
    }
    Ok(images)
}

/// Whether a manifest is a workload whose rollout is watched.
pub(super) fn is_watched(manifest: &Value) -> bool {
    let text = |key| {
        manifest
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    is_workload(text("apiVersion"), text("kind"))
}
