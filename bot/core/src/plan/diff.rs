//! A plan as text in GitHub's `diff` syntax, where a line's first character gives its colour:
//! `+` green, `-` red, `!` orange (changed in place), anything else none.
//!
//! The text is for a fence; whoever puts it into one neutralises control characters.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::model::{Action, AttributeDiff, Counts, OutputChange, Plan, Reason, ResourceChange};
use super::value_text::{LineSigns, attribute};

/// How long the text of a plan may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffLimits {
    /// Resources shown in full; those past it are counted by module and type.
    pub resources: usize,
    /// Attributes shown of one resource.
    pub attributes: usize,
    /// Characters of one value on one line.
    pub value_chars: usize,
    /// Lines of one multi-line value or its difference.
    pub value_lines: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            resources: 200,
            attributes: 150,
            value_chars: 300,
            value_lines: 60,
        }
    }
}

/// How much changes among the resources of one type in one module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeCount {
    /// The module's address; `None` for the root module.
    pub module: Option<String>,
    /// The resource type.
    pub kind: String,
    /// How much changes.
    pub counts: Counts,
}

/// The changes of a plan as text for a block fenced as `diff`; empty when nothing changes.
///
/// What destroys comes first, then what changes, then what is made; what is put off comes last.
#[must_use]
pub fn plan_text(plan: &Plan, limits: &DiffLimits) -> String {
    let mut resources: Vec<&ResourceChange> = plan.changes().collect();
    resources.sort_by_key(|r| (severity(&r.action), &r.address));
    let mut text = resource_list(&resources, limits);
    let outputs: Vec<&OutputChange> = plan
        .outputs
        .iter()
        .filter(|o| o.action != Action::NoOp)
        .collect();
    if !outputs.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str("# outputs\n");
        for output in outputs {
            output_text(&mut text, output, limits);
        }
    }
    if !text.is_empty() {
        reads_text(&mut text, plan, limits);
    }
    deferred_text(&mut text, plan, limits);
    text
}

/// The data sources that are read during apply, a line for each. To read alone is no change.
fn reads_text(text: &mut String, plan: &Plan, limits: &DiffLimits) {
    let resources = plan.resources.iter();
    let reads: Vec<&ResourceChange> = resources.filter(|r| r.action == Action::Read).collect();
    if reads.is_empty() {
        return;
    }
    text.push_str("\n# read during apply\n");
    for read in reads.iter().take(limits.resources) {
        let _ = write!(text, "#   {}", read.address);
        let because = read.reason.as_ref().map(Reason::because);
        let _ = writeln!(
            text,
            "{}",
            because.map_or_else(String::new, |b| format!(": {b}"))
        );
    }
    more_text(text, reads.len(), limits);
}

fn more_text(text: &mut String, listed: usize, limits: &DiffLimits) {
    let hidden = listed.saturating_sub(limits.resources);
    if hidden > 0 {
        let _ = writeln!(text, "#   {hidden} more");
    }
}

/// What Terraform leaves to a later plan, a line for each: it is no change of this plan.
fn deferred_text(text: &mut String, plan: &Plan, limits: &DiffLimits) {
    if plan.deferred.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str("# deferred to a later plan\n");
    for deferred in plan.deferred.iter().take(limits.resources) {
        let _ = writeln!(
            text,
            "#   {} {}: {}",
            deferred.change.action.verb(),
            deferred.change.address,
            deferred.reason.because()
        );
    }
    more_text(text, plan.deferred.len(), limits);
}

/// What changed outside of Terraform, in the same form: `-` is what the state says, `+` what is.
#[must_use]
pub fn drift_text(plan: &Plan, limits: &DiffLimits) -> String {
    let mut resources: Vec<&ResourceChange> = plan.drifted().collect();
    resources.sort_by_key(|r| (severity(&r.action), &r.address));
    resource_list(&resources, limits)
}

/// The changes counted by module and type, in the order of their names.
pub fn by_module_and_type<'a>(
    resources: impl IntoIterator<Item = &'a ResourceChange>,
) -> Vec<TypeCount> {
    let mut counts: BTreeMap<(Option<&str>, &str), Counts> = BTreeMap::new();
    for resource in resources {
        let sum = counts
            .entry((resource.module.as_deref(), resource.kind.as_str()))
            .or_default();
        *sum = *sum + resource.counts();
    }
    counts
        .into_iter()
        .map(|((module, kind), counts)| TypeCount {
            module: module.map(str::to_owned),
            kind: kind.to_owned(),
            counts,
        })
        .collect()
}

