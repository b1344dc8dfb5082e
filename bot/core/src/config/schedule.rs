//! When an environment is looked at for drift.
//!
//! Asked with a moment, never looking at a clock, like [`Window`](super::Window) and with the same
//! days, times of day and time zones.

use std::fmt;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Invalid;
use super::window::{DAYS_AHEAD, moment, parse_days, parse_time, parse_time_zone, shift};

/// Moments that come again and again.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    turns: Turns,
    text: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Turns {
    /// At every full hour.
    Hourly,
    /// Once on each of these days.
    Daily {
        days: [bool; 7],
        at: Time,
        time_zone: TimeZone,
    },
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

impl Schedule {
    /// The only way in: `hourly`, `daily 06:00 Europe/Berlin` or `Mon-Fri 06:00 Europe/Berlin`, with
    /// days also as `Mon,Wed,Fri`.
    ///
    /// # Errors
    /// When a part is missing or malformed, or the time zone is not in the bundled database.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| {
            Invalid::new(format!("{text:?} is not a schedule: {problem}")).with_help(
                "write it like \"daily 06:00 Europe/Berlin\", \"Mon-Fri 06:00 Europe/Berlin\" or \
                 \"hourly\"",
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let turns = match words.as_slice() {
            [word] if word.eq_ignore_ascii_case("hourly") => Turns::Hourly,
            [days, at, zone] => Turns::Daily {
                days: if days.eq_ignore_ascii_case("daily") {
                    [true; 7]
                } else {
                    parse_days(days).map_err(invalid)?
                },
                at: parse_time(at).map_err(invalid)?,
                time_zone: parse_time_zone(zone).map_err(invalid)?,
            },
            _ => {
                let parts = "it takes `daily` or days, a time of day and a time zone; or `hourly`";
                return Err(invalid(parts.to_owned()));
            }
        };
        Ok(Self {
            turns,
            text: words.join(" "),
        })
    }

    /// The first of its moments after `now`.
    ///
    /// `None` only at the end of the calendar that can be computed with.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.turns {
            Turns::Hourly => {
                let hour = HOUR.as_secs();
                let begun = now.as_second().div_euclid(hour).checked_mul(hour)?;
                Timestamp::from_second(begun).ok()?.checked_add(HOUR).ok()
            }
            Turns::Daily {
                days,
                at,
                time_zone,
            } => {
                let today = time_zone.to_datetime(now).date();
                (0..=DAYS_AHEAD)
                    .filter_map(|offset| {
                        let day = shift(today, offset)?;
                        let index = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
                        let wanted = *days.get(index)?;
                        wanted.then(|| moment(time_zone, day, *at)).flatten()
                    })
                    .find(|moment| *moment > now)
            }
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(schedule: &str, now: &str) -> String {
        Schedule::parse(schedule)
            .unwrap()
            .next_after(now.parse().unwrap())
            .unwrap()
            .to_string()
    }

    #[test]
    fn it_comes_next_on_the_next_day_of_its_own() {
        let daily = "daily 06:00 Europe/Berlin";
        assert_eq!(next(daily, "2026-11-02T04:59:59Z"), "2026-11-02T05:00:00Z");
        assert_eq!(next(daily, "2026-11-02T05:00:00Z"), "2026-11-03T05:00:00Z");
        let weekdays = "Mon-Fri 06:00 UTC";
        // A Friday.
        assert_eq!(
            next(weekdays, "2026-11-06T06:00:00Z"),
            "2026-11-09T06:00:00Z"
        );
        assert_eq!(
            next("hourly", "2026-11-02T04:59:59Z"),
            "2026-11-02T05:00:00Z"
        );
        assert_eq!(
            next("Hourly", "2026-11-02T05:00:00Z"),
            "2026-11-02T06:00:00Z"
        );
    }

    #[test]
    fn the_clock_may_be_set_on_and_back() {
        // On 29 March 2026, 02:00 became 03:00 in Berlin, at 01:00 UTC.
        let night = "daily 02:30 Europe/Berlin";
        assert_eq!(next(night, "2026-03-28T20:00:00Z"), "2026-03-29T01:00:00Z");
        // On 25 October 2026, 03:00 became 02:00 in Berlin, at 01:00 UTC: the first 02:30 counts.
        assert_eq!(next(night, "2026-10-24T20:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(next(night, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| Schedule::parse(text).unwrap_err().message;
        insta::assert_snapshot!(error("weekly"), @r#""weekly" is not a schedule: it takes `daily` or days, a time of day and a time zone; or `hourly`"#);
        insta::assert_snapshot!(error("daily 06:00"), @r#""daily 06:00" is not a schedule: it takes `daily` or days, a time of day and a time zone; or `hourly`"#);
        insta::assert_snapshot!(error("Mo 06:00 UTC"), @r#""Mo 06:00 UTC" is not a schedule: "Mo" is not a day, they are Mon, Tue, Wed, Thu, Fri, Sat, Sun"#);
        insta::assert_snapshot!(error("daily 6:00 UTC"), @r#""daily 6:00 UTC" is not a schedule: "6:00" is not a time of day like 09:00"#);
        insta::assert_snapshot!(error("daily 06:00 CET"), @r#""daily 06:00 CET" is not a schedule: "CET" is not a time zone of the IANA database"#);
        insta::assert_snapshot!(error(""), @r#""" is not a schedule: it takes `daily` or days, a time of day and a time zone; or `hourly`"#);
    }

    proptest! {
        #[test]
        fn the_next_moment_is_later_and_none_is_skipped(seconds in 0_i64..4_102_444_800) {
            let schedule = Schedule::parse("Mon,Thu 06:30 America/New_York").unwrap();
            let now = Timestamp::from_second(seconds).unwrap();
            let next = schedule.next_after(now).unwrap();
            prop_assert!(next > now);
            let just_before = Timestamp::from_second(next.as_second() - 1).unwrap();
            prop_assert_eq!(schedule.next_after(just_before.max(now)), Some(next));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = Schedule::parse(&text);
        }
    }
}
