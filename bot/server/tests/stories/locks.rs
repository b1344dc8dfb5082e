//! Locks: one pull request at a time on a stack, and people who claim an environment.

use std::time::Duration;

use slipway_sandbox::world::REPO;

use crate::bot::{PATIENCE, Story, tell};

const NETWORK: &str = "infra/01-network/dev.tfvars";

/// Opens a pull request that gives dev's network another range, and waits for its plan.
pub(crate) async fn another_network(
    story: &mut Story,
    who: &str,
    branch: &str,
    cidr: &str,
) -> anyhow::Result<u64> {
    let text = format!("environment = \"dev\"\ncidr = \"{cidr}\"\n");
    let title = format!("A network for {branch}");
    let pr = story.open(who, branch, &title, &[(NETWORK, &text)]).await?;
    story.planned(pr, "dev", "network", "+1").await?;
    Ok(pr)
}

/// The range of dev's network as it is.
fn cidr(story: &Story) -> anyhow::Result<String> {
    let state = story.state("dev", "network")?.unwrap_or_default();
    let cidr = state.get("cidr").and_then(|cidr| cidr.as_str());
    Ok(cidr.unwrap_or_default().to_owned())
}

/// Opens a pull request that adds something to the network, in a file of its own.
pub(crate) async fn one_more(story: &mut Story, who: &str, branch: &str) -> anyhow::Result<u64> {
    let path = format!("infra/01-network/{branch}.tf");
    let text = format!("resource \"terraform_data\" \"{branch}\" {{}}\n");
    let pr = story
        .open(who, branch, "One more", &[(&path, &text)])
        .await?;
    story.planned(pr, "dev", "network", "+2").await?;
    story.planned(pr, "prod", "network", "+2").await?;
    Ok(pr)
}

