//! The steps of runs: claimed before they are tried, with a result once they are over.

use jiff::Timestamp;
use slipway_core::ids::RunId;
use slipway_core::ports::WorkerId;
use slipway_core::run::{Step, StepName, StepResult};

use super::error::{Fault, Result};
use super::open::{Conn, SqlStore};
use super::rows::{Reading, json, ms};
use super::runs::assert_in_hand;

/// The steps of a run, in the order in which they were first begun.
pub(super) async fn load(conn: &mut Conn, run: &RunId) -> Result<Vec<Step>> {
    let rows = sqlx::query(
        "SELECT name, claimed_at, done_at, result FROM steps WHERE run = $1 ORDER BY seq",
    )
    .bind(run.as_str())
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Reading::named(row, &format!("run {run}, step"), "name")?;
            let word: &str = row.get("name")?;
            Ok(Step {
                name: StepName::from_word(word).ok_or_else(|| row.unreadable("name", &word))?,
                claimed_at: row.at("claimed_at")?,
                done_at: row.maybe_at("done_at")?,
                result: row.maybe_json("result")?,
            })
        })
        .collect()
}

/// The steps of a run, outside any transaction of the caller.
pub(super) async fn read(store: &SqlStore, run: &RunId) -> Result<Vec<Step>> {
    let mut conn = store.read().acquire().await?;
    load(&mut conn, run).await
}

/// Claims a step; one that was begun before is begun anew.
pub(super) async fn begin(
    store: &SqlStore,
    worker: &WorkerId,
    run: &RunId,
    step: StepName,
    now: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    assert_in_hand(&mut tx, worker, run).await?;
    sqlx::query(
        "INSERT INTO steps (run, name, seq, claimed_at)
         SELECT $1, $2, COALESCE(MAX(seq), 0) + 1, $3 FROM steps WHERE run = $1
         ON CONFLICT (run, name) DO UPDATE SET
             claimed_at = excluded.claimed_at, done_at = NULL, result = NULL",
    )
    .bind(run.as_str())
    .bind(step.as_str())
    .bind(ms(now))
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Records how a step ended.
pub(super) async fn finish(
    store: &SqlStore,
    worker: &WorkerId,
    run: &RunId,
    step: StepName,
    result: &StepResult,
    now: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    assert_in_hand(&mut tx, worker, run).await?;
    let done =
        sqlx::query("UPDATE steps SET done_at = $1, result = $2 WHERE run = $3 AND name = $4")
            .bind(ms(now))
            .bind(json(result)?)
            .bind(run.as_str())
            .bind(step.as_str())
            .execute(&mut *tx)
            .await?;
    if done.rows_affected() != 1 {
        let step = step.as_str();
        return Err(Fault::Nonsense(format!(
            "step {step} of run {run} was not begun"
        )));
    }
    Ok(tx.commit().await?)
}
