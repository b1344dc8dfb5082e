//! The program that renders kustomizations (`kubectl`, or `kustomize` itself), as the port
//! [`Renderer`].
//!
//! It sees a directory of its own that holds the files of the kustomization and nothing else: no link,
//! no other file of the repository, no credentials. Its environment has no `PATH`, so that it finds
//! no git, Helm or plugin, and sends whatever it might fetch from another host to a proxy that is not
//! there (Go asks no proxy for this host itself). What a kustomization may refer to is the core's
//! business; this is what holds if the core has missed something.

mod failure;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use slipway_core::manifests::kustomization::Kustomization;
use slipway_core::ports::{PortError, PortErrorKind, PortResult, Renderer, Stop};
use tempfile::TempDir;

use crate::process::{
    Bubblewrap, CutShort, Ended, How, Invocation, LINE_LIMIT, Limits, Redactor, RunError, Stdout,
    Stream, Unstoppable, View, find,
};

use failure::readable;

/// How people call this system.
const SYSTEM: &str = "kustomize";

/// The oldest kustomize whose fields the core knows.
const MINIMUM_KUSTOMIZE: &str = "5.0";

/// The oldest kubectl that holds it.
const MINIMUM_KUBECTL: &str = "1.27";

/// How long a rendering may take: it reads and writes a few files.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How much YAML may come of it. etcd takes 1.5 MiB for an object; no service has so many.
const OUTPUT_LIMIT: usize = 16 * 1024 * 1024;

/// Nobody listens there (port 1, tcpmux), so nothing is fetched.
const NO_PROXY_THERE: &str = "http://127.0.0.1:1";

/// How the program is run.
#[derive(Clone, Debug)]
pub struct KustomizeSettings {
    /// The program: a bare name that is looked up in [`crate::process::SEARCH_PATH`], or a path. If
    /// its name begins with `kustomize` it is run as such, else as kubectl.
    pub program: PathBuf,
    /// Where the directories of renderings are made; emptied at start.
    pub scratch: PathBuf,
    /// What keeps it apart from the rest of the machine, if anything does.
    pub isolation: Option<Arc<Bubblewrap>>,
}

/// Runs `kubectl kustomize` or `kustomize build`.
#[derive(Debug)]
pub struct KustomizeCli {
    settings: KustomizeSettings,
}

impl KustomizeCli {
    /// Takes its settings and the scratch directory; nothing is run yet.
    ///
    /// # Errors
    /// When the scratch directory can't be made.
    pub fn new(settings: KustomizeSettings) -> io::Result<Self> {
        match std::fs::remove_dir_all(&settings.scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&settings.scratch)?,
        }
        // The program tells of paths without links.
        let scratch = settings.scratch.canonicalize()?;
        let settings = KustomizeSettings {
            scratch,
            ..settings
        };
        Ok(Self { settings })
    }

    /// What the program says that it is, `v1.34.5`, for a look at start.
    ///
    /// # Errors
    /// When there is no such program, or it does not answer.
    pub async fn version(&self) -> PortResult<String> {
        let doing = "asking for its version";
        let room = self.room(doing)?;
        let args = if self.is_kustomize() {
            vec!["version".into()]
        } else {
            let asked = ["version", "--client", "--output=json"];
            asked.map(OsString::from).to_vec()
        };
        let (ended, _) = self.run(doing, &room, args, &Unstoppable).await?;
        let text = String::from_utf8_lossy(&ended.stdout);
        let version = if self.is_kustomize() {
            text.lines().next().map(str::trim).map(str::to_owned)
        } else {
            serde_json::from_str::<serde_json::Value>(&text)
                .ok()
                .and_then(|it| {
                    Some(
                        it.pointer("/clientVersion/gitVersion")?
                            .as_str()?
                            .to_owned(),
                    )
                })
        };
        let version = version.filter(|version| version.starts_with('v'));
        let version = version.ok_or_else(|| {
            let said = format!("it is neither kubectl nor kustomize: {}", ended.how);
            failed(doing, said, PortErrorKind::Invalid)
        })?;
        if is_older(&version, self.oldest()) {
            let said = format!("{version} is too old: {} or newer is needed", self.oldest());
            return Err(failed(doing, said, PortErrorKind::Invalid));
        }
        Ok(version)
    }

    /// The oldest version that reads kustomizations as the core does.
    fn oldest(&self) -> &'static str {
        if self.is_kustomize() {
            MINIMUM_KUSTOMIZE
        } else {
            MINIMUM_KUBECTL
        }
    }

    fn is_kustomize(&self) -> bool {
        let name = self.settings.program.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("kustomize")
    }

    fn room(&self, doing: &str) -> PortResult<Room> {
        Room::new(&self.settings.scratch).map_err(|error| {
            let said = format!("the bot's own directories can't be used: {error}");
            failed(
                doing,
                said,
                PortErrorKind::Unavailable { retry_after: None },
            )
        })
    }

    /// Runs the program in a room; gives its end and the lines of its standard error.
    async fn run(
        &self,
        doing: &str,
        room: &Room,
        args: Vec<OsString>,
        stop: &dyn Stop,
    ) -> PortResult<(Ended, Vec<String>)> {
        let program = find(&self.settings.program).map_err(|missing| {
            let said = format!(
                "{missing}; install kubectl {MINIMUM_KUBECTL} or newer there, or set `kustomize` \
                 under [kubernetes] in the bot's settings to the path of kubectl or kustomize"
            );
            failed(doing, said, PortErrorKind::NotFound)
        })?;
        let isolation = self.settings.isolation.as_ref();
        let view = isolation.map(|it| View::of(it).read(&program).write(room.0.path()));
        let invocation = Invocation {
            program,
            args,
            dir: room.tree(),
            env: room.environment(),
            limits: Limits {
                timeout: TIMEOUT,
                grace: Duration::from_secs(1),
                line: LINE_LIMIT,
            },
            stdout: Stdout::Bytes {
                limit: OUTPUT_LIMIT,
            },
            redactor: Redactor::default(),
            view,
        };
        let mut lines = Vec::new();
        let mut keep = |stream, line: &str| {
            if stream == Stream::Err && lines.len() < failure::LINES {
                lines.push(line.to_owned());
            }
        };
        let ended = invocation.run(stop, &mut keep).await.map_err(|error| {
            if let RunError::TooMuch { limit } = error {
                let said = format!("more than {limit} bytes of manifests come of it");
                return failed(doing, said, PortErrorKind::Invalid);
            }
            let kind = PortErrorKind::Unavailable { retry_after: None };
            failed(doing, error.to_string(), kind)
        })?;
        match ended.cut_short {
            Some(CutShort::Stopped) => Err(failed(
                doing,
                "it was stopped as asked",
                PortErrorKind::Stopped,
            )),
            Some(CutShort::TimedOut(after)) => {
                // Few files take no time: it is the machine that is slow.
                let said = format!("it did not end within {} s", after.as_secs());
                let kind = PortErrorKind::Unavailable { retry_after: None };
                Err(failed(doing, said, kind))
            }
            None => Ok((ended, lines)),
        }
    }
}

