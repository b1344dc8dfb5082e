//! The logs of runs.

use jiff::Timestamp;
use slipway_core::ids::RunId;
use slipway_core::ports::LogChunk;

use super::error::{Fault, Result};
use super::open::{Conn, SqlStore};
use super::rows::{Reading, ms};

/// How much of a log is kept, in bytes.
const CAP: usize = 8 * 1024 * 1024;

/// What a log says where it was cut.
const CUT: &str = "… this log is longer than 8 MiB: the rest was not kept\n";

/// What is left of a log that was deleted for its age.
const FORGOTTEN: &str = "… this log was deleted: it was older than logs are kept\n";

/// Appends whole lines, as far as they fit.
pub(super) async fn append(store: &SqlStore, run: &RunId, text: &str) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut tx = store.write().await?;
    let row = sqlx::query("SELECT id, log_bytes, log_full FROM runs WHERE id = $1")
        .bind(run.as_str())
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| Fault::Missing(format!("run {run}")))?;
    let row = Reading::named(&row, "run", "id")?;
    let kept: usize = row.count("log_bytes")?;
    if row.get::<i64>("log_full")? != 0 {
        return Ok(());
    }
    let fitting = whole_lines_within(text, CAP.saturating_sub(kept));
    let full = fitting.len() < text.len();
    if !fitting.is_empty() {
        put(&mut tx, run, fitting).await?;
    }
    if full {
        put(&mut tx, run, CUT).await?;
    }
    let grown = i64::try_from(kept + fitting.len()).unwrap_or(i64::MAX);
    sqlx::query("UPDATE runs SET log_bytes = $1, log_full = $2 WHERE id = $3")
        .bind(grown)
        .bind(i64::from(full))
        .bind(run.as_str())
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

/// As many whole lines from the start of a text as have room.
fn whole_lines_within(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if end + line.len() > room {
            break;
        }
        end += line.len();
    }
    text.get(..end).unwrap_or("")
}

async fn put(conn: &mut Conn, run: &RunId, text: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO run_log (run, seq, text)
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2 FROM run_log WHERE run = $1",
    )
    .bind(run.as_str())
    .bind(text)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes the logs of some runs that ended before a moment.
pub(super) async fn forget(store: &SqlStore, before: Timestamp, at_most: u32) -> Result<u64> {
    let mut tx = store.write().await?;
    let rows = sqlx::query(
        "SELECT id FROM runs WHERE log_bytes > 0 AND ended_at < $1 ORDER BY ended_at LIMIT $2",
    )
    .bind(ms(before))
    .bind(i64::from(at_most))
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        let run: RunId = Reading::named(row, "run", "id")?.parsed("id")?;
        sqlx::query("DELETE FROM run_log WHERE run = $1")
            .bind(run.as_str())
            .execute(&mut *tx)
            .await?;
        put(&mut tx, &run, FORGOTTEN).await?;
        sqlx::query("UPDATE runs SET log_bytes = 0, log_full = 1 WHERE id = $1")
            .bind(run.as_str())
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    Ok(rows.len() as u64)
}

/// The pieces past a place.
pub(super) async fn past(store: &SqlStore, run: &RunId, past: i64) -> Result<Vec<LogChunk>> {
    let rows =
        sqlx::query("SELECT seq, text FROM run_log WHERE run = $1 AND seq > $2 ORDER BY seq")
            .bind(run.as_str())
            .bind(past)
            .fetch_all(store.read())
            .await?;
    rows.iter()
        .map(|row| {
            let row = Reading::new(row, format!("the log of run {run}"));
            Ok(LogChunk {
                seq: row.get("seq")?,
                text: row.get("text")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_kept() {
        assert_eq!(whole_lines_within("ab\ncd\n", 6), "ab\ncd\n");
        assert_eq!(whole_lines_within("ab\ncd\n", 5), "ab\n");
        assert_eq!(whole_lines_within("ab\ncd\n", 2), "");
        assert_eq!(whole_lines_within("ü\nü\n", 4), "ü\n");
    }
}
