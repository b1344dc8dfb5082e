//! The role of the state, given to Terraform's s3 backend as a profile of AWS's shared configuration.
//!
//! A profile, and not `assume_role` among the settings of the backend: those are written into a plan
//! file and used by its apply, which may be another role's. The SDK assumes the role from the
//! credentials of the endpoint and renews both for as long as Terraform runs.

use slipway_core::backend::backend;
use slipway_core::ports::{AssumeRole, PortResult, TerraformJob};

use super::credentials::CredentialsBy;
use super::failure::{Step, invalid};
use super::settings::TerraformSettings;
use super::tool;

/// The profile. A `terraform_remote_state` may name it to read the state of another stack.
pub(super) const PROFILE: &str = "slipway-state";

/// Variables that would name other profiles, or another file with them.
pub(super) const OTHER_PROFILES: [&str; 2] = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];

/// What has to be so for it to work, before Terraform runs.
pub(super) fn check(settings: &TerraformSettings, job: &TerraformJob<'_>) -> PortResult<()> {
    let Some(state) = job.state else {
        return Ok(());
    };
    let doing = Step::Init.doing(job.stack);
    if settings.credentials == CredentialsBy::Environment {
        let said = "`aws.state_role` in deploy.toml needs `credentials = \"endpoint\"` in the bot's \
                    settings: keys in the environment are not renewed";
        return Err(invalid(&doing, said.to_owned()));
    }
    let files = tool::files(job.root, job.stack, state.tool)?;
    let texts = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let found = match backend(texts).as_deref() {
        Some("s3") => return Ok(()),
        Some(kind) => format!("has the backend `{kind}`"),
        None => "names no backend".to_owned(),
    };
    let said = format!(
        "`aws.state_role` in deploy.toml is for the backend `s3`, and {} {found}: name that backend, or \
         take the role out of deploy.toml",
        job.stack.dir
    );
    Err(invalid(&doing, said))
}

/// The text of the configuration. None of its values holds a line break: each was parsed.
pub(super) fn config(role: &AssumeRole) -> String {
    let mut text = format!(
        "[profile {PROFILE}]\nrole_arn = {}\ncredential_source = EcsContainer\n\
         role_session_name = {}\nduration_seconds = {}\nregion = {}\n",
        role.role,
        role.session_name,
        role.duration.as_secs(),
        role.region
    );
    if let Some(id) = &role.external_id {
        text.push_str(&format!("external_id = {id}\n"));
    }
    text
}
