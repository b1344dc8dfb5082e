//! Whatever happened before and in whatever order: no decision panics, starts what a gate keeps
//! off, starts a thing twice, waits for a run that is not before it, or says more than GitHub takes.

use proptest::prelude::*;

use crate::decide::decide;
use crate::event::{Actor, Event, EventKind, PullRequestAction};
use crate::facts::{CheckState, ConfigFacts, Facts, Permission, PullState, Verdict};
use crate::gates::{self, Asked, Candidate, Verdicts};
use crate::ids::{CheckRunId, CommentId, RunId};
use crate::intent::{Decision, Intent, NewRun, ReportKey};
use crate::outcome::{Outcome, Progress, Unlocked};
use crate::projection::identifier;
use crate::run::{ImageToDeploy, Move, Run, RunState, Trigger, Work, transition};
use crate::testing::{
    PR, cause, deployed, digest, env, login, now, planned, release, repo, sha, situation, stopped,
    told, toml, two_services, unread, unsound,
};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// Somebody says something.
    Says(String),
    /// A button of the check of a run, or of the plans, is pressed.
    Presses(usize, &'static str),
    /// The pull request moves.
    Moves(PullRequestAction),
    /// All checks are asked for again.
    Suite,
    /// A run that is not over makes a move.
    Runs(usize, Move, u8),
    /// The world changes under the bot's feet.
    Changes(Change),
}

