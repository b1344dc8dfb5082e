//! Locks on environments and stacks, and holds.

use jiff::Timestamp;
use slipway_core::event::RepoRef;
use slipway_core::facts::{Hold, Lock, LockTarget};
use slipway_core::ids::{EnvName, Login, RepoName, StackName};
use sqlx::sqlite::SqliteRow;

use super::error::Result;
use super::open::{Conn, SqlStore};
use super::reports;
use super::rows::{Reading, ms, signed_pr};

/// How the column names a target's stack: empty is the whole environment.
fn stack_column(target: &LockTarget) -> &str {
    target.stack.as_ref().map_or("", StackName::as_str)
}

fn lock(row: &SqliteRow) -> Result<(RepoName, Lock)> {
    let row = Reading::named(row, "a lock in", "repo")?;
    let stack = match row.get::<&str>("stack")? {
        "" => None,
        _ => Some(row.parsed("stack")?),
    };
    let lock = Lock {
        target: LockTarget {
            env: row.parsed("env")?,
            stack,
        },
        holder: row.parsed("holder")?,
        pr: row.pr()?,
        reason: row.get("reason")?,
        since: row.at("since")?,
        until: row.maybe_at("until_at")?,
    };
    Ok((row.parsed("repo")?, lock))
}

/// All locks of a repository that have not run out.
pub(super) async fn of_repo(store: &SqlStore, repo: &RepoRef, now: Timestamp) -> Result<Vec<Lock>> {
    let rows = sqlx::query(
        "SELECT repo, env, stack, holder, pr, reason, since, until_at FROM locks
         WHERE repo = $1 AND (until_at IS NULL OR until_at > $2)
         ORDER BY env, stack",
    )
    .bind(repo.name.as_str())
    .bind(ms(now))
    .fetch_all(store.read())
    .await?;
    rows.iter().map(|row| Ok(lock(row)?.1)).collect()
}

/// All locks there are.
pub(super) async fn all(conn: &mut Conn) -> Result<Vec<(RepoName, Lock)>> {
    let rows =
        sqlx::query("SELECT repo, env, stack, holder, pr, reason, since, until_at FROM locks")
            .fetch_all(conn)
            .await?;
    rows.iter().map(lock).collect()
}

/// Removes the locks that have run out; whoever waited for them sees their place in line change.
pub(super) async fn remove_expired(conn: &mut Conn, now: Timestamp) -> Result<()> {
    for (repo, lock) in all(conn).await? {
        if lock.until.is_some_and(|until| until <= now) {
            free(conn, &repo, &lock.target, now).await?;
        }
    }
    Ok(())
}

/// Sets a lock in place of any on the same target.
pub(super) async fn set(
    conn: &mut Conn,
    repo: &RepoName,
    lock: &Lock,
    now: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO locks (repo, env, stack, holder, pr, reason, since, until_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (repo, env, stack) DO UPDATE SET
             holder = excluded.holder, pr = excluded.pr, reason = excluded.reason,
             since = excluded.since, until_at = excluded.until_at",
    )
    .bind(repo.as_str())
    .bind(lock.target.env.as_str())
    .bind(stack_column(&lock.target))
    .bind(lock.holder.as_str())
    .bind(signed_pr(lock.pr)?)
    .bind(&lock.reason)
    .bind(ms(lock.since))
    .bind(lock.until.map(ms))
    .execute(&mut *conn)
    .await?;
    reports::touch_queue(conn, repo, lock.target.env.as_str(), now).await
}

/// Frees a lock.
pub(super) async fn free(
    conn: &mut Conn,
    repo: &RepoName,
    target: &LockTarget,
    now: Timestamp,
) -> Result<()> {
    sqlx::query("DELETE FROM locks WHERE repo = $1 AND env = $2 AND stack = $3")
        .bind(repo.as_str())
        .bind(target.env.as_str())
        .bind(stack_column(target))
        .execute(&mut *conn)
        .await?;
    reports::touch_queue(conn, repo, target.env.as_str(), now).await
}

/// All holds of a repository.
pub(super) async fn holds(store: &SqlStore, repo: &RepoRef) -> Result<Vec<Hold>> {
    let rows = sqlx::query(
        "SELECT repo, env, set_by, reason, since FROM holds WHERE repo = $1 ORDER BY env",
    )
    .bind(repo.name.as_str())
    .fetch_all(store.read())
    .await?;
    rows.iter()
        .map(|row| {
            let row = Reading::named(row, "a hold in", "repo")?;
            Ok(Hold {
                env: row.parsed("env")?,
                by: row.maybe_parsed("set_by")?,
                reason: row.get("reason")?,
                since: row.at("since")?,
            })
        })
        .collect()
}

/// Sets a hold in place of any on the same environment.
pub(super) async fn hold(conn: &mut Conn, repo: &RepoName, hold: &Hold) -> Result<()> {
    sqlx::query(
        "INSERT INTO holds (repo, env, set_by, reason, since) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (repo, env) DO UPDATE SET
             set_by = excluded.set_by, reason = excluded.reason, since = excluded.since",
    )
    .bind(repo.as_str())
    .bind(hold.env.as_str())
    .bind(hold.by.as_ref().map(Login::as_str))
    .bind(&hold.reason)
    .bind(ms(hold.since))
    .execute(conn)
    .await?;
    Ok(())
}

/// Lifts the hold of an environment.
pub(super) async fn resume(conn: &mut Conn, repo: &RepoName, env: &EnvName) -> Result<()> {
    sqlx::query("DELETE FROM holds WHERE repo = $1 AND env = $2")
        .bind(repo.as_str())
        .bind(env.as_str())
        .execute(conn)
        .await?;
    Ok(())
}
