//! Commands that only say something: `/help`, `/where`, `/explain`, locks, and what is no command.

use std::collections::BTreeMap;

use crate::facts::Permission;
use crate::testing::{Situation, apply, deploy, planned, sha, situation, toml, two_services};

#[test]
fn what_is_no_command_is_ignored() {
    insta::assert_snapshot!(situation().says("looks good to me"), @"= the comment is not a command");
    insta::assert_snapshot!(situation().says("`/plan` is what you want"), @"= the comment is not a command");
}

#[test]
fn what_is_not_understood_is_answered() {
    insta::assert_snapshot!(situation().says("/depoly dev"), @"
    reply
      | ### 😕 Not understood
      | There is no command `/depoly`. Did you mean `/deploy`?
      |
      | It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(situation().says("/deploy staging"), @"
    reply
      | ### 😕 Not understood
      | There is no environment `staging`.
      |
      | The environments here: `dev`, `prod`
      |
      | It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(situation().says("/deploy"), @"
    reply
      | ### 😕 Not understood
      | `/deploy` is missing `ENV`.
      |
      | It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
}

#[test]
fn without_a_good_config_each_command_says_so() {
    insta::assert_snapshot!(situation().without_config().says("/deploy dev"), @"
    reply
      | ### 😕 There is no `deploy.toml` on `main`
      |
      | Slipway reads its rules from the default branch. Add one at the root of the repository; `slipway schema` prints its schema.
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(situation().with_broken_config().says("/deploy dev"), @"
    reply
      | ### ⛔ `deploy.toml` on `main` has errors
      |
      | - line 1: deploy.toml has no `environments`: the environments by name: an AWS account and region with their roles and rules
      | - line 2: unknown key `surprise` in deploy.toml: there are `environments`, `freeze`, `hazards`, `services`, `stacks`, `version`
      |
      | Nothing is planned, applied or deployed until they are mended. `slipway check` finds them before a push.
    react 😕
    = the command was not understood
    ");
}

#[test]
fn help_helps_with_and_without_a_config() {
    let told = situation().says("/help");
    assert!(
        told.contains("react 🚀") && told.contains("/deploy"),
        "{told}"
    );
    let told = situation().without_config().says("/help");
    assert!(
        told.contains("react 🚀") && told.contains("/deploy"),
        "{told}"
    );
}

#[test]
fn a_command_on_an_issue_is_ignored() {
    let issue = situation().but(|facts| facts.pr = None);
    insta::assert_snapshot!(issue.says("/plan"), @"= a command without a pull request or a person");
}

#[test]
fn where_shows_the_board() {
    let live = situation()
        .config(&two_services("", ""))
        .release("prod", 'd', 600)
        .release("dev", 'a', 60)
        .lock("prod", "cleo", 41)
        .hold("dev")
        .but(|facts| facts.store.behind = BTreeMap::from([(sha('a'), 0), (sha('d'), 3)]));
    insta::assert_snapshot!(live.says("/where"), @r#"
    reply
      | ### What is live where
      |
      | |  | service | commit | digest | by | since | behind |
      | | --- | --- | --- | --- | --- | --- | --- |
      | | dev ⏸️ | shop | `aaaaaaa` (#40) | `sha256:aaaaaaaa…` | `cleo` | 1 h ago | up to date |
      | | dev ⏸️ | web | never deployed | – | – | – | – |
      | | prod 🔒 | shop | `ddddddd` (#40) | `sha256:dddddddd…` | `cleo` | 10 h ago | 3 commits |
      | | prod 🔒 | web | never deployed | – | – | – | – |
      |
      | - ⏸️ dev: automatic deploys are held: rolled back · `/resume dev`
      |
      | | 🔒 | held by | since | free | in line |
      | | --- | --- | --- | --- | --- |
      | | prod | `cleo` (#41): "DB migration" | 2 h 10 min ago | `/unlock prod` | – |
    react 🚀
    = the board was asked for
    "#);
}

#[test]
fn where_tells_a_release_that_is_being_left() {
    let left = situation().bad_release("dev", 'd', 600);
    insta::assert_snapshot!(left.says("/where"), @"
    reply
      | ### What is live where
      |
      | |  | service | commit | digest | by | since | behind |
      | | --- | --- | --- | --- | --- | --- | --- |
      | | dev | shop | `ddddddd` (#40) | `sha256:dddddddd…` | `cleo` | 10 h ago | ? |
      | | prod | shop | never deployed | – | – | – | – |
      |
      | - ⚠️ dev · shop: broken, or being rolled back
    react 🚀
    = the board was asked for
    ");
}

#[test]
fn explain_names_every_gate() {
    let much = situation()
        .config(&toml(
            "",
            "production = true\nafter = [\"dev\"]\nauto_deploy = true",
        ))
        .run(planned(1, "network", "prod", 1))
        .run(planned(2, "eks", "prod", 0))
        .hold("prod")
        .stack_lock("eks", "prod", "cleo", 41);
    insta::assert_snapshot!(much.says("/explain prod"), @"
    reply
      | ### prod: 5 of 14 gates are closed
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (apply) | ana may apply |  |
      | | ✅ | pull request (apply) | open |  |
      | | ⛔ | approval (apply, deploy shop) | 0 of 1 | a review of `aaaaaaa` by someone other than ana |
      | | ✅ | checks (apply, deploy shop) | 0 passed |  |
      | | ✅ | up to date (apply, deploy shop) | contains `main` |  |
      | | ✅ | lock (apply, deploy shop) | free |  |
      | | ✅ | dependency of eks (apply) | `network` comes first |  |
      | | ✅ | plan of eks (apply) | no changes |  |
      | | ⛔ | lock of eks (apply) | held by cleo (#41) for 2 h 10 min: “DB migration” | by itself, when that pull request is merged or closed |
      | | ✅ | plan of network (apply) | fresh |  |
      | | ✅ | right (deploy shop) | ana may deploy |  |
      | | ⛔ | pull request (deploy shop) | open | merge it first |
      | | ⛔ | order (deploy shop) | dev runs no good release of shop | `/deploy dev` first |
      | | ⛔ | hold (deploy on merge) | set by cleo: rolled back | `/resume prod` |
    react 🚀
    = an explanation was asked for
    ");
}

#[test]
fn explain_of_an_open_environment() {
    insta::assert_snapshot!(situation().says("/explain dev"), @"
    reply
      | ### dev: every gate is open
      |
      | |  | gate | state | what opens it |
      | | --- | --- | --- | --- |
      | | ✅ | right (deploy shop) | ana may deploy |  |
      | | ✅ | pull request (deploy shop) | open |  |
      | | ✅ | lock (deploy shop) | free |  |
    react 🚀
    = an explanation was asked for
    ");
}

#[test]
fn explain_of_an_environment_where_nothing_can_be_done() {
    let rules = toml("", "").replace(
        "deploy_role = \"arn:aws:iam::222222222222:role/slipway-deploy\"\n",
        "",
    );
    insta::assert_snapshot!(situation().config(&rules).says("/explain prod"), @"
    reply
      | ### prod: nothing to do
      |
      | No stack of this pull request is planned there, and no service is deployed there. `/plan prod` plans its stacks.
    react 🚀
    = an explanation was asked for
    ");
}

// --- locks

#[test]
fn an_environment_is_locked() {
    insta::assert_snapshot!(situation().says("/lock dev --for 2h DB migration"), @r#"
    reply
      | ### 🔒 dev is yours, @ana: "DB migration"
      |
      | It frees itself in 2 h · free it: `/unlock dev`
    react 🚀
    lock dev by ana until Some("2026-03-04T12:00:00Z"), reason Some("DB migration")
    = locked
    "#);
    insta::assert_snapshot!(situation().says("/lock dev"), @"
    reply
      | ### 🔒 dev is yours, @ana
      |
      | It stays until it is freed · free it: `/unlock dev`
    react 🚀
    lock dev by ana until None, reason None
    = locked
    ");
}

#[test]
fn a_lock_of_somebody_else_is_not_taken() {
    let locked = situation().lock("dev", "cleo", 41);
    insta::assert_snapshot!(locked.says("/lock dev"), @r#"
    reply
      | ### 🔒 dev is locked by @cleo (#41) for 2 h 10 min: "DB migration"
      |
      | Free it: `/unlock dev` (@cleo or an admin)
    react 👎
    = somebody else holds the lock
    "#);
    let own = situation()
        .lock("dev", "ana", 41)
        .says("/lock dev --for 1h");
    assert!(own.contains("lock dev by ana"), "{own}");
}

#[test]
fn a_lock_takes_the_right_to_change_the_environment() {
    insta::assert_snapshot!(
        situation().actor("mallory", Permission::Read).says("/lock dev"), @"
    reply
      | ### ⛔ Not allowed to lock dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not deploy in dev | somebody with `write` |
    react 👎
    = no right to lock
    ");
}

#[test]
fn a_lock_is_freed_by_its_holder_or_an_admin() {
    let locked = situation().lock("dev", "cleo", 41);
    insta::assert_snapshot!(locked.says("/unlock dev"), @r#"
    reply
      | ### 🔒 dev is locked by @cleo (#41) for 2 h 10 min: "DB migration"
      |
      | Free it: `/unlock dev` (@cleo or an admin)
    react 👎
    = neither the holder nor an admin
    "#);
    insta::assert_snapshot!(locked.clone().actor("cleo", Permission::Write).says("/unlock dev"), @"
    unlock dev
    reply
      | ### 🔓 dev is free
      |
      | @cleo held it for 2 h 10 min.
    react 🚀
    = unlocked
    ");
    let next = locked
        .run(deploy(1, "dev").pr(43))
        .actor("root", Permission::Admin);
    insta::assert_snapshot!(next.says("/unlock dev"), @"
    unlock dev
    reply
      | ### 🔓 dev is free
      |
      | `root` freed the lock of @cleo, held for 2 h 10 min. Next in line: #43.
    react 🚀
    = unlocked
    ");
    insta::assert_snapshot!(situation().says("/unlock dev"), @"
    reply
      | ### dev is not locked
      |
      | `/lock dev` claims it.
    react 👎
    = there is no lock
    ");
}

#[test]
fn a_stack_lock_is_not_freed_by_unlock() {
    let told = situation()
        .stack_lock("network", "dev", "ana", 42)
        .says("/unlock dev");
    assert!(told.contains("dev is not locked"), "{told}");
}

#[test]
fn the_holders_own_run_is_next_too() {
    let locked: Situation = situation()
        .lock("dev", "ana", 42)
        .run(apply(1, "network", "dev", 9));
    let told = locked.says("/unlock dev");
    assert!(told.contains("#42"), "{told}");
}
