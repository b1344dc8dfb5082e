//! One bare repository, reached through the `git` binary.
//!
//! Only plumbing, never a working tree. It never reads the configuration of the user or the
//! machine, and takes dates from its caller. It knows nothing of pull requests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;

/// The forty hexadecimal digits of a git object.
pub type Sha = String;

/// The "no such commit" that pushes report for a branch that did not exist or no longer does.
pub(super) const ZERO: &str = "0000000000000000000000000000000000000000";

/// Why git could not do it.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The binary could not be started or talked to.
    #[error("git {command}: {source}")]
    Io {
        /// The subcommand.
        command: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Git ended with an error.
    #[error("git {command} failed: {stderr}")]
    Failed {
        /// The subcommand.
        command: String,
        /// What git said.
        stderr: String,
    },
    /// Git answered in a form that this module does not know.
    #[error("git {command} answered in an unknown form")]
    Unreadable {
        /// The subcommand.
        command: String,
    },
}

/// What a commit does to one path.
#[derive(Clone, Debug)]
pub enum Change {
    /// Writes the file.
    Write(String, Vec<u8>),
    /// Removes the file.
    Remove(String),
    /// Moves the file.
    Rename(String, String),
}

/// Who made a commit, and when.
#[derive(Clone, Debug)]
pub(crate) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) at: Timestamp,
}

impl Signature {
    fn for_import(&self) -> String {
        let (name, email, at) = (&self.name, &self.email, self.at.as_second());
        format!("{name} <{email}> {at} +0000")
    }
}

/// A bare repository in a directory.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    dir: PathBuf,
}

