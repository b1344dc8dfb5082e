//! Where a test's shops keep their data.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shop::{Database, Limits, Settings, SystemClock};
use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::postgres;

const LONG: Duration = Duration::from_secs(3600);

/// A busy machine is no reason for a test to fail.
pub(crate) const PATIENT: Limits = Limits {
    start: LONG,
    connection: LONG,
    statement: LONG,
    ready: LONG,
    request: LONG,
};

/// An empty database. Every shop that is opened on it sees the same data.
pub(crate) struct Place {
    /// What a shop has to be told to find it.
    pub(crate) told: Vec<(&'static str, String)>,
    _folder: Option<TempDir>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::with_prefix("shop-sqlite-").unwrap();
        let url = format!("sqlite://{}/shop.db", folder.path().display());
        Self {
            told: vec![("SHOP_DATABASE_URL", url)],
            _folder: Some(folder),
        }
    }

    pub(crate) fn memory() -> Self {
        Self {
            told: Vec::new(),
            _folder: None,
        }
    }

    pub(crate) async fn postgres() -> Self {
        let server = postgres::server().await;
        let database = server.new_database("shop").await;
        Self::told(&server.url(&database), &server.ca)
    }

    /// A PostgreSQL database by URL, whose server is held to an authority.
    pub(crate) fn told(url: &str, ca: &Path) -> Self {
        let ca = ca.to_str().unwrap().to_owned();
        Self {
            told: vec![
                ("SHOP_DATABASE_URL", url.to_owned()),
                ("SHOP_DATABASE_CA", ca),
            ],
            _folder: None,
        }
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::read(|name| match name {
            "SHOP_COMMIT" => Some("abc1234".to_owned()),
            "SHOP_BUILT_AT" => Some("2026-11-02T09:00:00Z".to_owned()),
            "SHOP_ENVIRONMENT" => Some("dev".to_owned()),
            _ => {
                let found = self.told.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.clone())
            }
        })
        .unwrap()
    }

    /// Connections of one more shop.
    pub(crate) async fn open(&self) -> Database {
        let settings = self.settings();
        let opened = shop::open(&settings.database, PATIENT, Arc::new(SystemClock)).await;
        opened.unwrap().database
    }

    /// Runs statements past the shop.
    pub(crate) async fn execute(&self, sql: &str) -> sqlx::Result<()> {
        use sqlx::Connection as _;
        let url = &self.told[0].1;
        let sql = AssertSqlSafe(sql.to_owned());
        if url.starts_with("sqlite:") {
            let url = format!("{url}?mode=rwc");
            let mut connection = sqlx::SqliteConnection::connect(&url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        } else {
            let url = format!("{url}?sslmode=require");
            let mut connection = sqlx::PgConnection::connect(&url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        }
        Ok(())
    }
}
