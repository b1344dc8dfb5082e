//! The checksums that S3 verifies: CRC-32, CRC-32C, CRC-64/NVME and SHA-256; MD5 for ETags.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

/// An algorithm of the `x-amz-checksum-…` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha256,
}

impl Algorithm {
    pub(super) const ALL: [Self; 4] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha256];

    /// The header that carries such a checksum.
    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha256 => "SHA256",
        }
    }

    /// The checksum as headers spell it: big-endian bytes in base64.
    pub(super) fn of(self, bytes: &[u8]) -> String {
        match self {
            Self::Crc32 => encode_crc32(crc(bytes, 0xEDB8_8320, 0xFFFF_FFFF)),
            Self::Crc32c => encode_crc32(crc(bytes, 0x82F6_3B78, 0xFFFF_FFFF)),
            Self::Crc64Nvme => {
                STANDARD.encode(crc(bytes, 0x9A6C_9329_AC4B_C9B5, u64::MAX).to_be_bytes())
            }
            Self::Sha256 => STANDARD.encode(Sha256::digest(bytes)),
        }
    }
}

/// `Content-MD5` as headers spell it.
pub(super) fn content_md5(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}

/// The ETag of an object that was put in one piece, quoted.
pub(super) fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(bytes)))
}

/// A reflected CRC, bit by bit: the 32-bit ones and the 64-bit one differ only in the numbers.
fn crc(bytes: &[u8], polynomial: u64, ones: u64) -> u64 {
    let mut remainder = ones;
    for byte in bytes {
        remainder ^= u64::from(*byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= polynomial;
            }
        }
    }
    remainder ^ ones
}

fn encode_crc32(crc: u64) -> String {
    let [_, _, _, _, bytes @ ..] = crc.to_be_bytes();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the CRC catalogue (reveng.sourceforge.io/crc-catalogue), and NIST's
    /// SHA-256 of the same input.
    #[test]
    fn the_catalogue_agrees() {
        let hex_of = |algorithm: Algorithm| {
            let sum = algorithm.of(b"123456789");
            hex::encode(STANDARD.decode(sum).unwrap())
        };
        assert_eq!(hex_of(Algorithm::Crc32), "cbf43926");
        assert_eq!(hex_of(Algorithm::Crc32c), "e3069283");
        assert_eq!(hex_of(Algorithm::Crc64Nvme), "ae8b14860a799888");
        assert_eq!(
            hex_of(Algorithm::Sha256),
            "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
        );
    }

    #[test]
    fn the_etag_is_the_md5() {
        assert_eq!(etag(b""), "\"d41d8cd98f00b204e9800998ecf8427e\"");
    }
}
