//! An apply run: exactly the plan that people saw, or nothing.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use slipway_core::config::ToolVersion;
use slipway_core::identity::PlanIdentity;
use slipway_core::ids::RunId;
use slipway_core::outcome::{Applied, Outcome, Planned};
use slipway_core::plan::Counts;
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{Kept, Revision, RunEnd};
use slipway_core::run::{ApplyWork, PlanToApply, StepName, Work};
use tokio::sync::OwnedSemaphorePermit;

use super::gates::{Asking, void};
use super::terraform::{FreshPlan, Workplace};
use super::{Failure, Halt, Hand, planned_revision, policy, succeeded};

pub(super) async fn run(hand: &Hand<'_>, work: &ApplyWork) -> Result<RunEnd, Halt> {
    let _slot = hand.slot().await?;
    match &work.plan {
        PlanToApply::Saved(plan) => saved(hand, work, plan).await,
        PlanToApply::Again { reviewed } => again(hand, work, reviewed.as_ref()).await,
    }
}

/// Applies the very file that a plan run saved.
async fn saved(hand: &Hand<'_>, work: &ApplyWork, plan: &RunId) -> Result<RunEnd, Halt> {
    let plan = saved_plan(hand, plan).await?;
    let ruling = plan.planned.policy.as_ref();
    hand.gates_of_apply(Some(&plan), Asking::Done(ruling))
        .await?;
    let worktree = hand
        .checkout(planned_revision(hand.run, &plan.identity.base)?)
        .await?;
    // Terraform would not take the plan of another version.
    let made_with = ToolVersion::parse(&plan.identity.tool).ok();
    let tool = hand
        .tool(&work.stack, &*worktree, made_with.as_ref())
        .await?;
    let sessions = hand.sessions().await?;
    let place = Workplace {
        hand,
        stack: &work.stack,
        worktree,
        tool,
        sessions,
        scratch: hand.scratch().await?,
    };
    place.init().await?;
    let file = fetch(&place, work, &plan).await?;
    policy::unchanged(hand, &work.stack, ruling).await?;
    // Asked again right before the effect: init may have taken minutes.
    hand.gates_of_apply(Some(&plan), Asking::Done(ruling))
        .await?;
    effect(hand, &place, &file).await
}

/// Plans again on the merge commit, and applies if the changes are the ones that were reviewed.
async fn again(
    hand: &Hand<'_>,
    work: &ApplyWork,
    reviewed: Option<&RunId>,
) -> Result<RunEnd, Halt> {
    hand.gates_of_apply(None, Asking::Later).await?;
    let reviewed = match reviewed {
        Some(plan) => Some(saved_plan(hand, plan).await?.planned),
        None => None,
    };
    let worktree = hand
        .checkout(Revision::Commit(hand.run.order.commit.clone()))
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
    place.init().await?;
    let mut fresh = place.plan(&PlanFlags::default()).await?;
    if fresh.plan.is_noop() {
        return Ok(nothing(&fresh));
    }
    compare(hand, &fresh, reviewed.as_ref())?;
    let json = std::mem::take(&mut fresh.json);
    let ruling = policy::ruling(hand, &work.stack, json).await?;
    hand.gates_of_apply(None, Asking::Done(ruling.as_ref()))
        .await?;
    effect(hand, &place, &fresh.path).await
}

/// The reviewed plan and this one must change the same things in the same way.
fn compare(hand: &Hand<'_>, fresh: &FreshPlan, reviewed: Option<&Planned>) -> Result<(), Halt> {
    let env = &hand.run.order.env;
    let stack = hand.run.order.subject();
    let fix = format!(
        "`/plan {env} {stack}` shows what would change now; then `/apply {env} \
         {stack}`"
    );
    match reviewed {
        None => Err(Failure::new(
            format!(
                "on the merge commit the plan is {}, and no plan of this stack was reviewed",
                fresh.plan.counts()
            ),
            fix,
        )
        .into()),
        Some(planned) if planned.fingerprint != fresh.plan.fingerprint() => Err(Failure::new(
            format!(
                "on the merge commit the plan is {}, which is not what was reviewed ({})",
                fresh.plan.counts(),
                planned.plan.counts()
            ),
            fix,
        )
        .into()),
        Some(_) => Ok(()),
    }
}

fn nothing(fresh: &FreshPlan) -> RunEnd {
    succeeded(
        Outcome::Applied(Box::new(Applied {
            counts: Counts::default(),
            outputs: Vec::new(),
            took: std::time::Duration::ZERO,
            evidence: fresh.evidence.clone(),
        })),
        None,
    )
}

