//! Times in which nothing is applied or deployed: the days before a holiday, an audit, a big sale.
//!
//! Asked with a moment, never looking at a clock. Time zones come from the database bundled with
//! the program, so that every machine answers alike.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ZonedDateTime};

use super::Invalid;
use super::window::{self, parse_time_zone};

/// The most characters of a reason: it stands in comments.
const LONGEST_REASON: usize = 200;

/// One freeze, from a moment to another, for a reason.
#[derive(Clone, PartialEq, Eq)]
pub struct Freeze {
    from: ZonedDateTime,
    to: ZonedDateTime,
    reason: String,
}

/// Which end of a freeze a text names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    From,
    To,
}

impl Freeze {
    /// A freeze whose parts are known to be good but for their order.
    ///
    /// # Errors
    /// When it does not end after it begins.
    pub(super) fn new(
        from: ZonedDateTime,
        to: ZonedDateTime,
        reason: String,
    ) -> Result<Self, Invalid> {
        if from.timestamp() >= to.timestamp() {
            return Err(Invalid::new("this freeze ends before it begins")
                .with_help("`to` has to be later than `from`"));
        }
        Ok(Self { from, to, reason })
    }

    /// Whether it holds at this moment. Its first moment is in, its last is not.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from() <= now && now < self.to()
    }

    /// Its first moment.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.from.timestamp()
    }

    /// The first moment after it.
    #[must_use]
    pub fn to(&self) -> Timestamp {
        self.to.timestamp()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// `2026-12-20 18:00 to 2027-01-02 08:00 Europe/Berlin`: as the clocks of its time zone show it.
    #[must_use]
    pub fn span(&self) -> String {
        let (from, to) = (zone(&self.from), zone(&self.to));
        let first = if from == to {
            reading(&self.from)
        } else {
            format!("{} {from}", reading(&self.from))
        };
        format!("{first} to {} {to}", reading(&self.to))
    }
}

/// What the clocks show, to the minute where that says all.
fn reading(moment: &ZonedDateTime) -> String {
    let format = match (moment.second(), moment.subsec_nanosecond()) {
        (0, 0) => "%Y-%m-%d %H:%M",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    moment.strftime(format).to_string()
}

/// A time zone by its name, or by its offset where it has none.
fn zone(moment: &ZonedDateTime) -> String {
    match moment.time_zone().iana_name() {
        Some(name) => name.to_owned(),
        None if moment.offset().is_zero() => "UTC".to_owned(),
        None => moment.strftime("%:z").to_string(),
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.span())
    }
}

impl fmt::Debug for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Freeze({self}: {})", self.reason)
    }
}

/// Parses one end: `2026-12-20T18:00:00+01:00` (RFC 3339), `2026-12-20T18:00[Europe/Berlin]`
/// (RFC 9557), or what the clocks of a time zone show, `2026-12-20 18:00`.
///
/// A reading that comes twice when clocks are set back is the one that makes the freeze longer; one
/// that is skipped is the jump.
///
/// # Errors
/// When it is no moment, when its offset is not that of its time zone, or when nothing says which
/// clocks are meant.
pub(super) fn parse_end(
    text: &str,
    end: End,
    time_zone: Option<&TimeZone>,
) -> Result<ZonedDateTime, Invalid> {
    let invalid = |problem: &str| {
        Invalid::new(format!("{text:?} is not a moment: {problem}")).with_help(
            "write it like \"2026-12-20T18:00:00+01:00\" or \"2026-12-20T18:00[Europe/Berlin]\", or \
             like \"2026-12-20 18:00\" with a `timezone`",
        )
    };
    if let Some((head, rest)) = text.split_once('[') {
        let named = parse_time_zone(rest.strip_suffix(']').unwrap_or(rest));
        let named = named.map_err(|problem| invalid(&problem))?;
        if head.parse::<Timestamp>().is_err() {
            return parse_end(head, end, Some(&named))
                .map_err(|_| invalid("it takes a date and a time"));
        }
        // An offset that its time zone does not have then is refused. Not the default database,
        // which may be that of the machine.
        return DateTimeParser::new()
            .parse_zoned_datetime_with(&TimeZoneDatabase::bundled(), text)
            .map_err(|_| invalid("its offset is not that of its time zone then"));
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        let pieces = DateTimeParser::new().parse_pieces(text).ok();
        let offset = pieces.and_then(|pieces| pieces.to_numeric_offset());
        let own = offset.map_or(TimeZone::UTC, TimeZone::fixed);
        return Ok(moment.to_zoned_datetime(time_zone.cloned().unwrap_or(own)));
    }
    let read: DateTime = text
        .parse()
        .ok()
        .filter(|_| text.len() > "2026-12-20".len())
        .ok_or_else(|| invalid("it takes a date and a time"))?;
    let Some(time_zone) = time_zone else {
        return Err(invalid("nothing says of which time zone"));
    };
    moment(time_zone, read, end)
        .map(|moment| moment.to_zoned_datetime(time_zone.clone()))
        .ok_or_else(|| invalid("it is out of range"))
}

fn moment(time_zone: &TimeZone, read: DateTime, end: End) -> Option<Timestamp> {
    let reading = time_zone.to_ambiguous_timestamp(read);
    match (reading.offset(), end) {
        (AmbiguousOffset::Fold { .. }, End::To) => reading.later().ok(),
        _ => window::moment(time_zone, read.date(), read.time()),
    }
}

pub(super) fn parse_zone(text: &str) -> Result<TimeZone, Invalid> {
    parse_time_zone(text).map_err(Invalid::new)
}

pub(super) fn parse_reason(text: &str) -> Result<String, Invalid> {
    let reason = text.trim();
    if reason.is_empty() {
        return Err(Invalid::new("a freeze needs a reason"));
    }
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
        return Err(Invalid::new(format!(
            "a reason is one line of at most {LONGEST_REASON} characters"
        )));
    }
    Ok(reason.to_owned())
}

/// Whether at every moment at which some freezes hold, one of the others holds too.
pub(super) fn is_within(freezes: &[Freeze], wider: &[Freeze]) -> bool {
    let wider = joined(wider);
    joined(freezes).iter().all(|(from, to)| {
        let after = wider.partition_point(|(first, _)| first <= from);
        let before = after.checked_sub(1).and_then(|index| wider.get(index));
        before.is_some_and(|(_, last)| to <= last)
    })
}

/// The times in which at least one holds, in order, none touching the next.
fn joined(freezes: &[Freeze]) -> Vec<(Timestamp, Timestamp)> {
    let mut spans: Vec<_> = freezes.iter().map(|f| (f.from(), f.to())).collect();
    spans.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some((_, last)) if from <= *last => *last = to.max(*last),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
