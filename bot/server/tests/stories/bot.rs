//! One world with a bot in it, and the words in which stories are told.
//!
//! A story waits for facts, never for time. It must read every comment that the bot writes: a
//! [`Story`] that ends with an unread one, a run that is not over, a lock or a call that the
//! sandbox does not know fails.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use slipway::settings::Settings;
use slipway::wire::{Handle, Slipway};
use slipway_core::ports::Clock;
use slipway_sandbox::clock::WorldClock;
use slipway_sandbox::github::{CheckRun, Comment};
use slipway_sandbox::world::{REPO, World};

use crate::harness;
use crate::process::Process;
use crate::valve::Valve;

/// How long a fact may be waited for. It only bounds a story that has gone wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The bot's clock is the world's.
#[derive(Debug)]
struct Shared(WorldClock);

impl Clock for Shared {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A world, a bot, and what was read of its comments.
pub(crate) struct Story {
    pub world: World,
    pub valve: Valve,
    dir: tempfile::TempDir,
    handle: Option<(Handle, tokio::task::JoinHandle<anyhow::Result<()>>)>,
    read: BTreeSet<u64>,
    /// What is written otherwise in the settings of the bot's next life.
    settings: Vec<(String, String)>,
    pub url: String,
}

/// Tells a story in a world of its own, and holds it to a strict end.
pub(crate) fn tell<F>(story: impl FnOnce(Story) -> F)
where
    F: Future<Output = anyhow::Result<Story>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(async {
        let start = Story::begin().await?;
        let end = story(start).await?;
        end.end().await
    });
    if let Err(error) = result {
        panic!("{error:?}");
    }
}

impl Story {
    async fn begin() -> anyhow::Result<Self> {
        let _ = tracing_subscriber::fmt()
            .with_env_filter("slipway=debug,warn")
            .with_test_writer()
            .try_init();
        let world = World::start().await?;
        let dir = tempfile::tempdir()?;
        let valve = Valve::install(&dir.path().join("valve"), &harness::terraform()?)?;
        let mut story = Self {
            world,
            valve,
            dir,
            handle: None,
            read: BTreeSet::new(),
            settings: Vec::new(),
            url: String::new(),
        };
        story.start_bot().await?;
        Ok(story)
    }

    /// Writes the settings of the bot's next life.
    fn settle(&self) -> anyhow::Result<PathBuf> {
        let path = harness::settle(
            &self.world,
            self.dir.path(),
            "127.0.0.1:0",
            &self.valve.program(),
        )?;
        let mut text = std::fs::read_to_string(&path)?;
        for (from, to) in &self.settings {
            anyhow::ensure!(text.contains(from), "no {from:?} in the settings");
            text = text.replace(from, to);
        }
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts the bot on what it left behind, if anything, as the process that operators start.
    pub(crate) async fn start_process(&mut self) -> anyhow::Result<Process> {
        self.start_process_with(&[]).await
    }

    /// The same, with these variables in its environment.
    pub(crate) async fn start_process_with(
        &mut self,
        env: &[(&str, String)],
    ) -> anyhow::Result<Process> {
        self.stop_bot().await?;
        let process = Process::start(&self.settle()?, env).await?;
        self.url = format!("http://{}", process.address());
        let hook = format!("{}/webhooks/github", self.url);
        self.world.github.set_hook_url(&hook);
        Ok(process)
    }

    /// Starts the bot as a process that can't serve; gives what it says about it.
    pub(crate) async fn start_refused(&mut self, env: &[(&str, String)]) -> anyhow::Result<String> {
        self.stop_bot().await?;
        let said = Process::refuses(&self.settle()?, env).await?;
        Ok(plain(&said, &self.world, "http://HERE"))
    }

    /// Lets a process come to rest and end in good order.
    pub(crate) async fn rest(&self, mut process: Process) -> anyhow::Result<()> {
        self.quiet().await?;
        process.ask_to_end().await?;
        let status = process.ended().await?;
        anyhow::ensure!(status.success(), "the process ended with {status}");
        Ok(())
    }

    /// Starts the bot on what it left behind, if anything.
    pub(crate) async fn start_bot(&mut self) -> anyhow::Result<()> {
        let settings = Settings::load(&self.settle()?)?;
        let clock = Arc::new(Shared(self.world.clock.clone()));
        let bot = Slipway::start(settings, clock).await?;
        self.url = format!("http://{}", bot.address());
        let handle = bot.handle();
        // Told before it works: the first thing that it does is to ask for what it missed.
        self.world
            .github
            .set_hook_url(&format!("{}/webhooks/github", self.url));
        let served = tokio::spawn(bot.serve());
        self.handle = Some((handle, served));
        Ok(())
    }

    /// Ends the bot in good order.
    pub(crate) async fn stop_bot(&mut self) -> anyhow::Result<()> {
        if let Some((handle, served)) = self.handle.take() {
            handle.close();
            served.await??;
        }
        Ok(())
    }

    /// Where the bot keeps its things.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.world.github.idle(PATIENCE).await?;
        if self.handle.is_some() {
            self.quiet().await?;
        }
        self.stop_bot().await?;
        let unread: Vec<String> = self.world.github.look(|model| {
            let bot = model.bot_login();
            let repository = model.repository(REPO);
            repository
                .into_iter()
                .flat_map(|repository| repository.comments.iter())
                .filter(|comment| comment.author == bot && !self.read.contains(&comment.id))
                .map(|comment| format!("#{}: {}", comment.number, comment.body))
                .collect()
        });
        anyhow::ensure!(
            unread.is_empty(),
            "unread comments:\n{}",
            unread.join("\n---\n")
        );
        let app = self.world.github.app_id();
        let open: Vec<String> = self.world.github.look(|model| {
            let repository = model.repository(REPO);
            repository
                .into_iter()
                .flat_map(|repository| repository.check_runs.iter())
                .filter(|check| check.app == app && check.status != "completed")
                .map(|check| format!("{} at {}", check.name, check.head_sha))
                .collect()
        });
        anyhow::ensure!(open.is_empty(), "open check runs: {}", open.join(", "));
        let unexpected = self.world.github.unexpected_calls();
        anyhow::ensure!(unexpected.is_empty(), "unexpected calls: {unexpected:?}");
        Ok(())
    }

