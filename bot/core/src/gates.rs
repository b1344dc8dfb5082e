//! The conditions that a run must meet, each a function of the facts that explains itself.
//!
//! Gates fail closed: what could not be read is not passed. The same functions serve the refusal,
//! `/explain` and the last look right before an effect, so that none can say what another doesn't.

mod codeowners;
pub mod drift;
pub(crate) mod freeze;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::config::{Checks, Environment, Outside, PullRequest, Who};
use crate::facts::{
    ActorFacts, CheckState, ConfigFacts, Facts, Lock, LockTarget, Permission, PullFacts, PullState,
    Read, Release, Review, Verdict,
};
use crate::ids::{CommitSha, Digest, EnvName, Login, ServiceName, StackName};
use crate::projection::own_check_names;
use crate::report::locks::LockView;
use crate::report::markdown::{code, duration, text, time};
use crate::report::refusal::GateRow;

/// The gate of a saved plan that no longer fits: head, base or state have moved.
pub const PLAN: &str = "plan";

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Have stacks planned.
    Plan,
    /// Have plans applied.
    Apply,
    /// Have a service rolled out.
    Deploy,
    /// Have a state lock forced open.
    ForceUnlock,
    /// Have a plan applied although policies deny it.
    Override,
    /// Have a whole stack, or a part of it, destroyed.
    Destroy,
}

/// Why a closed gate needs no refusal: it opens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpensByItself {
    /// When the lock is freed.
    Freed,
    /// At this moment.
    At(Timestamp),
}

/// One gate and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// As shown.
    pub row: GateRow,
    /// Set if the run may wait for the gate in the queue.
    pub waits: Option<OpensByItself>,
}

impl Gate {
    fn open(gate: &str, state: impl Into<String>) -> Self {
        Self {
            row: GateRow {
                gate: gate.to_owned(),
                open: true,
                state: state.into(),
                opens: String::new(),
            },
            waits: None,
        }
    }

    fn closed(gate: &str, state: impl Into<String>, opens: impl Into<String>) -> Self {
        Self {
            row: GateRow {
                gate: gate.to_owned(),
                open: false,
                state: state.into(),
                opens: opens.into(),
            },
            waits: None,
        }
    }

    fn waiting(self, waits: OpensByItself) -> Self {
        Self {
            waits: Some(waits),
            ..self
        }
    }

    fn unread<T>(gate: &str, read: &Read<T>) -> Option<Self> {
        let why = read.as_ref().err()?;
        Some(Self::closed(
            gate,
            format!("could not be read: {}", text(&why.to_string())),
            "try again in a minute; what can't be read is not passed",
        ))
    }

    /// Whether it lets the run through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.row.open
    }
}

/// What all gates together say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdicts {
    /// Go on.
    Pass,
    /// Go on, but wait in the queue: for a lock, and not before a moment.
    Queue {
        /// Not before this moment, if a window has to open.
        not_before: Option<Timestamp>,
    },
    /// No: these are closed.
    Refuse(Vec<GateRow>),
}

/// Adds the gates up.
#[must_use]
pub fn verdict(gates: &[Gate]) -> Verdicts {
    let closed: Vec<&Gate> = gates.iter().filter(|gate| !gate.is_open()).collect();
    if closed.is_empty() {
        return Verdicts::Pass;
    }
    if closed.iter().any(|gate| gate.waits.is_none()) {
        return Verdicts::Refuse(closed.iter().map(|gate| gate.row.clone()).collect());
    }
    let not_before = closed
        .iter()
        .filter_map(|gate| match gate.waits {
            Some(OpensByItself::At(moment)) => Some(moment),
            _ => None,
        })
        .max();
    Verdicts::Queue { not_before }
}

/// All rows, for `/explain`.
#[must_use]
pub fn rows(gates: &[Gate]) -> Vec<GateRow> {
    gates.iter().map(|gate| gate.row.clone()).collect()
}

