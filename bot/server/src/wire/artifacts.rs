//! Plan files: where they lie, and the keys that they are encrypted with.

use std::path::Path;

use anyhow::Context as _;
use slipway_core::ids::RunId;
use slipway_core::ports::{Artifacts as _, Kept};

use super::Secrets;
use crate::adapters::artifacts::{Keyring, LocalArtifacts, SealingKey};
use crate::runner;
use crate::settings::{ARTIFACT_KEY, Settings, previous_artifact_key};

/// The file in `data_dir` with the key that is made where the settings name none.
const KEY_FILE: &str = "artifacts.key";

/// Opens the artifacts under the keys of the settings.
pub(super) fn open(
    settings: &Settings,
    secrets: &Secrets,
    data_dir: &Path,
) -> anyhow::Result<LocalArtifacts> {
    let previous = (0..settings.artifacts.previous_keys.len())
        .filter_map(|place| parse(secrets, &previous_artifact_key(place)).transpose())
        .collect::<anyhow::Result<_>>()?;
    let current = match parse(secrets, ARTIFACT_KEY)? {
        Some(key) => key,
        None => in_data_dir(data_dir)?,
    };
    let keys = Keyring::new(current, previous);
    tracing::info!(key = %keys.current(), "plan files are encrypted");
    Ok(LocalArtifacts::open(&data_dir.join("artifacts"), keys)?)
}

fn parse(secrets: &Secrets, name: &str) -> anyhow::Result<Option<SealingKey>> {
    let key = secrets.of(name).map(|text| SealingKey::parse(&text));
    key.transpose().with_context(|| name.to_owned())
}

fn in_data_dir(data_dir: &Path) -> anyhow::Result<SealingKey> {
    let file = data_dir.join(KEY_FILE);
    let (key, made) = SealingKey::in_file(&file)?;
    if made {
        tracing::info!(
            file = %file.display(),
            "a key for plan files was made: back it up with the database; without it, saved plans \
             are made again"
        );
    }
    Ok(key)
}

/// The state that the backend of a run did not take.
pub(super) async fn state(
    settings: &Settings,
    secrets: &Secrets,
    run: &RunId,
) -> anyhow::Result<Vec<u8>> {
    let artifacts = open(settings, secrets, &settings.data_dir)?;
    match artifacts
        .get(&runner::state_key(run), runner::STATE)
        .await?
    {
        Kept::Whole(state) => Ok(state),
        Kept::Nothing => anyhow::bail!("there is no state of run {run}"),
        Kept::Spoilt(why) => anyhow::bail!("the state of run {run} can't be read: {why}"),
    }
}
