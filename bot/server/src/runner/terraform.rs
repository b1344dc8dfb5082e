//! What plan and apply runs share of Terraform.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use slipway_core::config::ToolVersion;
use slipway_core::gates;
use slipway_core::ids::RunId;
use slipway_core::outcome::Evidence;
use slipway_core::plan::Plan;
use slipway_core::plan_flags::PlanFlags;
use slipway_core::ports::{
    ChosenTool, ERRORED_STATE, Initialised, PortErrorKind, Stop, TerraformError, TerraformJob,
    ToolError, ToolRequest, Worktree,
};
use slipway_core::report::refusal::GateRow;
use slipway_core::report::unlock_comment::holder;
use slipway_core::run::StepName;
use slipway_core::spec::StackSpec;

use super::sessions::RunSessions;
use super::{Failure, Halt, Hand};

/// What a kept state is sealed as being about.
pub const STATE: &str = "the state that a backend did not take";

/// The key of the state that the backend of a run did not take.
#[must_use]
pub fn state_key(run: &RunId) -> String {
    format!("states/{run}")
}

/// A directory of the run's own, removed when it is over.
pub(super) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A worktree, a role and a scratch directory: all that Terraform needs.
pub(super) struct Workplace<'a> {
    pub(super) hand: &'a Hand<'a>,
    pub(super) stack: &'a StackSpec,
    pub(super) worktree: Box<dyn Worktree>,
    pub(super) tool: ChosenTool,
    pub(super) sessions: Arc<RunSessions>,
    pub(super) scratch: Scratch,
}

/// A plan that was just made.
pub(super) struct FreshPlan {
    pub(super) plan: Plan,
    pub(super) path: PathBuf,
    /// What `show -json` said: for policies, and never to be shown.
    pub(super) json: Vec<u8>,
    pub(super) evidence: Evidence,
}

impl Workplace<'_> {
    fn job<'j>(&'j self, stop: &'j dyn Stop) -> TerraformJob<'j> {
        TerraformJob {
            program: &self.tool.program,
            root: self.worktree.path(),
            stack: self.stack,
            sessions: self.sessions.clone(),
            scratch: self.scratch.path(),
            log: &*self.hand.log,
            stop,
        }
    }

    /// `terraform init` and the workspace.
    pub(super) async fn init(&self) -> Result<Initialised, Halt> {
        self.hand
            .step(StepName::Init, async {
                let terraform = &self.hand.runner.ports.terraform;
                let initialised = terraform
                    .init(&self.job(&self.hand.harmless))
                    .await
                    .map_err(|error| self.halt(error))?;
                let made = match initialised.made_workspace {
                    true => ", made now",
                    false => "",
                };
                let line = format!("initialised, workspace {}{made}", self.stack.workspace);
                Ok((initialised, line))
            })
            .await
    }

    /// `terraform plan` and `show`.
    pub(super) async fn plan(&self, flags: &PlanFlags) -> Result<FreshPlan, Halt> {
        self.hand
            .step(StepName::Plan, async {
                let terraform = &self.hand.runner.ports.terraform;
                let file = terraform
                    .plan(&self.job(&self.hand.harmless), flags)
                    .await
                    .map_err(|error| self.halt(error))?;
                let plan = Plan::parse(&file.json).map_err(|error| {
                    Failure::new(
                        format!("the plan can't be read: {error}"),
                        "use a Terraform version that this Slipway knows",
                    )
                })?;
                let line = match flags.is_none() {
                    true => plan.counts().to_string(),
                    false => format!("{}, with {flags}", plan.counts()),
                };
                let fresh = FreshPlan {
                    plan,
                    path: file.path,
                    json: file.json,
                    evidence: self.sessions.evidence().clone(),
                };
                Ok((fresh, line))
            })
            .await
    }

    /// `terraform apply` of exactly this file.
    pub(super) async fn apply(
        &self,
        plan: &Path,
    ) -> Result<slipway_core::ports::AppliedPlan, Halt> {
        self.hand
            .step(StepName::Apply, async {
                let terraform = &self.hand.runner.ports.terraform;
                let applied = match terraform.apply(&self.job(&*self.hand.stop), plan).await {
                    Ok(applied) => applied,
                    Err(error) => return Err(self.rescue_state(self.halt(error)).await),
                };
                let line = applied.counts.to_string();
                Ok((applied, line))
            })
            .await
    }
}

impl Workplace<'_> {
    /// Keeps a state that the backend would not take: the scratch directory goes with the run.
    async fn rescue_state(&self, halt: Halt) -> Halt {
        let path = self.scratch.path().join(ERRORED_STATE);
        let Ok(state) = tokio::fs::read(&path).await else {
            return halt;
        };
        let key = state_key(&self.hand.run.id);
        let artifacts = &self.hand.runner.ports.artifacts;
        let kept = artifacts.put(&key, STATE, state).await;
        let told = match kept {
            Ok(()) => format!(
                "the backend did not take the new state; it is kept, encrypted: `slipway state \
                 {}` on the bot's machine prints it; `terraform state push` it before anything \
                 else",
                self.hand.run.id
            ),
            Err(error) => format!("the new state was written nowhere: {error}"),
        };
        match halt {
            Halt::Failed(mut failure) => {
                failure.fix = told;
                Halt::Failed(failure)
            }
            other => {
                self.hand.log.say(&told);
                other
            }
        }
    }
}

