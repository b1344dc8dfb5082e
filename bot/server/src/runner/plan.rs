//! A plan run: checkout, credentials, init, plan, policies, and the plan kept for the apply.

use slipway_core::identity::PlanIdentity;
use slipway_core::outcome::{Outcome, Planned};
use slipway_core::ports::RunEnd;
use slipway_core::run::PlanWork;

use super::terraform::Workplace;
use super::{Failure, Halt, Hand, planned_revision, policy, succeeded};

pub(super) async fn run(hand: &Hand<'_>, work: &PlanWork) -> Result<RunEnd, Halt> {
    let _slot = hand.slot().await?;
    let worktree = hand
        .checkout(planned_revision(hand.run, &work.base)?)
        .await?;
    let tool = hand.tool(&work.stack, &*worktree, None).await?;
    let sessions = hand.sessions().await?;
    let place = Workplace {
        hand,
        stack: &work.stack,
        worktree,
        tool,
        sessions,
        scratch: hand.scratch().await?,
    };
    let initialised = place.init().await?;
    let mut fresh = place.plan(&work.flags).await?;
    let policy = policy::ruling(hand, &work.stack, std::mem::take(&mut fresh.json)).await?;
    let bytes = tokio::fs::read(&fresh.path).await.map_err(|error| {
        Failure::new(
            format!("the plan file can't be read back: {error}"),
            "`/retry`",
        )
    })?;
    let artifact = super::plan_key(&hand.run.id);
    let sha256 = super::apply::sha256(&bytes);
    let about = super::apply::about(&PlanIdentity::of(
        hand.run,
        work,
        &fresh.evidence.account,
        &place.tool.version.named(),
    ))?;
    let ports = &hand.runner.ports;
    ports.artifacts.put(&artifact, &about, bytes).await?;
    let expires_at = ports.clock.now().checked_add(hand.runner.keep_plans).ok();
    Ok(succeeded(
        Outcome::Planned(Box::new(Planned {
            fingerprint: fresh.plan.fingerprint().to_owned(),
            plan: fresh.plan,
            artifact,
            sha256,
            expires_at,
            policy,
            base: work.base.clone(),
            made_workspace: initialised.made_workspace,
            tool_version: place.tool.version.named(),
            tool_reason: place.tool.reason,
            evidence: fresh.evidence,
        })),
        None,
    ))
}
