use std::time::Duration;

use super::{commit, env, faults, identity, page, release, service};
use crate::report::deploy_comment::*;

fn deploy(state: DeployState) -> DeployComment {
    DeployComment {
        key: "deploy:dev:shop".to_owned(),
        service: service("shop"),
        env: env("dev"),
        release: release("abc1234", 42),
        was: Some(release("def5678", 40)),
        state,
        identity: Some(identity("slipway-deploy")),
        provenance: Some(Provenance::Label),
        url: Some("https://dev.shop.example.com".to_owned()),
        page: Some(page()),
        undo: Some("/rollback dev".to_owned()),
        back: false,
    }
}

fn failure() -> RolloutFailure {
    RolloutFailure {
        summary: "1 of 3 pods keeps crashing".to_owned(),
        containers: vec![ContainerTrouble {
            pod: "shop-6d4f-x2x".to_owned(),
            container: "shop".to_owned(),
            reason: "CrashLoopBackOff".to_owned(),
            message: Some("back-off 40s restarting failed container".to_owned()),
            exit_code: Some(137),
            restarts: 4,
            log: vec!["starting".to_owned(), "```out of | memory @ana".to_owned()],
        }],
        events: vec!["Warning BackOff: Back-off restarting failed container".to_owned()],
        previous_serving: true,
        more: Vec::new(),
    }
}

