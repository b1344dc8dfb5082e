//! The check `slipway`, which branch protection can require.

use slipway_sandbox::github::Protection;
use slipway_sandbox::world::REPO;

use crate::bot::{Story, tell};

const CHECK: &str = "slipway";
const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr        = \"10.9.0.0/16\"\n";
const RULES: &str = include_str!("../../../sandbox/src/world/shop/deploy.toml");

/// People apply in dev on the open pull request, and every check has to have passed for it.
async fn by_hand(story: &Story) -> anyhow::Result<()> {
    let text = RULES.replace("auto_apply  = true", "checks = \"all\"");
    assert_ne!(text, RULES);
    story
        .push("cleo", "main", "Apply by hand", &[("deploy.toml", &text)])
        .await?;
    Ok(())
}

async fn summary(story: &Story, pr: u64) -> anyhow::Result<String> {
    story.quiet().await?;
    let check = story.check(&story.head(pr), CHECK).await?;
    Ok(story.shown(&check))
}

#[test]
fn the_required_check_follows_a_pull_request_to_its_end() {
    tell(|mut story| async {
        by_hand(&story).await?;
        let pr = story
            .open("ana", "cidr", "Another range", &[(DEV, OTHER_CIDR)])
            .await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # 1 stack to apply before the merge: /apply dev
        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | to apply |

        ---
        ");
        story.planned(pr, "dev", "network", "+1").await?;

        // Neither pending nor red checks of its own keep the bot from it.
        let said = story.say("ana", pr, "/apply dev").await?;
        story.sees(said, "rocket").await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is applied
        Nothing is left to do before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ applied |

        ---
        ");
        story.settles(pr, "in dev · asked for by").await?;

        // A new head is another commit, with a check of its own.
        let old = story.head(pr);
        story
            .push("ana", "cidr", "A remark", &[("README.md", "Shop.\n")])
            .await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # No changes
        The plans change nothing.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ no changes |

        ---
        ");
        assert_ne!(story.head(pr), old);
        Ok(story)
    });
}

#[test]
fn an_outsiders_change_waits_for_a_word_and_is_not_green() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let fork = github.fork(REPO, "mallory").await?;
        github
            .commit(
                &fork,
                "cidr",
                "mallory",
                "Trust me",
                &[(DEV, Some(OTHER_CIDR))],
            )
            .await?;
        let pr = github
            .open_pull_request(REPO, "mallory", "mallory:cidr", "main", "Trust me", false)
            .await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # Not planned: somebody with the plan right says /plan
        Somebody who may plan looks at the change and comments `/plan`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | `network` | not planned |

        ---
        ");
        story.say("ana", pr, "/plan").await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is planned
        Nothing has to be applied before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn all_moves_of_its_runs_are_one_check_run() {
    tell(|mut story| async {
        let pr = story
            .open(
                "ana",
                "wide",
                "All of it",
                &[
                    ("infra/01-network/extra.tf", "# more\n"),
                    ("infra/02-database/extra.tf", "# more\n"),
                ],
            )
            .await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: success
        # All is planned
        Nothing has to be applied before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |
        | dev | [database](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |
        | prod | [network](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |
        | prod | [database](http://HERE/runs/RUN) | ✅ planned, nothing to apply before the merge |

        ---
        ");
        let head = story.head(pr);
        let runs = story.world.github.check_runs(REPO, &head);
        assert_eq!(runs.iter().filter(|check| check.name == CHECK).count(), 1);
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_closed_pull_request_leaves_no_check_pending() {
    tell(|mut story| async {
        story.valve.shut("plan")?;
        let pr = story
            .open("ana", "cidr", "Another range", &[(DEV, OTHER_CIDR)])
            .await?;
        // Terraform stands before `plan`, and stays there until it is killed.
        let _waiting = story.valve.reached("plan").await?;
        story.world.github.close(REPO, pr, "ana").await?;
        insta::assert_snapshot!(summary(&story, pr).await?, @"
        slipway: action_required
        # Not planned: somebody with the plan right says /plan
        Somebody who may plan looks at the change and comments `/plan`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | not planned |

        ---
        ");
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_merge_queue_is_answered_by_what_stands_on_the_pull_request() {
    tell(|mut story| async {
        let github = story.world.github.clone();
        let rules = Protection {
            required_checks: vec![CHECK.to_owned()],
            strict: false,
            approvals: 0,
        };
        github.protect_branch(REPO, "main", rules).await?;
        let pr = story
            .open("ana", "cidr", "Another range", &[(DEV, OTHER_CIDR)])
            .await?;
        story.quiet().await?;
        let group = github.enqueue(REPO, pr, "ana").await?;
        let check = story.check(&group, CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway: success
        # As on #1: All is planned
        This commit of the merge queue stands as `COMMIT` of #1 does.

        Nothing has to be applied before the merge.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | `network` | ✅ planned, nothing to apply before the merge |

        ---
        ");

        // Rules that came after the check: now people apply in dev on the open pull request.
        by_hand(&story).await?;
        story.quiet().await?;
        let group = github.enqueue(REPO, pr, "ana").await?;
        let check = story.check(&group, CHECK).await?;
        insta::assert_snapshot!(story.shown(&check), @"
        slipway: failure
        # #1 is not green: 1 stack to apply before the merge: /apply dev
        This commit of the merge queue stands as `COMMIT` of #1 does. Once that check is green, add the pull request to the queue again.

        Comment `/apply dev`. What may be in the way, and what opens it: `/explain dev`.

        | environment | stack | state |
        | --- | --- | --- |
        | dev | `network` | to apply |

        ---
        ");
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}
