//! What the bot remembers for itself, and whether the store answers.

use super::error::Result;
use super::open::SqlStore;
use super::rows::Reading;

/// Asks the database for an answer.
pub(super) async fn ping(store: &SqlStore) -> Result<()> {
    sqlx::query("SELECT 1").fetch_one(store.read()).await?;
    Ok(())
}

/// A value, if there is one.
pub(super) async fn get(store: &SqlStore, name: &str) -> Result<Option<String>> {
    let row = sqlx::query("SELECT name, value FROM notes WHERE name = $1")
        .bind(name)
        .fetch_optional(store.read())
        .await?;
    row.map(|row| Reading::named(&row, "note", "name")?.get("value"))
        .transpose()
}

/// Remembers a value in place of any of that name.
pub(super) async fn set(store: &SqlStore, name: &str, value: &str) -> Result<()> {
    let mut tx = store.write().await?;
    sqlx::query(
        "INSERT INTO notes (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
