//! The gate of policies, and `/override`.

use crate::event::EventKind;
use crate::facts::Permission;
use crate::ids::{CommentId, PrNumber};
use crate::intent::Intent;
use crate::outcome::Outcome;
use crate::policy::Ruling;
use crate::testing::{RunKit, Situation, planned, sha, situation, toml};

fn ruling(denials: &[&str], unusable: &[&str]) -> Ruling {
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Ruling {
        commit: sha('f'),
        rules: 2,
        denials: own(denials),
        more_denials: 0,
        warnings: vec!["no owner tag".to_owned()],
        more_warnings: 0,
        unusable: own(unusable),
        digest: denials.join("+"),
    }
}

fn ruled(kit: RunKit, ruling: Ruling) -> RunKit {
    kit.but(|run| {
        let Some(Outcome::Planned(planned)) = &mut run.outcome else {
            panic!("a plan");
        };
        planned.policy = Some(ruling);
    })
}

/// The stack `network` is held to policies, which dev lets maintainers override.
fn rules() -> String {
    toml("[environments.dev.allow]\noverride = [\"maintain\"]", "").replace(
        "[stacks.network]",
        "[stacks.network]\npolicies = [\"policy/*.rego\"]",
    )
}

fn denied() -> Situation {
    let plan = ruled(
        planned(1, "network", "dev", 1),
        ruling(&["no @ana **bold**"], &[]),
    );
    situation()
        .config(&rules())
        .files(&["infra/network/main.tf"])
        .run(plan)
}

/// What the words of a person have led to.
fn after(situation: Situation, body: &str) -> Situation {
    let decision = situation.decide(EventKind::Comment {
        pr: PrNumber(42),
        comment: CommentId(1),
        body: body.to_owned(),
    });
    let words = decision
        .intents
        .into_iter()
        .filter_map(|intent| match intent {
            Intent::Override(word) => Some(word),
            _ => None,
        });
    let words: Vec<_> = words.collect();
    assert_eq!(words.len(), 1);
    situation.but(|facts| facts.store.overrides = words)
}

