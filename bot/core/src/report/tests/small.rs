//! Refusals, locks and the board.

use std::time::Duration;

use super::{env, login, page, release, service, stack};
use crate::ids::PrNumber;
use crate::plan::Counts;
use crate::report::board::{BoardRow, LiveRelease, board};
use crate::report::counts_markdown;
use crate::report::lock_table::{InLine, LockRow, lock_table};
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
    let row = |env_name: &str, live, locked, hold: Option<&str>, behind| BoardRow {
        env: env(env_name),
        service: service("shop"),
        live,
        locked,
        hold: hold.map(str::to_owned),
        behind,
    };
    let rows = [
        row(
            "dev",
            live("abc1234", None, true),
            false,
            Some("rolled back by ana"),
            Some(0),
        ),
        row(
            "prod",
            live("def5678", Some("ana"), false),
            true,
            None,
            Some(3),
        ),
        row("test", None, false, None, None),
    ];
    let locks = [LockRow {
        lock: lock(),
        line: Vec::new(),
    }];
    insta::assert_snapshot!(board(&rows, &[], &locks, Some(&page())), @r#"
    ### What is live where

    |  | service | commit | digest | by | since | behind |
    | --- | --- | --- | --- | --- | --- | --- |
    | dev ⏸️ | shop | `abc1234` (#42) | `sha256:9f3c9f3c…` | merge | 1 d 3 h ago | up to date |
    | prod 🔒 | shop | `def5678` (#42) | `sha256:9f3c9f3c…` | `ana` | 1 d 3 h ago | 3 commits |
    | test | shop | never deployed | – | – | – | – |

    - ⏸️ dev: automatic deploys are held: rolled back by ana · `/resume dev`
    - ⚠️ prod · shop: broken, or being rolled back

    | 🔒 | held by | since | free | in line |
    | --- | --- | --- | --- | --- |
    | prod | `ana` (#41): "DB migration @&#8203;everyone" | 2 h 10 min ago | in 50 min or `/unlock prod` | – |

    [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
    insta::assert_snapshot!(board(&[], &[], &[], None), @"
    ### What is live where

    No service is configured.
    ");
}

#[test]
fn locks_are_shown_with_their_line() {
    let waits = |place, who: &str, pr, subject: &str| InLine {
        subject: subject.to_owned(),
        place,
        who: login(who),
        pr: Some(PrNumber(pr)),
    };
    let rows = [
        LockRow {
            lock: lock(),
            line: vec![
                waits(1, "ben", 42, "eks"),
                waits(1, "ben", 43, "shop"),
                waits(2, "cleo", 44, "eks"),
            ],
        },
        LockRow {
            lock: LockView {
                stack: Some(stack("eks")),
                reason: None,
                frees_in: None,
                ..lock()
            },
            line: (1..=20).map(|n| waits(n, "ben", n as u64, "eks")).collect(),
        },
        LockRow {
            lock: LockView {
                pr: None,
                frees_in: None,
                ..lock()
            },
            line: Vec::new(),
        },
    ];
    insta::assert_snapshot!(lock_table(&rows), @r#"
    | 🔒 | held by | since | free | in line |
    | --- | --- | --- | --- | --- |
    | prod | `ana` (#41): "DB migration @&#8203;everyone" | 2 h 10 min ago | in 50 min or `/unlock prod` | eks: 1st `ben` (#42), shop: 1st `ben` (#43), eks: 2nd `cleo` (#44) |
    | prod · eks | `ana` (#41) | 2 h 10 min ago | when #41 is merged or closed | 1st `ben` (#1), 2nd `ben` (#2), 3rd `ben` (#3), 4th `ben` (#4), 5th `ben` (#5), 6th `ben` (#6), 7th `ben` (#7), 8th `ben` (#8) and 12 more |
    | prod | `ana`: "DB migration @&#8203;everyone" | 2 h 10 min ago | `/unlock prod` | – |
    "#);
    assert_eq!(lock_table(&[]), "");
    let many = vec![rows[2].clone(); 100];
    assert!(lock_table(&many).ends_with("\nand 60 more locks\n"));
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
