//! `/deploy`, `/promote`, `/confirm`, `/rollback`, `/resume`.

use crate::facts::{Permission, Verdict};
use crate::ids::PrNumber;
use crate::run::{RunState, Trigger};
use crate::testing::{
    Situation, ago, deploy, deployed, rollback, situation, toml, two_services, unread,
};

fn app() -> Situation {
    situation().files(&["app/src/main.rs"])
}

#[test]
fn the_head_is_deployed_and_once_merged_the_merge() {
    insta::assert_snapshot!(app().says("/deploy dev"), @"
    start deploy shop in dev at aaaaaaa tag sha-aaaaaaa, by ana (comment)
    = 1 deploy runs
    ");
    insta::assert_snapshot!(app().merged('c').says("/deploy dev shop"), @"
    start deploy shop in dev at ccccccc tag sha-ccccccc, by ana (comment)
    = 1 deploy runs
    ");
}

#[test]
fn a_commit_can_be_named() {
    insta::assert_snapshot!(
        app().named_commit('e', true).says("/deploy dev --sha eeeeeee"), @"
    start deploy shop in dev at eeeeeee tag sha-eeeeeee, by ana (comment)
    = 1 deploy runs
    ");
    insta::assert_snapshot!(app().says("/deploy dev --sha aaaaaaa"), @"
    start deploy shop in dev at aaaaaaa tag sha-aaaaaaa, by ana (comment)
    = 1 deploy runs
    ");
    insta::assert_snapshot!(
        app().named_commit('e', false).says("/deploy dev --sha eeeeeee"), @"
    reply
      | ### ⛔ Not deployed
      |
      | `eeeeeee` is neither on `main` nor the head of this pull request: only such commits are deployed from here.
    react 👎
    = no such commit
    ");
    insta::assert_snapshot!(app().says("/deploy dev --sha eeeeeee"), @"
    reply
      | ### 😕 There is no commit `eeeeeee`
      |
      | Name a commit of `main` or of this pull request, with at least seven digits.
    react 👎
    = no such commit
    ");
}

#[test]
fn without_a_name_the_services_that_are_touched_are_deployed() {
    let rules = two_services("", "");
    let both = situation().config(&rules).files(&["app/a", "web/b"]);
    assert_eq!(both.says("/deploy dev").matches("start deploy").count(), 2);
    let web = situation().config(&rules).files(&["web/b"]);
    let told = web.says("/deploy dev");
    assert!(told.contains("start deploy web in dev"), "{told}");
    assert_eq!(told.matches("start").count(), 1, "{told}");
    insta::assert_snapshot!(situation().config(&rules).says("/deploy dev"), @"
    reply
      | ### Which service?
      |
      | This pull request touches none of them. One of: `/deploy dev shop`, `/deploy dev web`
    react 👎
    = no service to deploy
    ");
    insta::assert_snapshot!(situation().config(&rules).says("/deploy dev web"), @"
    start deploy web in dev at aaaaaaa tag sha-aaaaaaa, by ana (comment)
    = 1 deploy runs
    ");
    // The only one there is needs no name.
    assert!(
        situation()
            .says("/deploy dev")
            .contains("start deploy shop")
    );
}

#[test]
fn every_closed_gate_is_named() {
    let closed = app()
        .config(&toml("", "production = true\nafter = [\"dev\"]"))
        .release("dev", 'd', 90)
        .actor("mallory", Permission::Read);
    insta::assert_snapshot!(closed.says("/deploy prod"), @"
    reply
      | ### ⛔ Not deployed to prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not deploy in prod | somebody with `write` |
      | | pull request | open | merge it first |
      | | approval | 0 of 1 | a review of `aaaaaaa` by someone other than ana |
      | | order | dev runs `ddddddd`, this is `aaaaaaa` | `/deploy dev` first |
    react 👎
    = 0 deploy runs
    ");
}

fn careful() -> Situation {
    app()
        .config(&toml(
            "",
            "production = true\nafter = [\"dev\"]\nsoak = \"30m\"",
        ))
        .merged('c')
        .review("ben", Verdict::Approved, Some('a'))
        .release("dev", 'c', 60)
}

#[test]
fn production_asks_for_a_second_step() {
    insta::assert_snapshot!(careful().says("/deploy prod"), @"
    start deploy shop in prod at ccccccc tag sha-ccccccc, by ana (comment), unconfirmed
    = 1 deploy runs
    ");
}

#[test]
fn a_newer_deploy_takes_the_place_of_those_that_have_not_begun() {
    let queue = app()
        .run(deploy(1, "dev").pr(40).commit('d'))
        .run(deploy(2, "dev").running())
        .run(deploy(3, "dev").digest_found('d'))
        .run(deploy(4, "prod"))
        .run(rollback(5, "dev", 'd', None).running());
    insta::assert_snapshot!(queue.says("/deploy dev"), @"
    end 00000001 Supersede: overtaken by a newer deploy / 
    end 00000002 Supersede: overtaken by a newer deploy / 
    start deploy shop in dev at aaaaaaa tag sha-aaaaaaa, by ana (comment)
    = 1 deploy runs
    ");
}

#[test]
fn a_first_step_alone_takes_nobodys_place() {
    let queue = careful()
        .run(deploy(1, "prod").pr(40).commit('d'))
        .run(deploy(2, "prod").pr(41).state(RunState::Unconfirmed));
    let told = queue.says("/deploy prod");
    assert!(!told.contains("end 00000001"), "{told}");
    assert!(told.contains("end 00000002 Supersede"), "{told}");
}

#[test]
fn a_deploy_waits_for_a_lock_and_a_window() {
    let late = app()
        .config(&toml("windows = [\"Sun 01:00-02:00 UTC\"]", ""))
        .lock("dev", "cleo", 41);
    insta::assert_snapshot!(late.says("/deploy dev"), @"
    start deploy shop in dev at aaaaaaa tag sha-aaaaaaa, by ana (comment), not before 2026-03-08T01:00:00Z
    = 1 deploy runs
    ");
}

#[test]
fn an_environment_without_a_role_to_deploy_with_says_so() {
    let rules = toml("", "").replace(
        "deploy_role = \"arn:aws:iam::222222222222:role/slipway-deploy\"\n",
        "",
    );
    let none = app()
        .config(&rules)
        .release("dev", 'a', 60)
        .release("prod", 'a', 50);
    insta::assert_snapshot!(none.says("/deploy prod"), @"
    reply
      | ### 😕 Not understood
      | No service is deployed to `prod`: deploy.toml gives it no `aws.deploy_role`.
      |
      | It is written `/deploy ENV [SERVICE] [--sha SHA]`, for example `/deploy dev`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(none.says("/promote dev prod"), @"
    reply
      | ### 😕 Not understood
      | No service is deployed to `prod`: deploy.toml gives it no `aws.deploy_role`.
      |
      | It is written `/promote FROM TO [SERVICE]`, for example `/promote dev prod`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
    insta::assert_snapshot!(none.says("/rollback prod"), @"
    reply
      | ### 😕 Not understood
      | No service is deployed to `prod`: deploy.toml gives it no `aws.deploy_role`.
      |
      | It is written `/rollback ENV [SERVICE] [--to SHA]`, for example `/rollback prod`. All commands: `/help`
    react 😕
    = the command was not understood
    ");
}

// --- promote

#[test]
fn the_very_digest_is_promoted() {
    insta::assert_snapshot!(app().release("dev", 'd', 60).says("/promote dev prod"), @"
    start deploy shop in prod at ddddddd digest sha256:dddddddd, by ana (comment)
    = 1 deploy runs
    ");
    insta::assert_snapshot!(app().says("/promote dev prod"), @"
    reply
      | ### ⛔ Not promoted to prod
      |
      | dev runs no good release of shop. It was never released there. `/deploy dev shop` first.
    react 👎
    = 0 deploy runs
    ");
    insta::assert_snapshot!(app().bad_release("dev", 'd', 60).says("/promote dev prod"), @"
    reply
      | ### ⛔ Not promoted to prod
      |
      | dev runs no good release of shop. What runs there is broken, or being rolled back. `/deploy dev shop` first.
    react 👎
    = 0 deploy runs
    ");
}

#[test]
fn a_promotion_passes_the_same_gates() {
    let told = careful()
        .release("dev", 'c', 5)
        .says("/promote dev prod shop");
    insta::assert_snapshot!(told, @"
    reply
      | ### ⛔ Not deployed to prod
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | soak | 5 min of 30 min in dev | ask again in 25 min |
    react 👎
    = 0 deploy runs
    ");
    // dev moved on: what is promoted is what runs there now.
    let moved = careful().release("dev", 'e', 45).says("/promote dev prod");
    assert!(
        moved.contains("at eeeeeee digest sha256:eeeeeeee"),
        "{moved}"
    );
}

// --- confirm

fn unconfirmed() -> Situation {
    careful().run(
        deploy(0xabcdef, "prod")
            .commit('c')
            .state(RunState::Unconfirmed),
    )
}

#[test]
fn the_second_step_is_taken_by_the_code() {
    insta::assert_snapshot!(unconfirmed().says("/confirm ABCDEF"), @"
    confirm 00abcdef
    react 🚀
    = confirmed
    ");
}

#[test]
fn a_confirmed_deploy_takes_the_place_of_those_that_wait() {
    let queue = unconfirmed()
        .run(deploy(1, "prod").pr(40).commit('d'))
        .run(deploy(2, "dev").pr(40).commit('d'));
    let told = queue.says("/confirm abcdef");
    assert!(told.contains("end 00000001 Supersede"), "{told}");
    assert!(!told.contains("end 00000002"), "{told}");
    assert!(!told.contains("end 00abcdef"), "{told}");
}

#[test]
fn a_wrong_code_confirms_nothing() {
    insta::assert_snapshot!(unconfirmed().says("/confirm 123456"), @"
    reply
      | ### 😕 Nothing waits for `123456`
      |
      | The code may have run out (after 10 minutes), been used, or belong to another pull request. Say the command again to get a new one.
    react 😕
    = no run waits for this code
    ");
    let elsewhere = careful().run(
        deploy(0xabcdef, "prod")
            .state(RunState::Unconfirmed)
            .but(|run| run.order.pr = Some(PrNumber(41))),
    );
    assert!(elsewhere.says("/confirm abcdef").contains("Nothing waits"));
    let queued = careful().run(deploy(0xabcdef, "prod"));
    assert!(queued.says("/confirm abcdef").contains("Nothing waits"));
}

#[test]
fn another_person_confirms_nothing() {
    insta::assert_snapshot!(
        unconfirmed().actor("ben", Permission::Admin).says("/confirm abcdef"), @"
    reply
      | ### ⛔ Not confirmed
      |
      | Only ana, who asked for it, can confirm this run. To run it as yourself, say the command again.
    react 👎
    = confirmed by another person
    ");
}

#[test]
fn a_code_runs_out() {
    let made = |minutes| {
        careful().run(
            deploy(0xabcdef, "prod")
                .state(RunState::Unconfirmed)
                .made(minutes),
        )
    };
    assert!(
        made(10)
            .says("/confirm abcdef")
            .contains("confirm 00abcdef")
    );
    insta::assert_snapshot!(made(11).says("/confirm abcdef"), @"
    end 00abcdef Cancel: nobody confirmed it within 10 minutes / say the command again
    react 👎
    reply
      | ### ⛔ Not confirmed
      |
      | The code ran out after 10 minutes. Say the command again.
    = the code ran out
    ");
}

// --- rollback and resume

fn two_releases() -> Situation {
    app().release("dev", 'd', 600).release("dev", 'a', 60)
}

#[test]
fn the_release_before_is_put_back_and_automation_held() {
    insta::assert_snapshot!(two_releases().says("/rollback dev"), @"
    disgrace 0000000a
    start rollback shop in dev at ddddddd digest sha256:dddddddd, by ana (comment)
    hold dev by ana: rolled back
    = 1 rollbacks
    ");
}

#[test]
fn a_release_can_be_named() {
    let three = app()
        .release("dev", 'e', 900)
        .release("dev", 'd', 600)
        .release("dev", 'a', 60);
    let told = three.says("/rollback dev shop --to eeeeeee");
    assert!(told.contains("digest sha256:eeeeeeee"), "{told}");
    insta::assert_snapshot!(three.says("/rollback dev shop --to fffffff"), @"
    reply
      | ### ⛔ shop is not rolled back in dev
      |
      | No good release of that commit. The latest ones:
      |
      | - `ddddddd` live since 2026-03-04 00:00 UTC: `/rollback dev shop --to ddddddd`
      | - `eeeeeee` live since 2026-03-03 19:00 UTC: `/rollback dev shop --to eeeeeee`
    react 👎
    = 0 rollbacks
    ");
}

#[test]
fn a_release_that_was_left_is_not_gone_back_to() {
    let bad = app()
        .release("dev", 'e', 900)
        .bad_release("dev", 'd', 600)
        .release("dev", 'a', 60);
    assert!(bad.says("/rollback dev").contains("digest sha256:eeeeeeee"));
}

#[test]
fn the_same_digest_again_is_no_way_back() {
    let again = app()
        .release("dev", 'd', 900)
        .release("dev", 'a', 600)
        .release("dev", 'a', 60);
    assert!(
        again
            .says("/rollback dev")
            .contains("digest sha256:dddddddd")
    );
}

#[test]
fn without_an_earlier_release_it_is_told() {
    insta::assert_snapshot!(app().release("dev", 'a', 60).says("/rollback dev"), @"
    reply
      | ### ⛔ shop is not rolled back in dev
      |
      | There is no earlier good release to go back to; `aaaaaaa` is the first. Roll forward: merge a fix, or `/deploy dev shop --sha SHA`.
    react 👎
    = 0 rollbacks
    ");
    insta::assert_snapshot!(app().says("/rollback dev"), @"
    reply
      | ### ⛔ shop is not rolled back in dev
      |
      | Nothing of it was ever released there.
    react 👎
    = 0 rollbacks
    ");
}

#[test]
fn after_a_rollout_that_failed_the_release_that_was_live_is_put_back() {
    // The failed one never was a release: the way back is to the live one, not past it.
    for broken in [RunState::Failed, RunState::Interrupted, RunState::Cancelled] {
        let told = app()
            .release("dev", 'e', 900)
            .release("dev", 'd', 600)
            .run(deploy(7, "dev").failed().state(broken))
            .says("/rollback dev");
        assert!(
            told.contains("start rollback shop in dev at ddddddd"),
            "{broken:?} {told}"
        );
        assert!(!told.contains("disgrace"), "{told}");
    }
    // One that changed nothing is no reason.
    let early = app()
        .release("dev", 'e', 900)
        .release("dev", 'd', 600)
        .run(deploy(7, "dev").failed_early())
        .says("/rollback dev");
    assert!(early.contains("at eeeeeee"), "{early}");
    // Nor is one before what is live.
    let mended = app()
        .release("dev", 'e', 900)
        .run(deploy(7, "dev").failed())
        .release("dev", 'd', 1)
        .says("/rollback dev");
    assert!(mended.contains("at eeeeeee"), "{mended}");
}

#[test]
fn a_rollback_takes_the_place_of_deploys_that_wait() {
    let told = two_releases()
        .run(deploy(1, "dev").commit('e'))
        .says("/rollback dev");
    assert!(told.contains("end 00000001 Supersede"), "{told}");
}

#[test]
fn a_rollback_needs_the_right_and_no_open_window() {
    let shut = two_releases().config(&toml("windows = [\"Sun 01:00-02:00 UTC\"]", ""));
    assert!(shut.says("/rollback dev").contains("start rollback"));
    insta::assert_snapshot!(
        shut.actor("mallory", Permission::Read).says("/rollback dev"), @"
    reply
      | ### ⛔ Not rolled back in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not deploy in dev | somebody with `write` |
    react 👎
    = a gate is closed
    ");
}

#[test]
fn a_rollback_behind_a_lock_waits_for_it() {
    let told = two_releases().lock("dev", "cleo", 41).says("/rollback dev");
    assert!(told.contains("start rollback"), "{told}");
}

#[test]
fn a_hold_is_lifted_by_hand() {
    insta::assert_snapshot!(app().hold("dev").says("/resume dev"), @"
    resume dev
    reply
      | ### ▶️ dev is resumed
      |
      | The hold that cleo set at 2026-03-04 09:00 UTC (rolled back) is lifted: the next merge deploys by itself again. What was merged meanwhile is not deployed by itself: `/deploy dev`.
    react 🚀
    = the hold is lifted
    ");
    insta::assert_snapshot!(app().says("/resume dev"), @"
    reply
      | ### dev is not on hold
      |
      | Automatic deploys go through there.
    react 👎
    = there is no hold
    ");
    insta::assert_snapshot!(
        app().hold("dev").actor("mallory", Permission::Read).says("/resume dev"), @"
    reply
      | ### ⛔ Not allowed to resume dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | right | mallory may not deploy in dev | somebody with `write` |
    react 👎
    = no right to resume
    ");
}

#[test]
fn a_deploy_by_a_person_needs_no_resume() {
    assert!(
        app()
            .hold("dev")
            .says("/deploy dev")
            .contains("start deploy")
    );
}

#[test]
fn a_right_that_cannot_be_read_deploys_nothing() {
    let blind = two_releases().but(|facts| facts.actor.as_mut().unwrap().permission = unread());
    for command in [
        "/deploy dev",
        "/promote dev prod",
        "/rollback dev",
        "/resume dev",
        "/lock dev",
    ] {
        let told = blind.clone().hold("dev").says(command);
        assert!(told.contains("could not be read"), "{command}: {told}");
        assert!(!told.contains("start"), "{command}: {told}");
    }
}

#[test]
fn what_is_over_is_in_nobodys_way() {
    let over = app()
        .run(deployed(1, "dev", 'd'))
        .run(deploy(2, "dev").trigger(Trigger::Merge).made(20));
    let told = over.but(|facts| facts.now = ago(-1)).says("/deploy dev");
    assert!(!told.contains("end 00000001"), "{told}");
    assert!(told.contains("end 00000002"), "{told}");
}
