//! The line before a lock: who stands where, and what becomes of those behind one who leaves.

use std::time::Duration;

use slipway_sandbox::world::REPO;

use crate::bot::tell;
use crate::locks::another_network;

#[test]
fn whoever_leaves_the_line_lets_the_others_move_up() {
    tell(|mut story| async {
        let mut prs = Vec::new();
        for (who, branch, cidr) in [
            ("ana", "first", "10.1.0.0/16"),
            ("ben", "second", "10.2.0.0/16"),
            ("cleo", "third", "10.3.0.0/16"),
            ("ana", "fourth", "10.4.0.0/16"),
        ] {
            prs.push((who, another_network(&mut story, who, branch, cidr).await?));
        }
        let [first, second, third, fourth] = prs.as_slice() else {
            anyhow::bail!("four pull requests");
        };
        story.say(first.0, first.1, "/apply dev").await?;
        story.hears(first.1, "✅ Applied").await?;
        for (place, (who, pr)) in ["1st", "2nd", "3rd"].iter().zip([second, third, fourth]) {
            story.say(who, *pr, "/apply dev").await?;
            story.hears(*pr, &format!("{place} in line")).await?;
        }
        story.say("mallory", first.1, "/where").await?;
        insta::assert_snapshot!(story.hears(first.1, "live where").await?, @"
        ### What is live where

        |  | service | commit | digest | by | since | behind |
        | --- | --- | --- | --- | --- | --- | --- |
        | dev | shop | never deployed | – | – | – | – |
        | prod | shop | never deployed | – | – | – | – |

        | 🔒 | held by | since | free | in line |
        | --- | --- | --- | --- | --- |
        | dev · network | `ana` (#1) | N s ago | when #1 is merged or closed | 1st `ben` (#2), 2nd `cleo` (#3), 3rd `ana` (#4) |
        ");
        story.say("ben", second.1, "/cancel").await?;
        story.hears(second.1, "✋").await?;
        story.reads(second.1, "cancelled by ben").await?;
        story.reads(third.1, "1st in line").await?;
        story.reads(fourth.1, "2nd in line").await?;
        story.world.github.close(REPO, third.1, "cleo").await?;
        insta::assert_snapshot!(story.reads(fourth.1, "1st in line").await?, @"
        ### ⏳ Apply of `COMMIT` in dev waits · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ⏳ 1st in line: network in dev is held by ana (#1) for N s · free when #1 is merged or closed |

        [run](http://HERE/runs/RUN)
        ");
        story.reads(third.1, "closed").await?;
        story.world.github.close(REPO, first.1, "ana").await?;
        story.reads(fourth.1, "⛔ Not applied").await?;
        story.planned(fourth.1, "dev", "network", "~1").await?;
        story.say("ana", fourth.1, "/apply dev").await?;
        story.hears(fourth.1, "✅ Applied").await?;
        Ok(story)
    });
}

#[test]
fn who_waited_long_is_told_that_their_turn_has_come() {
    tell(|mut story| async {
        let first = another_network(&mut story, "ana", "first", "10.1.0.0/16").await?;
        let second = another_network(&mut story, "ben", "second", "10.2.0.0/16").await?;
        story.say("ana", first, "/apply dev").await?;
        story.hears(first, "✅ Applied").await?;
        story.say("ben", second, "/apply dev").await?;
        story.hears(second, "1st in line").await?;
        story.pass(Duration::from_secs(10 * 60)).await?;
        story.world.github.close(REPO, first, "ana").await?;
        insta::assert_snapshot!(story.hears(second, "🔔").await?, @"
        ### 🔔 @ben: your turn came after 10 min

        - dev · network: ⛔ not applied: its plan was out of date and is made again; look at the new plan, then `/apply dev`
        ");
        story.reads(second, "⛔ Not applied").await?;
        story.planned(second, "dev", "network", "~1").await?;
        story.say("ben", second, "/apply dev").await?;
        story.hears(second, "✅ Applied").await?;
        Ok(story)
    });
}
