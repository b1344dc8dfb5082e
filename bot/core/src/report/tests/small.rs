//! Refusals, locks and the board.

use std::time::Duration;

use super::{env, login, page, release, service, stack};
use crate::ids::PrNumber;
use crate::plan::Counts;
use crate::report::board::{BoardRow, LiveRelease, board};
use crate::report::counts_markdown;
use crate::report::locks::LockView;
use crate::report::markdown::code;
use crate::report::refusal::{GateRow, explain, refusal};

fn gates() -> Vec<GateRow> {
    let gate = |gate: &str, open, state: String, opens: String| GateRow {
        gate: gate.to_owned(),
        open,
        state,
        opens,
    };
    vec![
        gate(
            "approval",
            false,
            "0 of 1".to_owned(),
            "a review by someone other than the author".to_owned(),
        ),
        gate("checks", true, "4 of 4 green".to_owned(), String::new()),
        gate(
            "order",
            false,
            format!("dev runs {}, this is {}", code("abc1111"), code("abc1234")),
            format!("{} first", code("/deploy dev")),
        ),
    ]
}

#[test]
fn a_refusal_names_every_closed_gate() {
    insta::assert_snapshot!(refusal("deployed to", &env("prod"), &gates()), @"
    ### ⛔ Not deployed to prod

    | gate | state | what opens it |
    | --- | --- | --- |
    | approval | 0 of 1 | a review by someone other than the author |
    | order | dev runs `abc1111`, this is `abc1234` | `/deploy dev` first |
    ");
}

#[test]
fn an_explanation_names_every_gate() {
    insta::assert_snapshot!(explain(&env("prod"), &gates()), @"
    ### prod: 2 of 3 gates are closed

    |  | gate | state | what opens it |
    | --- | --- | --- | --- |
    | ⛔ | approval | 0 of 1 | a review by someone other than the author |
    | ✅ | checks | 4 of 4 green |  |
    | ⛔ | order | dev runs `abc1111`, this is `abc1234` | `/deploy dev` first |
    ");
    insta::assert_snapshot!(explain(&env("dev"), &gates()[1..2]), @"
    ### dev: every gate is open

    |  | gate | state | what opens it |
    | --- | --- | --- | --- |
    | ✅ | checks | 4 of 4 green |  |
    ");
}

fn lock() -> LockView {
    LockView {
        env: env("prod"),
        stack: None,
        holder: login("ana"),
        pr: Some(PrNumber(41)),
        age: Duration::from_secs(7800),
        reason: Some("DB migration @everyone".to_owned()),
        frees_in: Some(Duration::from_secs(3000)),
    }
}

#[test]
fn a_lock_tells_who_why_and_how_long() {
    insta::assert_snapshot!(lock().blocked(Some(2)), @r#"
    ### 🔒 prod is locked by @ana (#41) for 2 h 10 min: "DB migration @&#8203;everyone"

    You are 2nd in line and will be planned again when it is your turn. Free it: `/unlock prod` (@ana or an admin) · frees itself in 50 min
    "#);
    insta::assert_snapshot!(lock().taken(), @r#"
    ### 🔒 prod is yours, @ana: "DB migration @&#8203;everyone"

    It frees itself in 50 min · free it: `/unlock prod`
    "#);
    insta::assert_snapshot!(lock().freed(&login("ana"), None), @"
    ### 🔓 prod is free

    @ana held it for 2 h 10 min.
    ");
    insta::assert_snapshot!(lock().freed(&login("root"), Some(PrNumber(44))), @"
    ### 🔓 prod is free

    `root` freed the lock of @ana, held for 2 h 10 min. Next in line: #44.
    ");
    let of_stack = LockView {
        stack: Some(stack("eks")),
        reason: None,
        frees_in: None,
        ..lock()
    };
    insta::assert_snapshot!(of_stack.blocked(None), @"
    ### 🔒 prod · eks is locked by @ana (#41) for 2 h 10 min

    It is freed when #41 is merged or closed. Free it: `/unlock prod` (@ana or an admin)
    ");
}

#[test]
fn the_board_shows_what_is_live_where() {
    let live = |short, by: Option<&str>, good| {
        Some(LiveRelease {
            release: release(short, 42),
            by: by.map(login),
            age: Duration::from_secs(100_000),
            good,
        })
    };
    let row = |env_name: &str, live, lock, hold: Option<&str>, behind| BoardRow {
        env: env(env_name),
        service: service("shop"),
        live,
        lock,
        hold: hold.map(str::to_owned),
        behind,
    };
    let rows = [
        row(
            "dev",
            live("abc1234", None, true),
            None,
            Some("rolled back by ana"),
            Some(0),
        ),
        row(
            "prod",
            live("def5678", Some("ana"), false),
            Some(lock()),
            None,
            Some(3),
        ),
        row("test", None, None, None, None),
    ];
    insta::assert_snapshot!(board(&rows, Some(&page())), @r#"
    ### What is live where

    |  | service | commit | digest | by | since | behind |
    | --- | --- | --- | --- | --- | --- | --- |
    | dev ⏸️ | shop | `abc1234` (#42) | `sha256:9f3c9f3c…` | merge | 1 d 3 h ago | up to date |
    | prod 🔒 | shop | `def5678` (#42) | `sha256:9f3c9f3c…` | `ana` | 1 d 3 h ago | 3 commits |
    | test | shop | never deployed | – | – | – | – |

    - ⏸️ dev: automatic deploys are held: rolled back by ana · `/resume dev`
    - 🔒 prod is locked by `ana` (#41) for 2 h 10 min: "DB migration @&#8203;everyone"
    - ⚠️ prod · shop: broken, or being rolled back

    [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
    insta::assert_snapshot!(board(&[], None), @"No service is configured.");
}

#[test]
fn destroys_stand_out_in_counts() {
    let counts = Counts {
        add: 3,
        change: 1,
        destroy: 1,
        replace: 1,
        ..Counts::default()
    };
    assert_eq!(counts_markdown(&counts), "+3 \\~1 **-1**");
    assert_eq!(
        counts_markdown(&Counts {
            outputs: 2,
            ..Counts::default()
        }),
        "2 outputs"
    );
    assert_eq!(counts_markdown(&Counts::default()), "no changes");
}
