//! The role of Terraform's state, where that is not the role of the run.
//!
//! Terraform goes on to it by itself, from the credentials of the run, for as long as it takes. What
//! is made sure of here, before Terraform runs: that this Terraform can, that the role lets the run in,
//! and that it is in the account that deploy.toml says.

use std::time::Duration;

use slipway_core::config::{Tool, ToolVersion};
use slipway_core::ports::{AssumeRole, RoleSessions as _};
use slipway_core::report::markdown::code;
use slipway_core::run::RunOrder;

use super::terraform::Workplace;
use super::{Failure, Halt};

/// A role that is assumed from a role gets no more
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>).
const LONGEST_CHAINED: Duration = Duration::from_secs(60 * 60);

/// The first version of Terraform whose s3 backend goes from the credentials of an endpoint on to a
/// role: it came with the second generation of AWS's SDK. OpenTofu had it from its beginning.
const FIRST: (u64, u64) = (1, 6);

/// The role of the state of a run, and as whom; none where the run's own role reaches it.
pub(super) fn request(order: &RunOrder) -> Option<AssumeRole> {
    let aws = order.aws();
    let state = aws.state.as_ref()?;
    let own = super::assume(order);
    Some(AssumeRole {
        account: state.role.account().clone(),
        role: state.role.clone(),
        duration: own.duration.min(LONGEST_CHAINED),
        ..own
    })
}

impl Workplace<'_> {
    /// Proves the role of the state; its line for the log, or nothing where there is none.
    pub(super) async fn prove_state_role(&self) -> Result<Option<String>, Halt> {
        let Some(request) = &self.state else {
            return Ok(None);
        };
        self.check_tool()?;
        let cloud = &self.hand.runner.ports.cloud;
        let session = self
            .hand
            .patiently(|| async {
                let own = self.sessions.current().await?;
                cloud.assume_from(&own, request).await
            })
            .await?;
        let evidence = session.evidence;
        Ok(Some(format!(
            "the state as {} in {}",
            evidence.role, evidence.account
        )))
    }

    fn check_tool(&self) -> Result<(), Halt> {
        if knows_roles(&self.tool.version) {
            return Ok(());
        }
        Err(Failure::new(
            format!(
                "{} does not reach the state as {}",
                self.tool.version.named(),
                code("aws.state_role")
            ),
            "use Terraform 1.6 or later, or OpenTofu",
        )
        .into())
    }
}

fn knows_roles(version: &ToolVersion) -> bool {
    let mut numbers = version.version().split('.').map(str::parse::<u64>);
    match (version.tool, numbers.next(), numbers.next()) {
        (Tool::OpenTofu, ..) => true,
        (Tool::Terraform, Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= FIRST,
        (Tool::Terraform, ..) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_came_with_terraform_1_6() {
        for (text, knows) in [
            ("terraform 1.5.7", false),
            ("terraform 0.15.5", false),
            ("terraform 1.6.0", true),
            ("terraform 1.11.4", true),
            ("terraform 2.0.0", true),
            ("opentofu 1.6.0", true),
        ] {
            assert_eq!(
                knows_roles(&ToolVersion::parse(text).unwrap()),
                knows,
                "{text}"
            );
        }
    }
}
