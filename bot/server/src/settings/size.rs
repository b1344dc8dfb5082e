//! Amounts of data: `"500MB"`, `"20GB"`, `"16GiB"`.

use serde::{Deserialize as _, Deserializer};

/// Units, in bytes. The longer ones first.
const UNITS: [(&str, u64); 6] = [
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads one, as bytes.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        let said =
            format!("{text:?} is no amount of data: it takes \"500MB\", \"20GB\", \"16GiB\"");
        serde::de::Error::custom(said)
    })
}

fn parse(text: &str) -> Option<u64> {
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.trim().strip_suffix(name)?, *unit)))?;
    let number: u64 = number.trim_end().parse().ok()?;
    number.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn amounts_have_a_unit() {
        assert_eq!(parse("500MB"), Some(500_000_000));
        assert_eq!(parse("20 GB"), Some(20_000_000_000));
        assert_eq!(parse("1GiB"), Some(1 << 30));
        assert_eq!(parse("2TiB"), Some(2 << 40));
        for text in [
            "",
            "0GB",
            "20",
            "GB",
            "1.5GB",
            "-1GB",
            "20gb",
            "99999999999TB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
