//! Reads Terraform's dependency lock file: which build of which provider a stack was reviewed with
//! (Terraform documentation, "Dependency Lock File"). OpenTofu's is the same.

use hcl_edit::expr::Expression;
use hcl_edit::structure::Body;

/// The file's name, in the directory of a root module.
pub const FILE_NAME: &str = ".terraform.lock.hcl";

/// A provider that is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedProvider {
    /// `HOST/NAMESPACE/TYPE`, each a plain name.
    pub source: String,
    /// The version.
    pub version: String,
    /// Checksums of packages as they are unpacked (`h1:`): SHA-256 over the SHA-256 of each file
    /// with its name. One for each platform at the most; it is not said which is whose.
    pub unpacked: Vec<[u8; 32]>,
}

/// The providers of a lock file, as they stand there. What can't be read is for Terraform to
/// complain about.
#[must_use]
pub fn providers(text: &str) -> Vec<LockedProvider> {
    let Ok(body) = text.parse::<Body>() else {
        return Vec::new();
    };
    body.get_blocks("provider")
        .filter_map(|block| {
            let [label] = &*block.labels else { return None };
            let attribute = |name| Some(&block.body.get_attribute(name)?.value);
            let source = label.as_str();
            let version = attribute("version")?.as_str()?;
            let is_known = source.split('/').count() == 3
                && source.split('/').all(is_plain)
                && is_plain(version);
            let hashes = match attribute("hashes") {
                Some(Expression::Array(hashes)) => hashes
                    .iter()
                    .filter_map(|hash| decoded(hash.as_str()?.strip_prefix("h1:")?))
                    .collect(),
                _ => Vec::new(),
            };
            is_known.then(|| LockedProvider {
                source: source.to_owned(),
                version: version.to_owned(),
                unpacked: hashes,
            })
        })
        .collect()
}

/// A name that is one step of a path and needs no quotes: of a host, a namespace, a version.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte))
}

/// The 32 bytes of a checksum in base64 (RFC 4648, section 4).
fn decoded(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut bits: u32 = 0;
    let mut held = 0;
    let mut bytes = Vec::with_capacity(33);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).ok()?);
        }
    }
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_held_to_a_directory_is_read() {
        let text = r#"
# This file is maintained automatically by "terraform init".

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.1.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:ZH/D+v5dpwalclzb2fuESvj/yU67SGGQ60DqfBY4xhA=",
    "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "zh:24c66fc8c8006b435f650ae4cf8e1fc99c7ba1a4e8122a8dac299edc3be9da6d",
    "h1:short=",
  ]
}

provider "localhost:8443/acme/thing" {
  version = "1.2.3-rc1"
  hashes = ["zh:24c66fc8c8006b435f650ae4cf8e1fc99c7ba1a4e8122a8dac299edc3be9da6d"]
}
"#;
        let found = providers(text);
        assert_eq!(found[0].source, "registry.terraform.io/hashicorp/aws");
        assert_eq!(found[0].version, "5.1.0");
        assert_eq!(
            found[0]
                .unpacked
                .iter()
                .map(hex::encode)
                .collect::<Vec<_>>(),
            [
                "647fc3fafe5da706a5725cdbd9fb844af8ffc94ebb486190eb40ea7c1638c610".to_owned(),
                "00".repeat(32),
            ]
        );
        assert_eq!(found[1].version, "1.2.3-rc1");
        assert!(found[1].unpacked.is_empty());
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_would_lead_elsewhere_is_none() {
        let lock = |source: &str, version: &str| {
            providers(&format!(
                "provider \"{source}\" {{\n  version = \"{version}\"\n}}\n"
            ))
        };
        assert_eq!(lock("h/n/t", "1.0.0").len(), 1);
        for (source, version) in [
            ("../n/t", "1.0.0"),
            ("h/../t", "1.0.0"),
            ("h/n", "1.0.0"),
            ("h/n/t/x", "1.0.0"),
            ("h/n/t", "../1.0.0"),
            ("h/n/t$", "1.0.0"),
            ("", "1.0.0"),
        ] {
            assert_eq!(lock(source, version), [], "{source} {version}");
        }
        assert_eq!(providers("provider {"), []);
    }
}
