//! The bot as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use slipway_sandbox::world::World;
use tokio::process::{Child, Command};

use crate::harness;

/// How long the bot may take to be ready.
const START: Duration = Duration::from_secs(20);

/// A running `slipway`, with its settings, data and log in a directory that goes with it.
pub(crate) struct Bot {
    child: Child,
    dir: tempfile::TempDir,
    url: String,
}

impl Bot {
    /// Starts the program in a world, with an environment that holds nothing but a path.
    pub(crate) async fn start(world: &World, bot: &Path, terraform: &Path) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("slipway-demo-").tempdir()?;
        // The port is free now, and nobody else on this machine is told of it.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let listen = format!("127.0.0.1:{port}");
        let settings = harness::settle(world, dir.path(), &listen, terraform)?;
        let log = std::fs::File::create(dir.path().join("slipway.log"))?;
        let child = Command::new(bot)
            .args(["serve", "--settings"])
            .arg(&settings)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} (is it built?)", bot.display()))?;
        let mut bot = Self {
            child,
            dir,
            url: format!("http://{listen}"),
        };
        bot.until_ready().await?;
        world
            .github
            .set_hook_url(&format!("{}/webhooks/github", bot.url));
        Ok(bot)
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let ready = format!("{}/readyz", self.url);
        while began.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.log())?;
                bail!("the bot ended at once ({status}):\n{log}");
            }
            if reqwest::get(&ready)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "the bot was not ready within {START:?}; its log:\n{}",
            std::fs::read_to_string(self.log())?
        )
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("slipway.log")
    }

    /// Ends it in good order, as a machine that shuts down would.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGTERM,
            )?;
        }
        let status = tokio::time::timeout(START, self.child.wait()).await;
        let status = status.context("the bot did not end after SIGTERM")??;
        anyhow::ensure!(status.success(), "the bot ended with {status}");
        Ok(())
    }

    /// Keeps its directory, for whoever looks into what went wrong.
    pub(crate) fn keep_log(self) -> anyhow::Result<PathBuf> {
        Ok(self.dir.keep().join("slipway.log"))
    }
}
