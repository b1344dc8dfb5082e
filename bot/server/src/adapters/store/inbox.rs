//! Deliveries: kept once, worked off one at a time in each repository.

use std::time::Duration;

use jiff::Timestamp;
use slipway_core::event::{Event, EventKind};
use slipway_core::ids::DeliveryId;
use slipway_core::ports::{Delivery, WorkerId};
use slipway_core::run::Run;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::error::{Fault, Result, exactly_one};
use super::open::{Conn, SqlStore};
use super::rows::{Reading, json, lease_end, ms};

/// Keeps a delivery, unless it is there already.
pub(super) async fn receive(
    store: &SqlStore,
    id: &DeliveryId,
    event: &Event,
    now: Timestamp,
) -> Result<bool> {
    let mut tx = store.write().await?;
    let new = put(&mut tx, id, event, now).await?;
    tx.commit().await?;
    Ok(new)
}

/// Keeps a delivery as part of a transaction.
pub(super) async fn put(
    conn: &mut Conn,
    id: &DeliveryId,
    event: &Event,
    now: Timestamp,
) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO inbox (id, repo, event, state, received_at, due_at)
         VALUES ($1, $2, $3, 'stored', $4, $4)
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(event.repo.name.as_str())
    .bind(json(event)?)
    .bind(ms(now))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts the end of a run into the inbox. Its id comes from the run, so that it is there once.
pub(super) async fn put_run_ended(conn: &mut Conn, run: &Run, now: Timestamp) -> Result<()> {
    let id = DeliveryId::parse(format!("ended-{}", run.id))
        .map_err(|error| Fault::Nonsense(error.to_string()))?;
    let event = Event {
        repo: run.order.repo.clone(),
        actor: None,
        kind: EventKind::RunEnded {
            run: run.id.clone(),
        },
    };
    put(conn, &id, &event, now).await?;
    Ok(())
}

const NEXT: &str = "
    SELECT id, event, received_at, attempts
    FROM inbox
    WHERE state = 'stored' AND due_at <= $1 AND NOT EXISTS (
        SELECT 1 FROM inbox AS taken
        WHERE taken.state = 'stored' AND taken.repo = inbox.repo AND taken.lease_until > $1)
    ORDER BY seq
    LIMIT 1";

/// Takes the oldest delivery that may be taken.
pub(super) async fn take(
    store: &SqlStore,
    worker: &WorkerId,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<Delivery>> {
    // A look without the writer's lock first, so that idle workers keep nobody off.
    let next = sqlx::query(NEXT).bind(ms(now));
    if next.fetch_optional(store.read()).await?.is_none() {
        return Ok(None);
    }
    let mut tx = store.write().await?;
    let next = sqlx::query(NEXT).bind(ms(now));
    let Some(row) = next.fetch_optional(&mut *tx).await? else {
        return Ok(None);
    };
    let row = Reading::named(&row, "delivery", "id")?;
    let delivery = Delivery {
        id: row.parsed("id")?,
        event: row.json("event")?,
        received_at: row.at("received_at")?,
        attempts: row.count("attempts")?,
    };
    sqlx::query(
        "UPDATE inbox SET lease_owner = $1, lease_until = $2, attempts = attempts + 1
         WHERE id = $3",
    )
    .bind(&worker.0)
    .bind(lease_end(now, lease))
    .bind(delivery.id.as_str())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Some(delivery))
}

/// Marks a delivery done, if it is still in the hand that took it: the same worker, and the same
/// taking of it (a worker may have lost a delivery to itself, in another task).
pub(super) async fn finish(
    conn: &mut Conn,
    worker: &WorkerId,
    delivery: &Delivery,
    note: &str,
    now: Timestamp,
) -> Result<()> {
    let done = sqlx::query(
        "UPDATE inbox SET state = 'done', note = $1, done_at = $2, lease_owner = NULL,
             lease_until = NULL
         WHERE id = $3 AND state = 'stored' AND lease_owner = $4 AND attempts = $5",
    )
    .bind(note)
    .bind(ms(now))
    .bind(delivery.id.as_str())
    .bind(&worker.0)
    .bind(i64::from(delivery.attempts) + 1)
    .execute(conn)
    .await?;
    exactly_one(&done, lost(&delivery.id))
}

fn lost(id: &DeliveryId) -> impl FnOnce() -> String {
    let id = id.clone();
    move || format!("the lease on delivery {id} is lost")
}

/// Gives a delivery back.
pub(super) async fn postpone(
    store: &SqlStore,
    worker: &WorkerId,
    id: &DeliveryId,
    error: &str,
    again_at: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE inbox SET due_at = $1, note = $2, lease_owner = NULL, lease_until = NULL
         WHERE id = $3 AND state = 'stored' AND lease_owner = $4",
    )
    .bind(ms(again_at))
    .bind(error)
    .bind(id.as_str())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(id))?;
    Ok(tx.commit().await?)
}

/// Gives a delivery up.
pub(super) async fn abandon(
    store: &SqlStore,
    worker: &WorkerId,
    id: &DeliveryId,
    error: &str,
    now: Timestamp,
) -> Result<()> {
    let mut tx = store.write().await?;
    let done = sqlx::query(
        "UPDATE inbox SET state = 'abandoned', note = $1, done_at = $2, lease_owner = NULL,
             lease_until = NULL
         WHERE id = $3 AND state = 'stored' AND lease_owner = $4",
    )
    .bind(error)
    .bind(ms(now))
    .bind(id.as_str())
    .bind(&worker.0)
    .execute(&mut *tx)
    .await?;
    exactly_one(&done, lost(id))?;
    Ok(tx.commit().await?)
}

/// Which of these are stored.
pub(super) async fn known(store: &SqlStore, ids: &[DeliveryId]) -> Result<Vec<DeliveryId>> {
    /// Well under the number of parameters that a database takes.
    const AT_ONCE: usize = 500;
    let mut known = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT id FROM inbox WHERE id IN (");
        let mut list = query.separated(", ");
        for id in ids {
            list.push_bind(id.as_str());
        }
        query.push(")");
        for row in query.build().fetch_all(store.read()).await? {
            known.push(Reading::named(&row, "delivery", "id")?.parsed("id")?);
        }
    }
    Ok(known)
}

/// How many wait or are taken.
pub(super) async fn pending(store: &SqlStore) -> Result<u64> {
    let row = sqlx::query("SELECT COUNT(*) AS pending FROM inbox WHERE state = 'stored'")
        .fetch_one(store.read())
        .await?;
    let pending: i64 = row.try_get("pending")?;
    Ok(pending.unsigned_abs())
}