#[test]
fn live() {
    let state = DeployState::Live {
        ready: 6,
        wanted: 6,
        took: Duration::from_secs(74),
    };
    insta::assert_snapshot!(deploy(state).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### 🚀 shop is live in dev: `abc1234` (#42), `sha256:9f3c9f3c…`, in 74 s

    was `def5678` (#40) · 6 of 6 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
}

#[test]
fn on_the_way() {
    let queued =
        DeployState::Queued("Outside the window; opens Mon 09:00 Europe/Berlin".to_owned());
    insta::assert_snapshot!(deploy(queued).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### ⏳ shop waits to go to dev: `abc1234` (#42)

    Outside the window; opens Mon 09:00 Europe/Berlin

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
    let waiting = DeployState::WaitingForImage {
        image: "ghcr.io/acme/shop:sha-abc1234".to_owned(),
        until: "2026-03-02T09:20:00Z".parse().unwrap(),
    };
    insta::assert_snapshot!(deploy(waiting).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### ⏳ shop waits for its image to go to dev: `abc1234` (#42)

    CI has not published `ghcr.io/acme/shop:sha-abc1234` yet. It goes on by itself once it has, and gives up at 2026-03-02 09:20 UTC.

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
    let rolling = DeployState::RollingOut {
        ready: 3,
        wanted: 6,
        elapsed: Duration::from_secs(40),
    };
    insta::assert_snapshot!(deploy(rolling).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### 🔄 shop is rolling out to dev: `abc1234` (#42)

    3 of 6 ready · 40 s

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
}

#[test]
fn failed_with_its_cause() {
    let failed = deploy(DeployState::Failed(failure()));
    let body = failed.markdown();
    assert_eq!(faults(&body), None);
    insta::assert_snapshot!(body, @"
    <!-- slipway:deploy:dev:shop -->
    ### ❌ shop did not go live in dev: `abc1234` (#42)

    1 of 3 pods keeps crashing

    The release before is still serving.

    | pod | container | reason | exit code | restarts |
    | --- | --- | --- | --- | --- |
    | `shop-6d4f-x2x` | `shop` | **CrashLoopBackOff**: back-off 40s restarting failed container | 137 (killed: often out of memory) | 4 |

    <details><summary>Last lines of shop in shop-6d4f-x2x</summary>

    ````
    starting
    ```out of | memory @ana
    ````

    </details>

    <details><summary>Events</summary>

    ```
    Warning BackOff: Back-off restarting failed container
    ```

    </details>

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
    let check = failed.check("slipway/deploy: dev");
    insta::assert_snapshot!(format!("{:?} {:?} {}", check.status, check.conclusion, check.title), @"Completed Some(Failure) 1 of 3 pods keeps crashing");
    insta::assert_snapshot!(check.summary, @"
    ### ❌ shop did not go live in dev: `abc1234` (#42)

    1 of 3 pods keeps crashing

    The release before is still serving.

    | pod | container | reason | exit code | restarts |
    | --- | --- | --- | --- | --- |
    | `shop-6d4f-x2x` | `shop` | **CrashLoopBackOff**: back-off 40s restarting failed container | 137 (killed: often out of memory) | 4 |

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
    insta::assert_snapshot!(check.text, @"
    #### Last lines of shop in shop-6d4f-x2x

    ````
    starting
    ```out of | memory @ana
    ````

    #### Events

    ```
    Warning BackOff: Back-off restarting failed container
    ```
    ");
}

#[test]
fn rolled_back() {
    let state = DeployState::RolledBack {
        failure: failure(),
        to: release("def5678", 40),
        hold: true,
    };
    let mut comment = deploy(state);
    comment.undo = None;
    insta::assert_snapshot!(comment.markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### ↩️ shop in dev is back on `def5678` (#40): `abc1234` (#42) failed

    1 of 3 pods keeps crashing

    The release before is still serving.

    ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

    | pod | container | reason | exit code | restarts |
    | --- | --- | --- | --- | --- |
    | `shop-6d4f-x2x` | `shop` | **CrashLoopBackOff**: back-off 40s restarting failed container | 137 (killed: often out of memory) | 4 |

    <details><summary>Last lines of shop in shop-6d4f-x2x</summary>

    ````
    starting
    ```out of | memory @ana
    ````

    </details>

    <details><summary>Events</summary>

    ```
    Warning BackOff: Back-off restarting failed container
    ```

    </details>

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d)
    ");
}

#[test]
fn ended_without_a_rollout() {
    let overtaken = DeployState::NotDeployed("overtaken by a newer deploy".to_owned());
    insta::assert_snapshot!(deploy(overtaken).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### 🛑 shop `abc1234` (#42) does not go to dev

    overtaken by a newer deploy

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
    let interrupted = DeployState::Interrupted {
        found: "Slipway was restarted during the rollout; 2 of 6 pods run the new image".to_owned(),
        next: vec!["/retry".to_owned(), "/rollback dev".to_owned()],
    };
    insta::assert_snapshot!(deploy(interrupted).markdown(), @"
    <!-- slipway:deploy:dev:shop -->
    ### ⚠️ shop in dev: the rollout of `abc1234` (#42) was interrupted

    Slipway was restarted during the rollout; 2 of 6 pods run the new image

    Nothing is done by itself from here. Next: `/retry` or `/rollback dev`

    was `def5678` (#40) · `sha256:9f3c9f3c…` · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-1a2b3c4d`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](https://slipway.example.com/runs/1a2b3c4d) · undo: `/rollback dev`
    ");
}

#[test]
fn a_first_deploy_by_nobody_knows_less() {
    let mut comment = deploy(DeployState::Live {
        ready: 1,
        wanted: 1,
        took: Duration::from_secs(5),
    });
    comment.was = None;
    comment.identity = None;
    comment.provenance = Some(Provenance::Off);
    comment.release.pr = None;
    comment.release.commit = commit("abc1234");
    comment.url = None;
    comment.undo = None;
    insta::assert_snapshot!(comment.markdown(), @r#"
    <!-- slipway:deploy:dev:shop -->
    ### 🚀 shop is live in dev: `abc1234`, `sha256:9f3c9f3c…`, in 5 s

    1 of 1 ready · image not proven (`provenance = "off"`) · [run](https://slipway.example.com/runs/1a2b3c4d)
    "#);
}

#[test]
fn endless_logs_keep_the_limit() {
    let mut failure = failure();
    failure.containers[0].log = (0..20_000).map(|i| format!("line {i} ```")).collect();
    let comment = deploy(DeployState::Failed(failure));
    let body = comment.markdown();
    assert!(body.len() <= crate::report::COMMENT_LIMIT);
    assert_eq!(faults(&body), None);
    assert!(body.contains("more lines: [run]"));
    assert!(body.contains("undo: `/rollback dev`"));
}
