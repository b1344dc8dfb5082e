//! The envelope that artifacts lie in: AES-256-GCM, bound to what the bytes are.
//!
//! ```text
//! "slipway" | version (1 byte) | key id (8 bytes) | nonce (12 bytes) | ciphertext and tag
//! ```
//!
//! The nonce is random (96 bits, made by the library; NIST SP 800-38D, section 8.2.2, allows 2³² of
//! them under one key). Authenticated along with the text: everything before the nonce, the key
//! under which the artifact is kept, and what it is about. An envelope that was put in the place of
//! another does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

use super::key::{KEY_ID_LEN, KeyId, SealingKey};

/// How every envelope begins.
const MAGIC: &[u8; 7] = b"slipway";
/// The only version so far.
const VERSION: u8 = 1;
/// Everything before the nonce.
const HEADER_LEN: usize = MAGIC.len() + 1 + KEY_ID_LEN;

/// Seals with one key, and opens with that or an earlier one.
#[derive(Debug)]
pub struct Keyring {
    current: SealingKey,
    previous: Vec<SealingKey>,
}

/// Why an envelope does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unopened {
    /// It is none.
    #[error("it is not encrypted as Slipway does it: cut off, overwritten, or of an older Slipway")]
    NoEnvelope,
    /// It is one of a version that is not known here.
    #[error("it is encrypted in a way of a newer Slipway (version {0})")]
    Version(u8),
    /// It was sealed with a key that is not in the ring.
    #[error("it is encrypted with another key than Slipway has now")]
    OtherKey(KeyId),
    /// The tag does not fit the bytes, the key of the artifact, or what it is about.
    #[error("it was altered, cut off, or put there from another run")]
    Altered,
}

/// The library refuses to seal: never seen; it says no more than that.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the bytes can't be encrypted")]
pub(super) struct Unsealed;

impl Keyring {
    /// A ring with these keys.
    #[must_use]
    pub fn new(current: SealingKey, previous: Vec<SealingKey>) -> Self {
        Self { current, previous }
    }

    /// The key that is sealed with, by the name that may be told.
    #[must_use]
    pub fn current(&self) -> KeyId {
        self.current.id()
    }

    /// Seals the bytes of the artifact of this key.
    pub(super) fn seal(&self, key: &str, about: &str, bytes: &[u8]) -> Result<Vec<u8>, Unsealed> {
        let sealing = self.current.cipher().map_err(|_| Unsealed)?;
        let header = header(self.current.id());
        let mut text = bytes.to_vec();
        let nonce = sealing
            .seal_in_place_append_tag(Aad::from(bound(&header, key, about)), &mut text)
            .map_err(|_| Unsealed)?;
        let mut envelope = Vec::with_capacity(HEADER_LEN + NONCE_LEN + text.len());
        envelope.extend_from_slice(&header);
        envelope.extend_from_slice(nonce.as_ref());
        envelope.append(&mut text);
        Ok(envelope)
    }

    /// Opens an envelope that was found under this key.
    pub(super) fn open(
        &self,
        key: &str,
        about: &str,
        envelope: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        let (header, rest) = envelope
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(Unopened::NoEnvelope)?;
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Unopened::NoEnvelope)?;
        let id = match header.strip_prefix(MAGIC) {
            Some([VERSION, id @ ..]) => KeyId::from_bytes(id).ok_or(Unopened::NoEnvelope)?,
            Some([version, ..]) => return Err(Unopened::Version(*version)),
            _ => return Err(Unopened::NoEnvelope),
        };
        let sealing = std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|known| known.id() == id)
            .ok_or(Unopened::OtherKey(id))?;
        let opening: RandomizedNonceKey = sealing.cipher().map_err(|_| Unopened::Altered)?;
        let mut text = text.to_vec();
        let opened = opening
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(bound(header, key, about)),
                &mut text,
            )
            .map_err(|_| Unopened::Altered)?
            .len();
        text.truncate(opened);
        Ok(text)
    }
}

impl SealingKey {
    fn cipher(&self) -> Result<RandomizedNonceKey, aws_lc_rs::error::Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, self.bytes())
    }
}

fn header(id: KeyId) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    let (magic, rest) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    if let Some((version, place)) = rest.split_first_mut() {
        *version = VERSION;
        place.copy_from_slice(id.as_bytes());
    }
    header
}

