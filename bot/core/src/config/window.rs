//! The hours in which an environment takes changes.
//!
//! Asked with a moment, never looking at a clock. Time zones come from the database bundled with
//! the program, so that every machine answers alike.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, Timestamp, ToSpan};

use super::Invalid;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// How far ahead an opening is looked for: a weekly window whose next turn falls into the hour
/// that daylight saving skips opens only in the week after.
pub(super) const DAYS_AHEAD: i32 = 15;

/// The minutes of a day and of a week.
const DAY: usize = 24 * 60;
const WEEK: usize = 7 * DAY;

/// Whether whatever some windows let in, others let in too. No windows let everything in. Hours of
/// different time zones are never said to be the same: they move against each other.
pub(super) fn is_within(windows: &[Window], wider: &[Window]) -> bool {
    if wider.is_empty() {
        return true;
    }
    if windows.is_empty() {
        return false;
    }
    let wider = coverage(wider);
    coverage(windows).iter().all(|(zone, minutes)| {
        wider.get(zone).is_some_and(|open| {
            minutes
                .iter()
                .zip(open)
                .all(|(asked, open)| *open || !*asked)
        })
    })
}

/// Which minutes of a week are covered, by time zone.
fn coverage(windows: &[Window]) -> BTreeMap<&str, Vec<bool>> {
    let mut zones = BTreeMap::new();
    for window in windows {
        let open = zones
            .entry(window.zone_name())
            .or_insert_with(|| vec![false; WEEK]);
        for minute in window.minutes() {
            if let Some(covered) = open.get_mut(minute) {
                *covered = true;
            }
        }
    }
    zones
}

/// A weekly window: on some days, from one time of day to another, in a time zone.
///
/// A window whose end is not after its start ends on the following day. It opens and closes at
/// moments, not at readings of the clock: where the clock is set forward over the start, it opens
/// with the jump; where an hour comes twice, its first pass counts.
#[derive(Clone, PartialEq, Eq)]
pub struct Window {
    days: [bool; 7],
    from: Time,
    /// Midnight at the end of the day is kept as midnight of the next.
    to: Time,
    time_zone: TimeZone,
    text: String,
}

impl Window {
    /// The only way in: `Mon-Thu 09:00-16:00 Europe/Berlin`, with days also as `Mon,Wed,Fri`.
    ///
    /// # Errors
    /// When a part is missing or malformed, or the time zone is not in the bundled database.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem: String| {
            Invalid::new(format!("{text:?} is not a window: {problem}"))
                .with_help("write it like \"Mon-Thu 09:00-16:00 Europe/Berlin\"")
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, hours, zone] = words.as_slice() else {
            return Err(invalid("it takes days, hours and a time zone".to_owned()));
        };
        let days = parse_days(days).map_err(invalid)?;
        let (from, to) = parse_hours(hours).map_err(invalid)?;
        let time_zone = parse_time_zone(zone).map_err(invalid)?;
        Ok(Self {
            days,
            from,
            to,
            time_zone,
            text: words.join(" "),
        })
    }

    /// Whether the window is open at this moment. Its first moment is in, its last is not.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        // The day before too: its window may reach into today.
        self.turns(now, -1, 0)
            .any(|(opens, closes)| opens <= now && now < closes)
    }

    /// When the window opens next, `now` itself where it is open already.
    ///
    /// `None` only at the end of the calendar that can be computed with.
    #[must_use]
    pub fn next_opening(&self, now: Timestamp) -> Option<Timestamp> {
        if self.contains(now) {
            return Some(now);
        }
        self.turns(now, 0, DAYS_AHEAD)
            .map(|(opens, _)| opens)
            .find(|opens| *opens > now)
    }

    /// The time zone as it was written.
    fn zone_name(&self) -> &str {
        self.text.rsplit(' ').next().unwrap_or_default()
    }

    /// The minutes of a week that it covers, counted from Monday's midnight in its time zone.
    fn minutes(&self) -> impl Iterator<Item = usize> {
        let minute = |time: Time| {
            let (hour, minute) = (time.hour(), time.minute());
            usize::try_from(i32::from(hour) * 60 + i32::from(minute)).unwrap_or_default()
        };
        let (from, to) = (minute(self.from), minute(self.to));
        let length = if to > from {
            to - from
        } else {
            to + DAY - from
        };
        let days = (0..DAYS.len()).filter(|day| self.days.get(*day) == Some(&true));
        days.flat_map(move |day| {
            let start = day * DAY + from;
            (start..start + length).map(|minute| minute % WEEK)
        })
    }

    /// The openings and closings on the days around `now`, in order.
    fn turns(
        &self,
        now: Timestamp,
        first: i32,
        last: i32,
    ) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.time_zone.to_datetime(now).date();
        (first..=last).filter_map(move |offset| self.turn(shift(today, offset)?))
    }

    fn turn(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let index = usize::try_from(day.weekday().to_monday_zero_offset()).ok()?;
        if !*self.days.get(index)? {
            return None;
        }
        let last_day = if self.to > self.from {
            day
        } else {
            shift(day, 1)?
        };
        let (opens, closes) = (
            moment(&self.time_zone, day, self.from)?,
            moment(&self.time_zone, last_day, self.to)?,
        );
        (opens < closes).then_some((opens, closes))
    }
}