impl Hand<'_> {
    /// The Terraform or OpenTofu that the stack asks for; for a saved plan, the very one that made it.
    pub(super) async fn tool(
        &self,
        stack: &StackSpec,
        worktree: &dyn Worktree,
        planned: Option<&ToolVersion>,
    ) -> Result<ChosenTool, Halt> {
        self.step(StepName::Tool, async {
            let terraform = &self.runner.ports.terraform;
            let request = ToolRequest {
                root: worktree.path(),
                stack,
                planned,
                log: &*self.log,
                stop: &self.harmless,
            };
            let chosen = self
                .patiently(|| async {
                    match terraform.tool(&request).await {
                        Err(ToolError::Port(error)) => Err(error),
                        Err(missing) => Ok(Err(without(missing, planned.is_some()))),
                        Ok(chosen) => Ok(Ok(chosen)),
                    }
                })
                .await??;
            let line = format!("{}, as {} says", chosen.version.named(), chosen.reason);
            Ok((chosen, line))
        })
        .await
    }

    pub(super) async fn scratch(&self) -> Result<Scratch, Halt> {
        let parent = self.runner.data_dir.join("scratch");
        let make = || -> std::io::Result<tempfile::TempDir> {
            std::fs::create_dir_all(&parent)?;
            tempfile::Builder::new().prefix("run-").tempdir_in(&parent)
        };
        make().map(Scratch).map_err(|error| {
            Failure::new(
                format!("no scratch directory in {}: {error}", parent.display()),
                "see to the disk of the bot, then `/retry`",
            )
            .into()
        })
    }
}

/// A plan that can't be applied by what made it has to be made again.
fn without(missing: ToolError, is_planned: bool) -> Halt {
    match missing {
        ToolError::Missing { what, .. } if is_planned => Halt::Refused(vec![GateRow {
            gate: gates::PLAN.to_owned(),
            open: false,
            state: what,
            opens: "a new plan, then `/apply` again".to_owned(),
        }]),
        ToolError::Missing { what, fix } => Failure::new(what, fix).into(),
        ToolError::Port(error) => error.into(),
    }
}

/// How Terraform refuses a plan that another apply has overtaken (`backend/local`, `opApply`).
const STALE: &str = "Saved plan is stale";

impl Workplace<'_> {
    /// `terraform force-unlock`.
    pub(super) async fn force_unlock(&self, id: &str) -> Result<(), Halt> {
        self.hand
            .step(StepName::ForceUnlock, async {
                let terraform = &self.hand.runner.ports.terraform;
                let job = self.job(&*self.hand.stop);
                let freed = terraform.force_unlock(&job, id).await;
                freed.map_err(|error| self.not_freed(error, id))?;
                Ok(((), format!("the lock {id} is gone")))
            })
            .await
    }

    fn not_freed(&self, error: TerraformError, id: &str) -> Halt {
        if error.error.kind == PortErrorKind::Stopped {
            return Halt::Stopped;
        }
        let place = format!("{} {}", self.hand.run.order.env, self.stack.name);
        match error.state_lock {
            Some(lock) if lock.id != id => Failure {
                what: format!(
                    "the state has another lock now: {}, {}",
                    lock.id,
                    holder(&lock, self.hand.runner.ports.clock.now())
                ),
                fix: format!(
                    "if nobody is at work under that one, `/force-unlock {place} {}`",
                    lock.id
                ),
                state_lock: Some(lock),
                ..Failure::default()
            }
            .into(),
            _ => Failure::new(
                error.error.said,
                format!("`/plan {place}` shows whether the state is locked"),
            )
            .into(),
        }
    }

    fn halt(&self, error: TerraformError) -> Halt {
        if error.error.kind == PortErrorKind::Stopped {
            return Halt::Stopped;
        }
        if error.diagnostics.iter().any(|d| d.summary == STALE) {
            return Halt::Refused(vec![GateRow {
                gate: gates::PLAN.to_owned(),
                open: false,
                state: "the state has changed since it was made".to_owned(),
                opens: "a new plan, then `/apply` again".to_owned(),
            }]);
        }
        match error.state_lock {
            // Terraform says the same at length; its words are in the log.
            Some(lock) => Failure {
                what: format!(
                    "the state is locked: {}, lock {}",
                    holder(&lock, self.hand.runner.ports.clock.now()),
                    lock.id
                ),
                fix: format!(
                    "wait for it to end; if nobody is at work there any more, `/force-unlock {} {} \
                     {}`. Slipway never frees a state lock by itself",
                    self.hand.run.order.env, self.stack.name, lock.id
                ),
                state_lock: Some(lock),
                ..Failure::default()
            },
            None => Failure {
                diagnostics: error.diagnostics,
                ..Failure::new(error.error.said, "mend it and push, or `/retry`")
            },
        }
        .into()
    }
}
