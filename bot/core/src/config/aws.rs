//! Where an environment lives in AWS and which roles act there.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Invalid;

/// The AWS side of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    /// The region of the environment's cluster and of every API call.
    pub region: Region,
    /// The account that every assumed role must turn out to be in.
    pub account: AccountId,
    /// Assumed to plan; should be read-only. Present wherever a stack is planned.
    pub plan_role: Option<RoleArn>,
    /// Assumed to apply. Without it, stacks are planned here and never applied.
    pub apply_role: Option<RoleArn>,
    /// Assumed to reach the EKS cluster. Without it, no service is deployed here.
    pub deploy_role: Option<RoleArn>,
    /// Assumed from the run's role for Terraform's state alone, in whatever account that is.
    pub state_role: Option<RoleArn>,
    /// The same for plans, where there is another.
    pub state_plan_role: Option<RoleArn>,
    /// The external id that the roles' trust policies ask for.
    pub external_id: Option<String>,
    /// How long one session of a role lasts, 15 minutes to 12 hours.
    pub session: Duration,
}

/// The id of an AWS account: twelve digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// The only way in.
    ///
    /// # Errors
    /// When the text is not twelve digits.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("{text:?} is not an AWS account id"))
            .with_help("it takes twelve digits in quotes, like \"111111111111\""))
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(value: AccountId) -> Self {
        value.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({})", self.0)
    }
}

/// The code of an AWS region, `eu-central-1`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(String);

impl Region {
    /// The only way in. Says whether the text has the form of a region, not whether AWS has it.
    ///
    /// # Errors
    /// When the text lacks the form of a region.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<&str> = text.split('-').collect();
        let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let well_formed = matches!(parts.as_slice(), [words @ .., number]
            if words.len() >= 2
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit()));
        if well_formed && text.len() <= 32 {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("{text:?} is not an AWS region"))
            .with_help("it takes a region's code, like \"eu-central-1\""))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", self.0)
    }
}

/// The ARN of an IAM role, with or without a path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleArn {
    text: String,
    account: AccountId,
}

impl RoleArn {
    /// The only way in (IAM User Guide, "IAM identifiers").
    ///
    /// # Errors
    /// When the text is not the ARN of an IAM role.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format!("{text:?} is not the ARN of an IAM role"))
                .with_help("it takes the form \"arn:aws:iam::111111111111:role/name\"")
        };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(invalid());
        };
        let path = resource.strip_prefix("role/").ok_or_else(invalid)?;
        let well_formed = *arn == "arn"
            && is_partition(partition)
            && *service == "iam"
            && region.is_empty()
            && path.len() <= 512
            && path.split('/').all(is_role_part);
        if !well_formed {
            return Err(invalid());
        }
        let account = AccountId::parse(account).map_err(|_| invalid())?;
        Ok(Self {
            text: text.to_owned(),
            account,
        })
    }

    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account that the role is in.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The role's name, without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }
}

fn is_partition(text: &str) -> bool {
    text.split('-').next() == Some("aws")
        && text.len() <= 16
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

fn is_role_part(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

impl TryFrom<String> for RoleArn {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::parse(&text)
    }
}

impl From<RoleArn> for String {
    fn from(value: RoleArn) -> Self {
        value.text
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleArn({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_knows_its_account_and_name() {
        let role = RoleArn::parse("arn:aws:iam::111111111111:role/ci/slipway-plan").unwrap();
        assert_eq!(role.account().as_str(), "111111111111");
        assert_eq!(role.name(), "slipway-plan");
        assert!(RoleArn::parse("arn:aws-us-gov:iam::111111111111:role/plan").is_ok());
    }

    #[test]
    fn other_arns_are_refused() {
        for text in [
            "",
            "slipway-plan",
            "arn:aws:iam::111111111111:user/plan",
            "arn:aws:iam::1111:role/plan",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role//plan",
            "arn:aws:iam:eu-central-1:111111111111:role/plan",
            "arn:aws:sts::111111111111:assumed-role/plan/session",
            "arn:aws:iam::111111111111:role/plan ",
            "arn:evil:iam::111111111111:role/plan",
        ] {
            assert!(RoleArn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_have_a_form() {
        for text in ["eu-central-1", "us-gov-west-1", "ap-southeast-5"] {
            assert!(Region::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "eu",
            "eu-central",
            "EU-central-1",
            "eu-central-1a",
            "eu--central-1",
            "1",
        ] {
            assert!(Region::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn accounts_are_twelve_digits() {
        assert!(AccountId::parse("012345678901").is_ok());
        for text in ["", "1111", "1111-1111-1111", "11111111111a"] {
            assert!(AccountId::parse(text).is_err(), "{text}");
        }
    }
}
