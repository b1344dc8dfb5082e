//! From an event to all the facts that a decision about it may look at.
//!
//! Everything is read here, eagerly and live; nothing is decided. What only a gate asks for and
//! can't be read becomes an [`Unread`], which closes that gate. What everything hangs on (the pull
//! request itself, deploy.toml) is an error, and the delivery is tried again later.

mod drift;
mod modules;
mod owners;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use slipway_core::command::{self, Command, Parsed};
use slipway_core::config::{Config, Who};
use slipway_core::event::{Event, EventKind, RepoRef};
use slipway_core::facts::{
    ActorFacts, ChangedFiles, ConfigFacts, DriftFacts, Facts, NamedCommit, Permission,
    ProposedConfig, PullFacts, PullRequest, PullState, Read, Review, StoreFacts, Unread,
};
use slipway_core::ids::{CommitSha, Login, PrNumber, RunId};
use slipway_core::intent::ReportKey;
use slipway_core::ports::{
    Clock, Forge, PortError, PortErrorKind, PortResult, RunsOf, Source, Store,
};
use slipway_core::run::{Run, Work};

/// Where deploy.toml stands in a repository.
const CONFIG_PATH: &str = "deploy.toml";

/// Reads facts.
#[derive(Clone)]
pub struct Gather {
    /// GitHub.
    pub forge: Arc<dyn Forge>,
    /// git.
    pub source: Arc<dyn Source>,
    /// What the bot knows itself.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Which pull request an event is about, and how much of it is asked.
struct Subject {
    pr: Option<PrNumber>,
    run: Option<Run>,
    depth: Depth,
}

/// How much of a pull request is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Its state: for housekeeping.
    State,
    /// All that gates ask.
    Gates,
    /// That, and what it would make of deploy.toml.
    Proposal,
}

fn unread(error: &PortError) -> Unread {
    Unread(error.to_string())
}

impl Gather {
    /// All the facts about an event.
    ///
    /// # Errors
    /// When something that everything hangs on can't be read.
    pub async fn facts(&self, event: &Event) -> PortResult<Facts> {
        match &event.kind {
            EventKind::Review { .. } | EventKind::ImageMaybe => return Ok(self.bare(&event.repo)),
            EventKind::Push { branch, .. } => return self.for_push(&event.repo, branch).await,
            EventKind::DriftDue { env } => {
                let app = self.forge.app().await?.login;
                return self.for_drift(&event.repo, env, None, &app).await;
            }
            EventKind::IssueComment { issue, .. } => {
                let env = self.store.drift_issue(&event.repo, *issue).await?;
                return match (env, &event.actor) {
                    (Some(env), Some(actor)) => {
                        self.for_drift(&event.repo, &env, Some(*issue), &actor.login)
                            .await
                    }
                    _ => Ok(self.bare(&event.repo)),
                };
            }
            _ => {}
        }
        let subject = self.subject(event).await?;
        let actor = event.actor.as_ref().map(|actor| actor.login.clone());
        let mut facts = self.of(&event.repo, subject, actor.as_ref()).await?;
        self.for_stacks(event, &mut facts).await?;
        if let EventKind::Comment { body, .. } = &event.kind {
            self.for_command(body, &mut facts).await?;
        }
        Ok(facts)
    }

    /// The facts about a run, for the last look at its gates right before an effect. Whoever asked
    /// for it is the actor.
    ///
    /// # Errors
    /// When something that everything hangs on can't be read.
    pub async fn for_run(&self, run: &Run) -> PortResult<Facts> {
        let subject = Subject {
            pr: run.order.pr,
            run: Some(run.clone()),
            depth: Depth::Gates,
        };
        let repo = &run.order.repo;
        let mut facts = self.of(repo, subject, Some(&run.order.actor)).await?;
        if run.order.is_about_drift() {
            let tip = self.forge.branch_tip(repo, &facts.default_branch).await?;
            facts.drift = Some(DriftFacts {
                env: run.order.env.clone(),
                tip,
                issue: run.order.issue,
            });
        }
        Ok(facts)
    }

