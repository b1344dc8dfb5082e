//! `aws.state_role`: Terraform's state in another account than what it describes.

use std::collections::BTreeSet;

use serde_json::json;
use slipway_sandbox::aws::{AccountId, Grant, Role, Trust};

use crate::bot::{Story, tell};

const DEV: &str = "infra/01-network/dev.tfvars";
const OTHER_CIDR: &str = "environment = \"dev\"\ncidr = \"10.9.0.0/16\"\n";
const CENTRAL: &str = "333333333333";
const BUCKET: &str = "acme-central-state";
const KEY: &str = "network.tfstate";
const TFLOCK: &str = "network.tfstate.tflock";
const STATE: &str = "arn:aws:iam::333333333333:role/slipway-state";
const STATE_PLAN: &str = "arn:aws:iam::333333333333:role/slipway-state-plan";

/// Makes the account of the state, with a bucket and a role for each kind of run, and has dev's
/// network keep its state there; deploy.toml says so in these keys.
async fn central(story: &mut Story, keys: &str) -> anyhow::Result<AccountId> {
    let aws = &story.world.aws;
    let account = aws.add_account(CENTRAL)?;
    aws.create_bucket(&account, "eu-central-1", BUCKET)?;
    let bucket = || BUCKET.to_owned();
    for (name, by, write) in [
        (
            "slipway-state",
            "slipway-apply",
            Grant::WriteBucket(bucket()),
        ),
        (
            "slipway-state-plan",
            "slipway-plan",
            Grant::LockBucket(bucket()),
        ),
    ] {
        let trust = Trust {
            external_id: Some("acme-shop".to_owned()),
            ..Trust::of(format!("arn:aws:iam::111111111111:role/{by}"))
        };
        aws.add_role(Role {
            grants: vec![Grant::ReadBucket(bucket()), write],
            ..Role::new(&account, name, trust)
        })?;
    }
    let id = "external_id = \"acme-shop\"";
    let backend = "[\"{environment}.s3.tfbackend\"";
    story
        .configure(&[
            (id, &format!("{id}\n{keys}")),
            (backend, &format!("{backend}, \"bucket={BUCKET}\"")),
        ])
        .await?;
    // Where the SDK within Terraform finds STS, as a VPC endpoint would be named.
    let sts = format!(
        "[terraform]\nenv = {{ AWS_ENDPOINT_URL_STS = \"{}\" }}",
        story.world.aws.url()
    );
    story.with_settings("[terraform]", &sts).await?;
    Ok(account)
}

fn both() -> String {
    format!("state_role = \"{STATE}\"\nstate_plan_role = \"{STATE_PLAN}\"")
}

async fn open(story: &Story) -> anyhow::Result<u64> {
    story
        .open("ana", "cidr", "Another network", &[(DEV, OTHER_CIDR)])
        .await
}

fn held(story: &Story, key: &str) -> Option<serde_json::Value> {
    let bytes = story.world.aws.object(BUCKET, key)?;
    serde_json::from_slice(&bytes).ok()
}

/// Who went on to which role of the account of the state, each once.
fn steps(story: &Story) -> BTreeSet<String> {
    let assumed = story.world.aws.assumed();
    let name = |arn: &str| arn.rsplit(':').next().unwrap_or_default().to_owned();
    assumed
        .iter()
        .filter(|role| role.role_arn.contains(CENTRAL))
        .map(|role| format!("{} -> {}", name(&role.by), name(&role.role_arn)))
        .collect()
}

