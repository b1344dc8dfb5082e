//! What happens to commits: pushes, checks, images.

use serde::Deserialize;
use slipway_core::event::EventKind;
use slipway_core::ids::{CheckRunId, PrNumber};

use super::{Delivery, Numbered, PayloadError, Translated, ignored};

// ---------------------------------------------------------------------------------------------
// Pushes

#[derive(Deserialize)]
struct PushPart {
    #[serde(rename = "ref")]
    reference: Option<String>,
    after: Option<String>,
    #[serde(default)]
    deleted: bool,
}

pub(super) fn push(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let part: PushPart = delivery.read()?;
    let reference = delivery.need(part.reference, "ref")?;
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        return Ok(ignored("a push of something that is no branch"));
    };
    if part.deleted {
        return Ok(ignored("a branch was deleted"));
    }
    let after = delivery.commit(part.after, "after")?;
    delivery.event(EventKind::Push {
        branch: branch.to_owned(),
        after,
    })
}

// ---------------------------------------------------------------------------------------------
// Merge queues

#[derive(Deserialize)]
struct MergeGroupPart {
    merge_group: Option<MergeGroup>,
}

#[derive(Deserialize)]
struct MergeGroup {
    head_sha: Option<String>,
    head_ref: Option<String>,
}

/// A queue's branch is named after the pull request whose place it is, and the commit before it:
/// `gh-readonly-queue/main/pr-104-929f82…`.
pub(super) fn merge_group(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "checks_requested" {
        return Ok(delivery.ignored_action(&action));
    }
    let part: MergeGroupPart = delivery.read()?;
    let group = delivery.need(part.merge_group, "merge_group")?;
    let head = delivery.commit(group.head_sha, "merge_group.head_sha")?;
    let name = delivery.need(group.head_ref, "merge_group.head_ref")?;
    let last = name.rsplit('/').next().unwrap_or_default();
    let number = last
        .strip_prefix("pr-")
        .and_then(|rest| rest.split('-').next())
        .and_then(|number| number.parse().ok());
    let Some(number) = number else {
        return Ok(ignored("a merge group whose branch names no pull request"));
    };
    delivery.event(EventKind::MergeGroup {
        pr: PrNumber(number),
        head,
    })
}

// ---------------------------------------------------------------------------------------------
// Checks

#[derive(Deserialize)]
struct CheckPart {
    check_run: Option<CheckRun>,
    check_suite: Option<CheckSuite>,
    requested_action: Option<RequestedAction>,
}

#[derive(Deserialize)]
struct CheckRun {
    id: Option<u64>,
    external_id: Option<String>,
    app: Option<Numbered>,
}

#[derive(Deserialize)]
struct CheckSuite {
    head_sha: Option<String>,
    app: Option<Numbered>,
}

#[derive(Deserialize)]
struct RequestedAction {
    identifier: Option<String>,
}

/// Whether a check is another App's. GitHub sends `rerequested` to the owner only, but a webhook
/// of the repository gets all.
fn is_foreign(app: Option<&Numbered>, app_id: u64) -> bool {
    app.and_then(|app| app.id).is_some_and(|id| id != app_id)
}

pub(super) fn check_run(delivery: &Delivery<'_>, app_id: u64) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    let pressed = match action.as_str() {
        "rerequested" => false,
        "requested_action" => true,
        other => return Ok(delivery.ignored_action(other)),
    };
    let part: CheckPart = delivery.read()?;
    let run = delivery.need(part.check_run, "check_run")?;
    if is_foreign(run.app.as_ref(), app_id) {
        return Ok(ignored("a check run of another App"));
    }
    let check = CheckRunId(delivery.need(run.id, "check_run.id")?);
    let external_id = delivery.need(run.external_id, "check_run.external_id")?;
    let kind = if pressed {
        let button = delivery.need(part.requested_action, "requested_action")?;
        EventKind::Button {
            check,
            external_id,
            identifier: delivery.need(button.identifier, "requested_action.identifier")?,
        }
    } else {
        EventKind::CheckRerequested { check, external_id }
    };
    delivery.event(kind)
}

pub(super) fn check_suite(
    delivery: &Delivery<'_>,
    app_id: u64,
) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "rerequested" {
        return Ok(delivery.ignored_action(&action));
    }
    let part: CheckPart = delivery.read()?;
    let suite = delivery.need(part.check_suite, "check_suite")?;
    if is_foreign(suite.app.as_ref(), app_id) {
        return Ok(ignored("a check suite of another App"));
    }
    let head = delivery.commit(suite.head_sha, "check_suite.head_sha")?;
    delivery.event(EventKind::SuiteRerequested { head })
}

// ---------------------------------------------------------------------------------------------
// Images

#[derive(Deserialize)]
struct PackagePart {
    registry_package: Option<Package>,
    package: Option<Package>,
    repository: Option<serde::de::IgnoredAny>,
}

/// The `package_url` of its version is not read: it may end in a bare `:` without a tag, and may
/// be late; the registry is asked instead.
#[derive(Deserialize)]
struct Package {
    package_type: Option<String>,
}

pub(super) fn package(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if !matches!(action.as_str(), "published" | "updated") {
        return Ok(delivery.ignored_action(&action));
    }
    let part: PackagePart = delivery.read()?;
    let package = delivery.need(part.registry_package.or(part.package), "registry_package")?;
    let kind = delivery.need(package.package_type, "registry_package.package_type")?;
    // `docker` is what the same thing was called on docker.pkg.github.com.
    if !kind.eq_ignore_ascii_case("container") && !kind.eq_ignore_ascii_case("docker") {
        let kind: String = kind.chars().take(60).collect();
        return Ok(ignored(format!("a package that is no image but {kind:?}")));
    }
    if part.repository.is_none() {
        return Ok(ignored("an image that is linked to no repository"));
    }
    delivery.event(EventKind::ImageMaybe)
}

pub(super) fn workflow_run(delivery: &Delivery<'_>) -> Result<Translated, PayloadError> {
    let action = delivery.action()?;
    if action != "completed" {
        return Ok(delivery.ignored_action(&action));
    }
    // Whatever its conclusion: the image may have been pushed before a later step failed.
    delivery.event(EventKind::ImageMaybe)
}
