use proptest::prelude::*;

use super::markdown::hostile;
use super::{commit, env, faults, identity, login, page, stack};
use crate::plan::diagnostics::{Diagnostic, Severity, SourceRange, UiEvent, parse_line};
use crate::plan::diff::DiffLimits;
use crate::plan::{Counts, Plan};
use crate::plan_flags::PlanFlags;
use crate::report::check::{Button, ButtonError, Buttons, CheckOutput, CheckStatus, Conclusion};
use crate::report::plan_check::{StackDir, annotation, plan_check};
use crate::report::plan_comment::*;
use crate::report::{CHECK_LIMIT, COMMENT_LIMIT};

fn summary(policy: PolicyState) -> PlanSummary {
    let plan = Plan::parse(include_bytes!("../../plan/fixtures/aws.json")).unwrap();
    PlanSummary::new(&plan, &DiffLimits::default(), policy)
}

fn small(add: usize) -> PlanSummary {
    let counts = Counts {
        add,
        ..Counts::default()
    };
    PlanSummary {
        counts,
        hazards: Vec::new(),
        diff: if add > 0 {
            "+ terraform_data.a\n".to_owned()
        } else {
            String::new()
        },
        policy: PolicyState {
            rules: 2,
            ..PolicyState::default()
        },
        drifted: 0,
        drift: String::new(),
        incomplete: None,
        by_type: Vec::new(),
        provisional: None,
        failed_checks: Vec::new(),
    }
}

pub(super) fn row(env_name: &str, stack_name: &str, state: RowState) -> PlanRow {
    PlanRow {
        flags: PlanFlags::default(),
        env: env(env_name),
        stack: stack(stack_name),
        state,
        page: None,
    }
}

pub(super) fn comment(rows: Vec<PlanRow>) -> PlanComment {
    PlanComment {
        key: "plan".to_owned(),
        head: commit("abc1234"),
        base_ref: "main".to_owned(),
        base: commit("def5678"),
        rows,
        identities: vec![EnvIdentity {
            env: env("dev"),
            identity: identity("slipway-plan"),
        }],
        page: Some(page()),
        next: vec!["/apply dev".to_owned()],
        blocked: vec![env("dev")],
        notes: Vec::new(),
    }
}

fn broken() -> Vec<Diagnostic> {
    include_str!("../../plan/fixtures/broken.jsonl")
        .lines()
        .filter_map(|line| match parse_line(line) {
            Some(UiEvent::Diagnostic(diagnostic)) => Some(diagnostic),
            _ => None,
        })
        .collect()
}

fn failure() -> Failure {
    Failure {
        step: "terraform plan".to_owned(),
        diagnostics: broken(),
        message: None,
    }
}

