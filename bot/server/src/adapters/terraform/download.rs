//! Downloads of Terraform and OpenTofu, each kept under the SHA-256 of its archive.
//!
//! What is proven of a download: its archive has the sum that the settings pin for it. Where they
//! pin none at all, the sum of the release's own SHA256SUMS file from the same mirror, which proves
//! that nothing was lost on the way and no more than TLS does about who made it. Signatures are not
//! checked. Of an archive only the program is unpacked, to a path that the archive has no say in.

use std::collections::{BTreeMap, HashMap};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};
use slipway_core::config::{Tool, ToolVersion};
use slipway_core::ports::{PortError, PortErrorKind, PortResult, Shelf, ShelfItem, ToolRequest};
use tempfile::NamedTempFile;
use url::Url;

use super::failure::{SYSTEM, invalid, unmet};
use super::settings::TerraformSettings;
use super::tool::ask;
use crate::shelf::{InUse, size, touch, touched};

/// The largest archive.
const LARGEST_ARCHIVE: u64 = 256 * 1024 * 1024;
/// The largest program in one.
const LARGEST_PROGRAM: u64 = 1024 * 1024 * 1024;
/// The longest list of sums.
const LONGEST_SUMS: u64 = 1024 * 1024;
/// Beside a program: touched by each use.
const USED: &str = "used";
/// What files are called that are not whole yet, or being removed.
const INCOMING: &str = ".incoming-";

/// Where downloads come from and go to.
#[derive(Clone, Debug)]
pub struct DownloadSettings {
    /// Holds `VERSION/terraform_VERSION_OS_ARCH.zip` and the like.
    pub terraform: Url,
    /// Holds `vVERSION/tofu_VERSION_OS_ARCH.zip` and the like.
    pub opentofu: Url,
    /// SHA-256 of archives by their names. If there is any, nothing else is taken.
    pub sums: BTreeMap<String, String>,
    /// Where they are kept.
    pub cache: PathBuf,
    /// How long one download may take.
    pub timeout: Duration,
    /// How long the other side may say nothing.
    pub silence: Duration,
}

/// Downloads, one at a time of each archive.
#[derive(Debug)]
pub(super) struct Downloads {
    settings: DownloadSettings,
    client: reqwest::Client,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// By the sum of the archive.
    in_use: InUse<String>,
}