#[async_trait]
impl Renderer for KustomizeCli {
    async fn render(&self, kustomization: &Kustomization, stop: &dyn Stop) -> PortResult<String> {
        let dir = kustomization.dir();
        let doing = format!("rendering {dir}");
        let room = self.room(&doing)?;
        room.fill(kustomization).map_err(|error| {
            let said = format!("the bot's own directories can't be used: {error}");
            failed(
                &doing,
                said,
                PortErrorKind::Unavailable { retry_after: None },
            )
        })?;
        let verb = if self.is_kustomize() {
            "build"
        } else {
            "kustomize"
        };
        // With the dot it is a path, whatever it looks like.
        let args = vec![verb.into(), format!("./{dir}").into()];
        let (ended, lines) = self.run(&doing, &room, args, stop).await?;
        let invalid = |said| failed(&doing, said, PortErrorKind::Invalid);
        if ended.how != How::Exit(0) {
            let said = readable(&lines, &room.tree(), dir);
            return Err(invalid(
                said.unwrap_or_else(|| format!("{dir}: {}", ended.how)),
            ));
        }
        String::from_utf8(ended.stdout).map_err(|_| invalid(format!("{dir}: it is not text")))
    }
}

/// A directory for one rendering, removed when dropped.
struct Room(TempDir);

impl Room {
    fn new(scratch: &Path) -> io::Result<Self> {
        let room = Self(tempfile::Builder::new().tempdir_in(scratch)?);
        for dir in ["tree", "home", "tmp"] {
            std::fs::create_dir(room.0.path().join(dir))?;
        }
        Ok(room)
    }

    fn tree(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> =
            ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"]
                .map(|name| (name.into(), NO_PROXY_THERE.into()))
                .to_vec();
        env.push(("HOME".into(), self.0.path().join("home").into()));
        env.push(("TMPDIR".into(), self.0.path().join("tmp").into()));
        env
    }

    /// Writes the files of a kustomization to their places.
    fn fill(&self, kustomization: &Kustomization) -> io::Result<()> {
        let tree = self.tree();
        for (path, bytes) in kustomization.files() {
            let path = tree.join(path);
            if let Some(dir) = path.parent() {
                std::fs::create_dir_all(dir)?;
            }
            std::fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn failed(doing: &str, said: impl Into<String>, kind: PortErrorKind) -> PortError {
    PortError {
        system: SYSTEM,
        doing: doing.to_owned(),
        said: said.into(),
        kind,
    }
}

/// Compares `v1.34.5` and `v1.27` by their first two numbers; what can't be read counts as new.
fn is_older(version: &str, oldest: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.trim_start_matches('v').split('.');
        let mut number = || parts.next()?.parse::<u32>().ok();
        Some((number()?, number()?))
    };
    match (numbers(version), numbers(oldest)) {
        (Some(version), Some(oldest)) => version < oldest,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
