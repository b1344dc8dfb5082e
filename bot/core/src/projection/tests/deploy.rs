//! A deploy or rollback: comment, check run and GitHub deployment.

use super::{labels, rules, scene};
use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::ports::DeploymentState;
use crate::projection::{deploy_check, deploy_comment, deployment};
use crate::report::refusal::GateRow;
use crate::run::{Run, RunState};
use crate::testing::{
    RunKit, Situation, deploy, deployed, plan, release, rollback, run, situation, stopped,
};

fn find(facts: &Facts, number: u32) -> &Run {
    let id = run(number);
    facts.store.runs.iter().find(|run| run.id == id).unwrap()
}

fn comment(situation: &Situation, number: u32) -> String {
    let rules = rules();
    let facts = &situation.facts;
    deploy_comment(find(facts, number), &scene(facts, Some(&rules)))
        .unwrap()
        .markdown()
}

fn check(situation: &Situation, number: u32) -> String {
    let rules = rules();
    let facts = &situation.facts;
    let check = deploy_check(find(facts, number), &scene(facts, Some(&rules))).unwrap();
    format!(
        "{}: {:?} {:?}: {} [{}]",
        check.name,
        check.status,
        check.conclusion,
        check.title,
        labels(&check.buttons)
    )
}

fn statuses(situation: &Situation, number: u32) -> Vec<DeploymentState> {
    let rules = rules();
    let facts = &situation.facts;
    let (_, statuses) = deployment(find(facts, number), &scene(facts, Some(&rules))).unwrap();
    statuses.iter().map(|status| status.state).collect()
}

fn one(kit: RunKit) -> Situation {
    situation().run(kit)
}

#[test]
fn other_work_is_not_a_deploy() {
    let facts = one(plan(1, "network", "dev")).facts;
    let run = find(&facts, 1);
    assert!(deploy_comment(run, &scene(&facts, None)).is_none());
    assert!(deploy_check(run, &scene(&facts, None)).is_none());
    assert!(deployment(run, &scene(&facts, None)).is_none());
}

