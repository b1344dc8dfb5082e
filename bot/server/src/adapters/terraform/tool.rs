//! Finds the Terraform or OpenTofu that a stack asks for: the program of the settings, one of the
//! installed versions, or a download. Which versions a stack allows is `slipway_core::tool`'s.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use slipway_core::config::{Tool, ToolVersion};
use slipway_core::ports::{ChosenTool, PortResult, ToolError, ToolRequest};
use slipway_core::spec::StackSpec;
use slipway_core::tool::{Constraints, ToolReason, by_age, required_version};

use super::ANSWER_LIMIT;
use super::download::Downloads;
use super::failure::{invalid, not_run, unmet};
use super::places::module;
use super::settings::TerraformSettings;
use crate::process::{Invocation, LINE_LIMIT, Limits, Redactor, Stdout, Unstoppable, View};

/// A longer file is not read for its `required_version`.
const LONGEST_FILE: u64 = 1024 * 1024;
/// More files of one module are not read for it.
const MOST_FILES: usize = 1000;

/// All the ways to a program.
#[derive(Debug)]
pub(super) struct Toolbox {
    downloads: Option<Arc<Downloads>>,
    /// What programs said that they are, as long as they are the same files. Only a cache.
    known: Mutex<HashMap<PathBuf, (Stamp, ToolVersion)>>,
}

/// Tells a file from the one that takes its place.
type Stamp = (u64, Option<SystemTime>);

/// What a stack asks for.
enum Wanted {
    Any,
    Exact(ToolVersion),
    Within(Tool, Constraints),
}

/// A program that is there.
struct Installed {
    version: ToolVersion,
    program: PathBuf,
}

impl Toolbox {
    pub(super) fn new(downloads: Option<Arc<Downloads>>) -> Self {
        Self {
            downloads,
            known: Mutex::default(),
        }
    }

    /// What the program of the settings is.
    pub(super) async fn own(&self, settings: &TerraformSettings) -> PortResult<ToolVersion> {
        let program = settings.find_program("asking for its version")?;
        self.ask(settings, &program).await
    }

    pub(super) async fn choose(
        &self,
        settings: &TerraformSettings,
        request: &ToolRequest<'_>,
    ) -> Result<ChosenTool, ToolError> {
        let own = self.own(settings).await;
        let (wanted, reason) = wanted(request, own.as_ref().ok().map(|own| own.tool))?;
        if let Wanted::Any = wanted {
            let program = settings.find_program("finding the program")?;
            return Ok(ChosenTool {
                version: own?,
                reason,
                program,
            });
        }
        let mut there = Vec::new();
        if let Ok(own) = &own {
            if wanted.fits(own) {
                return Ok(ChosenTool {
                    version: own.clone(),
                    reason,
                    program: settings.find_program("finding the program")?,
                });
            }
            there.push(format!("{} (the program of its settings)", own.named()));
        }
        for installed in installed(settings, wanted.tool()) {
            let is = self.ask(settings, &installed.program).await;
            let place = installed.program.display();
            match is {
                Ok(is) if is == installed.version && wanted.fits(&is) => {
                    return Ok(ChosenTool {
                        version: is,
                        reason,
                        program: installed.program,
                    });
                }
                Ok(is) if is == installed.version => there.push(is.named()),
                Ok(is) => there.push(format!(
                    "{} (at {place}, in spite of its place)",
                    is.named()
                )),
                Err(error) => there.push(format!("something else at {place} ({})", error.said)),
            }
        }
        if let (Some(downloads), Some(version)) = (&self.downloads, wanted.exact()) {
            let program = downloads.get(settings, &version, request).await?;
            return Ok(ChosenTool {
                version,
                reason,
                program,
            });
        }
        Err(self.missing(settings, &wanted, reason, &there))
    }

