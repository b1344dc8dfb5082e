//! The shipped example, every kind of finding as people see it, and texts that nobody would write.

use proptest::prelude::*;

use super::*;

/// Documents every key; see the file.
const EXAMPLE: &str = include_str!("example.toml");

#[test]
fn the_reference_shows_the_example_word_for_word() {
    let reference = include_str!("../../../../docs/deploy-toml.md");
    assert!(
        reference.contains(EXAMPLE.trim_end()),
        "docs/deploy-toml.md is behind bot/core/src/config/example.toml"
    );
}

const SMALL: &str = r#"version = 1
[environments.dev.aws]
region = "eu-central-1"
account = "111111111111"
plan_role = "arn:aws:iam::111111111111:role/plan"
apply_role = "arn:aws:iam::111111111111:role/apply"
deploy_role = "arn:aws:iam::111111111111:role/deploy"
[stacks.eks]
dir = "infra/02-eks"
[services.shop]
image = "ghcr.io/acme/shop"
manifests = "app/k8s"
cluster = "shop"
namespace = "shop"
"#;

/// What is found in a text, as `slipway check` shows it.
fn findings(text: &str) -> String {
    let checked = Config::check(text);
    checked
        .diagnostics
        .iter()
        .map(|finding| finding.render("deploy.toml", text))
        .collect()
}

/// What is found in the small example after a change.
fn findings_with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    findings(&SMALL.replacen(from, to, 1))
}

