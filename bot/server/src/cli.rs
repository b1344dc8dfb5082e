//! What the program says on a terminal: the only module that prints.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to a terminal is what this module is for"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use slipway_core::config::{self, Config};
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