#[test]
fn plans_and_applies_reach_a_state_in_another_account() {
    tell(|mut story| async {
        central(&mut story, &both()).await?;
        let pr = open(&story).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        assert_eq!(held(&story, KEY), None);
        story.say("ana", pr, "/apply dev").await?;
        story.reads(pr, "✅ Applied").await?;
        story.reads(pr, "### Plan").await?;
        let state = held(&story, KEY).unwrap();
        assert_eq!(state["outputs"]["vpc"]["value"], "shop-dev");
        assert_eq!(story.state("dev", "network")?, None);
        let steps: Vec<String> = steps(&story).into_iter().collect();
        insta::assert_snapshot!(steps.join("\n"), @"
        assumed-role/slipway-apply/slipway-acme.shop-1-ana -> role/slipway-state
        assumed-role/slipway-plan/slipway-acme.shop-1-ana -> role/slipway-state-plan
        ");
        // The person behind it stays told along the way, and so does the external id.
        for role in story.world.aws.assumed() {
            assert_eq!(role.source_identity.as_deref(), Some("ana@acme.shop"));
            assert_eq!(role.external_id.as_deref(), Some("acme-shop"));
        }
        let written = story.everything_written().await?;
        assert!(written.contains("the state as slipway-state in 333333333333"));
        Ok(story)
    });
}

#[test]
fn without_the_role_the_bucket_of_another_account_is_shut() {
    tell(|mut story| async {
        central(&mut story, "").await?;
        let pr = open(&story).await?;
        let failed = story.settles(pr, "❌").await?;
        assert!(failed.contains("403"), "{failed}");
        assert_eq!(steps(&story).len(), 0);
        Ok(story)
    });
}

#[test]
fn a_role_that_does_not_trust_the_run_is_told_before_terraform_runs() {
    tell(|mut story| async {
        central(&mut story, &both()).await?;
        story
            .world
            .aws
            .change_role(STATE_PLAN, |role| role.trust.principals.clear())?;
        let pr = open(&story).await?;
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `init` |

        - ❌ dev · network failed at `init`: AWS STS: assuming arn:aws:iam::333333333333:role/slipway-state-plan: AccessDenied: User: arn:aws:sts::111111111111:assumed-role/slipway-plan/slipway-acme.shop-1-ana is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::333333333333:role/slipway-state-plan (the role must exist and its trust policy allow `sts:AssumeRole`, `sts:SetSourceIdentity` and `sts:TagSession` to arn:aws:iam::111111111111:role/slipway-plan, and a policy of that role the same on it; its condition on `sts:ExternalId` must be the `external_id` of deploy.toml) — grant the right, then `/retry`

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn a_role_that_turns_out_to_be_of_another_account_is_refused() {
    tell(|mut story| async {
        central(&mut story, &both()).await?;
        let other = story.world.aws.add_account("444444444444")?;
        story
            .world
            .aws
            .change_role(STATE_PLAN, |role| role.answers_as = Some(other))?;
        let pr = open(&story).await?;
        insta::assert_snapshot!(story.settles(pr, "❌").await?, @"
        ### Plan · `COMMIT` onto `main@COMMIT`

        |  | stack | changes |
        | --- | --- | --- |
        | dev | [network](http://HERE/runs/RUN) | ❌ failed at `init` |

        - ❌ dev · network failed at `init`: AWS STS: proving who arn:aws:iam::333333333333:role/slipway-state-plan is: the credentials are of account 444444444444, deploy.toml says 333333333333; nothing was run with them — grant the right, then `/retry`

        dev as `slipway-plan` in 111111111111 (session `slipway-acme.shop-1-ana`) · [run](http://HERE/runs/RUN)
        ");
        Ok(story)
    });
}

#[test]
fn another_backend_is_refused_before_terraform_runs() {
    tell(|mut story| async {
        central(&mut story, &both()).await?;
        let files = [
            (DEV, OTHER_CIDR),
            (
                "infra/01-network/z_override.tf",
                "terraform {\n  backend \"local\" {}\n}\n",
            ),
        ];
        let pr = story.open("ana", "local", "A local state", &files).await?;
        let failed = story.settles(pr, "❌").await?;
        // Prod has no such role: there Terraform itself finds that the files do not fit.
        let line = failed
            .lines()
            .find(|line| line.contains("dev · network failed"));
        insta::assert_snapshot!(line.unwrap_or_default(), @"- ❌ dev · network failed at `init`: `aws.state_role` in deploy.toml is for the backend `s3`, and infra/01-network has the backend `local`: name that backend, or take the role out of deploy.toml — mend it and push, or `/retry`");
        Ok(story)
    });
}

#[test]
fn a_plan_is_not_applied_to_the_state_of_another_role() {
    tell(|mut story| async {
        central(&mut story, &format!("state_role = \"{STATE}\"")).await?;
        story.world.aws.change_role(STATE, |role| {
            role.trust
                .principals
                .push("arn:aws:iam::111111111111:role/slipway-plan".to_owned());
        })?;
        let pr = open(&story).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let id = "external_id = \"acme-shop\"";
        let keys = format!("{id}\nstate_role = \"{STATE_PLAN}\"");
        let backend = "[\"{environment}.s3.tfbackend\"";
        let bucket = format!("{backend}, \"bucket={BUCKET}\"");
        story.configure(&[(id, &keys), (backend, &bucket)]).await?;
        story.quiet().await?;
        story.say("ana", pr, "/apply dev").await?;
        story.quiet().await?;
        assert_eq!(held(&story, KEY), None);
        for text in story.reads_all(pr, "pplied").await? {
            assert!(!text.contains("✅ Applied"), "{text}");
        }
        story.reads(pr, "### Plan").await?;
        Ok(story)
    });
}

#[test]
fn a_lock_in_the_other_account_is_forced_open() {
    tell(|mut story| async {
        let timeout = "state_lock_timeout = \"20s\"";
        story
            .with_settings(timeout, "state_lock_timeout = \"1s\"")
            .await?;
        central(&mut story, &both()).await?;
        let id = "0b6c5b0e-5b0c-7d8c-1f0a-2c2f1b0a9d7e";
        let pr = open(&story).await?;
        story.planned(pr, "dev", "network", "+1").await?;
        let lock = json!({
            "ID": id, "Operation": "OperationTypeApply", "Info": "", "Who": "ben@laptop",
            "Version": "1.11.4", "Created": story.world.clock.now().to_string(),
            "Path": format!("{BUCKET}/{KEY}"),
        });
        story
            .world
            .aws
            .put_object(BUCKET, TFLOCK, lock.to_string())?;
        story.say("ana", pr, "/apply dev").await?;
        story.hears(pr, "❌ Apply").await?;
        story
            .say("cleo", pr, &format!("/force-unlock dev network {id}"))
            .await?;
        story.hears(pr, "is gone").await?;
        assert_eq!(held(&story, TFLOCK), None);
        let last = story.world.aws.assumed().pop().unwrap();
        assert_eq!(last.role_arn, STATE);
        Ok(story)
    });
}
