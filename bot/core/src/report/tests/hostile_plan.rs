//! Plans made to break out of the comment: by their addresses, keys and values, and by their size.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::markdown::hostile;
use super::plan::{comment, row};
use super::{env, faults};
use crate::plan::diff::DiffLimits;
use crate::plan::{Plan, TypePattern};
use crate::report::markdown::find_marker;
use crate::report::plan_check::plan_check;
use crate::report::plan_comment::{PlanSummary, PolicyState, RowState};
use crate::report::{CHECK_LIMIT, COMMENT_LIMIT};

fn summary(plan: &Value) -> PlanSummary {
    let plan = Plan::parse(plan.to_string().as_bytes()).unwrap();
    PlanSummary::new(&plan, &DiffLimits::default(), PolicyState::default())
}

/// The comment and both parts of the check run.
fn documents(plan: PlanSummary) -> [(String, usize); 3] {
    let comment = comment(vec![
        row("dev", "app", RowState::Planned(plan.clone())),
        row("dev", "net", RowState::Planned(plan)),
    ]);
    let check = plan_check("plan", &env("dev"), &comment, &[]);
    [
        (comment.markdown(), COMMENT_LIMIT),
        (check.summary, CHECK_LIMIT),
        (check.text, CHECK_LIMIT),
    ]
}

/// What is wrong with a document: its length, its structure, what can't be seen, or what calls
/// people outside of a fence.
fn wrong(body: &str, limit: usize) -> Option<String> {
    if body.len() > limit {
        return Some(format!("{} bytes", body.len()));
    }
    if let Some(fault) = faults(body) {
        return Some(fault);
    }
    let unseen = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some(c) = body.chars().find(|c| unseen(*c)) {
        return Some(format!("{c:?} is in it"));
    }
    let (mut fence, mut prose) = (None::<usize>, String::new());
    for line in body.lines() {
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            Some(open) if ticks >= open => fence = None,
            None if ticks >= 3 => fence = Some(ticks),
            None if !line.starts_with("<!-- slipway:") => {
                prose.push_str(&without_code(line));
                prose.push('\n');
            }
            Some(_) | None => {}
        }
    }
    ["@ana", "<!--", "<img", "#12 ", "GH-1"]
        .iter()
        .find(|call| prose.contains(**call))
        .map(|call| format!("{call:?} is in {prose}"))
}

/// A line without its code spans: GitHub makes no mention of what is in them.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        let (before, code) = rest.split_at(start);
        out.push_str(before);
        if before.ends_with('\\') {
            out.push('`');
            rest = &code[1..];
            continue;
        }
        let ticks = code.chars().take_while(|c| *c == '`').count();
        let fence = &code[..ticks];
        let mut from = ticks;
        let end = loop {
            let Some(found) = code[from..].find(fence) else {
                break None;
            };
            let at = from + found;
            let run = code[at..].chars().take_while(|c| *c == '`').count();
            if run == ticks {
                break Some(at + ticks);
            }
            from = at + run;
        };
        match end {
            Some(end) => rest = &code[end..],
            None => {
                out.push_str(fence);
                rest = &code[ticks..];
            }
        }
    }
    out + rest
}

