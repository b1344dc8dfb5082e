//! What people write, what they mistype, and what is none of Slipway's business.

mod behind_dashes;

use proptest::prelude::*;

use super::*;
use crate::config::Config;
use crate::ids::{CommitSha, RunId};
use crate::plan_flags::PlanFlags;

fn config() -> Config {
    Config::parse(include_str!("../config/example.toml")).unwrap()
}

/// What a comment means in the repository of the example, or the reply to it.
fn understand(body: &str) -> Result<Command, String> {
    match parse(body) {
        Parsed::NotACommand => Err("not a command".to_owned()),
        Parsed::Command(request) => request.resolve(&config()).map_err(|error| error.markdown()),
        Parsed::Invalid(error) => Err(error.markdown()),
    }
}

/// The command that is understood, written out in full.
fn meant(body: &str) -> String {
    understand(body).unwrap().to_string()
}

fn reply(body: &str) -> String {
    understand(body).unwrap_err()
}

#[test]
fn every_command_of_the_table_is_understood() {
    for spec in COMMANDS {
        let Parsed::Command(request) = parse(spec.example) else {
            panic!("{} is not understood", spec.example);
        };
        assert_eq!(request.spec().name, spec.name, "{}", spec.example);
        assert_eq!(
            request.0.name(),
            spec.name,
            "the command and its entry have one name"
        );
        assert!(!spec.summary.is_empty() && !spec.summary.contains(['|', '\n']));
        let many = |arity| matches!(arity, Arity::Many | Arity::Some);
        let many = spec.arguments.iter().rposition(|a| many(a.arity));
        assert!(
            many.is_none_or(|at| at + 1 == spec.arguments.len()),
            "{}: only the last repeats",
            spec.name
        );
        // What may be left out comes after what may not.
        let needed = |arity| matches!(arity, Arity::One | Arity::Some);
        let optional = spec.arguments.iter().skip_while(|a| needed(a.arity));
        assert!(optional.clone().all(|a| !needed(a.arity)), "{}", spec.name);
    }
    assert_eq!(COMMANDS.len(), 16);
}

#[test]
fn commands_as_people_write_them() {
    for (written, in_full) in [
        ("/plan", "/plan"),
        ("/plan dev", "/plan dev"),
        (
            "/plan dev eks terraform-state",
            "/plan dev eks terraform-state",
        ),
        ("/plan eks", "/plan eks"),
        (
            "/apply eks terraform-state eks",
            "/apply eks terraform-state",
        ),
        ("/PLAN Dev EKS", "/plan dev eks"),
        ("/deploy dev", "/deploy dev"),
        (
            "/deploy dev shop --sha ABCDEF0",
            "/deploy dev shop --sha abcdef0",
        ),
        ("/deploy --sha=abcdef0 dev", "/deploy dev --sha abcdef0"),
        ("/deploy dev —sha abcdef0", "/deploy dev --sha abcdef0"),
        ("/promote dev prod shop", "/promote dev prod shop"),
        (
            "/rollback prod --to abcdef0123",
            "/rollback prod --to abcdef0123",
        ),
        ("/resume prod", "/resume prod"),
        ("/lock prod", "/lock prod"),
        ("/lock prod DB migration", "/lock prod \"DB migration\""),
        (
            "/lock prod --for 90m \"DB  migration\"",
            "/lock prod --for 1h30m \"DB  migration\"",
        ),
        (
            "/lock prod don't touch --for 2H please",
            "/lock prod --for 2h \"don't touch please\"",
        ),
        ("/lock prod “DB migration”", "/lock prod \"DB migration\""),
        ("/lock prod \"--for ever\"", "/lock prod \"--for ever\""),
        ("/lock prod a 5\" disk", "/lock prod \"a 5\\\" disk\""),
        ("/unlock prod", "/unlock prod"),
        ("/where", "/where"),
        ("/explain prod", "/explain prod"),
        ("/confirm k7qx", "/confirm K7QX"),
        ("/cancel", "/cancel"),
        ("/cancel 9F3C2B1A", "/cancel 9f3c2b1a"),
        ("/retry", "/retry"),
        ("/help", "/help"),
        ("/deploy   dev\t shop  ", "/deploy dev shop"),
        ("/deploy dev\nand then some prose", "/deploy dev"),
        ("/deploy dev\r\nand then some prose", "/deploy dev"),
        ("/deploy \"dev\"", "/deploy dev"),
    ] {
        assert_eq!(meant(written), in_full, "{written}");
    }
}

