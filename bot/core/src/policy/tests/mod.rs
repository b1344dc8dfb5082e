//! Policies asked about plans that a real Terraform made.

mod own;

use std::time::Duration;

use super::*;
use crate::ids::{EnvName, Login, PrNumber, StackName};
use crate::testing::sha;

const PLAN: &[u8] = include_bytes!("../../plan/fixtures/aws_database_replaced/plan.json");
const SENSITIVE: &[u8] = include_bytes!("../../plan/fixtures/sensitive_values/plan.json");

fn context() -> Context {
    Context {
        environment: EnvName::parse("prod").unwrap(),
        production: true,
        stack: StackName::parse("database").unwrap(),
        workspace: "prod".to_owned(),
        actor: Login::parse("ana").unwrap(),
        pull_request: Some(PullRequestContext {
            number: PrNumber(41),
            author: Login::parse("ben").unwrap(),
            base: "main".to_owned(),
            head: sha('a'),
        }),
    }
}

fn policies(files: &[(&str, &str)]) -> Policies {
    let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    Policies {
        commit: sha('f'),
        patterns: vec!["policy/*.rego".to_owned()],
        files: files.iter().map(own).collect(),
    }
}

fn ruling_about(plan: &[u8], text: &str) -> Ruling {
    let policies = policies(&[("policy/a.rego", text)]);
    judge(&policies, plan, &context(), TIME_LIMIT)
}

fn ruling(text: &str) -> Ruling {
    ruling_about(PLAN, text)
}

fn faults(text: &str) -> String {
    let ruling = ruling(text);
    assert!(!ruling.denies() && ruling.rules == 0, "{ruling:?}");
    ruling.unusable.join("\n")
}

