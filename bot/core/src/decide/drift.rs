//! Drift: looking, when its moment has come, whether environments are as the default branch says,
//! and putting them back when somebody asks for it on the issue that tells what differs.
//!
//! A look is a plan that belongs to no pull request. It changes nothing and takes no lock.

use std::collections::{BTreeMap, BTreeSet};

use super::{Decision, Draft, config};
use crate::applies::apply_of;
use crate::command::{self, Command, Parsed};
use crate::config::{Config, Environment, Service, Stack};
use crate::facts::{ActorFacts, ConfigFacts, DriftFacts, DriftTurn, Facts, Release};
use crate::gates::{self, Asked, Gate, Operation, Verdicts};
use crate::ids::{CommentId, DeliveryId, EnvName, IssueNumber, StackName};
use crate::intent::{Intent, ReportKey};
use crate::outcome::Planned;
use crate::plan_flags::PlanFlags;
use crate::policy;
use crate::ports::Reaction;
use crate::projection::drift::{Looked, latest_look, looked};
use crate::provisional::{Footing, changed_outputs, footing};
use crate::report::markdown::code;
use crate::report::refusal::{GateRow, refusal};
use crate::run::{
    ApplyWork, LookWork, Move, PlanToApply, PlanWork, Run, RunOrder, RunState, Trigger, Work,
};
use crate::spec::{AwsAccess, ServiceSpec, StackSpec};
use crate::stacks;

/// Keeps the turns of environments as deploy.toml has them now.
pub(super) fn turns(facts: &Facts) -> Vec<Intent> {
    let ConfigFacts::Valid(config) = &facts.config else {
        return Vec::new();
    };
    let kept = &facts.store.turns;
    let mut intents = Vec::new();
    for env in &config.environments {
        let Some(schedule) = &env.drift else { continue };
        let text = schedule.to_string();
        let is_kept = |turn: &DriftTurn| turn.env == env.name && turn.schedule == text;
        if !kept.iter().any(is_kept)
            && let Some(due_at) = schedule.next_after(facts.now)
        {
            intents.push(Intent::TakeTurns(DriftTurn {
                env: env.name.clone(),
                schedule: text,
                due_at,
            }));
        }
    }
    let is_over = |turn: &&DriftTurn| {
        let env = config.environment(&turn.env);
        env.is_none_or(|env| env.drift.is_none())
    };
    for turn in kept.iter().filter(is_over) {
        intents.push(Intent::EndTurns(turn.env.clone()));
        intents.push(Intent::Refresh(ReportKey::DriftIssue(turn.env.clone())));
    }
    intents
}

/// The moment has come to look at an environment.
pub(super) fn on_due(env: &EnvName, facts: &Facts, cause: &DeliveryId) -> Decision {
    let Ok(config) = config(facts) else {
        return Decision::ignore("there is no good deploy.toml to look by");
    };
    let environment = config.environment(env).filter(|env| env.drift.is_some());
    let Some(environment) = environment else {
        return Decision::ignore("the environment is no longer looked at for drift");
    };
    let (Some(drift), Some(actor)) = (&facts.drift, &facts.actor) else {
        return Decision::ignore("the default branch is unknown");
    };
    let mut draft = Draft::new(facts, cause);
    let looker = Looker {
        config,
        env: environment,
        drift,
        actor,
        trigger: Trigger::Schedule,
    };
    looker.look(&mut draft, &looker.all(), &looker.released(facts));
    let because = format!("{} looks for drift in {env}", draft.starts);
    draft.done(because)
}

