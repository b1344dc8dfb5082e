//! The ground of the check run `slipway`: what a head touches, kept until the pull request changes.

use super::Draft;
use crate::facts::{PullFacts, PullState};
use crate::intent::{Content, Intent, ReportKey};
use crate::summary::{Ground, SUMMARY_CHECK_NAME};

/// Lays the ground anew. A repository without a deploy.toml hears of it only where its base branch
/// asks for the check: it would wait for ever otherwise.
pub(super) fn lay_ground(draft: &mut Draft<'_>, pr: &PullFacts) {
    if pr.pull.state != PullState::Open {
        return;
    }
    let ground = Ground::of(pr, draft.facts);
    if ground == Ground::NoRules && !is_required(pr) {
        return;
    }
    let key = ReportKey::SummaryCheck(pr.pull.number, pr.pull.head.clone());
    draft.push(Intent::Say(key, Content::Summary { ground }));
}

pub(super) fn is_required(pr: &PullFacts) -> bool {
    pr.required_checks
        .as_ref()
        .is_ok_and(|names| names.iter().any(|name| name == SUMMARY_CHECK_NAME))
}