#[test]
fn pull_requests_wait_in_line_until_the_first_is_merged() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = one_more(&mut story, "ben", "second").await?;
        let third = one_more(&mut story, "cleo", "third").await?;
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "✅ Applied").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "in line").await?, @r"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 1st in line: network in dev is held by ana (#1) for N s · free when #1 is merged or closed |

        [run](http://HERE/runs/RUN)
        ");
        story.say("cleo", third, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(third, "in line").await?, @r"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `cleo`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 2nd in line: network in dev is held by ana (#1) for N s · free when #1 is merged or closed |

        [run](http://HERE/runs/RUN)
        ");
        story.world.github.merge(REPO, first, "ben").await?;
        // What the merge brings was applied before.
        insta::assert_snapshot!(story.hears(first, "Nothing to do").await?, @r"
        ### Nothing to do in dev for `COMMIT`

        | stack | outcome |
        | --- | --- |
        | network | nothing to do |

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ben`) · [run](http://HERE/runs/RUN)
        ");
        insta::assert_snapshot!(story.reads(second, "⛔ Not applied").await?, @r"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | made onto `COMMIT`, `main` is at `COMMIT` now | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.reads(third, "⛔ Not applied").await?;
        story.planned(second, "dev", "network", "+1").await?;
        story.planned(third, "dev", "network", "+1").await?;
        story.say("ben", second, "/apply dev").await?;
        story.hears(second, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn the_second_pull_request_is_planned_again_when_the_first_is_closed() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "✅ Applied").await?;
        let said = story.say("ben", second, "/apply dev").await?;
        story.hears(second, "in line").await?;
        story.world.github.close(REPO, first, "ana").await?;
        insta::assert_snapshot!(story.reads(second, "⛔ Not applied").await?, @r"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⛔ not applied: the gate plan is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | plan | the state has changed since it was made | a new plan, then `/apply` again |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        story.sees(said, "-1").await?;
        story.planned(second, "dev", "network", "~1").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied \~1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-2-ben`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn an_apply_that_changed_nothing_keeps_nobody_off() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        for file in std::fs::read_dir(story.data_dir().join("artifacts/plans"))? {
            let file = file?.path();
            let bytes = std::fs::read(&file)?;
            std::fs::write(&file, &bytes[1..])?;
        }
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "⛔").await?;
        story.say("ben", second, "/plan dev").await?;
        story.check(&story.head(second), "plan dev").await?;
        story.quiet().await?;
        story.say("ben", second, "/apply dev").await?;
        story.hears(second, "✅ Applied").await?;
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_locked_environment_lets_only_its_holder_apply() {
    tell(|mut story| async {
        let bens = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        let anas = another_network(&mut story, "ana", "anas", "10.9.0.0/16").await?;
        story
            .say("ben", bens, "/lock dev a database migration")
            .await?;
        insta::assert_snapshot!(story.hears(bens, "🔒").await?, @r#"
        ### 🔒 dev is yours, @ben: "a database migration"

        It stays until it is freed · free it: `/unlock dev`
        "#);
        story.pass(Duration::from_secs(130 * 60)).await?;
        let waits = story.say("ana", anas, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(anas, "in line").await?, @r"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 1st in line: dev is held by ben (#1) for 2 h 10 min: “a database migration” · `/unlock dev` by ben or an admin frees it |

        [run](http://HERE/runs/RUN)
        ");
        let refused = story.say("ana", anas, "/unlock dev").await?;
        insta::assert_snapshot!(story.hears(anas, "🔒").await?, @r#"
        ### 🔒 dev is locked by @ben (#1) for 2 h 10 min: "a database migration"

        Free it: `/unlock dev` (@ben or an admin)
        "#);
        story.sees(refused, "-1").await?;
        assert_eq!(cidr(&story)?, "");
        story.say("ben", bens, "/unlock dev").await?;
        insta::assert_snapshot!(story.hears(bens, "🔓").await?, @r"
        ### 🔓 dev is free

        @ben held it for 2 h 10 min. Next in line: #2.
        ");
        insta::assert_snapshot!(story.reads(anas, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-2-ana`) · 🔒 network in dev for this pull request until it is merged or closed · [run](http://HERE/runs/RUN)
        "#);
        story.sees(waits, "rocket").await?;
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn the_holder_of_an_environment_applies() {
    tell(|mut story| async {
        let pr = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        story.say("ben", pr, "/lock dev mine").await?;
        story.hears(pr, "🔒").await?;
        story.say("ben", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;
        assert_eq!(cidr(&story)?, "10.8.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_lock_with_an_end_frees_itself() {
    tell(|mut story| async {
        let bens = another_network(&mut story, "ben", "bens", "10.8.0.0/16").await?;
        let anas = another_network(&mut story, "ana", "anas", "10.9.0.0/16").await?;
        story
            .say("ben", bens, "/lock dev --for 2h a database migration")
            .await?;
        insta::assert_snapshot!(story.hears(bens, "🔒").await?, @r#"
        ### 🔒 dev is yours, @ben: "a database migration"

        It frees itself in 2 h · free it: `/unlock dev`
        "#);
        story.say("ana", anas, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(anas, "in line").await?, @r"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 1st in line: dev is held by ben (#1) for N s: “a database migration” · `/unlock dev` by ben or an admin frees it · frees itself in 1 h 59 min |

        [run](http://HERE/runs/RUN)
        ");
        story.pass(Duration::from_secs(2 * 60 * 60 + 1)).await?;
        story.reads(anas, "✅ Applied").await?;
        insta::assert_snapshot!(story.hears(anas, "🔔").await?, @"
        ### 🔔 @ana: your turn came after 2 h

        - dev · network: ✅ applied
        ");
        assert_eq!(cidr(&story)?, "10.9.0.0/16");
        Ok(story)
    });
}

#[test]
fn a_pull_request_closed_during_its_apply_frees_its_lock_when_that_ends() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        story.valve.shut("apply")?;
        story.say("ana", first, "/apply dev").await?;
        let waiting = story.valve.reached("apply").await?;
        story.say("ben", second, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(second, "in line").await?, @r"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `ben`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 1st in line: network in dev is held by ana (#1) for N s · free when #1 is merged or closed |

        [run](http://HERE/runs/RUN)
        ");
        story.world.github.close(REPO, first, "ana").await?;
        story.world.github.idle(PATIENCE).await?;
        waiting.release();
        insta::assert_snapshot!(story.settles(first, "✅ Applied").await?, @r#"
        ### ✅ Applied `COMMIT` in dev · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ✅ applied +1 in N s |

        <details><summary>network: outputs</summary>

        ```hcl
        vpc = "shop-dev"
        ```

        </details>

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        "#);
        story.reads(second, "⛔ Not applied").await?;
        story.planned(second, "dev", "network", "~1").await?;
        Ok(story)
    });
}

#[test]
fn of_two_that_race_for_a_stack_one_wins() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.8.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.9.0.0/16").await?;
        let (one, two) = tokio::join!(
            story.say("ana", first, "/apply dev"),
            story.say("ben", second, "/apply dev")
        );
        one?;
        two?;
        let (winner, loser) = story
            .world
            .github
            .until("one to win and one to wait", PATIENCE, |model| {
                let bot = model.bot_login();
                let about = |text: &str| {
                    let mut all = model.repository(REPO)?.comments.iter();
                    let found = all.find(|c| c.author == bot && c.body.contains(text));
                    found.map(|comment| comment.number)
                };
                Some((about("✅ Applied")?, about("in line")?))
            })
            .await?;
        assert_ne!(winner, loser);
        story.hears(winner, "✅ Applied").await?;
        story.hears(loser, "in line").await?;
        let won = if winner == first {
            "10.8.0.0/16"
        } else {
            "10.9.0.0/16"
        };
        assert_eq!(cidr(&story)?, won);
        story.world.github.close(REPO, winner, "cleo").await?;
        story.reads(loser, "⛔ Not applied").await?;
        story.planned(loser, "dev", "network", "~1").await?;
        assert_eq!(cidr(&story)?, won);
        Ok(story)
    });
}
