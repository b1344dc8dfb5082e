//! What keeps code of repositories apart from the rest of the machine.

use std::path::Path;

use anyhow::ensure;
use serde::Deserialize;

use super::{Secret, Settings};
use crate::process;

/// What keeps code of repositories apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Nothing: it is a process of the bot's own user, and sees what that sees.
    #[default]
    None,
    /// bubblewrap: it sees the system, its own run, and nothing else.
    Bubblewrap,
}

/// What the types of the values can't say.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let terraform = &settings.terraform;
    if terraform.isolation == Isolation::None {
        ensure!(
            terraform.readable.is_empty(),
            "terraform.readable says what isolated code may read, but terraform.isolation is \"none\": \
             it reads everything that the bot reads"
        );
        return Ok(());
    }
    for path in &terraform.readable {
        ensure!(
            path.is_absolute(),
            "terraform.readable: {} is not an absolute path",
            path.display()
        );
    }
    hidden(settings, "data_dir", &settings.data_dir)?;
    for (name, secret) in settings.secrets() {
        if let Secret::File(path) = secret {
            hidden(settings, &name, path)?;
        }
    }
    if let Some(Secret::File(path)) = &settings.aws.secret_access_key {
        hidden(settings, "aws.secret_access_key", path)?;
    }
    Ok(())
}

/// Nothing of the bot's own may lie in what isolated code reads, by whatever links.
fn hidden(settings: &Settings, name: &str, path: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let readable = settings.terraform.readable.iter().map(AsRef::as_ref);
    for seen in process::system().chain(readable) {
        ensure!(
            !path.starts_with(seen) && !real(path).starts_with(real(seen)),
            "{name}: {} lies in {}, which isolated code can read: put it elsewhere",
            path.display(),
            seen.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str, from: &str, to: &str) -> anyhow::Result<Settings> {
        let base = include_str!("../../slipway.example.toml");
        assert!(base.contains(from), "{from}");
        let text = base.replace(from, to);
        let (before, after) = text.split_once("[terraform]\n").unwrap();
        assert!(after.contains("isolation   = \"none\""));
        let after = after.replace("isolation   = \"none\"", "");
        Settings::parse(&format!("{before}[terraform]\n{more}\n{after}"))
    }

    #[test]
    fn nothing_of_the_bot_may_be_in_sight() {
        let error =
            |more: &str, from: &str, to: &str| settings(more, from, to).unwrap_err().to_string();
        let on = "isolation = \"bubblewrap\"";
        settings(on, "", "").unwrap();
        insta::assert_snapshot!(error(on, "/var/lib/slipway\"", "/usr/lib/slipway\""), @"data_dir: /usr/lib/slipway lies in /usr, which isolated code can read: put it elsewhere");
        insta::assert_snapshot!(error(on, "/run/secrets/slipway/app.pem", "/usr/local/etc/app.pem"), @"github.private_key: /usr/local/etc/app.pem lies in /usr, which isolated code can read: put it elsewhere");
        let readable = format!("{on}\nreadable = [\"/run\"]");
        insta::assert_snapshot!(error(&readable, "", ""), @"github.private_key: /run/secrets/slipway/app.pem lies in /run, which isolated code can read: put it elsewhere");
        let relative = format!("{on}\nreadable = [\"mirror\"]");
        insta::assert_snapshot!(error(&relative, "", ""), @"terraform.readable: mirror is not an absolute path");
        insta::assert_snapshot!(error("readable = [\"/opt\"]", "", ""), @r#"terraform.readable says what isolated code may read, but terraform.isolation is "none": it reads everything that the bot reads"#);
    }

    #[test]
    fn a_link_into_the_open_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("data");
        std::os::unix::fs::symlink("/usr/lib", &link).unwrap();
        let mut settings = settings("isolation = \"bubblewrap\"", "", "").unwrap();
        settings.data_dir = link;
        assert!(check(&settings).is_err());
    }
}
