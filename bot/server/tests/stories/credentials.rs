//! Credentials: a run may take longer than a session of its role.

use std::time::Duration;

use slipway_sandbox::aws::AssumedRole;

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
/// What `session` in deploy.toml is when nothing is said, and a minute.
const BEYOND_A_SESSION: Duration = Duration::from_secs(61 * 60);

/// Somebody applies the network, and the session is over by the time that Terraform begins.
async fn apply_beyond_a_session(story: &mut Story) -> anyhow::Result<u64> {
    let files = [(DEV, OTHER_CIDR)];
    let pr = story.open("ana", "cidr", "Another network", &files).await?;
    story.check(&story.head(pr), "plan dev").await?;
    story.valve.shut("apply")?;
    story.say("ana", pr, "/apply dev").await?;
    let waiting = story.valve.reached("apply").await?;
    assert_eq!(story.roles(), ["slipway-plan", "slipway-apply"]);
    story.pass(BEYOND_A_SESSION).await?;
    waiting.release();
    Ok(pr)
}

#[test]
fn an_apply_goes_on_when_its_session_ends() {
    tell(|mut story| async {
        let pr = apply_beyond_a_session(&mut story).await?;
        let applied = story.reads(pr, "✅ Applied").await?;
        assert!(applied.contains("✅ applied +1"), "{applied}");
        story.reads(pr, "### Plan").await?;
        assert!(story.state("dev", "network")?.is_some());

        let assumed = story.world.aws.assumed();
        let [_, first, second] = assumed.as_slice() else {
            panic!("{assumed:?}");
        };
        // The same role for the same person, and the state is written in its second session.
        let who = |role: &AssumedRole| {
            let source = role.source_identity.clone();
            (role.role_arn.clone(), role.session_name.clone(), source)
        };
        assert_eq!(who(first), who(second));
        assert_ne!(first.access_key_id, second.access_key_id);
        let journal = story.world.aws.journal();
        let refused: Vec<_> = journal.iter().filter_map(|e| e.error.as_deref()).collect();
        assert!(!refused.contains(&"ExpiredToken"), "{refused:?}");
        Ok(story)
    });
}

#[test]
fn keys_in_the_environment_end_with_their_session() {
    tell(|mut story| async {
        let keys = "[terraform]\ncredentials = \"environment\"";
        story.with_settings("[terraform]", keys).await?;
        let pr = apply_beyond_a_session(&mut story).await?;
        let failed = story.reads(pr, "❌").await?;
        assert!(failed.contains("ExpiredToken"), "{failed}");
        story.reads(pr, "### Plan").await?;
        assert_eq!(story.roles(), ["slipway-plan", "slipway-apply"]);
        Ok(story)
    });
}