#[test]
fn what_is_not_for_slipway_is_left_alone() {
    for body in [
        "",
        "LGTM",
        " /plan",
        "\n/plan",
        "`/plan`",
        "> /plan",
        "```\n/plan\n```",
        "please /plan",
        "//plan",
        "/",
        "/ plan",
        "/etc/passwd is world-readable",
        "/lgtm",
        "/hold",
        "/assign @ana",
        "/retest",
        "/merge",
        "/test all",
        "/cc @ana",
        "/close",
        "/rebase",
        "/label bug",
        "/ok-to-test",
        "/plan/dev",
        "/planning is everything",
        "/a",
        "/ünlock prod",
        "/unlock\u{200b}prod",
    ] {
        assert_eq!(parse(body), Parsed::NotACommand, "{body:?}");
    }
}

#[test]
fn a_slip_of_the_finger_is_answered() {
    for (written, meant) in [
        ("/pln", "plan"),
        ("/plna dev", "plan"),
        ("/aply", "apply"),
        ("/delpoy dev", "deploy"),
        ("/depoly dev", "deploy"),
        ("/deploi prod", "deploy"),
        ("/Roolback prod", "rollback"),
        ("/roll-back prod", ""),
        ("/promot dev prod", "promote"),
        ("/unlok prod", "unlock"),
        ("/hlep", "help"),
        ("/wheer", "where"),
    ] {
        match parse(written) {
            Parsed::Invalid(error) => {
                assert!(
                    error
                        .to_string()
                        .ends_with(&format!("Did you mean `/{meant}`?")),
                    "{written}: {error}"
                );
            }
            other => assert!(meant.is_empty(), "{written}: {other:?}"),
        }
    }
    insta::assert_snapshot!(reply("/delpoy dev"), @"
    ### 😕 Not understood
    There is no command `/delpoy`. Did you mean `/deploy`?

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
}

#[test]
fn missing_arguments() {
    insta::assert_snapshot!(reply("/deploy"), @"
    ### 😕 Not understood
    `/deploy` is missing `ENV`.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/promote dev"), @"
    ### 😕 Not understood
    `/promote` is missing `TO`.

    It is written `/promote FROM TO [SERVICE]`, for example `/promote dev prod`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/confirm"), @"
    ### 😕 Not understood
    `/confirm` is missing `CODE`.

    It is written `/confirm CODE`, for example `/confirm K7QX`. All commands: `/help`
    ");
}

#[test]
fn unexpected_arguments() {
    insta::assert_snapshot!(reply("/where is the money"), @"
    ### 😕 Not understood
    `/where` does not know what to do with `is`.

    It is written `/where`, for example `/where`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev shop now"), @"
    ### 😕 Not understood
    `/deploy` does not know what to do with `now`.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
}

#[test]
fn quotes() {
    insta::assert_snapshot!(reply("/lock prod \"DB migration"), @r#"
    ### 😕 Not understood
    The quote that opens at `"DB migration` is never closed.

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    "#);
    insta::assert_snapshot!(reply("/lock prod \"DB migration\\"), @r#"
    ### 😕 Not understood
    The quote that opens at `"DB migration\` is never closed.

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    "#);
    assert_eq!(
        meant("/lock prod \"\""),
        "/lock prod",
        "an empty reason is none"
    );
}

#[test]
fn flags() {
    insta::assert_snapshot!(reply("/deploy dev --sah abcdef0"), @"
    ### 😕 Not understood
    `/deploy` has no flag `--sah`. Did you mean `--sha`?

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/where --all"), @"
    ### 😕 Not understood
    `/where` has no flag `--all`.

    It is written `/where`, for example `/where`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev --sha"), @"
    ### 😕 Not understood
    `--sha` is missing its `SHA`.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev --sha= shop"), @"
    ### 😕 Not understood
    `--sha` is missing its `SHA`.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev --sha abcdef0 --SHA abcdef0"), @"
    ### 😕 Not understood
    `--sha` is given twice.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
}

#[test]
fn malformed_arguments() {
    insta::assert_snapshot!(reply("/deploy ../../etc"), @"
    ### 😕 Not understood
    `../../etc` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy /etc/passwd"), @"
    ### 😕 Not understood
    `/etc/passwd` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/plan dev $(reboot)"), @"
    ### 😕 Not understood
    `$(reboot)` can't be `STACK`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev;reboot"), @"
    ### 😕 Not understood
    `dev;reboot` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev --sha HEAD"), @"
    ### 😕 Not understood
    `HEAD` can't be `--sha`: it takes 7 to 40 hexadecimal digits.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/lock prod --for ever"), @"
    ### 😕 Not understood
    `ever` can't be `--for`: it takes a length of time from 1m to 30d, like 90s, 30m or 2h.

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/lock prod --for 90d"), @"
    ### 😕 Not understood
    `90d` can't be `--for`: it takes a length of time from 1m to 30d, like 90s, 30m or 2h.

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/confirm ???"), @"
    ### 😕 Not understood
    `???` can't be `CODE`: it takes the 4 to 16 letters and digits that were shown.

    It is written `/confirm CODE`, for example `/confirm K7QX`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/cancel everything"), @"
    ### 😕 Not understood
    `everything` can't be `RUN`: it takes the first 8 to 32 hexadecimal digits of a run's id.

    It is written `/cancel [RUN]`, for example `/cancel 9f3c2b1a`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply(&format!("/lock prod {}", "word ".repeat(50))), @"
    ### 😕 Not understood
    `REASON` is too long: it takes at most 200 characters.

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    ");
}

#[test]
fn unknown_names_list_the_real_ones() {
    insta::assert_snapshot!(reply("/deploy prdo"), @"
    ### 😕 Not understood
    There is no environment `prdo`. Did you mean `prod`?

    The environments here: `dev`, `prod`

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy stage"), @"
    ### 😕 Not understood
    There is no environment `stage`.

    The environments here: `dev`, `prod`

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/deploy dev shpo"), @"
    ### 😕 Not understood
    There is no service `shpo`. Did you mean `shop`?

    The services here: `shop`

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/plan the migration"), @"
    ### 😕 Not understood
    There is no environment or stack `the`.

    The environments here: `dev`, `prod`

    The stacks here: `terraform-state`, `eks`

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/plan dev ekss"), @"
    ### 😕 Not understood
    There is no stack `ekss`. Did you mean `eks`?

    The stacks here: `terraform-state`, `eks`

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply("/lock staging"), @"
    ### 😕 Not understood
    There is no environment `staging`.

    The environments here: `dev`, `prod`

    It is written `/lock ENV [REASON…] [--for TIME]`, for example `/lock prod --for 2h DB migration`. All commands: `/help`
    ");
}

#[test]
fn names_in_the_wrong_place() {
    let text = include_str!("../config/example.toml")
        .replace(
            "environments   = [\"dev\", \"prod\"]",
            "environments = [\"dev\"]",
        )
        .replace(
            "deploy_role = \"arn:aws:iam::222222222222:role/slipway-deploy\"\n",
            "",
        );
    let config = Config::parse(&text).unwrap();
    let reply = |body: &str| match parse(body) {
        Parsed::Command(request) => request.resolve(&config).unwrap_err().to_string(),
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!(reply("/plan prod eks"), @"The stack `eks` does not exist in `prod`, only in `dev`.");
    insta::assert_snapshot!(reply("/deploy prod"), @"No service is deployed to `prod`: deploy.toml gives it no `aws.deploy_role`.");
    insta::assert_snapshot!(reply("/promote dev dev"), @"`dev` can't be promoted to itself.");
    let without = text.split("[services.shop]").next().unwrap();
    let config = Config::parse(without).unwrap();
    let Parsed::Command(request) = parse("/deploy dev") else {
        panic!()
    };
    insta::assert_snapshot!(request.resolve(&config).unwrap_err(), @"deploy.toml has no services.");
}

#[test]
fn an_environment_goes_before_a_stack_of_its_name() {
    let text = include_str!("../config/example.toml")
        .replace("[stacks.terraform-state]", "[stacks.dev]")
        .replace("\"terraform-state\"", "\"dev\"");
    let config = Config::parse(&text).unwrap();
    let Parsed::Command(request) = parse("/plan dev") else {
        panic!()
    };
    let command = request.resolve(&config).unwrap();
    assert_eq!(command.environment().map(EnvName::as_str), Some("dev"));
}

#[test]
fn words_of_a_comment_stay_words_in_the_reply() {
    for body in [
        "/deploy `id`",
        "/deploy ```",
        "/deploy @acme/everyone",
        "/deploy <img/src=x>",
        "/deploy [x](https://example.com)",
        "/deploy a|b",
        "/deploy \u{202e}dorp",
        "/deploy \"\n\"",
        "/deploy \"a\u{2028}b\"",
    ] {
        let reply = reply(body);
        assert!(!reply.contains("@a"), "{reply}");
        assert!(
            !reply.contains('\u{202e}') && !reply.contains('\u{2028}'),
            "{reply:?}"
        );
    }
    insta::assert_snapshot!(reply("/deploy ``x`"), @"
    ### 😕 Not understood
    ``` ``x` ``` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
    insta::assert_snapshot!(reply(&format!("/deploy {}", "x".repeat(200))), @"
    ### 😕 Not understood
    `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` can't be `ENV`: it takes 1 to 40 letters, digits and inner hyphens.

    It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    ");
}

#[test]
fn a_megabyte_of_text_is_cheap() {
    let noise = "x ".repeat(512 * 1024);
    assert_eq!(parse(&noise), Parsed::NotACommand);
    assert_eq!(parse(&format!("/{noise}")), Parsed::NotACommand);
    assert_eq!(
        parse(&format!("/{}", "x".repeat(1024 * 1024))),
        Parsed::NotACommand
    );
    assert_eq!(meant(&format!("/plan dev\n{noise}")), "/plan dev");
    insta::assert_snapshot!(reply(&format!("/plan {noise}")), @"
    ### 😕 Not understood
    The line is too long: `/plan` takes at most 1000 characters.

    It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    ");
}

#[test]
fn rights_follow_the_effect() {
    let right = |body: &str| understand(body).unwrap().right();
    assert_eq!(right("/plan"), Right::Plan);
    assert_eq!(right("/apply"), Right::Apply);
    for body in [
        "/deploy dev",
        "/promote dev prod",
        "/rollback dev",
        "/resume dev",
        "/lock dev",
        "/unlock dev",
    ] {
        assert_eq!(right(body), Right::Deploy, "{body}");
    }
    let force = "/force-unlock dev eks 4D4d2c61-9a3f";
    assert_eq!(right(force), Right::ForceUnlock);
    assert_eq!(meant(force), force, "an id keeps its case");
    assert_eq!(right("/override dev fine"), Right::Override);
    for body in ["/where", "/explain dev", "/help"] {
        assert_eq!(right(body), Right::Anyone, "{body}");
    }
    for body in ["/confirm K7QX", "/cancel", "/retry"] {
        assert_eq!(right(body), Right::OfTheRun, "{body}");
    }
    assert_eq!(
        understand("/promote dev prod")
            .unwrap()
            .environment()
            .unwrap()
            .as_str(),
        "prod"
    );
}

#[test]
fn commands_survive_storage() {
    let Parsed::Command(request) = parse("/lock prod --for 2h DB migration") else {
        panic!()
    };
    let stored = serde_json::to_string(&request).unwrap();
    insta::assert_snapshot!(stored, @r#"{"command":"lock","env":"prod","ttl":{"secs":7200,"nanos":0},"reason":"DB migration"}"#);
    assert_eq!(serde_json::from_str::<Request>(&stored).unwrap(), request);
    assert!(serde_json::from_str::<Request>(r#"{"command":"unlock","env":"../x"}"#).is_err());
}

#[test]
fn usages() {
    insta::assert_snapshot!(COMMANDS.iter().filter_map(|spec| usage(spec.name)).collect::<Vec<_>>().join("\n"), @"
    /plan [ENV] [STACK…] [-- FLAG…]
    /apply [ENV] [STACK…]
    /deploy ENV [SERVICE] [--sha SHA]
    /promote FROM TO [SERVICE]
    /rollback ENV [SERVICE] [--to SHA]
    /resume ENV
    /lock ENV [REASON…] [--for TIME]
    /unlock ENV
    /force-unlock ENV STACK ID
    /override ENV REASON…
    /where
    /explain ENV
    /confirm CODE
    /cancel [RUN]
    /retry
    /help
    ");
    assert_eq!(usage("lgtm"), None);
}

#[test]
fn the_reply_to_help() {
    insta::assert_snapshot!(help(Some(&config())), @r"
    ### Slipway in this repository

    | command | does | who |
    | --- | --- | --- |
    | `/plan [dev\|prod] [terraform-state\|eks…] [-- FLAG…]` | plan the stacks that this pull request touches, or those named | who may plan |
    | `/apply [dev\|prod] [terraform-state\|eks…]` | apply exactly the plans shown | who may apply |
    | `/deploy dev\|prod [shop] [--sha SHA]` | roll out this pull request's image | who may deploy |
    | `/promote dev\|prod dev\|prod [shop]` | roll out in TO the very digest that is live in FROM | who may deploy |
    | `/rollback dev\|prod [shop] [--to SHA]` | roll out the previous good release, and set a hold | who may deploy |
    | `/resume dev\|prod` | lift the hold, so that merges deploy again | who may deploy |
    | `/lock dev\|prod [REASON…] [--for TIME]` | claim an environment | who may deploy |
    | `/unlock dev\|prod` | free an environment | who may deploy |
    | `/force-unlock dev\|prod terraform-state\|eks ID` | force the state lock of a stack open | who may force-unlock |
    | `/override dev\|prod REASON…` | let the plans of this pull request be applied although policies deny them | who may override policies |
    | `/where` | show what runs where | anyone |
    | `/explain dev\|prod` | show every gate with its state and what would open it | anyone |
    | `/confirm CODE` | take the second step of a run that asks for one | who may start that run |
    | `/cancel [RUN]` | stop a queued or running run | who may start that run |
    | `/retry` | run the last run again | who may start that run |
    | `/help` | show the commands, environments, stacks and rules of this repository | anyone |

    Said as the first line of a new comment on a pull request.

    #### Environments

    | | in | plan | apply | deploy | on merge | gates |
    | --- | --- | --- | --- | --- | --- | --- |
    | **dev** | 111111111111 eu-central-1 | `write` | `write` | `write`, `team:acme/on-call` | applies, deploys | outside its freezes (`/where`) |
    | **prod** (production) | 222222222222 eu-central-1 | `write` | `team:acme/platform` | `maintain`, `user:ana` | nothing | live in dev for 30m first · 1 approval · approved by code owners · required checks · up to date with its base · merged · within Mon-Thu 09:00-16:00 Europe/Berlin or Fri 09:00-12:00 Europe/Berlin · outside its freezes (`/where`) · confirmed |

    #### Stacks

    | | directory | in | after |
    | --- | --- | --- | --- |
    | **terraform-state** | `infra/01. terraform-state` | dev, prod |  |
    | **eks** | `infra/02-eks` | dev, prod | terraform-state |

    #### Services

    | | image | touched by | after the stacks |
    | --- | --- | --- | --- |
    | **shop** | `ghcr.io/acme/shop:sha-{sha}` | `app/**`, `Cargo.lock` | eks |

    <details><summary>More about each command</summary>

    - `/plan dev eks`: Without an environment it plans everywhere. On a draft, on a pull request from a fork, or on one by somebody without the right to plan, nothing is planned until this is said; it covers the head commit it was said about. For one stack in one environment, `--` and flags may follow: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy` (which takes a right of its own) and no others. Such a plan is applied only by `/apply ENV STACK`, and never counts as all of the stack.
    - `/apply dev`: Where the head, the base or a plan has changed since, it plans again and says so instead. The stacks that one depends on are applied before it, or along with it.
    - `/deploy dev`: The image of the head commit; once merged, of the merge commit; or of the commit that `--sha` names. Without a service it rolls out all that the pull request touches.
    - `/promote dev prod`: The gates of TO apply.
    - `/rollback prod`: Nothing is deployed there automatically until `/resume`. `--to` names the commit of an older release.
    - `/resume prod`: It deploys nothing by itself.
    - `/lock prod --for 2h DB migration`: Nobody else deploys or applies there until `/unlock`, or until the time given with `--for` is over (`90s`, `30m`, `2h`, `1d`).
    - `/unlock prod`: A lock is freed by its holder or by an administrator of the repository.
    - `/force-unlock dev eks 4d4d2c61-9a3f-7b10-5f3e-0c5d1f0a7b52`: For a lock that a dead Terraform left behind; its id is shown where a plan or an apply ended at it. Make sure that nobody is at work under it: two at once can spoil the state. The backend is read from the default branch, and the role is the one of applies.
    - `/override prod the bucket was emptied in #41`: It covers what is denied in that environment at the head commit it was said about, and nothing else: another commit, or another denial, needs another word. The reason is kept and shown.
    - `/where`: For each environment and service: digest, commit, pull request, who, when, hold, commits behind; and each lock with those who wait for it.
    - `/explain prod`: It changes nothing.
    - `/confirm K7QX`: The code is shown with the request, is good for that run alone, and runs out.
    - `/cancel 9f3c2b1a`: Without an id it stops all runs of this pull request.
    - `/retry`: The gates are asked again.
    - `/help`

    </details>
    ");
}

#[test]
fn help_without_a_valid_file_says_so() {
    let help = help(None);
    assert!(help.contains("There is no valid `deploy.toml`"));
    assert!(help.contains("`/deploy ENV [SERVICE] [--sha SHA]`"));
}

#[test]
fn the_table_of_the_docs() {
    insta::assert_snapshot!(docs_table(), @"
    | command | does | who | for example |
    | --- | --- | --- | --- |
    | `/plan [ENV] [STACK…] [-- FLAG…]` | plan the stacks that this pull request touches, or those named. Without an environment it plans everywhere. On a draft, on a pull request from a fork, or on one by somebody without the right to plan, nothing is planned until this is said; it covers the head commit it was said about. For one stack in one environment, `--` and flags may follow: `-target=ADDR`, `-replace=ADDR`, `-refresh-only`, `-destroy` (which takes a right of its own) and no others. Such a plan is applied only by `/apply ENV STACK`, and never counts as all of the stack. | who may plan | `/plan dev eks` |
    | `/apply [ENV] [STACK…]` | apply exactly the plans shown. Where the head, the base or a plan has changed since, it plans again and says so instead. The stacks that one depends on are applied before it, or along with it. | who may apply | `/apply dev` |
    | `/deploy ENV [SERVICE] [--sha SHA]` | roll out this pull request's image. The image of the head commit; once merged, of the merge commit; or of the commit that `--sha` names. Without a service it rolls out all that the pull request touches. | who may deploy | `/deploy dev` |
    | `/promote FROM TO [SERVICE]` | roll out in TO the very digest that is live in FROM. The gates of TO apply. | who may deploy | `/promote dev prod` |
    | `/rollback ENV [SERVICE] [--to SHA]` | roll out the previous good release, and set a hold. Nothing is deployed there automatically until `/resume`. `--to` names the commit of an older release. | who may deploy | `/rollback prod` |
    | `/resume ENV` | lift the hold, so that merges deploy again. It deploys nothing by itself. | who may deploy | `/resume prod` |
    | `/lock ENV [REASON…] [--for TIME]` | claim an environment. Nobody else deploys or applies there until `/unlock`, or until the time given with `--for` is over (`90s`, `30m`, `2h`, `1d`). | who may deploy | `/lock prod --for 2h DB migration` |
    | `/unlock ENV` | free an environment. A lock is freed by its holder or by an administrator of the repository. | who may deploy | `/unlock prod` |
    | `/force-unlock ENV STACK ID` | force the state lock of a stack open. For a lock that a dead Terraform left behind; its id is shown where a plan or an apply ended at it. Make sure that nobody is at work under it: two at once can spoil the state. The backend is read from the default branch, and the role is the one of applies. | who may force-unlock | `/force-unlock dev eks 4d4d2c61-9a3f-7b10-5f3e-0c5d1f0a7b52` |
    | `/override ENV REASON…` | let the plans of this pull request be applied although policies deny them. It covers what is denied in that environment at the head commit it was said about, and nothing else: another commit, or another denial, needs another word. The reason is kept and shown. | who may override policies | `/override prod the bucket was emptied in #41` |
    | `/where` | show what runs where. For each environment and service: digest, commit, pull request, who, when, hold, commits behind; and each lock with those who wait for it. | anyone | `/where` |
    | `/explain ENV` | show every gate with its state and what would open it. It changes nothing. | anyone | `/explain prod` |
    | `/confirm CODE` | take the second step of a run that asks for one. The code is shown with the request, is good for that run alone, and runs out. | who may start that run | `/confirm K7QX` |
    | `/cancel [RUN]` | stop a queued or running run. Without an id it stops all runs of this pull request. | who may start that run | `/cancel 9f3c2b1a` |
    | `/retry` | run the last run again. The gates are asked again. | who may start that run | `/retry` |
    | `/help` | show the commands, environments, stacks and rules of this repository | anyone | `/help` |
    ");
}

fn labels() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?"
}

fn commands() -> impl Strategy<Value = Command> {
    let env = || labels().prop_map(|l| EnvName::parse(l).unwrap());
    let stacks = prop::collection::vec(labels().prop_map(|l| StackName::parse(l).unwrap()), 0..4);
    let service = || prop::option::of(labels().prop_map(|l| ServiceName::parse(l).unwrap()));
    let sha = || prop::option::of("[0-9a-f]{7,40}".prop_map(|s| ShaPrefix::parse(&s).unwrap()));
    let ttl = prop::option::of((60_u64..=2_592_000).prop_map(Duration::from_secs));
    let reason = prop::option::of("[^\\p{C}\\s]([^\\p{C}\n\r\u{2028}\u{2029}]{0,60}[^\\p{C}\\s])?");
    prop_oneof![
        (env(), stacks).prop_map(|(env, stacks)| Command::Plan {
            env: Some(env),
            stacks,
            flags: PlanFlags::default(),
        }),
        prop::option::of(env()).prop_map(|env| Command::Apply {
            env,
            stacks: Vec::new()
        }),
        (env(), service(), sha()).prop_map(|(env, service, sha)| Command::Deploy {
            env,
            service,
            sha
        }),
        (env(), env(), service()).prop_map(|(from, to, service)| Command::Promote {
            from,
            to,
            service
        }),
        (env(), service(), sha()).prop_map(|(env, service, to)| Command::Rollback {
            env,
            service,
            to
        }),
        (env(), ttl, reason).prop_map(|(env, ttl, reason)| Command::Lock { env, ttl, reason }),
        env().prop_map(|env| Command::Explain { env }),
        "[0-9A-Z]{4,16}".prop_map(|code| Command::Confirm {
            code: ConfirmCode::parse(&code).unwrap()
        }),
        prop::option::of("[0-9a-f]{8,32}".prop_map(|r| RunPrefix::parse(&r).unwrap()))
            .prop_map(|run| Command::Cancel { run }),
        Just(Command::Where),
        Just(Command::Retry),
    ]
}

proptest! {
    #[test]
    fn a_command_is_read_back_as_it_is_written(command in commands()) {
        prop_assert_eq!(parse(&command.to_string()), Parsed::Command(Request(command)));
    }

    #[test]
    fn arbitrary_text_never_panics(body in "(?s)/?.*") {
        if let Parsed::Invalid(error) = parse(&body) {
            let _ = error.markdown();
        }
    }

    #[test]
    fn words_behind_a_command_never_panic(
        name in prop::sample::select(COMMANDS.iter().map(|spec| spec.name).collect::<Vec<_>>()),
        rest in "[ -~“”—\\PC]{0,80}",
    ) {
        let written = format!("/{name} {rest}");
        match parse(&written) {
            Parsed::Invalid(error) => prop_assert!(error.markdown().contains("It is written `/")),
            Parsed::Command(request) => {
                // What was understood is understood the same way when it is written out.
                let again = parse(&request.to_string());
                prop_assert_eq!(again, Parsed::Command(request.clone()));
                if let Err(error) = request.resolve(&config()) {
                    let _ = error.markdown();
                }
            }
            Parsed::NotACommand => prop_assert!(false, "{} is a command", written),
        }
    }

    #[test]
    fn only_a_slash_at_the_very_start_makes_a_command(body in "(?s)[^/].*") {
        prop_assert_eq!(parse(&body), Parsed::NotACommand);
    }

    #[test]
    fn prefixes_match_what_they_begin(bits in any::<u128>(), length in 8_usize..=32) {
        let run = RunId::from_bits(bits);
        prop_assert!(RunPrefix::parse(&run.as_str()[..length]).unwrap().matches(&run));
        let commit = CommitSha::parse(format!("{bits:032x}{:08x}", 7)).unwrap();
        prop_assert!(ShaPrefix::parse(&commit.as_str()[..length]).unwrap().matches(&commit));
    }
}

#[test]
fn the_docs_show_the_table_word_for_word() {
    let docs = include_str!("../../../../docs/commands.md");
    assert!(
        docs.contains(docs_table().trim_end()),
        "docs/commands.md is behind the table; it should hold:\n{}",
        docs_table()
    );
}
