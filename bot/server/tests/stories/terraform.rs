//! A program in Terraform's place that keeps what it is given and then becomes the real one.
//!
//! It is also a gate: held, no `plan` goes on until a story lets it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::bot::Story;
use crate::harness;

/// The program, and where it keeps things.
pub struct Wrapper {
    dir: tempfile::TempDir,
}

impl Wrapper {
    /// Puts it in Terraform's place and starts the bot anew.
    pub async fn install(story: &mut Story) -> anyhow::Result<Self> {
        let wrapper = Self {
            dir: tempfile::tempdir()?,
        };
        let terraform = harness::terraform()?;
        let (dir, real) = (wrapper.dir.path().display(), terraform.display());
        let script = format!(
            "#!/bin/sh\n\
             case \" $* \" in\n\
             *' version '*) ;;\n\
             *) /usr/bin/env >> '{dir}/environments' ;;\n\
             esac\n\
             case \" $* \" in\n\
             *' plan '*) if [ -e '{dir}/held' ]; then read -r line < '{dir}/gate'; fi ;;\n\
             esac\n\
             exec '{real}' \"$@\"\n"
        );
        let program = wrapper.path("terraform");
        std::fs::write(&program, script)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        let made = std::process::Command::new("mkfifo")
            .arg(wrapper.path("gate"))
            .status()?;
        anyhow::ensure!(made.success(), "no fifo");
        let old = format!("program = \"{real}\"");
        let new = format!("program = \"{}\"", program.display());
        story.with_settings(&old, &new).await?;
        Ok(wrapper)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Lets every `plan` from now on wait at the gate.
    pub fn hold(&self) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path("held"), "")?)
    }

    /// Lets every `plan` from now on through. Whoever waits already still does.
    pub fn open(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.path("held"))?)
    }

    /// Returns once a `plan` stands at the gate; it goes on when the answer is dropped.
    pub async fn somebody_waits(&self) -> anyhow::Result<std::fs::File> {
        let gate = self.path("gate");
        // Opening a fifo for writing waits for its reader.
        let open = move || std::fs::OpenOptions::new().write(true).open(gate);
        Ok(tokio::task::spawn_blocking(open).await??)
    }

    /// The environment of every call so far but `version`, one variable a line.
    pub fn environments(&self) -> anyhow::Result<String> {
        match std::fs::read_to_string(self.path("environments")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            other => Ok(other?),
        }
    }

    /// The names of the variables in [`Self::environments`], but those that a shell sets itself.
    pub fn names(environments: &str) -> String {
        let names: std::collections::BTreeSet<&str> = environments
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, _)| name))
            .filter(|name| !["PWD", "_", "OLDPWD", "SHLVL"].contains(name))
            .collect();
        names.into_iter().collect::<Vec<_>>().join("\n")
    }
}
