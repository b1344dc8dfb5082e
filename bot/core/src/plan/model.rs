//! The parsed plan: plain data without secrets.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What Terraform is going to do, without any value that it marks as sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of Terraform (or OpenTofu) that made the plan.
    pub terraform_version: String,
    /// False when Terraform deferred some changes to a later plan.
    pub complete: bool,
    /// True when planning failed half way; such a plan can't be applied.
    pub errored: bool,
    /// Every resource that Terraform looked at, those without a change included, by address.
    pub resources: Vec<ResourceChange>,
    /// Changes of the root module's outputs.
    pub outputs: Vec<OutputChange>,
    /// What changed outside of Terraform since the last apply.
    pub drift: Vec<ResourceChange>,
    /// What Terraform leaves to a later plan. An apply of this one does nothing of it.
    #[serde(default)]
    pub deferred: Vec<Deferred>,
    /// `check` blocks, pre- and postconditions that don't hold.
    pub failed_checks: Vec<FailedCheck>,
    /// Whether it was made with outputs of other stacks, by `terraform_remote_state`.
    #[serde(default)]
    pub reads_outputs: bool,
    pub(super) fingerprint: String,
}

/// What happens to one resource instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// The absolute address, `module.db.aws_db_instance.main[0]`.
    pub address: String,
    /// The address of the module that holds it; `None` in the root module.
    pub module: Option<String>,
    /// Managed resource or data source.
    pub mode: Mode,
    /// The resource type, `aws_db_instance`.
    pub kind: String,
    /// The name in the configuration, `main`.
    pub name: String,
    /// Set for an object that a failed create-before-destroy left behind.
    pub deposed: Option<String>,
    /// What Terraform does.
    pub action: Action,
    /// Why, when Terraform says so.
    pub reason: Option<Reason>,
    /// Paths of the attributes whose change forces the replacement.
    pub replace_paths: Vec<String>,
    /// Where the resource was before a `moved` block.
    pub previous_address: Option<String>,
    /// The provider's id of an object that is imported.
    pub importing: Option<String>,
    /// The leaves that differ; all set leaves when created or deleted.
    pub attributes: Vec<AttributeDiff>,
    /// How many top-level attributes stay as they are.
    pub unchanged_attributes: usize,
}

/// A change that Terraform can't plan yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferred {
    /// Why.
    pub reason: DeferReason,
    /// The change as far as it is known.
    pub change: ResourceChange,
}

/// Why Terraform puts a change off (`deferred_changes`, `reason`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeferReason {
    /// `count` or `for_each` is not known yet.
    InstanceCountUnknown,
    /// The resource's configuration is not known yet.
    ResourceConfigUnknown,
    /// The configuration of its provider is not known yet.
    ProviderConfigUnknown,
    /// The provider says that something that has to be there is not.
    AbsentPrerequisite,
    /// Something that it depends on is put off.
    DeferredPrerequisite,
    /// A reason that this version of Slipway doesn't know, in Terraform's word.
    Other(String),
}

/// One leaf of a resource that differs before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeDiff {
    /// The path as Terraform writes it: `ingress[0].from_port`, `tags["a b"]`.
    pub path: String,
    /// The value now; `None` when it isn't set.
    pub before: Option<Shown>,
    /// The value after apply; `None` when it will not be set.
    pub after: Option<Shown>,
    /// True when this change forces the replacement of the resource.
    pub forces_replacement: bool,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// A value that is neither sensitive nor unknown; a list may hold masked elements as text.
    Value(Value),
    /// Known only after apply.
    Unknown,
    /// Marked sensitive by Terraform; all that is known is whether it changes.
    Sensitive {
        /// True when the value after apply differs from the one before (or may differ).
        changed: bool,
    },
}

/// Managed resource or data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A `resource` block.
    Managed,
    /// A `data` block.
    Data,
}

