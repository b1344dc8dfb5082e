//! Names of images, and the tool that plans.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// A repository of images in a registry, without tag or digest: `ghcr.io/acme/shop`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ImageRepository {
    registry: String,
    repository: String,
}

impl ImageRepository {
    /// The only way in (OCI distribution specification, "Pulling manifests"). The registry has to
    /// be named: a default one would be a guess.
    ///
    /// # Errors
    /// When the registry is missing, a part is malformed, or a tag or digest is attached.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: &str| {
            Invalid::new(format!("{text:?} is not an image: {problem}"))
                .with_help("it takes a registry and a repository, like \"ghcr.io/acme/shop\"")
        };
        let (registry, repository) = text
            .split_once('/')
            .ok_or_else(|| invalid("the registry is missing"))?;
        if !is_registry(registry) {
            return Err(invalid("it does not start with a registry"));
        }
        if repository.contains(['@', ':']) {
            return Err(invalid(
                "it has a tag or a digest, which `tag` says per commit",
            ));
        }
        if repository.len() > 255 || !repository.split('/').all(is_component) {
            return Err(invalid(
                "a repository takes lower-case letters, digits and single `.`, `_`, `-` between them",
            ));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
        })
    }

    /// The registry's host, with its port where one was written.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = text
        .split_once(':')
        .map_or((text, None), |(h, p)| (h, Some(p)));
    let named = host == "localhost" || host.contains('.') || port.is_some();
    let well_formed = host.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    named && well_formed && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let separators_fit = text
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-'));
    let mut bytes = text.bytes();
    separators_fit && bytes.next().is_some_and(plain) && text.bytes().next_back().is_some_and(plain)
}

impl fmt::Display for ImageRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl fmt::Debug for ImageRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRepository({self})")
    }
}

/// Which program plans a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tool {
    /// HashiCorp's Terraform.
    Terraform,
    /// OpenTofu.
    OpenTofu,
}

impl Tool {
    /// The word for it in `deploy.toml`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "opentofu",
        }
    }

    /// The file name of its program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::OpenTofu => "tofu",
        }
    }
}

/// How people write its name.
impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        })
    }
}

/// A program and the exact version of it that a stack asks for. Kept as [`ToolVersion::named`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ToolVersion {
    /// The program.
    pub tool: Tool,
    version: String,
}

impl ToolVersion {
    /// The only way in: `1.11.4`, `terraform 1.11.4` or `opentofu 1.9.0`.
    ///
    /// # Errors
    /// When the program is another, or the version is not one exact version.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let (tool, version) = match text.split_once(' ') {
            None => (Tool::Terraform, text),
            Some(("terraform", version)) => (Tool::Terraform, version),
            Some(("opentofu", version)) => (Tool::OpenTofu, version),
            Some(_) => (Tool::Terraform, ""),
        };
        if is_version(version) {
            return Ok(Self {
                tool,
                version: version.to_owned(),
            });
        }
        Err(Invalid::new(format!(
            "{text:?} is not a version of Terraform or OpenTofu"
        ))
        .with_help("it takes one exact version, like \"1.11.4\" or \"opentofu 1.9.0\""))
    }

    /// The version, `1.11.4`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Program and version: `terraform 1.11.4`, `opentofu 1.9.0`. [`Self::parse`] reads it back.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{} {}", self.tool.as_str(), self.version)
    }
}

impl From<ToolVersion> for String {
    fn from(version: ToolVersion) -> Self {
        version.named()
    }
}

impl TryFrom<String> for ToolVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|invalid| invalid.message)
    }
}

fn is_version(text: &str) -> bool {
    let (core, pre_release) = text
        .split_once('-')
        .map_or((text, None), |(c, p)| (c, Some(p)));
    let numbers: Vec<&str> = core.split('.').collect();
    text.len() <= 32
        && numbers.len() == 3
        && numbers
            .iter()
            .all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && pre_release.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tool {
            Tool::Terraform => f.write_str(&self.version),
            Tool::OpenTofu => write!(f, "opentofu {}", self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_name_their_registry() {
        let image = ImageRepository::parse("127.0.0.1:5000/acme/shop").unwrap();
        assert_eq!(
            (image.registry(), image.repository()),
            ("127.0.0.1:5000", "acme/shop")
        );
        for text in [
            "ghcr.io/acme/shop",
            "localhost/shop",
            "ghcr.io/a__b/c--d/e.f",
        ] {
            assert_eq!(ImageRepository::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "shop",
            "acme/shop",
            "ghcr.io/",
            "ghcr.io/Acme/shop",
            "ghcr.io/acme/shop:latest",
            "ghcr.io/acme/shop@sha256:0",
            "ghcr.io//shop",
            "ghcr.io/acme/-shop",
            "ghcr.io/a...b",
            "https://ghcr.io/acme/shop",
            "ghcr.io:0/x",
            "-x.io/a",
        ] {
            assert!(ImageRepository::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_are_exact() {
        for text in ["1.11.4", "1.12.0-rc1", "opentofu 1.9.0"] {
            assert_eq!(ToolVersion::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            ToolVersion::parse("terraform 1.5.7").unwrap().to_string(),
            "1.5.7"
        );
        for text in ["terraform 1.5.7", "opentofu 1.9.0"] {
            let version = ToolVersion::parse(text).unwrap();
            assert_eq!(version.named(), text);
            let kept = serde_json::to_string(&version).unwrap();
            assert_eq!(kept, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<ToolVersion>(&kept).unwrap(), version);
        }
        for text in [
            "",
            "1.11",
            "~> 1.11",
            ">=1.0.0",
            "latest",
            "tofu 1.9.0",
            "1.1.1; rm",
            "v1.11.4",
        ] {
            assert!(ToolVersion::parse(text).is_err(), "{text}");
        }
    }
}
