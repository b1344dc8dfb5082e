//! How Terraform is run, and the environment that it gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use slipway_core::ports::{PortError, PortErrorKind, PortResult, Session};

use super::credentials::{self, CredentialsBy, Door, OTHER_IDENTITIES};
use super::download::DownloadSettings;
use super::failure::SYSTEM;
use super::places::Places;
use crate::process::{Bubblewrap, SEARCH_PATH, find};

/// How long each of Terraform's commands may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// `init`: providers and modules are downloaded.
    pub init: Duration,
    /// `plan`.
    pub plan: Duration,
    /// `show` and the `workspace` commands.
    pub show: Duration,
    /// `apply`.
    pub apply: Duration,
    /// How long a plan or an apply waits for the state lock.
    pub state_lock: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            init: minutes(10),
            plan: minutes(30),
            show: minutes(5),
            apply: minutes(120),
            state_lock: minutes(1),
        }
    }
}

/// How Terraform is run.
#[derive(Clone, Debug)]
pub struct TerraformSettings {
    /// The program: a bare name that is looked up in [`SEARCH_PATH`], or a path.
    pub program: PathBuf,
    /// Further versions, as `1.11.4/terraform` and `1.9.0/tofu`.
    pub versions_dir: Option<PathBuf>,
    /// How versions that are not there are downloaded, if they may be.
    pub download: Option<DownloadSettings>,
    /// How long each command may take.
    pub timeouts: Timeouts,
    /// How long Terraform may take to end by itself after it was interrupted. It finishes the
    /// resources in hand and writes the state in that time; what is killed leaves a locked state.
    pub grace: Duration,
    /// Where providers are kept for all runs, if they are.
    pub provider_cache: Option<PathBuf>,
    /// `TF_CLI_CONFIG_FILE`, for a provider mirror.
    pub cli_config: Option<PathBuf>,
    /// How it comes by the credentials of its role.
    pub credentials: CredentialsBy,
    /// What keeps it apart from the rest of the machine, if anything does.
    pub isolation: Option<Arc<Bubblewrap>>,
    /// More variables, set by whoever operates the bot: a proxy, a longer `PATH`. They go before
    /// the defaults but never before the credentials, and none that names another identity in AWS
    /// is passed on. A provider sees them all: no secrets here.
    pub extra_env: Vec<(String, String)>,
}

impl Default for TerraformSettings {
    fn default() -> Self {
        Self {
            program: "terraform".into(),
            versions_dir: None,
            download: None,
            timeouts: Timeouts::default(),
            grace: Duration::from_secs(300),
            provider_cache: None,
            cli_config: None,
            credentials: CredentialsBy::default(),
            isolation: None,
            extra_env: Vec::new(),
        }
    }
}

impl TerraformSettings {
    /// Where the program is.
    pub(super) fn find_program(&self, doing: &str) -> PortResult<PathBuf> {
        find(&self.program).map_err(|missing| PortError {
            system: SYSTEM,
            doing: doing.to_owned(),
            said: format!(
                "{missing}; install it there, or set the path of the Terraform program in the \
                 bot's settings"
            ),
            kind: PortErrorKind::NotFound,
        })
    }

    /// All that any Terraform gets, without credentials.
    pub(super) fn base_environment(&self, home: &Path, tmp: &Path) -> BTreeMap<OsString, OsString> {
        let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
        for (name, value) in [
            ("PATH", SEARCH_PATH),
            ("TF_IN_AUTOMATION", "1"),
            ("TF_INPUT", "0"),
            // No call to HashiCorp to ask for news.
            ("CHECKPOINT_DISABLE", "1"),
            // No fall-back to the role of the machine that the bot runs on.
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            env.insert(name.into(), value.into());
        }
        env.insert("HOME".into(), home.into());
        env.insert("TMPDIR".into(), tmp.into());
        if let Some(config) = &self.cli_config {
            env.insert("TF_CLI_CONFIG_FILE".into(), config.into());
        }
        for (name, value) in &self.extra_env {
            env.insert(name.into(), value.into());
        }
        env
    }

    /// All that the Terraform of a run gets: a door to ask at for credentials, or the session.
    pub(super) fn environment(
        &self,
        places: &Places,
        session: &Session,
        door: Option<&Door>,
    ) -> Vec<(OsString, OsString)> {
        let mut env = self.base_environment(&places.home, &places.tmp);
        env.insert("TF_DATA_DIR".into(), (&places.data).into());
        for name in OTHER_IDENTITIES {
            env.remove(OsStr::new(name));
        }
        let credentials = match door {
            Some(door) => door.variables().to_vec(),
            None => credentials::variables(session).to_vec(),
        };
        let region = session.region.as_str();
        let regions = [("AWS_REGION", region), ("AWS_DEFAULT_REGION", region)];
        for (name, value) in credentials.into_iter().chain(regions) {
            env.insert(name.into(), value.into());
        }
        env.into_iter().collect()
    }

    /// `-lock-timeout`.
    pub(super) fn lock_timeout_flag(&self) -> OsString {
        format!("-lock-timeout={}s", self.timeouts.state_lock.as_secs()).into()
    }
}
