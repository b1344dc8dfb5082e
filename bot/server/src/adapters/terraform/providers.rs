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

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use slipway_core::dependency_lock::LockedProvider;
use slipway_core::ports::{PortResult, Shelf, ShelfItem};

use super::failure::{ended_early, unmet};
use super::settings::TerraformSettings;
use crate::shelf::{InUse, size, touch, touched};
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
    in_use: InUse<Sum>,
}

/// What one init may take from the cache: the source addresses of providers, and the entries that they
/// lie in.
pub(super) struct Offer(Vec<(String, Sum)>);

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
            in_use: InUse::default(),
        }))
    }

    /// What is there of what a lock file names. It stays there as long as the directory of the run.
    pub(super) fn offer(&self, locked: &[LockedProvider], run: &Path) -> Offer {
        let mut offer = Vec::new();
        let mut uses = self.in_use.hold();
        for provider in locked {
            let kept = provider.unpacked.iter().map(|sum| Sum(*sum));
            if let Some(sum) = kept.into_iter().find(|sum| self.has(provider, *sum)) {
                touch(&self.entry(sum).join(USED));
                uses.note(sum, run);
                offer.push((provider.source.clone(), sum));
            }
        }
        Offer(offer)
    }

    /// A CLI configuration by which exactly these are taken from here, and by nobody asked elsewhere.
    pub(super) fn config(&self, offer: &Offer) -> String {
        let mut text = self.config.clone();
        text.push_str("\nprovider_installation {\n");
        let mut all = Vec::new();
        for (source, sum) in &offer.0 {
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
    pub(super) async fn prove(self: &Arc<Self>, offer: Offer) {
        let cache = Arc::clone(self);
        let proven = tokio::task::spawn_blocking(move || cache.prove_here(&offer));
        if let Err(error) = proven.await {
            tracing::error!(%error, "proving cached providers failed");
        }
    }

    fn prove_here(&self, offer: &Offer) {
        for (source, sum) in &offer.0 {
            let mirror = self.entry(*sum).join(MIRROR);
            let is = package::only(&mirror).and_then(|package| package::sum(&package));
            if is.as_ref().is_ok_and(|is| is == sum) {
                continue;
            }
            tracing::warn!(
                provider = source,
                "a provider in the cache is spoilt: removed"
            );
            if let Err(error) = self.put_aside(*sum) {
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
            touch(&incoming.path().join(USED));
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

    /// Puts an entry out of sight, into a directory that goes when it is dropped.
    fn put_aside(&self, sum: Sum) -> io::Result<Incoming> {
        let gone = Incoming::new(&self.dir, INCOMING)?;
        std::fs::rename(self.entry(sum), gone.path().join("gone"))?;
        Ok(gone)
    }

    /// Puts an entry out of sight that no run uses.
    fn put_unused_aside(&self, sum: Sum) -> io::Result<Option<Incoming>> {
        let mut uses = self.in_use.hold();
        if uses.is_used(&sum) || !self.entry(sum).is_dir() {
            return Ok(None);
        }
        self.put_aside(sum).map(Some)
    }
}

impl Offer {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The providers, for people.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }
}

#[async_trait]
impl Shelf for ProviderCache {
    async fn items(&self) -> PortResult<Vec<ShelfItem>> {
        let doing = "looking through the cache of providers";
        let dir = self.dir.clone();
        let found = tokio::task::spawn_blocking(move || items(&dir));
        let found = found.await.map_err(|error| ended_early(doing, &error))?;
        found.map_err(|error| unmet(doing, &error))
    }

    async fn discard(&self, key: &str) -> PortResult<bool> {
        let Some(sum) = Sum::parse(key) else {
            return Ok(false);
        };
        let doing = "removing a provider from the cache";
        let aside = self.put_unused_aside(sum);
        let Some(gone) = aside.map_err(|error| unmet(doing, &error))? else {
            return Ok(false);
        };
        let removed = tokio::task::spawn_blocking(move || drop(gone)).await;
        removed.map_err(|error| ended_early(doing, &error))?;
        Ok(true)
    }
}

fn items(cache: &Path) -> io::Result<Vec<ShelfItem>> {
    let mut items = Vec::new();
    for name in package::directories(cache)? {
        if Sum::parse(&name).is_none() {
            continue;
        }
        let entry = cache.join(&name);
        let mirror = entry.join(MIRROR);
        let package = package::only(&mirror).unwrap_or_default();
        let inside = package.strip_prefix(&mirror).unwrap_or(&package);
        items.push(ShelfItem {
            what: format!("the provider {}", inside.display()),
            bytes: size(&entry)?,
            used_at: touched(&entry.join(USED)),
            key: name,
        });
    }
    Ok(items)
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