/// What Terraform does to a resource or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Makes it.
    Create,
    /// Reads a data source during apply.
    Read,
    /// Changes it in place.
    Update,
    /// Destroys it.
    Delete,
    /// Destroys it and makes it anew.
    Replace {
        /// `create_before_destroy`: the new one is made first.
        create_first: bool,
    },
    /// Drops it from the state; the object itself stays.
    Forget,
    /// A list of actions that this version of Slipway doesn't know.
    Other(Vec<String>),
}

/// Why Terraform chose an action (`action_reason`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// An attribute can't be changed in place.
    CannotUpdate,
    /// The object is marked as tainted.
    Tainted,
    /// Somebody asked for it (`-replace`).
    Requested,
    /// `replace_triggered_by`.
    Triggered,
    /// The resource is gone from the configuration.
    NoResourceConfig,
    /// Its module is gone from the configuration.
    NoModule,
    /// `count` or `for_each` was added or removed.
    WrongRepetition,
    /// `count` no longer reaches this index.
    CountIndex,
    /// `for_each` no longer has this key.
    EachKey,
    /// The `moved` target is not in the configuration.
    NoMoveTarget,
    /// A data source whose configuration is known only during apply.
    ConfigUnknown,
    /// A data source that depends on something with changes.
    DependencyPending,
    /// A data source read for a `check` block.
    CheckNested,
    /// A reason that this version of Slipway doesn't know, in Terraform's word.
    Other(String),
}

/// What happens to one output of the root module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChange {
    /// The output's name.
    pub name: String,
    /// What Terraform does.
    pub action: Action,
    /// The leaves that differ; the path is empty for a scalar output.
    pub attributes: Vec<AttributeDiff>,
}

/// A condition in the configuration that doesn't hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCheck {
    /// The address of the checkable object.
    pub address: String,
    /// `fail`, or `error` when it could not be evaluated.
    pub status: String,
    /// What the configuration says about it.
    pub problems: Vec<String>,
}

/// How much changes, in Terraform's own arithmetic: a replacement counts in `add` and `destroy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Resources made, replacements included.
    pub add: usize,
    /// Resources changed in place.
    pub change: usize,
    /// Resources destroyed, replacements included.
    pub destroy: usize,
    /// Resources replaced.
    pub replace: usize,
    /// Resources imported.
    pub import: usize,
    /// Resources that get another address.
    pub moved: usize,
    /// Resources dropped from the state.
    pub forget: usize,
    /// Outputs that change.
    pub outputs: usize,
}

impl Counts {
    /// True when nothing at all is counted.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            add: self.add + other.add,
            change: self.change + other.change,
            destroy: self.destroy + other.destroy,
            replace: self.replace + other.replace,
            import: self.import + other.import,
            moved: self.moved + other.moved,
            forget: self.forget + other.forget,
            outputs: self.outputs + other.outputs,
        }
    }
}

/// `+3 ~1 -1`, without zeros; "no changes" when there are none.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_zero() {
            return f.write_str("no changes");
        }
        let parts = [
            (self.add, format!("+{}", self.add)),
            (self.change, format!("~{}", self.change)),
            (self.destroy, format!("-{}", self.destroy)),
            (self.import, format!("{} imported", self.import)),
            (self.moved, format!("{} moved", self.moved)),
            (self.forget, format!("{} forgotten", self.forget)),
        ];
        let mut told: Vec<String> = parts
            .into_iter()
            .filter(|(n, _)| *n > 0)
            .map(|(_, text)| text)
            .collect();
        if told.is_empty() {
            let s = if self.outputs == 1 { "" } else { "s" };
            told.push(format!("{} output{s}", self.outputs));
        }
        f.write_str(&told.join(" "))
    }
}