async fn effect(
    hand: &Hand<'_>,
    place: &Workplace<'_>,
    plan: &std::path::Path,
) -> Result<RunEnd, Halt> {
    hand.pause()?;
    hand.progress("applying").await?;
    let clock = &hand.runner.ports.clock;
    let began = clock.now();
    let applied = place.apply(plan).await?;
    let took = clock.now().duration_since(began);
    Ok(succeeded(
        Outcome::Applied(Box::new(Applied {
            counts: applied.counts,
            outputs: applied.outputs,
            took: took.max(jiff::SignedDuration::ZERO).unsigned_abs(),
            evidence: place.sessions.evidence().clone(),
        })),
        None,
    ))
}

/// A saved plan, and what it was made for.
pub(super) struct SavedPlan {
    pub(super) planned: Planned,
    pub(super) identity: PlanIdentity,
}

/// The saved plan of a plan run.
async fn saved_plan(hand: &Hand<'_>, plan: &RunId) -> Result<SavedPlan, Halt> {
    let gone = || Failure::new("the plan is gone", "`/plan`, then `/apply` again");
    let run = hand.runner.ports.store.run(plan).await?.ok_or_else(gone)?;
    let (Work::Plan(work), Some(Outcome::Planned(planned))) = (&run.order.work, &run.outcome)
    else {
        return Err(gone().into());
    };
    Ok(SavedPlan {
        planned: (**planned).clone(),
        identity: PlanIdentity::of(&run, work, &planned.evidence.account, &planned.tool_version),
    })
}

/// Fetches the plan file and proves that it is the one that was saved, for what is at hand now: it
/// only opens for the stack of this run, the account that was proven, and the Terraform that runs.
async fn fetch(
    place: &Workplace<'_>,
    work: &ApplyWork,
    saved: &SavedPlan,
) -> Result<PathBuf, Halt> {
    let hand = place.hand;
    hand.step(StepName::Plan, async {
        let now = PlanIdentity {
            env: hand.run.order.env.clone(),
            repo: hand.run.order.repo.name.clone(),
            stack: work.stack.clone(),
            account: place.sessions.evidence().account.clone(),
            head: hand.run.order.commit.clone(),
            tool: place.tool.version.named(),
            flags: work.flags.clone(),
            // Run and base: the gates have just compared them with the pull request.
            ..saved.identity.clone()
        };
        let differences = saved.identity.differences(&now);
        if !differences.is_empty() {
            return Err(Halt::Refused(differences.into_iter().map(void).collect()));
        }
        let planned = &saved.planned;
        let artifacts = &hand.runner.ports.artifacts;
        let bytes = match artifacts.get(&planned.artifact, &about(&now)?).await? {
            Kept::Whole(bytes) if sha256(&bytes) == planned.sha256 => bytes,
            Kept::Whole(_) => return Err(unusable("its SHA-256 differs")),
            Kept::Spoilt(why) => return Err(unusable(&why)),
            Kept::Nothing => return Err(Halt::Refused(vec![void("its file is gone".to_owned())])),
        };
        let path = place.scratch.path().join("saved.tfplan");
        tokio::fs::write(&path, bytes).await.map_err(|error| {
            Failure::new(
                format!("the plan file can't be written: {error}"),
                "`/retry`",
            )
        })?;
        Ok((path, format!("the saved plan: {}", planned.plan.counts())))
    })
    .await
}

/// A plan file that is not to be applied: planned again, and told why.
fn unusable(why: &str) -> Halt {
    tracing::error!(why, "a saved plan file can't be used");
    Halt::Refused(vec![void(format!("its file can't be used: {why}"))])
}

/// What a plan file is about, as it is sealed.
pub(super) fn about(identity: &PlanIdentity) -> Result<String, Halt> {
    identity
        .text()
        .map_err(|error| Failure::new(format!("the plan can't be named: {error}"), "").into())
}

/// SHA-256, hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Hand<'_> {
    /// A place among the Terraform processes that may run at once.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, Halt> {
        use slipway_core::ports::Stop as _;
        let slots = std::sync::Arc::clone(&self.runner.terraform_slots);
        tokio::select! {
            permit = slots.acquire_owned() => permit.map_err(|_| Halt::Stopped),
            () = self.stop.asked() => Err(Halt::Stopped),
            () = self.runner.closing.cancelled() => Err(Halt::Stopped),
        }
    }
}