    /// deploy.toml of the default branch.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn config(&self, repo: &RepoRef) -> PortResult<ConfigFacts> {
        let branch = self.forge.repository(repo).await?.default_branch;
        self.config_at(repo, &branch).await
    }

    fn bare(&self, repo: &RepoRef) -> Facts {
        Facts {
            now: self.clock.now(),
            repo: repo.clone(),
            default_branch: String::new(),
            config: ConfigFacts::Missing,
            actor: None,
            pr: None,
            store: StoreFacts::default(),
            named_commit: None,
            drift: None,
        }
    }

    async fn subject(&self, event: &Event) -> PortResult<Subject> {
        let whole = |pr, depth| Subject {
            pr,
            run: None,
            depth,
        };
        let gates = |pr| whole(pr, Depth::Gates);
        Ok(match &event.kind {
            EventKind::PullRequest { number, .. } | EventKind::MergeGroup { pr: number, .. } => {
                whole(Some(*number), Depth::Proposal)
            }
            EventKind::Comment { pr, .. } | EventKind::Review { pr } => gates(Some(*pr)),
            EventKind::CheckRerequested { external_id, .. }
            | EventKind::Button { external_id, .. } => {
                self.subject_of_check(&event.repo, external_id).await?
            }
            EventKind::SuiteRerequested { head } => {
                let prs = self.forge.pull_requests_of(&event.repo, head).await?;
                whole(prs.first().copied(), Depth::Proposal)
            }
            EventKind::RunEnded { run } => {
                let run = self.store.run(run).await?;
                Subject {
                    pr: run.as_ref().and_then(|run| run.order.pr),
                    run,
                    depth: Depth::State,
                }
            }
            EventKind::Push { .. }
            | EventKind::ImageMaybe
            | EventKind::DriftDue { .. }
            | EventKind::IssueComment { .. } => gates(None),
        })
    }

    async fn subject_of_check(&self, repo: &RepoRef, external_id: &str) -> PortResult<Subject> {
        let (pr, run) = match ReportKey::parse(external_id) {
            Ok(ReportKey::ConfigCheck(pr, _) | ReportKey::GroupCheck(pr, _)) => {
                return Ok(Subject {
                    pr: Some(pr),
                    run: None,
                    depth: Depth::Proposal,
                });
            }
            Ok(ReportKey::PlanCheck(pr, _, _) | ReportKey::SummaryCheck(pr, _)) => (Some(pr), None),
            Ok(ReportKey::DeployCheck(id)) => {
                let run = self.store.run(&id).await?;
                (run.as_ref().and_then(|run| run.order.pr), run)
            }
            Ok(ReportKey::ApplyCheck(cause, env)) => {
                let runs = self.store.runs(repo, &RunsOf::Cause(cause)).await?;
                let run = runs
                    .into_iter()
                    .find(|run| run.order.env == env && matches!(run.order.work, Work::Apply(_)));
                (run.as_ref().and_then(|run| run.order.pr), run)
            }
            _ => (None, None),
        };
        Ok(Subject {
            pr,
            run,
            depth: Depth::Gates,
        })
    }

    async fn of(
        &self,
        repo: &RepoRef,
        subject: Subject,
        actor: Option<&Login>,
    ) -> PortResult<Facts> {
        let default_branch = self.forge.repository(repo).await?.default_branch;
        let config = self.config_at(repo, &default_branch).await?;
        let valid = match &config {
            ConfigFacts::Valid(config) => Some(&**config),
            ConfigFacts::Missing | ConfigFacts::Invalid(_) => None,
        };
        let (pr, actor, store) = futures::join!(
            self.pull(repo, subject.pr, valid, subject.depth),
            self.actor(repo, actor, valid),
            self.stored(repo, subject.pr, subject.run),
        );
        let (pr, mut store) = (pr?, store?);
        if let Some(pr) = &pr {
            let head = &pr.pull.head;
            if self.store.is_blessed(repo, head).await? {
                store.blessed.insert(head.clone());
            }
            let number = pr.pull.number;
            if self.store.is_known_head(repo, number, head).await? {
                store.known_heads.insert(head.clone());
            }
            if let PullState::Merged(merge) = &pr.pull.state {
                store.contained = self.contained(repo, merge, &store.active).await?;
            }
        }
        Ok(Facts {
            now: self.clock.now(),
            repo: repo.clone(),
            default_branch,
            config,
            actor,
            pr,
            store,
            named_commit: None,
            drift: None,
        })
    }

    /// deploy.toml of a commit or branch.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn config_at(&self, repo: &RepoRef, at: &str) -> PortResult<ConfigFacts> {
        Ok(match self.forge.file(repo, CONFIG_PATH, at).await? {
            None => ConfigFacts::Missing,
            Some(text) => match Config::parse(&text) {
                Ok(config) => ConfigFacts::Valid(Box::new(config)),
                Err(diagnostics) => ConfigFacts::Invalid(diagnostics),
            },
        })
    }

    async fn pull(
        &self,
        repo: &RepoRef,
        number: Option<PrNumber>,
        config: Option<&Config>,
        depth: Depth,
    ) -> PortResult<Option<PullFacts>> {
        let Some(number) = number else {
            return Ok(None);
        };
        let pull = match self.forge.pull_request(repo, number).await {
            Ok(pull) => pull,
            Err(error) if error.kind == PortErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let base = self.forge.branch_tip(repo, &pull.base_ref).await?;
        if depth == Depth::State {
            return Ok(Some(state_only(pull, base)));
        }
        let (files, reviews, checks, required, compared, author) = futures::join!(
            self.forge.changed_files(repo, number),
            self.weighed_reviews(repo, &pull),
            self.forge.checks(repo, &pull.head),
            self.forge.required_checks(repo, &pull.base_ref),
            self.forge.compare(repo, base.as_str(), pull.head.as_str()),
            self.actor(repo, Some(&pull.author), config),
        );
        let files = files.map_err(|error| unread(&error));
        let proposed_config = match depth {
            Depth::Proposal => self.proposed_config(repo, &pull, &files).await?,
            Depth::State | Depth::Gates => None,
        };
        let reviews = reviews.map_err(|error| unread(&error));
        let owners = self
            .owners(repo, (&pull, &base), &files, &reviews, config)
            .await;
        Ok(Some(PullFacts {
            base,
            files,
            owners,
            modules: Err(Unread("not asked".to_owned())),
            reviews,
            proposed_config,
            checks: checks.map_err(|error| unread(&error)),
            required_checks: required.map_err(|error| unread(&error)),
            behind_by: compared
                .map(|comparison| comparison.behind_by)
                .map_err(|error| unread(&error)),
            author: author.unwrap_or_else(|| nobody(&pull.author)),
            pull,
        }))
    }

    /// The reviews of people who can write to the repository.
    async fn weighed_reviews(&self, repo: &RepoRef, pull: &PullRequest) -> PortResult<Vec<Review>> {
        let reviews = self.forge.reviews(repo, pull.number).await?;
        let mut writers: BTreeMap<Login, bool> = BTreeMap::new();
        for review in &reviews {
            if review.author == pull.author || writers.contains_key(&review.author) {
                continue;
            }
            let permission = self.forge.permission(repo, &review.author).await?;
            writers.insert(review.author.clone(), permission >= Permission::Write);
        }
        Ok(reviews
            .into_iter()
            .filter(|review| writers.get(&review.author).copied().unwrap_or(false))
            .collect())
    }

    /// deploy.toml of the head. Where GitHub does not list every changed file, that it differs from
    /// the one in force has to do for a change: no check may be missed because a change is large.
    async fn proposed_config(
        &self,
        repo: &RepoRef,
        pull: &PullRequest,
        files: &Read<ChangedFiles>,
    ) -> PortResult<Option<Read<ProposedConfig>>> {
        let in_force = match files {
            Ok(files) if files.paths.contains(CONFIG_PATH) => None,
            Ok(files) if !files.truncated => return Ok(None),
            Ok(_) | Err(_) => {
                let branch = self.forge.repository(repo).await?.default_branch;
                Some(self.forge.file(repo, CONFIG_PATH, &branch).await?)
            }
        };
        match self.forge.file(repo, CONFIG_PATH, pull.head.as_str()).await {
            Ok(text) if in_force.is_some_and(|in_force| in_force == text) => Ok(None),
            Ok(text) => Ok(Some(Ok(ProposedConfig::of(text)))),
            // It may be there in a minute: the whole delivery is tried again.
            Err(error) if error.is_passing() => Err(error),
            // What is no text, or too large to be one, stays so.
            Err(error) => Ok(Some(Err(unread(&error)))),
        }
    }

    async fn actor(
        &self,
        repo: &RepoRef,
        login: Option<&Login>,
        config: Option<&Config>,
    ) -> Option<ActorFacts> {
        let login = login?;
        let permission = self.forge.permission(repo, login).await;
        Some(ActorFacts {
            login: login.clone(),
            permission: permission.map_err(|error| unread(&error)),
            teams: self.teams(repo, login, config).await,
        })
    }

    /// The teams that deploy.toml names and the person is in.
    async fn teams(
        &self,
        repo: &RepoRef,
        login: &Login,
        config: Option<&Config>,
    ) -> Read<BTreeSet<String>> {
        let mut named = BTreeSet::new();
        for env in config.iter().flat_map(|config| &config.environments) {
            let allow = &env.allow;
            let lists = [
                &allow.plan,
                &allow.apply,
                &allow.deploy,
                &allow.overrides,
                &allow.force_unlock,
            ];
            for who in lists.into_iter().flatten() {
                if let Who::Team { org, slug } = who {
                    named.insert((org.to_ascii_lowercase(), slug.to_ascii_lowercase()));
                }
            }
        }
        let mut teams = BTreeSet::new();
        for (org, slug) in named {
            match self.forge.is_team_member(repo, &org, &slug, login).await {
                Ok(true) => {
                    teams.insert(format!("{org}/{slug}"));
                }
                Ok(false) => {}
                Err(error) => return Err(unread(&error)),
            }
        }
        Ok(teams)
    }

    async fn stored(
        &self,
        repo: &RepoRef,
        pr: Option<PrNumber>,
        subject: Option<Run>,
    ) -> PortResult<StoreFacts> {
        let runs = match pr {
            Some(pr) => self.store.runs(repo, &RunsOf::Pr(pr)).await?,
            None => match &subject {
                Some(run) => {
                    let cause = RunsOf::Cause(run.order.cause.clone());
                    self.store.runs(repo, &cause).await?
                }
                None => Vec::new(),
            },
        };
        Ok(StoreFacts {
            runs,
            active: self.store.runs(repo, &RunsOf::Active).await?,
            locks: self.store.locks(repo, self.clock.now()).await?,
            holds: self.store.holds(repo).await?,
            releases: self.store.releases(repo).await?,
            overrides: match pr {
                Some(pr) => self.store.overrides(repo, pr).await?,
                None => Vec::new(),
            },
            turns: self.store.drift_turns(repo).await?,
            subject,
            ..StoreFacts::default()
        })
    }

    /// The active deploys whose commit is part of a merge commit's history.
    async fn contained(
        &self,
        repo: &RepoRef,
        merge: &CommitSha,
        active: &[Run],
    ) -> PortResult<BTreeSet<RunId>> {
        let mut contained = BTreeSet::new();
        for run in active {
            if !matches!(run.order.work, Work::Deploy(_)) {
                continue;
            }
            let older = run.order.commit.as_str();
            if self
                .forge
                .compare(repo, older, merge.as_str())
                .await?
                .head_contains_base()
            {
                contained.insert(run.id.clone());
            }
        }
        Ok(contained)
    }

    /// What only some commands ask for.
    async fn for_command(&self, body: &str, facts: &mut Facts) -> PortResult<()> {
        let ConfigFacts::Valid(config) = &facts.config else {
            return Ok(());
        };
        let Parsed::Command(request) = command::parse(body) else {
            return Ok(());
        };
        match request.resolve(config) {
            Ok(Command::Deploy { sha: Some(sha), .. }) => {
                let found = self.forge.commit(&facts.repo, sha.as_str()).await?;
                if let Some(commit) = found {
                    let tip = facts.default_branch.as_str();
                    let compared = self
                        .forge
                        .compare(&facts.repo, commit.as_str(), tip)
                        .await?;
                    facts.named_commit = Some(NamedCommit {
                        on_default_branch: compared.head_contains_base(),
                        sha: commit,
                    });
                }
            }
            Ok(Command::Where) => facts.store.behind = self.behind(facts).await?,
            _ => {}
        }
        Ok(())
    }

    /// By how many commits the default branch is ahead of what is live.
    async fn behind(&self, facts: &Facts) -> PortResult<BTreeMap<CommitSha, u64>> {
        let mut live = BTreeMap::new();
        for release in facts.store.releases.iter().rev() {
            live.insert((&release.env, &release.service), &release.commit);
        }
        let commits: BTreeSet<&CommitSha> = live.into_values().collect();
        let mut behind = BTreeMap::new();
        for commit in commits {
            let tip = facts.default_branch.as_str();
            match self.forge.compare(&facts.repo, commit.as_str(), tip).await {
                Ok(compared) => {
                    behind.insert(commit.clone(), compared.ahead_by);
                }
                // A commit that GitHub no longer knows (a deleted fork) has no place in history.
                Err(error) if error.kind == PortErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(behind)
    }
}

fn nobody(login: &Login) -> ActorFacts {
    ActorFacts {
        login: login.clone(),
        permission: Ok(Permission::None),
        teams: Ok(BTreeSet::new()),
    }
}

/// A pull request of which only the state was read: every gate that asks for more stays closed.
fn state_only(pull: PullRequest, base: CommitSha) -> PullFacts {
    let not_asked = || Unread("not asked".to_owned());
    PullFacts {
        author: nobody(&pull.author),
        base,
        files: Err(not_asked()),
        modules: Err(not_asked()),
        owners: Err(not_asked()),
        reviews: Err(not_asked()),
        proposed_config: None,
        checks: Err(not_asked()),
        required_checks: Err(not_asked()),
        behind_by: Err(not_asked()),
        pull,
    }
}
