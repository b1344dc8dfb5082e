//! The shapes of Terraform's JSON, as far as Slipway reads it. They hold secrets: no `Debug`.
//!
//! They are lenient on purpose: a newer Terraform may add fields, and leave others out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::mask::Node;
use super::secrets::Secrets;

#[derive(Deserialize)]
pub(super) struct RawPlan {
    #[serde(default)]
    pub(super) terraform_version: String,
    #[serde(default)]
    pub(super) resource_changes: Vec<RawResource>,
    #[serde(default)]
    pub(super) output_changes: BTreeMap<String, RawChange>,
    #[serde(default)]
    pub(super) resource_drift: Vec<RawResource>,
    #[serde(default)]
    pub(super) deferred_changes: Vec<RawDeferred>,
    #[serde(default)]
    pub(super) checks: Vec<RawCheck>,
    #[serde(default)]
    pub(super) complete: Option<bool>,
    #[serde(default)]
    pub(super) errored: bool,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, RawVariable>,
    #[serde(default)]
    pub(super) configuration: RawConfiguration,
}

#[derive(Deserialize)]
pub(super) struct RawVariable {
    #[serde(default)]
    pub(super) value: Value,
}

#[derive(Default, Deserialize)]
pub(super) struct RawConfiguration {
    #[serde(default)]
    pub(super) root_module: RawModule,
}

#[derive(Default, Deserialize)]
pub(super) struct RawModule {
    #[serde(default)]
    pub(super) variables: BTreeMap<String, RawVariableBlock>,
    #[serde(default)]
    pub(super) resources: Vec<RawBlock>,
    #[serde(default)]
    pub(super) module_calls: BTreeMap<String, RawModuleCall>,
}

impl RawModule {
    /// Whether it, or a module that it calls, reads the outputs of another state
    /// (<https://developer.hashicorp.com/terraform/language/state/remote-state-data>).
    pub(super) fn reads_outputs(&self) -> bool {
        let reads =
            |block: &RawBlock| block.mode == "data" && block.kind == "terraform_remote_state";
        let called = |call: &RawModuleCall| call.module.reads_outputs();
        self.resources.iter().any(reads) || self.module_calls.values().any(called)
    }
}

#[derive(Deserialize)]
pub(super) struct RawBlock {
    #[serde(default)]
    pub(super) mode: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct RawModuleCall {
    #[serde(default)]
    pub(super) module: RawModule,
}

#[derive(Deserialize)]
pub(super) struct RawVariableBlock {
    #[serde(default)]
    pub(super) sensitive: bool,
}

#[derive(Deserialize)]
pub(super) struct RawResource {
    pub(super) address: String,
    #[serde(default)]
    pub(super) previous_address: Option<String>,
    #[serde(default)]
    pub(super) module_address: Option<String>,
    #[serde(default)]
    pub(super) mode: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) deposed: Option<String>,
    pub(super) change: RawChange,
    #[serde(default)]
    pub(super) action_reason: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawDeferred {
    #[serde(default)]
    pub(super) reason: String,
    pub(super) resource_change: RawResource,
}

/// Terraform's `change`; also used for outputs.
#[derive(Deserialize)]
pub(super) struct RawChange {
    #[serde(default)]
    pub(super) actions: Vec<String>,
    #[serde(default)]
    pub(super) before: Value,
    #[serde(default)]
    pub(super) after: Value,
    #[serde(default)]
    pub(super) after_unknown: Value,
    #[serde(default)]
    pub(super) before_sensitive: Value,
    #[serde(default)]
    pub(super) after_sensitive: Value,
    #[serde(default)]
    pub(super) replace_paths: Vec<Vec<Value>>,
    #[serde(default)]
    pub(super) importing: Option<RawImport>,
}

#[derive(Deserialize)]
pub(super) struct RawImport {
    #[serde(default)]
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawCheck {
    #[serde(default)]
    pub(super) address: RawCheckAddress,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) instances: Vec<RawCheckInstance>,
}

#[derive(Default, Deserialize)]
pub(super) struct RawCheckAddress {
    #[serde(default)]
    pub(super) to_display: String,
}

#[derive(Deserialize)]
pub(super) struct RawCheckInstance {
    #[serde(default)]
    pub(super) problems: Vec<RawProblem>,
}

#[derive(Deserialize)]
pub(super) struct RawProblem {
    #[serde(default)]
    pub(super) message: String,
}

impl RawPlan {
    /// Every text that Terraform calls sensitive somewhere: a provider hands some of them back in
    /// attributes that carry no mark (`terraform_data.output` does), and Terraform shows those.
    pub(super) fn secrets(&mut self) -> Secrets {
        let mut secrets = Secrets::default();
        for (name, block) in &self.configuration.root_module.variables {
            if block.sensitive
                && let Some(variable) = self.variables.get_mut(name)
            {
                let value = std::mem::take(&mut variable.value);
                secrets.learn(&Node::merge(value, &Value::Null, &Value::Bool(true)));
            }
        }
        let resources = self
            .resource_changes
            .iter()
            .chain(&self.resource_drift)
            .chain(self.deferred_changes.iter().map(|d| &d.resource_change))
            .map(|r| &r.change);
        for change in resources.chain(self.output_changes.values()) {
            let marked = [
                (&change.before, &change.before_sensitive),
                (&change.after, &change.after_sensitive),
            ];
            for (value, sensitive) in marked {
                secrets.learn(&Node::merge(value.clone(), &Value::Null, sensitive));
            }
        }
        secrets
    }
}
