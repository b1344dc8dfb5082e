//! The plans of a pull request.

use std::time::Duration;

use super::{labels, rules, scene};
use crate::ids::CommitSha;
use crate::outcome::{Applied, Outcome};
use crate::plan::Counts;
use crate::projection::{plan_check, plan_comment};
use crate::run::RunState;
use crate::testing::{
    PR, Situation, ago, applied, apply, apply_again, env, evidence, plan, planned, sha, situation,
    stopped,
};

fn comment(situation: &Situation) -> String {
    let rules = rules();
    plan_comment(PR, &scene(&situation.facts, Some(&rules)))
        .map_or_else(|| "none".to_owned(), |comment| comment.markdown())
}

fn check(situation: &Situation, head: &CommitSha, name: &str) -> String {
    let rules = rules();
    plan_check(PR, head, &env(name), &scene(&situation.facts, Some(&rules))).map_or_else(
        || "none".to_owned(),
        |check| {
            format!(
                "{}: {:?} {:?}: {} [{}]",
                check.name,
                check.status,
                check.conclusion,
                check.title,
                labels(&check.buttons)
            )
        },
    )
}

/// The rows of the table.
fn rows(situation: &Situation) -> String {
    comment(situation)
        .lines()
        .filter(|line| line.starts_with("| dev") || line.starts_with("| prod"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn before_the_first_plan_there_is_nothing() {
    assert_eq!(comment(&situation()), "none");
    assert_eq!(check(&situation(), &sha('a'), "dev"), "none");
}

#[test]
fn rows_are_ordered_as_in_deploy_toml_whatever_ended_first() {
    let there = [
        planned(1, "network", "dev", 1),
        planned(2, "eks", "dev", 0),
        planned(3, "database", "dev", 2),
        planned(4, "network", "prod", 3),
    ];
    let forwards = there.iter().cloned().fold(situation(), Situation::run);
    let backwards = there
        .iter()
        .rev()
        .cloned()
        .fold(situation(), Situation::run);
    assert_eq!(rows(&forwards), rows(&backwards));
    insta::assert_snapshot!(comment(&forwards), @r#"
    <!-- slipway:plan-comment/42 -->
    ### Plan · `aaaaaaa` onto `main@bbbbbbb`

    |  | stack | changes |
    | --- | --- | --- |
    | dev | [network](https://slipway.example.com/runs/00000001) | +1 |
    | dev | [eks](https://slipway.example.com/runs/00000002) | no changes |
    | dev | [database](https://slipway.example.com/runs/00000003) | +2 |
    | prod | [network](https://slipway.example.com/runs/00000004) | +3 |

    <details><summary>dev · network: full plan (+1)</summary>

    ```diff
    + terraform_data.a0
    +   input = "x"
    ```

    </details>

    <details><summary>dev · database: full plan (+2)</summary>

    ```diff
    + terraform_data.a0
    +   input = "x"

    + terraform_data.a1
    +   input = "x"
    ```

    </details>

    <details><summary>prod · network: full plan (+3)</summary>

    ```diff
    + terraform_data.a0
    +   input = "x"

    + terraform_data.a1
    +   input = "x"

    + terraform_data.a2
    +   input = "x"
    ```

    </details>

    dev as `slipway-plan` in 111111111111 (session `slipway-00000001`) · prod as `slipway-plan` in 111111111111 (session `slipway-00000001`) · valid until head or base moves · next: `/apply dev` or `/apply prod` · blocked? `/explain dev` or `/explain prod` · [run](https://slipway.example.com/runs/00000004)
    "#);
}

#[test]
fn the_latest_of_each_environment_and_stack_counts() {
    let again = situation()
        .run(plan(1, "network", "dev").failed_early())
        .run(planned(2, "network", "dev", 2))
        .run(planned(3, "network", "prod", 1))
        .run(plan(4, "network", "prod").running());
    insta::assert_snapshot!(rows(&again), @"
    | dev | [network](https://slipway.example.com/runs/00000002) | +2 |
    | prod | [network](https://slipway.example.com/runs/00000004) | 🔄 planning |
    ");
}

#[test]
fn runs_of_an_older_head_are_not_shown() {
    let pushed = situation()
        .run(planned(1, "network", "dev", 5).commit('e'))
        .run(planned(2, "eks", "dev", 5).commit('e'))
        .run(plan(3, "network", "dev"));
    insta::assert_snapshot!(rows(&pushed), @"| dev | [network](https://slipway.example.com/runs/00000003) | ⏳ queued: begins in a moment |");
    // The check of the older head still is what it was.
    insta::assert_snapshot!(check(&pushed, &sha('e'), "dev"), @"plan dev: Completed Some(Success): +10 [Apply, Plan again]");
}

#[test]
fn each_state_has_its_row() {
    for (run, expected) in [
        (plan(1, "network", "dev"), "⏳"),
        (plan(1, "network", "dev").running(), "🔄"),
        (planned(1, "network", "dev", 2), "+2"),
        (planned(1, "network", "dev", 0), "no changes"),
        (plan(1, "network", "dev").failed_early(), "❌"),
        (plan(1, "network", "dev").state(RunState::Interrupted), "❌"),
        (
            plan(1, "network", "dev").state(RunState::Cancelled),
            "cancelled",
        ),
        (
            plan(1, "network", "dev").never_began(RunState::Superseded),
            "newer",
        ),
        (
            plan(1, "network", "dev")
                .outcome(stopped("plan of x failed", "", false))
                .never_began(RunState::Skipped),
            "plan of x failed",
        ),
        // A success without a plan is no plan.
        (plan(1, "network", "dev").state(RunState::Succeeded), "❌"),
    ] {
        let state = run.0.state;
        let row = rows(&situation().run(run));
        assert!(row.contains(expected), "{state:?}: {row}");
    }
}

#[test]
fn a_plan_onto_an_older_base_is_stale() {
    let stale = situation()
        .run(planned(1, "network", "dev", 1).onto("main", 'd'))
        .run(planned(2, "eks", "dev", 1));
    insta::assert_snapshot!(rows(&stale), @"
    | dev | [network](https://slipway.example.com/runs/00000001) | out of date (was +1) |
    | dev | [eks](https://slipway.example.com/runs/00000002) | +1 |
    ");
}

#[test]
fn an_applied_plan_says_so() {
    let base = situation().run(planned(1, "network", "dev", 1));
    insta::assert_snapshot!(rows(&base.clone().run(applied(2, "network", "dev", 1).by("ben"))), @"| dev | [network](https://slipway.example.com/runs/00000001) | ✅ applied +1 by `ben` |");
    // The merge finds nothing left to do: it does not take the place of the one that did it.
    let nothing_left = apply_again(3, "network", "dev", Some(1))
        .outcome(Outcome::Applied(Box::new(Applied {
            counts: Counts::default(),
            outputs: Vec::new(),
            took: Duration::ZERO,
            evidence: evidence("slipway-apply"),
        })))
        .state(RunState::Succeeded);
    let after = base
        .clone()
        .run(nothing_left)
        .run(applied(2, "network", "dev", 1).by("ben"));
    assert!(
        rows(&after).contains("✅ applied +1 by `ben`"),
        "{}",
        rows(&after)
    );
    // Another plan's apply, or one that failed, is not it.
    for other in [
        applied(2, "network", "dev", 9),
        apply(2, "network", "dev", 1).failed(),
        apply(2, "network", "dev", 1).running(),
    ] {
        let row = rows(&base.clone().run(other));
        assert!(!row.contains("applied"), "{row}");
    }
}

#[test]
fn commands_come_next_once_an_environment_is_planned() {
    let busy = situation()
        .run(planned(1, "network", "dev", 1))
        .run(planned(2, "network", "prod", 1))
        .run(plan(3, "eks", "prod").running());
    let told = comment(&busy);
    assert!(told.contains("`/apply dev`"), "{told}");
    assert!(!told.contains("`/apply prod`"), "{told}");
    let nothing = comment(&situation().run(planned(1, "network", "dev", 0)));
    assert!(!nothing.contains("/apply"), "{nothing}");
}

#[test]
fn identities_stand_in_the_order_of_the_environments() {
    let rules = crate::testing::config(
        &crate::testing::toml("", "")
            .replace("environments.dev", "environments.zeta")
            .replace("\"dev\"", "\"zeta\""),
    );
    let both = situation()
        .run(planned(1, "network", "prod", 1))
        .run(planned(2, "network", "dev", 1).but(|run| run.order.env = env("zeta")));
    let comment = plan_comment(PR, &scene(&both.facts, Some(&rules))).unwrap();
    let of_rows: Vec<_> = comment.rows.iter().map(|row| row.env.clone()).collect();
    let of_identities: Vec<_> = comment.identities.iter().map(|i| i.env.clone()).collect();
    assert_eq!(of_rows, [env("zeta"), env("prod")]);
    assert_eq!(of_identities, of_rows);
}

#[test]
fn the_check_has_the_buttons_that_make_sense() {
    let check = |run| check(&situation().run(run), &sha('a'), "dev");
    insta::assert_snapshot!(check(plan(1, "network", "dev")), @"plan dev: Queued None: Planning: 0 of 1 done [Cancel]");
    insta::assert_snapshot!(check(plan(1, "network", "dev").running()), @"plan dev: InProgress None: Planning: 0 of 1 done [Cancel]");
    insta::assert_snapshot!(check(planned(1, "network", "dev", 1)), @"plan dev: Completed Some(Success): +1 [Apply, Plan again]");
    insta::assert_snapshot!(check(planned(1, "network", "dev", 0)), @"plan dev: Completed Some(Success): No changes [Plan again]");
    insta::assert_snapshot!(check(plan(1, "network", "dev").failed_early()), @"plan dev: Completed Some(Failure): 1 of 1 stack failed [Plan again]");
    insta::assert_snapshot!(check(planned(1, "network", "prod", 1)), @"none");
}

#[test]
fn a_check_of_one_environment_is_about_its_own_plans() {
    let mixed = situation()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").failed_early());
    assert!(check(&mixed, &sha('a'), "dev").contains("Some(Success)"));
    assert!(check(&mixed, &sha('a'), "prod").contains("Some(Failure)"));
}

#[test]
fn without_a_config_the_rows_are_still_there() {
    let both = situation()
        .run(planned(1, "network", "prod", 1))
        .run(planned(2, "network", "dev", 1));
    let comment = plan_comment(PR, &scene(&both.facts, None)).unwrap();
    assert_eq!(comment.rows.len(), 2);
    assert_eq!(comment.next, ["/apply dev", "/apply prod"]);
    assert!(both.facts.now > ago(1));
}
