//! The check run `slipway`: when it is green, and that it is never pending for ever.

use super::scene;
use crate::config::Checks;
use crate::event::{EventKind, PullRequestAction::*};
use crate::facts::CheckState;
use crate::gates::{self, Asked};
use crate::intent::{Content, Intent, ReportKey, reports_of};
use crate::projection::{own_check_names, summary_check};
use crate::report::check::{CheckOutput, CheckStatus};
use crate::run::RunState;
use crate::summary::{Ground, SUMMARY_CHECK_NAME};
use crate::testing::{
    PR, RunKit, Situation, ago, applied, apply, apply_again, config, plan, planned, sha, situation,
    toml,
};

/// People apply in dev on the open pull request; prod waits for the merge.
fn changed() -> Situation {
    situation()
        .config(&toml("", "pull_request = \"merged\""))
        .files(&["infra/network/main.tf"])
}

fn output(situation: &Situation) -> CheckOutput {
    let facts = &situation.facts;
    let rules = match &facts.config {
        crate::facts::ConfigFacts::Valid(rules) => Some(&**rules),
        _ => None,
    };
    let ground = Ground::of(facts.pr.as_ref().unwrap(), facts);
    summary_check(&sha('a'), Some(&ground), &scene(facts, rules))
}

fn shown(situation: &Situation) -> String {
    let output = output(situation);
    let pending = output.status != CheckStatus::Completed;
    assert_eq!(pending, output.conclusion.is_none());
    format!(
        "{:?}: {}\n{}",
        output.conclusion, output.title, output.summary
    )
}

fn title(situation: &Situation) -> String {
    let output = output(situation);
    format!("{:?}: {}", output.conclusion, output.title)
}

fn prod() -> RunKit {
    planned(2, "network", "prod", 1)
}