#[test]
fn the_shipped_example_is_valid() {
    assert_eq!(findings(EXAMPLE), "");
    let config = Config::parse(EXAMPLE).unwrap();
    let names: Vec<&str> = config
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["dev", "prod"]);
    insta::assert_debug_snapshot!(config.environments[1], @r#"
    Environment {
        name: EnvName(prod),
        url: Some(
            Url {
                scheme: "https",
                cannot_be_a_base: false,
                username: "",
                password: None,
                host: Some(
                    Domain(
                        "shop.example.com",
                    ),
                ),
                port: None,
                path: "/",
                query: None,
                fragment: None,
            },
        ),
        production: true,
        auto_deploy: false,
        auto_apply: false,
        after: [
            EnvName(dev),
        ],
        soak: 1800s,
        approvals: 1,
        codeowners: true,
        checks: Required,
        up_to_date: true,
        pull_request: Merged,
        confirm: true,
        windows: [
            Window(Mon-Thu 09:00-16:00 Europe/Berlin),
            Window(Fri 09:00-12:00 Europe/Berlin),
        ],
        freezes: [
            Freeze(2026-12-21 18:00 to 2027-01-04 08:00 Europe/Berlin: Christmas),
        ],
        outside: Queue,
        on_failure: Rollback,
        drift: Some(
            Schedule(daily 06:00 Europe/Berlin),
        ),
        aws: Aws {
            region: Region(eu-central-1),
            account: AccountId(222222222222),
            plan_role: Some(
                RoleArn(arn:aws:iam::222222222222:role/slipway-plan),
            ),
            apply_role: Some(
                RoleArn(arn:aws:iam::222222222222:role/slipway-apply),
            ),
            deploy_role: Some(
                RoleArn(arn:aws:iam::222222222222:role/slipway-deploy),
            ),
            external_id: None,
            session: 3600s,
        },
        allow: Allow {
            plan: [
                Write,
            ],
            apply: [
                Team {
                    org: "acme",
                    slug: "platform",
                },
            ],
            deploy: [
                Maintain,
                User(
                    Login(ana),
                ),
            ],
            force_unlock: [
                Team {
                    org: "acme",
                    slug: "platform",
                },
            ],
            overrides: [],
            destroy: [
                User(
                    Login(ana),
                ),
            ],
        },
    }
    "#);
    insta::assert_debug_snapshot!(config.stacks[1], @r#"
    Stack {
        name: StackName(eks),
        dir: RepoPath(infra/02-eks),
        environments: [
            EnvName(dev),
            EnvName(prod),
        ],
        workspace: Template({environment}),
        var_files: [
            Template({environment}.tfvars),
        ],
        backend_config: [
            Template(encrypt=true),
            Template({environment}.s3.tfbackend),
        ],
        depends_on: [
            StackName(terraform-state),
        ],
        when_modified: Globs(["**/*.tf", "**/*.tf.json", "**/*.tfvars", ".terraform.lock.hcl"]),
        terraform: Some(
            ToolVersion {
                tool: Terraform,
                version: "1.11.4",
            },
        ),
        policies: [
            "policy/*.rego",
        ],
    }
    "#);
    insta::assert_debug_snapshot!(config.services[0], @r#"
    Service {
        name: ServiceName(shop),
        image: ImageRepository(ghcr.io/acme/shop),
        tag: TagTemplate(sha-{sha}),
        paths: Some(
            Globs(["app/**", "Cargo.lock"]),
        ),
        manifests: Template(app/k8s/{environment}),
        cluster: Template(shop-{environment}),
        namespace: Template(shop),
        after_stacks: [
            StackName(eks),
        ],
        image_wait: 1200s,
        rollout: 600s,
        provenance: Label,
    }
    "#);
}

#[test]
fn what_is_left_out_is_filled_in() {
    assert_eq!(findings(SMALL), "");
    let config = Config::parse(SMALL).unwrap();
    insta::assert_debug_snapshot!(config, @r#"
    Config {
        environments: [
            Environment {
                name: EnvName(dev),
                url: None,
                production: false,
                auto_deploy: false,
                auto_apply: false,
                after: [],
                soak: 0ns,
                approvals: 0,
                codeowners: false,
                checks: None,
                up_to_date: false,
                pull_request: Open,
                confirm: false,
                windows: [],
                freezes: [],
                outside: Queue,
                on_failure: Rollback,
                drift: None,
                aws: Aws {
                    region: Region(eu-central-1),
                    account: AccountId(111111111111),
                    plan_role: Some(
                        RoleArn(arn:aws:iam::111111111111:role/plan),
                    ),
                    apply_role: Some(
                        RoleArn(arn:aws:iam::111111111111:role/apply),
                    ),
                    deploy_role: Some(
                        RoleArn(arn:aws:iam::111111111111:role/deploy),
                    ),
                    external_id: None,
                    session: 3600s,
                },
                allow: Allow {
                    plan: [
                        Write,
                    ],
                    apply: [
                        Write,
                    ],
                    deploy: [
                        Write,
                    ],
                    force_unlock: [
                        Admin,
                    ],
                    overrides: [],
                    destroy: [],
                },
            },
        ],
        stacks: [
            Stack {
                name: StackName(eks),
                dir: RepoPath(infra/02-eks),
                environments: [
                    EnvName(dev),
                ],
                workspace: Template({environment}),
                var_files: [],
                backend_config: [],
                depends_on: [],
                when_modified: Globs(["**/*.tf", "**/*.tf.json", "**/*.tfvars", ".terraform.lock.hcl"]),
                terraform: None,
                policies: [],
            },
        ],
        services: [
            Service {
                name: ServiceName(shop),
                image: ImageRepository(ghcr.io/acme/shop),
                tag: TagTemplate(sha-{sha}),
                paths: None,
                manifests: Template(app/k8s),
                cluster: Template(shop),
                namespace: Template(shop),
                after_stacks: [],
                image_wait: 1200s,
                rollout: 600s,
                provenance: Label,
            },
        ],
        stateful_types: [],
    }
    "#);
}

#[test]
fn environments_of_users_are_careful_by_default() {
    let text = SMALL.replace(
        "version = 1",
        "version = 1\n[environments.dev]\nproduction = true",
    );
    let config = Config::parse(&text).unwrap();
    let dev = &config.environments[0];
    assert_eq!(
        (dev.approvals, &dev.checks, dev.pull_request),
        (1, &Checks::Required, PullRequest::Merged)
    );
    assert!(dev.up_to_date && dev.confirm);
    let relaxed = text.replace("production = true", "production = true\napprovals = 0\nchecks = []\npull_request = \"open\"\nup_to_date = false\nconfirm = false");
    let config = Config::parse(&relaxed).unwrap();
    let dev = &config.environments[0];
    assert_eq!(
        (dev.approvals, &dev.checks, dev.pull_request),
        (0, &Checks::None, PullRequest::Open)
    );
    assert!(!dev.up_to_date && !dev.confirm);
}

#[test]
fn environments_keep_the_order_of_the_file() {
    let block = SMALL
        .split("[stacks")
        .next()
        .unwrap()
        .replace("version = 1\n", "");
    let text = format!(
        "version = 1\n{}{}{}",
        block.replace(".dev.", ".zeta."),
        block.replace(".dev.", ".beta."),
        block
    );
    let config = Config::parse(&text).unwrap();
    let names: Vec<&str> = config
        .environments
        .iter()
        .map(|e| e.name.as_str())
        .collect();
    assert_eq!(names, ["zeta", "beta", "dev"]);
}

#[test]
fn names_are_looked_up() {
    let config = Config::parse(EXAMPLE).unwrap();
    let prod = crate::ids::EnvName::parse("prod").unwrap();
    assert_eq!(
        config.environment(&prod).unwrap().aws.account.as_str(),
        "222222222222"
    );
    assert_eq!(config.stacks_in(&prod).count(), 2);
    assert_eq!(config.services_in(&prod).count(), 1);
    assert!(
        config
            .environment(&crate::ids::EnvName::parse("stage").unwrap())
            .is_none()
    );
}

#[test]
fn windows_open_an_environment_and_none_leave_it_open() {
    let config = Config::parse(EXAMPLE).unwrap();
    let friday_afternoon = "2026-11-06T13:00:00Z".parse().unwrap();
    assert!(config.environments[0].is_open(friday_afternoon));
    assert!(!config.environments[1].is_open(friday_afternoon));
    let opening = config.environments[1]
        .next_opening(friday_afternoon)
        .unwrap();
    assert_eq!(opening.to_string(), "2026-11-09T08:00:00Z");
}

/// Slipway is its own first customer.
#[test]
fn the_deploy_toml_of_this_repository_is_valid() {
    let text = include_str!("../../../../deploy.toml");
    assert_eq!(findings(text), "");
    let config = Config::parse(text).unwrap();
    let stacks: Vec<&str> = config
        .stacks
        .iter()
        .map(|stack| stack.name.as_str())
        .collect();
    assert_eq!(stacks, ["terraform-state", "eks", "database", "slipway"]);
    let services: Vec<&str> = config
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(services, ["shop", "slipway"]);
}

#[test]
fn syntax() {
    insta::assert_snapshot!(findings("version = 1\n[environments.dev\n"), @"
    deploy.toml:2:18: error: unclosed table, expected `]`
      |
    2 | [environments.dev
      |                  ^
    ");
    insta::assert_snapshot!(findings("version = 1\nversion = 1\n"), @"
    deploy.toml:2:1: error: duplicate key
      |
    2 | version = 1
      | ^^^^^^^
    ");
    insta::assert_snapshot!(findings("a = \"\n"), @r#"
    deploy.toml:1:6: error: invalid basic string, expected `"`
      |
    1 | a = "
      |      ^
    "#);
}

#[test]
fn an_empty_file_says_what_it_needs() {
    insta::assert_snapshot!(findings(""), @"
    deploy.toml:1:1: error: deploy.toml has no `version`
      |
    1 |
      | ^
      = help: the version of this format: 1
    deploy.toml:1:1: error: deploy.toml has no `environments`
      |
    1 |
      | ^
      = help: the environments by name: an AWS account and region with their roles and rules
    ");
    insta::assert_snapshot!(findings("version = 1\n[environments]\n"), @"
    deploy.toml:1:1: error: there is no environment
      |
    1 | version = 1
      | ^
      = help: add one, like [environments.dev]
    ");
}

#[test]
fn versions() {
    insta::assert_snapshot!(findings_with("version = 1", "version = 2"), @"
    deploy.toml:1:11: error: this is version 2 of the format
      |
    1 | version = 2
      |           ^
      = help: this Slipway reads version 1
    ");
    insta::assert_snapshot!(findings_with("version = 1", "version = \"1\""), @r#"
    deploy.toml:1:11: error: `version`: invalid type: string "1", expected a number
      |
    1 | version = "1"
      |           ^^^
    "#);
}

#[test]
fn unknown_keys() {
    insta::assert_snapshot!(findings_with("[stacks.eks]", "[environments.dev]\naprovals = 1\n[stacks.eks]"), @"
    deploy.toml:9:1: error: unknown key `aprovals` in environments.dev
      |
    9 | aprovals = 1
      | ^^^^^^^^
      = help: did you mean `approvals`?
    ");
    insta::assert_snapshot!(findings_with("[stacks.eks]", "[stack.eks]"), @"
    deploy.toml:8:2: error: unknown key `stack` in deploy.toml
      |
    8 | [stack.eks]
      |  ^^^^^
      = help: did you mean `stacks`?
    ");
    insta::assert_snapshot!(findings_with("dir =", "directory_of_it = \"x\"\ndir ="), @r#"
    deploy.toml:9:1: error: unknown key `directory_of_it` in stacks.eks
      |
    9 | directory_of_it = "x"
      | ^^^^^^^^^^^^^^^
      = help: there are `backend_config`, `depends_on`, `dir`, `environments`, `policies`, `terraform`, `var_files`, `when_modified`, `workspace`
    "#);
    insta::assert_snapshot!(findings_with("[stacks.eks]", "[environments.dev.allow]\nplans = []\n[stacks.eks]"), @"
    deploy.toml:9:1: error: unknown key `plans` in environments.dev.allow
      |
    9 | plans = []
      | ^^^^^
      = help: did you mean `plan`?
    ");
}

#[test]
fn missing_keys() {
    insta::assert_snapshot!(findings_with("dir = \"infra/02-eks\"\n", ""), @"
    deploy.toml:8:9: error: stacks.eks has no `dir`
      |
    8 | [stacks.eks]
      |         ^^^
      = help: its directory in the repository
    ");
    insta::assert_snapshot!(findings_with("region = \"eu-central-1\"\n", ""), @r#"
    deploy.toml:2:19: error: environments.dev.aws has no `region`
      |
    2 | [environments.dev.aws]
      |                   ^^^
      = help: the region of its cluster and of every API call, like "eu-central-1"
    "#);
    insta::assert_snapshot!(findings_with("[stacks.eks]", "[environments.prod]\nproduction = true\n[stacks.eks]"), @"
    deploy.toml:8:15: error: environments.prod has no `aws`
      |
    8 | [environments.prod]
      |               ^^^^
      = help: where it lives, and the roles that act there
    ");
}

#[test]
fn wrong_types_are_told_all_at_once() {
    let text = SMALL
        .replace("account = \"111111111111\"", "account = 111111111111")
        .replace(
            "dir = \"infra/02-eks\"",
            "dir = [\"infra/02-eks\"]\nvar_files = [\"a\", 3]",
        )
        .replace("namespace = \"shop\"", "namespace = true");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:4:11: error: `account`: invalid type: integer `111111111111`, expected a string
      |
    4 | account = 111111111111
      |           ^^^^^^^^^^^^
    deploy.toml:9:7: error: `dir`: invalid type: list, expected a string
      |
    9 | dir = ["infra/02-eks"]
      |       ^^^^^^^^^^^^^^^^
    deploy.toml:10:19: error: `var_files`: invalid type: integer `3`, expected a string
       |
    10 | var_files = ["a", 3]
       |                   ^
    deploy.toml:15:13: error: `namespace`: invalid type: boolean `true`, expected a string
       |
    15 | namespace = true
       |             ^^^^
    "#);
    insta::assert_snapshot!(findings("version = 1\nenvironments = 3\nstacks = [1]\n[services]\nshop = \"x\""), @r#"
    deploy.toml:2:16: error: `environments`: invalid type: integer `3`, expected a table
      |
    2 | environments = 3
      |                ^
    deploy.toml:3:10: error: `stacks`: invalid type: list, expected a table
      |
    3 | stacks = [1]
      |          ^^^
    deploy.toml:5:8: error: `shop`: invalid type: string "x", expected a table
      |
    5 | shop = "x"
      |        ^^^
    "#);
    let text = SMALL.replace("version = 1", "version = 1\n[environments.dev]\npull_request = \"closed\"\non_failure = \"panic\"\noutside = \"wait\"\napprovals = -1\nchecks = 3\nauto_deploy = \"yes\"");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:3:16: error: `pull_request`: unknown value `closed`, expected `open` or `merged`
      |
    3 | pull_request = "closed"
      |                ^^^^^^^^
    deploy.toml:4:14: error: `on_failure`: unknown value `panic`, expected `rollback` or `stop`
      |
    4 | on_failure = "panic"
      |              ^^^^^^^
    deploy.toml:5:11: error: `outside`: unknown value `wait`, expected `queue` or `refuse`
      |
    5 | outside = "wait"
      |           ^^^^^^
    deploy.toml:6:13: error: `approvals`: invalid value: integer `-1`, expected a number that is not negative
      |
    6 | approvals = -1
      |             ^^
    deploy.toml:7:10: error: `checks`: invalid type: integer `3`, expected "all", "required" or a list of names
      |
    7 | checks = 3
      |          ^
    deploy.toml:8:15: error: `auto_deploy`: invalid type: string "yes", expected a boolean
      |
    8 | auto_deploy = "yes"
      |               ^^^^^
    "#);
}

#[test]
fn values_of_an_environment() {
    let text = SMALL.replace(
        "version = 1",
        r#"version = 1
[environments.dev]
url = "ftp://example.com"
soak = "soon"
after = ["dev"]
checks = "some"
windows = ["Mon-Thu 09:00-16:00 Europe/Bonn"]"#,
    );
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:3:7: error: "ftp://example.com" is not the address of a web page
      |
    3 | url = "ftp://example.com"
      |       ^^^^^^^^^^^^^^^^^^^
      = help: write it like "https://dev.shop.example.com"
    deploy.toml:4:8: error: "soon" is not a length of time
      |
    4 | soak = "soon"
      |        ^^^^^^
      = help: write it like "90s", "30m", "1h" or "1h30m"
    deploy.toml:5:10: error: `after` goes in a circle: dev → dev
      |
    5 | after = ["dev"]
      |          ^^^^^
      = help: take one of these steps out
    deploy.toml:6:10: error: "some" says nothing about checks
      |
    6 | checks = "some"
      |          ^^^^^^
      = help: it takes "all", "required" or a list of names; an empty list asks for none
    deploy.toml:7:12: error: "Mon-Thu 09:00-16:00 Europe/Bonn" is not a window: "Europe/Bonn" is not a time zone of the IANA database
      |
    7 | windows = ["Mon-Thu 09:00-16:00 Europe/Bonn"]
      |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: write it like "Mon-Thu 09:00-16:00 Europe/Berlin"
    "#);
}

#[test]
fn values_of_aws() {
    let text = SMALL
        .replace(
            "\"eu-central-1\"",
            "\"Frankfurt\"\nsession = \"5m\"\nexternal_id = \"no spaces\"",
        )
        .replace("111111111111:role/plan", "222222222222:role/plan")
        .replace("arn:aws:iam::111111111111:role/apply", "slipway-apply");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:3:10: error: "Frankfurt" is not an AWS region
      |
    3 | region = "Frankfurt"
      |          ^^^^^^^^^^^
      = help: it takes a region's code, like "eu-central-1"
    deploy.toml:4:11: error: "5m" is out of bounds
      |
    4 | session = "5m"
      |           ^^^^
      = help: it takes 15m to 12h
    deploy.toml:5:15: error: this is not an external id
      |
    5 | external_id = "no spaces"
      |               ^^^^^^^^^^^
      = help: it takes 2 to 1224 letters, digits and any of _+=,.@:/-
    deploy.toml:7:13: error: this role is in account 222222222222, the environment in 111111111111
      |
    7 | plan_role = "arn:aws:iam::222222222222:role/plan"
      |             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: every role of an environment is in its account
    deploy.toml:8:14: error: "slipway-apply" is not the ARN of an IAM role
      |
    8 | apply_role = "slipway-apply"
      |              ^^^^^^^^^^^^^^^
      = help: it takes the form "arn:aws:iam::111111111111:role/name"
    "#);
    insta::assert_snapshot!(findings_with("account = \"111111111111\"", "account = \"1111\""), @r#"
    deploy.toml:4:11: error: "1111" is not an AWS account id
      |
    4 | account = "1111"
      |           ^^^^^^
      = help: it takes twelve digits in quotes, like "111111111111"
    "#);
}

#[test]
fn values_of_allow() {
    let text = SMALL.replace("[stacks.eks]", "[environments.dev.allow]\nplan = [\"everyone\"]\napply = [\"user:Ana\", \"write\", \"user:ana\"]\ndeploy = []\n[stacks.eks]");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:9:9: error: "everyone" names nobody
      |
    9 | plan = ["everyone"]
      |         ^^^^^^^^^^
      = help: it takes "read", "write", "maintain", "admin", "team:org/slug" or "user:login"
    deploy.toml:10:31: error: "user:ana" stands here twice
       |
    10 | apply = ["user:Ana", "write", "user:ana"]
       |                               ^^^^^^^^^^
    "#);
}

#[test]
fn values_of_a_stack() {
    let text = SMALL.replace(
        "dir = \"infra/02-eks\"",
        r#"dir = "../infra"
workspace = "{env}"
var_files = ["/etc/passwd", "{environment}/../x"]
backend_config = ["bucket name=x", "key=value", "a\\b"]
when_modified = ["a[b"]
terraform = "~> 1.11""#,
    );
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:9:7: error: "../infra" is not a path in the repository: `.` and `..` are not allowed
      |
    9 | dir = "../infra"
      |       ^^^^^^^^^^
    deploy.toml:10:13: error: "{env}" has no placeholder {env}
       |
    10 | workspace = "{env}"
       |             ^^^^^^^
       = help: placeholders here: {environment}
    deploy.toml:11:14: error: "/etc/passwd" is not a path: it is absolute
       |
    11 | var_files = ["/etc/passwd", "{environment}/../x"]
       |              ^^^^^^^^^^^^^
    deploy.toml:11:29: error: "{environment}/../x" is not a path: `.` and `..` are not allowed
       |
    11 | var_files = ["/etc/passwd", "{environment}/../x"]
       |                             ^^^^^^^^^^^^^^^^^^^^
    deploy.toml:12:19: error: "bucket name=x" is not a setting of a backend
       |
    12 | backend_config = ["bucket name=x", "key=value", "a\\b"]
       |                   ^^^^^^^^^^^^^^^
       = help: it takes key=value, or the path of a file
    deploy.toml:12:49: error: "a\\b" is not a path: parts are separated by `/`
       |
    12 | backend_config = ["bucket name=x", "key=value", "a\\b"]
       |                                                 ^^^^^^
    deploy.toml:13:18: error: "a[b" is not a pattern of paths: unclosed character class; missing ']'
       |
    13 | when_modified = ["a[b"]
       |                  ^^^^^
    deploy.toml:14:13: error: "~> 1.11" is not a version of Terraform or OpenTofu
       |
    14 | terraform = "~> 1.11"
       |             ^^^^^^^^^
       = help: it takes one exact version, like "1.11.4" or "opentofu 1.9.0"
    "#);
}

#[test]
fn values_of_a_service() {
    let text = SMALL
        .replace("ghcr.io/acme/shop", "ghcr.io/acme/shop:latest")
        .replace("manifests = \"app/k8s\"", "manifests = \"/k8s\"\ntag = \"latest\"\npaths = [\"../app\"]\nimage_wait = \"7h\"\nrollout = \"0s\"\nprovenance = \"hope\"")
        .replace("cluster = \"shop\"", "cluster = \"{cluster}\"")
        .replace("namespace = \"shop\"", "namespace = \"Shop\"");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:11:9: error: "ghcr.io/acme/shop:latest" is not an image: it has a tag or a digest, which `tag` says per commit
       |
    11 | image = "ghcr.io/acme/shop:latest"
       |         ^^^^^^^^^^^^^^^^^^^^^^^^^^
       = help: it takes a registry and a repository, like "ghcr.io/acme/shop"
    deploy.toml:12:13: error: "/k8s" is not a path: it is absolute
       |
    12 | manifests = "/k8s"
       |             ^^^^^^
    deploy.toml:13:7: error: "latest" is the same tag for every commit
       |
    13 | tag = "latest"
       |       ^^^^^^^^
       = help: name the commit, like "sha-{sha}" or "{short_sha}"
    deploy.toml:14:10: error: "../app" is not a pattern of paths: `.` and `..` are not allowed
       |
    14 | paths = ["../app"]
       |          ^^^^^^^^
    deploy.toml:15:14: error: "7h" is out of bounds
       |
    15 | image_wait = "7h"
       |              ^^^^
       = help: it takes 1s to 6h
    deploy.toml:16:11: error: "0s" is out of bounds
       |
    16 | rollout = "0s"
       |           ^^^^
       = help: it takes 1s to 6h
    deploy.toml:17:14: error: `provenance`: unknown value `hope`, expected one of `off`, `label`, `attestation`
       |
    17 | provenance = "hope"
       |              ^^^^^^
    deploy.toml:18:11: error: "{cluster}" has no placeholder {cluster}
       |
    18 | cluster = "{cluster}"
       |           ^^^^^^^^^^^
       = help: placeholders here: {environment}
    deploy.toml:19:13: error: "Shop" is not a Kubernetes namespace
       |
    19 | namespace = "Shop"
       |             ^^^^^^
       = help: it takes up to 63 lower-case letters, digits and inner hyphens
    "#);
}

#[test]
fn names_have_a_form() {
    let text = SMALL
        .replace("stacks.eks", "stacks.EKS")
        .replace("environments.dev.", "environments.\"de v\".");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:2:15: error: "de v" is not a valid environment name: it takes 1 to 40 lower-case letters, digits and inner hyphens
      |
    2 | [environments."de v".aws]
      |               ^^^^^^
    deploy.toml:8:9: error: "EKS" is not a valid stack name: it takes 1 to 40 lower-case letters, digits and inner hyphens
      |
    8 | [stacks.EKS]
      |         ^^^
    "#);
}

#[test]
fn references_exist_and_stand_once() {
    let text = SMALL
        .replace("dir = \"infra/02-eks\"", "dir = \"infra/02-eks\"\nenvironments = [\"dve\", \"dev\", \"dev\"]\ndepends_on = [\"database\"]")
        .replace("cluster =", "after_stacks = [\"ek\"]\ncluster =")
        .replace("version = 1", "version = 1\n[environments.dev]\nafter = [\"stage\"]");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:3:10: error: there is no environment `stage`
      |
    3 | after = ["stage"]
      |          ^^^^^^^
      = help: there is only `dev`
    deploy.toml:12:17: error: there is no environment `dve`
       |
    12 | environments = ["dve", "dev", "dev"]
       |                 ^^^^^
       = help: did you mean `dev`?
    deploy.toml:12:31: error: `dev` stands here twice
       |
    12 | environments = ["dve", "dev", "dev"]
       |                               ^^^^^
    deploy.toml:13:15: error: there is no stack `database`
       |
    13 | depends_on = ["database"]
       |               ^^^^^^^^^^
       = help: there is only `eks`
    deploy.toml:17:17: error: there is no stack `ek`
       |
    17 | after_stacks = ["ek"]
       |                 ^^^^
       = help: did you mean `eks`?
    "#);
}

#[test]
fn names_can_be_told_apart() {
    insta::assert_snapshot!(findings_with("stacks.eks", "stacks.dev"), @"
    deploy.toml:8:9: warning: `dev` is an environment too: `/plan dev` means the environment
      |
    8 | [stacks.dev]
      |         ^^^
    ");
    insta::assert_snapshot!(findings_with("dir =", "environments = []\ndir ="), @"
    deploy.toml:8:9: error: stacks.eks is in no environment, so nothing would ever plan it
      |
    8 | [stacks.eks]
      |         ^^^
      = help: leave `environments` out to have it in all
    ");
}

#[test]
fn circles_are_named() {
    let text = SMALL.replace(
        "[stacks.eks]",
        "[stacks.a]\ndir = \"a\"\ndepends_on = [\"b\"]\n[stacks.b]\ndir = \"b\"\ndepends_on = [\"eks\", \"c\"]\n[stacks.c]\ndir = \"c\"\ndepends_on = [\"b\"]\n[stacks.eks]",
    );
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:16:15: error: `depends_on` goes in a circle: b → c → b
       |
    16 | depends_on = ["b"]
       |               ^^^
       = help: take one of these steps out
    "#);
    insta::assert_snapshot!(findings_with("version = 1", "version = 1\n[environments.dev]\nafter = [\"dev\"]"), @r#"
    deploy.toml:3:10: error: `after` goes in a circle: dev → dev
      |
    3 | after = ["dev"]
      |          ^^^^^
      = help: take one of these steps out
    "#);
}

#[test]
fn rules_that_could_do_nothing_are_refused() {
    let text = SMALL.replace(
        "version = 1",
        "version = 1\n[environments.dev]\nsoak = \"30m\"\noutside = \"refuse\"",
    );
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:3:8: error: `soak` without `after` waits for nothing
      |
    3 | soak = "30m"
      |        ^^^^^
      = help: name the environments to wait for, like after = ["dev"]
    deploy.toml:4:11: warning: `outside` without `windows` and `[[freeze]]` has no effect
      |
    4 | outside = "refuse"
      |           ^^^^^^^^
    "#);
}

#[test]
fn roles_are_there_where_they_are_needed() {
    let without = |role: &str, keys: &str| {
        let line = format!("{role}_role = \"arn:aws:iam::111111111111:role/{role}\"\n");
        findings(&SMALL.replace(&line, "").replace(
            "version = 1",
            &format!("version = 1\n[environments.dev]\n{keys}"),
        ))
    };
    insta::assert_snapshot!(without("plan", ""), @"
    deploy.toml:2:15: error: environments.dev has no `aws.plan_role` to plan the stack `eks` with
      |
    2 | [environments.dev]
      |               ^^^
      = help: add the role, or leave the environment out of the stack's `environments`
    ");
    insta::assert_snapshot!(without("apply", "auto_apply = true"), @"
    deploy.toml:3:14: error: `auto_apply` needs `environments.dev.aws.apply_role`
      |
    3 | auto_apply = true
      |              ^^^^
    ");
    insta::assert_snapshot!(without("deploy", "auto_deploy = true"), @"
    deploy.toml:3:15: error: `auto_deploy` needs `environments.dev.aws.deploy_role`
      |
    3 | auto_deploy = true
      |               ^^^^
    deploy.toml:11:11: error: no environment has an `aws.deploy_role`, so no service can be deployed
       |
    11 | [services.shop]
       |           ^^^^
    ");
    assert_eq!(
        without("apply", ""),
        "",
        "an environment may be planned only"
    );
}

#[test]
fn an_environment_without_services_is_told() {
    let text = SMALL.replace(
        "[stacks.eks]",
        r#"[environments.shared.aws]
region = "eu-central-1"
account = "333333333333"
plan_role = "arn:aws:iam::333333333333:role/plan"
[environments.dev]
after = ["shared"]
[stacks.eks]"#,
    );
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:8:15: warning: environments.shared has no `aws.deploy_role`: no service is deployed there
      |
    8 | [environments.shared.aws]
      |               ^^^^^^
    deploy.toml:13:10: error: no service is deployed to `shared`, so nothing could ever follow it
       |
    13 | after = ["shared"]
       |          ^^^^^^^^
       = help: give environments.shared an `aws.deploy_role`
    "#);
    let text = text.replace("after = [\"shared\"]", "");
    let config = Config::check(&text).config.expect("a warning only");
    assert_eq!(
        config
            .services_in(&crate::ids::EnvName::parse("shared").unwrap())
            .count(),
        0
    );
}

#[test]
fn states_that_two_would_write_are_told() {
    let text = SMALL
        .replace("dir = \"infra/02-eks\"", "dir = \"infra/02-eks\"\n[stacks.again]\ndir = \"./infra/02-eks/\"")
        .replace("[stacks.eks]", "[environments.prod.aws]\nregion = \"eu-central-1\"\naccount = \"222222222222\"\nplan_role = \"arn:aws:iam::222222222222:role/plan\"\ndeploy_role = \"arn:aws:iam::222222222222:role/deploy\"\n[stacks.vpc]\ndir = \"vpc\"\nworkspace = \"default\"\n[stacks.eks]");
    insta::assert_snapshot!(findings(&text), @"
    deploy.toml:13:9: warning: vpc in prod and vpc in dev seem to share one Terraform state
       |
    13 | [stacks.vpc]
       |         ^^^
       = help: they have the same `dir`, `workspace` and `backend_config`; let one of these differ
    deploy.toml:18:9: warning: again in dev and eks in dev seem to share one Terraform state
       |
    18 | [stacks.again]
       |         ^^^^^
       = help: they have the same `dir`, `workspace` and `backend_config`; let one of these differ
    deploy.toml:18:9: warning: again in prod and eks in prod seem to share one Terraform state
       |
    18 | [stacks.again]
       |         ^^^^^
       = help: they have the same `dir`, `workspace` and `backend_config`; let one of these differ
    ");
    assert!(Config::parse(&text).is_ok(), "they are warnings");
}

#[test]
fn what_is_not_enforced_is_refused() {
    let text = SMALL.replace("cluster =", "provenance = \"attestation\"\ncluster =");
    insta::assert_snapshot!(findings(&text), @r#"
    deploy.toml:13:14: error: `provenance = "attestation"` is not enforced by this version of Slipway
       |
    13 | provenance = "attestation"
       |              ^^^^^^^^^^^^^
       = help: a rule that is not asked would be no rule; use "label" for now
    "#);
}

#[test]
fn policies_are_patterns_of_rego() {
    assert_eq!(findings_with("dir =", "policies = []\ndir ="), "");
    let good = "policies = [\"policy/*.rego\", \"infra/**/own.rego\"]\ndir =";
    assert_eq!(findings_with("dir =", good), "");
    let bad = "policies = [\"policy\", \"../x.rego\", \"policy/a_test.rego\"]\ndir =";
    insta::assert_snapshot!(findings_with("dir =", bad), @r#"
    deploy.toml:9:13: error: "policy" is not a pattern of policies
      |
    9 | policies = ["policy", "../x.rego", "policy/a_test.rego"]
      |             ^^^^^^^^
      = help: it ends in `.rego`, as "policy/*.rego"; tests (`_test.rego`) are left out by themselves
    deploy.toml:9:23: error: "../x.rego" is not a pattern of paths: `.` and `..` are not allowed
      |
    9 | policies = ["policy", "../x.rego", "policy/a_test.rego"]
      |                       ^^^^^^^^^^^
    deploy.toml:9:36: error: "policy/a_test.rego" is not a pattern of policies
      |
    9 | policies = ["policy", "../x.rego", "policy/a_test.rego"]
      |                                    ^^^^^^^^^^^^^^^^^^^^
      = help: it ends in `.rego`, as "policy/*.rego"; tests (`_test.rego`) are left out by themselves
    "#);
}

#[test]
fn places_are_counted_in_characters() {
    let text = "# ä\r\nversion = 1\r\n\"ä\" = 1\r\n";
    let checked = Config::check(text);
    let finding = checked
        .diagnostics
        .iter()
        .find(|finding| finding.message.contains('ä'))
        .unwrap();
    assert_eq!(
        (
            finding.line,
            finding.column,
            finding.end_line,
            finding.end_column
        ),
        (3, 1, 3, 4)
    );
    assert_eq!(&text[finding.span.clone()], "\"ä\"");
    insta::assert_snapshot!(finding, @"3:1: error: unknown key `ä` in deploy.toml");
}

#[test]
fn types_that_hold_data_are_names_or_patterns() {
    let with = |types: &str| format!("{SMALL}[hazards]\ntypes = {types}\n");
    let config = Config::parse(&with(r#"["aws_foo", "google_sql_*"]"#)).unwrap();
    let types: Vec<String> = config
        .stateful_types
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(types, ["aws_foo", "google_sql_*"]);
    insta::assert_snapshot!(findings(&with(r#"["*", "aws_db_instance.main"]"#)), @r#"
    deploy.toml:16:10: error: "*" is not a resource type
       |
    16 | types = ["*", "aws_db_instance.main"]
       |          ^^^
       = help: write it like "aws_foo" or "google_sql_*", with `*` for any part
    deploy.toml:16:15: error: "aws_db_instance.main" is not a resource type
       |
    16 | types = ["*", "aws_db_instance.main"]
       |               ^^^^^^^^^^^^^^^^^^^^^^
       = help: write it like "aws_foo" or "google_sql_*", with `*` for any part
    "#);
    insta::assert_snapshot!(findings(&format!("{SMALL}[hazards]\ntype = []\n")), @"
    deploy.toml:16:1: error: unknown key `type` in hazards
       |
    16 | type = []
       | ^^^^
       = help: did you mean `types`?
    ");
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    assert_eq!(
        schema["required"],
        serde_json::json!(["version", "environments"])
    );
    assert_eq!(schema["additionalProperties"], false);
    let environment = &schema["properties"]["environments"]["additionalProperties"];
    insta::assert_snapshot!(serde_json::to_string_pretty(&environment["properties"]["windows"]).unwrap(), @r#"
    {
      "description": "When changes are taken, like \"Mon-Thu 09:00-16:00 Europe/Berlin\". Default: always.",
      "items": {
        "type": "string"
      },
      "type": "array"
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&environment["properties"]["checks"]).unwrap(), @r#"
    {
      "anyOf": [
        {
          "enum": [
            "all",
            "required"
          ]
        },
        {
          "items": {
            "type": "string"
          },
          "type": "array"
        }
      ],
      "description": "Which checks of the head commit have to have passed: \"all\", those \"required\" by the base branch, or a list of names (an empty list asks for none). Slipway's own never count. Default: \"required\" in production, else none."
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&environment["properties"]["on_failure"]).unwrap(), @r#"
    {
      "description": "What happens after a failed rollout. Default: \"rollback\".",
      "oneOf": [
        {
          "const": "rollback",
          "description": "The previous good release is rolled out again.",
          "type": "string"
        },
        {
          "const": "stop",
          "description": "Everything stays as it is, for people to look at.",
          "type": "string"
        }
      ]
    }
    "#);
    assert!(!schema.to_string().contains("null"), "TOML has none");
    assert!(
        !schema.to_string().contains("$ref"),
        "the walk along it follows no references"
    );
    // The shipped example shows all there is, but for what is refused.
    let mut undocumented = Vec::new();
    for (table, schema) in [
        ("environment", environment),
        ("aws", &environment["properties"]["aws"]),
        ("allow", &environment["properties"]["allow"]),
        (
            "stack",
            &schema["properties"]["stacks"]["additionalProperties"],
        ),
        (
            "service",
            &schema["properties"]["services"]["additionalProperties"],
        ),
        ("hazards", &schema["properties"]["hazards"]),
    ] {
        for (key, value) in schema["properties"].as_object().unwrap() {
            assert!(
                value["description"].is_string(),
                "{table}.{key} has no description"
            );
            let shown = EXAMPLE
                .lines()
                .any(|line| line.split(['=', ' ']).next() == Some(key));
            if !shown && !["aws", "allow"].contains(&key.as_str()) {
                undocumented.push(format!("{table}.{key}"));
            }
        }
    }
    assert_eq!(undocumented, Vec::<String>::new());
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).*") {
        let _ = findings(&text);
    }

    /// Pieces of real files in any order get further than noise does.
    #[test]
    fn shuffled_pieces_never_panic(
        lines in prop::collection::vec(prop::sample::select(EXAMPLE.lines().chain(SMALL.lines()).collect::<Vec<_>>()), 0..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = lines.join("\n");
        let cut = (0..=cut.index(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let checked = Config::check(&text[..cut]);
        prop_assert_eq!(checked.config.is_none(), checked.diagnostics.iter().any(|d| d.severity == Severity::Error));
        let _ = findings(&text[..cut]);
    }
}

#[test]
fn what_is_wrong_with_freezes_is_told_at_its_place() {
    let with = |freeze: &str| findings(&format!("{SMALL}\n{freeze}"));
    insta::assert_snapshot!(with("[[freeze]]\nfrom = \"2026-12-20 18:00\"\nto = \"2026-12-19T18:00Z\"\nreson = \"x\""), @r#"
    deploy.toml:16:3: error: freeze has no `reason`
       |
    16 | [[freeze]]
       |   ^^^^^^
       = help: why; shown to whoever is kept waiting
    deploy.toml:17:8: error: "2026-12-20 18:00" is not a moment: nothing says of which time zone
       |
    17 | from = "2026-12-20 18:00"
       |        ^^^^^^^^^^^^^^^^^^
       = help: write it like "2026-12-20T18:00:00+01:00" or "2026-12-20T18:00[Europe/Berlin]", or like "2026-12-20 18:00" with a `timezone`
    deploy.toml:19:1: error: unknown key `reson` in freeze
       |
    19 | reson = "x"
       | ^^^^^
       = help: did you mean `reason`?
    "#);
    insta::assert_snapshot!(with("[[freeze]]\nfrom = \"2026-12-20T18:00Z\"\nto = \"2026-12-20T18:00Z\"\nreason = \"x\"\nenvironments = [\"stage\"]"), @r#"
    deploy.toml:18:6: error: this freeze ends before it begins
       |
    18 | to = "2026-12-20T18:00Z"
       |      ^^^^^^^^^^^^^^^^^^^
       = help: `to` has to be later than `from`
    deploy.toml:20:17: error: there is no environment `stage`
       |
    20 | environments = ["stage"]
       |                 ^^^^^^^
       = help: there is only `dev`
    "#);
    insta::assert_snapshot!(with("[[freeze]]\nfrom = \"2026-12-20T18:00Z\"\nto = 5\nreason = \" \"\nenvironments = []\ntimezone = \"Berlin\""), @r#"
    deploy.toml:17:8: error: this freeze holds in no environment
       |
    17 | from = "2026-12-20T18:00Z"
       |        ^^^^^^^^^^^^^^^^^^^
       = help: leave `environments` out to have it in all
    deploy.toml:18:6: error: `to`: invalid type: integer `5`, expected a string
       |
    18 | to = 5
       |      ^
    deploy.toml:21:12: error: "Berlin" is not a time zone of the IANA database
       |
    21 | timezone = "Berlin"
       |            ^^^^^^^^
    "#);
    insta::assert_snapshot!(with("[freeze]\nfrom = \"2026-12-20T18:00Z\""), @"
    deploy.toml:16:1: error: `freeze`: invalid type: table, expected a list
       |
    16 | [freeze]
       | ^^^^^^^^
    ");
}
