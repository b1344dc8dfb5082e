//! Buttons and re-requests are the commands that they stand for.

use crate::facts::Permission;
use crate::intent::ReportKey;
use crate::projection::identifier::{APPLY, CANCEL, CONFIRM, PLAN, PROMOTE, RETRY, ROLLBACK};
use crate::run::RunState;
use crate::testing::{
    PR, Situation, apply, cause, deploy, deployed, env, plan, planned, run, sha, situation, toml,
};

fn plan_check(head: char) -> ReportKey {
    ReportKey::PlanCheck(PR, sha(head), env("dev"))
}

fn change() -> Situation {
    situation().files(&["infra/network/main.tf", "app/main.rs"])
}

/// What a button and a comment have in common: all but the signs and who is told.
fn runs(told: &str) -> String {
    told.lines()
        .filter(|line| !line.starts_with("react"))
        .map(|line| line.replace("(button)", "(comment)"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn buttons_of_a_plan_check_are_commands() {
    let planned = change().run(planned(1, "network", "dev", 1));
    for (button, command) in [
        (PLAN, "/plan dev"),
        (APPLY, "/apply dev"),
        (CANCEL, "/cancel"),
    ] {
        let pressed = planned.presses(&plan_check('a'), button);
        assert_eq!(runs(&pressed), runs(&planned.says(command)), "{button}");
    }
    assert_eq!(
        runs(&planned.rerequests(&plan_check('a'))),
        runs(&planned.says("/plan dev"))
    );
}

#[test]
fn whoever_presses_needs_the_right() {
    let reader = change()
        .run(planned(1, "network", "dev", 1))
        .actor("mallory", Permission::Read);
    let told = reader.presses(&plan_check('a'), APPLY);
    assert!(told.contains("mallory may not apply in dev"), "{told}");
    assert!(!told.contains("start"), "{told}");
}

#[test]
fn apply_on_the_check_of_an_older_head_applies_nothing() {
    // The button says "exactly the plans shown", and others are current.
    let moved = change()
        .head('e')
        .run(planned(1, "network", "dev", 1).commit('e'));
    insta::assert_snapshot!(moved.presses(&plan_check('a'), APPLY), @"
    reply
      | ### ⛔ Not applied in dev
      |
      | That check shows plans of `aaaaaaa`, the head is `eeeeeee` now. Press the button of the newest check, or comment `/apply dev`.
    = the check is of an older head
    ");
    assert!(
        moved
            .presses(&plan_check('e'), APPLY)
            .contains("start apply")
    );
}

#[test]
fn buttons_of_a_deploy_check_are_commands() {
    let key = ReportKey::DeployCheck(run(0xabcdef));
    let live = change()
        .config(&toml("", "after = [\"dev\"]"))
        .release("dev", 'd', 600)
        .release("dev", 'a', 60)
        .run(deployed(0xabcdef, "dev", 'a'))
        .about(0xabcdef);
    for (button, command) in [
        (PROMOTE, "/promote dev prod shop"),
        (ROLLBACK, "/rollback dev shop"),
        (CANCEL, "/cancel 00abcdef000000000000000000abcdef"),
        (RETRY, "/deploy dev shop"),
    ] {
        let pressed = live.presses(&key, button);
        assert_eq!(runs(&pressed), runs(&live.says(command)), "{button}");
    }
    let waiting = change()
        .run(deploy(0xabcdef, "prod").state(RunState::Unconfirmed))
        .about(0xabcdef);
    assert_eq!(
        runs(&waiting.presses(&key, CONFIRM)),
        runs(&waiting.says("/confirm abcdef"))
    );
}

#[test]
fn promote_without_a_next_environment_is_ignored() {
    let last = change().run(deployed(1, "prod", 'a')).about(1);
    insta::assert_snapshot!(last.presses(&ReportKey::DeployCheck(run(1)), PROMOTE), @"= no environment comes after this one");
}

#[test]
fn a_deploy_that_failed_is_left_for_the_release_that_is_live() {
    let failed = change()
        .release("dev", 'e', 900)
        .release("dev", 'd', 600)
        .run(deploy(7, "dev").failed())
        .about(7);
    let told = failed.presses(&ReportKey::DeployCheck(run(7)), ROLLBACK);
    assert!(
        told.contains("start rollback shop in dev at ddddddd"),
        "{told}"
    );
}

#[test]
fn buttons_of_an_apply_check_speak_of_all_its_stacks() {
    let key = ReportKey::ApplyCheck(cause("before"), env("dev"));
    let applying = change()
        .run(apply(1, "network", "dev", 9).failed())
        .run(apply(2, "eks", "dev", 9).running())
        .run(apply(3, "database", "dev", 9))
        .run(apply(4, "network", "prod", 9))
        .run(plan(5, "network", "dev").cause("other"))
        .about(1);
    insta::assert_snapshot!(applying.presses(&key, CANCEL), @"
    end 00000002 Cancel: cancelled by ana / `/retry` runs it again
    end 00000003 Cancel: cancelled by ana / `/retry` runs it again
    reply
      | ### ✋ Cancelled
      |
      | - apply of `eks` in dev (`00000002`): stops after the step in hand
      | - apply of `database` in dev (`00000003`)
    = 2 runs cancelled
    ");
    let failed = change()
        .run(apply(1, "network", "dev", 9).failed())
        .run(apply(2, "eks", "dev", 9).never_began(RunState::Skipped))
        .about(1);
    let told = failed.presses(&key, RETRY);
    assert_eq!(told.matches("start plan").count(), 2, "{told}");
}

#[test]
fn checks_that_are_not_the_bots_or_belong_to_nothing_are_ignored() {
    let other = ReportKey::ConfigCheck(PR, sha('a'));
    insta::assert_snapshot!(change().presses(&other, RETRY), @"= the run behind the check is gone");
    let no_pr = change().but(|facts| facts.pr = None);
    insta::assert_snapshot!(no_pr.presses(&plan_check('a'), APPLY), @"= the check run belongs to no pull request");
    let foreign = change().decide(crate::event::EventKind::Button {
        check: crate::ids::CheckRunId(1),
        external_id: "somebody else's".to_owned(),
        identifier: APPLY.to_owned(),
    });
    insta::assert_snapshot!(crate::testing::told(&foreign), @"= the check run is not one of the bot's");
    insta::assert_snapshot!(change().without_config().presses(&plan_check('a'), APPLY), @"
    reply
      | ### 😕 There is no `deploy.toml` on `main`
      |
      | Slipway reads its rules from the default branch. Add one at the root of the repository; `slipway schema` prints its schema.
    = there is no good deploy.toml
    ");
}