/// A person wrote a comment on an issue.
pub(super) fn on_comment(
    issue: IssueNumber,
    comment: CommentId,
    body: &str,
    facts: &Facts,
    cause: &DeliveryId,
) -> Decision {
    let (Some(drift), Some(actor)) = (&facts.drift, &facts.actor) else {
        return Decision::ignore("a comment on an issue that is not about drift");
    };
    let answer = |body: String, sign: Reaction, because: &str| {
        let mut draft = Draft::new(facts, cause);
        draft.reply_in(issue.thread(), body);
        draft.react_to(comment, sign);
        draft.done(because)
    };
    let not_understood = "the command was not understood";
    let request = match command::parse(body) {
        Parsed::NotACommand => return Decision::ignore("the comment is not a command"),
        Parsed::Invalid(error) => {
            return answer(error.markdown(), Reaction::Confused, not_understood);
        }
        Parsed::Command(request) => request,
    };
    let config = match config(facts) {
        Ok(config) => config,
        Err(body) => return answer(body, Reaction::Confused, not_understood),
    };
    let command = match request.resolve(config) {
        Ok(command) => command,
        Err(error) => return answer(error.markdown(), Reaction::Confused, not_understood),
    };
    let Some(env) = config.environment(&drift.env) else {
        let body = format!(
            "### ⛔ Nothing to do\n\n`deploy.toml` no longer has the environment {}.",
            drift.env
        );
        return answer(body, Reaction::ThumbsDown, "the environment is gone");
    };
    if let Command::Plan { flags, .. } = &command
        && !flags.is_none()
    {
        let body = format!(
            "### ⛔ Not planned in {}\n\nDrift is what a full plan shows: no flags here. {}",
            env.name,
            hints(env)
        );
        return answer(body, Reaction::ThumbsDown, "flags on an issue");
    }
    let (Command::Plan {
        env: named_env,
        stacks: named,
        ..
    }
    | Command::Apply {
        env: named_env,
        stacks: named,
    }) = &command
    else {
        return answer(
            works_here(env),
            Reaction::ThumbsDown,
            "not a command for issues",
        );
    };
    if named_env.as_ref().is_some_and(|named| *named != env.name) {
        let body = format!("### ⛔ This issue is about {}\n\n{}", env.name, hints(env));
        return answer(body, Reaction::ThumbsDown, "another environment is meant");
    }
    let looker = Looker {
        config,
        env,
        drift,
        actor,
        trigger: Trigger::Comment(comment),
    };
    let ask = OnIssue {
        facts,
        looker,
        issue,
        comment,
        cause,
    };
    match command {
        Command::Plan { .. } => ask.plan(named),
        _ => ask.apply(named),
    }
}

fn works_here(env: &Environment) -> String {
    format!(
        "### ⛔ Not on this issue\n\nIt is about what runs in {}, not about a pull request. {}",
        env.name,
        hints(env)
    )
}

fn hints(env: &Environment) -> String {
    format!(
        "What works here: {} looks again, {} puts {} back as the default branch has it; both may \
         name stacks.",
        code("/plan"),
        code("/apply"),
        env.name
    )
}

/// Who looks at what.
#[derive(Clone, Copy)]
struct Looker<'a> {
    config: &'a Config,
    env: &'a Environment,
    drift: &'a DriftFacts,
    actor: &'a ActorFacts,
    trigger: Trigger,
}