/// What is authenticated along with the text. The length keeps key and subject apart.
fn bound(header: &[u8], key: &str, about: &str) -> Vec<u8> {
    let mut bound = header.to_vec();
    bound.extend_from_slice(&(key.len() as u64).to_be_bytes());
    bound.extend_from_slice(key.as_bytes());
    bound.extend_from_slice(about.as_bytes());
    bound
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> SealingKey {
        SealingKey::from_bytes([byte; 32])
    }

    fn ring(byte: u8) -> Keyring {
        Keyring::new(key(byte), Vec::new())
    }

    const KEY: &str = "plans/0123";
    const ABOUT: &str = r#"{"stack":"network"}"#;

    #[test]
    fn what_is_sealed_opens_for_the_same_artifact_only() {
        let text = b"PK\x03\x04 resource_changes hunter2";
        let sealed = ring(1).seal(KEY, ABOUT, text).unwrap();
        assert_eq!(ring(1).open(KEY, ABOUT, &sealed).unwrap(), text);
        assert_eq!(sealed.len(), HEADER_LEN + NONCE_LEN + text.len() + 16);
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        for (key, about) in [
            ("plans/0124", ABOUT),
            (KEY, r#"{"stack":"db"}"#),
            (KEY, ""),
            // The seam between the two counts.
            ("plans/012", r#"3{"stack":"network"}"#),
        ] {
            assert_eq!(ring(1).open(key, about, &sealed), Err(Unopened::Altered));
        }
        // Two envelopes of the same bytes have nothing in common past the header.
        let again = ring(1).seal(KEY, ABOUT, text).unwrap();
        assert_eq!(sealed[..HEADER_LEN], again[..HEADER_LEN]);
        assert_ne!(sealed[HEADER_LEN..], again[HEADER_LEN..]);
    }

    #[test]
    fn nothing_shorter_or_longer_opens() {
        let sealed = ring(1).seal(KEY, ABOUT, b"a plan").unwrap();
        for length in 0..sealed.len() {
            let error = ring(1).open(KEY, ABOUT, &sealed[..length]).unwrap_err();
            let expected = if length < HEADER_LEN + NONCE_LEN {
                Unopened::NoEnvelope
            } else {
                Unopened::Altered
            };
            assert_eq!(error, expected, "{length} bytes");
        }
        let longer = [&sealed[..], b"x"].concat();
        assert_eq!(ring(1).open(KEY, ABOUT, &longer), Err(Unopened::Altered));
    }

    #[test]
    fn another_key_is_told_and_an_earlier_one_still_opens() {
        let sealed = ring(1).seal(KEY, ABOUT, b"a plan").unwrap();
        assert_eq!(
            ring(2).open(KEY, ABOUT, &sealed),
            Err(Unopened::OtherKey(key(1).id()))
        );
        let both = Keyring::new(key(2), vec![key(1)]);
        assert_eq!(both.open(KEY, ABOUT, &sealed).unwrap(), b"a plan");
        let newer = both.seal(KEY, ABOUT, b"a plan").unwrap();
        assert_eq!(
            ring(1).open(KEY, ABOUT, &newer),
            Err(Unopened::OtherKey(key(2).id()))
        );
    }

    #[test]
    fn a_version_from_later_is_told() {
        let mut sealed = ring(1).seal(KEY, ABOUT, b"a plan").unwrap();
        sealed[MAGIC.len()] = 2;
        assert_eq!(ring(1).open(KEY, ABOUT, &sealed), Err(Unopened::Version(2)));
    }

    proptest! {
        #[test]
        fn no_flipped_bit_goes_unnoticed(
            text in proptest::collection::vec(any::<u8>(), 0..200),
            place in any::<proptest::sample::Index>(),
            bit in 0..8u8,
        ) {
            let mut sealed = ring(1).seal(KEY, ABOUT, &text).unwrap();
            let place = place.index(sealed.len());
            sealed[place] ^= 1 << bit;
            prop_assert!(ring(1).open(KEY, ABOUT, &sealed).is_err());
        }

        #[test]
        fn whatever_lies_there_is_refused_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(ring(1).open(KEY, ABOUT, &bytes).is_err());
        }
    }
}
