//! The only door to a [`Config`].

use super::build::{Tables, build, in_order};
use super::check::check;
use super::diagnostic::Diagnostic;
use super::findings::Findings;
use super::raw::Named;
use super::read::read;
use super::unenforced::refuse_unenforced;
use super::{Config, Invalid};

/// The most bytes of a deploy.toml. Anybody who can open a pull request has one read.
pub const LONGEST_FILE: usize = 128 * 1024;

/// What reading a deploy.toml gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The rules; none where there is an error.
    pub config: Option<Config>,
    /// All that was found, warnings too, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Config {
    /// Reads a deploy.toml.
    ///
    /// # Errors
    /// Everything that is wrong with it, as far as one reading can tell; warnings among it.
    pub fn parse(text: &str) -> Result<Self, Vec<Diagnostic>> {
        let checked = Self::check(text);
        checked.config.ok_or(checked.diagnostics)
    }

    /// Reads a deploy.toml, and tells the warnings of a good one too.
    #[must_use]
    pub fn check(text: &str) -> Checked {
        let mut findings = Findings::of(text);
        if text.len() > LONGEST_FILE {
            let error = Invalid::new(format!("this file has {} bytes", text.len()));
            findings.error(
                0..0,
                error.with_help(format!("a deploy.toml has at most {LONGEST_FILE}")),
            );
            return Checked {
                config: None,
                diagnostics: findings.into_list(),
            };
        }
        let config = read_config(text, &mut findings).filter(|_| !findings.has_errors());
        if config.is_none() && !findings.has_errors() {
            findings.error(0..0, Invalid::new("this file can't be read"));
        }
        Checked {
            config,
            diagnostics: findings.into_list(),
        }
    }
}

fn read_config(text: &str, findings: &mut Findings<'_>) -> Option<Config> {
    let file = read(text, findings)?;
    if let Some(version) = file
        .version
        .as_ref()
        .filter(|version| *version.value() != 1)
    {
        let error = Invalid::new(format!("this is version {} of the format", version.value()));
        findings.error(
            version.span(),
            error.with_help("this Slipway reads version 1"),
        );
        return None;
    }
    let tables = Tables {
        environments: in_order(file.environments.as_ref()),
        stacks: in_order(file.stacks.as_ref()),
        services: in_order(file.services.as_ref()),
        freezes: file.freeze.as_deref().unwrap_or_default(),
        hazards: file.hazards.as_ref(),
    };
    if file.environments.as_ref().is_some_and(Named::is_empty) {
        findings.error(
            0..0,
            Invalid::new("there is no environment").with_help("add one, like [environments.dev]"),
        );
    }
    let config = build(&tables, findings);
    check(&tables, &config, findings);
    refuse_unenforced(&tables, findings);
    Some(config)
}
