//! What stories and the demo share: settings for a bot in a sandbox world.

use std::path::{Path, PathBuf};

use slipway_sandbox::world::{REGISTRY, REGISTRY_PASSWORD, REGISTRY_USER, World};

/// Writes the settings and secrets of a bot that lives in a world; returns the settings' path.
pub(crate) fn settle(
    world: &World,
    dir: &Path,
    listen: &str,
    terraform: &Path,
) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let secret = |name: &str, text: &str| -> anyhow::Result<String> {
        let path = dir.join(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let github = &world.github;
    let text = format!(
        r#"listen     = "{listen}"
public_url = "http://{listen}"
data_dir   = "{data}"

[github]
api_url        = "{api}"
web_url        = "{web}"
app_id         = {app}
private_key    = {{ file = "{key}" }}
webhook_secret = {{ file = "{webhook}" }}
allow          = ["{owner}/*"]

[aws]
endpoint_url      = "{aws}"
access_key_id     = "{access}"
secret_access_key = {{ file = "{aws_secret}" }}

[registries."{REGISTRY}"]
username = "{REGISTRY_USER}"
password = {{ file = "{registry}" }}
endpoint = "http://{registry_host}"

[terraform]
program = "{terraform}"

[kubernetes]
kustomize = "{kubectl}"

[limits]
report_interval = "1s"
stop_grace      = "5s"
state_lock_timeout = "20s"
"#,
        data = dir.join("data").display(),
        api = github.url(),
        web = github.html_url(),
        app = github.app_id(),
        owner = world.scene.repo.split('/').next().unwrap_or_default(),
        key = secret("app.pem", &github.private_key_pem())?,
        webhook = secret("webhook-secret", &github.webhook_secret())?,
        aws = world.aws.url(),
        access = world.bot_keys.access_key_id,
        aws_secret = secret("aws-secret", &world.bot_keys.secret_access_key)?,
        registry = secret("registry-password", REGISTRY_PASSWORD)?,
        registry_host = world.registry.host(),
        terraform = terraform.display(),
        kubectl = program("KUBECTL", "kubectl")?.display(),
    );
    let path = dir.join("slipway.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// The Terraform to use: what `TERRAFORM` says, else the one in `PATH`.
pub(crate) fn terraform() -> anyhow::Result<PathBuf> {
    program("TERRAFORM", "terraform")
}

/// A program: what a variable says, else the one in `PATH`.
pub(crate) fn program(variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are told by their runner")]
    let (told, path) = (std::env::var_os(variable), std::env::var_os("PATH"));
    if let Some(told) = told {
        return Ok(told.into());
    }
    std::env::split_paths(&path.unwrap_or_default())
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| {
            anyhow::anyhow!("no {name} in PATH: `make test` installs one, or set {variable}")
        })
}
