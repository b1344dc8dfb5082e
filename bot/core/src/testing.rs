//! A kit for tests: facts that read like sentences, and decisions as text to pin in snapshots.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::Config;
use crate::decide::decide;
use crate::event::{Actor, Event, EventKind, PullRequestAction, RepoRef};
use crate::facts::{
    ActorFacts, ChangedFiles, Check, CheckState, ConfigFacts, Facts, Hold, Lock, LockTarget,
    NamedCommit, Permission, ProposedConfig, PullFacts, PullRequest, PullState, Release, Review,
    StoreFacts, Unread, Verdict,
};
use crate::ids::{
    CheckRunId, CommentId, CommitSha, DeliveryId, Digest, EnvName, InstallationId, Login, PrNumber,
    RepoName, RunId, ServiceName, StackName,
};
use crate::intent::{Content, Decision, Intent, ReportKey};
use crate::outcome::{
    Applied, Deployed, Evidence, Outcome, Planned, PreviousRelease, Progress, Stopped,
};
use crate::plan::{Counts, Plan};
use crate::plan_flags::PlanFlags;
use crate::ports::Reaction;
use crate::run::{
    ApplyWork, DeployWork, ImageToDeploy, Move, PlanToApply, PlanWork, Rollback, Run, RunOrder,
    RunState, Trigger, Work,
};
use crate::spec::{AwsAccess, ServiceSpec, StackSpec};
use crate::stacks::graph::Modules;
use crate::tool::ToolReason;

/// The pull request of most tests.
pub(crate) const PR: PrNumber = PrNumber(42);
/// The comment of most tests.
pub(crate) const COMMENT: CommentId = CommentId(9);

