//! The database: opening it, bringing its tables up to date, asking whether it answers. What is in
//! the tables is for the modules beside; no other part of the shop knows SQL.

mod iam;
mod open;
mod orders;
mod products;

use std::io;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, PgPool, SqlitePool};
use thiserror::Error;

pub use iam::{IamFault, IamLogin, Token};
pub use open::{Opened, Renewal, open};
pub use orders::{Placed, Refused};

use crate::limits::Limits;

/// Every version of the tables. One that is applied already but unknown here is from a newer shop, and
/// is let be: while a new version rolls out, and after going back to an old one, both have to start.
static MIGRATIONS: Migrator = {
    let mut migrations = sqlx::migrate!();
    migrations.ignore_missing = true;
    migrations
};

/// Lets an embedded SQLite write one at a time from the first statement on, instead of failing halfway
/// when two transactions that have begun with reading both want to write.
const BEGIN_SQLITE: &str = "BEGIN IMMEDIATE";

/// The shop's products and orders. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    limits: Limits,
}

#[derive(Debug, Clone)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Does the same with whichever pool it is: `either!(database, pool => expression)`. The statements
/// are the same for both; only the types differ.
macro_rules! either {
    ($database:expr, $pool:ident => $do:expr) => {
        match &$database.pool {
            $crate::database::Pool::Sqlite($pool) => $do,
            $crate::database::Pool::Postgres($pool) => $do,
        }
    };
}
/// Begins a transaction that writes, and does the same in it with whichever database it is.
macro_rules! writing {
    ($database:expr, $transaction:ident => $do:expr) => {
        match &$database.pool {
            $crate::database::Pool::Sqlite(pool) => {
                let mut $transaction = pool.begin_with($crate::database::BEGIN_SQLITE).await?;
                $do
            }
            $crate::database::Pool::Postgres(pool) => {
                let mut $transaction = pool.begin().await?;
                $do
            }
        }
    };
}
use {either, writing};

/// The database did not do what it was asked for; nobody's request is to blame.
#[derive(Debug, Error)]
#[error("the database failed while {doing}")]
pub struct DatabaseFault {
    doing: &'static str,
    #[source]
    source: sqlx::Error,
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Waiting to be used.
    pub idle: usize,
    /// In use.
    pub busy: usize,
}

impl Database {
    /// Applies the migrations that are missing. Any number of shops may do so at once: they take
    /// turns, and those that come later find nothing left to do.
    ///
    /// # Errors
    /// When the database can't be reached, or refuses a migration. Each is one transaction, so a
    /// failed one has changed nothing.
    pub async fn migrate(&self) -> Result<(), DatabaseFault> {
        let migrated = match &self.pool {
            Pool::Postgres(pool) => migrate_postgres(pool, self.limits).await,
            Pool::Sqlite(pool) => migrate_sqlite(pool).await,
        };
        migrated.map_err(doing("migrating"))
    }

    /// Whether the database answers within `limit`.
    pub async fn answers(&self, limit: Duration) -> bool {
        let asked = async {
            either!(self, pool => sqlx::query("SELECT 1").execute(pool).await.map(|_| ()))
        };
        match tokio::time::timeout(limit, asked).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database refuses to answer");
                false
            }
            Err(_) => {
                tracing::warn!(
                    limit_ms = limit.as_millis(),
                    "the database does not answer in time"
                );
                false
            }
        }
    }

    /// How many connections there are now.
    pub fn connections(&self) -> Connections {
        let (idle, all) = either!(self, pool => (pool.num_idle(), pool.size()));
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        Connections {
            idle,
            busy: all.saturating_sub(idle),
        }
    }

    /// Ends all connections, once what is under way on them is done.
    pub async fn close(&self) {
        either!(self, pool => pool.close().await);
    }
}

fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> DatabaseFault {
    move |source| DatabaseFault { doing, source }
}

/// Under the migrator's advisory lock. On a connection of its own, on which statements may take their
/// time, and which ends even when a migration fails: the lock belongs to the session.
async fn migrate_postgres(pool: &PgPool, limits: Limits) -> sqlx::Result<()> {
    let options = pool.connect_options();
    let connecting = PgConnection::connect_with(&options);
    let mut connection = tokio::time::timeout(limits.start, connecting)
        .await
        .map_err(|_| {
            let late = format!("no connection within {:?}", limits.start);
            io::Error::new(io::ErrorKind::TimedOut, late)
        })??;
    let migrated = MIGRATIONS.run(&mut connection).await;
    let closed = connection.close().await;
    migrated?;
    closed
}

/// The migrator has no lock for SQLite, so all of it is one transaction that holds the write lock.
async fn migrate_sqlite(pool: &SqlitePool) -> sqlx::Result<()> {
    let mut transaction = pool.begin_with(BEGIN_SQLITE).await?;
    MIGRATIONS.run(&mut *transaction).await?;
    transaction.commit().await
}
