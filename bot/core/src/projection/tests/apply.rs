//! The applies of one cause.

use super::{in_order, labels, rules, scene};
use crate::facts::Facts;
use crate::outcome::{Outcome, Progress};
use crate::projection::{apply_check, apply_comment};
use crate::report::refusal::GateRow;
use crate::run::RunState;
use crate::testing::{
    PR, RunKit, ago, applied, apply, apply_again, cause, env, situation, stopped,
};

fn with(runs: impl IntoIterator<Item = RunKit>) -> Facts {
    in_order(
        runs.into_iter()
            .fold(situation(), crate::testing::Situation::run),
    )
}

fn comment(facts: &Facts) -> String {
    let rules = rules();
    apply_comment(
        PR,
        &cause("before"),
        &env("dev"),
        &scene(facts, Some(&rules)),
    )
    .map_or_else(|| "none".to_owned(), |comment| comment.markdown())
}

fn check(facts: &Facts) -> String {
    let rules = rules();
    apply_check(&cause("before"), &env("dev"), &scene(facts, Some(&rules))).map_or_else(
        || "none".to_owned(),
        |(commit, check)| {
            format!(
                "{} on {}: {:?} {:?}: {} [{}]",
                check.name,
                commit.short(),
                check.status,
                check.conclusion,
                check.title,
                labels(&check.buttons)
            )
        },
    )
}

/// What the table says of one run.
fn outcome(run: RunKit) -> String {
    comment(&with([run]))
        .lines()
        .find(|line| line.starts_with("| network"))
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn without_an_apply_there_is_nothing() {
    assert_eq!(comment(&with([])), "none");
    assert_eq!(comment(&with([apply(1, "network", "prod", 9)])), "none");
    assert_eq!(check(&with([])), "none");
}

#[test]
fn all_applied() {
    let done = with([applied(1, "network", "dev", 9), applied(2, "eks", "dev", 9)]);
    insta::assert_snapshot!(comment(&done), @r#"
    <!-- slipway:apply-comment/42/before/dev -->
    ### ✅ Applied `aaaaaaa` in dev · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | network | ✅ applied +1 in 31 s |
    | eks | ✅ applied +1 in 31 s |

    <details><summary>network: outputs</summary>

    ```hcl
    endpoint = "https://x"
    ```

    </details>

    <details><summary>eks: outputs</summary>

    ```hcl
    endpoint = "https://x"
    ```

    </details>

    as `slipway-apply` in 111111111111 (session `slipway-00000001`) · [run](https://slipway.example.com/runs/00000001)
    "#);
    insta::assert_snapshot!(check(&done), @"apply dev on aaaaaaa: Completed Some(Success): Applied +2 []");
}

#[test]
fn each_state_is_told() {
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9)), @"| network | ⏳ begins in a moment |");
    let running = apply(1, "network", "dev", 9)
        .running()
        .outcome(Outcome::Progress(Progress {
            counted: Some((2, 5)),
            ..Progress::default()
        }));
    insta::assert_snapshot!(outcome(running), @"| network | 🔄 2 of 5 done, 4 min |");
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9).running()), @"| network | 🔄 begun 4 min ago |");
    insta::assert_snapshot!(outcome(applied(1, "network", "dev", 9)), @"| network | ✅ applied +1 in 31 s |");
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9).failed()), @"| network | ❌ failed after 2 min |");
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9).failed_early()), @"| network | ❌ failed after 2 min |");
    let refused = apply(1, "network", "dev", 9)
        .outcome(Outcome::Refused {
            gates: vec![GateRow {
                gate: "approval".to_owned(),
                open: false,
                state: "0 of 1".to_owned(),
                opens: String::new(),
            }],
        })
        .state(RunState::Refused);
    insta::assert_snapshot!(outcome(refused), @"| network | ⛔ not applied: the gate approval is closed |");
    let cancelled = apply(1, "network", "dev", 9)
        .outcome(stopped("cancelled by ana", "`/retry` runs it again", false))
        .never_began(RunState::Cancelled);
    insta::assert_snapshot!(outcome(cancelled), @"| network | ⛔ not applied: cancelled by ana — `/retry` runs it again |");
    let interrupted = apply(1, "network", "dev", 9)
        .outcome(stopped("the state is locked", "look", true))
        .state(RunState::Interrupted);
    insta::assert_snapshot!(outcome(interrupted), @"| network | ⚠️ interrupted: what happened is not known |");
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9).state(RunState::Superseded)), @"| network | ⛔ not applied: the run ended as superseded |");
    insta::assert_snapshot!(outcome(apply(1, "network", "dev", 9).state(RunState::Interrupted)), @"| network | ⚠️ interrupted: what happened is not known |");
}

#[test]
fn what_was_kept_back_names_what_kept_it() {
    let failed = with([
        apply(1, "network", "dev", 9).failed(),
        apply(2, "eks", "dev", 9)
            .after(&[1])
            .never_began(RunState::Skipped),
    ]);
    insta::assert_snapshot!(comment(&failed), @"
    <!-- slipway:apply-comment/42/before/dev -->
    ### ❌ Apply of `aaaaaaa` in dev failed · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | network | ❌ failed after 2 min |
    | eks | skipped: network comes first and is not applied |

    - ❌ network: it broke — mend it

    next: `/retry` or `/explain dev` · [run](https://slipway.example.com/runs/00000001)
    ");
    insta::assert_snapshot!(check(&failed), @"apply dev on aaaaaaa: Completed Some(Failure): 1 of 2 stacks failed [Retry]");
}

#[test]
fn a_failed_apply_took_as_long_as_it_took() {
    // The report is made anew whenever something moves: it must not grow with the clock.
    let then = with([apply(1, "network", "dev", 9).failed()]);
    let mut later = then.clone();
    later.now = ago(-600);
    assert_eq!(comment(&then), comment(&later));
    assert_eq!(check(&then), check(&later));
}

#[test]
fn the_check_has_the_buttons_that_make_sense() {
    insta::assert_snapshot!(check(&with([apply(1, "network", "dev", 9)])), @"apply dev on aaaaaaa: Queued None: Applying: 0 of 1 stack done [Cancel]");
    insta::assert_snapshot!(check(&with([
        applied(1, "network", "dev", 9),
        apply(2, "eks", "dev", 9).running(),
    ])), @"apply dev on aaaaaaa: InProgress None: Applying: 1 of 2 stacks done [Cancel]");
    let again = applied(1, "network", "dev", 9).but(|run| {
        run.order.work = apply_again(1, "network", "dev", None).0.order.work;
    });
    insta::assert_snapshot!(check(&with([again])), @"apply dev on aaaaaaa: Completed Some(Success): Applied +1 []");
}

#[test]
fn an_apply_by_itself_names_nobody() {
    let merged = with([apply_again(1, "network", "dev", None).running()]);
    let told = comment(&merged);
    assert!(!told.contains("ana"), "{told}");
}
