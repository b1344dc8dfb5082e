//! State locks that a dead Terraform left behind: seen, and forced open by those who may.

use std::time::Duration;

use serde_json::json;

use crate::bot::{Story, tell};

const NETWORK: &str = "infra/01-network/dev.tfvars";
const TFLOCK: &str = "network.tfstate.tflock";

pub(crate) const BENS: &str = "0b6c5b0e-5b0c-7d8c-1f0a-2c2f1b0a9d7e";
const ZOES: &str = "9d7e5b0e-5b0c-7d8c-1f0a-2c2f1b0a0b6c";

/// Somebody's Terraform takes the state lock of dev's network, and dies.
pub(crate) fn leave_behind(story: &Story, id: &str, who: &str) -> anyhow::Result<()> {
    let bucket = story.world.dev.bucket.clone();
    let since = story.world.clock.now() - Duration::from_secs(2 * 3600 + 630);
    let lock = json!({
        "ID": id,
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": who,
        "Version": "1.11.4",
        "Created": since.to_string(),
        "Path": format!("{bucket}/network.tfstate"),
    });
    story
        .world
        .aws
        .put_object(&bucket, TFLOCK, lock.to_string())?;
    Ok(())
}

pub(crate) fn is_locked(story: &Story) -> bool {
    let bucket = &story.world.dev.bucket;
    story.world.aws.object(bucket, TFLOCK).is_some()
}

#[test]
fn a_lock_that_was_left_behind_is_forced_open_by_an_admin_who_names_it() {
    tell(|mut story| async {
        story
            .with_settings(
                "state_lock_timeout = \"20s\"",
                "state_lock_timeout = \"1s\"",
            )
            .await?;
        let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
        let files = [(NETWORK, text)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        leave_behind(&story, BENS, "ben@laptop")?;
        story.say("ana", pr, "/apply dev").await?;
        insta::assert_snapshot!(story.hears(pr, "❌ Apply").await?, @"
        ### ❌ Apply of `COMMIT` in dev failed · asked for by `ana`

        | stack | outcome |
        | --- | --- |
        | network | ❌ failed after N s |

        - ❌ network: the state is locked: held by ben@&#8203;laptop since TIME, for 2 h 10 min (OperationTypeApply), lock UUID — wait for it to end; if nobody is at work there any more, `/force-unlock dev network UUID`. Slipway never frees a state lock by itself

        as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-ana`) · next: `/retry` or `/explain dev` · [run](http://HERE/runs/RUN)
        ");

        // By those who may, and by its id.
        let said = format!("/force-unlock dev network {BENS}");
        insta::assert_snapshot!(story.ask("ana", pr, &said).await?, @"
        (eyes -1)
        ### ⛔ Not unlocked in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | right | ana may not force-unlock in dev | somebody with `admin` |
        ");
        insta::assert_snapshot!(story.ask("cleo", pr, "/force-unlock dev network not-that-one").await?, @"
        (eyes -1)
        ### ⛔ Not unlocked in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | lock id | the lock that was seen is `UUID`, held by ben@&#8203;laptop since TIME, for 2 h 10 min (OperationTypeApply) | its id; `/plan dev network` shows whether there is another lock now |
        ");
        assert!(is_locked(&story));

        // Meanwhile another has come to hold it: Terraform itself refuses the old id.
        leave_behind(&story, ZOES, "zoe@ci")?;
        story.say("cleo", pr, &said).await?;
        insta::assert_snapshot!(story.hears(pr, "was not forced open").await?, @"
        ### ❌ The state lock of network in dev was not forced open

        the state has another lock now: UUID, held by zoe@&#8203;ci since TIME, for 2 h 10 min (OperationTypeApply) — if nobody is at work under that one, `/force-unlock dev network UUID`

        asked for by cleo · as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-cleo`) · [run](http://HERE/runs/RUN)
        ");
        assert!(is_locked(&story));

        let said = format!("/force-unlock dev network {ZOES}");
        let comment = story.say("cleo", pr, &said).await?;
        insta::assert_snapshot!(story.hears(pr, "is gone").await?, @"
        ### 🔓 The state lock of network in dev is gone

        Lock `UUID` was held by zoe@&#8203;ci since TIME, for 2 h 10 min (OperationTypeApply).

        asked for by cleo · as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-cleo`) · next: `/plan dev network` · [run](http://HERE/runs/RUN)
        ");
        story.sees(comment, "rocket").await?;
        assert!(!is_locked(&story));
        let roles = story.roles();
        assert_eq!(roles.last().map(String::as_str), Some("slipway-apply"));

        // The apply goes on: what was planned is planned again, since its apply was begun.
        story.say("ana", pr, "/plan dev").await?;
        story.quiet().await?;
        story.planned(pr, "dev", "network", "+1").await?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;

        // Nothing is there to be forced open any more.
        story.say("cleo", pr, &said).await?;
        insta::assert_snapshot!(story.hears(pr, "was not forced open").await?, @"
        ### ❌ The state lock of network in dev was not forced open

        Failed to unlock state: unable to retrieve file from S3 bucket 'acme-shop-dev-state' with key 'network.tfstate.tflock': operation error S3: GetObject, https response error StatusCode: 404, RequestID: UUID, HostID: sandbox, NoSuchKey: — `/plan dev network` shows whether the state is locked

        asked for by cleo · as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-cleo`) · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_lock_that_nobody_saw_is_forced_open_and_takes_no_plan_along() {
    tell(|mut story| async {
        let text = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
        let files = [(NETWORK, text)];
        let pr = story.open("ana", "cidr", "Another network", &files).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        leave_behind(&story, BENS, "ben@laptop")?;
        // Nobody saw it before; its id is known from elsewhere.
        let said = format!("/force-unlock dev network {BENS}");
        story.say("cleo", pr, &said).await?;
        insta::assert_snapshot!(story.hears(pr, "is gone").await?, @"
        ### 🔓 The state lock of network in dev is gone

        Lock `UUID`. Slipway had not seen who held it.

        asked for by cleo · as `slipway-apply` in 111111111111 (session `slipway-acme.shop-1-cleo`) · next: `/plan dev network` · [run](http://HERE/runs/RUN)
        ");
        assert!(!is_locked(&story));

        // The plan that was made before is as good as ever.
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "✅ Applied").await?;

        // Somebody who claims the environment may be at work there.
        story.say("ben", pr, "/lock dev by hand").await?;
        story.hears(pr, "is yours").await?;
        let other = story
            .open("ana", "other", "Nothing", &[("docs/a.md", "a")])
            .await?;
        insta::assert_snapshot!(story.ask("cleo", other, &said).await?, @"
        (eyes -1)
        ### ⛔ Not unlocked in dev

        | gate | state | what opens it |
        | --- | --- | --- |
        | lock | held by ben (#1) for N s: “by hand” | `/unlock dev` by ben or an admin |
        ");
        Ok(story)
    });
}
