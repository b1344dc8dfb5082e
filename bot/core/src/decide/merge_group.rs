//! Merge queues: the check `slipway` of a group's commit.
//!
//! GitHub makes a commit of its own for each place in the queue and asks for the required checks on
//! it. Nothing is planned there: what stands on the pull request that the place is for counts. Those
//! before it in the queue have places of their own, and after the merge what was reviewed is
//! compared with a new plan, so that a base that moved meanwhile applies nothing else.

use super::{Decision, Draft};
use crate::config::Config;
use crate::facts::{ConfigFacts, Facts};
use crate::ids::{CommitSha, DeliveryId, PrNumber};
use crate::intent::{Content, Intent, ReportKey};
use crate::projection;
use crate::report::summary_check::of_group;
use crate::summary::Ground;

/// GitHub asks for the checks of a group's commit, or a person does again.
pub(super) fn on_checks_requested(
    number: PrNumber,
    group: &CommitSha,
    facts: &Facts,
    cause: &DeliveryId,
    again: Option<DeliveryId>,
) -> Decision {
    let mut draft = Draft::new(facts, cause);
    let Some(pr) = &facts.pr else {
        return draft.done("the pull request is gone");
    };
    let config: Option<&Config> = match &facts.config {
        ConfigFacts::Valid(config) => Some(config),
        ConfigFacts::Missing | ConfigFacts::Invalid(_) => None,
    };
    let ground = Ground::of(pr, facts);
    if ground == Ground::NoRules && !super::summary::is_required(pr) {
        return draft.done("the default branch has no deploy.toml");
    }
    let head = &pr.pull.head;
    let of_head = projection::summary_of(
        head,
        &ground,
        &facts.store.runs,
        &facts.store.overrides,
        config,
    );
    let output = of_group(number, head, &of_head);
    let because = output.title.clone();
    draft.push(Intent::Say(
        ReportKey::GroupCheck(number, group.clone()),
        Content::Check {
            sha: group.clone(),
            output: Box::new(output),
            again,
        },
    ));
    draft.done(because)
}