impl Looker<'_> {
    fn all(&self) -> BTreeSet<StackName> {
        let stacks = self.config.stacks_in(&self.env.name);
        stacks.map(|stack| stack.name.clone()).collect()
    }

    /// The services that were ever released there, with their last release.
    fn released<'f>(&self, facts: &'f Facts) -> Vec<(&Service, &'f Release)> {
        let env = &self.env.name;
        let services = self.config.services_in(env);
        services
            .filter_map(|service| Some((service, gates::live(facts, env, &service.name)?)))
            .collect()
    }

    /// Looks at these stacks and services, each for itself: one that can't be looked at hides no
    /// other.
    fn look(
        &self,
        draft: &mut Draft<'_>,
        names: &BTreeSet<StackName>,
        services: &[(&Service, &Release)],
    ) {
        let env = &self.env.name;
        for run in &draft.facts.store.active {
            let is_looked_at_again = match &run.order.work {
                Work::Plan(work) => names.contains(&work.stack.name),
                Work::Look(work) => services.iter().any(|(s, _)| s.name == work.service.name),
                Work::Apply(_) | Work::Deploy(_) | Work::ForceUnlock(_) => false,
            };
            let again = run.order.is_about_drift()
                && run.order.env == *env
                && is_looked_at_again
                && !run.state.is_final();
            if again {
                draft.end(&run.id, Move::Supersede, "looked at anew", "");
            }
        }
        for stack in stacks::in_order(self.config, names) {
            let Some(role) = &self.env.aws.plan_role else {
                continue;
            };
            let work = Work::Plan(PlanWork {
                stack: StackSpec::new(stack, env),
                aws: AwsAccess::new(self.env, role),
                base_ref: draft.facts.default_branch.clone(),
                base: self.drift.tip.clone(),
                held_by: gates::drift::held(&draft.facts.store.locks, env, &stack.name)
                    .and_then(|lock| lock.pr),
                flags: PlanFlags::default(),
            });
            let order = self.order(draft, work);
            draft.start(order, RunState::Queued, Vec::new());
        }
        for (service, release) in services {
            let Some(role) = &self.env.aws.deploy_role else {
                continue;
            };
            let work = Work::Look(LookWork {
                service: ServiceSpec::new(service, env),
                aws: AwsAccess::new(self.env, role),
            });
            let mut order = self.order(draft, work);
            order.commit = release.commit.clone();
            draft.start(order, RunState::Queued, Vec::new());
        }
        draft.push(Intent::Refresh(ReportKey::DriftIssue(env.clone())));
    }

    fn order(&self, draft: &Draft<'_>, work: Work) -> RunOrder {
        RunOrder {
            repo: draft.facts.repo.clone(),
            env: self.env.name.clone(),
            pr: None,
            issue: self.drift.issue,
            commit: self.drift.tip.clone(),
            actor: self.actor.login.clone(),
            trigger: self.trigger,
            cause: draft.cause.clone(),
            not_before: None,
            frozen: None,
            work,
        }
    }
}

/// A command said on the issue of an environment.
#[derive(Clone, Copy)]
struct OnIssue<'a> {
    facts: &'a Facts,
    looker: Looker<'a>,
    issue: IssueNumber,
    comment: CommentId,
    cause: &'a DeliveryId,
}