// --- rights

/// Whether an entry of an allow list lets a person in.
fn admits(who: &Who, actor: &ActorFacts) -> Read<bool> {
    let has = |needed| {
        actor
            .permission
            .clone()
            .map(|permission| permission >= needed)
    };
    match who {
        Who::Read => has(Permission::Read),
        Who::Write => has(Permission::Write),
        Who::Maintain => has(Permission::Maintain),
        Who::Admin => has(Permission::Admin),
        Who::User(login) => Ok(login.is(&actor.login)),
        Who::Team { org, slug } => {
            let team = format!("{org}/{slug}").to_ascii_lowercase();
            actor.teams.clone().map(|teams| teams.contains(&team))
        }
    }
}

/// Whether the person may do this here, by `allow` of the environment.
#[must_use]
pub fn right(operation: Operation, env: &Environment, actor: Option<&ActorFacts>) -> Gate {
    let (word, allowed) = match operation {
        Operation::Plan => ("plan", &env.allow.plan),
        Operation::Apply => ("apply", &env.allow.apply),
        Operation::Deploy => ("deploy", &env.allow.deploy),
        Operation::ForceUnlock => ("force-unlock", &env.allow.force_unlock),
        Operation::Override => ("override policies", &env.allow.overrides),
        Operation::Destroy => ("destroy stacks", &env.allow.destroy),
    };
    let Some(actor) = actor else {
        return Gate::closed("right", "nobody is known to ask", "ask by a comment");
    };
    let answers: Vec<Read<bool>> = allowed.iter().map(|who| admits(who, actor)).collect();
    if answers.contains(&Ok(true)) {
        return Gate::open(
            "right",
            format!("{} may {word}", text(actor.login.as_str())),
        );
    }
    if let Some(gate) = answers
        .iter()
        .find_map(|answer| Gate::unread("right", answer))
    {
        return gate;
    }
    let names: Vec<String> = allowed.iter().map(|who| code(&who.to_string())).collect();
    let somebody = match names.split_last() {
        None => "nothing: nobody may".to_owned(),
        Some((last, [])) => format!("somebody with {last}"),
        Some((last, rest)) => format!("somebody with {} or {last}", rest.join(", ")),
    };
    Gate::closed(
        "right",
        format!(
            "{} may not {word} in {}",
            text(actor.login.as_str()),
            env.name
        ),
        somebody,
    )
}

/// Whether the person may plan in the environment.
#[must_use]
pub fn may_plan(env: &Environment, actor: &ActorFacts) -> bool {
    right(Operation::Plan, env, Some(actor)).is_open()
}

// --- the pull request

/// Whether the pull request is far enough along for a deploy.
fn pull_request(env: &Environment, pr: &PullFacts) -> Gate {
    match (&pr.pull.state, env.pull_request) {
        (PullState::Closed, _) => Gate::closed(
            "pull request",
            "closed without a merge",
            "reopen it, or deploy from another pull request",
        ),
        (PullState::Open, PullRequest::Merged) => {
            Gate::closed("pull request", "open", "merge it first")
        }
        (PullState::Open, PullRequest::Open) if pr.pull.draft => {
            Gate::closed("pull request", "draft", "mark it ready for review")
        }
        (PullState::Open, PullRequest::Open) => Gate::open("pull request", "open"),
        (PullState::Merged(_), _) => Gate::open("pull request", "merged"),
    }
}

/// Whether the pull request may have its plans applied.
fn appliable(pr: &PullFacts) -> Gate {
    match &pr.pull.state {
        PullState::Closed => Gate::closed("pull request", "closed without a merge", "reopen it"),
        PullState::Open if pr.pull.draft => {
            Gate::closed("pull request", "draft", "mark it ready for review")
        }
        PullState::Open => Gate::open("pull request", "open"),
        PullState::Merged(_) => Gate::open("pull request", "merged"),
    }
}

