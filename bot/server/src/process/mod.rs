//! Runs other programs: Terraform and git.
//!
//! A program is started by its argument list, never through a shell, in a process group of its own
//! and with exactly the environment that it is given. Whatever it prints, however much, memory
//! stays bounded, and no line leaves here with a secret or a control character in it. Nothing that
//! it started in its group outlives it, also when the caller gives up waiting. Where it is given a
//! [`View`], it sees nothing else of the machine, and nothing at all that it started outlives it.
//!
//! What a program means by its output and exit code is not known here.

mod advice;
mod confined;
mod group;
mod inside;
mod lines;
mod output;
mod program;
mod redact;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::Signal;
use slipway_core::ports::Stop;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub use confined::{Bubblewrap, NoIsolation, View, system};
pub use program::{MissingProgram, SEARCH_PATH, find};
pub use redact::Redactor;

use group::Group;
use output::Output;

/// How long a program has between SIGTERM and SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(10);
/// How long output is still read after the program and its group are gone. Only a process that
/// left the group can hold the pipe open that long.
const DRAIN: Duration = Duration::from_secs(2);
/// Where a line of output begins to be cut, unless a caller knows better.
pub const LINE_LIMIT: usize = 64 * 1024;

/// A program to be run once.
pub struct Invocation {
    /// The program, as [`find`] gave it.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The directory that it starts in.
    pub dir: PathBuf,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// How long and how much.
    pub limits: Limits,
    /// What becomes of its standard output.
    pub stdout: Stdout,
    /// What must not be seen in its output.
    pub redactor: Redactor,
    /// What it sees of the machine, if not all.
    pub view: Option<View>,
}

/// How long a program may take and how long its lines may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long it may run.
    pub timeout: Duration,
    /// How long it has to end by itself after SIGINT. Terraform takes a second signal as "quit at
    /// once", so this should be generous where a state is being written.
    pub grace: Duration,
    /// How many bytes of a line are kept.
    pub line: usize,
}

/// What becomes of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    /// Told line by line, like standard error.
    Lines,
    /// Kept as it is, with secrets and all.
    Bytes {
        /// How much of it at the most; more is an error.
        limit: usize,
    },
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Takes lines as they come.
pub type OnLine<'a> = &'a mut (dyn FnMut(Stream, &str) + Send);

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// By itself or by a signal.
    pub how: How,
    /// Why it was told to end, if it was. It may still have succeeded.
    pub cut_short: Option<CutShort>,
    /// Standard output, where [`Stdout::Bytes`] was asked for.
    pub stdout: Vec<u8>,
    /// The last lines that it printed.
    pub tail: Vec<String>,
}

/// By itself or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It exited with this code.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Why a program was told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutShort {
    /// Somebody asked.
    Stopped,
    /// It took longer than this.
    TimedOut(Duration),
}

/// A program could not be run, or its output could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory to start it in is not there.
    #[error("the directory {} is not there", .0.display())]
    NoDirectory(PathBuf),
    /// It could not be started.
    #[error("{} could not be started: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It printed more than could be kept.
    #[error("it printed more than {limit} bytes")]
    TooMuch {
        /// The limit.
        limit: usize,
    },
    /// The system failed while it ran.
    #[error("waiting for it failed: {0}")]
    Io(#[from] io::Error),
}

/// A [`Stop`] that nobody will ask for.
#[derive(Clone, Copy, Debug)]
pub struct Unstoppable;

#[async_trait]
impl Stop for Unstoppable {
    fn is_asked(&self) -> bool {
        false
    }

    async fn asked(&self) {
        std::future::pending::<()>().await;
    }
}

impl How {
    /// Whether it exited with this code.
    #[must_use]
    pub fn is_exit(self, code: i32) -> bool {
        self == Self::Exit(code)
    }

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }

    /// How a program ended inside bubblewrap, which tells its end by a signal as shells do: as 128 and
    /// the signal's number. No program that is run here has such exit codes of its own.
    fn inside(self) -> Self {
        match self {
            Self::Exit(code) if Signal::try_from(code - 128).is_ok() => Self::Signal(code - 128),
            other => other,
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exit(code) => write!(f, "it exited with code {code}"),
            Self::Signal(number) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "it was ended by {signal} (signal {number})"),
                Err(_) => write!(f, "it was ended by signal {number}"),
            },
        }
    }
}