fn resource(address: &str, texts: &[String], actions: &Value) -> Value {
    json!({
        "address": address, "module_address": texts[0], "mode": "managed", "type": texts[1], "name": "x",
        "previous_address": texts[2],
        "change": {
            "actions": actions,
            "before": {"id": texts[3], "same": 1, (texts[4].clone()): texts[5]},
            "after": {"id": texts[6], "same": 1, (texts[4].clone()): {(texts[7].clone()): [texts[5], texts[0]]}},
            "replace_paths": [[texts[4]]],
            "importing": {"id": texts[7]},
        },
        "action_reason": texts[1],
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_part_of_a_plan_breaks_out(texts in prop::collection::vec(hostile(), 9), copies in 1_usize..25) {
        let kinds = [json!(["update"]), json!(["delete"]), json!(["delete", "create"]), json!(["create"]), json!(["forget"]), json!([texts[0]])];
        let resources: Vec<Value> = (0..copies)
            .flat_map(|i| kinds.iter().map(move |kind| (i, kind)))
            .map(|(i, kind)| resource(&format!("{}[{i}]", texts[8]), &texts, kind))
            .collect();
        let plan = json!({
            "format_version": "1.2",
            "resource_drift": resources[..3],
            "deferred_changes": [{"reason": texts[0], "resource_change": resources[0]}],
            "complete": false,
            "checks": [{"address": {"to_display": texts[1]}, "status": "fail", "instances": [{"problems": [{"message": texts[2]}]}]}],
            "output_changes": {(texts[3].clone()): {"actions": ["update"], "before": texts[4], "after": {(texts[5].clone()): texts[6]}}},
            "resource_changes": resources,
        });
        for (body, limit) in documents(summary(&plan)) {
            prop_assert_eq!(wrong(&body, limit), None, "{}", body);
        }
        let [(comment, _), ..] = documents(summary(&plan));
        prop_assert_eq!(find_marker(&comment), Some("plan"));
    }
}

#[test]
fn values_of_a_megabyte_are_shown_in_part() {
    const MEGABYTE: usize = 1 << 20;
    let line = |c: &str| c.repeat(MEGABYTE);
    let lines = |word: &str| {
        (0..MEGABYTE / 16)
            .map(|i| format!("{word} {i:>10}\n"))
            .collect::<String>()
    };
    let list = |word: &str| {
        (0..40_000)
            .map(|i| format!("{word}-{i}"))
            .collect::<Vec<_>>()
    };
    let document = |word: &str| json!({"list": list(word), "map": {"k": line(word)}}).to_string();
    let one_of_many = |word: &str| format!("{}{word}\n{}", lines("same"), lines("same"));
    let pairs = [
        (json!(line("a")), json!(line("b"))),
        (json!(lines("old")), json!(lines("new"))),
        (json!(list("old")), json!(list("new"))),
        (json!(document("o")), json!(document("n"))),
        (json!(line("`")), json!(lines("```"))),
        (
            json!([{}]),
            json!(
                list("new")
                    .into_iter()
                    .map(|name| json!({"name": name}))
                    .collect::<Vec<_>>()
            ),
        ),
        (json!(one_of_many("old")), json!(one_of_many("new"))),
    ];
    for (place, (before, after)) in pairs.iter().enumerate() {
        let started = Instant::now();
        let plan = json!({
            "format_version": "1.2",
            "resource_changes": [{
                "address": "a.b", "mode": "managed", "type": "a", "name": "b",
                "change": {"actions": ["update"], "before": {"x": before}, "after": {"x": after}},
            }],
        });
        for (body, limit) in documents(summary(&plan)) {
            assert_eq!(wrong(&body, limit), None, "{place}");
        }
        // Debug builds are slow; what must not happen is a time that grows with the square.
        assert!(
            started.elapsed().as_secs() < 60,
            "{place}: {:?}",
            started.elapsed()
        );
    }
    let (before, after) = &pairs[6];
    let plan = json!({
        "format_version": "1.2",
        "output_changes": {"o": {"actions": ["update"], "before": before, "after": after}},
    });
    insta::assert_snapshot!(summary(&plan).diff, @"
    # outputs
    ! o:
        … (65534 unchanged lines)
        same      65534
        same      65535
    -   old
    +   new
        same          0
        same          1
        … (65534 unchanged lines)
    ");
}

#[test]
fn a_repository_says_what_holds_data_too() {
    let delete = |address: &str, kind: &str| {
        json!({
            "address": address, "mode": "managed", "type": kind, "name": "x",
            "change": {"actions": ["delete"], "before": {"id": "1"}, "after": null},
        })
    };
    let plan = json!({
        "format_version": "1.2",
        "resource_changes": [
            delete("acme_cache.a", "acme_cache"),
            delete("aws_s3_bucket.logs", "aws_s3_bucket"),
            delete("google_sql_user.z", "google_sql_user"),
        ],
    });
    let types = [TypePattern::parse("google_sql_*").unwrap()];
    let named = |plan: &PlanSummary| -> Vec<String> {
        let line = |h: &crate::plan::Hazard| format!("{} {}", h.address, h.stateful);
        plan.hazards.iter().map(line).collect()
    };
    assert_eq!(
        named(&summary(&plan)),
        [
            "aws_s3_bucket.logs true",
            "acme_cache.a false",
            "google_sql_user.z false"
        ]
    );
    assert_eq!(
        named(&summary(&plan).with_stateful(&types)),
        [
            "aws_s3_bucket.logs true",
            "google_sql_user.z true",
            "acme_cache.a false"
        ]
    );
}

#[test]
fn what_loses_data_comes_first_and_a_long_list_is_counted() {
    let delete = |i: usize, kind: &str| {
        json!({
            "address": format!("{kind}.x[{i}]"), "mode": "managed", "type": kind, "name": "x",
            "change": {"actions": ["delete"], "before": {"id": "1"}, "after": null},
        })
    };
    let of = |roles: usize, buckets: usize| {
        let roles = (0..roles).map(|i| delete(i, "aws_iam_role"));
        let buckets = (0..buckets).map(|i| delete(i, "aws_s3_bucket"));
        let all: Vec<Value> = roles.chain(buckets).collect();
        RowState::Planned(summary(
            &json!({"format_version": "1.2", "resource_changes": all}),
        ))
    };
    let body = comment(vec![
        row("dev", "iam", of(21, 0)),
        row("dev", "data", of(1, 52)),
    ])
    .markdown();
    let told: Vec<&str> = body
        .lines()
        .filter(|line| line.starts_with("- ⚠️"))
        .collect();
    assert!(
        told[..51]
            .iter()
            .all(|line| line.contains("data") && line.contains("stateful"))
    );
    assert_eq!(
        told[50],
        "- ⚠️ dev · data **destroys or replaces** 2 more stateful resources"
    );
    assert_eq!(
        told[71],
        "- ⚠️ dev · iam **destroys or replaces** 1 more resource"
    );
    assert_eq!(told.len(), 73, "{told:#?}");
}
