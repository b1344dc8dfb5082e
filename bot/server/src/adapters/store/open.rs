//! Opening the database, and the two ways into it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use slipway_core::ports::PortResult;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::error::{Fault, Result};

/// One connection, inside a transaction or not.
pub(super) type Conn = SqliteConnection;

/// The tables, as they came to be.
static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How many reads may go on at once, beside the one write.
const READERS: u32 = 4;

/// How long to wait for another *process* that writes (`slipway` on the command line, a backup).
/// Writes of this process never wait inside SQLite: they queue for the one writing connection.
const BUSY: Duration = Duration::from_secs(10);

/// The store in an SQL database.
#[derive(Clone, Debug)]
pub struct SqlStore {
    /// A single connection: SQLite has one writer anyway, and a queue in front of it is fair and
    /// never answers `SQLITE_BUSY`, while several writing connections would poll for their turn.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqlStore {
    /// Opens (or makes) the database at a URL, `sqlite:///var/lib/slipway/slipway.db`, and brings
    /// its tables up to date. A missing directory is made for the user of this process alone,
    /// since comments of private repositories end up inside.
    ///
    /// # Errors
    /// `Invalid` if the URL is not one of SQLite or the tables are those of a newer version,
    /// `Unavailable` if the file can't be made or opened.
    pub async fn open(url: &str) -> PortResult<Self> {
        open(url)
            .await
            .map_err(|fault| fault.while_doing("opening the database"))
    }

    /// Lets go of the file once all calls under way are over.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a transaction that writes. It takes the lock at once: one that read first and wanted
    /// to write later could find its view outdated, which SQLite answers with `SQLITE_BUSY`
    /// without waiting (<https://www.sqlite.org/lang_transaction.html>).
    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Where single statements that only read go.
    pub(super) fn read(&self) -> &SqlitePool {
        &self.readers
    }
}

async fn open(url: &str) -> Result<SqlStore> {
    // Anything else would be taken for the name of a file. The URL is not repeated in the error:
    // one of another database holds a password.
    if !url.starts_with("sqlite://") {
        return Err(Fault::Nonsense(
            "the URL of the database has to begin with `sqlite://`".into(),
        ));
    }
    let options = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits when the power fails. GitHub is told that a delivery
        // is stored only once it is, so a commit has to reach the disk: FULL syncs each.
        .synchronous(SqliteSynchronous::Full);
    if let Some(parent) = options.get_filename().parent() {
        make_directory(parent)?;
    }
    // Connections to a file do not go stale, so they are neither tested nor renewed; and were all
    // of them closed for idleness, the next one would have to recover the write-ahead log first.
    let pool = || {
        SqlitePoolOptions::new()
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool()
        .max_connections(1)
        .connect_with(options.clone())
        .await?;
    MIGRATIONS.run(&writer).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => Fault::Sql(error),
        error => Fault::Nonsense(error.to_string()),
    })?;
    let readers = pool()
        .max_connections(READERS)
        // A bolt against a write that lost its way: it fails instead of getting past the queue.
        .connect_with(options.pragma("query_only", "on"))
        .await?;
    Ok(SqlStore { writer, readers })
}

fn make_directory(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Fault::Sql(sqlx::Error::Io(error)))
}
