//! The plan comment of every fixture: plans that Terraform made, see `tools/plan-fixtures`. Each snapshot
//! lies next to the configuration that it is of.

use super::faults;
use super::plan::{comment, row};
use crate::plan::Plan;
use crate::plan::diff::DiffLimits;
use crate::report::plan_comment::{PlanComment, PlanSummary, PolicyState, RowState};

fn shown(plan_json: &str) -> String {
    let plan = Plan::parse(plan_json.as_bytes()).unwrap();
    let summary = PlanSummary::new(&plan, &DiffLimits::default(), PolicyState::default());
    let comment = PlanComment {
        identities: Vec::new(),
        page: None,
        next: Vec::new(),
        blocked: Vec::new(),
        ..comment(vec![row("dev", "app", RowState::Planned(summary))])
    };
    let body = comment.markdown();
    assert_eq!(faults(&body), None);
    body
}

macro_rules! fixtures {
    ($($name:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                let json = include_str!(concat!("../../plan/fixtures/", stringify!($name), "/plan.json"));
                let settings = {
                    let mut settings = insta::Settings::clone_current();
                    settings.set_snapshot_path(concat!("../../plan/fixtures/", stringify!($name)));
                    settings.set_prepend_module_to_snapshot(false);
                    settings.set_omit_expression(true);
                    settings
                };
                settings.bind(|| insta::assert_snapshot!("comment", shown(json)));
            }
        )*
    };
}

fixtures! {
    aws_database_replaced
    aws_stateful_destroyed
    check_fails
    count_shrinks
    data_deferred
    deferred
    destroy_everything
    drifted
    first_plan
    for_each_key_goes
    forgotten
    hostile
    imported
    json_becomes_text
    list_element_removed
    long_line
    many_resources
    module_removed
    moved
    moved_into_module
    nested_objects
    no_changes
    outputs
    policy_document
    policy_reformatted
    precondition_fails
    removed_and_destroyed
    repetition_changes
    replaced
    replaced_by_request
    replaced_by_trigger
    replaced_create_first
    scalars
    script
    sensitive_in_json
    sensitive_values
    set_changed
    tainted
    targeted
    unknown_elements
    yaml_values
}

#[test]
fn every_fixture_is_shown() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plan/fixtures");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("plan.json").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}
