//! Whether a delivery comes from GitHub: HMAC-SHA256 over the raw bytes, before anything reads them
//! (GitHub Docs, "Validating webhook deliveries").

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Why a signature is not good. The texts tell a caller nothing about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    /// There is none.
    #[error("the header X-Hub-Signature-256 is missing: set a secret on the App's webhook")]
    Missing,
    /// It is not `sha256=` and 64 hexadecimal digits.
    #[error("the header X-Hub-Signature-256 is malformed")]
    Malformed,
    /// It was made with another secret or over other bytes.
    #[error("the signature does not match: is the webhook's secret the one in the settings?")]
    Wrong,
}

/// Compares in constant time.
pub(super) fn verify(
    secret: &SecretString,
    header: Option<&str>,
    body: &[u8],
) -> Result<(), SignatureError> {
    let header = header.ok_or(SignatureError::Missing)?;
    let digits = header
        .strip_prefix("sha256=")
        .ok_or(SignatureError::Malformed)?;
    let given: [u8; 32] = hex::decode(digits)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(SignatureError::Malformed)?;
    // HMAC takes a key of any length; the error of the type can't come.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .map_err(|_| SignatureError::Wrong)?;
    mac.update(body);
    mac.verify_slice(&given).map_err(|_| SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // The example of GitHub Docs, "Validating webhook deliveries", "Testing the webhook payload
    // validation".
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const SIGNATURE: &str =
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn check(header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        verify(&SecretString::from(SECRET), header, body)
    }

    #[test]
    fn githubs_own_example_is_good() {
        assert_eq!(check(Some(SIGNATURE), BODY), Ok(()));
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(check(None, BODY), Err(SignatureError::Missing));
        assert_eq!(
            check(Some(SIGNATURE), b"Hello, World?"),
            Err(SignatureError::Wrong)
        );
        for malformed in [
            "",
            "sha256=",
            "sha1=75",
            &SIGNATURE[..70],
            &format!("{SIGNATURE}0"),
            &SIGNATURE.replace("sha256", "sha512"),
        ] {
            assert_eq!(
                check(Some(malformed), BODY),
                Err(SignatureError::Malformed),
                "{malformed}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_other_body_passes(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assume!(body != BODY);
            prop_assert!(check(Some(SIGNATURE), &body).is_err());
        }

        #[test]
        fn no_header_panics(header in ".*") {
            prop_assume!(header != SIGNATURE);
            prop_assert!(check(Some(&header), BODY).is_err());
        }
    }
}