#[test]
fn what_is_denied_is_not_applied_until_somebody_answers_for_it() {
    insta::assert_snapshot!(denied().says("/apply dev"), @r"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | policy of network | 1 denial: no @&#8203;ana \*\*bold\*\* | a change that it does not deny, or `/override dev REASON` by `maintain` |
    react 👎
    = 0 runs
    ");
    let word = "/override dev emptied in #41, says @ben";
    insta::assert_snapshot!(denied().says(word), @"
    reply
      | ### ⛔ Not overridden in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not override policies in dev | somebody with `maintain` |
    react 👎
    = may not override
    ");
    let maintainer = || denied().actor("ana", Permission::Maintain);
    insta::assert_snapshot!(maintainer().says(word), @r"
    override network in dev at aaaaaaa, no @ana **bold**: overridden by ana: emptied in #&#8203;41, says @&#8203;ben
    refresh plan-comment/42
    refresh plan-check/42/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/dev
    refresh summary-check/42/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    reply
      | ### ⚠️ Policies overridden in dev
      |
      | by ana: emptied in #&#8203;41, says @&#8203;ben
      |
      | - `network`: no @&#8203;ana \*\*bold\*\*
      |
      | This covers `aaaaaaa` and no other commit, and no other denial. Next: `/apply dev`.
    react 🚀
    = 1 denied plans overridden
    ");
    let overridden = after(maintainer(), word);
    insta::assert_snapshot!(overridden.says("/apply dev"), @"
    start apply network in dev at aaaaaaa from plan 00000001, by ana (comment)
    = 1 runs
    ");
    insta::assert_snapshot!(overridden.says("/explain dev"), @"
    reply
      | ### dev: every gate is open
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (apply) | ana may apply |  |
      | | ✅ | pull request (apply, deploy shop) | open |  |
      | | ✅ | lock (apply, deploy shop) | free |  |
      | | ✅ | plan of network (apply) | fresh |  |
      | | ✅ | policy of network (apply) | 1 denial, overridden by ana: emptied in #&#8203;41, says @&#8203;ben |  |
      | | ✅ | right (deploy shop) | ana may deploy |  |
    react 🚀
    = an explanation was asked for
    ");
    insta::assert_snapshot!(overridden.says(word), @"
    reply
      | ### Nothing to override in dev
      |
      | All that policies deny there is overridden already.
    react 👎
    = nothing to override
    ");
}

#[test]
fn a_word_covers_one_head_and_what_was_denied_then() {
    let word = || {
        after(
            denied().actor("ana", Permission::Maintain),
            "/override dev fine",
        )
    };
    // The same head, planned again, and more is denied.
    let more = ruled(
        planned(2, "network", "dev", 1),
        ruling(&["no", "never"], &[]),
    );
    assert!(
        word()
            .run(more)
            .says("/apply dev")
            .contains("⛔ Not applied")
    );
    // Another head with the very same denial.
    let same = ruled(
        planned(2, "network", "dev", 1),
        ruling(&["no @ana **bold**"], &[]),
    );
    let pushed = word().head('d').run(same.commit('d'));
    assert!(pushed.says("/apply dev").contains("⛔ Not applied"));
    // The same of both: planned again, nothing is otherwise.
    let again = ruled(
        planned(2, "network", "dev", 1),
        ruling(&["no @ana **bold**"], &[]),
    );
    assert!(
        word()
            .run(again)
            .says("/apply dev")
            .contains("start apply network")
    );
}

#[test]
fn nothing_is_overridden_where_nothing_is_denied_or_nobody_knows() {
    let maintainer = |kit: RunKit| {
        situation()
            .config(&rules())
            .files(&["infra/network/main.tf"])
            .run(kit)
            .actor("ana", Permission::Maintain)
    };
    let plan = || planned(1, "network", "dev", 1);
    let warned = maintainer(ruled(plan(), ruling(&[], &[])));
    insta::assert_snapshot!(warned.says("/override dev why not"), @"
    reply
      | ### Nothing to override in dev
      |
      | No policy denies a plan of `aaaaaaa` there.
    react 👎
    = nothing to override
    ");
    assert!(warned.says("/apply dev").contains("start apply network"));
    let broken = ruled(
        plan(),
        ruling(&[], &["policy/a.rego:3: expecting expression"]),
    );
    let broken = maintainer(broken);
    insta::assert_snapshot!(broken.says("/apply dev"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | policy of network | can't be asked: policy/a.rego:3: expecting expression | the policies mended on the default branch, then `/plan` |
    react 👎
    = 0 runs
    ");
    insta::assert_snapshot!(broken.says("/override dev why not"), @"
    reply
      | ### Nothing to override in dev
      |
      | The policies of `network` can't be asked (policy/a.rego:3: expecting expression), and nobody can answer for what nobody knows. Mend them on the default branch, then `/plan dev`.
    react 👎
    = nothing to override
    ");
    // A plan that is older than the policies.
    let older = maintainer(plan());
    insta::assert_snapshot!(older.says("/apply dev"), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | policy of network | not asked: the plan is older than the policies in deploy.toml | `/plan` |
    react 👎
    = 0 runs
    ");
    insta::assert_snapshot!(older.says("/override dev why not"), @"
    reply
      | ### Nothing to override in dev
      |
      | No plan of `aaaaaaa` was held against policies there.
    react 👎
    = nothing to override
    ");
    insta::assert_snapshot!(older.says("/override dev"), @"
    reply
      | ### 😕 Not understood
      | `/override` is missing `REASON`.
      |
      | It is written `/override ENV REASON…`, for example `/override prod the bucket was emptied in #41`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(older.closed().says("/override dev why not"), @"
    reply
      | ### ⛔ Not overridden in dev
      |
      | This pull request was closed without a merge.
    react 👎
    = the pull request is closed
    ");
    // In prod nobody may.
    let prod = ruled(planned(1, "network", "prod", 1), ruling(&["no"], &[]));
    let prod = maintainer(prod).actor("ana", Permission::Admin);
    insta::assert_snapshot!(prod.says("/override prod please"), @"
    reply
      | ### ⛔ Not overridden in prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not override policies in prod | nothing: nobody may |
    react 👎
    = may not override
    ");
    insta::assert_snapshot!(prod.says("/explain prod"), @"
    reply
      | ### prod: 1 of 6 gates is closed
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (apply) | ana may apply |  |
      | | ✅ | pull request (apply, deploy shop) | open |  |
      | | ✅ | lock (apply, deploy shop) | free |  |
      | | ✅ | plan of network (apply) | fresh |  |
      | | ⛔ | policy of network (apply) | 1 denial: no | a change that it does not deny; nobody may override it |
      | | ✅ | right (deploy shop) | ana may deploy |  |
    react 🚀
    = an explanation was asked for
    ");
}
