//! What can go wrong in the store, and which kind of port error it is to the rest of the bot.

use slipway_core::ports::{PortError, PortErrorKind};
use sqlx::sqlite::SqliteQueryResult;

/// The result of a statement or of a transaction.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The database said no.
    #[error("{0}")]
    Sql(#[from] sqlx::Error),
    /// The thing changed meanwhile, or belongs to another worker.
    #[error("{0}")]
    Conflict(String),
    /// There is no such thing.
    #[error("there is no {0}")]
    Missing(String),
    /// A caller asks for what makes no sense.
    #[error("{0}")]
    Nonsense(String),
    /// A row does not hold what it should.
    #[error("the row of {row} can't be read: {why}")]
    Unreadable {
        /// Which row.
        row: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Fault {
    /// Tells the rest of the bot, with what was being done.
    pub(super) fn while_doing(self, doing: impl Into<String>) -> PortError {
        let kind = match &self {
            Self::Sql(error) => kind_of(error),
            Self::Conflict(_) => PortErrorKind::Conflict,
            Self::Missing(_) => PortErrorKind::NotFound,
            Self::Nonsense(_) | Self::Unreadable { .. } => PortErrorKind::Invalid,
        };
        PortError {
            system: "store",
            doing: doing.into(),
            said: self.to_string(),
            kind,
        }
    }
}

/// Whether a failure of the database passes by itself. Reads the codes of SQLite.
fn kind_of(error: &sqlx::Error) -> PortErrorKind {
    const PASSING: PortErrorKind = PortErrorKind::Unavailable { retry_after: None };
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => PASSING,
        sqlx::Error::Database(error) => {
            // The low byte is the primary result code (https://www.sqlite.org/rescode.html):
            // BUSY, LOCKED, IOERR, FULL, CANTOPEN.
            let code = error.code().and_then(|code| code.parse::<i32>().ok());
            match code.map(|code| code & 0xff) {
                Some(5 | 6 | 10 | 13 | 14) => PASSING,
                _ => PortErrorKind::Invalid,
            }
        }
        _ => PortErrorKind::Invalid,
    }
}

/// Turns "no row was changed" into a conflict: a compare-and-set that did not find its row as it
/// was expected.
pub(super) fn exactly_one(
    done: &SqliteQueryResult,
    otherwise: impl FnOnce() -> String,
) -> Result<()> {
    if done.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Fault::Conflict(otherwise()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_is_tried_again() {
        let of = |error| Fault::Sql(error).while_doing("x").kind;
        assert!(matches!(
            of(sqlx::Error::PoolTimedOut),
            PortErrorKind::Unavailable { .. }
        ));
        assert_eq!(of(sqlx::Error::RowNotFound), PortErrorKind::Invalid);
        let lost = Fault::Conflict("the lease is lost".into()).while_doing("ending a run");
        assert_eq!(lost.to_string(), "store: ending a run: the lease is lost");
        assert_eq!(lost.kind, PortErrorKind::Conflict);
    }
}
