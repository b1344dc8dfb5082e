//! Between values of the domain and columns.
//!
//! A row that can't be read is told with its name: it was written by this code, so it is a fault
//! of a version or of a disk, and somebody has to find it.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slipway_core::ids::{PrNumber, RunId};
use slipway_core::run::{Run, RunState};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::error::{Fault, Result};

/// A moment as milliseconds.
pub(super) fn ms(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

/// The end of a lease that begins now, as milliseconds.
pub(super) fn lease_end(now: Timestamp, lease: Duration) -> i64 {
    ms(now).saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX))
}

/// A number of GitHub's as SQL has it, signed.
pub(super) fn signed(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| Fault::Nonsense(format!("{number} is out of range")))
}

/// The number of a pull request as SQL has it.
pub(super) fn signed_pr(pr: Option<PrNumber>) -> Result<Option<i64>> {
    pr.map(|pr| signed(pr.0)).transpose()
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Fault::Nonsense(error.to_string()))
}

/// A row that is being read.
pub(super) struct Reading<'r> {
    row: &'r SqliteRow,
    of: String,
}

impl<'r> Reading<'r> {
    /// Reads a row that people would call this.
    pub(super) fn new(row: &'r SqliteRow, of: impl Into<String>) -> Self {
        Self { row, of: of.into() }
    }

    /// Reads a row that is called after one of its columns.
    pub(super) fn named(row: &'r SqliteRow, what: &str, column: &str) -> Result<Self> {
        let name: String = row.try_get(column)?;
        Ok(Self::new(row, format!("{what} {name}")))
    }

    /// The fault that a column does not hold what it should.
    pub(super) fn unreadable(&self, column: &str, why: &impl Display) -> Fault {
        Fault::Unreadable {
            row: self.of.clone(),
            why: format!("{column}: {why}"),
        }
    }

    /// A column as it is.
    pub(super) fn get<T>(&self, column: &str) -> Result<T>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        self.row
            .try_get(column)
            .map_err(|error| self.unreadable(column, &error))
    }

    /// A name of the domain.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<T> {
        let text: &str = self.get(column)?;
        text.parse()
            .map_err(|error| self.unreadable(column, &error))
    }

    /// A value that may be missing.
    pub(super) fn maybe_parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>> {
        match self.get::<Option<String>>(column)? {
            None => Ok(None),
            Some(_) => self.parsed(column).map(Some),
        }
    }

    /// A value kept as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: &str = self.get(column)?;
        serde_json::from_str(text).map_err(|error| self.unreadable(column, &error))
    }

    /// A value kept as JSON, or none.
    pub(super) fn maybe_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        let text: Option<&str> = self.get(column)?;
        text.map(serde_json::from_str)
            .transpose()
            .map_err(|error| self.unreadable(column, &error))
    }

    /// A moment.
    pub(super) fn at(&self, column: &str) -> Result<Timestamp> {
        let millis: i64 = self.get(column)?;
        Timestamp::from_millisecond(millis).map_err(|error| self.unreadable(column, &error))
    }

    /// A moment, or none.
    pub(super) fn maybe_at(&self, column: &str) -> Result<Option<Timestamp>> {
        let millis: Option<i64> = self.get(column)?;
        millis
            .map(Timestamp::from_millisecond)
            .transpose()
            .map_err(|error| self.unreadable(column, &error))
    }

    /// A number that is never negative.
    pub(super) fn count<T: TryFrom<i64, Error: Display>>(&self, column: &str) -> Result<T> {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|error| self.unreadable(column, &error))
    }

    /// A number that is never negative, or none.
    pub(super) fn maybe_count<T: TryFrom<i64, Error: Display>>(
        &self,
        column: &str,
    ) -> Result<Option<T>> {
        let number: Option<i64> = self.get(column)?;
        number
            .map(T::try_from)
            .transpose()
            .map_err(|error| self.unreadable(column, &error))
    }

    /// The number of a pull request, or none.
    pub(super) fn pr(&self) -> Result<Option<PrNumber>> {
        Ok(self.maybe_count("pr")?.map(PrNumber))
    }

    /// The state of a run.
    pub(super) fn state(&self) -> Result<RunState> {
        let word: &str = self.get("state")?;
        RunState::from_word(word).ok_or_else(|| self.unreadable("state", &word))
    }
}

/// The columns that [`run`] reads.
macro_rules! run_columns {
    () => {
        "runs.id, runs.state, runs.work_order, runs.outcome, runs.created_at, runs.started_at, \
         runs.ended_at"
    };
}
pub(super) use run_columns;

/// A run, without the runs that it comes after: they are kept apart.
pub(super) fn run(row: &SqliteRow) -> Result<Run> {
    let row = Reading::named(row, "run", "id")?;
    let id: RunId = row.parsed("id")?;
    Ok(Run {
        id,
        order: row.json("work_order")?,
        state: row.state()?,
        after: Vec::new(),
        created_at: row.at("created_at")?,
        started_at: row.maybe_at("started_at")?,
        ended_at: row.maybe_at("ended_at")?,
        outcome: row.maybe_json("outcome")?,
    })
}