/// Names of variables are shown, values are not.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Invocation")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("dir", &self.dir)
            .field("env", &names)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Invocation {
    /// Runs it to its end and tells each line of its output, redacted, as it comes.
    ///
    /// When `stop` is asked for or the time is up, the whole group gets SIGINT once, after
    /// [`Limits::grace`] SIGTERM, and at last SIGKILL. When the returned future is dropped, the
    /// group is killed.
    ///
    /// # Errors
    /// When it can't be started, or prints more than [`Stdout::Bytes`] allows. A program that
    /// fails is no error here: see [`Ended::how`].
    pub async fn run(&self, stop: &dyn Stop, on_line: OnLine<'_>) -> Result<Ended, RunError> {
        let mut child = self.spawn().await?;
        let group = Group::led_by(&child, self.view.is_some())?;
        let out = child.stdout.take();
        let err = child.stderr.take();

        let mut output = Output::new(self, on_line);
        let exit = {
            let mut reading = pin!(output.read(out, err));
            let mut waiting = pin!(end(&mut child, &group, self.limits, stop));
            let mut is_read = false;
            let exit = loop {
                tokio::select! {
                    outcome = &mut reading, if !is_read => { outcome?; is_read = true; }
                    exit = &mut waiting => break exit,
                }
            };
            group.end();
            if !is_read {
                // An elapsed time leaves what was read so far.
                timeout(DRAIN, reading).await.unwrap_or(Ok(()))?;
            }
            exit
        };
        let (status, cut_short) = exit?;
        let (stdout, tail) = output.finish();
        let how = How::of(status);
        Ok(Ended {
            how: self.view.as_ref().map_or(how, |_| how.inside()),
            cut_short,
            stdout,
            tail,
        })
    }

    async fn spawn(&self) -> Result<Child, RunError> {
        // Otherwise "not found" could mean the directory as well as the program.
        if !self.dir.is_dir() {
            return Err(RunError::NoDirectory(self.dir.clone()));
        }
        let mut command = match &self.view {
            None => {
                let mut command = Command::new(&self.program);
                command.args(&self.args);
                command
            }
            Some(view) => {
                let mut command = Command::new(view.program());
                command.args(view.args(&self.program, &self.args, &self.dir));
                command
            }
        };
        command
            .current_dir(&self.dir)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let started = match &self.view {
            None => command.spawn(),
            Some(view) => view.launch(command).await,
        };
        started.map_err(|source| RunError::Start {
            program: self.program.clone(),
            source,
        })
    }
}

/// Waits for the program, and sees to it that it ends.
async fn end(
    child: &mut Child,
    group: &Group,
    limits: Limits,
    stop: &dyn Stop,
) -> io::Result<(ExitStatus, Option<CutShort>)> {
    let cut_short = tokio::select! {
        biased;
        status = child.wait() => return Ok((status?, None)),
        () = stop.asked() => CutShort::Stopped,
        () = tokio::time::sleep(limits.timeout) => CutShort::TimedOut(limits.timeout),
    };
    // Before, there is nobody who could end in order, and nothing that was begun.
    let has_begun = tokio::select! {
        biased;
        status = child.wait() => return Ok((status?, Some(cut_short))),
        begun = timeout(TERM_GRACE, group.begun()) => begun.is_ok(),
    };
    for (signal, patience) in [
        (Signal::SIGINT, limits.grace),
        (Signal::SIGTERM, TERM_GRACE),
    ] {
        if !has_begun {
            break;
        }
        group.signal(signal);
        if let Ok(status) = timeout(patience, child.wait()).await {
            return Ok((status?, Some(cut_short)));
        }
    }
    group.signal(Signal::SIGKILL);
    Ok((child.wait().await?, Some(cut_short)))
}

#[cfg(test)]
mod tests;
