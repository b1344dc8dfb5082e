//! Programs that see no more of the machine than they need: bubblewrap around them
//! (<https://github.com/containers/bubblewrap>).
//!
//! What is inside has namespaces of its own for users, processes, IPC and its host's name, no
//! capability, no way to new privileges, and an empty file system into which only what its [`View`]
//! names is mounted. The network is that of the bot. Everything inside ends with bubblewrap, and
//! bubblewrap with this process.
//!
//! Here is said how bubblewrap is called. How signals get past it is `inside`'s.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{
    Invocation, LINE_LIMIT, Limits, MissingProgram, Redactor, RunError, SEARCH_PATH, Stdout,
    Unstoppable, advice, find,
};

/// Programs and libraries of the machine.
const SYSTEM: [&str; 7] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];

/// What programs look up of the machine: certificates, names, time. Neither `/etc/ssl` nor `/etc/pki` as a
/// whole: the machine's own keys lie there.
const LOOKED_UP: [&str; 22] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// All of the machine that can be read inside, whoever runs there.
pub fn system<'a>() -> impl Iterator<Item = &'a Path> {
    SYSTEM.into_iter().chain(LOOKED_UP).map(Path::new)
}

/// What bubblewrap takes away.
const APART: [&str; 9] = [
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--new-session",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
];

/// The bubblewrap program.
#[derive(Debug)]
pub struct Bubblewrap {
    program: PathBuf,
    readable: Vec<PathBuf>,
    launcher: Launcher,
}

/// What one program sees besides the system.
#[derive(Clone, Debug)]
pub struct View {
    bubblewrap: Arc<Bubblewrap>,
    readable: Vec<PathBuf>,
    writable: Vec<PathBuf>,
}

/// Programs can't be kept apart on this machine.
#[derive(Debug, thiserror::Error)]
pub enum NoIsolation {
    /// bubblewrap is not installed.
    #[error(
        "{0}; install it (Debian, Ubuntu, Fedora: the package `bubblewrap`), or name its \
             path in the bot's settings (`terraform.bubblewrap`)"
    )]
    Missing(MissingProgram),
    /// It is there and does not work.
    #[error("{} can't start a program of its own: {said}; {advice}", program.display())]
    Refused {
        /// The program.
        program: PathBuf,
        /// What it said.
        said: String,
        /// What may help.
        advice: String,
    },
    /// The machine did not give what was needed to call it.
    #[error("{} can't be called: {source}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// Why.
        source: RunError,
    },
}

impl Bubblewrap {
    /// Finds the program. These paths can be read by all that it runs.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn new(program: &Path, readable: Vec<PathBuf>) -> Result<Self, NoIsolation> {
        let program = find(program).map_err(NoIsolation::Missing)?;
        let launcher = Launcher::start().map_err(|source| NoIsolation::Failed {
            program: program.clone(),
            source: source.into(),
        })?;
        Ok(Self {
            program,
            readable,
            launcher,
        })
    }

    /// Runs a program that does nothing, to see whether this machine lets it.
    ///
    /// # Errors
    /// When it does not, with what it said and what may help.
    pub async fn probe(self: &Arc<Self>) -> Result<(), NoIsolation> {
        let failed = |source| NoIsolation::Failed {
            program: self.program.clone(),
            source,
        };
        let invocation = Invocation {
            program: find(Path::new("true")).map_err(NoIsolation::Missing)?,
            args: Vec::new(),
            dir: "/".into(),
            env: vec![("PATH".into(), SEARCH_PATH.into())],
            limits: Limits {
                timeout: Duration::from_secs(30),
                grace: Duration::from_secs(1),
                line: LINE_LIMIT,
            },
            stdout: Stdout::Lines,
            redactor: Redactor::default(),
            view: Some(View::of(self)),
        };
        let ended = invocation.run(&Unstoppable, &mut |_, _| {}).await;
        let ended = ended.map_err(failed)?;
        if ended.how.is_exit(0) {
            return Ok(());
        }
        let said = match ended.tail.as_slice() {
            [] => ended.how.to_string(),
            lines => lines.join(" "),
        };
        Err(NoIsolation::Refused {
            program: self.program.clone(),
            advice: advice::about(Path::new("/proc/sys")),
            said,
        })
    }
}