/// The moment of a reading of the clock: the jump itself for a skipped one, the first of two.
pub(super) fn moment(time_zone: &TimeZone, day: Date, time: Time) -> Option<Timestamp> {
    let reading = time_zone.to_ambiguous_timestamp(day.to_datetime(time));
    match reading.offset() {
        AmbiguousOffset::Gap { .. } => {
            let before = reading.earlier().ok()?;
            time_zone
                .following(before)
                .next()
                .map(|transition| transition.timestamp())
        }
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            reading.earlier().ok()
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({self})")
    }
}

pub(super) fn shift(day: Date, days: i32) -> Option<Date> {
    let span: Span = days.days();
    day.checked_add(span).ok()
}

pub(super) fn parse_days(text: &str) -> Result<[bool; 7], String> {
    let index = |name: &str| {
        DAYS.iter()
            .position(|(day, _)| day.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                format!("{name:?} is not a day, they are Mon, Tue, Wed, Thu, Fri, Sat, Sun")
            })
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        let length = (last + 7 - first) % 7;
        for day in first..=first + length {
            days[day % 7] = true;
        }
    }
    Ok(days)
}

fn parse_hours(text: &str) -> Result<(Time, Time), String> {
    let (from, to) = text
        .split_once('-')
        .ok_or_else(|| format!("{text:?} is not a span of hours like 09:00-16:00"))?;
    let from = parse_time(from)?;
    if to == "24:00" {
        return Ok((from, Time::midnight()));
    }
    let to = parse_time(to)?;
    if from == to {
        return Err(format!("{text:?} ends when it starts"));
    }
    Ok((from, to))
}

pub(super) fn parse_time(text: &str) -> Result<Time, String> {
    let invalid = || format!("{text:?} is not a time of day like 09:00");
    let (hour, minute) = text.split_once(':').ok_or_else(invalid)?;
    let number = |part: &str| -> Result<i8, String> {
        if part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
            part.parse().map_err(|_| invalid())
        } else {
            Err(invalid())
        }
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).map_err(|_| invalid())
}