    /// Says what was asked for, what there is and what to do.
    fn missing(
        &self,
        settings: &TerraformSettings,
        wanted: &Wanted,
        reason: ToolReason,
        there: &[String],
    ) -> ToolError {
        let asked = match wanted {
            Wanted::Any => String::new(),
            Wanted::Exact(version) => version.named(),
            Wanted::Within(tool, constraints) => format!("{tool} `{constraints}`"),
        };
        let asks = match reason {
            ToolReason::RequiredVersion => "the stack asks for".to_owned(),
            ToolReason::Plan => "the plan was made with".to_owned(),
            ToolReason::DeployToml | ToolReason::Settings => format!("{reason} asks for"),
        };
        let by = match reason {
            ToolReason::RequiredVersion => " by `required_version`",
            _ => "",
        };
        let has = match there {
            [] => "no such program".to_owned(),
            there => there.join(", "),
        };
        let program = wanted.tool().program();
        let place = match &settings.versions_dir {
            Some(dir) => format!("install it as `{}/VERSION/{program}`", dir.display()),
            None => "name a directory of versions as `terraform.versions_dir` in its settings"
                .to_owned(),
        };
        let download = match (&self.downloads, wanted) {
            (Some(_), Wanted::Within(..)) => {
                ", or name one exact version, which is then downloaded, by `terraform` in deploy.toml"
            }
            (None, _) => ", or let it download versions (`terraform.download`)",
            (Some(_), _) => "",
        };
        ToolError::Missing {
            what: format!("{asks} {asked}{by}, and the bot has {has}"),
            fix: format!("{place}{download}, or ask for another; then plan again"),
        }
    }

    /// What a program says that it is.
    async fn ask(&self, settings: &TerraformSettings, program: &Path) -> PortResult<ToolVersion> {
        let stamp = std::fs::metadata(program).ok().as_ref().map(stamp);
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, version)) = known().get(program)
            && Some(*seen) == stamp
        {
            return Ok(version.clone());
        }
        let version = ask(settings, program).await?;
        if let Some(stamp) = stamp {
            known().insert(program.to_owned(), (stamp, version.clone()));
        }
        Ok(version)
    }
}

fn stamp(meta: &Metadata) -> Stamp {
    (meta.len(), meta.modified().ok())
}

/// Asks a program what it is, by `version`. Not by `version -json`: OpenTofu's answer to that calls
/// its version `terraform_version`, too, and only the text names the program
/// (<https://opentofu.org/docs/cli/commands/version>).
pub(super) async fn ask(settings: &TerraformSettings, program: &Path) -> PortResult<ToolVersion> {
    let doing = "asking for its version";
    let home = tempfile::tempdir().map_err(|error| unmet(doing, &error))?;
    let mut env = settings.base_environment(home.path(), home.path());
    env.insert("TF_DATA_DIR".into(), home.path().join("data").into());
    let isolation = settings.isolation.as_ref();
    let invocation = Invocation {
        program: program.to_owned(),
        args: vec!["version".into()],
        dir: home.path().to_owned(),
        env: env.into_iter().collect(),
        limits: Limits {
            timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            line: LINE_LIMIT,
        },
        stdout: Stdout::Bytes {
            limit: ANSWER_LIMIT,
        },
        redactor: Redactor::default(),
        view: isolation.map(|it| View::of(it).read(program).write(home.path())),
    };
    let ended = invocation
        .run(&Unstoppable, &mut |_, _| {})
        .await
        .map_err(|error| not_run(doing, &error))?;
    let answer = String::from_utf8_lossy(&ended.stdout);
    answer.lines().find_map(version).ok_or_else(|| {
        invalid(
            doing,
            format!(
                "this is neither Terraform nor OpenTofu: {} ({})",
                ended.how,
                ended.tail.join(" ")
            ),
        )
    })
}

/// `Terraform v1.11.4`, `OpenTofu v1.9.0`.
fn version(line: &str) -> Option<ToolVersion> {
    let (name, version) = line.trim().split_once(" v")?;
    let tool = match name {
        "Terraform" => Tool::Terraform,
        "OpenTofu" => Tool::OpenTofu,
        _ => return None,
    };
    let version = version
        .split_once('+')
        .map_or(version, |(version, _)| version);
    ToolVersion::parse(&format!("{} {version}", tool.as_str())).ok()
}

