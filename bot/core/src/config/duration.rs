//! Lengths of time as people write them: `90s`, `30m`, `1h30m`, `2d`.

use std::time::Duration;

use super::Invalid;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a length of time: numbers with the units `d`, `h`, `m`, `s`, largest first.
///
/// # Errors
/// When the text is empty, has a number without a unit, or repeats or reorders units.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    let invalid = || {
        Invalid::new(format!("{text:?} is not a length of time"))
            .with_help("write it like \"90s\", \"30m\", \"1h\" or \"1h30m\"")
    };
    let mut seconds: u64 = 0;
    let mut rest = text;
    let mut allowed = &UNITS[..];
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or_else(invalid)?;
        let place = allowed
            .iter()
            .position(|(u, _)| *u == unit)
            .ok_or_else(invalid)?;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        seconds = number
            .checked_mul(allowed[place].1)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(invalid)?;
        allowed = &allowed[place + 1..];
        rest = &tail[unit.len_utf8()..];
    }
    if text.is_empty() {
        Err(invalid())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

/// Like [`parse_duration`], for a length between `least` and `most`, both included.
///
/// # Errors
/// When the text is no length of time, or one out of bounds; the error states the bounds.
pub fn parse_duration_within(
    text: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, Invalid> {
    let duration = parse_duration(text)?;
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    Err(
        Invalid::new(format!("{text:?} is out of bounds")).with_help(format!(
            "it takes {} to {}",
            format_duration(least),
            format_duration(most)
        )),
    )
}

/// Writes a length of time so that [`parse_duration`] reads it back; parts of a second are dropped.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1_800),
            ("1h", 3_600),
            ("1h30m", 5_400),
            ("2d", 172_800),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "1",
            "h",
            "-1h",
            "1.5h",
            "30m1h",
            "1h1h",
            "1 h",
            "1y",
            "99999999999999999999h",
            "9999999999999999999d",
            "1h ",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds_are_stated() {
        let (least, most) = (Duration::from_secs(900), Duration::from_secs(43_200));
        assert!(parse_duration_within("15m", least, most).is_ok());
        assert!(parse_duration_within("12h", least, most).is_ok());
        let error = parse_duration_within("13h", least, most).unwrap_err();
        insta::assert_snapshot!(error, @r#""13h" is out of bounds"#);
        insta::assert_snapshot!(error.help.unwrap(), @"it takes 15m to 12h");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0_u64..=u64::from(u32::MAX)) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = parse_duration(&text);
        }
    }
}