impl Downloads {
    /// Makes the directory, and removes what an earlier process left half-way.
    pub(super) fn open(settings: DownloadSettings) -> PortResult<Self> {
        let doing = "preparing to download versions";
        let clean = || -> io::Result<()> {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&settings.cache)?;
            for entry in std::fs::read_dir(&settings.cache)? {
                let entry = entry?;
                if !entry.file_name().to_string_lossy().starts_with(INCOMING) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    std::fs::remove_dir_all(entry.path())?;
                } else {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        clean().map_err(|error| unmet(doing, &error))?;
        let redirects = reqwest::redirect::Policy::custom(|attempt| {
            let from_tls = attempt.previous().iter().any(|url| url.scheme() == "https");
            if from_tls && attempt.url().scheme() != "https" {
                attempt.error("it leads from https to http")
            } else if attempt.previous().len() > 10 {
                attempt.error("it leads from one place to another for ever")
            } else {
                attempt.follow()
            }
        });
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.silence)
            .read_timeout(settings.silence)
            .redirect(redirects)
            .user_agent(concat!("slipway/", env!("CARGO_PKG_VERSION")))
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| invalid(doing, error.to_string()))?;
        Ok(Self {
            settings,
            client,
            turns: Mutex::default(),
            in_use: InUse::default(),
        })
    }

    /// The program of a version: from the cache, or downloaded, proven and kept.
    pub(super) async fn get(
        &self,
        terraform: &TerraformSettings,
        version: &ToolVersion,
        request: &ToolRequest<'_>,
    ) -> PortResult<PathBuf> {
        let doing = format!("getting {}", version.named());
        tokio::select! {
            program = self.in_turn(terraform, version, request, &doing) => program,
            () = request.stop.asked() => Err(PortError {
                system: SYSTEM,
                doing: doing.clone(),
                said: "it was stopped as asked".to_owned(),
                kind: PortErrorKind::Stopped,
            }),
        }
    }

    async fn in_turn(
        &self,
        terraform: &TerraformSettings,
        version: &ToolVersion,
        request: &ToolRequest<'_>,
        doing: &str,
    ) -> PortResult<PathBuf> {
        let archive = Archive::of(version, &self.settings);
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(archive.name.clone()).or_default())
        };
        let _turn = turn.lock().await;
        let pinned = self.pinned(&archive, doing)?;
        let noted = self.settings.cache.join(format!("{}.sha256", archive.name));
        let known = pinned.clone().or_else(|| {
            std::fs::read_to_string(&noted)
                .ok()
                .filter(|sum| is_sum(sum))
        });
        let program = |sum: &str| self.settings.cache.join(sum).join(version.tool.program());
        if let Some(sum) = known
            && self.take(&sum, &program(&sum), request)
        {
            return Ok(program(&sum));
        }
        let (sum, source) = match pinned {
            Some(sum) => (sum, "pinned in the settings".to_owned()),
            None => self.published(&archive, doing).await?,
        };
        request.log.line(&format!("downloading {}", archive.url));
        let file = self.download(&archive, doing).await?;
        let is = file.1;
        if is != sum {
            return Err(invalid(
                doing,
                format!(
                    "{} has the SHA-256 {is}, but {sum} is {source}; it was thrown away",
                    archive.url
                ),
            ));
        }
        let fresh = self.unpack(file.0, version.tool, &archive, doing).await?;
        let said = ask(terraform, &fresh.path().join(version.tool.program()))
            .await
            .map_err(|error| PortError {
                doing: doing.to_owned(),
                said: format!("{}: {}", archive.url, error.said),
                ..error
            })?;
        if said != *version {
            return Err(invalid(
                doing,
                format!("{} holds {}; it was thrown away", archive.url, said.named()),
            ));
        }
        self.keep(fresh, &sum, &noted)
            .map_err(|error| unmet(doing, &error))?;
        if !self.take(&sum, &program(&sum), request) {
            return Err(invalid(doing, "it was removed at once".to_owned()));
        }
        request
            .log
            .line(&format!("{} has the SHA-256 {source}: {sum}", archive.name));
        Ok(program(&sum))
    }

    /// The program stays there as long as the worktree of the run; false if it is not there.
    fn take(&self, sum: &str, program: &Path, request: &ToolRequest<'_>) -> bool {
        let mut uses = self.in_use.hold();
        if !program.is_file() {
            return false;
        }
        touch(&self.settings.cache.join(sum).join(USED));
        uses.note(sum.to_owned(), request.root);
        true
    }

    /// The sum of the settings. Once they pin any, what they don't pin is not taken.
    fn pinned(&self, archive: &Archive, doing: &str) -> PortResult<Option<String>> {
        let sums = &self.settings.sums;
        match sums.get(&archive.name) {
            Some(sum) => Ok(Some(sum.to_ascii_lowercase())),
            None if sums.is_empty() => Ok(None),
            None => Err(invalid(
                doing,
                format!(
                    "the bot's settings pin the sums of what may be downloaded, and {:?} is not \
                     among them; add it to [terraform.sums]",
                    archive.name
                ),
            )),
        }
    }

    /// The sum in the release's own list, and which list that is.
    async fn published(&self, archive: &Archive, doing: &str) -> PortResult<(String, String)> {
        let mut list = Vec::new();
        self.fetch(&archive.sums, LONGEST_SUMS, doing, |chunk| {
            list.extend_from_slice(chunk);
            Ok(())
        })
        .await?;
        let list = String::from_utf8_lossy(&list);
        let sum = list.lines().find_map(|line| {
            let (sum, name) = line.split_once(char::is_whitespace)?;
            let name = name.trim_start().trim_start_matches('*').trim_end();
            (name == archive.name && is_sum(sum)).then(|| sum.to_ascii_lowercase())
        });
        match sum {
            Some(sum) => Ok((sum, format!("in {}", archive.sums))),
            None => Err(invalid(
                doing,
                format!("{} has no sum of {}", archive.sums, archive.name),
            )),
        }
    }

    /// The archive in a file that goes if it is not kept, and its SHA-256.
    async fn download(
        &self,
        archive: &Archive,
        doing: &str,
    ) -> PortResult<(NamedTempFile, String)> {
        let mut file = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempfile_in(&self.settings.cache)
            .map_err(|error| unmet(doing, &error))?;
        let mut hash = Sha256::new();
        self.fetch(&archive.url, LARGEST_ARCHIVE, doing, |chunk| {
            hash.update(chunk);
            file.write_all(chunk)
        })
        .await?;
        Ok((file, hex::encode(hash.finalize())))
    }

    /// Takes what a URL holds, up to a limit, as it comes.
    async fn fetch(
        &self,
        url: &Url,
        limit: u64,
        doing: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> PortResult<()> {
        let failed = |error: reqwest::Error| PortError {
            system: SYSTEM,
            doing: doing.to_owned(),
            said: format!("{url}: {}", causes(&error.without_url())),
            kind: PortErrorKind::Unavailable { retry_after: None },
        };
        let mut response = self.client.get(url.clone()).send().await.map_err(failed)?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(PortError {
                system: SYSTEM,
                doing: doing.to_owned(),
                said: format!("{url}: {status}"),
                kind: match status {
                    StatusCode::NOT_FOUND | StatusCode::GONE => PortErrorKind::NotFound,
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PortErrorKind::Denied,
                    StatusCode::TOO_MANY_REQUESTS => {
                        PortErrorKind::Unavailable { retry_after: None }
                    }
                    status if status.is_server_error() => {
                        PortErrorKind::Unavailable { retry_after: None }
                    }
                    _ => PortErrorKind::Invalid,
                },
            });
        }
        let mut taken: u64 = 0;
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            taken = taken.saturating_add(chunk.len() as u64);
            if taken > limit {
                return Err(invalid(
                    doing,
                    format!("{url} is larger than {limit} bytes"),
                ));
            }
            take(&chunk).map_err(|error| unmet(doing, &error))?;
        }
        Ok(())
    }

    /// A directory with the program in it, that goes if it is not kept.
    async fn unpack(
        &self,
        archive: NamedTempFile,
        tool: Tool,
        of: &Archive,
        doing: &str,
    ) -> PortResult<tempfile::TempDir> {
        let fresh = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempdir_in(&self.settings.cache)
            .map_err(|error| unmet(doing, &error))?;
        let to = fresh.path().join(tool.program());
        let unpacked =
            tokio::task::spawn_blocking(move || unpack(archive.path(), tool.program(), &to));
        match unpacked.await {
            Ok(Ok(())) => Ok(fresh),
            Ok(Err(said)) => Err(invalid(doing, format!("{}: {said}", of.url))),
            Err(error) => Err(invalid(doing, error.to_string())),
        }
    }

    /// Puts it where it is looked for: the directory first, then the note that leads there.
    fn keep(&self, fresh: tempfile::TempDir, sum: &str, noted: &Path) -> io::Result<()> {
        let place = self.settings.cache.join(sum);
        // A directory without the program would be in the way.
        match std::fs::remove_dir_all(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::rename(fresh.path(), &place)?;
        // It is not a temporary directory any more.
        let _ = fresh.keep();
        let mut note = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempfile_in(&self.settings.cache)?;
        note.write_all(sum.as_bytes())?;
        note.as_file().sync_all()?;
        note.persist(noted).map_err(|error| error.error)?;
        File::open(&self.settings.cache)?.sync_all()
    }
}