impl View {
    /// The system, and what everything that this bubblewrap runs may read.
    #[must_use]
    pub fn of(bubblewrap: &Arc<Bubblewrap>) -> Self {
        let view = Self {
            bubblewrap: Arc::clone(bubblewrap),
            readable: Vec::new(),
            writable: Vec::new(),
        };
        bubblewrap
            .readable
            .iter()
            .fold(view, |view, path| view.read(path))
    }

    /// Lets a file or a directory be read, by this path and by the one without links. It need not be there.
    #[must_use]
    pub fn read(mut self, path: &Path) -> Self {
        self.readable.extend(with_target(path));
        self
    }

    /// Lets a directory be written to.
    #[must_use]
    pub fn write(mut self, path: &Path) -> Self {
        self.writable.extend(with_target(path));
        self
    }

    /// The program that is really started.
    pub(super) fn program(&self) -> &Path {
        &self.bubblewrap.program
    }

    /// Its arguments.
    pub(super) fn args(&self, program: &Path, args: &[OsString], dir: &Path) -> Vec<OsString> {
        let mut all: Vec<OsString> = APART.map(Into::into).to_vec();
        for path in SYSTEM.map(Path::new) {
            match path.read_link() {
                // Where everything is in /usr, these are links into it.
                Ok(target) => all.extend(["--symlink".into(), target.into(), path.into()]),
                Err(_) if path.is_dir() => bind(&mut all, "--ro-bind", path),
                Err(_) => {}
            }
        }
        for path in LOOKED_UP.map(Path::new) {
            if path.exists() {
                bind(&mut all, "--ro-bind", path);
            }
        }
        all.extend(["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"].map(Into::into));
        for path in &self.readable {
            let is_seen = SYSTEM.iter().any(|system| path.starts_with(system));
            if !is_seen && path.exists() {
                bind(&mut all, "--ro-bind", path);
            }
        }
        for path in &self.writable {
            bind(&mut all, "--bind", path);
        }
        // The file system in which all this is mounted is memory.
        all.extend(["--remount-ro", "/", "--chdir"].map(Into::into));
        all.extend([dir.into(), "--".into(), program.into()]);
        all.extend(args.iter().cloned());
        all
    }

    /// Starts it.
    pub(super) async fn launch(&self, command: Command) -> io::Result<Child> {
        self.bubblewrap.launcher.launch(command).await
    }
}

fn with_target(path: &Path) -> impl Iterator<Item = PathBuf> {
    let target = path.canonicalize().ok().filter(|target| target != path);
    target.into_iter().chain([path.to_owned()])
}

fn bind(args: &mut Vec<OsString>, how: &str, path: &Path) {
    args.extend([how.into(), path.into(), path.into()]);
}

/// A thread that starts programs and lives as long as they.
///
/// "The parent" of `--die-with-parent` is the thread that started a program, not its process (prctl(2),
/// `PR_SET_PDEATHSIG`): one of the runtime's may end at any time, and an apply would end with it.
#[derive(Debug)]
struct Launcher(mpsc::Sender<Order>);

type Order = Box<dyn FnOnce() + Send>;

impl Launcher {
    fn start() -> io::Result<Self> {
        let (orders, taken) = mpsc::channel::<Order>();
        std::thread::Builder::new()
            .name("launcher".to_owned())
            .spawn(move || taken.into_iter().for_each(|order| order()))?;
        Ok(Self(orders))
    }

    async fn launch(&self, mut command: Command) -> io::Result<Child> {
        let ended = |_| io::Error::other("the thread that starts programs has ended");
        let (tell, told) = oneshot::channel();
        let runtime = Handle::current();
        let order = Box::new(move || {
            let _inside = runtime.enter();
            // Who has given up waiting drops the child, which kills it.
            let _ = tell.send(command.spawn());
        });
        self.0.send(order).map_err(|_| ended(()))?;
        told.await.map_err(|_| ended(()))?
    }
}

#[cfg(test)]
mod in_bubblewrap;
