//! Plans made by Terraform 1.11 with its built-in provider, and one by hand in the shape of AWS.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::diagnostics::{Severity, UiEvent, parse_line};
use super::diff::{DiffLimits, by_module_and_type, drift_text, plan_text};
use super::*;

const CREATE: &str = include_str!("fixtures/create.json");
const CHANGE: &str = include_str!("fixtures/change.json");
const NOOP: &str = include_str!("fixtures/noop.json");
const AWS: &str = include_str!("fixtures/aws.json");
const APPLY_LINES: &str = include_str!("fixtures/apply.jsonl");
const BROKEN_LINES: &str = include_str!("fixtures/broken.jsonl");

fn plan(json: &str) -> Plan {
    Plan::parse(json.as_bytes()).unwrap()
}

fn text(json: &str) -> String {
    plan_text(&plan(json), &DiffLimits::default())
}

/// The plan with one part of its JSON changed.
fn altered(json: &str, alter: impl FnOnce(&mut Value)) -> Plan {
    let mut value: Value = serde_json::from_str(json).unwrap();
    alter(&mut value);
    Plan::parse(&serde_json::to_vec(&value).unwrap()).unwrap()
}

#[test]
fn a_first_plan_reads_well() {
    insta::assert_snapshot!(text(CREATE), @r#"
    + module.net.terraform_data.subnet["a"]
    +   id = (known after apply)
    +   input.zone = "a"
    +   output = (known after apply)

    + module.net.terraform_data.subnet["b"]
    +   id = (known after apply)
    +   input.zone = "b"
    +   output = (known after apply)

    + terraform_data.database
    +   id = (known after apply)
    +   input.engine = "postgres"
    +   input.password = (sensitive)
    +   input.ports = [5432,5433]
    +   input.tags.Team = "core"
    +   input.tags["cost center"] = "42"
    +   output = (known after apply)
    +   triggers_replace = ["small"]

    + terraform_data.follower
    +   id = (known after apply)
    +   input = (known after apply)
    +   output = (known after apply)

    + terraform_data.old[0]
    +   id = (known after apply)
    +   input = "leaves"
    +   output = (known after apply)

    + terraform_data.policy
    +   id = (known after apply)
    +   input =
    +     {
    +       "Statement": [
    +         {
    +           "Action": [
    +             "s3:GetObject"
    +           ]
    +           "Effect": "Allow"
    +           "Resource": "arn:aws:s3:::acme-logs/*"
    +         }
    +       ]
    +       "Version": "2012-10-17"
    +     }
    +   output = (known after apply)

    + terraform_data.rules
    +   id = (known after apply)
    +   input[0].cidr = ["10.0.0.0/8"]
    +   input[0].from_port = 80
    +   input[0].to_port = 80
    +   input[1].cidr = ["10.0.0.0/8"]
    +   input[1].from_port = 443
    +   input[1].to_port = 443
    +   input[2].cidr = ["10.0.0.0/8"]
    +   input[2].from_port = 8443
    +   input[2].to_port = 8443
    +   output = (known after apply)

    + terraform_data.script
    +   id = (known after apply)
    +   input =
    +     #!/bin/sh
    +     set -eu
    +     echo one
    +     exec app
    +   output = (known after apply)

    # outputs
    + endpoint = (known after apply)
    ! password: (sensitive, changed)
    + size = "small"
    "#);
}

#[test]
fn a_change_reads_well() {
    insta::assert_snapshot!(text(CHANGE), @r##"
    -/+ terraform_data.database
    #   because triggers_replace changes
    !   triggers_replace: ["small"] -> ["huge"] # forces replacement
    !   id: "33e84bdb-4ac4-9b2a-1d53-1d0c581a222f" -> (known after apply)
    !   input.password: (sensitive, changed)
    !   output: {"engine":"postgres","password":"(sensitive)","por… (58 more characters) -> (known after apply)

    - terraform_data.old[0]
    #   because its index is out of the range of count
    -   id = "c49ddadb-b104-7dc1-1785-6964fc172910"
    -   input = "leaves"
    -   output = "leaves"

    ! terraform_data.entrypoint
    #   moved from terraform_data.script
    !   input:
          #!/bin/sh
          set -eu
    -     echo one
    +     echo two
          exec app
    !   output: "#!/bin/sh\nset -eu\necho one\nexec app\n" -> (known after apply)
        # 1 unchanged attribute hidden

    ! terraform_data.follower
    !   input: "33e84bdb-4ac4-9b2a-1d53-1d0c581a222f" -> (known after apply)
    !   output: "33e84bdb-4ac4-9b2a-1d53-1d0c581a222f" -> (known after apply)
        # 1 unchanged attribute hidden

    ! terraform_data.policy
    !   input:
          … (3 unchanged lines)
                "Action": [
                  "s3:GetObject"
    +             "s3:PutObject"
                ]
                "Effect": "Allow"
          … (5 unchanged lines)
    !   output: "{\"Statement\":[{\"Action\":[\"s3:GetObject\"],\"… (91 more characters) -> (known after apply)
        # 1 unchanged attribute hidden

    ! terraform_data.rules
    -   input[0].cidr = ["10.0.0.0/8"]
    -   input[0].from_port = 80
    -   input[0].to_port = 80
    !   output: [{"cidr":["10.0.0.0/8"],"from_port":80,"to_port":8… (113 more characters) -> (known after apply)
        # 1 unchanged attribute hidden

    + module.net.terraform_data.subnet["c"]
    +   id = (known after apply)
    +   input.zone = "c"
    +   output = (known after apply)

    # outputs
    ! endpoint: "33e84bdb-4ac4-9b2a-1d53-1d0c581a222f" -> (known after apply)
    ! password: (sensitive, changed)
    ! size: "small" -> "huge"
    "##);
}

#[test]
fn a_plan_in_the_shape_of_aws_reads_well() {
    insta::assert_snapshot!(text(AWS), @r#"
    -/+ aws_db_instance.main
    #   because storage_encrypted changes
    !   storage_encrypted: false -> true # forces replacement
    !   arn: "arn:aws:rds:eu-central-1:111111111111:db:shop" -> (known after apply)
    !   backup_retention_period: 7 -> 14
    !   id: "shop" -> (known after apply)
    !   latest_restorable_time: "2026-11-24T07:40:12Z" -> (known after apply)
        # 8 unchanged attributes hidden

    - aws_launch_template.old (deposed object ab12cd34)
    -   id = "lt-1"

    +/- module.edge.aws_instance.proxy[0] (the new one is made first)
    #   because ami changes
    !   ami: "ami-1" -> "ami-2" # forces replacement
    !   id: "i-1" -> (known after apply)
    !   user_data: (sensitive, changed)

    - module.storage.aws_s3_bucket.logs
    #   because it is no longer in the configuration
    -   bucket = "shop-logs"
    -   id = "shop-logs"
    -   tags["cost center"] = "42"

    # aws_sns_topic.legacy (no longer managed; the object itself stays)

    ! aws_sqs_queue.jobs (an action that Slipway doesn't know)
        # 1 unchanged attribute hidden

    ! aws_iam_policy.app
    !   policy:
          … (3 unchanged lines)
                "Action": [
                  "s3:GetObject"
    +             "s3:PutObject"
                ]
                "Effect": "Allow"
          … (6 unchanged lines)
        # 2 unchanged attributes hidden

    ! aws_security_group.web
    -   ingress[0].cidr_blocks = ["0.0.0.0/0"]
    -   ingress[0].description = "http"
    -   ingress[0].from_port = 80
    -   ingress[0].protocol = "tcp"
    -   ingress[0].to_port = 80
    !   ingress[1].cidr_blocks: ["10.0.0.0/8"] -> ["10.0.0.0/8","172.16.0.0/12"]
        # 2 unchanged attributes hidden

    ! helm_release.shop
    !   set_sensitive[0].value: (sensitive, changed)
    !   version: "1.4.0" -> "1.5.0"
        # 3 unchanged attributes hidden

    # aws_kms_key.main
    #   imported as "k1"
        # 2 unchanged attributes hidden

    # outputs
    ! db_url: (sensitive, changed)
    + tags.Team = "core"
    + tags["a b"] = [1,2]

    # read during apply
    #   data.aws_iam_policy_document.later: its configuration is known only during apply
    "#);
}

#[test]
fn drift_reads_well() {
    insta::assert_snapshot!(drift_text(&plan(AWS), &DiffLimits::default()), @r#"
    ! aws_security_group.web
    +   ingress[0].cidr_blocks = ["0.0.0.0/0"]
    +   ingress[0].description = "http"
    +   ingress[0].from_port = 80
    +   ingress[0].protocol = "tcp"
    +   ingress[0].to_port = 80
        # 2 unchanged attributes hidden
    "#);
}

#[test]
fn counts_are_those_of_terraform() {
    // "Plan: 2 to add, 4 to change, 2 to destroy." and three outputs, says Terraform of this plan.
    let counts = plan(CHANGE).counts();
    assert_eq!((counts.add, counts.change, counts.destroy), (2, 4, 2));
    assert_eq!((counts.replace, counts.moved, counts.outputs), (1, 1, 3));
    insta::assert_snapshot!(counts, @"+2 ~4 -2 1 moved");
    insta::assert_snapshot!(plan(AWS).counts(), @"+2 ~4 -4 1 imported 1 forgotten");
    insta::assert_snapshot!(plan(NOOP).counts(), @"no changes");
}

#[test]
fn nothing_to_do_is_told_apart() {
    assert!(plan(NOOP).is_noop());
    assert_eq!(text(NOOP), "");
    assert!(!plan(CHANGE).is_noop());
    let only_output = json!({
        "format_version": "1.2",
        "output_changes": {"a": {"actions": ["create"], "after": 1}},
    });
    assert!(!plan(&only_output.to_string()).is_noop());
    let only_moved = json!({
        "format_version": "1.2",
        "resource_changes": [{
            "address": "a.b", "previous_address": "a.c", "mode": "managed", "type": "a",
            "change": {"actions": ["no-op"], "before": {"x": 1}, "after": {"x": 1}},
        }],
    });
    assert!(!plan(&only_moved.to_string()).is_noop());
}

#[test]
fn hazards_name_what_holds_data_first() {
    let hazards: Vec<String> = plan(AWS)
        .hazards()
        .iter()
        .map(|h| {
            format!(
                "{:?} {} stateful={} {:?}",
                h.kind, h.address, h.stateful, h.forced_by
            )
        })
        .collect();
    insta::assert_snapshot!(hazards.join("\n"), @r#"
    Replace { create_first: false } aws_db_instance.main stateful=true ["storage_encrypted"]
    Destroy module.storage.aws_s3_bucket.logs stateful=true []
    Destroy aws_launch_template.old stateful=false []
    Replace { create_first: true } module.edge.aws_instance.proxy[0] stateful=false ["ami"]
    "#);
}

#[test]
fn failed_checks_are_kept() {
    let checks = plan(CHANGE).failed_checks;
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].address, "check.size");
    assert_eq!(
        checks[0].problems,
        ["A huge database needs a word with finance."]
    );
}

#[test]
fn what_is_sensitive_is_gone_once_parsed() {
    for (json, secrets) in [
        (CHANGE, vec!["hunter2", "correct horse"]),
        (
            AWS,
            vec!["correct-horse-battery", "postgres://old", "postgres://new"],
        ),
    ] {
        let plan = plan(json);
        let stored = serde_json::to_string(&plan).unwrap();
        let shown = plan_text(&plan, &DiffLimits::default());
        for secret in secrets {
            assert!(json.contains(secret), "the fixture holds {secret}");
            assert!(!stored.contains(secret), "{secret} is stored");
            assert!(!shown.contains(secret), "{secret} is shown");
        }
        let read_back: Plan = serde_json::from_str(&stored).unwrap();
        assert_eq!(read_back, plan);
    }
}

#[test]
fn a_masked_value_tells_whether_it_changes() {
    let shown = |before: &str, after: &str| {
        let json = json!({
            "format_version": "1.2",
            "output_changes": {"o": {
                "actions": ["update"], "before": before, "after": after,
                "before_sensitive": true, "after_sensitive": true,
            }},
        });
        text(&json.to_string())
    };
    assert!(shown("one-secret", "other-secret").contains("! o: (sensitive, changed)"));
    assert!(shown("one-secret", "one-secret").contains("! o (update)"));
}

#[test]
fn errors_never_quote_the_plan() {
    let cases: [(&[u8], &str); 5] = [
        (b"", "too early"),
        (b"{\"format_version\": \"1.2\"", "too early"),
        (b"not json", "not valid JSON"),
        (
            b"{\"format_version\":\"1.2\",\"resource_changes\":\"hunter2\"}",
            "another type",
        ),
        (b"{\"format_version\":\"2.0\"}", "format version \"2.0\""),
    ];
    for (json, told) in cases {
        let error = Plan::parse(json).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_newer_terraform_is_read_as_far_as_it_is_known() {
    let plan = altered(CHANGE, |json| {
        json["format_version"] = "1.9".into();
        json["brand_new"] = json!({"x": [1]});
        json["resource_changes"][0]["change"]["actions"] = json!(["quarantine"]);
        json["resource_changes"][0]["action_reason"] = "because_of_the_moon".into();
    });
    assert_eq!(
        plan.resources[0].action,
        Action::Other(vec!["quarantine".to_owned()])
    );
    assert_eq!(
        plan.resources[0].reason,
        Some(Reason::Other("because_of_the_moon".to_owned()))
    );
    assert!(!plan.is_noop());
}

#[test]
fn a_fingerprint_is_of_what_changes() {
    let same = plan(AWS).fingerprint().to_owned();
    assert_eq!(same.len(), 64);
    let unchanged = [
        altered(AWS, |json| {
            json["timestamp"] = "2027-01-01T00:00:00Z".into();
        }),
        altered(AWS, |json| json["terraform_version"] = "1.12.0".into()),
        altered(AWS, |json| json["resource_drift"] = json!([])),
        altered(AWS, |json| {
            json["resource_changes"].as_array_mut().unwrap().reverse();
        }),
        // Volatile, and not what the replacement changes: gone and unknown either way.
        altered(AWS, |json| {
            json["resource_changes"][11]["change"]["before"]["id"] = "x".into();
        }),
        altered(AWS, |json| {
            let change = &mut json["resource_changes"][2]["change"];
            change["before"]["last_seen"] = 1.into();
            change["after"]["last_seen"] = 1.into();
        }),
        altered(AWS, |json| {
            json["resource_changes"][2]["change"]["after"]["unset"] = Value::Null;
        }),
    ];
    for (i, plan) in unchanged.iter().enumerate() {
        assert_eq!(plan.fingerprint(), same, "case {i}");
    }
    let changed = [
        altered(AWS, |json| {
            json["resource_changes"][0]["change"]["after"]["allocated_storage"] = 51.into();
        }),
        altered(AWS, |json| {
            json["resource_changes"][0]["change"]["after"]["password"] = "another-one".into();
        }),
        altered(AWS, |json| {
            json["resource_changes"][0]["change"]["actions"] = json!(["create", "delete"]);
        }),
        altered(AWS, |json| {
            json["resource_changes"][0]["change"]["after_unknown"]["engine"] = true.into();
        }),
        altered(AWS, |json| {
            json["resource_changes"][3]["change"]["before"]["id"] = "other-logs".into();
        }),
        altered(AWS, |json| {
            json["output_changes"]["db_url"]["after"] = "c".into();
        }),
        altered(AWS, |json| {
            json["resource_changes"].as_array_mut().unwrap().remove(3);
        }),
        altered(AWS, |json| {
            json["resource_changes"][6]["change"]["importing"]["id"] = "k2".into();
        }),
        altered(AWS, |json| {
            json["resource_changes"][0]["previous_address"] = "aws_db_instance.old".into();
        }),
    ];
    for (i, plan) in changed.iter().enumerate() {
        assert_ne!(plan.fingerprint(), same, "case {i}");
    }
}

#[test]
fn a_fingerprint_sees_an_output_become_another_kind_of_value() {
    let of = |after: Value, unknown: bool| {
        let json = json!({
            "format_version": "1.2",
            "output_changes": {"o": {
                "actions": ["update"], "before": {"a": 1}, "after": after, "after_unknown": unknown,
            }},
        });
        plan(&json.to_string()).fingerprint().to_owned()
    };
    let prints = [
        of(json!("x"), false),
        of(json!("y"), false),
        of(json!([1]), false),
        of(Value::Null, true),
    ];
    for (i, print) in prints.iter().enumerate() {
        assert!(!prints[..i].contains(print), "{i}");
    }
}

#[test]
fn a_plan_of_thousands_of_resources_is_read_and_shown_short() {
    let resource = |i: usize| {
        json!({
            "address": format!("module.m{}.aws_subnet.s[{i}]", i % 7), "module_address": format!("module.m{}", i % 7),
            "mode": "managed", "type": "aws_subnet", "name": "s",
            "change": {
                "actions": ["create"], "before": null, "before_sensitive": false,
                "after": {"cidr": format!("10.0.{i}.0/24"), "token": format!("secret-{i}")},
                "after_sensitive": {"token": true}, "after_unknown": {"id": true},
            },
        })
    };
    let resources: Vec<Value> = (0..3000).map(resource).collect();
    let plan = plan(&json!({"format_version": "1.2", "resource_changes": resources}).to_string());
    assert_eq!(plan.counts().add, 3000);
    let shown = plan_text(&plan, &DiffLimits::default());
    assert!(shown.len() < 40_000, "{}", shown.len());
    assert!(shown.contains("# 2800 more resources, by module and type:"));
    assert!(!shown.contains("secret-"));
}

#[test]
fn a_long_plan_is_counted_past_the_limit() {
    let limits = DiffLimits {
        resources: 2,
        attributes: 3,
        value_chars: 40,
        value_lines: 4,
    };
    insta::assert_snapshot!(plan_text(&plan(AWS), &limits), @r#"
    -/+ aws_db_instance.main
    #   because storage_encrypted changes
    !   storage_encrypted: false -> true # forces replacement
    !   arn: "arn:aws:rds:eu-central-1:111111111111:db:shop" -> (known after apply)
    !   backup_retention_period: 7 -> 14
        # 2 more attributes change
        # 8 unchanged attributes hidden

    - aws_launch_template.old (deposed object ab12cd34)
    -   id = "lt-1"

    # 8 more resources, by module and type:
    #   root module · aws_iam_policy: ~1
    #   root module · aws_kms_key: 1 imported
    #   root module · aws_security_group: ~1
    #   root module · aws_sns_topic: 1 forgotten
    #   root module · aws_sqs_queue: ~1
    #   root module · helm_release: ~1
    #   module.edge · aws_instance: +1 -1
    #   module.storage · aws_s3_bucket: -1

    # outputs
    ! db_url: (sensitive, changed)
    + tags.Team = "core"
    + tags["a b"] = [1,2]

    # read during apply
    #   data.aws_iam_policy_document.later: its configuration is known only during apply
    "#);
    let by_type = by_module_and_type(plan(AWS).changes());
    assert_eq!(by_type.first().unwrap().kind, "aws_db_instance");
    assert_eq!(
        by_type.last().unwrap().module.as_deref(),
        Some("module.storage")
    );
}

#[test]
fn long_values_show_where_they_differ() {
    let (prefix, suffix) = ("p".repeat(400), "s".repeat(400));
    let update = |before: String, after: String| {
        let json = json!({
            "format_version": "1.2",
            "output_changes": {"o": {"actions": ["update"], "before": before, "after": after}},
        });
        text(&json.to_string())
    };
    insta::assert_snapshot!(update(format!("{prefix}a{suffix}"), format!("{prefix}b{suffix}")), @"
    # outputs
    ! o:
    -   …ppppppppppppppppppppppppassssssssssssssssssssssss…
    +   …ppppppppppppppppppppppppbssssssssssssssssssssssss…
    ");
    let lines = |word: &str| format!("{}{word}\n{}", "same\n".repeat(30), "tail\n".repeat(30));
    insta::assert_snapshot!(update(lines("one"), lines("two")), @"
    # outputs
    ! o:
        … (28 unchanged lines)
        same
        same
    -   one
    +   two
        tail
        tail
        … (28 unchanged lines)
    ");
    insta::assert_snapshot!(update("{\"a\":1}".to_owned(), "{ \"a\": 1 }".to_owned()), @"
    # outputs
    ! o: (only white space or formatting changes)
    ");
    insta::assert_snapshot!(update("x".repeat(2000), "y".repeat(2000)), @r#"
    # outputs
    ! o:
    -   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… (1702 more characters)
    +   "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy… (1702 more characters)
    "#);
}

#[test]
fn ui_lines_become_events() {
    let events: Vec<String> = APPLY_LINES
        .lines()
        .map(|line| format!("{:?}", parse_line(line).unwrap()))
        .collect();
    insta::assert_snapshot!(events.join("\n"), @r#"
    Message { kind: "version", text: "Terraform 1.11.4" }
    PlannedChange { address: "terraform_data.broken", action: "create", reason: None }
    PlannedChange { address: "terraform_data.slow", action: "create", reason: None }
    PlannedChange { address: "terraform_data.after", action: "create", reason: None }
    ChangeSummary { operation: "plan", add: 3, change: 0, remove: 0, import: 0 }
    ApplyStart { address: "terraform_data.broken", action: "create" }
    ApplyStart { address: "terraform_data.slow", action: "create" }
    Message { kind: "provision_progress", text: "terraform_data.broken: (local-exec): Executing: [\"/bin/sh\" \"-c\" \"echo no >&2; exit 3\"]" }
    Message { kind: "provision_progress", text: "terraform_data.slow: (local-exec): Executing: [\"/bin/sh\" \"-c\" \"sleep 11\"]" }
    Message { kind: "provision_progress", text: "terraform_data.broken: (local-exec): no" }
    ApplyErrored { address: "terraform_data.broken", action: "create", elapsed_seconds: 0 }
    ApplyProgress { address: "terraform_data.slow", action: "create", elapsed_seconds: 10 }
    ApplyComplete { address: "terraform_data.slow", action: "create", elapsed_seconds: 11 }
    Diagnostic(Diagnostic { severity: Error, summary: "local-exec provisioner error", detail: "Error running command 'echo no >&2; exit 3': exit status 3. Output: no\n", address: Some("terraform_data.broken"), range: Some(SourceRange { filename: "main.tf", start_line: 7, start_column: 28, end_line: 7, end_column: 29 }), code: Some("  provisioner \"local-exec\" {") })
    Outputs([OutputValue { name: "endpoint", sensitive: false, value: Some(String("33e84bdb-4ac4-9b2a-1d53-1d0c581a222f")) }, OutputValue { name: "password", sensitive: true, value: None }, OutputValue { name: "size", sensitive: false, value: Some(String("small")) }])
    "#);
}

#[test]
fn diagnostics_carry_their_place() {
    let diagnostics: Vec<_> = BROKEN_LINES
        .lines()
        .filter_map(|line| match parse_line(line) {
            Some(UiEvent::Diagnostic(diagnostic)) => Some(diagnostic),
            _ => None,
        })
        .collect();
    assert_eq!(diagnostics.len(), 3);
    assert!(diagnostics.iter().all(|d| d.severity == Severity::Error));
    let range = diagnostics[1].range.as_ref().unwrap();
    assert_eq!(
        (range.filename.as_str(), range.start_line),
        ("mod/main.tf", 2)
    );
    assert_eq!(diagnostics[0].code.as_deref(), Some("  inptu = 1"));
}

#[test]
fn garbage_between_the_lines_is_passed_over() {
    for line in [
        "",
        "  ",
        "null",
        "[]",
        "{}",
        "{\"type\":1}",
        "Terraform v1.11",
        "{\"type\":\"diagnostic\"}",
        "{\"type\":\"apply_start\",\"hook\":{}}",
    ] {
        assert_eq!(parse_line(line), None, "{line}");
    }
    let unknown = parse_line("{\"type\":\"brand_new\",\"@message\":\"hello\"}");
    let told = UiEvent::Message {
        kind: "brand_new".to_owned(),
        text: "hello".to_owned(),
    };
    assert_eq!(unknown, Some(told));
}

/// A value, and the structure that marks some of it as sensitive. Texts under a mark hold SECRET.
fn marked() -> impl Strategy<Value = (Value, Value)> {
    let leaf = prop_oneof![
        Just((Value::Null, Value::Bool(false))),
        any::<i64>().prop_map(|n| (Value::from(n), Value::Bool(false))),
        "[a-z\\n]{0,12}".prop_map(|s| (Value::from(s), Value::Bool(false))),
        "[a-z]{0,6}".prop_map(|s| (Value::from(format!("SECRET{s}")), Value::Bool(true))),
        "[a-z]{0,6}".prop_map(|s| (json!({"deep": [format!("SECRET{s}")]}), Value::Bool(true))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| items.into_iter().unzip::<_, _, Vec<_>, Vec<_>>())
                .prop_map(|(values, marks)| (Value::from(values), Value::from(marks))),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..4).prop_map(|fields| {
                let values = fields
                    .iter()
                    .map(|(k, (v, _))| (k.clone(), v.clone()))
                    .collect();
                let marks = fields
                    .iter()
                    .map(|(k, (_, m))| (k.clone(), m.clone()))
                    .collect();
                (Value::Object(values), Value::Object(marks))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_mark_leaks((before, before_marks) in marked(), (after, after_marks) in marked()) {
        let json = json!({
            "format_version": "1.2",
            "resource_changes": [{
                "address": "a.b", "mode": "managed", "type": "a", "name": "b",
                "change": {
                    "actions": ["update"],
                    "before": {"x": before}, "before_sensitive": {"x": before_marks},
                    "after": {"x": after}, "after_sensitive": {"x": after_marks},
                },
            }],
        });
        let plan = plan(&json.to_string());
        let stored = serde_json::to_string(&plan).unwrap();
        prop_assert!(!stored.contains("SECRET"), "{stored}");
        prop_assert!(!text(&json.to_string()).contains("SECRET"));
    }

    #[test]
    fn any_value_can_be_shown((before, _) in marked(), (after, _) in marked(), chars in 0_usize..50, lines in 0_usize..5) {
        let json = json!({
            "format_version": "1.2",
            "output_changes": {"o": {"actions": ["update"], "before": before, "after": after}},
        });
        let limits = DiffLimits { resources: 1, attributes: 3, value_chars: chars, value_lines: lines };
        let shown = plan_text(&plan(&json.to_string()), &limits);
        prop_assert!(before == after || !shown.is_empty());
    }

    #[test]
    fn any_line_is_read_without_harm(line in ".{0,200}") {
        let _ = parse_line(&line);
    }

    #[test]
    fn any_json_line_is_read_without_harm(
        kind in prop::sample::select(vec!["diagnostic", "apply_complete", "outputs", "change_summary", "planned_change"]),
        field in prop::sample::select(vec!["diagnostic", "hook", "outputs", "changes", "change"]),
        (value, _) in marked(),
    ) {
        let line = json!({"type": kind, field: value}).to_string();
        let _ = parse_line(&line);
    }
}