#[async_trait]
impl Shelf for Downloads {
    async fn items(&self) -> PortResult<Vec<ShelfItem>> {
        let found = items(&self.settings.cache);
        found.map_err(|error| unmet("looking through the downloaded versions", &error))
    }

    async fn discard(&self, key: &str) -> PortResult<bool> {
        let mut uses = self.in_use.hold();
        let place = self.settings.cache.join(key);
        if !is_sum(key) || uses.is_used(&key.to_owned()) || !place.is_dir() {
            return Ok(false);
        }
        let removed = tempfile::Builder::new()
            .prefix(INCOMING)
            .tempdir_in(&self.settings.cache)
            .and_then(|gone| std::fs::rename(&place, gone.path().join(key)));
        removed.map_err(|error| unmet("removing a downloaded version", &error))?;
        Ok(true)
    }
}

/// What is kept, by the notes of which archive has which sum.
fn items(cache: &Path) -> io::Result<Vec<ShelfItem>> {
    let mut names = HashMap::new();
    let mut sums = Vec::new();
    for entry in std::fs::read_dir(cache)? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        if is_sum(&name) {
            sums.push(name);
        } else if let Some(archive) = name.strip_suffix(".sha256") {
            let sum = std::fs::read_to_string(cache.join(&name)).unwrap_or_default();
            names.insert(sum, archive.to_owned());
        }
    }
    let item = |sum: String| {
        let dir = cache.join(&sum);
        Ok(ShelfItem {
            what: names.get(&sum).unwrap_or(&sum).clone(),
            bytes: size(&dir)?,
            used_at: touched(&dir.join(USED)),
            key: sum,
        })
    };
    sums.into_iter().map(item).collect()
}

