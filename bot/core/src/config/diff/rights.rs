//! Who may do what, compared as sets of people: whoever may write may also maintain, so an entry
//! for those says nothing beside one for all who may write.

use crate::report::markdown::code;

use super::super::who::{Allow, Who};
use super::{Effect, Findings, MOST_TOLD};

pub(super) fn changed(was: &Allow, is: &Allow, findings: &mut Findings) {
    let Allow {
        plan,
        apply,
        deploy,
        force_unlock,
        overrides,
        destroy,
    } = is;
    for (key, verb, was, is) in [
        ("allow.plan", "plan", &was.plan, plan),
        ("allow.apply", "apply", &was.apply, apply),
        ("allow.deploy", "deploy", &was.deploy, deploy),
        (
            "allow.force_unlock",
            "force-unlock",
            &was.force_unlock,
            force_unlock,
        ),
        (
            "allow.override",
            "override policies",
            &was.overrides,
            overrides,
        ),
        ("allow.destroy", "destroy stacks", &was.destroy, destroy),
    ] {
        let (gained, lost) = (not_among(is, was), not_among(was, is));
        let mut words = Vec::new();
        if !gained.is_empty() {
            words.push(format!("{} may {verb} now", people(&gained)));
        }
        if !lost.is_empty() {
            words.push(format!("{} may no longer {verb}", people(&lost)));
        }
        if !words.is_empty() {
            let effect = Effect::opens_if(!gained.is_empty());
            findings.tell(key, effect, words.join("; "));
        }
    }
}

/// The entries of the first list that let in somebody whom the second does not, as far as a file
/// can tell: who is in a team, or what a person may do otherwise, it can't.
fn not_among<'a>(list: &'a [Who], other: &[Who]) -> Vec<&'a Who> {
    list.iter()
        .filter(|who| !other.iter().any(|wider| is_within(who, wider)))
        .collect()
}

fn is_within(who: &Who, wider: &Who) -> bool {
    match (rank(who), rank(wider)) {
        (Some(least), Some(enough)) => least >= enough,
        _ => who.is_same_as(wider),
    }
}

/// The place of a right in GitHub's order; none for a team or a person.
fn rank(who: &Who) -> Option<u8> {
    match who {
        Who::Read => Some(0),
        Who::Write => Some(1),
        Who::Maintain => Some(2),
        Who::Admin => Some(3),
        Who::Team { .. } | Who::User(_) => None,
    }
}

/// `` everyone with `write`, `team:acme/platform` ``, or nobody.
pub(super) fn people(list: &[impl std::borrow::Borrow<Who>]) -> String {
    if list.is_empty() {
        return "nobody".to_owned();
    }
    let told: Vec<String> = list
        .iter()
        .take(MOST_TOLD)
        .map(|who| {
            let who = who.borrow();
            let everyone = rank(who).map_or("", |_| "everyone with ");
            format!("{everyone}{}", code(&who.to_string()))
        })
        .collect();
    match list.len().saturating_sub(MOST_TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