#[test]
fn the_comment_leads_with_what_matters() {
    let policy = PolicyState {
        rules: 3,
        denials: vec!["databases must be encrypted @ana".to_owned()],
        warnings: vec!["no owner tag".to_owned()],
        ..PolicyState::default()
    };
    let mut comment = comment(vec![
        row("dev", "database", RowState::Planned(summary(policy))),
        row("prod", "eks", RowState::Planned(small(3))),
    ]);
    comment
        .notes
        .push("more than 3,000 files changed: all stacks are planned".to_owned());
    comment.rows[0].page = Some(page());
    insta::assert_snapshot!(comment.markdown(), @r#"
    <!-- slipway:plan -->
    ### Plan · `abc1234` onto `main@def5678`

    |  | stack | changes | policy |
    | --- | --- | --- | --- |
    | dev | [database](https://slipway.example.com/runs/1a2b3c4d) | +2 \~4 **-4** 1 imported 1 forgotten | **1 denial**, 1 warning |
    | prod | eks | +3 | ok |

    - ⛔ dev · database: a policy denies it: databases must be encrypted @&#8203;ana
    - ⚠️ dev · database **replaces** `aws_db_instance.main` (because `storage_encrypted` changes; **stateful**)
    - ⚠️ dev · database **destroys** `module.storage.aws_s3_bucket.logs` (because it is no longer in the configuration; **stateful**)
    - ⚠️ dev · database **destroys** `aws_launch_template.old`
    - ⚠️ dev · database **replaces** `module.edge.aws_instance.proxy[0]` (because `ami` changes; the new one is made first)
    - ⚠️ dev · database: a policy warns: no owner tag
    - ℹ️ dev · database: 1 resource changed outside of Terraform

    - ℹ️ more than 3,000 files changed: all stacks are planned

    <details><summary>dev · database: full plan (+2 ~4 -4 1 imported 1 forgotten)</summary>

    ```diff
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
    ```

    </details>

    <details><summary>dev · database: changed outside of Terraform (1 resource)</summary>

    ```diff
    ! aws_security_group.web
    +   ingress[0].cidr_blocks = ["0.0.0.0/0"]
    +   ingress[0].description = "http"
    +   ingress[0].from_port = 80
    +   ingress[0].protocol = "tcp"
    +   ingress[0].to_port = 80
        # 2 unchanged attributes hidden
    ```

    </details>

    <details><summary>prod · eks: full plan (+3)</summary>

    ```diff
    + terraform_data.a
    ```

    </details>

    dev as `slipway-plan` in 111111111111 (session `slipway-1a2b3c4d`) · valid until head or base moves · next: `/apply dev` · blocked? `/explain dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
}

#[test]
fn every_state_of_a_row_is_told() {
    let comment = comment(vec![
        row("dev", "a", RowState::Pending(None)),
        row("dev", "b", RowState::Pending(Some("behind a".to_owned()))),
        row("dev", "c", RowState::Running),
        row("dev", "d", RowState::Failed(failure())),
        row(
            "dev",
            "e",
            RowState::Failed(Failure {
                step: "assume role".to_owned(),
                diagnostics: Vec::new(),
                message: Some("STS refused: AccessDenied".to_owned()),
            }),
        ),
        row("dev", "f", RowState::Skipped("a failed".to_owned())),
        row(
            "dev",
            "g",
            RowState::Cancelled {
                by: Some(login("ana")),
            },
        ),
        row("dev", "h", RowState::Superseded),
        row("dev", "i", RowState::Stale(small(1))),
        row(
            "dev",
            "j",
            RowState::Applied {
                counts: Counts {
                    add: 1,
                    change: 2,
                    destroy: 3,
                    ..Counts::default()
                },
                by: Some(login("ana")),
            },
        ),
        row("dev", "k", RowState::Planned(small(0))),
    ]);
    insta::assert_snapshot!(comment.markdown(), @r#"
    <!-- slipway:plan -->
    ### Plan · `abc1234` onto `main@def5678`

    |  | stack | changes | policy |
    | --- | --- | --- | --- |
    | dev | a | ⏳ queued | – |
    | dev | b | ⏳ queued: behind a | – |
    | dev | c | 🔄 planning | – |
    | dev | d | ❌ failed at `terraform plan` | – |
    | dev | e | ❌ failed at `assume role` | – |
    | dev | f | skipped: a failed | – |
    | dev | g | cancelled by `ana` | – |
    | dev | h | superseded by a newer commit | – |
    | dev | i | out of date (was +1) | – |
    | dev | j | ✅ applied +1 \~2 **-3** by `ana` | – |
    | dev | k | no changes | ok |

    - ❌ dev · d failed at `terraform plan`: Unsupported argument (`main.tf:5`)
    - ❌ dev · d failed at `terraform plan`: Call to unknown function (`mod/main.tf:2`)
    - ❌ dev · d failed at `terraform plan`: Reference to undeclared resource (`main.tf:8`)
    - ❌ dev · e failed at `assume role`: STS refused: AccessDenied

    <details><summary>dev · d: what Terraform says</summary>

    ```
    Error: Unsupported argument
      on main.tf:5
        |   inptu = 1
      An argument named "inptu" is not expected here. Did you mean "input"?

    Error: Call to unknown function
      on mod/main.tf:2
        |   input = nosuch(1)
      There is no function named "nosuch".

    Error: Reference to undeclared resource
      on main.tf:8
        |   value = terraform_data.y.id
      A managed resource "terraform_data" "y" has not been declared in the root module.
    ```

    </details>

    dev as `slipway-plan` in 111111111111 (session `slipway-1a2b3c4d`) · told here once all is planned · next: `/apply dev` · blocked? `/explain dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
}

#[test]
fn nothing_touched_is_said() {
    let mut comment = comment(Vec::new());
    comment.identities.clear();
    comment.next.clear();
    comment.blocked.clear();
    insta::assert_snapshot!(comment.markdown(), @"
    <!-- slipway:plan -->
    ### Plan · `abc1234` onto `main@def5678`

    No stack is touched: nothing to plan.

    [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
}

#[test]
fn a_plan_too_long_for_a_comment_keeps_its_structure_and_its_link() {
    let long: String = (0..5000)
        .map(|i| format!("+ terraform_data.number[{i}] ```\n"))
        .collect();
    let rows: Vec<PlanRow> = (0..4)
        .map(|i| {
            let plan = PlanSummary {
                diff: long.clone(),
                ..summary(PolicyState::default())
            };
            row("dev", &format!("stack-{i}"), RowState::Planned(plan))
        })
        .collect();
    let comment = comment(rows);
    let body = comment.markdown();
    assert!(
        body.len() <= COMMENT_LIMIT && body.len() > COMMENT_LIMIT / 2,
        "{}",
        body.len()
    );
    assert_eq!(faults(&body), None);
    assert!(body.contains("more lines: [run](https://slipway.example.com/runs/1a2b3c4d)"));
    assert_eq!(
        body.matches("**replaces** `aws_db_instance.main`").count(),
        4
    );
    assert!(
        body.trim_end()
            .ends_with("[run](https://slipway.example.com/runs/1a2b3c4d)")
    );

    let check = plan_check("slipway/plan: dev", &env("dev"), &comment, &[]);
    assert!(check.summary.len() <= CHECK_LIMIT && check.text.len() <= CHECK_LIMIT);
    assert_eq!(faults(&check.text), None);
}

fn dirs() -> Vec<StackDir> {
    vec![StackDir {
        stack: stack("eks"),
        dir: "infra/02-eks".to_owned(),
    }]
}

fn told(check: &CheckOutput) -> String {
    format!("{:?} {:?} {}", check.status, check.conclusion, check.title)
}

#[test]
fn a_check_puts_diagnostics_on_their_lines() {
    let comment = comment(vec![
        row("dev", "eks", RowState::Failed(failure())),
        row("prod", "eks", RowState::Running),
    ]);
    let check = plan_check("slipway/plan: dev", &env("dev"), &comment, &dirs());
    assert_eq!(told(&check), "Completed Some(Failure) 1 of 1 stack failed");
    let lines: Vec<String> = check
        .annotations
        .iter()
        .map(|a| {
            format!(
                "{}:{} {:?} {:?} {}: {}",
                a.path, a.start_line, a.columns, a.level, a.title, a.message
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    infra/02-eks/main.tf:5 Some((3, 8)) Failure Unsupported argument: An argument named "inptu" is not expected here. Did you mean "input"?
    infra/02-eks/mod/main.tf:2 Some((11, 17)) Failure Call to unknown function: There is no function named "nosuch".
    infra/02-eks/main.tf:8 Some((11, 27)) Failure Reference to undeclared resource: A managed resource "terraform_data" "y" has not been declared in the root module.
    "#);
    insta::assert_snapshot!(check.summary, @"
    ### Plan · `abc1234` onto `main@def5678`

    |  | stack | changes |
    | --- | --- | --- |
    | dev | eks | ❌ failed at `terraform plan` |

    - ❌ dev · eks failed at `terraform plan`: Unsupported argument (`main.tf:5`)
    - ❌ dev · eks failed at `terraform plan`: Call to unknown function (`mod/main.tf:2`)
    - ❌ dev · eks failed at `terraform plan`: Reference to undeclared resource (`main.tf:8`)

    dev as `slipway-plan` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/apply dev` · blocked? `/explain dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
    insta::assert_snapshot!(check.text, @r#"
    ### dev · eks

    ```
    Error: Unsupported argument
      on main.tf:5
        |   inptu = 1
      An argument named "inptu" is not expected here. Did you mean "input"?

    Error: Call to unknown function
      on mod/main.tf:2
        |   input = nosuch(1)
      There is no function named "nosuch".

    Error: Reference to undeclared resource
      on main.tf:8
        |   value = terraform_data.y.id
      A managed resource "terraform_data" "y" has not been declared in the root module.
    ```
    "#);
}

#[test]
fn a_check_is_green_only_when_all_is_well() {
    let denied = PolicyState {
        rules: 1,
        denials: vec!["no".to_owned()],
        ..PolicyState::default()
    };
    let planned = |add| RowState::Planned(small(add));
    let cases = [
        (
            vec![],
            "Completed Some(Success) Nothing to do: no stack is touched",
        ),
        (vec![planned(0)], "Completed Some(Success) No changes"),
        (vec![planned(2), planned(1)], "Completed Some(Success) +3"),
        (
            vec![RowState::Planned(summary(PolicyState::default()))],
            "Completed Some(Success) +2 ~4 -4 1 imported 1 forgotten (2 replaced)",
        ),
        (
            vec![RowState::Planned(summary(denied))],
            "Completed Some(Failure) +2 ~4 -4 1 imported 1 forgotten; 1 denial by policy",
        ),
        (
            vec![RowState::Pending(None)],
            "Queued None Planning: 0 of 1 done",
        ),
        (
            vec![RowState::Pending(None), planned(1)],
            "InProgress None Planning: 1 of 2 done",
        ),
        (
            vec![RowState::Running, RowState::Failed(failure())],
            "InProgress None 1 of 2 stacks failed",
        ),
        (
            vec![RowState::Stale(small(1))],
            "Completed Some(ActionRequired) Out of date: plan again",
        ),
        (
            vec![RowState::Cancelled { by: None }],
            "Completed Some(Cancelled) Cancelled",
        ),
        (
            vec![RowState::Superseded],
            "Completed Some(Cancelled) Superseded by a newer commit",
        ),
        (
            vec![RowState::Skipped("x".to_owned())],
            "Completed Some(Skipped) No changes",
        ),
        (
            vec![RowState::Applied {
                counts: Counts::default(),
                by: None,
            }],
            "Completed Some(Success) Applied",
        ),
    ];
    for (states, expected) in cases {
        let rows = states
            .into_iter()
            .map(|state| row("dev", "eks", state))
            .collect();
        let check = plan_check("plan", &env("dev"), &comment(rows), &[]);
        assert_eq!(told(&check), expected);
        assert_eq!(
            check.conclusion.is_some(),
            check.status == CheckStatus::Completed
        );
    }
    assert_eq!(
        plan_check("plan", &env("dev"), &comment(Vec::new()), &[]).conclusion,
        Some(Conclusion::Success)
    );
}

#[test]
fn annotations_stay_within_the_repository() {
    let at = |filename: &str| {
        let range = SourceRange {
            filename: filename.to_owned(),
            start_line: 0,
            start_column: 3,
            end_line: 2,
            end_column: 1,
        };
        let diagnostic = Diagnostic {
            severity: Severity::Warning,
            summary: "s".repeat(400),
            detail: String::new(),
            address: None,
            range: Some(range),
            code: None,
        };
        annotation("infra/01. state", &diagnostic)
    };
    let path = |filename| at(filename).map(|a| a.path);
    assert_eq!(path("main.tf").as_deref(), Some("infra/01. state/main.tf"));
    assert_eq!(
        path("../modules/net/main.tf").as_deref(),
        Some("infra/modules/net/main.tf")
    );
    assert_eq!(path("../../../etc/passwd"), None);
    assert_eq!(path("/etc/passwd"), None);
    assert_eq!(path(".terraform/modules/vpc/main.tf"), None);
    let annotation = at("main.tf").unwrap();
    assert_eq!(
        (
            annotation.start_line,
            annotation.end_line,
            annotation.columns
        ),
        (1, 2, None)
    );
    assert_eq!(annotation.title.len(), 255);
    assert_eq!(annotation.message.len(), 400);
}

#[test]
fn buttons_keep_githubs_limits() {
    let button = Button::new("Roll back", "Put the release before back", "rollback").unwrap();
    let long = Button::new("l".repeat(21), "d", "i").unwrap_err();
    assert_eq!(
        long.to_string(),
        "a button's label takes 1 to 20 characters, this has 21"
    );
    assert!(Button::new("l", "d".repeat(41), "i").is_err());
    assert!(Button::new("l", "d", "i".repeat(21)).is_err());
    assert!(Button::new("", "d", "i").is_err());
    let mut buttons = Buttons::default();
    for _ in 0..3 {
        buttons.push(button.clone()).unwrap();
    }
    assert_eq!(buttons.push(button), Err(ButtonError::TooMany));
    assert_eq!(buttons.as_slice().len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_text_from_outside_breaks_the_comment(
        texts in prop::collection::vec(hostile(), 8),
        count in 1_usize..400,
    ) {
        let [a, b, c, d, e, f, g, h] = <[String; 8]>::try_from(texts).unwrap();
        let mut plan = summary(PolicyState { rules: 1, denials: vec![a; count], warnings: vec![b], ..PolicyState::default() });
        plan.diff = c.repeat(count);
        plan.failed_checks = vec![d];
        plan.hazards[0].address = e.clone();
        plan.hazards[1].forced_by = vec![f.clone(), e];
        let range = SourceRange { filename: f, start_line: 1, start_column: 1, end_line: 1, end_column: 1 };
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            summary: g.clone(),
            detail: h.repeat(count),
            address: Some(g.clone()),
            range: Some(range),
            code: Some(h.clone()),
        };
        let failed = Failure { step: g.clone(), diagnostics: vec![diagnostic], message: Some(h) };
        let mut comment = comment(vec![
            row("dev", "a", RowState::Planned(plan)),
            row("dev", "b", RowState::Failed(failed)),
            row("dev", "c", RowState::Skipped(g.clone())),
        ]);
        comment.notes.push(g);
        let body = comment.markdown();
        prop_assert!(body.len() <= COMMENT_LIMIT);
        prop_assert_eq!(faults(&body), None, "{}", body);
        prop_assert_eq!(crate::report::markdown::find_marker(&body), Some("plan"));
        let check = plan_check("plan", &env("dev"), &comment, &[]);
        for part in [&check.summary, &check.text] {
            prop_assert!(part.len() <= CHECK_LIMIT);
            prop_assert_eq!(faults(part), None, "{}", part);
        }
    }
}
