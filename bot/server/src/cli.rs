//! What the program says on a terminal: the only module that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to a terminal is what this module is for"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use slipway_core::config::{self, Config};
use slipway_core::policy::{self, PolicyFile};
use url::Url;

use crate::registration;

/// `slipway check`: 0 if the file is good, 1 if it has errors.
///
/// # Errors
/// When the file can't be read.
pub fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let checked = Config::check(&text);
    let name = file.display().to_string();
    for diagnostic in &checked.diagnostics {
        eprintln!("{}", diagnostic.render(&name, &text));
    }
    let Some(config) = checked.config else {
        return Ok(ExitCode::FAILURE);
    };
    println!(
        "{name} is good: {} environments, {} stacks, {} services",
        config.environments.len(),
        config.stacks.len(),
        config.services.len()
    );
    Ok(ExitCode::SUCCESS)
}

/// `slipway policies`: 0 if the files can be read and their tests hold, 1 if not.
///
/// # Errors
/// When a file can't be read from the disk, or there is none.
pub fn policies(paths: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).and_then(Iterator::collect);
            let entries: Vec<std::fs::DirEntry> =
                entries.with_context(|| format!("reading {}", path.display()))?;
            let mut found: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
            found.retain(|path| path.extension().is_some_and(|end| end == "rego"));
            found.sort();
            for path in &found {
                files.push(policy(path)?);
            }
        } else {
            files.push(policy(path)?);
        }
    }
    anyhow::ensure!(!files.is_empty(), "there is no file that ends in .rego");
    let count = files.len();
    let verifying = std::thread::Builder::new()
        .stack_size(policy::STACK_SIZE)
        .spawn(move || policy::verify(&files, policy::TIME_LIMIT))?;
    let verified = verifying
        .join()
        .map_err(|_| anyhow::anyhow!("the policies could not be evaluated to the end"))?;
    match verified {
        Ok(tests) => {
            println!("{count} files are good, {tests} tests hold");
            Ok(ExitCode::SUCCESS)
        }
        Err(failures) => {
            for failure in failures {
                let test = failure
                    .test
                    .map(|test| format!("{test} "))
                    .unwrap_or_default();
                eprintln!("{test}{}", failure.what);
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn policy(path: &Path) -> anyhow::Result<PolicyFile> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(PolicyFile {
        path: path.display().to_string(),
        text,
    })
}

/// `slipway state`: the bytes as they are.
///
/// # Errors
/// When nobody takes them.
pub fn state(bytes: &[u8]) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(bytes)?;
    Ok(ExitCode::SUCCESS)
}

/// `slipway schema`.
///
/// # Errors
/// None in practice: a schema is plain JSON.
pub fn schema() -> anyhow::Result<ExitCode> {
    println!("{}", serde_json::to_string_pretty(&config::schema())?);
    Ok(ExitCode::SUCCESS)
}

/// `slipway app`.
///
/// # Errors
/// When the organisation or the URL can't be one.
pub fn app(
    github: &Url,
    organisation: &str,
    name: Option<&str>,
    public_url: &Url,
) -> anyhow::Result<ExitCode> {
    let default = format!("slipway-{organisation}");
    let name = name.unwrap_or(&default);
    println!(
        "{}",
        registration::link(github, organisation, name, public_url)?
    );
    Ok(ExitCode::SUCCESS)
}

/// Turns the end of the program into its exit status; an error is told with its causes.
#[must_use]
pub fn end(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("slipway: {error:#}");
            ExitCode::from(2)
        }
    }
}