#[derive(Clone, Debug)]
enum Change {
    Head(char),
    Base(char),
    BaseRef(&'static str),
    Merged,
    Closed,
    Reopened,
    Draft(bool),
    Actor(&'static str, Permission),
    RightsUnread,
    FilesUnread,
    Files(Vec<&'static str>),
    Review(&'static str, Verdict, char),
    Check(CheckState),
    ChecksUnread,
    LockedByCleo,
    Held,
    Minutes(i64),
    Config(usize),
    OtherRelease(char),
}

fn commands() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "dev",
        "prod",
        "network",
        "eks",
        "database",
        "shop",
        "web",
        "--sha aaaaaaa",
        "--sha eeeeeee",
        "--to ddddddd",
        "--for 2h",
        "00000001",
        "000001",
        "nonsense",
    ]);
    let verbs = prop::sample::select(vec![
        "/plan",
        "/apply",
        "/deploy",
        "/promote dev prod",
        "/rollback",
        "/resume",
        "/lock",
        "/unlock",
        "/force-unlock",
        "/where",
        "/explain",
        "/confirm",
        "/cancel",
        "/retry",
        "/help",
    ]);
    prop_oneof![
        3 => prop::sample::select(vec![
            "/plan", "/apply", "/apply dev", "/deploy dev", "/deploy prod", "/promote dev prod",
            "/rollback dev", "/retry", "/cancel", "/lock dev", "/unlock dev", "/plan dev",
            "/apply prod", "/force-unlock dev network 0b6c5b0e", "/resume dev", "/explain dev", "/where",
        ]).prop_map(str::to_owned),
        2 => (verbs, prop::collection::vec(words, 0..4))
            .prop_map(|(verb, words)| format!("{verb} {}", words.join(" "))),
        1 => any::<String>(),
        1 => any::<String>().prop_map(|text| format!("/lock dev {text}")),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    let digits = || prop::sample::select(vec!['a', 'd', 'e']);
    let permission =
        prop::sample::select(vec![Permission::Read, Permission::Write, Permission::Admin]);
    let files = prop::sample::subsequence(
        vec![
            "infra/network/main.tf",
            "infra/network/prod.tfvars",
            "infra/eks/main.tf",
            "infra/database/main.tf",
            "app/main.rs",
            "web/index.html",
        ],
        0..=6,
    );
    prop_oneof![
        digits().prop_map(Change::Head),
        digits().prop_map(Change::Base),
        prop::sample::select(vec!["main", "release"]).prop_map(Change::BaseRef),
        Just(Change::Merged),
        Just(Change::Closed),
        Just(Change::Reopened),
        any::<bool>().prop_map(Change::Draft),
        (prop::sample::select(vec!["ana", "ben"]), permission)
            .prop_map(|(who, permission)| Change::Actor(who, permission)),
        Just(Change::RightsUnread),
        Just(Change::FilesUnread),
        files.prop_map(Change::Files),
        (
            prop::sample::select(vec!["ben", "cleo"]),
            prop::sample::select(vec![
                Verdict::Approved,
                Verdict::ChangesRequested,
                Verdict::Dismissed,
            ]),
            digits()
        )
            .prop_map(|(who, verdict, head)| Change::Review(who, verdict, head)),
        prop::sample::select(vec![
            CheckState::Passed,
            CheckState::Failed,
            CheckState::Pending
        ])
        .prop_map(Change::Check),
        Just(Change::ChecksUnread),
        Just(Change::LockedByCleo),
        Just(Change::Held),
        (1_i64..60).prop_map(Change::Minutes),
        (0..RULES).prop_map(Change::Config),
        digits().prop_map(Change::OtherRelease),
    ]
}

fn happenings() -> impl Strategy<Value = Happening> {
    let buttons = prop::sample::select(vec![
        identifier::PLAN,
        identifier::APPLY,
        identifier::RETRY,
        identifier::ROLLBACK,
        identifier::PROMOTE,
        identifier::CONFIRM,
        identifier::CANCEL,
        "unknown",
    ]);
    let actions = prop::sample::select(vec![
        PullRequestAction::Opened,
        PullRequestAction::Pushed,
        PullRequestAction::Retargeted,
        PullRequestAction::Closed,
    ]);
    prop_oneof![
        4 => commands().prop_map(Happening::Says),
        2 => (any::<usize>(), buttons).prop_map(|(run, button)| Happening::Presses(run, button)),
        3 => actions.prop_map(Happening::Moves),
        1 => Just(Happening::Suite),
        6 => (any::<usize>(), prop::sample::select(Move::ALL.to_vec()), any::<u8>())
            .prop_map(|(run, mv, how)| Happening::Runs(run, mv, how)),
        4 => changes().prop_map(Happening::Changes),
    ]
}

const RULES: usize = 5;

fn rules(which: usize) -> ConfigFacts {
    let text = match which {
        0 => toml(
            "auto_apply = true\nauto_deploy = true",
            "production = true\nafter = [\"dev\"]",
        ),
        1 => two_services("", "approvals = 1\nchecks = \"all\"\nconfirm = true"),
        2 => toml(
            "windows = [\"Sun 01:00-02:00 UTC\"]\noutside = \"refuse\"",
            "windows = [\"Sun 01:00-02:00 UTC\"]\nauto_apply = true",
        ),
        3 => "version = 1\nsurprise = true".to_owned(),
        _ => return ConfigFacts::Missing,
    };
    crate::config::Config::parse(&text).map_or_else(ConfigFacts::Invalid, |config| {
        ConfigFacts::Valid(Box::new(config))
    })
}

/// A store of one pull request, driven by decisions as the real one is.
struct Model {
    facts: Facts,
    runs: Vec<Run>,
    made: u32,
    deliveries: u32,
}

impl Model {
    fn new() -> Self {
        let mut facts = situation()
            .files(&["infra/network/main.tf", "infra/eks/x.tf", "app/main.rs"])
            .facts;
        facts.config = rules(0);
        Self {
            facts,
            runs: Vec::new(),
            made: 0,
            deliveries: 0,
        }
    }

    fn gather(&self, subject: Option<&RunId>) -> Facts {
        let mut facts = self.facts.clone();
        facts.store.runs = self.runs.iter().rev().cloned().collect();
        facts.store.active = self
            .runs
            .iter()
            .filter(|run| !run.state.is_final())
            .cloned()
            .collect();
        facts.store.contained = facts
            .store
            .active
            .iter()
            .map(|run| run.id.clone())
            .collect();
        facts.store.subject =
            subject.and_then(|id| self.runs.iter().find(|run| run.id == *id).cloned());
        facts
    }

    fn happen(&mut self, kind: EventKind, subject: Option<&RunId>) {
        let facts = self.gather(subject);
        self.deliveries += 1;
        let delivery = cause(&format!("delivery-{}", self.deliveries));
        let event = Event {
            repo: repo(),
            actor: facts.actor.as_ref().map(|actor| Actor {
                login: actor.login.clone(),
                is_bot: false,
            }),
            kind,
        };
        let decision = decide(&event, &facts, &delivery);
        check(&event, &facts, &decision);
        self.carry_out(&decision);
    }

    /// As the store does.
    fn carry_out(&mut self, decision: &Decision) {
        let mut started: Vec<RunId> = Vec::new();
        let mut ended = Vec::new();
        for intent in &decision.intents {
            match intent {
                Intent::Start(new) => {
                    let run = self.make(new, &started);
                    started.push(run.id.clone());
                    self.runs.push(run);
                }
                Intent::End { run, mv, outcome } => {
                    let now = self.facts.now;
                    if let Some(run) = self.runs.iter_mut().find(|other| other.id == *run)
                        && let Ok(state) = transition(run.state, *mv)
                    {
                        run.state = state;
                        run.ended_at = Some(now);
                        run.outcome = outcome.clone();
                        ended.push(run.id.clone());
                    }
                }
                Intent::Confirm(run) => self.go(run, Move::Confirm, 0),
                Intent::Lock(lock) => {
                    self.facts.store.locks.retain(|l| l.target != lock.target);
                    self.facts.store.locks.push(lock.clone());
                }
                Intent::Unlock(target) => self.facts.store.locks.retain(|l| l.target != *target),
                Intent::Hold(hold) => {
                    self.facts.store.holds.retain(|h| h.env != hold.env);
                    self.facts.store.holds.push(hold.clone());
                }
                Intent::TakeTurns(turn) => {
                    self.facts.store.turns.retain(|t| t.env != turn.env);
                    self.facts.store.turns.push(turn.clone());
                }
                Intent::EndTurns(env) => self.facts.store.turns.retain(|t| t.env != *env),
                Intent::Resume(env) => self.facts.store.holds.retain(|h| h.env != *env),
                Intent::Disgrace(run) => {
                    for release in &mut self.facts.store.releases {
                        release.good &= release.run != *run;
                    }
                }
                Intent::Bless(head) => {
                    self.facts.store.blessed.insert(head.clone());
                }
                Intent::Override(word) => self.facts.store.overrides.insert(0, word.clone()),
                Intent::Say(..)
                | Intent::Refresh(_)
                | Intent::DropPlans(_)
                | Intent::LookForImages => {}
            }
        }
        for run in ended {
            self.happen(EventKind::RunEnded { run: run.clone() }, Some(&run));
        }
    }

    fn make(&mut self, new: &NewRun, started: &[RunId]) -> Run {
        self.made += 1;
        Run {
            id: crate::testing::run(self.made),
            order: new.order.clone(),
            state: new.state,
            after: new
                .after
                .iter()
                .map(|place| started[*place].clone())
                .collect(),
            created_at: self.facts.now,
            started_at: None,
            ended_at: None,
            outcome: None,
        }
    }

    /// A run makes a move, if it is legal; a run that ends is told of.
    fn go(&mut self, id: &RunId, mv: Move, how: u8) {
        let now = self.facts.now;
        let Some(run) = self.runs.iter_mut().find(|run| run.id == *id) else {
            return;
        };
        let Ok(state) = transition(run.state, mv) else {
            return;
        };
        run.state = state;
        if mv == Move::Take {
            run.started_at.get_or_insert(now);
            run.outcome = how.is_multiple_of(2).then(|| {
                Outcome::Progress(Progress {
                    digest: how.is_multiple_of(4).then(|| digest('d')),
                    ..Progress::default()
                })
            });
        }
        if state.is_final() {
            run.ended_at = Some(now);
            let outcome = self.outcome_of(id, mv, how);
            if let Some(run) = self.runs.iter_mut().find(|run| run.id == *id) {
                run.outcome = Some(outcome);
            }
            let id = id.clone();
            self.happen(EventKind::RunEnded { run: id.clone() }, Some(&id));
        }
    }

    fn outcome_of(&mut self, id: &RunId, mv: Move, how: u8) -> Outcome {
        let run = self.runs.iter().find(|run| run.id == *id).unwrap();
        if mv != Move::Succeed {
            return stopped("it ended", "look", how.is_multiple_of(2));
        }
        match &run.order.work {
            Work::Plan(_) => planned(1, "network", "dev", usize::from(how % 3)).0.outcome,
            Work::Look(_) => Some(stopped("not seen", "look", false)),
            Work::Apply(_) => crate::testing::applied(1, "network", "dev", 1).0.outcome,
            Work::ForceUnlock(_) => Some(Outcome::Unlocked(Box::new(Unlocked {
                evidence: crate::testing::evidence("slipway-apply"),
            }))),
            Work::Deploy(_) => {
                let digit = run.order.commit.as_str().chars().next().unwrap();
                let release = crate::facts::Release {
                    service: run.order.service().unwrap().clone(),
                    run: run.id.clone(),
                    live_at: self.facts.now,
                    ..release(run.order.env.as_str(), digit, 0)
                };
                self.facts.store.releases.insert(0, release);
                deployed(1, "dev", digit).0.outcome
            }
        }
        .unwrap()
    }

    fn step(&mut self, happening: &Happening) {
        match happening {
            Happening::Says(body) => {
                let kind = EventKind::Comment {
                    pr: PR,
                    comment: CommentId(u64::from(self.deliveries)),
                    body: body.clone(),
                };
                self.happen(kind, None);
            }
            Happening::Presses(which, button) => self.press(*which, button),
            Happening::Moves(action) => {
                let kind = EventKind::PullRequest {
                    number: PR,
                    action: *action,
                };
                self.happen(kind, None);
            }
            Happening::Suite => {
                let kind = EventKind::SuiteRerequested { head: sha('a') };
                self.happen(kind, None);
            }
            Happening::Runs(which, mv, how) => {
                let active: Vec<RunId> = self
                    .runs
                    .iter()
                    .filter(|run| !run.state.is_final())
                    .map(|run| run.id.clone())
                    .collect();
                if let Some(id) = active.get(which % active.len().max(1)) {
                    self.go(id, *mv, *how);
                }
            }
            Happening::Changes(change) => self.change(change),
        }
    }

    fn press(&mut self, which: usize, button: &str) {
        let pressed = self.runs.get(which % (self.runs.len() + 1)).cloned();
        let key = match &pressed {
            None => ReportKey::PlanCheck(PR, sha('a'), env("dev")),
            Some(run) => match run.order.work {
                Work::Look(_) => ReportKey::DriftIssue(run.order.env.clone()),
                Work::Plan(_) => {
                    ReportKey::PlanCheck(PR, run.order.commit.clone(), run.order.env.clone())
                }
                Work::Apply(_) => {
                    ReportKey::ApplyCheck(run.order.cause.clone(), run.order.env.clone())
                }
                Work::Deploy(_) => ReportKey::DeployCheck(run.id.clone()),
                Work::ForceUnlock(_) => ReportKey::UnlockComment(run.id.clone()),
            },
        };
        let kind = EventKind::Button {
            check: CheckRunId(1),
            external_id: key.to_string(),
            identifier: button.to_owned(),
        };
        self.happen(kind, pressed.as_ref().map(|run| &run.id));
    }

    fn change(&mut self, change: &Change) {
        let pr = self.facts.pr.as_mut().unwrap();
        match change {
            Change::Head(digit) => pr.pull.head = sha(*digit),
            Change::Base(digit) => pr.base = sha(*digit),
            Change::BaseRef(branch) => pr.pull.base_ref = (*branch).to_owned(),
            Change::Merged => pr.pull.state = PullState::Merged(sha('c')),
            Change::Closed => pr.pull.state = PullState::Closed,
            Change::Reopened => pr.pull.state = PullState::Open,
            Change::Draft(draft) => pr.pull.draft = *draft,
            Change::Actor(who, permission) => {
                self.facts.actor = Some(crate::testing::actor(who, *permission));
            }
            Change::RightsUnread => {
                self.facts.actor.as_mut().unwrap().permission = unread();
            }
            Change::FilesUnread => pr.files = unread(),
            Change::Files(files) => {
                pr.files = Ok(crate::facts::ChangedFiles {
                    paths: files.iter().map(|file| (*file).to_owned()).collect(),
                    truncated: false,
                });
            }
            Change::Review(who, verdict, head) => {
                let review = crate::facts::Review {
                    author: login(who),
                    verdict: *verdict,
                    commit: Some(sha(*head)),
                };
                pr.reviews.as_mut().unwrap().push(review);
            }
            Change::Check(state) => {
                pr.checks = Ok(vec![crate::facts::Check {
                    name: "ci".to_owned(),
                    state: *state,
                    own: false,
                }]);
            }
            Change::ChecksUnread => pr.checks = unread(),
            Change::LockedByCleo => {
                let locked = situation().lock("dev", "cleo", 41).facts.store.locks;
                self.facts.store.locks.extend(locked);
            }
            Change::Held => {
                let held = situation().hold("dev").facts.store.holds;
                self.facts.store.holds.extend(held);
            }
            Change::Minutes(minutes) => {
                self.facts.now += jiff::SignedDuration::from_mins(*minutes);
            }
            Change::Config(which) => self.facts.config = rules(*which),
            Change::OtherRelease(digit) => {
                let mut release = release("dev", *digit, 0);
                release.live_at = self.facts.now;
                self.facts.store.releases.insert(0, release);
            }
        }
    }
}

fn check(event: &Event, facts: &Facts, decision: &Decision) {
    let context = || format!("{event:?}\n{}", told(decision));
    assert_eq!(unsound(decision), None, "{}", context());
    for intent in &decision.intents {
        match intent {
            Intent::Start(new) => {
                let closed = kept_off(new, facts);
                assert_eq!(closed, None, "{}", context());
            }
            Intent::End { run, .. } => {
                let active = facts.store.active.iter().any(|other| other.id == *run);
                assert!(active, "{run} is over: {}", context());
            }
            _ => {}
        }
    }
}

/// What should have kept a run from being started, asked of the gates themselves.
fn kept_off(new: &NewRun, facts: &Facts) -> Option<String> {
    let ConfigFacts::Valid(config) = &facts.config else {
        return Some("there is no good deploy.toml".to_owned());
    };
    let env = config.environment(&new.order.env).unwrap();
    let asked = match new.order.trigger {
        Trigger::Comment(_) | Trigger::Button => Asked::ByPerson,
        Trigger::PullRequest | Trigger::Merge | Trigger::Run | Trigger::Schedule => Asked::ByItself,
    };
    let gates = match &new.order.work {
        Work::Plan(_) => {
            let planner = match asked {
                Asked::ByPerson => facts.actor.as_ref(),
                Asked::ByItself => facts.pr.as_ref().map(|pr| &pr.author),
            };
            let blessed = facts.store.blessed.contains(&new.order.commit);
            let may = planner.is_some_and(|planner| gates::may_plan(env, planner)) || blessed;
            return (!may).then(|| "nobody may plan".to_owned());
        }
        Work::Look(_) => return Some("a pull request leads to no look".to_owned()),
        Work::Apply(_) => gates::for_apply(env, facts, asked),
        Work::ForceUnlock(_) => gates::for_force_unlock(env, facts),
        Work::Deploy(work) => match &work.rollback {
            // By itself after a failed rollout: nobody is asked.
            Some(_) if new.order.trigger == Trigger::Run => return None,
            Some(_) => gates::for_rollback(env, facts),
            None => {
                let what = Candidate {
                    commit: new.order.commit.clone(),
                    digest: match &work.image {
                        ImageToDeploy::Digest(digest) => Some(digest.clone()),
                        ImageToDeploy::Tag(_) => None,
                    },
                };
                gates::for_deploy(env, &work.service.name, &what, facts, asked)
            }
        },
    };
    let confirmed = new.state == RunState::Queued
        && env.confirm
        && matches!(&new.order.work, Work::Deploy(work) if work.rollback.is_none())
        && asked == Asked::ByPerson;
    if confirmed {
        return Some("the second step is left out".to_owned());
    }
    match gates::verdict(&gates) {
        Verdicts::Pass => None,
        Verdicts::Queue { not_before } => (new.order.not_before != not_before)
            .then(|| format!("not before {not_before:?}: {:?}", new.order.not_before)),
        Verdicts::Refuse(rows) => Some(format!("{rows:?}")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn decisions_are_sound_whatever_happens(steps in prop::collection::vec(happenings(), 1..40)) {
        let mut model = Model::new();
        for step in &steps {
            model.step(step);
        }
    }
}

#[test]
fn the_model_does_start_runs() {
    let mut model = Model::new();
    model.step(&Happening::Moves(PullRequestAction::Opened));
    assert_eq!(model.runs.len(), 4);
    model.step(&Happening::Runs(0, Move::Take, 1));
    model.step(&Happening::Runs(0, Move::Succeed, 1));
    model.step(&Happening::Says("/apply dev network".to_owned()));
    assert!(matches!(
        model.runs.last().unwrap().order.work,
        Work::Apply(_)
    ));
    assert_eq!(model.facts.now, now());
}
