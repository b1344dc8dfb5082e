//! deploy.toml in a pull request: the new file is checked and its rules are compared, and nothing
//! of it counts before it is on the default branch.
//!
//! It only reads text, so it asks for no right: forks and outsiders get the check too.

use super::{Decision, Draft};
use crate::facts::{ConfigFacts, Facts, PullFacts, PullState};
use crate::ids::{CommitSha, DeliveryId};
use crate::intent::{Content, Intent, ReportKey};
use crate::projection;
use crate::report::check::CheckOutput;
use crate::report::config_check;

/// The check of a head that changes deploy.toml, or that can't be planned since the one in force
/// has errors: one commit has one such check, and the proposed file, which may mend the other,
/// comes first.
pub(super) fn check(draft: &mut Draft<'_>, pr: &PullFacts) {
    if let Some(output) = output(pr, draft.facts) {
        say(draft, pr, output, None);
    }
}

/// Somebody asked for the check again.
pub(super) fn again(head: &CommitSha, facts: &Facts, cause: &DeliveryId) -> Decision {
    let mut draft = Draft::new(facts, cause);
    let Some(pr) = &facts.pr else {
        return draft.done("the check run belongs to no pull request");
    };
    if pr.pull.state != PullState::Open {
        // Compared with what was merged, nothing would be left of what it tells.
        return draft.done("the pull request is over: its check stays as it is");
    }
    if pr.pull.head != *head {
        return draft.done("the check is of an older head");
    }
    make_anew(&mut draft, pr);
    draft.done("deploy.toml is checked anew")
}

/// All checks of a head were asked for again; this one is among them if it was made before.
pub(super) fn among_all(draft: &mut Draft<'_>, pr: &PullFacts) {
    let is_open = pr.pull.state == PullState::Open;
    let is_due =
        pr.proposed_config.is_some() || matches!(draft.facts.config, ConfigFacts::Invalid(_));
    if is_open && is_due {
        make_anew(draft, pr);
    }
}

fn make_anew(draft: &mut Draft<'_>, pr: &PullFacts) {
    let output = output(pr, draft.facts)
        .unwrap_or_else(|| config_check::mended_on_branch(&draft.facts.default_branch));
    let again = Some(draft.cause.clone());
    say(draft, pr, output, again);
}

fn output(pr: &PullFacts, facts: &Facts) -> Option<CheckOutput> {
    match (&pr.proposed_config, &facts.config) {
        (Some(proposed), _) => Some(projection::config_check(pr, proposed, facts)),
        (None, ConfigFacts::Invalid(broken)) => Some(config_check::broken_on_branch(
            &facts.default_branch,
            broken,
        )),
        (None, ConfigFacts::Missing | ConfigFacts::Valid(_)) => None,
    }
}

fn say(draft: &mut Draft<'_>, pr: &PullFacts, output: CheckOutput, again: Option<DeliveryId>) {
    let key = ReportKey::ConfigCheck(pr.pull.number, pr.pull.head.clone());
    draft.push(Intent::Say(
        key,
        Content::Check {
            sha: pr.pull.head.clone(),
            output: Box::new(output),
            again,
        },
    ));
}
