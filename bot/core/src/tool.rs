//! Which versions of Terraform or OpenTofu a stack may be planned with: what its files ask for, and
//! what that means. Which versions there are is for the shell to find out.

use std::cmp::Ordering;
use std::fmt;

use hcl_edit::structure::Body;
use semver::{Prerelease, Version};
use serde::{Deserialize, Serialize};

use crate::config::{Invalid, Tool, ToolVersion};

/// Why a version was chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolReason {
    /// Nothing asks for a certain one: what the bot's settings name.
    #[default]
    Settings,
    /// `terraform` of the stack in deploy.toml.
    DeployToml,
    /// `required_version` in the stack's files.
    RequiredVersion,
    /// The plan that is applied was made with it.
    Plan,
}

impl fmt::Display for ToolReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settings => "the bot's settings",
            Self::DeployToml => "deploy.toml",
            Self::RequiredVersion => "required_version",
            Self::Plan => "the plan",
        })
    }
}

/// The versions that a `required_version` allows, such as `>= 1.5, < 2.0` or `~> 1.11.0`
/// (Terraform documentation, "Version Constraints"; hashicorp/go-version, `constraint.go`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraints {
    text: String,
    all: Vec<Constraint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Constraint {
    operator: Operator,
    version: Version,
    /// How many of the three numbers were written: `~>` looks at it.
    numbers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Pessimistic,
}

/// In this order: the longer ones first.
const OPERATORS: [(&str, Operator); 7] = [
    (">=", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("!=", Operator::NotEqual),
    ("~>", Operator::Pessimistic),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

impl Constraints {
    /// All of these together, each as it stands in a file.
    ///
    /// # Errors
    /// When one is no list of constraints.
    pub fn parse(texts: &[String]) -> Result<Self, Invalid> {
        let parts = texts.iter().flat_map(|text| text.split(','));
        let all = parts.map(Constraint::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            text: texts.join(", "),
            all,
        })
    }

    /// Whether a version may be used.
    #[must_use]
    pub fn allows(&self, version: &ToolVersion) -> bool {
        Version::parse(version.version())
            .is_ok_and(|version| self.all.iter().all(|one| one.allows(&version)))
    }

    /// The one version that may be used, where there is only one.
    #[must_use]
    pub fn exact(&self, tool: Tool) -> Option<ToolVersion> {
        let equal = |one: &&Constraint| one.operator == Operator::Equal;
        let exact = self.all.iter().find(equal)?;
        let version = ToolVersion::parse(&format!("{} {}", tool.as_str(), exact.version)).ok()?;
        self.allows(&version).then_some(version)
    }
}

/// As it was written.
impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let invalid = || Invalid::new(format!("{text:?} is not a version constraint"));
        let (operator, version) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
            .unwrap_or((Operator::Equal, text));
        let version = version.trim();
        let (core, pre) = match version.split_once('-') {
            Some((core, pre)) => (core, Prerelease::new(pre).map_err(|_| invalid())?),
            None => (version, Prerelease::EMPTY),
        };
        let numbers = core
            .split('.')
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .map_err(|_| invalid())?;
        let (major, minor, patch) = match *numbers {
            [major] => (major, 0, 0),
            [major, minor] => (major, minor, 0),
            [major, minor, patch] => (major, minor, patch),
            _ => return Err(invalid()),
        };
        Ok(Self {
            operator,
            numbers: numbers.len(),
            version: Version {
                pre,
                ..Version::new(major, minor, patch)
            },
        })
    }

    fn allows(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.version);
        match self.operator {
            Operator::Equal => return order == Ordering::Equal,
            Operator::NotEqual => return order != Ordering::Equal,
            _ if !self.fits_pre_release(version) => return false,
            _ => {}
        }
        match self.operator {
            Operator::Greater => order == Ordering::Greater,
            Operator::Less => order == Ordering::Less,
            Operator::LessEqual => order != Ordering::Greater,
            _ if order == Ordering::Less => false,
            Operator::Pessimistic => self.is_close(version),
            _ => true,
        }
    }

    /// A pre-release is only meant where one of the same release is named.
    fn fits_pre_release(&self, version: &Version) -> bool {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        match (self.version.pre.is_empty(), version.pre.is_empty()) {
            (_, true) => self.version.pre.is_empty() || self.operator != Operator::Pessimistic,
            (true, false) => false,
            (false, false) => numbers(&self.version) == numbers(version),
        }
    }

    /// Of `~>`: only the last of the numbers that were written may be another.
    fn is_close(&self, version: &Version) -> bool {
        (self.numbers < 2 || version.major == self.version.major)
            && (self.numbers < 3 || version.minor == self.version.minor)
    }
}

/// Orders versions of one program, oldest first.
#[must_use]
pub fn by_age(one: &ToolVersion, other: &ToolVersion) -> Ordering {
    let number = |version: &ToolVersion| Version::parse(version.version()).ok();
    number(one).cmp(&number(other))
}

/// The `required_version` of a root module's files, by their names; what can't be read is for the
/// program itself to complain about. Only literal texts are allowed there.
#[must_use]
pub fn required_version<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<String> {
    let mut files: Vec<(&str, &str)> = files.into_iter().collect();
    files.sort_unstable();
    let read = |(name, text): &(&str, &str)| {
        if is_json(name) {
            in_json(text)
        } else {
            in_hcl(text)
        }
    };
    // An override file takes the place of what the others say (Terraform documentation,
    // "Override Files").
    let (overrides, plain): (Vec<_>, Vec<_>) =
        files.iter().partition(|(name, _)| is_override(name));
    let last = overrides.into_iter().map(read).rfind(|all| !all.is_empty());
    last.unwrap_or_else(|| plain.into_iter().flat_map(read).collect())
}

