//! The bot as the process that operators start, with what can befall a process.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::bot::PATIENCE;

/// A running `slipway serve`; killed if it is dropped.
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    said: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts it, with these variables in its environment besides the usual ones, and waits until it
    /// serves.
    pub(crate) async fn start(settings: &Path, env: &[(&str, String)]) -> anyhow::Result<Self> {
        let mut child = command(settings, env).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let (tell, said) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                println!("{line}");
                tell.send_modify(|all: &mut Vec<String>| all.push(line));
            }
        });
        let mut process = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said,
        };
        let line = process.says("Slipway serves").await?;
        let line: serde_json::Value = serde_json::from_str(&line)?;
        let address = line.get("address").and_then(|address| address.as_str());
        process.address = address.context("the address in the log")?.parse()?;
        Ok(process)
    }

    /// Starts one that can't serve; gives what it says about it, as the last it says.
    pub(crate) async fn refuses(settings: &Path, env: &[(&str, String)]) -> anyhow::Result<String> {
        let ended = command(settings, env).output();
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        let ended = ended.context("the process did not end")??;
        ensure!(
            ended.status.code() == Some(2),
            "it ended with {}",
            ended.status
        );
        let said = String::from_utf8(ended.stderr)?;
        println!("{said}");
        let start = said.find("slipway: ").context("what is wrong")?;
        Ok(said.get(start..).unwrap_or_default().trim_end().to_owned())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until its log has a line with this text, and gives it.
    pub(crate) async fn says(&mut self, text: &str) -> anyhow::Result<String> {
        let waiting = self
            .said
            .wait_for(|all| all.iter().any(|line| line.contains(text)));
        let all = tokio::time::timeout(PATIENCE, waiting)
            .await
            .with_context(|| format!("the process never said {text:?}"))?
            .with_context(|| format!("the process ended before it said {text:?}"))?;
        let found = all.iter().find(|line| line.contains(text));
        found.cloned().context("a line that was there")
    }

    /// Kills it without a word of warning.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.start_kill()?;
        let status = self.child.wait().await?;
        ensure!(!status.success(), "it was to be killed: {status}");
        Ok(())
    }

    /// Asks it to end, and waits until it has heard it.
    pub(crate) async fn ask_to_end(&mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("a process that runs")?;
        kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
        self.says("asked to end").await?;
        Ok(())
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) -> anyhow::Result<ExitStatus> {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(status.context("the process did not end")??)
    }
}

/// The program, in an environment without anything of AWS but what is given.
fn command(settings: &Path, env: &[(&str, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .arg("serve")
        .arg("--settings")
        .arg(settings)
        .env("SLIPWAY_LOG", "slipway=debug,warn")
        .envs(env.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