    // --- people

    /// Somebody commits to a branch and opens a pull request from it.
    pub(crate) async fn open(
        &self,
        who: &str,
        branch: &str,
        title: &str,
        files: &[(&str, &str)],
    ) -> anyhow::Result<u64> {
        self.push(who, branch, title, files).await?;
        self.world
            .github
            .open_pull_request(REPO, who, branch, "main", title, false)
            .await
    }

    /// Somebody commits to a branch and pushes.
    pub(crate) async fn push(
        &self,
        who: &str,
        branch: &str,
        message: &str,
        files: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let files: Vec<(&str, Option<&str>)> = files
            .iter()
            .map(|(path, text)| (*path, Some(*text)))
            .collect();
        let sha = self
            .world
            .github
            .commit(REPO, branch, who, message, &files)
            .await?;
        Ok(sha.clone())
    }

    /// Somebody comments.
    pub(crate) async fn say(&self, who: &str, pr: u64, body: &str) -> anyhow::Result<u64> {
        self.world.github.comment(REPO, pr, who, body).await
    }

    /// The head commit of a pull request.
    pub(crate) fn head(&self, pr: u64) -> String {
        self.world
            .github
            .pull_request(REPO, pr)
            .map(|pr| pr.head.sha.clone())
            .unwrap_or_default()
    }

    /// The head and the base of a pull request, as the plan comment names them.
    fn ends(&self, pr: u64) -> anyhow::Result<(String, String)> {
        let github = &self.world.github;
        let pull = github.pull_request(REPO, pr).context("the pull request")?;
        let base = pull.base.branch;
        let tip = github.branch(REPO, &base).context("the base branch")?;
        let short = |sha: &str| sha.get(..7).unwrap_or_default().to_owned();
        let head = short(&pull.head.sha.clone());
        Ok((head, format!("{base}@{}", short(&tip))))
    }

    // --- the bot

    /// Waits for a comment of the bot with a text in it, reads it, and gives it as a snapshot:
    /// without its marker and with what differs between two runs of a story named alike.
    pub(crate) async fn reads(&mut self, pr: u64, text: &str) -> anyhow::Result<String> {
        let comment = self
            .world
            .github
            .until(
                &format!("a comment with {text:?} on #{pr}"),
                PATIENCE,
                |model| {
                    let bot = model.bot_login();
                    let repository = model.repository(REPO)?;
                    let mut all = repository.comments(pr).filter(|c| c.author == bot);
                    all.find(|comment| comment.body.contains(text)).cloned()
                },
            )
            .await?;
        self.read.insert(comment.id);
        Ok(self.plain(&comment))
    }