/// One archive of a release.
struct Archive {
    name: String,
    url: Url,
    sums: Url,
}

impl Archive {
    fn of(version: &ToolVersion, settings: &DownloadSettings) -> Self {
        let number = version.version();
        let program = version.tool.program();
        let name = format!("{program}_{number}_{}_{}.zip", os(), arch());
        let (mirror, folder) = match version.tool {
            Tool::Terraform => (&settings.terraform, number.to_owned()),
            Tool::OpenTofu => (&settings.opentofu, format!("v{number}")),
        };
        let below = |file: &str| {
            let mut url = mirror.clone();
            if let Ok(mut path) = url.path_segments_mut() {
                path.pop_if_empty().extend([folder.as_str(), file]);
            }
            url
        };
        Self {
            url: below(&name),
            sums: below(&format!("{program}_{number}_SHA256SUMS")),
            name,
        }
    }
}

/// As Go calls it.
fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// As Go calls it.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// SHA-256, hexadecimal.
pub(super) fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Unpacks one file of an archive to a path.
fn unpack(archive: &Path, name: &str, to: &Path) -> Result<(), String> {
    let broken = |error: zip::result::ZipError| format!("the archive can't be read: {error}");
    let unkept = |error: io::Error| format!("{name} can't be unpacked: {error}");
    let file = File::open(archive).map_err(unkept)?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    let mut program = archive.by_name(name).map_err(broken)?;
    if !program.is_file() {
        return Err(format!("{name} in it is no file"));
    }
    let mut out = File::create_new(to).map_err(unkept)?;
    let limit = LARGEST_PROGRAM + 1;
    let size = io::copy(&mut program.by_ref().take(limit), &mut out).map_err(unkept)?;
    if size == limit {
        return Err(format!(
            "{name} in it is larger than {LARGEST_PROGRAM} bytes"
        ));
    }
    out.set_permissions(Permissions::from_mode(0o755))
        .and_then(|()| out.sync_all())
        .map_err(unkept)
}

/// An error with what led to it: reqwest's own words leave that out.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&format!(": {error}"));
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests;
