//! Which files touch what.

use super::*;
use crate::testing::{config, names};

const RULES: &str = r#"
    [stacks.one]
    dir = "infra/1"
    var_files = ["{environment}.tfvars", "common.tfvars", "vars/{environment}/app.tfvars"]
    backend_config = ["encrypt=true", "{environment}.s3.tfbackend"]
    [stacks.ten]
    dir = "infra/10"
    environments = ["prod"]
    [stacks.dotted]
    dir = "infra/01. terraform-state"
    environments = ["dev"]
    [stacks.root]
    dir = "."
    environments = ["dev"]
    when_modified = ["*.tf"]
"#;

fn rules(stacks: &str) -> Config {
    let environment = |name: &str| {
        format!(
            "[environments.{name}.aws]\nregion = \"eu-central-1\"\naccount = \"111111111111\"\n\
             plan_role = \"arn:aws:iam::111111111111:role/p\"\n"
        )
    };
    config(&format!(
        "version = 1\n{}{}{stacks}",
        environment("dev"),
        environment("prod")
    ))
}

/// What a change of these files touches, as `stack: environments`.
fn touches(paths: &[&str], truncated: bool) -> String {
    let files = ChangedFiles {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        truncated,
    };
    touched(&rules(RULES), &files, &Modules::default())
        .into_iter()
        .map(|(stack, envs)| {
            let envs: Vec<&str> = envs.iter().map(EnvName::as_str).collect();
            format!("{stack}: {}", envs.join(" "))
        })
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn a_file_touches_the_stack_whose_directory_it_is_in() {
    for (path, expected) in [
        ("infra/1/main.tf", "one: dev prod"),
        ("infra/1/sub/dir/deep.tf", "one: dev prod"),
        ("infra/1/main.tf.json", "one: dev prod"),
        ("infra/1/.terraform.lock.hcl", "one: dev prod"),
        ("infra/1/extra.tfvars", "one: dev prod"),
        ("infra/10/main.tf", "ten: prod"),
        ("infra/01. terraform-state/main.tf", "dotted: dev"),
        ("main.tf", "root: dev"),
        ("infra/1/README.md", ""),
        ("infra/1/main.tf.bak", ""),
        ("infra/1/sub/.terraform.lock.hcl", ""),
        ("infra/1", ""),
        ("infra/100/main.tf", ""),
        ("other/infra/1/main.tf", ""),
        ("INFRA/1/main.tf", ""),
        ("infra/01/ terraform-state/main.tf", ""),
        ("infra/01x terraform-state/main.tf", ""),
        ("app/main.rs", ""),
        ("", ""),
    ] {
        assert_eq!(touches(&[path], false), expected, "{path}");
    }
}

#[test]
fn a_file_of_one_environment_touches_that_environment_alone() {
    for (path, expected) in [
        ("infra/1/prod.tfvars", "one: prod"),
        ("infra/1/dev.tfvars", "one: dev"),
        ("infra/1/vars/dev/app.tfvars", "one: dev"),
        ("infra/1/prod.s3.tfbackend", "one: prod"),
        ("infra/1/common.tfvars", "one: dev prod"),
        // No environment is called so, but it is a tfvars file all the same.
        ("infra/1/staging.tfvars", "one: dev prod"),
        ("infra/1/staging.s3.tfbackend", ""),
    ] {
        assert_eq!(touches(&[path], false), expected, "{path}");
    }
    assert_eq!(
        touches(&["infra/1/prod.tfvars", "infra/1/main.tf"], false),
        "one: dev prod"
    );
}

#[test]
fn a_renamed_file_counts_on_both_sides() {
    assert_eq!(
        touches(&["infra/1/a.tf", "infra/10/a.tf"], false),
        "one: dev prod, ten: prod"
    );
}

#[test]
fn nothing_is_touched_by_nothing() {
    assert_eq!(touches(&[], false), "");
}

#[test]
fn more_than_github_lists_touches_all() {
    let all = "dotted: dev, one: dev prod, root: dev, ten: prod";
    assert_eq!(touches(&[], true), all);
    assert_eq!(touches(&["README.md"], true), all);
}

fn order(stacks: &str, of: &[&str]) -> String {
    let config = rules(stacks);
    let ordered = in_order(&config, &names(of));
    let ordered: Vec<&str> = ordered.iter().map(|stack| stack.name.as_str()).collect();
    ordered.join(" ")
}

const DIAMOND: &str = r#"
    [stacks.top]
    dir = "top"
    depends_on = ["left", "right"]
    [stacks.left]
    dir = "left"
    depends_on = ["bottom"]
    [stacks.alone]
    dir = "alone"
    [stacks.right]
    dir = "right"
    depends_on = ["bottom"]
    [stacks.bottom]
    dir = "bottom"
"#;

#[test]
fn dependencies_come_first_and_once() {
    let all = ["top", "left", "alone", "right", "bottom"];
    assert_eq!(order(DIAMOND, &all), "bottom left right top alone");
}

#[test]
fn those_not_asked_for_are_left_out_but_their_order_holds() {
    assert_eq!(order(DIAMOND, &["top", "bottom"]), "bottom top");
    assert_eq!(order(DIAMOND, &["right", "left"]), "left right");
    assert_eq!(order(DIAMOND, &[]), "");
    assert_eq!(order(DIAMOND, &["unknown", "alone"]), "alone");
}
