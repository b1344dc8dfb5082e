//! Runs git with a configuration that comes from here alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use slipway_core::ports::{PortError, PortErrorKind, PortResult, Stop};

use super::GitSettings;
use super::failure::{SYSTEM, invalid, not_run, unmet};
use super::remote::Remote;
use crate::process::{Ended, Invocation, LINE_LIMIT, Limits, SEARCH_PATH, Stdout, find};

/// How much git may answer; the longest answer is a list of files in conflict.
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;
/// How long git has to end after an interrupt.
const GRACE: Duration = Duration::from_secs(5);
/// The first version with `merge-tree --write-tree`.
const OLDEST: (u32, u32) = (2, 38);

/// All the configuration there is: no file of the system, the user or the mirror adds to it but
/// the mirror's own, which only `git init` writes.
const CONFIG: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.autocrlf", "false"),
    ("core.symlinks", "true"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("protocol.allow", "never"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // What comes in is checked; three old flaws, harmless and found in well-known histories, pass.
    ("transfer.fsckObjects", "true"),
    ("fetch.fsck.zeroPaddedFilemode", "ignore"),
    ("fetch.fsck.badTimezone", "ignore"),
    ("fetch.fsck.missingSpaceBeforeDate", "ignore"),
];

/// git, for one checkout.
pub(super) struct Git<'a> {
    settings: &'a GitSettings,
    stop: &'a dyn Stop,
}

/// One command.
pub(super) struct Call<'a> {
    /// What is being done, for errors.
    pub(super) doing: &'a str,
    /// The bare repository that it is about.
    pub(super) git_dir: Option<&'a Path>,
    /// The command and its arguments.
    pub(super) args: Vec<OsString>,
    /// More variables.
    pub(super) env: Vec<(OsString, OsString)>,
    /// Where it reaches out to, if it does.
    pub(super) remote: Option<&'a Remote>,
}

impl<'a> Git<'a> {
    pub(super) fn new(settings: &'a GitSettings, stop: &'a dyn Stop) -> Self {
        Self { settings, stop }
    }

    /// Runs a command to its end, whatever its exit code.
    pub(super) async fn run(&self, call: Call<'_>) -> PortResult<Ended> {
        let doing = call.doing;
        let home = self.settings.data_dir.join("home");
        make_private_dir(&home).map_err(|error| unmet(doing, &error))?;
        let timeouts = self.settings.timeouts;
        let timeout = if call.remote.is_some() {
            timeouts.fetch
        } else {
            timeouts.local
        };
        let invocation = Invocation {
            program: self.program(doing)?,
            env: self.environment(&home, &call),
            dir: home,
            args: command_line(&call),
            limits: Limits {
                timeout,
                grace: GRACE,
                line: LINE_LIMIT,
            },
            stdout: Stdout::Bytes {
                limit: ANSWER_LIMIT,
            },
            redactor: call.remote.map(Remote::redactor).unwrap_or_default(),
            view: None,
        };
        tracing::debug!(?invocation, "running git");
        invocation
            .run(self.stop, &mut |_, line| tracing::debug!(line, "git said"))
            .await
            .map_err(|error| not_run(doing, &error))
    }

    pub(super) async fn version(&self) -> PortResult<String> {
        let doing = "asking for its version";
        let call = Call {
            doing,
            git_dir: None,
            args: vec!["version".into()],
            env: vec![],
            remote: None,
        };
        let ended = self.run(call).await?;
        let answer = String::from_utf8_lossy(&ended.stdout);
        let version = answer
            .trim()
            .strip_prefix("git version ")
            .and_then(|v| v.split(' ').next());
        let Some(version) = version else {
            return Err(invalid(doing, format!("this is no git: {}", ended.how)));
        };
        let mut numbers = version.split('.').map(|n| n.parse().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < OLDEST {
            let (major, minor) = OLDEST;
            return Err(invalid(
                doing,
                format!("git {version} is too old: {major}.{minor} or newer is needed"),
            ));
        }
        Ok(version.to_owned())
    }

    fn program(&self, doing: &str) -> PortResult<PathBuf> {
        find(&self.settings.program).map_err(|missing| PortError {
            system: SYSTEM,
            doing: doing.to_owned(),
            said: format!(
                "{missing}; install it there, or set the path of git in the bot's settings"
            ),
            kind: PortErrorKind::NotFound,
        })
    }

    fn environment(&self, home: &Path, call: &Call<'_>) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> = [
            ("PATH", SEARCH_PATH),
            // Errors are recognised by their English text.
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        env.push(("HOME".into(), home.into()));
        env.extend(
            self.settings
                .extra_env
                .iter()
                .map(|(n, v)| (n.into(), v.into())),
        );

        let mut config: Vec<(String, String)> = CONFIG
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        if let Some(remote) = call.remote {
            config.push(remote.config());
            env.push(remote.variable());
        }
        env.push(("GIT_CONFIG_COUNT".into(), config.len().to_string().into()));
        for (index, (key, value)) in config.into_iter().enumerate() {
            env.push((format!("GIT_CONFIG_KEY_{index}").into(), key.into()));
            env.push((format!("GIT_CONFIG_VALUE_{index}").into(), value.into()));
        }
        env.extend(call.env.iter().cloned());
        env
    }
}

fn command_line(call: &Call<'_>) -> Vec<OsString> {
    let mut args = Vec::with_capacity(call.args.len() + 1);
    if let Some(dir) = call.git_dir {
        let mut flag = OsString::from("--git-dir=");
        flag.push(dir);
        args.push(flag);
    }
    args.extend(call.args.iter().cloned());
    args
}

/// Makes a directory that only the bot may enter, with its parents.
pub(super) fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}
