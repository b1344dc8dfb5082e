//! After a merge or a close.

use crate::event::PullRequestAction::Closed;
use crate::facts::Permission;
use crate::run::{RunState, Trigger};
use crate::testing::{
    Situation, apply, apply_again, deploy, plan, planned, run, situation, toml, two_services,
    unread,
};

const AUTO: &str = "auto_apply = true\nauto_deploy = true";

/// Merged, touching a stack and the service.
fn merged(dev: &str, prod: &str) -> Situation {
    situation()
        .config(&toml(dev, prod))
        .files(&["infra/network/main.tf", "infra/eks/x.tf", "app/main.rs"])
        .merged('c')
}

#[test]
fn what_was_reviewed_is_applied_and_then_the_service_deployed() {
    let both = merged(AUTO, "")
        .run(planned(1, "network", "dev", 1))
        .run(planned(2, "eks", "dev", 1));
    insta::assert_snapshot!(both.happens(Closed), @"
    drop the plans of #42
    start apply network in dev at ccccccc planned again, reviewed 00000001, by ana (merge)
    start apply eks in dev at ccccccc planned again, reviewed 00000002, by ana (merge), after [0]
    start deploy shop in dev at ccccccc tag sha-ccccccc, by ana (merge), after [1]
    = merged: 3 runs
    ");
}

#[test]
fn each_environment_says_what_happens_by_itself() {
    insta::assert_snapshot!(merged("auto_apply = true", "").happens(Closed), @"
    drop the plans of #42
    start apply network in dev at ccccccc planned again, reviewed none, by ana (merge)
    start apply eks in dev at ccccccc planned again, reviewed none, by ana (merge), after [0]
    = merged: 2 runs
    ");
    insta::assert_snapshot!(merged("auto_deploy = true", "").happens(Closed), @"
    drop the plans of #42
    start deploy shop in dev at ccccccc tag sha-ccccccc, by ana (merge)
    = merged: 1 runs
    ");
    insta::assert_snapshot!(merged("", "").happens(Closed), @"
    drop the plans of #42
    = merged: 0 runs
    ");
    let both = merged(AUTO, AUTO).happens(Closed);
    assert_eq!(both.matches("start").count(), 6, "{both}");
}

#[test]
fn runs_of_a_merge_are_by_whoever_merged() {
    let told = merged("auto_deploy = true", "")
        .actor("ben", Permission::Maintain)
        .happens(Closed);
    assert!(told.contains("by ben (merge)"), "{told}");
    let unknown = merged("auto_deploy = true", "")
        .but(|facts| facts.actor = None)
        .happens(Closed);
    assert!(unknown.contains("by ana (merge)"), "{unknown}");
}

#[test]
fn a_merge_that_touches_nothing_starts_nothing() {
    let docs = merged(AUTO, AUTO).files(&["README.md"]);
    insta::assert_snapshot!(docs.happens(Closed), @"
    drop the plans of #42
    = merged: 0 runs
    ");
}

#[test]
fn only_the_services_that_are_touched_are_deployed() {
    let web = merged("", "")
        .config(&two_services(AUTO, ""))
        .files(&["web/index.html"])
        .happens(Closed);
    assert!(web.contains("start deploy web in dev"), "{web}");
    assert_eq!(web.matches("start").count(), 1, "{web}");
}

#[test]
fn a_merge_to_another_branch_only_cleans_up() {
    let other = merged(AUTO, AUTO)
        .base("release", 'c')
        .run(plan(1, "network", "dev"))
        .stack_lock("network", "dev", "ana", 42);
    insta::assert_snapshot!(other.happens(Closed), @"
    end 00000001 Supersede: the pull request was closed / 
    drop the plans of #42
    unlock network in dev
    = merged to another branch than the default one
    ");
}

#[test]
fn a_merge_is_worked_off_once() {
    let before = merged(AUTO, AUTO).run(apply_again(1, "network", "dev", None));
    insta::assert_snapshot!(before.happens(Closed), @"
    drop the plans of #42
    = this merge was worked off before
    ");
}

#[test]
fn without_a_good_config_the_merge_says_so() {
    insta::assert_snapshot!(merged(AUTO, "").without_config().happens(Closed), @"
    drop the plans of #42
    = merged, but there is no valid deploy.toml
    ");
    insta::assert_snapshot!(merged(AUTO, "").with_broken_config().happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ `deploy.toml` on `main` has errors
      |
      | - line 1: deploy.toml has no `environments`: the environments by name: an AWS account and region with their roles and rules
      | - line 2: unknown key `surprise` in deploy.toml: there are `environments`, `freeze`, `hazards`, `services`, `stacks`, `version`
      |
      | Nothing is planned, applied or deployed until they are mended. `slipway check` finds them before a push.
    = merged, but there is no valid deploy.toml
    ");
}

#[test]
fn a_closed_gate_stops_the_apply_and_the_deploy_behind_it() {
    insta::assert_snapshot!(merged(&format!("{AUTO}\napprovals = 1"), "").happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | approval | 0 of 1 | a review of `aaaaaaa` by someone other than ana |
      |
      | Nothing was deployed there either, since the stacks come first. When that is mended: `/apply dev`, then `/deploy dev`.
    = merged: 0 runs
    ");
    insta::assert_snapshot!(
        merged("auto_apply = true\napprovals = 1", "").happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ Not applied in dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | approval | 0 of 1 | a review of `aaaaaaa` by someone other than ana |
    = merged: 0 runs
    ");
}

#[test]
fn files_that_cannot_be_read_stop_it_visibly() {
    insta::assert_snapshot!(merged(AUTO, "").files_unread().happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ Not applied in dev
      |
      | The files that this pull request changes could not be read: GitHub: 502
      |
      | Nothing was deployed there either, since the stacks come first. When that is mended: `/apply dev`, then `/deploy dev`.
    = merged: 0 runs
    ");
}

#[test]
fn modules_that_cannot_be_read_stop_it_visibly() {
    let blind = merged(AUTO, "").but(|facts| facts.pr.as_mut().unwrap().modules = unread());
    insta::assert_snapshot!(blind.happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ Not applied in dev
      |
      | The files that this pull request changes could not be read: GitHub: 502
      |
      | Nothing was deployed there either, since the stacks come first. When that is mended: `/apply dev`, then `/deploy dev`.
    = merged: 0 runs
    ");
}

#[test]
fn a_hold_pauses_the_deploy_visibly() {
    insta::assert_snapshot!(merged("auto_deploy = true", "").hold("dev").happens(Closed), @"
    drop the plans of #42
    reply
      | ### ⛔ Not deployed to dev
      |
      | | gate | state | what opens it |
      | | --- | --- | --- |
      | | hold | set by cleo: rolled back | `/resume dev` |
    = merged: 0 runs
    ");
}

#[test]
fn a_lock_is_waited_for() {
    let told = merged("auto_deploy = true", "")
        .lock("dev", "cleo", 41)
        .happens(Closed);
    assert!(told.contains("start deploy"), "{told}");
}

#[test]
fn the_newest_merge_wins_over_those_that_it_contains() {
    let queue = merged("auto_deploy = true", "")
        .run(deploy(1, "dev").pr(40).commit('d').trigger(Trigger::Merge))
        .run(deploy(2, "dev").pr(43).commit('e').trigger(Trigger::Merge))
        .but(|facts| facts.store.contained = [run(1)].into());
    let told = queue.happens(Closed);
    assert!(told.contains("end 00000001 Supersede"), "{told}");
    assert!(!told.contains("end 00000002"), "{told}");
}

#[test]
fn plans_under_way_are_ended_by_the_merge() {
    let planning = merged("", "").run(plan(1, "network", "dev").running());
    insta::assert_snapshot!(planning.happens(Closed), @"
    end 00000001 Supersede: the pull request was closed / 
    drop the plans of #42
    = merged: 0 runs
    ");
}

#[test]
fn locks_stay_while_an_apply_is_under_way() {
    let locked = merged("", "").stack_lock("network", "dev", "ana", 42);
    assert!(locked.happens(Closed).contains("unlock network in dev"));
    let applying = locked.run(apply(1, "network", "dev", 9).running());
    let told = applying.happens(Closed);
    assert!(!told.contains("unlock"), "{told}");
    // Nor are they freed before the runs that the merge itself starts.
    let starting = merged(AUTO, "").stack_lock("network", "dev", "ana", 42);
    assert!(!starting.happens(Closed).contains("unlock"));
}

#[test]
fn locks_of_people_and_other_pull_requests_stay() {
    let told = merged("", "")
        .lock("dev", "ana", 42)
        .stack_lock("network", "dev", "cleo", 41)
        .happens(Closed);
    assert!(!told.contains("unlock"), "{told}");
}

#[test]
fn a_close_without_a_merge_ends_what_waits() {
    let closed = situation()
        .closed()
        .run(plan(1, "network", "dev").running())
        .run(apply(2, "network", "dev", 9))
        .run(deploy(3, "dev").state(RunState::Unconfirmed))
        .run(deploy(4, "prod").pr(41))
        .stack_lock("network", "dev", "ana", 42);
    insta::assert_snapshot!(closed.happens(Closed), @"
    end 00000001 Supersede: the pull request was closed / 
    drop the plans of #42
    end 00000002 Cancel: the pull request was closed / 
    end 00000003 Cancel: the pull request was closed / 
    unlock network in dev
    = closed: cleaned up
    ");
    let applying = situation()
        .closed()
        .run(apply(2, "network", "dev", 9).running())
        .stack_lock("network", "dev", "ana", 42);
    insta::assert_snapshot!(applying.happens(Closed), @"
    drop the plans of #42
    = closed: cleaned up
    ");
}