/// Without a pull request nobody can say whether it was approved or checked.
fn gone() -> Gate {
    Gate::closed(
        "pull request",
        "gone",
        "ask again on a pull request that is there",
    )
}

/// Whether enough people other than the author approve of the very head commit.
fn approval(env: &Environment, pr: &PullFacts) -> Option<Gate> {
    if env.approvals == 0 {
        return None;
    }
    let reviews = match &pr.reviews {
        Ok(reviews) => reviews,
        unread => return Gate::unread("approval", unread),
    };
    let latest = latest_reviews(pr, reviews);
    if let Some(gate) = who_is_against("approval", &latest) {
        return Some(gate);
    }
    let approved = |review: &&&Review| review.verdict == Verdict::Approved;
    let approvals: Vec<_> = latest.values().filter(approved).collect();
    let current = approvals
        .iter()
        .filter(|review| review.commit.as_ref() == Some(&pr.pull.head))
        .count();
    let state = format!("{current} of {}", env.approvals);
    if current >= env.approvals as usize {
        return Some(Gate::open("approval", state));
    }
    let older = approvals.len() - current;
    let state = if older > 0 {
        format!("{state} ({older} of an older commit)")
    } else {
        state
    };
    Some(Gate::closed(
        "approval",
        state,
        format!(
            "a review of {} by someone other than {}",
            code(pr.pull.head.short()),
            text(pr.pull.author.as_str())
        ),
    ))
}

/// The latest review with a verdict is the one that counts of each reviewer, the author left out.
fn latest_reviews<'r>(pr: &PullFacts, reviews: &'r [Review]) -> BTreeMap<&'r Login, &'r Review> {
    reviews
        .iter()
        .filter(|review| !review.author.is(&pr.pull.author) && review.verdict != Verdict::Commented)
        .map(|review| (&review.author, review))
        .collect()
}

/// Who requests changes closes the gate for all.
fn who_is_against(gate: &str, latest: &BTreeMap<&Login, &Review>) -> Option<Gate> {
    let against = latest
        .values()
        .find(|review| review.verdict == Verdict::ChangesRequested)?;
    let name = text(against.author.as_str());
    Some(Gate::closed(
        gate,
        format!("{name} requests changes"),
        format!("an approval by {name}, or their review dismissed"),
    ))
}

/// Whether the checks that deploy.toml asks for have passed on the head commit.
fn checks(env: &Environment, pr: &PullFacts, facts: &Facts) -> Option<Gate> {
    let wanted: Option<Vec<String>> = match &env.checks {
        Checks::None => return None,
        Checks::All => None,
        Checks::Named(names) => Some(names.clone()),
        Checks::Required => match &pr.required_checks {
            Ok(names) => Some(names.clone()),
            unread => return Gate::unread("checks", unread),
        },
    };
    let all = match &pr.checks {
        Ok(checks) => checks,
        unread => return Gate::unread("checks", unread),
    };
    // Several Apps may report under one name: the worst of them counts.
    let mut states: BTreeMap<&str, CheckState> = BTreeMap::new();
    for check in all.iter().filter(|check| !check.own) {
        let state = states.entry(&check.name).or_insert(check.state);
        *state = worse(*state, check.state);
    }
    // The bot's own checks never count, not even before they report: a deploy that waited for its
    // own check would wait forever.
    let mut own: BTreeSet<String> = match &facts.config {
        ConfigFacts::Valid(config) => own_check_names(config).collect(),
        ConfigFacts::Missing | ConfigFacts::Invalid(_) => BTreeSet::new(),
    };
    own.extend(all.iter().filter(|check| check.own).map(|c| c.name.clone()));
    let wanted: Vec<&str> = match &wanted {
        None => states.keys().copied().collect(),
        Some(names) => names
            .iter()
            .map(String::as_str)
            .filter(|name| states.contains_key(name) || !own.contains(*name))
            .collect(),
    };
    let missing: Vec<String> = wanted
        .iter()
        .filter_map(|name| match states.get(name) {
            Some(CheckState::Passed) => None,
            Some(CheckState::Pending) => Some(format!("{} is pending", code(name))),
            Some(CheckState::Failed) => Some(format!("{} failed", code(name))),
            None => Some(format!("{} has not reported", code(name))),
        })
        .collect();
    if missing.is_empty() {
        return Some(Gate::open("checks", format!("{} passed", wanted.len())));
    }
    Some(Gate::closed(
        "checks",
        missing.join(", "),
        format!("success of each on {}", code(pr.pull.head.short())),
    ))
}