/// Where a stack stands, as seen by somebody who wants it put back.
enum Standing<'f> {
    /// It differs, and the plan that says so is good.
    Fresh(&'f Run),
    /// Nothing is to be done; why, after its name.
    Settled(&'static str),
    /// Nobody knows whether it differs, and whether looking again is the way out.
    Unknown(GateRow, bool),
    /// Not to be applied, and whether looking again is the way out.
    Not(GateRow, bool),
}

impl<'a> OnIssue<'a> {
    fn answer(&self, body: String, sign: Reaction, because: &str) -> Decision {
        let mut draft = Draft::new(self.facts, self.cause);
        draft.reply_in(self.issue.thread(), body);
        draft.react_to(self.comment, sign);
        draft.done(because)
    }

    fn wanted(&self, named: &[StackName]) -> BTreeSet<StackName> {
        let mut all = self.looker.all();
        all.retain(|stack| named.is_empty() || named.contains(stack));
        all
    }

    fn plan(&self, named: &[StackName]) -> Decision {
        let env = self.looker.env;
        let right = gates::right(Operation::Plan, env, Some(self.looker.actor));
        if !right.is_open() {
            let body = refusal("planned in", &env.name, &[right.row]);
            return self.answer(body, Reaction::ThumbsDown, "no right to plan");
        }
        let names = self.wanted(named);
        let services = match named {
            [] => self.looker.released(self.facts),
            _ => Vec::new(),
        };
        let mut draft = Draft::new(self.facts, self.cause);
        self.looker.look(&mut draft, &names, &services);
        if draft.starts == 0 {
            let body = format!("### Nothing to plan in {}\n\n{}", env.name, hints(env));
            return self.answer(body, Reaction::ThumbsDown, "nothing to plan");
        }
        let because = format!("{} looks for drift asked for", draft.starts);
        draft.done(because)
    }

    fn apply(&self, named: &[StackName]) -> Decision {
        let env = self.looker.env;
        let names = self.wanted(named);
        let mut standings: Vec<(&Stack, Standing<'a>)> =
            stacks::in_order(self.looker.config, &names)
                .into_iter()
                .map(|stack| (stack, self.standing(stack)))
                .collect();
        if named.is_empty() {
            // What a pull request holds is expected to differ: it is left alone, not refused. So is
            // what nobody has seen to differ.
            standings.retain(|(stack, standing)| {
                let locks = &self.facts.store.locks;
                let is_held = gates::drift::held(locks, &env.name, &stack.name).is_some();
                !is_held && !matches!(standing, Standing::Unknown(..))
            });
        }
        let mut gates = gates::drift::for_drift(env, self.facts, Asked::ByPerson);
        let mut again = BTreeSet::new();
        for (stack, standing) in &standings {
            if let Standing::Not(row, looking_helps) | Standing::Unknown(row, looking_helps) =
                standing
            {
                gates.push(Gate {
                    row: row.clone(),
                    waits: None,
                });
                if *looking_helps {
                    again.insert(stack.name.clone());
                }
            }
        }
        let not_before = match gates::verdict(&gates) {
            Verdicts::Refuse(rows) => return self.refuse(&rows, &again),
            Verdicts::Queue { not_before } => not_before,
            Verdicts::Pass => None,
        };
        let mut draft = Draft::new(self.facts, self.cause);
        let mut places = BTreeMap::new();
        for (stack, standing) in &standings {
            let (Standing::Fresh(plan), Some(role)) = (standing, &env.aws.apply_role) else {
                continue;
            };
            let work = Work::Apply(ApplyWork {
                stack: StackSpec::new(stack, &env.name),
                aws: AwsAccess::new(env, role),
                plan: PlanToApply::Saved(plan.id.clone()),
                flags: PlanFlags::default(),
            });
            let mut order = self.looker.order(&draft, work);
            order.not_before = not_before;
            let needed = stack.depends_on.iter();
            let after = needed.filter_map(|n| places.get(n).copied()).collect();
            let place = draft.start(order, RunState::Queued, after);
            places.insert(stack.name.clone(), place);
        }
        if draft.starts == 0 {
            let body = why_nothing(env, &standings);
            return self.answer(body, Reaction::ThumbsDown, "nothing to apply");
        }
        let because = format!("{} applies of drift", draft.starts);
        draft.done(because)
    }

    /// Names every closed gate; what only a new look is wanted for is looked at right away.
    fn refuse(&self, rows: &[GateRow], again: &BTreeSet<StackName>) -> Decision {
        let env = self.looker.env;
        let mut body = refusal("applied in", &env.name, rows);
        let mut draft = Draft::new(self.facts, self.cause);
        if !again.is_empty() && gates::may_plan(env, self.looker.actor) {
            self.looker.look(&mut draft, again, &[]);
            body.truncate(body.trim_end().len());
            body.push_str(
                "\n\nLooking again now: see what the issue says then, and `/apply` once more.",
            );
        }
        draft.reply_in(self.issue.thread(), body);
        draft.react_to(self.comment, Reaction::ThumbsDown);
        draft.done("a gate is closed")
    }

    fn standing(&self, stack: &Stack) -> Standing<'a> {
        let facts = self.facts;
        let env = &self.looker.env.name;
        if let Some(row) = gates::drift::held_row(facts, env, &stack.name) {
            return Standing::Not(row, false);
        }
        let row = |state: String, opens: &str| GateRow {
            gate: format!("plan of {}", stack.name),
            open: false,
            state,
            opens: opens.to_owned(),
        };
        let anew = |state: String| Standing::Not(row(state, "a new look"), true);
        let Some(run) = latest_look(&facts.store.runs, env, &stack.name) else {
            let row = row("not looked at yet".to_owned(), "a new look");
            return Standing::Unknown(row, true);
        };
        match looked(run, &facts.store.runs) {
            Looked::UnderWay => {
                Standing::Not(row("under way".to_owned(), "wait for it to end"), false)
            }
            Looked::Failed => Standing::Unknown(
                row(
                    run.state.as_str().to_owned(),
                    "`/plan` once the cause is mended",
                ),
                false,
            ),
            Looked::Same => Standing::Settled("is as the default branch has it"),
            Looked::Mended(_) => Standing::Settled("was put back already"),
            Looked::Mending(_) => Standing::Settled("is being put back right now"),
            Looked::Overtaken(_) => anew("older than an apply".to_owned()),
            Looked::Differs => match self.denied(stack, run) {
                Some(row) => Standing::Not(row, false),
                None => self.fresh(run, row, anew),
            },
        }
    }

    /// The gate of policies, if it is closed. Nobody overrides them here.
    fn denied(&self, stack: &Stack, run: &Run) -> Option<GateRow> {
        let (env, head) = (self.looker.env, &self.looker.drift.tip);
        let ruling = run.planned()?.policy.as_ref();
        policy::gate(env, stack, head, ruling, &[]).filter(|row| !row.open)
    }

    /// Whether the plan of a look is good for an apply.
    fn fresh(
        &self,
        run: &'a Run,
        row: impl Fn(String, &str) -> GateRow,
        anew: impl Fn(String) -> Standing<'a>,
    ) -> Standing<'a> {
        let facts = self.facts;
        let Some(planned): Option<&Planned> = run.planned() else {
            return anew("without a plan".to_owned());
        };
        if run.order.commit != self.looker.drift.tip {
            return anew(format!(
                "of {}, {} is at {} now",
                code(run.order.commit.short()),
                code(&facts.default_branch),
                code(self.looker.drift.tip.short())
            ));
        }
        if planned.is_expired(facts.now) {
            return anew(planned.expiry());
        }
        match footing(self.looker.config, &facts.store.runs, run) {
            Footing::Firm => {}
            Footing::Overtaken(by) => return anew(format!("{by} was applied since")),
            // Left alone by a word about all: it is looked at again after those.
            Footing::Provisional(waits_for) => {
                let row = row(changed_outputs(&waits_for), "those first, then a new look");
                return Standing::Unknown(row, false);
            }
        }
        // A plan file whose apply was begun is spent: Terraform itself would call it stale.
        match apply_of(&facts.store.runs, &run.id) {
            Some(apply) if apply.started_at.is_some() && apply.state != RunState::Refused => {
                anew(format!("its apply {}", apply.state.as_str()))
            }
            _ => Standing::Fresh(run),
        }
    }
}

fn why_nothing(env: &Environment, standings: &[(&Stack, Standing<'_>)]) -> String {
    if env.aws.apply_role.is_none() {
        return format!(
            "### ⛔ Not applied in {}\n\n`environments.{}.aws` in deploy.toml names no `apply_role`: \
             stacks are planned there and never applied.",
            env.name, env.name
        );
    }
    let list: Vec<String> = standings
        .iter()
        .filter_map(|(stack, standing)| match standing {
            Standing::Settled(why) => Some(format!("- {} {why}", code(stack.name.as_str()))),
            Standing::Fresh(_) | Standing::Not(..) | Standing::Unknown(..) => None,
        })
        .collect();
    if list.is_empty() {
        return format!(
            "### Nothing to apply in {}\n\nNo stack is known to differ there. {} looks again.",
            env.name,
            code("/plan")
        );
    }
    format!(
        "### Nothing to apply in {}\n\n{}",
        env.name,
        list.join("\n")
    )
}