pub(super) fn parse_time_zone(name: &str) -> Result<TimeZone, String> {
    let unknown = || format!("{name:?} is not a time zone of the IANA database");
    // Places and UTC only: `CET` or `EST` say less than they seem to.
    if name != "UTC" && !name.contains('/') {
        return Err(unknown());
    }
    // Not the default database, which may be that of the machine.
    TimeZoneDatabase::bundled().get(name).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn next(window: &str, now: &str) -> String {
        Window::parse(window)
            .unwrap()
            .next_opening(at(now))
            .unwrap()
            .to_string()
    }

    #[test]
    fn the_first_moment_is_in_and_the_last_is_not() {
        let window = Window::parse("Mon-Thu 09:00-16:00 Europe/Berlin").unwrap();
        // Monday 2 November 2026; Berlin is an hour ahead of UTC.
        assert!(!window.contains(at("2026-11-02T07:59:59Z")));
        assert!(window.contains(at("2026-11-02T08:00:00Z")));
        assert!(window.contains(at("2026-11-02T14:59:59Z")));
        assert!(!window.contains(at("2026-11-02T15:00:00Z")));
        assert!(!window.contains(at("2026-11-06T10:00:00Z")), "a Friday");
    }

    #[test]
    fn it_opens_next_on_the_next_day_of_its_own() {
        let window = "Mon-Thu 09:00-16:00 Europe/Berlin";
        assert_eq!(next(window, "2026-11-05T15:00:00Z"), "2026-11-09T08:00:00Z");
        assert_eq!(next(window, "2026-11-09T07:00:00Z"), "2026-11-09T08:00:00Z");
        assert_eq!(next(window, "2026-11-09T09:30:00Z"), "2026-11-09T09:30:00Z");
    }

    #[test]
    fn summer_and_winter_time_are_told_apart() {
        let window = "Mon-Sun 09:00-16:00 Europe/Berlin";
        assert_eq!(next(window, "2026-03-28T20:00:00Z"), "2026-03-29T07:00:00Z");
        assert_eq!(next(window, "2026-10-24T20:00:00Z"), "2026-10-25T08:00:00Z");
    }

    #[test]
    fn a_start_that_the_clock_skips_is_the_jump() {
        // On 29 March 2026, 02:00 became 03:00 in Berlin, at 01:00 UTC.
        let window = Window::parse("Sun 02:30-04:00 Europe/Berlin").unwrap();
        assert_eq!(
            window.next_opening(at("2026-03-28T20:00:00Z")),
            Some(at("2026-03-29T01:00:00Z"))
        );
        assert!(window.contains(at("2026-03-29T01:59:59Z")));
        assert!(!window.contains(at("2026-03-29T02:00:00Z")));
    }

    #[test]
    fn a_window_that_the_clock_skips_whole_opens_a_week_later() {
        let window = "Sun 02:10-02:50 Europe/Berlin";
        assert_eq!(next(window, "2026-03-28T20:00:00Z"), "2026-04-05T00:10:00Z");
    }

    #[test]
    fn of_an_hour_that_comes_twice_the_first_counts() {
        // On 25 October 2026, 03:00 became 02:00 in Berlin, at 01:00 UTC.
        let window = Window::parse("Sun 02:15-02:45 Europe/Berlin").unwrap();
        assert!(window.contains(at("2026-10-25T00:20:00Z")));
        assert!(!window.contains(at("2026-10-25T01:20:00Z")));
        let across = Window::parse("Sun 02:30-03:30 Europe/Berlin").unwrap();
        assert!(
            across.contains(at("2026-10-25T01:15:00Z")),
            "02:15 again, and never closed in between"
        );
        assert!(!across.contains(at("2026-10-25T02:30:00Z")));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_starts() {
        let window = Window::parse("Fri 22:00-02:00 UTC").unwrap();
        assert!(window.contains(at("2026-11-06T23:00:00Z")));
        assert!(window.contains(at("2026-11-07T01:59:59Z")));
        assert!(!window.contains(at("2026-11-06T01:00:00Z")));
        assert_eq!(
            next("Fri 22:00-02:00 UTC", "2026-11-07T02:00:00Z"),
            "2026-11-13T22:00:00Z"
        );
        let whole = Window::parse("Sat,Sun 00:00-24:00 UTC").unwrap();
        assert!(
            whole.contains(at("2026-11-07T00:00:00Z"))
                && whole.contains(at("2026-11-08T23:59:59Z"))
        );
        assert!(!whole.contains(at("2026-11-09T00:00:00Z")));
    }

    #[test]
    fn days_go_round_the_week() {
        let window = Window::parse("Sat-Mon,Wed 10:00-11:00 UTC").unwrap();
        let open: Vec<bool> = (2..=8)
            .map(|day| window.contains(at(&format!("2026-11-{day:02}T10:30:00Z"))))
            .collect();
        assert_eq!(
            open,
            [true, false, true, false, false, true, true],
            "from a Monday on"
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| Window::parse(text).unwrap_err().message;
        insta::assert_snapshot!(error("Mon-Thu 09:00-16:00"), @r#""Mon-Thu 09:00-16:00" is not a window: it takes days, hours and a time zone"#);
        insta::assert_snapshot!(error("Mo-Do 09:00-16:00 Europe/Berlin"), @r#""Mo-Do 09:00-16:00 Europe/Berlin" is not a window: "Mo" is not a day, they are Mon, Tue, Wed, Thu, Fri, Sat, Sun"#);
        insta::assert_snapshot!(error("Mon 9-16 Europe/Berlin"), @r#""Mon 9-16 Europe/Berlin" is not a window: "9" is not a time of day like 09:00"#);
        insta::assert_snapshot!(error("Mon 09:00 Europe/Berlin"), @r#""Mon 09:00 Europe/Berlin" is not a window: "09:00" is not a span of hours like 09:00-16:00"#);
        insta::assert_snapshot!(error("Mon 09:00-25:00 Europe/Berlin"), @r#""Mon 09:00-25:00 Europe/Berlin" is not a window: "25:00" is not a time of day like 09:00"#);
        insta::assert_snapshot!(error("Mon 09:00-09:00 Europe/Berlin"), @r#""Mon 09:00-09:00 Europe/Berlin" is not a window: "09:00-09:00" ends when it starts"#);
        insta::assert_snapshot!(error("Mon 09:00-16:00 Europe/Bonn"), @r#""Mon 09:00-16:00 Europe/Bonn" is not a window: "Europe/Bonn" is not a time zone of the IANA database"#);
        insta::assert_snapshot!(error("Mon 09:00-16:00 CET"), @r#""Mon 09:00-16:00 CET" is not a window: "CET" is not a time zone of the IANA database"#);
    }

    proptest! {
        #[test]
        fn the_next_opening_is_open_and_not_before(
            seconds in 0_i64..4_102_444_800,
            day in 0_usize..7,
            from in 0_u8..24,
            to in 0_u8..24,
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
        ) {
            prop_assume!(from != to);
            let window = Window::parse(&format!("{} {from:02}:30-{to:02}:30 {zone}", DAYS[day].0)).unwrap();
            let now = Timestamp::from_second(seconds).unwrap();
            let opening = window.next_opening(now).unwrap();
            prop_assert!(opening >= now);
            prop_assert!(window.contains(opening));
            let just_before = Timestamp::from_second(opening.as_second() - 1).unwrap();
            prop_assert!(opening == now || !window.contains(just_before));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = Window::parse(&text);
        }
    }
}