    /// Reads like [`Story::reads`], but only a comment that was not read before.
    pub(crate) async fn hears(&mut self, pr: u64, text: &str) -> anyhow::Result<String> {
        let read = self.read.clone();
        let comment = self
            .world
            .github
            .until(
                &format!("a new comment with {text:?} on #{pr}"),
                PATIENCE,
                |model| {
                    let bot = model.bot_login();
                    let repository = model.repository(REPO)?;
                    let new = repository
                        .comments(pr)
                        .filter(|comment| comment.author == bot && !read.contains(&comment.id));
                    new.filter(|comment| comment.body.contains(text))
                        .last()
                        .cloned()
                },
            )
            .await?;
        self.read.insert(comment.id);
        Ok(self.plain(&comment))
    }

    /// Waits until the plan comment speaks of the head and the base as they are now, and shows this
    /// text for a stack.
    pub(crate) async fn planned(
        &mut self,
        pr: u64,
        env: &str,
        stack: &str,
        text: &str,
    ) -> anyhow::Result<()> {
        let (head, base) = self.ends(pr)?;
        let heading = format!("### Plan · `{head}` onto `{base}`");
        let row = format!("| {env} | [{stack}]");
        let what = format!("{text:?} for {stack} in {env} in the plan of #{pr}");
        let shows = |comment: &Comment| {
            let mut lines = comment.body.lines();
            comment.body.contains(&heading)
                && lines.any(|line| line.starts_with(&row) && line.contains(text))
        };
        let comment = self
            .world
            .github
            .until(&what, PATIENCE, |model| {
                let bot = model.bot_login();
                let mut all = model.repository(REPO)?.comments(pr);
                all.find(|comment| comment.author == bot && shows(comment))
                    .map(|comment| comment.id)
            })
            .await?;
        self.read.insert(comment);
        Ok(())
    }

    /// As [`Self::reads`], once the bot has come to rest: what it shows then is its last word.
    pub(crate) async fn settles(&mut self, pr: u64, text: &str) -> anyhow::Result<String> {
        self.quiet().await?;
        self.reads(pr, text).await
    }

    /// Waits for a check run of a commit to end, and gives it.
    pub(crate) async fn check(&self, sha: &str, name: &str) -> anyhow::Result<CheckRun> {
        self.world
            .github
            .until(&format!("the check {name:?} to end"), PATIENCE, |model| {
                let repository = model.repository(REPO)?;
                let found = repository
                    .check_runs(sha)
                    .filter(|check| check.name == name)
                    .last()
                    .cloned();
                found.filter(|check| check.status == "completed")
            })
            .await
    }

    /// Waits for a reaction of the bot on a comment.
    pub(crate) async fn sees(&self, comment: u64, content: &str) -> anyhow::Result<()> {
        self.world
            .github
            .until(&format!("the reaction {content}"), PATIENCE, |model| {
                let bot = model.bot_login();
                let repository = model.repository(REPO)?;
                let comment = repository.comments.iter().find(|c| c.id == comment)?;
                let signed =
                    |r: &slipway_sandbox::github::Reaction| r.user == bot && r.content == content;
                comment.reactions.iter().any(signed).then_some(())
            })
            .await
    }

    /// Somebody comments, and the bot answers with one comment: its reactions and its answer.
    pub(crate) async fn ask(&mut self, who: &str, pr: u64, body: &str) -> anyhow::Result<String> {
        let before = self.replies(pr).len();
        let said = self.say(who, pr, body).await?;
        self.quiet().await?;
        let replies = self.replies(pr);
        let new = replies.get(before..).unwrap_or_default();
        let [answer] = new else {
            anyhow::bail!("{} answers to {body:?}", new.len());
        };
        self.read.insert(answer.id);
        let reactions = self.reactions(said).join(" ");
        Ok(format!("({reactions})\n{}", self.plain(answer)))
    }

    /// Somebody comments, and the bot neither answers nor reacts.
    pub(crate) async fn ask_in_vain(
        &self,
        who: &str,
        number: u64,
        body: &str,
    ) -> anyhow::Result<()> {
        let before = self.replies(number).len();
        let said = self.say(who, number, body).await?;
        self.quiet().await?;
        anyhow::ensure!(
            self.replies(number).len() == before,
            "an answer to {body:?}"
        );
        let reactions = self.reactions(said);
        anyhow::ensure!(reactions.is_empty(), "{reactions:?} on {body:?}");
        Ok(())
    }

    /// Asks the bot to end, and lets it go on meanwhile.
    pub(crate) fn close_bot(&self) {
        if let Some((handle, _)) = &self.handle {
            handle.close();
        }
    }

    /// Starts the bot anew with another piece of text in its settings.
    pub(crate) async fn with_settings(&mut self, from: &str, to: &str) -> anyhow::Result<()> {
        self.settings.push((from.to_owned(), to.to_owned()));
        self.stop_bot().await?;
        self.start_bot().await
    }