/// What is wanted, and by what. Of a `required_version` that can't be read Terraform itself tells.
fn wanted(request: &ToolRequest<'_>, own: Option<Tool>) -> Result<(Wanted, ToolReason), ToolError> {
    if let Some(planned) = request.planned {
        return Ok((Wanted::Exact(planned.clone()), ToolReason::Plan));
    }
    if let Some(version) = &request.stack.tool {
        return Ok((Wanted::Exact(version.clone()), ToolReason::DeployToml));
    }
    let tool = own.unwrap_or(Tool::Terraform);
    let files = files(request.root, request.stack, tool)?;
    let texts = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let required = required_version(texts);
    match Constraints::parse(&required) {
        Ok(constraints) if !required.is_empty() => Ok((
            Wanted::Within(tool, constraints),
            ToolReason::RequiredVersion,
        )),
        _ => Ok((Wanted::Any, ToolReason::Settings)),
    }
}

impl Wanted {
    fn fits(&self, version: &ToolVersion) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == version,
            Self::Within(tool, constraints) => *tool == version.tool && constraints.allows(version),
        }
    }

    fn tool(&self) -> Tool {
        match self {
            Self::Any => Tool::Terraform,
            Self::Exact(version) => version.tool,
            Self::Within(tool, _) => *tool,
        }
    }

    fn exact(&self) -> Option<ToolVersion> {
        match self {
            Self::Any => None,
            Self::Exact(version) => Some(version.clone()),
            Self::Within(tool, constraints) => constraints.exact(*tool),
        }
    }
}

/// What is in the directory of versions, newest first: `1.11.4/terraform`, `1.9.0/tofu`.
fn installed(settings: &TerraformSettings, tool: Tool) -> Vec<Installed> {
    let Some(dir) = &settings.versions_dir else {
        return Vec::new();
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(dir = %dir.display(), %error, "terraform.versions_dir can't be read");
            return Vec::new();
        }
    };
    let mut all: Vec<Installed> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let version = ToolVersion::parse(&format!("{} {name}", tool.as_str())).ok()?;
            let program = entry.path().join(tool.program());
            program.is_file().then_some(Installed { version, program })
        })
        .collect();
    all.sort_by(|one, other| by_age(&other.version, &one.version));
    all
}

/// The files of the root module that may hold a `required_version` or a backend, by name. They come from a pull
/// request: what is no regular file within the repository is not read.
pub(super) fn files(
    root: &Path,
    stack: &StackSpec,
    tool: Tool,
) -> PortResult<Vec<(String, String)>> {
    let doing = format!("reading what {} says about Terraform", stack.name);
    let (root, dir) = module(root, &stack.dir, &doing)?;
    let entries = std::fs::read_dir(&dir).map_err(|error| unmet(&doing, &error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_configuration(name, tool))
        .collect();
    names.sort_unstable();
    names.truncate(MOST_FILES);
    let mut files = Vec::new();
    for name in &names {
        // OpenTofu reads main.tofu in place of main.tf
        // (https://opentofu.org/docs/language/files/, "File Extension").
        let twin = name.replace(".tf", ".tofu");
        if tool == Tool::OpenTofu && *name != twin && names.contains(&twin) {
            continue;
        }
        match text(&root, &dir.join(name)) {
            Ok(Some(text)) => files.push((name.clone(), text)),
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(unmet(&doing, &error)),
        }
    }
    Ok(files)
}

fn is_configuration(name: &str, tool: Tool) -> bool {
    let ends = |all: &[&str]| all.iter().any(|end| name.ends_with(end));
    !name.starts_with('.')
        && (ends(&[".tf", ".tf.json"]) || tool == Tool::OpenTofu && ends(&[".tofu", ".tofu.json"]))
}

fn text(root: &Path, path: &Path) -> std::io::Result<Option<String>> {
    let path = path.canonicalize()?;
    let meta = path.metadata()?;
    if !path.starts_with(root) || !meta.is_file() || meta.len() > LONGEST_FILE {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LONGEST_FILE)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}
