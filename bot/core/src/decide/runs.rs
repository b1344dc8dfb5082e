//! Orders for runs, filled in from deploy.toml and the facts.

use super::{Ask, Draft};
use crate::command::LockId;
use crate::config::{Config, Environment, OnFailure, Service, Stack};
use crate::facts::{Facts, PullFacts, Release};
use crate::gates::Candidate;
use crate::ids::{CommitSha, EnvName, Login, PrNumber, StackName};
use crate::plan_flags::PlanFlags;
use crate::ports::StateLock;
use crate::run::{
    ApplyWork, DeployWork, ForceUnlockWork, ImageToDeploy, PlanToApply, PlanWork, Rollback, Run,
    RunOrder, Trigger, Work,
};
use crate::spec::{AwsAccess, ServiceSpec, StackSpec};

/// Who asks for runs and how.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) login: &'a Login,
    pub(super) trigger: Trigger,
}

impl<'a> From<Ask<'a>> for Asker<'a> {
    fn from(ask: Ask<'a>) -> Self {
        Self {
            login: &ask.actor.login,
            trigger: ask.trigger,
        }
    }
}

impl Draft<'_> {
    fn order(
        &self,
        env: &EnvName,
        pr: Option<&PullFacts>,
        commit: &CommitSha,
        asker: Asker<'_>,
        work: Work,
    ) -> RunOrder {
        RunOrder {
            repo: self.facts.repo.clone(),
            env: env.clone(),
            pr: pr.map(|pr| pr.pull.number),
            issue: None,
            commit: commit.clone(),
            actor: asker.login.clone(),
            trigger: asker.trigger,
            cause: self.cause.clone(),
            not_before: None,
            frozen: None,
            work,
        }
    }

    /// A plan of one stack in one environment; `None` if the environment has no role to plan with.
    pub(super) fn plan_order(
        &self,
        env: &Environment,
        stack: &Stack,
        pr: &PullFacts,
        asker: Asker<'_>,
    ) -> Option<RunOrder> {
        let role = env.aws.plan_role.as_ref()?;
        let work = Work::Plan(PlanWork {
            stack: StackSpec::new(stack, &env.name),
            aws: AwsAccess::new(env, role),
            base_ref: pr.pull.base_ref.clone(),
            base: pr.base.clone(),
            held_by: None,
            flags: PlanFlags::default(),
        });
        Some(self.order(&env.name, Some(pr), &pr.pull.head, asker, work))
    }

    /// An apply of one stack in one environment; `None` if the environment has no role for it.
    pub(super) fn apply_order(
        &self,
        env: &Environment,
        stack: &Stack,
        pr: &PullFacts,
        commit: &CommitSha,
        plan: PlanToApply,
        asker: Asker<'_>,
    ) -> Option<RunOrder> {
        let role = env.aws.apply_role.as_ref()?;
        let work = Work::Apply(ApplyWork {
            stack: StackSpec::new(stack, &env.name),
            aws: AwsAccess::new(env, role),
            plan,
            flags: PlanFlags::default(),
        });
        Some(self.order(&env.name, Some(pr), commit, asker, work))
    }

    /// Forcing the state lock of one stack in one environment open, with what the base says about its
    /// backend; `None` if the environment has no role for it.
    pub(super) fn force_unlock_order(
        &self,
        env: &Environment,
        stack: &Stack,
        pr: &PullFacts,
        id: &LockId,
        seen: Option<StateLock>,
        asker: Asker<'_>,
    ) -> Option<RunOrder> {
        let role = env.aws.apply_role.as_ref()?;
        let work = Work::ForceUnlock(ForceUnlockWork {
            stack: StackSpec::new(stack, &env.name),
            aws: AwsAccess::new(env, role),
            id: id.as_str().to_owned(),
            seen,
        });
        Some(self.order(&env.name, Some(pr), &pr.base, asker, work))
    }

    /// A deploy of one service to one environment; `None` if the environment has no role for it.
    pub(super) fn deploy_order(
        &self,
        env: &Environment,
        service: &Service,
        pr: Option<&PullFacts>,
        what: WhatToDeploy,
        asker: Asker<'_>,
    ) -> Option<RunOrder> {
        let role = env.aws.deploy_role.as_ref()?;
        let work = Work::Deploy(DeployWork {
            service: ServiceSpec::new(service, &env.name),
            aws: AwsAccess::new(env, role),
            // As people write it: a bare host has no slash at its end.
            url: env
                .url
                .as_ref()
                .map(|url| url.as_str().trim_end_matches('/').to_owned()),
            production: env.production,
            image: what.image,
            brought_by: what.brought_by,
            roll_back_on_failure: what.rollback.is_none() && env.on_failure == OnFailure::Rollback,
            rollback: what.rollback,
        });
        Some(self.order(&env.name, pr, &what.commit, asker, work))
    }
}

/// A commit's image, and why it is deployed.
#[derive(Clone, Debug)]
pub(super) struct WhatToDeploy {
    pub(super) commit: CommitSha,
    pub(super) image: ImageToDeploy,
    /// The pull request that brought the commit.
    pub(super) brought_by: Option<PrNumber>,
    pub(super) rollback: Option<Rollback>,
}

impl WhatToDeploy {
    /// The very image of a release.
    pub(super) fn again(release: &Release, rollback: Option<Rollback>) -> Self {
        Self {
            commit: release.commit.clone(),
            image: ImageToDeploy::Digest(release.digest.clone()),
            brought_by: release.pr,
            rollback,
        }
    }

    /// What gates compare with the releases of other environments.
    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            commit: self.commit.clone(),
            digest: match &self.image {
                ImageToDeploy::Digest(digest) => Some(digest.clone()),
                ImageToDeploy::Tag(_) => None,
            },
        }
    }
}

/// The latest run of a kind of work on a stack in an environment.
pub(super) fn latest<'f>(
    facts: &'f Facts,
    env: &EnvName,
    stack: &StackName,
    is_kind: fn(&Work) -> bool,
) -> Option<&'f Run> {
    facts.store.runs.iter().find(|run| {
        run.order.env == *env && run.order.stack() == Some(stack) && is_kind(&run.order.work)
    })
}

/// The latest plan run of a stack in an environment.
pub(super) fn latest_plan<'f>(
    facts: &'f Facts,
    env: &EnvName,
    stack: &StackName,
) -> Option<&'f Run> {
    latest(facts, env, stack, |work| matches!(work, Work::Plan(_)))
}

/// The latest plan run of a stack in an environment that was made without flags.
pub(super) fn latest_full_plan<'f>(
    facts: &'f Facts,
    env: &EnvName,
    stack: &StackName,
) -> Option<&'f Run> {
    latest(
        facts,
        env,
        stack,
        |work| matches!(work, Work::Plan(work) if work.flags.is_none()),
    )
}

/// The runs of the pull request that are not over.
pub(super) fn active_of(facts: &Facts, pr: &PullFacts) -> Vec<Run> {
    facts
        .store
        .active
        .iter()
        .filter(|run| run.order.pr == Some(pr.pull.number) && !run.state.is_final())
        .cloned()
        .collect()
}

/// The environments that a command is about: the one named, or all.
pub(super) fn environments<'c>(
    config: &'c Config,
    named: Option<&EnvName>,
) -> Vec<&'c Environment> {
    config
        .environments
        .iter()
        .filter(|env| named.is_none_or(|name| env.name == *name))
        .collect()
}