/// Gives a git process an environment that no user or machine setting reaches.
pub(super) fn isolate(command: &mut Command, home: &Path) {
    for name in [
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE",
        "GIT_CONFIG",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
    ] {
        command.env_remove(name);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("HOME", home)
        .env("LC_ALL", "C");
}

impl Git {
    /// Makes an empty bare repository, open to fetches of any commit that it has.
    pub(super) fn init(dir: PathBuf, default_branch: &str) -> Result<Self, GitError> {
        let git = Self { dir };
        let io = |source| GitError::Io {
            command: "init".to_owned(),
            source,
        };
        std::fs::create_dir_all(&git.dir).map_err(io)?;
        let head = format!("--initial-branch={default_branch}");
        git.run(&["init", "--quiet", "--bare", "--template=", &head, "."])?;
        let mut config = std::fs::OpenOptions::new()
            .append(true)
            .open(git.dir.join("config"))
            .map_err(io)?;
        config
            .write_all(
                b"[uploadpack]\n\tallowAnySHA1InWant = true\n\tallowFilter = true\n\
                  [receive]\n\thideRefs = refs/pull\n[http]\n\treceivepack = true\n\
                  [gc]\n\tauto = 0\n",
            )
            .map_err(io)?;
        Ok(git)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        isolate(&mut command, &self.dir);
        command.current_dir(&self.dir).args(args);
        if args.first() != Some(&"init") {
            command.env("GIT_DIR", &self.dir);
        }
        command
    }

    fn output(command: &mut Command, name: &str, input: Option<&[u8]>) -> Result<Output, GitError> {
        let io = |source| GitError::Io {
            command: name.to_owned(),
            source,
        };
        let mut child = command
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io)?;
        if let (Some(bytes), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(bytes).map_err(io)?;
        }
        child.wait_with_output().map_err(io)
    }

    fn failed(name: &str, output: &Output) -> GitError {
        GitError::Failed {
            command: name.to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        }
    }

    pub(super) fn bytes(&self, args: &[&str]) -> Result<Vec<u8>, GitError> {
        let name = args.first().copied().unwrap_or_default();
        let output = Self::output(&mut self.command(args), name, None)?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(Self::failed(name, &output))
        }
    }

    pub(super) fn run(&self, args: &[&str]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.bytes(args)?)
            .trim_end_matches('\n')
            .to_owned())
    }

    /// Copies the branches of another repository: what pressing "Fork" does.
    pub(super) fn fork(&self, parent: &Self) -> Result<(), GitError> {
        self.fetch(parent, "+refs/heads/*:refs/heads/*")
    }

    /// Brings objects and refs over from another repository.
    pub(super) fn fetch(&self, from: &Self, refspec: &str) -> Result<(), GitError> {
        let from = from.dir.to_string_lossy();
        self.run(&["fetch", "--quiet", "--no-tags", &from, refspec])
            .map(drop)
    }

    /// Commits `changes` on `branch`, on top of `parent` (nothing: a root commit). With `force`
    /// the branch need not contain its old tip afterwards.
    pub(super) fn commit(
        &self,
        branch: &str,
        parent: Option<&str>,
        who: &Signature,
        message: &str,
        changes: &[Change],
    ) -> Result<Sha, GitError> {
        let mut stream: Vec<u8> = Vec::new();
        let signature = who.for_import();
        let mut head = format!(
            "commit refs/heads/{branch}\nauthor {signature}\ncommitter {signature}\ndata {}\n{message}\n",
            message.len()
        );
        if let Some(parent) = parent {
            let _ = writeln!(head, "from {parent}");
        }
        stream.extend_from_slice(head.as_bytes());
        for change in changes {
            match change {
                Change::Write(path, content) => {
                    let line = format!("M 100644 inline {}\ndata {}\n", quote(path), content.len());
                    stream.extend_from_slice(line.as_bytes());
                    stream.extend_from_slice(content);
                    stream.push(b'\n');
                }
                Change::Remove(path) => {
                    stream.extend_from_slice(format!("D {}\n", quote(path)).as_bytes());
                }
                Change::Rename(from, to) => {
                    let line = format!("R {} {}\n", quote(from), quote(to));
                    stream.extend_from_slice(line.as_bytes());
                }
            }
        }
        let mut command = self.command(&["fast-import", "--quiet", "--force"]);
        let output = Self::output(&mut command, "fast-import", Some(&stream))?;
        if !output.status.success() {
            return Err(Self::failed("fast-import", &output));
        }
        self.tip(&format!("refs/heads/{branch}"))?
            .ok_or_else(|| GitError::Unreadable {
                command: "fast-import".to_owned(),
            })
    }

    /// The commit that a name (ref, branch, SHA) stands for; nothing if it stands for none.
    pub(super) fn tip(&self, name: &str) -> Result<Option<Sha>, GitError> {
        // Git's own language of revisions (`main~1`, `:/text`) is not GitHub's.
        if name.starts_with('-') || name.contains(['~', '^', ':', '@', '{', '}', '*', ' ']) {
            return Ok(None);
        }
        let name = format!("{name}^{{commit}}");
        let args = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name,
        ];
        let output = Self::output(&mut self.command(&args), "rev-parse", None)?;
        let sha = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && sha.len() == 40).then_some(sha))
    }

    /// Every ref under a prefix such as `refs/heads/`, by its name after the prefix.
    pub(super) fn refs(&self, prefix: &str) -> Result<BTreeMap<String, Sha>, GitError> {
        let text = self.run(&["for-each-ref", "--format=%(objectname) %(refname)", prefix])?;
        let refs = text.lines().filter_map(|line| {
            let (sha, name) = line.split_once(' ')?;
            Some((name.strip_prefix(prefix)?.to_owned(), sha.to_owned()))
        });
        Ok(refs.collect())
    }

    /// Points a ref at a commit; with `old`, only if it stands there.
    pub(super) fn update_ref(
        &self,
        name: &str,
        new: &str,
        old: Option<&str>,
    ) -> Result<(), GitError> {
        let mut args = vec!["update-ref", name, new];
        args.extend(old);
        self.run(&args).map(drop)
    }

    pub(super) fn delete_ref(&self, name: &str) -> Result<(), GitError> {
        self.run(&["update-ref", "-d", name]).map(drop)
    }

    pub(super) fn merge_base(&self, a: &str, b: &str) -> Result<Option<Sha>, GitError> {
        let args = ["merge-base", a, b];
        let output = Self::output(&mut self.command(&args), "merge-base", None)?;
        match output.status.code() {
            Some(0) => Ok(Some(
                String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )),
            Some(1) => Ok(None),
            _ => Err(Self::failed("merge-base", &output)),
        }
    }

    pub(super) fn is_ancestor(&self, old: &str, new: &str) -> Result<bool, GitError> {
        let args = ["merge-base", "--is-ancestor", old, new];
        let output = Self::output(&mut self.command(&args), "merge-base", None)?;
        Ok(output.status.success())
    }

    /// The tree of `theirs` merged into `ours`; nothing when they conflict. `base` overrides the
    /// merge base, for replaying single commits.
    pub(super) fn merge_tree(
        &self,
        base: Option<&str>,
        ours: &str,
        theirs: &str,
    ) -> Result<Option<Sha>, GitError> {
        let base = base.map(|base| format!("--merge-base={base}"));
        let mut args = vec!["merge-tree", "--write-tree"];
        args.extend(base.as_deref());
        args.extend([ours, theirs]);
        let output = Self::output(&mut self.command(&args), "merge-tree", None)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0) => Ok(text.lines().next().map(str::to_owned)),
            Some(1) => Ok(None),
            _ => Err(Self::failed("merge-tree", &output)),
        }
    }

    pub(super) fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        author: &Signature,
        committer: &Signature,
        message: &str,
    ) -> Result<Sha, GitError> {
        let mut args = vec!["commit-tree", tree, "-F", "-"];
        for parent in parents {
            args.extend(["-p", parent]);
        }
        let mut command = self.command(&args);
        for (role, who) in [("AUTHOR", author), ("COMMITTER", committer)] {
            command
                .env(format!("GIT_{role}_NAME"), &who.name)
                .env(format!("GIT_{role}_EMAIL"), &who.email)
                .env(
                    format!("GIT_{role}_DATE"),
                    format!("{} +0000", who.at.as_second()),
                );
        }
        let output = Self::output(&mut command, "commit-tree", Some(message.as_bytes()))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            Err(Self::failed("commit-tree", &output))
        }
    }

    /// How many commits only `a` has, and how many only `b` has.
    pub(super) fn ahead_behind(&self, a: &str, b: &str) -> Result<(u64, u64), GitError> {
        let range = format!("{a}...{b}");
        let text = self.run(&["rev-list", "--left-right", "--count", &range])?;
        let mut counts = text.split_whitespace().filter_map(|n| n.parse().ok());
        match (counts.next(), counts.next()) {
            (Some(left), Some(right)) => Ok((left, right)),
            _ => Err(GitError::Unreadable {
                command: "rev-list".to_owned(),
            }),
        }
    }

    pub(super) fn raw_diff(&self, args: &[&str]) -> Result<Vec<u8>, GitError> {
        let mut all = vec!["diff", "--no-color", "--no-ext-diff", "-M"];
        all.extend(args);
        self.bytes(&all)
    }
}

/// A path as fast-import reads it: quoted, so that spaces and quotes in it survive.
fn quote(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len() + 2);
    quoted.push('"');
    for c in path.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
