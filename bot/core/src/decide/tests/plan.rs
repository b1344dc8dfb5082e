//! Planning by itself and on `/plan`.

use crate::event::{EventKind, PullRequestAction::*};
use crate::facts::{ChangedFiles, Permission};
use crate::intent::ReportKey;
use crate::run::RunState;
use crate::testing::{PR, Situation, apply, plan, planned, sha, situation, told, toml, unread};

fn changed() -> Situation {
    situation().files(&["infra/network/main.tf"])
}

#[test]
fn a_change_is_planned_wherever_its_stacks_exist() {
    insta::assert_snapshot!(changed().happens(Opened), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    = 2 runs for 2 environments
    ");
}

#[test]
fn every_change_of_an_open_pull_request_is_the_same_to_the_planner() {
    let opened = changed().happens(Opened);
    for action in [Reopened, Pushed, Ready, Retargeted] {
        assert_eq!(changed().happens(action), opened, "{action:?}");
    }
    insta::assert_snapshot!(changed().happens(Closed), @"= the pull request was opened again meanwhile");
}

#[test]
fn dependencies_are_planned_first() {
    let all = situation().files(&[
        "infra/database/main.tf",
        "infra/eks/main.tf",
        "infra/network/main.tf",
    ]);
    insta::assert_snapshot!(all.happens(Opened), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (pull request), after [0]
    start plan database in dev at aaaaaaa onto main@bbbbbbb, by ana (pull request), after [0]
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    start plan eks in prod at aaaaaaa onto main@bbbbbbb, by ana (pull request), after [3]
    refresh plan-comment/42
    = 5 runs for 2 environments
    ");
}

#[test]
fn the_file_of_one_environment_plans_that_one() {
    let prod = situation().files(&["infra/network/prod.tfvars"]);
    insta::assert_snapshot!(prod.happens(Pushed), @"
    check plan dev on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in dev.
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    = 1 runs for 1 environments
    ");
}

#[test]
fn a_change_beside_all_stacks_has_nothing_to_do() {
    insta::assert_snapshot!(situation().files(&["README.md"]).happens(Opened), @"
    check plan dev on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in dev.
    check plan prod on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in prod.
    = the change touches no stack
    ");
}

#[test]
fn more_files_than_github_lists_plan_everything() {
    let endless = situation().but(|facts| {
        facts.pr.as_mut().unwrap().files = Ok(ChangedFiles {
            paths: ["README.md".to_owned()].into(),
            truncated: true,
        });
    });
    let told = endless.happens(Opened);
    assert_eq!(told.matches("start plan").count(), 5, "{told}");
}

#[test]
fn files_that_cannot_be_read_are_told() {
    insta::assert_snapshot!(situation().files_unread().happens(Opened), @"
    check plan dev on aaaaaaa: Some(Failure): The changed files could not be read: GitHub: 502. Comment `/plan` to try again.
    check plan prod on aaaaaaa: Some(Failure): The changed files could not be read: GitHub: 502. Comment `/plan` to try again.
    = the changed files could not be read
    ");
}

#[test]
fn modules_that_cannot_be_read_may_be_touched() {
    let blind = || changed().but(|facts| facts.pr.as_mut().unwrap().modules = unread());
    insta::assert_snapshot!(blind().happens(Opened), @"
    check plan dev on aaaaaaa: Some(Failure): The changed files could not be read: GitHub: 502. Comment `/plan` to try again.
    check plan prod on aaaaaaa: Some(Failure): The changed files could not be read: GitHub: 502. Comment `/plan` to try again.
    = the changed files could not be read
    ");
    insta::assert_snapshot!(blind().says("/plan"), @"
    reply
      | ### ⛔ Not planned
      |
      | The changed files could not be read: GitHub: 502
      |
      | Try `/plan` again in a minute.
    react 👎
    = the changed files could not be read
    ");
    // Whoever names the stacks need not know.
    let named = blind().says("/plan dev network");
    assert_eq!(named.matches("start plan").count(), 1, "{named}");
}

#[test]
fn a_plan_that_is_there_is_left_alone() {
    let there = changed()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").running());
    insta::assert_snapshot!(there.happens(Reopened), @"
    refresh plan-comment/42
    refresh plan-comment/42
    = 0 runs for 2 environments
    ");
}

#[test]
fn a_plan_that_failed_is_made_again() {
    let failed = changed()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").failed_early());
    insta::assert_snapshot!(failed.happens(Reopened), @"
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    = 1 runs for 2 environments
    ");
}

#[test]
fn a_newer_head_supersedes_what_is_under_way() {
    let pushed = changed()
        .head('e')
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").running())
        .run(plan(3, "eks", "prod").after(&[2]))
        .run(plan(4, "network", "prod").pr(41))
        .run(apply(5, "network", "dev", 1).running());
    insta::assert_snapshot!(pushed.happens(Pushed), @"
    end 00000002 Supersede: overtaken by eeeeeee / 
    end 00000003 Supersede: overtaken by eeeeeee / 
    start plan network in dev at eeeeeee onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    start plan network in prod at eeeeeee onto main@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    = 2 runs for 2 environments
    ");
}

#[test]
fn a_base_that_moved_or_changed_plans_anew() {
    let moved = changed().base("main", 'e').run(plan(1, "network", "dev"));
    insta::assert_snapshot!(moved.happens(Pushed), @"
    end 00000001 Supersede: overtaken by aaaaaaa / 
    start plan network in dev at aaaaaaa onto main@eeeeeee, by ana (pull request)
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto main@eeeeeee, by ana (pull request)
    refresh plan-comment/42
    = 2 runs for 2 environments
    ");
    // Another branch whose tip happens to be the same commit.
    let retargeted = changed()
        .base("release", 'b')
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod"));
    insta::assert_snapshot!(retargeted.happens(Retargeted), @"
    end 00000002 Supersede: overtaken by aaaaaaa / 
    start plan network in dev at aaaaaaa onto release@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto release@bbbbbbb, by ana (pull request)
    refresh plan-comment/42
    = 2 runs for 2 environments
    ");
}

#[test]
fn a_draft_waits_for_a_word() {
    let draft = changed().draft();
    insta::assert_snapshot!(draft.happens(Opened), @"
    check plan dev on aaaaaaa: Some(Neutral): A draft is not planned: Comment `/plan`, or mark the pull request ready for review.
    check plan prod on aaaaaaa: Some(Neutral): A draft is not planned: Comment `/plan`, or mark the pull request ready for review.
    = a draft is planned on /plan only
    ");
    insta::assert_snapshot!(draft.says("/plan dev"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    = 1 plan runs asked for
    ");
    assert!(
        changed()
            .happens(Ready)
            .contains("start plan network in dev")
    );
}

#[test]
fn a_fork_waits_for_a_word() {
    let fork = changed().fork();
    insta::assert_snapshot!(fork.happens(Opened), @"
    check plan dev on aaaaaaa: Some(ActionRequired): Waits for somebody's /plan: The head lives in a fork. Somebody who may plan looks at the change and comments `/plan`; that covers `aaaaaaa` and no later commit.
    check plan prod on aaaaaaa: Some(ActionRequired): Waits for somebody's /plan: The head lives in a fork. Somebody who may plan looks at the change and comments `/plan`; that covers `aaaaaaa` and no later commit.
    = 0 runs for 2 environments
    ");
    let word = fork.clone().actor("ben", Permission::Write);
    insta::assert_snapshot!(word.says("/plan dev"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ben (comment)
    refresh plan-comment/42
    = 1 plan runs asked for
    ");
    // The word covers the head that it was said about.
    let blessed = fork.blessed('a');
    assert!(
        blessed
            .happens(Reopened)
            .contains("start plan network in dev")
    );
    assert!(!blessed.head('e').happens(Pushed).contains("start"));
}

#[test]
fn a_word_about_a_head_that_nobody_can_have_seen_covers_nothing() {
    let raced = |situation: Situation| {
        let ben = situation.actor("ben", Permission::Write);
        ben.but(|facts| facts.store.known_heads.clear())
    };
    let told = raced(changed().fork()).says("/plan dev");
    insta::assert_snapshot!(told, @"
    reply
      | ### ⛔ Not planned
      |
      | Slipway did not know the head `aaaaaaa` yet when that was said: it may be newer than what was looked at. Look at it, then `/plan` once more.
    react 👎
    = the head came while it was asked for
    ");
    let told = raced(changed().fork()).says("/plan dev network -- -target=aws_vpc.main");
    assert!(
        told.contains("did not know the head") && !told.contains("start"),
        "{told}"
    );
    // Whoever may plan has it planned without a word, so that there is nothing to race for.
    for known in [changed(), changed().fork().blessed('a')] {
        let told = raced(known).says("/plan dev");
        assert!(told.contains("start plan network in dev"), "{told}");
    }
}

#[test]
fn an_author_without_the_right_waits_for_a_word() {
    let outsider = changed().author_may(Permission::Read);
    let told = outsider.happens(Opened);
    assert!(told.contains("ActionRequired"), "{told}");
    assert!(!told.contains("start"), "{told}");
    let blind = changed().but(|facts| facts.pr.as_mut().unwrap().author.permission = unread());
    assert!(!blind.happens(Opened).contains("start"));
}

#[test]
fn an_author_may_plan_in_one_environment_and_not_in_another() {
    let rules = toml("", "").replace(
        "[stacks.network]",
        "[environments.prod.allow]\nplan = [\"admin\"]\n[stacks.network]",
    );
    let told = changed().config(&rules).happens(Opened);
    assert!(told.contains("start plan network in dev"), "{told}");
    assert!(told.contains("check plan prod"), "{told}");
    insta::assert_snapshot!(changed().config(&rules).says("/plan"), @"
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    reply
      | ### ⛔ Not planned in prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | ana may not plan in prod | somebody with `admin` |
    react 👎
    = 1 plan runs asked for
    ");
}

#[test]
fn without_a_config_nothing_is_planned() {
    insta::assert_snapshot!(changed().without_config().happens(Opened), @"= the default branch has no deploy.toml");
    insta::assert_snapshot!(changed().with_broken_config().happens(Opened), @"
    check slipway / deploy.toml on aaaaaaa: Some(Failure): deploy.toml has 2 errors: deploy.toml on `main`. Nothing is planned, applied or deployed until it is mended.
      deploy.toml:1 Failure deploy.toml has no `environments`
      deploy.toml:2 Failure unknown key `surprise` in deploy.toml
    = deploy.toml of the default branch has errors
    ");
}

fn proposes(text: &str) -> String {
    proposing(text).happens(Opened)
}

fn proposing(text: &str) -> Situation {
    situation().files(&["deploy.toml"]).proposes(Some(text))
}

#[test]
fn a_changed_deploy_toml_is_checked() {
    insta::assert_snapshot!(proposes(&toml("", "")), @"
    check slipway / deploy.toml on aaaaaaa: Some(Success): No rule changes (comments or layout only): What is in force is `main`'s `deploy.toml` until this is merged.

    check plan dev on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in dev.
    check plan prod on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in prod.
    = the change touches no stack
    ");
    insta::assert_snapshot!(proposes("version = 1\nsurprise = true\n"), @"
    check slipway / deploy.toml on aaaaaaa: Some(Failure): deploy.toml has 2 errors: What is in force is `main`'s `deploy.toml` until this is merged.

    Merged like this, nothing would be planned, applied or deployed until it is mended. `slipway check` says the same before a push.

      deploy.toml:1 Failure deploy.toml has no `environments`
      deploy.toml:2 Failure unknown key `surprise` in deploy.toml
    check plan dev on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in dev.
    check plan prod on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in prod.
    = the change touches no stack
    ");
    let blind = situation().proposal_unread();
    insta::assert_snapshot!(blind.happens(Opened), @"
    check slipway / deploy.toml on aaaaaaa: Some(Failure): deploy.toml could not be read: What is in force is `main`'s `deploy.toml` until this is merged.

    GitHub: 502. Nothing of it was checked. Once that is mended, re-run this check.

    check plan dev on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in dev.
    check plan prod on aaaaaaa: Some(Success): Nothing to do: This change touches no stack in prod.
    = the change touches no stack
    ");
}

#[test]
fn a_deploy_toml_that_mends_a_broken_one_is_checked_by_itself() {
    let mending = situation()
        .with_broken_config()
        .proposes(Some(&toml("", "")));
    insta::assert_snapshot!(mending.happens(Opened), @"
    check slipway / deploy.toml on aaaaaaa: Some(Success): deploy.toml is good again: 2 environments, 3 stacks, 1 service: `main`'s `deploy.toml` has errors: there is nothing to compare with, and nothing is planned, applied or deployed until it is mended there.

    **What it says**

    - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`, `database`
    - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`
    - stack `network` is new: `infra/network` in `dev`, `prod`
    - stack `eks` is new: `infra/eks` in `dev`, `prod`
    - stack `database` is new: `infra/database` in `dev`
    - service `shop` is new: `ghcr.io/acme/shop` from `k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`

    = deploy.toml of the default branch has errors
    ");
}

fn config_check(head: char) -> ReportKey {
    ReportKey::ConfigCheck(PR, sha(head))
}

#[test]
fn a_check_of_deploy_toml_that_is_asked_for_again_is_made_anew() {
    insta::assert_snapshot!(proposing(&toml("", "")).rerequests(&config_check('a')), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Success): No rule changes (comments or layout only): What is in force is `main`'s `deploy.toml` until this is merged.

    = deploy.toml is checked anew
    ");
    // It only reads: whoever asks, and without a good file on the default branch.
    let anybody = proposing(&toml("", ""))
        .actor("mallory", Permission::Read)
        .fork()
        .without_config();
    insta::assert_snapshot!(anybody.rerequests(&config_check('a')), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Success): The first deploy.toml: 2 environments, 3 stacks, 1 service: `main` has no `deploy.toml`: nothing is planned, applied or deployed until one is merged.

    **What it says**

    - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`, `database`
    - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`
    - stack `network` is new: `infra/network` in `dev`, `prod`
    - stack `eks` is new: `infra/eks` in `dev`, `prod`
    - stack `database` is new: `infra/database` in `dev`
    - service `shop` is new: `ghcr.io/acme/shop` from `k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`

    = deploy.toml is checked anew
    ");
    insta::assert_snapshot!(situation().with_broken_config().rerequests(&config_check('a')), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Failure): deploy.toml has 2 errors: deploy.toml on `main`. Nothing is planned, applied or deployed until it is mended.
      deploy.toml:1 Failure deploy.toml has no `environments`
      deploy.toml:2 Failure unknown key `surprise` in deploy.toml
    = deploy.toml is checked anew
    ");
    insta::assert_snapshot!(situation().rerequests(&config_check('a')), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Success): deploy.toml is good: deploy.toml on `main` has no errors any more. Comment `/plan` to have this planned.
    = deploy.toml is checked anew
    ");
}

#[test]
fn a_check_of_deploy_toml_is_left_as_it_is_once_it_is_history() {
    let change = proposing(&toml("", ""));
    insta::assert_snapshot!(change.clone().merged('c').rerequests(&config_check('a')), @"= the pull request is over: its check stays as it is");
    insta::assert_snapshot!(change.clone().closed().rerequests(&config_check('a')), @"= the pull request is over: its check stays as it is");
    insta::assert_snapshot!(change.clone().rerequests(&config_check('e')), @"= the check is of an older head");
    insta::assert_snapshot!(change.but(|facts| facts.pr = None).rerequests(&config_check('a')), @"= the check run belongs to no pull request");
}

#[test]
fn all_checks_asked_for_again_are_that_of_deploy_toml_too() {
    let all = |situation: Situation| {
        told(&situation.decide(EventKind::SuiteRerequested { head: sha('a') }))
    };
    insta::assert_snapshot!(all(proposing(&toml("", ""))), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Success): No rule changes (comments or layout only): What is in force is `main`'s `deploy.toml` until this is merged.

    reply
      | ### Nothing to plan
      |
      | This pull request touches no stack. Stacks: `network` (`infra/network`), `eks` (`infra/eks`), `database` (`infra/database`). Plan one all the same: `/plan ENV STACK`.
    = nothing to plan
    ");
    insta::assert_snapshot!(all(proposing(&toml("", "")).with_broken_config()), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Success): deploy.toml is good again: 2 environments, 3 stacks, 1 service: `main`'s `deploy.toml` has errors: there is nothing to compare with, and nothing is planned, applied or deployed until it is mended there.

    **What it says**

    - dev is new: account 111111111111 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`, `database`
    - prod is new: account 222222222222 in `eu-central-1`; everyone with `write` may plan as `slipway-plan`, everyone with `write` may apply as `slipway-apply`, everyone with `admin` may force-unlock as `slipway-apply`, everyone with `write` may deploy as `slipway-deploy`; no gates; stacks `network`, `eks`
    - stack `network` is new: `infra/network` in `dev`, `prod`
    - stack `eks` is new: `infra/eks` in `dev`, `prod`
    - stack `database` is new: `infra/database` in `dev`
    - service `shop` is new: `ghcr.io/acme/shop` from `k8s/{environment}` in namespace `shop` of cluster `shop-{environment}`

    = there is no good deploy.toml
    ");
    insta::assert_snapshot!(all(changed().with_broken_config()), @"
    check slipway / deploy.toml on aaaaaaa again: Some(Failure): deploy.toml has 2 errors: deploy.toml on `main`. Nothing is planned, applied or deployed until it is mended.
      deploy.toml:1 Failure deploy.toml has no `environments`
      deploy.toml:2 Failure unknown key `surprise` in deploy.toml
    = there is no good deploy.toml
    ");
}

#[test]
fn a_plan_that_is_asked_for_is_made_anew() {
    let there = changed()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").running());
    insta::assert_snapshot!(there.says("/plan"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    end 00000002 Supersede: planned anew / 
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
}

#[test]
fn stacks_can_be_named() {
    insta::assert_snapshot!(situation().says("/plan dev eks network"), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (comment), after [0]
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
    insta::assert_snapshot!(situation().says("/plan eks"), @"
    bless aaaaaaa
    start plan eks in dev at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    start plan eks in prod at aaaaaaa onto main@bbbbbbb, by ana (comment)
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
    insta::assert_snapshot!(situation().says("/plan prod database"), @"
    reply
      | ### 😕 Not understood
      | The stack `database` does not exist in `prod`, only in `dev`.
      |
      | It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(situation().says("/plan dev netwrok"), @"
    reply
      | ### 😕 Not understood
      | There is no stack `netwrok`. Did you mean `network`?
      |
      | The stacks here: `network`, `eks`, `database`
      |
      | It is written `/plan [ENV] [STACK…] [-- FLAG…]`, for example `/plan dev eks`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
}

#[test]
fn nothing_touched_is_said() {
    insta::assert_snapshot!(situation().says("/plan"), @"
    reply
      | ### Nothing to plan
      |
      | This pull request touches no stack. Stacks: `network` (`infra/network`), `eks` (`infra/eks`), `database` (`infra/database`). Plan one all the same: `/plan ENV STACK`.
    react 👎
    = nothing to plan
    ");
    let dev_only = situation().files(&["infra/database/main.tf"]);
    insta::assert_snapshot!(dev_only.says("/plan prod"), @"
    reply
      | ### Nothing to plan in prod
      |
      | This pull request touches no stack there. Stacks: `network` (`infra/network`), `eks` (`infra/eks`), `database` (`infra/database`). Plan one all the same: `/plan ENV STACK`.
    react 👎
    = nothing to plan
    ");
    insta::assert_snapshot!(situation().files_unread().says("/plan"), @"
    reply
      | ### ⛔ Not planned
      |
      | The changed files could not be read: GitHub: 502
      |
      | Try `/plan` again in a minute.
    react 👎
    = the changed files could not be read
    ");
}

#[test]
fn without_the_right_nothing_is_planned() {
    let reader = changed().actor("mallory", Permission::Read);
    insta::assert_snapshot!(reader.says("/plan dev"), @"
    reply
      | ### ⛔ Not planned in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not plan in dev | somebody with `write` |
    react 👎
    = 0 plan runs asked for
    ");
    let blind = changed().but(|facts| facts.actor.as_mut().unwrap().permission = unread());
    assert!(!blind.says("/plan").contains("start"));
}

#[test]
fn all_checks_asked_for_again_are_planned_again() {
    let suite = changed().decide(EventKind::SuiteRerequested { head: sha('a') });
    insta::assert_snapshot!(told(&suite), @"
    bless aaaaaaa
    start plan network in dev at aaaaaaa onto main@bbbbbbb, by ana (button)
    refresh plan-comment/42
    start plan network in prod at aaaaaaa onto main@bbbbbbb, by ana (button)
    refresh plan-comment/42
    = 2 plan runs asked for
    ");
    let nobody = changed()
        .but(|facts| facts.pr = None)
        .decide(EventKind::SuiteRerequested { head: sha('a') });
    insta::assert_snapshot!(told(&nobody), @"= no pull request has this head commit");
}

#[test]
fn what_ended_stays_ended() {
    let over = changed()
        .run(
            plan(1, "network", "dev")
                .never_began(RunState::Superseded)
                .commit('e'),
        )
        .run(plan(2, "network", "dev").state(RunState::Cancelled));
    let told = over.happens(Pushed);
    assert!(!told.contains("end "), "{told}");
    assert!(told.contains("start plan network in dev"), "{told}");
}

#[test]
fn events_that_are_only_looked_at_later_say_so() {
    insta::assert_snapshot!(told(&changed().decide(EventKind::Review { pr: PR })), @"= reviews are read when a command or a run asks for them");
    let push = EventKind::Push {
        branch: "main".to_owned(),
        after: sha('e'),
    };
    insta::assert_snapshot!(told(&changed().decide(push)), @"= main moved: plans onto it are found out of date when somebody applies them");
    insta::assert_snapshot!(told(&changed().decide(EventKind::ImageMaybe)), @"
    look for images
    = an image may have been published
    ");
    let gone = changed().but(|facts| facts.pr = None);
    insta::assert_snapshot!(gone.happens(Opened), @"= the pull request is gone");
}

#[test]
fn runs_of_a_push_are_by_the_author() {
    let other = changed().actor("ben", Permission::Admin).happens(Pushed);
    assert!(other.contains("by ana (pull request)"), "{other}");
}
