//! What people said over policies. It is only ever added to: it is also the record of who did.

use slipway_core::event::RepoRef;
use slipway_core::ids::{PrNumber, RepoName};
use slipway_core::policy::Override;
use sqlx::sqlite::SqliteRow;

use super::error::Result;
use super::open::{Conn, SqlStore};
use super::rows::{Reading, ms, signed};

/// Keeps a word.
pub(super) async fn keep(conn: &mut Conn, repo: &RepoName, word: &Override) -> Result<()> {
    sqlx::query(
        "INSERT INTO overrides
             (repo, pr, env, stack, commit_sha, digest, actor, reason, said_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(repo.as_str())
    .bind(signed(word.pr.0)?)
    .bind(word.env.as_str())
    .bind(word.stack.as_str())
    .bind(word.head.as_str())
    .bind(&word.digest)
    .bind(word.by.as_str())
    .bind(&word.reason)
    .bind(ms(word.at))
    .execute(conn)
    .await?;
    Ok(())
}

/// All of a pull request, newest first.
pub(super) async fn of_pr(store: &SqlStore, repo: &RepoRef, pr: PrNumber) -> Result<Vec<Override>> {
    let rows = sqlx::query(
        "SELECT seq, env, stack, commit_sha, digest, actor, reason, said_at
         FROM overrides WHERE repo = $1 AND pr = $2 ORDER BY seq DESC",
    )
    .bind(repo.name.as_str())
    .bind(signed(pr.0)?)
    .fetch_all(store.read())
    .await?;
    rows.iter().map(|row| read(row, pr)).collect()
}

fn read(row: &SqliteRow, pr: PrNumber) -> Result<Override> {
    let row = Reading::new(row, format!("an override of pull request {pr}"));
    Ok(Override {
        pr,
        env: row.parsed("env")?,
        stack: row.parsed("stack")?,
        head: row.parsed("commit_sha")?,
        digest: row.get("digest")?,
        by: row.parsed("actor")?,
        reason: row.get("reason")?,
        at: row.at("said_at")?,
    })
}