/// A Wednesday morning: 11:00 in Berlin.
pub(crate) fn now() -> Timestamp {
    at("2026-03-04T10:00:00Z")
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// So many minutes before [`now`].
pub(crate) fn ago(minutes: i64) -> Timestamp {
    now() - SignedDuration::from_mins(minutes)
}

/// A commit of one hexadecimal digit.
pub(crate) fn sha(digit: char) -> CommitSha {
    CommitSha::parse(digit.to_string().repeat(40)).unwrap()
}

/// A digest of one hexadecimal digit.
pub(crate) fn digest(digit: char) -> Digest {
    Digest::parse(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

pub(crate) fn env(name: &str) -> EnvName {
    EnvName::parse(name).unwrap()
}

pub(crate) fn stack(name: &str) -> StackName {
    StackName::parse(name).unwrap()
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::parse(name).unwrap()
}

pub(crate) fn login(name: &str) -> Login {
    Login::parse(name).unwrap()
}

pub(crate) fn cause(name: &str) -> DeliveryId {
    DeliveryId::parse(name).unwrap()
}

/// The run of a number; it shows in the short form of its id and in its code.
pub(crate) fn run(number: u32) -> RunId {
    RunId::from_bits((u128::from(number) << 96) | u128::from(number))
}

pub(crate) fn names(list: &[&str]) -> BTreeSet<StackName> {
    list.iter().map(|name| stack(name)).collect()
}

/// Two environments, three stacks and a service, with more rules for `dev` and `prod`.
pub(crate) fn toml(dev: &str, prod: &str) -> String {
    let environment = |name: &str, account: &str, more: &str| {
        format!(
            "[environments.{name}]\n{more}\n[environments.{name}.aws]\nregion = \"eu-central-1\"\n\
             account = \"{account}\"\n\
             plan_role = \"arn:aws:iam::{account}:role/slipway-plan\"\n\
             apply_role = \"arn:aws:iam::{account}:role/slipway-apply\"\n\
             deploy_role = \"arn:aws:iam::{account}:role/slipway-deploy\"\n"
        )
    };
    format!(
        "version = 1\n{}{}{}",
        environment("dev", "111111111111", dev),
        environment("prod", "222222222222", prod),
        r#"
        [stacks.network]
        dir = "infra/network"
        var_files = ["{environment}.tfvars"]
        [stacks.eks]
        dir = "infra/eks"
        depends_on = ["network"]
        [stacks.database]
        dir = "infra/database"
        environments = ["dev"]
        depends_on = ["network"]
        [services.shop]
        image = "ghcr.io/acme/shop"
        paths = ["app/**"]
        manifests = "k8s/{environment}"
        cluster = "shop-{environment}"
        namespace = "shop"
        after_stacks = ["eks"]
        "#
    )
}

/// [`toml`] with a second service.
pub(crate) fn two_services(dev: &str, prod: &str) -> String {
    format!(
        "{}{}",
        toml(dev, prod),
        r#"
        [services.web]
        image = "ghcr.io/acme/web"
        paths = ["web/**"]
        manifests = "k8s/{environment}"
        cluster = "shop-{environment}"
        namespace = "web"
        "#
    )
}

pub(crate) fn config(text: &str) -> Config {
    match Config::parse(text) {
        Ok(config) => config,
        Err(diagnostics) => panic!("{diagnostics:#?}"),
    }
}

pub(crate) fn unread<T>() -> Result<T, Unread> {
    Err(Unread("GitHub: 502".to_owned()))
}

pub(crate) fn actor(name: &str, permission: Permission) -> ActorFacts {
    ActorFacts {
        login: login(name),
        permission: Ok(permission),
        teams: Ok(BTreeSet::new()),
    }
}

/// Facts, made step by step.
#[derive(Clone)]
pub(crate) struct Situation {
    pub(crate) facts: Facts,
}

/// Pull request #42 by ana, who may write and who acts: open, head `aaaaaaa` onto `main@bbbbbbb`,
/// without a changed file, a run, a lock or a release.
pub(crate) fn situation() -> Situation {
    let pull = PullRequest {
        number: PR,
        title: "A change".to_owned(),
        author: login("ana"),
        head: sha('a'),
        head_ref: "change".to_owned(),
        fork: false,
        base_ref: "main".to_owned(),
        compared_with: sha('b'),
        state: PullState::Open,
        draft: false,
    };
    let pr = PullFacts {
        pull,
        base: sha('b'),
        files: Ok(ChangedFiles::default()),
        modules: Ok(Modules::default()),
        reviews: Ok(Vec::new()),
        owners: Err(Unread("not asked".to_owned())),
        proposed_config: None,
        checks: Ok(Vec::new()),
        required_checks: Ok(Vec::new()),
        behind_by: Ok(0),
        author: actor("ana", Permission::Write),
    };
    Situation {
        facts: Facts {
            now: now(),
            repo: repo(),
            default_branch: "main".to_owned(),
            config: ConfigFacts::Valid(Box::new(config(&toml("", "")))),
            actor: Some(actor("ana", Permission::Write)),
            pr: Some(pr),
            store: StoreFacts {
                known_heads: "0123456789abcdef".chars().map(sha).collect(),
                ..StoreFacts::default()
            },
            named_commit: None,
            drift: None,
        },
    }
}

pub(crate) fn repo() -> RepoRef {
    RepoRef {
        installation: InstallationId(1),
        name: RepoName::parse("acme/shop").unwrap(),
    }
}

impl Situation {
    pub(crate) fn but(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    fn pr(self, change: impl FnOnce(&mut PullFacts)) -> Self {
        self.but(|facts| change(facts.pr.as_mut().unwrap()))
    }

    pub(crate) fn config(self, text: &str) -> Self {
        let config = config(text);
        self.but(|facts| facts.config = ConfigFacts::Valid(Box::new(config)))
    }

    pub(crate) fn without_config(self) -> Self {
        self.but(|facts| facts.config = ConfigFacts::Missing)
    }

    pub(crate) fn with_broken_config(self) -> Self {
        let diagnostics = Config::parse("version = 1\nsurprise = true\n").unwrap_err();
        self.but(|facts| facts.config = ConfigFacts::Invalid(diagnostics))
    }

    pub(crate) fn at(self, moment: &str) -> Self {
        let moment = at(moment);
        self.but(|facts| facts.now = moment)
    }

    pub(crate) fn actor(self, name: &str, permission: Permission) -> Self {
        self.but(|facts| facts.actor = Some(actor(name, permission)))
    }

    pub(crate) fn author_may(self, permission: Permission) -> Self {
        self.pr(|pr| pr.author.permission = Ok(permission))
    }

    pub(crate) fn draft(self) -> Self {
        self.pr(|pr| pr.pull.draft = true)
    }

    pub(crate) fn fork(self) -> Self {
        self.pr(|pr| pr.pull.fork = true)
    }

    pub(crate) fn closed(self) -> Self {
        self.pr(|pr| pr.pull.state = PullState::Closed)
    }

    /// Merged as this commit; the base branch is there now.
    pub(crate) fn merged(self, merge: char) -> Self {
        self.pr(|pr| {
            pr.pull.state = PullState::Merged(sha(merge));
            pr.base = sha(merge);
        })
    }

    pub(crate) fn head(self, head: char) -> Self {
        self.pr(|pr| pr.pull.head = sha(head))
    }

    pub(crate) fn base(self, branch: &str, tip: char) -> Self {
        self.pr(|pr| {
            pr.pull.base_ref = branch.to_owned();
            pr.base = sha(tip);
        })
    }

    pub(crate) fn files(self, paths: &[&str]) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        self.pr(|pr| {
            pr.files = Ok(ChangedFiles {
                paths,
                truncated: false,
            });
        })
    }

    /// deploy.toml of the head is this text, or is gone.
    pub(crate) fn proposes(self, text: Option<&str>) -> Self {
        let proposed = ProposedConfig::of(text.map(str::to_owned));
        self.pr(|pr| pr.proposed_config = Some(Ok(proposed)))
    }

    pub(crate) fn proposal_unread(self) -> Self {
        self.pr(|pr| pr.proposed_config = Some(unread()))
    }

    pub(crate) fn behind(self, commits: u64) -> Self {
        self.pr(|pr| pr.behind_by = Ok(commits))
    }

    pub(crate) fn files_unread(self) -> Self {
        self.pr(|pr| pr.files = unread())
    }

    pub(crate) fn review(self, by: &str, verdict: Verdict, commit: Option<char>) -> Self {
        let review = Review {
            author: login(by),
            verdict,
            commit: commit.map(sha),
        };
        self.pr(|pr| pr.reviews.as_mut().unwrap().push(review))
    }

    pub(crate) fn check(self, name: &str, state: CheckState) -> Self {
        self.checks(name, state, false)
    }

    pub(crate) fn own_check(self, name: &str, state: CheckState) -> Self {
        self.checks(name, state, true)
    }

    fn checks(self, name: &str, state: CheckState, own: bool) -> Self {
        let name = name.to_owned();
        self.pr(|pr| pr.checks.as_mut().unwrap().push(Check { name, state, own }))
    }

    pub(crate) fn required(self, names: &[&str]) -> Self {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.pr(|pr| pr.required_checks = Ok(names))
    }

    pub(crate) fn blessed(self, head: char) -> Self {
        self.but(|facts| {
            facts.store.blessed.insert(sha(head));
        })
    }

    /// A run of any pull request, made after all that are there.
    pub(crate) fn run(self, kit: RunKit) -> Self {
        let run = kit.0;
        self.but(|facts| {
            if !run.state.is_final() {
                facts.store.active.push(run.clone());
            }
            if run.order.pr == facts.pr.as_ref().map(|pr| pr.pull.number) {
                facts.store.runs.insert(0, run);
            }
        })
    }

    /// A lock on an environment.
    pub(crate) fn lock(self, name: &str, by: &str, pr: u64) -> Self {
        self.claim(name, None, by, pr)
    }

    pub(crate) fn stack_lock(self, stack_name: &str, name: &str, by: &str, pr: u64) -> Self {
        self.claim(name, Some(stack(stack_name)), by, pr)
    }

    fn claim(self, name: &str, stack: Option<StackName>, by: &str, pr: u64) -> Self {
        let lock = Lock {
            target: LockTarget {
                env: env(name),
                stack,
            },
            holder: login(by),
            pr: Some(PrNumber(pr)),
            reason: Some("DB migration".to_owned()),
            since: ago(130),
            until: None,
        };
        self.but(|facts| facts.store.locks.push(lock))
    }

    pub(crate) fn hold(self, name: &str) -> Self {
        let hold = Hold {
            env: env(name),
            by: Some(login("cleo")),
            reason: "rolled back".to_owned(),
            since: ago(60),
        };
        self.but(|facts| facts.store.holds.push(hold))
    }

    /// A good release of `shop`, newer than those that are there: commit and digest of one digit,
    /// live for so many minutes. Its run has the digit's number.
    pub(crate) fn release(self, name: &str, digit: char, minutes: i64) -> Self {
        let release = release(name, digit, minutes);
        self.but(|facts| facts.store.releases.insert(0, release))
    }

    pub(crate) fn bad_release(self, name: &str, digit: char, minutes: i64) -> Self {
        let release = Release {
            good: false,
            ..release(name, digit, minutes)
        };
        self.but(|facts| facts.store.releases.insert(0, release))
    }

    pub(crate) fn named_commit(self, digit: char, on_default_branch: bool) -> Self {
        self.but(|facts| {
            facts.named_commit = Some(NamedCommit {
                sha: sha(digit),
                on_default_branch,
            });
        })
    }

    // --- what happens

    pub(crate) fn decide(&self, kind: EventKind) -> Decision {
        let event = Event {
            repo: repo(),
            actor: self.facts.actor.as_ref().map(|actor| Actor {
                login: actor.login.clone(),
                is_bot: false,
            }),
            kind,
        };
        let decision = decide(&event, &self.facts, &cause("now"));
        assert_eq!(unsound(&decision), None, "{}", told(&decision));
        decision
    }

    /// Somebody comments; what that leads to, as text.
    pub(crate) fn says(&self, body: &str) -> String {
        told(&self.decide(EventKind::Comment {
            pr: PR,
            comment: COMMENT,
            body: body.to_owned(),
        }))
    }

    pub(crate) fn happens(&self, action: PullRequestAction) -> String {
        told(&self.decide(EventKind::PullRequest { number: PR, action }))
    }

    pub(crate) fn presses(&self, key: &ReportKey, identifier: &str) -> String {
        told(&self.decide(EventKind::Button {
            check: CheckRunId(1),
            external_id: key.to_string(),
            identifier: identifier.to_owned(),
        }))
    }

    pub(crate) fn rerequests(&self, key: &ReportKey) -> String {
        told(&self.decide(EventKind::CheckRerequested {
            check: CheckRunId(1),
            external_id: key.to_string(),
        }))
    }

    /// The run of this number is what the event is about.
    pub(crate) fn about(self, number: u32) -> Self {
        let id = run(number);
        self.but(|facts| {
            let found = facts
                .store
                .runs
                .iter()
                .chain(&facts.store.active)
                .find(|run| run.id == id);
            facts.store.subject = Some(found.unwrap().clone());
        })
    }

    /// A run that is there came to its end.
    pub(crate) fn ended(self, number: u32) -> String {
        let situation = self.about(number);
        told(&situation.decide(EventKind::RunEnded { run: run(number) }))
    }
}

pub(crate) fn release(name: &str, digit: char, minutes: i64) -> Release {
    Release {
        env: env(name),
        service: service("shop"),
        commit: sha(digit),
        digest: digest(digit),
        pr: Some(PrNumber(40)),
        actor: login("cleo"),
        run: run(digit.to_digit(16).unwrap()),
        live_at: ago(minutes),
        good: true,
    }
}

// --- runs

/// A run in the making: of pull request #42 at its head, by ana's comment, begun when it is not
/// queued, ended when it is over.
#[derive(Clone)]
pub(crate) struct RunKit(pub(crate) Run);

fn kit(number: u32, name: &str, work: Work) -> RunKit {
    RunKit(Run {
        id: run(number),
        order: RunOrder {
            repo: repo(),
            env: env(name),
            pr: Some(PR),
            issue: None,
            commit: sha('a'),
            actor: login("ana"),
            trigger: Trigger::Comment(COMMENT),
            cause: cause("before"),
            not_before: None,
            frozen: None,
            work,
        },
        state: RunState::Queued,
        after: Vec::new(),
        created_at: ago(5),
        started_at: None,
        ended_at: None,
        outcome: None,
    })
}

fn access(name: &str, role: &str) -> AwsAccess {
    let config = config(&toml("", ""));
    let environment = config.environment(&env(name)).unwrap();
    let role = match role {
        "plan" => environment.aws.plan_role.as_ref(),
        "apply" => environment.aws.apply_role.as_ref(),
        _ => environment.aws.deploy_role.as_ref(),
    };
    AwsAccess::new(environment, role.unwrap())
}

fn stack_spec(stack_name: &str, name: &str) -> StackSpec {
    let config = config(&toml("", ""));
    StackSpec::new(config.stack(&stack(stack_name)).unwrap(), &env(name))
}

/// Flags of a plan, each a word without spaces.
pub(crate) fn flags(words: &str) -> PlanFlags {
    PlanFlags::parse(words.split(' ')).unwrap()
}

/// A queued plan onto `main@bbbbbbb`.
pub(crate) fn plan(number: u32, stack_name: &str, name: &str) -> RunKit {
    let work = Work::Plan(PlanWork {
        stack: stack_spec(stack_name, name),
        aws: access(name, "plan"),
        base_ref: "main".to_owned(),
        base: sha('b'),
        held_by: None,
        flags: PlanFlags::default(),
    });
    kit(number, name, work)
}

/// A plan that succeeded, with so many resources to create.
pub(crate) fn planned(number: u32, stack_name: &str, name: &str, creates: usize) -> RunKit {
    plan(number, stack_name, name)
        .outcome(Outcome::Planned(Box::new(Planned {
            plan: terraform_plan(creates),
            fingerprint: format!("creates {creates}"),
            artifact: format!("plans/{number}"),
            sha256: "0".repeat(64),
            expires_at: None,
            policy: None,
            base: sha('b'),
            made_workspace: false,
            tool_version: "terraform 1.11.4".to_owned(),
            tool_reason: ToolReason::Settings,
            evidence: evidence("slipway-plan"),
        })))
        .state(RunState::Succeeded)
}

/// A queued apply of a saved plan.
pub(crate) fn apply(number: u32, stack_name: &str, name: &str, saved: u32) -> RunKit {
    apply_work(number, stack_name, name, PlanToApply::Saved(run(saved)))
}

/// A queued apply after a merge.
pub(crate) fn apply_again(
    number: u32,
    stack_name: &str,
    name: &str,
    reviewed: Option<u32>,
) -> RunKit {
    let reviewed = reviewed.map(run);
    apply_work(number, stack_name, name, PlanToApply::Again { reviewed })
        .trigger(Trigger::Merge)
        .commit('c')
}

fn apply_work(number: u32, stack_name: &str, name: &str, plan: PlanToApply) -> RunKit {
    let work = Work::Apply(ApplyWork {
        stack: stack_spec(stack_name, name),
        aws: access(name, "apply"),
        plan,
        flags: PlanFlags::default(),
    });
    kit(number, name, work)
}

/// An apply that succeeded.
pub(crate) fn applied(number: u32, stack_name: &str, name: &str, saved: u32) -> RunKit {
    apply(number, stack_name, name, saved)
        .outcome(Outcome::Applied(Box::new(Applied {
            counts: Counts {
                add: 1,
                ..Counts::default()
            },
            outputs: vec![("endpoint".to_owned(), "https://x".to_owned())],
            took: Duration::from_secs(31),
            evidence: evidence("slipway-apply"),
        })))
        .state(RunState::Succeeded)
}

/// A queued deploy of `shop` at the head.
pub(crate) fn deploy(number: u32, name: &str) -> RunKit {
    let config = config(&toml("", ""));
    let shop = config.service(&service("shop")).unwrap();
    let work = Work::Deploy(DeployWork {
        service: ServiceSpec::new(shop, &env(name)),
        aws: access(name, "deploy"),
        url: Some(format!("https://{name}.shop.example.com")),
        production: name == "prod",
        image: ImageToDeploy::Tag(format!("sha-{}", sha('a'))),
        brought_by: Some(PR),
        rollback: None,
        roll_back_on_failure: true,
    });
    kit(number, name, work)
}

/// A deploy that succeeded with the digest of its commit's digit.
pub(crate) fn deployed(number: u32, name: &str, digit: char) -> RunKit {
    deploy(number, name)
        .commit(digit)
        .outcome(Outcome::Deployed(Box::new(Deployed {
            digest: digest(digit),
            proven: true,
            ready: 6,
            took: Duration::from_secs(74),
            previous: Some(PreviousRelease {
                commit: sha('d'),
                pr: Some(PrNumber(40)),
            }),
            evidence: evidence("slipway-deploy"),
            at: ago(1),
        })))
        .state(RunState::Succeeded)
}

/// A queued rollback of `shop` from the head to the release of a digit.
pub(crate) fn rollback(number: u32, name: &str, to: char, failed: Option<u32>) -> RunKit {
    let mut kit = deploy(number, name).commit(to);
    if let Work::Deploy(work) = &mut kit.0.order.work {
        work.image = ImageToDeploy::Digest(digest(to));
        work.rollback = Some(Rollback {
            from: Some(sha('a')),
            failed: failed.map(run),
        });
        work.roll_back_on_failure = false;
    }
    kit
}

pub(crate) fn evidence(role: &str) -> Evidence {
    Evidence {
        role: role.to_owned(),
        account: "111111111111".to_owned(),
        session: "slipway-00000001".to_owned(),
    }
}

pub(crate) fn stopped(what: &str, fix: &str, reached_the_world: bool) -> Outcome {
    Outcome::Stopped(Box::new(Stopped {
        what: what.to_owned(),
        fix: fix.to_owned(),
        reached_the_world,
        ..Stopped::default()
    }))
}

/// A plan that creates so many resources.
pub(crate) fn terraform_plan(creates: usize) -> Plan {
    let resources: Vec<serde_json::Value> = (0..creates)
        .map(|i| {
            serde_json::json!({
                "address": format!("terraform_data.a{i}"), "mode": "managed",
                "type": "terraform_data", "name": format!("a{i}"),
                "change": {
                    "actions": ["create"], "before": null, "after": {"input": "x"},
                    "after_unknown": {}, "before_sensitive": false, "after_sensitive": {},
                },
            })
        })
        .collect();
    let json = serde_json::json!({
        "format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": resources,
    });
    Plan::parse(json.to_string().as_bytes()).unwrap()
}

impl RunKit {
    /// Made with flags, or the apply of such a plan.
    pub(crate) fn flags(self, words: &str) -> Self {
        self.but(|run| match &mut run.order.work {
            Work::Plan(work) => work.flags = flags(words),
            Work::Apply(work) => work.flags = flags(words),
            Work::Deploy(_) | Work::ForceUnlock(_) | Work::Look(_) => panic!("no flags"),
        })
    }

    pub(crate) fn but(mut self, change: impl FnOnce(&mut Run)) -> Self {
        change(&mut self.0);
        self
    }

    pub(crate) fn state(self, state: RunState) -> Self {
        self.but(|run| {
            run.state = state;
            if !matches!(state, RunState::Queued | RunState::Unconfirmed) {
                run.started_at.get_or_insert(ago(4));
            }
            if state.is_final() {
                run.ended_at.get_or_insert(ago(2));
            }
        })
    }

    /// Over before a worker took it.
    pub(crate) fn never_began(self, state: RunState) -> Self {
        self.state(state).but(|run| run.started_at = None)
    }

    pub(crate) fn running(self) -> Self {
        self.state(RunState::Running)
    }

    pub(crate) fn digest_found(self, digit: char) -> Self {
        self.running().outcome(Outcome::Progress(Progress {
            line: "rolling out".to_owned(),
            counted: Some((2, 6)),
            evidence: Some(evidence("slipway-deploy")),
            digest: Some(digest(digit)),
        }))
    }

    /// Failed with the world touched.
    pub(crate) fn failed(self) -> Self {
        self.outcome(stopped("it broke", "mend it", true))
            .state(RunState::Failed)
    }

    /// Failed before anything was touched.
    pub(crate) fn failed_early(self) -> Self {
        self.outcome(stopped("STS refused", "look at the trust policy", false))
            .state(RunState::Failed)
    }

    pub(crate) fn outcome(self, outcome: Outcome) -> Self {
        self.but(|run| run.outcome = Some(outcome))
    }

    pub(crate) fn commit(self, digit: char) -> Self {
        self.but(|run| {
            run.order.commit = sha(digit);
            if let Work::Deploy(work) = &mut run.order.work
                && let ImageToDeploy::Tag(tag) = &mut work.image
            {
                *tag = format!("sha-{}", sha(digit));
            }
        })
    }

    pub(crate) fn onto(self, branch: &str, digit: char) -> Self {
        self.but(|run| {
            if let Work::Plan(work) = &mut run.order.work {
                work.base_ref = branch.to_owned();
                work.base = sha(digit);
            }
        })
    }

    pub(crate) fn pr(self, number: u64) -> Self {
        self.but(|run| run.order.pr = Some(PrNumber(number)))
    }

    pub(crate) fn by(self, name: &str) -> Self {
        self.but(|run| run.order.actor = login(name))
    }

    pub(crate) fn cause(self, name: &str) -> Self {
        self.but(|run| run.order.cause = cause(name))
    }

    pub(crate) fn trigger(self, trigger: Trigger) -> Self {
        self.but(|run| run.order.trigger = trigger)
    }

    pub(crate) fn after(self, numbers: &[u32]) -> Self {
        self.but(|me| me.after = numbers.iter().copied().map(run).collect())
    }

    /// Made so many minutes ago.
    pub(crate) fn made(self, minutes: i64) -> Self {
        self.but(|run| run.created_at = ago(minutes))
    }
}

// --- decisions as text

/// A decision in lines, as a snapshot pins it.
pub(crate) fn told(decision: &Decision) -> String {
    let mut out = String::new();
    for intent in &decision.intents {
        // The same beside every plan; it has tests of its own.
        if matches!(intent, Intent::Say(ReportKey::SummaryCheck(..), _)) {
            continue;
        }
        writeln!(out, "{}", line(intent)).unwrap();
    }
    format!("{out}= {}", decision.because)
}

fn line(intent: &Intent) -> String {
    match intent {
        Intent::Start(new) => format!(
            "start {}{}{}",
            order(&new.order),
            if new.state == RunState::Unconfirmed {
                ", unconfirmed"
            } else {
                ""
            },
            if new.after.is_empty() {
                String::new()
            } else {
                format!(", after {:?}", new.after)
            },
        ),
        Intent::End { run, mv, outcome } => {
            let why = match outcome {
                Some(Outcome::Stopped(stopped)) => format!("{} / {}", stopped.what, stopped.fix),
                other => format!("{other:?}"),
            };
            format!("end {} {mv:?}: {why}", run.short())
        }
        Intent::Confirm(run) => format!("confirm {}", run.short()),
        Intent::Lock(lock) => format!(
            "lock {} by {} until {:?}, reason {:?}",
            target(&lock.target),
            lock.holder,
            lock.until.map(|until| until.to_string()),
            lock.reason
        ),
        Intent::Unlock(what) => format!("unlock {}", target(what)),
        Intent::Hold(hold) => format!("hold {} by {}: {}", hold.env, hold.setter(), hold.reason),
        Intent::Resume(name) => format!("resume {name}"),
        Intent::Disgrace(run) => format!("disgrace {}", run.short()),
        Intent::Bless(head) => format!("bless {}", head.short()),
        Intent::Override(word) => format!(
            "override {} in {} at {}, {}: {}",
            word.stack,
            word.env,
            word.head.short(),
            word.digest,
            word.sentence()
        ),
        Intent::DropPlans(pr) => format!("drop the plans of #{pr}"),
        Intent::TakeTurns(turn) => format!(
            "look for drift in {} {}, next at {}",
            turn.env, turn.schedule, turn.due_at
        ),
        Intent::EndTurns(env) => format!("no longer look for drift in {env}"),
        Intent::Refresh(key) => format!("refresh {key}"),
        Intent::LookForImages => "look for images".to_owned(),
        Intent::Say(key, content) => said(key, content),
    }
}

fn target(target: &LockTarget) -> String {
    match &target.stack {
        Some(stack) => format!("{stack} in {}", target.env),
        None => target.env.to_string(),
    }
}

fn said(key: &ReportKey, content: &Content) -> String {
    match (key, content) {
        (ReportKey::Reaction(_, reaction), Content::Reaction) => {
            let sign = match reaction {
                Reaction::Eyes => "👀",
                Reaction::Rocket => "🚀",
                Reaction::ThumbsDown => "👎",
                Reaction::Confused => "😕",
            };
            format!("react {sign}")
        }
        (_, Content::Check { sha, output, again }) => {
            let mut out = format!(
                "check {} on {}{}: {:?}: {}: {}",
                output.name,
                sha.short(),
                if again.is_some() { " again" } else { "" },
                output.conclusion,
                output.title,
                output.summary
            );
            for annotation in &output.annotations {
                write!(
                    out,
                    "\n  {}:{} {:?} {}",
                    annotation.path, annotation.start_line, annotation.level, annotation.title
                )
                .unwrap();
            }
            out
        }
        (_, Content::Comment { body }) => format!("reply\n{}", indented(body)),
        (key, content) => format!("say {key} {content:?}"),
    }
}

fn indented(body: &str) -> String {
    body.trim_end()
        .lines()
        .map(|line| format!("  | {line}").trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

fn with_flags(flags: &PlanFlags) -> String {
    match flags.is_none() {
        true => String::new(),
        false => format!(" with {flags}"),
    }
}

fn order(order: &RunOrder) -> String {
    let trigger = match order.trigger {
        Trigger::Comment(_) => "comment",
        Trigger::Button => "button",
        Trigger::PullRequest => "pull request",
        Trigger::Merge => "merge",
        Trigger::Run => "run",
        Trigger::Schedule => "schedule",
    };
    let work = match &order.work {
        Work::Plan(work) => format!(
            "onto {}@{}{}",
            work.base_ref,
            work.base.short(),
            with_flags(&work.flags)
        ),
        Work::Apply(work) => match &work.plan {
            PlanToApply::Saved(plan) => {
                format!("from plan {}{}", plan.short(), with_flags(&work.flags))
            }
            PlanToApply::Again { reviewed } => format!(
                "planned again, reviewed {}",
                reviewed.as_ref().map_or("none", |run| run.short())
            ),
        },
        Work::Look(_) => "with what runs".to_owned(),
        Work::Deploy(work) => match &work.image {
            ImageToDeploy::Tag(tag) => format!("tag {}", &tag[..11]),
            ImageToDeploy::Digest(digest) => format!("digest {}", digest.short()),
        },
        Work::ForceUnlock(work) => format!("lock {}", work.id),
    };
    let not_before = order
        .not_before
        .map_or_else(String::new, |moment| format!(", not before {moment}"));
    format!(
        "{} {} in {} at {} {work}, by {} ({trigger}){not_before}",
        order.kind(),
        order.subject(),
        order.env,
        order.commit.short(),
        order.actor
    )
}

/// What no decision may ever do, whatever the facts; `None` if this one does nothing of it.
pub(crate) fn unsound(decision: &Decision) -> Option<String> {
    let mut started = BTreeSet::new();
    let mut ended = BTreeSet::new();
    let mut keys = BTreeSet::new();
    let mut starts = 0;
    for intent in &decision.intents {
        match intent {
            Intent::Start(new) => {
                if let Some(place) = new.after.iter().find(|place| **place >= starts) {
                    return Some(format!(
                        "run {starts} waits for {place}, which is not before"
                    ));
                }
                let kind = std::mem::discriminant(&new.order.work);
                let what = format!("{kind:?} {} {}", new.order.env, new.order.subject());
                if !started.insert(what) {
                    return Some(format!("two runs of one kind: {}", order(&new.order)));
                }
                starts += 1;
            }
            Intent::End { run, mv, .. } => {
                if !ended.insert(run.clone()) {
                    return Some(format!("{run} is ended twice"));
                }
                if !matches!(
                    mv,
                    Move::Cancel | Move::Supersede | Move::Skip | Move::Refuse
                ) {
                    return Some(format!("{run} is ended by {mv:?}"));
                }
            }
            Intent::Say(key, content) => {
                if !keys.insert(key.to_string()) {
                    return Some(format!("{key} is said twice"));
                }
                if let Content::Comment { body } = content
                    && (body.trim().is_empty() || body.len() > crate::report::COMMENT_LIMIT)
                {
                    return Some(format!("{key} has {} bytes", body.len()));
                }
            }
            _ => {}
        }
    }
    None
}
