use std::time::Duration;

use serde_json::json;

use super::{commit, env, faults, identity, login, page, stack};
use crate::plan::Counts;
use crate::plan::diagnostics::{OutputValue, UiEvent, parse_line};
use crate::plan_flags::PlanFlags;
use crate::report::apply_comment::*;
use crate::report::plan_check::StackDir;

fn apply(stacks: Vec<(&str, ApplyState)>) -> ApplyComment {
    ApplyComment {
        key: "apply:dev".to_owned(),
        env: env("dev"),
        commit: commit("abc1234"),
        by: Some(login("ana")),
        stacks: stacks
            .into_iter()
            .map(|(name, state)| StackApply {
                flags: PlanFlags::default(),
                stack: stack(name),
                state,
            })
            .collect(),
        identity: Some(identity("slipway-apply")),
        page: Some(page()),
        locked: Vec::new(),
        planned_again: Vec::new(),
        next: vec!["/deploy dev".to_owned()],
    }
}

fn applied() -> ApplyState {
    ApplyState::Applied {
        counts: Counts {
            add: 3,
            change: 1,
            destroy: 1,
            replace: 1,
            ..Counts::default()
        },
        took: Duration::from_secs(95),
        outputs: vec![
            OutputValue {
                name: "endpoint".to_owned(),
                sensitive: false,
                value: Some(json!("https://x")),
            },
            OutputValue {
                name: "password".to_owned(),
                sensitive: true,
                value: Some(json!("hunter2")),
            },
        ],
    }
}

fn failed() -> ApplyState {
    let diagnostics = include_str!("../../plan/fixtures/apply.jsonl")
        .lines()
        .filter_map(|line| match parse_line(line) {
            Some(UiEvent::Diagnostic(diagnostic)) => Some(diagnostic),
            _ => None,
        })
        .collect();
    ApplyState::Failed {
        done: vec!["terraform_data.slow".to_owned()],
        failed: vec!["terraform_data.broken".to_owned()],
        not_begun: vec!["terraform_data.after".to_owned()],
        diagnostics,
        message: None,
        took: Duration::from_secs(12),
    }
}

#[test]
fn all_went_well() {
    let comment = apply(vec![("eks", applied()), ("dns", ApplyState::NothingToDo)]);
    let body = comment.markdown();
    assert!(!body.contains("hunter2"));
    insta::assert_snapshot!(body, @r#"
    <!-- slipway:apply:dev -->
    ### ✅ Applied `abc1234` in dev · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | eks | ✅ applied +3 \~1 **-1** in 95 s |
    | dns | nothing to do |

    <details><summary>eks: outputs</summary>

    ```hcl
    endpoint = "https://x"
    password = (sensitive)
    ```

    </details>

    as `slipway-apply` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/deploy dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
}

#[test]
fn one_failed_and_its_dependant_is_skipped() {
    let comment = apply(vec![
        ("network", applied()),
        ("eks", failed()),
        (
            "shop",
            ApplyState::Skipped {
                because_of: stack("eks"),
            },
        ),
    ]);
    let body = comment.markdown();
    assert_eq!(faults(&body), None);
    insta::assert_snapshot!(body, @r#"
    <!-- slipway:apply:dev -->
    ### ❌ Apply of `abc1234` in dev failed · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | network | ✅ applied +3 \~1 **-1** in 95 s |
    | eks | ❌ failed after 12 s |
    | shop | skipped: eks comes first and is not applied |

    - ❌ eks: local-exec provisioner error (`main.tf:7`)
    - eks is half done: 1 done, 1 failed, 1 not begun

    <details><summary>eks: what Terraform says</summary>

    ```
    Error: local-exec provisioner error
      on main.tf:7
      with terraform_data.broken
        |   provisioner "local-exec" {
      Error running command 'echo no >&2; exit 3': exit status 3. Output: no
    ```

    </details>

    <details><summary>eks: what did and did not happen</summary>

    ```
    done       terraform_data.slow
    failed     terraform_data.broken
    not begun  terraform_data.after
    ```

    </details>

    <details><summary>network: outputs</summary>

    ```hcl
    endpoint = "https://x"
    password = (sensitive)
    ```

    </details>

    as `slipway-apply` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/deploy dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
    let dirs = [StackDir {
        stack: stack("eks"),
        dir: "infra/02-eks".to_owned(),
    }];
    let check = comment.check("slipway/apply: dev", &dirs);
    insta::assert_snapshot!(format!("{:?} {:?} {}", check.status, check.conclusion, check.title), @"Completed Some(Failure) 1 of 3 stacks failed");
    assert_eq!(check.annotations[0].path, "infra/02-eks/main.tf");
    assert_eq!(check.annotations[0].start_line, 7);
}

fn pending() -> ApplyState {
    ApplyState::Pending("waits for apply of eks".to_owned())
}

#[test]
fn under_way_and_other_ends() {
    let running = ApplyState::Running {
        done: 2,
        total: 5,
        elapsed: Duration::from_secs(31),
    };
    insta::assert_snapshot!(apply(vec![("eks", running), ("dns", pending())]).markdown(), @"
    <!-- slipway:apply:dev -->
    ### 🔄 Applying `abc1234` in dev · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | eks | 🔄 2 of 5 done, 31 s |
    | dns | ⏳ waits for apply of eks |

    as `slipway-apply` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/deploy dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
    let refused =
        ApplyState::NotApplied("head moved since the plan: it is planned again".to_owned());
    insta::assert_snapshot!(apply(vec![("eks", refused)]).markdown(), @"
    <!-- slipway:apply:dev -->
    ### ⛔ Not applied in dev: `abc1234` · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | eks | ⛔ not applied: head moved since the plan: it is planned again |

    as `slipway-apply` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/deploy dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
    let interrupted = ApplyState::Interrupted {
        found:
            "the state is locked by slipway@run-1a2b (id 7c9e): look, then `terraform force-unlock`"
                .to_owned(),
    };
    insta::assert_snapshot!(apply(vec![("eks", interrupted)]).markdown(), @"
    <!-- slipway:apply:dev -->
    ### ⚠️ Apply of `abc1234` in dev was interrupted · asked for by `ana`

    | stack | outcome |
    | --- | --- |
    | eks | ⚠️ interrupted: what happened is not known |

    - ⚠️ eks: the state is locked by slipway@&#8203;run-1a2b (id 7c9e): look, then `terraform force-unlock`

    as `slipway-apply` in 111111111111 (session `slipway-1a2b3c4d`) · next: `/deploy dev` · [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
}

#[test]
fn a_title_never_tells_of_success_that_was_not() {
    let title = |stacks| apply(stacks).check("apply", &[]).title;
    assert_eq!(title(vec![("a", applied())]), "Applied +3 ~1 -1");
    assert_eq!(title(vec![("a", ApplyState::NothingToDo)]), "Nothing to do");
    assert_eq!(
        title(vec![("a", applied()), ("b", failed())]),
        "1 of 2 stacks failed"
    );
    assert_eq!(title(vec![("a", pending())]), "Applying: 0 of 1 stack done");
    assert_eq!(
        title(vec![("a", ApplyState::NotApplied("x".to_owned()))]),
        "Not applied"
    );
}
