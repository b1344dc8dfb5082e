//! Where versions of Terraform and OpenTofu come from.

use anyhow::{bail, ensure};
use serde::Deserialize;
use url::{Host, Url};

use super::TerraformSettings;

/// Where downloads come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mirror {
    /// Holds `VERSION/terraform_VERSION_OS_ARCH.zip` and `VERSION/terraform_VERSION_SHA256SUMS`.
    pub terraform: Url,
    /// Holds `vVERSION/tofu_VERSION_OS_ARCH.zip` and `vVERSION/tofu_VERSION_SHA256SUMS`.
    pub opentofu: Url,
}

impl Default for Mirror {
    fn default() -> Self {
        Self {
            terraform: known("https://releases.hashicorp.com/terraform"),
            opentofu: known("https://github.com/opentofu/opentofu/releases/download"),
        }
    }
}

#[expect(clippy::expect_used, reason = "constants that a test parses")]
fn known(text: &str) -> Url {
    Url::parse(text).expect("a valid URL")
}

/// What the types of the values can't say.
pub(super) fn check(settings: &TerraformSettings) -> anyhow::Result<()> {
    let mirror = &settings.mirror;
    for (key, url) in [
        ("terraform", &mirror.terraform),
        ("opentofu", &mirror.opentofu),
    ] {
        let is_here = match url.host() {
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        ensure!(
            url.scheme() == "https" || (url.scheme() == "http" && is_here),
            "terraform.mirror.{key}: {url} is not https, so nothing would prove where a program \
             comes from"
        );
    }
    for (name, sum) in &settings.sums {
        if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            bail!("terraform.sums: {sum:?} of {name:?} is not a SHA-256: 64 hexadecimal digits");
        }
        ensure!(
            name.ends_with(".zip"),
            "terraform.sums: {name:?} is not the name of an archive, like \
             \"terraform_1.11.4_linux_amd64.zip\""
        );
    }
    ensure!(
        settings.sums.is_empty() || settings.download,
        "terraform.sums pins what may be downloaded, but terraform.download is not true"
    );
    if let Some(dir) = &settings.versions_dir {
        ensure!(
            dir.is_absolute(),
            "terraform.versions_dir: {} is not an absolute path",
            dir.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    #[test]
    fn what_proves_nothing_is_refused() {
        let base = include_str!("../../slipway.example.toml");
        let error = |from: &str, to: &str| {
            assert!(base.contains(from), "{from}");
            Settings::parse(&base.replace(from, to))
                .unwrap_err()
                .to_string()
        };
        insta::assert_snapshot!(error("https://releases.hashicorp.com", "http://mirror.example.com"), @"terraform.mirror.terraform: http://mirror.example.com/terraform is not https, so nothing would prove where a program comes from");
        insta::assert_snapshot!(error("[kubernetes]", "[terraform.sums]\n\"a.zip\" = \"1ce9\"\n[kubernetes]"), @r#"terraform.sums: "1ce9" of "a.zip" is not a SHA-256: 64 hexadecimal digits"#);
        let sum = "0".repeat(64);
        insta::assert_snapshot!(error("[kubernetes]", &format!("[terraform.sums]\n\"1.11.4\" = \"{sum}\"\n[kubernetes]")), @r#"terraform.sums: "1.11.4" is not the name of an archive, like "terraform_1.11.4_linux_amd64.zip""#);
        insta::assert_snapshot!(error("[kubernetes]", &format!("[terraform.sums]\n\"a.zip\" = \"{sum}\"\n[kubernetes]")), @"terraform.sums pins what may be downloaded, but terraform.download is not true");
        insta::assert_snapshot!(error("# versions_dir = \"/opt", "versions_dir = \"opt"), @"terraform.versions_dir: opt/terraform is not an absolute path");
        let here = base.replace("https://releases.hashicorp.com", "http://127.0.0.1:1");
        Settings::parse(&here).unwrap();
    }
}
