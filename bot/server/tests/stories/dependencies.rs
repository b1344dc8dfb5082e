//! What comes before a stack is applied, or the stack is not: asked once more when its turn has come.

use crate::bot::{Story, tell};
use crate::drift::tamper;

/// ben's own pull request.
const BENS: u64 = 1;

/// A pull request that changes both stacks in dev, with the network applied. The apply of the
/// database waits, because ben has locked dev for #1; meanwhile somebody changes the network by hand, and
/// it is planned anew.
async fn waiting(story: &mut Story) -> anyhow::Result<u64> {
    let bens = [("docs/migration.md", "How it is done.\n")];
    let bens = story.open("ben", "bens", "A migration", &bens).await?;
    anyhow::ensure!(bens == BENS);
    let files = [
        (
            "infra/01-network/dev.tfvars",
            "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n",
        ),
        (
            "infra/02-database/dev.tfvars",
            "environment = \"dev\"\nsize = \"huge\"\n",
        ),
    ];
    let pr = story.open("ana", "both", "Both", &files).await?;
    story.planned(pr, "dev", "database", "+1").await?;
    story.quiet().await?;
    story.say("ana", pr, "/apply dev network").await?;
    story.hears(pr, "✅ Applied").await?;
    story.say("ben", BENS, "/lock dev a migration").await?;
    story.hears(BENS, "🔒").await?;
    story.say("ana", pr, "/apply dev database").await?;
    story.hears(pr, "1st in line").await?;
    story.caught_up().await?;
    tamper(story, "network", "10.9.0.0/16", "10.7.0.0/16")?;
    story.say("ana", pr, "/plan dev network").await?;
    story.planned(pr, "dev", "network", "~1").await?;
    Ok(pr)
}

async fn unlock(story: &mut Story) -> anyhow::Result<()> {
    story.say("ben", BENS, "/unlock dev").await?;
    story.hears(BENS, "🔓").await?;
    Ok(())
}

#[test]
fn a_new_change_of_what_comes_before_stops_an_apply_that_waited() {
    tell(|mut story| async {
        let pr = waiting(&mut story).await?;
        unlock(&mut story).await?;
        insta::assert_snapshot!(story.reads(pr, "⛔ Not applied").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ⛔ not applied: the gate dependency of database is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | dependency of database | `network` has changes that are not applied | `/apply dev network` first, or `/apply dev` for all in their order |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "database")?, None);
        // The way that it names is open.
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "| database | ✅ applied").await?;
        Ok(story)
    });
}

#[test]
fn an_apply_that_waited_is_not_done_over_a_failed_one() {
    tell(|mut story| async {
        let pr = waiting(&mut story).await?;
        story.valve.shut("apply")?;
        story.say("ben", pr, "/apply dev network").await?;
        story.valve.reached("apply").await?.kill()?;
        story.hears(pr, "❌").await?;
        unlock(&mut story).await?;
        insta::assert_snapshot!(story.reads(pr, "⛔ Not applied").await?, @"
        ### ⛔ Not applied in dev: `COMMIT` · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | database | ⛔ not applied: the gate dependency of database is closed |

        | gate | state | what opens it |
        | --- | --- | --- |
        | dependency of database | the plan of `network`: its apply failed | a new plan, then `/apply dev network` |

        next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");
        assert_eq!(story.state("dev", "database")?, None);
        Ok(story)
    });
}
