//! The last look at every gate, right before an effect, with live data.

use slipway_core::config::Environment;
use slipway_core::decide::dependencies;
use slipway_core::facts::{ConfigFacts, Facts, PullFacts, PullState};
use slipway_core::gates::{self, Asked, Candidate, Operation, Verdicts};
use slipway_core::identity::PlanIdentity;
use slipway_core::ids::ServiceName;
use slipway_core::plan_flags::PlanMode;
use slipway_core::policy::{self, Ruling};
use slipway_core::report::markdown::code;
use slipway_core::report::refusal::GateRow;
use slipway_core::run::{StepName, Trigger};
use slipway_core::spec::StackSpec;

use super::apply::SavedPlan;
use super::{Failure, Halt, Hand};

/// Whether policies were asked about the plan that is to be applied.
#[derive(Clone, Copy)]
pub(super) enum Asking<'a> {
    /// Not yet: there is no plan.
    Later,
    /// They were, if the stack has any.
    Done(Option<&'a Ruling>),
}

impl Hand<'_> {
    /// The gates of an apply. A saved plan must still be good for what it was made for, and what
    /// policies say of the plan must let it through once they are asked.
    pub(super) async fn gates_of_apply(
        &self,
        saved: Option<&SavedPlan>,
        policy: Asking<'_>,
    ) -> Result<(), Halt> {
        self.step(StepName::Gates, async {
            let facts = self.facts().await?;
            let env = self.environment(&facts)?;
            let order = &self.run.order;
            let mut rows = if order.is_about_drift() {
                let mut rows = closed(gates::drift::for_drift(env, &facts, self.asked()));
                let stack = order.stack();
                rows.extend(stack.and_then(|s| gates::drift::held_row(&facts, &env.name, s)));
                rows
            } else {
                closed(gates::for_apply(env, &facts, self.asked()))
            };
            if let Some(saved) = saved {
                rows.extend(moved(&facts, saved));
                if saved.identity.flags.mode() == PlanMode::Destroy {
                    let actor = facts.actor.as_ref();
                    rows.extend(closed(vec![gates::right(Operation::Destroy, env, actor)]));
                }
                if saved.planned.is_expired(facts.now) {
                    rows.push(void(saved.planned.expiry()));
                }
            }
            rows.extend(self.unapplied(&facts));
            if let Asking::Done(ruling) = policy {
                rows.extend(self.denied(env, &facts, ruling));
            }
            self.pass(rows)
        })
        .await
    }

    /// The gates of a deploy, now that the digest is known.
    pub(super) async fn gates_of_deploy(
        &self,
        service: &ServiceName,
        what: &Candidate,
    ) -> Result<(), Halt> {
        self.step(StepName::Gates, async {
            let facts = self.facts().await?;
            let env = self.environment(&facts)?;
            let gates = gates::for_deploy(env, service, what, &facts, self.asked());
            self.pass(closed(gates))
        })
        .await
    }

    /// The gates of a rollback that a person asked for.
    pub(super) async fn gates_of_rollback(&self) -> Result<(), Halt> {
        self.step(StepName::Gates, async {
            if self.run.order.trigger == Trigger::Run {
                return Ok(((), "a rollback of a failed rollout has no gates".to_owned()));
            }
            let facts = self.facts().await?;
            let env = self.environment(&facts)?;
            self.pass(closed(gates::for_rollback(env, &facts)))
        })
        .await
    }

    /// The gates of forcing a state lock open.
    pub(super) async fn gates_of_force_unlock(&self) -> Result<(), Halt> {
        self.step(StepName::Gates, async {
            let facts = self.facts().await?;
            let env = self.environment(&facts)?;
            self.pass(closed(gates::for_force_unlock(env, &facts)))
        })
        .await
    }

    /// The gates of the stacks that come before and are not applied.
    fn unapplied(&self, facts: &Facts) -> Vec<GateRow> {
        match &facts.config {
            ConfigFacts::Valid(config) => dependencies::closed(facts, config, &self.run.order),
            // Without it no gate was passed so far.
            ConfigFacts::Missing | ConfigFacts::Invalid(_) => Vec::new(),
        }
    }

    /// The gate of policies, if it is closed.
    fn denied(&self, env: &Environment, facts: &Facts, ruling: Option<&Ruling>) -> Option<GateRow> {
        let ConfigFacts::Valid(config) = &facts.config else {
            return None;
        };
        let head = match (&facts.pr, &facts.drift) {
            (Some(pr), _) => &pr.pull.head,
            (None, Some(drift)) => &drift.tip,
            (None, None) => return None,
        };
        let stack = config.stack(self.run.order.stack()?)?;
        policy::gate(env, stack, head, ruling, &facts.store.overrides).filter(|row| !row.open)
    }

    async fn facts(&self) -> Result<Facts, Halt> {
        self.patiently(|| self.runner.gather.for_run(self.run))
            .await
    }

    fn asked(&self) -> Asked {
        match self.run.order.trigger {
            Trigger::Comment(_) | Trigger::Button => Asked::ByPerson,
            Trigger::PullRequest | Trigger::Merge | Trigger::Run | Trigger::Schedule => {
                Asked::ByItself
            }
        }
    }

    fn environment<'f>(&self, facts: &'f Facts) -> Result<&'f Environment, Halt> {
        let ConfigFacts::Valid(config) = &facts.config else {
            return Err(Failure::new(
                "deploy.toml of the default branch is missing or has errors now",
                "mend it, then `/retry`",
            )
            .into());
        };
        config.environment(&self.run.order.env).ok_or_else(|| {
            Failure::new(
                format!(
                    "deploy.toml no longer has the environment {}",
                    self.run.order.env
                ),
                "",
            )
            .into()
        })
    }

    fn pass(&self, closed: Vec<GateRow>) -> Result<((), String), Halt> {
        if closed.is_empty() {
            Ok(((), "every gate is open".to_owned()))
        } else {
            Err(Halt::Refused(closed))
        }
    }
}

