//! Makes sure, before anything is served, that what is to be kept apart can be.

use std::sync::Arc;

use anyhow::Context as _;

use crate::process::Bubblewrap;
use crate::settings::{Isolation, Settings};

/// What keeps code of repositories apart, if the settings ask for it; it has been tried.
pub(super) async fn of(settings: &Settings) -> anyhow::Result<Option<Arc<Bubblewrap>>> {
    let terraform = &settings.terraform;
    if terraform.isolation == Isolation::None {
        return Ok(None);
    }
    let asked =
        "terraform.isolation is \"bubblewrap\", and code of repositories can't be isolated here";
    let bubblewrap = Bubblewrap::new(&terraform.bubblewrap, terraform.readable.clone());
    let bubblewrap = Arc::new(bubblewrap.context(asked)?);
    bubblewrap.probe().await.context(asked)?;
    tracing::info!("code of repositories is isolated");
    Ok(Some(bubblewrap))
}
