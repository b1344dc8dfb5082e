//! Rego policies over Terraform plans, by the conventions of conftest: package `main`, sets `deny`,
//! `violation` and `warn` (`deny_…` as well) of messages.
//!
//! [`judge`] is a plain function of files, plan and context; it fails closed: whatever keeps a policy
//! from being asked makes the [`Ruling`] unusable, and the gate with it. Policies are asked about the
//! plan as it is: were sensitive values masked for them, a pull request could hide from a policy what
//! it marks as sensitive. What they *say* is shown only where it would be the same if those values
//! were masked, so no message can carry one.

mod evaluate;
mod faults;
mod gate;
mod input;
mod recursion;
mod ruling;
mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Globs;
use crate::ids::CommitSha;

use evaluate::{Engines, Finding};
pub use gate::{About, Override, gate, standing};
pub use input::{Context, PullRequestContext};
pub use ruling::{MOST_LISTED, Ruling};
pub use verify::{TestFailure, verify};

/// How long policies may take to be asked about one plan.
pub const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A plan whose JSON is larger is not held against policies: to do that takes many times the memory.
pub const LARGEST_PLAN: usize = 32 * 1024 * 1024;

/// The most rules and functions that the policies of a stack may have together.
const MOST_RULES: usize = 1_000;

/// How deep the stack of the thread that calls [`judge`] or [`verify`] has to be, in bytes: rules
/// are evaluated inside one another. Only what is used of it takes memory.
pub const STACK_SIZE: usize = 256 * 1024 * 1024;

/// What the files of tests end in; they are not asked about plans.
const TESTS: &str = "_test.rego";

/// A policy as it stands in the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyFile {
    /// Its path, from the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The policies of a stack, as a commit of the default branch has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    /// The commit.
    pub commit: CommitSha,
    /// The patterns of deploy.toml.
    pub patterns: Vec<String>,
    /// What matches them, by path.
    pub files: BTreeMap<String, String>,
}

impl Policies {
    /// The files to ask, and the first pattern that none of them matches, if there is one.
    fn chosen(&self) -> Result<Vec<PolicyFile>, String> {
        for pattern in &self.patterns {
            let globs = Globs::parse(&[pattern]).map_err(|(_, error)| error.to_string())?;
            let is_asked = |path: &&String| globs.matches(path) && !path.ends_with(TESTS);
            if !self.files.keys().any(|path| is_asked(&path)) {
                return Err(format!(
                    "{pattern}: no policy at {} has a path like that",
                    self.commit.short()
                ));
            }
        }
        let files = self.files.iter().filter(|(path, _)| !path.ends_with(TESTS));
        Ok(files
            .map(|(path, text)| PolicyFile {
                path: path.clone(),
                text: text.clone(),
            })
            .collect())
    }
}

/// Asks policies about a plan: `plan` is what `terraform show -json` says of it.
///
/// To be called on a thread with a stack of [`STACK_SIZE`]. Each of the two evaluations takes
/// `limit` at the most, but for what a single built-in function may take.
#[must_use]
pub fn judge(policies: &Policies, plan: &[u8], context: &Context, limit: Duration) -> Ruling {
    let unusable = |why: String| Ruling::unusable(policies.commit.clone(), vec![why]);
    let files = match policies.chosen() {
        Ok(files) => files,
        Err(why) => return unusable(why),
    };
    let engines = match Engines::load(&files) {
        Ok(engines) => engines,
        Err(faults) => {
            let told = faults.iter().map(ToString::to_string).collect();
            return Ruling::unusable(policies.commit.clone(), told);
        }
    };
    if plan.len() > LARGEST_PLAN {
        return unusable(format!(
            "the plan's JSON has {} MiB, and a plan is held against policies up to {} MiB",
            plan.len() / (1024 * 1024),
            LARGEST_PLAN / (1024 * 1024)
        ));
    }
    let (open, masked) = match input::inputs(plan, context) {
        Ok(inputs) => inputs,
        Err(why) => return unusable(why),
    };
    // Lenient, since a masked text stands where the rules may expect a number: what can't be said
    // without the value is not said at all.
    let said = |masked| engines.ask(masked, limit, false).unwrap_or_default();
    match engines.ask(open, limit, true) {
        Ok(findings) => Ruling::of(
            policies.commit.clone(),
            engines.rules(),
            findings,
            &said(masked),
        ),
        Err(fault) => {
            // The reason may quote a value, unless it is the same without any.
            let same = engines.ask(masked, limit, true).err().as_ref() == Some(&fault);
            unusable(if same {
                fault.to_string()
            } else {
                fault.place_only()
            })
        }
    }
}

#[cfg(test)]
mod tests;
