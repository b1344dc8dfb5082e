//! A Terraform that waits where a story wants it to.
//!
//! The bot is given a small program in front of the real Terraform. While a valve is shut for a
//! word (`plan`, `apply`), the next Terraform that is started with it waits at a named pipe: the
//! story knows that it has come there, does what it wants to do meanwhile, and lets it go on.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::bot::PATIENCE;

/// The program in front of Terraform.
pub(crate) struct Valve {
    dir: PathBuf,
}

impl Valve {
    /// Puts the program into a directory of its own.
    pub(crate) fn install(dir: &Path, terraform: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let valve = Self {
            dir: dir.to_owned(),
        };
        let script = format!(
            "#!/bin/sh\n\
             [ \"$1\" = version ] || {{ /usr/bin/env >>'{dir}/environments'; }} 2>/dev/null\n\
             at='{dir}'/\"$1\"\n\
             if [ -p \"$at\" ]; then\n\
             \x20 exec 9>\"$at.pid\"; echo $$ >&9; exec 9>&-\n\
             \x20 read -r _ <\"$at\"\n\
             fi\n\
             if [ -f \"$at.first\" ]; then . \"$at.first\"; fi\n\
             exec '{terraform}' \"$@\"\n",
            dir = dir.display(),
            terraform = terraform.display(),
        );
        std::fs::write(valve.program(), script)?;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(valve.program(), executable)?;
        Ok(valve)
    }

    /// What the bot runs.
    pub(crate) fn program(&self) -> PathBuf {
        self.dir.join("terraform")
    }

    /// Each Terraform with this word runs this script first.
    pub(crate) fn first(&self, word: &str, script: &str) -> anyhow::Result<()> {
        let path = self.dir.join(format!("{word}.first"));
        Ok(std::fs::write(path, script)?)
    }

    /// This script runs in the place of each Terraform with this word.
    pub(crate) fn instead(&self, word: &str, script: &str) -> anyhow::Result<()> {
        self.first(word, &format!("{script}\nexit\n"))
    }

    /// The environment of every call so far but `version`, one variable a line.
    pub(crate) fn environments(&self) -> anyhow::Result<String> {
        match std::fs::read_to_string(self.dir.join("environments")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            other => Ok(other?),
        }
    }

    /// The next Terraform with this word has to wait.
    pub(crate) fn shut(&self, word: &str) -> anyhow::Result<()> {
        for name in [word.to_owned(), format!("{word}.pid")] {
            let made = Command::new("mkfifo").arg(self.dir.join(name)).status()?;
            ensure!(made.success(), "mkfifo: {made}");
        }
        Ok(())
    }

    /// Waits until a Terraform with this word has come; later ones pass.
    pub(crate) async fn reached(&self, word: &str) -> anyhow::Result<Waiting> {
        let (at, told) = (self.dir.join(word), self.dir.join(format!("{word}.pid")));
        let what = format!("terraform {word} to come to its valve");
        let meeting = tokio::task::spawn_blocking(move || -> anyhow::Result<Waiting> {
            // Each of these waits for the other side.
            let mut pid = String::new();
            File::open(&told)?.read_to_string(&mut pid)?;
            let gate = File::options().write(true).open(&at)?;
            std::fs::remove_file(&at)?;
            std::fs::remove_file(&told)?;
            let pid = pid.trim().parse().context("the number of a process")?;
            Ok(Waiting { gate, pid })
        });
        tokio::time::timeout(PATIENCE, meeting)
            .await
            .with_context(|| format!("waited in vain for {what}"))??
    }
}

/// A Terraform that waits; dropped, it goes on.
pub(crate) struct Waiting {
    gate: File,
    pid: i32,
}

impl Waiting {
    /// Lets it go on.
    pub(crate) fn release(self) {
        drop(self.gate);
    }

    /// Kills it and all that it has started, as it would have to be killed by hand after its parent was.
    pub(crate) fn kill(self) -> anyhow::Result<()> {
        // The bot gives every program that it runs a group of its own.
        let group = nix::unistd::getpgid(Some(nix::unistd::Pid::from_raw(self.pid)))?;
        ensure!(
            group != nix::unistd::getpgrp(),
            "that is the story's own group"
        );
        nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL)?;
        Ok(())
    }
}
