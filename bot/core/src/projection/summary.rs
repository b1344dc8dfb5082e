//! The check run `slipway` of a head: all that it touches, in one word for branch protection.

use super::Scene;
use crate::config::Config;
use crate::ids::{CommitSha, RunId};
use crate::policy::Override;
use crate::report::check::CheckOutput;
use crate::report::evidence::Link;
use crate::report::summary_check::{Row, Standing, SummaryCheck};
use crate::run::Run;
use crate::summary::{Ground, rows};

/// The check run. Without a ground, a head was planned before such checks were made.
#[must_use]
pub fn summary_check(head: &CommitSha, ground: Option<&Ground>, scene: &Scene<'_>) -> CheckOutput {
    match ground {
        None => SummaryCheck {
            standing: Standing::Unknown,
        }
        .output(),
        Some(ground) => made(
            head,
            ground,
            (scene.runs, scene.overrides),
            scene.config,
            |run| scene.link(run),
        ),
    }
}

/// The same for a decision, which knows no pages. `runs` are those of the pull request, newest
/// first.
#[must_use]
pub fn summary_of(
    head: &CommitSha,
    ground: &Ground,
    runs: &[Run],
    overrides: &[Override],
    config: Option<&Config>,
) -> CheckOutput {
    made(head, ground, (runs, overrides), config, |_| None)
}

fn made(
    head: &CommitSha,
    ground: &Ground,
    (runs, overrides): (&[Run], &[Override]),
    config: Option<&Config>,
    page: impl Fn(&RunId) -> Option<Link>,
) -> CheckOutput {
    let standing = match (ground, config) {
        (Ground::Unread { why }, _) => Standing::Unread(why.clone()),
        (Ground::NoRules, _) => Standing::NoRules,
        (Ground::BrokenRules { mends }, _) => Standing::BrokenRules { mends: *mends },
        (Ground::Touched { .. }, None) => Standing::BrokenRules { mends: false },
        (Ground::Touched { stacks, draft }, Some(config)) => Standing::Touched {
            rows: rows(head, stacks, runs, overrides, config)
                .into_iter()
                .map(|row| Row {
                    page: row.run.as_ref().and_then(&page),
                    row,
                })
                .collect(),
            draft: *draft,
        },
    };
    SummaryCheck { standing }.output()
}
