//! Rollouts that fail, and ways back.

use slipway_sandbox::kubernetes::Outcome;
use slipway_sandbox::world::ci::Build;

use crate::bot::{Story, tell};
use crate::ship::pinned;

#[test]
fn a_crashing_image_is_told_early_and_rolled_back() {
    tell(|mut story| async {
        let (_, good, digest) = story.live("first").await?;
        let (pr, bad, _) = story.ship("second", Build::Crashing).await?;
        insta::assert_snapshot!(story.reads(pr, "is back on").await?, @r#"
        ### ↩️ shop in dev is back on `COMMIT` (#1): `COMMIT` (#2) failed

        Deployment/shop, container shop: CrashLoopBackOff: exit code 3 (Error), restarted once.

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **CrashLoopBackOff**: exit code 3 (Error), restarted once | 3 | 1 |

        <details><summary>Last lines of shop in shop-POD</summary>

        ```
        shop: starting
        shop: reading /etc/shop/config.toml
        shop: fatal: unknown key `currncy`
        ```

        </details>

        <details><summary>Events</summary>

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning BackOff: Back-off restarting failed container shop in pod shop-POD_shop(UUID)
        ```

        </details>

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(story.sees_check(&bad, "dev").await?, @r#"
        [failure] COMMIT failed; back on COMMIT

        ### ↩️ shop in dev is back on `COMMIT` (#1): `COMMIT` (#2) failed

        Deployment/shop, container shop: CrashLoopBackOff: exit code 3 (Error), restarted once.

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **CrashLoopBackOff**: exit code 3 (Error), restarted once | 3 | 1 |

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)


        #### Last lines of shop in shop-POD

        ```
        shop: starting
        shop: reading /etc/shop/config.toml
        shop: fatal: unknown key `currncy`
        ```

        #### Events

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning BackOff: Back-off restarting failed container shop in pod shop-POD_shop(UUID)
        ```


        ( Retry: Try the same again )
        "#);
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let first = story.deployment("dev", 0, "inactive").await?;
        assert_eq!(*first.sha, *good);
        let failed = story.deployment("dev", 1, "failure").await?;
        assert_eq!(*failed.sha, *bad);
        let back = story.deployment("dev", 2, "success").await?;
        assert_eq!(*back.sha, *good);

        // The hold keeps the next merge off until somebody lifts it.
        let (held, third, newest) = story.ship("third", Build::Good).await?;
        insta::assert_snapshot!(story.reads(held, "Not deployed to dev").await?, @r"
        ### ⛔ Not deployed to dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | hold | set by Slipway: rollout of COMMIT failed | `/resume dev` |
        ");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let asked = story.say("ana", held, "/resume dev").await?;
        insta::assert_snapshot!(story.reads(held, "is resumed").await?, @r"
        ### ▶️ dev is resumed

        The hold that Slipway set at TIME (rollout of COMMIT failed) is lifted: the next merge deploys by itself again. What was merged meanwhile is not deployed by itself: `/deploy dev`.
        ");
        story.sees(asked, "rocket").await?;
        story.say("ana", held, "/deploy dev").await?;
        insta::assert_snapshot!(story.reads(held, "is live in dev").await?, @r"
        ### 🚀 shop is live in dev: `COMMIT` (#3), `sha256:DIGEST…`, in N s

        was `COMMIT` (#1) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-3-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`
        ");
        assert_eq!(story.image("dev"), Some(pinned(&newest)));
        story.deployment("dev", 2, "inactive").await?;
        let third = story.sees_check(&third, "dev").await?;
        assert!(third.contains("Roll back"), "{third}");
        // And the next merge goes by itself again.
        story.live("fourth").await?;
        Ok(story)
    });
}

#[test]
fn an_image_that_nodes_cannot_pull_is_told() {
    tell(|mut story| async {
        let (_, _, digest) = story.live("first").await?;
        let pr = story.greet("ana", "second", "Second.\n").await?;
        let sha = story.merge("ana", pr).await?;
        let image = story.world.push_image(&sha, &sha, Build::Good).await?;
        let cluster = &story.world.dev.cluster;
        cluster.set_image_rule(&image, Outcome::ImagePullBackOff);
        story.world.announce(&sha, &image).await?;
        insta::assert_snapshot!(story.reads(pr, "is back on").await?, @r#"
        ### ↩️ shop in dev is back on `COMMIT` (#1): `COMMIT` (#2) failed

        Deployment/shop, container shop: ImagePullBackOff: Back-off pulling image "ghcr.io/acme/shop@&#8203;sha256:DIGEST": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/acme/shop@&#8203;sha256:DIGEST": failed to resolve reference "ghcr.io/acme/shop@&#8203;sha256:DIGEST": ghcr.io/acme/shop@&#8203;sha256:DIGEST…

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **ImagePullBackOff**: Back-off pulling image "ghcr.io/acme/shop@&#8203;sha256:DIGEST": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/acme/shop@&#8203;sha256:DIGEST": failed to resolve reference "ghcr.io/acme/shop@&#8203;sha256:DIGEST": ghcr.io/acme/shop@&#8203;sha256:DIGEST… | – | 0 |

        <details><summary>Events</summary>

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Warning Failed: Failed to pull image "ghcr.io/acme/shop@sha256:DIGEST": rpc error: code = NotFound desc = failed to pull and unpack image "ghcr.io/acme/shop@sha256:DIGEST": failed to resolve reference "ghcr.io/acme/shop@sha256:DIGEST": ghcr.io/acme/shop@sha256:DIGEST…
        Warning Failed: Error: ErrImagePull
        Normal BackOff: Back-off pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Warning Failed: Error: ImagePullBackOff
        ```

        </details>

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn an_image_that_is_never_ready_meets_its_deadline() {
    tell(|mut story| async {
        let changes = [("rollout      = \"2m\"", "rollout = \"2s\"")];
        story.configure(&changes).await?;
        let (pr, sha, _) = story.ship("first", Build::NeverReady).await?;
        insta::assert_snapshot!(story.reads(pr, "no earlier good release").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Not ready within N s: 0 of 2 ready.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **NotReady**: container shop runs but is not ready | – | 0 |
        | `shop-POD` | `shop` | **NotReady**: container shop runs but is not ready | – | 0 |

        <details><summary>Last lines of shop in shop-POD</summary>

        ```
        starting ghcr.io/acme/shop@sha256:DIGEST
        not ready: a dependency does not answer
        ```

        </details>

        <details><summary>Last lines of shop in shop-POD</summary>

        ```
        starting ghcr.io/acme/shop@sha256:DIGEST
        not ready: a dependency does not answer
        ```

        </details>

        <details><summary>Events</summary>

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503
        ```

        </details>

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        insta::assert_snapshot!(story.sees_check(&sha, "dev").await?, @r#"
        [failure] Not ready within N s: 0 of 2 ready

        ### ❌ shop did not go live in dev: `COMMIT` (#1)

        Not ready within N s: 0 of 2 ready.

        There is no earlier good release to go back to: mend it and merge, or deploy another commit.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **NotReady**: container shop runs but is not ready | – | 0 |
        | `shop-POD` | `shop` | **NotReady**: container shop runs but is not ready | – | 0 |

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)


        #### Last lines of shop in shop-POD

        ```
        starting ghcr.io/acme/shop@sha256:DIGEST
        not ready: a dependency does not answer
        ```

        #### Last lines of shop in shop-POD

        ```
        starting ghcr.io/acme/shop@sha256:DIGEST
        not ready: a dependency does not answer
        ```

        #### Events

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 503
        ```


        ( Retry: Try the same again )
        "#);
        story.deployment("dev", 0, "failure").await?;
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "is not rolled back").await?, @r"
        ### ⛔ shop is not rolled back in dev

        There is no earlier good release to go back to; `COMMIT` is the first. Roll forward: merge a fix, or `/deploy dev shop --sha SHA`.
        ");
        Ok(story)
    });
}

#[test]
fn a_person_rolls_back_and_forth() {
    tell(|mut story| async {
        let (_, first, old) = story.live("first").await?;
        let (_, _, _) = story.live("second").await?;
        let (pr, _, new) = story.live("third").await?;
        let asked = story
            .say("ana", pr, &format!("/rollback dev --to {}", &first[..8]))
            .await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @r"
        ### ↩️ shop is back in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        was `COMMIT` (#3) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-3-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN)
        ");
        story.sees(asked, "rocket").await?;
        assert_eq!(story.image("dev"), Some(pinned(&old)));
        story.deployment("dev", 2, "inactive").await?;
        let back = story.deployment("dev", 3, "success").await?;
        assert_eq!(*back.sha, *first);
        story.say("ana", pr, "/rollback dev --to 0123456").await?;
        insta::assert_snapshot!(story.reads(pr, "No good release of that commit").await?, @r"
        ### ⛔ shop is not rolled back in dev

        No good release of that commit. The latest ones:

        - `COMMIT` live since TIME: `/rollback dev shop --to COMMIT`
        ");
        story.say("ana", pr, "/resume dev").await?;
        story.reads(pr, "is resumed").await?;
        // What was rolled back from is deployed again only because somebody says so.
        story.say("ana", pr, "/deploy dev").await?;
        story.deployment("dev", 4, "success").await?;
        story.reads_all(pr, "is live in dev").await?;
        insta::assert_snapshot!(story.reads(pr, "(#1) · 2 of 2").await?, @r"
        ### 🚀 shop is live in dev: `COMMIT` (#3), `sha256:DIGEST…`, in N s

        was `COMMIT` (#1) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-3-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN) · undo: `/rollback dev`
        ");
        assert_eq!(story.image("dev"), Some(pinned(&new)));
        Ok(story)
    });
}

#[test]
fn there_is_nothing_to_go_back_to() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let asked = story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "ever released").await?, @r"
        ### ⛔ shop is not rolled back in dev

        Nothing of it was ever released there.
        ");
        story.sees(asked, "-1").await?;
        let (pr, _, _) = story.live("first").await?;
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "no earlier good release").await?, @r"
        ### ⛔ shop is not rolled back in dev

        There is no earlier good release to go back to; `COMMIT` is the first. Roll forward: merge a fix, or `/deploy dev shop --sha SHA`.
        ");
        story.say("mallory", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "mallory").await?, @r"
        ### ⛔ Not rolled back in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | mallory may not deploy in dev | somebody with `write` |
        ");
        Ok(story)
    });
}

#[test]
fn buttons_do_what_their_commands_do() {
    tell(|mut story| async {
        let (_, _, old) = story.live("first").await?;
        let (pr, sha, new) = story.live("second").await?;
        let check = story.check(&sha, "deploy shop to dev").await?;
        let github = &story.world.github;
        // GitHub itself keeps people without a right to push off the buttons.
        assert!(
            github
                .press_button("mallory", check.id, "rollback")
                .await
                .is_err()
        );
        github.press_button("ana", check.id, "rollback").await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @r"
        ### ↩️ shop is back in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        was `COMMIT` (#2) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.image("dev"), Some(pinned(&old)));
        story.deployment("dev", 1, "inactive").await?;
        // Its check offers nothing any more that is not true.
        story.caught_up().await?;
        let shown = story.check(&sha, "deploy shop to dev").await?;
        insta::assert_snapshot!(story.deploy_shown(&shown), @r"
        [success] COMMIT is live after N s

        ### 🚀 shop is live in dev: `COMMIT` (#2), `sha256:DIGEST…`, in N s

        was `COMMIT` (#1) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN)
        ");
        assert_ne!(old, new);
        Ok(story)
    });
}

#[test]
fn a_press_is_refused_to_who_may_not() {
    tell(|mut story| async {
        let changes = [(
            "[environments.prod]",
            "[environments.dev.allow]\ndeploy = [\"maintain\"]\n\n[environments.prod]",
        )];
        story.configure(&changes).await?;
        story.live("first").await?;
        let (pr, sha, digest) = story.live("second").await?;
        let check = story.check(&sha, "deploy shop to dev").await?;
        story
            .world
            .github
            .press_button("ana", check.id, "rollback")
            .await?;
        insta::assert_snapshot!(story.reads(pr, "Not rolled back").await?, @r"
        ### ⛔ Not rolled back in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not deploy in dev | somebody with `maintain` |
        ");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        assert_eq!(
            story
                .world
                .github
                .deployments(slipway_sandbox::world::REPO)
                .len(),
            2
        );
        Ok(story)
    });
}

#[test]
fn retry_is_pressed_after_the_cause_is_mended() {
    tell(|mut story| async {
        let pr = story.greet("ana", "hello", "Hello.\n").await?;
        let head = story.head(pr);
        story.world.push_image(&head, "", Build::Good).await?;
        story.say("ana", pr, "/deploy dev").await?;
        story.reads(pr, "did not go live").await?;
        let check = story.check(&head, "deploy shop to dev").await?;
        let digest = story.world.publish(&head, Build::Good).await?;
        story
            .world
            .github
            .press_button("ana", check.id, "retry")
            .await?;
        story.reads(pr, "is live in dev").await?;
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        Ok(story)
    });
}

#[test]
fn where_nothing_is_rolled_back_by_itself_a_person_does() {
    tell(|mut story| async {
        let changes = [("on_failure  = \"rollback\"", "on_failure = \"stop\"")];
        story.configure(&changes).await?;
        let (_, _, digest) = story.live("first").await?;
        let (pr, _, _) = story.ship("second", Build::Crashing).await?;
        insta::assert_snapshot!(story.reads(pr, "Nothing is rolled back").await?, @r#"
        ### ❌ shop did not go live in dev: `COMMIT` (#2)

        Deployment/shop, container shop: CrashLoopBackOff: exit code 3 (Error), restarted once.

        Nothing is rolled back by itself here: `/rollback dev` goes back to `COMMIT`.

        | pod | container | reason | exit code | restarts |
        | --- | --- | --- | --- | --- |
        | `shop-POD` | `shop` | **CrashLoopBackOff**: exit code 3 (Error), restarted once | 3 | 1 |

        <details><summary>Last lines of shop in shop-POD</summary>

        ```
        shop: starting
        shop: reading /etc/shop/config.toml
        shop: fatal: unknown key `currncy`
        ```

        </details>

        <details><summary>Events</summary>

        ```
        Normal Scheduled: Successfully assigned shop/shop-POD to NODE
        Normal Pulling: Pulling image "ghcr.io/acme/shop@sha256:DIGEST"
        Normal Pulled: Successfully pulled image "ghcr.io/acme/shop@sha256:DIGEST" in 1.204s (1.204s including waiting). Image size: N bytes.
        Normal Created: Created container: shop
        Normal Started: Started container shop
        Warning BackOff: Back-off restarting failed container shop in pod shop-POD_shop(UUID)
        ```

        </details>

        `sha256:DIGEST…` · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [run](http://HERE/runs/RUN)
        "#);
        story.say("ana", pr, "/rollback dev").await?;
        insta::assert_snapshot!(story.reads(pr, "is back in dev").await?, @r"
        ### ↩️ shop is back in dev: `COMMIT` (#1), `sha256:DIGEST…`, in N s

        ⏸️ Automatic deploys to dev are on hold until `/resume dev`.

        was `COMMIT` (#2) · 2 of 2 ready · image proven from this commit · as `slipway-deploy` in 111111111111 (session `slipway-acme.shop-2-ana`) · [dev.shop.example.com](https://dev.shop.example.com) · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.image("dev"), Some(pinned(&digest)));
        let last = story.deployment("dev", 2, "success").await?;
        assert_eq!(Story::history(&last), ["queued", "in_progress", "success"]);
        Ok(story)
    });
}