#[test]
fn rules_of_both_versions_are_asked_and_only_those_of_main() {
    let v1 = r#"package main

import data.lib.plans

deny contains msg if {
    some change in plans.replaced
    input.slipway.production
    msg := sprintf("%s is replaced in %s", [change.address, input.slipway.environment])
}

violation_with_details contains {"msg": "an object", "severity": "high"} if true

warn contains msg if {
    msg := sprintf("pull request %d by %s", [input.slipway.pull_request.number, input.slipway.actor])
}

warning contains "not asked" if true
"#;
    let lib = r#"package lib.plans

import rego.v1

replaced contains change if {
    some change in input.resource_changes
    "delete" in change.change.actions
}

deny contains "of a library" if true
"#;
    let v0 = r#"package main

deny_old[msg] {
    input.resource_changes[_].type == "aws_db_instance"
    msg := "a database, in the old words"
}
"#;
    let policies = policies(&[
        ("policy/a.rego", v1),
        ("policy/lib.rego", lib),
        ("policy/old.rego", v0),
        ("policy/a_test.rego", "package main\n\nnot even Rego"),
    ]);
    let ruling = judge(&policies, PLAN, &context(), TIME_LIMIT);
    insta::assert_debug_snapshot!((ruling.rules, &ruling.denials, &ruling.warnings, &ruling.unusable), @r#"
    (
        4,
        [
            "a database, in the old words",
            "an object",
            "aws_db_instance.main is replaced in prod",
        ],
        [
            "pull request 41 by ana",
        ],
        [],
    )
    "#);
    assert!(ruling.denies());
    assert_eq!(ruling.commit, sha('f'));
}

#[test]
fn whatever_keeps_policies_from_being_asked_is_told_with_its_place() {
    let told = [
        ("syntax", "package main\n\ndeny contains msg if { msg := }\n"),
        ("old syntax", "package main\n\ndeny[msg] { msg := }\n"),
        ("unsafe", "package main\n\ndeny contains msg if { y == 1 }\n"),
        (
            "no such function",
            "package main\n\ndeny contains \"x\" if http.send({\"url\": \"http://x\"})\n",
        ),
        (
            "built-in error",
            "package main\n\ndeny contains \"x\" if to_number(input.format_version) == 1\ndeny contains \"y\" if to_number(input.slipway.actor) == 1\n",
        ),
        ("no rule", "package mine\n\ndeny contains \"x\" if true\n"),
        ("no set", "package main\n\ndeny if true\n"),
        ("complete", "package main\n\nwarn := \"x\"\n"),
        ("default", "package main\n\ndefault deny := false\n"),
        ("no message", "package main\n\ndeny contains 1 if true\n"),
        ("no msg", "package main\n\ndeny contains {\"message\": \"x\"} if true\n"),
        (
            "recursive",
            "package main\n\nf(x) := g(x)\n\ng(x) := data.main.f(x)\n\ndeny contains \"x\" if f(1)\n",
        ),
        (
            "recursive rules",
            "package main\n\np if q\n\nq if p\n\ndeny contains \"x\" if p\n",
        ),
        (
            "another in its place",
            "package main\n\nf(x) := y if {\n    y := g(x) with data.main.g as f\n}\n\ng(x) := x\n\ndeny contains \"x\" if f(1)\n",
        ),
    ]
    .map(|(what, text)| format!("{what}: {}", faults(text)));
    insta::assert_snapshot!(told.join("\n"), @"
    syntax: policy/a.rego:3: expecting `}` while parsing set
    old syntax: policy/a.rego:3: expecting }
    unsafe: policy/a.rego:3: use of undefined variable `y` is unsafe
    no such function: policy/a.rego:3: could not find function http.send
    built-in error: policy/a.rego:4: could not parse string as number
    no rule: no policy has a rule `deny`, `violation` or `warn` in the package `main`
    no set: policy/a.rego:3: deny is no set of messages: `deny contains msg if { … }`
    complete: policy/a.rego:3: warn is no set of messages: `warn contains msg if { … }`
    default: policy/a.rego:3: deny is no set of messages: `deny contains msg if { … }`
    no message: policy/a.rego:3: deny gives a message that is neither a text nor an object with a text `msg`
    no msg: policy/a.rego:3: deny gives a message that is neither a text nor an object with a text `msg`
    recursive: policy/a.rego:3: the function f calls itself, which Rego forbids
    policy/a.rego:5: the function g calls itself, which Rego forbids
    recursive rules: policy/a.rego:3: recursion detected when evaluating rule
    another in its place: policy/a.rego:3: the function f calls itself, which Rego forbids
    ");
}

/// Without the fault, regorus 0.14.1 gives no denial here: see [`recursion`].
#[test]
fn a_package_in_several_files_is_not_used_as_a_whole() {
    let one = "package lib\n\nimport data.util\n\na contains x if some x in util.made\n";
    let two = "package lib\n\nimport data.util\n\nb contains x if some x in util.made\n";
    let util = "package util\n\nmade contains x if some x in input.resource_changes\n";
    let asked = |main: &str| {
        let files = [
            ("policy/lib1.rego", one),
            ("policy/lib2.rego", two),
            ("policy/main.rego", main),
            ("policy/util.rego", util),
        ];
        judge(&policies(&files), PLAN, &context(), TIME_LIMIT)
    };
    let told = [
        "package main\n\nimport data.lib\n\ndeny contains \"x\" if count(lib.b) > 0\n",
        "package main\n\ndeny contains \"x\" if {\n    some name in [\"a\", \"b\"]\n    count(data.lib[name]) > 0\n}\n",
        "package main\n\ndeny contains \"x\" if {\n    all := data\n    count(all.lib.b) > 0\n}\n",
    ]
    .map(|main| asked(main).unusable.join("\n"));
    insta::assert_snapshot!(told.join("\n"), @"
    policy/main.rego:3: data.lib lies in several files, so it can't be used as a whole: name its rules, as `data.lib.NAME`, or put it into one file
    policy/main.rego:5: data.lib lies in several files, so it can't be used as a whole: name its rules, as `data.lib.NAME`, or put it into one file
    policy/main.rego:4: data lies in several files, so it can't be used as a whole: name its rules, as `data.NAME`, or put it into one file
    ");
    for main in [
        "package main\n\ndeny contains \"x\" if count(data.lib.b) > 0\n",
        "package main\n\nimport data.lib.b\n\ndeny contains \"x\" if count(b) > 0\n",
        "package main\n\ndeny contains \"x\" if count(data.lib[\"b\"]) > 0\n",
    ] {
        assert_eq!(asked(main).denials, ["x"], "{main}");
    }
}

#[test]
fn a_pattern_without_a_policy_is_a_fault() {
    let none = judge(&policies(&[]), PLAN, &context(), TIME_LIMIT);
    insta::assert_snapshot!(none.unusable.join("\n"), @"policy/*.rego: no policy at fffffff has a path like that");
    let only_tests = policies(&[("policy/a_test.rego", "package main")]);
    let ruling = judge(&only_tests, PLAN, &context(), TIME_LIMIT);
    assert_eq!(ruling.unusable, none.unusable);
}

#[test]
fn what_takes_too_long_is_cut_short() {
    let slow = "package main\n\ndeny contains \"x\" if {\n    some a in numbers.range(1, 3000)\n    some b in numbers.range(1, 3000)\n    a * b == 0\n}\n";
    let policies = policies(&[("policy/a.rego", slow)]);
    let ruling = judge(&policies, PLAN, &context(), Duration::from_millis(50));
    insta::assert_snapshot!(ruling.unusable.join("\n"), @"they took too long");
}

#[test]
fn what_is_no_plan_is_a_fault() {
    let text = "package main\n\ndeny contains \"x\" if false\n";
    let told = [b"{".as_slice(), b"{\"format_version\": \"2.0\"}"]
        .map(|plan| ruling_about(plan, text).unusable.join("\n"));
    insta::assert_snapshot!(told.join("\n"), @r#"
    this is not the JSON of a Terraform plan: it ends too early (line 1, column 1)
    the plan has format version "2.0"; Slipway reads 1.x
    "#);
}

/// Every text of the plan's values, by a rule that does its best to give them away.
const LEAK: &str = r#"package main

deny_values contains msg if {
    walk(input, [_, value])
    is_string(value)
    msg := value
}

deny_pieces contains msg if {
    walk(input, [_, value])
    is_string(value)
    msg := concat(" ", split(value, ""))
}

deny_hidden contains msg if {
    walk(input, [_, value])
    is_string(value)
    contains(value, "hunter2")
    msg := "something holds it"
}
"#;

#[test]
fn sensitive_values_are_looked_at_and_never_told() {
    let in_json = include_bytes!("../../plan/fixtures/sensitive_in_json/plan.json");
    for plan in [SENSITIVE, in_json] {
        let secrets = secrets_of(plan);
        assert!(!secrets.is_empty());
        let (open, masked) = crate::plan::documents(plan).unwrap();
        let (open, masked) = (open.to_string(), masked.to_string());
        let ruling = ruling_about(plan, LEAK);
        assert!(ruling.denies());
        assert!(ruling.unusable.is_empty(), "{ruling:?}");
        let stored = serde_json::to_string(&ruling).unwrap();
        for secret in &secrets {
            let pieces: Vec<String> = secret.chars().map(String::from).collect();
            let quoted = serde_json::to_string(secret).unwrap();
            assert!(open.contains(quoted.trim_matches('"')), "{secret}");
            assert!(!masked.contains(quoted.trim_matches('"')), "{secret}");
            assert!(!stored.contains(quoted.trim_matches('"')), "{secret}");
            assert!(!stored.contains(&pieces.join(" ")), "{secret}");
        }
    }
}

/// The texts that the fixture marks as sensitive, by its own marks.
fn secrets_of(plan: &[u8]) -> Vec<String> {
    fn texts(value: &serde_json::Value, marks: &serde_json::Value, found: &mut Vec<String>) {
        match (value, marks) {
            (serde_json::Value::String(text), serde_json::Value::Bool(true)) => {
                found.push(text.clone());
            }
            (serde_json::Value::Object(fields), serde_json::Value::Bool(true)) => {
                fields.values().for_each(|field| texts(field, marks, found));
            }
            (serde_json::Value::Object(fields), serde_json::Value::Object(marks)) => {
                for (name, marks) in marks {
                    // A value that is not known yet is marked, and not there.
                    if let Some(field) = fields.get(name) {
                        texts(field, marks, found);
                    }
                }
            }
            _ => {}
        }
    }
    let plan: serde_json::Value = serde_json::from_slice(plan).unwrap();
    let mut found = Vec::new();
    for change in plan["resource_changes"].as_array().unwrap() {
        let change = &change["change"];
        texts(&change["after"], &change["after_sensitive"], &mut found);
        texts(&change["before"], &change["before_sensitive"], &mut found);
    }
    found.retain(|text| text.len() >= 6);
    found.sort();
    found.dedup();
    found
}

/// A pull request can mark anything as sensitive: that hides it from people, and not from policies.
#[test]
fn what_is_marked_as_sensitive_is_denied_all_the_same() {
    let plan = br#"{
        "format_version": "1.2",
        "resource_changes": [{
            "address": "aws_security_group.open", "type": "aws_security_group", "name": "open", "mode": "managed",
            "change": {
                "actions": ["create"], "before": null, "before_sensitive": false, "after_unknown": {},
                "after": {"cidr": "0.0.0.0/0", "name": "delete"},
                "after_sensitive": {"cidr": true, "name": true}
            }
        }]
    }"#;
    let policy = r#"package main

deny_open contains msg if {
    some resource in input.resource_changes
    resource.change.after.cidr == "0.0.0.0/0"
    msg := sprintf("%s is open", [resource.address])
}

deny_named contains msg if {
    some resource in input.resource_changes
    msg := sprintf("%s is called %s", [resource.address, resource.change.after.name])
}
"#;
    let ruling = ruling_about(plan, policy);
    assert_eq!(ruling.denied(), 2);
    insta::assert_snapshot!(ruling.denials.join("\n"), @"
    deny_named: its words depend on a sensitive value and are not shown
    deny_open: its words depend on a sensitive value and are not shown
    ");
}

#[test]
fn a_fault_that_quotes_a_value_is_not_quoted() {
    let plan = br#"{
        "format_version": "1.2",
        "variables": {"a": {"value": "hunter2-a"}, "b": {"value": "hunter2-b"}},
        "configuration": {"root_module": {"variables": {"a": {"sensitive": true}, "b": {"sensitive": true}}}}
    }"#;
    let policy = "package main\n\nnames := {\"k\": v | some name, v in input.variables}\n\ndeny contains \"x\" if names.k\n";
    let ruling = ruling_about(plan, policy);
    let told = ruling.unusable.join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(told, @"policy/a.rego:3: can't be evaluated; the reason may hold a sensitive value");
}

#[test]
fn long_lists_are_cut_and_counted_and_the_digest_is_of_all() {
    let policy = |last: u32| {
        format!(
            "package main\n\ndeny contains msg if {{\n    some n in numbers.range(1, {last})\n    msg := sprintf(\"%d %s\", [n, concat(\"\", [\"long\" | numbers.range(1, 200)[_]])])\n}}\n"
        )
    };
    let many = ruling(&policy(100));
    assert_eq!((many.denials.len(), many.more_denials), (MOST_LISTED, 80));
    assert!(
        many.denials
            .iter()
            .all(|denial| denial.chars().count() <= 301)
    );
    assert_eq!(many.digest, ruling(&policy(100)).digest);
    assert_ne!(many.digest, ruling(&policy(101)).digest);
}

/// The deepest that the limits let through, in rules and in functions: each hangs on the one before
/// it, inside some brackets. (The parser takes twice as long for every further one.)
#[test]
fn the_deepest_policies_do_not_run_out_of_stack() {
    let brackets = 4;
    let (open, close) = ("[".repeat(brackets), "]".repeat(brackets));
    let (mut rules, mut functions) = (String::new(), String::new());
    for n in 1..990 {
        let before = n - 1;
        let line = format!("r{n} := {open}r{before}{close}\n");
        rules.push_str(&line);
        let line = format!("f{n}(x) := count({open}f{before}(x){close})\n");
        functions.push_str(&line);
    }
    for text in [
        format!("package main\n\nr0 := 1\n{rules}deny contains \"deep\" if r989\n"),
        format!("package main\n\nf0(x) := x\n{functions}deny contains \"deep\" if f989(1)\n"),
    ] {
        let asked = std::thread::Builder::new()
            .stack_size(STACK_SIZE)
            .spawn(move || ruling(&text))
            .unwrap();
        let ruling = asked.join().unwrap();
        assert_eq!(ruling.denials, ["deep"], "{ruling:?}");
    }
    let many: String = (0..=MOST_RULES).map(|n| format!("r{n} := 1\n")).collect();
    insta::assert_snapshot!(faults(&format!("package main\n\n{many}")), @"the policies have 1001 rules; 1000 are the most");
}

#[test]
fn tests_are_run_and_those_that_fail_are_told() {
    let file = |path: &str, text: &str| PolicyFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let rule = file(
        "policy/a.rego",
        "package main\n\ndeny contains \"no\" if input.bad\n",
    );
    let good = file(
        "policy/a_test.rego",
        "package main_test\n\nimport data.main\n\ntest_bad if main.deny == {\"no\"} with input as {\"bad\": true}\n\ntest_good if count(main.deny) == 0 with input as {}\n",
    );
    assert_eq!(verify(&[rule.clone(), good.clone()], TIME_LIMIT), Ok(2));
    let bad = file(
        "policy/b_test.rego",
        "package more_test\n\ntest_wrong if data.main.deny == set() with input as {\"bad\": true}\n\ntest_false := false\n",
    );
    let failures = verify(&[rule, good, bad], TIME_LIMIT).unwrap_err();
    let told: Vec<String> = failures
        .into_iter()
        .map(|failure| format!("{}: {}", failure.test.unwrap_or_default(), failure.what))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    data.more_test.test_false: is false
    data.more_test.test_wrong: is undefined
    ");
}
