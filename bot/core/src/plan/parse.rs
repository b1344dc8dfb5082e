//! Terraform's plan representation (`format_version` 1.x) to [`Plan`].
//!
//! Only the top level and the major version are checked; actions and reasons that are not known are
//! kept as such. Reference: HashiCorp, "JSON Output Format".

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::fingerprint::fingerprint;
use super::mask::{self, Node};
use super::model::{
    Action, DeferReason, Deferred, FailedCheck, Mode, OutputChange, Plan, Reason, ResourceChange,
};
use super::raw::{RawChange, RawCheck, RawDeferred, RawPlan, RawResource};
use super::secrets::Secrets;

/// Why a plan could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Not JSON, or not of the shape of a plan. Serde's message names fields, never values.
    #[error("this is not the JSON of a Terraform plan: {0}")]
    Shape(String),
    /// A plan of a format that this version of Slipway can't read.
    #[error("the plan has format version {0:?}; Slipway reads 1.x")]
    Version(String),
}

/// A change with its trees still unmasked: what the fingerprint is made from, then dropped.
pub(super) struct Unmasked {
    /// `address`, or `address` and the deposed key.
    pub(super) key: String,
    pub(super) action: Action,
    pub(super) previous_address: Option<String>,
    pub(super) importing: Option<String>,
    pub(super) before: Node,
    pub(super) after: Node,
}

/// The texts that a plan marks as sensitive, in the output of `terraform show -json PLANFILE`:
/// Terraform says some of them while it applies the plan, in the errors of provisioners for one.
///
/// # Errors
/// When it is not JSON of the top-level shape of a plan.
pub fn sensitive_texts(json: &[u8]) -> Result<Vec<SecretString>, PlanError> {
    let mut raw: RawPlan = serde_json::from_slice(json).map_err(|e| shape(&e))?;
    Ok(raw.secrets().into_texts())
}

impl Plan {
    /// Reads the output of `terraform show -json PLANFILE` and masks what is sensitive.
    ///
    /// # Errors
    /// When it is not JSON of the top-level shape of a plan, or of another major format version.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        let version = format_version(json)?;
        if version.split('.').next() != Some("1") {
            return Err(PlanError::Version(version.chars().take(40).collect()));
        }
        let mut raw: RawPlan = serde_json::from_slice(json).map_err(|e| shape(&e))?;
        let secrets = raw.secrets();

        let mut hashed = Vec::new();
        let mut resources = Vec::with_capacity(raw.resource_changes.len());
        for resource in raw.resource_changes {
            let (shown, unmasked) = resource.read(&secrets);
            if shown.is_change() {
                hashed.push(unmasked);
            }
            resources.push(shown);
        }
        let mut outputs = Vec::with_capacity(raw.output_changes.len());
        for (name, change) in raw.output_changes {
            let (shown, unmasked) = change.read_output(name, &secrets);
            if shown.action != Action::NoOp {
                hashed.push(unmasked);
            }
            outputs.push(shown);
        }
        let deferred = raw.deferred_changes.into_iter();
        let deferred = deferred.map(|d| d.read(&secrets)).collect();
        let drift = raw
            .resource_drift
            .into_iter()
            .map(|r| r.read(&secrets).0)
            .collect();
        let reads_outputs = raw.configuration.root_module.reads_outputs();
        Ok(Self {
            terraform_version: raw.terraform_version,
            complete: raw.complete.unwrap_or(true),
            errored: raw.errored,
            resources,
            outputs,
            drift,
            deferred,
            failed_checks: raw
                .checks
                .into_iter()
                .filter_map(|check| check.failed(&secrets))
                .collect(),
            reads_outputs,
            fingerprint: fingerprint(hashed),
        })
    }
}

/// Reads the version alone, so that a plan of format 2 is told as such and not as a wrong shape.
pub(super) fn format_version(json: &[u8]) -> Result<String, PlanError> {
    #[derive(Deserialize)]
    struct Versioned {
        format_version: String,
    }
    serde_json::from_slice(json)
        .map(|v: Versioned| v.format_version)
        .map_err(|e| shape(&e))
}

/// Serde quotes an offending scalar in its message, and that scalar may be a secret: only the kind
/// of fault and its position are told.
pub(super) fn shape(error: &serde_json::Error) -> PlanError {
    let what = match error.classify() {
        serde_json::error::Category::Syntax => "it is not valid JSON",
        serde_json::error::Category::Data => "a field is missing or of another type",
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Io => "it could not be read",
    };
    PlanError::Shape(format!(
        "{what} (line {}, column {})",
        error.line(),
        error.column()
    ))
}

