//! The policies that this repository holds its own stacks to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::*;
use crate::config::Config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rego() -> BTreeMap<String, String> {
    let directory = "infra/policy";
    std::fs::read_dir(root().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".rego"))
        .map(|name| {
            let path = format!("{directory}/{name}");
            let text = std::fs::read_to_string(root().join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

fn own(patterns: &[String]) -> Policies {
    Policies {
        commit: sha('f'),
        patterns: patterns.to_vec(),
        files: rego(),
    }
}

#[test]
fn their_tests_hold() {
    let files = rego().into_iter();
    let files: Vec<PolicyFile> = files
        .map(|(path, text)| PolicyFile { path, text })
        .collect();
    let tests: usize = files
        .iter()
        .map(|file| file.text.matches("\ntest_").count())
        .sum();
    assert_eq!(verify(&files, TIME_LIMIT), Ok(tests));
    assert!(tests > 20, "{tests}");
}

#[test]
fn every_stack_is_held_to_them() {
    let text = std::fs::read_to_string(root().join("deploy.toml")).unwrap();
    let config = Config::parse(&text).unwrap();
    for stack in &config.stacks {
        assert_eq!(stack.policies, ["infra/policy/*.rego"], "{}", stack.name);
    }
}

/// Plans that Terraform made, in both environments.
#[test]
fn they_say_this_of_real_plans() {
    let policies = own(&["infra/policy/*.rego".to_owned()]);
    let destroyed = include_bytes!("../../plan/fixtures/aws_stateful_destroyed/plan.json");
    let first = include_bytes!("../../plan/fixtures/first_plan/plan.json");
    let aws = include_bytes!("../../plan/fixtures/aws.json");
    let mut told = String::new();
    for (name, plan) in [
        ("aws_database_replaced", PLAN),
        ("aws_stateful_destroyed", destroyed),
        ("first_plan", first),
        ("aws", aws),
    ] {
        for production in [false, true] {
            let context = Context {
                production,
                ..context()
            };
            let ruling = judge(&policies, plan, &context, TIME_LIMIT);
            assert_eq!(ruling.unusable, Vec::<String>::new());
            told.push_str(&format!(
                "{name}, production {production}: {}\n",
                ruling.line()
            ));
            let all = ruling.denials.iter().chain(&ruling.warnings);
            all.for_each(|text| told.push_str(&format!("  {text}\n")));
        }
    }
    insta::assert_snapshot!(told, @"
    aws_database_replaced, production false: 4 rules at fffffff: 0 denied, 0 warned of
    aws_database_replaced, production true: 4 rules at fffffff: 1 denied, 0 warned of
      aws_db_instance.main would be destroyed in production; what it holds is gone then
    aws_stateful_destroyed, production false: 4 rules at fffffff: 0 denied, 0 warned of
    aws_stateful_destroyed, production true: 4 rules at fffffff: 3 denied, 0 warned of
      aws_kms_key.key would be destroyed in production; what it holds is gone then
      aws_s3_bucket.logs would be destroyed in production; what it holds is gone then
      aws_sqs_queue.jobs would be destroyed in production; what it holds is gone then
    first_plan, production false: 4 rules at fffffff: 0 denied, 0 warned of
    first_plan, production true: 4 rules at fffffff: 0 denied, 0 warned of
    aws, production false: 4 rules at fffffff: 1 denied, 0 warned of
      aws_security_group.web lets in 0.0.0.0/0
    aws, production true: 4 rules at fffffff: 3 denied, 0 warned of
      aws_db_instance.main would be destroyed in production; what it holds is gone then
      aws_security_group.web lets in 0.0.0.0/0
      module.storage.aws_s3_bucket.logs would be destroyed in production; what it holds is gone then
    ");
}