fn worse(one: CheckState, other: CheckState) -> CheckState {
    match (one, other) {
        (CheckState::Failed, _) | (_, CheckState::Failed) => CheckState::Failed,
        (CheckState::Pending, _) | (_, CheckState::Pending) => CheckState::Pending,
        (CheckState::Passed, CheckState::Passed) => CheckState::Passed,
    }
}

/// Whether the head contains the tip of its base. A merged pull request does by its merge.
fn up_to_date(env: &Environment, pr: &PullFacts) -> Option<Gate> {
    if !env.up_to_date || matches!(pr.pull.state, PullState::Merged(_)) {
        return None;
    }
    let behind = match &pr.behind_by {
        Ok(behind) => *behind,
        unread => return Gate::unread("up to date", unread),
    };
    if behind == 0 {
        return Some(Gate::open(
            "up to date",
            format!("contains {}", code(&pr.pull.base_ref)),
        ));
    }
    Some(Gate::closed(
        "up to date",
        format!("{behind} behind {}", code(&pr.pull.base_ref)),
        format!("merge {} into the pull request", code(&pr.pull.base_ref)),
    ))
}

// --- the environment

/// Whether the windows of the environment are open.
fn window(env: &Environment, now: Timestamp) -> Option<Gate> {
    if env.windows.is_empty() {
        return None;
    }
    if env.is_open(now) {
        return Some(Gate::open("window", "open"));
    }
    let closed = |opens: String| Gate::closed("window", "outside the windows", opens);
    Some(match (env.outside, env.next_opening(now)) {
        (Outside::Queue, Some(moment)) => {
            closed(format!("by itself at {}", time(moment))).waiting(OpensByItself::At(moment))
        }
        (Outside::Refuse, Some(moment)) => closed(format!("ask again at {}", time(moment))),
        (_, None) => closed("never: no window opens again".to_owned()),
    })
}

/// Whether somebody else has locked the environment.
fn lock(env: &EnvName, actor: Option<&Login>, facts: &Facts) -> Gate {
    let target = LockTarget {
        env: env.clone(),
        stack: None,
    };
    let held =
        |lock: &&Lock| lock.target == target && lock.until.is_none_or(|until| until > facts.now);
    let Some(lock) = facts.store.locks.iter().find(held) else {
        return Gate::open("lock", "free");
    };
    let pr = facts.pr.as_ref().map(|pr| pr.pull.number);
    if actor.is_some_and(|actor| lock.holder.is(actor)) {
        return Gate::open("lock", "held by you");
    }
    if lock.pr.is_some() && lock.pr == pr {
        return Gate::open("lock", "held by this pull request");
    }
    let view = LockView::of(lock, facts.now);
    Gate::closed(
        "lock",
        view.sentence(),
        format!(
            "{} by {} or an admin",
            code(&format!("/unlock {env}")),
            text(lock.holder.as_str())
        ),
    )
    .waiting(OpensByItself::Freed)
}

/// Whether automatic deploys are on hold.
#[must_use]
pub fn hold(env: &EnvName, facts: &Facts) -> Gate {
    facts
        .store
        .holds
        .iter()
        .find(|hold| hold.env == *env)
        .map_or_else(
            || Gate::open("hold", "none"),
            |hold| {
                Gate::closed(
                    "hold",
                    format!("set by {}: {}", hold.setter(), text(&hold.reason)),
                    code(&format!("/resume {env}")),
                )
            },
        )
}

