//! Moments in all the ways of writing them, boundaries to the second, and the joint answer of
//! windows and freezes.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::config::{Config, Environment};
use crate::testing::at;

fn parsed(text: &str, end: End, zone: Option<&str>) -> String {
    let zone = zone.map(|zone| parse_zone(zone).unwrap());
    match parse_end(text, end, zone.as_ref()) {
        Ok(moment) => moment.to_string(),
        Err(error) => error.message,
    }
}

fn freeze(from: &str, to: &str) -> Freeze {
    let end = |text, end| parse_end(text, end, None).unwrap();
    Freeze::new(end(from, End::From), end(to, End::To), "Why".to_owned()).unwrap()
}

#[test]
fn moments_are_written_in_three_ways() {
    let berlin = Some("Europe/Berlin");
    let told: Vec<String> = [
        ("2026-12-20T18:00:00+01:00", None),
        ("2026-12-20T17:00Z", None),
        ("2026-12-20T17:00:00Z", berlin),
        ("2026-12-20T18:00[Europe/Berlin]", None),
        ("2026-12-20T18:00+01:00[Europe/Berlin]", None),
        ("2026-12-20T18:00+02:00[Europe/Berlin]", None),
        ("2026-12-20 18:00", berlin),
        ("2026-12-20 18:00", None),
        ("2026-12-20", berlin),
        ("2026-12-20T18:00[Europe/Bonn]", None),
        ("2026-12-20T18:00[!Europe/Berlin]", None),
        ("2026-13-20 18:00", berlin),
        ("tomorrow", berlin),
        ("", berlin),
    ]
    .iter()
    .map(|(text, zone)| parsed(text, End::From, *zone))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    2026-12-20T18:00:00+01:00[+01:00]
    2026-12-20T17:00:00+00:00[UTC]
    2026-12-20T18:00:00+01:00[Europe/Berlin]
    2026-12-20T18:00:00+01:00[Europe/Berlin]
    2026-12-20T18:00:00+01:00[Europe/Berlin]
    "2026-12-20T18:00+02:00[Europe/Berlin]" is not a moment: its offset is not that of its time zone then
    2026-12-20T18:00:00+01:00[Europe/Berlin]
    "2026-12-20 18:00" is not a moment: nothing says of which time zone
    "2026-12-20" is not a moment: it takes a date and a time
    "2026-12-20T18:00[Europe/Bonn]" is not a moment: "Europe/Bonn" is not a time zone of the IANA database
    "2026-12-20T18:00[!Europe/Berlin]" is not a moment: "!Europe/Berlin" is not a time zone of the IANA database
    "2026-13-20 18:00" is not a moment: it takes a date and a time
    "tomorrow" is not a moment: it takes a date and a time
    "" is not a moment: it takes a date and a time
    "#);
}

/// Clocks are set forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00.
#[test]
fn where_clocks_are_set_the_freeze_is_the_longer_one() {
    let berlin = Some("Europe/Berlin");
    let told: Vec<String> = [
        "2026-03-29 02:30",
        "2026-10-25 02:30",
        "2026-10-25T02:30[Europe/Berlin]",
    ]
    .iter()
    .flat_map(|text| [End::From, End::To].map(|end| parsed(text, end, berlin)))
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    2026-03-29T03:00:00+02:00[Europe/Berlin]
    2026-03-29T03:00:00+02:00[Europe/Berlin]
    2026-10-25T02:30:00+02:00[Europe/Berlin]
    2026-10-25T02:30:00+01:00[Europe/Berlin]
    2026-10-25T02:30:00+02:00[Europe/Berlin]
    2026-10-25T02:30:00+01:00[Europe/Berlin]
    ");
}

