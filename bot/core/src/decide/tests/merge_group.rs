//! The check of a merge queue's commit.

use crate::event::EventKind;
use crate::intent::ReportKey;
use crate::summary::SUMMARY_CHECK_NAME;
use crate::testing::{PR, Situation, plan, planned, sha, situation, told, toml};

fn asked(situation: &Situation) -> String {
    told(&situation.decide(EventKind::MergeGroup {
        pr: PR,
        head: sha('e'),
    }))
}

fn changed() -> Situation {
    situation()
        .config(&toml("auto_apply = true", "pull_request = \"merged\""))
        .files(&["infra/network/main.tf"])
}

#[test]
fn a_group_stands_as_its_pull_request_does() {
    let good = changed()
        .run(planned(1, "network", "dev", 1))
        .run(planned(2, "network", "prod", 1));
    insta::assert_snapshot!(asked(&good), @"
    check slipway on eeeeeee: Some(Success): As on #42: All is planned: This commit of the merge queue stands as `aaaaaaa` of #42 does.

    Nothing has to be applied before the merge.

    | environment | stack | state |
    | --- | --- | --- |
    | dev | `network` | ✅ planned, nothing to apply before the merge |
    | prod | `network` | ✅ planned, nothing to apply before the merge |

    = As on #42: All is planned
    ");
    insta::assert_snapshot!(asked(&situation().files(&["README.md"])), @"
    check slipway on eeeeeee: Some(Success): As on #42: Nothing to do: This commit of the merge queue stands as `aaaaaaa` of #42 does.

    This change touches no stack.

    = As on #42: Nothing to do
    ");
}

#[test]
fn what_is_not_green_is_answered_all_the_same_and_at_once() {
    let running = changed()
        .run(planned(1, "network", "dev", 1))
        .run(plan(2, "network", "prod").running());
    insta::assert_snapshot!(asked(&running), @"
    check slipway on eeeeeee: Some(Failure): #42 is not green: Under way: This commit of the merge queue stands as `aaaaaaa` of #42 does. Once that check is green, add the pull request to the queue again.

    Plans or applies of this commit are queued or under way. The table follows when they are over.

    = #42 is not green: Under way
    ");
    for other in [
        changed(),
        changed().run(plan(1, "network", "dev").failed_early()),
        changed().files_unread(),
        changed().with_broken_config(),
    ] {
        assert!(
            asked(&other).contains("check slipway on eeeeeee: Some(Failure): #42 is not green")
        );
    }
}

#[test]
fn without_a_deploy_toml_it_is_answered_where_it_is_required() {
    let nothing = changed().without_config();
    insta::assert_snapshot!(asked(&nothing), @"= the default branch has no deploy.toml");
    let required = nothing.required(&[SUMMARY_CHECK_NAME]);
    assert!(asked(&required).contains("Some(Success)"));
}

#[test]
fn a_group_is_asked_for_again() {
    let key = ReportKey::GroupCheck(PR, sha('e'));
    let again = situation().files(&["README.md"]).rerequests(&key);
    assert!(
        again.contains("check slipway on eeeeeee again: Some(Success)"),
        "{again}"
    );
}
