//! Flags for Terraform.

use crate::command::*;
use crate::testing::{config, toml};

fn told(line: &str) -> String {
    match parse(line) {
        Parsed::NotACommand => "nothing".to_owned(),
        Parsed::Invalid(error) => error.markdown(),
        Parsed::Command(request) => match request.resolve(&config(&toml("", ""))) {
            Ok(command) => format!("understood: {command}"),
            Err(error) => error.markdown(),
        },
    }
}

fn first_line(line: &str) -> String {
    let told = told(line);
    let told = told
        .strip_prefix("### 😕 Not understood\n")
        .unwrap_or(&told);
    told.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_flags_are_those_of_one_stack_in_one_environment() {
    for line in [
        "/plan dev network -- -target=aws_vpc.main",
        "/plan dev network -- -destroy -target=module.a[\"b c\"] -target=module.d",
        "/plan dev network -- -refresh-only",
        "/plan dev network -- -replace=aws_vpc.main[0]",
    ] {
        assert_eq!(told(line), format!("understood: {line}"));
    }
    // As copied from a shell, and as phones write.
    let plain = "understood: /plan dev network -- -target=a.b[\"c\"]";
    for line in [
        "/plan dev network -- -target='a.b[\"c\"]'",
        "/plan dev network -- '-target=a.b[\"c\"]'",
        "/plan dev network — -target=a.b[\"c\"]",
        "/PLAN Dev Network  --  -target=a.b[\"c\"]  \nand more",
    ] {
        assert_eq!(told(line), plain, "{line}");
    }
    insta::assert_snapshot!(told("/plan network -- -destroy"), @"
    ### 😕 Not understood
    A plan with flags is of one stack in one environment, and both are named: `/plan ENV STACK -- …`.

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
    for line in [
        "/plan -- -destroy",
        "/plan dev -- -destroy",
        "/plan dev network eks -- -destroy",
    ] {
        assert_eq!(told(line), told("/plan network -- -destroy"), "{line}");
    }
}

#[test]
fn whatever_else_is_refused_says_what_is_allowed() {
    insta::assert_snapshot!(told("/plan dev network -- -var=owner=mallory"), @"
    ### 😕 Not understood
    `-var=owner=mallory` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
    let lines = [
        "/plan dev network --",
        "/plan dev network -- -target aws_vpc.main",
        "/plan dev network -- -target=a;rm -rf /",
        "/plan dev network -- -target=`id`",
        "/plan dev network -- -target=a.b[\"`id`\"]",
        "/plan dev network -- -target=$(id)",
        "/plan dev network -- -target=a.b -lock=false",
        "/plan dev network -- -target=a.b -- -out=x",
        "/plan dev network -- -target=a.b[\"x\n-destroy\"]",
        "/plan dev network -- -target='a.b",
        "/plan dev network -- -destroy=false",
        "/plan dev network -- -destroy -refresh-only",
        "/plan dev network -- -destroy -replace=a.b",
        "/plan dev network -- -target=a.b -target=a.b",
        "/plan dev network -- -replace=module.a",
        "/plan dev network -target=a.b",
        "/plan dev network --target=a.b",
        "/apply dev network -- -target=a.b",
        "/deploy dev -- -target=a.b",
    ];
    let all: Vec<String> = lines
        .iter()
        .map(|line| format!("{line:?}\n  {}", first_line(line)))
        .collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    "/plan dev network --"
      No flag follows the two dashes. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target aws_vpc.main"
      `-target` has no address: it follows an equals sign, without a space, as in `-target=aws_vpc.main`. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a;rm -rf /"
      `-target=a;rm` is not the address of a resource or a module: nothing may follow at character 2. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=`id`"
      `` -target=`id` `` is not the address of a resource or a module: a name of letters, digits, \_ and - is missing at character 1. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a.b[\"`id`\"]"
      ``-target=a.b["`id`"]`` is not the address of a resource or a module: a key can't have this at character 6. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=$(id)"
      `-target=$(id)` is not the address of a resource or a module: a name of letters, digits, \_ and - is missing at character 1. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a.b -lock=false"
      `-lock=false` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a.b -- -out=x"
      `--` is not handed on to Terraform. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a.b[\"x\n-destroy\"]"
      The quote that opens at `"x` is never closed.
    "/plan dev network -- -target='a.b"
      The quote that opens at `'a.b` is never closed.
    "/plan dev network -- -destroy=false"
      `-destroy` takes no value. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -destroy -refresh-only"
      `-destroy` and `-refresh-only` exclude each other. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -destroy -replace=a.b"
      `-replace` and `-destroy` exclude each other. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -target=a.b -target=a.b"
      `-target=a.b` is given twice. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -- -replace=module.a"
      `module.a` is a module or a data source; `-replace` is for one resource. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network -target=a.b"
      `-target=a.b` is no name. Flags for Terraform follow two dashes: `/plan ENV STACK -- …`. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/plan dev network --target=a.b"
      `--target=a.b` is no name. Flags for Terraform follow two dashes: `/plan ENV STACK -- …`. Allowed behind the dashes, each as one word: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy`.
    "/apply dev network -- -target=a.b"
      An apply takes no flags: it does exactly what the plan shows. They go with the plan, `/plan ENV STACK -- …`, and then `/apply ENV STACK`.
    "/deploy dev -- -target=a.b"
      `/deploy` has no flag `--`.
    "#);
}