/// The release that is live: the newest one, good or not.
#[must_use]
pub fn live<'f>(facts: &'f Facts, env: &EnvName, service: &ServiceName) -> Option<&'f Release> {
    facts
        .store
        .releases
        .iter()
        .find(|release| release.env == *env && release.service == *service)
}

/// Whether what is to be deployed is live and has soaked in the environments before this one.
fn order(env: &Environment, service: &ServiceName, what: &Candidate, facts: &Facts) -> Vec<Gate> {
    env.after
        .iter()
        .flat_map(|before| {
            let Some(release) = live(facts, before, service).filter(|release| release.good) else {
                return vec![Gate::closed(
                    "order",
                    format!("{before} runs no good release of {service}"),
                    format!("{} first", code(&format!("/deploy {before}"))),
                )];
            };
            if !what.is(release) {
                return vec![Gate::closed(
                    "order",
                    what.differs_from(release, before),
                    format!("{} first", code(&format!("/deploy {before}"))),
                )];
            }
            let order = Gate::open("order", format!("live in {before}"));
            vec![order, soak(env, before, release, facts.now)]
        })
        .collect()
}

fn soak(env: &Environment, before: &EnvName, release: &Release, now: Timestamp) -> Gate {
    let since = now
        .duration_since(release.live_at)
        .max(SignedDuration::ZERO);
    let since = since.unsigned_abs();
    if since >= env.soak {
        return Gate::open("soak", format!("{} in {before}", duration(since)));
    }
    Gate::closed(
        "soak",
        format!("{} of {} in {before}", duration(since), duration(env.soak)),
        format!("ask again in {}", duration(env.soak - since)),
    )
}

/// What is to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The commit.
    pub commit: CommitSha,
    /// The digest, once it is known.
    pub digest: Option<Digest>,
}

impl Candidate {
    /// How a release is another one. One commit may have been built twice: then digests tell.
    fn differs_from(&self, release: &Release, env: &EnvName) -> String {
        let (runs, this) = match &self.digest {
            Some(digest) if self.commit == release.commit => {
                (release.digest.short(), digest.short())
            }
            _ => (release.commit.short(), self.commit.short()),
        };
        format!("{env} runs {}, this is {}", code(runs), code(this))
    }

    /// Whether a release is the very same.
    fn is(&self, release: &Release) -> bool {
        match &self.digest {
            Some(digest) => release.digest == *digest,
            None => release.commit == self.commit,
        }
    }
}

// --- together

/// The gates of an apply in an environment, the freshness of plans left out (see
/// [`crate::decide::apply`]).
#[must_use]
pub fn for_apply(env: &Environment, facts: &Facts, asked: Asked) -> Vec<Gate> {
    let mut gates = Vec::new();
    if asked == Asked::ByPerson {
        gates.push(right(Operation::Apply, env, facts.actor.as_ref()));
    }
    match &facts.pr {
        Some(pr) => {
            gates.push(appliable(pr));
            gates.extend(approval(env, pr));
            gates.extend(codeowners::codeowners(env, pr));
            gates.extend(checks(env, pr, facts));
            gates.extend(up_to_date(env, pr));
            gates.extend(ruled_base(facts, asks_of_base(env)));
        }
        None => gates.push(gone()),
    }
    gates.extend(window(env, facts.now));
    gates.extend(freeze::freeze(env, facts.now));
    gates.push(lock(
        &env.name,
        facts.actor.as_ref().map(|actor| &actor.login),
        facts,
    ));
    gates
}