    /// Writes another piece of text into the settings of the bot's next life.
    pub(crate) fn change_settings(&mut self, from: &str, to: &str) {
        self.settings.push((from.to_owned(), to.to_owned()));
    }

    /// The path of the settings.
    pub(crate) fn settings_path(&self) -> PathBuf {
        self.dir.path().join("slipway.toml")
    }

    /// Waits until every delivery is worked off, no run can go on and every report is written.
    /// What happens after that was caused by nothing that was done before it. As long as it becomes
    /// less, there is patience.
    pub(crate) async fn quiet(&self) -> anyhow::Result<()> {
        self.world.github.idle(PATIENCE).await?;
        let store = self.store().await?;
        let mut last = (-1, -1, -1);
        let mut patience_ends = tokio::time::Instant::now();
        loop {
            let left: (i64, i64, i64) = sqlx::query_as(
                "SELECT (SELECT COUNT(*) FROM inbox WHERE state = 'stored'),
                        (SELECT COUNT(*) FROM runs WHERE state IN ('queued', 'running')),
                        (SELECT COUNT(*) FROM reports WHERE sent_version < version)",
            )
            .fetch_one(&store)
            .await?;
            if left == (0, 0, 0) {
                return Ok(());
            }
            let now = tokio::time::Instant::now();
            if left != last {
                (last, patience_ends) = (left, now + PATIENCE);
            }
            anyhow::ensure!(now < patience_ends, "the bot never came to rest: {left:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The bot's database, to look at.
    pub(crate) async fn store(&self) -> anyhow::Result<sqlx::SqlitePool> {
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(self.data_dir().join("slipway.db"))
            .read_only(true);
        Ok(sqlx::SqlitePool::connect_with(options).await?)
    }

    /// Everything that the bot wrote on GitHub, and what it keeps: where a secret must not be.
    pub(crate) async fn everything_written(&self) -> anyhow::Result<String> {
        let mut all = self.world.github.look(|model| {
            let repository = model.repository(REPO);
            let comments = repository.iter().flat_map(|r| r.comments.iter());
            let checks = repository.iter().flat_map(|r| r.check_runs.iter());
            let mut all = String::new();
            comments.for_each(|comment| all.push_str(&comment.body));
            checks.for_each(|check| all.push_str(&format!("{check:?}\n")));
            all
        });
        let runs: Vec<(String,)> = sqlx::query_as("SELECT id FROM runs")
            .fetch_all(&self.store().await?)
            .await?;
        for (run,) in runs {
            let page = reqwest::get(format!("{}/runs/{run}", self.url)).await?;
            all.push_str(&page.error_for_status()?.text().await?);
        }
        for entry in std::fs::read_dir(self.data_dir())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("slipway.db") {
                all.push_str(&String::from_utf8_lossy(&std::fs::read(&path)?));
            }
        }
        Ok(all)
    }

    /// What the bot reacted with to a comment, in order.
    pub(crate) fn reactions(&self, comment: u64) -> Vec<String> {
        self.world.github.look(|model| {
            let bot = model.bot_login();
            let repository = model.repository(REPO);
            let comments = repository.into_iter().flat_map(|r| r.comments.iter());
            comments
                .filter(|c| c.id == comment)
                .flat_map(|c| c.reactions.iter())
                .filter(|reaction| reaction.user == bot)
                .map(|reaction| reaction.content.clone())
                .collect()
        })
    }

    /// The bot's comments on an issue or a pull request.
    pub(crate) fn replies(&self, number: u64) -> Vec<Comment> {
        let bot = self.world.github.bot_login();
        let mut comments = self.world.github.comments(REPO, number);
        comments.retain(|comment| comment.author == bot);
        comments
    }

    /// The check runs of the bot on a commit, the latest of each name as GitHub shows it, each as `name: conclusion, title`.
    pub(crate) fn checks(&self, sha: &str) -> String {
        let app = self.world.github.app_id();
        let mut latest = BTreeMap::new();
        for check in self.world.github.check_runs(REPO, sha) {
            if check.app == app {
                let end = check.conclusion.as_deref().unwrap_or(&check.status);
                let title = check.output.title.as_deref().unwrap_or_default();
                let line = format!("{}: {end}, {title}", check.name);
                latest.insert(check.name, line);
            }
        }
        let lines: Vec<String> = latest.into_values().collect();
        plain(&lines.join("\n"), &self.world, &self.url)
    }

    /// What a check run shows, as a snapshot.
    pub(crate) fn shown(&self, check: &CheckRun) -> String {
        let output = &check.output;
        let mut text = format!(
            "{}: {}\n# {}\n{}",
            check.name,
            check.conclusion.as_deref().unwrap_or(&check.status),
            output.title.as_deref().unwrap_or_default(),
            output.summary.as_deref().unwrap_or_default(),
        );
        if let Some(more) = &output.text {
            text.push_str(&format!("\n---\n{more}"));
        }
        for note in &output.annotations {
            text.push_str(&format!(
                "\n@ {}:{}-{} {}: {}: {}",
                note.path,
                note.start_line,
                note.end_line,
                note.level,
                note.title.as_deref().unwrap_or_default(),
                note.message
            ));
        }
        plain(&text, &self.world, &self.url)
    }

    /// What Terraform's state holds for a stack: its inputs by resource, its outputs; nothing if it
    /// was never applied.
    pub(crate) fn state(
        &self,
        env: &str,
        stack: &str,
    ) -> anyhow::Result<Option<serde_json::Value>> {
        let bucket = &self.world.place(env)?.bucket;
        let Some(bytes) = self.world.aws.object(bucket, &format!("{stack}.tfstate")) else {
            return Ok(None);
        };
        let state: serde_json::Value = serde_json::from_slice(&bytes)?;
        let resources = state["resources"].as_array();
        let managed = |resource: &&serde_json::Value| resource["mode"] == "managed";
        Ok(resources
            .and_then(|resources| resources.iter().find(managed))
            .and_then(|first| first.pointer("/instances/0/attributes/input/value"))
            .cloned())
    }

    /// The names of the roles that were assumed so far, in order.
    pub(crate) fn roles(&self) -> Vec<String> {
        let assumed = self.world.aws.assumed();
        let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        assumed.iter().map(|role| name(&role.role_arn)).collect()
    }

    /// Lets time pass once the bot has nothing at hand: work that it has in hand at that moment
    /// would look to it as if it had hung for so long.
    pub(crate) async fn pass(&self, time: Duration) -> anyhow::Result<()> {
        self.caught_up().await?;
        self.world.clock.advance(time);
        Ok(())
    }

    /// Waits until the bot has worked off all that it was told and has written all that it has to
    /// say so far. Runs may still be queued or under way, unlike after [`Self::quiet`].
    pub(crate) async fn caught_up(&self) -> anyhow::Result<()> {
        let Some((handle, _)) = &self.handle else {
            return Ok(());
        };
        let quiet = async {
            while handle.backlog().await? > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, quiet)
            .await
            .context("the bot does not come to rest")?
    }

    /// A comment with everything that differs between two runs of a story named alike.
    fn plain(&self, comment: &Comment) -> String {
        plain(&comment.body, &self.world, &self.url)
    }
}

/// Names alike what differs between two runs of a story: commits, digests, addresses, times.
pub(crate) fn plain(text: &str, world: &World, bot: &str) -> String {
    let mut text = text.to_owned();
    for address in [bot, world.github.html_url(), world.github.url()] {
        text = text.replace(address, "http://HERE");
    }
    let rules = [
        (r"<!-- slipway:[^>]*-->\n?", ""),
        (r"http://127\.0\.0\.1:\d+", "http://HERE"),
        (r"https://127\.0\.0\.1:\d+", "https://CLUSTER"),
        (r"/runs/[0-9a-f]{32}", "/runs/RUN"),
        (r"sha256:[0-9a-f]{8,64}", "sha256:DIGEST"),
        (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID"),
        (r"\b[0-9a-f]{40}\b", "COMMIT"),
        (r"`[0-9a-f]{7}`", "`COMMIT`"),
        (r"@[0-9a-f]{7}`", "@COMMIT`"),
        (r"`[0-9a-f]{8}`", "`RUN`"),
        (r"/confirm [0-9a-f]+", "/confirm CODE"),
        (r"Image size: \d+ bytes", "Image size: N bytes"),
        (r"\b[0-9a-f]{7}\b", "COMMIT"),
        (r"\b\d+(\.\d+)? (s|ms)\b", "N s"),
        (r"shop-[0-9a-z]{8,10}-[0-9a-z]{5}", "shop-POD"),
        (r"_shop\([0-9a-f-]{36}\)", "_shop(UID)"),
        (r"ip-10-0-\d-10\.ec2\.internal", "NODE"),
        (r"`[0-9A-F]{6}`", "`CODE`"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d( UTC)?", "TIME"),
    ];
    for (pattern, replacement) in rules {
        let regex = regex::Regex::new(pattern).unwrap();
        text = regex.replace_all(&text, replacement).into_owned();
    }
    text
}
