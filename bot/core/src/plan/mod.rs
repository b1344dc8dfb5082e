//! Terraform's plan, read for people: what changes, what it destroys, and is it what was reviewed.
//!
//! [`Plan::parse`] reads `terraform show -json PLANFILE`. Values that Terraform marks as sensitive
//! are gone after that one function: a parsed plan can be stored and shown. Everything else here
//! works on the parsed form and may not ask for the JSON again; but for `documents`, which is for
//! policies alone.

pub mod diagnostics;
pub mod diff;
mod documents;
mod fingerprint;
mod hazard;
mod mask;
mod model;
mod parse;
mod raw;
mod secrets;
mod value_text;

pub use diagnostics::Diagnostic;
pub(crate) use documents::documents;
pub(crate) use hazard::mark_stateful;
pub use hazard::{Hazard, HazardKind, TypePattern};
pub use model::{
    Action, AttributeDiff, Counts, DeferReason, Deferred, FailedCheck, Mode, OutputChange, Plan,
    Reason, ResourceChange, Shown,
};
pub use parse::{PlanError, sensitive_texts};

#[cfg(test)]
mod tests;
