//! The keys that artifacts are sealed with: 32 bytes, given by the settings or made at the first
//! start. A key is never shown; its [`KeyId`] may be.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};

/// The length of a key of AES-256.
const KEY_LEN: usize = 32;
/// The length of its id.
pub(super) const KEY_ID_LEN: usize = 8;

/// A key for [`super::seal`].
pub struct SealingKey {
    bytes: SecretBox<[u8; KEY_LEN]>,
    id: KeyId,
}

/// Which key it is, without telling the key: the start of a SHA-256 of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId([u8; KEY_ID_LEN]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl KeyId {
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl SealingKey {
    pub(super) fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        // The prefix keeps this hash apart from any other use of the key.
        let hash = Sha256::new()
            .chain_update(b"slipway artifact key id\0")
            .chain_update(bytes)
            .finalize();
        let mut id = [0; KEY_ID_LEN];
        id.copy_from_slice(&hash[..KEY_ID_LEN]);
        Self {
            bytes: SecretBox::new(Box::new(bytes)),
            id: KeyId(id),
        }
    }

    /// Reads a key as people keep it: 32 bytes, in base64 or hexadecimal.
    ///
    /// # Errors
    /// When the text is anything else; the error does not repeat it.
    pub fn parse(text: &SecretString) -> anyhow::Result<Self> {
        let text = text.expose_secret().trim();
        let bytes = Zeroizing::new(
            if text.len() == 2 * KEY_LEN {
                hex::decode(text).ok()
            } else {
                STANDARD.decode(text).ok()
            }
            .ok_or_else(|| {
                anyhow!(
                    "it is neither base64 nor hexadecimal: a key is {KEY_LEN} random bytes, as \
                     `openssl rand -base64 {KEY_LEN}` makes them"
                )
            })?,
        );
        let key: [u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| {
            anyhow!(
                "it has {} bytes: a key has {KEY_LEN}, as `openssl rand -base64 {KEY_LEN}` makes \
                 them",
                bytes.len()
            )
        })?;
        Ok(Self::from_bytes(key))
    }

    /// The key in a file, which is made with a new key if there is none; and whether it was. The
    /// file appears with its whole content or not at all, and is its owner's alone.
    ///
    /// # Errors
    /// When it can't be made or read, or holds no key.
    pub fn in_file(path: &Path) -> anyhow::Result<(Self, bool)> {
        let made = !path
            .try_exists()
            .with_context(|| format!("looking for {}", path.display()))?
            && make(path).with_context(|| format!("making a key in {}", path.display()))?;
        let reading = || format!("reading the key in {}", path.display());
        // A volume may have been mounted with a group that is let in (`fsGroup`).
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .with_context(reading)?;
        let text = SecretString::from(std::fs::read_to_string(path).with_context(reading)?);
        Ok((Self::parse(&text).with_context(reading)?, made))
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.expose_secret()
    }
}

/// Makes a key file; `false` if another process was faster.
fn make(path: &Path) -> anyhow::Result<bool> {
    let dir = path.parent().context("a file has a directory")?;
    let mut key = Zeroizing::new([0u8; KEY_LEN]);
    aws_lc_rs::rand::fill(key.as_mut()).map_err(|_| anyhow!("no random bytes can be had"))?;
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_ref())));
    // Made for its owner only, from the first moment on.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error.error.into()),
    }
    // A key that a power cut takes back would take with it every plan that was sealed since.
    File::open(dir)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeyId, String> {
        SealingKey::parse(&SecretString::from(text))
            .map(|key| key.id())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn base64_and_hexadecimal_are_the_same_key() {
        let bytes = [0xa5; KEY_LEN];
        let id = SealingKey::from_bytes(bytes).id();
        assert_eq!(parse(&STANDARD.encode(bytes)), Ok(id));
        assert_eq!(parse(&hex::encode(bytes)), Ok(id));
        assert_eq!(parse(&format!("{}\n", hex::encode_upper(bytes))), Ok(id));
        assert_ne!(SealingKey::from_bytes([0xa6; KEY_LEN]).id(), id);
    }

    #[test]
    fn what_is_no_key_is_told_without_its_text() {
        insta::assert_snapshot!(parse("correct horse battery staple").unwrap_err(), @"it is neither base64 nor hexadecimal: a key is 32 random bytes, as `openssl rand -base64 32` makes them");
        insta::assert_snapshot!(parse(&STANDARD.encode([7; 16])).unwrap_err(), @"it has 16 bytes: a key has 32, as `openssl rand -base64 32` makes them");
        insta::assert_snapshot!(parse(&"g".repeat(64)).unwrap_err(), @"it is neither base64 nor hexadecimal: a key is 32 random bytes, as `openssl rand -base64 32` makes them");
        let shown = format!("{:?}", SealingKey::from_bytes([0; KEY_LEN]));
        assert!(shown.len() < 32, "{shown}");
    }

    #[test]
    fn a_key_file_is_made_once_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifacts.key");
        let (key, made) = SealingKey::in_file(&path).unwrap();
        assert!(made);
        let mode = || path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).unwrap();
        let (same, made) = SealingKey::in_file(&path).unwrap();
        assert!(!made);
        assert_eq!(same.id(), key.id());
        assert_eq!(mode(), 0o600);
        // Nothing half-written lies beside it.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn racing_starts_end_up_with_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifacts.key");
        let ids: Vec<(KeyId, bool)> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let (key, made) = SealingKey::in_file(&path).unwrap();
                        (key.id(), made)
                    })
                })
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert_eq!(ids.iter().filter(|(_, made)| *made).count(), 1);
        assert!(ids.iter().all(|(id, _)| *id == ids[0].0));
    }

    #[test]
    fn a_damaged_key_file_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifacts.key");
        std::fs::write(&path, "").unwrap();
        let error = format!("{:#}", SealingKey::in_file(&path).unwrap_err());
        assert!(error.contains("it has 0 bytes"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