#[test]
fn what_people_apply_before_the_merge_has_to_be_applied() {
    let ready = changed().run(planned(1, "network", "dev", 1)).run(prod());
    insta::assert_snapshot!(shown(&ready), @"
    Some(ActionRequired): 1 stack to apply before the merge: /apply dev
    Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000001) | to apply |
    | prod | [network](https://slipway.example.com/runs/00000002) | ✅ planned, nothing to apply before the merge |
    ");
    insta::assert_snapshot!(shown(&ready.run(applied(3, "network", "dev", 1))), @"
    Some(Success): All is planned, and applied where that comes before the merge
    Nothing is left to do before the merge.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000003) | ✅ applied |
    | prod | [network](https://slipway.example.com/runs/00000002) | ✅ planned, nothing to apply before the merge |
    ");
}

#[test]
fn a_good_plan_is_enough_where_the_apply_comes_after_the_merge() {
    for dev in ["auto_apply = true", "pull_request = \"merged\""] {
        let there = changed()
            .config(&toml(dev, "pull_request = \"merged\""))
            .run(planned(1, "network", "dev", 1))
            .run(prod());
        assert_eq!(title(&there), "Some(Success): All is planned", "{dev}");
    }
    let text = toml("", "pull_request = \"merged\"");
    let role = "apply_role = \"arn:aws:iam::111111111111:role/slipway-apply\"\n";
    assert!(text.contains(role));
    let never = changed()
        .config(&text.replace(role, ""))
        .run(planned(1, "network", "dev", 1))
        .run(prod());
    assert_eq!(title(&never), "Some(Success): All is planned");
}

#[test]
fn nothing_to_change_is_nothing_to_apply() {
    let same = changed()
        .run(planned(1, "network", "dev", 0))
        .run(planned(2, "network", "prod", 0));
    assert_eq!(title(&same), "Some(Success): No changes");
    let beside = changed().files(&["README.md"]);
    assert_eq!(title(&beside), "Some(Success): Nothing to do");
}

#[test]
fn every_end_of_a_plan_ends_the_check() {
    for state in RunState::ALL {
        let there = changed()
            .run(plan(1, "network", "dev").state(state))
            .run(prod());
        let pending = output(&there).status != CheckStatus::Completed;
        assert_eq!(pending, !state.is_final(), "{state:?}");
        let green = title(&there).starts_with("Some(Success)");
        assert!(!green, "{state:?}");
    }
    for state in RunState::ALL {
        let there = changed()
            .run(planned(1, "network", "dev", 1))
            .run(prod())
            .run(apply(3, "network", "dev", 1).state(state));
        let pending = output(&there).status != CheckStatus::Completed;
        assert_eq!(pending, !state.is_final(), "{state:?}");
        let green = title(&there).starts_with("Some(Success)");
        assert_eq!(green, state == RunState::Succeeded, "{state:?}");
    }
}

#[test]
fn failures_come_first_and_are_named() {
    let failed = changed()
        .run(plan(1, "network", "dev").failed_early())
        .run(plan(2, "network", "prod").state(RunState::Cancelled));
    insta::assert_snapshot!(shown(&failed), @"
    Some(Failure): 1 stack failed
    Mend the cause, then comment `/plan`.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000001) | ❌ the plan failed |
    | prod | [network](https://slipway.example.com/runs/00000002) | not planned |
    ");
    let half = changed()
        .run(planned(1, "network", "dev", 1))
        .run(prod())
        .run(apply(3, "network", "dev", 1).failed());
    insta::assert_snapshot!(shown(&half), @"
    Some(Failure): 1 stack failed
    Mend the cause, then `/plan` and `/apply` again.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000003) | ❌ the apply failed |
    | prod | [network](https://slipway.example.com/runs/00000002) | ✅ planned, nothing to apply before the merge |
    ");
}

#[test]
fn an_apply_that_was_refused_leaves_the_plan_to_apply() {
    let refused = changed()
        .run(planned(1, "network", "dev", 1))
        .run(prod())
        .run(apply(3, "network", "dev", 1).state(RunState::Refused));
    insta::assert_snapshot!(title(&refused), @"Some(ActionRequired): 1 stack to apply before the merge: /apply dev");
}

#[test]
fn what_was_not_planned_is_never_green() {
    insta::assert_snapshot!(shown(&changed().run(planned(1, "network", "dev", 0))), @"
    Some(ActionRequired): Not planned: somebody with the plan right says /plan
    Somebody who may plan looks at the change and comments `/plan`.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000001) | ✅ no changes |
    | prod | `network` | not planned |
    ");
    insta::assert_snapshot!(title(&changed().draft()), @"Some(ActionRequired): Not planned: this is a draft");
    insta::assert_snapshot!(title(&changed().files_unread()), @"Some(Failure): The changed files could not be read");
    let facts = changed().facts;
    let rules = config(&toml("", ""));
    let unknown = summary_check(&sha('a'), None, &scene(&facts, Some(&rules)));
    insta::assert_snapshot!(format!("{:?}: {}", unknown.conclusion, unknown.title), @"Some(ActionRequired): Not known what this touches: comment /plan");
}

#[test]
fn plans_of_another_head_count_for_nothing() {
    let pushed = changed()
        .run(planned(1, "network", "dev", 0).commit('f'))
        .run(planned(2, "network", "prod", 0).commit('f'));
    assert!(!title(&pushed).starts_with("Some(Success)"));
}

#[test]
fn a_stack_that_the_change_does_not_touch_is_not_asked_for() {
    let more = changed()
        .run(planned(1, "network", "dev", 0))
        .run(planned(2, "network", "prod", 0))
        .run(planned(3, "eks", "dev", 5));
    assert_eq!(title(&more), "Some(Success): No changes");
}

#[test]
fn a_broken_deploy_toml_lets_only_that_in_which_mends_it() {
    let good = toml("", "");
    let mends = changed()
        .with_broken_config()
        .files(&["deploy.toml"])
        .proposes(Some(&good));
    insta::assert_snapshot!(shown(&mends), @"
    Some(Success): Mends deploy.toml
    `deploy.toml` of the default branch has errors, so nothing can be planned. This changes nothing but that file, and has none.
    ");
    for other in [
        changed().with_broken_config(),
        mends.files(&["deploy.toml", "infra/network/main.tf"]),
        changed().with_broken_config().files(&["deploy.toml"]),
    ] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(title(&other), @"Some(Failure): Not planned: deploy.toml has errors");
        }
    }
}

fn grounds(situation: &Situation, kind: EventKind) -> usize {
    situation
        .decide(kind)
        .intents
        .iter()
        .filter(|intent| {
            matches!(
                intent,
                Intent::Say(ReportKey::SummaryCheck(pr, head), Content::Summary { .. })
                    if *pr == PR && *head == sha('a')
            )
        })
        .count()
}

fn opened() -> EventKind {
    EventKind::PullRequest {
        number: PR,
        action: Opened,
    }
}

#[test]
fn each_head_gets_the_check() {
    for there in [
        changed(),
        changed().files(&["README.md"]),
        changed().draft(),
        changed().fork(),
        changed().files_unread(),
        changed().with_broken_config(),
        changed().without_config().required(&[SUMMARY_CHECK_NAME]),
    ] {
        assert_eq!(grounds(&there, opened()), 1);
    }
    // Where nobody asked for Slipway, nothing is said.
    assert_eq!(grounds(&changed().without_config(), opened()), 0);
    let again = EventKind::Comment {
        pr: PR,
        comment: crate::ids::CommentId(7),
        body: "/plan".to_owned(),
    };
    assert_eq!(grounds(&changed(), again.clone()), 1);
    assert_eq!(grounds(&changed().files(&["README.md"]), again), 1);
}

#[test]
fn runs_of_the_head_show_in_its_check_and_applies_of_the_merge_do_not() {
    let shows = |kit: &RunKit| {
        reports_of(&kit.0.id, &kit.0.order)
            .iter()
            .any(|key| matches!(key, ReportKey::SummaryCheck(..)))
    };
    assert!(shows(&plan(1, "network", "dev")));
    assert!(shows(&apply(2, "network", "dev", 1)));
    assert!(!shows(&apply_again(3, "network", "dev", Some(1))));
}

#[test]
fn the_check_is_never_its_own_precondition() {
    let rules = config(&toml("", ""));
    assert!(own_check_names(&rules).any(|name| name == SUMMARY_CHECK_NAME));
    let gate = |checks: Checks, situation: &Situation| {
        let mut env = rules.environments[0].clone();
        env.checks = checks;
        gates::for_apply(&env, &situation.facts, Asked::ByItself)
            .into_iter()
            .find(|gate| gate.row.gate == "checks")
            .unwrap()
    };
    let wanted = || {
        [
            Checks::All,
            Checks::Required,
            Checks::Named(vec![SUMMARY_CHECK_NAME.to_owned()]),
        ]
    };
    let required = changed().required(&[SUMMARY_CHECK_NAME]);
    let pending = changed()
        .required(&[SUMMARY_CHECK_NAME])
        .own_check(SUMMARY_CHECK_NAME, CheckState::Pending);
    for checks in wanted() {
        assert!(gate(checks.clone(), &required).is_open(), "{checks:?}");
        assert!(gate(checks.clone(), &pending).is_open(), "{checks:?}");
    }
    // Another App's check of the same name is not the bot's.
    let other = changed()
        .required(&[SUMMARY_CHECK_NAME])
        .check(SUMMARY_CHECK_NAME, CheckState::Failed);
    for checks in wanted() {
        assert!(!gate(checks.clone(), &other).is_open(), "{checks:?}");
    }
}

/// A part of a stack is not the stack, whatever came before it.
#[test]
fn a_partial_apply_is_never_green_by_itself() {
    let at = |kit: RunKit, began: i64, ended: i64| {
        kit.but(|run| {
            run.started_at = Some(ago(began));
            run.ended_at = Some(ago(ended));
        })
    };
    for flags in ["-target=aws_vpc.main", "-destroy", "-refresh-only"] {
        let looked = changed()
            .run(prod())
            .run(at(planned(1, "network", "dev", 2), 60, 59))
            .run(at(planned(3, "network", "dev", 1).flags(flags), 50, 49));
        let to_apply = "Some(ActionRequired): 1 stack to apply before the merge: /apply dev";
        assert_eq!(title(&looked), to_apply, "{flags}");
        let applied_in_part =
            "Some(ActionRequired): 1 stack not applied in full: /plan dev network";
        let done = looked.run(at(applied(4, "network", "dev", 3).flags(flags), 40, 39));
        assert_eq!(title(&done), applied_in_part, "{flags}");
        // A full plan that was made meanwhile has not seen it; one that is made now will.
        let meanwhile = |began| {
            changed()
                .run(prod())
                .run(at(planned(3, "network", "dev", 1).flags(flags), 50, 49))
                .run(at(applied(4, "network", "dev", 3).flags(flags), 40, 39))
                .run(at(planned(5, "network", "dev", 0), began, began - 1))
        };
        assert_eq!(title(&meanwhile(41)), applied_in_part, "{flags}");
        let all_said = "Some(Success): All is planned";
        assert_eq!(title(&meanwhile(38)), all_said, "{flags}");
    }
}

#[test]
fn the_end_of_a_partial_apply_is_told() {
    let flags = "-target=aws_vpc.main";
    let part = changed()
        .run(prod())
        .run(planned(1, "network", "dev", 1).flags(flags));
    assert!(title(&part).starts_with("Some(ActionRequired): Not planned"));
    for state in RunState::ALL {
        let there = part
            .clone()
            .run(apply(3, "network", "dev", 1).flags(flags).state(state));
        let pending = output(&there).status != CheckStatus::Completed;
        assert_eq!(pending, !state.is_final(), "{state:?}");
        let green = title(&there).starts_with("Some(Success)");
        assert!(!green, "{state:?}");
    }
    insta::assert_snapshot!(shown(&part.run(applied(3, "network", "dev", 1).flags(flags))), @"
    Some(ActionRequired): 1 stack not applied in full: /plan dev network
    A plan with flags was applied, which leaves something out. What is left: `/plan dev network`.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000003) | not applied in full |
    | prod | [network](https://slipway.example.com/runs/00000002) | ✅ planned, nothing to apply before the merge |
    ");
}

#[test]
fn a_replacement_asked_for_leaves_nothing_out() {
    let replaced = changed()
        .run(prod())
        .run(planned(1, "network", "dev", 1).flags("-replace=aws_vpc.main"))
        .run(applied(3, "network", "dev", 1).flags("-replace=aws_vpc.main"));
    assert!(
        title(&replaced).starts_with("Some(Success)"),
        "{}",
        title(&replaced)
    );
}