impl RawResource {
    fn read(mut self, secrets: &Secrets) -> (ResourceChange, Unmasked) {
        let action = action(std::mem::take(&mut self.change.actions));
        let (before, after) = self.change.sides(secrets);
        let replace_paths: Vec<String> = self
            .change
            .replace_paths
            .iter()
            .map(|path| mask::path_text(path))
            .collect();
        let (attributes, unchanged_attributes) = mask::diff(&before, &after, &replace_paths);
        let importing = self.change.importing.map(|i| i.id.unwrap_or_default());
        let previous_address = self.previous_address.filter(|old| *old != self.address);
        let key = match &self.deposed {
            Some(deposed) => format!("{} (deposed {deposed})", self.address),
            None => self.address.clone(),
        };
        let unmasked = Unmasked {
            key,
            action: action.clone(),
            previous_address: previous_address.clone(),
            importing: importing.clone(),
            before,
            after,
        };
        let shown = ResourceChange {
            address: self.address,
            module: self.module_address.filter(|m| !m.is_empty()),
            mode: if self.mode == "data" {
                Mode::Data
            } else {
                Mode::Managed
            },
            kind: self.kind,
            name: self.name,
            deposed: self.deposed,
            action,
            reason: self.action_reason.map(reason),
            replace_paths,
            previous_address,
            importing,
            attributes,
            unchanged_attributes,
        };
        (shown, unmasked)
    }
}

impl RawDeferred {
    fn read(self, secrets: &Secrets) -> Deferred {
        let reason = match self.reason.as_str() {
            "instance_count_unknown" => DeferReason::InstanceCountUnknown,
            "resource_config_unknown" => DeferReason::ResourceConfigUnknown,
            "provider_config_unknown" => DeferReason::ProviderConfigUnknown,
            "absent_prereq" => DeferReason::AbsentPrerequisite,
            "deferred_prereq" => DeferReason::DeferredPrerequisite,
            _ => DeferReason::Other(self.reason),
        };
        let (change, _) = self.resource_change.read(secrets);
        Deferred { reason, change }
    }
}

impl RawChange {
    /// The values before and after, merged with their marks; takes them out.
    fn sides(&mut self, secrets: &Secrets) -> (Node, Node) {
        let (before, after) = (
            std::mem::take(&mut self.before),
            std::mem::take(&mut self.after),
        );
        let before = Node::merge(before, &Value::Null, &self.before_sensitive);
        let after = Node::merge(after, &self.after_unknown, &self.after_sensitive);
        (before.mark(secrets), after.mark(secrets))
    }

    fn read_output(mut self, name: String, secrets: &Secrets) -> (OutputChange, Unmasked) {
        let action = action(std::mem::take(&mut self.actions));
        let (before, after) = self.sides(secrets);
        let (attributes, _) = mask::diff(&before, &after, &[]);
        let unmasked = Unmasked {
            key: format!("output.{name}"),
            action: action.clone(),
            previous_address: None,
            importing: None,
            before,
            after,
        };
        (
            OutputChange {
                name,
                action,
                attributes,
            },
            unmasked,
        )
    }
}

impl RawCheck {
    fn failed(self, secrets: &Secrets) -> Option<FailedCheck> {
        if !matches!(self.status.as_str(), "fail" | "error") {
            return None;
        }
        let problems = self
            .instances
            .into_iter()
            .flat_map(|i| i.problems)
            .map(|p| secrets.redact(&p.message))
            .collect();
        Some(FailedCheck {
            address: self.address.to_display,
            status: self.status,
            problems,
        })
    }
}

fn action(actions: Vec<String>) -> Action {
    let words: Vec<&str> = actions.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["no-op"] => Action::NoOp,
        ["create"] => Action::Create,
        ["read"] => Action::Read,
        ["update"] => Action::Update,
        ["delete"] => Action::Delete,
        ["delete", "create"] => Action::Replace {
            create_first: false,
        },
        ["create", "delete"] => Action::Replace { create_first: true },
        ["forget"] => Action::Forget,
        _ => Action::Other(actions),
    }
}

fn reason(word: String) -> Reason {
    match word.as_str() {
        "replace_because_cannot_update" => Reason::CannotUpdate,
        "replace_because_tainted" => Reason::Tainted,
        "replace_by_request" => Reason::Requested,
        "replace_by_triggers" => Reason::Triggered,
        "delete_because_no_resource_config" => Reason::NoResourceConfig,
        "delete_because_no_module" => Reason::NoModule,
        "delete_because_wrong_repetition" => Reason::WrongRepetition,
        "delete_because_count_index" => Reason::CountIndex,
        "delete_because_each_key" => Reason::EachKey,
        "delete_because_no_move_target" => Reason::NoMoveTarget,
        "read_because_config_unknown" => Reason::ConfigUnknown,
        "read_because_dependency_pending" => Reason::DependencyPending,
        "read_because_check_nested" => Reason::CheckNested,
        _ => Reason::Other(word),
    }
}