#[test]
fn it_is_told_from_the_first_step_to_live() {
    insta::assert_snapshot!(comment(&one(deploy(0xabcdef, "prod").state(RunState::Unconfirmed)), 0xabcdef), @"
    <!-- slipway:deploy-comment/00abcdef000000000000000000abcdef -->
    ### ✋ shop to prod, `aaaaaaa` (#42): are you sure?

    To go on, ana comments `/confirm abcdef` within 10 minutes or presses **Confirm** on the check run. `/cancel` drops it.

    [run](https://slipway.example.com/runs/00abcdef)
    ");
    insta::assert_snapshot!(comment(&one(deploy(1, "dev")), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### ⏳ shop waits to go to dev: `aaaaaaa` (#42)

    begins in a moment

    [run](https://slipway.example.com/runs/00000001)
    ");
    insta::assert_snapshot!(comment(&one(deploy(1, "dev").running()), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### ⏳ shop waits for its image to go to dev: `aaaaaaa` (#42)

    CI has not published `ghcr.io/acme/shop:sha-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` yet. It goes on by itself once it has, and gives up at 2026-03-04 10:16 UTC.

    [run](https://slipway.example.com/runs/00000001)
    ");
    insta::assert_snapshot!(comment(&one(deploy(1, "dev").digest_found('a')), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### 🔄 shop is rolling out to dev: `aaaaaaa` (#42)

    2 of 6 ready · 4 min

    `sha256:aaaaaaaa…` · as `slipway-deploy` in 111111111111 (session `slipway-00000001`) · [run](https://slipway.example.com/runs/00000001)
    ");
    let live = one(deployed(1, "dev", 'a')).release("dev", '1', 0);
    insta::assert_snapshot!(comment(&live, 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### 🚀 shop is live in dev: `aaaaaaa` (#42), `sha256:aaaaaaaa…`, in 74 s

    was `ddddddd` (#40) · 6 of 6 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-00000001`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/00000001) · undo: `/rollback dev`
    ");
}

#[test]
fn ends_without_a_rollout_are_told() {
    let refused = deploy(1, "dev")
        .outcome(Outcome::Refused {
            gates: vec![GateRow {
                gate: "approval".to_owned(),
                open: false,
                state: "0 of 1".to_owned(),
                opens: "a review".to_owned(),
            }],
        })
        .state(RunState::Refused);
    insta::assert_snapshot!(comment(&one(refused), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### ⛔ shop `aaaaaaa` (#42) does not go to dev: a gate closed

    | gate | state | what opens it |
    | --- | --- | --- |
    | approval | 0 of 1 | a review |

    [run](https://slipway.example.com/runs/00000001)
    ");
    let cancelled = deploy(1, "dev")
        .outcome(stopped("cancelled by ana", "`/retry` runs it again", false))
        .never_began(RunState::Cancelled);
    insta::assert_snapshot!(comment(&one(cancelled), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### 🛑 shop `aaaaaaa` (#42) does not go to dev

    Cancelled by ana. `/retry` runs it again.

    [run](https://slipway.example.com/runs/00000001)
    ");
    insta::assert_snapshot!(comment(&one(deploy(1, "dev").never_began(RunState::Superseded)), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### 🛑 shop `aaaaaaa` (#42) does not go to dev

    the run ended as superseded

    [run](https://slipway.example.com/runs/00000001)
    ");
    let interrupted = deploy(1, "dev")
        .outcome(stopped("2 of 6 pods run the new image", "", true))
        .state(RunState::Interrupted);
    insta::assert_snapshot!(comment(&one(interrupted), 1), @"
    <!-- slipway:deploy-comment/00000001000000000000000000000001 -->
    ### ⚠️ shop in dev: the rollout of `aaaaaaa` (#42) was interrupted

    2 of 6 pods run the new image.

    Nothing is done by itself from here. Next: `/retry` or `/rollback dev`

    [run](https://slipway.example.com/runs/00000001)
    ");
}

#[test]
fn a_failure_is_told_with_what_follows() {
    let failed = || one(deploy(7, "dev").failed());
    insta::assert_snapshot!(comment(&failed(), 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ❌ shop did not go live in dev: `aaaaaaa` (#42)

    It broke.

    Mend it.

    There is no earlier good release to go back to: mend it and merge, or deploy another commit.

    [run](https://slipway.example.com/runs/00000007)
    ");
    let going_back = failed().release("dev", 'd', 600);
    insta::assert_snapshot!(comment(&going_back, 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ❌ shop did not go live in dev: `aaaaaaa` (#42)

    It broke.

    Mend it.

    ↩️ It is being rolled back.

    [run](https://slipway.example.com/runs/00000007)
    ");
    let under_way = going_back
        .clone()
        .run(rollback(8, "dev", 'd', Some(7)).running());
    insta::assert_snapshot!(comment(&under_way, 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ❌ shop did not go live in dev: `aaaaaaa` (#42)

    It broke.

    ↩️ It is being rolled back to `ddddddd`.

    [run](https://slipway.example.com/runs/00000007)
    ");
    let back = deployed(8, "dev", 'd').but(|run| {
        run.order.work = rollback(8, "dev", 'd', Some(7)).0.order.work;
    });
    insta::assert_snapshot!(comment(&going_back.clone().run(back), 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ↩️ shop in dev is back on `ddddddd` (#42): `aaaaaaa` (#42) failed

    It broke.

    ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

    [run](https://slipway.example.com/runs/00000007)
    ");
    let neither = going_back.run(rollback(8, "dev", 'd', Some(7)).failed());
    insta::assert_snapshot!(comment(&neither, 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ❌ shop did not go live in dev: `aaaaaaa` (#42)

    It broke.

    ⚠️ The rollback to `ddddddd` did not succeed either. It broke. Mend it.

    [run](https://slipway.example.com/runs/00000007)
    ");
    insta::assert_snapshot!(comment(&one(deploy(7, "dev").failed_early()), 7), @"
    <!-- slipway:deploy-comment/00000007000000000000000000000007 -->
    ### ❌ shop did not go live in dev: `aaaaaaa` (#42)

    STS refused.

    Nothing was deployed.

    Look at the trust policy.

    [run](https://slipway.example.com/runs/00000007)
    ");
}

#[test]
fn a_rollback_that_a_person_asked_for_is_no_failures() {
    let by_hand = one(deploy(7, "dev").failed()).run(rollback(8, "dev", 'd', None).running());
    assert!(!comment(&by_hand, 7).contains("Rolling back now"));
}

#[test]
fn the_check_has_the_buttons_that_make_sense() {
    insta::assert_snapshot!(check(&one(deploy(1, "dev").state(RunState::Unconfirmed)), 1), @"deploy shop to dev: Queued None: Waits for ana to confirm [Confirm, Cancel]");
    insta::assert_snapshot!(check(&one(deploy(1, "dev")), 1), @"deploy shop to dev: Queued None: begins in a moment [Cancel]");
    insta::assert_snapshot!(check(&one(deploy(1, "dev").running()), 1), @"deploy shop to dev: Queued None: Waiting for the image of aaaaaaa [Cancel]");
    insta::assert_snapshot!(check(&one(deployed(1, "dev", 'a')).release("dev", '1', 0), 1), @"deploy shop to dev: Completed Some(Success): aaaaaaa is live after 74 s [Promote to prod, Roll back]");
    insta::assert_snapshot!(check(&one(deployed(1, "prod", 'a')).release("prod", '1', 0), 1), @"deploy shop to prod: Completed Some(Success): aaaaaaa is live after 74 s [Roll back]");
    insta::assert_snapshot!(check(&one(deployed(1, "dev", 'a')).release("dev", '2', 0), 1), @"deploy shop to dev: Completed Some(Success): aaaaaaa is live after 74 s []");
    insta::assert_snapshot!(check(&one(deploy(1, "dev").failed()), 1), @"deploy shop to dev: Completed Some(Failure): It broke [Retry]");
    insta::assert_snapshot!(check(&one(deploy(1, "dev").never_began(RunState::Superseded)), 1), @"deploy shop to dev: Completed Some(Cancelled): the run ended as superseded []");
}

#[test]
fn a_deployment_has_a_status_for_each_stage() {
    use DeploymentState::{Error, Failure, InProgress, Inactive, Queued, Success};
    for (kit, expected) in [
        (deploy(1, "dev").state(RunState::Unconfirmed), vec![Queued]),
        (deploy(1, "dev"), vec![Queued]),
        (deploy(1, "dev").running(), vec![Queued, InProgress]),
        (deploy(1, "dev").failed(), vec![Queued, InProgress, Failure]),
        (
            deploy(1, "dev").state(RunState::Interrupted),
            vec![Queued, InProgress, Error],
        ),
        (
            deploy(1, "dev").never_began(RunState::Cancelled),
            vec![Queued, Inactive],
        ),
        (
            deploy(1, "dev").state(RunState::Refused),
            vec![Queued, InProgress, Inactive],
        ),
        (
            deploy(1, "dev").never_began(RunState::Superseded),
            vec![Queued, Inactive],
        ),
    ] {
        let state = kit.0.state;
        assert_eq!(statuses(&one(kit), 1), expected, "{state:?}");
    }
    let live = one(deployed(1, "dev", 'a')).release("dev", '1', 0);
    assert_eq!(statuses(&live, 1), [Queued, InProgress, Success]);
    // A newer release of the same service there, and only that, makes it inactive.
    let elsewhere = live.clone().release("prod", '2', 0).but(|facts| {
        let mut other = release("dev", '3', 0);
        other.service = crate::testing::service("web");
        facts.store.releases.insert(0, other);
    });
    assert_eq!(statuses(&elsewhere, 1), [Queued, InProgress, Success]);
    let overtaken = live.release("dev", '2', 0);
    assert_eq!(
        statuses(&overtaken, 1),
        [Queued, InProgress, Success, Inactive]
    );
}

#[test]
fn statuses_are_only_ever_added() {
    let stages = [
        deploy(1, "dev").state(RunState::Unconfirmed),
        deploy(1, "dev"),
        deploy(1, "dev").running(),
        deploy(1, "dev").digest_found('a'),
        deployed(1, "dev", 'a'),
    ];
    let mut before = Vec::new();
    for stage in stages {
        let now = statuses(&one(stage).release("dev", '1', 0), 1);
        assert!(now.starts_with(&before), "{before:?} {now:?}");
        before = now;
    }
}

#[test]
fn a_deployment_names_what_github_shows() {
    let facts = one(deploy(1, "prod").running()).facts;
    let (made, statuses) = deployment(find(&facts, 1), &scene(&facts, None)).unwrap();
    assert!(made.production);
    assert_eq!(made.description, "deploy of shop");
    let last = statuses.last().unwrap();
    assert_eq!(
        last.environment_url.as_deref(),
        Some("https://prod.shop.example.com")
    );
    assert_eq!(last.log_url, "https://slipway.example.com/runs/00000001");
    let facts = one(rollback(1, "prod", 'd', None)).facts;
    let (made, _) = deployment(find(&facts, 1), &scene(&facts, None)).unwrap();
    assert_eq!(made.description, "rollback of shop");
}
