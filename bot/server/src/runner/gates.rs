//! The last look at every gate, right before an effect, with live data.

use slipway_core::facts::{ConfigFacts, Facts, PullState};
use slipway_core::gates::{self, Asked, Candidate, Verdicts};
use slipway_core::ids::{CommitSha, ServiceName};
use slipway_core::report::markdown::code;
use slipway_core::report::refusal::GateRow;
use slipway_core::run::{StepName, Trigger};

use super::{Failure, Halt, Hand};

impl Hand<'_> {
    /// The gates of an apply. For a saved plan, head and base must still be the ones it was made
    /// for.
    pub(super) async fn gates_of_apply(
        &self,
        made_onto: Option<(&str, &CommitSha)>,
    ) -> Result<(), Halt> {
        self.step(StepName::Gates, async {
            let facts = self.facts().await?;
            let env = self.environment(&facts)?;
            let mut rows = closed(gates::for_apply(env, &facts, self.asked()));
            if let Some((base_ref, base)) = made_onto {
                rows.extend(moved(&facts, &self.run.order.commit, base_ref, base));
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

    async fn facts(&self) -> Result<Facts, Halt> {
        self.patiently(|| self.runner.gather.for_run(self.run))
            .await
    }

    fn asked(&self) -> Asked {
        match self.run.order.trigger {
            Trigger::Comment(_) | Trigger::Button => Asked::ByPerson,
            Trigger::PullRequest | Trigger::Merge | Trigger::Run => Asked::ByItself,
        }
    }

    fn environment<'f>(
        &self,
        facts: &'f Facts,
    ) -> Result<&'f slipway_core::config::Environment, Halt> {
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

/// What moved since a plan was made.
fn moved(facts: &Facts, head: &CommitSha, base_ref: &str, base: &CommitSha) -> Vec<GateRow> {
    let row = |state: String| GateRow {
        gate: gates::PLAN.to_owned(),
        open: false,
        state,
        opens: "a new plan, then `/apply` again".to_owned(),
    };
    let Some(pr) = &facts.pr else {
        return vec![row("the pull request is gone".to_owned())];
    };
    let mut rows = Vec::new();
    if pr.pull.head != *head {
        rows.push(row(format!(
            "made for {}, the head is {} now",
            code(head.short()),
            code(pr.pull.head.short())
        )));
    }
    if pr.pull.base_ref != base_ref {
        rows.push(row(format!(
            "made onto {}, the base is {} now",
            code(base_ref),
            code(&pr.pull.base_ref)
        )));
    } else if pr.base != *base {
        rows.push(row(format!(
            "made onto {}, {} is at {} now",
            code(base.short()),
            code(base_ref),
            code(pr.base.short())
        )));
    }
    if pr.pull.state == PullState::Closed {
        rows.push(row("the pull request was closed".to_owned()));
    }
    rows
}