pub(crate) fn is_json(name: &str) -> bool {
    name.ends_with(".json")
}

pub(crate) fn is_override(name: &str) -> bool {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    stem == "override" || stem.ends_with("_override")
}

fn in_hcl(text: &str) -> Vec<String> {
    // Most files say nothing about it, and some are long.
    if !text.contains("required_version") {
        return Vec::new();
    }
    let Ok(body) = text.parse::<Body>() else {
        return Vec::new();
    };
    body.get_blocks("terraform")
        .filter_map(|block| block.body.get_attribute("required_version"))
        .filter_map(|attribute| attribute.value.as_str())
        .map(str::to_owned)
        .collect()
}

fn in_json(text: &str) -> Vec<String> {
    let Ok(file) = serde_json::from_str::<serde_json::Value>(text) else {
        return Vec::new();
    };
    let blocks = match file.get("terraform") {
        Some(serde_json::Value::Array(blocks)) => blocks.clone(),
        Some(block) => vec![block.clone()],
        None => Vec::new(),
    };
    blocks
        .iter()
        .filter_map(|block| Some(block.get("required_version")?.as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraints: &str, version: &str) -> bool {
        Constraints::parse(&[constraints.to_owned()])
            .unwrap()
            .allows(&ToolVersion::parse(version).unwrap())
    }

    #[test]
    fn constraints_mean_what_terraform_takes_them_for() {
        for (constraints, yes, no) in [
            ("1.11.4", &["1.11.4"][..], &["1.11.5", "1.11.3"][..]),
            ("= 1.11", &["1.11.0"], &["1.11.4"]),
            ("!= 1.11.4", &["1.11.3", "1.12.0"], &["1.11.4"]),
            ("> 1.11.4", &["1.11.5", "2.0.0"], &["1.11.4", "1.11.5-rc1"]),
            (">= 1.5, < 2.0", &["1.5.0", "1.11.4"], &["1.4.9", "2.0.0"]),
            ("<=1.5", &["1.5.0", "1.4.9"], &["1.5.1"]),
            ("~> 1.11.0", &["1.11.0", "1.11.9"], &["1.12.0", "1.10.9"]),
            ("~> 1.11.2", &["1.11.2"], &["1.11.1", "1.12.0"]),
            ("~> 1.5", &["1.5.0", "1.11.4"], &["1.4.0", "2.0.0"]),
            // go-version has it so: one number may be any that is greater.
            ("~> 1", &["1.0.0", "2.0.0"], &["0.9.0"]),
            (
                ">= 1.12.0-beta1",
                &["1.12.0-rc1", "1.12.0"],
                &["1.13.0-rc1", "1.11.9"],
            ),
            ("~> 1.12.0-beta1", &["1.12.0-rc1"], &["1.12.0"]),
            ("1.12.0-rc1", &["1.12.0-rc1"], &["1.12.0"]),
        ] {
            for version in yes {
                assert!(allows(constraints, version), "{constraints} {version}");
            }
            for version in no {
                assert!(!allows(constraints, version), "{constraints} {version}");
            }
        }
    }

    #[test]
    fn what_is_no_constraint_is_none() {
        for text in [
            "",
            "latest",
            ">=",
            "> 1.x",
            "1.2.3.4",
            ">= 1.0 < 2.0",
            "^1.2",
        ] {
            assert!(Constraints::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn several_hold_together_and_may_leave_one() {
        let both = Constraints::parse(&[">= 1.5".to_owned(), "1.11.4".to_owned()]).unwrap();
        assert_eq!(both.to_string(), ">= 1.5, 1.11.4");
        let exact = both.exact(Tool::OpenTofu).unwrap();
        assert_eq!(exact.named(), "opentofu 1.11.4");
        let none = Constraints::parse(&["< 1.5".to_owned(), "1.11.4".to_owned()]).unwrap();
        assert_eq!(none.exact(Tool::Terraform), None);
        let range = Constraints::parse(&["~> 1.5".to_owned()]).unwrap();
        assert_eq!(range.exact(Tool::Terraform), None);
    }

    #[test]
    fn versions_have_an_age() {
        let mut all = ["1.9.8", "1.11.4", "1.11.4-rc1", "1.10.0"]
            .map(|version| ToolVersion::parse(version).unwrap());
        all.sort_by(by_age);
        let all = all.map(|version| version.version().to_owned());
        assert_eq!(all, ["1.9.8", "1.10.0", "1.11.4-rc1", "1.11.4"]);
    }

    #[test]
    fn files_say_what_they_require() {
        let main = (
            "main.tf",
            "resource \"a\" \"b\" {\n  required_version = \"9\"\n}\n",
        );
        let versions = (
            "versions.tf",
            "terraform {\n  # required_version = \"8\"\n  required_version = \">= 1.5\"\n}\n",
        );
        let json = (
            "more.tf.json",
            r#"{"terraform": [{"required_version": "< 2"}, {"backend": {}}]}"#,
        );
        let broken = ("broken.tf", "terraform { required_version = ");
        let computed = ("b.tf", "terraform {\n  required_version = var.x\n}\n");
        assert_eq!(
            required_version([versions, main, json, broken, computed]),
            ["< 2", ">= 1.5"]
        );
        assert!(required_version([main, broken]).is_empty());
        let over = (
            "versions_override.tf",
            "terraform {\n  required_version = \"1.11.4\"\n}\n",
        );
        assert_eq!(required_version([over, versions, json]), ["1.11.4"]);
        let silent = ("override.tf", "locals {}\n");
        assert_eq!(required_version([silent, versions]), [">= 1.5"]);
    }
}