impl Plan {
    /// Adds up the changes.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self
            .resources
            .iter()
            .map(ResourceChange::counts)
            .fold(Counts::default(), |a, b| a + b);
        counts.outputs = self
            .outputs
            .iter()
            .filter(|o| o.action != Action::NoOp)
            .count();
        counts
    }

    /// True when an apply would do nothing and nothing was put off: no change of a resource, an
    /// address, the state or an output. Reading data sources is no change.
    #[must_use]
    pub fn is_noop(&self) -> bool {
        self.complete
            && !self.errored
            && self.resources.iter().all(|r| !r.is_change())
            && self.outputs.iter().all(|o| o.action == Action::NoOp)
    }

    /// SHA-256 in hexadecimal of what changes: equal fingerprints mean that a later plan does what
    /// an earlier, reviewed one said. Order, times and attributes that stay as they are don't
    /// count. Sensitive values do, so don't publish it: weak ones could be guessed and compared.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What changed outside of Terraform, without mere new addresses.
    pub fn drifted(&self) -> impl Iterator<Item = &ResourceChange> {
        self.drift.iter().filter(|r| r.action != Action::NoOp)
    }

    /// The resources that an apply changes, in the plan's order.
    pub fn changes(&self) -> impl Iterator<Item = &ResourceChange> {
        self.resources.iter().filter(|r| r.is_change())
    }

    /// The names of the outputs that an apply changes.
    pub fn changed_outputs(&self) -> impl Iterator<Item = &str> {
        let changes = self.outputs.iter().filter(|o| o.action != Action::NoOp);
        changes.map(|output| output.name.as_str())
    }
}

impl ResourceChange {
    /// True when an apply does something to the resource, its address or the state.
    #[must_use]
    pub fn is_change(&self) -> bool {
        !matches!(self.action, Action::NoOp | Action::Read)
            || self.previous_address.is_some()
            || self.importing.is_some()
    }

    /// This resource's share of the plan's counts; data sources count nothing.
    #[must_use]
    pub fn counts(&self) -> Counts {
        if self.mode == Mode::Data {
            return Counts::default();
        }
        let one = |yes: bool| usize::from(yes);
        let replace = one(matches!(self.action, Action::Replace { .. }));
        Counts {
            add: one(self.action == Action::Create) + replace,
            change: one(matches!(self.action, Action::Update | Action::Other(_))),
            destroy: one(self.action == Action::Delete) + replace,
            replace,
            import: one(self.importing.is_some()),
            moved: one(self.previous_address.is_some()),
            forget: one(self.action == Action::Forget),
            outputs: 0,
        }
    }
}

impl Action {
    /// The action in a word, for reading.
    #[must_use]
    pub fn verb(&self) -> &str {
        match self {
            Self::NoOp => "no-op",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "destroy",
            Self::Replace { .. } => "replace",
            Self::Forget => "forget",
            Self::Other(_) => "unknown action",
        }
    }
}

impl Reason {
    /// The reason as the end of a sentence that began with what is done.
    #[must_use]
    pub fn because(&self) -> &str {
        match self {
            Self::CannotUpdate => "it can't be changed in place",
            Self::Tainted => "it is tainted",
            Self::Requested => "its replacement was requested",
            Self::Triggered => "`replace_triggered_by` says so",
            Self::NoResourceConfig => "it is no longer in the configuration",
            Self::NoModule => "its module is no longer in the configuration",
            Self::WrongRepetition => "`count` or `for_each` was added or removed",
            Self::CountIndex => "its index is out of the range of `count`",
            Self::EachKey => "its key is no longer in `for_each`",
            Self::NoMoveTarget => "it was moved to an address that is not in the configuration",
            Self::ConfigUnknown => "its configuration is known only during apply",
            Self::DependencyPending => "it depends on something with changes",
            Self::CheckNested => "a check block needs it",
            Self::Other(_) => "of a reason that Terraform gives but Slipway doesn't know",
        }
    }
}

impl DeferReason {
    /// The reason as the end of a sentence that began with what is put off.
    #[must_use]
    pub fn because(&self) -> &str {
        match self {
            Self::InstanceCountUnknown => "count or for_each is not known yet",
            Self::ResourceConfigUnknown => "its configuration is not known yet",
            Self::ProviderConfigUnknown => "its provider's configuration is not known yet",
            Self::AbsentPrerequisite => "something that it needs is not there yet",
            Self::DeferredPrerequisite => "something that it depends on is deferred",
            Self::Other(_) => "of a reason that Terraform gives but Slipway doesn't know",
        }
    }
}
