//! Providers that were downloaded once, for the inits after.
//!
//! Each is kept under the checksum that lock files hold it to (`h1:`), as a filesystem mirror of its
//! own that nothing else is in. An init is only offered what the lock file of its own stack names by
//! that checksum, and Terraform proves it: at init, and again before each plan and apply starts a
//! provider. So it does not matter who filled the cache, and nothing here has to be trusted; what
//! is spoilt is thrown away, and init done once more without. A provider that no lock file
//! holds to a checksum of its unpacked files is downloaded anew, as without a cache.
//!
//! `TF_PLUGIN_CACHE_DIR` is not used: it is not safe for several inits at a time (Terraform
//! documentation, "Provider Plugin Cache"). Here what is visible is whole and never changes.

mod package;

use std::collections::{HashMap, HashSet};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slipway_core::dependency_lock::LockedProvider;

use super::settings::TerraformSettings;
use package::{Incoming, Sum};

/// What is not whole yet, or being removed.
const INCOMING: &str = ".incoming-";
/// Beside the mirror of an entry: touched by each use.
const USED: &str = "used";
/// The mirror of an entry.
const MIRROR: &str = "mirror";
/// Directories in which Terraform and OpenTofu look for providers unasked, as long as no
/// `provider_installation` is written (Terraform documentation, "Implied Local Mirror Directories").
const IMPLIED: [&str; 4] = [
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/usr/local/share/opentofu/plugins",
    "/usr/share/opentofu/plugins",
];
/// Variables by which an operator has said already where providers come from.
const OPERATORS: [&str; 4] = [
    "TF_CLI_CONFIG_FILE",
    "TF_PLUGIN_CACHE_DIR",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
];

/// The providers that are kept.
#[derive(Debug)]
pub(super) struct ProviderCache {
    dir: PathBuf,
    /// The operator's own CLI configuration, which says nothing about providers.
    config: String,
    /// One init copies at a time: the others find what it made.
    filling: tokio::sync::Mutex<()>,
    offered: Arc<Offered>,
}

/// How many inits have been offered an entry and are not done. Held while one is removed.
#[derive(Debug, Default)]
struct Offered(Mutex<HashMap<Sum, usize>>);

/// What one init may take from the cache; in use until it is dropped.
pub(super) struct Offer {
    /// The source addresses of providers, and the entries that they lie in.
    entries: Vec<(String, Sum)>,
    offered: Arc<Offered>,
}