fn closed(gates: Vec<gates::Gate>) -> Vec<GateRow> {
    match gates::verdict(&gates) {
        Verdicts::Pass => Vec::new(),
        Verdicts::Refuse(rows) => rows,
        Verdicts::Queue { .. } => gates
            .into_iter()
            .filter(|gate| !gate.is_open())
            .map(|gate| gate.row)
            .collect(),
    }
}

/// A plan that is not good any more.
pub(super) fn void(state: String) -> GateRow {
    GateRow {
        gate: gates::PLAN.to_owned(),
        open: false,
        state,
        opens: "a new plan, then `/apply` again".to_owned(),
    }
}

/// What moved since a plan was made: pull request and deploy.toml, as they are now.
fn moved(facts: &Facts, saved: &SavedPlan) -> Vec<GateRow> {
    let made = &saved.identity;
    let mut now = match (&facts.pr, &facts.drift) {
        (Some(pr), _) => PlanIdentity {
            pr: Some(pr.pull.number),
            head: pr.pull.head.clone(),
            base_ref: pr.pull.base_ref.clone(),
            base: pr.base.clone(),
            ..made.clone()
        },
        (None, Some(drift)) => PlanIdentity {
            pr: None,
            head: drift.tip.clone(),
            base_ref: facts.default_branch.clone(),
            base: drift.tip.clone(),
            ..made.clone()
        },
        (None, None) => return vec![void("the pull request is gone".to_owned())],
    };
    let mut rows = Vec::new();
    if let ConfigFacts::Valid(config) = &facts.config
        && let Some(env) = config.environment(&made.env)
    {
        now.account = env.aws.account.to_string();
        now.state_role.clone_from(&env.aws.state_role);
        match config
            .stacks_in(&made.env)
            .find(|stack| stack.name == made.stack.name)
        {
            Some(stack) => now.stack = StackSpec::new(stack, &made.env),
            None => rows.push(void(format!(
                "deploy.toml has no {} in {} any more",
                code(made.stack.name.as_str()),
                made.env
            ))),
        }
    }
    rows.extend(made.differences(&now).into_iter().map(void));
    let closed = |pr: &PullFacts| pr.pull.state == PullState::Closed;
    if facts.pr.as_ref().is_some_and(closed) {
        rows.push(void("the pull request was closed".to_owned()));
    }
    rows
}