/// What a reader must not miss comes first.
fn severity(action: &Action) -> u8 {
    match action {
        Action::Delete | Action::Replace { .. } => 0,
        Action::Other(_) | Action::Forget => 1,
        Action::Update => 2,
        Action::Create => 3,
        Action::Read | Action::NoOp => 4,
    }
}

fn resource_list(resources: &[&ResourceChange], limits: &DiffLimits) -> String {
    let mut text = String::new();
    for resource in resources.iter().take(limits.resources) {
        if !text.is_empty() {
            text.push('\n');
        }
        resource_text(&mut text, resource, limits);
    }
    let rest = resources.get(limits.resources..).unwrap_or_default();
    if !rest.is_empty() {
        let _ = writeln!(
            text,
            "\n# {} more resources, by module and type:",
            rest.len()
        );
        for count in by_module_and_type(rest.iter().copied()) {
            let module = count.module.as_deref().unwrap_or("root module");
            let _ = writeln!(text, "#   {module} · {}: {}", count.kind, count.counts);
        }
    }
    text
}

/// One resource: a header that says what happens, then its attributes.
fn resource_text(text: &mut String, resource: &ResourceChange, limits: &DiffLimits) {
    let (sign, told) = match &resource.action {
        Action::Create => ("+", ""),
        Action::Update => ("!", ""),
        Action::Delete => ("-", ""),
        Action::Replace {
            create_first: false,
        } => ("-/+", ""),
        Action::Replace { create_first: true } => ("+/-", " (the new one is made first)"),
        Action::Read => ("#", " (read during apply)"),
        Action::Forget => ("#", " (no longer managed; the object itself stays)"),
        Action::NoOp => ("#", ""),
        Action::Other(_) => ("!", " (an action that Slipway doesn't know)"),
    };
    let _ = write!(text, "{sign} {}{told}", resource.address);
    if let Some(deposed) = &resource.deposed {
        let _ = write!(text, " (deposed object {deposed})");
    }
    text.push('\n');
    if let Some(why) = why(resource) {
        let _ = writeln!(text, "#   because {why}");
    }
    if let Some(old) = &resource.previous_address {
        let _ = writeln!(text, "#   moved from {old}");
    }
    if let Some(id) = &resource.importing {
        let _ = writeln!(
            text,
            "#   imported as {}",
            serde_json::Value::from(id.as_str())
        );
    }
    if resource.action == Action::Forget {
        // Nothing happens to it: red lines would say otherwise.
        return;
    }
    // Those that force a replacement first, so that a limit never hides them.
    let (forcing, others): (Vec<_>, Vec<_>) = resource
        .attributes
        .iter()
        .partition(|diff| diff.forces_replacement);
    for diff in forcing.into_iter().chain(others).take(limits.attributes) {
        attribute(text, diff, LineSigns::Indented, limits);
    }
    let hidden = resource.attributes.len().saturating_sub(limits.attributes);
    if hidden > 0 {
        let _ = writeln!(text, "    # {hidden} more attributes change");
    }
    match resource.unchanged_attributes {
        0 => {}
        1 => text.push_str("    # 1 unchanged attribute hidden\n"),
        n => {
            let _ = writeln!(text, "    # {n} unchanged attributes hidden");
        }
    }
}

/// Why Terraform does it; the attributes say it better where there are some.
fn why(resource: &ResourceChange) -> Option<String> {
    match resource.replace_paths.as_slice() {
        [] => resource
            .reason
            .as_ref()
            .map(|reason| reason.because().replace('`', "")),
        [one] => Some(format!("{one} changes")),
        many => Some(format!("{} change", many.join(", "))),
    }
}

fn output_text(text: &mut String, output: &OutputChange, limits: &DiffLimits) {
    if output.attributes.is_empty() {
        let _ = writeln!(text, "! {} ({})", output.name, output.action.verb());
    }
    for diff in output.attributes.iter().take(limits.attributes) {
        let path = if diff.path.is_empty() || diff.path.starts_with('[') {
            format!("{}{}", output.name, diff.path)
        } else {
            format!("{}.{}", output.name, diff.path)
        };
        let named = AttributeDiff {
            path,
            ..diff.clone()
        };
        attribute(text, &named, LineSigns::Flush, limits);
    }
    let hidden = output.attributes.len().saturating_sub(limits.attributes);
    if hidden > 0 {
        let _ = writeln!(text, "# {hidden} more values of {} change", output.name);
    }
}