/// The gates of a deploy of one service to an environment.
#[must_use]
pub fn for_deploy(
    env: &Environment,
    service: &ServiceName,
    what: &Candidate,
    facts: &Facts,
    asked: Asked,
) -> Vec<Gate> {
    let mut gates = Vec::new();
    if asked == Asked::ByPerson {
        gates.push(right(Operation::Deploy, env, facts.actor.as_ref()));
    }
    match &facts.pr {
        Some(pr) => {
            gates.push(pull_request(env, pr));
            gates.extend(approval(env, pr));
            gates.extend(codeowners::codeowners(env, pr));
            gates.extend(checks(env, pr, facts));
            gates.extend(up_to_date(env, pr));
            let merged = env.pull_request == PullRequest::Merged;
            gates.extend(ruled_base(facts, asks_of_base(env) || merged));
        }
        None => gates.push(gone()),
    }
    gates.extend(order(env, service, what, facts));
    gates.extend(window(env, facts.now));
    gates.extend(freeze::freeze(env, facts.now));
    gates.push(lock(
        &env.name,
        facts.actor.as_ref().map(|actor| &actor.login),
        facts,
    ));
    if asked == Asked::ByItself {
        gates.push(hold(&env.name, facts));
    }
    gates
}

/// The gates of a rollback: only a right and the lock. Going back must be possible at any hour, in a
/// freeze too.
#[must_use]
pub fn for_rollback(env: &Environment, facts: &Facts) -> Vec<Gate> {
    vec![
        right(Operation::Deploy, env, facts.actor.as_ref()),
        lock(
            &env.name,
            facts.actor.as_ref().map(|actor| &actor.login),
            facts,
        ),
    ]
}

/// The gates of forcing a state lock open. It does not wait for the lock of an environment: who holds
/// that may be the one who is at work.
#[must_use]
pub fn for_force_unlock(env: &Environment, facts: &Facts) -> Vec<Gate> {
    let lock = lock(
        &env.name,
        facts.actor.as_ref().map(|actor| &actor.login),
        facts,
    );
    vec![
        right(Operation::ForceUnlock, env, facts.actor.as_ref()),
        reviewed_base(facts),
        Gate {
            waits: None,
            ..lock
        },
    ]
}

/// Whether the base of the pull request is what deploy.toml is read from, too: its code is run with
/// the role of applies.
fn reviewed_base(facts: &Facts) -> Gate {
    let (gate, branch) = ("base", &facts.default_branch);
    match &facts.pr {
        Some(pr) if pr.pull.base_ref == *branch => Gate::open(gate, code(branch)),
        Some(pr) => Gate::closed(
            gate,
            format!("the pull request goes into {}", code(&pr.pull.base_ref)),
            format!("the same on a pull request into {}", code(branch)),
        ),
        None => gone(),
    }
}

/// Whether an environment asks for something that the base branch decides about: who owns its files,
/// which checks it requires, what it contains.
fn asks_of_base(env: &Environment) -> bool {
    env.codeowners || env.checks == Checks::Required || env.up_to_date
}

/// What is asked of a base branch means something on the default branch only. Another one has no
/// rules but those of whoever pushed it, and a pull request can be turned to it at any time.
fn ruled_base(facts: &Facts, asks: bool) -> Option<Gate> {
    Some(reviewed_base(facts)).filter(|gate| asks && !gate.is_open())
}

/// Whether a person asks, or a rule of deploy.toml leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A person, whose right is looked at.
    ByPerson,
    /// `auto_apply` or `auto_deploy`, which a hold pauses.
    ByItself,
}

/// The lock on a stack in an environment, if another pull request holds it.
#[must_use]
pub fn stack_lock<'f>(facts: &'f Facts, env: &EnvName, stack: &StackName) -> Option<&'f Lock> {
    let pr = facts.pr.as_ref().map(|pr| pr.pull.number);
    facts.store.locks.iter().find(|lock| {
        lock.target.env == *env && lock.target.stack.as_ref() == Some(stack) && lock.pr != pr
    })
}

#[cfg(test)]
mod tests;
