//! What becomes of an image on a node: by rule, by the image's own label, by what the registry has.

use serde_json::Value;

use crate::registry::Registry;

/// What a container does once its pod is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Pulled, started, ready.
    Ready,
    /// Can't be pulled.
    ImagePullBackOff,
    /// Starts, writes its log, exits, again and again.
    CrashLoopBackOff {
        /// What it exits with.
        exit_code: i32,
        /// What it writes before it does.
        log: Vec<String>,
    },
    /// Runs, but its readiness probe fails.
    NeverReady,
    /// Its pod fits on no node.
    Unschedulable,
}

/// A rule of the driver: images that match meet this outcome.
#[derive(Clone, Debug)]
pub(super) struct ImageRule {
    pub(super) pattern: String,
    pub(super) outcome: Outcome,
}

impl ImageRule {
    /// Whether the pattern is the image, its digest, or (with `*`) a glob over it.
    pub(super) fn matches(&self, image: &str) -> bool {
        let digest = image.rsplit_once('@').map(|(_, digest)| digest);
        image == self.pattern
            || digest == Some(self.pattern.as_str())
            || (self.pattern.contains('*') && glob(&self.pattern, image))
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

/// What a node finds out about an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// The image by digest, as `imageID` names it.
    pub(super) image_id: String,
    /// Why it can't be pulled, in containerd's words.
    pub(super) pull_error: String,
}

/// Judges an image: the newest rule that matches, else the label `sandbox.outcome` in its
/// configuration (`ready`, `crash`, `never-ready`, `image-pull`, `unschedulable`; with
/// `sandbox.exit_code` and `sandbox.log`), else whether the registry has it. Without a registry
/// every image is good.
pub(super) fn judge(image: &str, rules: &[ImageRule], registry: Option<&Registry>) -> Verdict {
    let digest = registry.and_then(|registry| digest_of(image, registry));
    let rule = rules.iter().rev().find(|rule| rule.matches(image));
    let outcome = match (rule, registry, &digest) {
        (Some(rule), _, _) => rule.outcome.clone(),
        (None, Some(registry), Some(digest)) => by_label(registry, digest),
        (None, Some(_), None) => Outcome::ImagePullBackOff,
        (None, None, _) => Outcome::Ready,
    };
    let name = image.split('@').next().unwrap_or(image);
    let stated = image.rsplit_once('@').map(|(_, digest)| digest.to_owned());
    let image_id = match digest.or(stated) {
        Some(digest) => format!("{}@{digest}", without_tag(name)),
        None => image.to_owned(),
    };
    let pull_error = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": \
         failed to resolve reference \"{image}\": {image}: not found"
    );
    Verdict {
        outcome,
        image_id,
        pull_error,
    }
}

/// The digest that the registry has for a reference to it.
fn digest_of(image: &str, registry: &Registry) -> Option<String> {
    let rest = registry.strip_host(image)?;
    if let Some((name, digest)) = rest.split_once('@') {
        return registry.resolve(without_tag(name), digest);
    }
    let repository = without_tag(rest);
    let tag = rest
        .get(repository.len() + 1..)
        .filter(|tag| !tag.is_empty());
    registry.resolve(repository, tag.unwrap_or("latest"))
}

/// The name without its tag; a colon before a slash belongs to the host's port.
fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((head, tag)) if !tag.contains('/') => head,
        _ => name,
    }
}

fn by_label(registry: &Registry, digest: &str) -> Outcome {
    let config = registry.config_of(digest).unwrap_or_default();
    let labels = &config["config"]["Labels"];
    let label = |name: &str| labels[name].as_str().unwrap_or_default();
    match label("sandbox.outcome") {
        "crash" => Outcome::CrashLoopBackOff {
            exit_code: label("sandbox.exit_code").parse().unwrap_or(1),
            log: label("sandbox.log").lines().map(str::to_owned).collect(),
        },
        "never-ready" => Outcome::NeverReady,
        "image-pull" => Outcome::ImagePullBackOff,
        "unschedulable" => Outcome::Unschedulable,
        _ => Outcome::Ready,
    }
}

/// Every container's image in a pod specification, init containers first.
pub(super) fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"]
        .into_iter()
        .filter_map(|list| spec[list].as_array())
        .flatten()
}