#[test]
fn a_freeze_is_told_as_the_clocks_of_its_time_zone_show_it() {
    let told = [
        freeze(
            "2026-12-20T18:00[Europe/Berlin]",
            "2027-01-02T08:00[Europe/Berlin]",
        ),
        freeze(
            "2026-12-20T18:00[Europe/Berlin]",
            "2027-01-02T08:00[America/New_York]",
        ),
        freeze("2026-12-20T18:00:00+01:00", "2027-01-02T08:00:30+01:00"),
        freeze("2026-12-20T18:00:00Z", "2027-01-02T08:00:00Z"),
    ]
    .map(|freeze| freeze.span());
    insta::assert_snapshot!(told.join("\n"), @"
    2026-12-20 18:00 to 2027-01-02 08:00 Europe/Berlin
    2026-12-20 18:00 Europe/Berlin to 2027-01-02 08:00 America/New_York
    2026-12-20 18:00 to 2027-01-02 08:00:30 +01:00
    2026-12-20 18:00 to 2027-01-02 08:00 UTC
    ");
}

#[test]
fn its_first_moment_is_in_and_its_last_is_not() {
    let freeze = freeze("2026-12-20T18:00:00Z", "2026-12-21T08:00:00Z");
    for (moment, holds) in [
        ("2026-12-20T17:59:59.999999999Z", false),
        ("2026-12-20T18:00:00Z", true),
        ("2026-12-21T07:59:59.999999999Z", true),
        ("2026-12-21T08:00:00Z", false),
    ] {
        assert_eq!(freeze.holds(at(moment)), holds, "{moment}");
    }
}

/// `prod` of a file with these windows, and freezes of so many hours from so many hours on.
fn frozen(windows: &str, freezes: &[(i64, i64)]) -> Environment {
    let mut text = crate::testing::toml("", windows);
    for (from, hours) in freezes {
        let moment = |hours: i64| hour(hours).to_string();
        text.push_str(&format!(
            "[[freeze]]\nfrom = \"{}\"\nto = \"{}\"\nreason = \"Why\"\n",
            moment(*from),
            moment(from + hours)
        ));
    }
    let config = Config::parse(&text).unwrap();
    config.environments.into_iter().nth(1).unwrap()
}

fn hour(hours: i64) -> Timestamp {
    at("2026-03-02T00:00:00Z") + SignedDuration::from_hours(hours)
}

#[test]
fn a_freeze_that_ends_outside_the_windows_lets_in_at_the_next_of_them() {
    let office = "windows = [\"Mon-Fri 09:00-17:00 UTC\"]";
    // From Monday 10:00 to Tuesday 20:00, and Wednesday from 08:00 to 12:00.
    let env = frozen(office, &[(10, 34), (56, 4)]);
    assert_eq!(env.next_opening(hour(9)), Some(hour(9)));
    assert_eq!(env.next_opening(hour(10)), Some(hour(60)));
    assert_eq!(env.next_opening(hour(44)), Some(hour(60)));
}

proptest! {
    #[test]
    fn the_next_opening_is_the_first_moment_that_nothing_keeps_shut(
        freezes in prop::collection::vec((0_i64..300, 1_i64..80), 0..6),
        now in 0_i64..300,
        windows in prop::sample::select(vec!["", "windows = [\"Mon-Fri 09:00-17:00 UTC\"]"]),
    ) {
        let env = frozen(windows, &freezes);
        let is_open = |at: i64| env.is_open(hour(at)) && env.frozen_by(hour(at)).is_empty();
        // Everything begins and ends on the hour.
        let expected = (now..now + 2000).find(|at| is_open(*at)).map(hour);
        prop_assert_eq!(env.next_opening(hour(now)), expected);
        for (from, hours) in &freezes {
            prop_assert!(!env.frozen_by(hour(*from)).is_empty());
            let last = hour(from + hours) - SignedDuration::from_nanos(1);
            prop_assert!(!env.frozen_by(last).is_empty());
        }
    }

    #[test]
    fn within_is_what_it_is_hour_by_hour(
        one in prop::collection::vec((0_i64..60, 1_i64..20), 0..5),
        other in prop::collection::vec((0_i64..60, 1_i64..20), 0..5),
    ) {
        let (one, other) = (frozen("", &one), frozen("", &other));
        let holds = |env: &Environment, at| !env.frozen_by(hour(at)).is_empty();
        let expected = (0..80).all(|at| !holds(&one, at) || holds(&other, at));
        prop_assert_eq!(is_within(&one.freezes, &other.freezes), expected);
    }

    #[test]
    fn never_panics(text in "\\PC*") {
        let _ = parse_end(&text, End::To, None);
        let _ = parse_end(&text, End::From, Some(&TimeZone::UTC));
        let _ = parse_reason(&text);
    }
}
