//! The gate `policy`: closed while a policy denies a plan and nobody has overridden that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ruling;
use crate::config::{Environment, Stack, Who};
use crate::ids::{CommitSha, EnvName, Login, PrNumber, StackName};
use crate::report::markdown::{code, counted, text};
use crate::report::refusal::GateRow;

/// Of the denials, those that the gate names.
const NAMED: usize = 3;

/// Somebody's word that a plan may be applied although policies deny it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The pull request.
    pub pr: PrNumber,
    /// The environment.
    pub env: EnvName,
    /// The stack.
    pub stack: StackName,
    /// The head commit that it was said about.
    pub head: CommitSha,
    /// All that was denied then, as [`Ruling::digest`] says it: nothing else is overridden.
    pub digest: String,
    /// Who.
    pub by: Login,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Override {
    /// "overridden by ana: the bucket is empty", in Markdown.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!(
            "overridden by {}: {}",
            text(self.by.as_str()),
            text(&self.reason)
        )
    }
}

/// What a ruling is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The environment.
    pub env: &'a EnvName,
    /// The stack.
    pub stack: &'a StackName,
    /// The head commit of the pull request.
    pub head: &'a CommitSha,
}

/// The override of what a ruling denies, if one stands.
#[must_use]
pub fn standing<'o>(
    ruling: &Ruling,
    about: About<'_>,
    overrides: &'o [Override],
) -> Option<&'o Override> {
    overrides.iter().find(|word| {
        word.env == *about.env
            && word.stack == *about.stack
            && word.head == *about.head
            && word.digest == ruling.digest
    })
}

/// The gate of a plan of a stack; `None` where no policy has a say.
#[must_use]
pub fn gate(
    env: &Environment,
    stack: &Stack,
    head: &CommitSha,
    ruling: Option<&Ruling>,
    overrides: &[Override],
) -> Option<GateRow> {
    let row = |open, state, opens| {
        Some(GateRow {
            gate: format!("policy of {}", stack.name),
            open,
            state,
            opens,
        })
    };
    let Some(ruling) = ruling else {
        if stack.policies.is_empty() {
            return None;
        }
        let state = "not asked: the plan is older than the policies in deploy.toml";
        return row(false, state.to_owned(), "`/plan`".to_owned());
    };
    if let Some(why) = ruling.unusable.first() {
        let state = format!("can't be asked: {}", text(why));
        let opens = "the policies mended on the default branch, then `/plan`";
        return row(false, state, opens.to_owned());
    }
    if !ruling.denies() {
        let state = match ruling.warned() {
            0 => "ok".to_owned(),
            warned => counted(warned, "warning", "warnings"),
        };
        return row(true, state, String::new());
    }
    let denied = counted(ruling.denied(), "denial", "denials");
    let about = About {
        env: &env.name,
        stack: &stack.name,
        head,
    };
    if let Some(word) = standing(ruling, about, overrides) {
        return row(
            true,
            format!("{denied}, {}", word.sentence()),
            String::new(),
        );
    }
    let mut named: Vec<String> = ruling.denials.iter().take(NAMED).map(|d| text(d)).collect();
    let more = ruling.denied() - named.len();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    row(false, format!("{denied}: {}", named.join("; ")), opens(env))
}

/// What opens the gate: another change, or a word of somebody who may say it.
fn opens(env: &Environment) -> String {
    let command = code(&format!("/override {} REASON", env.name));
    let names: Vec<String> = env
        .allow
        .overrides
        .iter()
        .map(|who: &Who| code(&who.to_string()))
        .collect();
    match names.split_last() {
        None => "a change that it does not deny; nobody may override it".to_owned(),
        Some((last, [])) => format!("a change that it does not deny, or {command} by {last}"),
        Some((last, rest)) => format!(
            "a change that it does not deny, or {command} by {} or {last}",
            rest.join(", ")
        ),
    }
}