impl ProviderCache {
    /// Makes the directory, and removes what an earlier process left half-way. None where the
    /// operator has said where providers come from: that is not overruled.
    pub(super) fn open(settings: &TerraformSettings, dir: &Path) -> io::Result<Option<Self>> {
        let config = match operators_word(settings, dir) {
            Ok(config) => config,
            Err(why) => {
                tracing::info!("providers are not cached: {why}");
                return Ok(None);
            }
        };
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(INCOMING) {
                package::remove(&entry.path())?;
            }
        }
        Ok(Some(Self {
            dir: dir.to_owned(),
            config,
            filling: tokio::sync::Mutex::default(),
            offered: Arc::default(),
        }))
    }

    /// What is there of what a lock file names.
    pub(super) fn offer(&self, locked: &[LockedProvider]) -> Offer {
        let mut offer = Offer {
            entries: Vec::new(),
            offered: Arc::clone(&self.offered),
        };
        let mut counts = self.offered.counts();
        for provider in locked {
            let kept = provider.unpacked.iter().map(|sum| Sum(*sum));
            if let Some(sum) = kept.into_iter().find(|sum| self.has(provider, *sum)) {
                // Only the order of removal is at stake.
                let _ = std::fs::write(self.entry(sum).join(USED), "\n");
                *counts.entry(sum).or_default() += 1;
                offer.entries.push((provider.source.clone(), sum));
            }
        }
        drop(counts);
        offer
    }

    /// A CLI configuration by which exactly these are taken from here, and by nobody asked elsewhere.
    pub(super) fn config(&self, offer: &Offer) -> String {
        let mut text = self.config.clone();
        text.push_str("\nprovider_installation {\n");
        let mut all = Vec::new();
        for (source, sum) in &offer.entries {
            let path = self.entry(*sum).join(MIRROR);
            text.push_str(&format!(
                "  filesystem_mirror {{\n    path    = \"{}\"\n    include = [\"{source}\"]\n  }}\n",
                path.display()
            ));
            all.push(format!("\"{source}\""));
        }
        text.push_str(&format!(
            "  direct {{\n    exclude = [{}]\n  }}\n}}\n",
            all.join(", ")
        ));
        text
    }

    /// Throws away those that are not what they are kept as.
    pub(super) fn prove(&self, offer: &Offer) {
        for (source, sum) in &offer.entries {
            let mirror = self.entry(*sum).join(MIRROR);
            let is = package::only(&mirror).and_then(|package| package::sum(&package));
            if is.as_ref().is_ok_and(|is| is == sum) {
                continue;
            }
            tracing::warn!(
                provider = source,
                "a provider in the cache is spoilt: removed"
            );
            if let Err(error) = self.remove(*sum) {
                tracing::error!(%error, "it can't be removed");
            }
        }
    }

    /// Keeps the providers that an init has just installed. They are in the directory of a run, whose
    /// code may have been there: each is only kept as what its copy turns out to be.
    pub(super) async fn keep(self: &Arc<Self>, installed: PathBuf, locked: Vec<LockedProvider>) {
        let _turn = self.filling.lock().await;
        let cache = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || {
            for provider in &locked {
                if let Err(error) = cache.keep_one(&installed, provider) {
                    let source = &provider.source;
                    tracing::warn!(provider = source, %error, "a provider could not be cached");
                }
            }
        });
        if let Err(error) = kept.await {
            tracing::error!(%error, "caching providers failed");
        }
    }

    fn keep_one(&self, installed: &Path, provider: &LockedProvider) -> io::Result<()> {
        let wanted: HashSet<Sum> = provider.unpacked.iter().map(|sum| Sum(*sum)).collect();
        if wanted.is_empty() || wanted.iter().any(|sum| self.has(provider, *sum)) {
            return Ok(());
        }
        let version = Path::new(&provider.source).join(&provider.version);
        for platform in package::directories(&installed.join(&version))? {
            let incoming = Incoming::new(&self.dir, INCOMING)?;
            let to = incoming.path().join(MIRROR).join(&version).join(&platform);
            let sum = package::copy(&installed.join(&version).join(&platform), &to)?;
            if !wanted.contains(&sum) {
                continue;
            }
            std::fs::write(incoming.path().join(USED), "\n")?;
            package::seal(&incoming.path().join(MIRROR))?;
            if incoming.publish(&self.entry(sum))? {
                tracing::info!(
                    provider = provider.source,
                    version = provider.version,
                    "a provider is cached"
                );
            }
        }
        Ok(())
    }

    fn has(&self, provider: &LockedProvider, sum: Sum) -> bool {
        let mirror = self.entry(sum).join(MIRROR);
        mirror
            .join(&provider.source)
            .join(&provider.version)
            .is_dir()
    }

    fn entry(&self, sum: Sum) -> PathBuf {
        self.dir.join(sum.to_string())
    }

    fn remove(&self, sum: Sum) -> io::Result<()> {
        let gone = Incoming::new(&self.dir, INCOMING)?;
        std::fs::rename(self.entry(sum), gone.path().join("gone"))
    }
}

impl Offered {
    fn counts(&self) -> MutexGuard<'_, HashMap<Sum, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offer {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The providers, for people.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.entries.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        let mut counts = self.offered.counts();
        for (_, sum) in &self.entries {
            if let Some(count) = counts.get_mut(sum) {
                *count = count.saturating_sub(1);
            }
        }
        counts.retain(|_, count| *count > 0);
    }
}

/// The operator's own CLI configuration, or why providers come from where that says.
fn operators_word(settings: &TerraformSettings, dir: &Path) -> Result<String, String> {
    let set = |name: &str| settings.extra_env.iter().any(|(known, _)| known == name);
    if let Some(name) = OPERATORS.into_iter().find(|name| set(name)) {
        return Err(format!("terraform.env sets {name}"));
    }
    if let Some(implied) = IMPLIED.into_iter().find(|dir| Path::new(dir).exists()) {
        return Err(format!("there are providers in {implied}"));
    }
    let is_odd = |c: char| c.is_control() || matches!(c, '"' | '\\' | '$' | '%' | '\u{fffd}');
    if dir.to_string_lossy().contains(is_odd) {
        return Err(format!("{} can't be written in HCL", dir.display()));
    }
    let Some(path) = &settings.cli_config else {
        return Ok(String::new());
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("terraform.cli_config: {}: {error}", path.display()))?;
    if text.trim_start().starts_with('{') {
        return Err("terraform.cli_config is JSON, which nothing can be added to".to_owned());
    }
    for word in ["provider_installation", "plugin_cache_dir"] {
        if text.lines().any(|line| says(line, word)) {
            return Err(format!("terraform.cli_config has its own {word}"));
        }
    }
    Ok(text)
}

/// Whether a line of a CLI configuration begins a block or an attribute of this name.
fn says(line: &str, word: &str) -> bool {
    let rest = line.trim_start().trim_start_matches('"').strip_prefix(word);
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}
